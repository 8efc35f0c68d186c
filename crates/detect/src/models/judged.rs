//! How good a model is, honestly: trained on what came before, judged on what came after, and no incident on both sides.
//!
//! Scores of two models cannot be compared, so each theft is ranked among the ordinary transactions of its own fold, and only
//! these ranks are put together. Tests below.

use std::collections::BTreeSet;

use super::{boosting::Forest, examples::Example, features, number::count};

/// Who learns and who is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// What it is called in a report.
    pub name: String,
    /// Places of the examples that are learnt from.
    pub train: Vec<usize>,
    /// Places of those that are judged.
    pub test: Vec<usize>,
}

/// Folds over time: for each pair of neighbouring days, everything before the first is learnt, and judged are the thefts from
/// the first on and before the second, and all ordinary transactions from the first on.
pub fn over_time(examples: &[Example], days: &[i64], name: impl Fn(i64) -> String) -> Vec<Fold> {
    let ends = days.iter().skip(1).copied().chain([i64::MAX]);
    let fold = |(cut, end): (i64, i64)| {
        let places = |wanted: &dyn Fn(&Example) -> bool| -> Vec<usize> {
            examples.iter().enumerate().filter(|(_, one)| wanted(one)).map(|(place, _)| place).collect()
        };
        let train = places(&|one| one.day < cut);
        let known: BTreeSet<u64> = train.iter().filter_map(|place| examples.get(*place)).map(|one| one.group).collect();
        let judged = |one: &Example| one.day >= cut && (!one.theft || one.day < end) && !known.contains(&one.group);
        Fold { name: format!("from {}", name(cut)), train, test: places(&judged) }
    };
    days.iter().copied().zip(ends).map(fold).collect()
}

/// Days that part the later thefts evenly, after a first part that is only learnt from.
pub fn days(examples: &[Example], parts: usize) -> Vec<i64> {
    let mut days: Vec<i64> = examples.iter().filter(|one| one.theft).map(|one| one.day).collect();
    days.sort_unstable();
    let first = days.len() * LEARNT_FIRST_PERCENT / 100;
    let left = days.len() - first;
    let mut cuts: Vec<i64> = (0..parts).filter_map(|part| days.get(first + part * left / parts)).copied().collect();
    cuts.dedup();
    cuts
}

/// So many of a hundred thefts are only learnt from: with fewer than twenty there is next to nothing to learn.
const LEARNT_FIRST_PERCENT: usize = 35;

/// Folds over incidents: each is judged once, by a model that knows all others, earlier and later ones.
pub fn over_groups(examples: &[Example], parts: usize) -> Vec<Fold> {
    // By lot, but the same for everybody: a group's number is a digest already.
    let part = |one: &Example| usize::try_from(one.group % u64::try_from(parts.max(1)).unwrap_or(1)).unwrap_or(0);
    let fold = |wanted: usize| {
        let (test, train): (Vec<usize>, Vec<usize>) =
            (0..examples.len()).partition(|place| examples.get(*place).is_some_and(|one| part(one) == wanted));
        Fold { name: format!("part {}", wanted + 1), train, test }
    };
    (0..parts).map(fold).collect()
}

/// A theft and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Place of the example.
    pub place: usize,
    /// In which fold.
    pub fold: String,
    /// Its score.
    pub score: f64,
    /// The share of the fold's ordinary transactions that score at least so high.
    pub rarity: f64,
    /// Whether the rules tell it aloud.
    pub ruled: bool,
    /// What most moved its score up, and what most moved it down, in words.
    pub up: Vec<&'static str>,
    /// What most moved it down.
    pub down: Vec<&'static str>,
}

/// How a model did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    /// Every theft that was judged.
    pub thefts: Vec<Standing>,
    /// Score of each ordinary transaction that was judged, with whether the rules tell it aloud; by fold.
    pub ordinary: Vec<Vec<(f64, bool)>>,
    /// Average precision of each fold, with the number of its thefts.
    pub precisions: Vec<(f64, usize)>,
}

