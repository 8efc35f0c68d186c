//! What may be kept as evidence, who had it in hand, and what a hold refuses. Tests: `board/tests/evidence.rs`, `scenarios/evidence/`.

use crate::{
    incident::{
        Actor, EvidenceCommand, EvidenceEvent, Incident, IncidentEvent, Refusal,
        evidence::{
            Custody, Item,
            command::Keeping,
            event::{Handling, Kept},
        },
        evidence_refusal::EvidenceRefusal,
        text::{bounded, sentence, title},
    },
    limits::{
        CUSTODY_PER_INCIDENT_MAX, CUSTODY_RESERVE, CUSTODY_SPAN, EVIDENCE_BYTES_MAX, EVIDENCE_ITEMS_MAX,
        EVIDENCE_PER_INCIDENT_BYTES_MAX, HOLD_TURNS_MAX, MEDIA_TYPE_BYTES_MAX,
    },
    time::Timestamp,
};

impl Incident {
    pub(super) fn decide_evidence(
        &self,
        command: EvidenceCommand,
        now: Timestamp,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            EvidenceCommand::Keep { by, keeping } => self.keep(by, *keeping),
            EvidenceCommand::Handle { by, number, handling } => self.handle(by, number, handling, now),
            EvidenceCommand::Export { by } => self.export(by, now),
            EvidenceCommand::Hold { by, reason } => {
                sentence("reason", &reason)?;
                match self.hold() {
                    Some(hold) if hold.reason == reason => Ok(Vec::new()),
                    Some(_) => self.turned(EvidenceEvent::Held { by, reason }),
                    // However often it was lifted: what the law asks for is never refused.
                    None => Ok(vec![EvidenceEvent::Held { by, reason }.into()]),
                }
            }
            EvidenceCommand::LiftHold { by, reason } => {
                sentence("reason", &reason)?;
                if self.hold().is_none() {
                    return Err(EvidenceRefusal::NotHeld { id: self.life.id }.into());
                }
                self.turned(EvidenceEvent::HoldLifted { by, reason })
            }
        }
    }

    /// What the same sender kept before with the same bytes for the same thing, and is still there.
    pub fn kept_before(&self, by: &Actor, keeping: &Keeping) -> Option<&Item> {
        let task = keeping.task.map(|which| self.task(which)).transpose().ok()?.map(|task| task.id);
        let about = (keeping.digest, task, keeping.signal, keeping.message);
        let same = |item: &&Item| {
            item.by == *by && (item.kept.digest, item.kept.task, item.kept.signal, item.kept.message) == about
        };
        self.evidence.items.values().rev().filter(same).find(|item| !item.is_erased())
    }

    fn keep(&self, by: Actor, keeping: Keeping) -> Result<Vec<IncidentEvent>, Refusal> {
        // Whoever sends it again because no answer came meant it once: also where there is no room for more.
        if self.kept_before(&by, &keeping).is_some() {
            return Ok(Vec::new());
        }
        self.room_for(&keeping)?;
        let Keeping { digest, bytes, media_type: kind, what, source, made, task, signal, message } = keeping;
        let (id, task) = (self.life.id, task.map(|which| self.task(which)).transpose()?.map(|task| task.id));
        if let Some(signal) = signal.filter(|signal| !self.signals().contains_key(signal)) {
            return Err(EvidenceRefusal::NoSuchSignal { id, signal }.into());
        }
        if let Some(message) = message.filter(|message| self.room.message(*message).is_none()) {
            return Err(Refusal::NoSuchMessage { id, message });
        }
        let what = title("what", &what)?;
        bounded("source", &source)?;
        media_type(&kind)?;
        let kept = Box::new(Kept {
            digest,
            bytes,
            media_type: kind,
            what,
            source,
            made,
            task,
            signal,
            message,
            erased: false,
        });
        Ok(vec![EvidenceEvent::EvidenceKept { number: self.evidence.next(), by, kept }.into()])
    }

    fn room_for(&self, keeping: &Keeping) -> Result<(), Refusal> {
        self.not_merged("keep evidence in")?;
        let (id, evidence) = (self.life.id, &self.evidence);
        if keeping.bytes == 0 || keeping.bytes > EVIDENCE_BYTES_MAX {
            return Err(EvidenceRefusal::Size { bytes: keeping.bytes, max: EVIDENCE_BYTES_MAX }.into());
        }
        let all = evidence.bytes.saturating_add(keeping.bytes);
        if all > EVIDENCE_PER_INCIDENT_BYTES_MAX {
            return Err(EvidenceRefusal::Full { id, bytes: all, max: EVIDENCE_PER_INCIDENT_BYTES_MAX }.into());
        }
        if evidence.items.len() >= EVIDENCE_ITEMS_MAX {
            return Err(EvidenceRefusal::TooMuch { id }.into());
        }
        Ok(())
    }

    fn handle(
        &self,
        by: Actor,
        number: u32,
        handling: Handling,
        now: Timestamp,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        let id = self.life.id;
        let item = self.evidence.items.get(&number).ok_or(EvidenceRefusal::NoSuch { id, number })?;
        if item.is_erased() {
            return Err(EvidenceRefusal::Erased { id, number }.into());
        }
        match &handling {
            Handling::HandedOut { to, reason } => {
                title("to", to)?;
                sentence("reason", reason)?;
                self.room_in_custody(CUSTODY_PER_INCIDENT_MAX)?;
            }
            Handling::Read | Handling::Verified { .. } => {
                let same = |entry: &&Custody| entry.by == by && entry.handling == handling;
                let last = item.custody.iter().rev().find(same);
                if last.is_some_and(|entry| now.since(entry.at) < CUSTODY_SPAN) {
                    return Ok(Vec::new());
                }
                self.room_in_custody(CUSTODY_PER_INCIDENT_MAX.saturating_sub(CUSTODY_RESERVE))?;
            }
        }
        Ok(vec![EvidenceEvent::EvidenceHandled { number, by, handling }.into()])
    }

    fn export(&self, by: Actor, now: Timestamp) -> Result<Vec<IncidentEvent>, Refusal> {
        let Some((last, _)) = self.evidence.items.get_max() else { return Ok(Vec::new()) };
        let before = self.evidence.exports.iter().rev().find(|export| export.by == by && export.last == *last);
        if before.is_some_and(|export| now.since(export.at) < CUSTODY_SPAN) {
            return Ok(Vec::new());
        }
        self.room_in_custody(CUSTODY_PER_INCIDENT_MAX)?;
        Ok(vec![EvidenceEvent::EvidenceExported { by, last: *last }.into()])
    }

    fn room_in_custody(&self, max: u32) -> Result<(), Refusal> {
        let (id, entries) = (self.life.id, self.evidence.entries);
        if entries < max { Ok(()) } else { Err(EvidenceRefusal::TooManyEntries { id, entries, max }.into()) }
    }

    /// The bound holds only while it is held: then it stays so.
    fn turned(&self, event: EvidenceEvent) -> Result<Vec<IncidentEvent>, Refusal> {
        let full = self.evidence.turns >= HOLD_TURNS_MAX;
        if full { Err(EvidenceRefusal::TooManyHolds { id: self.life.id }.into()) } else { Ok(vec![event.into()]) }
    }

    /// Refuses to erase anything of it while it is held.
    pub fn may_be_erased(&self) -> Result<(), Refusal> {
        match self.hold() {
            None => Ok(()),
            Some(hold) => Err(EvidenceRefusal::UnderHold { id: self.life.id, hold: Box::new(hold.clone()) }.into()),
        }
    }
}

/// `text/plain; charset=utf-8` and the like: what can stand in a header.
fn media_type(text: &str) -> Result<(), Refusal> {
    let bad = |want: &str| {
        let value = text.chars().take(MEDIA_TYPE_BYTES_MAX).collect();
        Err(Refusal::BadField { field: "media_type", value, want: want.to_owned() })
    };
    if text.len() > MEDIA_TYPE_BYTES_MAX {
        return bad("it is longer than 128 bytes");
    }
    let essence = text.split(';').next().unwrap_or_default().trim();
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let whole = essence.split_once('/').is_some_and(|(kind, sub)| part(kind) && part(sub));
    if whole && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        Ok(())
    } else {
        bad("want a media type such as text/plain")
    }
}
