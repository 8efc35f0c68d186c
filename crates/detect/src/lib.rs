//! How signals are found: detectors, and the arithmetic they share. Pure: no I/O, no clock, no randomness.
//!
//! The module list is the reading order. A detector is one file in `detectors/` and one line in [`detectors::DETECTORS`].

pub mod at_rest;
pub mod statistics;
pub mod selector;
pub mod reference_assets;
pub mod movement;
pub mod watch;
pub mod claim;
pub mod rehearsal;
pub mod raise;
pub mod extraction;
pub mod flow;
pub mod taking;
pub mod detectors;
pub mod pipeline;

#[cfg(test)]
mod testing;
