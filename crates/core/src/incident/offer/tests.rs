use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    id::{Id, IncidentId, MessageId, SeededIds},
    incident::{
        Actor, Ctx, IncidentEvent, LifeEvent, Refusal, ResponseRole, RolesEvent, RoomEvent, Severity, TasksEvent,
    },
    limits::{EVENTS_PER_INCIDENT_MAX, ROOM_EVENTS_MAX},
    policy::{Contact, EscalationPolicy, Person, Roster, Whom},
    priority::{Score, Weights},
    setting::{Rules, Setting},
    signal::{Explanation, Facts, Fingerprint, Loudness, Signal, SignalStatus},
    time::Timestamp,
    validation::{Check, Judge, Validation},
};

fn by() -> Actor {
    Actor::Person("ana".parse().unwrap())
}

/// An incident after its opening and these events.
fn after(events: &[IncidentEvent]) -> Incident {
    let signal = Signal {
        id: Id::from_bytes([1; 16]),
        fingerprint: Fingerprint::of(&[b"a"]),
        detector: "webhook".parse().unwrap(),
        parameters: String::new(),
        status: SignalStatus::Confirmed,
        loudness: Loudness::Critical,
        service: None,
        title: "t".to_owned(),
        explanation: Explanation::default(),
        facts: Facts { theft: true, ..Facts::default() },
        confidence_permille: 1_000,
        position: None,
        parties: Vec::new(),
        labels: std::collections::BTreeMap::new(),
        link: None,
        event_time: Timestamp::default(),
        observed: Timestamp::default(),
        drill: false,
        repeats: false,
        source: None,
        group: None,
        annotations: None,
        declared: None,
    };
    let policy = EscalationPolicy {
        id: "p".parse().unwrap(),
        tiers: Vec::new(),
        rounds: 1,
        fallback: "boss".parse().unwrap(),
        acknowledgement: Duration::from_mins(30),
        page_at: Severity::Sev3,
    };
    let opened = IncidentEvent::Life(LifeEvent::Opened {
        title: "t".to_owned(),
        service: None,
        policy: Box::new(policy),
        score: Score { severity: Severity::Sev1, ..Score::nothing() },
        drill: false,
        roles: Vec::new(),
        signal: std::sync::Arc::new(signal),
    });
    let history = std::iter::once(&opened).chain(events);
    let history = (0..).zip(history).map(|(version, event)| (version, Timestamp::default(), event));
    Incident::fold(Id::from_bytes([7; 16]), history).unwrap()
}

fn other() -> IncidentId {
    Id::from_bytes([8; 16])
}

/// Ana is asked to be scribe.
fn asked_in() -> IncidentEvent {
    let (ana, next) = ("ana".parse().unwrap(), Timestamp::default().plus(Duration::from_mins(5)));
    RolesEvent::AskedIn {
        ask: 1,
        whom: Whom::Person("ana".parse().unwrap()),
        people: vec![ana],
        role: Some(ResponseRole::Scribe),
        by: Actor::Token("ci".to_owned()),
        reason: "hands".to_owned(),
        next,
    }
    .into()
}

/// The incident in every phase, one that is too long for more, one in which somebody was asked to come, and one in which they answered.
fn stages() -> Vec<Incident> {
    stages_with(&[])
}

/// The same where this happened first.
fn stages_with(before: &[IncidentEvent]) -> Vec<Incident> {
    let after = |events: &[IncidentEvent]| after(&[before, events].concat());
    let until = Timestamp::default().plus(Duration::from_mins(30));
    let note = || IncidentEvent::Room(RoomEvent::NoteAdded { by: by(), text: "again".to_owned() });
    let mitigated = || IncidentEvent::Life(LifeEvent::Mitigated { by: by(), note: String::new() });
    let resolved =
        || IncidentEvent::Life(LifeEvent::Resolved { by: by(), note: String::new(), look_again: None, recovery: None });
    let length = EVENTS_PER_INCIDENT_MAX - u64::try_from(before.len()).unwrap();
    let long = (1..length).map(|_| note()).collect::<Vec<_>>();
    let pinned = RoomEvent::MessagePinned { message: question(), by: by() }.into();
    let others = (1..ROOM_EVENTS_MAX).map(|n| asked(Id::digest(&[&n.to_be_bytes()])));
    let full: Vec<IncidentEvent> = std::iter::once(asked(question())).chain(others).collect();
    vec![
        after(&[]),
        after(&[IncidentEvent::Life(LifeEvent::Acknowledged { by: by(), until })]),
        after(&[mitigated()]),
        after(&[resolved()]),
        after(&[resolved(), IncidentEvent::Life(LifeEvent::Reviewed { by: by(), note: String::new() })]),
        after(&[IncidentEvent::Life(LifeEvent::MergedInto { by: by(), into: other() })]),
        after(&long),
        after(&[asked(question()), pinned]),
        after(&full),
        after(&[asked_in()]),
        after(&[asked_in(), RolesEvent::AskAccepted { ask: 1, person: "ana".parse().unwrap() }.into()]),
    ]
}

