//! A configuration that changes while the program runs: what changes, what stays, and what is refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use quarterdeck_api::client::ClientError;
use quarterdeck_core::journal::{Body, JournalEvent};
use quarterdeck_server::engine::recorded_of;
use quarterdeck_store::StoreError;
use serde_json::{Value, json};

use crate::{
    guarded::{Guard, Guarded},
    harness::{ADMIN, COMMANDER, Deck, PATIENCE, VIEWER, alert, on_every_store},
    scripted_node::{CHAIN, Node},
};

/// What the log says about configurations: digest, and the one before.
async fn configured(deck: &Deck) -> Vec<(String, String)> {
    let events = deck.running.store.stream("journal").await.unwrap();
    let bodies = events.iter().map(|event| recorded_of(event).unwrap().unwrap().body);
    let of = |body| match body {
        Body::Journal(JournalEvent::Configured { digest, before, .. }) => Some((digest, before)),
        Body::Journal(_) | Body::Incident(_) => None,
    };
    bodies.filter_map(of).collect()
}

async fn refusal(deck: &Deck) -> (u16, String, String) {
    match deck.client(ADMIN).reload().await.unwrap_err() {
        ClientError::Refused { status, code, message, .. } => (status, code, message),
        other => panic!("{other}"),
    }
}

/// An alert that need not be repeated.
fn lasting(service: &str, name: &str) -> Value {
    let mut alert = alert(service, name, "one");
    alert["endsAt"] = json!("2099-01-01T00:00:00Z");
    alert
}

/// Waits until it holds. What is waited for is counted by the program, which tells nobody.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

