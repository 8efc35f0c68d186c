//! What is remembered of a transaction that touched a watched address.

use alloy_primitives::{U256, keccak256};
use quarterdeck_core::{
    chain::{Address, B256, Transaction},
    money::Usd,
};
use serde::{Deserialize, Serialize};

/// One of ours: what it was for, and what hung on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ours {
    pub(super) hash: B256,
    pub(super) from: Address,
    pub(super) nonce: u64,
    pub(super) purpose: Purpose,
    /// Watched addresses that it touched, and the larger of what they got and gave.
    pub(super) watched: Vec<Address>,
    pub(super) worth: Usd,
}

/// What a transaction does, so that a fee bump can be told from a changed payee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Purpose {
    pub(super) to: Option<Address>,
    pub(super) value: U256,
    pub(super) input: B256,
}

impl Purpose {
    pub(super) fn of(transaction: &Transaction) -> Self {
        Self { to: transaction.to, value: transaction.value, input: keccak256(&transaction.input) }
    }
}
