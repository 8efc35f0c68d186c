//! How big a raw amount is, as a logarithm in two bytes.

use quarterdeck_core::chain::U256;
use serde::{Deserialize, Serialize};

/// Steps per factor of ten: one step is 0.29 %, finer than any threshold, and 78 decades of a `U256` fit sixteen bits.
pub const STEPS_PER_DECADE: f64 = 800.0;

/// The base-ten logarithm of a whole number, in steps of 1/800. The absolute error is at most half a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Magnitude(u16);

impl Magnitude {
    /// The magnitude of `raw`; none for zero, which has no logarithm.
    pub fn of(raw: U256) -> Option<Self> {
        if raw.is_zero() {
            return None;
        }
        let [a, b, c, d] = *raw.as_limbs();
        let (high, low, below) = match (d, c, b, a) {
            (0, 0, 0, low) => (0, low, 0_i32),
            (0, 0, high, low) => (high, low, 0),
            (0, high, low, _) => (high, low, 64),
            (high, low, _, _) => (high, low, 128),
        };
        let leading = f64_of(high) * 18_446_744_073_709_551_616.0 + f64_of(low);
        Some(Self::from_decades((leading.log2() + f64::from(below)) * std::f64::consts::LOG10_2))
    }
    /// The magnitude nearest to this logarithm; what is below 0 or above 81 decades is moved to the nearest that exists.
    pub fn from_decades(decades: f64) -> Self {
        let steps = (decades * STEPS_PER_DECADE).round().clamp(0.0, f64::from(u16::MAX));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to sixteen bits above")]
        Self(steps as u16)
    }
    /// The logarithm.
    pub fn decades(self) -> f64 {
        f64::from(self.0) / STEPS_PER_DECADE
    }
    /// An amount of about this magnitude, to four digits: for explanations.
    pub fn amount(self) -> U256 {
        let (whole, rest) = (self.0 / 800, self.0 % 800);
        let digits = (10_f64.powf(f64::from(rest) / STEPS_PER_DECADE) * 1_000.0).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1,000 and 10,000")]
        let digits = U256::from(digits as u64);
        digits.saturating_mul(U256::from(10).pow(U256::from(whole.min(77)))) / U256::from(1_000)
    }
    /// In steps of 1/800 of a decade.
    pub const fn steps(self) -> u16 {
        self.0
    }
    /// From steps of 1/800 of a decade.
    pub const fn from_steps(steps: u16) -> Self {
        Self(steps)
    }
}

/// A whole number as the nearest float.
#[expect(clippy::cast_precision_loss, reason = "the nearest float is what is wanted")]
pub const fn f64_of(whole: u64) -> f64 {
    whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_exact() {
        for decades in 0..=77_u16 {
            let raw = U256::from(10).pow(U256::from(decades));
            assert_eq!(Magnitude::of(raw).map(Magnitude::steps), Some(decades * 800), "10^{decades}");
        }
        assert_eq!(Magnitude::from_decades(3.0).amount(), U256::from(1_000));
        assert_eq!(Magnitude::from_decades(2.5).amount(), U256::from(316));
        assert_eq!(Magnitude::of(U256::ZERO), None);
        assert_eq!(Magnitude::of(U256::MAX).map(Magnitude::steps), Some(61_651));
    }

    proptest::proptest! {
        #[test]
        fn a_larger_amount_is_never_smaller(a: u128, b: u128, shift in 0_usize..128) {
            let (low, high) = (a.min(b).max(1), a.max(b).max(1));
            let (low, high) = (U256::from(low) << shift, U256::from(high) << shift);
            proptest::prop_assert!(Magnitude::of(low) <= Magnitude::of(high));
        }
    }
}
