//! `quarterdeck silence` as a person types it, against a running program: what it prints, and how it exits.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
};

use quarterdeck_host::clock::SystemClock;
use quarterdeck_host::randomness::SystemIds;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{
    app::{self, Running, World},
    config,
};
use serde_json::Value;

const COMMANDER: &str = "commander-token-0123456789";
const VIEWER: &str = "viewer-token-0123456789";

async fn start(data: &Path) -> Running {
    let text = format!(
        r#"
[server]
listen = "127.0.0.1:0"
data = "data"
[store]
kind = "memory"
[[token]]
name = "viewer"
role = "viewer"
token = "{VIEWER}"
[[token]]
name = "commander"
role = "commander"
token = "{COMMANDER}"
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
[[service]]
id = "rpc"
[response]
default_policy = "everything"
"#
    );
    let clock = SystemClock::new();
    let parts = Parts::new(clock.clone()).unwrap();
    let configuration = config::parse(&text, data, &parts).unwrap_or_else(|error| panic!("{:#?}", error.mistakes()));
    let world =
        World { clock, ids: Box::new(SystemIds), salts: Box::new(SystemIds), signer: None, channels: BTreeMap::new() };
    app::start(configuration, world).await.unwrap()
}

/// Types it, and waits for its end while the program goes on.
async fn quarterdeck(url: &str, token: &str, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quarterdeck"));
    command.arg("silence").args(words).env("QUARTERDECK_URL", url).env("QUARTERDECK_TOKEN", token);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_silence_from_its_setting_to_its_end() {
    let data = tempfile::tempdir().unwrap();
    let running = start(data.path()).await;
    let url = format!("http://{}", running.address.unwrap());
    let ask = async |token: &str, words: &[&str]| said(&quarterdeck(&url, token, words).await);

    assert_eq!(ask(VIEWER, &["list"]).await, (Some(0), "no silences\n".to_owned(), String::new()));
    let set = ["set", "service=rpc", "alertname=~Node.*", "--for", "2h", "--reason", "moving it", "--json"];
    let (code, out, err) = ask(COMMANDER, &set).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let silence: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&silence["state"], &silence["matchers"][1]["is_regex"]), (&"active".into(), &true.into()));
    let id = silence["id"].as_str().unwrap();

    let (code, out, _) = ask(VIEWER, &["list"]).await;
    assert!(code == Some(0) && out.contains(id) && out.contains("alertname=~\"Node.*\""), "{out}");
    let (_, out, _) = ask(VIEWER, &["list", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), Value::Array(vec![silence.clone()]));

    // Refused: 1. Not understood: 2, and nobody was asked.
    let (code, out, err) = ask(VIEWER, &["end", id]).await;
    assert!(code == Some(1) && out.is_empty() && err.contains("role"), "{err}");
    let (code, _, err) = ask(COMMANDER, &["set", "service=rcp", "--for", "2h", "--reason", "all"]).await;
    assert!(code == Some(1) && err.contains("there is no service `rcp`") && err.contains("there are rpc"), "{err}");
    let (code, _, err) = ask(COMMANDER, &["set", "service=~.*", "--for", "2h", "--reason", "all"]).await;
    assert!(code == Some(1) && err.contains("must not match the empty string"), "{err}");
    for (bad, says) in [
        (vec!["set", "service", "--for", "2h", "--reason", "why"], "bad matcher format: `service`"),
        (vec!["set", "a=b", "--for", "soon", "--reason", "why"], "`soon` is no span"),
        (vec!["set", "a=b", "--for", "2h"], "--reason"),
        (vec!["set", "a=b", "--for", "2h", "--reason", "why", "--from", "noon"], "want an instant such as"),
    ] {
        let (code, out, err) = ask(COMMANDER, &bad).await;
        assert!(code == Some(2) && out.is_empty() && err.contains(says), "{bad:?}: {code:?} {err}");
    }

    let (code, out, _) = ask(COMMANDER, &["end", "--text", "nodes of others"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "no silences like this\n"));
    let (code, out, _) = ask(COMMANDER, &["end", "--text", "MOVING", "sil_00000000000000000000000000"]).await;
    assert!(code == Some(1) && out.contains("over, from") && out.contains("not ended: no silence"), "{out}");
    assert_eq!(ask(VIEWER, &["list"]).await.1, "no silences\n");
    assert!(ask(VIEWER, &["list", "--all"]).await.1.contains(id));
    running.stop().await;
    let (code, _, err) = ask(VIEWER, &["list"]).await;
    assert!(code == Some(1) && err.contains("nobody answers at"), "{err}");
}
