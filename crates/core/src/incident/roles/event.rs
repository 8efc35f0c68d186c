//! Who does what in an incident, and who was asked to come. Stored for ever: never change a variant, add one (golden files in
//! `tests/golden/`).

use serde::{Deserialize, Serialize};

use crate::{
    id::PersonId,
    incident::{
        Actor, ResponseRole,
        family::{Family, erased},
    },
    policy::Whom,
    time::Timestamp,
};

/// Who does what, and who was asked to come. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum RolesEvent {
    /// Somebody took a role.
    #[serde(rename = "role_taken.v1")]
    RoleTaken {
        /// Who asked.
        by: Actor,
        /// The role that was taken.
        role: ResponseRole,
        /// Who took it.
        person: PersonId,
    },
    /// Somebody gave a role up: it is empty.
    #[serde(rename = "role_given_up.v1")]
    RoleGivenUp {
        /// Who asked.
        by: Actor,
        /// The role.
        role: ResponseRole,
        /// Who had it.
        person: PersonId,
    },
    /// A person or a team was asked to come.
    #[serde(rename = "asked_in.v1")]
    AskedIn {
        /// From 1: the first that was asked of anybody in this incident.
        ask: u32,
        /// Who is asked.
        whom: Whom,
        /// The people that this meant then.
        people: Vec<PersonId>,
        /// The role that they are to take; none: only to come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<ResponseRole>,
        /// Who asks.
        by: Actor,
        /// What for.
        reason: String,
        /// When it is asked again, if nobody has answered by then.
        next: Timestamp,
    },
    /// Nobody had answered: it was asked again.
    #[serde(rename = "asked_again.v1")]
    AskedAgain {
        /// What was asked.
        ask: u32,
        /// The people that this means now.
        people: Vec<PersonId>,
        /// When the next step is due, if nobody has answered by then.
        next: Timestamp,
    },
    /// Somebody who was asked comes.
    #[serde(rename = "ask_accepted.v1")]
    AskAccepted {
        /// What was asked.
        ask: u32,
        /// Who comes.
        person: PersonId,
    },
    /// Somebody who was asked does not come.
    #[serde(rename = "ask_declined.v1")]
    AskDeclined {
        /// What was asked.
        ask: u32,
        /// Who does not come.
        person: PersonId,
        /// Why not.
        reason: String,
    },
    /// Nobody came of those who were asked; whoever asked is told.
    #[serde(rename = "ask_unanswered.v1")]
    AskUnanswered {
        /// What was asked.
        ask: u32,
        /// Who is told; none: whoever asked is no person, or cannot be reached.
        told: Option<PersonId>,
    },
}

impl Family for RolesEvent {
    const KINDS: &[&str] = &[
        "role_taken.v1",
        "role_given_up.v1",
        "asked_in.v1",
        "asked_again.v1",
        "ask_accepted.v1",
        "ask_declined.v1",
        "ask_unanswered.v1",
    ];

    fn kind(&self) -> &'static str {
        match self {
            Self::RoleTaken { .. } => "role_taken.v1",
            Self::RoleGivenUp { .. } => "role_given_up.v1",
            Self::AskedIn { .. } => "asked_in.v1",
            Self::AskedAgain { .. } => "asked_again.v1",
            Self::AskAccepted { .. } => "ask_accepted.v1",
            Self::AskDeclined { .. } => "ask_declined.v1",
            Self::AskUnanswered { .. } => "ask_unanswered.v1",
        }
    }

    fn redacted(&self) -> Self {
        match self {
            Self::AskedIn { ask, whom, people, role, by, reason: _, next } => Self::AskedIn {
                ask: *ask,
                whom: whom.clone(),
                people: people.clone(),
                role: *role,
                by: by.clone(),
                reason: erased(),
                next: *next,
            },
            Self::AskDeclined { reason, .. } if reason.is_empty() => self.clone(),
            Self::AskDeclined { ask, person, reason: _ } => {
                Self::AskDeclined { ask: *ask, person: person.clone(), reason: erased() }
            }
            Self::RoleTaken { by: _, role: _, person: _ }
            | Self::RoleGivenUp { by: _, role: _, person: _ }
            | Self::AskedAgain { ask: _, people: _, next: _ }
            | Self::AskAccepted { ask: _, person: _ }
            | Self::AskUnanswered { ask: _, told: _ } => self.clone(),
        }
    }
}
