//! A block of an output chain (Bitcoin's family): transactions that spend outputs and make new ones.

use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};

use super::id::{BlockRef, ChainId};
use crate::time::Timestamp;

/// A full block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The chain.
    pub chain: ChainId,
    /// Its height: how many blocks are below it.
    pub number: u64,
    /// Its hash, as the node gives it.
    pub hash: B256,
    /// Hash of the block before.
    pub parent: B256,
    /// What the header says, to the second. It may be off by an hour or two, and earlier than that of the block before.
    pub time: Timestamp,
    /// In block order.
    pub transactions: Vec<Transaction>,
}

impl Block {
    /// This block by chain, height and hash.
    pub const fn reference(&self) -> BlockRef {
        BlockRef { chain: self.chain, number: self.number, hash: self.hash }
    }
}

/// A transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Hash, without witnesses: another signature does not change it.
    pub hash: B256,
    /// Place in the block.
    pub index: u32,
    /// What it spends. Empty for the one that makes a block's new coin: it can be in no other block.
    pub inputs: Vec<Input>,
    /// What it makes.
    pub outputs: Vec<Output>,
}

/// A spent output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Which. Only one transaction of a branch can spend it.
    pub spends: Outpoint,
    /// What that output was, where the source gives it.
    pub output: Option<Output>,
}

/// An output by its transaction and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Outpoint {
    /// The transaction that made it.
    pub transaction: B256,
    /// Its place among the outputs.
    pub index: u32,
}

/// An amount, and who may spend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Output {
    /// Satoshi: hundred-millionths of the coin.
    pub value: u64,
    /// The script that locks it.
    pub script: Bytes,
}

impl Output {
    /// What these outputs are worth together, in satoshi; none where that is more than fits: no honest transaction has it.
    pub fn sum<'a>(outputs: impl IntoIterator<Item = &'a Self>) -> Option<u64> {
        outputs.into_iter().try_fold(0_u64, |sum, output| sum.checked_add(output.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in block 74638 of Bitcoin, whose two outputs wrapped around to a small sum.
    #[test]
    fn a_sum_that_does_not_fit_is_none() {
        let output = |value| Output { value, script: Bytes::new() };
        assert_eq!(Output::sum(&[output(1), output(2)]), Some(3));
        assert_eq!(Output::sum(&[output(1 << 63), output(1 << 63)]), None);
    }
}
