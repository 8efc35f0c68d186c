//! From commands to events. Who may ask is the shell's to check; whether it makes sense is decided here. Never changes
//! anything: the events do, in `apply`. A severity that rises pages while triggered or acknowledged; once people have mitigated
//! it, they restate facts without paging themselves, and a new signal or a reopening pages again. Tests: below, in
//! `board/tests/`, and the laws in `tests/laws.rs`.

use std::sync::Arc;

use crate::{
    id::{IncidentId, SignalId},
    incident::{
        Actor, Command, Ctx, Incident, IncidentEvent, Phase, Refusal,
        listen::{Reception, Way},
    },
    limits::{TEXT_BYTES_MAX, TIER_DELAY_MIN, TITLE_BYTES_MAX},
    signal::{Facts, Loudness, Signal, SignalChange},
};

impl Incident {
    /// The events that begin an incident. What is owed at once, such as the first page, is left to the duties.
    pub fn open(signal: &Arc<Signal>, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let service = signal.service.as_ref();
        vec![IncidentEvent::Opened {
            title: shortened(&signal.title),
            service: service.cloned(),
            policy: Box::new(ctx.setting.policy(ctx.setting.service(service))),
            score: ctx.setting.score(&signal.facts, signal.loudness, service),
            drill: signal.drill,
            signal: Arc::clone(signal),
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
                if !ctx.setting.roster.people.contains_key(&person) {
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
                Reception::New(events) => events,
                Reception::Known | Reception::Repeat(_) | Reception::Full => Vec::new(),
            },
            SignalChange::Confirmed { id } => self.confirm(id),
            SignalChange::Retracted { id, reason } => self.retract(id, &reason, ctx),
            SignalChange::Ended { fingerprint, at } => self.end(fingerprint, at),
        })
    }

    fn counted(&self, signal: Option<SignalId>, count: u64) -> Result<Vec<IncidentEvent>, Refusal> {
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{
        id::{Id, PageId, SeededIds},
        incident::{PageOutcome, ResponseRole, Severity},
        limits::EVENTS_PER_INCIDENT_MAX,
        policy::{EscalationPolicy, Roster},
        priority::Weights,
        setting::{Rules, Setting},
        signal::{Explanation, Fingerprint, SignalStatus},
        time::Timestamp,
    };

    fn signal(claim: u8) -> Arc<Signal> {
        Arc::new(Signal {
            id: Id::from_bytes([claim; 16]),
            fingerprint: Fingerprint::of(&[&[claim]]),
            detector: "webhook".parse().unwrap(),
            parameters: String::new(),
            status: SignalStatus::Confirmed,
            loudness: Loudness::Critical,
            service: None,
            title: "é".repeat(500),
            explanation: Explanation::default(),
            facts: Facts::default(),
            confidence_permille: 1_000,
            position: None,
            parties: Vec::new(),
            labels: BTreeMap::new(),
            link: None,
            event_time: Timestamp::default(),
            observed: Timestamp::default(),
            drill: false,
        })
    }

    struct Case {
        incident: Incident,
        setting: Setting,
        ids: SeededIds,
    }

    impl Case {
        fn new() -> Self {
            let policy = EscalationPolicy {
                id: "p".parse().unwrap(),
                tiers: Vec::new(),
                rounds: 1,
                fallback: "boss".parse().unwrap(),
                acknowledgement: Duration::from_mins(30),
                page_at: Severity::Sev3,
            };
            let setting = Setting {
                roster: Roster { policies: [(policy.id.clone(), policy.clone())].into(), ..Roster::default() },
                catalogue: Arc::default(),
                rules: Rules::default(),
                default_policy: policy.id,
                weights: Weights::default(),
            };
            let (now, mut ids) = (Timestamp::default(), SeededIds::new(1));
            let events = Incident::open(&signal(1), &Ctx { now, ids: &mut ids, setting: &setting });
            let history = (0..).zip(&events).map(|(version, event)| (version, now, event));
            Self { incident: Incident::fold(Id::from_bytes([7; 16]), history).unwrap(), setting, ids }
        }
        fn decide(&mut self, command: Command) -> Result<Vec<IncidentEvent>, Refusal> {
            let now = Timestamp::default();
            let mut ctx = Ctx { now, ids: &mut self.ids, setting: &self.setting };
            self.incident.decide(command, &mut ctx)
        }
        fn ask(&mut self, command: Command) {
            for event in self.decide(command).unwrap() {
                self.apply(&event);
            }
        }
        fn apply(&mut self, event: &IncidentEvent) {
            self.incident.apply(self.incident.version() + 1, Timestamp::default(), event).unwrap();
        }
        fn code(&mut self, command: Command) -> &'static str {
            self.decide(command).map_or_else(|refusal| refusal.code(), |_| "accepted")
        }
    }

