//! The last blocks that were verified, without holes: what a fork is measured against.

use std::collections::VecDeque;

use alloy_primitives::hex;
use quarterdeck_core::{
    chain::{B256, BlockRef, ChainId},
    limits::FORK_WALK_BLOCKS_MAX,
};
use serde::{Deserialize, Serialize};

/// Where a source stands. Small to make, since one goes with every block: the hashes are one text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Height of the last block.
    pub last: u64,
    /// Height of the last block told as final.
    pub finalized: u64,
    /// The hashes of the last heights in hex, 64 digits each, the last block's last; zeros for a height without a block.
    pub hashes: String,
    /// Of which chain; none in what older programs kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainId>,
    /// The hash of the chain's first block, where the node had it: another one is another chain under the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis: Option<B256>,
}

/// Verified blocks, newest last; each is the parent of the next. A height without a block, as some chains have, is a zero hash.
#[derive(Debug)]
pub(super) struct Track {
    chain: ChainId,
    recent: VecDeque<BlockRef>,
    finalized: u64,
    pub(super) genesis: Option<B256>,
}

fn is_block(block: &BlockRef) -> bool {
    !block.hash.is_zero()
}

impl Track {
    /// Nothing known yet.
    pub(super) const fn new(chain: ChainId) -> Self {
        Self { chain, recent: VecDeque::new(), finalized: 0, genesis: None }
    }

    /// Takes up where a source stood.
    pub(super) fn at(chain: ChainId, place: &Place) -> Result<Self, String> {
        let bytes = hex::decode(&place.hashes).map_err(|error| format!("hashes of the kept place: {error}"))?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        let oldest = u64::try_from(hashes.len()).ok().and_then(|count| place.last.checked_add(1)?.checked_sub(count));
        let Some(oldest) = oldest.filter(|_| rest.is_empty()) else {
            return Err(format!("{} bytes of hashes do not fit height {}", bytes.len(), place.last));
        };
        let recent = (oldest..).zip(hashes).map(|(number, hash)| BlockRef { chain, number, hash: B256::from(*hash) });
        Ok(Self { chain, recent: recent.collect(), finalized: place.finalized, genesis: place.genesis })
    }

    pub(super) fn place(&self) -> Place {
        let bytes: Vec<u8> = self.recent.iter().flat_map(|block| block.hash.0).collect();
        let last = self.last().map_or(0, |block| block.number);
        let (finalized, hashes) = (self.finalized, hex::encode(bytes));
        Place { last, finalized, hashes, chain: Some(self.chain), genesis: self.genesis }
    }

    pub(super) fn last(&self) -> Option<BlockRef> {
        self.recent.back().copied()
    }

    pub(super) fn first(&self) -> Option<BlockRef> {
        self.recent.iter().find(|block| is_block(block)).copied()
    }

    /// The height up to which was told that nothing will change.
    pub(super) const fn finalized(&self) -> u64 {
        self.finalized
    }

    /// Our hash at a height.
    pub(super) fn known(&self, number: u64) -> Option<B256> {
        let first = self.recent.front()?.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        self.recent.get(place).filter(|block| is_block(block)).map(|block| block.hash)
    }

    pub(super) fn find(&self, hash: B256) -> Option<BlockRef> {
        self.recent.iter().rev().find(|block| is_block(block) && block.hash == hash).copied()
    }

    /// Takes a block on top. Heights between it and the last have none.
    pub(super) fn push(&mut self, block: BlockRef) {
        if let Some(last) = self.last() {
            let hole = |number| BlockRef { hash: B256::ZERO, number, ..block };
            // No more than are kept: those below would fall off again.
            let from = block.number.saturating_sub(FORK_WALK_BLOCKS_MAX).max(last.number.saturating_add(1));
            self.recent.extend((from..block.number).map(hole));
        }
        self.recent.push_back(block);
        while self.recent.len() as u64 > FORK_WALK_BLOCKS_MAX {
            self.recent.pop_front();
        }
    }

    /// Takes off what is above `ancestor`, lowest first. What was final there is not any more.
    pub(super) fn cut(&mut self, ancestor: BlockRef) -> Vec<BlockRef> {
        let keep = self.recent.iter().take_while(|block| block.number <= ancestor.number).count();
        self.finalized = self.finalized.min(ancestor.number);
        self.recent.split_off(keep).into_iter().filter(is_block).collect()
    }

    /// The highest of ours that is final now, if it was not before.
    pub(super) fn finalize(&mut self, height: u64) -> Option<BlockRef> {
        let block = self.recent.iter().rev().find(|block| is_block(block) && block.number <= height).copied()?;
        let new = block.number > self.finalized;
        self.finalized = self.finalized.max(block.number);
        new.then_some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: ChainId = ChainId::evm(1);

    fn block(number: u64) -> BlockRef {
        BlockRef { chain: CHAIN, number, hash: B256::repeat_byte(u8::try_from(number).unwrap()) }
    }

    #[test]
    fn a_height_without_a_block_is_no_block() {
        let mut track = Track::new(CHAIN);
        for number in [7, 8, 11] {
            track.push(block(number));
        }
        let mut track = Track::at(CHAIN, &track.place()).unwrap();
        assert_eq!((track.known(9), track.known(10), track.known(11)), (None, None, Some(block(11).hash)));
        assert_eq!(track.find(B256::ZERO), None, "the parent of a first block is none of ours");
        assert_eq!(track.finalize(10), Some(block(8)));
        assert_eq!(track.cut(block(7)), [block(8), block(11)]);
        assert_eq!(track.last(), Some(block(7)));
    }

    #[test]
    fn a_place_of_an_older_program_reads_as_it_did() {
        let place: Place = serde_json::from_str(r#"{"last":5,"finalized":1,"hashes":""}"#).unwrap();
        assert_eq!((place.chain, place.genesis), (None, None));
        assert_eq!(serde_json::to_string(&place).unwrap(), r#"{"last":5,"finalized":1,"hashes":""}"#);
    }

    #[test]
    fn a_place_reads_back_and_nonsense_is_refused() {
        let mut track = Track::new(CHAIN);
        for number in 7..10 {
            track.push(block(number));
        }
        assert_eq!(track.finalize(8).map(|block| block.number), Some(8));
        let back = Track::at(CHAIN, &track.place()).unwrap();
        assert_eq!(back.recent, track.recent);
        assert_eq!(back.place(), track.place());
        assert_eq!(back.known(8), Some(B256::repeat_byte(8)));
        assert_eq!((back.known(6), back.known(10)), (None, None));
        let torn = Place { hashes: "00".repeat(33), ..track.place() };
        assert!(Track::at(CHAIN, &torn).is_err());
        let too_many = Place { last: 1, ..track.place() };
        assert!(Track::at(CHAIN, &too_many).is_err());
    }
}
