//! All incidents folded, with the indexes that correlation needs: the state of the whole product as a value.
//!
//! [`Board::apply`] is the only way in for what happened, so a board is the fold of what was recorded. The one thing beside
//! the fold is the tally of repeats that are not recorded yet (they are at doublings): it is lost with the process, and
//! comparing boards ignores it. Never reads a clock or sends anything.
//!
//! Everything that grows is kept in maps that share what they have in common, so that a clone costs nothing, however many incidents
//! there are: whoever needs the board as it was keeps one.
//!
//! A signal costs a few look-ups, whatever the number of incidents. Tests: `board/tests/`, the laws in `tests/laws.rs`.

mod row;
mod hold;
mod place;
mod list;
mod cold;
mod damage;
mod aside;
mod held;
mod loose;
mod quiet;
mod tally;
mod openers;
mod beyond;
mod declared;
mod read;
mod fold;
mod bytes;
mod kept;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

pub use self::{
    beyond::OverBound,
    bytes::BadKept,
    damage::{Misfit, audit_signal, lost_signal},
    kept::Kept,
    loose::LooseSignal,
    place::{BadCursor, Cursor, Listed, Which},
    row::IncidentRow,
};
use self::{
    damage::{Aside, Subject},
    hold::Hold,
    loose::Loose,
    openers::{Openers, Pace, Paced},
    place::Place,
    tally::Tally,
};
use crate::{
    chain::{ChainId, Gap, GapKind},
    correlate::Groups,
    duty::next_deadline,
    id::{Id, IdSource, IncidentId, PageId, ServiceId, SignalId, SilenceId, SourceId},
    incident::{
        Actor, Attached, ClaimsCommand, ClaimsEvent, Command, Ctx, Incident, IncidentEvent, LifeCommand, Phase,
        Refusal, TasksCommand, decide::claims::Reception, refusal::MERGES_RESTRICTED,
    },
    limits::SILENCES_MAX,
    signal::{Declared, Fingerprint, Signal, SignalChange, SignalStatus},
    time::Timestamp,
};
pub use crate::{
    journal::{Body, JournalEvent, Recorded, Stream},
    setting::{Rules, Setting},
    silence::{Matcher, Silence},
};

/// What became of a signal, or of a change to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It opened this incident.
    Opened(IncidentId),
    /// It joined this incident, and reopened it if it was mitigated or lately over.
    Attached(IncidentId),
    /// It says what this incident knows already, or more than it keeps one by one: counted.
    Repeated(IncidentId),
    /// The signal of this incident stands for good.
    Confirmed(IncidentId),
    /// The signal of this incident was undone.
    Retracted(IncidentId),
    /// The claim on this incident is over.
    Ended(IncidentId),
    /// The claim on this incident was over once, began anew since, and goes on.
    Late(IncidentId),
    /// The source of the claim on this incident fell silent; the claim stands.
    Silent(IncidentId),
    /// This incident gathers it: it opens none, because its source is over a bound, or because it has no place.
    Gathered(IncidentId),
    /// This incident keeps no more signals one by one: only the number of what it says no worse than it is goes on.
    Counted(IncidentId),
    /// This silence kept it from opening or joining anything.
    Silenced(SilenceId),
    /// It belongs to no incident: too quiet to open one.
    Noted,
    /// A change to a signal that was never raised here.
    Unknown,
}

