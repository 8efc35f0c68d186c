//! How signals are found: detectors, and the arithmetic they share. Pure: no I/O, no clock, no randomness.
//!
//! Reading order: [`memory`] (how what was learnt is unlearnt) and [`figures`] (how amounts are shown), [`selector`] and
//! [`reference_assets`] (facts), [`flow`] (what moved), [`openings`] (what was there before), [`extraction`] (who took what from whom,
//! and how), [`taking`] and [`claim`] (how it is said), [`pipeline`] (all detectors side by side). A detector is one file in
//! `detectors/` and one line in [`detectors::DETECTORS`].

pub mod at_rest;
pub mod memory;
pub mod figures;
pub mod statistics;
pub mod selector;
pub mod reference_assets;
pub mod movement;
pub mod watch;
pub mod claim;
pub mod rehearsal;
pub mod flow;
pub mod openings;
pub mod extraction;
pub mod taking;
pub mod detectors;
pub mod pipeline;

#[cfg(test)]
mod testing;
