//! Signals with their reasons, detectors with their parameters, and the catalogue of services.

use std::time::Duration;

use axum::{Json, Router, extract::State, routing::get};
use quarterdeck_api::{Detector, ErrorBody, Param, Signal};
use quarterdeck_core::{
    board::Board,
    id::{BadId, IncidentId, SignalId},
    incident::Part,
    signal::SignalStatus,
    time::Timestamp,
};
use quarterdeck_detect::detectors::DETECTORS;
use serde::Deserialize;

use super::{
    Asked, InPath, Refused, Shared, Viewer,
    extract::parameter,
    health, inside,
    paged::{Paged, address},
    views,
};
use crate::{auth::Caller, engine::read};
use quarterdeck_store::{SignalFilter, SignalRow};

/// Signals in one list unless told otherwise: a screen or two.
const LIST: usize = 100;
/// Signals in one list at most.
const LIST_MAX: usize = 1_000;

/// Signals read for one list at most, where many of them are not shown to whoever asks.
const LOOKED_AT_MAX: usize = 10_000;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/signals", get(list))
        .route("/api/v1/signals/{id}", get(show))
        .route("/api/v1/detectors", get(detectors))
}

/// Which signals.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    incident: Option<String>,
    status: Option<String>,
    before: Option<String>,
    before_id: Option<String>,
    limit: Option<usize>,
}

/// Newest first.
#[utoipa::path(get, path = "/api/v1/signals", tag = "signals", security(("token" = [])),
    params(("incident" = Option<String>, Query), ("status" = Option<String>, Query), ("before" = Option<String>, Query, description = "only those seen before this instant"), ("before_id" = Option<String>, Query, description = "with `before`: also those seen at that very instant whose id is lower"), ("limit" = Option<usize>, Query, description = "100 by default, 1,000 at most")),
    responses((status = 200, body = Vec<Signal>, headers(("link" = String, description = "where there may be more: the address of the next page, as RFC 8288 has it, with `rel=next`"))), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub async fn list(
    Viewer(caller): Viewer,
    State(app): State<Shared>,
    Asked(query): Asked<ListQuery>,
) -> Result<Paged<Signal>, Refused> {
    find(&app, &caller, &query).await
}

/// Signals as the query wants them.
async fn find(app: &Shared, caller: &Caller, query: &ListQuery) -> Result<Paged<Signal>, Refused> {
    let status = match query.status.as_deref() {
        None => None,
        Some(word) => Some(status(word)?),
    };
    let before = query.before.as_deref().map(|text| parameter("before", text)).transpose()?;
    let before_id = query.before_id.as_deref().map(|text| parameter("before_id", text)).transpose()?;
    let incident = query.incident.as_deref().map(|text| parameter("incident", text)).transpose()?;
    if let Some(id) = incident {
        may_see(app, caller, id).await?;
    }
    let limit = query.limit.unwrap_or(LIST).clamp(1, LIST_MAX);
    // The next page begins after what is shown: an address that named what is hidden would tell of it.
    let board = app.engine.published().board();
    let mut filter = SignalFilter { incident, status, before, before_id, limit };
    let (mut shown, mut looked_at, mut more) = (Vec::new(), 0, true);
    while more && shown.len() < limit && looked_at < LOOKED_AT_MAX {
        let rows = app.store.signals(&filter).await?;
        more = rows.len() == filter.limit;
        looked_at += rows.len();
        if let Some(last) = rows.last() {
            (filter.before, filter.before_id) = (Some(last.row.observed), Some(last.row.id));
        }
        shown.extend(rows.into_iter().filter(|one| !is_hidden(&board, &one.row, incident)));
    }
    more |= shown.len() > limit;
    shown.truncate(limit);
    // Where so much is hidden that nothing was found: on from that instant, without naming what stands there.
    let hidden = || filter.before.map(|at| (at.plus(Duration::from_millis(1)), None));
    let last = shown.last().map(|last| (last.row.observed, Some(last.row.id))).or_else(hidden).filter(|_| more);
    let next = last.map(|(before, before_id)| {
        let (limit, before, before_id) = (limit.to_string(), before.to_string(), before_id.map(|id| id.to_string()));
        address(
            "/api/v1/signals",
            &[
                ("incident", query.incident.as_deref()),
                ("status", query.status.as_deref()),
                ("before", Some(&before)),
                ("before_id", before_id.as_deref()),
                ("limit", Some(&limit)),
            ],
        )
    });
    Ok(Paged { items: views::listed_signals(app.engine.published(), &shown).await?, next })
}

fn status(word: &str) -> Result<SignalStatus, Refused> {
    [SignalStatus::Provisional, SignalStatus::Confirmed, SignalStatus::Retracted, SignalStatus::Ended]
        .into_iter()
        .find(|status| status.word() == word)
        .ok_or_else(|| {
            Refused::bad_request(format!("`{word}` is no status: want provisional, confirmed, retracted or ended"))
        })
}

/// When the signal was seen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenQuery {
    observed: Option<String>,
}