/// The state of the product. A clone is cheap and is the fold alone: it begins with an empty tally.
#[derive(Debug, Default)]
pub struct Board {
    /// Those that are open, or over and not cold yet.
    incidents: OrdMap<IncidentId, Arc<Incident>>,
    /// What is in memory of those that are over and owe nothing.
    cold: OrdMap<IncidentId, Arc<IncidentRow>>,
    /// Every incident in the order of lists.
    order: OrdSet<Place>,
    /// How many are open.
    open: usize,
    /// Incidents that are over and not cold yet, by their last event.
    resting: OrdSet<(Timestamp, IncidentId)>,
    /// Where each attached signal is: the latest incident that took it.
    signals: OrdMap<SignalId, IncidentId>,
    /// Where each claim was attached last.
    claims: OrdMap<Fingerprint, IncidentId>,
    groups: Groups,
    pages: OrdMap<PageId, IncidentId>,
    /// Incidents for which everybody was tried, and nobody is known to have been reached since.
    unreached: OrdSet<IncidentId>,
    /// What claims of tasks hold, whether or not their time is up.
    held: OrdSet<Hold>,
    /// When to look at something again.
    deadlines: OrdSet<(Timestamp, Stream)>,
    loose: Loose,
    silences: OrdMap<SilenceId, Arc<Silence>>,
    /// Silences by their ends, as long as it is to be told then what they held.
    returning: OrdSet<(Timestamp, SilenceId)>,
    /// Silences by the instants at which their owners are told that they are to end.
    noticing: OrdSet<(Timestamp, SilenceId)>,
    gaps: OrdMap<(SourceId, ChainId, GapKind), Arc<Gap>>,
    aside: OrdMap<Subject, Aside>,
    /// What is left of events that were erased: SHA-256 of the text, in hex.
    erased: OrdMap<(Stream, u64), Arc<str>>,
    /// Version of the journal's next event.
    journal: u64,
    /// How many incidents each source has open.
    openers: Openers,
    /// Open incidents that gather what a source may not claim, or too much of it.
    gathering: OrdSet<IncidentId>,
    tally: Tally,
    /// How much each source says. Beside the fold, as the tally.
    pace: Pace,
}

impl Clone for Board {
    fn clone(&self) -> Self {
        Self {
            incidents: self.incidents.clone(),
            cold: self.cold.clone(),
            order: self.order.clone(),
            open: self.open,
            resting: self.resting.clone(),
            signals: self.signals.clone(),
            claims: self.claims.clone(),
            groups: self.groups.clone(),
            pages: self.pages.clone(),
            unreached: self.unreached.clone(),
            held: self.held.clone(),
            deadlines: self.deadlines.clone(),
            loose: self.loose.clone(),
            silences: self.silences.clone(),
            returning: self.returning.clone(),
            noticing: self.noticing.clone(),
            gaps: self.gaps.clone(),
            aside: self.aside.clone(),
            erased: self.erased.clone(),
            journal: self.journal,
            openers: self.openers.clone(),
            gathering: self.gathering.clone(),
            tally: Tally::default(),
            pace: Pace::default(),
        }
    }
}

/// Equal if they are the fold of the same things, whatever of it is cold.
impl PartialEq for Board {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            signals,
            claims,
            groups,
            pages,
            deadlines,
            loose,
            silences,
            gaps,
            journal,
            order,
            open,
            aside,
            unreached,
            erased,
            held,
            ..
        } = self;
        self.has_the_incidents_of(other)
            && (order, open, aside, unreached) == (&other.order, &other.open, &other.aside, &other.unreached)
            && (erased, held) == (&other.erased, &other.held)
            && (signals, claims, groups) == (&other.signals, &other.claims, &other.groups)
            && (pages, deadlines, loose) == (&other.pages, &other.deadlines, &other.loose)
            && (silences, gaps, journal) == (&other.silences, &other.gaps, &other.journal)
    }
}

impl Board {
    /// What a signal, or a change to one, means: the events to record, and what became of it. Takes the board mutably for the
    /// tally alone.
    pub fn take_signal(
        &mut self,
        change: &SignalChange,
        setting: &Setting,
        now: Timestamp,
        ids: &mut dyn IdSource,
    ) -> (Vec<Recorded>, Fate) {
        let found = match change {
            SignalChange::Raised { signal } => match signal.status {
                SignalStatus::Provisional | SignalStatus::Confirmed => return self.raised(signal, setting, now, ids),
                SignalStatus::Retracted => self.signals.get(&signal.id).map(|id| (*id, Fate::Retracted(*id))),
                SignalStatus::Ended => self.claims.get(&signal.fingerprint).map(|id| (*id, Fate::Ended(*id))),
            },
            SignalChange::Confirmed { id } => self.signals.get(id).map(|id| (*id, Fate::Confirmed(*id))),
            SignalChange::Retracted { id, .. } => self.signals.get(id).map(|id| (*id, Fate::Retracted(*id))),
            SignalChange::Ended { fingerprint, .. } => self.claims.get(fingerprint).map(|id| (*id, Fate::Ended(*id))),
            SignalChange::Silent { fingerprint, .. } => self.claims.get(fingerprint).map(|id| (*id, Fate::Silent(*id))),
        };
        let change = settled(change);
        match found {
            // An incident refuses no change to a signal of its own.
            Some((id, fate)) => {
                let fate = if self.goes_on(id, &change) { Fate::Late(id) } else { fate };
                let command = Command::Claims(ClaimsCommand::Signal(change));
                (self.command(id, command, setting, now, ids).unwrap_or_default(), fate)
            }
            None => match self.loose.turn(&change) {
                Some(event) => (vec![self.journal(event, now)], Fate::Noted),
                None => (Vec::new(), Fate::Unknown),
            },
        }
    }

