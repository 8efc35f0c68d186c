//! `quarterdeck serve` that is told to read its file anew, by SIGHUP and by `quarterdeck reload`: the program a person runs.

use std::{
    fs,
    process::{Command, Output},
};

use crate::served::Served;

const ADMIN: &str = "admin-token-0123456789";
const VIEWER: &str = "viewer-token-0123456789";

fn configuration() -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
[store]
kind = "memory"
[[token]]
name = "admin"
role = "admin"
token = "{ADMIN}"
[[token]]
name = "viewer"
role = "viewer"
token = "{VIEWER}"
[[person]]
id = "bo"
contacts = [{{ channel = "hook" }}]
[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "0123456789abcdef0123456789abcdef"
[[policy]]
id = "everything"
tiers = [{{ people = ["bo"], delay = "15m" }}]
fallback = "bo"
"#
    )
}

fn reload(url: &str, token: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quarterdeck"));
    command.arg("reload").args(more).env("QUARTERDECK_URL", url).env("QUARTERDECK_TOKEN", token);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_hang_up_reads_the_file_and_never_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quarterdeck.toml");
    fs::write(&file, configuration()).unwrap();
    let mut served = Served::start(&file);
    let url = served.line("listening on ").replace("listening on ", "");
    let first = reload(&url, VIEWER, &["--show"]);
    assert!(first.0 == Some(0) && first.1.starts_with("configuration ") && first.2.is_empty(), "{first:?}");

    fs::write(&file, format!("{}# another\n[log]\norigin = \"other.invalid/log\"\n", configuration())).unwrap();
    served.signal("HUP");
    let said = served.line("is in force");
    assert_eq!(served.line("restart"), "`log.origin` has changed and needs a restart");
    let second = reload(&url, VIEWER, &["--show"]);
    assert!(second.1.starts_with(said.trim_end_matches(" is in force")) && second.1 != first.1, "{said}: {second:?}");

    // A fault, and no file at all: told, and the program goes on with what it has.
    fs::write(&file, configuration().replace("people = [\"bo\"]", "people = [\"bob\"]")).unwrap();
    served.signal("HUP");
    served.line("error: the configuration is refused");
    assert!(served.line("line ").contains("policy"));
    served.line("hint: nothing changed");
    let (code, out, err) = reload(&url, ADMIN, &[]);
    assert!(code == Some(1) && out.is_empty() && err.contains("line ") && err.contains("`bob`"), "{err}");
    fs::remove_file(&file).unwrap();
    served.signal("HUP");
    served.line("because: read configuration");
    assert_eq!(reload(&url, VIEWER, &["--show"]), second);

    // The file is back: a viewer may not, an admin may.
    fs::write(&file, configuration()).unwrap();
    let (code, _, err) = reload(&url, VIEWER, &[]);
    assert!(code == Some(1) && err.contains("role admin"), "{err}");
    let (code, out, _) = reload(&url, ADMIN, &["--json"]);
    assert!(code == Some(0) && out.contains("\"needs_restart\": []"), "{out}");
    served.stop();
}
