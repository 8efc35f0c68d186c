//! What happens here, said there: the log in its order, from the place that is kept. Tests: `tests/it/chat.rs`.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    id::{IncidentId, MessageId, PersonId},
    incident::{
        AccessEvent, Actor, Incident, IncidentEvent, LifeEvent, Origin, PagingEvent, RolesEvent, RoomEvent, TasksEvent,
        note_id,
    },
    journal::{Body, Stream},
    setting::Setting,
};
use quarterdeck_reach::chat::{Saying, Tone, Wanted};
use tokio::{sync::broadcast::error::RecvError, time::sleep};

use super::{
    kept::{Called, Channels, Keeping, KeptError, Names},
    one::Mirror,
    words::{CLOSED, Telling, greeting, spoken, telling},
};
use crate::{
    chats::Way,
    engine::{read, recorded_of},
    history,
};

/// Events of the log read at once.
const EVENTS_AT_ONCE: usize = 256;
/// The pause before the store is asked again that did not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// The longest wait for news: a listener who was too slow to hear some looks by itself.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// An event of an incident with its place.
struct Happened<'a> {
    index: u64,
    incident: IncidentId,
    version: u64,
    event: &'a IncidentEvent,
}

/// Says what happens, as long as it is let.
pub(super) async fn run(mirror: Arc<Mirror>) {
    let mut news = mirror.app.engine.published().news.subscribe();
    loop {
        if let Err(error) = mirror.tell_all(&mut news).await {
            let (why, now) = (format!("{error:#?}"), mirror.app.clock.now());
            tracing::error!(chat = mirror.name, why, "what was said in a chat cannot be kept");
            mirror.app.mirroring.failed(&mirror.name, Way::Out, now, error.to_string());
            sleep(STORE_PAUSE).await;
        }
    }
}

impl Mirror {
    async fn tell_all(
        &self,
        news: &mut tokio::sync::broadcast::Receiver<crate::engine::News>,
    ) -> Result<(), KeptError> {
        let size = || read(&self.app.engine.published().head).size;
        // Nothing of before it was joined is told: who joins a chat today does not want last year in it.
        let mut next = match self.told().await? {
            Some(next) => next,
            None => size(),
        };
        let mut channels = self.channels().await?;
        self.app.mirroring.has_channels(&self.name, &channels);
        loop {
            let until = size();
            self.app.mirroring.waits(&self.name, until.saturating_sub(next));
            if next >= until {
                match tokio::time::timeout(LOOK_AT_LEAST_EVERY, news.recv()).await {
                    Ok(Err(RecvError::Closed)) => return std::future::pending().await,
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => continue,
                }
            }
            let stored = self.app.store.events(next, EVENTS_AT_ONCE).await;
            let stored = stored.map_err(|source| KeptError::Store { name: format!("event {next}"), source })?;
            for event in stored.into_iter().filter(|event| event.index < until) {
                let mut keeping = Keeping::default();
                let index = event.index;
                // What cannot be read is damage, which is told elsewhere; what was erased is nobody's any more.
                if let Ok(Some(recorded)) = recorded_of(&event)
                    && let (Stream::Incident(incident), Body::Incident(event)) = (recorded.stream, &recorded.body)
                {
                    let happened = Happened { index, incident, version: recorded.version, event };
                    self.tell(&happened, &mut channels, &mut keeping).await?;
                }
                next = index.saturating_add(1);
                if !keeping.is_empty() || next >= until || next.is_multiple_of(EVENTS_AT_ONCE as u64) {
                    self.keep_told(&mut keeping, next);
                    self.keep(keeping).await?;
                }
            }
        }
    }

    async fn tell(&self, it: &Happened<'_>, channels: &mut Channels, keeping: &mut Keeping) -> Result<(), KeptError> {
        let Ok(Some(incident)) = self.app.engine.published().incident(it.incident).await else { return Ok(()) };
        if incident.restriction().is_some() {
            // A conversation has readers whom nobody let in. What began there ends there, and says so.
            if let (Some(channel), IncidentEvent::Access(AccessEvent::Restricted { .. })) =
                (channels.get(&it.incident), it.event)
            {
                self.say(channel, &it.index.to_string(), notice(CLOSED.to_owned())).await;
            }
            return Ok(());
        }
        let Some(channel) = self.channel(&incident, it, channels, keeping).await else { return Ok(()) };
        if let Some(person) = brought(it.event) {
            self.let_in(&channel, person).await;
        }
        self.say_event(it, &channel, keeping).await
    }