/// The message that the examples name: a question of ana's.
fn question() -> MessageId {
    Id::from_bytes([3; 16])
}

fn asked(message: MessageId) -> IncidentEvent {
    let (kind, text) = (MessageKind::Question, "who holds the key?".to_owned());
    RoomEvent::MessageWritten { message, by: by(), kind, text, reply_to: None, origin: None }.into()
}

/// A request that gives every field something good.
fn example(kind: &CommandKind, message: MessageId) -> Given {
    let value = |field: &Field| match field.kind {
        FieldKind::Text => json!("a line"),
        FieldKind::Choice(words) => json!(words[0]),
        FieldKind::Person => json!("ana"),
        FieldKind::Whom => json!("bo"),
        FieldKind::Policy => json!("other"),
        FieldKind::Incident => json!(other().to_string()),
        FieldKind::Signal => json!(crate::id::SignalId::from_bytes([1; 16]).to_string()),
        FieldKind::Message => json!(message.to_string()),
        FieldKind::Key => json!("k1"),
        FieldKind::Count if field.name == "ask" => json!(1),
        FieldKind::Cents | FieldKind::Count => json!(5),
        // Yes to a claim of what nobody else holds.
        FieldKind::Flag => json!(true),
        FieldKind::Task => json!("1"),
        FieldKind::Resources => json!(["flag:deposits"]),
        FieldKind::People => json!(["bo"]),
        FieldKind::Check => json!("moves"),
        FieldKind::When => json!("45m"),
    };
    // Where a message may be left out it is: not every incident has one.
    let given = kind.fields.iter().filter(|field| field.required || field.kind != FieldKind::Message);
    let fields: Map<String, Value> = given.map(|field| (field.name.to_owned(), value(field))).collect();
    Given::from(fields)
}

/// Ana is inside.
fn restricted() -> IncidentEvent {
    let (code_name, reason, members) =
        ("AMBER FOX".to_owned(), "a key".to_owned(), vec![Whom::Person("ana".parse().unwrap())]);
    crate::incident::AccessEvent::Restricted { by: by(), code_name, reason, members }.into()
}

fn words(offers: &[Offer]) -> Vec<&'static str> {
    offers.iter().map(|offer| offer.kind.word).collect()
}

/// What a commander is offered of every incident that was not worked on yet.
const ALL_OPEN: [&str; 20] = [
    "acknowledge",
    "acknowledge_claim",
    "note",
    "escalate",
    "page",
    "hand_over",
    "mitigate",
    "resolve",
    "validate",
    "take_role",
    "request_role",
    "give_up_role",
    "add_task",
    "state_facts",
    "merge",
    "hold",
    "restrict",
    "say",
    "decide",
    "ask",
];