impl Judged {
    /// Learns and judges each fold.
    pub fn over(examples: &[Example], folds: &[Fold], seed: u64) -> Self {
        let mut judged = Self::default();
        for fold in folds {
            let pick =
                |places: &[usize]| -> Vec<&Example> { places.iter().filter_map(|at| examples.get(*at)).collect() };
            let train = pick(&fold.train);
            let rows: Vec<&[f64]> = train.iter().map(|one| one.features.as_slice()).collect();
            let labels: Vec<bool> = train.iter().map(|one| one.theft).collect();
            let forest = Forest::learn(&rows, &labels, features::COUNT, seed);
            judged.add(examples, fold, &forest, &typical(&train));
        }
        judged
    }

    /// Judges a fold by a forest that is there. `typical`: what features are among ordinary transactions.
    pub fn add(&mut self, examples: &[Example], fold: &Fold, forest: &Forest, typical: &[f64]) {
        let scored: Vec<(usize, &Example, f64)> = fold
            .test
            .iter()
            .filter_map(|place| examples.get(*place).map(|one| (*place, one, forest.score(&one.features))))
            .collect();
        let mut ordinary: Vec<f64> =
            scored.iter().filter(|(_, one, _)| !one.theft).map(|(_, _, score)| *score).collect();
        ordinary.sort_by(|one, other| other.total_cmp(one));
        for (place, one, score) in scored.iter().filter(|(_, one, _)| one.theft) {
            let higher = ordinary.partition_point(|other| other >= score);
            let moved = forest.moved(&one.features);
            self.thefts.push(Standing {
                place: *place,
                fold: fold.name.clone(),
                score: *score,
                rarity: count(higher) / count(ordinary.len()).max(1.0),
                ruled: one.ruled,
                up: reasons(&moved, &one.features, typical, 1.0),
                down: reasons(&moved, &one.features, typical, -1.0),
            });
        }
        let labelled: Vec<(f64, bool)> = scored.iter().map(|(_, one, score)| (*score, one.theft)).collect();
        self.precisions.push((average_precision(&labelled), labelled.iter().filter(|(_, theft)| *theft).count()));
        let plain = scored.iter().filter(|(_, one, _)| !one.theft);
        self.ordinary.push(plain.map(|(_, one, score)| (*score, one.ruled)).collect());
    }

    /// How many thefts are found where so many of all ordinary transactions may be told too, and how many there are.
    pub fn found(&self, allowed: f64) -> (usize, usize) {
        (self.thefts.iter().filter(|theft| theft.rarity <= allowed).count(), self.thefts.len())
    }

    /// The same for the rules alone, and the share of ordinary transactions that they tell.
    pub fn by_rules(&self) -> (usize, f64) {
        let told = self.ordinary.iter().flatten().filter(|(_, ruled)| *ruled).count();
        let all = self.ordinary.iter().map(Vec::len).sum();
        (self.thefts.iter().filter(|theft| theft.ruled).count(), count(told) / count(all).max(1.0))
    }

    /// The same for rules or model, and the share of ordinary transactions that either tells where the model may tell `allowed`.
    pub fn by_either(&self, allowed: f64) -> (usize, f64) {
        let found = self.thefts.iter().filter(|theft| theft.ruled || theft.rarity <= allowed).count();
        let (mut told, mut all) = (0, 0);
        for fold in &self.ordinary {
            let mut scores: Vec<f64> = fold.iter().map(|(score, _)| *score).collect();
            scores.sort_by(|one, other| other.total_cmp(one));
            let allowed =
                scores.iter().enumerate().take_while(|(rank, _)| count(rank + 1) <= allowed * count(fold.len()));
            // The first that may not be told any more, and all that score the same, are below the limit.
            let limit = scores.get(allowed.count()).copied().unwrap_or(f64::NEG_INFINITY);
            told += fold.iter().filter(|(score, ruled)| *ruled || *score > limit).count();
            all += fold.len();
        }
        (found, count(told) / count(all).max(1.0))
    }

    /// Average precision over the folds, each counted by its thefts.
    pub fn average_precision(&self) -> f64 {
        let thefts: usize = self.precisions.iter().map(|(_, thefts)| thefts).sum();
        let sum: f64 = self.precisions.iter().map(|(precision, thefts)| precision * count(*thefts)).sum();
        sum / count(thefts).max(1.0)
    }
}

