//! What each detector costs per transaction: `cargo run --release -p quarterdeck-detect --example detector_cost`.
//!
//! Feeds 2,000 invented blocks of 100 transfers (half of them of a token, among 5,000 addresses) to every detector of THE LIST, in
//! three worlds: nothing watched, three addresses watched, and three watched that take part in every tenth transfer.

#![expect(clippy::print_stdout, reason = "a benchmark for people")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Instant,
};

use quarterdeck_core::{
    catalogue::{AddressList, Catalogue},
    chain::{Address, ChainEvent, Transaction, U256},
    detector::{Knowledge, Params},
};
use quarterdeck_detect::{
    detectors::DETECTORS,
    rehearsal::{self, HOT, Rehearsal, TOKEN},
    statistics::{Magnitude, RobustWindow},
};

const BLOCKS: usize = 2_000;
const TRANSFERS: usize = 100;
const ADDRESSES: u64 = 5_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bare = world(Catalogue::new(Vec::new(), rehearsal::prices()));
    let watched = world(Catalogue::clone(&rehearsal::knowledge().catalogue));
    let (strangers, ours) = (events(false), events(true));
    let worlds = [
        ("nothing watched", &bare, &strangers),
        ("watched, strangers", &watched, &strangers),
        ("watched, busy", &watched, &ours),
    ];
    println!(
        "{:<20} {:>20} {:>20} {:>20}   ns per transaction (signals), largest snapshot",
        "", worlds[0].0, worlds[1].0, worlds[2].0
    );
    let mut sums = [0.0; 3];
    for kind in DETECTORS {
        let (mut cells, mut largest) = (Vec::new(), 0);
        for ((_, knowledge, events), sum) in worlds.iter().zip(&mut sums) {
            let mut detector = kind.build(&Params::resolve(kind.id(), kind.params(), &BTreeMap::new())?, knowledge);
            let mut out = Vec::new();
            let start = on_cpu();
            events.iter().for_each(|event| detector.observe(event, &mut out));
            #[expect(clippy::cast_precision_loss, reason = "200,000")]
            let cost = (on_cpu() - start) * 1e9 / (BLOCKS * TRANSFERS) as f64;
            *sum += cost;
            largest = largest.max(detector.snapshot().to_string().len());
            cells.push(format!("{:>20}", format!("{cost:.1} ({})", out.len())));
        }
        println!("{:<20} {} {:>12}", kind.id(), cells.join(" "), format!("{} KiB", largest / 1_024));
    }
    println!("{:<20} {:>20.1} {:>20.1} {:>20.1}", "all", sums[0], sums[1], sums[2]);
    println!(
        "{:<20} {:>20.0} {:>20.0} {:>20.0}   transactions a second on one core",
        "",
        1e9 / sums[0],
        1e9 / sums[1],
        1e9 / sums[2]
    );
    windows();
    Ok(())
}

/// A full window, among 1,024 of them, so that none stays in the cache: the worst case of a population.
fn windows() {
    let mut random = Random(11);
    let mut windows = vec![RobustWindow::default(); 1_024];
    let draw = |random: &mut Random| Magnitude::from_steps(u16::try_from(random.next() % 8_000).unwrap_or(0));
    for window in &mut windows {
        (0..1_024).for_each(|_| window.push(draw(&mut random)));
    }
    let rounds = 1_000_000_u32;
    let start = on_cpu();
    for round in 0..rounds {
        if let Some(window) = windows.get_mut(usize::try_from(round.wrapping_mul(7_919) % 1_024).unwrap_or(0)) {
            window.push(draw(&mut random));
        }
    }
    let push = (on_cpu() - start) * 1e9 / f64::from(rounds);
    let start = on_cpu();
    let mut sum = 0.0;
    for round in 0..rounds {
        if let Some(window) = windows.get(usize::try_from(round.wrapping_mul(7_919) % 1_024).unwrap_or(0)) {
            sum += window.deviation(Magnitude::from_steps(9_000), 0.1).map_or(0.0, |found| found.tail);
        }
    }
    let judge = (on_cpu() - start) * 1e9 / f64::from(rounds);
    println!(
        "a full window out of cache: {push:.0} ns to take a sample in, {judge:.0} ns to judge one (check {sum:.1e})"
    );
}

fn world(mut catalogue: Catalogue) -> Knowledge {
    let list = AddressList { name: "bench".to_owned(), as_of: Rehearsal::default().tip().time };
    catalogue.add_list(list, (0..1_000_u64).map(|n| (address(1 << 40 | n), "bench".to_owned())));
    Knowledge { catalogue: Arc::new(catalogue) }
}

fn address(n: u64) -> Address {
    Address::left_padding_from(&(n + 0x1_0000).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
}

fn events(with_ours: bool) -> Vec<ChainEvent> {
    let mut random = Random(7);
    let mut chain = Rehearsal::default();
    for _ in 0..BLOCKS {
        chain.block((0..TRANSFERS).map(|n| transfer(&mut random, with_ours && n % 10 == 0)).collect());
    }
    chain.events
}

fn transfer(random: &mut Random, ours: bool) -> Transaction {
    let (from, to) = (address(random.next() % ADDRESSES), address(random.next() % ADDRESSES));
    let from = if ours { HOT } else { from };
    // Sizes over four decades.
    let size = (random.next() % 1_000 + 1) * 10_u64.pow(u32::try_from(random.next() % 4).unwrap_or(0));
    match random.next() % 2 {
        0 => rehearsal::coin(from, to, size),
        _ => rehearsal::token(TOKEN, from, to, U256::from(size) * U256::from(1_000_000)),
    }
}

/// Seconds that this thread was on a processor, so that a busy machine does not count; where the kernel does not say, seconds.
fn on_cpu() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns: Option<f64> = told.split(' ').next().and_then(|first| first.parse().ok());
    ns.map_or_else(|| START.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

/// When the program began.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Splitmix64: small, seeded, good enough to spread sizes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