    /// The channel of an incident: the one that it has, or a new one where it is bad enough to have one.
    async fn channel(
        &self,
        incident: &Incident,
        it: &Happened<'_>,
        channels: &mut Channels,
        keeping: &mut Keeping,
    ) -> Option<String> {
        if let Some(channel) = channels.get(&it.incident) {
            return Some(channel.clone());
        }
        if !incident.is_open() || incident.severity() < self.joined.from {
            return None;
        }
        let (id, live) = (it.incident.to_string(), self.app.live.now());
        let link = format!("{}/incidents/{id}", live.base_url.trim_end_matches('/'));
        let (severity, title) = (incident.severity(), incident.title());
        let drill = if incident.is_drill() { "DRILL " } else { "" };
        let (name, topic) = (format!("{drill}{severity} {title}"), format!("{link} · {id}"));
        let members: Vec<String> =
            people(incident).filter_map(|person| self.joined.account_of(person)).map(str::to_owned).collect();
        let wanted = Wanted { key: &id, name: &name, topic: &topic, members: &members };
        let channel = match self.insist(Way::Out, || self.joined.chat.channel(&wanted)).await {
            Ok(channel) => channel,
            Err(why) => {
                tracing::error!(chat = self.name, incident = id, why, "no channel could be made");
                return None;
            }
        };
        let text = greeting(severity, title, incident.is_drill(), &link);
        self.say(&channel, &format!("greeting-{id}"), notice(text)).await;
        channels.insert(it.incident, channel.clone());
        self.keep_channels(keeping, channels);
        self.app.mirroring.has_channels(&self.name, channels);
        Some(channel)
    }

    async fn let_in(&self, channel: &str, person: &PersonId) {
        let Some(account) = self.joined.account_of(person) else { return };
        if let Err(why) = self.insist(Way::Out, || self.joined.chat.invite(channel, account)).await {
            tracing::warn!(chat = self.name, %person, why, "somebody could not be let into a channel");
        }
    }

    async fn say(&self, channel: &str, key: &str, saying: Saying) -> Option<String> {
        match self.insist(Way::Out, || self.joined.chat.say(channel, key, &saying)).await {
            Ok(name) => Some(name),
            Err(why) => {
                tracing::error!(chat = self.name, channel, why, "a chat does not take what was to be said");
                None
            }
        }
    }

    /// Says in reply to what was asked there.
    pub(super) async fn answer(&self, channel: &str, to: &str, text: String) {
        let saying = Saying { answers: Some(to.to_owned()), ..notice(text) };
        self.say(channel, &format!("answer-{to}"), saying).await;
    }

    async fn say_event(&self, it: &Happened<'_>, channel: &str, keeping: &mut Keeping) -> Result<(), KeptError> {
        // What was written there is not said back; how it is called there is what we keep of it.
        if let Some(origin) = origin(it.event).filter(|origin| origin.channel == self.name) {
            if let IncidentEvent::Room(RoomEvent::MessageWritten { message, .. }) = it.event {
                let called = Called { incident: it.incident, message: *message };
                let names = Names { ours: false, names: vec![origin.message.clone()] };
                self.keep_names(keeping, &called, &names);
            }
            return Ok(());
        }
        let live = self.app.live.now();
        let key = format!("{}", it.index);
        let IncidentEvent::Room(event) = it.event else {
            if let Some(saying) = self.saying(it.event, &Names::default(), &live.setting).await? {
                self.say(channel, &key, saying).await;
            }
            return Ok(());
        };
        if let RoomEvent::MessageWithdrawn { message, .. } = event {
            self.withdraw(channel, &key, *message).await?;
        }
        let message = written(it.incident, it.version, event);
        let mut names = match message {
            Some(message) => self.names(message).await?,
            None => Names::default(),
        };
        let Some(saying) = self.saying(it.event, &names, &live.setting).await? else { return Ok(()) };
        let said = self.say(channel, &key, saying).await;
        if let (Some(said), Some(message)) = (said, message) {
            names.ours |= names.names.is_empty();
            names.names.push(said);
            self.keep_names(keeping, &Called { incident: it.incident, message }, &names);
        }
        Ok(())
    }

    /// Takes a message back there, whoever said it: the channel is ours.
    async fn withdraw(&self, channel: &str, key: &str, message: MessageId) -> Result<(), KeptError> {
        let names = self.names(message).await?.names;
        if names.is_empty() {
            return Ok(());
        }
        if let Err(why) = self.insist(Way::Out, || self.joined.chat.withdraw(channel, key, &names)).await {
            tracing::warn!(chat = self.name, %message, why, "a message could not be withdrawn there");
        }
        Ok(())
    }