    /// Whether this is an end that a claim of the incident outlives, because it began anew since.
    fn goes_on(&self, id: IncidentId, change: &SignalChange) -> bool {
        let SignalChange::Ended { fingerprint, at } = change else { return false };
        let began = |one: &Attached| one.is_live() && one.signal.began_after(*at);
        self.incident(id).is_some_and(|incident| incident.of_claim(*fingerprint).any(began))
    }

    /// The events of a command to an incident, on more than one stream for a merge.
    pub fn command(
        &self,
        id: IncidentId,
        command: Command,
        setting: &Setting,
        now: Timestamp,
        ids: &mut dyn IdSource,
    ) -> Result<Vec<Recorded>, Refusal> {
        let incident = self.addressed(id)?;
        if let Command::Tasks(command) = command {
            return self.command_tasks(incident, command, setting, now, ids);
        }
        let mut other = None;
        if let Command::Life(LifeCommand::MergeInto { by, into }) = &command {
            let target = self.addressed(*into)?;
            if target.restriction().is_some() {
                return Err(Refusal::BadMerge { from: id, into: *into, why: MERGES_RESTRICTED });
            }
            if target.is_drill() != incident.is_drill() {
                let why = "one is an exercise and the other is not";
                return Err(Refusal::BadMerge { from: id, into: *into, why });
            }
            let absorb = Command::Claims(ClaimsCommand::Absorb {
                by: by.clone(),
                from: id,
                facts: incident.stated().clone(),
                signals: standing(incident),
            });
            if target.is_open() || *into == id {
                other = (*into != id).then_some((target, absorb));
            } else {
                let why = "the other is over, or part of a third";
                return Err(Refusal::BadMerge { from: id, into: *into, why });
            }
        }
        let mut recorded = record(incident, incident.decide(command, &mut Ctx { now, ids, setting })?, now);
        if let Some((target, absorb)) = other {
            let mut events = target.decide(absorb, &mut Ctx { now, ids, setting })?;
            let tasks = incident.open_tasks().into_iter().cloned().collect();
            let adopt = Command::Tasks(TasksCommand::Adopt { from: id, tasks });
            events.extend(target.decide(adopt, &mut Ctx { now, ids, setting })?);
            recorded.extend(record(target, events, now));
        }
        Ok(recorded)
    }

    /// The incident that a command is about.
    fn addressed(&self, id: IncidentId) -> Result<&Arc<Incident>, Refusal> {
        self.incidents.get(&id).ok_or_else(|| match self.set_aside_reason(id) {
            Some(reason) => Refusal::SetAside { id, reason: reason.to_owned() },
            None => Refusal::NoSuchIncident { id },
        })
    }

    /// An event of the journal in its place.
    pub fn journal(&self, event: JournalEvent, now: Timestamp) -> Recorded {
        Recorded { stream: Stream::Journal, version: self.journal, at: now, body: Body::Journal(event) }
    }

    /// Sets a silence, or sets one of the same identifier anew. Only what it newly means is looked up: one that was good stays good
    /// when its service goes.
    pub fn set_silence(&self, silence: Silence, setting: &Setting, now: Timestamp) -> Result<Recorded, Refusal> {
        silence.check(now)?;
        if self.silences.get(&silence.id).is_none_or(|known| known.matchers != silence.matchers) {
            let services = setting.catalogue.services.keys().map(ServiceId::as_str);
            silence.means_a_service(services, || self.services_spoken_of())?;
        }
        if self.silences.len() >= SILENCES_MAX && !self.silences.contains_key(&silence.id) {
            return Err(Refusal::TooManySilences);
        }
        let notice = setting.rules.silence_notice;
        let lasts = silence.ends.since(silence.starts.max(now));
        let notice = (!notice.is_zero() && lasts > notice).then(|| silence.ends.minus(notice));
        Ok(self.journal(JournalEvent::SilenceSet { silence, returns: true, notice }, now))
    }

