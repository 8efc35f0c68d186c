//! Incidents: lists, one whole, and every command on one.

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use quarterdeck_api::{ErrorBody, Incident, IncidentSummary, Merge, StateFacts, TakeRole, Text};
use quarterdeck_core::{
    id::{IncidentId, PersonId},
    incident::{Command, Phase, ResponseRole},
    money::Usd,
    signal::Facts,
};
use serde::Deserialize;

use super::{Asked, Body, Commander, InPath, Refused, Responder, Shared, Viewer, views};
use crate::{
    auth::Caller,
    engine::{Answer, Work, read},
};

/// Incidents in one list: more than a screen, less than a burden.
const LIST_MAX: usize = 1_000;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/incidents", get(list))
        .route("/api/v1/incidents/{id}", get(show))
        .route("/api/v1/incidents/{id}/acknowledge", post(acknowledge))
        .route("/api/v1/incidents/{id}/mitigate", post(mitigate))
        .route("/api/v1/incidents/{id}/resolve", post(resolve))
        .route("/api/v1/incidents/{id}/reopen", post(reopen))
        .route("/api/v1/incidents/{id}/escalate", post(escalate))
        .route("/api/v1/incidents/{id}/notes", post(note))
        .route("/api/v1/incidents/{id}/roles", post(take_role))
        .route("/api/v1/incidents/{id}/facts", post(state_facts))
        .route("/api/v1/incidents/{id}/merge", post(merge))
        .route("/api/v1/incidents/{id}/reviewed", post(reviewed))
        .route("/api/v1/incidents/{id}/review", get(review))
        .route("/api/v1/incidents/{id}/bundle", get(bundle))
}

/// Which incidents a list wants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `open` (default) or `all`.
    phase: Option<String>,
    /// At most so many; 1,000 is the most.
    limit: Option<usize>,
}

/// Worst first, then newest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", security(("token" = [])),
    params(("phase" = Option<String>, Query, description = "`open` (default) or `all`"), ("limit" = Option<usize>, Query)),
    responses((status = 200, body = Vec<IncidentSummary>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub async fn list(
    _: Viewer,
    State(app): State<Shared>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Vec<IncidentSummary>>, Refused> {
    let all = match query.phase.as_deref() {
        None | Some("open") => false,
        Some("all") => true,
        Some(other) => return Err(Refused::bad_request(format!("`{other}` is no phase to list: want open or all"))),
    };
    Ok(Json(summaries(&app, all, query.limit.unwrap_or(LIST_MAX))))
}

/// Incidents for lists, worst first, then newest first.
pub fn summaries(app: &Shared, all: bool, limit: usize) -> Vec<IncidentSummary> {
    let board = read(&app.engine.published().board);
    let mut incidents: Vec<_> = board.incidents().filter(|incident| all || incident.phase().is_open()).collect();
    incidents.sort_by_key(|incident| {
        (
            std::cmp::Reverse(incident.phase().is_open()),
            std::cmp::Reverse(incident.severity()),
            std::cmp::Reverse(incident.opened()),
        )
    });
    incidents.into_iter().take(limit.min(LIST_MAX)).map(views::summary).collect()
}

/// One incident with its timeline.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn show(_: Viewer, State(app): State<Shared>, InPath(id): InPath) -> Result<Json<Incident>, Refused> {
    views::incident(&app, parse(&id)?).await.map(Json)
}

/// An incident's identifier from a path.
pub fn parse(id: &str) -> Result<IncidentId, Refused> {
    id.parse().map_err(|error: quarterdeck_core::id::BadId| Refused::bad_request(error.to_string()))
}

/// Does a command and answers with the incident after it.
pub async fn command(app: &Shared, id: &str, command: Command) -> Result<Json<Incident>, Refused> {
    let incident = parse(id)?;
    match app.engine.ask(Work::Command { incident, command }).await? {
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Done | Answer::Heard(_) | Answer::BadSilence(_) | Answer::NoSuchSilence(_) => {
            views::incident(app, incident).await.map(Json)
        }
    }
}

/// You are on it: the escalation stops until the acknowledgement runs out.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn acknowledge(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(_): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    command(&app, &id, Command::Acknowledge { by: caller.actor() }).await
}

/// The harm has stopped.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/mitigate", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn mitigate(
    Commander(caller): Commander,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    command(&app, &id, Command::Mitigate { by: caller.actor(), note: body.text }).await
}

/// It is over.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/resolve", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn resolve(
    Commander(caller): Commander,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    command(&app, &id, Command::Resolve { by: caller.actor(), note: body.text }).await
}

