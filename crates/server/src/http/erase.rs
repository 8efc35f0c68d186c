//! Erasing what an incident, a signal or a silence holds of people, with the copies in other histories. The log keeps its leaves, the
//! rules what they need, and events of the journal say who had it erased, and why. Each history is erased in a transaction of its own:
//! whoever gets no answer asks again, and what is left goes. Tests: `tests/it/erase.rs`, `tests/it/permissions.rs`.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use quarterdeck_api::{Erase, Erased, ErasedCopy, ErrorBody};
use quarterdeck_core::{
    erasure::{self, About, NotErased},
    id::{BadId, IncidentId, SignalId, SilenceId},
    incident::Refusal,
    journal::{Body as Event, Recorded, Stream},
    limits::ERASED_AT_ONCE_MAX,
};

use super::{Admin, Body, InPath, Refused, Shared, incidents::parse, inside};
use crate::{
    auth::Caller,
    copies::{self, Placed},
    engine::{self, Answer, Work, read},
    history,
};

/// An incident to which so much happens at once that it is never as it was read is erased later.
const ATTEMPTS: usize = 8;

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/incidents/{id}/erase", post(erase))
        .route("/api/v1/signals/{id}/erase", post(erase_signal))
        .route("/api/v1/silences/{id}/erase", post(erase_silence))
}

