//! How bad: a score from 0 to 1000, explained, and the severity it gives.
//!
//! | term | points |
//! |---|---|
//! | money at risk | 20 for each doubling above $1,000: $100 k is 133, $1 M 199, $10 M 266; at most 400 |
//! | criticality of the service | low 0, medium 60, high 140, critical 220; a service we do not know counts 100 |
//! | users | 7 for each doubling above 10; at most 120 |
//! | irreversible | 100 |
//! | key compromise | 60 |
//! | theft in progress | 60 |
//! | blast radius | 16 for each doubling of the services that stop with this one; at most 80 |
//! | loudness, which is the source's own opinion | info 0, warning 60, error 150, critical 240 |
//!
//! 700 points are SEV1, 500 SEV2, 300 SEV3, 150 SEV4. Gates decide alone, whatever the sum: a key in the wrong hands is SEV1;
//! a theft in progress is SEV1 from $1 M on and at least SEV2 always. Every term and gate only grows with its fact, so more
//! money, more users, another flag, a higher criticality or a louder source never lowers a severity.
//!
//! Integers only: two machines agree to the point. Tests: below, monotonicity in `tests/laws.rs`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{Criticality, Service},
    money::Usd,
    severity::Severity,
    signal::{Facts, Loudness},
};

/// One addend of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// `money at risk`, `criticality`, `users`, `irreversible`, `key compromise`, `theft`, `blast radius`, `loudness`.
    pub name: String,
    /// The fact it came from, as people read it.
    pub fact: String,
    /// What it adds.
    pub points: u32,
}

/// Why an incident has its severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// 0 to 1000.
    pub points: u32,
    /// The severity that points and gates give.
    pub severity: Severity,
    /// The addends.
    pub terms: Vec<Term>,
    /// Facts that decide alone, whatever the sum: `key compromise`, `theft in progress`.
    pub gates: Vec<String>,
    /// The money behind it.
    pub money_at_risk: Usd,
    /// The facts in short: `QD:1/M:2500000/C:critical/U:120000/I:y/K:n/T:y/B:4/L:error`. Money in whole dollars; a service we
    /// do not know is `C:unknown`. [`Vector`] reads it back. Empty where nothing is claimed any more.
    pub vector: String,
}

impl Score {
    /// The score of an incident about which nothing is claimed any more.
    pub fn nothing() -> Self {
        Self {
            points: 0,
            severity: Severity::Sev5,
            terms: Vec::new(),
            gates: Vec::new(),
            money_at_risk: Usd::ZERO,
            vector: String::new(),
        }
    }

    /// The facts in short, or in words that there are none any more.
    pub fn in_short(&self) -> &str {
        in_short(&self.vector)
    }
}

/// A score's vector for a person: an empty one is said in words.
pub fn in_short(vector: &str) -> &str {
    if vector.is_empty() { "nothing counts any more" } else { vector }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.vector.is_empty() {
            return write!(f, "{} ({})", self.severity, self.in_short());
        }
        write!(f, "{} ({} points, {})", self.severity, self.points, self.vector)
    }
}

/// Points above which a severity begins, the worst first.
const BANDS: [(u32, Severity); 4] =
    [(700, Severity::Sev1), (500, Severity::Sev2), (300, Severity::Sev3), (150, Severity::Sev4)];
/// The greatest score.
const POINTS_MAX: u32 = 1_000;
/// Theft of this much is SEV1 whatever else is known.
const THEFT_SEV1: Usd = Usd::from_dollars(1_000_000);
/// Money below this adds nothing: fees and dust.
const MONEY_FLOOR_CENTS: u64 = 100_000;
/// Users up to this many add nothing: a team notices itself.
const USERS_FLOOR: u64 = 10;

/// The score of these facts on this service (none: not one we know), of which `blast_radius` services (itself included) stop
/// when it does.
pub fn score(facts: &Facts, loudness: Loudness, service: Option<&Service>, blast_radius: usize) -> Score {
    let criticality = service.map(|service| service.criticality);
    let users = facts.users.or(service.map(|service| service.users)).unwrap_or(0);
    let radius = u64::try_from(blast_radius).unwrap_or(u64::MAX).max(1);
    let terms: Vec<Term> = [
        (
            "money at risk",
            facts.money_at_risk.to_string(),
            doublings(facts.money_at_risk.cents(), MONEY_FLOOR_CENTS, 20, 400),
        ),
        ("criticality", word_of(criticality).to_owned(), points_of(criticality)),
        ("users", users.to_string(), doublings(users, USERS_FLOOR, 7, 120)),
        ("irreversible", "yes".to_owned(), if facts.irreversible { 100 } else { 0 }),
        ("key compromise", "yes".to_owned(), if facts.key_compromise { 60 } else { 0 }),
        ("theft", "in progress".to_owned(), if facts.theft { 60 } else { 0 }),
        ("blast radius", format!("{radius} services"), doublings(radius, 1, 16, 80)),
        ("loudness", word_of_loudness(loudness).to_owned(), points_of_loudness(loudness)),
    ]
    .into_iter()
    .filter(|(_, _, points)| *points > 0)
    .map(|(name, fact, points)| Term { name: name.to_owned(), fact, points })
    .collect();
    let points = terms.iter().map(|term| term.points).sum::<u32>().min(POINTS_MAX);
    let gates = gates(facts);
    let by_points = BANDS.iter().find(|(from, _)| points >= *from).map_or(Severity::Sev5, |(_, severity)| *severity);
    let severity = gates.iter().map(|(_, least)| *least).fold(by_points, Severity::max);
    let vector = Vector {
        money_at_risk_usd: facts.money_at_risk.dollars(),
        criticality,
        users,
        radius,
        loudness,
        facts: facts.clone(),
    };
    Score {
        points,
        severity,
        terms,
        gates: gates.into_iter().map(|(gate, _)| gate.to_owned()).collect(),
        money_at_risk: facts.money_at_risk,
        vector: vector.to_string(),
    }
}

