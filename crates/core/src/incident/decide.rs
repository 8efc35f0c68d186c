//! From commands to events. Who may ask is the shell's to check; whether it makes sense is decided here, each command by its facet.
//! Never changes anything: the events do, in `apply`. A severity that rises pages while triggered or acknowledged; once people have
//! mitigated it, they restate facts without paging themselves, and a new signal or a reopening pages again. Tests: below, in
//! `board/tests/`, and the laws in `tests/laws.rs`.

mod reach;
pub(crate) mod paging;
pub(crate) mod roles;
mod cover;
mod checks;
mod evidence;
mod access;
mod life;
pub mod claims;
mod room;
pub(crate) mod tasks;

use std::sync::Arc;

use crate::{
    incident::{Command, Ctx, Incident, IncidentEvent, LifeEvent, Phase, Refusal, text::shortened},
    severity::Severity,
    signal::{DAMAGED_HISTORY, Signal},
};

impl Incident {
    /// The events that begin an incident. What is owed at once, such as the first page, is left to the duties.
    pub fn open(signal: &Arc<Signal>, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let service = signal.service.as_ref();
        let mut policy = ctx.setting.policy(ctx.setting.service(service));
        if signal.detector.as_str() == DAMAGED_HISTORY {
            // How bad it is cannot be known: what would say so is what cannot be read. Somebody is paged, however mild it scores.
            policy.page_at = Severity::Sev5;
        }
        let opened = LifeEvent::Opened {
            title: shortened(&signal.title),
            service: service.cloned(),
            policy: Box::new(policy),
            score: ctx.setting.score_of(signal, service),
            drill: signal.drill,
            roles: ctx.setting.rules.roles.clone(),
            signal: Arc::clone(signal),
        };
        vec![opened.into()]
    }

    /// What this command changes, or why not. No events: it is true already.
    pub fn decide(&self, command: Command, ctx: &mut Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        if self.is_too_long() && !command.survives_length() {
            return Err(self.too_long());
        }
        match command {
            Command::Life(command) => self.decide_life(command, ctx),
            Command::Claims(command) => self.decide_claims(command, ctx),
            Command::Paging(command) => self.decide_paging(command, ctx),
            Command::Roles(command) => self.decide_roles(command, ctx),
            Command::Room(command) => self.decide_room(command, ctx),
            Command::Tasks(command) => self.decide_tasks(command, ctx),
            Command::Checks(command) => self.decide_checks(command, ctx),
            Command::Evidence(command) => self.decide_evidence(command, ctx.now),
            Command::Access(command) => self.decide_access(command, ctx),
            Command::CarryOutDuties => Ok(self.carry_out(ctx)),
        }
    }

    /// Refuses what makes no sense in this phase.
    pub(super) fn may(&self, verb: &'static str, makes_sense: bool) -> Result<(), Refusal> {
        if makes_sense { Ok(()) } else { Err(self.wrong_phase(verb)) }
    }

    pub(super) fn not_merged(&self, verb: &'static str) -> Result<(), Refusal> {
        self.may(verb, self.life.phase != Phase::Merged)
    }

    pub(super) fn wrong_phase(&self, verb: &'static str) -> Refusal {
        Refusal::WrongPhase { id: self.life.id, verb, phase: self.life.phase }
    }

    pub(super) fn too_long(&self) -> Refusal {
        Refusal::TooLong { id: self.life.id, events: self.own_events() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{
        id::{Id, PageId, SeededIds},
        incident::{
            Actor, ClaimsCommand, ClaimsEvent, Closing, LifeCommand, PageOutcome, PagingCommand, ResponseRole,
            RolesCommand, RoomCommand, RoomEvent, Severity,
        },
        limits::{EVENTS_PER_INCIDENT_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX},
        policy::{EscalationPolicy, Roster},
        priority::Weights,
        setting::{Rules, Setting},
        signal::{Explanation, Facts, Fingerprint, Loudness, SignalChange, SignalStatus},
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
            repeats: false,
            source: None,
            group: None,
            annotations: None,
            declared: None,
        })
    }

    pub(in crate::incident) struct Case {
        pub(in crate::incident) incident: Incident,
        pub(in crate::incident) setting: Setting,
        ids: SeededIds,
        pub(in crate::incident) now: Timestamp,
    }

