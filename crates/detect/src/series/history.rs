//! The last values of one number, in order of size: how far out a new one lies.
//!
//! Kept twice, in the order of arrival and sorted, so that the oldest can go: two doubles a value, 128 KiB when full. A new value
//! costs two binary searches and one move of at most 64 KiB.

use crate::statistics::magnitude::f64_of;

/// Values kept: four weeks of one in five minutes, so that a week and a month's end have been seen; and the least p-value that
/// ranks alone can give is a ten-thousandth.
pub const VALUES_MAX: usize = 8_192;
/// Fewer say nothing about what is far out.
const VALUES_MIN: usize = 10;
/// The largest values that tell how fast the tail falls: one in fifty, but at least five.
const TAIL_SHARE: usize = 50;
const TAIL_VALUES_MIN: usize = 5;
/// Shape of the tail beyond the largest value seen (generalized Pareto): a little heavier than exponential, so that a reading a
/// thousand times too large is not a thousand times as surprising.
const TAIL_SHAPE: f64 = 0.05;
/// The most that one number can surprise, in powers of ten: beyond this the exact size says nothing more.
pub const SURPRISE_MAX: f64 = 12.0;

/// The last [`VALUES_MAX`] values.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// In the order of arrival; once full, `next` is the oldest.
    ring: Vec<f64>,
    next: usize,
    sorted: Vec<f64>,
}

impl History {
    /// Takes a value in, which must be a number; the oldest goes when there is no room.
    pub fn push(&mut self, value: f64) {
        if self.ring.len() < VALUES_MAX {
            self.ring.push(value);
            let place = self.sorted.partition_point(|held| *held < value);
            self.sorted.insert(place, value);
            return;
        }
        let Some(slot) = self.ring.get_mut(self.next) else { return };
        let oldest = std::mem::replace(slot, value);
        self.next = (self.next + 1) % VALUES_MAX;
        let from = self.sorted.partition_point(|held| *held < oldest);
        let to = self.sorted.partition_point(|held| *held < value);
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

    /// Values held.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The value below which this share of them lies; 0 where there are none.
    pub fn quantile(&self, percent: usize) -> f64 {
        let place = self.len().saturating_sub(1) * percent / 100;
        self.sorted.get(place).copied().unwrap_or(0.0)
    }

    /// What 90 of 100 values lie within; where that is nothing, a thousandth of the middle one: the yardstick for what is a
    /// difference at all.
    pub fn spread(&self) -> f64 {
        (self.quantile(95) - self.quantile(5)).max(self.quantile(50).abs() * 1e-3).max(f64::MIN_POSITIVE)
    }

    /// How many values are as high as this, and the highest of all; 0 where there are none.
    pub fn as_high(&self, value: f64) -> (usize, f64) {
        let lower = self.sorted.partition_point(|held| *held < value);
        (self.len() - lower, self.sorted.last().copied().unwrap_or(0.0))
    }

    /// How surprising a value this high or this low is, as −log₁₀ of a share of the values: 0 for an ordinary one, 3 for the
    /// highest of a thousand, more if it is far above all. `unit` is the least difference that counts.
    pub fn surprise(&self, value: f64, unit: f64) -> f64 {
        if self.len() < VALUES_MIN {
            return 0.0;
        }
        let step = unit * 1e-4;
        let as_high = self.len() - self.sorted.partition_point(|held| *held < value - step);
        let as_low = self.sorted.partition_point(|held| *held <= value + step);
        let beyond = match (as_high, as_low) {
            (0, _) => self.beyond(value, unit, |history, nth| history.get(history.len() - 1 - nth).copied()),
            (_, 0) => self.beyond(-value, unit, |history, nth| history.get(nth).map(|held| -held)),
            _ => 0.0,
        };
        let all = f64_of(self.len() as u64 + 1);
        let rank = (all / f64_of(as_high.min(as_low) as u64 + 1)).log10();
        (rank + beyond).min(SURPRISE_MAX)
    }

    /// What a value adds by lying beyond all others, by how fast these thin out. `nth` is the nth largest, seen from that side.
    fn beyond(&self, value: f64, unit: f64, nth: impl Fn(&[f64], usize) -> Option<f64>) -> f64 {
        let count = (self.len() / TAIL_SHARE).max(TAIL_VALUES_MIN).min(self.len() - 1);
        let (Some(top), Some(edge)) = (nth(&self.sorted, 0), nth(&self.sorted, count)) else { return 0.0 };
        let excess: f64 = (0..count).filter_map(|place| nth(&self.sorted, place)).map(|held| held - edge).sum();
        let scale = (excess / f64_of(count as u64)).max(unit);
        (TAIL_SHAPE * (value - top) / scale).ln_1p().max(0.0) / std::f64::consts::LN_10 / TAIL_SHAPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> History {
        let mut history = History::default();
        values.into_iter().for_each(|value| history.push(value));
        history
    }

    #[test]
    fn the_highest_of_a_thousand_is_a_surprise_of_three_and_the_middle_of_none() {
        let history = of((0..999).map(f64::from));
        assert!((history.surprise(999.0, 1e-9) - 3.0).abs() < 0.05, "{}", history.surprise(999.0, 1e-9));
        assert!((history.surprise(-1.0, 1e-9) - history.surprise(999.0, 1e-9)).abs() < 1e-9);
        assert!(history.surprise(500.0, 1e-9) < 0.31);
        assert!(history.surprise(1_100.0, 1e-9) > history.surprise(999.0, 1e-9) + 1.0);
        assert!(history.surprise(1e300, 1e-9) <= SURPRISE_MAX);
    }

    #[test]
    fn a_difference_below_the_unit_is_none() {
        let history = of((0..100).map(|_| 20.0));
        assert!(history.surprise(20.0 + 1e-12, history.spread()) < 0.01);
        assert!(history.surprise(21.0, history.spread()) > 3.0);
    }

    proptest::proptest! {
        #[test]
        fn only_the_last_values_count(values in proptest::collection::vec(-1e6_f64..1e6, 1..200)) {
            let before = (0..VALUES_MAX).map(|n| f64_of(n as u64) * 17.0);
            let history = of(before.clone().chain(values.iter().copied()));
            let mut kept: Vec<f64> = before.skip(values.len()).chain(values.iter().copied()).collect();
            kept.sort_by(f64::total_cmp);
            proptest::prop_assert_eq!(&history.sorted, &kept);
        }
    }
}
