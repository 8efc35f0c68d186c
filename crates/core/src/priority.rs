//! How bad: a score from 0 to 1000, explained, and the severity it gives.
//!
//! What each fact weighs is a value, [`Weights`]. Those that come with the program:
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
//! a theft in progress is SEV1 from $1 M on and at least SEV2 always; and what somebody declared is as bad as they guessed, at least. Every term and gate only grows with its fact, so more
//! money, more users, another flag, a higher criticality or a louder source never lowers a severity.
//!
//! Integers only: two machines agree to the point. Tests: below, monotonicity in `tests/laws.rs`.

mod vector;
mod weights;

use std::fmt;

use serde::{Deserialize, Serialize};

use self::vector::word_of;
pub use self::{
    vector::{BadVector, Vector},
    weights::{BadWeight, Bands, CriticalityPoints, Doubling, FLOOR_MAX, LoudnessPoints, POINTS_MAX, Weights},
};
use crate::{
    catalogue::Service,
    money::Usd,
    severity::Severity,
    signal::{Declared, Facts, Loudness},
};

/// The version of the weights that come with the program.
pub const DEFAULT_WEIGHTS: &str = "7510def23e5f2282";

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

impl Term {
    /// The fact as part of a sentence; none: it says nothing that a person would.
    fn in_words(&self) -> Option<String> {
        let fact = &self.fact;
        Some(match self.name.as_str() {
            "money at risk" => format!("{fact} at risk"),
            "criticality" if fact == word_of(None) => "it is about no service that is known".to_owned(),
            "criticality" => format!("the service is of {fact} criticality"),
            "users" => format!("{fact} users"),
            "irreversible" => "it cannot be undone".to_owned(),
            "key compromise" => "a key is in the wrong hands".to_owned(),
            "theft" => "funds are leaving now".to_owned(),
            "blast radius" if fact.starts_with("1 ") => return None,
            "blast radius" => format!("{fact} stop with it"),
            "loudness" => format!("its source calls it {fact}"),
            other => format!("{other}: {fact}"),
        })
    }
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
    /// What decides alone, whatever the sum: `key compromise`, `theft in progress`, `declared SEV2 by alice`.
    pub gates: Vec<String>,
    /// The money behind it.
    pub money_at_risk: Usd,
    /// The facts in short: `QD:1/M:2500000/C:critical/U:120000/I:y/K:n/T:y/B:4/L:error`. Money in whole dollars; a service we
    /// do not know is `C:unknown`. [`Vector`] reads it back. Empty where nothing is claimed any more.
    pub vector: String,
    /// The version of the weights that gave it; empty: those that come with the program. See [`Score::weights`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub weights: String,
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
            weights: String::new(),
        }
    }

    /// The same score where somebody declared how bad it is: at least so bad, and it says by whom.
    #[must_use]
    pub fn at_least(mut self, declared: Option<&Declared>) -> Self {
        if let Some(declared) = declared {
            self.severity = self.severity.max(declared.severity);
            self.gates.push(declared.to_string());
        }
        self
    }

    /// The version of the weights that gave it.
    pub fn weights(&self) -> &str {
        if self.weights.is_empty() { DEFAULT_WEIGHTS } else { &self.weights }
    }

    /// Why it is so bad, as a sentence has it: what weighs most comes first.
    pub fn in_words(&self) -> String {
        let mut terms: Vec<&Term> = self.terms.iter().collect();
        terms.sort_by_key(|term| std::cmp::Reverse(term.points));
        let declared =
            self.gates.iter().filter(|gate| gate.starts_with(GATE_DECLARED)).map(|gate| format!("it was {gate}"));
        let words: Vec<String> = declared.chain(terms.into_iter().filter_map(Term::in_words)).collect();
        if words.is_empty() { "nothing counts any more".to_owned() } else { words.join("; ") }
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

/// The score that these weights give these facts on this service (none: not one we know), of which `blast_radius` services
/// (itself included) stop when it does.
pub fn score(
    weights: &Weights,
    facts: &Facts,
    loudness: Loudness,
    service: Option<&Service>,
    blast_radius: usize,
) -> Score {
    let criticality = service.map(|service| service.criticality);
    let users = facts.users.or(service.map(|service| service.users)).unwrap_or(0);
    let radius = u64::try_from(blast_radius).unwrap_or(u64::MAX).max(1);
    let flag = |raised, points| if raised { points } else { 0 };
    let money = facts.money_at_risk;
    let terms: Vec<Term> = [
        ("money at risk", money.to_string(), weights.money.points(money.cents(), CENTS)),
        ("criticality", word_of(criticality).to_owned(), weights.of_criticality(criticality)),
        ("users", users.to_string(), weights.users.points(users, 1)),
        ("irreversible", "yes".to_owned(), flag(facts.irreversible, weights.irreversible)),
        ("key compromise", "yes".to_owned(), flag(facts.key_compromise, weights.key_compromise)),
        ("theft", "in progress".to_owned(), flag(facts.theft, weights.theft)),
        ("blast radius", format!("{radius} services"), weights.blast_radius.points(radius, 1)),
        ("loudness", loudness.word().to_owned(), weights.of_loudness(loudness)),
    ]
    .into_iter()
    .filter(|(_, _, points)| *points > 0)
    .map(|(name, fact, points)| Term { name: name.to_owned(), fact, points })
    .collect();
    let points = terms.iter().map(|term| term.points).sum::<u32>().min(POINTS_MAX);
    let gates = gates(weights, facts);
    let severity = gates.iter().map(|(_, least)| *least).fold(weights.band(points), Severity::max);
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
        weights: Some(weights.version()).filter(|version| version != DEFAULT_WEIGHTS).unwrap_or_default(),
    }
}