#[expect(clippy::too_many_lines, reason = "a list of words for each stage")]
#[test]
fn what_is_offered_follows_right_and_phase() {
    let [triggered, acknowledged, mitigated, resolved, reviewed, merged, long, talk, full, asked, answered] =
        stages().try_into().unwrap();
    let command = |incident: &Incident| words(&incident.offers(Right::Command));
    assert_eq!(command(&triggered), ALL_OPEN);
    assert_eq!(command(&acknowledged), ALL_OPEN);
    assert_eq!(
        command(&mitigated),
        [
            "note",
            "page",
            "resolve",
            "validate",
            "reopen",
            "take_role",
            "request_role",
            "give_up_role",
            "add_task",
            "state_facts",
            "merge",
            "hold",
            "restrict",
            "say",
            "decide",
            "ask"
        ]
    );
    assert_eq!(
        command(&resolved),
        [
            "note",
            "validate",
            "reopen",
            "review",
            "take_role",
            "give_up_role",
            "state_facts",
            "hold",
            "restrict",
            "say",
            "decide",
            "ask"
        ]
    );
    assert_eq!(
        command(&reviewed),
        ["note", "reopen", "take_role", "give_up_role", "state_facts", "hold", "restrict", "say", "decide", "ask"]
    );
    assert_eq!(command(&merged), ["note", "hold"]);
    // Its notes are messages, and those have a bound of their own.
    let beyond = [
        "acknowledge",
        "resolve",
        "validate",
        "merge",
        "hold",
        "restrict",
        "say",
        "decide",
        "ask",
        "edit",
        "withdraw",
        "pin",
        "unpin",
    ];
    assert_eq!(command(&long), beyond);
    let about_messages = ["say", "decide", "ask", "answer", "edit", "withdraw", "pin", "unpin"];
    assert_eq!(command(&talk), [&ALL_OPEN[..17], &about_messages].concat());
    assert_eq!(command(&full), [&ALL_OPEN[..17], &["withdraw", "unpin"]].concat());
    assert!(command(&asked).contains(&"accept") && command(&asked).contains(&"decline"));
    assert_eq!(command(&answered), ALL_OPEN);
    assert_eq!(words(&triggered.offers(Right::Read)), [""; 0]);
    assert_eq!(words(&triggered.offers(Right::Administer)), ALL_OPEN);
}

#[test]
fn a_responder_is_offered_what_answers_and_helps() {
    let [triggered, ..] = stages().try_into().map(|all: [Incident; 11]| all).unwrap();
    assert_eq!(
        words(&triggered.offers(Right::Respond)),
        [
            "acknowledge",
            "acknowledge_claim",
            "note",
            "escalate",
            "page",
            "validate",
            "take_role",
            "request_role",
            "give_up_role",
            "add_task",
            "say",
            "decide",
            "ask"
        ]
    );
}

/// With a task that somebody is on, what ends it is offered as long as the incident has it.
#[test]
fn what_ends_a_task_is_offered_as_long_as_there_is_one() {
    let of_tasks = |incident: &Incident| -> Vec<&str> {
        words(&incident.offers(Right::Respond)).into_iter().filter(|word| word.ends_with("_task")).collect()
    };
    let [triggered, _, mitigated, resolved, reviewed, merged, long, ..] =
        stages_with(&with_task()).try_into().map(|all: [Incident; 11]| all).unwrap();
    let open = ["add_task", "claim_task", "release_task", "finish_task", "drop_task", "change_task"];
    assert_eq!((of_tasks(&triggered), of_tasks(&mitigated)), (open.to_vec(), open.to_vec()));
    let over = ["finish_task", "drop_task", "change_task"];
    assert_eq!((of_tasks(&resolved), of_tasks(&reviewed)), (over.to_vec(), over.to_vec()));
    assert_eq!(of_tasks(&merged), [""; 0]);
    assert_eq!(of_tasks(&long), ["release_task", "finish_task", "drop_task"]);
}

/// A task that ana is on.
fn with_task() -> Vec<IncidentEvent> {
    let task = Id::from_bytes([3; 16]);
    let added = TasksEvent::TaskAdded {
        task,
        by: by(),
        title: "look".to_owned(),
        assignee: None,
        due: None,
        resources: BTreeSet::new(),
    };
    let until = Timestamp::default().plus(Duration::from_mins(30));
    let claimed = TasksEvent::TaskClaimed { task, by: by(), until, against: Vec::new(), reason: String::new() };
    vec![added.into(), claimed.into()]
}