/// What each feature is on average among the ordinary ones of these.
pub fn typical(examples: &[&Example]) -> Vec<f64> {
    let ordinary: Vec<&&Example> = examples.iter().filter(|one| !one.theft).collect();
    let mean = |feature: usize| {
        let values = ordinary.iter().filter_map(|one| one.features.get(feature));
        values.sum::<f64>() / count(ordinary.len()).max(1.0)
    };
    (0..features::COUNT).map(mean).collect()
}

/// So many reasons are told: what a person reads at night.
const REASONS: usize = 3;

/// What most moved a score in this direction, in words.
pub fn reasons(moved: &[f64], values: &[f64], typical: &[f64], direction: f64) -> Vec<&'static str> {
    let mut order: Vec<(f64, usize)> = moved.iter().enumerate().map(|(place, by)| (by * direction, place)).collect();
    order.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let words: Vec<features::Feature> = features::all().collect();
    let told = order.into_iter().filter(|(by, _)| *by > REASON_MIN).filter_map(|(_, place)| {
        let is_high = values.get(place)? > typical.get(place)?;
        words.get(place).map(|words| if is_high { words.high } else { words.low })
    });
    told.take(REASONS).collect()
}

/// What moved a score by less than this, as log odds, is no reason.
const REASON_MIN: f64 = 0.05;

/// The mean, over the thefts, of the share of thefts among what scores at least as high; of equal scores the thefts come last.
pub fn average_precision(scored: &[(f64, bool)]) -> f64 {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let (mut thefts, mut sum) = (0, 0.0);
    for (rank, _) in sorted.iter().enumerate().filter(|(_, (_, theft))| *theft) {
        thefts += 1;
        sum += count(thefts) / count(rank + 1);
    }
    sum / count(thefts).max(1.0)
}

/// The interval in which a share lies with 95 % confidence, by Wilson, where `found` of `all` were found.
pub fn interval(found: usize, all: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_985;
    if all == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (count(all), count(found) / count(all));
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    ((middle - half).max(0.0) / whole, ((middle + half) / whole).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(theft: bool, day: i64, group: u64) -> Example {
        Example { theft, day, group, features: vec![0.0; features::COUNT], ..Example::default() }
    }

    #[test]
    fn nobody_is_judged_by_what_came_later_or_by_his_own_incident() {
        let examples: Vec<Example> = (0..40_u32).map(|n| example(n % 2 == 0, i64::from(n), u64::from(n / 4))).collect();
        for fold in over_time(&examples, &[10, 22], |day| day.to_string()) {
            let last_learnt = fold.train.iter().map(|place| examples[*place].day).max().unwrap();
            let first_judged = fold.test.iter().map(|place| examples[*place].day).min().unwrap();
            assert!(last_learnt < first_judged);
            let known: BTreeSet<u64> = fold.train.iter().map(|place| examples[*place].group).collect();
            assert!(fold.test.iter().all(|place| !known.contains(&examples[*place].group)));
        }
        let groups = over_groups(&examples, 3);
        assert_eq!(groups.iter().map(|fold| fold.test.len()).sum::<usize>(), 40);
        for fold in groups {
            let known: BTreeSet<u64> = fold.train.iter().map(|place| examples[*place].group).collect();
            assert!(fold.test.iter().all(|place| !known.contains(&examples[*place].group)));
        }
    }

    #[test]
    fn average_precision_and_intervals_are_those_of_the_textbook() {
        let scored = [(5.0, true), (4.0, false), (3.0, true), (2.0, false), (1.0, false)];
        assert!((average_precision(&scored) - 5.0 / 6.0).abs() < 1e-12);
        // Equal scores: the ordinary one is counted first.
        assert!((average_precision(&[(1.0, true), (1.0, false)]) - 0.5).abs() < 1e-12);
        let (low, high) = interval(36, 67);
        assert!((low - 0.4194).abs() < 5e-4 && (high - 0.6513).abs() < 5e-4, "{low} {high}");
        assert!(interval(0, 10).0 == 0.0 && interval(0, 10).1 > 0.2 && interval(10, 10).1 > 0.999);
    }
}
