//! How signals are found: detectors, and the arithmetic they share. Pure: no I/O, no clock, no randomness.
//!
//! The module list is the reading order. A detector is one file in `detectors/` and one line in [`detectors::DETECTORS`].

pub mod at_rest;
pub mod statistics;

pub mod movement;
pub mod watch;

pub mod claim;

pub mod detectors;

pub mod rehearsal;

#[cfg(test)]
mod testing;
pub mod pipeline;
