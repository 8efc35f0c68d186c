//! Erasing what an incident holds of people. The log keeps its leaves, the rules what they need, and an event of the journal says who
//! had it erased, and why. Only the incident that is named: one that it was merged into has copies of its signals, in events of its
//! own. Tests: `tests/it/erase.rs`, `tests/it/permissions.rs`.

use std::collections::BTreeSet;

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use quarterdeck_api::{Erase, Erased, ErrorBody};
use quarterdeck_core::{
    erasure::{self, NotErased},
    incident::Refusal,
    journal::{Body as Event, Recorded, Stream},
};

use super::{Admin, Body, InPath, Refused, Shared, incidents::parse};
use crate::{
    engine::{Answer, Work},
    history,
};

/// An incident to which so much happens at once that it is never as it was read is erased later.
const ATTEMPTS: usize = 8;

/// Its route.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/incidents/{id}/erase", post(erase))
}

/// Erases what events of an incident hold of people: titles, notes, reasons, explanations, addresses, labels. Cannot be undone.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/erase", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Erase, responses((status = 200, body = Erased), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn erase(
    Admin(caller): Admin,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(asked): Body<Erase>,
) -> Result<Json<Erased>, Refused> {
    let id = parse(&id)?;
    let stream = Stream::Incident(id);
    let mut went_on = Refusal::WentOn { id, version: 0 };
    for _ in 0..ATTEMPTS {
        let history = history::whole(&*app.store, app.engine.published(), id).await?;
        let history: Vec<(u64, Recorded)> = history
            .into_iter()
            .map(|(index, version, at, event)| (index, Recorded { stream, version, at, body: Event::Incident(event) }))
            .collect();
        let named = named(&history, &asked.events)?;
        let erasure = erasure::erase(stream, named, caller.actor(), &asked.reason).map_err(|error| refused(&error))?;
        let events = erasure.redactions.iter().map(|redaction| redaction.version).collect();
        match app.engine.ask(Work::Erase { history, erasure }).await? {
            Answer::Logged { last } => return Ok(Json(Erased { events, log_index: last })),
            Answer::Refused(refusal @ Refusal::WentOn { .. }) => went_on = refusal,
            Answer::Refused(refusal) => return Err(refusal.into()),
            Answer::Done | Answer::Heard(_) | Answer::Stranded(_) => {
                let message = "the history of this incident does not fold; the program's log says more";
                return Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", message));
            }
        }
    }
    Err(went_on.into())
}

/// The events that were named; all, if none was.
fn named<'a>(history: &'a [(u64, Recorded)], versions: &[u64]) -> Result<Vec<&'a Recorded>, Refused> {
    let known: BTreeSet<u64> = history.iter().map(|(_, recorded)| recorded.version).collect();
    if let Some(unknown) = versions.iter().find(|version| !known.contains(version)) {
        let message = format!("no event {unknown}: want one of 0 to {}", known.last().copied().unwrap_or_default());
        return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "no_such_event", message));
    }
    let wanted = |recorded: &&Recorded| versions.is_empty() || versions.contains(&recorded.version);
    Ok(history.iter().map(|(_, recorded)| recorded).filter(wanted).collect())
}

fn refused(error: &NotErased) -> Refused {
    let (status, code) = match error {
        NotErased::BadReason { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "bad_text"),
        NotErased::NothingThere { .. } => (StatusCode::CONFLICT, "nothing_there"),
        NotErased::TooMany { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_many"),
        NotErased::WrongStream { .. } | NotErased::Unwritable { .. } => {
            tracing::error!(%error, "cannot erase");
            (StatusCode::INTERNAL_SERVER_ERROR, "unreadable")
        }
    };
    Refused::new(status, code, error.to_string())
}
