//! Tasks: what is to be done in an incident, who is on it and until when, and what it acts on. A claim is one person's, ends by itself and
//! ends with the incident. Whether a claim is in the way of another is looked up by the board and decided in `decide/tasks.rs`. Tests:
//! `board/tests/tasks.rs`, `scenarios/tasks/`, and the laws in `tests/laws.rs`.

pub mod task;
pub mod event;
pub mod command;

use imbl::OrdMap;
use serde::Serialize;

pub use self::task::{Ending, Overriding, Task, TaskState};
use self::{
    command::{TasksCommand, Which},
    event::TasksEvent,
};
pub use crate::incident::holding::{Claim, Holding};
use crate::{
    id::TaskId,
    incident::{LifeEvent, Phase, refusal::Named},
    time::Timestamp,
};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Tasks {
    pub(super) tasks: OrdMap<TaskId, Task>,
}

impl Tasks {
    /// Whether this could happen in this phase. What is over can still be done: a merged incident's tasks are elsewhere.
    pub(super) const fn fits(phase: Phase, event: &TasksEvent) -> bool {
        match event {
            TasksEvent::TaskAdded { .. }
            | TasksEvent::TaskClaimed { .. }
            | TasksEvent::ClaimOverridden { .. }
            | TasksEvent::ClaimRenewed { .. }
            | TasksEvent::ClaimReleased { .. }
            | TasksEvent::ClaimExpired { .. }
            | TasksEvent::TaskOverdue { .. }
            | TasksEvent::TaskAdopted { .. } => phase.is_open(),
            TasksEvent::TaskChanged { .. } | TasksEvent::TaskDone { .. } | TasksEvent::TaskDropped { .. } => {
                !matches!(phase, Phase::Merged)
            }
        }
    }

    /// What the event names and is not here, or is not as it must be.
    pub(super) fn missing(&self, event: &TasksEvent) -> Option<Named> {
        let known = self.tasks.get(&event.task());
        let good = match event {
            TasksEvent::TaskAdded { .. } | TasksEvent::TaskAdopted { .. } => known.is_none(),
            TasksEvent::TaskChanged { .. }
            | TasksEvent::TaskClaimed { .. }
            | TasksEvent::TaskOverdue { .. }
            | TasksEvent::TaskDone { .. }
            | TasksEvent::TaskDropped { .. } => known.is_some_and(Task::is_open),
            TasksEvent::ClaimRenewed { .. } | TasksEvent::ClaimReleased { .. } | TasksEvent::ClaimExpired { .. } => {
                known.is_some_and(|task| task.claim().is_some())
            }
            TasksEvent::ClaimOverridden { .. } => known.is_some(),
        };
        (!good).then(|| Named::Task(event.task()))
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &TasksEvent) {
        if let Some(new) = self.begun(at, event) {
            self.tasks.insert(new.id, new);
            return;
        }
        let Some(task) = self.tasks.get_mut(&event.task()) else { return };
        match event {
            TasksEvent::TaskAdded { .. } | TasksEvent::TaskAdopted { .. } => {}
            TasksEvent::ClaimOverridden { by, incident, title, reason, .. } => {
                let (by, title, reason) = (by.clone(), title.clone(), reason.clone());
                task.overridden = Some(Overriding { by, at, incident: *incident, title, reason });
            }
            TasksEvent::TaskChanged { assignee, due, .. } => {
                task.assignee.clone_from(assignee);
                task.due = *due;
            }
            TasksEvent::TaskClaimed { by, until, .. } => {
                task.state = TaskState::Claimed(Claim { by: by.clone(), since: at, until: *until });
            }
            TasksEvent::ClaimRenewed { until, .. } => {
                if let TaskState::Claimed(claim) = &mut task.state {
                    claim.until = *until;
                }
            }
            TasksEvent::ClaimReleased { .. } | TasksEvent::ClaimExpired { .. } => task.state = TaskState::Open,
            TasksEvent::TaskOverdue { due, .. } => task.told = Some(*due),
            TasksEvent::TaskDone { by, note, .. } => {
                task.state = TaskState::Done(Ending { by: by.clone(), at, note: note.clone() });
            }
            TasksEvent::TaskDropped { by, note, .. } => {
                task.state = TaskState::Dropped(Ending { by: by.clone(), at, note: note.clone() });
            }
        }
    }

    /// The task that an event begins here.
    pub(super) fn begun(&self, at: Timestamp, event: &TasksEvent) -> Option<Task> {
        let number = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX).saturating_add(1);
        match event {
            TasksEvent::TaskAdded { task, by, title, assignee, due, resources } => Some(Task {
                id: *task,
                number,
                title: title.clone(),
                by: by.clone(),
                added: at,
                assignee: assignee.clone(),
                due: *due,
                told: None,
                resources: resources.clone(),
                state: TaskState::Open,
                from: None,
                overridden: None,
            }),
            TasksEvent::TaskAdopted { task, from, by, added, title, assignee, due, told, resources, claim } => {
                Some(Task {
                    id: *task,
                    number,
                    title: title.clone(),
                    by: by.clone(),
                    added: *added,
                    assignee: assignee.clone(),
                    due: *due,
                    told: *told,
                    resources: resources.clone(),
                    state: claim.clone().map_or(TaskState::Open, TaskState::Claimed),
                    from: Some(*from),
                    overridden: None,
                })
            }
            TasksEvent::TaskChanged { .. }
            | TasksEvent::TaskClaimed { .. }
            | TasksEvent::ClaimOverridden { .. }
            | TasksEvent::ClaimRenewed { .. }
            | TasksEvent::ClaimReleased { .. }
            | TasksEvent::ClaimExpired { .. }
            | TasksEvent::TaskOverdue { .. }
            | TasksEvent::TaskDone { .. }
            | TasksEvent::TaskDropped { .. } => None,
        }
    }

    /// Claims end with the incident: were they to hold on, one that is reopened could stand against a claim that was given meanwhile.
    pub(super) fn turned(&mut self, event: &LifeEvent) {
        let over = matches!(event, LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. });
        let claimed = self.tasks.values().filter(|task| over && task.claim().is_some());
        for id in claimed.map(|task| task.id).collect::<Vec<TaskId>>() {
            if let Some(task) = self.tasks.get_mut(&id) {
                task.state = TaskState::Open;
            }
        }
    }

    pub(super) fn find(&self, which: Which) -> Option<&Task> {
        match which {
            Which::Id(id) => self.tasks.get(&id),
            Which::Number(number) => self.tasks.values().find(|task| task.number == number),
        }
    }

    /// When to look again: a claim ends, or something is past its time.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.tasks.values().filter_map(Task::next_deadline).min()
    }
}

impl TasksCommand {
    /// Whether it is accepted however long the incident is: what ends a task or a claim that is there, and what others must be told.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::Finish { .. }
            | Self::Drop { .. }
            | Self::Release { .. }
            | Self::Overridden { .. }
            | Self::Adopt { .. } => true,
            Self::Add { .. } | Self::Change { .. } | Self::Claim { .. } | Self::Renew { .. } => false,
        }
    }
}
