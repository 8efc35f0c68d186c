//! What each detector costs per transaction: `cargo run --release -p quarterdeck-detect --example detector_cost`.
//!
//! Feeds 2,000 invented blocks of 100 transfers (half of them of a token, among 5,000 addresses) to every detector of THE LIST, in
//! three worlds: nothing watched, three addresses watched, and three watched that take part in every tenth transfer; and in a
//! fourth as many exchanges with their traces. First each detector by itself, then all side by side, as the program runs them.

#![expect(clippy::print_stdout, reason = "a benchmark for people")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Instant,
};

use alloy_primitives::b256;
use quarterdeck_core::{
    catalogue::{AddressList, Catalogue},
    chain::{Address, AnyBlock, B256, Call, CallKind, ChainEvent, Log, Transaction, U256},
    detector::{Knowledge, Params},
};
use quarterdeck_detect::{
    detector::Alone,
    detectors::DETECTORS,
    pipeline::{GivenParams, Pipeline},
    rehearsal::{self, HOT, Rehearsal, TOKEN},
    statistics::{Magnitude, RobustWindow},
};

const BLOCKS: usize = 2_000;
const TRANSFERS: usize = 100;
const ADDRESSES: u64 = 5_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bare = world(Catalogue::new(Vec::new(), rehearsal::prices()));
    let watched = world(Catalogue::clone(&rehearsal::knowledge().catalogue));
    let (strangers, ours, traced) = (events(transfers(0)), events(transfers(10)), events(swaps));
    let worlds = [
        ("nothing watched", &bare, &strangers),
        ("watched, strangers", &watched, &strangers),
        ("watched, busy", &watched, &ours),
        ("exchanges, traced", &bare, &traced),
    ];
    let names: Vec<String> = worlds.iter().map(|(name, ..)| format!("{name:>20}")).collect();
    let names = names.concat();
    println!("{:<20} {names}   ns per transaction (signals), largest snapshot", "");
    let mut sums = [0.0; 4];
    for kind in DETECTORS {
        let (mut cells, mut largest) = (Vec::new(), 0);
        for ((_, knowledge, events), sum) in worlds.iter().zip(&mut sums) {
            let params = Params::resolve(kind.id(), kind.params(), &BTreeMap::new())?;
            let mut detector = Alone::new(*kind, &params, Knowledge::clone(knowledge));
            let mut out = Vec::new();
            let cost = cost(|| events.iter().for_each(|event| detector.observe(event, &mut out)));
            *sum += cost;
            largest = largest.max(detector.snapshot().len());
            cells.push(format!("{:>20}", format!("{cost:.1} ({})", out.len())));
        }
        println!("{:<20} {} {:>12}", kind.id(), cells.concat(), format!("{} KiB", largest / 1_024));
    }
    row("sum", &sums);
    let mut together = [0.0; 4];
    for ((_, knowledge, events), together) in worlds.iter().zip(&mut together) {
        let mut pipeline = Pipeline::new(DETECTORS, &GivenParams::new(), knowledge)?;
        let mut out = Vec::new();
        *together = cost(|| events.iter().for_each(|event| pipeline.observe(event, &mut out)));
    }
    row("side by side", &together);
    row("a second, one core", &together.map(|cost| 1e9 / cost));
    windows();
    Ok(())
}

/// What the work takes, in nanoseconds for each transaction.
fn cost(work: impl FnOnce()) -> f64 {
    let start = on_cpu();
    work();
    #[expect(clippy::cast_precision_loss, reason = "200,000")]
    let transactions = (BLOCKS * TRANSFERS) as f64;
    (on_cpu() - start) * 1e9 / transactions
}

fn row(name: &str, figures: &[f64]) {
    let cells: Vec<String> = figures.iter().map(|figure| format!("{figure:>20.1}")).collect();
    println!("{name:<20} {}", cells.concat());
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

fn events(each: impl Fn(&mut Random, usize) -> Transaction) -> Vec<ChainEvent> {
    let mut random = Random(7);
    let mut chain = Rehearsal::default();
    for _ in 0..BLOCKS {
        let block = chain.block((0..TRANSFERS).map(|n| each(&mut random, n)).collect());
        if block.transactions.iter().any(|transaction| !transaction.calls.is_empty())
            && let Some(ChainEvent::Block(AnyBlock::Account(block))) = chain.events.last_mut()
        {
            Arc::make_mut(block).has_traces = true;
        }
    }
    chain.events
}

/// Transfers among strangers; one of so many is ours, of 0 none.
fn transfers(ours_one_of: usize) -> impl Fn(&mut Random, usize) -> Transaction {
    move |random, n| transfer(random, n.checked_rem(ours_one_of) == Some(0))
}

/// Somebody gives a token to a pool through a router, and gets another for it.
fn swaps(random: &mut Random, _: usize) -> Transaction {
    let from = address(random.next() % ADDRESSES);
    let (router, pool) = (address(1 << 41), address(1 << 41 | (random.next() % 64 + 1)));
    let (given, got) = (TOKEN, address(1 << 42 | (random.next() % 64)));
    let amount = U256::from(random.next() % 1_000_000 + 1);
    let input = |selector: [u8; 4], words: &[B256]| [&selector[..], words.concat().as_slice()].concat().into();
    let call = |depth, from, to, input| Call { depth, from, to: Some(to), input, ..Call::default() };
    let (word, value) = (|address: Address| address.into_word(), B256::from(amount));
    let asked = Call {
        kind: CallKind::Static,
        output: B256::from(amount * U256::from(1_000)).to_vec().into(),
        ..call(2, pool, got, input([0x70, 0xa0, 0x82, 0x31], &[word(pool)]))
    };
    let calls = vec![
        call(0, from, router, input([0x38, 0xed, 0x17, 0x39], &[value, value])),
        call(1, router, given, input([0x23, 0xb8, 0x72, 0xdd], &[word(from), word(pool), value])),
        call(1, router, pool, input([0x02, 0x2c, 0x0d, 0x9f], &[value, value, word(from)])),
        call(2, pool, got, input([0xa9, 0x05, 0x9c, 0xbb], &[word(from), value])),
        asked,
    ];
    let topic = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    let log = |token, from, to| Log {
        address: token,
        topics: vec![topic, word(from), word(to)],
        data: value.to_vec().into(),
    };
    let logs = vec![log(given, from, pool), log(got, pool, from)];
    Transaction { from, to: Some(router), calls, logs, status: Some(true), ..Transaction::default() }
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
