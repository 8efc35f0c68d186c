//! Every recorded real block, trace and attack decodes, and the counts are those of their description.

#![expect(clippy::panic, reason = "a test")]

#[path = "data/unpack.rs"]
mod data;

use std::collections::BTreeSet;

use data::unpack;
use quarterdeck_core::chain::{Block, ChainId};
use quarterdeck_formats::evm::{self, Finished, Recorded, Recording};

fn block(name: &str, bytes: &[u8]) -> Block {
    match evm::sniff(name, bytes, Some(1)).unwrap_or_else(|e| panic!("{name}: {e}")) {
        Recorded::Block(block) | Recorded::Trace(block) => *block,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn mainnet_blocks() {
    let Some(files) = unpack("evm-mainnet-blocks/blocks.tar.zst") else { return };
    let blocks: Vec<Block> = files.iter().map(|(name, bytes)| block(name, bytes)).collect();
    assert_eq!((blocks.len(), blocks.iter().map(|b| b.transactions.len()).sum::<usize>()), (70, 21_394));
    assert!(blocks.iter().all(|b| b.chain == ChainId::evm(1) && !b.has_receipts && !b.has_traces));
    let london = blocks.iter().find(|b| b.number == 12_965_000).unwrap();
    assert_eq!(london.base_fee, Some(1_000_000_000));
    assert_eq!(london.time.to_string(), "2021-08-05T12:33:42.000Z");
}

#[test]
fn preattack_blocks() {
    let Some(files) = unpack("evm-preattack-blocks/blocks.tar.zst") else { return };
    let blocks: Vec<Block> = files.iter().map(|(name, bytes)| block(name, bytes)).collect();
    assert_eq!((blocks.len(), blocks.iter().map(|b| b.transactions.len()).sum::<usize>()), (29, 4_698));
    assert_eq!(
        blocks.iter().map(|b| b.chain).collect::<BTreeSet<_>>(),
        BTreeSet::from([1, 56, 100, 137, 42_161].map(ChainId::evm))
    );
}

#[test]
fn traced_blocks() {
    let Some(files) = unpack("evm-mainnet-blocks-traced/blocks.tar.zst") else { return };
    let blocks: Vec<Block> = files.iter().map(|(name, bytes)| block(name, bytes)).collect();
    assert_eq!(blocks.len(), 14);
    let hashes: BTreeSet<_> = blocks.iter().flat_map(|b| b.transactions.iter().map(|t| t.hash)).collect();
    let calls: usize = blocks.iter().flat_map(|b| &b.transactions).map(|t| t.calls.len()).sum();
    assert_eq!((hashes.len(), calls), (2_718, 13_633));
    assert!(blocks.iter().flat_map(|b| &b.transactions).all(|t| t.calls[0].from == t.from));
}

#[test]
fn attack_traces() {
    let Some(files) = unpack("evm-exploit-traces/call_traces.tar.zst") else { return };
    let blocks: Vec<Block> = files.iter().map(|(name, bytes)| block(name, bytes)).collect();
    let calls: usize = blocks.iter().map(|b| b.transactions[0].calls.len()).sum();
    assert_eq!((blocks.len(), calls), (67, 25_086));
    for ((name, _), block) in files.iter().zip(&blocks) {
        assert!(name.contains(&block.transactions[0].hash.to_string()), "{name}: hash from the name");
        let chain = if name.contains("BSC") { 56 } else { 1 };
        assert_eq!(block.chain, ChainId::evm(chain), "{name}");
    }
    assert_eq!(blocks.iter().flat_map(|b| &b.transactions[0].calls).map(|c| c.depth).max(), Some(64));
}

#[test]
fn lines_of_four_tables_make_blocks_with_logs() {
    let mut recording = Recording::new(Some(1));
    for table in ["logs", "transactions", "token_transfers", "blocks"] {
        let Some(files) = unpack(&format!("evm-congestion-may2023/{table}.jsonl.zst")) else { return };
        for (name, bytes) in files {
            recording.add(&name, &bytes).unwrap();
        }
    }
    let Finished { blocks, left_out } = recording.finish();
    assert_eq!(left_out, []);
    let transactions: Vec<_> = blocks.iter().flat_map(|b| &b.transactions).collect();
    assert_eq!((blocks.len(), transactions.len()), (2, 298));
    assert_eq!(transactions.iter().map(|t| t.logs.len()).sum::<usize>(), 681);
    assert_eq!(transactions.iter().filter(|t| t.status == Some(false)).count(), 9);
    assert!(blocks.iter().all(|b| b.has_receipts && b.chain == ChainId::evm(1)));
    assert_eq!(blocks[0].reference().number + 1, blocks[1].number);
    assert_eq!(blocks[1].parent, blocks[0].hash);
}

/// Real bodies cut off anywhere, or with one byte changed anywhere, are an error or a block, never a panic.
#[test]
fn damaged_real_bodies_never_panic() {
    for archive in [
        "evm-mainnet-blocks-traced/blocks.tar.zst",
        "evm-exploit-traces/call_traces.tar.zst",
        "evm-preattack-blocks/blocks.tar.zst",
    ] {
        let Some(files) = unpack(archive) else { return };
        let (name, body) = files.iter().min_by_key(|(_, body)| body.len()).unwrap();
        let step = (body.len() / 400).max(1);
        for at in (0..body.len()).step_by(step) {
            assert!(evm::sniff(name, &body[..at], None).is_err(), "{name} cut at {at}");
            let mut changed = body.clone();
            changed[at] ^= 0x15;
            drop(evm::sniff(name, &changed, None));
        }
    }
}

/// Whole blocks with receipts and traces as nodes of six networks answer, empty ones too.
#[test]
fn whole_blocks_of_other_networks() {
    let mut recording = Recording::new(Some(1));
    for network in ["ethereum", "linea", "optimism_base_arbitrum", "scroll"] {
        let Some(files) = unpack(&format!("evm-blocks-full/rpc/{network}.tar.zst")) else { return };
        for (name, bytes) in files {
            recording.add(&name, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    let Finished { blocks, left_out } = recording.finish();
    assert_eq!(left_out, []);
    assert_eq!((blocks.len(), blocks.iter().map(|b| b.transactions.len()).sum::<usize>()), (159, 5_398));
    assert!(
        blocks.iter().all(|b| b.unread.is_empty() && (b.transactions.is_empty() || b.has_receipts && b.has_traces))
    );
}

/// The same with fields as they are: Optimism's deposits have no fee, and Polygon's last transaction is nobody's.
#[test]
fn odd_fields_of_other_networks_cost_themselves_alone() {
    let mut unread = Vec::new();
    for network in ["polygon", "optimism_base_arbitrum"] {
        let Some(files) = unpack(&format!("evm-blocks-full/{network}.tar.zst")) else { return };
        for (name, bytes) in files {
            let whole: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let mut body = whole["header"].clone();
            body["miner"] = body["coinbase"].clone();
            body["transactions"] = whole["transactions"].clone();
            let mut receipts = whole["receipts"].clone();
            for receipt in receipts.as_array_mut().unwrap() {
                receipt["blockHash"] = body["hash"].clone();
            }
            let chain = whole["chainId"].as_u64().or_else(|| whole["chainId"].as_str()?.parse().ok());
            let mut block = evm::decode_block(body.to_string().as_bytes(), chain.or(Some(10))).unwrap();
            evm::attach_receipts(&mut block, receipts.to_string().as_bytes()).unwrap();
            evm::attach_traces(&mut block, whole["traces"].to_string().as_bytes()).unwrap();
            assert_eq!(block.transactions.len(), whole["transactions"].as_array().unwrap().len(), "{name}");
            unread.extend(block.unread.named().iter().map(|one| format!("{}: {one}", block.number)));
        }
    }
    assert_eq!(
        unread,
        [
            "10000000: call of transaction 5: field `from` is missing",
            "10000000: call of transaction 5: field `to` is missing",
            "20000000: call of transaction 110: field `from` is missing",
            "20000000: call of transaction 110: field `to` is missing",
        ]
    );
}
