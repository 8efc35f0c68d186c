//! Incidents: lists, one whole, its timeline, its review, its evidence.

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use quarterdeck_api::{ErrorBody, Incident, IncidentSummary, Timeline};
use quarterdeck_core::{board::Which, id::IncidentId};
use serde::Deserialize;

use super::{Asked, InPath, Refused, Shared, Viewer, views};
use crate::history;

/// Incidents in one list: more than a screen, less than a burden.
const LIST_MAX: usize = 1_000;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/incidents", get(list))
        .route("/api/v1/incidents/{id}", get(show))
        .route("/api/v1/incidents/{id}/timeline", get(timeline))
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

/// Incidents for lists: those that are open, the worst first, then the newest; then those that are over, the latest first.
pub fn summaries(app: &Shared, all: bool, limit: usize) -> Vec<IncidentSummary> {
    let which = if all { Which::All } else { Which::Open };
    let page = app.engine.published().board().list(which, None, limit.min(LIST_MAX));
    page.rows.iter().map(|row| views::summary(row)).collect()
}

/// One incident with its timeline.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Incident), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn show(
    Viewer(caller): Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
) -> Result<Json<Incident>, Refused> {
    views::incident(&app, parse(&id)?, None, caller.role.right()).await.map(Json)
}

/// Which part of a timeline.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineQuery {
    /// The `earlier` of the part after it.
    before: Option<u64>,
    /// At most so many rows.
    limit: Option<usize>,
}

/// Part of an incident's timeline, in the order of the log: its end, or with `before` the part before another.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/timeline", tag = "incidents", security(("token" = [])),
    params(("id" = String, Path), ("before" = Option<u64>, Query, description = "the `earlier` of the part that comes after; without it, the end"), ("limit" = Option<usize>, Query, description = "100 by default, 1,000 at most")),
    responses((status = 200, body = Timeline), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn timeline(
    _: Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
    Asked(query): Asked<TimelineQuery>,
) -> Result<Json<Timeline>, Refused> {
    let limit = query.limit.unwrap_or(history::ROWS);
    views::timeline(&app, parse(&id)?, query.before, limit).await.map(Json)
}

/// An incident's identifier from a path.
pub fn parse(id: &str) -> Result<IncidentId, Refused> {
    id.parse().map_err(|error: quarterdeck_core::id::BadId| Refused::bad_request(error.to_string()))
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