/// How the gate of a guess begins: see [`Declared`].
const GATE_DECLARED: &str = "declared ";

/// Cents in the dollar, the unit of the floor.
const CENTS: u64 = 100;

/// The gates that these facts open, each with the least severity that it gives.
fn gates(weights: &Weights, facts: &Facts) -> Vec<(&'static str, Severity)> {
    let mut gates = Vec::new();
    if facts.key_compromise {
        gates.push(("key compromise", Severity::Sev1));
    }
    if facts.theft {
        let least = if facts.money_at_risk >= Usd::from_dollars(weights.theft_sev1_usd) {
            Severity::Sev1
        } else {
            Severity::Sev2
        };
        gates.push(("theft in progress", least));
    }
    gates
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
    fn gates_decide_alone() {
        let severity = |facts: &Facts| score(&Weights::default(), facts, Loudness::Info, None, 1).severity;
        assert_eq!(severity(&claim(2_000_000)), Severity::Sev3);
        assert_eq!(severity(&Facts { theft: true, ..claim(50) }), Severity::Sev2);
        assert_eq!(severity(&Facts { theft: true, ..claim(1_000_000) }), Severity::Sev1);
        assert_eq!(severity(&Facts { key_compromise: true, ..claim(0) }), Severity::Sev1);
    }

    #[test]
    fn a_monitor_without_facts_is_heard_by_its_loudness() {
        let of = |loudness| score(&Weights::default(), &Facts::default(), loudness, None, 1).severity;
        let all = [Loudness::Info, Loudness::Warning, Loudness::Error, Loudness::Critical].map(of);
        assert_eq!(all, [Severity::Sev5, Severity::Sev4, Severity::Sev4, Severity::Sev3]);
    }

    #[test]
    fn a_score_explains_itself() {
        let facts = Facts { users: Some(120_000), irreversible: true, theft: true, ..claim(2_500_000) };
        let score = score(&Weights::default(), &facts, Loudness::Error, None, 4);
        assert_eq!(score.vector, "QD:1/M:2500000/C:unknown/U:120000/I:y/K:n/T:y/B:4/L:error");
        let terms: Vec<String> =
            score.terms.iter().map(|term| format!("{} ({}) {}", term.name, term.fact, term.points)).collect();
        insta::assert_snapshot!(terms.join("; "), @"money at risk ($2.5 M) 226; criticality (unknown) 100; users (120000) 95; irreversible (yes) 100; theft (in progress) 60; blast radius (4 services) 32; loudness (error) 150");
        assert_eq!(score.weights(), DEFAULT_WEIGHTS);
        assert_eq!(score.points, score.terms.iter().map(|term| term.points).sum::<u32>());
    }

    #[test]
    fn a_score_names_the_weights_that_gave_it() {
        let heavy = Weights { theft: 400, theft_sev1_usd: 10, ..Weights::default() };
        let facts = Facts { theft: true, ..claim(50) };
        let score = score(&heavy, &facts, Loudness::Info, None, 1);
        assert_eq!((score.points, score.severity), (500, Severity::Sev1));
        assert_eq!(score.weights(), heavy.version());
        assert_ne!(score.weights(), DEFAULT_WEIGHTS);
    }
}
