//! Detectors over recorded attacks and ordinary blocks: what fired, what was missed, what was said without need.
//!
//! `cargo run -p quarterdeck-detect --example backtest [-- --watch-victims] [--without-outputs] [--fuller] [--signs] [--only NAME]`
//!
//! `--watch-victims` puts the victim of each attack into the catalogue, as its operator would have; `--without-outputs` drops what
//! calls returned, since some sources do not have it; `--fuller` prints every signal; `--signs` what each transaction
//! shows that shows anything; `--only NAME` one attack with what it moved. Reads `QUARTERDECK_DATA`.

#![expect(clippy::print_stdout, reason = "an example prints")]

#[path = "backtest/classes.rs"]
mod classes;
#[path = "../../formats/tests/data/unpack.rs"]
mod data;
#[path = "../tests/data/recorded.rs"]
mod recorded;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quarterdeck_core::{
    catalogue::{AddressRole, Catalogue, Criticality, Service, WatchedAddress},
    chain::{Address, Block, ChainEvent},
    detector::Knowledge,
    id::Name,
    money::Usd,
    signal::{Loudness, Signal, SignalChange},
};
use quarterdeck_detect::{
    detectors::DETECTORS,
    facts::Evidence,
    pipeline::{GivenParams, Pipeline},
};
use quarterdeck_formats::evm::{Recorded, sniff};

struct Incident {
    name: String,
    date: String,
    victim: Option<Address>,
}

struct Options {
    watch: bool,
    outputs: bool,
    fuller: bool,
    signs: bool,
    only: Option<String>,
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| given.iter().any(|one| one == flag);
    let options = Options {
        watch: has("--watch-victims"),
        outputs: !has("--without-outputs"),
        fuller: has("--fuller"),
        signs: has("--signs"),
        only: given.iter().skip_while(|one| *one != "--only").nth(1).cloned(),
    };
    attacks(&options);
    again(&options);
    if options.only.is_some() {
        return;
    }
    let mut all = Tally::default();
    for archive in [
        "evm-mainnet-blocks-traced/blocks.tar.zst",
        "evm-mainnet-blocks/blocks.tar.zst",
        "evm-preattack-blocks/blocks.tar.zst",
    ] {
        all.take(&report(archive, &ordinary(archive, &options), &options));
    }
    let tables = ["blocks", "transactions", "logs"].map(|table| format!("evm-congestion-may2023/{table}.jsonl.zst"));
    all.take(&report("evm-congestion-may2023", &recorded::blocks(&tables), &options));
    let chains = ["ethereum", "linea", "scroll", "polygon", "optimism_base_arbitrum"];
    let full = chains.map(|chain| format!("evm-blocks-full/{chain}.tar.zst"));
    let lines = ["evm-labelled-actions", "evm-mev-labelled"].map(|set| format!("{set}/transactions.jsonl.zst"));
    for archive in full.into_iter().chain(recorded::halves()).chain(lines) {
        all.take(&report(&archive, &recorded::blocks(std::slice::from_ref(&archive)), &options));
    }
    println!(
        "all ordinary sets: {} transactions, {} of them traced; {} named by a loud signal",
        all.transactions, all.traced, all.named
    );
}

/// What was said about ordinary transactions.
#[derive(Default)]
struct Tally {
    transactions: usize,
    traced: usize,
    named: usize,
}

impl Tally {
    fn take(&mut self, other: &Self) {
        self.transactions += other.transactions;
        self.traced += other.traced;
        self.named += other.named;
    }
}

/// How many of how many, and which not.
#[derive(Default)]
struct Share {
    found: usize,
    all: usize,
    missed: Vec<String>,
}

impl Share {
    fn add(&mut self, name: &str, found: bool) {
        self.all += 1;
        self.found += usize::from(found);
        if !found {
            self.missed.push(name.to_owned());
        }
    }
    fn print(&self, what: &str) {
        println!("  {what:<22}{:>3} of {:<3} missed: {}", self.found, self.all, self.missed.join(", "));
    }
}

