//! Who may look into a restricted incident, and who did.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// That an incident is restricted; shown to those inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Restriction {
    /// Its name outside.
    pub code_name: String,
    /// Who restricted it.
    pub by: String,
    /// Why it is restricted, in a sentence.
    pub reason: String,
    /// Since when.
    pub since: String,
    /// People, policies and schedules that were let in.
    pub members: Vec<String>,
    /// People who came in by being paged for it, by taking a role, or by breaking the glass.
    pub came: Vec<String>,
    /// People who were put out.
    pub out: Vec<String>,
    /// Who looked at what.
    pub readings: Vec<Reading>,
}

/// That somebody looked at something. What is looked at again within ten minutes is one reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    /// Who looked: a person of the roster.
    pub person: String,
    /// At what, in words: `the timeline`.
    pub part: String,
    /// When first.
    pub first: String,
    /// When last.
    pub last: String,
    /// How many readings.
    pub times: u32,
}
