//! What is asked about tasks.

use std::str::FromStr;

use crate::{
    id::{IncidentId, PersonId, TaskId},
    incident::{Actor, holding::Holding, tasks::task::Task},
    time::When,
};

/// Which task is meant: by its number in the incident, as people say it, or by its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The third task of the incident.
    Number(u32),
    /// The task with this identifier.
    Id(TaskId),
}

/// A text that names no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("want the number of a task, such as 3, or its identifier")]
pub struct BadWhich;

impl FromStr for Which {
    type Err = BadWhich;
    fn from_str(text: &str) -> Result<Self, BadWhich> {
        let text = text.trim();
        let number = text.strip_prefix('#').unwrap_or(text).parse::<u32>().map(Self::Number);
        number.or_else(|_| text.parse().map(Self::Id)).map_err(|_| BadWhich)
    }
}

/// How a task is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claiming {
    /// Until when; none: as long as claims usually hold.
    pub until: Option<When>,
    /// Why it goes ahead in spite of claims that are in its way; empty: it does not.
    pub reason: String,
    /// The claims of other tasks that are in its way. The board fills this in: one incident does not see the others.
    pub against: Vec<Holding>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TasksCommand {
    /// Something is to be done.
    Add {
        /// Who adds it.
        by: Actor,
        /// One line.
        title: String,
        /// Who is to do it.
        assignee: Option<PersonId>,
        /// By when.
        due: Option<When>,
        /// What it acts on, as it was written.
        resources: Vec<String>,
        /// Whoever adds it is on it at once.
        claim: Option<Claiming>,
    },
    /// Who is to do it, or by when.
    Change {
        /// Who changes it.
        by: Actor,
        /// The task.
        task: Which,
        /// Who is to do it; none: it stays as it is.
        assignee: Option<PersonId>,
        /// By when; none: it stays as it is.
        due: Option<When>,
    },
    /// Somebody is on it.
    Claim {
        /// Who is.
        by: Actor,
        /// The task.
        task: Which,
        /// Until when, and in spite of whom.
        claiming: Claiming,
    },
    /// Whoever is on it needs longer.
    Renew {
        /// Who is.
        by: Actor,
        /// The task.
        task: Which,
        /// Until when; none: as long from now as claims usually hold.
        until: Option<When>,
    },
    /// Nobody is on it any more.
    Release {
        /// Who says so.
        by: Actor,
        /// The task.
        task: Which,
    },
    /// It was done.
    Finish {
        /// Who says so.
        by: Actor,
        /// The task.
        task: Which,
        /// What was done.
        note: String,
    },
    /// It will not be done.
    Drop {
        /// Who says so.
        by: Actor,
        /// The task.
        task: Which,
        /// Why not.
        note: String,
    },
    /// Somebody went ahead in spite of a claim here, for a task of another incident.
    Overridden {
        /// The task here, with what both act on.
        holding: Holding,
        /// Who went ahead.
        by: Actor,
        /// For a task of this incident.
        incident: IncidentId,
        /// Which task that is.
        other: TaskId,
        /// What that task is, in a line.
        title: String,
        /// Why they did not wait.
        reason: String,
    },
    /// The tasks of an incident that is merged into this one.
    Adopt {
        /// Where they were.
        from: IncidentId,
        /// Those that are not over.
        tasks: Vec<Task>,
    },
}
