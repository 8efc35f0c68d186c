//! Detectors over recorded attacks and ordinary blocks: what fired, what was missed, what was said without need.
//!
//! `cargo run -p quarterdeck-detect --example backtest [-- --watch-victims] [--without-outputs] [--fuller]`
//!
//! `--watch-victims` puts the victim of each attack into the catalogue, as its operator would have; `--without-outputs` drops what
//! calls returned, since some sources do not have it; `--fuller` prints every signal. Reads `QUARTERDECK_DATA`.

#![expect(clippy::print_stdout, reason = "an example prints")]

#[path = "../../formats/tests/data/unpack.rs"]
mod data;

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
    pipeline::{GivenParams, Pipeline},
};
use quarterdeck_formats::evm::{Recorded, sniff};

/// Attack class of an incident, by its public reviews.
const CLASSES: &[(&str, &[&str])] = &[
    (
        "re-entrance",
        &[
            "TheDAO",
            "SpankChain",
            "Uniswap",
            "Lendf.Me",
            "OUSD",
            "Akropolis",
            "CreamFinance",
            "XSURGE",
            "Visor",
            "Revest",
            "DFXFinance",
            "Opyn",
        ],
    ),
    (
        "price or share price",
        &[
            "Balancer",
            "Harvest",
            "CheeseBank",
            "WarpFinance",
            "ArrayFinance",
            "xWinFinance",
            "WaultFinance",
            "InverseFinance",
            "Ploutoz",
            "Fortress",
            "Indexed",
            "Spartan",
            "ApeRocket",
            "Pancakehunny",
            "Eminence",
            "RariCapital",
            "SaddleFinance",
            "ImpossibleFinance",
            "Nerve",
            "EvoDefi",
            "NimbusDAO",
            "Health",
            "Lever",
            "Pinecone",
            "VTFToken",
            "SpaceGodzilla",
            "ULMEToken",
        ],
    ),
    (
        "access",
        &[
            "Parity",
            "PunkProtocol",
            "DAOMaker",
            "PolyNetwork",
            "BentFinance",
            "SandboxLAND",
            "ChainSwap",
            "Templedao",
            "Ragnarok",
            "THORChain",
            "OlympusDAO",
        ],
    ),
    ("approvals", &["Bancor", "DeFiSaver", "Multichain", "Rubic", "Brahma", "Numbers"]),
    ("arithmetic", &["BeautyChain", "SmartMesh", "EDU&BAI", "Umbrella"]),
    (
        "logic",
        &[
            "Fomo3D",
            "PopsicleFinance",
            "ElevenFinance",
            "KaoyaSwap",
            "TeamFinance",
            "SheepFarm",
            "XCarnival",
            "SanshuInu",
            "Formation.Fi",
            "EvoDefi",
        ],
    ),
];

struct Incident {
    name: String,
    victim: Option<Address>,
}

struct Options {
    watch: bool,
    outputs: bool,
    fuller: bool,
}

fn main() {
    let given: BTreeSet<String> = std::env::args().skip(1).collect();
    let options = Options {
        watch: given.contains("--watch-victims"),
        outputs: !given.contains("--without-outputs"),
        fuller: given.contains("--fuller"),
    };
    attacks(&options);
    for archive in [
        "evm-mainnet-blocks-traced/blocks.tar.zst",
        "evm-mainnet-blocks/blocks.tar.zst",
        "evm-preattack-blocks/blocks.tar.zst",
    ] {
        ordinary(archive, &options);
    }
    let Some(files) = data::unpack("evm-congestion-may2023/blocks.jsonl.zst") else { return };
    let mut recording = quarterdeck_formats::evm::Recording::new(Some(1));
    let tables =
        ["transactions", "logs"].iter().filter_map(|t| data::unpack(&format!("evm-congestion-may2023/{t}.jsonl.zst")));
    for (name, bytes) in files.into_iter().chain(tables.flatten()) {
        recording.add(&name, &bytes).unwrap_or_else(|error| println!("{name}: {error}"));
    }
    report("evm-congestion-may2023 (with receipts)", &recording.finish().blocks, &options);
}