/// Erases what events of an incident hold of people: titles, notes, reasons, explanations, addresses, labels; and their copies in other
/// incidents and in the journal. Cannot be undone.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/erase", tag = "incidents", security(("token" = [])), params(("id" = String, Path)),
    request_body = Erase, responses((status = 200, body = Erased), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn erase(
    Admin(caller): Admin,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(asked): Body<Erase>,
) -> Result<Json<Erased>, Refused> {
    let id = parse(&id)?;
    let mut about = About { incident: asked.events.is_empty().then_some(id), ..About::default() };
    let history = whole(&app, id).await?;
    named(&history, &asked.events)?.iter().for_each(|recorded| about.add(&recorded.body));
    let eraser = Eraser { app: &app, caller: &caller, reason: &asked.reason };
    let stream = Stream::Incident(id);
    let found = eraser.find(&about, Some(stream)).await?;
    eraser.not_held(&found, Some(id)).await?;
    let own = eraser.incident(id, &asked.events).await?;
    let copies = eraser.copies(found).await?;
    let last = own.last().map(|own| own.log_index);
    let events = own.into_iter().flat_map(|own| own.events).collect();
    let last = copies.last().map(|copy| copy.log_index).or(last);
    let log_index = last.ok_or_else(|| refused(&NotErased::NothingThere { stream }))?;
    Ok(Json(Erased { events, log_index, copies }))
}

/// Erases what was written about a signal, wherever it stands: in incidents, and in the journal if no incident has it. Cannot be undone.
#[utoipa::path(post, path = "/api/v1/signals/{id}/erase", tag = "signals", security(("token" = [])), params(("id" = String, Path)),
    request_body = Erase, responses((status = 200, body = Erased), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn erase_signal(
    Admin(caller): Admin,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(asked): Body<Erase>,
) -> Result<Json<Erased>, Refused> {
    let signal: SignalId = id.parse().map_err(|error: BadId| Refused::bad_request(error.to_string()))?;
    let about = About { signals: [signal].into(), ..About::default() };
    everywhere(&app, &caller, &about, &asked, &format!("signal {signal}")).await
}

/// Erases who set a silence, and their words. Its matchers stay: without them it would silence something else. Cannot be undone.
#[utoipa::path(post, path = "/api/v1/silences/{id}/erase", tag = "silences", security(("token" = [])), params(("id" = String, Path)),
    request_body = Erase, responses((status = 200, body = Erased), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn erase_silence(
    Admin(caller): Admin,
    State(app): State<Shared>,
    InPath(id): InPath,
    Body(asked): Body<Erase>,
) -> Result<Json<Erased>, Refused> {
    let silence: SilenceId = id.parse().map_err(|error: BadId| Refused::bad_request(error.to_string()))?;
    let about = About { silence: Some(silence), ..About::default() };
    everywhere(&app, &caller, &about, &asked, &format!("silence {silence}")).await
}

/// Erases it in every history.
async fn everywhere(
    app: &Shared,
    caller: &Caller,
    about: &About,
    asked: &Erase,
    what: &str,
) -> Result<Json<Erased>, Refused> {
    if !asked.events.is_empty() {
        return Err(Refused::bad_request("`events` are those of an incident: leave them out here"));
    }
    let eraser = Eraser { app, caller, reason: &asked.reason };
    let found = eraser.find(about, None).await?;
    if found.is_empty() {
        return Err(Refused::not_found(format!("no {what} in the log")));
    }
    eraser.not_held(&found, None).await?;
    let copies = eraser.copies(found).await?;
    let nothing = || Refused::new(StatusCode::CONFLICT, "nothing_there", format!("{what} holds no personal data"));
    let log_index = copies.last().map(|copy| copy.log_index).ok_or_else(nothing)?;
    Ok(Json(Erased { events: Vec::new(), log_index, copies }))
}

/// Who erases, and why.
struct Eraser<'a> {
    app: &'a Shared,
    caller: &'a Caller,
    reason: &'a str,
}

impl Eraser<'_> {
    /// Every place in the log that has words about it.
    async fn find(&self, about: &About, but: Option<Stream>) -> Result<Vec<Placed>, Refused> {
        let size = read(&self.app.engine.published().head).size;
        Ok(copies::find(&*self.app.store, size, about, but).await?)
    }

    /// Refuses while an incident is held that has a copy, or something that was merged with it: before anything is erased, so that
    /// nothing is erased by half. The engine asks again, and its answer counts.
    async fn not_held(&self, found: &[Placed], own: Option<IncidentId>) -> Result<(), Refused> {
        let mut next = engine::touched(found);
        next.extend(own);
        let mut seen = next.clone();
        while let Some(id) = next.pop_first() {
            if let Some(incident) = self.app.engine.published().incident(id).await? {
                // Whoever is outside takes nothing out of it, and does not hear why it is held: an administrator comes in first.
                if !inside::is_inside(self.app, self.caller, &incident) {
                    return Err(inside::outside(&incident).into());
                }
                incident.may_be_erased()?;
                next.extend(engine::next_of_kin(&incident).filter(|kin| seen.insert(*kin)));
            }
        }
        Ok(())
    }

    /// Erases events of many histories. What holds nothing any more is left as it is.
    async fn copies(&self, found: Vec<Placed>) -> Result<Vec<ErasedCopy>, Refused> {
        let mut notes = Vec::new();
        let mut incidents: BTreeMap<IncidentId, Vec<u64>> = BTreeMap::new();
        for placed in found.into_iter().filter(|(_, recorded)| recorded.body.redacted() != recorded.body) {
            match placed.1.stream {
                Stream::Journal => notes.push(placed),
                Stream::Incident(id) => incidents.entry(id).or_default().push(placed.1.version),
            }
        }
        let mut done = Vec::new();
        for (id, events) in incidents {
            done.extend(self.incident(id, &events).await?);
        }
        for notes in notes.chunks(ERASED_AT_ONCE_MAX) {
            let history = notes.to_vec();
            done.extend(self.ask(Stream::Journal, history, notes.iter().map(|(_, recorded)| recorded)).await??);
        }
        Ok(done)
    }

    /// Erases these events of an incident; all, if none is named. More than one event of the journal can commit to are erased by
    /// several, each a transaction of its own: what was erased before one fails stays erased, and asking again goes on.
    async fn incident(&self, id: IncidentId, events: &[u64]) -> Result<Vec<ErasedCopy>, Refused> {
        let mut done = Vec::new();
        let mut went_on = 0;
        loop {
            let history = whole(self.app, id).await?;
            let holds = |recorded: &&Recorded| recorded.body.redacted() != recorded.body;
            let named: Vec<&Recorded> = named(&history, events)?.into_iter().filter(holds).collect();
            let (now, more) = (named.iter().take(ERASED_AT_ONCE_MAX).copied(), named.len() > ERASED_AT_ONCE_MAX);
            match self.ask(Stream::Incident(id), history.clone(), now).await? {
                Ok(erased) => done.extend(erased),
                Err(Refusal::WentOn { .. }) if went_on < ATTEMPTS => {
                    went_on += 1;
                    continue;
                }
                Err(refusal) => return Err(refusal.into()),
            }
            if !more {
                return Ok(done);
            }
        }
    }

    /// One transaction. The inner error: the rules say no.
    async fn ask<'r>(
        &self,
        stream: Stream,
        history: Vec<Placed>,
        named: impl IntoIterator<Item = &'r Recorded>,
    ) -> Result<Result<Option<ErasedCopy>, Refusal>, Refused> {
        let erasure = match erasure::erase(stream, named, self.caller.actor(), self.reason) {
            Ok(erasure) => erasure,
            Err(NotErased::NothingThere { .. }) => return Ok(Ok(None)),
            Err(error) => return Err(refused(&error)),
        };
        let events = erasure.redactions.iter().map(|redaction| redaction.version).collect();
        match self.app.engine.ask(Work::Erase { history, erasure }).await? {
            Answer::Logged { last } => Ok(Ok(Some(ErasedCopy { stream: stream.to_string(), events, log_index: last }))),
            Answer::Refused(refusal) => Ok(Err(refusal)),
            Answer::Done | Answer::Heard(_) | Answer::Stranded(_) => {
                let message = format!("the history of {stream} does not fold; the program's log says more");
                Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", message))
            }
        }
    }
}

/// All events of an incident, with their places in the log.
async fn whole(app: &Shared, id: IncidentId) -> Result<Vec<Placed>, Refused> {
    let stream = Stream::Incident(id);
    let history = history::whole(&*app.store, app.engine.published(), id).await?;
    let placed = |(index, version, at, event)| (index, Recorded { stream, version, at, body: Event::Incident(event) });
    Ok(history.into_iter().map(placed).collect())
}

/// The events that were named; all, if none was.
fn named<'a>(history: &'a [Placed], versions: &[u64]) -> Result<Vec<&'a Recorded>, Refused> {
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
