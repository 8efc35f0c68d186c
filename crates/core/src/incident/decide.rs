//! From commands to events. Who may ask is the shell's to check; whether it makes sense is decided here. Never changes
//! anything: the events do, in `apply`. Tests: below, and the laws in `tests/laws.rs`.

use std::sync::Arc;

use crate::{
    id::IncidentId,
    incident::{
        Actor, Command, Ctx, Incident, IncidentEvent, Phase, Refusal,
        command::Opening,
        listen::{Heard, Way, first_score},
    },
    limits::{TEXT_BYTES_MAX, TIER_DELAY_MIN, TITLE_BYTES_MAX},
    signal::{Facts, Loudness, Signal, SignalChange},
};

impl Incident {
    /// The events that begin an incident. What is owed at once, such as the first page, is left to the duties.
    pub fn open(opening: Opening<'_>, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let score = first_score(&opening.signal, ctx.service, ctx.blast_radius);
        vec![IncidentEvent::Opened {
            title: shortened(&opening.signal.title),
            service: opening.signal.service.clone(),
            policy: Box::new(opening.policy.clone()),
            score,
            drill: opening.drill,
            signal: opening.signal,
        }]
    }

    /// What this command changes, or why not. No events: it is true already.
    pub fn decide(&self, command: Command, ctx: &mut Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        if self.is_too_long() && !survives_length(&command) {
            return Err(self.too_long());
        }
        match command {
            Command::Signal(change) => self.signal(change, ctx),
            Command::Count { signal, count } => self.counted(signal, count),
            Command::Acknowledge { by } => self.acknowledge(by, ctx),
            Command::Mitigate { by, note } => self.mitigate(by, note),
            Command::Resolve { by, note } => self.resolve(by, note),
            Command::Reopen { by, reason } => self.reopen(by, reason),
            Command::Review { by, note } => self.review(by, note),
            Command::MergeInto { by, into } => self.merge(by, into),
            Command::Absorb { by, from, facts, signals } => self.absorb(by, from, &facts, signals, ctx),
            Command::Note { by, text } => {
                sentence("text", &text)?;
                Ok(vec![IncidentEvent::NoteAdded { by, text }])
            }
            Command::TakeRole { by, role, person } => {
                self.not_merged("take a role in")?;
                if !ctx.roster.people.contains_key(&person) {
                    return Err(Refusal::NoSuchPerson { person });
                }
                let taken = self.roles.get(&role) == Some(&person);
                Ok(if taken { Vec::new() } else { vec![IncidentEvent::RoleTaken { by, role, person }] })
            }
            Command::Escalate { by, reason } => {
                if !matches!(self.phase, Phase::Triggered | Phase::Acknowledged) {
                    return Err(self.wrong_phase("escalate"));
                }
                sentence("reason", &reason)?;
                let mut events = vec![IncidentEvent::NoteAdded { by: by.clone(), text: reason }];
                self.page_next_tier(by, ctx, &mut events);
                Ok(events)
            }
            Command::StateFacts { by, facts, replace } => self.facts_stated(by, facts, replace, ctx),
            Command::CarryOutDuties => Ok(self.carry_out(ctx)),
            Command::SettlePage { page, outcome, latency } => {
                let record = self.pages.get(&page).ok_or(Refusal::NoSuchPage { id: self.id, page })?;
                if record.outcome.is_some() {
                    return Err(Refusal::PageSettled { page });
                }
                Ok(vec![IncidentEvent::PageSettled { page, outcome, latency_ms: latency }])
            }
        }
    }

    fn signal(&self, change: SignalChange, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        Ok(match change {
            SignalChange::Raised { signal } => match self.hear(&signal, ctx)? {
                Heard::New(events) => events,
                Heard::Known | Heard::Repeat(_) | Heard::Full => Vec::new(),
            },
            SignalChange::Confirmed { id } => self.confirm(id),
            SignalChange::Retracted { id, reason } => self.retract(id, &reason, ctx),
            SignalChange::Ended { fingerprint, at } => self.end(fingerprint, at),
        })
    }

    fn counted(&self, signal: Option<crate::id::SignalId>, count: u64) -> Result<Vec<IncidentEvent>, Refusal> {
        if !self.phase.is_open() {
            return Err(self.wrong_phase("count a signal in"));
        }
        let known = signal.is_none_or(|id| self.signals.contains_key(&id));
        let counts = known && count > 0;
        Ok(if counts { vec![IncidentEvent::SignalsAbsorbed { count, signal }] } else { Vec::new() })
    }

    fn acknowledge(&self, by: Actor, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        if !matches!(self.phase, Phase::Triggered | Phase::Acknowledged) {
            return Err(self.wrong_phase("acknowledge"));
        }
        let until = ctx.now.plus(self.escalation.policy.acknowledgement.max(TIER_DELAY_MIN));
        Ok(vec![IncidentEvent::Acknowledged { by, until }])
    }

    fn mitigate(&self, by: Actor, note: String) -> Result<Vec<IncidentEvent>, Refusal> {
        if !matches!(self.phase, Phase::Triggered | Phase::Acknowledged) {
            return Err(self.wrong_phase("mitigate"));
        }
        bounded("note", &note)?;
        Ok(vec![IncidentEvent::Mitigated { by, note }])
    }

