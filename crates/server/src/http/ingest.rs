//! Claims from outside, in the formats of THE LIST (`quarterdeck_formats::FORMATS`), and PagerDuty events, whose key stands in the body.
//! Prometheus itself posts beside the rest of its API, in `alertmanager.rs`.
//!
//! Nothing is answered with 2xx before it is durable. What of a request cannot be read becomes a signal of its own, because most
//! monitors do not look at our answer.

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use quarterdeck_api::{Accepted, ErrorBody};
use quarterdeck_core::{
    board::Fate,
    id::{ServiceId, SourceId},
    incident::{Actor, ClaimsCommand, Command},
    signal::{Fingerprint, SignalChange},
};
use quarterdeck_formats::{
    FORMATS,
    bounds::FormatError,
    format::{IngestFormat, Reply},
    heard::{Batch, Heard, Hearing},
    pagerduty::{self, EVENT_BYTES_MAX, Event, Received},
};

use super::{
    Bytes, CameFrom, InPath, Message, Refused, Shared,
    extract::{format_at, shortened},
    integration,
    monitor::{Guest, Poster},
};
use crate::{
    engine::{self, Answer, Work, read},
    loops::expire::RESOLVE_TIMEOUT,
};

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/ingest/{format}", post(ingest))
        .layer(middleware::from_fn(in_its_words))
        .route("/v2/enqueue", post(enqueue))
        .route("/api/v1/heartbeat", post(heartbeat))
}

/// Refusals of ours as the clients of the format read them.
async fn in_its_words(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut answer = next.run(request).await;
    let said = answer.extensions_mut().remove::<Message>();
    if let Some(reply) = said.and_then(|Message(text)| format_at(&path)?.refused(&text)) {
        *answer.body_mut() = Body::from(reply.body);
    }
    answer
}

