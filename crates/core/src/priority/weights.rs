//! What each fact weighs. A value of the configuration: whoever sees another risk says so there, and every score names the weights
//! that gave it. [`Weights::check`] says which weights are accepted; for all of these, more never lowers a severity
//! (`tests/laws.rs`). Tests: below.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{catalogue::Criticality, severity::Severity, signal::Loudness};

/// The greatest score, and so the most that one term can weigh.
pub const POINTS_MAX: u32 = 1_000;
/// The greatest floor of a term, in its unit: a million million dollars, users or services is beyond all that exists.
pub const FLOOR_MAX: u64 = 1_000_000_000_000;
/// Hex digits of a version: 64 bits, so that two weights of one house never share one.
const VERSION_DIGITS: usize = 16;

/// All weights. Points unless a name says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// Where each severity begins.
    pub bands: Bands,
    /// Money at risk; the floor is in whole dollars. Below it are fees and dust.
    pub money: Doubling,
    /// The service's criticality.
    pub criticality: CriticalityPoints,
    /// Users; a team of the floor's size notices itself.
    pub users: Doubling,
    /// What was done cannot be undone.
    pub irreversible: u32,
    /// A key is in the wrong hands.
    pub key_compromise: u32,
    /// Funds are leaving.
    pub theft: u32,
    /// Services that stop with this one, itself included.
    pub blast_radius: Doubling,
    /// The source's own opinion.
    pub loudness: LoudnessPoints,
    /// Theft of so many whole dollars is SEV1 whatever else is known; less is at least SEV2.
    pub theft_sev1_usd: u64,
}

/// Points from which on a severity is given. Below the last it is SEV5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// From here on SEV1.
    pub sev1: u32,
    /// From here on SEV2.
    pub sev2: u32,
    /// From here on SEV3.
    pub sev3: u32,
    /// From here on SEV4.
    pub sev4: u32,
}

/// Points for every doubling of an amount above a floor, between doublings in proportion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doubling {
    /// Up to this much adds nothing.
    pub floor: u64,
    /// For each doubling.
    pub each: u32,
    /// At most.
    pub most: u32,
}

/// Points for the criticality of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriticalityPoints {
    /// For [`Criticality::Low`].
    pub low: u32,
    /// For [`Criticality::Medium`].
    pub medium: u32,
    /// For [`Criticality::High`].
    pub high: u32,
    /// For [`Criticality::Critical`].
    pub critical: u32,
    /// For a service that the catalogue does not know.
    pub unknown: u32,
}

/// Points for the loudest source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoudnessPoints {
    /// For [`Loudness::Info`].
    pub info: u32,
    /// For [`Loudness::Warning`].
    pub warning: u32,
    /// For [`Loudness::Error`].
    pub error: u32,
    /// For [`Loudness::Critical`].
    pub critical: u32,
}

/// The weights that come with the program. They never change: a score without a version was given by these.
impl Default for Weights {
    fn default() -> Self {
        Self {
            bands: Bands { sev1: 700, sev2: 500, sev3: 300, sev4: 150 },
            money: Doubling { floor: 1_000, each: 20, most: 400 },
            criticality: CriticalityPoints { low: 0, medium: 60, high: 140, critical: 220, unknown: 100 },
            users: Doubling { floor: 10, each: 7, most: 120 },
            irreversible: 100,
            key_compromise: 60,
            theft: 60,
            blast_radius: Doubling { floor: 1, each: 16, most: 80 },
            loudness: LoudnessPoints { info: 0, warning: 60, error: 150, critical: 240 },
            theft_sev1_usd: 1_000_000,
        }
    }
}

/// Why weights are not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWeight {
    /// A number is out of its bounds.
    #[error("`{weight}` is {got}: want {least} to {most}")]
    OutOfBounds {
        /// Which one: `money.each`.
        weight: &'static str,
        /// What it is.
        got: u64,
        /// The least that is accepted.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Numbers that must rise one after the other do not.
    #[error("`{weight}` must rise from `{lower}` to `{higher}`, and goes from {from} to {to}")]
    Falls {
        /// Which table.
        weight: &'static str,
        /// The lower place.
        lower: &'static str,
        /// The higher place.
        higher: &'static str,
        /// What the lower place has.
        from: u32,
        /// What the higher place has.
        to: u32,
    },
}