    impl Case {
        pub(in crate::incident) fn new() -> Self {
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
            Self { incident: Incident::fold(Id::from_bytes([7; 16]), history).unwrap(), setting, ids, now }
        }
        pub(in crate::incident) fn decide(&mut self, command: Command) -> Result<Vec<IncidentEvent>, Refusal> {
            let now = self.now;
            let mut ctx = Ctx { now, ids: &mut self.ids, setting: &self.setting };
            self.incident.decide(command, &mut ctx)
        }
        pub(in crate::incident) fn ask(&mut self, command: Command) {
            for event in self.decide(command).unwrap() {
                self.apply(&event);
            }
        }
        pub(in crate::incident) fn apply(&mut self, event: &IncidentEvent) {
            self.incident.apply(self.incident.version() + 1, self.now, event).unwrap();
        }
        pub(in crate::incident) fn code(&mut self, command: Command) -> &'static str {
            self.decide(command).map_or_else(|refusal| refusal.code(), |_| "accepted")
        }
    }

    fn by() -> Actor {
        Actor::Token("test".to_owned())
    }
    fn note(text: &str) -> Command {
        Command::Room(RoomCommand::Note { by: by(), text: text.to_owned() })
    }
    fn resolve() -> Command {
        Command::Life(LifeCommand::Resolve { by: by(), note: "mended".to_owned(), closing: Closing::default() })
    }
    fn settle(page: PageId) -> Command {
        let outcome = PageOutcome::Delivered { receipt: String::new() };
        Command::Paging(PagingCommand::SettlePage { page, outcome, latency: Duration::ZERO })
    }

    #[test]
    fn a_title_is_cut_between_characters() {
        assert_eq!(Case::new().incident.title(), "é".repeat(TITLE_BYTES_MAX / 2));
    }

    #[test]
    fn nonsense_is_refused_with_a_code() {
        let mut case = Case::new();
        let role = Command::Roles(RolesCommand::Take {
            by: by(),
            role: ResponseRole::Scribe,
            person: "nobody".parse().unwrap(),
        });
        let codes = [
            (case.code(note(" ")), "bad_text"),
            (case.code(note(&"x".repeat(TEXT_BYTES_MAX + 1))), "bad_text"),
            (case.code(role), "no_such_person"),
            (case.code(settle(Id::from_bytes([9; 16]))), "no_such_page"),
            (case.code(Command::Life(LifeCommand::Reopen { by: by(), reason: "why".to_owned() })), "wrong_phase"),
            (case.code(Command::Life(LifeCommand::Review { by: by(), note: String::new() })), "wrong_phase"),
            (
                case.code(Command::Claims(ClaimsCommand::Count { signal: Some(Id::from_bytes([9; 16])), count: 3 })),
                "accepted",
            ),
        ];
        for (got, want) in codes {
            assert_eq!(got, want);
        }
        case.ask(resolve());
        for late in [
            resolve(),
            Command::Life(LifeCommand::Acknowledge { by: by() }),
            Command::Life(LifeCommand::Mitigate { by: by(), note: "paused".to_owned() }),
        ] {
            assert_eq!(case.code(late), "wrong_phase");
        }
    }

    #[test]
    fn whoever_ends_it_says_what_was_done() {
        let mut case = Case::new();
        let end = |by, note: &str| {
            Command::Life(LifeCommand::Resolve { by, note: note.to_owned(), closing: Closing::default() })
        };
        for nothing in ["", " \n", "...", "-", "(?!)"] {
            assert_eq!(case.code(end(by(), nothing)), "nothing_said", "{nothing:?}");
            let stopped = LifeCommand::Mitigate { by: Actor::Person("ana".parse().unwrap()), note: nothing.to_owned() };
            assert_eq!(case.code(Command::Life(stopped)), "nothing_said", "{nothing:?}");
        }
        let refused = case.decide(end(by(), " ... ")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "cannot resolve without a sentence: field `note` with value `...` says nothing"
        );
        assert!(refused.hint().is_some());
        for said in ["ok", "已修复", "é", "tx 7"] {
            assert_eq!(case.code(end(by(), said)), "accepted", "{said}");
        }
        assert_eq!(case.code(end(Actor::System, "")), "accepted", "what ends by itself says why elsewhere");
    }

    #[test]
    fn an_incident_that_is_too_long_can_still_be_answered_and_ended() {
        let mut case = Case::new();
        case.ask(Command::CarryOutDuties);
        while !case.incident.is_too_long() {
            case.apply(&IncidentEvent::Room(RoomEvent::NoteAdded { by: by(), text: "again".to_owned() }));
        }
        assert_eq!(case.incident.version() + 1, EVENTS_PER_INCIDENT_MAX);
        let raised = |claim| Command::Claims(ClaimsCommand::Signal(SignalChange::Raised { signal: signal(claim) }));
        assert_eq!(case.code(note("more")), "incident_too_long");
        assert_eq!(case.code(raised(2)), "incident_too_long");
        assert_eq!(case.decide(raised(1)), Ok(Vec::new()), "what it knows is no news");
        let undone = SignalChange::Retracted { id: signal(1).id, reason: "false".to_owned() };
        assert!(matches!(
            case.decide(Command::Claims(ClaimsCommand::Signal(undone))).as_deref(),
            Ok([IncidentEvent::Claims(ClaimsEvent::SignalRetracted { .. }), ..])
        ));
        case.ask(Command::Life(LifeCommand::Acknowledge { by: by() }));
        case.ask(resolve());
        assert!(!case.incident.is_open());
    }
}