fn attacks(options: &Options) {
    let Some(files) = data::unpack("evm-exploit-traces/call_traces.tar.zst") else { return };
    let incidents = incidents();
    let mut by_class: BTreeMap<&str, (usize, usize, Vec<String>)> = BTreeMap::new();
    let mut by_detector: BTreeMap<String, usize> = BTreeMap::new();
    for (name, bytes) in &files {
        let Some(block) = read(name, bytes, options) else { continue };
        let hash = block.transactions.first().map(|t| t.hash.to_string()).unwrap_or_default();
        let Some(incident) = incidents.get(&hash) else { continue };
        let knowledge = if options.watch { watching(&block, incident) } else { Knowledge::default() };
        let signals = run(&[block], &knowledge);
        let loud: BTreeSet<String> =
            signals.iter().filter(|s| s.loudness > Loudness::Info).map(|s| s.detector.to_string()).collect();
        let all: Vec<String> = signals.iter().map(|s| format!("{} {:?}", s.detector, s.loudness)).collect();
        println!("{:<18} {}", incident.name, if all.is_empty() { "-".to_owned() } else { all.join(", ") });
        if options.fuller {
            for s in &signals {
                println!("      {} | {}", s.title, s.explanation.text);
            }
        }
        let class = CLASSES
            .iter()
            .find(|(_, names)| names.contains(&incident.name.as_str()))
            .map_or("other", |(class, _)| class);
        let (found, total, missed) = by_class.entry(class).or_default();
        *total += 1;
        *found += usize::from(!loud.is_empty());
        if loud.is_empty() {
            missed.push(incident.name.clone());
        }
        for detector in loud {
            *by_detector.entry(detector).or_default() += 1;
        }
    }
    println!("\nshare of attacks with a warning or louder");
    let (mut found, mut total) = (0, 0);
    for (class, (some, all, missed)) in &by_class {
        println!("  {class:<22}{some:>3} of {all:<3} missed: {}", missed.join(", "));
        found += some;
        total += all;
    }
    println!("  all                   {found:>3} of {total}   by detector {by_detector:?}\n");
}

fn ordinary(archive: &str, options: &Options) {
    let Some(files) = data::unpack(archive) else { return };
    // 10921990 and 10921991 carry the same transactions: they count once.
    let files = files.iter().filter(|(name, _)| !name.contains("10921991"));
    let blocks: Vec<Block> = files.filter_map(|(name, bytes)| read(name, bytes, options)).collect();
    report(archive, &blocks, options);
}

fn report(what: &str, blocks: &[Block], options: &Options) {
    let signals = run(blocks, &Knowledge::default());
    let transactions: usize = blocks.iter().map(|block| block.transactions.len()).sum();
    let loud: Vec<&Signal> = signals.iter().filter(|s| s.loudness > Loudness::Info).collect();
    println!(
        "{what}: {} blocks, {transactions} transactions, {} loud, {} recorded",
        blocks.len(),
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
            let (name, hash, victim) = (fields.first()?, fields.get(2)?, fields.get(4)?);
            Some((hash.to_lowercase(), Incident { name: (*name).to_owned(), victim: victim.parse().ok() }))
        })
        .collect()
}

fn watching(block: &Block, incident: &Incident) -> Knowledge {
    let (Some(victim), Ok(id), Ok(policy)) = (incident.victim, Name::new("victim"), Name::new("default")) else {
        return Knowledge::default();
    };
    let watched = WatchedAddress {
        chain: block.chain,
        address: victim.into(),
        role: AddressRole::Vault,
        label: incident.name.clone(),
    };
    let service = Service {
        id,
        title: incident.name.clone(),
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
