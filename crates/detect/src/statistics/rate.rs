//! How many per window are normal, and how much that varies.

use serde::{Deserialize, Serialize};

use super::magnitude::f64_of;

/// Exponentially weighted mean and variance of counts. The first windows count equally (so that a start is not anchored to its
/// first count); later ones fade with `memory_windows`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EwmaRate {
    #[serde(with = "crate::at_rest::bits")]
    mean: f64,
    #[serde(with = "crate::at_rest::bits")]
    variance: f64,
    windows: u32,
}

impl EwmaRate {
    /// A rate that has seen `windows` windows with nothing in them.
    pub fn silent_for(windows: u32) -> Self {
        Self { windows, ..Self::default() }
    }
    /// Takes in the count of one closed window. A count older than `memory_windows` weighs less than 1/e.
    pub fn learn(&mut self, count: u64, memory_windows: u32) {
        self.windows = self.windows.saturating_add(1);
        let weight = 1.0 / f64::from(self.windows.min(memory_windows.max(1)));
        let distance = f64_of(count) - self.mean;
        let step = weight * distance;
        self.mean += step;
        self.variance = (1.0 - weight) * (self.variance + distance * step);
    }
    /// The expected count, plus half a count spread over all windows seen: what never happened in 1,000 windows is expected
    /// 0.0005 times in the next, not never (Jeffreys' prior for a Poisson rate).
    pub fn expected(&self) -> f64 {
        self.mean + 0.5 / f64::from(self.windows.max(1))
    }
    /// The variance, at least the expected count: less than Poisson cannot be told from luck.
    pub fn variance(&self) -> f64 {
        self.variance.max(self.expected())
    }
    /// Variance over mean: 1 for Poisson, more for counts that come in clusters.
    pub fn dispersion(&self) -> f64 {
        self.variance() / self.expected()
    }
    /// Windows learned.
    pub const fn windows(&self) -> u32 {
        self.windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_windows_give_the_plain_mean_and_variance() {
        let counts = [4_u64, 7, 1, 0, 9, 3];
        let mut rate = EwmaRate::default();
        for count in counts {
            rate.learn(count, 1_000);
        }
        let mean = f64_of(counts.iter().sum()) / 6.0;
        let variance = counts.iter().map(|c| (f64_of(*c) - mean).powi(2)).sum::<f64>() / 6.0;
        assert!((rate.expected() - mean - 0.5 / 6.0).abs() < 1e-12);
        assert!((rate.variance() - variance).abs() < 1e-9);
    }

    #[test]
    fn an_old_rate_fades() {
        let mut rate = EwmaRate::default();
        (0..100).for_each(|_| rate.learn(50, 20));
        (0..200).for_each(|_| rate.learn(0, 20));
        assert!(rate.expected() < 0.1, "{rate:?}");
        assert!(rate.dispersion() >= 1.0);
    }
}
