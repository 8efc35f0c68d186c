//! Detectors that read the blocks of every family of chains.

pub mod reorganization;
pub mod observation_loss;
