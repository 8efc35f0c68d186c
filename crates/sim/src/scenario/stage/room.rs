//! What people do in the room of an incident. Tests: `scenarios/room/`.

use quarterdeck_core::{
    id::{IncidentId, MessageId, PersonId},
    incident::{
        Actor, Command, RoomCommand,
        line::{self, Line},
        offer::Given,
    },
};
use serde_json::{Map, Value};

use super::Stage;
use crate::scenario::talk::Talk;

impl Stage {
    /// Whoever looks is seen; whoever has not been for the grace has left.
    pub(super) fn look_who_is_there(&mut self) -> Result<(), String> {
        for (id, person) in self.rooms.open.clone() {
            self.see(id, &person)?;
        }
        for (id, command) in self.rooms.seen.gone(self.now) {
            self.command(id, Command::Room(command))?;
        }
        Ok(())
    }

    fn see(&mut self, id: IncidentId, person: &PersonId) -> Result<(), String> {
        let Some(incident) = self.board.incident(id) else { return Ok(()) };
        match self.rooms.seen.see(incident, person, self.now) {
            Some(command) => self.command(id, Command::Room(command)),
            None => Ok(()),
        }
    }

    pub(super) fn talks(&mut self, by: Actor, id: IncidentId, talk: &Talk) -> Result<(), String> {
        let origin = None;
        let command = match talk.clone() {
            Talk::Writes { kind, text, to } => {
                let reply_to = to.map(|to| self.message(id, &to)).transpose()?;
                RoomCommand::Write { by, kind, text, reply_to, key: None, origin }
            }
            Talk::Types(text) => return self.types(by, id, &text),
            Talk::Changes { from, to } => RoomCommand::Edit { by, message: self.message(id, &from)?, text: to, origin },
            Talk::Withdraws { text, reason } => {
                RoomCommand::Withdraw { by, message: self.message(id, &text)?, reason, origin }
            }
            Talk::Pins(text) => RoomCommand::Pin { by, message: self.message(id, &text)? },
            Talk::Unpins(text) => RoomCommand::Unpin { by, message: self.message(id, &text)? },
            Talk::Opens | Talk::Closes => {
                let Actor::Person(person) = by else { return Err("only a person opens or closes a room".to_owned()) };
                let place = (id, person.clone());
                if *talk == Talk::Opens {
                    self.rooms.open.insert(place)
                } else {
                    self.rooms.open.remove(&place)
                };
                return self.see(id, &person);
            }
        };
        self.command(id, Command::Room(command))
    }

    /// A line as the console's box and any chat have it.
    fn types(&mut self, by: Actor, id: IncidentId, text: &str) -> Result<(), String> {
        let (kind, typed) = match line::read(text) {
            Ok(Line::Asks(kind, typed)) => (kind, typed),
            Ok(Line::Says(text)) => {
                let talk = Talk::Writes { kind: quarterdeck_core::incident::MessageKind::Message, text, to: None };
                return self.talks(by, id, &talk);
            }
            Err(bad) => {
                self.say(format!("not understood: {bad}"));
                return Ok(());
            }
        };
        let fields: Map<String, Value> = typed.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
        match kind.command(by, &Given::from(fields)) {
            Ok(command) => self.command(id, command),
            Err(refusal) => {
                self.say(format!("refused: {}", refusal.code()));
                Ok(())
            }
        }
    }

    fn message(&self, id: IncidentId, text: &str) -> Result<MessageId, String> {
        let known = self.rooms.said.get(&(id, text.to_owned())).copied();
        known.ok_or_else(|| format!("nobody wrote `{text}` in that room"))
    }
}