    /// What is to be said of an event; none: nothing.
    async fn saying(
        &self,
        event: &IncidentEvent,
        names: &Names,
        setting: &Setting,
    ) -> Result<Option<Saying>, KeptError> {
        let (verb, words) = match telling(event) {
            Telling::Nothing => return Ok(None),
            Telling::Line => return Ok(Some(notice(history::line(setting, event)))),
            Telling::Words(verb, words) => (verb, words),
        };
        let IncidentEvent::Room(event) = event else { return Ok(None) };
        let (by, reply_to, edits) = match event {
            RoomEvent::MessageWritten { by, reply_to, .. } => (by, *reply_to, false),
            RoomEvent::MessageEdited { by, .. } => (by, None, true),
            RoomEvent::NoteAdded { by, .. } => (by, None, false),
            RoomEvent::MessageWithdrawn { .. }
            | RoomEvent::MessagePinned { .. }
            | RoomEvent::MessageUnpinned { .. }
            | RoomEvent::RoomEntered { .. }
            | RoomEvent::RoomLeft { .. } => return Ok(None),
        };
        let answers = match reply_to {
            Some(to) => self.names(to).await?.names.first().cloned(),
            None => None,
        };
        // Only what we said ourselves can be changed there; a change of what somebody said there is said as one.
        let instead_of = names.names.first().filter(|_| edits && names.ours).cloned();
        let verb = if edits && !names.ours { " changes what they said" } else { verb };
        let who = history::who(setting, by);
        Ok(Some(Saying { text: spoken(&who, verb, words), tone: Tone::Words, answers, instead_of }))
    }
}

fn notice(text: String) -> Saying {
    Saying { text, tone: Tone::Notice, answers: None, instead_of: None }
}

/// Where an event came from that was not made here.
fn origin(event: &IncidentEvent) -> Option<&Origin> {
    let IncidentEvent::Room(event) = event else { return None };
    match event {
        RoomEvent::MessageWritten { origin, .. }
        | RoomEvent::MessageEdited { origin, .. }
        | RoomEvent::MessageWithdrawn { origin, .. } => origin.as_ref(),
        RoomEvent::NoteAdded { .. }
        | RoomEvent::MessagePinned { .. }
        | RoomEvent::MessageUnpinned { .. }
        | RoomEvent::RoomEntered { .. }
        | RoomEvent::RoomLeft { .. } => None,
    }
}

/// The message whose words an event has.
fn written(incident: IncidentId, version: u64, event: &RoomEvent) -> Option<MessageId> {
    match event {
        RoomEvent::NoteAdded { .. } => Some(note_id(incident, version)),
        RoomEvent::MessageWritten { message, .. } | RoomEvent::MessageEdited { message, .. } => Some(*message),
        RoomEvent::MessageWithdrawn { .. }
        | RoomEvent::MessagePinned { .. }
        | RoomEvent::MessageUnpinned { .. }
        | RoomEvent::RoomEntered { .. }
        | RoomEvent::RoomLeft { .. } => None,
    }
}

/// Whom an event brings in.
fn brought(event: &IncidentEvent) -> Option<&PersonId> {
    match event {
        IncidentEvent::Life(LifeEvent::Acknowledged { by: Actor::Person(person), .. })
        | IncidentEvent::Paging(PagingEvent::PageRequested { person, .. })
        | IncidentEvent::Roles(RolesEvent::RoleTaken { person, .. } | RolesEvent::AskAccepted { person, .. })
        | IncidentEvent::Tasks(TasksEvent::TaskClaimed { by: Actor::Person(person), .. })
        | IncidentEvent::Room(RoomEvent::RoomEntered { person }) => Some(person),
        IncidentEvent::Life(_)
        | IncidentEvent::Claims(_)
        | IncidentEvent::Paging(_)
        | IncidentEvent::Roles(_)
        | IncidentEvent::Tasks(_)
        | IncidentEvent::Checks(_)
        | IncidentEvent::Evidence(_)
        | IncidentEvent::Access(_)
        | IncidentEvent::Room(_) => None,
    }
}

/// Who is in an incident already.
fn people(incident: &Incident) -> impl Iterator<Item = &PersonId> {
    const fn whose(actor: &Actor) -> Option<&PersonId> {
        match actor {
            Actor::Person(person) => Some(person),
            Actor::Token(_) | Actor::System => None,
        }
    }
    let answered = incident.acknowledgement().and_then(|given| whose(&given.by));
    let claimed = incident.tasks().values().filter_map(|task| whose(&task.claim()?.by));
    let paged = incident.pages().values().map(|page| &page.person);
    let all: std::collections::BTreeSet<&PersonId> =
        answered.into_iter().chain(claimed).chain(paged).chain(incident.room().present().keys()).collect();
    all.into_iter()
}