/// One signal.
#[utoipa::path(get, path = "/api/v1/signals/{id}", tag = "signals", security(("token" = [])),
    params(("id" = String, Path), ("observed" = Option<String>, Query, description = "its `observed`; needed for one that belongs to no incident and is not among the latest 10,000 of those")),
    responses((status = 200, body = Signal), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn show(
    Viewer(caller): Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
    Asked(query): Asked<SeenQuery>,
) -> Result<Json<Signal>, Refused> {
    find_one(&app, &caller, &id, query.observed.as_deref()).await.map(Json)
}

/// One signal by its id, as far as it is remembered, or by its id and the instant at which it was seen.
pub async fn find_one(app: &Shared, caller: &Caller, id: &str, observed: Option<&str>) -> Result<Signal, Refused> {
    let id: SignalId = id.parse().map_err(|error: BadId| Refused::bad_request(error.to_string()))?;
    let observed = match observed {
        Some(text) => Some(parameter("observed", text)?),
        None => seen(app, id).await?,
    };
    let found = match observed {
        Some(observed) => app.store.signal(observed, id).await?,
        None => None,
    };
    let found = found.ok_or_else(|| Refused::not_found(format!("no signal {id}")))?;
    if let Some(incident) = found.row.incident
        && let Err(refused) = may_see(app, caller, incident).await
    {
        // Whoever is outside does not learn that it is one of them.
        let outside = refused.body().code == "restricted";
        return Err(if outside { Refused::not_found(format!("no signal {id}")) } else { refused });
    }
    views::listed_signal(app.engine.published(), found).await
}

/// Whether a list leaves this signal out: it is of a restricted incident, and not of `inside`, into which whoever asks may look.
pub fn is_hidden(board: &Board, row: &SignalRow, inside: Option<IncidentId>) -> bool {
    row.incident.is_some_and(|id| Some(id) != inside && board.is_restricted(id))
}

/// Signals of a restricted incident are for those inside.
pub async fn may_see(app: &Shared, caller: &Caller, id: IncidentId) -> Result<(), Refused> {
    if !app.engine.published().board().is_restricted(id) {
        return Ok(());
    }
    let incident = app.engine.published().incident(id).await?.ok_or_else(|| views::not_here(app, id))?;
    inside::may_look(app, caller, &incident, Part::Signal).await
}

/// When a signal was seen, as far as the board knows it: of one whose incident is cold, its history does.
async fn seen(app: &Shared, id: SignalId) -> Result<Option<Timestamp>, Refused> {
    let (known, incident) = {
        let board = read(&app.engine.published().board);
        (board.signal(&id).map(|signal| signal.observed), board.incident_of_signal(&id))
    };
    let (None, Some(incident)) = (known, incident) else { return Ok(known) };
    let incident = app.engine.published().incident(incident).await?;
    Ok(incident.and_then(|incident| incident.signals().get(&id).map(|attached| attached.signal.observed)))
}

/// Every detector of the list, with its parameters in force.
#[utoipa::path(get, path = "/api/v1/detectors", tag = "signals", security(("token" = [])),
    responses((status = 200, body = Vec<Detector>), (status = 401, body = ErrorBody)))]
pub async fn detectors(_: Viewer, State(app): State<Shared>) -> Json<Vec<Detector>> {
    let in_force = app.live.now();
    let silent = health::silent(&app);
    let view = |kind: &&dyn quarterdeck_detect::detector::DetectorKind| {
        let params = in_force.detectors.get(kind.id());
        Detector {
            id: kind.id().to_owned(),
            code: kind.code().to_owned(),
            title: kind.title().to_owned(),
            doc: kind.doc().to_owned(),
            enabled: params.is_some(),
            canary_heard: !app.deaf.iter().any(|deaf| deaf.as_str() == kind.id()),
            cannot_hear: silent.clone().filter(|_| !kind.hears_blindness()),
            params: kind
                .params()
                .iter()
                .map(|spec| Param {
                    name: spec.name.to_owned(),
                    value: params.map_or(spec.default, |params| params.get(spec)),
                    unit: spec.unit.to_owned(),
                    default: spec.default,
                    min: spec.min,
                    max: spec.max,
                    doc: spec.doc.to_owned(),
                })
                .collect(),
        }
    };
    Json(DETECTORS.iter().map(view).collect())
}
