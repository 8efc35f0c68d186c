//! What a feature is, and the arithmetic that features share.

use crate::models::number::count;

/// One number and its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Its name in files and tables.
    pub name: &'static str,
    /// What is said where it is high.
    pub high: &'static str,
    /// What is said where it is low.
    pub low: &'static str,
}

impl Feature {
    pub(super) const fn new(name: &'static str, high: &'static str, low: &'static str) -> Self {
        Self { name, high, low }
    }
}

/// Counts grow by orders of magnitude: what matters is the factor.
pub(super) fn log(count: f64) -> f64 {
    count.ln_1p()
}

/// A part of a whole; nothing of nothing is nothing.
pub(super) fn share(part: f64, all: f64) -> f64 {
    if all > 0.0 { part / all } else { 0.0 }
}

/// A count as a float.
pub(super) fn whole(number: usize) -> f64 {
    count(number)
}
