//! The detectors over real recorded blocks and attacks. The bounds are what was reached; falling below them is a regression.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "../../formats/tests/data/unpack.rs"]
mod data;

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
        flash_loan_profit::FlashLoanProfit, privileged_change::PrivilegedChange, vault_drain::VaultDrain,
    },
    facts::flow::Flows,
    pipeline::{GivenParams, Pipeline},
};
use quarterdeck_formats::evm::{Recorded, Recording, sniff};

const ASSET_DETECTORS: &[&dyn DetectorKind] = &[&PrivilegedChange, &FlashLoanProfit, &VaultDrain];

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

#[test]
fn more_than_half_of_the_attacks_are_found() {
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
    assert!(found(true) >= 36, "{} of 67", found(true));
    assert!(found(false) >= 33, "{} of 67 without what calls returned", found(false));
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
