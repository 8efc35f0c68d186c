//! What the command line says where something is wrong: the thing, the value, and what to do about it, and nothing of the layers between.

use std::{
    fs,
    net::TcpListener,
    process::{Command, Output},
};

use crate::served::Served;

const VIEWER: &str = "viewer-token-0123456789";

/// What `quarterdeck` says of an address with a token: its code, and stderr.
fn said(url: &str, token: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quarterdeck"));
    let Output { status, stderr, .. } =
        command.args(args).env("QUARTERDECK_URL", url).env("QUARTERDECK_TOKEN", token).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn configuration(listen: &str, data: &str) -> String {
    format!(
        r#"
[server]
listen = "{listen}"
data = "{data}"
[[token]]
name = "viewer"
role = "viewer"
token = "{VIEWER}"
[[person]]
id = "bo"
contacts = [{{ channel = "f" }}]
[channel.f]
kind = "file"
path = "pages.txt"
[[policy]]
id = "everything"
tiers = [{{ people = ["bo"], delay = "15m" }}]
fallback = "bo"
"#
    )
}

#[test]
fn an_address_that_is_none_and_one_where_nobody_answers_are_told() {
    for url in ["", "127.0.0.1:7117", "ftp://127.0.0.1", "http://"] {
        for args in
            [&["incident", "list"][..], &["oncall", "now"], &["review", "inc_1"], &["source", "list"], &["reload"]]
        {
            let (code, text) = said(url, VIEWER, args);
            assert_eq!(code, Some(2), "{url}: {text}");
            assert!(
                text.starts_with(&format!("error: `{url}` is no address of the program\nhint: give --url")),
                "{text}"
            );
        }
    }
    // Bound and given up: nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, text) = said(&format!("http://{free}"), VIEWER, &["incident", "list"]);
    let lines: Vec<&str> = text.lines().collect();
    let [first, why, hint] = lines.as_slice() else { panic!("{text}") };
    assert!(code == Some(1) && first.starts_with(&format!("error: nobody answers at http://{free}/")), "{text}");
    assert!(why.contains("Connection refused") && hint.starts_with("hint: is the program running there?"), "{text}");
}

#[test]
fn what_somebody_else_has_already_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let mut served = Served::start(&file("first.toml", configuration("127.0.0.1:0", "first")));
    let address = served.address();
    let (code, text) = said(&format!("https://{address}"), VIEWER, &["incident", "list"]);
    assert!(code == Some(1) && text.contains("hint: it does not speak TLS there"), "{text}");
    let (code, text) = said(&format!("http://{address}"), "wrong-token-0123456789", &["incident", "list"]);
    assert!(code == Some(1) && text.contains("this token is not known\nhint: --token or QUARTERDECK_TOKEN"), "{text}");

    let (code, text) = Served::start(&file("port.toml", configuration(&address, "second"))).ended();
    assert!(
        code == Some(1) && text.contains(&format!("listen on {address}")) && text.contains("hint: another program"),
        "{text}"
    );
    let (code, text) = Served::start(&file("store.toml", configuration("127.0.0.1:0", "first"))).ended();
    assert!(
        code == Some(1) && text.contains("is in use by process") && text.contains("hint: one program writes"),
        "{text}"
    );
    let at = format!("http://{address}");
    let (code, text) = said(&at, VIEWER, &["incident", "show", "foo"]);
    let wanted = "`foo` is not the identifier of an incident, which looks like `inc_";
    assert!(code == Some(1) && text.contains(wanted), "{text}");
    served.stop();
}

#[test]
fn where_nothing_can_be_written_the_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.toml");
    fs::write(&file, configuration("127.0.0.1:0", "data").replace("role = \"viewer\"", "role = \"responder\""))
        .unwrap();
    let mut served = Served::start(&file);
    let address = served.address();
    let claim = r#"{"title": "odd", "severity": "critical"}"#;
    let (status, answer) = crate::served::ask(&address, "POST", "/ingest/webhook", VIEWER, claim).unwrap();
    assert_eq!(status, 200, "{answer}");
    let id = answer.split("inc_").nth(1).unwrap();
    let id = format!("inc_{}", id.chars().take(26).collect::<String>());
    let at = format!("http://{address}");
    let missing = folder.path().join("missing");
    for (target, hint) in [
        (missing.join("x.qdbundle"), format!("hint: there is no folder `{}`: make it first", missing.display())),
        (file.join("x.qdbundle"), format!("hint: there is no folder `{}`: make it first", file.display())),
        (folder.path().to_owned(), format!("hint: `{}` is a folder: name a file in it", folder.path().display())),
    ] {
        let (code, text) = said(&at, VIEWER, &["incident", "bundle", &id, target.to_str().unwrap()]);
        assert!(code == Some(2) && text.contains(&hint), "{text}");
    }
    let into = file.join("backup");
    let config = file.to_str().unwrap();
    let (code, text) = said(&at, VIEWER, &["backup", "--config", config, into.to_str().unwrap()]);
    assert!(code == Some(1) && text.contains(&format!("`{}`", into.display())) && text.contains("because: "), "{text}");
    served.stop();
}
