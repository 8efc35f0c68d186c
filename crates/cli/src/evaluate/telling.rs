//! How the detectors fared, for people and as one document.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use quarterdeck_detect::series::{
    corpus::Rating,
    nab::{PROFILES, Score},
};
use serde_json::{Value, json};

use super::{judging::Kept, reading::Read};
use crate::output::table as aligned;

/// How fast it went.
pub(super) struct Speed {
    /// Points of all series.
    pub(super) points: usize,
    /// The time of all cores together.
    pub(super) busy: Duration,
}

impl Speed {
    fn per_second_and_core(&self) -> u64 {
        let micros = u64::try_from(self.busy.as_micros()).unwrap_or(u64::MAX).max(1);
        (self.points as u64).saturating_mul(1_000_000) / micros
    }
}

pub(super) fn document(read: &Read, rated: &[(String, Vec<Rating>)], kept: Option<&Kept>, speed: &Speed) -> Value {
    let detectors: Vec<Value> = rated
        .iter()
        .map(|(name, ratings)| {
            let profiles: Vec<Value> = ratings.iter().map(profile).collect();
            json!({ "name": name, "profiles": profiles })
        })
        .collect();
    json!({
        "series": read.series.len(),
        "points": speed.points,
        "windows": read.series.iter().map(|series| series.windows.len()).sum::<usize>(),
        "labelled": read.labelled,
        "detectors": detectors,
        "budget": kept.map(Kept::json),
        "left_out": read.left_out,
        "speed": { "points_per_second_and_core": speed.per_second_and_core(), "busy_ms": speed.busy.as_millis() },
    })
}

fn profile(rating: &Rating) -> Value {
    let one = |score: &Score| {
        json!({ "score": score.normalized(rating.profile), "raw": score.raw, "windows": score.windows,
            "found": score.found, "false_alarms": score.false_alarms })
    };
    let each = |scores: &BTreeMap<String, Score>| -> Value {
        scores.iter().map(|(name, score)| (name.clone(), one(score))).collect::<serde_json::Map<_, _>>().into()
    };
    json!({
        "profile": rating.profile.name,
        "threshold": rating.threshold,
        "overall": one(&rating.overall),
        "sets": each(&rating.sets),
        "series": each(&rating.series),
    })
}

pub(super) fn in_words(read: &Read, rated: &[(String, Vec<Rating>)], kept: Option<&Kept>, speed: &Speed) -> String {
    let windows: usize = read.series.iter().map(|series| series.windows.len()).sum();
    let mut lines = vec![format!(
        "{} series, {} points, {windows} labelled windows; {} points a second on one core",
        read.series.len(),
        speed.points,
        speed.per_second_and_core()
    )];
    lines.extend(read.left_out.iter().map(|why| format!("left out: {why}")));
    lines.extend(kept.map(Kept::in_words));
    if rated.is_empty() {
        lines.push("no labels: nothing to score by".to_owned());
        return lines.join("\n");
    }
    lines.extend([String::new(), by_profile(rated), String::new()]);
    lines.push("The standard profile, set by set (where nothing is labelled: what false alarms cost):".to_owned());
    lines.push(by_set(rated));
    lines.join("\n")
}

fn shown(score: &Score, rating: &Rating) -> String {
    score.normalized(rating.profile).map_or_else(|| format!("{:.2} raw", score.raw), |score| format!("{score:.1}"))
}

fn by_profile(rated: &[(String, Vec<Rating>)]) -> String {
    let mut head = vec!["DETECTOR"];
    head.extend(PROFILES.map(|profile| profile.name));
    head.extend(["FOUND", "FALSE ALARMS"]);
    let rows: Vec<Vec<String>> = rated
        .iter()
        .map(|(name, ratings)| {
            let mut row = vec![name.clone()];
            row.extend(ratings.iter().map(|rating| shown(&rating.overall, rating)));
            if let Some(Rating { overall, .. }) = ratings.first() {
                row.extend([format!("{} of {}", overall.found, overall.windows), overall.false_alarms.to_string()]);
            }
            row
        })
        .collect();
    aligned(&head, &rows)
}

fn by_set(rated: &[(String, Vec<Rating>)]) -> String {
    let standard = rated.iter().filter_map(|(_, ratings)| ratings.first());
    let sets: BTreeSet<&String> = standard.flat_map(|rating| rating.sets.keys()).collect();
    let mut head = vec!["SET"];
    head.extend(rated.iter().map(|(name, _)| name.as_str()));
    let of = |set: &String, ratings: &[Rating]| {
        let rating = ratings.first()?;
        Some(shown(rating.sets.get(set)?, rating))
    };
    let row = |set: &String| {
        let mut row = vec![set.clone()];
        row.extend(rated.iter().map(|(_, ratings)| of(set, ratings).unwrap_or_default()));
        row
    };
    aligned(&head, &sets.into_iter().map(row).collect::<Vec<_>>())
}