    /// Ends a silence by hand; refused if it is not there or over already.
    pub fn expire_silence(&self, id: SilenceId, by: Actor, now: Timestamp) -> Result<Recorded, Refusal> {
        let running = self.silences.get(&id).is_some_and(|silence| now < silence.ends);
        let ended = running.then(|| self.journal(JournalEvent::SilenceExpired { id, by }, now));
        ended.ok_or(Refusal::NoSuchSilence { id })
    }

    /// Puts the fold of the same history, of which something was erased, in the place of the incident. The rules come to the same end
    /// by it, so that nothing else changes but the groups of signals whose kind was erased.
    pub fn put_redacted(&mut self, redacted: Incident) -> Result<(), Refusal> {
        let id = redacted.id();
        let known = Arc::clone(self.addressed(id)?);
        if known.version() != redacted.version() {
            return Err(Refusal::WentOn { id, version: known.version() });
        }
        if known.is_open() {
            let now = redacted.signals().values().map(|attached| &*attached.signal);
            self.groups.keep_only(id, known.signals().values().map(|attached| &*attached.signal), now);
        }
        self.incidents.insert(id, Arc::new(redacted));
        Ok(())
    }

    /// Puts the redaction of an event of the journal in its place. Of what the journal leaves here, the signals without an incident and
    /// the silences have words of people.
    pub fn put_redacted_note(&mut self, redacted: &Recorded) {
        match &redacted.body {
            Body::Journal(JournalEvent::SignalNoted { signal, .. }) => self.loose.replace(signal, redacted.version),
            Body::Journal(JournalEvent::SilenceSet { silence, .. }) => {
                if let Some(known) = self.silences.get_mut(&silence.id) {
                    let known = Arc::make_mut(known);
                    known.created_by.clone_from(&silence.created_by);
                    known.comment.clone_from(&silence.comment);
                }
            }
            Body::Journal(
                JournalEvent::Started { .. }
                | JournalEvent::Configured { .. }
                | JournalEvent::DetectorSilent { .. }
                | JournalEvent::SourceBegunAnew { .. }
                | JournalEvent::SecretsRefused { .. }
                | JournalEvent::SessionBegan { .. }
                | JournalEvent::SessionEnded { .. }
                | JournalEvent::AllClearSettled { .. }
                | JournalEvent::Erased { .. }
                | JournalEvent::StreamSetAside { .. }
                | JournalEvent::EventSetAside { .. }
                | JournalEvent::AuditFailed { .. }
                | JournalEvent::SpokeInNeed { .. }
                | JournalEvent::ClockStepped { .. }
                | JournalEvent::SilenceExpired { .. }
                | JournalEvent::SilenceOver { .. }
                | JournalEvent::SilenceNotice { .. }
                | JournalEvent::SilenceNoticeSettled { .. }
                | JournalEvent::GapOpened { .. }
                | JournalEvent::GapClosed { .. }
                | JournalEvent::SignalTurned { .. },
            )
            | Body::Incident(_) => {}
        }
    }

