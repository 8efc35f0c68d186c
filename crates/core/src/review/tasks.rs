//! What was to be done, for the review: a row for each task, and what was left open when it was over. Tests: `review/tests.rs`.

use std::collections::BTreeMap;

use super::{Names, Sentence, TaskRow};
use crate::{id::TaskId, incident::TasksEvent, resource::Resource, time::Timestamp};

/// What the pass over the events collects of tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) rows: Vec<TaskRow>,
    pub(super) left_open: Vec<Sentence>,
    places: BTreeMap<TaskId, usize>,
}

impl Tasks {
    pub(super) fn take(&mut self, at: Timestamp, index: u64, event: &TasksEvent, names: &Names<'_>) {
        if let TasksEvent::TaskAdded { task, by, title, resources, .. }
        | TasksEvent::TaskAdopted { task, by, title, resources, .. } = event
        {
            self.places.insert(*task, self.rows.len());
            self.rows.push(TaskRow {
                task: *task,
                number: u32::try_from(self.rows.len()).unwrap_or(u32::MAX).saturating_add(1),
                title: title.clone(),
                by: names.actor(by),
                at,
                log_index: index,
                resources: resources.iter().map(Resource::to_string).collect(),
                claims: Vec::new(),
                evidence: Vec::new(),
                state: "open",
                ending: None,
            });
        }
        let place = self.places.get(&event.task()).copied();
        let Some(row) = place.and_then(|place| self.rows.get_mut(place)) else { return };
        let said = |text: String| Sentence { text, log_indexes: vec![index] };
        match event {
            TasksEvent::TaskClaimed { by, reason, .. } => {
                let spite = if reason.is_empty() { String::new() } else { format!(", in spite of another: {reason}") };
                row.claims.push(said(format!("{}{spite}", names.actor(by))));
                row.state = "claimed";
            }
            TasksEvent::TaskAdopted { claim: Some(claim), .. } => {
                row.claims.push(said(names.actor(&claim.by)));
                row.state = "claimed";
            }
            TasksEvent::ClaimReleased { .. } | TasksEvent::ClaimExpired { .. } => row.state = "open",
            TasksEvent::TaskDone { by, note, .. } => {
                row.state = "done";
                row.ending = Some(said(format!("{}: {note}", names.actor(by))));
            }
            TasksEvent::TaskDropped { by, note, .. } => {
                row.state = "dropped";
                row.ending = Some(said(format!("{}: {note}", names.actor(by))));
            }
            TasksEvent::TaskAdded { .. }
            | TasksEvent::TaskAdopted { claim: None, .. }
            | TasksEvent::TaskChanged { .. }
            | TasksEvent::ClaimOverridden { .. }
            | TasksEvent::ClaimRenewed { .. }
            | TasksEvent::TaskOverdue { .. } => {}
        }
    }

    /// A piece of evidence belongs to it.
    pub(super) fn attach(&mut self, task: TaskId, number: u32) {
        let place = self.places.get(&task).copied();
        if let Some(row) = place.and_then(|place| self.rows.get_mut(place)) {
            row.evidence.push(number);
        }
    }

    /// It is over: claims end with it, and what was not done is named.
    pub(super) fn resolved(&mut self, index: u64) {
        let open = self.rows.iter_mut().filter(|row| row.ending.is_none());
        let named: Vec<String> = open
            .map(|row| {
                row.state = "open";
                format!("{} ({})", row.number, row.title)
            })
            .collect();
        if !named.is_empty() {
            let text = format!("Resolved with tasks still to be done: {}.", named.join(", "));
            self.left_open.push(Sentence { text, log_indexes: vec![index] });
        }
    }
}
