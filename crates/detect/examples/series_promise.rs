//! What promises about false alarms of metrics are worth, and how fast metrics are judged:
//! `cargo run --release -p quarterdeck-detect --example series_promise`.
//!
//! Ten seeded ordinary series of each kind, 200,000 points a kind, for six budgets: told, promised, and what the told may come from by chance.

#![expect(clippy::print_stdout, reason = "a benchmark for people")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

#[path = "../tests/data/ordinary.rs"]
mod ordinary;

use std::time::{Duration, Instant};

use ordinary::{KINDS, POINTS, ordinary};
use quarterdeck_core::time::Timestamp;
use quarterdeck_detect::series::{
    promise::{Promise, interval},
    watch::Watch,
};

const SEEDS: u64 = 10;
const BUDGETS: [u32; 6] = [200, 500, 1_000, 2_000, 5_000, 10_000];

fn main() {
    println!("{:<14} {:>8} {:>10} {:>10} {:>6}   by chance", "kind", "one in", "promised", "told", "ratio");
    let (mut busy, mut judged) = (Duration::ZERO, 0_u64);
    for kind in KINDS {
        let all: Vec<Vec<f64>> = (0..SEEDS).map(|seed| ordinary(kind, seed)).collect();
        let began = Instant::now();
        let strengths: Vec<Vec<f64>> = all.iter().map(|values| strengths(values)).collect();
        busy += began.elapsed();
        judged += SEEDS * u64::from(POINTS);
        for budget in BUDGETS {
            let told: u64 = strengths.iter().map(|strengths| told(strengths, budget)).sum();
            let promised = f64::from(POINTS) * 10.0 / f64::from(budget);
            let (low, high) = interval(told);
            let ratio = f64::from(u32::try_from(told).unwrap_or(u32::MAX)) / promised;
            println!("{kind:<14} {budget:>8} {promised:>10.0} {told:>10} {ratio:>6.2}   {low:.0} to {high:.0}");
        }
    }
    let micros = u64::try_from(busy.as_micros()).unwrap_or(u64::MAX).max(1);
    println!("{} points a second on one core", judged * 1_000_000 / micros);
}

fn strengths(values: &[f64]) -> Vec<f64> {
    let mut watch = Watch::default();
    let at = |point: usize| Timestamp::from_secs(1_700_000_000 + 300 * point as u64);
    values.iter().enumerate().map(|(point, value)| watch.observe(at(point), *value).strength).collect()
}

fn told(strengths: &[f64], budget: u32) -> u64 {
    let mut promise = Promise::one_in(budget);
    for strength in strengths {
        promise.weigh(*strength);
    }
    promise.realized().0
}
