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
    let Finished { blocks, left_out, .. } = recording.finish();
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
    let Finished { blocks, left_out, .. } = recording.finish();
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
    for (network, count) in
        [("polygon", 284), ("optimism_base_arbitrum", 48), ("ethereum", 4_249), ("linea", 928), ("scroll", 173)]
    {
        let Some(files) = unpack(&format!("evm-blocks-full/{network}.tar.zst")) else { return };
        let blocks: Vec<Block> = files.iter().map(|(name, bytes)| block(name, bytes)).collect();
        assert_eq!(blocks.iter().map(|block| block.transactions.len()).sum::<usize>(), count, "{network}");
        assert!(
            blocks.iter().all(|block| block.transactions.is_empty() || block.has_receipts && block.has_traces),
            "{network}"
        );
        unread.extend(
            blocks
                .iter()
                .flat_map(|block| block.unread.named().iter().map(move |one| format!("{}: {one}", block.number))),
        );
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

/// Half blocks, transactions a line, and attacks played again: nothing of them is lost.
#[test]
fn documents_lines_and_attacks_played_again() {
    let read = |archives: &[&str]| {
        let mut recording = Recording::new(Some(1));
        for archive in archives {
            for (name, bytes) in unpack(archive)? {
                recording.add(&name, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
        let done = recording.finish();
        assert_eq!(done.left_out, [], "{archives:?}");
        // One block of the halves has no hashes of its transactions, neither there nor in the receipts: that is said, and nothing else.
        let unread = done.blocks.iter().filter(|block| block.number != 19_529_493).map(|block| block.unread.count());
        assert_eq!(unread.sum::<u64>(), 0, "{archives:?}");
        let transactions: Vec<_> = done.blocks.iter().flat_map(|block| &block.transactions).collect();
        let logs: usize = transactions.iter().map(|transaction| transaction.logs.len()).sum();
        Some((done.blocks.len(), transactions.len(), logs, done.repeated))
    };
    let want = [
        ("evm-blocks-partial/receipts.tar.zst", (16, 2_431, 4_068, 0)),
        ("evm-blocks-partial/traces.tar.zst", (36, 2_331, 0, 0)),
        ("evm-labelled-actions/transactions.jsonl.zst", (808, 810, 11_216, 0)),
        ("evm-mev-labelled/transactions.jsonl.zst", (15, 15, 0, 0)),
    ];
    for (archive, want) in want {
        let Some(found) = read(&[archive]) else { return };
        assert_eq!(found, want, "{archive}");
    }
    let Some((blocks, transactions, logs, repeated)) = read(&["evm-attack-reproductions/reproductions.tar.zst"]) else {
        return;
    };
    assert!((blocks, transactions, repeated) == (25, 25, 0) && logs > 500, "{logs}");
    // The same blocks as documents and as answers of a node are judged once.
    let archives = ["evm-blocks-full/linea.tar.zst", "evm-blocks-full/rpc/linea.tar.zst"];
    let Some((blocks, transactions, _, repeated)) = read(&archives) else { return };
    assert_eq!((blocks, transactions, repeated), (57, 928, 57));
}
