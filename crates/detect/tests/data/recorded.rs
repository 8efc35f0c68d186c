//! The blocks of recorded sets, read as the program reads them. Used by tests and examples.

#![expect(clippy::print_stderr, reason = "support of tests and examples: what cannot be read is said")]

use quarterdeck_core::chain::Block;
use quarterdeck_formats::evm::{Recorded, Recording, sniff};
use serde::Deserialize;

use super::data::unpack;

/// The blocks of one set, of these archives, in order; none where they are not here.
pub(crate) fn blocks(archives: &[String]) -> Vec<Block> {
    let mut recording = Recording::new(Some(1));
    for archive in archives {
        for (name, bytes) in unpack(archive).unwrap_or_default() {
            recording.add(&name, &bytes).unwrap_or_else(|why| eprintln!("{name}: {why}"));
        }
    }
    let done = recording.finish();
    for (name, why) in done.left_out {
        eprintln!("{name}: {why}");
    }
    done.blocks
}

/// The two halves of sets that know only receipts, or only traces.
pub(crate) fn halves() -> Vec<String> {
    ["receipts", "traces"].map(|half| format!("evm-blocks-partial/{half}.tar.zst")).to_vec()
}

/// What a card of an attack that was played again says beside its trace.
#[derive(Deserialize)]
struct Card {
    name: String,
    kind: String,
}

/// Attacks that were played again: name, whether it was an attack, and the block.
pub(crate) fn reproductions() -> Vec<(String, bool, Block)> {
    let files = unpack("evm-attack-reproductions/reproductions.tar.zst").unwrap_or_default();
    let read = |(file, bytes): &(String, Vec<u8>)| {
        let card: Card = serde_json::from_slice(bytes).map_err(|why| eprintln!("{file}: {why}")).ok()?;
        match sniff(file, bytes, Some(1)) {
            Ok(Recorded::Trace(block)) => Some((card.name, card.kind.starts_with("attack"), *block)),
            other => {
                eprintln!("{file}: {other:?}");
                None
            }
        }
    };
    files.iter().filter_map(read).collect()
}