    /// The streams to which something is owed at `now`, the longest owed first.
    pub fn due(&self, now: Timestamp) -> Vec<Stream> {
        self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, stream)| *stream).collect()
    }

    /// When something will be owed next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.get_min().map(|(at, _)| *at)
    }

    /// When something will be owed to a stream next.
    pub fn deadline(&self, stream: Stream) -> Option<Timestamp> {
        match stream {
            Stream::Incident(id) => self.incidents.get(&id).and_then(|incident| next_deadline(incident)),
            Stream::Journal => {
                let first = [self.returning.get_min(), self.noticing.get_min()];
                first.into_iter().flatten().map(|(at, _)| *at).min()
            }
        }
    }

    /// Carries out all that is due for a stream. After these events are applied, nothing is due for it at `now`.
    pub fn carry_out(
        &self,
        stream: Stream,
        setting: &Setting,
        now: Timestamp,
        ids: &mut dyn IdSource,
    ) -> Vec<Recorded> {
        match stream {
            // Duties are never refused; an incident that is not there has none.
            Stream::Incident(id) => self.command(id, Command::CarryOutDuties, setting, now, ids).unwrap_or_default(),
            Stream::Journal => self.end_silences(setting, now, ids),
        }
    }

    fn raised(
        &mut self,
        signal: &Arc<Signal>,
        setting: &Setting,
        now: Timestamp,
        ids: &mut dyn IdSource,
    ) -> (Vec<Recorded>, Fate) {
        let bounds = signal.source.as_ref().and_then(|source| setting.rules.bounds.get(source));
        let confined = bounds.and_then(|bounds| bounds.confined(signal)).map(Arc::new);
        let signal = confined.as_ref().unwrap_or(signal);
        if let Some(Declared { by, .. }) = &signal.declared {
            return self.declared(signal, by, confined.is_some(), &mut Ctx { now, ids, setting });
        }
        if let Some(id) = self.known(signal, setting, now) {
            return (Vec::new(), Fate::Repeated(id));
        }
        let fast =
            signal.source.as_ref().zip(bounds).is_some_and(|(source, bounds)| self.pace.is_over(source, bounds, now));
        if let Some(silence) = self.silences(now).find(|silence| silence.matches(signal)) {
            return self.note(signal, Some(silence.id), setting, now);
        }
        let loud = signal.loudness >= setting.rules.open_at;
        if let Some(home) = self.home(signal, setting, now)
            && let Some(taken) = self.join(home, signal, setting, now, ids)
        {
            return taken;
        }
        if !loud {
            return self.note(signal, None, setting, now);
        }
        if let Some((source, bounds)) = signal.source.as_ref().zip(bounds)
            && let Some(why) =
                self.beyond(signal, source, bounds, Paced { confined: confined.is_some(), fast }, setting)
        {
            return self.gather(signal, source, (why, bounds), &mut Ctx { now, ids, setting });
        }
        begin(signal, &mut Ctx { now, ids, setting })
    }

    /// The incident that has this very signal and needs not hear it again. A monitor that goes on sending long after its
    /// incident was resolved is heard again: what it claims still stands.
    fn known(&self, signal: &Signal, setting: &Setting, now: Timestamp) -> Option<IncidentId> {
        let incident = self.holder(*self.signals.get(&signal.id)?)?;
        let attached = incident.signals().get(&signal.id)?;
        let live = attached.is_live() && attached.silent.is_none() && !incident.outdoes(attached, signal, setting);
        let settled = incident.is_open() || signal.position.is_some() || is_fresh(incident, setting, now);
        (live && settled && incident.is_drill() == signal.drill).then(|| incident.id())
    }

    /// The incident that this signal belongs to, if there is one.
    fn home(&self, signal: &Signal, setting: &Setting, now: Timestamp) -> Option<IncidentId> {
        let loud = signal.loudness >= setting.rules.open_at;
        let takes =
            |incident: &Incident| incident.is_drill() == signal.drill && (loud || incident.phase() != Phase::Mitigated);
        let same =
            self.claims.get(&signal.fingerprint).and_then(|id| self.holder(*id)).filter(|incident| {
                takes(incident) && (incident.is_open() || (loud && is_fresh(incident, setting, now)))
            });
        if let Some(same) = same {
            return Some(same.id());
        }
        let open = |id| {
            let fits = |incident: &Incident| incident.is_open() && !incident.is_too_long() && takes(incident);
            self.incident(id).is_some_and(fits)
        };
        let recent = |id| {
            let last = self.incident(id).map(Incident::last_signal);
            last.is_some_and(|last| now.since(last) <= setting.rules.window)
        };
        self.groups.home(signal, setting, open, recent)
    }

    /// Hands a signal to an incident; none if that one takes nothing in any more.
    fn join(
        &mut self,
        home: IncidentId,
        signal: &Arc<Signal>,
        setting: &Setting,
        now: Timestamp,
        ids: &mut dyn IdSource,
    ) -> Option<(Vec<Recorded>, Fate)> {
        let incident = self.incidents.get(&home)?;
        let repeated = match incident.hear(signal, &Ctx { now, ids, setting }) {
            Ok(Reception::New(mut events)) => {
                events.extend(incident.restricted_by(signal, setting));
                return Some((record(incident, events, now), Fate::Attached(home)));
            }
            Ok(Reception::Known) => return Some((Vec::new(), Fate::Repeated(home))),
            Ok(Reception::Repeat(of)) => Some(of),
            Ok(Reception::Full) => None,
            // Too light to begin it again, or it is too long: the only thing to do is to begin a new one.
            Ok(Reception::Light) | Err(_) => return None,
        };
        let count = self.tally.count(incident, repeated, signal.id, setting.rules.window / 2, now);
        let events = count.map(|count| IncidentEvent::Claims(ClaimsEvent::SignalsAbsorbed { count, signal: repeated }));
        let fate = if repeated.is_some() { Fate::Repeated(home) } else { Fate::Counted(home) };
        Some((record(incident, events, now), fate))
    }

    /// Keeps a signal that belongs to no incident, unless its claim was kept within the window.
    fn note(
        &self,
        signal: &Arc<Signal>,
        silence: Option<SilenceId>,
        setting: &Setting,
        now: Timestamp,
    ) -> (Vec<Recorded>, Fate) {
        let fate = silence.map_or(Fate::Noted, Fate::Silenced);
        if self.loose.has_lately(signal, now.minus(setting.rules.window)) {
            return (Vec::new(), fate);
        }
        (vec![self.journal(JournalEvent::SignalNoted { signal: Arc::clone(signal), silence }, now)], fate)
    }
}

