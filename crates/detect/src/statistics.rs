//! The arithmetic of "unusual": robust location and scale, rates, tails, and tables that cannot grow.
//!
//! Everything here is bounded and cheap, since every transaction of every chain passes through it. Floats stay inside: nothing
//! here gives a NaN or an infinity to its caller, except logarithms of probabilities, which may be `-inf` for "impossible".
//! Tests: beside each part; the tails against direct summation.

pub mod bounded;
pub mod magnitude;
pub mod rate;
pub mod robust;
pub mod tail;

pub use self::{
    bounded::Bounded,
    magnitude::Magnitude,
    rate::EwmaRate,
    robust::{Deviation, RobustWindow},
};