/// It was not over.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn reopen(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    command(&app, &id, Command::Reopen { by: caller.actor(), reason: body.text }).await
}

/// Page the next tier now.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/escalate", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn escalate(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    command(&app, &id, Command::Escalate { by: caller.actor(), reason: body.text }).await
}

/// A line for the timeline.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/notes", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn note(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    command(&app, &id, Command::Note { by: caller.actor(), text: body.text }).await
}

/// It was learned from.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/reviewed", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Text, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn reviewed(
    Commander(caller): Commander,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Text>,
) -> Result<Json<Incident>, Refused> {
    command(&app, &id, Command::Review { by: caller.actor(), note: body.text }).await
}

/// Take a role.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/roles", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = TakeRole, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn take_role(
    Responder(caller): Responder,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<TakeRole>,
) -> Result<Json<Incident>, Refused> {
    let role = role(&body.role)?;
    let person = person(&caller, body.person.as_deref())?;
    command(&app, &id, Command::TakeRole { by: caller.actor(), role, person }).await
}

/// A role of the response by its word.
pub fn role(word: &str) -> Result<ResponseRole, Refused> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| {
        Refused::bad_request(format!("`{word}` is no role: want commander, operations, communications or scribe"))
    })
}

fn person(caller: &Caller, named: Option<&str>) -> Result<PersonId, Refused> {
    match named {
        Some(text) => {
            text.parse().map_err(|error: quarterdeck_core::id::BadName| Refused::bad_request(error.to_string()))
        }
        None => caller.person.clone().ok_or_else(|| {
            Refused::bad_request(format!("token `{}` belongs to no person: say who takes the role", caller.token))
        }),
    }
}

/// State facts about impact.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/facts", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = StateFacts, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn state_facts(
    Commander(caller): Commander,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<StateFacts>,
) -> Result<Json<Incident>, Refused> {
    let facts = Facts {
        money_at_risk: Usd::from_cents(body.facts.money_at_risk_cents),
        users: body.facts.users,
        irreversible: body.facts.irreversible,
        key_compromise: body.facts.key_compromise,
        theft: body.facts.theft,
    };
    command(&app, &id, Command::StateFacts { by: caller.actor(), facts, replace: body.replace }).await
}

/// Make it part of another.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/merge", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Merge, responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn merge(
    Commander(caller): Commander,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(body): Body<Merge>,
) -> Result<Json<Incident>, Refused> {
    let into = parse(&body.into)?;
    command(&app, &id, Command::MergeInto { by: caller.actor(), into }).await
}

/// In which form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewQuery {
    /// `json` (default), `md`, `html`.
    format: Option<String>,
}

/// The review, from the log alone.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/review", tag = "incidents", security(("token" = [])),
    params(("id" = String, Path), ("format" = Option<String>, Query, description = "`json` (default), `md` or `html`")),
    responses((status = 200, description = "the review"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn review(
    _: Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
    Asked(query): Asked<ReviewQuery>,
) -> Result<Response, Refused> {
    let review = views::review(&app, parse(&id)?).await?;
    let answer = |kind: &'static str, text: String| ([(header::CONTENT_TYPE, kind)], text).into_response();
    match query.format.as_deref() {
        None | Some("json") => Ok(Json(review).into_response()),
        Some("md") => Ok(answer("text/markdown; charset=utf-8", review.markdown())),
        Some("html") => {
            let mut answer = answer("text/html; charset=utf-8", review.html());
            let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
            answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(policy));
            Ok(answer)
        }
        Some(other) => Err(Refused::bad_request(format!("`{other}` is no format: want json, md or html"))),
    }
}

/// The incident's events with their proofs and the signed checkpoint: for `quarterdeck verify`, offline.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/bundle", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    responses((status = 200, description = "an evidence bundle"), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn bundle(_: Viewer, State(app): State<Shared>, InPath(id): InPath) -> Result<Response, Refused> {
    let incident = parse(&id)?;
    let bundle = super::log::bundle(&app, incident).await?;
    let name = format!("attachment; filename=\"{incident}.qdbundle\"");
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)], bundle)
        .into_response())
}

/// The word of a phase.
pub const fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Triggered => "triggered",
        Phase::Acknowledged => "acknowledged",
        Phase::Mitigated => "mitigated",
        Phase::Resolved => "resolved",
        Phase::Reviewed => "reviewed",
        Phase::Merged => "merged",
    }
}
