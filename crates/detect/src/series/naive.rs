//! The two one-liners that any detector of series has to beat: moving variance and squared difference.
//!
//! Several large models of 2026 do not differ from them significantly. They are only for comparison, and are given an advantage: each series'
//! answers are ranked over the whole series, the future included, so that one threshold suits all units.

use crate::statistics::magnitude::f64_of;

/// Points of the moving variance: of 2, 5, 10, 20, 50 and 100 the best on the benchmark's series, apart from 2, which is the squared difference.
const VARIANCE_POINTS: usize = 5;

/// A one-liner: its name, and its answers to a series.
pub type Naive = (&'static str, fn(&[f64]) -> Vec<f64>);

/// Both one-liners, in the order in which they are shown.
pub const NAIVE: [Naive; 2] = [("moving variance", moving_variance), ("squared difference", squared_difference)];

/// The variance of the last five values, ranked.
fn moving_variance(values: &[f64]) -> Vec<f64> {
    let variance = |end: usize| {
        let window = values.get((end + 1).saturating_sub(VARIANCE_POINTS)..=end).unwrap_or_default();
        let count = f64_of(window.len() as u64);
        let mean = window.iter().sum::<f64>() / count;
        window.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count
    };
    ranked(&(0..values.len()).map(variance).collect::<Vec<_>>())
}

/// The square of the step to each value, ranked.
fn squared_difference(values: &[f64]) -> Vec<f64> {
    let first = values.iter().take(1).map(|_| 0.0);
    let steps = values.iter().zip(values.iter().skip(1)).map(|(before, value)| (value - before) * (value - before));
    ranked(&first.chain(steps).collect::<Vec<_>>())
}

/// The share of all answers that are smaller.
fn ranked(answers: &[f64]) -> Vec<f64> {
    let mut sorted = answers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let smaller = |answer: &f64| sorted.partition_point(|other| other < answer);
    answers.iter().map(|answer| f64_of(smaller(answer) as u64) / f64_of(sorted.len() as u64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_where_both_look() {
        let values = [1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0];
        let highest = |answers: Vec<f64>| {
            let most = answers.iter().copied().fold(0.0, f64::max);
            (0..answers.len()).filter(|row| answers[*row] >= most).collect::<Vec<_>>()
        };
        assert_eq!(highest(squared_difference(&values)), [5]);
        assert_eq!(highest(moving_variance(&values)), [6, 7]);
        assert!(moving_variance(&[]).is_empty() && squared_difference(&[]).is_empty());
    }
}