/// The gates that these facts open, each with the least severity that it gives.
fn gates(facts: &Facts) -> Vec<(&'static str, Severity)> {
    let mut gates = Vec::new();
    if facts.key_compromise {
        gates.push(("key compromise", Severity::Sev1));
    }
    if facts.theft {
        let least = if facts.money_at_risk >= THEFT_SEV1 { Severity::Sev1 } else { Severity::Sev2 };
        gates.push(("theft in progress", least));
    }
    gates
}

/// `each` points for every doubling of `amount` above `floor`, between doublings in proportion, at most `most`.
fn doublings(amount: u64, floor: u64, each: u32, most: u32) -> u32 {
    let thousandths = log2_thousandths(amount).saturating_sub(log2_thousandths(floor));
    (thousandths.saturating_mul(each) / 1_000).min(most)
}

/// The binary logarithm in thousandths: exact at powers of two, in proportion between them (at most 0.087 low). Never falls.
fn log2_thousandths(amount: u64) -> u32 {
    let amount = u128::from(amount.max(1));
    let whole = amount.ilog2();
    let power = 1_u128 << whole;
    let part = (amount - power) * 1_000 / power;
    whole * 1_000 + u32::try_from(part).unwrap_or(999)
}

const fn points_of(criticality: Option<Criticality>) -> u32 {
    match criticality {
        Some(Criticality::Low) => 0,
        Some(Criticality::Medium) => 60,
        None => 100,
        Some(Criticality::High) => 140,
        Some(Criticality::Critical) => 220,
    }
}

const fn word_of(criticality: Option<Criticality>) -> &'static str {
    match criticality {
        Some(Criticality::Low) => "low",
        Some(Criticality::Medium) => "medium",
        Some(Criticality::High) => "high",
        Some(Criticality::Critical) => "critical",
        None => "unknown",
    }
}

const fn points_of_loudness(loudness: Loudness) -> u32 {
    match loudness {
        Loudness::Info => 0,
        Loudness::Warning => 60,
        Loudness::Error => 150,
        Loudness::Critical => 240,
    }
}

const fn word_of_loudness(loudness: Loudness) -> &'static str {
    match loudness {
        Loudness::Info => "info",
        Loudness::Warning => "warning",
        Loudness::Error => "error",
        Loudness::Critical => "critical",
    }
}

/// The facts behind a score in one word, for logs and tickets. Prints and parses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vector {
    /// What was claimed. In a parsed one the money is in whole dollars and the users are those that counted.
    pub facts: Facts,
    /// Whole dollars.
    pub money_at_risk_usd: u64,
    /// Of the service; none: not one we know.
    pub criticality: Option<Criticality>,
    /// Those that counted: claimed, or else the service's.
    pub users: u64,
    /// Services that stop with this one, itself included.
    pub radius: u64,
    /// The loudest source.
    pub loudness: Loudness,
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |raised| if raised { 'y' } else { 'n' };
        let Facts { irreversible, key_compromise, theft, .. } = self.facts;
        write!(f, "QD:1/M:{}/C:{}/U:{}", self.money_at_risk_usd, word_of(self.criticality), self.users)?;
        write!(f, "/I:{}/K:{}/T:{}", flag(irreversible), flag(key_compromise), flag(theft))?;
        write!(f, "/B:{}/L:{}", self.radius, word_of_loudness(self.loudness))
    }
}

/// Why a text is no vector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{part}` is no part of a vector such as QD:1/M:2500000/C:critical/U:120000/I:y/K:n/T:y/B:4/L:error")]
pub struct BadVector {
    /// The first part that does not fit, shortened.
    pub part: String,
}

