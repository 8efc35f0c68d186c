//! What every notifier keeps to, whoever wrote it: a provider on this machine plays each part that a real one can play.
//!
//! A kind joins by a line in [`fixture`]; one that is in THE LIST and not there fails here. Checked of every attempt: the
//! classification, the time bound, and that the sentinel, which stands in every secret setting and is thrown back by the
//! provider in every way it can, is in no error, receipt or debug output.

mod mailbox;
pub(crate) mod provider;

use std::{collections::BTreeMap, error::Error, path::PathBuf, sync::Arc, time::Duration};

use quarterdeck_core::{id::Id, incident::Severity, time::Timestamp};

use self::{
    mailbox::{Mailbox, Stage, Turn},
    provider::{Provider, Script},
};
use super::{
    Message, MessageKind, NOTIFIERS, Notifier, NotifierKind, Parts, Receipt, SendError, Settings, kind, webhook,
};
use quarterdeck_host::clock::ManualClock;

/// Stands in every secret.
pub(crate) const SENTINEL: &str = "s3ntinel";
/// A secret that is also a well-formed PagerDuty key.
pub(crate) const KEY_32: &str = "s3ntinels3ntinels3ntinels3ntinel";
/// The deadline where the provider will let it pass.
pub(crate) const SHORT_MS: &str = "400";
/// The same where a TLS handshake must fit into it on a busy machine.
const HANDSHAKE_MS: &str = "2000";
/// The deadline where something else must end the attempt first.
const LONG_MS: &str = "6000";
/// Within this, anything must have been decided.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);
/// A file without certificates.
const NO_CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
/// The instant of the tests.
const NOW: &str = "2026-03-01T12:00:00Z";

/// A page as the lead of a bridge would get it.
pub(crate) fn message() -> Message {
    let incident = Id::from_bytes([7; 16]);
    Message {
        page: Id::from_bytes([9; 16]),
        incident,
        severity: Severity::Sev2,
        title: "Bridge vault: 2,500,000 USDC left for an address not seen before".to_owned(),
        text: "One transfer took 41 % of the vault.\nSEV2 for the money at risk.".to_owned(),
        person: "Alice".to_owned(),
        address: "alice@example.com".to_owned(),
        link: format!("https://quarterdeck.example/incidents/{incident}"),
        repeat: false,
        drill: false,
        kind: MessageKind::Page,
        at: now(),
        also: Vec::new(),
    }
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A file of the shared data, or none where there is none; in CI it must be there.
pub(crate) fn shared(path: &str) -> Option<Vec<u8>> {
    #[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the shared data is")]
    let (folder, ci) = (std::env::var("QUARTERDECK_DATA"), std::env::var("CI"));
    let root =
        folder.map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    match std::fs::read(root.join(path)) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            assert!(!ci.is_ok_and(|ci| ci == "true"), "{path}: {error}");
            println!("left out: {path}: {error}");
            None
        }
    }
}

pub(crate) fn parts() -> Parts {
    Parts::new(ManualClock::starting_at(now())).unwrap()
}

fn notifier(kind: &dyn NotifierKind, settings: &[(&str, &str)]) -> Arc<dyn Notifier> {
    let mut all: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.entry("timeout_ms".to_owned()).or_insert_with(|| LONG_MS.to_owned());
    kind.build(&Settings(all), &parts()).unwrap()
}

/// Settings as a test writes them.
type Given = &'static [(&'static str, &'static str)];

