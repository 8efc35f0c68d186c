//! What is to be done in an incident, by whom, and who is on it. Stored for ever: never change a variant, add one (golden files in
//! `tests/golden/`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    id::{IncidentId, PersonId, TaskId},
    incident::{
        Actor,
        family::{Family, erased},
        holding::Claim,
    },
    resource::Resource,
    time::Timestamp,
};

/// A claim that somebody went ahead in spite of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Against {
    /// Whose task it is.
    pub incident: IncidentId,
    /// The task that is claimed.
    pub task: TaskId,
    /// Who is on it.
    pub holder: Actor,
    /// What both act on; empty: it is the very same task, which changes hands.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub resources: BTreeSet<Resource>,
}

/// What is to be done, and who is on it. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum TasksEvent {
    /// Something is to be done.
    #[serde(rename = "task_added.v1")]
    TaskAdded {
        /// The task.
        task: TaskId,
        /// Who added it.
        by: Actor,
        /// One line.
        title: String,
        /// Who is to do it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assignee: Option<PersonId>,
        /// By when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
        /// What it acts on.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        resources: BTreeSet<Resource>,
    },
    /// Who is to do it, or by when, was changed: as both are from now on.
    #[serde(rename = "task_changed.v1")]
    TaskChanged {
        /// The task.
        task: TaskId,
        /// Who changed it.
        by: Actor,
        /// Who is to do it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assignee: Option<PersonId>,
        /// By when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
    /// Somebody is on it, alone.
    #[serde(rename = "task_claimed.v1")]
    TaskClaimed {
        /// The task.
        task: TaskId,
        /// Who is on it from now on.
        by: Actor,
        /// Until when that holds.
        until: Timestamp,
        /// The claims that they went ahead in spite of.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        against: Vec<Against>,
        /// Why in spite of them; empty: there were none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// Somebody went ahead in spite of a claim of a task here.
    #[serde(rename = "claim_overridden.v1")]
    ClaimOverridden {
        /// The task here.
        task: TaskId,
        /// Who is on it, or was if it changed hands.
        holder: Actor,
        /// Who went ahead.
        by: Actor,
        /// For a task of this incident.
        incident: IncidentId,
        /// Which task that is.
        other: TaskId,
        /// What that task is, in a line.
        title: String,
        /// What both act on; empty: it is the very same task, which changes hands.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        resources: BTreeSet<Resource>,
        /// Why they did not wait.
        reason: String,
    },
    /// Whoever is on it needs longer.
    #[serde(rename = "claim_renewed.v1")]
    ClaimRenewed {
        /// The task.
        task: TaskId,
        /// Who is on it.
        by: Actor,
        /// Until when that holds now.
        until: Timestamp,
    },
    /// Whoever was on it is not any more, without having done it.
    #[serde(rename = "claim_released.v1")]
    ClaimReleased {
        /// The task.
        task: TaskId,
        /// Who says so.
        by: Actor,
    },
    /// A claim ran out: nobody is on the task.
    #[serde(rename = "claim_expired.v1")]
    ClaimExpired {
        /// The task.
        task: TaskId,
        /// Who was on it.
        holder: Actor,
    },
    /// It is past the instant by which it was to be done.
    #[serde(rename = "task_overdue.v1")]
    TaskOverdue {
        /// The task.
        task: TaskId,
        /// That instant.
        due: Timestamp,
    },
    /// It was done.
    #[serde(rename = "task_done.v1")]
    TaskDone {
        /// The task.
        task: TaskId,
        /// Who says so.
        by: Actor,
        /// What was done.
        note: String,
    },
    /// It will not be done.
    #[serde(rename = "task_dropped.v1")]
    TaskDropped {
        /// The task.
        task: TaskId,
        /// Who says so.
        by: Actor,
        /// Why not.
        note: String,
    },
    /// It came from an incident that is part of this one now, as it stood there.
    #[serde(rename = "task_adopted.v1")]
    TaskAdopted {
        /// The task.
        task: TaskId,
        /// Where it was.
        from: IncidentId,
        /// Who added it there.
        by: Actor,
        /// When it was added there.
        added: Timestamp,
        /// One line.
        title: String,
        /// Who is to do it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assignee: Option<PersonId>,
        /// By when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
        /// The due time that somebody was told of already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told: Option<Timestamp>,
        /// What it acts on.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        resources: BTreeSet<Resource>,
        /// Who is on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claim: Option<Claim>,
    },
}

impl Family for TasksEvent {
    const KINDS: &[&str] = &[
        "task_added.v1",
        "task_changed.v1",
        "task_claimed.v1",
        "claim_overridden.v1",
        "claim_renewed.v1",
        "claim_released.v1",
        "claim_expired.v1",
        "task_overdue.v1",
        "task_done.v1",
        "task_dropped.v1",
        "task_adopted.v1",
    ];

    fn kind(&self) -> &'static str {
        match self {
            Self::TaskAdded { .. } => "task_added.v1",
            Self::TaskChanged { .. } => "task_changed.v1",
            Self::TaskClaimed { .. } => "task_claimed.v1",
            Self::ClaimOverridden { .. } => "claim_overridden.v1",
            Self::ClaimRenewed { .. } => "claim_renewed.v1",
            Self::ClaimReleased { .. } => "claim_released.v1",
            Self::ClaimExpired { .. } => "claim_expired.v1",
            Self::TaskOverdue { .. } => "task_overdue.v1",
            Self::TaskDone { .. } => "task_done.v1",
            Self::TaskDropped { .. } => "task_dropped.v1",
            Self::TaskAdopted { .. } => "task_adopted.v1",
        }
    }

    // What a task acts on stays: whether somebody else may go ahead hangs on it.
    fn redacted(&self) -> Self {
        let mut redacted = self.clone();
        match &mut redacted {
            Self::TaskAdded { title, .. } | Self::TaskAdopted { title, .. } => *title = erased(),
            Self::ClaimOverridden { title, reason, .. } => (*title, *reason) = (erased(), erased()),
            Self::TaskDone { note, .. } | Self::TaskDropped { note, .. } => *note = erased(),
            Self::TaskClaimed { reason, .. } if !reason.is_empty() => *reason = erased(),
            Self::TaskClaimed { .. }
            | Self::TaskChanged { .. }
            | Self::ClaimRenewed { .. }
            | Self::ClaimReleased { .. }
            | Self::ClaimExpired { .. }
            | Self::TaskOverdue { .. } => {}
        }
        redacted
    }
}

impl TasksEvent {
    /// The task that it happened to.
    pub const fn task(&self) -> TaskId {
        match self {
            Self::TaskAdded { task, .. }
            | Self::TaskChanged { task, .. }
            | Self::TaskClaimed { task, .. }
            | Self::ClaimOverridden { task, .. }
            | Self::ClaimRenewed { task, .. }
            | Self::ClaimReleased { task, .. }
            | Self::ClaimExpired { task, .. }
            | Self::TaskOverdue { task, .. }
            | Self::TaskDone { task, .. }
            | Self::TaskDropped { task, .. }
            | Self::TaskAdopted { task, .. } => *task,
        }
    }
}