fn attacks(options: &Options) {
    let Some(files) = data::unpack("evm-exploit-traces/call_traces.tar.zst") else { return };
    let incidents = incidents();
    let mut by_class: BTreeMap<&str, Share> = BTreeMap::new();
    let mut by_year: BTreeMap<String, Share> = BTreeMap::new();
    let mut by_detector: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Share::default();
    for (name, bytes) in &files {
        let Some(block) = read(name, bytes, options) else { continue };
        let hash = block.transactions.first().map(|t| t.hash.to_string()).unwrap_or_default();
        let Some(incident) = incidents.get(&hash) else { continue };
        let Some(loud) = judge(&incident.name, incident.victim, &block, options) else { continue };
        let year = incident.date.split('/').next().unwrap_or_default();
        by_class.entry(classes::class(&incident.name)).or_default().add(&incident.name, !loud.is_empty());
        by_year.entry(year.to_owned()).or_default().add(&incident.name, !loud.is_empty());
        all.add(&incident.name, !loud.is_empty());
        for detector in loud {
            *by_detector.entry(detector).or_default() += 1;
        }
    }
    println!("\nshare of attacks with a warning or louder");
    for (class, share) in &by_class {
        share.print(class);
    }
    for (year, share) in &by_year {
        share.print(year);
    }
    all.print("all");
    println!("  by detector {by_detector:?}\n");
}

/// Attacks that others played again, with logs.
fn again(options: &Options) {
    let mut all = Share::default();
    for (name, attack, block) in recorded::reproductions() {
        let Some(loud) = judge(&name, None, &block, options) else { continue };
        if attack {
            all.add(&name, !loud.is_empty());
        }
    }
    println!("\nattacks played again, with logs (not for recall)");
    all.print("all");
    println!();
}

/// Prints what is said about an attack, and gives the detectors that were loud; none if it was not asked for.
fn judge(name: &str, victim: Option<Address>, block: &Block, options: &Options) -> Option<BTreeSet<String>> {
    if options.only.as_deref().is_some_and(|only| only != name) {
        return None;
    }
    let knowledge = if options.watch { watching(block, name, victim) } else { Knowledge::default() };
    let signals = run(std::slice::from_ref(block), &knowledge);
    let all: Vec<String> = signals.iter().map(|s| format!("{} {:?}", s.detector, s.loudness)).collect();
    signs(name, std::slice::from_ref(block), options);
    println!("{name:<22} {}", if all.is_empty() { "-".to_owned() } else { all.join(", ") });
    if options.fuller || options.only.is_some() {
        for s in &signals {
            println!("      {} | {}", s.title, s.explanation.text);
        }
    }
    if options.only.is_some() {
        show(block, &knowledge);
    }
    Some(signals.iter().filter(|s| s.loudness > Loudness::Info).map(|s| s.detector.to_string()).collect())
}

/// What a transaction moved, and who took what from whom.
fn show(block: &Block, knowledge: &Knowledge) {
    let event = ChainEvent::Block(Arc::new(block.clone()).into());
    let evidence = Evidence::of(&event, &knowledge.catalogue);
    for case in evidence.cases() {
        println!("from {} to {:?}", case.transaction.from, case.transaction.to);
        for flow in case.flows().iter().take(400) {
            println!("  {:?} {} -> {} {}", flow.token, flow.from, flow.to, flow.amount);
        }
        println!("{:#?}", case.extraction());
    }
}

fn ordinary(archive: &str, options: &Options) -> Vec<Block> {
    let files = data::unpack(archive).unwrap_or_default();
    // 10921990 and 10921991 carry the same transactions: they count once.
    let files = files.iter().filter(|(name, _)| !name.contains("10921991"));
    files.filter_map(|(name, bytes)| read(name, bytes, options)).collect()
}

/// One line for each transaction that shows anything.
fn signs(what: &str, blocks: &[Block], options: &Options) {
    for block in blocks.iter().filter(|_| options.signs) {
        let event = ChainEvent::Block(Arc::new(block.clone()).into());
        let catalogue = Catalogue::default();
        let evidence = Evidence::of(&event, &catalogue);
        for case in evidence.cases().filter(|case| case.transaction.calls.len() > 1) {
            let found = case.extraction();
            let s = &found.signs;
            let robbed = found.victims.iter().filter(|victim| victim.one_sided).count();
            println!(
                "S {what} {} gain={} taken={} lost={} up={}/{} victims={}/{robbed} loans={} re={}{} pay={} pull={} help={} new={} appr={} posed={} create={}",
                case.transaction.hash,
                found.gain() / 100,
                found.one_sided_loss() / 100,
                found.profit.lost / 100,
                found.profit.unpriced_gains,
                found.profit.unpriced_losses,
                found.victims.len(),
                found.loans.len(),
                s.reentries,
                if s.same_function { "!" } else { "" },
                s.payments,
                s.pulls,
                s.helpers,
                s.newborn,
                u8::from(s.approved_by.is_some()),
                s.posed,
                u8::from(found.by_creation),
            );
        }
    }
}