impl FromStr for Vector {
    type Err = BadVector;
    fn from_str(text: &str) -> Result<Self, BadVector> {
        let mut parts = text.split('/');
        let mut next = |name: &str| {
            let part = parts.next().unwrap_or_default();
            let bad = BadVector { part: part.chars().take(40).collect() };
            part.split_once(':').filter(|(found, _)| *found == name).map(|(_, value)| (value, bad.clone())).ok_or(bad)
        };
        let number = |(value, bad): (&str, BadVector)| value.parse::<u64>().map_err(|_| bad);
        let flag = |(value, bad): (&str, BadVector)| match value {
            "y" => Ok(true),
            "n" => Ok(false),
            _ => Err(bad),
        };
        let (version, bad) = next("QD")?;
        if version != "1" {
            return Err(bad);
        }
        let money_at_risk_usd = number(next("M")?)?;
        let (word, bad) = next("C")?;
        let all = [
            None,
            Some(Criticality::Low),
            Some(Criticality::Medium),
            Some(Criticality::High),
            Some(Criticality::Critical),
        ];
        let criticality = all.into_iter().find(|known| word_of(*known) == word).ok_or(bad)?;
        let users = number(next("U")?)?;
        let facts = Facts {
            money_at_risk: Usd::from_dollars(money_at_risk_usd),
            users: Some(users),
            irreversible: flag(next("I")?)?,
            key_compromise: flag(next("K")?)?,
            theft: flag(next("T")?)?,
        };
        let radius = number(next("B")?)?;
        let (word, bad) = next("L")?;
        let all = [Loudness::Info, Loudness::Warning, Loudness::Error, Loudness::Critical];
        let loudness = all.into_iter().find(|known| word_of_loudness(*known) == word).ok_or(bad)?;
        match parts.next() {
            Some(more) => Err(BadVector { part: more.chars().take(40).collect() }),
            None => Ok(Self { facts, money_at_risk_usd, criticality, users, radius, loudness }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(dollars: u64) -> Facts {
        Facts { money_at_risk: Usd::from_dollars(dollars), ..Facts::default() }
    }

    #[test]
    fn a_score_of_nothing_says_so() {
        assert_eq!(Score::nothing().to_string(), "SEV5 (nothing counts any more)");
        let something = Score { vector: "QD:1/M:0".to_owned(), ..Score::nothing() };
        assert_eq!(something.to_string(), "SEV5 (0 points, QD:1/M:0)");
    }

    #[test]
    fn money_counts_by_doublings() {
        let points: Vec<u32> = [0, 999, 1_000, 2_000, 100_000, 1_000_000, 10_000_000, 1_000_000_000, u64::MAX / 100]
            .map(|dollars| doublings(dollars * 100, MONEY_FLOOR_CENTS, 20, 400))
            .into();
        assert_eq!(points, [0, 0, 0, 20, 133, 199, 266, 398, 400]);
    }

    #[test]
    fn gates_decide_alone() {
        let severity = |facts: &Facts| score(facts, Loudness::Info, None, 1).severity;
        assert_eq!(severity(&claim(2_000_000)), Severity::Sev3);
        assert_eq!(severity(&Facts { theft: true, ..claim(50) }), Severity::Sev2);
        assert_eq!(severity(&Facts { theft: true, ..claim(1_000_000) }), Severity::Sev1);
        assert_eq!(severity(&Facts { key_compromise: true, ..claim(0) }), Severity::Sev1);
    }

    #[test]
    fn a_monitor_without_facts_is_heard_by_its_loudness() {
        let of = |loudness| score(&Facts::default(), loudness, None, 1).severity;
        let all = [Loudness::Info, Loudness::Warning, Loudness::Error, Loudness::Critical].map(of);
        assert_eq!(all, [Severity::Sev5, Severity::Sev4, Severity::Sev4, Severity::Sev3]);
    }

    #[test]
    fn a_score_explains_itself() {
        let facts = Facts { users: Some(120_000), irreversible: true, theft: true, ..claim(2_500_000) };
        let score = score(&facts, Loudness::Error, None, 4);
        assert_eq!(score.vector, "QD:1/M:2500000/C:unknown/U:120000/I:y/K:n/T:y/B:4/L:error");
        let terms: Vec<String> =
            score.terms.iter().map(|term| format!("{} ({}) {}", term.name, term.fact, term.points)).collect();
        insta::assert_snapshot!(terms.join("; "), @"money at risk ($2.5 M) 226; criticality (unknown) 100; users (120000) 95; irreversible (yes) 100; theft (in progress) 60; blast radius (4 services) 32; loudness (error) 150");
        assert_eq!(score.points, score.terms.iter().map(|term| term.points).sum::<u32>());
    }

    #[test]
    fn a_vector_reads_back() {
        let text = "QD:1/M:2500000/C:critical/U:120000/I:y/K:n/T:y/B:4/L:error";
        assert_eq!(text.parse::<Vector>().map(|vector| vector.to_string()), Ok(text.to_owned()));
        for bad in ["", "QD:2", "QD:1/M:x", &format!("{text}/X:1"), &text.replace("I:y", "I:z")] {
            assert!(bad.parse::<Vector>().is_err(), "{bad}");
        }
    }
}
