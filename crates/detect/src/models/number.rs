//! Counts as the learner reckons with them.

/// A count as a float: counts here are far below 2⁵³.
pub(super) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