#[tokio::test]
async fn a_running_incident_keeps_its_policy_and_finds_people_as_they_are_now() {
    on_every_store(async |deck| {
        let before = deck.client(VIEWER).configuration().await.unwrap();
        deck.alert(&json!([lasting("rpc", "NodeDown")])).await;
        assert_eq!(deck.receiver.next().await.text("address"), "ana");
        deck.settled().await;

        // The other way round, and Bo is reached elsewhere.
        let after = deck
            .configure(|text| {
                let turned = r#"tiers = [{ people = ["bo"], delay = "15m" }, { people = ["ana"], delay = "15m" }]"#;
                let tiers = r#"tiers = [{ people = ["ana"], delay = "15m" }, { people = ["bo"], delay = "15m" }]"#;
                assert!(text.contains(tiers) && text.contains(r#"address = "bo""#), "{text}");
                text.replace(tiers, turned).replace(r#"address = "bo""#, r#"address = "bo-at-sea""#)
            })
            .await;
        assert_eq!(deck.client(VIEWER).configuration().await.unwrap(), after);
        assert!(after.digest != before.digest && after.since > before.since, "{after:?}");
        assert_eq!(configured(&deck).await, [(after.digest, before.digest)]);

        // What opens now begins with Bo …
        deck.alert(&json!([lasting("bridge", "Stuck")])).await;
        let page = deck.receiver.next().await;
        assert!(page.text("address") == "bo-at-sea" && page.text("title").contains("Stuck"), "{page:?}");
        deck.settled().await;
        // … and what ran goes on from Ana to Bo.
        deck.clock.forward(Duration::from_mins(15));
        let mut pages = [deck.receiver.next().await, deck.receiver.next().await];
        pages.sort_by_key(|page| page.text("title").contains("Stuck"));
        let to = pages.each_ref().map(|page| page.text("address"));
        assert!(to == ["bo-at-sea", "ana"] && pages[0].text("title").contains("NodeDown"), "{pages:?}");
        deck.settled().await;

        // A restart takes up the same file.
        let deck = deck.restart().await;
        assert_eq!(configured(&deck).await.len(), 1);
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_list_or_secret_beside_the_file_is_another_configuration() {
    let deck = Deck::start().await;
    let (list, token) = (deck.folder.path().join("listed.txt"), deck.folder.path().join("token"));
    std::fs::write(&list, "0x00000000000000000000000000000000000000aa sanctioned\n").unwrap();
    std::fs::write(&token, "a-token-of-the-first-year\n").unwrap();
    let named = "\n[[list]]\nname = \"ofac\"\nas_of = \"2026-11-01\"\nfile = \"listed.txt\"\n\
        [[token]]\nname = \"auditor\"\nrole = \"viewer\"\ntoken = \"file:token\"\n";
    let first = deck.configure(|text| text + named).await;
    let same = deck.client(ADMIN).reload().await.unwrap();
    assert_eq!(same.digest, first.digest);

    std::fs::write(&list, "0x00000000000000000000000000000000000000bb sanctioned\n").unwrap();
    let second = deck.client(ADMIN).reload().await.unwrap();
    std::fs::write(&token, "a-token-of-the-second-year\n").unwrap();
    let third = deck.client(ADMIN).reload().await.unwrap();
    assert!(first.digest != second.digest && second.digest != third.digest, "{first:?} {second:?} {third:?}");
    let newest = configured(&deck).await.pop();
    assert_eq!(newest, Some((third.digest, second.digest)));
    deck.finish().await;
}

#[tokio::test]
async fn a_file_with_a_fault_is_refused_whole() {
    let deck = Deck::start().await;
    let (before, size) = (deck.client(VIEWER).configuration().await.unwrap(), deck.running.store.size().await.unwrap());
    // A good change and a bad one: neither counts.
    deck.edit(|text| {
        text.replace(VIEWER, "another-token-0123456789").replace(r#"people = ["bo"]"#, r#"people = ["bob"]"#)
    });
    let (status, code, message) = refusal(&deck).await;
    assert_eq!((status, code.as_str()), (422, "configuration"));
    assert!(message.contains("line ") && message.contains("`bob`") && message.contains("hint: "), "{message}");
    deck.edit(|_| "[[policy".to_owned());
    assert_eq!(refusal(&deck).await.0, 422);
    assert_eq!(deck.client(VIEWER).configuration().await.unwrap(), before);
    assert_eq!(deck.running.store.size().await.unwrap(), size);
    deck.finish().await;
}

#[tokio::test]
async fn who_loses_their_token_is_out_at_once() {
    let deck = Deck::start().await;
    let url = format!("{}/api/v1/events", deck.base);
    let mut listening = deck.http.get(url).bearer_auth(VIEWER).send().await.unwrap();
    assert_eq!(listening.status(), 200);
    deck.configure(|text| text.replace(VIEWER, "another-token-0123456789")).await;
    let ended = async { while listening.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("a listener whose token is gone goes on listening");
    let ask = async |token| deck.http.get(format!("{}/api/v1/log", deck.base)).bearer_auth(token).send().await.unwrap();
    assert_eq!(ask(VIEWER).await.status(), 401);
    assert_eq!(ask("another-token-0123456789").await.status(), 200);
    deck.finish().await;
}

#[tokio::test]
async fn nobody_may_go_whom_an_open_incident_ends_at() {
    let deck = Deck::start().await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let before = deck.client(VIEWER).configuration().await.unwrap();
    let without_bo = |text: String| {
        let bo = "[[person]]\nid = \"bo\"\ncontacts = [{ channel = \"hook\", address = \"bo\" }]\n";
        assert!(text.contains(bo), "{text}");
        let text =
            text.replace(bo, "").replace("person = \"bo\"\n", "").replace("fallback = \"bo\"", "fallback = \"ana\"");
        text.replace(", { people = [\"bo\"], delay = \"15m\" }", "")
    };
    deck.edit(without_bo);
    let (status, code, message) = refusal(&deck).await;
    let incident = deck.only_incident().await.summary.id;
    assert_eq!((status, code.as_str()), (409, "stranded"));
    assert!(message.contains(&incident) && message.contains("`bo`"), "{message}");
    assert_eq!(deck.client(VIEWER).configuration().await.unwrap(), before);

    // When it is over, he may.
    let over =
        quarterdeck_api::Command::Resolve { note: "fixed".to_owned(), reason: Some("the monitor lags".to_owned()) };
    deck.client(COMMANDER).command(&incident, &over).await.unwrap();
    deck.client(ADMIN).reload().await.unwrap();
    deck.receiver.next_all_clear().await;
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn what_the_program_stands_on_is_named_and_the_rest_applies() {
    let deck = Deck::start().await;
    let in_force = deck
        .configure(|text| {
            let text = text.replace("data = \"data\"", "data = \"elsewhere\"").replace("127.0.0.1:0", "127.0.0.1:1");
            format!(
                "{}\n[log]\norigin = \"another.invalid/log\"\n[store]\nkind = \"memory\"\n",
                text.replace(VIEWER, "another-token-0123456789")
            )
        })
        .await;
    assert_eq!(in_force.needs_restart, ["server.listen", "server.data", "store", "log.origin"]);
    assert_eq!(
        deck.get("/api/v1/configuration", "another-token-0123456789").await["needs_restart"][0],
        "server.listen"
    );
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    let page = deck.receiver.next().await;
    assert!(page.text("link").starts_with(&deck.base), "links lead where nobody listens: {page:?}");
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn two_at_once_come_one_after_the_other() {
    let deck = Deck::start().await;
    let first = deck.client(VIEWER).configuration().await.unwrap().digest;
    deck.edit(|text| format!("{text}\n# once\n"));
    let client = deck.client(ADMIN);
    let (one, two) = tokio::join!(client.reload(), client.reload());
    let digest = one.unwrap().digest;
    assert_eq!(two.unwrap().digest, digest);
    assert_eq!(configured(&deck).await, [(digest.clone(), first), (digest.clone(), digest)]);
    deck.finish().await;
}

/// A disk that is full whenever somebody says so.
struct Full(AtomicBool);

#[async_trait]
impl Guard for Full {
    async fn admit(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::SeqCst) { Err(StoreError::Full { doing: "append to the log" }) } else { Ok(()) }
    }
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_not_in_force() {
    let disk = Arc::new(Full(AtomicBool::new(false)));
    let guard = Arc::clone(&disk);
    let deck = Deck::start_with(move |inner| Arc::new(Guarded { inner, guard })).await;
    let before = deck.client(VIEWER).configuration().await.unwrap();
    deck.edit(|text| text.replace(r#"people = ["ana"]"#, r#"people = ["bo"]"#));
    disk.0.store(true, Ordering::SeqCst);
    assert_eq!(refusal(&deck).await.0, 503);
    disk.0.store(false, Ordering::SeqCst);
    assert_eq!(deck.client(VIEWER).configuration().await.unwrap(), before);
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    assert_eq!(deck.receiver.next().await.text("address"), "ana");
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn sources_come_and_go_and_those_that_stay_are_left_alone() {
    let deck = Deck::start().await;
    let (stays, goes) = (Node::start().await, Node::start().await);
    let source = |id: &str, url: &str, more: &str| {
        format!("[[source]]\nid = \"{id}\"\nchain = {CHAIN}\nhttp = \"{url}\"\npoll_every = \"50ms\"\n{more}")
    };
    let heads = async |deck: &Deck| -> Vec<(String, Value)> {
        let all = deck.get("/api/v1/sources", VIEWER).await;
        let head = |one: &Value| (one["id"].as_str().unwrap().to_owned(), one["head"].clone());
        all.as_array().unwrap().iter().map(head).collect()
    };
    let at = |pairs: &[(&str, u64)]| -> Vec<(String, Value)> {
        pairs.iter().map(|(id, head)| ((*id).to_owned(), json!(head))).collect()
    };
    assert_eq!(heads(&deck).await, []);
    deck.configure(|text| text + &source("stays", &stays.url, "") + &source("goes", &goes.url, "")).await;
    for node in [&stays, &goes] {
        node.chain(|chain| chain.mine(3));
    }
    eventually("both at their heads", async || heads(&deck).await == at(&[("goes", 3), ("stays", 3)])).await;

    // One changes: it goes on where it stood, and the other does not notice.
    let asked = stays.asked("eth_chainId");
    let again = goes.asked("eth_chainId");
    deck.configure(|text| {
        text.replace(&source("goes", &goes.url, ""), &source("goes", &goes.url, "traces = \"off\"\n"))
    })
    .await;
    goes.chain(|chain| chain.mine(2));
    eventually("the changed one at its head", async || heads(&deck).await == at(&[("goes", 5), ("stays", 3)])).await;
    assert!(goes.asked("eth_chainId") > again);
    let all = deck.get("/api/v1/sources", VIEWER).await;
    assert_eq!(
        (&all[0]["blocks"], &all[0]["reorgs"]),
        (&json!(2), &json!(0)),
        "read twice, or not on from its cursor: {all}"
    );

    // One goes while it is blind: what was claimed of it ends, and nobody asks it any more.
    goes.script(|_, _, _| Some(crate::scripted_node::Lie::Http(503, &[], Vec::new())));
    deck.until("a gap", |board| board.gaps().any(|gap| gap.source.as_str() == "goes")).await;
    deck.configure(|text| text.replace(&source("goes", &goes.url, "traces = \"off\"\n"), "")).await;
    assert_eq!(heads(&deck).await, at(&[("stays", 3)]));
    deck.until("no gap", |board| board.gaps().next().is_none()).await;
    stays.chain(|chain| chain.mine(1));
    eventually("the one that stays at its head", async || heads(&deck).await == at(&[("stays", 4)])).await;
    assert_eq!(stays.asked("eth_chainId"), asked, "a source that did not change was started anew");
    deck.finish().await;
}
