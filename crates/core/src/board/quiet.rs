//! The end of a silence: its owner is told before, and what it held and still stands is told when it is over, as if it had come then.
//! Many monitors say a thing once. Tests: `scenarios/paging/silence_over.md`, `scenarios/paging/silence_owner.md`.

use std::{collections::BTreeSet, sync::Arc};

use super::{Board, JournalEvent, Recorded, Setting, Silence, Stream};
use crate::{
    id::{IdSource, SilenceId},
    incident::{Actor, PageOutcome},
    journal::Told,
    outbox::Audience,
    policy::Person,
    signal::Signal,
    silence::service_label,
    time::Timestamp,
};

/// Whose a silence is: the person who set it. Where that is nobody, or nobody who can be told, the fallback of those whose incidents
/// belong to nobody else.
fn owner<'a>(silence: Option<&Silence>, setting: &'a Setting) -> Option<&'a Person> {
    let person = match silence.and_then(|silence| silence.owner.as_ref()) {
        Some(Actor::Person(person)) => setting.roster.people.get(person),
        Some(Actor::Token(_) | Actor::System) | None => None,
    };
    let told = person.filter(|person| !person.contacts.is_empty());
    told.or_else(|| setting.roster.people.get(&setting.policy(None).fallback))
}

impl Board {
    /// Ends the silences whose time is over. Each signal is heard on top of what the one before it changed.
    pub(super) fn end_silences(&self, setting: &Setting, now: Timestamp, ids: &mut dyn IdSource) -> Vec<Recorded> {
        let mut ahead = self.clone();
        let mut recorded = Vec::new();
        let soon: Vec<SilenceId> = self.noticing.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in soon.iter().copied() {
            let notice = ahead.notice(id, None, setting, now);
            if !ahead.take_ahead(vec![ahead.journal(notice, now)], &mut recorded) {
                return recorded;
            }
        }
        let over: Vec<SilenceId> = self.returning.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in over {
            let held = ahead.held_by(id, now);
            let told = u64::try_from(held.len()).unwrap_or(u64::MAX);
            let ended = vec![ahead.journal(JournalEvent::SilenceOver { id, told }, now)];
            if !ahead.take_ahead(ended, &mut recorded) {
                return recorded;
            }
            if told > 0 && !soon.contains(&id) {
                let notice = ahead.notice(id, None, setting, now);
                if !ahead.take_ahead(vec![ahead.journal(notice, now)], &mut recorded) {
                    return recorded;
                }
            }
            for signal in held {
                let (heard, _) = ahead.raised(&signal, setting, now, ids);
                if !ahead.take_ahead(heard, &mut recorded) {
                    return recorded;
                }
            }
        }
        recorded
    }

    /// That its owner is told how a silence stands. Where one way failed, by the next: the first contact after it.
    fn notice(&self, id: SilenceId, failed: Option<&Audience>, setting: &Setting, now: Timestamp) -> JournalEvent {
        let silence = self.silence(id);
        let held = u64::try_from(self.held_by(id, now).len()).unwrap_or(u64::MAX);
        let to = owner(silence, setting).and_then(|person| {
            let mut contacts = person.contacts.iter();
            if let Some(Audience::Contact { channel, address, .. }) = failed {
                contacts.find(|one| one.channel == *channel && one.address == *address)?;
            }
            let contact = contacts.next()?;
            let (channel, address) = (contact.channel.clone(), contact.address.clone());
            Some(Told { person: person.id.clone(), channel, address })
        });
        JournalEvent::SilenceNotice { id, over: silence.is_none_or(|silence| silence.ends <= now), held, to }
    }

    /// What follows from the outcome of a notice: where it did not arrive, the next way is tried, if there is one.
    pub fn settle_notice(
        &self,
        id: SilenceId,
        to: &Audience,
        outcome: PageOutcome,
        setting: &Setting,
        now: Timestamp,
    ) -> Vec<Recorded> {
        let Audience::Contact { person, channel, .. } = to;
        let arrived = matches!(outcome, PageOutcome::Delivered { .. });
        let (person, channel) = (person.clone(), channel.clone());
        let settled = self.journal(JournalEvent::SilenceNoticeSettled { id, person, channel, outcome }, now);
        let mut recorded = vec![settled];
        let again = (!arrived).then(|| self.notice(id, Some(to), setting, now));
        if let Some(again @ JournalEvent::SilenceNotice { to: Some(_), .. }) = again {
            let next = self.journal(again, now);
            recorded.push(Recorded { version: next.version.saturating_add(1), ..next });
        }
        recorded
    }

    /// Nobody is to be told any more that it will end.
    pub(super) fn unnotice(&mut self, id: SilenceId) {
        self.noticing = self.noticing.iter().filter(|(_, other)| *other != id).copied().collect();
    }

    /// The signals that a silence held, that still stand and that no other silence means, the oldest first.
    fn held_by(&self, id: SilenceId, now: Timestamp) -> Vec<Arc<Signal>> {
        let Some(silence) = self.silence(id) else { return Vec::new() };
        let quiet = self.loose.latest().filter(|loose| loose.silence.is_some() && loose.status.is_live());
        let meant = quiet.filter(|loose| silence.matches(&loose.signal));
        let free =
            meant.filter(|loose| !self.silences(now).any(|other| other.id != id && other.matches(&loose.signal)));
        let mut held: Vec<Arc<Signal>> = free.map(|loose| Arc::clone(&loose.signal)).collect();
        held.reverse();
        held
    }

    /// The services of which standing claims speak, as their labels have them.
    pub(super) fn services_spoken_of(&self) -> Vec<String> {
        let loose = self.loose.latest().filter(|loose| loose.status.is_live()).map(|loose| &loose.signal);
        let attached = self.incidents().flat_map(|incident| incident.signals().values());
        let attached = attached.filter(|attached| attached.is_live()).map(|attached| &attached.signal);
        let spoken: BTreeSet<String> = loose.chain(attached).map(|signal| service_label(signal).into_owned()).collect();
        spoken.into_iter().filter(|name| !name.is_empty()).collect()
    }

    /// Takes in what was decided, for what is decided next. False where it does not fold: that is for the caller's own check to say.
    fn take_ahead(&mut self, decided: Vec<Recorded>, recorded: &mut Vec<Recorded>) -> bool {
        decided.into_iter().all(|one| {
            let folds = self.apply(&one).is_ok();
            recorded.push(one);
            folds
        })
    }

    /// Keeps the deadline of the journal by the silences that are to end.
    pub(super) fn quiet_until(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.deadline(Stream::Journal);
        change(self);
        let after = self.deadline(Stream::Journal);
        if before != after {
            before.map(|at| self.deadlines.remove(&(at, Stream::Journal)));
            after.map(|at| self.deadlines.insert((at, Stream::Journal)));
        }
    }
}
