//! Who is on a task, and what they hold meanwhile. A file of its own, as a refusal names it. Tests: `board/tests/tasks.rs`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    id::{IncidentId, TaskId},
    incident::Actor,
    resource::Resource,
    time::Timestamp,
};

/// Somebody's word that they are on a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who is on it.
    pub by: Actor,
    /// Since when.
    pub since: Timestamp,
    /// Until when that holds.
    pub until: Timestamp,
}

/// A claim that is in the way of another, or could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Whose task it is.
    pub incident: IncidentId,
    /// The task.
    pub task: TaskId,
    /// Its number there.
    pub number: u32,
    /// What it is.
    pub title: String,
    /// Who is on it, and until when.
    pub claim: Claim,
    /// What it acts on, as far as it matters here.
    pub resources: BTreeSet<Resource>,
}
