//! The detector of ordinary metrics: one configuration for every series, one pass, no look ahead.
//!
//! Five looks at each point: how high or low it is; how far from what is usual at this hour; how far from the last day's quarter;
//! how high or low the last half day was; how much it varied lately. Each look knows how surprising it is among its own last values
//! ([`History`]), believes itself the more the longer it has looked, and remembers a surprise for a few points, so that looks which
//! notice at slightly different points are heard together. Their sum goes through [`Episode`]: one unusual stretch is told once, at its
//! beginning. No look has a limit in the metric's own unit, so nothing has to be tuned for a series.
//!
//! What was considered instead, and how each scored, is in ADR 0085.

use std::collections::VecDeque;

use quarterdeck_core::time::Timestamp;

use super::{episode::Episode, history::History, season::Season};
use crate::statistics::magnitude::f64_of;

/// Points of a quarter of the memory behind a jump: two hours of one in five minutes.
const NEAR_POINTS: usize = 24;
/// Points whose variation is looked at: four hours.
const VARIATION_POINTS: usize = 48;
/// Points whose mean is looked at: half a day.
const MEAN_POINTS: usize = 144;
/// The least difference that counts, as a share of the series' spread; and of variation, in logarithms.
const UNIT_SHARE: f64 = 0.01;
const UNIT_VARIATION: f64 = 0.02;
/// Variation below this share of the spread is none.
const STILL_SHARE: f64 = 1e-3;
/// Points after which a look is believed half.
const BELIEVED_POINTS: f64 = 100.0;
/// Points after which a surprise counts half for those that come later.
const HEARD_POINTS: f64 = 3.0;

/// A way of looking at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// How high or low it is.
    Level,
    /// Against what is usual at this hour of the day.
    Hour,
    /// Against the points just before.
    Jump,
    /// How high or low the last half day was.
    Drift,
    /// How much the last hours varied.
    Variation,
}

impl Look {
    /// In the order in which they are kept.
    pub const ALL: [Self; 5] = [Self::Level, Self::Hour, Self::Jump, Self::Drift, Self::Variation];

    /// What it noticed, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Level => "a level rarely seen",
            Self::Hour => "unusual for this hour of the day",
            Self::Jump => "a sudden change",
            Self::Drift => "unusually high or low for half a day",
            Self::Variation => "it varies more or less than usual",
        }
    }
}

/// What is thought of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// How unusual, in powers of ten, less what was told already; −∞ for the rest of an episode.
    pub strength: f64,
    /// The look that was most surprised.
    pub mostly: Look,
}

impl Verdict {
    /// 0 for ordinary, towards 1 for ever more unusual: 10^strength over 1 + 10^strength.
    pub fn score(self) -> f64 {
        1.0 / (1.0 + 10.0_f64.powf(-self.strength))
    }
}

/// What is remembered of one series: at most about 0.7 MB, however long it gets.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    recent: VecDeque<f64>,
    season: Season,
    senses: [Sense; 5],
    episode: Episode,
}

#[derive(Debug, Clone, Default)]
struct Sense {
    history: History,
    /// Values ever seen.
    seen: u64,
    heard: f64,
}

impl Sense {
    /// How surprised it is by this value, or still is by one before.
    fn surprise(&mut self, value: Option<f64>, unit: f64) -> f64 {
        self.heard *= 0.5_f64.powf(1.0 / HEARD_POINTS);
        if let Some(value) = value {
            self.seen += 1;
            let seen = f64_of(self.seen);
            self.heard = self.heard.max(self.history.surprise(value, unit) * seen / (seen + BELIEVED_POINTS));
            self.history.push(value);
        }
        self.heard
    }
}

impl Watch {
    /// Judges the next point by those before it, and learns it. What is not a number is ordinary and teaches nothing: that nothing came is
    /// for others to notice.
    pub fn observe(&mut self, at: Timestamp, value: f64) -> Verdict {
        if !value.is_finite() {
            return Verdict { strength: f64::NEG_INFINITY, mostly: Look::Level };
        }
        let [level, ..] = &self.senses;
        let spread = level.history.spread();
        let near = (self.recent.len() >= NEAR_POINTS).then(|| value - self.near());
        self.recent.push_back(value);
        if self.recent.len() > MEAN_POINTS {
            self.recent.pop_front();
        }
        let seen = Look::ALL.map(|look| match look {
            Look::Level => Some(value),
            Look::Hour => self.season.usual(at).map(|usual| value - usual),
            Look::Jump => near,
            Look::Drift => self.mean(MEAN_POINTS).map(|(mean, _)| mean),
            Look::Variation => self.mean(VARIATION_POINTS).map(|(_, varies)| (varies + STILL_SHARE * spread).ln()),
        });
        self.season.push(at, value);
        let (mut sum, mut most, mut mostly) = (0.0, f64::MIN, Look::Level);
        for ((look, sense), value) in Look::ALL.into_iter().zip(&mut self.senses).zip(seen) {
            let unit = if look == Look::Variation { UNIT_VARIATION } else { UNIT_SHARE * spread };
            let surprise = sense.surprise(value, unit);
            sum += surprise;
            if surprise > most {
                (most, mostly) = (surprise, look);
            }
        }
        let strength = self.episode.strength(sum / f64_of(Look::ALL.len() as u64).sqrt());
        Verdict { strength: strength.unwrap_or(f64::NEG_INFINITY), mostly }
    }

    /// The median of the points just before.
    fn near(&self) -> f64 {
        let mut values: Vec<f64> = self.recent.iter().rev().take(NEAR_POINTS).copied().collect();
        let middle = values.len() / 2;
        *values.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    /// Mean and standard deviation of the last points; none before there are so many.
    fn mean(&self, points: usize) -> Option<(f64, f64)> {
        if self.recent.len() < points {
            return None;
        }
        let values = || self.recent.iter().rev().take(points);
        let count = f64_of(points as u64);
        let mean = values().sum::<f64>() / count;
        let squares: f64 = values().map(|value| (value - mean) * (value - mean)).sum();
        Some((mean, (squares / count).sqrt()))
    }
}
