//! Incidents: lists, one whole, its timeline, its review, its evidence.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use quarterdeck_api::{ErrorBody, Incident, IncidentSummary, Timeline};
use quarterdeck_core::{
    board::{Board, Cursor, IncidentRow, Which},
    id::{IncidentId, ServiceId},
    severity::Severity,
};
use serde::Deserialize;

use super::{
    Asked, InPath, Refused, Shared, Viewer,
    extract::parameter,
    paged::{Paged, address},
    views,
};
use crate::history;

/// Incidents in one list: more than a screen, less than a burden.
const LIST_MAX: usize = 1_000;
/// Incidents looked at for one page of those that a filter lets through: a few milliseconds' worth. The rest is on the next page.
const LOOKED_AT_MAX: usize = 10_000;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/incidents", get(list))
        .route("/api/v1/incidents/{id}", get(show))
        .route("/api/v1/incidents/{id}/timeline", get(timeline))
        .route("/api/v1/incidents/{id}/review", get(review))
}

/// Which incidents a list wants. An empty text is as good as none: forms send it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `open` (default), `over` or `all`.
    pub phase: Option<String>,
    /// Only those that are this bad: `SEV1` to `SEV5`.
    pub severity: Option<String>,
    /// Only those about this service.
    pub service: Option<String>,
    /// Only those whose title has this in it, in whatever case.
    pub text: Option<String>,
    /// Where the page before ended.
    pub after: Option<String>,
    /// At most so many; 1,000 is the most.
    pub limit: Option<usize>,
}

/// First those that are open, the worst first, then the newest; then those that are over, the latest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", security(("token" = [])),
    params(("phase" = Option<String>, Query, description = "`open` (default), `over` or `all`"), ("severity" = Option<String>, Query, description = "`SEV1` to `SEV5`"), ("service" = Option<String>, Query), ("text" = Option<String>, Query, description = "part of the title"), ("after" = Option<String>, Query, description = "where the page before ended, as its `link` has it"), ("limit" = Option<usize>, Query, description = "1,000 by default and at most")),
    responses((status = 200, body = Vec<IncidentSummary>, headers(("link" = String, description = "where there are more: the address of the next page, as RFC 8288 has it, with `rel=next`; with a filter a page may be short, or empty"))), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub async fn list(
    _: Viewer,
    State(app): State<Shared>,
    Asked(query): Asked<ListQuery>,
) -> Result<Paged<IncidentSummary>, Refused> {
    listed(&app, "/api/v1/incidents", &query)
}

/// A page of the list; the next one is at `path`.
pub fn listed(app: &Shared, path: &str, query: &ListQuery) -> Result<Paged<IncidentSummary>, Refused> {
    let wanted = Wanted::read(query)?;
    let limit = query.limit.unwrap_or(LIST_MAX).clamp(1, LIST_MAX);
    let after = given(query.after.as_ref()).map(|text| parameter("after", text)).transpose()?;
    let (rows, next) = gather(&app.engine.published().board(), &wanted, after, limit);
    let next = next.map(|cursor| {
        let (after, limit) = (cursor.to_string(), limit.to_string());
        let pairs = [
            ("phase", query.phase.as_deref()),
            ("severity", query.severity.as_deref()),
            ("service", query.service.as_deref()),
            ("text", query.text.as_deref()),
            ("after", Some(after.as_str())),
            ("limit", query.limit.map(|_| limit.as_str())),
        ];
        address(path, &pairs)
    });
    Ok(Paged { items: rows.iter().map(|row| views::summary(row)).collect(), next })
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// What a row must be to be listed.
struct Wanted {
    which: Which,
    severity: Option<Severity>,
    service: Option<ServiceId>,
    text: Option<String>,
}

impl Wanted {
    fn read(query: &ListQuery) -> Result<Self, Refused> {
        let which = match given(query.phase.as_ref()) {
            None | Some("open") => Which::Open,
            Some("over") => Which::Over,
            Some("all") => Which::All,
            Some(other) => {
                return Err(Refused::bad_request(format!("`{other}` is no phase to list: want open, over or all")));
            }
        };
        let severity = given(query.severity.as_ref()).map(|text| parameter("severity", text)).transpose()?;
        let service = given(query.service.as_ref()).map(|text| parameter("service", text)).transpose()?;
        Ok(Self { which, severity, service, text: given(query.text.as_ref()).map(str::to_lowercase) })
    }

    fn fits(&self, row: &IncidentRow) -> bool {
        self.severity.is_none_or(|severity| row.severity == severity)
            && (self.service.is_none() || row.service == self.service)
            && self.text.as_ref().is_none_or(|text| row.title.to_lowercase().contains(text))
    }
}

/// The next `limit` rows that are wanted, and where to go on if there may be more.
fn gather(
    board: &Board,
    wanted: &Wanted,
    mut after: Option<Cursor>,
    limit: usize,
) -> (Vec<Arc<IncidentRow>>, Option<Cursor>) {
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        let page = board.list(wanted.which, after, limit);
        looked_at += page.rows.len();
        let mut rows = page.rows.into_iter();
        while let Some(row) = rows.next() {
            if !wanted.fits(&row) {
                continue;
            }
            let here = Cursor::of(&row);
            found.push(row);
            if found.len() == limit {
                let more = page.next.is_some() || rows.len() > 0;
                return (found, more.then_some(here));
            }
        }
        after = page.next;
        if after.is_none() || looked_at >= LOOKED_AT_MAX {
            return (found, after);
        }
    }
}

/// The worst open incidents.
pub fn open(app: &Shared, limit: usize) -> Vec<IncidentSummary> {
    let page = app.engine.published().board().list(Which::Open, None, limit);
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