    fn resolve(&self, by: Actor, note: String) -> Result<Vec<IncidentEvent>, Refusal> {
        if !self.phase.is_open() {
            return Err(self.wrong_phase("resolve"));
        }
        bounded("note", &note)?;
        Ok(vec![IncidentEvent::Resolved { by, note }])
    }

    fn reopen(&self, by: Actor, reason: String) -> Result<Vec<IncidentEvent>, Refusal> {
        if !matches!(self.phase, Phase::Mitigated | Phase::Resolved | Phase::Reviewed) {
            return Err(self.wrong_phase("reopen"));
        }
        sentence("reason", &reason)?;
        Ok(vec![IncidentEvent::Reopened { by, reason }])
    }

    fn review(&self, by: Actor, note: String) -> Result<Vec<IncidentEvent>, Refusal> {
        if self.phase != Phase::Resolved {
            return Err(self.wrong_phase("review"));
        }
        bounded("note", &note)?;
        Ok(vec![IncidentEvent::Reviewed { by, note }])
    }

    fn merge(&self, by: Actor, into: IncidentId) -> Result<Vec<IncidentEvent>, Refusal> {
        let bad = |why| Refusal::BadMerge { from: self.id, into, why };
        if into == self.id {
            return Err(bad("it is the same one"));
        }
        if !self.phase.is_open() {
            return Err(self.wrong_phase("merge"));
        }
        Ok(vec![IncidentEvent::MergedInto { by, into }])
    }

    fn absorb(
        &self,
        by: Actor,
        from: IncidentId,
        facts: &Facts,
        signals: Vec<Arc<Signal>>,
        ctx: &Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        let bad = |why| Refusal::BadMerge { from, into: self.id, why };
        if from == self.id {
            return Err(bad("it is the same one"));
        }
        if !self.phase.is_open() {
            return Err(bad("the other is over, or part of a third"));
        }
        let mut all = self.facts.merge(facts);
        let mut loudness = self.loudness;
        let mut counted = self.counted;
        let mut events = vec![IncidentEvent::MergedFrom { by, from, facts: facts.clone() }];
        for event in self.adopt(signals) {
            if let IncidentEvent::SignalAttached { signal } = &event {
                all = all.merge(&signal.facts);
                loudness = loudness.max(signal.loudness);
                counted = counted.saturating_add(1);
            }
            events.push(event);
        }
        events.extend(self.regraded(&all, loudness, counted, Way::Up, ctx).map(IncidentEvent::SeverityChanged));
        Ok(events)
    }

    fn facts_stated(
        &self,
        by: Actor,
        facts: Facts,
        replace: bool,
        ctx: &Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        self.not_merged("state facts about")?;
        let change = if replace {
            self.regraded(&facts, Loudness::Info, 0, Way::Either, ctx)
        } else {
            self.regraded(&self.facts.merge(&facts), self.loudness, self.counted, Way::Up, ctx)
        };
        let mut events = vec![IncidentEvent::FactsStated { by, facts, replace }];
        events.extend(change.map(IncidentEvent::SeverityChanged));
        Ok(events)
    }

    pub(super) fn wrong_phase(&self, verb: &'static str) -> Refusal {
        Refusal::WrongPhase { id: self.id, verb, phase: self.phase }
    }

    pub(super) fn too_long(&self) -> Refusal {
        Refusal::TooLong { id: self.id, events: self.version.saturating_add(1) }
    }

    fn not_merged(&self, verb: &'static str) -> Result<(), Refusal> {
        if self.phase == Phase::Merged { Err(self.wrong_phase(verb)) } else { Ok(()) }
    }
}

/// What is accepted however long the incident is: what ends it, what is owed to people, and the fate of signals that are
/// attached already. Each is bounded by what is there, but for duties, and those must never stop before somebody answers.
const fn survives_length(command: &Command) -> bool {
    match command {
        Command::Acknowledge { .. }
        | Command::Resolve { .. }
        | Command::MergeInto { .. }
        | Command::CarryOutDuties
        | Command::SettlePage { .. }
        | Command::Signal(_) => true,
        Command::Count { .. }
        | Command::Mitigate { .. }
        | Command::Reopen { .. }
        | Command::Review { .. }
        | Command::Absorb { .. }
        | Command::Note { .. }
        | Command::TakeRole { .. }
        | Command::Escalate { .. }
        | Command::StateFacts { .. } => false,
    }
}

/// A text that may be empty.
fn bounded(field: &'static str, text: &str) -> Result<(), Refusal> {
    let bytes = text.len();
    if bytes > TEXT_BYTES_MAX { Err(Refusal::BadText { field, bytes, max: TEXT_BYTES_MAX }) } else { Ok(()) }
}

/// A text that says something.
fn sentence(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::BadText { field, bytes: 0, max: TEXT_BYTES_MAX });
    }
    bounded(field, text)
}

/// A title cut at a character boundary.
fn shortened(title: &str) -> String {
    let mut short = String::with_capacity(title.len().min(TITLE_BYTES_MAX));
    for character in title.chars() {
        if short.len() + character.len_utf8() > TITLE_BYTES_MAX {
            break;
        }
        short.push(character);
    }
    short
}