/// Reads what a source sent, at this instant, with this catalogue.
pub fn hearing<T>(app: &Shared, source: &SourceId, read: impl FnOnce(&Hearing<'_>) -> T) -> T {
    let in_force = app.live.now();
    let is_service = |service: &ServiceId| in_force.setting.catalogue.services.contains_key(service);
    let integration = in_force.integrations.iter().find(|one| one.id == *source);
    let (now, wall) = (app.clock.now(), app.clock.wall());
    read(&Hearing {
        source,
        now,
        wall,
        resolve_timeout: RESOLVE_TIMEOUT,
        words: &in_force.words,
        group_by: integration.and_then(|one| one.group_by.as_deref()),
        is_service: &is_service,
    })
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
    app.heartbeats.heard(source, app.clock.now());
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
        SignalChange::Ended { fingerprint, .. } | SignalChange::Silent { fingerprint, .. } => Some(*fingerprint),
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

/// What a monitor posts, in one of the formats of THE LIST.
#[utoipa::path(post, path = "/ingest/{format}", tag = "ingest", security(("token" = []), ("key" = [])),
    request_body(content = String, content_type = "application/json", description = "a body of this format"),
    responses((status = 200, body = Vec<Accepted>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn ingest(
    Poster(guest): Poster,
    State(app): State<Shared>,
    InPath(id): InPath,
    Bytes(body): Bytes,
) -> Result<Response, Refused> {
    let Some(format) = FORMATS.iter().find(|format| format.id() == id) else {
        let known: Vec<&str> = FORMATS.iter().map(|format| format.id()).collect();
        let message = format!("there is no format `{}`: there are {}", shortened(&id), known.join(", "));
        return Err(Refused::not_found(message));
    };
    post_as(*format, &app, &guest, &body).await
}

/// Takes in what a monitor posts in this format, and answers as its clients expect.
pub async fn post_as(format: &dyn IngestFormat, app: &Shared, guest: &Guest, body: &[u8]) -> Result<Response, Refused> {
    let taken = take(app, &guest.source(), |hearing| format.read(body, hearing)).await?;
    let own = match &taken.refusals {
        None => format.accepted(),
        Some(refusals) => format.refused(refusals),
    };
    let Some(Reply { status, body }) = own else { return answer(taken).map(IntoResponse::into_response) };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    if body.is_empty() {
        return Ok(status.into_response());
    }
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// An event of PagerDuty's Events API v2. The body's `routing_key` is the key of an integration.
#[utoipa::path(post, path = "/v2/enqueue", tag = "ingest",
    request_body(content = String, content_type = "application/json", description = "an event of PagerDuty's Events API v2"),
    responses((status = 202, description = "durable"), (status = 400, description = "what is wrong with it"), (status = 413), (status = 503, body = ErrorBody)))]
pub async fn enqueue(CameFrom(from): CameFrom, State(app): State<Shared>, body: Body) -> Result<Response, Refused> {
    let Ok(bytes) = to_bytes(body, EVENT_BYTES_MAX).await else {
        let errors = vec![format!("the body was cut off, or has more than {EVENT_BYTES_MAX} bytes")];
        return Ok(refused(&pagerduty::Refused { status: 413, message: "Event is too large", errors }));
    };
    // The key that says who is speaking stands in the body, and what the body means depends on who is speaking: it is read twice.
    let parse = |source: &SourceId| hearing(&app, source, |hearing| pagerduty::parse_event(&bytes, hearing));
    let source = match parse(&SourceId::unnamed()) {
        Err(error) => {
            // Most monitors do not look at our answer: where it can be seen whose mistake it is, a person hears of it.
            let key = pagerduty::routing_key_of(&bytes);
            if let Some(source) = key.and_then(|key| integration(&app.live.now().integrations, &key)) {
                let not_read = FormatError::At { path: "event".to_owned(), reason: error.to_string() };
                take(&app, &source, |_| Err(not_read)).await?;
            }
            return Ok(refused(&error));
        }
        Ok(received) => match integration(&app.live.now().integrations, &received.routing_key) {
            None => {
                app.guesses.wrong(from, app.clock.elapsed(), app.clock.now());
                return Ok(refused(&pagerduty::unknown_routing_key()));
            }
            Some(source) => source,
        },
    };
    let Received { dedup_key, event, .. } = match parse(&source) {
        Err(error) => return Ok(refused(&error)),
        Ok(received) => received,
    };
    app.heartbeats.heard(&source, app.clock.now());
    match event {
        Event::Heard(heard) => drop(app.expiries.hear(&app.engine, vec![heard]).await?),
        Event::Acknowledge { fingerprint } => take_up(&app, &source, fingerprint).await?,
    }
    let body = pagerduty::accepted_body(&dedup_key);
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// A monitor says that it is alive, and nothing else. Whatever it posts says so as well.
#[utoipa::path(post, path = "/api/v1/heartbeat", tag = "ingest", security(("token" = []), ("key" = [])),
    responses((status = 204, description = "heard"), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn heartbeat(Poster(guest): Poster, State(app): State<Shared>) -> StatusCode {
    app.heartbeats.heard(&guest.source(), app.clock.now());
    StatusCode::NO_CONTENT
}

/// Somebody at the monitor's end works on what it claimed: said on the incident that holds the claim. It acknowledges nothing for
/// the people whom we page; of a claim that is not there it means nothing.
async fn take_up(app: &Shared, source: &SourceId, claim: Fingerprint) -> Result<(), Refused> {
    let incident = read(&app.engine.published().board).incident_of_claim(&claim);
    let Some(incident) = incident else { return Ok(()) };
    let command = Command::Claims(ClaimsCommand::TakeUp { claim, by: Actor::Token(source.to_string()) });
    match app.engine.ask(Work::Command { incident, command }).await? {
        Answer::Refused(refusal) => {
            tracing::info!(%refusal, %source, "what a monitor says of its own claim was not taken");
        }
        Answer::Done | Answer::Logged { .. } | Answer::Heard(_) | Answer::Stranded(_) => {}
    }
    Ok(())
}

fn refused(error: &pagerduty::Refused) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(header::CONTENT_TYPE, "application/json")], error.body()).into_response()
}
