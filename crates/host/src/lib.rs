//! The world, and nothing of ours: what time it is, what chance says, which cryptography speaks, how much may be open at
//! once, and when somebody wants us to stop.
//!
//! Everything above asks here, so that a simulation can answer instead. Knows no incident, no store and no chain.

mod memory;
pub mod clock;
pub mod zones;
pub mod randomness;
pub mod tls;
pub mod descriptors;
pub mod disk;
pub mod stopping;
