//! The chain, who lives on it, and what is about to happen.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, B256, U256};
use quarterdeck_core::{
    chain::{Block, Held},
    id::BadName,
    time::Timestamp,
};

use super::{cast::Cast, dice::Dice};
use crate::chain::{
    BLOCK_TIME, ChainError, Draft, EmbeddedChain, Refused,
    abi::{self, Arg},
};

/// Blocks from the genesis to the world as it starts: contracts, liquidity, approvals, and quiet until fees are back.
pub const SETUP_BLOCKS: u64 = 20;
/// Why a story could not go on. But for a second reorganization, it means that contracts, set-up and traffic disagree.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The chain refused.
    #[error("act on the embedded chain")]
    Chain(#[from] ChainError),
    /// A name in the catalogue.
    #[error("name a service of the catalogue")]
    Name(#[from] BadName),
    /// A transaction of the set-up failed.
    #[error("set the world up: transaction {hash} in block {block} failed")]
    Setup {
        /// The transaction.
        hash: B256,
        /// Its block.
        block: u64,
    },
    /// The set-up did not fit.
    #[error("set the world up: {pending} transactions wait after {SETUP_BLOCKS} blocks, {refused} were refused")]
    SetupTooLong {
        /// How many wait.
        pending: usize,
        /// How many the EVM would not execute.
        refused: usize,
    },
    /// Two reorganizations at once.
    #[error("prepare a reorganization: another is due at height {due}")]
    AlreadyPlanned {
        /// When the other will be.
        due: u64,
    },
    /// A view returned less than a word.
    #[error("read `{view}` of {contract}: the answer is no word")]
    NoWord {
        /// The contract.
        contract: Address,
        /// The function.
        view: &'static str,
    },
}

/// A reorganization that somebody has prepared.
#[derive(Debug)]
pub(super) struct Plan {
    /// The height of the block that would have come instead.
    pub(super) due: u64,
    pub(super) depth: usize,
    pub(super) replace: BTreeMap<B256, Draft>,
}

/// A chain with a small economy on it.
#[derive(Debug)]
pub struct World {
    pub(super) chain: EmbeddedChain,
    pub(super) cast: Cast,
    pub(super) dice: Dice,
    pub(super) seed: u64,
    /// Messages that the bridge's relayer has carried.
    pub(super) messages: u64,
    /// The exchange's wallet is in other hands: it pays nobody.
    pub(super) payouts_stopped: bool,
    pub(super) plan: Option<Plan>,
    /// What somebody will send, and at which height: the lowest first.
    pub(super) later: VecDeque<(u64, Draft)>,
    pub(super) setup: Vec<Arc<Block>>,
    pub(super) refused: Vec<Refused>,
}

impl World {
    /// Who is who.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// The chain, to look at.
    pub fn chain(&self) -> &EmbeddedChain {
        &self.chain
    }

    /// The blocks of the set-up, genesis first. A source that begins at `start` does not show them.
    pub fn setup(&self) -> &[Arc<Block>] {
        &self.setup
    }

    /// When the next block is due.
    pub fn due(&self) -> Timestamp {
        self.chain.head().time.plus(BLOCK_TIME)
    }

    /// What the EVM would not execute since this was last asked (the newest thousand): empty unless an attack emptied an
    /// account that had something queued.
    pub fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    /// Queues a transaction of anybody's for the next block: a response that a drill wants carried out, for instance.
    pub fn submit(&mut self, draft: Draft) -> Result<B256, StoryError> {
        Ok(self.chain.submit(draft)?)
    }

    /// What `who` holds of a token, in its smallest units.
    pub fn token_balance(&self, token: Address, who: Address) -> Result<U256, StoryError> {
        self.read(token, "balanceOf(address)", &[Arg::Address(who)])
    }

    /// What the operator's wallets hold now: what a source would read before the next block.
    pub(super) fn held(&self) -> Result<Vec<Held>, StoryError> {
        let Cast { hot_wallet, cold_wallet, multisig, usd, qtr, .. } = self.cast;
        let mut held = Vec::new();
        for account in [hot_wallet, cold_wallet, multisig] {
            held.push(Held { account, token: None, amount: self.chain.balance(account) });
            for token in [usd, qtr] {
                held.push(Held { account, token: Some(token), amount: self.token_balance(token, account)? });
            }
        }
        Ok(held)
    }

    /// The first word that a view returns.
    pub(super) fn read(
        &self,
        contract: Address,
        view: &'static str,
        arguments: &[Arg<'_>],
    ) -> Result<U256, StoryError> {
        let output = self.chain.call(contract, abi::call(view, arguments))?;
        abi::uint(&output, 0).ok_or(StoryError::NoWord { contract, view })
    }

    /// Queues a call to a contract.
    pub(super) fn send(
        &mut self,
        from: Address,
        to: Address,
        gas: u64,
        signature: &str,
        arguments: &[Arg<'_>],
    ) -> Result<B256, StoryError> {
        let input = abi::call(signature, arguments);
        Ok(self.chain.submit(Draft { from, to: Some(to), input, gas, ..Draft::default() })?)
    }

    /// Queues a payment in the chain's own coin.
    pub(super) fn pay(&mut self, from: Address, to: Address, wei: U256) -> Result<B256, StoryError> {
        Ok(self.chain.submit(payment(from, to, wei))?)
    }
}

/// A payment in the chain's own coin to an account without code.
pub(super) fn payment(from: Address, to: Address, wei: U256) -> Draft {
    /// What Ethereum asks for a plain payment.
    const GAS: u64 = 21_000;
    Draft { from, to: Some(to), value: wei, gas: GAS, ..Draft::default() }
}

/// The span of the set-up.
pub(super) fn setup_span() -> Duration {
    BLOCK_TIME.saturating_mul(u32::try_from(SETUP_BLOCKS).unwrap_or(u32::MAX))
}
