//! The room of an incident, for programs: who is there, what was said, and what changes, as it does. Writing there is a command like
//! others (`commands`). Whoever listens is present.
//! Tests: `tests/it/room.rs`, `tests/it/permissions.rs`.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::HeaderMap,
    response::{Response, sse::Event},
    routing::get,
};
use quarterdeck_api::{ErrorBody, Message, Mirrored, Present, Room, Withdrawn};
use quarterdeck_core::{
    id::{IncidentId, PersonId},
    incident::{Actor, Incident, MessageKind, offer::Right},
    setting::Setting,
    time::Timestamp,
};
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Asked, InPath, Refused, Shared, Viewer, incidents::parse, stream::told, views};
use crate::{
    auth::{Caller, Role},
    room::{self, Beside, MESSAGES, MESSAGES_MAX, Said, Sources, Told, Update},
};

/// Their routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/incidents/{id}/room", get(show))
        .route("/api/v1/incidents/{id}/room/events", get(events))
}

/// Which part of what was said.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomQuery {
    /// The `earlier` of the part after it.
    pub before: Option<u64>,
    /// At most so many messages.
    pub limit: Option<usize>,
}

/// The room of an incident: who is there, what is kept in sight, and the end of what was said, or with `before` the part before another.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/room", tag = "incidents", security(("token" = [])),
    params(("id" = String, Path), ("before" = Option<u64>, Query, description = "the `earlier` of the part that comes after; without it, the end"), ("limit" = Option<usize>, Query, description = "100 by default, 500 at most")),
    responses((status = 200, body = Room), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn show(
    Viewer(caller): Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
    Asked(query): Asked<RoomQuery>,
) -> Result<Json<Room>, Refused> {
    view(&app, parse(&id)?, &query, caller.role).await.map(Json)
}

/// A room as it stands.
pub async fn view(app: &Shared, id: IncidentId, query: &RoomQuery, role: Role) -> Result<Room, Refused> {
    let incident = app.engine.published().incident(id).await?.ok_or_else(|| views::not_here(app, id))?;
    let room = incident.room();
    let limit = query.limit.unwrap_or(MESSAGES).clamp(1, MESSAGES_MAX);
    let part = room.before(query.before.unwrap_or(u64::MAX), limit);
    let oldest = part.first().and_then(|id| room.message(*id)).map(|message| message.version);
    let earlier = oldest.filter(|version| !room.before(*version, 1).is_empty());
    let (store, published) = (&*app.store, app.engine.published());
    let said = room::read(store, published, &incident, &part).await?;
    let beside = room::beside(store, published, &incident).await?;
    let in_force = app.live.now();
    let setting = &in_force.setting;
    let may_write = role.right() >= Right::Respond && incident.merged_into().is_none() && !room.is_full();
    let around = room_of(setting, &incident, &beside);
    let chats = app.mirroring.channels_of(id).into_iter().map(|(chat, channel, away)| Mirrored {
        chat,
        channel,
        away_since: away.map(|since| since.to_string()),
    });
    Ok(Room { messages: messages(setting, &said), earlier, may_write, chats: chats.collect(), ..around })
}

/// A room without what was said in it.
pub fn room_of(setting: &Setting, incident: &Incident, beside: &Beside) -> Room {
    Room {
        incident: incident.id().to_string(),
        phase: incident.phase().word().to_owned(),
        merged_into: incident.merged_into().map(|into| into.to_string()),
        merged_from: incident.room().merged_from().iter().map(ToString::to_string).collect(),
        present: present(setting, incident),
        pins: messages(setting, &beside.pins),
        decisions: messages(setting, &beside.decisions),
        open_questions: messages(setting, &beside.open_questions),
        messages: Vec::new(),
        earlier: None,
        written: incident.room().len(),
        may_write: false,
        chats: Vec::new(),
    }
}

/// Messages as they stand.
pub fn messages(setting: &Setting, said: &[Said]) -> Vec<Message> {
    said.iter().map(|said| message(setting, said)).collect()
}

/// `event: message` with a message that is new or stands otherwise now; `event: room` when something else changed that the room shows:
/// who is there, what is kept in sight, where the incident stands; `event: missed` when something was lost. Whoever listens is present.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/room/events", tag = "events", security(("token" = [])), params(("id" = String, Path)),
    responses((status = 200, description = "text/event-stream"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn events(
    Viewer(caller): Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    listen(app, &caller, parse(&id)?, &headers, Face::Program, |setting, update| {
        let Update::Changed { incident, said, beside, .. } = update else { return Vec::new() };
        let told = |message: &Message| serde_json::to_string(message).map(|json| ("message", json)).ok();
        let mut events: Vec<Told> = messages(setting, said).iter().filter_map(told).collect();
        if beside.is_some() {
            events.push(("room", serde_json::json!({ "incident": incident.id().to_string() }).to_string()));
        }
        events
    })
    .await
}

/// For whom an update is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// One JSON text for each message.
    Program,
    /// Parts of a page.
    Page,
}

/// How often whoever listens counts as seen anew: often enough for the grace, seldom enough to cost nothing.
const SEEN_EVERY: Duration = Duration::from_secs(30);

/// Somebody who listens.
struct Listener {
    app: Shared,
    incident: IncidentId,
    who: Caller,
    person: Option<PersonId>,
    updates: broadcast::Receiver<Arc<Update>>,
    seen: tokio::time::Interval,
    face: Face,
    write: fn(&Setting, &Update) -> Vec<Told>,
    waiting: VecDeque<Event>,
}

/// Tells what changes in a room, until the listener goes. `write` is called once for each update and face, however many listen.
pub async fn listen(
    app: Shared,
    caller: &Caller,
    id: IncidentId,
    headers: &HeaderMap,
    face: Face,
    write: fn(&Setting, &Update) -> Vec<Told>,
) -> Result<Response, Refused> {
    if app.engine.published().incident(id).await?.is_none() {
        return Err(views::not_here(&app, id));
    }
    let sources = Sources {
        store: Arc::clone(&app.store),
        published: Arc::clone(app.engine.published()),
        stopping: app.stopping.clone(),
    };
    let listener = Listener {
        updates: app.rooms.listen(id, sources),
        incident: id,
        who: caller.clone(),
        person: caller.person.clone(),
        seen: tokio::time::interval(SEEN_EVERY),
        face,
        write,
        waiting: VecDeque::new(),
        app: Arc::clone(&app),
    };
    told(app, headers, futures_util::stream::unfold(listener, Listener::next))
}

impl Listener {
    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((event, self));
            }
            let update = tokio::select! {
                update = self.updates.recv() => update,
                _ = self.seen.tick() => {
                    if let Some(person) = &self.person {
                        self.app.presence.see(self.incident, person).await;
                    }
                    continue;
                }
            };
            // Who may look changes while somebody listens: asked of the incident as it is now, before each update.
            let may = |incident: Arc<Incident>| super::inside::is_inside(&self.app, &self.who, &incident);
            if !self.app.engine.published().board().shared(self.incident).is_none_or(may) {
                return None;
            }
            match update {
                Ok(update) => self.take(&update),
                Err(RecvError::Lagged(_)) => self.waiting.push_back(missed()),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, update: &Update) {
        let Update::Changed { written, .. } = update else {
            self.waiting.push_back(missed());
            return;
        };
        let [program, page] = written;
        let written = if self.face == Face::Program { program } else { page };
        let told = written.get_or_init(|| (self.write)(&self.app.live.now().setting, update));
        self.waiting.extend(told.iter().map(|(name, data)| Event::default().event(*name).data(data)));
    }
}

fn missed() -> Event {
    Event::default().event("missed").data("")
}

/// Who is there, in the order of their names, with their roles.
pub fn present(setting: &Setting, incident: &Incident) -> Vec<Present> {
    let roles = |person: &PersonId| {
        let theirs = incident.roles().iter().filter(|(_, holder)| *holder == person);
        theirs.map(|(role, _)| role.word().to_owned()).collect()
    };
    let present = incident.room().present().iter().map(|(person, since)| Present {
        person: person.to_string(),
        name: name(setting, person),
        since: since.to_string(),
        roles: roles(person),
    });
    present.collect()
}

fn name(setting: &Setting, person: &PersonId) -> String {
    setting.roster.people.get(person).map_or_else(|| person.to_string(), |known| known.name.clone())
}

fn called(setting: &Setting, by: &Actor) -> String {
    match by {
        Actor::Person(person) => name(setting, person),
        Actor::Token(_) | Actor::System => by.to_string(),
    }
}

fn message(setting: &Setting, said: &Said) -> Message {
    let Said { id, message, at, log_index, text, edited, withdrawn, pinned, origin } = said;
    let back = |(by, at, reason): &(Actor, Timestamp, String)| Withdrawn {
        by: called(setting, by),
        at: at.to_string(),
        reason: reason.clone(),
    };
    Message {
        id: id.to_string(),
        kind: message.kind.word().to_owned(),
        by: message.by.to_string(),
        name: called(setting, &message.by),
        at: at.to_string(),
        text: text.clone(),
        reply_to: message.reply_to.map(|to| to.to_string()),
        edited: edited.map(|at| at.to_string()),
        withdrawn: withdrawn.as_ref().map(back),
        pinned: *pinned,
        answered: message.kind == MessageKind::Question && message.answers > 0,
        origin: origin.as_ref().map(|origin| format!("{} by {}", origin.author, origin.channel)),
        log_index: *log_index,
    }
}
