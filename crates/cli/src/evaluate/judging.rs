//! Every series through the detector, on all cores, and what became of a budget.

use std::{
    num::NonZeroU32,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use quarterdeck_detect::series::{
    corpus::Series,
    promise::{Promise, interval},
    watch::Watch,
};
use serde_json::{Value, json};

/// What was thought of one series.
#[derive(Default)]
pub(super) struct Judged {
    /// One for each row.
    pub(super) scores: Vec<f64>,
    /// Rows that the budget allowed to tell.
    told: Vec<usize>,
}

/// The detector's answers, and the time that they took on all cores together. Each series is judged by itself, from nothing.
pub(super) fn judged(series: &[Series], cores: usize, budget: Option<NonZeroU32>) -> (Vec<Judged>, Duration) {
    let next = AtomicUsize::new(0);
    let nothing = series.iter().map(|_| Judged::default()).collect();
    let done: Mutex<(Vec<Judged>, Duration)> = Mutex::new((nothing, Duration::ZERO));
    std::thread::scope(|scope| {
        for _ in 0..cores.min(series.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(series) = series.get(place) else { return };
                    let began = now();
                    let judged = judge(series, budget);
                    let took = began.elapsed();
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.1 += took;
                    if let Some(slot) = done.0.get_mut(place) {
                        *slot = judged;
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn judge(series: &Series, budget: Option<NonZeroU32>) -> Judged {
    let (mut watch, mut promise) = (Watch::default(), budget.map(|points| Promise::one_in(points.get())));
    let mut judged = Judged::default();
    for (row, (at, value)) in series.at.iter().zip(&series.values).enumerate() {
        let verdict = watch.observe(*at, *value);
        judged.scores.push(verdict.score());
        if promise.as_mut().is_some_and(|promise| promise.weigh(verdict.strength).told) {
            judged.told.push(row);
        }
    }
    judged
}

/// What became of a budget.
pub(super) struct Kept {
    one_in: NonZeroU32,
    /// Points outside every labelled window, and alarms told of these.
    ordinary: usize,
    false_alarms: usize,
    /// Labelled windows, and those of which something was told.
    windows: usize,
    found: usize,
}

impl Kept {
    pub(super) fn of(one_in: NonZeroU32, series: &[Series], judged: &[Judged]) -> Self {
        let mut kept = Self { one_in, ordinary: 0, false_alarms: 0, windows: 0, found: 0 };
        for (series, judged) in series.iter().zip(judged) {
            let inside = |row: &usize| series.windows.iter().any(|window| window.contains(row));
            kept.ordinary +=
                series.values.len() - series.windows.iter().map(|window| window.clone().count()).sum::<usize>();
            kept.false_alarms += judged.told.iter().filter(|row| !inside(row)).count();
            kept.windows += series.windows.len();
            kept.found +=
                series.windows.iter().filter(|window| judged.told.iter().any(|row| window.contains(row))).count();
        }
        kept
    }
    fn promised(&self) -> usize {
        self.ordinary / usize::try_from(self.one_in.get()).unwrap_or(usize::MAX)
    }
    pub(super) fn json(&self) -> Value {
        let (low, high) = interval(self.false_alarms as u64);
        json!({ "one_in_points": self.one_in, "ordinary_points": self.ordinary, "promised": self.promised(),
            "realized": self.false_alarms, "realized_low": low, "realized_high": high,
            "windows": self.windows, "found": self.found })
    }
    pub(super) fn in_words(&self) -> String {
        let (low, high) = interval(self.false_alarms as u64);
        format!(
            "budget: one false alarm in {} points; {} outside the windows: {} promised, {} told (by chance {low:.0} to {high:.0}); \
             {} of {} windows told",
            self.one_in,
            self.ordinary,
            self.promised(),
            self.false_alarms,
            self.found,
            self.windows
        )
    }
}

#[expect(clippy::disallowed_methods, reason = "an evaluation measures its own speed")]
fn now() -> Instant {
    Instant::now()
}
