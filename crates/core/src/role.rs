//! The parts that people take in an incident, what is expected of each, and how long it may be empty.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{policy::Whom, severity::Severity, time::span_ms};

/// What people do in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseRole {
    /// Decides what is done, and says when it is over.
    Commander,
    /// Stands in for the commander, and takes over when they must rest.
    Deputy,
    /// Works on the cause.
    Operations,
    /// Speaks to the outside.
    Communications,
    /// Keeps the record.
    Scribe,
    /// Finds out what the attacker did and can do.
    Security,
    /// Says what law and regulators demand, and by when.
    Compliance,
    /// Speaks to partners.
    Liaison,
    /// Signs what was approved.
    Signer,
}

impl ResponseRole {
    /// All of them, the one that decides first.
    pub const ALL: [Self; 9] = [
        Self::Commander,
        Self::Deputy,
        Self::Operations,
        Self::Communications,
        Self::Scribe,
        Self::Security,
        Self::Compliance,
        Self::Liaison,
        Self::Signer,
    ];

    /// The words of all, in the same order.
    pub const WORDS: [&'static str; 9] = [
        Self::Commander.word(),
        Self::Deputy.word(),
        Self::Operations.word(),
        Self::Communications.word(),
        Self::Scribe.word(),
        Self::Security.word(),
        Self::Compliance.word(),
        Self::Liaison.word(),
        Self::Signer.word(),
    ];

    /// As it is written everywhere: `commander`, `deputy` …
    pub const fn word(self) -> &'static str {
        match self {
            Self::Commander => "commander",
            Self::Deputy => "deputy",
            Self::Operations => "operations",
            Self::Communications => "communications",
            Self::Scribe => "scribe",
            Self::Security => "security",
            Self::Compliance => "compliance",
            Self::Liaison => "liaison",
            Self::Signer => "signer",
        }
    }

    /// The one with this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// What is expected of whoever has it, for somebody who never had it before.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Commander => {
                "Decide what is done next and who does it, and say so in the timeline. Do not work on the cause yourself. You command until \
                 somebody else has accepted it from you."
            }
            Self::Deputy => {
                "Stay beside the commander, keep an eye on what is forgotten, and be ready to take over at any moment."
            }
            Self::Operations => {
                "Find the cause and stop the harm. Say before you change something what you will do, and afterwards what came of it."
            }
            Self::Communications => {
                "Tell customers, partners and the status page what is known and when they hear more. Say nothing that the commander has not \
                 agreed to."
            }
            Self::Scribe => {
                "Write down what was decided, by whom and why, as notes in the timeline. Ask when you did not understand."
            }
            Self::Security => {
                "Find out how they got in, what they have and what they can still reach. Keep the evidence before anything is cleaned up."
            }
            Self::Compliance => {
                "Say which duties to report this has set running, to whom and by when, and draft what is owed. Nothing is sent without the \
                 commander."
            }
            Self::Liaison => {
                "Speak with partners: exchanges that can freeze, bridges, oracles, the police. Bring back what they can do and by when."
            }
            Self::Signer => {
                "Be reachable with your key. Read the whole transaction before you sign it, and refuse what you do not understand."
            }
        }
    }
}

/// How long a role may be empty from this severity on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {
    /// As bad as this, or worse.
    pub severity: Severity,
    /// So long.
    #[serde(with = "span_ms")]
    pub span: Duration,
}

/// That a role must not be empty for long, and who is asked to take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleClock {
    /// Which role.
    pub role: ResponseRole,
    /// How long, by severity; where nothing is said of a severity, for ever.
    pub empty: Vec<Empty>,
    /// Who is asked; none: those of the incident's own policy, once somebody has answered. Until then the escalation pages them already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whom: Option<Whom>,
}

impl RoleClock {
    /// A commander is missed before anybody else: within five minutes where funds or keys are at stake, and soon where a service is.
    pub fn usual() -> Vec<Self> {
        let empty = |severity, minutes| Empty { severity, span: Duration::from_mins(minutes) };
        let empty = vec![empty(Severity::Sev1, SEV1_MINUTES), empty(Severity::Sev2, SEV2_MINUTES)];
        vec![Self { role: ResponseRole::Commander, empty, whom: None }]
    }
}

/// How long nobody may command a SEV1: by then the first who was paged has answered, or the second is paged.
const SEV1_MINUTES: u64 = 5;
/// The same of a SEV2: the usual delay of three tiers.
const SEV2_MINUTES: u64 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_found_by_its_word_and_says_what_is_expected() {
        for (role, word) in ResponseRole::ALL.into_iter().zip(ResponseRole::WORDS) {
            assert_eq!((role.word(), ResponseRole::named(word)), (word, Some(role)));
            assert_eq!(serde_json::to_value(role).unwrap(), word);
            assert!(role.expected().ends_with('.') && !role.expected().contains("  "), "{word}");
        }
        assert_eq!(ResponseRole::named("chef"), None);
    }
}
