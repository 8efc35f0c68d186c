//! Tasks over all open incidents, and what people hold. What is asked about one is a command of its incident.
//! Tests: `tests/it/tasks.rs`, `tests/it/permissions.rs`.

use axum::{Json, Router, extract::State, routing::get};
use quarterdeck_api::{ErrorBody, Held, Holding, Overriding, Task, TaskResource};
use quarterdeck_core::{
    board::Board,
    catalogue::Catalogue,
    id::PersonId,
    incident::{
        Actor, Incident,
        tasks::{self, TaskState},
    },
    time::Timestamp,
};
use serde::Deserialize;

use super::{Asked, Refused, Shared, Viewer, extract::parameter, inside};
use crate::auth::Caller;

/// Tasks in one answer: more than a person scrolls. The incidents are looked at worst first, so what is left out is the mildest.
const TASKS_SHOWN: usize = 2_000;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/tasks", get(list)).route("/api/v1/held", get(held))
}

/// Whose tasks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    person: Option<String>,
}

/// Tasks that are still to be done over all open incidents, the worst incident first: all, or those that a person is on or is to do.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", security(("token" = [])), params(("person" = Option<String>, Query, description = "only those that this person is on, or is to do; `me`: the caller")),
    responses((status = 200, body = Vec<Task>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub async fn list(
    Viewer(caller): Viewer,
    State(app): State<Shared>,
    Asked(whose): Asked<Whose>,
) -> Result<Json<Vec<Task>>, Refused> {
    let person = match whose.person.as_deref() {
        None => None,
        Some("me") => {
            let nobody = || Refused::bad_request("`person=me`: this token belongs to no person").hint("name one");
            Some(caller.person.clone().ok_or_else(nobody)?)
        }
        Some(text) => Some(parameter("person", text)?),
    };
    Ok(Json(open(&app, &caller, person.as_ref())))
}

/// The tasks of [`list`]. Those of a restricted incident are in nobody's list but that of whoever is on them or is to do them, and there by
/// the code name.
pub fn open(app: &Shared, caller: &Caller, person: Option<&PersonId>) -> Vec<Task> {
    let (board, now, in_force) = (app.engine.published().board(), app.clock.now(), app.live.now());
    let own = person.is_some() && person == caller.person.as_ref();
    let listed = |incident: &&Incident| {
        incident.is_open() && (incident.restriction().is_none() || (own && inside::is_inside(app, caller, incident)))
    };
    let mut incidents: Vec<&Incident> = board.incidents().filter(listed).collect();
    incidents.sort_by_key(|incident| (std::cmp::Reverse(incident.severity()), incident.opened()));
    let all =
        incidents.into_iter().flat_map(|incident| incident.open_tasks().into_iter().map(move |task| (incident, task)));
    let theirs = all.filter(|(_, task)| person.is_none_or(|person| is_of(task, person, now)));
    theirs
        .take(TASKS_SHOWN)
        .map(|(incident, task)| outside(view(&board, incident, task, &in_force.setting.catalogue, now), incident))
        .collect()
}

/// A task as a list shows it.
fn outside(task: Task, incident: &Incident) -> Task {
    if incident.restriction().is_none() {
        return task;
    }
    let title = incident.name_outside();
    Task { title, by: String::new(), resources: Vec::new(), overridden: None, note: None, ..task }
}

/// Whether a person is on it, or is to do it.
fn is_of(task: &tasks::Task, person: &PersonId, now: Timestamp) -> bool {
    match task.claim_at(now) {
        Some(claim) => claim.by == Actor::Person(person.clone()),
        None => task.assignee.as_ref() == Some(person),
    }
}

/// What people hold now, and for which tasks.
#[utoipa::path(get, path = "/api/v1/held", tag = "tasks", security(("token" = [])),
    responses((status = 200, body = Vec<Held>), (status = 401, body = ErrorBody)))]
pub async fn held(_: Viewer, State(app): State<Shared>) -> Json<Vec<Held>> {
    Json(all_held(&app))
}

/// The list of [`held`].
pub fn all_held(app: &Shared) -> Vec<Held> {
    let in_force = app.live.now();
    let held = app.engine.published().board().all_held(app.clock.now());
    let each = held.into_iter().map(|(resource, by)| Held {
        name: resource.told(&in_force.setting.catalogue),
        resource: resource.to_string(),
        by: by.iter().map(holding).collect(),
    });
    each.collect()
}

/// The tasks of one incident, in the order in which they were added.
pub fn of_incident(board: &Board, incident: &Incident, catalogue: &Catalogue, now: Timestamp) -> Vec<Task> {
    let mut all: Vec<&tasks::Task> = incident.tasks().values().collect();
    all.sort_by_key(|task| task.number);
    all.into_iter().map(|task| view(board, incident, task, catalogue, now)).collect()
}

/// A task as it stands, with who else holds what it acts on.
pub fn view(board: &Board, incident: &Incident, task: &tasks::Task, catalogue: &Catalogue, now: Timestamp) -> Task {
    let ending = match &task.state {
        TaskState::Done(ending) | TaskState::Dropped(ending) => Some(ending),
        TaskState::Open | TaskState::Claimed(_) => None,
    };
    let claim = task.claim_at(now);
    let resources = task.resources.iter().map(|resource| {
        let others = board.holders(resource, now).into_iter().filter(|held| held.task != task.id);
        let in_the_way = others
            .filter(|held| board.incident(held.incident).is_some_and(|one| one.is_drill() == incident.is_drill()));
        TaskResource {
            resource: resource.to_string(),
            name: resource.told(catalogue),
            held_by: if task.is_open() { in_the_way.map(|held| holding(&held)).collect() } else { Vec::new() },
        }
    });
    Task {
        id: task.id.to_string(),
        number: task.number,
        incident: incident.id().to_string(),
        incident_title: incident.restriction().map_or_else(|| incident.title().to_owned(), |it| it.code_name.clone()),
        title: task.title.clone(),
        by: task.by.to_string(),
        added: task.added.to_string(),
        assignee: task.assignee.as_ref().map(ToString::to_string),
        due: task.due.map(|due| due.to_string()),
        overdue: task.is_open() && task.due.is_some_and(|due| due <= now),
        state: if task.is_open() && claim.is_none() { "open".to_owned() } else { task.state.word().to_owned() },
        claimed_by: claim.map(|claim| claim.by.to_string()),
        claimed_until: claim.map(|claim| claim.until.to_string()),
        resources: resources.collect(),
        ended_by: ending.map(|ending| ending.by.to_string()),
        ended: ending.map(|ending| ending.at.to_string()),
        note: ending.map(|ending| ending.note.clone()),
        from: task.from.map(|from| from.to_string()),
        overridden: task.overridden.as_ref().map(|over| Overriding {
            by: over.by.to_string(),
            at: over.at.to_string(),
            incident: over.incident.to_string(),
            title: over.title.clone(),
            reason: over.reason.clone(),
        }),
    }
}

fn holding(held: &tasks::Holding) -> Holding {
    Holding {
        incident: held.incident.to_string(),
        task: held.task.to_string(),
        number: held.number,
        title: held.title.clone(),
        by: held.claim.by.to_string(),
        since: held.claim.since.to_string(),
        until: held.claim.until.to_string(),
    }
}
