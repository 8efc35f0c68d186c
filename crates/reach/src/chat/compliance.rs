//! What every chat keeps to, whoever wrote it: a service on this machine plays each part that a real one can play. Checked of every
//! call: the classification, the time bound, and that the sentinel, which stands in every secret setting and is thrown back by the
//! service in every way it can, is in no error or debug output. A kind joins by a line in [`fixture`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{CHATS, Chat, ChatKind, Saying, Tone, Wanted, kind};
use crate::notify::{
    SendError, SettingError, Settings,
    compliance::{
        PATIENCE, SENTINEL, SHORT_MS, parts,
        provider::{Provider, Script},
        shows_sentinel,
    },
};

/// What a kind is made with besides its address, an account that fits, and some that do not.
struct Fixture {
    settings: &'static [(&'static str, &'static str)],
    good: &'static str,
    bad: &'static [&'static str],
}

fn fixture(id: &str) -> Fixture {
    match id {
        "matrix" => Fixture {
            settings: &[("token", "s3ntinel-of-matrix")],
            good: "@alice:example.org",
            bad: &["", "alice", "@alice", "@:example.org", "@alice:", "@al ice:example.org", "#room:example.org"],
        },
        other => panic!("give the compliance test a fixture for `{other}`"),
    }
}

fn made(kind: &dyn ChatKind, url: &str, timeout_ms: &str) -> Arc<dyn Chat> {
    let given = [("url", url), ("timeout_ms", timeout_ms)];
    let all = fixture(kind.id()).settings.iter().copied().chain(given);
    let settings: BTreeMap<_, _> = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    kind.build(&Settings(settings), &parts()).unwrap()
}

/// Every call that a chat has, each with what came of it.
async fn every_call(chat: &dyn Chat) -> Vec<(&'static str, Result<(), SendError>)> {
    let saying = Saying { text: "on it".to_owned(), tone: Tone::Words, answers: None, instead_of: None };
    let wanted = Wanted { key: "inc_1", name: "SEV1", topic: "t", members: &[] };
    vec![
        ("account", chat.account().await.map(drop)),
        ("channel", chat.channel(&wanted).await.map(drop)),
        ("invite", chat.invite("!r:x", "@alice:x").await),
        ("say", chat.say("!r:x", "k", &saying).await.map(drop)),
        ("withdraw", chat.withdraw("!r:x", "k", &["$e".to_owned()]).await),
        ("hear", chat.hear(Some("s1"), Duration::from_millis(10)).await.map(drop)),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Later,
    Never,
    Unknown,
}

fn scripts() -> Vec<(&'static str, Script, Came)> {
    let answer = |head: &str, body: &str| {
        let length = body.len();
        Script::Say(
            format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes(),
        )
    };
    vec![
        ("429", answer("429 Too Many Requests\r\nRetry-After: 7", "slow down"), Came::Later),
        ("500", answer("500 Internal Server Error", "{}"), Came::Later),
        ("503", answer("503 Service Unavailable", "<html>"), Came::Later),
        ("401 that repeats the request", Script::Echo("401 Unauthorized"), Came::Never),
        ("404 with garbage", answer("404 Not Found", "\u{0}{{{"), Came::Never),
        ("a redirect", answer("302 Found\r\nLocation: http://127.0.0.1:1/s3ntinel", ""), Came::Never),
        ("a greeting of somebody else", answer("200 OK", "<html>Please sign in.</html>"), Came::Unknown),
        ("502", answer("502 Bad Gateway", ""), Came::Unknown),
        ("garbage", Script::Say(b"\x16\x03\x01 what? \r\n\r\n\r\n".to_vec()), Came::Unknown),
        ("half a body", Script::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{".to_vec()), Came::Unknown),
        ("hangs up", Script::Say(Vec::new()), Came::Unknown),
        ("silence", Script::Silence(Vec::new()), Came::Unknown),
    ]
}

#[tokio::test]
async fn every_chat_knows_what_its_service_means() {
    for kind in CHATS {
        for (what, script, want) in scripts() {
            let silent = matches!(script, Script::Silence(_));
            let service = Provider::start(script).await;
            let url = format!("http://{}/", service.address());
            let chat = made(*kind, &url, if silent { SHORT_MS } else { "6000" });
            let calls = tokio::time::timeout(PATIENCE, every_call(&*chat)).await.expect(what);
            for (call, outcome) in calls {
                let error = outcome.expect_err(call);
                let came = match &error {
                    SendError::Retry { .. } => Came::Later,
                    SendError::Permanent { .. } => Came::Never,
                    SendError::Unknown { .. } => Came::Unknown,
                };
                assert_eq!(came, want, "{} {call}: {what}: {error:?}", kind.id());
                let said = format!("{chat:?} {error} {error:?}");
                assert!(!shows_sentinel(&said), "{} {call}: {what}: {said}", kind.id());
            }
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    for kind in CHATS {
        let service = Provider::start(Script::Flood("200 OK")).await;
        let chat = made(*kind, &format!("http://{}/", service.address()), "9000");
        let error = chat.account().await.expect_err("an answer without an end is none");
        assert!(matches!(error, SendError::Unknown { .. }), "{error:?}");
        let taken = service.flooded().await;
        assert!(taken < 64 * 1024 * 1024, "{}: took {taken} bytes", kind.id());
    }
}

#[test]
fn every_chat_describes_itself_and_refuses_what_does_not_fit() {
    for one in CHATS {
        let Fixture { settings, good, bad } = fixture(one.id());
        assert_eq!(kind(one.id()).map(ChatKind::id), Some(one.id()));
        assert!(!one.title().is_empty() && !one.account().is_empty());
        assert_eq!(one.check_account(good), Ok(()));
        for account in bad {
            let no = one.check_account(account).expect_err(account);
            assert!(no.contains(account), "{no}");
        }
        for secret in one.settings().iter().filter(|spec| spec.secret) {
            let value = settings.iter().find(|(name, _)| *name == secret.name).map(|(_, value)| *value);
            assert!(value.is_some_and(|value| value.contains(SENTINEL)), "{} `{}`", one.id(), secret.name);
        }
        let none = one.build(&Settings::default(), &parts()).expect_err("nothing is set");
        assert!(matches!(none, SettingError::Missing { .. }), "{none}");
        let blank = ["url", "token"].map(|name| (name.to_owned(), "https://m.example two words".to_owned()));
        let blank = one.build(&Settings(blank.into_iter().collect()), &parts()).expect_err("two words");
        assert!(matches!(blank, SettingError::Bad { .. }), "{blank}");
        let url = ("url".to_owned(), "http://elsewhere.example".to_owned());
        let clear = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain([url]);
        let clear = one.build(&Settings(clear.collect()), &parts()).expect_err("in the clear");
        assert!(clear.to_string().contains("https") && !shows_sentinel(&clear.to_string()), "{clear}");
    }
}
