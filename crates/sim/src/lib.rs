//! The virtual world: a chain that executes real contracts, people who answer, and the demo that joins both to the real program.
//!
//! Everything that happens here follows from a seed.

pub mod chain;
pub mod story;
pub mod people;
pub mod company;
pub mod demo;
pub mod scenario;
