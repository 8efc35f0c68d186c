//! Gradient boosting: many small trees, each grown on what those before it got wrong, several times over from different lots.
//!
//! The same examples, seed and order give the same trees. See docs/adr/0093-a-learner-of-our-own.md. Tests below.

use serde::{Deserialize, Serialize};

use super::{
    number::count,
    tree::{Growth, Lots, Node, Pull, Table, Tree},
};

/// Trees in one bag.
const TREES: usize = 300;
/// Bags: each is grown from lots of its own, and their mean is the score. With tens of thefts one bag's ranks move by a tenth
/// with the lots; five bags' by a few hundredths.
const BAGS: usize = 5;
/// Questions from root to end.
const DEPTH: usize = 3;
/// Share of each tree's answer that is taken.
const RATE: f64 = 0.03;
/// Examples of a thousand that one tree sees.
const ROWS_PERMILLE: u64 = 500;
/// One feature of so many is looked at for one question.
const COLUMNS_PART: usize = 8;
/// Examples at an end.
const LEAF_MIN: usize = 6;
/// See [`Growth::doubt`].
const DOUBT: f64 = 0.05;

/// What was learnt: a score for each transaction, higher for what is more like a theft.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Forest {
    /// The score before any tree has spoken, as log odds.
    pub base: f64,
    /// Over how many bags the answers are averaged.
    pub bags: u32,
    /// The trees of all bags.
    pub trees: Vec<Tree>,
}

impl Forest {
    /// Learns from examples, each with its label: theft or not.
    pub fn learn(examples: &[&[f64]], labels: &[bool], features: usize, seed: u64) -> Self {
        let thefts = labels.iter().filter(|theft| **theft).count();
        let ordinary = labels.len() - thefts;
        let base = ((count(thefts) + 0.5) / (count(ordinary) + 0.5)).ln();
        let table = Table::new(examples, features);
        let growth = Growth {
            depth: DEPTH,
            columns: (features / COLUMNS_PART).max(1),
            leaf_min: LEAF_MIN,
            doubt: DOUBT,
            rate: RATE,
        };
        let mut lots = Lots::new(seed);
        let mut trees = Vec::with_capacity(TREES * BAGS);
        for _ in 0..BAGS {
            let mut scores = vec![base; labels.len()];
            for _ in 0..TREES {
                let pulls: Vec<Pull> = scores.iter().zip(labels).map(|(score, theft)| pull(*score, *theft)).collect();
                let rows: Vec<usize> = (0..labels.len()).filter(|_| lots.of_thousand(ROWS_PERMILLE)).collect();
                let tree = Tree::grow(&table, &pulls, rows, &growth, &mut lots);
                for (score, example) in scores.iter_mut().zip(examples) {
                    *score += tree.answer(example);
                }
                trees.push(tree);
            }
        }
        Self { base, bags: u32::try_from(BAGS).unwrap_or(1), trees }
    }

    /// The score of a transaction, as log odds among the examples.
    pub fn score(&self, features: &[f64]) -> f64 {
        let sum: f64 = self.trees.iter().map(|tree| tree.answer(features)).sum();
        self.base + sum / f64::from(self.bags.max(1))
    }

    /// By feature, how far it moved the score of this transaction up or down: at each question the answer changes from what all
    /// that came there got to what those on one side of it got.
    pub fn moved(&self, features: &[f64]) -> Vec<f64> {
        let mut moved = vec![0.0; features.len()];
        for tree in &self.trees {
            let mut above: Option<&Node> = None;
            for node in tree.way(features) {
                let asked = above.and_then(|above| above.ask.map(|ask| (ask.feature, node.value - above.value)));
                if let Some((feature, change)) = asked
                    && let Some(sum) = moved.get_mut(usize::from(feature))
                {
                    *sum += change / f64::from(self.bags.max(1));
                }
                above = Some(node);
            }
        }
        moved
    }

    /// By feature, the share of all that questions about it explained of the training examples.
    pub fn gains(&self, features: usize) -> Vec<f64> {
        let mut gains = vec![0.0; features];
        for ask in self.trees.iter().flat_map(|tree| &tree.0).filter_map(|node| node.ask) {
            if let Some(sum) = gains.get_mut(usize::from(ask.feature)) {
                *sum += ask.gain;
            }
        }
        let all: f64 = gains.iter().sum();
        gains.iter().map(|gain| if all > 0.0 { gain / all } else { 0.0 }).collect()
    }

    /// Whether it can be asked about so many features.
    pub fn is_sound(&self, features: usize) -> bool {
        self.bags > 0 && self.base.is_finite() && self.trees.iter().all(|tree| tree.is_sound(features))
    }
}

fn pull(score: f64, theft: bool) -> Pull {
    let probability = 1.0 / (1.0 + (-score).exp());
    Pull { gradient: f64::from(theft) - probability, weight: probability * (1.0 - probability) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of two features of which only the second says anything, and only together with a high first.
    fn examples() -> (Vec<Vec<f64>>, Vec<bool>) {
        let mut lots = Lots::new(7);
        let mut unit = || f64::from(u32::try_from(lots.draw() >> 40).unwrap()) / f64::from(1_u32 << 24);
        let rows: Vec<Vec<f64>> = (0..400).map(|_| (0..8).map(|_| unit()).collect()).collect();
        let labels = rows.iter().map(|row| row[0] > 0.5 && row[1] > 0.8).collect();
        (rows, labels)
    }

    fn learnt(seed: u64) -> (Forest, Vec<Vec<f64>>, Vec<bool>) {
        let (rows, labels) = examples();
        let shown: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        (Forest::learn(&shown, &labels, 8, seed), rows, labels)
    }

    #[test]
    fn what_depends_on_two_features_together_is_learnt_and_the_same_seed_gives_the_same_trees() {
        let (forest, rows, labels) = learnt(1);
        let lowest_theft =
            rows.iter().zip(&labels).filter(|(_, l)| **l).map(|(r, _)| forest.score(r)).fold(f64::MAX, f64::min);
        let highest_other =
            rows.iter().zip(&labels).filter(|(_, l)| !**l).map(|(r, _)| forest.score(r)).fold(f64::MIN, f64::max);
        assert!(lowest_theft > highest_other, "{lowest_theft} {highest_other}");
        assert_eq!(forest, learnt(1).0);
        assert_ne!(forest, learnt(2).0);
        assert!(forest.is_sound(8) && !forest.is_sound(1));
    }

    #[test]
    fn what_moved_a_score_adds_up_to_it_and_names_what_mattered() {
        let (forest, rows, labels) = learnt(1);
        let theft = rows.iter().zip(&labels).find(|(_, l)| **l).map(|(r, _)| r.clone()).unwrap();
        let moved = forest.moved(&theft);
        let roots: f64 = forest.trees.iter().map(|tree| tree.0[0].value).sum::<f64>() / f64::from(forest.bags);
        let all = forest.base + roots + moved.iter().sum::<f64>();
        assert!((all - forest.score(&theft)).abs() < 1e-9);
        assert!(moved[0].min(moved[1]) > moved[2..].iter().copied().fold(f64::MIN, f64::max), "{moved:?}");
        let gains = forest.gains(8);
        // Which feature is asked is drawn by lot, so that the others get something too.
        let noise = gains[2..].iter().copied().fold(f64::MIN, f64::max);
        assert!((gains.iter().sum::<f64>() - 1.0).abs() < 1e-9 && gains[0].min(gains[1]) > 2.0 * noise, "{gains:?}");
    }
}
