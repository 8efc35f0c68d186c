//! Series with labels, and how detectors fare on them: over all, and set by set.

use std::{collections::BTreeMap, ops::RangeInclusive};

use quarterdeck_core::time::Timestamp;

use super::nab::{Answers, PROFILES, Profile, Score, best, score};

/// One recorded series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// `realTweets/Twitter_volume_CVS.csv`: the folder is its set.
    pub name: String,
    /// When each row is from.
    pub at: Vec<Timestamp>,
    /// One for each row.
    pub values: Vec<f64>,
    /// First and last row of each labelled window, in order.
    pub windows: Vec<RangeInclusive<usize>>,
}

/// What is wrong with a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// No row is from the instant at which a window begins or ends.
    #[error("`{series}` has no row from {at}, where a labelled window begins or ends")]
    NoRow {
        /// The series.
        series: String,
        /// The instant.
        at: Timestamp,
    },
    /// A window that ends before it begins, or before the one in front of it has ended.
    #[error("the labelled window of `{series}` at {at} is not behind the one before it")]
    Order {
        /// The series.
        series: String,
        /// Where it begins.
        at: Timestamp,
    },
}

impl Series {
    /// The folder it lies in.
    pub fn set(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder.rsplit_once('/').map_or(folder, |(_, set)| set))
    }

    /// Takes in the labelled windows, given by the instants of their first and last row.
    pub fn label(&mut self, windows: &[(Timestamp, Timestamp)]) -> Result<(), LabelError> {
        let row = |at: Timestamp| {
            let place = self.at.iter().position(|row| *row == at);
            place.ok_or_else(|| LabelError::NoRow { series: self.name.clone(), at })
        };
        let mut rows: Vec<RangeInclusive<usize>> = Vec::new();
        for (from, to) in windows {
            let window = row(*from)?..=row(*to)?;
            if window.is_empty() || rows.last().is_some_and(|before| before.end() >= window.start()) {
                return Err(LabelError::Order { series: self.name.clone(), at: *from });
            }
            rows.push(window);
        }
        self.windows = rows;
        Ok(())
    }
}

/// How one detector fares in one profile.
#[derive(Debug, Clone)]
pub struct Rating {
    /// The profile.
    pub profile: Profile,
    /// The threshold that is best for all series together.
    pub threshold: f64,
    /// All series at that threshold.
    pub overall: Score,
    /// Each set at that threshold.
    pub sets: BTreeMap<String, Score>,
    /// Each series at that threshold.
    pub series: BTreeMap<String, Score>,
}

/// How a detector fares in each profile. `scores` has its answers, series by series.
pub fn rate(series: &[Series], scores: &[Vec<f64>]) -> Vec<Rating> {
    let answers: Vec<Answers<'_>> =
        series.iter().zip(scores).map(|(series, scores)| Answers { scores, windows: &series.windows }).collect();
    let in_profile = |profile: Profile| {
        let (threshold, overall) = best(&answers, profile);
        let mut sets: BTreeMap<String, Vec<Answers<'_>>> = BTreeMap::new();
        let mut each = BTreeMap::new();
        for (series, answers) in series.iter().zip(&answers) {
            sets.entry(series.set().to_owned()).or_default().push(*answers);
            each.insert(series.name.clone(), score(&[*answers], profile, threshold));
        }
        let sets = sets.into_iter().map(|(set, answers)| (set, score(&answers, profile, threshold))).collect();
        Rating { profile, threshold, overall, sets, series: each }
    };
    PROFILES.map(in_profile).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        let at: Vec<Timestamp> = (0..100).map(|minute| Timestamp::from_ms(minute * 60_000)).collect();
        Series { name: "data/realTweets/a.csv".to_owned(), at, values: vec![0.0; 100], windows: Vec::new() }
    }

    #[test]
    fn windows_are_found_by_their_instants_and_refused_where_they_do_not_fit() {
        let mut series = series();
        let at = |minute: i64| Timestamp::from_ms(minute * 60_000);
        series.label(&[(at(20), at(29)), (at(50), at(59))]).unwrap();
        assert_eq!(series.windows, [20..=29, 50..=59]);
        assert_eq!(series.set(), "realTweets");
        let told = |result: Result<(), LabelError>| result.unwrap_err().to_string();
        insta::assert_snapshot!(told(series.label(&[(at(20), at(200))])), @"`data/realTweets/a.csv` has no row from 1970-01-01T03:20:00.000Z, where a labelled window begins or ends");
        insta::assert_snapshot!(told(series.label(&[(at(20), at(29)), (at(29), at(40))])), @"the labelled window of `data/realTweets/a.csv` at 1970-01-01T00:29:00.000Z is not behind the one before it");
        assert_eq!(series.windows, [20..=29, 50..=59]);
    }

    #[test]
    fn each_set_is_scored_at_the_threshold_of_all() {
        let (mut first, mut second) = (series(), series());
        second.name = "data/realTraffic/b.csv".to_owned();
        (first.windows, second.windows) = (vec![40..=59], vec![40..=59]);
        let (mut hit, mut late) = (vec![0.0; 100], vec![0.0; 100]);
        (hit[40], late[50]) = (0.9, 0.6);
        let ratings = rate(&[first, second], &[hit, late]);
        let standard = &ratings[0];
        assert!((standard.threshold - 0.6).abs() < 1e-12, "{}", standard.threshold);
        assert!((standard.sets["realTweets"].raw - 1.0).abs() < 1e-12);
        assert!(standard.sets["realTraffic"].raw < 0.9 && standard.overall.found == 2);
        assert_eq!(standard.series.len(), 2);
    }
}
