//! Chance that follows from a seed: whole numbers only, so that every machine throws the same.
//!
//! It must never be used for anything secret. Tests: below.

use alloy_primitives::U256;

/// 2^(k/24) in 65,536ths, for k from 0 to 23.
const OCTAVE: [u32; 24] = [
    65_536, 67_456, 69_433, 71_468, 73_562, 75_717, 77_936, 80_220, 82_570, 84_990, 87_480, 90_043, 92_682, 95_398,
    98_193, 101_070, 104_032, 107_080, 110_218, 113_448, 116_772, 120_194, 123_715, 127_341,
];
/// Steps of an octave.
const STEPS: u64 = 24;
/// Faces of each of the two dice behind a size.
const FACES: u64 = 47;

/// A seeded source of chance (SplitMix64 of Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `bound` - 1; 0 where `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A size around `median`, nearly log-normal: its binary logarithm has a standard deviation of 0.8 and never strays more
    /// than 1.9, since on a quiet day nobody moves sums beyond measure.
    pub(super) fn size(&mut self, median: U256) -> U256 {
        // Two octaves up, so that the sum of the dice, less their mean, is never below zero.
        let steps = self.below(FACES) + self.below(FACES) + 2 * STEPS - (FACES - 1);
        let rest = usize::try_from(steps % STEPS).unwrap_or(0);
        let factor = OCTAVE.get(rest).copied().unwrap_or(65_536);
        let octaves = usize::try_from(steps / STEPS).unwrap_or(0);
        ((median * U256::from(factor)) << octaves) >> (16 + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_centre_on_their_median_and_keep_their_bounds() {
        let mut dice = Dice::new(3);
        let mut sizes: Vec<u64> = (0..10_001).map(|_| dice.size(U256::from(1_000_000)).to::<u64>()).collect();
        sizes.sort_unstable();
        assert!((970_000..1_030_000).contains(&sizes[5_000]), "{}", sizes[5_000]);
        assert!(sizes[0] >= 264_000 && sizes[10_000] <= 3_780_000, "{} to {}", sizes[0], sizes[10_000]);
        let octave_up = sizes.iter().filter(|size| **size > 1_000_000 * 2).count();
        assert!((900..1_400).contains(&octave_up), "about 11 % are 1.25 σ above: {octave_up}");
    }

    #[test]
    fn every_number_below_the_bound_comes_up() {
        let mut dice = Dice::new(1);
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[usize::try_from(dice.below(7)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|times| (850..1_150).contains(times)), "{seen:?}");
        assert_eq!(dice.below(0), 0);
    }
}
