//! Nothing can be written, and people hear of it all the same: a disk that is full, a store that another program has, and a watcher
//! outside who stops hearing from us.

use std::{
    path::{Path, PathBuf},
    process::Command as Process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use quarterdeck_api::Health;
use quarterdeck_core::{
    incident::PageOutcome,
    journal::{Body, JournalEvent},
};
use quarterdeck_server::{engine::recorded_of, writing::RESERVE_BYTES};
use quarterdeck_store::StoreError;
use serde_json::json;

use crate::{
    guarded::{Guard, Guarded},
    harness::{Deck, KEY, PATIENCE, VIEWER, alert, left_out},
};

/// A store that refuses in the way that somebody says.
#[derive(Default)]
struct Refusing(Mutex<Option<fn() -> StoreError>>);

impl Refusing {
    fn with(&self, how: Option<fn() -> StoreError>) {
        *self.0.lock().unwrap() = how;
    }
}

#[async_trait]
impl Guard for Refusing {
    async fn admit(&self) -> Result<(), StoreError> {
        self.0.lock().unwrap().map_or(Ok(()), |how| Err(how()))
    }
}

async fn health(deck: &Deck) -> Health {
    serde_json::from_value(deck.get("/api/v1/health", VIEWER).await).unwrap()
}

async fn ready(deck: &Deck) -> u16 {
    deck.http.get(format!("{}/health/ready", deck.base)).send().await.unwrap().status().as_u16()
}

/// Waits until it holds. What is waited for is counted by the program, which tells nobody.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// What the journal says was spoken in need.
async fn spoken(deck: &Deck) -> Vec<(String, usize)> {
    let events = deck.running.store.stream("journal").await.unwrap();
    let bodies = events.iter().filter_map(|event| recorded_of(event).unwrap()).map(|recorded| recorded.body);
    let of = |body| match body {
        Body::Journal(JournalEvent::SpokeInNeed { reason, said, .. }) => {
            let reached = said.iter().filter(|one| matches!(one.outcome, PageOutcome::Delivered { .. })).count();
            Some((reason, reached))
        }
        Body::Journal(_) | Body::Incident(_) => None,
    };
    bodies.filter_map(of).collect()
}

#[tokio::test]
async fn who_cannot_write_says_so_without_writing_and_writes_it_down_later() {
    let store = Arc::new(Refusing::default());
    let guard = Arc::clone(&store);
    let deck = Deck::start_with(move |inner| Arc::new(Guarded { inner, guard })).await;
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    assert_eq!(ready(&deck).await, 200);
    assert!(health(&deck).await.last_commit.is_some());

    store.with(Some(|| StoreError::Database { doing: "append to log", source: "the server is gone".into() }));
    assert_eq!(deck.post("/api/v2/alerts", KEY, json!([alert("bridge", "Stuck", "1")]).to_string()).await.0, 503);
    assert_eq!(ready(&deck).await, 503);
    let said = health(&deck).await;
    assert!(said.faults.iter().any(|fault| fault.starts_with("nothing can be written")), "{:?}", said.faults);
    assert!(said.commits_refused > 0);
    let told = deck.receiver.next().await;
    assert_eq!((told.text("address"), told.text("kind")), ("bo", "page"));
    assert!(told.text("title").starts_with("Quarterdeck cannot write"), "{}", told.text("title"));
    assert!(told.text("text").contains("1 incidents are open") && told.text("text").contains("Nobody has inc_"));

    store.with(None);
    let over = deck.receiver.next_all_clear().await;
    assert!(over.text("title").starts_with("Quarterdeck can write again"), "{}", over.text("title"));
    assert_eq!(spoken(&deck).await, [("append to log".to_owned(), 1)]);
    eventually("it is well again", async || ready(&deck).await == 200).await;
    deck.alert(&json!([alert("bridge", "Stuck", "1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    deck.receiver.rest().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_program_that_was_overtaken_knows_it_before_anybody_asks() {
    let store = Arc::new(Refusing::default());
    let guard = Arc::clone(&store);
    let deck = Deck::start_with(move |inner| Arc::new(Guarded { inner, guard })).await;
    assert_eq!(ready(&deck).await, 200);
    store.with(Some(|| StoreError::InUse { place: "the schema".to_owned(), by: "another program".to_owned() }));
    eventually("it is not ready", async || ready(&deck).await == 503).await;
    let faults = health(&deck).await.faults;
    assert!(faults.iter().any(|fault| fault.contains("in use by another program")), "{faults:?}");
    store.with(None);
    eventually("it is ready again", async || ready(&deck).await == 200).await;
    // Whether people were told depends on how long it took.
    deck.receiver.rest().await;
    deck.finish().await;
}

/// A file system in memory, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let size = format!("size={}m", RESERVE_BYTES * 5 / 1024 / 1024);
        let mount = Process::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        mount.ok().filter(|output| output.status.success()).map(|_| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Process::new("umount").args(["-l"]).arg(&self.0).status().unwrap();
    }
}

#[tokio::test]
async fn on_a_full_disk_what_is_owed_is_still_written_and_people_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else { return left_out("the right to mount a file system") };
    let deck = Deck::start_in(folder).await;
    assert_eq!(health(&deck).await.faults, Vec::<String>::new());
    // One that holds until it is said to be over.
    let claim = json!({"title": "withdrawals are stuck", "service": "bridge", "severity": "critical"});
    assert_eq!(deck.post("/ingest/webhook", KEY, claim.to_string()).await.0, 200);
    assert_eq!(deck.receiver.next().await.text("address"), "ana");
    deck.settled().await;

    // Somebody else's file fills the disk to the last byte.
    let ballast = disk.0.join("ballast");
    let fill =
        Process::new("dd").args(["if=/dev/zero", "bs=4k", &format!("of={}", ballast.display())]).output().unwrap();
    assert!(!fill.status.success(), "the disk did not fill");
    // The database goes on as long as it has room of its own.
    let mut quiet = 0;
    let quietly = |n: usize| json!({"title": format!("a word {n}"), "service": "rpc", "severity": "info"}).to_string();
    while deck.post("/ingest/webhook", KEY, quietly(quiet)).await.0 == 200 {
        quiet += 1;
        assert!(quiet < 1_000, "the database writes where there is no room");
    }
    // The escalation goes on: Bo is paged by the clock, and what becomes of it is written.
    deck.clock.forward(Duration::from_mins(16));
    let mut reached = Vec::new();
    while reached.len() < 2 {
        let page = deck.receiver.next().await;
        reached.push((page.text("address").to_owned(), page.text("title").starts_with("Quarterdeck cannot write")));
    }
    reached.sort();
    assert_eq!(reached, [("bo".to_owned(), false), ("bo".to_owned(), true)], "the page, and that the disk is full");
    deck.settled().await;
    let faults = health(&deck).await.faults;
    assert!(faults.iter().any(|fault| fault.starts_with("the disk is full")), "{faults:?}");
    assert!(!disk.0.join("data/reserve").exists());

    // Space again: the reserve is kept anew, and the journal knows what was said.
    std::fs::remove_file(&ballast).unwrap();
    let over = deck.receiver.next_all_clear().await;
    assert!(over.text("title").starts_with("Quarterdeck can write again"), "{}", over.text("title"));
    assert_eq!(spoken(&deck).await.len(), 1);
    assert_eq!(std::fs::metadata(disk.0.join("data/reserve")).unwrap().len(), RESERVE_BYTES);
    deck.receiver.rest().await;
    deck.finish().await;
    drop(disk);
}

#[tokio::test]
async fn the_watcher_outside_hears_from_us_only_while_we_are_well() {
    let store = Arc::new(Refusing::default());
    let guard = Arc::clone(&store);
    let deck = Deck::start_with(move |inner| Arc::new(Guarded { inner, guard })).await;
    let heard = Arc::new(AtomicBool::new(false));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ears = Arc::clone(&heard);
    let app = axum::Router::new().fallback(async move || ears.store(true, Ordering::SeqCst));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    deck.configure(|text| format!("{text}\n[heartbeat]\nurl = \"http://{address}/secret-path\"\nevery = \"1s\"\n"))
        .await;
    let is_told = async |what: &str| eventually(what, async || heard.swap(false, Ordering::SeqCst)).await;
    is_told("a sign of life").await;
    is_told("another").await;

    store.with(Some(|| StoreError::Database { doing: "append to log", source: "gone".into() }));
    eventually("it knows", async || ready(&deck).await == 503).await;
    // One sign may have been on its way.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    heard.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!heard.load(Ordering::SeqCst), "it says that all is well");

    store.with(None);
    is_told("a sign of life again").await;
    deck.receiver.rest().await;
    deck.finish().await;
}
