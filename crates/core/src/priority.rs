//! How bad: a score from 0 to 1000, explained, and the severity it gives.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{incident::Severity, money::Usd};

/// One addend of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// `money at risk`, `criticality`, `users`, `irreversible`, `blast radius`.
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
    /// The facts in short: `QD:1/M:2500000/C:critical/U:120000/I:y/K:n/T:y/B:4`.
    pub vector: String,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} points, {})", self.severity, self.points, self.vector)
    }
}
