//! The last blocks that were verified, without holes: what a fork is measured against.

use std::collections::VecDeque;

use alloy_primitives::hex;
use quarterdeck_core::{
    chain::{B256, BlockRef, ChainId, ChainNumber},
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
    /// The hashes of the last blocks in hex, 64 digits each, the last block's last.
    pub hashes: String,
}

/// Verified blocks, newest last; each is the parent of the next.
#[derive(Debug, Default)]
pub(super) struct Track {
    recent: VecDeque<BlockRef>,
    finalized: u64,
}

impl Track {
    /// Takes up where a source stood.
    pub(super) fn at(chain: ChainNumber, place: &Place) -> Result<Self, String> {
        let bytes = hex::decode(&place.hashes).map_err(|error| format!("hashes of the kept place: {error}"))?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        let oldest = u64::try_from(hashes.len()).ok().and_then(|count| place.last.checked_add(1)?.checked_sub(count));
        let Some(oldest) = oldest.filter(|_| rest.is_empty()) else {
            return Err(format!("{} bytes of hashes do not fit height {}", bytes.len(), place.last));
        };
        let recent = (oldest..).zip(hashes).map(|(number, hash)| BlockRef {
            chain: ChainId::evm(chain),
            number,
            hash: B256::from(*hash),
        });
        Ok(Self { recent: recent.collect(), finalized: place.finalized })
    }

    pub(super) fn place(&self) -> Place {
        let bytes: Vec<u8> = self.recent.iter().flat_map(|block| block.hash.0).collect();
        let last = self.last().map_or(0, |block| block.number);
        Place { last, finalized: self.finalized, hashes: hex::encode(bytes) }
    }

    pub(super) fn last(&self) -> Option<BlockRef> {
        self.recent.back().copied()
    }

    pub(super) fn first(&self) -> Option<BlockRef> {
        self.recent.front().copied()
    }

    /// Our hash at a height.
    pub(super) fn known(&self, number: u64) -> Option<B256> {
        let first = self.first()?.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        self.recent.get(place).map(|block| block.hash)
    }

    pub(super) fn find(&self, hash: B256) -> Option<BlockRef> {
        self.recent.iter().rev().find(|block| block.hash == hash).copied()
    }

    pub(super) fn push(&mut self, block: BlockRef) {
        self.recent.push_back(block);
        while self.recent.len() as u64 > FORK_WALK_BLOCKS_MAX {
            self.recent.pop_front();
        }
    }

    /// Takes off what is above `ancestor`, lowest first. What was final there is not any more.
    pub(super) fn cut(&mut self, ancestor: BlockRef) -> Vec<BlockRef> {
        let keep = self.recent.iter().take_while(|block| block.number <= ancestor.number).count();
        self.finalized = self.finalized.min(ancestor.number);
        self.recent.split_off(keep).into()
    }

    /// The highest of ours that is final now, if it was not before.
    pub(super) fn finalize(&mut self, height: u64) -> Option<BlockRef> {
        let block = self.recent.iter().rev().find(|block| block.number <= height).copied()?;
        let new = block.number > self.finalized;
        self.finalized = self.finalized.max(block.number);
        new.then_some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_nonsense_is_refused() {
        let mut track = Track::default();
        for number in 7..10 {
            track.push(BlockRef {
                chain: ChainId::evm(1),
                number,
                hash: B256::repeat_byte(u8::try_from(number).unwrap()),
            });
        }
        assert_eq!(track.finalize(8).map(|block| block.number), Some(8));
        let back = Track::at(1, &track.place()).unwrap();
        assert_eq!(back.recent, track.recent);
        assert_eq!(back.place(), track.place());
        assert_eq!(back.known(8), Some(B256::repeat_byte(8)));
        assert_eq!((back.known(6), back.known(10)), (None, None));
        let torn = Place { hashes: "00".repeat(33), ..track.place() };
        assert!(Track::at(1, &torn).is_err());
        let too_many = Place { last: 1, ..track.place() };
        assert!(Track::at(1, &too_many).is_err());
    }
}
