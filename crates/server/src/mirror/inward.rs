//! What is said there, written here: as a message of whoever's account it is, or as a command with their right. Tests: `tests/it/chat.rs`.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use quarterdeck_core::{
    id::{IncidentId, MessageId, PersonId},
    incident::{
        Actor, Command, Incident, MessageKind, Origin, Refusal, RoomCommand, keyed_id,
        line::{self, Line},
    },
    limits::{KEY_BYTES_MAX, TEXT_BYTES_MAX},
};
use quarterdeck_reach::chat::{Heard, Spoken, Utterance};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use super::{
    kept::{Called, Keeping, KeptError},
    one::Mirror,
    words::command,
};
use crate::{
    auth::{Caller, Role, hex},
    chats::Way,
    console::filled,
    engine::{Answer, EngineError, Work},
    http::{Refused, commands::carry_out},
};

/// How long the service is asked to wait for something to tell.
const WAIT: Duration = Duration::from_secs(25);
/// The pause before the store is asked again that did not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Merges followed from the incident of a channel to the one that has it now.
const MERGES_MAX: usize = 16;

/// What came of writing something.
enum Written {
    /// It is new.
    New,
    /// It was here already.
    Known,
    /// The rules say no.
    Refused(Refusal),
}

/// Hears, as long as it is let.
pub(super) async fn run(mirror: Arc<Mirror>) {
    loop {
        if let Err(error) = mirror.hear_all().await {
            tracing::error!(chat = mirror.name, %error, "what was heard in a chat cannot be kept");
            mirror.app.mirroring.failed(&mirror.name, Way::In, mirror.app.clock.now(), error.to_string());
            sleep(STORE_PAUSE).await;
        }
    }
}

impl Mirror {
    async fn hear_all(&self) -> Result<(), KeptError> {
        let mut since = self.heard().await?;
        loop {
            let heard = self.insist(Way::In, || self.joined.chat.hear(since.as_deref(), WAIT)).await;
            let Heard { next, utterances } = match heard {
                Ok(heard) => heard,
                Err(why) => {
                    // A place that the service does not know any more: what was said in between cannot be asked for.
                    tracing::error!(chat = self.name, why, "a chat does not go on from where we were; it begins anew");
                    self.app.mirroring.failed(&self.name, Way::In, self.app.clock.now(), why);
                    sleep(STORE_PAUSE).await;
                    since = None;
                    continue;
                }
            };
            for utterance in &utterances {
                self.take(utterance).await?;
            }
            if since.as_ref() != Some(&next) {
                let mut keeping = Keeping::default();
                self.keep_heard(&mut keeping, &next);
                self.keep(keeping).await?;
            }
            since = Some(next);
        }
    }

    async fn take(&self, one: &Utterance) -> Result<(), KeptError> {
        let channels = self.channels().await?;
        let Some(incident) = channels.iter().find(|(_, channel)| **channel == one.channel).map(|(id, _)| *id) else {
            return Ok(());
        };
        let incident = self.goes_on_as(incident);
        if self.app.engine.published().board().is_restricted(incident) {
            // An edit or a withdrawal changes nothing either; whoever writes is told once a message, as of any refusal.
            if let Spoken::Said { .. } = &one.what {
                self.refuse(one, "it is restricted, and goes on in its own room").await;
            }
            return Ok(());
        }
        match &one.what {
            Spoken::Said { text, answers } => self.said(incident, one, text, answers.as_deref()).await,
            Spoken::Edited { of, text } => {
                let (by, origin) = (self.actor(one), Some(self.origin(one)));
                let Called { incident, message } = self.meant(incident, &by, of).await?;
                let text = shortened(text);
                self.tell_refusal(one, incident, RoomCommand::Edit { by, message, text, origin }).await
            }
            Spoken::Withdrawn { of } => {
                let (by, origin) = (self.actor(one), Some(self.origin(one)));
                let Called { incident, message } = self.meant(incident, &by, of).await?;
                let reason = format!("withdrawn in {} by {}", self.name, one.by);
                self.tell_refusal(one, incident, RoomCommand::Withdraw { by, message, reason, origin }).await
            }
            Spoken::Unreadable { why } => {
                let text = format!("{} said something that could not be read: {why}", one.by);
                let by = Actor::Token(format!("chat {}", self.name));
                self.write(incident, self.message(by, one, &text, None)).await.map(drop)
            }
            Spoken::SentAway => {
                tracing::error!(chat = self.name, channel = one.channel, "we were sent away from a channel");
                let text = format!(
                    "Quarterdeck was sent away from its channel on {}: what is said there is not here",
                    self.name
                );
                let by = Actor::Token(format!("chat {}", self.name));
                self.write(incident, self.message(by, one, &text, None)).await.map(drop)
            }
        }
    }

