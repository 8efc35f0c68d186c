//! Parts of blocks that were there and could not be read: told when the first comes, and when none has come for a while.

use std::collections::BTreeMap;

use quarterdeck_core::{
    chain::{Block, ChainId, Part},
    id::SourceId,
    signal::{Loudness, SignalChange},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    claim::{Claim, Voice},
    watch::Watch,
};

/// Blocks with transactions that must be read whole until it is over: what one kind of transaction brings comes again within these.
const WHOLE_BLOCKS: u32 = 100;
/// Parts named in the text; the rest are counted.
const NAMED_MAX: usize = 5;
/// Chains and parts that are followed at once: six parts of 256 chains.
const UNREADABLE_MAX: usize = 1_536;

/// What of each chain's blocks could not be read, and was told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Unreadables(Vec<Unreadable>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Unreadable {
    chain: ChainId,
    part: String,
    /// Blocks since then in which this part was read whole.
    whole: u32,
}

impl Unreadables {
    pub(super) fn follow(&mut self, block: &Block, voice: &Voice, watch: &Watch, out: &mut Vec<SignalChange>) {
        let mut by_part: BTreeMap<Part, Vec<String>> = BTreeMap::new();
        for unread in block.unread.named() {
            by_part.entry(unread.part).or_default().push(unread.to_string());
        }
        let chain = block.chain.bytes();
        self.0.retain_mut(|known| {
            if known.chain != block.chain {
                return true;
            }
            let again = by_part.keys().any(|part| part.word() == known.part);
            known.whole = if again { 0 } else { known.whole.saturating_add(1) };
            let over = known.whole >= WHOLE_BLOCKS;
            if over {
                out.push(voice.ended("unread", &[&chain, known.part.as_bytes()], block.time));
            }
            !over
        });
        for (part, named) in by_part {
            let known = self.0.iter().any(|known| known.chain == block.chain && known.part == part.word());
            if known || self.0.len() >= UNREADABLE_MAX {
                continue;
            }
            self.0.push(Unreadable { chain: block.chain, part: part.word().to_owned(), whole: 0 });
            out.push(claim(voice, watch, block, part, &named).raised());
        }
    }

    /// A chain that is watched no more has nothing to read.
    pub(super) fn end_elsewhere(
        &mut self,
        sources: &BTreeMap<SourceId, ChainId>,
        voice: &Voice,
        at: Timestamp,
        out: &mut Vec<SignalChange>,
    ) {
        self.0.retain(|known| {
            let stays = sources.values().any(|watched| *watched == known.chain);
            if !stays {
                out.push(voice.ended("unread", &[&known.chain.bytes(), known.part.as_bytes()], at));
            }
            stays
        });
    }
}

fn claim(voice: &Voice, watch: &Watch, block: &Block, part: Part, named: &[String]) -> Claim {
    let (shown, more) = named.split_at(named.len().min(NAMED_MAX));
    let more = match more.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let word = part.word();
    Claim::at_time(voice, block.time, "unread", &[&block.chain.bytes(), word.as_bytes()])
        .loudness(Loudness::Warning)
        .service(watch.only_service(block.chain))
        .title(format!("chain {}: a {word} of block {} could not be read", block.chain, block.number))
        .text(format!(
            "Block {} of chain {} was judged without what could not be read of it: {}{more}. What stands there was seen by no detector. It is told once, and again when it comes after {WHOLE_BLOCKS} blocks without.",
            block.number,
            block.chain,
            shown.join("; "),
        ))
        .number("not read", block.unread.count(), "")
}
