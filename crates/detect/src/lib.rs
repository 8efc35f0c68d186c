//! How signals are found: detectors, and the arithmetic they share. Pure: no I/O, no clock, no randomness.
//!
//! Reading order: [`figures`] (how amounts are shown), [`facts`] (what an event shows: what moved, what was there before, who took
//! what from whom, and how), [`detector`] (what a detector is), [`memory`] (how what was learnt is unlearnt), [`taking`] and
//! [`claim`] (how it is said), [`pipeline`] (all detectors side by side), [`keeping`] (what of it is stored when). A detector is one file in `detectors/` and one line in
//! [`detectors::DETECTORS`]. Ordinary metrics, which are no chain's, are judged in [`series`].

pub mod figures;
pub mod facts;
pub mod detector;
pub mod at_rest;
pub mod memory;
pub mod statistics;
pub mod series;
pub mod watch;
pub mod claim;
pub mod rehearsal;
pub mod taking;
pub mod models;
pub mod detectors;
pub mod pipeline;
pub mod keeping;

#[cfg(test)]
mod testing;
