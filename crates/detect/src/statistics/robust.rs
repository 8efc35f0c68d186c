//! Median and median absolute deviation over the last samples of one thing.
//!
//! A window keeps its samples twice: in the order of arrival and sorted, two bytes each. A new sample costs two binary searches
//! and one move of at most 2 KiB; the median is read off, and the MAD is found in O(log n) because the samples nearest to the
//! median are neighbours. At most 4 KiB a window (1,024 samples), less while it fills.

use serde::{Deserialize, Serialize};

use super::magnitude::{Magnitude, STEPS_PER_DECADE};

/// Samples of a window: 51 of them make the tail, and taking one in stays below 200 ns even out of cache; 2,048 would not.
pub const WINDOW_SAMPLES_MAX: usize = 1_024;
/// A normal distribution's standard deviation over its MAD.
const SIGMA_PER_MAD: f64 = 1.482_602_218_505_602;
/// The largest samples that the tail is learned from: one in twenty, but at least ten.
const TAIL_SHARE: usize = 20;
const TAIL_SAMPLES_MIN: usize = 10;

/// The last [`WINDOW_SAMPLES_MAX`] magnitudes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "SavedWindow", try_from = "SavedWindow")]
pub struct RobustWindow {
    /// In the order of arrival; once full, `next` is the oldest.
    ring: Vec<u16>,
    next: usize,
    sorted: Vec<u16>,
}

/// How far one sample stands from the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    /// Robust z: distance from the median in standard deviations as the MAD estimates them, at least `spread_min`.
    pub sigma: f64,
    /// The share of samples that are smaller, 0 to 1.
    pub rank: f64,
    /// How likely a sample this large or larger is, by the window's own upper tail: above 0, at most 1.
    pub tail: f64,
    /// The median.
    pub median: Magnitude,
    /// The MAD in decades.
    pub mad_decades: f64,
    /// Samples in the window.
    pub samples: usize,
}

impl RobustWindow {
    /// Takes a sample in; the oldest goes when the window is full.
    pub fn push(&mut self, sample: Magnitude) {
        let value = sample.steps();
        if self.ring.len() < WINDOW_SAMPLES_MAX {
            self.ring.push(value);
            let place = self.sorted.partition_point(|held| *held < value);
            self.sorted.insert(place, value);
            return;
        }
        let Some(slot) = self.ring.get_mut(self.next) else { return };
        let oldest = std::mem::replace(slot, value);
        self.next = (self.next + 1) % WINDOW_SAMPLES_MAX;
        let from = self.sorted.partition_point(|held| *held < oldest);
        let to = self.sorted.partition_point(|held| *held < value);
        // One move between the two places, not a removal and an insertion.
        let place = if to > from {
            self.sorted.copy_within(from + 1..to, from);
            to - 1
        } else {
            self.sorted.copy_within(to..from, to + 1);
            to
        };
        if let Some(slot) = self.sorted.get_mut(place) {
            *slot = value;
        }
    }

    /// As much of `sample` as may be learned: what lies beyond all before it counts only as far as `sigma` reaches, or as the largest
    /// so far. So a single one cannot make the next of its size usual; a new level is learned as it is repeated.
    pub fn within_reach(&self, sample: Magnitude, sigma: f64, spread_min_decades: f64) -> Magnitude {
        let Some(largest) = self.sorted.last().copied().filter(|_| self.sorted.len() >= TAIL_SAMPLES_MIN) else {
            return sample;
        };
        if sample.steps() <= largest {
            return sample;
        }
        let Some((median, mad_decades)) = self.median().zip(self.mad_decades()) else { return sample };
        let spread = (mad_decades * SIGMA_PER_MAD).max(spread_min_decades).max(0.5 / STEPS_PER_DECADE);
        let reach = Magnitude::from_decades(median.decades() + sigma * spread).steps().max(largest);
        Magnitude::from_steps(sample.steps().min(reach))
    }

    /// Samples held.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The median; none while empty.
    pub fn median(&self) -> Option<Magnitude> {
        let n = self.sorted.len();
        (n > 0).then(|| Magnitude::from_steps(self.at((n - 1) / 2).midpoint(self.at(n / 2))))
    }

    /// The median absolute deviation from the median, in decades; none while empty.
    pub fn mad_decades(&self) -> Option<f64> {
        let n = self.sorted.len();
        let doubled = (n > 0).then(|| u32::from(self.at((n - 1) / 2)) + u32::from(self.at(n / 2)))?;
        let low = self.nearest_deviation(doubled, n.div_ceil(2));
        let high = self.nearest_deviation(doubled, n / 2 + 1);
        Some(f64::from(low + high) / 4.0 / STEPS_PER_DECADE)
    }

