//! How signals are found: detectors, and the arithmetic they share. Pure: no I/O, no clock, no randomness.
//!
//! The module list is the reading order. A detector is one file in `detectors/` and one line in [`detectors::DETECTORS`].

pub mod detectors;
pub mod extraction;
pub mod flow;
pub mod pipeline;
pub mod raise;
pub mod reference_assets;
pub mod selector;
pub mod taking;
