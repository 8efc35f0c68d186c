//! The score of the Numenta Anomaly Benchmark: what a detector's answers over a labelled corpus are worth.
//!
//! As published (Lavin and Ahmad 2015; Ahmad, Lavin, Purdy and Agha 2017) and as the benchmark's own program computes it. A window of
//! rows around each labelled anomaly counts as found if one row inside it reaches the threshold; the earliest such row is worth the
//! most. Every row outside that reaches it is a false alarm, cheaper just behind a window than far from any. The first rows of each
//! series are probation and count for nothing. One threshold serves the whole corpus: the one that is best for it. 0 is a detector
//! that says nothing, 100 one that is right at the first row of each window and silent elsewhere.
//!
//! This judges; a detector must never see any of it. Tests: below against hand-worked cases, and in `crates/detect/tests/series.rs`
//! against the outputs that were published with the benchmark.

use std::ops::RangeInclusive;

use crate::statistics::magnitude::f64_of;

/// The share of a series that is probation, and the length beyond which no more is.
const PROBATION: (usize, usize, usize) = (15, 100, 750);

/// What hits, misses and false alarms weigh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// The benchmark's name for it.
    pub name: &'static str,
    /// Gain of a window found at its first row.
    pub hit: f64,
    /// Loss of a window not found.
    pub miss: f64,
    /// Loss of a row told far from any window.
    pub false_alarm: f64,
}

/// The benchmark's three profiles.
pub const PROFILES: [Profile; 3] = [
    Profile { name: "standard", hit: 1.0, miss: 1.0, false_alarm: 0.11 },
    Profile { name: "reward_low_FP_rate", hit: 1.0, miss: 1.0, false_alarm: 0.22 },
    Profile { name: "reward_low_FN_rate", hit: 1.0, miss: 2.0, false_alarm: 0.11 },
];

/// One series with what was said about it: a score for each row, more is worse, and the labelled windows as rows, in order.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// One for each row.
    pub scores: &'a [f64],
    /// First and last row of each labelled window; they do not overlap.
    pub windows: &'a [RangeInclusive<usize>],
}

/// Where a row lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Too early to count.
    Probation,
    /// Where nothing is labelled.
    Outside,
    /// In the window of this number.
    Window(usize),
}

/// A row: where it lies, and what it is worth to tell it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Where it lies.
    pub place: Place,
    /// Gain, or loss below zero.
    pub worth: f64,
}

/// The sum for a set of series at one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Gains less losses.
    pub raw: f64,
    /// Labelled windows.
    pub windows: usize,
    /// Windows that were found.
    pub found: usize,
    /// Rows told outside every window.
    pub false_alarms: usize,
}

impl Score {
    /// 0 for saying nothing, 100 for perfection; none where nothing is labelled, so that only losses are possible.
    pub fn normalized(&self, profile: Profile) -> Option<f64> {
        let windows = f64_of(self.windows as u64);
        let (silent, perfect) = (-profile.miss * windows, profile.hit * windows);
        (self.windows > 0).then(|| 100.0 * (self.raw - silent) / (perfect - silent))
    }
}

/// Rows at the beginning of a series of this length that count for nothing.
pub fn probation(rows: usize) -> usize {
    let (share, of, most) = PROBATION;
    (rows.saturating_mul(share) / of).min(most)
}

/// What it is worth to tell each row.
pub fn worths(rows: usize, windows: &[RangeInclusive<usize>], profile: Profile) -> Vec<Worth> {
    let probation = probation(rows);
    let (mut current, mut past) = (0, None);
    let mut all = Vec::with_capacity(rows);
    for row in 0..rows {
        let window = windows.get(current).filter(|window| window.contains(&row));
        let worth = match (window, past) {
            (Some(window), _) => {
                let width = f64_of((window.end() - window.start() + 1) as u64);
                let left = f64_of((window.end() - row + 1) as u64);
                sigmoid(-left / width) * profile.hit / sigmoid(-1.0)
            }
            (None, None) => -profile.false_alarm,
            (None, Some((end, width))) => {
                let (behind, width): (usize, usize) = (row - end, width);
                sigmoid(f64_of(behind as u64) / f64_of(width.saturating_sub(1) as u64)) * profile.false_alarm
            }
        };
        let place = match window {
            _ if row < probation => Place::Probation,
            Some(_) => Place::Window(current),
            None => Place::Outside,
        };
        all.push(Worth { place, worth });
        if let Some(window) = window
            && row == *window.end()
        {
            past = Some((row, window.end() - window.start() + 1));
            current += 1;
        }
    }
    all
}

/// 1 far to the left, 0 at the window's end, −1 far behind it: distances are in widths of the window.
fn sigmoid(distance: f64) -> f64 {
    if distance > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * distance).exp()) - 1.0 }
}

