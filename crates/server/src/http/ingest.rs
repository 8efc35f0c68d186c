//! Claims from outside: an Alertmanager's webhook, a plain webhook, PagerDuty events. Alerts that Prometheus posts itself come in
//! beside the rest of its API, in `alertmanager.rs`.
//!
//! Nothing is answered with 2xx before it is durable. What of a request cannot be read becomes a signal of its own, because most
//! monitors do not look at our answer.

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use quarterdeck_api::{Accepted, ErrorBody};
use quarterdeck_core::{
    board::Fate,
    id::{ServiceId, SourceId},
    incident::{Actor, Command, LifeCommand},
    signal::{Fingerprint, SignalChange},
};
use quarterdeck_formats::{
    alertmanager::relay::parse_notification,
    bounds::FormatError,
    heard::{Batch, Heard, Hearing},
    pagerduty::{self, EVENT_BYTES_MAX, Event, Received},
    webhook::parse_webhook,
};

use super::{
    Bytes, Refused, Shared,
    monitor::{Poster, integration},
};
use crate::{
    engine::{self, Answer, Work, read},
    loops::expire::RESOLVE_TIMEOUT,
};

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/ingest/alertmanager", post(alertmanager))
        .route("/ingest/webhook", post(webhook))
        .route("/v2/enqueue", post(enqueue))
}

