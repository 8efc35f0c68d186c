//! Checks over a real connection, to a server that answers, refuses, errs, lies, hangs up, falls silent and repeats what it was sent; what
//! an incident may be resolved on, and what a kill leaves of a validation.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use quarterdeck_api::{Check, Command, client::ClientError};
use quarterdeck_core::{
    board::Board,
    incident::{Incident, IncidentEvent},
    journal::Body,
};
use quarterdeck_host::clock::Clock as _;
use quarterdeck_store::StoredEvent;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::harness::{ADMIN, COMMANDER, Deck, RESPONDER, VIEWER, alert};

/// A secret of a check's address and one of its headers: neither may be found anywhere.
const SECRETS: [&str; 2] = ["path-f3a9c1", "token-77d0e2"];

/// How a server behaves.
#[derive(Clone)]
enum Manner {
    /// Status line, headers and body.
    Says(String),
    /// Takes the question and never answers.
    Hangs,
    /// Begins an answer and never ends it.
    Drips,
    /// Hangs up without a word.
    Leaves,
    /// Repeats the request as the body.
    Echoes,
}

fn says(status: &str, body: &str) -> Manner {
    Manner::Says(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nx-mood: fair\r\n\r\n{body}", body.len()))
}

/// A server on this machine.
struct Door {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Door {
    async fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manner, asked) = (Arc::new(Mutex::new(manner)), Arc::new(AtomicUsize::new(0)));
        let (how, count) = (Arc::clone(&manner), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let how = how.lock().unwrap().clone();
                tokio::spawn(answer(stream, how));
            }
        });
        Self { address, manner, asked, task }
    }

    fn turns(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, how: Manner) {
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    let text = match how {
        Manner::Leaves => return,
        Manner::Says(text) => text,
        Manner::Hangs => return std::future::pending().await,
        Manner::Drips => "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx".to_owned(),
        Manner::Echoes => {
            let body = String::from_utf8_lossy(&request).into_owned();
            format!("HTTP/1.1 500 Oops\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }
    };
    drop(stream.write_all(text.as_bytes()).await);
    if text.ends_with("\r\n\r\nx") {
        std::future::pending::<()>().await;
    }
}

/// A house whose incidents must pass what the server says, and an incident whose monitor has ended.
async fn house(door: &Door, more: &str) -> (Deck, String) {
    let deck = Deck::start().await;
    let check = format!(
        "\n[validation]\nmax_age = \"1m\"\nevery = \"30s\"\ntimeout = \"1s\"\n\n[[check]]\nname = \"moves\"\nkind = \"http\"\n\
         url = \"http://{}/{}?key={}\"\nheaders = {{ authorization = \"{}\" }}\ntimeout = \"300ms\"\n{more}\n",
        door.address, SECRETS[0], SECRETS[0], SECRETS[1]
    );
    deck.configure(|text| text + &check).await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let id = deck.only_incident().await.summary.id;
    deck.ask(RESPONDER, &id, &Command::Acknowledge {}).await;
    let mut over = alert("rpc", "NodeDown", "eth-1");
    over["endsAt"] = json!(deck.clock.now().to_string());
    deck.alert(&json!([over])).await;
    (deck, id)
}

fn resolve(reason: Option<&str>) -> Command {
    Command::Resolve { note: "a new disk".to_owned(), reason: reason.map(ToOwned::to_owned) }
}

fn refused<T: std::fmt::Debug>(asked: Result<T, ClientError>) -> (String, String) {
    match asked {
        Err(ClientError::Refused { code, message, .. }) => (code, message),
        other => panic!("{other:?}"),
    }
}

/// Has the check made, waits for its answer, and gives it.
async fn validated(deck: &Deck, id: &str) -> Check {
    deck.client(RESPONDER).command(id, &Command::Validate { check: None }).await.unwrap();
    answered(deck).await;
    row(deck, id).await
}

/// Waits until nobody waits for a check.
async fn answered(deck: &Deck) {
    let waits = |board: &Board| board.incidents().all(|one| one.check_asked(&"moves".parse().unwrap()).is_none());
    deck.until("the answer of a check", waits).await;
}

async fn row(deck: &Deck, id: &str) -> Check {
    let checks = deck.client(VIEWER).checks(id).await.unwrap();
    checks.checks.into_iter().find(|check| check.name == "moves").unwrap()
}

#[tokio::test]
async fn what_is_no_clear_answer_is_not_passed_and_each_is_told_apart() {
    let door = Door::open(says("200 OK", "fine")).await;
    let (deck, id) = house(&door, "").await;
    let long = says("200 OK", &"x".repeat(300_000));
    let away =
        Manner::Says("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_owned());
    for (manner, state, seen) in [
        (says("200 OK", "fine"), "passed", "200 OK"),
        (says("503 Service Unavailable", "no relayer"), "failed", "503 Service Unavailable: no relayer"),
        (away, "failed", "a redirect is not followed"),
        (Manner::Hangs, "unjudged", "no answer within 300 ms"),
        (Manner::Drips, "unjudged", "no answer within 300 ms"),
        (Manner::Leaves, "unjudged", "broke off"),
        (long, "unjudged", "is longer than 262144 bytes"),
        (Manner::Says("I am no server of yours\r\n\r\n".to_owned()), "unjudged", "broke off"),
        (Manner::Echoes, "failed", "500"),
        (says("403 Forbidden", "path-f3a9c1 was revoked, token-77d0e2 too"), "failed", "was revoked"),
        (says("204 No Content", ""), "passed", "204"),
    ] {
        door.turns(manner);
        let check = validated(&deck, &id).await;
        assert_eq!((check.state.as_str(), check.fresh), (state, true), "{check:?}");
        assert!(check.seen.contains(seen), "{}: want {seen}", check.seen);
        let done = deck.client(VIEWER).checks(&id).await.unwrap();
        assert_eq!(done.unmet.is_empty(), state == "passed", "{done:?}");
    }
    // Nobody answers at all any more.
    drop(door);
    let check = validated(&deck, &id).await;
    assert_eq!(check.state, "unjudged");
    assert!(check.seen.contains("cannot connect to 127.0.0.1"), "{}", check.seen);
    let events = deck.running.store.events(0, usize::MAX).await.unwrap();
    for text in events.iter().filter_map(|event| event.content.json()) {
        assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
    }
    deck.finish().await;
}

#[tokio::test]
async fn a_condition_is_judged_by_what_the_server_says() {
    let door = Door::open(says("200 OK", "{}")).await;
    let expect = r#"expect = "status == 200 && json.paused == false && headers['x-mood'] == 'fair'""#;
    let (deck, id) = house(&door, expect).await;
    for (body, state, seen) in [
        (r#"{"paused": false}"#, "passed", "200 OK"),
        (r#"{"paused": true}"#, "failed", "want status == 200"),
        (r#"{"pawsed": false}"#, "unjudged", "No such key"),
        ("<html>", "unjudged", "and no JSON"),
        ("", "unjudged", "and no JSON"),
        (r#"{"paused": "no"}"#, "failed", "want status"),
    ] {
        door.turns(says("200 OK", body));
        let check = validated(&deck, &id).await;
        assert_eq!(check.state, state, "{body}: {check:?}");
        assert!(check.seen.contains(seen), "{body}: {}", check.seen);
    }
    deck.finish().await;
}

/// Providers of nodes have their customers' keys in the path, and some name them in their errors.
#[tokio::test]
async fn what_a_node_says_is_shown_without_the_key_of_its_address() {
    let door = Door::open(says("200 OK", "{}")).await;
    let reads = format!(
        "\n[[check]]\nname = \"reads\"\nkind = \"rpc\"\nurl = \"http://{}/v3/{}\"\nmethod = \"eth_call\"\nexpect = \"result == 'x'\"",
        door.address, SECRETS[0]
    );
    let (deck, id) = house(&door, &reads).await;
    let over =
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "project path-f3a9c1: over its limit"}});
    let shown = json!({"jsonrpc": "2.0", "id": 1, "result": "path-f3a9c1"});
    for (answer, state, seen) in [(over, "unjudged", "over its limit"), (shown, "failed", "want result == 'x'")] {
        door.turns(says("200 OK", &answer.to_string()));
        validated(&deck, &id).await;
        let waits = |board: &Board| board.incidents().all(|one| one.check_asked(&"reads".parse().unwrap()).is_none());
        deck.until("the node's answer", waits).await;
        let checks = deck.client(VIEWER).checks(&id).await.unwrap().checks;
        let check = checks.into_iter().find(|check| check.name == "reads").unwrap();
        assert_eq!(check.state, state, "{check:?}");
        assert!(check.seen.contains(seen) && !check.seen.contains(SECRETS[0]), "{}", check.seen);
    }
    let events = deck.running.store.events(0, usize::MAX).await.unwrap();
    assert!(events.iter().filter_map(|event| event.content.json()).all(|text| !text.contains(SECRETS[0])));
    deck.finish().await;
}

#[tokio::test]
async fn a_condition_about_the_incident_is_judged_by_the_incident() {
    let door = Door::open(says("200 OK", "")).await;
    let done = "\n[[check]]\nname = \"done\"\nkind = \"cel\"\nexpect = \"open_tasks == 0 && severity > 1\"";
    let (deck, id) = house(&door, done).await;
    let judged = async || {
        validated(&deck, &id).await;
        let waits = |board: &Board| board.incidents().all(|one| one.check_asked(&"done".parse().unwrap()).is_none());
        deck.until("the answer of the other check", waits).await;
        let checks = deck.client(VIEWER).checks(&id).await.unwrap().checks;
        let done = checks.into_iter().find(|check| check.name == "done").unwrap();
        (done.state, done.seen)
    };
    assert_eq!(judged().await.0, "passed");
    let add: Command = serde_json::from_value(json!({"command": "add_task", "title": "rotate the key"})).unwrap();
    deck.client(RESPONDER).command(&id, &add).await.unwrap();
    let (state, seen) = judged().await;
    assert_eq!(state, "failed");
    assert!(seen.contains("open_tasks 1") && !seen.contains("drill"), "{seen}");
    deck.finish().await;
}

#[tokio::test]
async fn resolving_is_refused_while_a_check_fails_and_the_refusal_has_it_made() {
    let door = Door::open(says("503 Service Unavailable", "")).await;
    let (deck, id) = house(&door, "").await;
    let client = deck.client(COMMANDER);
    let (code, message) = refused(client.command(&id, &resolve(None)).await);
    assert_eq!((code.as_str(), message.contains("check `moves` was never made")), ("checks_fail", true), "{message}");
    answered(&deck).await;
    assert_eq!(door.asked(), 1, "it was made because of the refusal");
    let (_, message) = refused(client.command(&id, &resolve(None)).await);
    assert!(message.contains("check `moves` failed at") && message.contains("503"), "{message}");
    door.turns(says("200 OK", ""));
    assert_eq!(validated(&deck, &id).await.state, "passed");
    let done = client.command(&id, &resolve(None)).await.unwrap();
    assert_eq!(done.summary.phase, "resolved");
    assert!(client.checks(&id).await.unwrap().watched_until.is_some());
    deck.receiver.next_all_clear().await;
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn only_a_person_overrides_and_it_stands_everywhere() {
    let door = Door::open(says("503 Service Unavailable", "")).await;
    let (deck, id) = house(&door, "").await;
    validated(&deck, &id).await;
    let page = async || {
        let page = deck.http.get(format!("{}/incidents/{id}", deck.base)).bearer_auth(COMMANDER);
        page.header("accept", "text/html").send().await.unwrap().text().await.unwrap()
    };
    let shown = page().await;
    let form = shown.split_once("id=\"act-resolve\"").unwrap().1.split_once("</form>").unwrap().0;
    assert!(form.contains("check `moves` failed") && form.contains("name=\"override\""), "{form}");
    assert!(shown.contains("id=\"do-validate\"") && shown.contains("verdict failed"), "{shown}");
    // The administrator's token belongs to nobody.
    let (code, message) = refused(deck.client(ADMIN).command(&id, &resolve(Some("known"))).await);
    assert_eq!(code, "only_a_person", "{message}");
    deck.client(COMMANDER).command(&id, &resolve(Some("the health page moved"))).await.unwrap();
    let shown = deck.client(VIEWER).checks(&id).await.unwrap().overridden.unwrap();
    assert_eq!((shown.by.as_str(), shown.reason.as_str()), ("bo", "the health page moved"));
    assert!(shown.unmet[0].contains("check `moves` failed"), "{shown:?}");
    let after = page().await;
    assert!(after.contains("bo resolved it all the same") && after.contains("the health page moved"), "{after}");
    let timeline = deck.client(VIEWER).incident(&id).await.unwrap().timeline;
    let line = &timeline.iter().rfind(|row| row.kind == "resolved").unwrap().text;
    assert!(line.contains("IN SPITE OF check `moves` failed") && line.contains("the health page moved"), "{line}");
    let review = deck.get(&format!("/api/v1/incidents/{id}/review"), VIEWER).await;
    let said = review["recovery"].to_string();
    assert!(said.contains("IN SPITE OF") && said.contains("the health page moved"), "{said}");
    deck.receiver.next_all_clear().await;
    deck.settled().await;
    deck.finish().await;
}

/// What is mitigated is looked at by itself, and what says nothing new is in no event; still it is good enough to resolve on.
#[tokio::test]
async fn while_mitigated_it_is_looked_at_again_and_the_log_stays_short() {
    let door = Door::open(says("200 OK", "")).await;
    let (deck, id) = house(&door, "").await;
    deck.ask(COMMANDER, &id, &Command::Mitigate { note: "paused".to_owned() }).await;
    let mut runs = 0;
    for _ in 0..6 {
        runs += 1;
        while door.asked() < runs {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        deck.clock.forward(Duration::from_secs(31));
    }
    let stored = deck.running.store.events(0, usize::MAX).await.unwrap();
    let judged = |event: &&StoredEvent| event.content.json().is_some_and(|text| text.contains("\"check_"));
    assert_eq!(stored.iter().filter(judged).count(), 1, "only the first is news");
    let done = deck.client(COMMANDER).command(&id, &resolve(None)).await.unwrap();
    assert_eq!(done.summary.phase, "resolved");
    deck.receiver.next_all_clear().await;
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn what_fails_after_the_end_begins_it_again_and_pages() {
    let door = Door::open(says("200 OK", "")).await;
    let (deck, id) = house(&door, "").await;
    validated(&deck, &id).await;
    deck.client(COMMANDER).command(&id, &resolve(None)).await.unwrap();
    deck.receiver.next_all_clear().await;
    deck.settled().await;
    door.turns(Manner::Hangs);
    let failures = |board: &Board, want: u32| {
        board
            .incidents()
            .any(|one| one.check_stood(&"moves".parse().unwrap()).is_some_and(|stood| stood.in_a_row >= want))
    };
    deck.clock.forward(Duration::from_secs(31));
    deck.until("the first failure", |board| failures(board, 1)).await;
    assert!(deck.client(VIEWER).incidents(false).await.unwrap().is_empty(), "once is not enough");
    deck.clock.forward(Duration::from_secs(31));
    deck.until("that it begins again", |board| board.incidents().any(Incident::is_open)).await;
    let page = deck.receiver.next().await;
    drop(page);
    deck.settled().await;
    let shown = deck.client(VIEWER).incident(&id).await.unwrap();
    let row = shown.timeline.iter().find(|row| row.kind == "reopened").unwrap();
    assert!(row.text.contains("could not be judged 2 times in a row"), "{}", row.text);
    deck.finish().await;
}

/// Stopped between question and answer: the question stands, is asked again after the start, and is answered once.
#[tokio::test]
async fn a_validation_outlives_the_program() {
    let door = Door::open(Manner::Hangs).await;
    let (mut deck, id) = house(&door, "").await;
    deck.client(RESPONDER).command(&id, &Command::Validate { check: None }).await.unwrap();
    while door.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    door.turns(says("200 OK", ""));
    deck = deck.restart().await;
    answered(&deck).await;
    let events = deck.running.store.events(0, usize::MAX).await.unwrap();
    let texts: Vec<&str> = events.iter().filter_map(|event| event.content.json()).collect();
    let of = |kind: &str| texts.iter().filter(|text| text.contains(&format!(r#""type":"{kind}""#))).count();
    assert_eq!((of("validation_asked.v1"), of("check_passed.v1") + of("check_unjudged.v1")), (1, 1));
    deck.finish().await;
}

#[test]
fn a_stored_answer_is_an_event_of_an_incident() {
    let text = json!({"type": "check_failed.v1", "check": "moves", "verdict": "failed", "seen": "503", "at": "2026-11-28T00:00:00.000Z", "took_ms": 5});
    let stream = "inc_00000000000000000000000001".parse().unwrap();
    let body = Body::from_json(&stream, &Value::to_string(&text)).unwrap();
    assert!(matches!(body, Body::Incident(IncidentEvent::Checks(_))));
}
