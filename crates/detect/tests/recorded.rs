//! The detectors over real recorded blocks and attacks. The bounds are what was reached; falling below them is a regression.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "../../formats/tests/data/unpack.rs"]
mod data;
#[path = "data/recorded.rs"]
mod sets;

use std::{collections::BTreeSet, sync::Arc};

use data::unpack;
use quarterdeck_core::{
    chain::{Block, ChainEvent, ChainNumber},
    detector::Knowledge,
    signal::{Loudness, Signal, SignalChange},
};
use quarterdeck_detect::{
    detector::DetectorKind,
    detectors::account::{
        flash_loan_profit::FlashLoanProfit, privileged_change::PrivilegedChange, reentrancy::Reentrancy,
        vault_drain::VaultDrain,
    },
    facts::flow::Flows,
    pipeline::{GivenParams, Pipeline},
};
use quarterdeck_formats::evm::{Recorded, Recording, sniff};

const ASSET_DETECTORS: &[&dyn DetectorKind] = &[&PrivilegedChange, &FlashLoanProfit, &Reentrancy, &VaultDrain];

fn read(name: &str, bytes: &[u8], chain: ChainNumber) -> Block {
    match sniff(name, bytes, Some(chain)) {
        Ok(Recorded::Block(block) | Recorded::Trace(block)) => *block,
        other => panic!("{name}: {other:?}"),
    }
}

fn loud(blocks: Vec<Block>) -> Vec<Arc<Signal>> {
    let mut pipeline = Pipeline::new(ASSET_DETECTORS, &GivenParams::new(), &Knowledge::default()).unwrap();
    let mut out = Vec::new();
    for block in blocks {
        pipeline.observe(&ChainEvent::Block(Arc::new(block).into()), &mut out);
    }
    let signals = out.into_iter().filter_map(|change| match change {
        SignalChange::Raised { signal } => Some(signal),
        _ => None,
    });
    signals.filter(|signal| signal.loudness > Loudness::Info).collect()
}

#[test]
fn ordinary_blocks_are_quiet() {
    for archive in [
        "evm-mainnet-blocks-traced/blocks.tar.zst",
        "evm-mainnet-blocks/blocks.tar.zst",
        "evm-preattack-blocks/blocks.tar.zst",
    ] {
        let Some(files) = unpack(archive) else { return };
        let blocks = files.iter().map(|(name, bytes)| read(name, bytes, 1)).collect();
        let said: Vec<String> =
            loud(blocks).iter().map(|signal| format!("{}: {}", signal.detector, signal.title)).collect();
        assert_eq!(said, Vec::<String>::new(), "{archive}");
    }
}

/// Blocks with traces and logs of seven chains, and transactions that people named: swaps, lending, bridges, airdrops, loans.
#[test]
fn ordinary_transactions_with_logs_are_quiet() {
    let chains = ["ethereum", "linea", "scroll", "polygon", "optimism_base_arbitrum"];
    let full = sets::blocks(&chains.map(|chain| format!("evm-blocks-full/{chain}.tar.zst")));
    let lines = ["evm-labelled-actions", "evm-mev-labelled"].map(|set| format!("{set}/transactions.jsonl.zst"));
    let (partial, lines) = (sets::blocks(&sets::halves()), sets::blocks(&lines));
    let blocks: Vec<Block> = full.into_iter().chain(partial).chain(lines).collect();
    let count: usize = blocks.iter().map(|block| block.transactions.len()).sum();
    assert!(count == 0 || count == 5_682 + 2_431 + 2_331 + 810 + 15, "{count}");
    let said: Vec<String> =
        loud(blocks).iter().map(|signal| format!("{}: {}", signal.detector, signal.title)).collect();
    assert_eq!(said, Vec::<String>::new());
}

/// Attacks that others played again, with the logs that a node would have: the same rules find them by other evidence.
#[test]
fn attacks_played_again_with_logs_are_found() {
    let all = sets::reproductions();
    let attacks: Vec<_> = all.into_iter().filter(|(_, attack, _)| *attack).collect();
    let (count, found) =
        (attacks.len(), attacks.into_iter().filter(|(.., block)| !loud(vec![block.clone()]).is_empty()));
    let found = found.count();
    assert!(found >= 12 || count == 0, "{found} of {count}");
}

#[test]
fn most_of_the_attacks_are_found() {
    let Some(files) = unpack("evm-exploit-traces/call_traces.tar.zst") else { return };
    let found = |with_outputs: bool| {
        let hit = files.iter().filter(|(name, bytes)| {
            let mut block = read(name, bytes, 1);
            if !with_outputs {
                for call in block.transactions.iter_mut().flat_map(|transaction| &mut transaction.calls) {
                    call.output = quarterdeck_core::chain::Bytes::new();
                }
            }
            !loud(vec![block]).is_empty()
        });
        hit.count()
    };
    assert!(found(true) >= 45, "{} of 67", found(true));
    assert!(found(false) >= 44, "{} of 67 without what calls returned", found(false));
}

/// The flows read from the logs are those that another program wrote down.
#[test]
fn flows_agree_with_the_recorded_token_transfers() {
    let mut recording = Recording::new(Some(1));
    for table in ["blocks", "transactions", "logs"] {
        let Some(files) = unpack(&format!("evm-congestion-may2023/{table}.jsonl.zst")) else { return };
        for (name, bytes) in files {
            recording.add(&name, &bytes).unwrap();
        }
    }
    let mut ours = BTreeSet::new();
    for block in recording.finish().blocks {
        for transaction in &block.transactions {
            for found in Flows::of(&block, transaction).as_slice() {
                if let Some(token) = found.token {
                    ours.insert((
                        transaction.hash.to_string(),
                        [token, found.from, found.to],
                        found.amount.to_string(),
                    ));
                }
            }
        }
    }
    let Some(files) = unpack("evm-congestion-may2023/token_transfers.jsonl.zst") else { return };
    let text = String::from_utf8(files[0].1.clone()).unwrap();
    let mut compared = 0;
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let address = |key: &str| row[key].as_str().unwrap().parse().unwrap();
        let parties = [address("token_address"), address("from_address"), address("to_address")];
        let amount = line.split("\"value\": ").nth(1).and_then(|rest| rest.split(',').next()).unwrap().to_owned();
        if amount != "0" && parties[1] != parties[2] {
            let hash = row["transaction_hash"].as_str().unwrap().to_owned();
            // Of an item the other program writes the number, we the count.
            let known =
                ours.contains(&(hash.clone(), parties, amount)) || ours.contains(&(hash, parties, "1".to_owned()));
            assert!(known, "{line}");
            compared += 1;
        }
    }
    assert!(compared > 250, "{compared}");
}