/// A new incident.
fn begin(signal: &Arc<Signal>, ctx: &mut Ctx<'_>) -> (Vec<Recorded>, Fate) {
    let id: IncidentId = Id::from_bytes(ctx.ids.fresh());
    let (stream, at) = (Stream::Incident(id), ctx.now);
    let events = (0..).zip(Incident::open_restricted(id, signal, ctx));
    let recorded = events.map(|(version, event)| Recorded { stream, version, at, body: Body::Incident(event) });
    (recorded.collect(), Fate::Opened(id))
}

/// Whether the incident was over so lately that its claims reopen it.
fn is_fresh(incident: &Incident, setting: &Setting, now: Timestamp) -> bool {
    incident.resolved().is_some_and(|resolved| now.since(resolved) <= setting.rules.reopen)
}

/// The change itself, where a raised signal only says that it was undone or is over.
fn settled(change: &SignalChange) -> SignalChange {
    match change {
        SignalChange::Raised { signal } if signal.status == SignalStatus::Retracted => {
            SignalChange::Retracted { id: signal.id, reason: signal.explanation.text.clone() }
        }
        SignalChange::Raised { signal } if signal.status == SignalStatus::Ended => {
            SignalChange::Ended { fingerprint: signal.fingerprint, at: signal.event_time }
        }
        SignalChange::Raised { .. }
        | SignalChange::Confirmed { .. }
        | SignalChange::Retracted { .. }
        | SignalChange::Ended { .. }
        | SignalChange::Silent { .. } => change.clone(),
    }
}

/// The signals that an incident hands over when it is merged: live, and not replaced by what a person stated.
fn standing(incident: &Incident) -> Vec<Arc<Signal>> {
    let live = incident.signals().values().filter(|attached| attached.is_live() && attached.counts);
    live.map(|attached| {
        if attached.signal.status == attached.status {
            Arc::clone(&attached.signal)
        } else {
            Arc::new(Signal { status: attached.status, ..(*attached.signal).clone() })
        }
    })
    .collect()
}

fn record(incident: &Incident, events: impl IntoIterator<Item = IncidentEvent>, now: Timestamp) -> Vec<Recorded> {
    let stream = Stream::Incident(incident.id());
    let versions = incident.version().saturating_add(1)..;
    versions
        .zip(events)
        .map(|(version, event)| Recorded { stream, version, at: now, body: Body::Incident(event) })
        .collect()
}

/// Open gaps are told apart by source, chain and kind.
fn gap_key(gap: &Gap) -> (SourceId, ChainId, GapKind) {
    (gap.source.clone(), gap.chain, gap.kind)
}