fn report(what: &str, blocks: &[Block], options: &Options) -> Tally {
    signs(what, blocks, options);
    let signals = run(blocks, &Knowledge::default());
    let each = || blocks.iter().flat_map(|block| &block.transactions);
    let loud: Vec<&Signal> = signals.iter().filter(|s| s.loudness > Loudness::Info).collect();
    let named: BTreeSet<String> =
        loud.iter().filter_map(|s| s.position.as_ref()?.transaction).map(|hash| hash.to_string()).collect();
    let tally = Tally {
        transactions: each().count(),
        traced: each().filter(|transaction| !transaction.calls.is_empty()).count(),
        named: named.len(),
    };
    println!(
        "{what}: {} blocks, {} transactions, {} loud, {} recorded",
        blocks.len(),
        tally.transactions,
        loud.len(),
        signals.len() - loud.len()
    );
    for signal in signals.iter().filter(|s| options.fuller || s.loudness > Loudness::Info) {
        let place = signal.position.as_ref().map(|p| format!("{} {:?}", p.block.number, p.transaction));
        println!(
            "  {:?} {} {} | {} | {}",
            signal.loudness,
            signal.detector,
            place.unwrap_or_default(),
            signal.title,
            signal.explanation.text
        );
    }
    tally
}

fn run(blocks: &[Block], knowledge: &Knowledge) -> Vec<Signal> {
    let mut pipeline = match Pipeline::new(DETECTORS, &GivenParams::new(), knowledge) {
        Ok(pipeline) => pipeline,
        Err(error) => {
            println!("{error}");
            return Vec::new();
        }
    };
    let mut out = Vec::new();
    for block in blocks {
        pipeline.observe(&ChainEvent::Block(Arc::new(block.clone()).into()), &mut out);
    }
    out.into_iter()
        .filter_map(|change| match change {
            SignalChange::Raised { signal } => Some(Signal::clone(&signal)),
            _ => None,
        })
        .collect()
}

fn read(name: &str, bytes: &[u8], options: &Options) -> Option<Block> {
    let mut block = match sniff(name, bytes, Some(1)) {
        Ok(Recorded::Block(block) | Recorded::Trace(block)) => *block,
        Ok(_) => return None,
        Err(error) => {
            println!("{name}: {error}");
            return None;
        }
    };
    if !options.outputs {
        for call in block.transactions.iter_mut().flat_map(|transaction| &mut transaction.calls) {
            call.output = quarterdeck_core::chain::Bytes::new();
        }
    }
    Some(block)
}

fn incidents() -> BTreeMap<String, Incident> {
    let Some(files) = data::unpack("evm-exploit-traces/incidents.csv.zst") else { return BTreeMap::new() };
    let text = files.first().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let (name, date, hash, victim) = (fields.first()?, fields.get(1)?, fields.get(2)?, fields.get(4)?);
            let (name, date) = ((*name).to_owned(), (*date).to_owned());
            Some((hash.to_lowercase(), Incident { name, date, victim: victim.parse().ok() }))
        })
        .collect()
}

fn watching(block: &Block, name: &str, victim: Option<Address>) -> Knowledge {
    let (Some(victim), Ok(id), Ok(policy)) = (victim, Name::new("victim"), Name::new("default")) else {
        return Knowledge::default();
    };
    let watched =
        WatchedAddress { chain: block.chain, address: victim.into(), role: AddressRole::Vault, label: name.to_owned() };
    let service = Service {
        id,
        title: name.to_owned(),
        criticality: Criticality::Critical,
        users: 0,
        revenue_per_hour: Usd::ZERO,
        assets: Usd::ZERO,
        regulated: false,
        depends_on: BTreeSet::new(),
        policy,
        addresses: vec![watched],
    };
    Knowledge { catalogue: Arc::new(Catalogue::new(vec![service], Vec::new())) }
}
