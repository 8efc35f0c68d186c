//! A block of an account chain (the EVM family): transactions of accounts, with their logs and calls.
//!
//! A field that a source cannot give is `None`, never a zero.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use super::{
    id::{BlockRef, ChainId},
    unread::UnreadParts,
};
use crate::time::Timestamp;

/// A full block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// The chain.
    pub chain: ChainId,
    /// Its height: how many blocks are below it.
    pub number: u64,
    /// Its hash, as the node gives it.
    pub hash: B256,
    /// Hash of the block before.
    pub parent: B256,
    /// What the header says, to the second.
    pub time: Timestamp,
    /// Fee recipient.
    pub miner: Address,
    /// Wei per gas; none before London.
    pub base_fee: Option<u64>,
    /// Gas used.
    pub gas_used: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// In block order.
    pub transactions: Vec<Transaction>,
    /// Whether receipts (status, logs) were read. False: a detector must not take the absence of logs for silence.
    pub has_receipts: bool,
    /// Whether call traces were read.
    pub has_traces: bool,
    /// What was there and could not be read. The rest is judged all the same.
    pub unread: UnreadParts,
    /// What watched accounts held before this block, as far as the source was asked and could say. What is not here is not known:
    /// it is never zero.
    pub held: Vec<Held>,
}

/// What an account held of an asset before a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The account.
    pub account: Address,
    /// The token's contract; none for the chain's own coin.
    pub token: Option<Address>,
    /// Raw units.
    pub amount: U256,
}

impl Block {
    /// This block by chain, height and hash.
    pub const fn reference(&self) -> BlockRef {
        BlockRef { chain: self.chain, number: self.number, hash: self.hash }
    }
    /// Whether the receipt of this transaction of the block was read.
    pub const fn has_receipt_of(&self, transaction: &Transaction) -> bool {
        self.has_receipts && !transaction.lacks_receipt
    }
}

/// A transaction with what its receipt and trace add.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    /// Its hash, the same in every branch that has it.
    pub hash: B256,
    /// Place in the block.
    pub index: u32,
    /// Who signed it and pays the fee.
    pub from: Address,
    /// Receiver; none for a contract creation, and where it could not be read.
    pub to: Option<Address>,
    /// Its receiver could not be read, or it has several: that there is none does not make it a creation.
    pub lacks_to: bool,
    /// Wei sent.
    pub value: U256,
    /// Sender's transaction count; none where the source does not have it.
    pub nonce: Option<u64>,
    /// Call data.
    pub input: Bytes,
    /// Gas limit; none where the source does not have it.
    pub gas: Option<u64>,
    /// Wei per gas offered (the maximum, for EIP-1559 transactions); none where nothing was, as in deposits from another layer.
    pub gas_price: Option<u128>,
    /// From the receipt: whether it succeeded.
    pub status: Option<bool>,
    /// From the receipt.
    pub logs: Vec<Log>,
    /// Its receipt is not among those of the block: that it has no logs says nothing.
    pub lacks_receipt: bool,
    /// From the trace: all calls in the order in which they began, the first is the transaction itself. Empty if not traced.
    pub calls: Vec<Call>,
}

impl Transaction {
    /// Whether it creates a contract.
    pub const fn is_creation(&self) -> bool {
        self.to.is_none() && !self.lacks_to
    }
}

/// An event log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// The contract that emitted it.
    pub address: Address,
    /// One to four topics, usually; the first is the event's signature.
    pub topics: Vec<B256>,
    /// The rest, ABI-encoded.
    pub data: Bytes,
}

/// How a call began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// CALL, or the transaction itself.
    #[default]
    Call,
    /// STATICCALL: cannot change anything.
    Static,
    /// DELEGATECALL: runs foreign code in the caller's name.
    Delegate,
    /// CALLCODE, the old form of the above.
    Code,
    /// CREATE or CREATE2.
    Create,
    /// SELFDESTRUCT, which also moves the balance.
    SelfDestruct,
    /// A kind that we do not know. It moves nothing itself; the calls below it are judged.
    Other,
}

/// One call of a trace, flattened. The tree is in `depth`: the parent is the nearest earlier call that is one less deep.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Call {
    /// How it began.
    pub kind: CallKind,
    /// 0 for the transaction itself.
    pub depth: u32,
    /// The account whose code called; for the outermost call, who signed.
    pub from: Address,
    /// Callee, or the contract created; none where a creation failed.
    pub to: Option<Address>,
    /// Wei moved. Zero for static and delegate calls.
    pub value: U256,
    /// Call data; for a creation, the init code.
    pub input: Bytes,
    /// Return data, where the source has it.
    pub output: Bytes,
    /// Whether this call, or one above it, failed: then nothing it did remains.
    pub reverted: bool,
}
