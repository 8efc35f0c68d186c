//! What happens on the embedded chain: a small economy, its ordinary traffic, and attacks on it.
//!
//! [`World::deploy`] sets everything up, [`World::advance`] makes the next block (ordinary traffic and whatever an
//! [`Attack`] has queued) and gives the events that a source would give. Everything follows from the seed and the times
//! handed in. It must never tell a detector what is an attack: the catalogue says only what an operator knows. Tests:
//! `story/tests.rs`.

mod attack;
mod cast;
mod catalogue;
mod deploy;
mod dice;
#[cfg(test)]
mod tests;
mod traffic;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, U256};
use quarterdeck_core::{
    chain::{Block, ChainEvent},
    id::BadName,
    time::Timestamp,
};

use crate::chain::{
    BLOCK_TIME, ChainError, Draft, EmbeddedChain, Refused,
    abi::{self, Arg},
};

pub use attack::{Attack, Launched, UnknownAttack};
pub use cast::Cast;

use dice::Dice;

/// Blocks from the genesis to the world as it starts: contracts, liquidity, approvals, and quiet until fees are back.
pub const SETUP_BLOCKS: u64 = 20;
/// Blocks until one is final. Ethereum needs 64 and more; a drill should not wait thirteen minutes for it.
pub const FINALITY_BLOCKS: u64 = 12;

/// Refused transactions remembered until somebody asks: far more than one attack can cause.
const REFUSED_MAX: usize = 1_024;

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
struct Plan {
    /// The height of the block that would have come instead.
    due: u64,
    depth: usize,
    replace: BTreeMap<B256, Draft>,
}

/// A chain with a small economy on it.
#[derive(Debug)]
pub struct World {
    chain: EmbeddedChain,
    cast: Cast,
    dice: Dice,
    /// Messages that the bridge's relayer has carried.
    messages: u64,
    /// The exchange's wallet is in other hands: it pays nobody.
    payouts_stopped: bool,
    plan: Option<Plan>,
    setup: Vec<Arc<Block>>,
    refused: Vec<Refused>,
}

impl World {
    /// Deploys contracts, mints, provides liquidity and approves, so that the economy is ready at `start`: that is the time
    /// of the last block of the set-up, and the first ordinary block is due one block time later.
    pub fn deploy(seed: u64, start: Timestamp) -> Result<Self, StoryError> {
        deploy::deploy(seed, start)
    }

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

    /// Makes the next block, at `at`: what an attack has queued, then ordinary traffic. Gives what a source would give: the
    /// block, or a reorganization and its blocks, and what became final.
    pub fn advance(&mut self, at: Timestamp) -> Result<Vec<ChainEvent>, StoryError> {
        traffic::submit(self)?;
        let next = self.chain.head().number + 1;
        let mut events = Vec::new();
        match self.plan.take_if(|plan| plan.due <= next) {
            None => events.push(ChainEvent::Block(self.chain.mine(at))),
            Some(plan) => {
                let reorg = Arc::new(self.chain.reorg(plan.depth, &plan.replace, at)?);
                let adopted: Vec<ChainEvent> = reorg.adopted.iter().cloned().map(ChainEvent::Block).collect();
                events.push(ChainEvent::Reorg(reorg));
                events.extend(adopted);
            }
        }
        self.refused.extend(self.chain.take_refused());
        self.refused.drain(..self.refused.len().saturating_sub(REFUSED_MAX));
        let head = self.chain.head().number;
        let finalized = head.checked_sub(FINALITY_BLOCKS).and_then(|number| self.chain.finalized(number));
        events.extend(finalized.map(ChainEvent::Finalized));
        Ok(events)
    }

    /// Queues a transaction of anybody's for the next block: a response that a drill wants carried out, for instance.
    pub fn submit(&mut self, draft: Draft) -> Result<B256, StoryError> {
        Ok(self.chain.submit(draft)?)
    }

    /// What `who` holds of a token, in its smallest units.
    pub fn token_balance(&self, token: Address, who: Address) -> Result<U256, StoryError> {
        self.read(token, "balanceOf(address)", &[Arg::Address(who)])
    }

    /// The first word that a view returns.
    fn read(&self, contract: Address, view: &'static str, arguments: &[Arg<'_>]) -> Result<U256, StoryError> {
        let output = self.chain.call(contract, abi::call(view, arguments))?;
        abi::uint(&output, 0).ok_or(StoryError::NoWord { contract, view })
    }

    /// Queues a call to a contract.
    fn send(
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
    fn pay(&mut self, from: Address, to: Address, wei: U256) -> Result<B256, StoryError> {
        Ok(self.chain.submit(payment(from, to, wei))?)
    }
}

/// A payment in the chain's own coin to an account without code.
fn payment(from: Address, to: Address, wei: U256) -> Draft {
    /// What Ethereum asks for a plain payment.
    const GAS: u64 = 21_000;
    Draft { from, to: Some(to), value: wei, gas: GAS, ..Draft::default() }
}

/// The span of the set-up.
fn setup_span() -> Duration {
    BLOCK_TIME.saturating_mul(u32::try_from(SETUP_BLOCKS).unwrap_or(u32::MAX))
}
