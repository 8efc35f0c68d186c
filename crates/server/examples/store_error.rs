//! How long the engine's task is held up when the store refuses a batch, with 100,000 incidents that are over: from the refusal to the
//! moment in which the next batch can be decided. `cargo run --release -p quarterdeck-server --example store_error [INCIDENTS]`.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "support/cold.rs"]
mod cold;

use std::time::{Duration, Instant};

use cold::{INCIDENTS, Outcome, claim, parts, resolve_many};
use quarterdeck_ledger::note::SignerKey;
use quarterdeck_server::engine::{Engine, Work};
use quarterdeck_store::{StoreError, memory::MemoryStore};

/// Refusals measured.
const REFUSALS: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let count: usize = std::env::args().nth(1).map_or(Ok(INCIDENTS), |text| text.parse())?;
    let signer = SignerKey::from_seed("bench.invalid/log", &[7; 32])?;
    let mut engine = Engine::start(MemoryStore::new(), parts(signer)?).await?;
    let now = resolve_many(&mut engine, count).await?;
    let size = engine.store().size().await?;
    let mut spans: Vec<Duration> = Vec::new();
    for nth in 0..REFUSALS {
        let changes = claim(count + nth, now)?;
        engine.decide(vec![Work::Hear { changes, cursors: Vec::new(), snapshots: Vec::new() }], now);
        engine.hand_over()?.ok_or("nothing to write")?;
        let begun = Instant::now();
        let refused = engine.land(Err(StoreError::Full { doing: "append to log" })).await;
        spans.push(begun.elapsed());
        refused.err().ok_or("it was taken")?;
    }
    if engine.store().size().await? != size || !engine.refold().await? {
        return Err("something of a refused batch is left".into());
    }
    spans.sort_unstable();
    let at = |percent: usize| spans.get((spans.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    let ms = |percent| at(percent).unwrap_or_default().as_secs_f64() * 1_000.0;
    println!("{count} incidents that are over, {size} events, {REFUSALS} batches refused");
    println!("held up   p50 {:>7.3} ms   p99 {:>7.3} ms   worst {:>7.3} ms", ms(50), ms(99), ms(100));
    Ok(())
}