    /// How far `sample` stands from what the window holds; none while empty. A spread below `spread_min_decades` counts as that
    /// much, so that a wallet which always sends the same amount does not make every other amount infinitely unusual.
    pub fn deviation(&self, sample: Magnitude, spread_min_decades: f64) -> Option<Deviation> {
        let median = self.median()?;
        let mad_decades = self.mad_decades()?;
        let spread = (mad_decades * SIGMA_PER_MAD).max(spread_min_decades).max(0.5 / STEPS_PER_DECADE);
        let below = self.sorted.partition_point(|held| *held < sample.steps());
        let samples = self.sorted.len();
        let rank = share(below, samples);
        let sigma = (sample.decades() - median.decades()) / spread;
        let tail = self.upper_tail(sample, spread_min_decades / 2.0);
        Some(Deviation { sigma, rank, tail, median, mad_decades, samples })
    }

    /// How likely a sample as large as this is. Amounts of money have heavy tails, which a median and a MAD do not see: the largest
    /// one in twenty are taken as exponential in the logarithm (a Pareto tail; Hill 1975), and what is not known of its mean from
    /// so few is taken into account (the predictive tail of an exponential learned from k samples is (1 + d / k·mean)^-k).
    fn upper_tail(&self, sample: Magnitude, mean_min_decades: f64) -> f64 {
        let n = self.sorted.len();
        let count = (n / TAIL_SHARE).max(TAIL_SAMPLES_MIN).min(n.saturating_sub(1));
        let first = n - count;
        let below = self.sorted.partition_point(|held| *held < sample.steps());
        let Some(threshold) = first.checked_sub(1).map(|place| self.at(place)).filter(|_| count > 0 && below >= first)
        else {
            return share(n - below + 1, n + 1);
        };
        let largest = self.sorted.get(first..).unwrap_or_default();
        let excess: u64 = largest.iter().map(|held| u64::from(held - threshold)).sum();
        let k = super::magnitude::f64_of(u64::try_from(count).unwrap_or(u64::MAX));
        let mean =
            (super::magnitude::f64_of(excess) / k / STEPS_PER_DECADE).max(mean_min_decades).max(0.5 / STEPS_PER_DECADE);
        let distance = (f64::from(sample.steps().saturating_sub(threshold))) / STEPS_PER_DECADE;
        share(count, n) * (1.0 + distance / (k * mean)).powf(-k)
    }

    /// The `count`-th smallest distance from the doubled median, in half steps. The `count` samples nearest to any point are
    /// neighbours in the sorted order, so a binary search for where they begin is enough.
    fn nearest_deviation(&self, doubled_median: u32, count: usize) -> u32 {
        let twice = |place: usize| u32::from(self.at(place)) * 2;
        let (mut low, mut high) = (0, self.sorted.len().saturating_sub(count));
        while low < high {
            let middle = usize::midpoint(low, high);
            if doubled_median.saturating_sub(twice(middle)) > twice(middle + count).saturating_sub(doubled_median) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        doubled_median.abs_diff(twice(low)).max(doubled_median.abs_diff(twice(low + count.saturating_sub(1))))
    }

    fn at(&self, place: usize) -> u16 {
        self.sorted.get(place).copied().unwrap_or(u16::MAX)
    }
}

/// Part over whole.
#[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// A window at rest: four hexadecimal digits a sample, oldest first, since numbers in JSON would take twice the room.
#[derive(Serialize, Deserialize)]
struct SavedWindow {
    samples: String,
}

impl From<RobustWindow> for SavedWindow {
    fn from(window: RobustWindow) -> Self {
        let (young, old) = window.ring.split_at(window.next.min(window.ring.len()));
        let bytes: Vec<u8> = old.iter().chain(young).flat_map(|sample| sample.to_be_bytes()).collect();
        Self { samples: alloy_primitives::hex::encode(bytes) }
    }
}

/// Why a saved window cannot be taken up.
#[derive(Debug, thiserror::Error)]
#[error(
    "window of {digits} characters is none: want four hexadecimal digits for each of at most {WINDOW_SAMPLES_MAX} samples"
)]
struct BadWindow {
    digits: usize,
}

