//! One task as it stands. Tests: `board/tests/tasks.rs`.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    id::{IncidentId, PersonId, TaskId},
    incident::{Actor, holding::Claim},
    resource::Resource,
    time::Timestamp,
};

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Nobody is on it.
    Open,
    /// Somebody is.
    Claimed(Claim),
    /// It was done.
    Done(Ending),
    /// It will not be done.
    Dropped(Ending),
}

impl TaskState {
    /// As it is written everywhere: `open`, `claimed`, `done`, `dropped`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed(_) => "claimed",
            Self::Done(_) => "done",
            Self::Dropped(_) => "dropped",
        }
    }
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// Who said so.
    pub by: Actor,
    /// When they said so.
    pub at: Timestamp,
    /// What was done, or why not.
    pub note: String,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// The same for ever, also when its incident becomes part of another.
    pub id: TaskId,
    /// Its number in the incident, from 1: what people call it.
    pub number: u32,
    /// One line.
    pub title: String,
    /// Who added it.
    pub by: Actor,
    /// When it was added; of one that came with a merged incident, when it was added there.
    pub added: Timestamp,
    /// Who is to do it.
    pub assignee: Option<PersonId>,
    /// By when.
    pub due: Option<Timestamp>,
    /// The due time that somebody was told of.
    pub told: Option<Timestamp>,
    /// What it acts on.
    pub resources: BTreeSet<Resource>,
    /// Where it stands.
    pub state: TaskState,
    /// The incident that it came from, if it was merged into this one.
    pub from: Option<IncidentId>,
    /// Who went ahead last in spite of a claim of it.
    pub overridden: Option<Overriding>,
}

/// Somebody went ahead in spite of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overriding {
    /// Who did.
    pub by: Actor,
    /// When they went ahead.
    pub at: Timestamp,
    /// For a task of this incident.
    pub incident: IncidentId,
    /// What that task is.
    pub title: String,
    /// Why they did not wait.
    pub reason: String,
}

impl Task {
    /// Whether it is still to be done.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, TaskState::Open | TaskState::Claimed(_))
    }

    /// Who is on it, whether or not their time is up.
    pub const fn claim(&self) -> Option<&Claim> {
        match &self.state {
            TaskState::Claimed(claim) => Some(claim),
            TaskState::Open | TaskState::Done(_) | TaskState::Dropped(_) => None,
        }
    }

    /// The claim, as long as it holds.
    pub fn claim_at(&self, now: Timestamp) -> Option<&Claim> {
        self.claim().filter(|claim| claim.until > now)
    }

    /// When it is past its time, if nobody was told of that yet.
    pub fn untold_due(&self) -> Option<Timestamp> {
        self.due.filter(|due| self.is_open() && self.told != Some(*due))
    }

    /// When to look at it again: its claim ends, or it is past its time.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [self.claim().map(|claim| claim.until), self.untold_due()].into_iter().flatten().min()
    }
}
