//! How fast a store takes batches, and how long one batch waits: `cargo run --release --example store_speed -- TARGET`, where TARGET is
//! `memory`, a folder for an SQLite file, or the URL of an empty PostgreSQL database; batch sizes may follow.
//!
//! Each event comes with a signal, as in a storm.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use quarterdeck_core::{
    id::{IncidentId, SignalId},
    signal::SignalStatus,
    time::Timestamp,
};
use quarterdeck_host::clock::{Clock, SystemClock};
use quarterdeck_store::{Batch, Content, SignalRow, Store, StoredEvent, memory::MemoryStore, sqlite::SqliteStore};

/// How long each batch size is measured.
const SPAN: Duration = Duration::from_secs(4);
/// Bytes of JSON in an event and in a signal, as the product writes them.
const EVENT_BYTES: usize = 420;

fn batch(first: u64, count: u64) -> Batch {
    let indexes = first..first + count;
    Batch {
        events: indexes.clone().map(event).collect(),
        checkpoint: Some(format!("quarterdeck\n{}\n{}\n", first + count, "x".repeat(130))),
        signals: indexes.map(signal).collect(),
        ..Batch::default()
    }
}

/// Streams of 50 events each, as incidents in a storm have.
fn event(index: u64) -> StoredEvent {
    StoredEvent {
        index,
        stream: IncidentId::digest(&[&(index / 50).to_be_bytes()]).to_string(),
        version: index % 50,
        at: instant(index),
        content: Content::Whole { json: format!("{{\"event\":\"{}\"}}", "e".repeat(EVENT_BYTES)), salt: [7; 16] },
        digest: [9; 32],
    }
}

fn signal(index: u64) -> SignalRow {
    SignalRow {
        id: SignalId::digest(&[&index.to_be_bytes()]),
        status: SignalStatus::Provisional,
        incident: index.is_multiple_of(2).then(|| IncidentId::digest(&[&(index / 50).to_be_bytes()])),
        observed: instant(index / 40),
        place: index,
    }
}

fn instant(ms: u64) -> Timestamp {
    Timestamp::from_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

async fn measure(store: Arc<dyn Store>, clock: &SystemClock, counts: &[u64]) -> Result<(), Box<dyn Error>> {
    for count in counts.iter().copied() {
        let mut size = store.size().await?;
        let mut waits = Vec::new();
        let mut busy = Duration::ZERO;
        let cpu_before = cpu_ms();
        while busy < SPAN {
            let batch = batch(size, count);
            let start = clock.elapsed();
            store.append(batch).await?;
            let wait = clock.elapsed().saturating_sub(start);
            busy += wait;
            waits.push(wait);
            size += count;
        }
        waits.sort_unstable();
        let at = |permille: usize| waits.get(waits.len() * permille / 1_000).copied().unwrap_or_default();
        let pairs = u128::from(count) * waits.len() as u128;
        println!(
            "batches of {count}: {} pairs/s; one batch p50 {:?}, p99 {:?}, worst {:?}; own CPU {} us a pair; log {size}",
            pairs * 1_000_000 / busy.as_micros().max(1),
            at(500),
            at(990),
            at(999),
            (cpu_ms() - cpu_before) * 1_000 / pairs,
        );
    }
    Ok(())
}

/// Processor time of this process in ms, to the hundredth of a second: on a busy machine it says more than the clock. Zero where
/// the system does not tell.
fn cpu_ms() -> u128 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15 of proc(5), counted after the name, which may hold spaces; in ticks of 10 ms.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u128>().ok()).sum::<u128>() * 10
}

async fn open(target: &str) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    if target == "memory" {
        return Ok(MemoryStore::new());
    }
    #[cfg(feature = "postgres")]
    if target.starts_with("postgres") || target.contains('=') {
        return Ok(quarterdeck_store::postgres::PostgresStore::connect(target, None).await?);
    }
    Ok(SqliteStore::open(&Path::new(target).join("store_speed.db"))?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().ok_or("want: memory | FOLDER | URL [BATCH SIZE ...]")?;
    let counts: Vec<u64> = arguments.map(|count| count.parse()).collect::<Result<_, _>>()?;
    let counts = if counts.is_empty() { vec![1, 10, 100, 1_000] } else { counts };
    measure(open(&target).await?, &SystemClock::new(), &counts).await
}
