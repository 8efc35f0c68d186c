//! Ordinary mainnet blocks are quiet: 70 isolated blocks of nine years, recorded from public nodes, give nothing that wakes anyone.
//!
//! The recordings are not part of the repository. They are looked for in `QUARTERDECK_DATA`, else beside the checkout.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

#[path = "../../formats/tests/data/unpack.rs"]
mod unpack;

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck_core::{
    catalogue::{AddressRole, Asset, Catalogue, WatchedAddress},
    chain::{Address, Block, ChainEvent, ChainId},
    detector::{Knowledge, Params},
    money::Price,
    signal::{Loudness, Signal, SignalChange},
};
use quarterdeck_detect::{detector::Alone, detectors::DETECTORS};
use quarterdeck_formats::evm::Recording;

/// The detectors that judge sizes, counts, flows and lists; those of attacks have their own tests on attacks.
const STATISTICAL: [&str; 6] =
    ["unusual_size", "frequency_spike", "sudden_outflow", "listed_entity", "reorganization", "observation_loss"];

/// The blocks of a recording, lowest first; none, with a word, where the recording is not here.
fn blocks(name: &str) -> Option<Vec<Arc<Block>>> {
    let mut recording = Recording::new(Some(1));
    for (file, bytes) in unpack::unpack(name)? {
        recording.add(&file, &bytes).unwrap_or_else(|error| panic!("read {file}: {error}"));
    }
    let mut blocks: Vec<Arc<Block>> = recording.finish().blocks.into_iter().map(Arc::new).collect();
    blocks.sort_by_key(|block| (block.chain, block.number));
    Some(blocks)
}

/// The large assets at rough prices of these years: without a price nothing is judged by size.
fn prices() -> Vec<Asset> {
    let asset = |token: Option<&str>, symbol: &str, dollars: u64, decimals| Asset {
        chain: ChainId::evm(1),
        token: token.map(|text| text.parse::<Address>().unwrap()),
        symbol: symbol.to_owned(),
        price: Price { micro_usd: dollars * 1_000_000, decimals },
    };
    vec![
        asset(None, "ETH", 2_000, 18),
        asset(Some("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"), "WETH", 2_000, 18),
        asset(Some("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"), "USDC", 1, 6),
        asset(Some("0xdAC17F958D2ee523a2206206994597C13D831ec7"), "USDT", 1, 6),
        asset(Some("0x6B175474E89094C44Da98b954EedeAC495271d0F"), "DAI", 1, 18),
    ]
}

/// What all detectors with default parameters say to these blocks.
fn said(blocks: &[Arc<Block>], catalogue: &Catalogue) -> Vec<Arc<Signal>> {
    let knowledge = Knowledge { catalogue: Arc::new(catalogue.clone()) };
    let mut out = Vec::new();
    for kind in DETECTORS {
        let params = Params::resolve(kind.id(), kind.params(), &BTreeMap::new()).unwrap();
        let mut detector = Alone::new(*kind, &params, knowledge.clone());
        for block in blocks {
            detector.observe(&ChainEvent::Block(Arc::clone(block).into()), &mut out);
        }
    }
    let raised = |change| match change {
        SignalChange::Raised { signal } => Some(signal),
        _ => None,
    };
    out.into_iter().filter_map(raised).collect()
}

fn report(name: &str, signals: &[Arc<Signal>]) {
    for signal in signals {
        let height = signal.position.as_ref().map_or(0, |position| position.block.number);
        eprintln!("{name}: {height} {:?} {} {}", signal.loudness, signal.detector, signal.title);
    }
}

#[test]
fn ordinary_blocks_wake_nobody() {
    let Some(blocks) = blocks("evm-mainnet-blocks/blocks.tar.zst") else { return };
    assert!(blocks.len() >= 70, "{}", blocks.len());
    for (name, catalogue) in [("no catalogue", Catalogue::default()), ("prices", Catalogue::new(Vec::new(), prices()))]
    {
        let signals = said(&blocks, &catalogue);
        report(name, &signals);
        let loud = signals.iter().filter(|signal| signal.loudness >= Loudness::Warning).count();
        assert_eq!(loud, 0, "with {name}");
        // One for the record in two blocks is more than a person reads.
        assert!(signals.len() * 2 <= blocks.len(), "with {name}: {}", signals.len());
    }
}

#[test]
fn hard_blocks_and_the_blocks_before_attacks_wake_nobody_who_watches_nothing() {
    for name in ["evm-mainnet-blocks-traced/blocks.tar.zst", "evm-preattack-blocks/blocks.tar.zst"] {
        let Some(blocks) = blocks(name) else { continue };
        let signals = said(&blocks, &Catalogue::new(Vec::new(), prices()));
        report(name, &signals);
        assert!(
            signals
                .iter()
                .all(|signal| !STATISTICAL.contains(&signal.detector.as_str()) || signal.loudness == Loudness::Info)
        );
    }
}

/// The forty busiest addresses of these blocks, watched as if they were one operator's wallets: exchanges' payout wallets, miners,
/// routers. Nothing was stolen from them, so each warning is a false one. A robust z alone gave 13 of them, 7 in one block.
#[test]
fn busy_wallets_of_nine_years_give_at_most_three_false_warnings() {
    let Some(blocks) = blocks("evm-mainnet-blocks/blocks.tar.zst") else { return };
    let mut seen: BTreeMap<Address, usize> = BTreeMap::new();
    for transaction in blocks.iter().flat_map(|block| &block.transactions) {
        for address in [Some(transaction.from), transaction.to].into_iter().flatten() {
            *seen.entry(address).or_default() += 1;
        }
    }
    let mut busiest: Vec<(usize, Address)> = seen.into_iter().map(|(address, count)| (count, address)).collect();
    busiest.sort_unstable_by(|a, b| b.cmp(a));
    busiest.truncate(40);
    let watched = |(count, address): &(usize, Address)| WatchedAddress {
        chain: ChainId::evm(1),
        address: (*address).into(),
        role: AddressRole::Wallet,
        label: format!("busy {count}"),
    };
    let service = quarterdeck_detect::rehearsal::service("busy", busiest.iter().map(watched).collect()).unwrap();
    let mut signals = said(&blocks, &Catalogue::new(vec![service], prices()));
    signals.retain(|signal| STATISTICAL.contains(&signal.detector.as_str()));
    report("busy", &signals);
    let loud = |loudness| signals.iter().filter(|signal| signal.loudness == loudness).count();
    assert!(loud(Loudness::Warning) <= 3 && loud(Loudness::Error) == 0 && loud(Loudness::Critical) == 0);
}
