//! What a node offers, found by trying. What it does not offer is tried again after a while: it may be upgraded, or behind the same
//! address there may be another one.

use std::time::Duration;

use quarterdeck_core::chain::B256;
use tokio::time::Instant;

use super::rpc::RpcError;

/// Blocks for which a method that never worked is refused in words we do not know, after which it counts as not offered. A refusal
/// alone may be about one block.
const REFUSED_BLOCKS_MAX: usize = 3;
/// How long a method that is not offered is left alone.
const AGAIN: Duration = Duration::from_mins(10);

/// Whether the node has a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Offer {
    /// Not known: it was refused for these blocks.
    Untried(Vec<B256>),
    /// It has answered with what we could use.
    Yes,
    /// Not, as of then.
    No(Instant),
}

impl Default for Offer {
    fn default() -> Self {
        Self::Untried(Vec::new())
    }
}

impl Offer {
    /// Whether it is worth asking.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Untried(_) | Self::Yes => true,
            Self::No(since) => since.elapsed() >= AGAIN,
        }
    }

    /// What the node said about `block` by this method. Nothing that passes, and nothing after it has worked, makes it missing.
    pub(super) fn refused(&mut self, error: &RpcError, block: B256) {
        let gone = match (error, &mut *self) {
            (RpcError::NoMethod { .. }, _) | (RpcError::Refused { passing: false, .. }, Self::No(_)) => true,
            (RpcError::Refused { passing: false, .. }, Self::Untried(blocks)) => {
                if !blocks.contains(&block) {
                    blocks.push(block);
                }
                blocks.len() >= REFUSED_BLOCKS_MAX
            }
            _ => false,
        };
        if gone {
            if !matches!(self, Self::No(_)) {
                tracing::info!(%error, "not offered: it is asked for again in a while");
            }
            *self = Self::No(Instant::now());
        }
    }
}

/// What the node offers, as far as we know.
#[derive(Debug, Clone, Default)]
pub(super) struct Offers {
    pub(super) block_receipts: Offer,
    pub(super) debug_trace: Offer,
    pub(super) parity_trace: Offer,
    /// Geth's tracer for one transaction, where it has none for blocks.
    pub(super) single_trace: Offer,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(passing: bool) -> RpcError {
        RpcError::Refused { method: "m", endpoint: "e".to_owned(), code: -32_000, message: "no".to_owned(), passing }
    }
    fn missing() -> RpcError {
        RpcError::NoMethod { method: "m", endpoint: "e".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_the_node_means_makes_a_method_missing_and_not_for_ever() {
        let block = B256::repeat_byte;
        let mut offer = Offer::default();
        for number in 0..100 {
            offer.refused(&refused(true), block(number));
            offer.refused(&refused(false), block(1));
        }
        assert!(offer.is_open(), "passing errors, and any number of refusals about one block");
        offer.refused(&refused(false), block(2));
        offer.refused(&refused(false), block(3));
        assert!(!offer.is_open());
        tokio::time::advance(AGAIN).await;
        assert!(offer.is_open(), "asked once more");
        offer.refused(&refused(false), block(4));
        assert!(!offer.is_open());
        let mut offer = Offer::Yes;
        offer.refused(&refused(false), block(1));
        assert!(offer.is_open(), "what worked is no missing method");
        offer.refused(&missing(), block(1));
        assert!(!offer.is_open(), "unless the node says so");
    }
}