/// What these series are worth if every row is told whose score is at least `threshold`.
pub fn score(corpus: &[Answers<'_>], profile: Profile, threshold: f64) -> Score {
    let mut sum = Score { raw: 0.0, windows: 0, found: 0, false_alarms: 0 };
    for answers in corpus {
        let mut best = vec![-profile.miss; answers.windows.len()];
        sum.windows += answers.windows.len();
        let mut found = vec![false; answers.windows.len()];
        for (worth, score) in worths(answers.scores.len(), answers.windows, profile).iter().zip(answers.scores) {
            if *score < threshold {
                continue;
            }
            match worth.place {
                Place::Probation => {}
                Place::Outside => {
                    sum.raw += worth.worth;
                    sum.false_alarms += 1;
                }
                Place::Window(window) => {
                    if let (Some(best), Some(found)) = (best.get_mut(window), found.get_mut(window)) {
                        *best = best.max(worth.worth);
                        *found = true;
                    }
                }
            }
        }
        sum.raw += best.iter().sum::<f64>();
        sum.found += found.iter().filter(|found| **found).count();
    }
    sum
}

/// The threshold that is best for these series together, and what they are worth at it. Of equals the highest; above all scores if
/// nothing is better than silence.
pub fn best(corpus: &[Answers<'_>], profile: Profile) -> (f64, Score) {
    let mut told: Vec<(f64, usize, Worth)> = Vec::new();
    let (mut best, mut windows) = (Vec::new(), 0);
    for (series, answers) in corpus.iter().enumerate() {
        let worths = worths(answers.scores.len(), answers.windows, profile);
        let counted = worths.into_iter().zip(answers.scores).filter(|(worth, _)| worth.place != Place::Probation);
        told.extend(counted.map(|(worth, score)| (*score, series, worth)));
        best.push(vec![-profile.miss; answers.windows.len()]);
        windows += answers.windows.len();
    }
    told.sort_by(|(left, ..), (right, ..)| right.total_cmp(left));
    let mut sum = -profile.miss * f64_of(windows as u64);
    let (mut highest, mut threshold) = (sum, f64::INFINITY);
    let mut rows = told.iter().peekable();
    while let Some((score, series, worth)) = rows.next() {
        match worth.place {
            Place::Probation => {}
            Place::Outside => sum += worth.worth,
            Place::Window(window) => {
                if let Some(best) = best.get_mut(*series).and_then(|series| series.get_mut(window)) {
                    sum += (worth.worth - *best).max(0.0);
                    *best = best.max(worth.worth);
                }
            }
        }
        let last_of_equals = rows.peek().is_none_or(|(next, ..)| next < score);
        if last_of_equals && sum > highest {
            (highest, threshold) = (sum, *score);
        }
    }
    (threshold, self::score(corpus, profile, threshold))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: Profile = PROFILES[0];

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
    }

    #[test]
    fn nothing_said_is_zero_and_the_first_row_of_each_window_is_a_hundred() {
        let windows = [40..=59, 80..=89];
        let mut scores = vec![0.0; 100];
        let silent = score(&[Answers { scores: &scores, windows: &windows }], STANDARD, 0.5);
        near(silent.normalized(STANDARD).unwrap(), 0.0);
        (scores[40], scores[80]) = (1.0, 0.9);
        for profile in PROFILES {
            let (threshold, all) = best(&[Answers { scores: &scores, windows: &windows }], profile);
            near(threshold, 0.9);
            near(all.normalized(profile).unwrap(), 100.0);
            assert_eq!((all.found, all.false_alarms), (2, 0));
        }
    }

    #[test]
    fn the_earliest_row_counts_once_and_later_ones_are_worth_less() {
        let worths = worths(100, &[40..=59], STANDARD);
        near(worths[40].worth, 1.0);
        // The last row is one twentieth of the window before its end.
        near(worths[59].worth, (2.0 / (1.0 + (-0.25_f64).exp()) - 1.0) / (2.0 / (1.0 + (-5.0_f64).exp()) - 1.0));
        // 19 rows, one width less one, behind the end; and three widths and more behind.
        near(worths[78].worth, 0.11 * (2.0 / (1.0 + 5.0_f64.exp()) - 1.0));
        near(worths[30].worth, -0.11);
        assert_eq!(worths[14].place, Place::Probation);
        assert_eq!((worths[15].place, worths[40].place), (Place::Outside, Place::Window(0)));
        let mut scores = vec![0.0; 100];
        (scores[50], scores[55]) = (1.0, 1.0);
        near(score(&[Answers { scores: &scores, windows: &[40..=59] }], STANDARD, 1.0).raw, worths[50].worth);
    }

    #[test]
    fn one_threshold_serves_all_series() {
        // A false alarm as high as the only hit: told together or not at all, and telling is better.
        let (mut hit, mut noise) = (vec![0.0; 100], vec![0.0; 100]);
        (hit[40], noise[50], noise[51]) = (0.7, 0.7, 0.6);
        let window = [40..=59];
        let corpus = [Answers { scores: &hit, windows: &window }, Answers { scores: &noise, windows: &[] }];
        let (threshold, sum) = best(&corpus, STANDARD);
        near(threshold, 0.7);
        near(sum.raw, 1.0 - 0.11);
        assert!(
            sum.normalized(STANDARD).unwrap() < 100.0
                && score(&corpus[1..], STANDARD, 0.7).normalized(STANDARD).is_none()
        );
    }

    #[test]
    fn probation_is_a_share_of_short_series_and_a_number_of_long_ones() {
        assert_eq!([0, 10, 1_127, 5_000, 15_000].map(probation), [0, 1, 169, 750, 750]);
    }
}
