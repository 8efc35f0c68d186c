//! The benchmark's score agrees with what its own program published, and the detector of metrics is as good as it was.
//!
//! The recordings are not part of the repository. They are looked for in `QUARTERDECK_DATA`, else beside the checkout.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../../formats/tests/data/unpack.rs"]
mod unpack;
#[path = "data/ordinary.rs"]
mod ordinary;

use ordinary::{KINDS, ordinary};
use quarterdeck_core::time::Timestamp;
use quarterdeck_detect::series::{
    corpus::{Rating, Series, rate},
    nab::{Answers, PROFILES, Place, score, worths},
    naive::NAIVE,
    promise::Promise,
    watch::Watch,
};
use quarterdeck_formats::series::{labels, table};

/// The recorded series with their windows; none, with a word, where they are not here.
fn recorded() -> Option<Vec<Series>> {
    let labels = labels(&unpack::unpack("nab/combined_windows.json.zst")?.pop().unwrap().1).unwrap();
    let mut all = Vec::new();
    for (name, bytes) in unpack::unpack("nab/data.tar.zst")? {
        let read = table(&bytes).unwrap();
        let label = name.trim_start_matches("data/");
        let mut series = Series { name: label.to_owned(), at: read.at, values: read.values, windows: Vec::new() };
        series.label(labels.get(label).unwrap()).unwrap();
        all.push(series);
    }
    Some(all)
}

fn answers(series: &Series) -> Vec<f64> {
    let mut watch = Watch::default();
    series.at.iter().zip(&series.values).map(|(at, value)| watch.observe(*at, *value).score()).collect()
}

/// A column of a published table, by its head.
fn column(bytes: &[u8], head: &str) -> Vec<f64> {
    let mut rows = std::str::from_utf8(bytes).unwrap().lines();
    let place = rows.next().unwrap().split(',').position(|name| name == head).unwrap();
    rows.map(|row| row.split(',').nth(place).unwrap().parse().unwrap()).collect()
}

/// The published tables give, beside each answer, what it was worth: a false alarm at its row, a window at its first row.
#[test]
fn the_score_agrees_with_what_was_published() {
    let Some(all) = recorded() else { return };
    let Some(published) = unpack::unpack("nab/published_windowedGaussian_outputs.tar.zst") else { return };
    assert_eq!(published.len(), all.len());
    // The threshold that the benchmark publishes for this detector, in each profile.
    let threshold = 1.0;
    for series in &all {
        let (set, file) = series.name.split_once('/').unwrap();
        let name = format!("windowedGaussian/{set}/windowedGaussian_{file}");
        let (_, bytes) = published.iter().find(|(other, _)| *other == name).unwrap();
        let scores = column(bytes, "anomaly_score");
        for profile in PROFILES {
            let worth = column(bytes, &format!("S(t)_{}", profile.name));
            let ours = score(&[Answers { scores: &scores, windows: &series.windows }], profile, threshold);
            let theirs: f64 = worth.iter().sum();
            assert!((ours.raw - theirs).abs() < 1e-9, "{name}, {}: {} is not {theirs}", profile.name, ours.raw);
            let rows = worths(scores.len(), &series.windows, profile);
            for (row, ((score, theirs), ours)) in scores.iter().zip(&worth).zip(rows).enumerate() {
                if ours.place == Place::Outside && *score >= threshold {
                    assert!((ours.worth - theirs).abs() < 1e-9, "{name}, row {row}: {} is not {theirs}", ours.worth);
                }
            }
        }
    }
}

fn standard(ratings: &[Rating]) -> (&Rating, f64) {
    let rating = ratings.first().unwrap();
    (rating, rating.overall.normalized(rating.profile).unwrap())
}

/// What was reached; falling below it is a regression. Both one-liners are beaten on every set.
#[test]
fn the_detector_is_as_good_as_it_was() {
    let Some(all) = recorded() else { return };
    let ours = rate(&all, &all.iter().map(answers).collect::<Vec<_>>());
    let (ours, total) = standard(&ours);
    assert!(total > 74.0, "{total}");
    for (name, naive) in NAIVE {
        let theirs = rate(&all, &all.iter().map(|series| naive(&series.values)).collect::<Vec<_>>());
        for (set, theirs) in &standard(&theirs).0.sets {
            assert!(ours.sets[set].raw > theirs.raw, "{name} on {set}: {:?}, {theirs:?}", ours.sets[set]);
        }
    }
}

/// What comes later changes nothing that was said before.
#[test]
fn it_does_not_look_ahead() {
    let Some(all) = recorded() else { return };
    for series in all.iter().step_by(5) {
        let rows = series.values.len() / 2;
        let mut half = series.clone();
        half.at.truncate(rows);
        half.values.truncate(rows);
        let whole = answers(series);
        assert!(
            answers(&half).iter().zip(&whole).all(|(half, whole)| half.to_bits() == whole.to_bits()),
            "{}",
            series.name
        );
    }
}

/// In whatever unit a metric is given, the same is unusual.
#[test]
fn the_unit_does_not_matter() {
    let wave = |scale: f64, offset: f64| {
        let mut watch = Watch::default();
        let score = |minute: u32| {
            let day = f64::from(minute % 1_440) / 1_440.0 * std::f64::consts::TAU;
            let noise = f64::from(minute.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
            let value = 100.0 + 30.0 * day.sin() + noise + if minute == 9_000 { 200.0 } else { 0.0 };
            watch.observe(Timestamp::from_ms(i64::from(minute) * 60_000), value * scale + offset).score()
        };
        (0..10_000).map(score).collect::<Vec<_>>()
    };
    let plain = wave(1.0, 0.0);
    assert!(plain[9_000] > 0.99, "{}", plain[9_000]);
    for other in [wave(1e6, 0.0), wave(1e-9, 0.0), wave(1.0, -5.0)] {
        assert!(plain.iter().zip(&other).all(|(one, other)| (one - other).abs() < 1e-3), "a unit changed the answers");
    }
}

/// Promised against realized, over 100,000 ordinary points of three kinds: within a fifth.
#[test]
fn the_promise_is_kept_on_ordinary_series() {
    for kind in KINDS {
        let (mut told, mut points) = (0, 0);
        for seed in 0..5 {
            let (mut watch, mut promise) = (Watch::default(), Promise::one_in(1_000));
            for (point, value) in ordinary(kind, seed).into_iter().enumerate() {
                let at = Timestamp::from_secs(1_700_000_000 + 300 * point as u64);
                promise.weigh(watch.observe(at, value).strength);
            }
            told += promise.realized().0;
            points += promise.realized().1;
        }
        assert_eq!(points, 100_000);
        assert!((80..=120).contains(&told), "{kind}: {told} told, 100 promised");
    }
}
