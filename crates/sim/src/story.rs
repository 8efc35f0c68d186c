//! What happens on the embedded chain: a small economy, its ordinary traffic, and attacks on it.
//!
//! [`World::deploy`] sets everything up, [`World::advance`] makes the next block (ordinary traffic and whatever an
//! [`Attack`] has queued) and gives the events that a source would give. Everything follows from the seed and the times
//! handed in. It must never tell a detector what is an attack: the catalogue says only what an operator knows. Tests:
//! `story/tests.rs`.

mod cast;
mod dice;
mod world;
mod traffic;
mod attack;
mod catalogue;
mod deploy;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use quarterdeck_core::{
    chain::{Block, ChainEvent},
    time::Timestamp,
};

pub use attack::{Attack, Launched, UnknownAttack};
pub use cast::Cast;
pub use world::{SETUP_BLOCKS, StoryError, World};

/// Blocks until one is final. Ethereum needs 64 and more; a drill should not wait thirteen minutes for it.
pub const FINALITY_BLOCKS: u64 = 12;

/// Refused transactions remembered until somebody asks: far more than one attack can cause.
const REFUSED_MAX: usize = 1_024;

impl World {
    /// Deploys contracts, mints, provides liquidity and approves, so that the economy is ready at `start`: that is the time
    /// of the last block of the set-up, and the first ordinary block is due one block time later.
    pub fn deploy(seed: u64, start: Timestamp) -> Result<Self, StoryError> {
        deploy::deploy(seed, start)
    }

    /// Makes the next block, at `at`: what an attack has queued, then ordinary traffic. Gives what a source would give: the
    /// block, or a reorganization and its blocks, and what became final.
    pub fn advance(&mut self, at: Timestamp) -> Result<Vec<ChainEvent>, StoryError> {
        let next = self.chain.head().number + 1;
        while let Some((_, draft)) = self.later.pop_front_if(|(height, _)| *height <= next) {
            self.chain.submit(draft)?;
        }
        traffic::submit(self)?;
        let mut events = Vec::new();
        match self.plan.take_if(|plan| plan.due <= next) {
            None => {
                let held = self.held()?;
                let block = Block { held, ..Block::clone(&self.chain.mine(at)) };
                events.push(ChainEvent::Block(Arc::new(block).into()));
            }
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
}