impl BadWeight {
    /// The weight that is at fault, as the configuration spells it: `money`, `bands`.
    pub fn weight(&self) -> &'static str {
        match self {
            Self::OutOfBounds { weight, .. } | Self::Falls { weight, .. } => {
                weight.split_once('.').map_or(*weight, |(table, _)| table)
            }
        }
    }
}

impl Weights {
    /// All that is wrong with these weights; nothing if they are accepted.
    pub fn check(&self) -> Vec<BadWeight> {
        let Bands { sev1, sev2, sev3, sev4 } = self.bands;
        let CriticalityPoints { low, medium, high, critical, unknown } = self.criticality;
        let LoudnessPoints { info, warning, error, critical: loudest } = self.loudness;
        let points = |weight, got: u32, least| (weight, u64::from(got), least, u64::from(POINTS_MAX));
        let bounds = [
            points("bands.sev4", sev4, 1),
            points("bands.sev1", sev1, 1),
            points("money.each", self.money.each, 0),
            points("money.most", self.money.most, 0),
            ("money.floor", self.money.floor, 1, FLOOR_MAX),
            points("criticality.critical", critical, 0),
            points("criticality.unknown", unknown, 0),
            points("users.each", self.users.each, 0),
            points("users.most", self.users.most, 0),
            ("users.floor", self.users.floor, 1, FLOOR_MAX),
            points("irreversible", self.irreversible, 0),
            points("key_compromise", self.key_compromise, 0),
            points("theft", self.theft, 0),
            points("blast_radius.each", self.blast_radius.each, 0),
            points("blast_radius.most", self.blast_radius.most, 0),
            ("blast_radius.floor", self.blast_radius.floor, 1, FLOOR_MAX),
            points("loudness.critical", loudest, 0),
            ("theft_sev1_usd", self.theft_sev1_usd, 1, FLOOR_MAX),
        ];
        let out = bounds.into_iter().filter(|(_, got, least, most)| got < least || got > most);
        let mut bad: Vec<BadWeight> =
            out.map(|(weight, got, least, most)| BadWeight::OutOfBounds { weight, got, least, most }).collect();
        // Two severities of one band would leave one of them without a use, so bands rise strictly; terms may stay level.
        bad.extend(falls("bands", 1, &[("sev4", sev4), ("sev3", sev3), ("sev2", sev2), ("sev1", sev1)]));
        let steps = [("low", low), ("medium", medium), ("high", high), ("critical", critical)];
        bad.extend(falls("criticality", 0, &steps));
        let steps = [("info", info), ("warning", warning), ("error", error), ("critical", loudest)];
        bad.extend(falls("loudness", 0, &steps));
        bad
    }

    /// A name for these weights that follows from them: a digest in hex.
    pub fn version(&self) -> String {
        let Self { bands, money, criticality, users, irreversible, key_compromise, theft, .. } = self;
        let Self { blast_radius, loudness, theft_sev1_usd, .. } = self;
        let doubling = |of: &Doubling| [of.floor, u64::from(of.each), u64::from(of.most)];
        let points = [
            bands.sev1,
            bands.sev2,
            bands.sev3,
            bands.sev4,
            criticality.low,
            criticality.medium,
            criticality.high,
            criticality.critical,
            criticality.unknown,
            loudness.info,
            loudness.warning,
            loudness.error,
            loudness.critical,
            *irreversible,
            *key_compromise,
            *theft,
        ];
        let amounts = [doubling(money), doubling(users), doubling(blast_radius)].concat();
        let mut hash = Sha256::new_with_prefix(b"quarterdeck weights 1");
        for number in points.into_iter().map(u64::from).chain(amounts).chain([*theft_sev1_usd]) {
            hash.update(number.to_be_bytes());
        }
        alloy_primitives::hex::encode(hash.finalize()).chars().take(VERSION_DIGITS).collect()
    }

    /// The severity of so many points.
    pub(super) const fn band(&self, points: u32) -> Severity {
        match points {
            points if points >= self.bands.sev1 => Severity::Sev1,
            points if points >= self.bands.sev2 => Severity::Sev2,
            points if points >= self.bands.sev3 => Severity::Sev3,
            points if points >= self.bands.sev4 => Severity::Sev4,
            _ => Severity::Sev5,
        }
    }