    /// The incident that has it now, if it was made part of others.
    fn goes_on_as(&self, incident: IncidentId) -> IncidentId {
        let board = self.app.engine.published().board();
        let mut now = incident;
        for _ in 0..MERGES_MAX {
            match board.incident(now).and_then(Incident::merged_into) {
                Some(into) => now = into,
                None => break,
            }
        }
        now
    }

    fn owner(&self, one: &Utterance) -> Option<&PersonId> {
        self.joined.accounts.get(&one.by)
    }

    /// Who said it: the person whose account it is, else the chat, with the account as the message's origin.
    fn actor(&self, one: &Utterance) -> Actor {
        self.owner(one)
            .map_or_else(|| Actor::Token(format!("chat {}", self.name)), |person| Actor::Person(person.clone()))
    }

    fn origin(&self, one: &Utterance) -> Origin {
        Origin { channel: self.name.clone(), message: one.id.clone(), author: one.by.clone() }
    }

    /// The message that is called so there. One that is not kept yet was written by the same person a moment ago, or never.
    async fn meant(&self, incident: IncidentId, by: &Actor, name: &str) -> Result<Called, KeptError> {
        let known = self.called(name).await?;
        Ok(known.unwrap_or_else(|| Called { incident, message: keyed_id(incident, by, &key(name)) }))
    }

    fn message(&self, by: Actor, one: &Utterance, text: &str, reply_to: Option<MessageId>) -> RoomCommand {
        let (text, key, origin) = (shortened(text), Some(key(&one.id)), Some(self.origin(one)));
        RoomCommand::Write { by, kind: MessageKind::Message, text, reply_to, key, origin }
    }

