//! What a score means: how rare it is among ordinary transactions, and how probable a theft.
//!
//! Both come from examples that the model which scored them had not seen. Tests below.

use serde::{Deserialize, Serialize};

use super::number::count;

/// Scores of ordinary transactions kept one by one, the highest first; below them only some.
const KEPT_SINGLY: usize = 200;
/// Below, each kept rank is by this part of itself behind the one before: a p-value is then exact to a tenth.
const RANK_PART: usize = 10;

/// How scores of a model are read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Calibration {
    /// Ordinary transactions that were scored.
    pub ordinary: u32,
    /// The score at some ranks among them, the highest first.
    pub ranks: Vec<Rank>,
    /// From each score on, the share of thefts among the examples (isotonic: it never falls), the lowest first.
    pub steps: Vec<Step>,
}

/// So many ordinary transactions score at least so high.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rank {
    /// How many.
    pub rank: u32,
    /// How high.
    pub score: f64,
}

/// From this score on a theft is so probable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// From here.
    pub score: f64,
    /// The share of thefts.
    pub probability: f64,
}

impl Calibration {
    /// From scores of examples and what these were.
    pub fn of(scored: &[(f64, bool)]) -> Self {
        let mut ordinary: Vec<f64> = scored.iter().filter(|(_, theft)| !theft).map(|(score, _)| *score).collect();
        ordinary.sort_by(|one, other| other.total_cmp(one));
        let mut ranks = Vec::new();
        let mut next = 0;
        while let Some(score) = ordinary.get(next) {
            ranks.push(Rank { rank: u32::try_from(next + 1).unwrap_or(u32::MAX), score: *score });
            next += if next < KEPT_SINGLY { 1 } else { next / RANK_PART };
        }
        Self { ordinary: u32::try_from(ordinary.len()).unwrap_or(u32::MAX), ranks, steps: isotonic(scored) }
    }

    /// The share of ordinary transactions that score at least so high, never too small: the next kept rank counts, and the
    /// transaction itself is counted with them.
    pub fn p_value(&self, score: f64) -> f64 {
        let higher = self.ranks.partition_point(|rank| rank.score >= score);
        // Up to the rank before the next that is kept all may score as high.
        let up_to = self.ranks.get(higher).map_or(self.ordinary, |next| next.rank - 1);
        (f64::from(up_to) + 1.0) / (f64::from(self.ordinary) + 1.0)
    }

    /// The share of thefts among examples that score like this. It is the share in the examples: on a chain, thefts are rarer.
    pub fn probability(&self, score: f64) -> f64 {
        let from = self.steps.partition_point(|step| step.score <= score).saturating_sub(1);
        self.steps.get(from).map_or(0.0, |step| step.probability)
    }
}

/// Pools neighbours until the share of thefts never falls with the score. Each pool counts half a theft in one transaction more
/// than it has: no share of few examples is certain.
fn isotonic(scored: &[(f64, bool)]) -> Vec<Step> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    // Of each pool: its lowest score, thefts, transactions.
    let mut pools: Vec<(f64, usize, usize)> = Vec::new();
    for (score, theft) in sorted {
        match pools.last_mut() {
            // Equal scores cannot be told apart.
            Some(last) if last.0.total_cmp(&score).is_eq() => {
                last.1 += usize::from(theft);
                last.2 += 1;
            }
            _ => pools.push((score, usize::from(theft), 1)),
        }
        merge(&mut pools);
    }
    let step = |(score, thefts, all): (f64, usize, usize)| Step {
        score,
        probability: (count(thefts) + 0.5) / (count(all) + 1.0),
    };
    let mut steps: Vec<Step> = pools.into_iter().map(step).collect();
    // What is added for doubt may not turn the order.
    let mut most = 0.0_f64;
    for step in &mut steps {
        most = most.max(step.probability);
        step.probability = most;
    }
    steps
}

fn merge(pools: &mut Vec<(f64, usize, usize)>) {
    while let [.., below, last] = pools.as_slice() {
        if below.1 * last.2 < last.1 * below.2 {
            return;
        }
        let merged = (below.0, below.1 + last.1, below.2 + last.2);
        pools.truncate(pools.len() - 2);
        pools.push(merged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_value_is_the_share_of_ordinary_ones_and_never_nothing() {
        let scored: Vec<(f64, bool)> = (0..10_000).map(|one| (f64::from(one), false)).collect();
        let calibration = Calibration::of(&scored);
        assert!((calibration.p_value(20_000.0) - 1.0 / 10_001.0).abs() < 1e-12);
        assert!((calibration.p_value(9_990.0) - 11.0 / 10_001.0).abs() < 1e-12);
        assert!((calibration.p_value(-1.0) - 1.0).abs() < 1e-12);
        for score in [9_000.0, 5_000.0, 100.0] {
            let truth = (10_000.0 - score + 1.0) / 10_001.0;
            let told = calibration.p_value(score);
            assert!(told >= truth && told <= truth * 1.12, "{score}: {told} {truth}");
        }
        assert!(calibration.ranks.len() < 400);
    }

    #[test]
    fn probabilities_never_fall_with_the_score_and_follow_the_share_of_thefts() {
        let scored: Vec<(f64, bool)> =
            (0..1_000).map(|one| (f64::from(one), one >= 900 && one % 2 == 0 || one == 100)).collect();
        let calibration = Calibration::of(&scored);
        let told: Vec<f64> = (0..1_000).map(|one| calibration.probability(f64::from(one))).collect();
        assert!(told.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(told[50] < 0.02 && (told[950] - 0.5).abs() < 0.1, "{} {}", told[50], told[950]);
        assert!(told[999] < 1.0 && told[0] > 0.0);
    }
}
