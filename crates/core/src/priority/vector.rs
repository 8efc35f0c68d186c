//! The facts behind a score in one word, and back. Tests: below.

use std::{fmt, str::FromStr};

use crate::{
    catalogue::Criticality,
    money::Usd,
    signal::{Facts, Loudness},
};

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
        write!(f, "/B:{}/L:{}", self.radius, self.loudness.word())
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
        let all = Criticality::ALL.into_iter().map(Some).chain([None]);
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
        let loudness = Loudness::ALL.into_iter().find(|known| known.word() == word).ok_or(bad)?;
        match parts.next() {
            Some(more) => Err(BadVector { part: more.chars().take(40).collect() }),
            None => Ok(Self { facts, money_at_risk_usd, criticality, users, radius, loudness }),
        }
    }
}

/// How a criticality is written; none: not a service we know.
pub(super) const fn word_of(criticality: Option<Criticality>) -> &'static str {
    match criticality {
        Some(criticality) => criticality.word(),
        None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_reads_back() {
        let text = "QD:1/M:2500000/C:critical/U:120000/I:y/K:n/T:y/B:4/L:error";
        assert_eq!(text.parse::<Vector>().map(|vector| vector.to_string()), Ok(text.to_owned()));
        for bad in ["", "QD:2", "QD:1/M:x", &format!("{text}/X:1"), &text.replace("I:y", "I:z")] {
            assert!(bad.parse::<Vector>().is_err(), "{bad}");
        }
    }
}