/// What the rules say to a good request.
fn decided(incident: &Incident, kind: &CommandKind) -> Result<Vec<IncidentEvent>, Refusal> {
    let ana =
        Person { id: "ana".parse().unwrap(), name: "Ana".to_owned(), zone: "UTC".to_owned(), contacts: Vec::new() };
    let contact = Contact { channel: "sms".parse().unwrap(), address: "+1".to_owned() };
    let bo = Person { id: "bo".parse().unwrap(), contacts: vec![contact], ..ana.clone() };
    let other = EscalationPolicy { id: "other".parse().unwrap(), ..(*incident.escalation().policy).clone() };
    let moves = Check {
        id: "moves".parse().unwrap(),
        title: "it moves".to_owned(),
        services: BTreeSet::new(),
        severities: BTreeSet::new(),
        judge: Judge::Shell("http"),
    };
    let validation = Validation { checks: [(moves.id.clone(), moves)].into(), ..Validation::default() };
    let setting = Setting {
        roster: Roster {
            people: [(ana.id.clone(), ana), (bo.id.clone(), bo)].into(),
            policies: [(other.id.clone(), other)].into(),
            ..Roster::default()
        },
        catalogue: std::sync::Arc::default(),
        rules: Rules { validation, ..Rules::default() },
        default_policy: "p".parse().unwrap(),
        weights: Weights::default(),
    };
    let mut ids = SeededIds::new(1);
    let mut ctx = Ctx { now: Timestamp::default(), ids: &mut ids, setting: &setting };
    let room = incident.room();
    let message = room.open_questions().next().or(room.before(u64::MAX, 1).pop()).unwrap_or(question());
    incident.decide(kind.command(by(), &example(kind, message)).unwrap(), &mut ctx)
}

#[test]
fn what_is_offered_is_taken_and_what_is_not_is_refused() {
    for incident in stages().into_iter().chain(stages_with(&with_task())).chain(stages_with(&[restricted()])) {
        for kind in COMMANDS {
            let taken = decided(&incident, kind);
            assert_eq!(kind.fits(&incident), taken.is_ok(), "{kind:?} when {:?}: {taken:?}", incident.phase());
        }
    }
}

#[test]
fn a_form_begins_with_what_is_known() {
    let [triggered, acknowledged, ..] = stages().try_into().map(|all: [Incident; 11]| all).unwrap();
    assert_eq!(triggered.offers(Right::Command)[0].title, "Acknowledge");
    assert_eq!(acknowledged.offers(Right::Command)[0].title, "Acknowledge again");
    let facts = Offer::of(CommandKind::named("state_facts").unwrap(), &triggered);
    let known: Vec<_> = facts.fields.iter().filter_map(|(field, known)| Some((field.name, known.clone()?))).collect();
    assert_eq!(known, [("money_at_risk_cents", "0".to_owned()), ("theft", "yes".to_owned())]);
}

#[test]
fn every_row_says_what_it_is_and_makes_its_command() {
    let mut seen = BTreeSet::new();
    for kind in COMMANDS {
        assert!(seen.insert(kind.word) && (kind.short.is_empty() || seen.insert(kind.short)), "{kind:?} twice");
        assert!(!kind.title.is_empty() && !kind.doc.is_empty() && kind.right > Right::Read, "{kind:?}");
        assert!(kind.command(by(), &example(kind, question())).is_ok(), "{kind:?}");
        assert!(std::ptr::eq(CommandKind::named(kind.word).unwrap(), kind));
    }
    let acknowledging = COMMANDS.iter().filter(|kind| {
        matches!(kind.command(by(), &example(kind, question())), Ok(Command::Life(LifeCommand::Acknowledge { .. })))
    });
    assert_eq!(acknowledging.count(), 1, "a row without a `make` of its own");
}

#[test]
fn a_field_that_is_something_else_is_refused_with_its_name_and_value() {
    let refused = |word: &str, given: Value| {
        let Value::Object(fields) = given else { panic!("{given}") };
        CommandKind::named(word).unwrap().command(Actor::Token("t".to_owned()), &fields.into()).unwrap_err().to_string()
    };
    assert_eq!(refused("note", json!({"text": 5})), "field `text` with value `5`: want a text");
    assert_eq!(
        refused("take_role", json!({"role": "chef"})),
        "field `role` with value `chef`: want one of commander, deputy, operations, communications, scribe, security, compliance, liaison, signer"
    );
    assert_eq!(
        refused("take_role", json!({"role": "scribe", "person": null})),
        "field `person` with value ``: token t is no person: say who takes the role"
    );
    assert_eq!(refused("merge", json!({})), "field `into` with value ``: it is missing");
    assert!(refused("merge", json!({"into": "sig_1"})).starts_with("field `into` with value `sig_1`: "));
    assert_eq!(refused("state_facts", json!({"users": -1})), "field `users` with value `-1`: want a whole number");
    assert_eq!(refused("state_facts", json!({"theft": "x"})), "field `theft` with value `x`: want true or false");
}