    fn by() -> Actor {
        Actor::Token("test".to_owned())
    }
    fn note(text: &str) -> Command {
        Command::Note { by: by(), text: text.to_owned() }
    }
    fn resolve() -> Command {
        Command::Resolve { by: by(), note: String::new() }
    }
    fn settle(page: PageId) -> Command {
        let outcome = PageOutcome::Delivered { receipt: String::new() };
        Command::SettlePage { page, outcome, latency: Duration::ZERO }
    }

    #[test]
    fn a_title_is_cut_between_characters() {
        assert_eq!(Case::new().incident.title(), "é".repeat(TITLE_BYTES_MAX / 2));
    }

    #[test]
    fn nonsense_is_refused_with_a_code() {
        let mut case = Case::new();
        let role = Command::TakeRole { by: by(), role: ResponseRole::Scribe, person: "nobody".parse().unwrap() };
        let codes = [
            (case.code(note(" ")), "bad_text"),
            (case.code(note(&"x".repeat(TEXT_BYTES_MAX + 1))), "bad_text"),
            (case.code(role), "no_such_person"),
            (case.code(settle(Id::from_bytes([9; 16]))), "no_such_page"),
            (case.code(Command::Reopen { by: by(), reason: "why".to_owned() }), "wrong_phase"),
            (case.code(Command::Review { by: by(), note: String::new() }), "wrong_phase"),
            (case.code(Command::Count { signal: Some(Id::from_bytes([9; 16])), count: 3 }), "accepted"),
        ];
        for (got, want) in codes {
            assert_eq!(got, want);
        }
        case.ask(resolve());
        for late in [resolve(), Command::Acknowledge { by: by() }, Command::Mitigate { by: by(), note: String::new() }]
        {
            assert_eq!(case.code(late), "wrong_phase");
        }
    }

    #[test]
    fn an_incident_that_is_too_long_can_still_be_answered_and_ended() {
        let mut case = Case::new();
        case.ask(Command::CarryOutDuties);
        while !case.incident.is_too_long() {
            case.apply(&IncidentEvent::NoteAdded { by: by(), text: "again".to_owned() });
        }
        assert_eq!(case.incident.version() + 1, EVENTS_PER_INCIDENT_MAX);
        let raised = |claim| Command::Signal(SignalChange::Raised { signal: signal(claim) });
        assert_eq!(case.code(note("more")), "incident_too_long");
        assert_eq!(case.code(raised(2)), "incident_too_long");
        assert_eq!(case.decide(raised(1)), Ok(Vec::new()), "what it knows is no news");
        let undone = SignalChange::Retracted { id: signal(1).id, reason: "false".to_owned() };
        assert!(matches!(
            case.decide(Command::Signal(undone)).as_deref(),
            Ok([IncidentEvent::SignalRetracted { .. }, ..])
        ));
        case.ask(Command::Acknowledge { by: by() });
        case.ask(resolve());
        assert!(!case.incident.is_open());
    }
}
