//! The invented people in the room of an incident: they join, say what they do, ask, and answer when they are asked. What they say of the
//! incident is read from it. In a headless demo they follow a script by virtual time, the same for the same seed; in a live one they
//! answer to the visitor. Tests: the demo in `cargo xtask test`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use quarterdeck_core::{
    id::{IncidentId, MessageId, PersonId},
    incident::{Actor, Command, Incident, IncidentEvent, LifeEvent, MessageKind, RoomCommand, RoomEvent},
    journal::{Body, Stream},
};
use quarterdeck_server::{
    engine::{News, Work},
    loops::{engine::EngineHandle, presence::Presence},
};
use tokio::sync::broadcast::error::RecvError;

use crate::people::VISITOR;

/// From the first page until the first of them is in the room.
const JOINS_AFTER: Duration = Duration::from_secs(15);
/// From then until the second is, and has a question.
const ASKS_AFTER: Duration = Duration::from_secs(20);
/// How long it takes one of them to answer.
const ANSWERS_AFTER: Duration = Duration::from_secs(6);
/// How often they are seen while they are there: often enough for the grace.
const SEEN_EVERY: Duration = Duration::from_mins(1);

/// Who speaks for them in a live demo.
const FIRST: &str = "bo";
const SECOND: &str = "dai";

/// Invented people who work together.
#[derive(Clone)]
pub struct Company {
    /// Where what they say goes.
    pub engine: EngineHandle,
    /// Where they are seen.
    pub presence: Arc<Presence>,
}

impl Company {
    /// Somebody opens the room.
    pub async fn joins(&self, id: IncidentId, who: &PersonId) {
        self.presence.see(id, who).await;
    }

    /// Somebody writes in the room. A refusal only means that it is over already. The message, if it was written.
    pub async fn writes(&self, id: IncidentId, who: &PersonId, kind: MessageKind, text: &str) -> Option<MessageId> {
        self.write(id, who, kind, text, None).await;
        self.incident(id)?.room().before(u64::MAX, 1).pop()
    }

    async fn write(&self, id: IncidentId, who: &PersonId, kind: MessageKind, text: &str, to: Option<MessageId>) {
        let (by, text, reply_to) = (Actor::Person(who.clone()), text.to_owned(), to);
        self.ask(id, RoomCommand::Write { by, kind, text, reply_to, key: None, origin: None }).await;
    }

    /// Somebody answers a question.
    pub async fn answers(&self, id: IncidentId, who: &PersonId, question: MessageId, text: &str) {
        self.write(id, who, MessageKind::Answer, text, Some(question)).await;
    }

    async fn ask(&self, id: IncidentId, command: RoomCommand) {
        drop(self.engine.ask(Work::Command { incident: id, command: Command::Room(command) }).await);
    }

    fn incident(&self, id: IncidentId) -> Option<Arc<Incident>> {
        self.engine.published().board().shared(id)
    }

    /// They work on an incident beside the visitor, until the program stops.
    pub async fn attend(self, id: IncidentId) {
        let (Ok(first), Ok(second)) = (FIRST.parse::<PersonId>(), SECOND.parse::<PersonId>()) else { return };
        let mut news = self.engine.published().news.subscribe();
        let mut seen = tokio::time::interval(SEEN_EVERY);
        let came = tokio::time::Instant::now();
        let (first_comes, second_comes) = (came + JOINS_AFTER, came + JOINS_AFTER + ASKS_AFTER);
        let mut there: BTreeSet<&PersonId> = BTreeSet::new();
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(first_comes), if !there.contains(&first) => {
                    there.insert(&first);
                    self.joins(id, &first).await;
                    self.writes(id, &first, MessageKind::Message, &self.looks(id)).await;
                }
                () = tokio::time::sleep_until(second_comes), if !there.contains(&second) => {
                    there.insert(&second);
                    self.joins(id, &second).await;
                    let asked = "Who decides whether we stop withdrawals?";
                    self.writes(id, &second, MessageKind::Question, asked).await;
                }
                _ = seen.tick() => {
                    for person in &there {
                        self.joins(id, person).await;
                    }
                }
                heard = news.recv() => match heard {
                    Ok(heard) => self.react(id, &heard, if there.contains(&second) { &second } else { &first }).await,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// What one of them sees of the incident.
    fn looks(&self, id: IncidentId) -> String {
        let Some(incident) = self.incident(id) else { return "I am here.".to_owned() };
        let (severity, risk, signals) = (incident.severity(), incident.facts().money_at_risk, incident.live_signals());
        let who = incident
            .acknowledgement()
            .map_or_else(|| "nobody has acknowledged it".to_owned(), |given| format!("{} has it", given.by));
        let plural = if signals == 1 { "" } else { "s" };
        format!("{severity}, {risk} at risk, {signals} signal{plural}: {}. As I see it {who}.", incident.headline())
    }

    /// To what the visitor does.
    async fn react(&self, id: IncidentId, news: &News, who: &PersonId) {
        let (Stream::Incident(of), Body::Incident(event)) = (news.recorded.stream, &news.recorded.body) else { return };
        let by_visitor = |by: &Actor| matches!(by, Actor::Person(person) if person.as_str() == VISITOR);
        if of != id {
            return;
        }
        match event {
            IncidentEvent::Room(RoomEvent::MessageWritten { message, by, kind, .. }) if by_visitor(by) => match kind {
                MessageKind::Question => {
                    tokio::time::sleep(ANSWERS_AFTER).await;
                    self.joins(id, who).await;
                    self.answers(id, who, *message, &self.looks(id)).await;
                }
                MessageKind::Decision => {
                    let by = Actor::Person(who.clone());
                    self.ask(id, RoomCommand::Pin { by, message: *message }).await;
                }
                MessageKind::Message | MessageKind::Note | MessageKind::Answer => {}
            },
            IncidentEvent::Life(LifeEvent::Acknowledged { by, .. }) if by_visitor(by) => {
                self.joins(id, who).await;
                self.writes(id, who, MessageKind::Message, "Good, you have it. I watch where the funds go.").await;
            }
            _ => {}
        }
    }
}