/// How a kind is tried.
enum Fixture {
    /// Over HTTP: its settings but for the URL, and the whole answer with which its provider accepts.
    Http { settings: Given, acceptance: &'static str },
    /// Over SMTP.
    Mail,
    /// Into a file: what can go wrong with one is tried beside its code.
    File,
}

fn fixture(id: &str) -> Fixture {
    match id {
        "webhook" => Fixture::Http {
            settings: &[("secret", "s3ntinel of a webhook"), ("secret_next", "s3ntinel of the next")],
            acceptance: "HTTP/1.1 204 No Content\r\n\r\n",
        },
        "slack" => Fixture::Http { settings: &[], acceptance: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
        "pagerduty" => Fixture::Http {
            settings: &[("routing_key", KEY_32)],
            acceptance: "HTTP/1.1 202 Accepted\r\nContent-Length: 68\r\n\r\n\
                         {\"status\":\"success\",\"message\":\"Event processed\",\"dedup_key\":\"srv01\"}",
        },
        "smtp" => Fixture::Mail,
        "file" => Fixture::File,
        other => panic!("give the compliance test a provider for `{other}`"),
    }
}

fn http_kinds() -> impl Iterator<Item = (&'static dyn NotifierKind, Given, &'static str)> {
    NOTIFIERS.iter().filter_map(|kind| match fixture(kind.id()) {
        Fixture::Http { settings, acceptance } => Some((*kind, settings, acceptance)),
        Fixture::Mail | Fixture::File => None,
    })
}

/// What came of an attempt, by name.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Taken,
    Later(Option<u64>),
    Never,
    Unknown,
}

fn came(outcome: &Result<Receipt, SendError>) -> Came {
    match outcome {
        Ok(_) => Came::Taken,
        Err(SendError::Retry { after, .. }) => Came::Later(after.map(|delay| delay.as_secs())),
        Err(SendError::Permanent { .. }) => Came::Never,
        Err(SendError::Unknown { .. }) => Came::Unknown,
    }
}

/// Sends once, within [`PATIENCE`], and looks for the sentinel in everything that could be printed of it.
async fn attempt(notifier: &dyn Notifier, message: &Message, what: &str) -> Result<Receipt, SendError> {
    let outcome = tokio::time::timeout(PATIENCE, notifier.send(message)).await.expect(what);
    let mut said = vec![format!("{notifier:?}"), format!("{outcome:?}")];
    match &outcome {
        Ok(receipt) => said.push(receipt.text.clone()),
        Err(error) => {
            let mut next: Option<&(dyn Error + 'static)> = Some(error);
            while let Some(error) = next {
                said.push(format!("{error} {error:?}"));
                next = error.source();
            }
        }
    }
    for text in said {
        assert!(!shows_sentinel(&text), "{what}: {text}");
        assert!(text.len() < 2_000, "{what} says {} bytes", text.len());
        assert!(!text.contains(['\r', '\n']), "{what}: {text:?}");
    }
    outcome
}

pub(crate) fn shows_sentinel(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    // `s3ntinel` in the three alignments of base64, which is how SMTP carries it.
    text.contains(SENTINEL)
        || ["czNudGluZWw", "MzbnRpbmVs", "zM250aW5lb"].iter().any(|part| text.contains(&part.to_ascii_lowercase()))
}

/// Everything that a provider over HTTP can do, and what it must be taken for.
fn scripts(acceptance: &'static str) -> Vec<(&'static str, Script, Came)> {
    let answer = |head: &str, body: &str| {
        Script::Say(
            format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
                .into_bytes(),
        )
    };
    vec![
        ("takes it", Script::Say(acceptance.as_bytes().to_vec()), Came::Taken),
        ("429 for seconds", answer("429 Too Many Requests\r\nRetry-After: 7", "rate_limited"), Came::Later(Some(7))),
        (
            "429 until a date",
            answer("429 Too Many Requests\r\nRetry-After: Sun, 01 Mar 2026 12:01:30 GMT", ""),
            Came::Later(Some(90)),
        ),
        ("429 with a nonsense delay", answer("429 Too Many Requests\r\nRetry-After: soon", ""), Came::Later(None)),
        ("500", answer("500 Internal Server Error", "{}"), Came::Later(None)),
        ("503 for seconds", answer("503 Service Unavailable\r\nRetry-After: 20", "<html>"), Came::Later(Some(20))),
        ("400 with JSON that repeats the request", Script::Echo("400 Bad Request"), Came::Never),
        ("403 with garbage", answer("403 Forbidden", "\u{0}\u{7f}{{{{"), Came::Never),
        ("404", answer("404 Not Found", "no_team"), Came::Never),
        ("410", answer("410 Gone", "channel_is_archived"), Came::Never),
        (
            "a broken-off refusal",
            Script::Say(b"HTTP/1.1 403 No\r\nContent-Length: 900\r\n\r\nhalf".to_vec()),
            Came::Never,
        ),
        ("garbage", Script::Say(b"\x16\x03\x01 what? \r\n\r\n\r\n".to_vec()), Came::Unknown),
        ("half a head", Script::Say(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()), Came::Unknown),
        ("half a body", Script::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nok".to_vec()), Came::Unknown),
        ("hangs up", Script::Say(Vec::new()), Came::Unknown),
        ("silence", Script::Silence(Vec::new()), Came::Unknown),
        (
            "silence after the head",
            Script::Silence(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".to_vec()),
            Came::Unknown,
        ),
    ]
}

#[tokio::test]
async fn every_http_notifier_knows_what_its_provider_means() {
    for (kind, settings, acceptance) in http_kinds() {
        for (what, script, want) in scripts(acceptance) {
            let timeout = if matches!(script, Script::Silence(_)) { SHORT_MS } else { LONG_MS };
            let provider = Provider::start(script).await;
            let url = format!("http://{}/{SENTINEL}/path?key={SENTINEL}", provider.address());
            let more = [("url", url.as_str()), ("timeout_ms", timeout)];
            let settings: Vec<_> = settings.iter().copied().chain(more).collect();
            let notifier = notifier(kind, &settings);
            let what = format!("{}: {what}", kind.id());
            let outcome = attempt(&*notifier, &message(), &what).await;
            assert_eq!(came(&outcome), want, "{what}: {outcome:?}");
            assert_eq!(provider.requests(), 1, "{what}: one attempt is one request");
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    for (kind, settings, _) in http_kinds() {
        for head in ["200 OK", "500 Internal Server Error"] {
            let provider = Provider::start(Script::Flood(head)).await;
            let url = format!("http://{}/{SENTINEL}", provider.address());
            let settings: Vec<_> = settings.iter().copied().chain([("url", url.as_str())]).collect();
            let outcome = attempt(&*notifier(kind, &settings), &message(), kind.id()).await;
            let want = match (head, kind.id()) {
                ("200 OK", "webhook") => Came::Taken,
                ("200 OK", _) => Came::Unknown,
                _ => Came::Later(None),
            };
            assert_eq!(came(&outcome), want, "{}: {head}", kind.id());
            let taken = provider.flooded().await;
            assert!(taken < 16 * 1024 * 1024, "{}: took {taken} bytes", kind.id());
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for (kind, settings, acceptance) in http_kinds() {
        let elsewhere = Provider::start(Script::Say(acceptance.as_bytes().to_vec())).await;
        for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
            let head = format!(
                "HTTP/1.1 {status}\r\nLocation: http://{}/{SENTINEL}\r\nContent-Length: 0\r\n\r\n",
                elsewhere.address()
            );
            let provider = Provider::start(Script::Say(head.into_bytes())).await;
            let url = format!("http://{}/{SENTINEL}", provider.address());
            let settings: Vec<_> = settings.iter().copied().chain([("url", url.as_str())]).collect();
            let outcome = attempt(&*notifier(kind, &settings), &message(), kind.id()).await;
            assert_eq!(came(&outcome), Came::Never, "{}: {status}", kind.id());
        }
        assert_eq!(elsewhere.requests(), 0, "{}", kind.id());
    }
}

#[tokio::test]
async fn nobody_there_means_later() {
    for (kind, settings, _) in http_kinds() {
        let gone = Provider::start(Script::Silence(Vec::new())).await;
        let url = format!("http://{}/{SENTINEL}", gone.address());
        gone.stop().await;
        let settings: Vec<_> = settings.iter().copied().chain([("url", url.as_str())]).collect();
        let outcome = attempt(&*notifier(kind, &settings), &message(), kind.id()).await;
        assert_eq!(came(&outcome), Came::Later(None), "{}: {outcome:?}", kind.id());
    }
}

#[tokio::test]
async fn a_connection_that_never_stands_means_later() {
    // A listener that takes nobody in, and whose waiting room is full: the kernel leaves the next caller standing.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let _listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 64, "the waiting room has no end");
    }
    for (kind, settings, _) in http_kinds() {
        let url = format!("http://{address}/{SENTINEL}");
        let more = [("url", url.as_str()), ("timeout_ms", SHORT_MS)];
        let settings: Vec<_> = settings.iter().copied().chain(more).collect();
        let outcome = attempt(&*notifier(kind, &settings), &message(), kind.id()).await;
        assert_eq!(came(&outcome), Came::Later(None), "{}: {outcome:?}", kind.id());
    }
}

#[tokio::test]
async fn a_certificate_must_be_known() {
    for (kind, settings, acceptance) in http_kinds() {
        let provider = Provider::start_tls(Script::Say(acceptance.as_bytes().to_vec())).await;
        let url = format!("https://localhost:{}/{SENTINEL}", provider.address().port());
        let settings: Vec<_> = settings.iter().copied().chain([("url", url.as_str())]).collect();
        let outcome = attempt(&*notifier(kind, &settings), &message(), kind.id()).await;
        assert_eq!(came(&outcome), Came::Later(None), "{}: {outcome:?}", kind.id());
        assert!(format!("{outcome:?}").contains("certificate"), "{outcome:?}");
        assert_eq!(provider.requests(), 0);

        let settings: Vec<_> = settings.into_iter().chain([("ca_file", provider::CERTIFICATE_FILE)]).collect();
        let outcome = attempt(&*notifier(kind, &settings), &message(), kind.id()).await;
        assert_eq!(came(&outcome), Came::Taken, "{}: {outcome:?}", kind.id());
    }
}

#[tokio::test]
async fn a_200_that_nobody_meant_is_not_a_delivery() {
    for id in ["slack", "pagerduty"] {
        let Fixture::Http { settings, .. } = fixture(id) else { panic!("{id} is over HTTP") };
        let page = "HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n<html>Please sign in.</html>";
        let provider = Provider::start(Script::Say(page.as_bytes().to_vec())).await;
        let url = format!("http://{}/{SENTINEL}", provider.address());
        let settings: Vec<_> = settings.iter().copied().chain([("url", url.as_str())]).collect();
        let outcome = attempt(&*notifier(kind(id).unwrap(), &settings), &message(), id).await;
        assert_eq!(came(&outcome), Came::Unknown, "{id}: {outcome:?}");
    }
}

#[tokio::test]
async fn pagerduty_says_what_was_wrong_with_an_event() {
    let body =
        r#"{"status":"invalid event","message":"Event object is invalid","errors":["'routing_key' is missing"]}"#;
    let said = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let provider = Provider::start(Script::Say(said.into_bytes())).await;
    let url = format!("http://{}/", provider.address());
    let notifier = notifier(kind("pagerduty").unwrap(), &[("routing_key", KEY_32), ("url", &url)]);
    let error = attempt(&*notifier, &message(), "pagerduty").await.unwrap_err().to_string();
    assert!(error.ends_with("answered 400 Bad Request: Event object is invalid; 'routing_key' is missing"), "{error}");
}

#[tokio::test]
async fn a_receiver_can_check_what_the_webhook_signed() {
    let provider = Provider::start(Script::Say(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec())).await;
    let url = format!("http://{}/hook", provider.address());
    let (first, second) = ("s3ntinel of a webhook", "s3ntinel of the next");
    let notifier = notifier(kind("webhook").unwrap(), &[("secret", first), ("secret_next", second), ("url", &url)]);
    attempt(&*notifier, &message(), "webhook").await.unwrap();
    let (headers, body) = provider.received();
    for secret in [first, second] {
        assert_eq!(webhook::verify_signature(secret.as_bytes(), &headers, &body, now()), Ok(()));
    }
    assert!(webhook::verify_signature(b"guessed", &headers, &body, now()).is_err());
    assert_eq!(headers.get("idempotency-key").unwrap(), &message().page.to_string());
    assert_eq!(headers.get("x-quarterdeck-delivery").unwrap(), &message().page.to_string());
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r#"
    {
      "address": "alice@example.com",
      "at": "2026-03-01T12:00:00.000Z",
      "drill": false,
      "incident": "inc_070w3ge1r70w3ge1r70w3ge1r7",
      "kind": "page",
      "link": "https://quarterdeck.example/incidents/inc_070w3ge1r70w3ge1r70w3ge1r7",
      "page": "pag_09144gj289144gj289144gj289",
      "person": "Alice",
      "repeat": false,
      "severity": "sev2",
      "text": "One transfer took 41 % of the vault.\nSEV2 for the money at risk.",
      "title": "Bridge vault: 2,500,000 USDC left for an address not seen before",
      "version": 1
    }
    "#);
}

#[tokio::test]
async fn every_mail_server_is_understood() {
    let says = |stage, line: &'static str| vec![(stage, Turn::Say(line))];
    let cases = [
        ("takes it", vec![], Came::Taken),
        ("is busy", says(Stage::Greeting, "421 4.3.2 come back later\r\n"), Came::Later(None)),
        ("wants nobody", says(Stage::Greeting, "554 5.7.1 not from you\r\n"), Came::Never),
        ("speaks HTTP", says(Stage::Greeting, "HTTP/1.1 400 Bad Request\r\n\r\n"), Came::Later(None)),
        ("is silent at first", vec![(Stage::Greeting, Turn::Silence)], Came::Later(None)),
        ("never ends a line", vec![(Stage::Greeting, Turn::Flood)], Came::Later(None)),
        ("hangs up at first", vec![(Stage::Greeting, Turn::Close)], Came::Later(None)),
        (
            "refuses the password",
            says(Stage::Auth, "535 5.7.8 no: AHUAczNudGluZWwtcGFzcw== s3ntinel-pass\r\n"),
            Came::Never,
        ),
        ("cannot check the password", says(Stage::Auth, "454 4.7.0 try again\r\n"), Came::Later(None)),
        ("has a full mailbox", says(Stage::Recipient, "452 4.2.2 full\r\n"), Came::Later(None)),
        ("knows no such person", says(Stage::Recipient, "550 5.1.1 who?\r\n"), Came::Never),
        ("hangs up before the message", vec![(Stage::Data, Turn::Close)], Came::Later(None)),
        ("is silent before the message", vec![(Stage::Data, Turn::Silence)], Came::Later(None)),
        ("defers the message", says(Stage::Body, "451 4.7.1 greylisted\r\n"), Came::Later(None)),
        ("rejects the message", says(Stage::Body, "554 5.6.0 spam\r\n"), Came::Never),
        ("babbles after the message", says(Stage::Body, "\u{1b}[2J???\r\n"), Came::Unknown),
        ("is silent after the message", vec![(Stage::Body, Turn::Silence)], Came::Unknown),
        ("hangs up after the message", vec![(Stage::Body, Turn::Close)], Came::Unknown),
        ("floods after the message", vec![(Stage::Body, Turn::Flood)], Came::Unknown),
        ("does not say goodbye", vec![(Stage::Quit, Turn::Silence)], Came::Taken),
    ];
    for (what, script, want) in cases {
        let timeout = match script.as_slice() {
            [(Stage::Greeting, Turn::Silence)] => SHORT_MS,
            [(Stage::Data | Stage::Body, Turn::Silence)] => HANDSHAKE_MS,
            _ => LONG_MS,
        };
        let mailbox = Mailbox::start(script).await;
        let notifier = mailbox.notifier("starttls", &[("timeout_ms", timeout)]);
        let outcome = attempt(&*notifier, &message(), what).await;
        assert_eq!(came(&outcome), want, "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn mail_is_not_sent_in_the_clear() {
    let bare = Mailbox::start_bare().await;
    let outcome = attempt(&*bare.notifier("starttls", &[]), &message(), "no STARTTLS").await;
    assert_eq!(came(&outcome), Came::Never, "{outcome:?}");
    assert!(bare.mails().is_empty());
    // On this machine, and only if told.
    let outcome = attempt(&*bare.notifier("none", &[]), &message(), "none").await;
    assert_eq!(came(&outcome), Came::Taken, "{outcome:?}");

    let unknown = Mailbox::start(vec![]).await;
    let port = unknown.port().to_string();
    let settings = [("host", "localhost"), ("port", &port), ("from", "q@example.com")];
    let outcome = attempt(&*notifier(kind("smtp").unwrap(), &settings), &message(), "unknown certificate").await;
    assert_eq!(came(&outcome), Came::Later(None), "{outcome:?}");
    assert!(unknown.mails().is_empty());

    let implicit = Mailbox::start_implicit().await;
    let outcome = attempt(&*implicit.notifier("implicit", &[]), &message(), "implicit").await;
    assert_eq!(came(&outcome), Came::Taken, "{outcome:?}");
}

#[tokio::test]
async fn a_mail_reads_well_and_a_title_adds_no_header() {
    let mailbox = Mailbox::start(vec![]).await;
    let mut message = message();
    message.title = "Vault\r\nBcc: mallory@example.com\r\n\r\nempty".to_owned();
    (message.repeat, message.drill) = (true, true);
    message.text.push_str("\n.\nQUIT\n");
    attempt(&*mailbox.notifier("starttls", &[]), &message, "mail").await.unwrap();
    (message.kind, message.repeat, message.drill) = (MessageKind::Resolved, false, false);
    attempt(&*mailbox.notifier("starttls", &[]), &message, "mail").await.unwrap();
    let mails = mailbox.mails();
    insta::assert_snapshot!(mails[0].replace("\r\n", "\n"), @"
    From: Quarterdeck <pager@example.com>
    To: alice@example.com
    Date: Sun, 01 Mar 2026 12:00:00 +0000
    Message-ID: <pag_09144gj289144gj289144gj289@example.com>
    In-Reply-To: <inc_070w3ge1r70w3ge1r70w3ge1r7@example.com>
    References: <inc_070w3ge1r70w3ge1r70w3ge1r7@example.com>
    Subject: DRILL: REPEAT: SEV2: Vault Bcc: mallory@example.com empty
    Auto-Submitted: auto-generated
    X-Quarterdeck-Incident: inc_070w3ge1r70w3ge1r70w3ge1r7
    MIME-Version: 1.0
    Content-Type: text/plain; charset=utf-8
    Importance: high
    Content-Transfer-Encoding: quoted-printable

    DRILL: REPEAT: SEV2: Vault Bcc: mallory@example.com empty

    THIS IS A DRILL.

    You may have this already: we did not learn whether an earlier attempt arri=
    ved.

    One transfer took 41 % of the vault.
    SEV2 for the money at risk.
    .
    QUIT

    Open and acknowledge: https://quarterdeck.example/incidents/inc_070w3ge1r70=
    w3ge1r70w3ge1r7

    --=20
    Incident inc_070w3ge1r70w3ge1r70w3ge1r7, page pag_09144gj289144gj289144gj28=
    9, for Alice, decided 2026-03-01T12:00:00.000Z
    ");
    let ids: Vec<&str> =
        mails.iter().filter_map(|mail| mail.lines().find(|line| line.starts_with("Message-ID"))).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1], "the all-clear is another mail than the page");
}

#[tokio::test]
async fn an_address_that_is_none_is_final() {
    let mailbox = Mailbox::start(vec![]).await;
    for address in ["", "alice", "a@b\r\nRCPT TO:<eve@example.com>", "a@b>, <eve@example.com"] {
        let mut message = message();
        message.address = address.to_owned();
        let outcome = attempt(&*mailbox.notifier("starttls", &[]), &message, address).await;
        assert_eq!(came(&outcome), Came::Never, "{address:?}: {outcome:?}");
    }
    assert!(mailbox.mails().is_empty());
}

#[test]
fn every_kind_describes_itself() {
    for kind in NOTIFIERS {
        fixture(kind.id());
        let file = format!("{}/src/notify/{}.rs", env!("CARGO_MANIFEST_DIR"), kind.id());
        assert!(std::fs::exists(&file).unwrap(), "{file}");
        assert!(!kind.title().is_empty() && !kind.address().is_empty());
        for spec in kind.settings() {
            assert!(spec.doc.ends_with('.'), "{} {}", kind.id(), spec.name);
            let named_secret = ["secret", "password", "key", "token"].iter().any(|word| spec.name.contains(word));
            assert!(spec.secret || !named_secret, "{} {}", kind.id(), spec.name);
        }
        let names: Vec<&str> = kind.settings().iter().map(|spec| spec.name).collect();
        assert!(names.contains(&"timeout_ms"), "{}", kind.id());
        let ids = NOTIFIERS.iter().filter(|other| other.id() == kind.id()).count();
        assert_eq!(ids, 1, "{}", kind.id());
    }
}

#[test]
fn a_wrong_setting_is_named_and_its_value_kept_secret() {
    let cases: &[(&str, Given, &str)] = &[
        ("webhook", &[("url", "https://x.example")], "needs the setting `secret`"),
        ("webhook", &[("url", "https://x.example"), ("secret", "s3ntinel")], "want at least 16 bytes, it has 8"),
        ("webhook", &[("url", "s3ntinel"), ("secret", "s3ntinels3ntinel")], "`url`"),
        ("webhook", &[("uri", "s3ntinel")], "has no setting `uri`: it has url, secret, secret_next"),
        ("slack", &[("url", "http://hooks.example.com/s3ntinel")], "want https"),
        ("slack", &[("url", "https://s3ntinel@hooks.example.com/")], "user and password"),
        ("slack", &[("url", "https://x.example/s3ntinel"), ("timeout_ms", "10001")], "want 50 to 10000 milliseconds"),
        ("slack", &[("url", "https://x.example/s3ntinel"), ("allow_http", "yes")], "want true or false"),
        ("slack", &[("url", "https://x.example/s3ntinel"), ("ca_file", "/no/such/file")], "/no/such/file"),
        ("slack", &[("url", "https://x.example/s3ntinel"), ("ca_file", NO_CERTIFICATES)], "no PEM certificates"),
        (
            "smtp",
            &[("host", "localhost"), ("from", "q@example.com"), ("ca_file", NO_CERTIFICATES)],
            "no PEM certificates",
        ),
        ("pagerduty", &[("routing_key", "s3ntinel")], "want 32 letters and digits"),
        ("smtp", &[("host", "mail.example.com"), ("from", "q@example.com"), ("tls", "none")], "only for this machine"),
        ("smtp", &[("host", "mail.example.com"), ("from", "q"), ("tls", "implicit")], "`from`"),
        ("smtp", &[("host", "a b"), ("from", "q@example.com")], "`host`"),
        ("smtp", &[("host", "localhost"), ("from", "q@example.com"), ("password", "s3ntinel")], "`user`"),
        ("smtp", &[("host", "localhost"), ("from", "q@example.com"), ("port", "70000")], "`port`"),
    ];
    for (id, settings, want) in cases {
        let settings = Settings(settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        assert!(!shows_sentinel(&format!("{settings:?}")));
        let error = kind(id).unwrap().build(&settings, &parts()).map(|_| ()).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(error.to_string().contains(want), "{id}: {error}");
        assert!(!shows_sentinel(&text), "{id}: {text}");
    }
}
