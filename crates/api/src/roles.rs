//! Who was asked to come into an incident, and whose it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that a person or a team was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ask {
    /// From 1.
    pub number: u32,
    /// Whom: a person, `policy NAME`, `schedule NAME`.
    pub whom: String,
    /// The role that they are to take; none: only to come.
    pub role: Option<String>,
    /// Who asks.
    pub by: String,
    /// What for.
    pub reason: String,
    /// When it was asked.
    pub at: String,
    /// Everybody who was asked.
    pub people: Vec<String>,
    /// Who comes.
    pub coming: Vec<String>,
    /// Who does not.
    pub declined: Vec<String>,
    /// `open`, `accepted`, `declined`, `unanswered`, `moot`.
    pub state: String,
    /// When the next step is due, while it is open.
    pub next: Option<String>,
    /// Who may still answer.
    pub awaits: Vec<String>,
}

/// That an incident became another team's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandedOver {
    /// Who did it.
    pub by: String,
    /// Why to them.
    pub reason: String,
    /// The policy that it had.
    pub from: String,
    /// When it was handed over.
    pub at: String,
    /// Who was on it then.
    pub had: Option<String>,
}

/// A role in an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chair {
    /// `commander`, `deputy` …
    pub role: String,
    /// Who has it; none: nobody.
    pub person: Option<String>,
    /// What is expected of whoever has it.
    pub expected: String,
    /// From when on somebody is paged to take it, while it is empty; none: nobody is.
    pub missed_from: Option<String>,
}
