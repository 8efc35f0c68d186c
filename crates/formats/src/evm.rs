//! Ethereum JSON-RPC bodies: blocks with full transactions, receipts, `callTracer` trees and flat Parity traces; and the two
//! recorded forms in which public data comes (mev-inspect files, ethereum-etl lines, documents).
//!
//! Every function takes bytes and gives our words. Nothing here guesses: a body that is cut off, of the wrong type, too large
//! or that contradicts itself is an error that names the field and the value. No recursion: a tree 100,000 calls deep is an
//! error like any other. Must never panic. Tests: beside each module, and `evm/tests.rs` over the recorded blocks and attacks.

mod refused;
mod json;
mod value;
mod envelope;
mod block;
mod receipts;
mod etl;
mod tree;
mod flat;
mod traces;
mod mev;
mod document;
mod recorded;
#[cfg(test)]
mod tests;

pub use block::decode_block;
pub use document::Lines;
pub use etl::EtlRows;
pub use receipts::attach_receipts;
pub use recorded::{Finished, Recorded, Recording, sniff};
pub use refused::{CALL_DEPTH_MAX, CALLS_PER_BODY_MAX, DecodeError, LOGS_PER_BLOCK_MAX, TRANSACTIONS_PER_BLOCK_MAX};
pub use traces::attach_traces;
pub use tree::{Traced, decode_call_trace};