    async fn said(
        &self,
        incident: IncidentId,
        one: &Utterance,
        text: &str,
        answers: Option<&str>,
    ) -> Result<(), KeptError> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let reply_to = match answers {
            Some(name) => self.called(name).await?.filter(|called| called.incident == incident),
            None => None,
        };
        let written = self.message(self.actor(one), one, text, reply_to.map(|called| called.message));
        let written = self.write(incident, written).await?;
        match (written, command(text)) {
            (Written::Refused(refusal), _) => self.refuse(one, &refusal.to_string()).await,
            (Written::New | Written::Known, None) => {}
            // Whether it was carried out before we stopped is not known, and twice may be worse than not at all.
            (Written::Known, Some(_)) => {
                let text = "This may have been carried out already: look at the incident, and ask again if it was not.";
                self.answer(&one.channel, &one.id, text.to_owned()).await;
            }
            (Written::New, Some(line)) => {
                let said = self.carry_out(incident, one, &line).await.unwrap_or_else(|refused| told(&refused));
                self.answer(&one.channel, &one.id, said).await;
            }
        }
        Ok(())
    }

    /// Does what a line asks, with the right of whoever asks.
    async fn carry_out(&self, incident: IncidentId, one: &Utterance, line: &str) -> Result<String, Refused> {
        let no = |text: String| Refused::new(StatusCode::FORBIDDEN, "role", text);
        let person = self.owner(one).ok_or_else(|| {
            no(format!("{} is nobody's account here: an operator adds it to `accounts` of a `[[person]]`", one.by))
        })?;
        let tokens = self.app.live.now().tokens.clone();
        let roles = tokens.iter().filter(|token| token.person.as_ref() == Some(person)).map(|token| token.role);
        let role =
            roles.max().ok_or_else(|| no(format!("{person} has no token, and so no right to ask for anything")))?;
        if role < Role::Responder {
            return Err(no(format!("this needs the role {}; {person} has {role}", Role::Responder)));
        }
        let bad = |error: line::BadLine| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_line", error.to_string());
        let (kind, typed) = match line::read(line).map_err(bad)? {
            Line::Asks(kind, typed) => (kind, typed),
            Line::Says(_) => return Err(Refused::bad_request("a command is `!qd` with a word")),
        };
        let caller = Caller { token: format!("chat {}", self.name), role, person: Some(person.clone()) };
        let done = carry_out(&self.app, &caller, incident, &filled::command(kind, &typed)?).await?;
        let logged = done.log_index.map_or_else(|| "it was so already".to_owned(), |index| format!("log #{index}"));
        Ok(format!("{}: done ({logged}). {} is {}.", kind.title, done.summary.severity, done.summary.phase))
    }

    async fn tell_refusal(&self, one: &Utterance, incident: IncidentId, asked: RoomCommand) -> Result<(), KeptError> {
        if let Written::Refused(refusal) = self.write(incident, asked).await? {
            // What was never a message here, a command for instance, cannot be changed or taken back.
            self.refuse(one, &refusal.to_string()).await;
        }
        Ok(())
    }

    async fn refuse(&self, one: &Utterance, why: &str) {
        self.answer(&one.channel, &one.id, format!("Not in the incident's log: {why}")).await;
    }

    /// Writes it durably. Whoever is too fast waits: nothing that was said is lost.
    async fn write(&self, incident: IncidentId, asked: RoomCommand) -> Result<Written, KeptError> {
        loop {
            let work = Work::Command { incident, command: Command::Room(asked.clone()) };
            match self.app.engine.ask(work).await {
                Ok(Answer::Logged { .. }) => return Ok(Written::New),
                Ok(Answer::Refused(Refusal::TooFast { again, .. })) => {
                    sleep(again.since(self.app.clock.now()).max(STORE_PAUSE)).await;
                }
                Ok(Answer::Refused(refusal)) => return Ok(Written::Refused(refusal)),
                Ok(Answer::Done | Answer::Heard(_) | Answer::Stranded(_)) => return Ok(Written::Known),
                Err(error @ EngineError::Stopped) => return Err(error.into()),
                Err(EngineError::Store(_) | EngineError::Leaf(_)) => sleep(STORE_PAUSE).await,
            }
        }
    }
}

/// The key of what is called so there, within the bound of keys.
fn key(name: &str) -> String {
    if name.len() <= KEY_BYTES_MAX { name.to_owned() } else { hex(&Sha256::digest(name.as_bytes())) }
}

/// A text within the bound of messages. What is cut says so: the rest is where it was said.
fn shortened(text: &str) -> String {
    const CUT: &str = " … (cut here; the rest is in the chat)";
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = TEXT_BYTES_MAX.saturating_sub(CUT.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

/// A refusal as a person reads it.
fn told(refused: &Refused) -> String {
    let ((_, message), hint) = (refused.parts(), refused.remedy());
    if hint.is_empty() { format!("Not done: {message}") } else { format!("Not done: {message}\n{hint}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_says_so() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        let cut = shortened(&long);
        assert!(cut.len() <= TEXT_BYTES_MAX && cut.len() > TEXT_BYTES_MAX - 8, "{}", cut.len());
        assert!(cut.ends_with("(cut here; the rest is in the chat)"));
        assert_eq!(shortened("short"), "short");
    }

    #[test]
    fn a_long_name_is_a_key_all_the_same() {
        assert_eq!(key("$abc"), "$abc");
        assert_eq!(key(&"x".repeat(200)).len(), 64);
        assert_ne!(key(&"x".repeat(200)), key(&"x".repeat(201)));
    }
}
