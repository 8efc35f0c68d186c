//! Transactions decoded per second on one core, beside what the JSON library needs to pass over the same bytes.
//!
//! `cargo run --release -p quarterdeck-formats --example decode_speed -- DIR`

#![expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "an example prints approximate rates")]

use std::{path::PathBuf, time::Duration};

use quarterdeck_formats::evm;

const ROUNDS: usize = 10;

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let bodies = read(folder);
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let count = |body: &[u8]| evm::decode_block(body, Some(1)).map_or(0, |block| block.transactions.len());
    let transactions: usize = bodies.iter().map(|body| count(body)).sum();
    let refused = bodies.iter().filter(|body| evm::decode_block(body, Some(1)).is_err()).count();

    let ours = best(&bodies, |body| count(body));
    let pass = best(&bodies, |body| usize::from(serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()));
    let value = best(&bodies, |body| usize::from(serde_json::from_slice::<serde_json::Value>(body).is_ok()));

    let megabytes = bytes as f64 / 1e6;
    let line = |name: &str, time: Duration| {
        let seconds = time.as_secs_f64();
        let (rate, speed) = (transactions as f64 / seconds, megabytes / seconds);
        println!("{name:<34}{rate:>12.0} tx/s {speed:>8.0} MB/s {:>6.2}×", seconds / ours.as_secs_f64());
    };
    println!("{} bodies, {transactions} transactions, {megabytes:.1} MB, {refused} refused", bodies.len());
    line("quarterdeck decode_block", ours);
    line("serde_json::IgnoredAny (no values)", pass);
    line("serde_json::Value", value);
}

#[expect(clippy::disallowed_methods, reason = "an example reads files")]
fn read(folder: PathBuf) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "json") {
                bodies.extend(std::fs::read(&path));
            }
        }
    }
    bodies
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn best(bodies: &[Vec<u8>], work: impl Fn(&[u8]) -> usize) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = std::time::Instant::now();
        let done: usize = bodies.iter().map(|body| work(body)).sum();
        best = best.min(begun.elapsed());
        assert!(std::hint::black_box(done) > 0, "nothing was decoded");
    }
    best
}
