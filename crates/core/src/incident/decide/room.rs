//! What people may do together. Tests: `room/tests.rs`.

#[cfg(test)]
mod tests;

use crate::{
    id::{MessageId, PersonId},
    incident::{
        Actor, Ctx, Incident, IncidentEvent, Message, MessageKind, Origin, Refusal, RoomCommand, RoomEvent,
        room::message::keyed_id,
        text::{bounded, sentence},
    },
    limits::{KEY_BYTES_MAX, PINS_MAX, PRESENCE_GRACE},
    time::Timestamp,
};

impl Incident {
    pub(super) fn decide_room(&self, command: RoomCommand, ctx: &mut Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            RoomCommand::Note { by, text } => {
                sentence("text", &text)?;
                Ok(vec![RoomEvent::NoteAdded { by, text }.into()])
            }
            RoomCommand::Write { by, kind, text, reply_to, key, origin } => {
                self.write(by, kind, text, (reply_to, key, origin), ctx)
            }
            RoomCommand::Edit { by, message, text, origin } => self.edit(by, message, text, origin, ctx.now),
            RoomCommand::Withdraw { by, message, reason, origin } => self.withdraw(by, message, reason, origin),
            RoomCommand::Pin { by, message } => self.pin(by, message, ctx.now),
            RoomCommand::Unpin { by, message } => {
                self.not_merged("unpin in")?;
                self.named(message)?;
                let pinned = self.room.pins().contains(&message);
                Ok(if pinned { vec![RoomEvent::MessageUnpinned { message, by }.into()] } else { Vec::new() })
            }
            RoomCommand::Enter { person } => {
                known(&person, ctx)?;
                let enters = self.is_open() && !self.room.present().contains_key(&person) && !self.room.is_full();
                Ok(if enters { vec![RoomEvent::RoomEntered { person }.into()] } else { Vec::new() })
            }
            RoomCommand::Leave { person, seen } => {
                let gone = ctx.now.since(seen) >= PRESENCE_GRACE && self.room.present().contains_key(&person);
                Ok(if gone { vec![RoomEvent::RoomLeft { person, seen }.into()] } else { Vec::new() })
            }
        }
    }

    fn write(
        &self,
        by: Actor,
        kind: MessageKind,
        text: String,
        (reply_to, key, origin): (Option<MessageId>, Option<String>, Option<Origin>),
        ctx: &mut Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        sentence("text", &text)?;
        let message = match &key {
            Some(key) => keyed_id(self.life.id, &by, checked(key)?),
            None => ctx.fresh(),
        };
        // Whoever sends it again was not told that it arrived: that it did is the answer, whatever happened since.
        if let (Some(before), Some(key)) = (self.room.message(message), key) {
            let same = before.kind == kind && before.reply_to == reply_to && before.first.may_be(&text);
            return if same { Ok(Vec::new()) } else { Err(Refusal::KeyUsed { key, message }) };
        }
        self.not_merged("write in the room of")?;
        if let Some(to) = reply_to {
            let to_kind = self.named(to)?.kind;
            if kind == MessageKind::Answer {
                self.standing(to)?;
                if to_kind != MessageKind::Question {
                    return Err(Refusal::BadMessage { message: to, why: "it is no question" });
                }
            }
        }
        self.may_do_more(&by, ctx.now)?;
        Ok(vec![RoomEvent::MessageWritten { message, by, kind, text, reply_to, origin }.into()])
    }

    fn edit(
        &self,
        by: Actor,
        message: MessageId,
        text: String,
        origin: Option<Origin>,
        now: Timestamp,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        sentence("text", &text)?;
        self.not_merged("edit a message in")?;
        let before = self.standing(message)?;
        if before.by != by {
            let why = "only its author may change it: answer it, or withdraw it with a reason";
            return Err(Refusal::BadMessage { message, why });
        }
        if before.says(&text) {
            return Ok(Vec::new());
        }
        self.may_do_more(&by, now)?;
        Ok(vec![RoomEvent::MessageEdited { message, by, text, origin }.into()])
    }

    /// What was taken back is bounded by what was written, so that it is possible however full the room is.
    fn withdraw(
        &self,
        by: Actor,
        message: MessageId,
        reason: String,
        origin: Option<Origin>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        bounded("reason", &reason)?;
        let before = self.named(message)?;
        if before.withdrawn.is_some() {
            return Ok(Vec::new());
        }
        if before.by != by && reason.trim().is_empty() {
            let want = format!("it is a message of {}: say why it is withdrawn", before.by);
            return Err(Refusal::BadField { field: "reason", value: reason, want });
        }
        Ok(vec![RoomEvent::MessageWithdrawn { message, by, reason, origin }.into()])
    }

    fn pin(&self, by: Actor, message: MessageId, now: Timestamp) -> Result<Vec<IncidentEvent>, Refusal> {
        self.not_merged("pin in")?;
        self.standing(message)?;
        if self.room.pins().contains(&message) {
            return Ok(Vec::new());
        }
        if self.room.pins().len() >= PINS_MAX {
            return Err(Refusal::TooManyPins { id: self.life.id });
        }
        self.may_do_more(&by, now)?;
        Ok(vec![RoomEvent::MessagePinned { message, by }.into()])
    }

    fn named(&self, message: MessageId) -> Result<&Message, Refusal> {
        self.room.message(message).ok_or(Refusal::NoSuchMessage { id: self.life.id, message })
    }

    /// A message that was not taken back.
    fn standing(&self, message: MessageId) -> Result<&Message, Refusal> {
        let known = self.named(message)?;
        if known.withdrawn.is_some() {
            Err(Refusal::BadMessage { message, why: "it was withdrawn" })
        } else {
            Ok(known)
        }
    }

    /// Whether the room has space, and they have not done too much lately.
    fn may_do_more(&self, by: &Actor, now: Timestamp) -> Result<(), Refusal> {
        if self.room.is_full() {
            return Err(Refusal::RoomFull { id: self.life.id, events: self.room.events() });
        }
        let again = self.room.waits_until(by, now);
        again.map_or(Ok(()), |again| Err(Refusal::TooFast { by: by.clone(), again }))
    }
}

fn known(person: &PersonId, ctx: &Ctx<'_>) -> Result<(), Refusal> {
    let known = ctx.setting.roster.people.contains_key(person);
    if known { Ok(()) } else { Err(Refusal::NoSuchPerson { person: person.clone() }) }
}

fn checked(key: &str) -> Result<&str, Refusal> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Refusal::BadText { field: "key", bytes: key.len(), max: KEY_BYTES_MAX });
    }
    Ok(key)
}