impl TryFrom<SavedWindow> for RobustWindow {
    type Error = BadWindow;
    fn try_from(saved: SavedWindow) -> Result<Self, BadWindow> {
        let bad = || BadWindow { digits: saved.samples.len() };
        let digits = saved.samples.as_bytes();
        if !digits.len().is_multiple_of(4) || digits.len() / 4 > WINDOW_SAMPLES_MAX {
            return Err(bad());
        }
        let mut window = Self::default();
        for four in digits.chunks(4) {
            let text = std::str::from_utf8(four).map_err(|_| bad())?;
            window.push(Magnitude::from_steps(u16::from_str_radix(text, 16).map_err(|_| bad())?));
        }
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// What the books say, by sorting.
    fn by_the_book(samples: &VecDeque<u16>) -> (f64, f64) {
        fn median(mut values: Vec<f64>) -> f64 {
            values.sort_by(f64::total_cmp);
            let n = values.len();
            f64::midpoint(values[(n - 1) / 2], values[n / 2])
        }
        let values: Vec<f64> = samples.iter().map(|s| f64::from(*s)).collect();
        let centre = median(values.clone());
        (centre, median(values.iter().map(|v| (v - centre).abs()).collect()))
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(64))]
        #[test]
        fn median_and_mad_agree_with_sorting(
            samples in proptest::collection::vec(0_u16..62_000, 1..400),
            near in proptest::collection::vec(3_000_u16..3_020, 0..4_000),
        ) {
            let mut window = RobustWindow::default();
            let mut held = VecDeque::new();
            for sample in samples.iter().chain(&near) {
                window.push(Magnitude::from_steps(*sample));
                held.push_back(*sample);
                if held.len() > WINDOW_SAMPLES_MAX {
                    held.pop_front();
                }
            }
            let (median, mad) = by_the_book(&held);
            let found = window.median().unwrap().steps();
            proptest::prop_assert!((f64::from(found) - median).abs() <= 0.5);
            proptest::prop_assert!((window.mad_decades().unwrap() * STEPS_PER_DECADE - mad).abs() < 1e-9);
            let mut sorted: Vec<u16> = held.into_iter().collect();
            sorted.sort_unstable();
            proptest::prop_assert_eq!(&window.sorted, &sorted);
            let text = serde_json::to_string(&window).unwrap();
            let mut restored: RobustWindow = serde_json::from_str(&text).unwrap();
            restored.push(Magnitude::from_steps(7));
            window.push(Magnitude::from_steps(7));
            proptest::prop_assert_eq!(&window.sorted, &restored.sorted);
        }
    }

    #[test]
    fn a_window_of_equals_has_no_spread_of_its_own() {
        let mut window = RobustWindow::default();
        for _ in 0..60 {
            window.push(Magnitude::from_decades(18.0));
        }
        let found = window.deviation(Magnitude::from_decades(18.5), 0.1).unwrap();
        assert!(found.mad_decades <= 0.0 && (found.sigma - 5.0).abs() < 1e-9 && found.rank >= 1.0, "{found:?}");
        let same = window.deviation(Magnitude::from_decades(18.0), 0.1).unwrap();
        assert!(same.sigma.abs() <= 0.0 && same.rank <= 0.0, "{same:?}");
    }

    #[test]
    fn the_tail_of_a_heavy_tailed_window_is_calibrated() {
        // Pareto amounts of index 1: a tenth of them is larger than ten times the least, a hundredth than a hundred times.
        let mut window = RobustWindow::default();
        for n in 1..=1_024_u32 {
            let quantile = f64::from(n * 517 % 1_024) / 1_024.0 + 0.5 / 1_024.0;
            window.push(Magnitude::from_decades(18.0 - (1.0 - quantile).log10()));
        }
        for decades in [2.0_f64, 3.0, 4.0, 5.0] {
            let found = window.deviation(Magnitude::from_decades(18.0 + decades), 0.1).unwrap();
            let truth = 10_f64.powf(-decades);
            assert!((found.tail / truth).log10().abs() < 0.45, "{decades}: {found:?}");
            // The robust z alone would call one in a hundred unusual.
            assert!(found.sigma > 3.5);
        }
        let middle = window.deviation(Magnitude::from_decades(18.3), 0.1).unwrap();
        assert!((middle.tail - 0.5).abs() < 0.01, "{middle:?}");
    }

    #[test]
    fn small_windows_are_less_sure() {
        let mut window = RobustWindow::default();
        let mut tails = Vec::new();
        for n in 0..2_000_u32 {
            if [1, 2, 50, 200, 1_999].contains(&n) {
                tails.push(window.deviation(Magnitude::from_decades(22.0), 0.1).unwrap().tail);
            }
            window.push(Magnitude::from_decades(18.0 + f64::from(n * 7 % 50) / 50.0));
        }
        assert!(tails.is_sorted_by(|a, b| a >= b) && tails.iter().all(|tail| *tail > 0.0 && *tail <= 1.0), "{tails:?}");
    }

    #[test]
    fn a_damaged_window_is_refused() {
        for bad in ["{\"samples\":\"12\"}", "{\"samples\":\"zzzz\"}", "{\"samples\":\"12é\"}"] {
            assert!(serde_json::from_str::<RobustWindow>(bad).is_err(), "{bad}");
        }
        assert!(RobustWindow::default().deviation(Magnitude::from_steps(1), 0.1).is_none());
    }
}
