//! What a claim holds, as the index has it. Tests: `board/tests/tasks.rs`.

use imbl::OrdSet;

use crate::{
    id::{IncidentId, TaskId},
    incident::{Incident, tasks::Task},
    resource::Resource,
};

/// A resource, and whose claim of which task holds it.
pub(super) type Hold = (Resource, IncidentId, TaskId);

/// What the claims of an incident hold.
pub(super) fn holds(incident: &Incident) -> OrdSet<Hold> {
    let claimed = incident.tasks().values().filter(|task| task.claim().is_some());
    let each =
        |task: &Task| task.resources.iter().map(|one| (one.clone(), incident.id(), task.id)).collect::<Vec<Hold>>();
    claimed.flat_map(each).collect()
}