    pub(super) const fn of_criticality(&self, criticality: Option<Criticality>) -> u32 {
        match criticality {
            Some(Criticality::Low) => self.criticality.low,
            Some(Criticality::Medium) => self.criticality.medium,
            None => self.criticality.unknown,
            Some(Criticality::High) => self.criticality.high,
            Some(Criticality::Critical) => self.criticality.critical,
        }
    }

    pub(super) const fn of_loudness(&self, loudness: Loudness) -> u32 {
        match loudness {
            Loudness::Info => self.loudness.info,
            Loudness::Warning => self.loudness.warning,
            Loudness::Error => self.loudness.error,
            Loudness::Critical => self.loudness.critical,
        }
    }
}

impl Doubling {
    /// The points of `amount`; `unit` of them make one of the floor's.
    pub(super) fn points(&self, amount: u64, unit: u64) -> u32 {
        let floor = self.floor.saturating_mul(unit);
        let thousandths = log2_thousandths(amount).saturating_sub(log2_thousandths(floor));
        (thousandths.saturating_mul(self.each) / 1_000).min(self.most)
    }
}

/// The steps that do not rise by at least `by`.
fn falls(weight: &'static str, by: u32, steps: &[(&'static str, u32)]) -> Vec<BadWeight> {
    let pairs = steps.iter().zip(steps.iter().skip(1));
    let bad = pairs.filter(|((_, from), (_, to))| *to < from.saturating_add(by));
    bad.map(|((lower, from), (higher, to))| BadWeight::Falls { weight, lower, higher, from: *from, to: *to }).collect()
}

/// The binary logarithm in thousandths: exact at powers of two, in proportion between them (at most 0.087 low). Never falls.
fn log2_thousandths(amount: u64) -> u32 {
    let amount = u128::from(amount.max(1));
    let whole = amount.ilog2();
    let power = 1_u128 << whole;
    let part = (amount - power) * 1_000 / power;
    whole * 1_000 + u32::try_from(part).unwrap_or(999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_of_the_program_never_change() {
        // Scores without a version were given by these: other ones are for the configuration, or a version of their own.
        assert_eq!(Weights::default().version(), crate::priority::DEFAULT_WEIGHTS);
        assert_eq!(Weights::default().check(), []);
    }

    #[test]
    fn money_counts_by_doublings() {
        let money = Weights::default().money;
        let points: Vec<u32> = [0, 999, 1_000, 2_000, 100_000, 1_000_000, 10_000_000, 1_000_000_000, u64::MAX / 100]
            .map(|dollars| money.points(dollars * 100, 100))
            .into();
        assert_eq!(points, [0, 0, 0, 20, 133, 199, 266, 398, 400]);
    }

    #[test]
    fn what_would_lower_a_severity_is_refused() {
        let mut weights = Weights::default();
        weights.bands.sev2 = weights.bands.sev1;
        weights.loudness.error = 10;
        weights.money.most = 1_001;
        weights.users.floor = 0;
        let said: Vec<String> = weights.check().iter().map(|bad| format!("{}: {bad}", bad.weight())).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        money: `money.most` is 1001: want 0 to 1000
        users: `users.floor` is 0: want 1 to 1000000000000
        bands: `bands` must rise from `sev2` to `sev1`, and goes from 700 to 700
        loudness: `loudness` must rise from `warning` to `error`, and goes from 60 to 10
        ");
    }

    #[test]
    fn every_weight_is_part_of_the_version() {
        let before = Weights::default();
        let text = serde_json::to_string(&before).unwrap();
        let numbers: Vec<(usize, &str)> = text.match_indices(|c: char| c.is_ascii_digit()).collect();
        let starts = numbers.iter().filter(|(at, _)| !text.as_bytes()[at - 1].is_ascii_digit());
        // Names have digits too (`sev1`): a number follows a colon.
        let starts: Vec<usize> = starts.map(|(at, _)| *at).filter(|at| text.as_bytes()[at - 1] == b':').collect();
        assert_eq!(starts.len(), 26);
        for at in starts {
            let (head, tail) = text.split_at(at);
            let changed = format!("{head}7{tail}");
            let after: Weights = serde_json::from_str(&changed).unwrap();
            assert_ne!(after.version(), before.version(), "{changed}");
        }
    }
}