/// Reads what a source sent, at this instant, with this catalogue.
pub fn hearing<T>(app: &Shared, source: &SourceId, read: impl FnOnce(&Hearing<'_>) -> T) -> T {
    let in_force = app.live.now();
    let is_service = |service: &ServiceId| in_force.setting.catalogue.services.contains_key(service);
    let now = app.clock.now();
    read(&Hearing { source, now, resolve_timeout: RESOLVE_TIMEOUT, is_service: &is_service })
}

/// What became of a request.
pub struct Taken {
    /// The claims that were understood and are durable, each with its fate.
    pub taken: Vec<(Fingerprint, Fate)>,
    /// What was not understood, for the answer; a signal says it, too.
    pub refusals: Option<String>,
}

/// Takes in what could be read of a request, and says so where something could not.
pub async fn take(
    app: &Shared,
    source: &SourceId,
    parse: impl FnOnce(&Hearing<'_>) -> Result<Batch, FormatError>,
) -> Result<Taken, Refused> {
    let (batch, refusal) = hearing(app, source, |hearing| {
        let batch = parse(hearing).unwrap_or_else(|error| Batch { heard: Vec::new(), refused: vec![error] });
        let refusal = batch.refusal(hearing);
        (batch, refusal)
    });
    let refusals = (!batch.refused.is_empty()).then(|| batch.refusals());
    let claims: Vec<Fingerprint> = batch.heard.iter().filter_map(claim).collect();
    metrics::counter!("quarterdeck_claims_heard_total", "source" => source.to_string()).increment(claims.len() as u64);
    metrics::counter!("quarterdeck_claims_refused_total", "source" => source.to_string())
        .increment(batch.refused.len() as u64);
    let heard: Vec<Heard> = batch.heard.into_iter().chain(refusal).collect();
    let fates = if heard.is_empty() { Vec::new() } else { app.expiries.hear(&app.engine, heard).await? };
    Ok(Taken { taken: claims.into_iter().zip(fates).collect(), refusals })
}

/// Only these two come from monitors.
fn claim(heard: &Heard) -> Option<Fingerprint> {
    match &heard.change {
        SignalChange::Raised { signal } => Some(signal.fingerprint),
        SignalChange::Ended { fingerprint, .. } => Some(*fingerprint),
        SignalChange::Confirmed { .. } | SignalChange::Retracted { .. } => None,
    }
}

fn answer(taken: Taken) -> Result<Json<Vec<Accepted>>, Refused> {
    let accepted = |(claim, fate): &(Fingerprint, Fate)| Accepted {
        incident: engine::incident_of(fate).map(|id| id.to_string()),
        fate: engine::words(fate),
        claim: claim.to_string(),
    };
    match taken.refusals {
        None => Ok(Json(taken.taken.iter().map(accepted).collect())),
        Some(refusals) => {
            let hint = match taken.taken.len() {
                0 => "nothing of it counts; a signal says so".to_owned(),
                count => format!("the other {count} count; do not send them again"),
            };
            Err(Refused::bad_request(refusals).hint(&hint))
        }
    }
}

/// An Alertmanager's webhook, version 4.
#[utoipa::path(post, path = "/ingest/alertmanager", tag = "ingest", security(("token" = []), ("key" = [])),
    request_body(content = String, content_type = "application/json", description = "what an Alertmanager's `webhook_configs` sends"),
    responses((status = 200, body = Vec<Accepted>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn alertmanager(
    Poster(guest): Poster,
    State(app): State<Shared>,
    Bytes(body): Bytes,
) -> Result<Json<Vec<Accepted>>, Refused> {
    answer(take(&app, &guest.source(), |hearing| parse_notification(&body, hearing)).await?)
}

/// Any monitor or script: one object, or an array of them.
#[utoipa::path(post, path = "/ingest/webhook", tag = "ingest", security(("token" = []), ("key" = [])),
    request_body(content = String, content_type = "application/json", description = "`title`, and where known `status`, `severity`, `service`, `dedup_key`, `text`, `link`, `facts`, `labels`, `at`"),
    responses((status = 200, body = Vec<Accepted>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn webhook(
    Poster(guest): Poster,
    State(app): State<Shared>,
    Bytes(body): Bytes,
) -> Result<Json<Vec<Accepted>>, Refused> {
    answer(take(&app, &guest.source(), |hearing| parse_webhook(&body, hearing)).await?)
}

/// An event of PagerDuty's Events API v2. The body's `routing_key` is the key of an integration.
#[utoipa::path(post, path = "/v2/enqueue", tag = "ingest",
    request_body(content = String, content_type = "application/json", description = "an event of PagerDuty's Events API v2"),
    responses((status = 202, description = "durable"), (status = 400, description = "what is wrong with it"), (status = 413), (status = 503, body = ErrorBody)))]
pub async fn enqueue(State(app): State<Shared>, body: Body) -> Result<Response, Refused> {
    let Ok(bytes) = to_bytes(body, EVENT_BYTES_MAX).await else {
        let errors = vec![format!("the body was cut off, or has more than {EVENT_BYTES_MAX} bytes")];
        return Ok(refused(&pagerduty::Refused { status: 413, message: "Event is too large", errors }));
    };
    // The key that says who is speaking stands in the body, and what the body means depends on who is speaking: it is read twice.
    let parse = |source: &SourceId| hearing(&app, source, |hearing| pagerduty::parse_event(&bytes, hearing));
    let source = match parse(&SourceId::unnamed()) {
        Err(error) => return Ok(refused(&error)),
        Ok(received) => match integration(&app.live.now().integrations, &received.routing_key) {
            None => return Ok(refused(&pagerduty::unknown_routing_key())),
            Some(source) => source,
        },
    };
    let Received { dedup_key, event, .. } = match parse(&source) {
        Err(error) => return Ok(refused(&error)),
        Ok(received) => received,
    };
    match event {
        Event::Heard(heard) => drop(app.expiries.hear(&app.engine, vec![heard]).await?),
        Event::Acknowledge { fingerprint } => acknowledge(&app, &source, &fingerprint).await?,
    }
    let body = pagerduty::accepted_body(&dedup_key);
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Somebody at the monitor's end works on it. Of a claim that is not there, or an incident past that, it means nothing.
async fn acknowledge(app: &Shared, source: &SourceId, claim: &Fingerprint) -> Result<(), Refused> {
    let incident = read(&app.engine.published().board).incident_of_claim(claim);
    let Some(incident) = incident else { return Ok(()) };
    let command = Command::Life(LifeCommand::Acknowledge { by: Actor::Token(source.to_string()) });
    match app.engine.ask(Work::Command { incident, command }).await? {
        Answer::Refused(refusal) => tracing::info!(%refusal, %source, "an acknowledgement that means nothing"),
        Answer::Done
        | Answer::Logged { .. }
        | Answer::Heard(_)
        | Answer::BadSilence(_)
        | Answer::NoSuchSilence(_)
        | Answer::Stranded(_) => {}
    }
    Ok(())
}

fn refused(error: &pagerduty::Refused) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(header::CONTENT_TYPE, "application/json")], error.body()).into_response()
}
