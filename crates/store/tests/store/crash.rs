//! A process that appends and acknowledges is killed at random instants. What it acknowledged must be there, and nothing torn.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use quarterdeck_core::{
    id::{DeliveryId, IncidentId, Name, SignalId},
    outbox::{Audience, Delivery, DeliveryKind},
    signal::SignalStatus,
    time::Timestamp,
};
use quarterdeck_store::{Batch, Content, Outgoing, SignalRow, Store, StoredEvent, sqlite::SqliteStore};
use sha2::{Digest, Sha256};

/// Tells the re-executed test binary to be the writer, and on which file.
const WRITER_FILE: &str = "QUARTERDECK_TEST_WRITER_FILE";
const KILLS: u64 = 50;

/// The event at a place: everything follows from it, so that a reader can tell a torn one.
fn event(index: u64) -> StoredEvent {
    let json =
        format!("{{\"event\":{index},\"padding\":\"{}\"}}", "x".repeat(usize::try_from(index * 31 % 900).unwrap()));
    let salt = [u8::try_from(index % 256).unwrap(); 16];
    let digest = Sha256::new().chain_update(salt).chain_update(&json).finalize().into();
    StoredEvent {
        index,
        stream: "journal".to_owned(),
        version: index,
        at: Timestamp::from_ms(i64::try_from(index).unwrap()),
        content: Content::Whole { json, salt },
        digest,
    }
}

fn signal(index: u64) -> SignalRow {
    SignalRow {
        id: SignalId::digest(&[&index.to_be_bytes()]),
        status: SignalStatus::Confirmed,
        incident: None,
        observed: Timestamp::from_ms(i64::try_from(index).unwrap()),
        place: index,
    }
}

fn outgoing(index: u64) -> Outgoing {
    let to = Audience::Contact {
        person: Name::new("alice").unwrap(),
        channel: Name::new("sms").unwrap(),
        address: "+49 30".to_owned(),
    };
    let id = DeliveryId::digest(&[&index.to_be_bytes()]);
    let delivery = Delivery { id, kind: DeliveryKind::Page, incident: IncidentId::digest(&[]), to };
    Outgoing::new(delivery, index, Timestamp::MIN)
}

/// Batches of uneven length: each brings a delivery and settles the one before.
fn batch(first: u64) -> Batch {
    let indexes = first..first + 1 + first % 13;
    let next = indexes.end;
    Batch {
        events: indexes.clone().map(event).collect(),
        checkpoint: Some(next.to_string()),
        outgoing: vec![outgoing(next)],
        settled: vec![outgoing(first).delivery.id],
        signals: indexes.map(signal).collect(),
        cursors: vec![("chain".to_owned(), next.to_string())],
        ..Batch::default()
    }
}

/// What a start would read, of the log's first `size` events: long enough to be written in parts.
fn kept(size: u64) -> Vec<u8> {
    size.to_be_bytes().repeat(200_000)
}

/// What the child does: appends and says so, until it is killed. As a test of its own it does nothing.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how the parent test tells its child what to do")]
async fn writer_until_killed() {
    let Ok(path) = std::env::var(WRITER_FILE) else { return };
    let store = SqliteStore::open(Path::new(&path)).unwrap();
    let mut size = store.size().await.unwrap();
    let mut out = std::io::stdout();
    loop {
        let batch = batch(size);
        size += batch.events.len() as u64;
        store.append(batch).await.unwrap();
        writeln!(out, "acknowledged {size}").unwrap();
        out.flush().unwrap();
        if size % 5 == 0 {
            store.keep_board(size, kept(size)).await.unwrap();
        }
        store.claim(&[outgoing(size).delivery.id]).await.unwrap();
        writeln!(out, "claimed {size}").unwrap();
        out.flush().unwrap();
    }
}

/// Runs the writer until it has acknowledged `lines` lines, lets it run on for a moment, and kills it.
/// Returns the last size acknowledged and the last size whose delivery was claimed.
fn run_and_kill(path: &Path, lines: u64, moment: Duration) -> (u64, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writer_until_killed", "--nocapture"])
        .env(WRITER_FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut acknowledged, mut claimed, mut seen) = (0, 0, 0);
    let mut killed = false;
    while let Some(Ok(line)) = output.next() {
        // The test harness writes to the same pipe, and the kill may cut the last line: a number counts only if it is whole.
        if let Some((_, number)) = line.split_once("acknowledged ") {
            acknowledged = number.parse().unwrap_or(acknowledged);
            seen += 1;
        } else if let Some((_, number)) = line.split_once("claimed ") {
            claimed = number.parse().unwrap_or(claimed);
        }
        if seen == lines && !killed {
            // Not a wait for anything: the spread of the instants at which the kill lands.
            std::thread::sleep(moment);
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(killed, "the writer ended by itself after {seen} batches");
    child.wait().unwrap();
    (acknowledged, claimed)
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_at_any_instant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quarterdeck.db");
    let (mut checked, mut boards) = (0, 0);
    for kill in 0..KILLS {
        let (acknowledged, claimed) = run_and_kill(&path, 1 + kill % 7, Duration::from_micros(kill * 7_919 % 4_000));
        let store = SqliteStore::open(&path).unwrap();
        let size = store.size().await.unwrap();
        assert!(size >= acknowledged, "kill {kill}: {acknowledged} acknowledged, {size} there");
        let events = store.events(checked, usize::MAX).await.unwrap();
        assert_eq!(events, (checked..size).map(event).collect::<Vec<_>>(), "kill {kill}");
        for index in checked..size {
            let found = store.signal(signal(index).observed, signal(index).id).await.unwrap().unwrap();
            assert_eq!((found.row, found.event), (signal(index), Some(event(index))), "kill {kill}");
        }
        if let Some(found) = store.kept_board().await.unwrap() {
            let of = u64::from_be_bytes(*found.first_chunk().unwrap());
            assert!(of <= size && found == kept(of), "kill {kill}: what a start reads is not whole");
            boards += 1;
        }
        assert_eq!(store.checkpoint().await.unwrap(), Some(size.to_string()), "kill {kill}");
        assert_eq!(store.cursor("chain").await.unwrap(), Some(size.to_string()), "kill {kill}");
        let outbox = store.outbox(10).await.unwrap();
        let [left] = outbox.as_slice() else { panic!("kill {kill}: {outbox:?}") };
        assert_eq!(left.delivery, outgoing(size).delivery, "kill {kill}");
        if claimed == size {
            assert!(left.under_way && left.attempts == 1, "kill {kill}: an attempt begun was forgotten: {left:?}");
        }
        checked = size;
    }
    assert!(boards > 0, "no board was kept");
    assert!(checked > KILLS * 2, "only {checked} events: the kills came too early to show anything");
}
