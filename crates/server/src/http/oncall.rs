//! Who is on call, now and next.

use axum::{Json, Router, extract::State, routing::get};
use quarterdeck_api::{ErrorBody, OnCall};
use quarterdeck_core::{policy::Turn, time::Timestamp};
use serde::Deserialize;

use super::{Asked, Refused, Shared, Viewer, extract::parameter};

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/oncall/now", get(now)).route("/api/v1/oncall/next", get(next))
}

/// At which instant.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct At {
    at: Option<String>,
}

fn instant(app: &Shared, query: &At) -> Result<Timestamp, Refused> {
    match &query.at {
        None => Ok(app.clock.now()),
        Some(text) => parameter("at", text),
    }
}

/// One row per schedule: who answers at this instant.
#[utoipa::path(get, path = "/api/v1/oncall/now", tag = "on call", security(("token" = [])), params(("at" = Option<String>, Query, description = "an instant instead of now")),
    responses((status = 200, body = Vec<OnCall>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub async fn now(_: Viewer, State(app): State<Shared>, Asked(query): Asked<At>) -> Result<Json<Vec<OnCall>>, Refused> {
    let at = instant(&app, &query)?;
    Ok(Json(turns(&app, |schedule| schedule.turn_at(at))))
}

/// One row per schedule: who answers after the next hand-over.
#[utoipa::path(get, path = "/api/v1/oncall/next", tag = "on call", security(("token" = [])), params(("at" = Option<String>, Query, description = "an instant instead of now")),
    responses((status = 200, body = Vec<OnCall>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub async fn next(_: Viewer, State(app): State<Shared>, Asked(query): Asked<At>) -> Result<Json<Vec<OnCall>>, Refused> {
    let at = instant(&app, &query)?;
    Ok(Json(turns(&app, |schedule| schedule.turn_at(schedule.turn_at(at).until))))
}

/// A row per schedule.
pub fn turns(app: &Shared, turn: impl Fn(&quarterdeck_core::policy::Schedule) -> Turn) -> Vec<OnCall> {
    let in_force = app.live.now();
    let roster = &in_force.setting.roster;
    let rows = roster.schedules.values().map(|schedule| {
        let turn = turn(schedule);
        let name = turn.person.as_ref().and_then(|person| roster.people.get(person)).map(|person| person.name.clone());
        OnCall {
            schedule: schedule.id.to_string(),
            person: turn.person.map(|person| person.to_string()),
            name,
            from: turn.from.to_string(),
            until: turn.until.to_string(),
        }
    });
    rows.collect()
}
