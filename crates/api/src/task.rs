//! Tasks: what is to be done in an incident, who is on it, and what people hold meanwhile.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Incident;

/// Something to be done in an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// `tsk_…`, the same also when its incident becomes part of another.
    pub id: String,
    /// Its number in the incident, from 1.
    pub number: u32,
    /// Whose task it is: `inc_…`
    pub incident: String,
    /// One line: what that is.
    pub incident_title: String,
    /// One line: what is to be done.
    pub title: String,
    /// Who added it.
    pub by: String,
    /// When it was added.
    pub added: String,
    /// Who is to do it.
    pub assignee: Option<String>,
    /// By when.
    pub due: Option<String>,
    /// Whether it is past that time.
    pub overdue: bool,
    /// `open`, `claimed`, `done`, `dropped`.
    pub state: String,
    /// Who is on it.
    pub claimed_by: Option<String>,
    /// Until when that holds.
    pub claimed_until: Option<String>,
    /// What it acts on.
    pub resources: Vec<TaskResource>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// When it was ended.
    pub ended: Option<String>,
    /// What was done, or why not.
    pub note: Option<String>,
    /// The incident that it came from, if that became part of this one.
    pub from: Option<String>,
    /// Who went ahead last in spite of a claim of it, and why.
    pub overridden: Option<Overriding>,
}

/// Somebody went ahead in spite of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overriding {
    /// Who did.
    pub by: String,
    /// When they went ahead.
    pub at: String,
    /// For a task of this incident.
    pub incident: String,
    /// What that task is.
    pub title: String,
    /// Why they did not wait.
    pub reason: String,
}

/// Something that a task acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskResource {
    /// In the one form: `account:1/0x…`, `dns:app.example.com`.
    pub resource: String,
    /// As people call it: with the label that the catalogue has for it.
    pub name: String,
    /// Claims of other tasks on it.
    pub held_by: Vec<Holding>,
}

/// A claim on something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Holding {
    /// Whose task it is: `inc_…`
    pub incident: String,
    /// `tsk_…`
    pub task: String,
    /// Its number there.
    pub number: u32,
    /// What it is.
    pub title: String,
    /// Who is on it.
    pub by: String,
    /// Since when.
    pub since: String,
    /// Until when that holds.
    pub until: String,
}

/// Something that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// In the one form: `account:1/0x…`, `dns:app.example.com`.
    pub resource: String,
    /// As people call it: with the label that the catalogue has for it.
    pub name: String,
    /// Whose claims hold it, the oldest first. More than one: somebody went ahead in spite of another, or holds it twice.
    pub by: Vec<Holding>,
}

impl Task {
    /// Whether somebody else's claim, of this task or of what it acts on, is in the way of a caller who is called so.
    pub fn is_in_the_way(&self, caller: Option<&str>) -> bool {
        let other = |by: &str| Some(by) != caller;
        let held =
            |one: &TaskResource| one.held_by.iter().any(|held| held.incident != self.incident || other(&held.by));
        self.claimed_by.as_deref().is_some_and(other) || (self.claimed_by.is_none() && self.resources.iter().any(held))
    }
}

impl Incident {
    /// How many tasks are still to be done.
    pub fn tasks_open(&self) -> usize {
        self.tasks.len().saturating_sub(self.tasks_over())
    }

    /// How many tasks were done or dropped.
    pub fn tasks_over(&self) -> usize {
        self.tasks.iter().filter(|task| task.ended.is_some()).count()
    }
}
