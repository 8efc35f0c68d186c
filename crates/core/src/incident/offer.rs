//! What people may ask of an incident: THE LIST of commands, each with the right that it needs, what it is asked with, and when it
//! makes sense. API, console and command line show commands from here and make them here, so that a new one is a row below, the
//! rule that decides it, and its request in `crates/api/`.
//!
//! An offer is a courtesy: `decide` has the last word, for the incident may have changed since. Must never refuse what `decide`
//! takes, nor offer what it refuses. Tests: `offer/tests.rs`.

mod given;
mod kind;
mod make;
mod rows;
#[cfg(test)]
mod tests;

pub use self::{
    given::Given,
    kind::{CommandKind, Field, FieldKind, Offer, Right},
};
use self::{
    make::{
        ROLES, about_access, add_task, ask_number, claiming, has_claimed_task, has_space, is_awaited, is_not_merged,
        is_unanswered, restrict, role_of, state_facts, take_role, written, yes,
    },
    rows::{CODE_NAME, IN_ROOM, INSIDE, KEY, MEMBERS, OVERRIDE, PLAIN, TASK, UNTIL, WHY, field, needed},
};
use crate::incident::{
    AccessCommand, ChecksCommand, ClaimsCommand, Closing, Command, EvidenceCommand, Incident, LifeCommand, MessageKind,
    PagingCommand, Phase, RolesCommand, RoomCommand, TasksCommand, evidence::event::Handling, text::account,
};

/// The one command that somebody outside a restricted incident may ask: to come in.
pub const BREAK_GLASS: &str = "break_glass";

impl CommandKind {
    /// The one with this name.
    pub fn named(word: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|kind| kind.word == word)
    }
}

impl Incident {
    /// What somebody with this right may ask now.
    pub fn offers(&self, right: Right) -> Vec<Offer> {
        let offered = COMMANDS.iter().filter(|kind| kind.right <= right && kind.fits(self));
        offered.map(|kind| Offer::of(kind, self)).collect()
    }
}

/// THE LIST, in the order in which people are shown it.
pub static COMMANDS: &[CommandKind] = &[
    CommandKind {
        word: "acknowledge",
        short: "ack",
        title: "Acknowledge",
        doc: "You are on it: the escalation stops until the acknowledgement runs out",
        right: Right::Respond,
        for_many: true,
        fits: is_unanswered,
        done: |incident| incident.acknowledgement().is_some(),
        however_long: true,
        make: |by, _| Ok(Command::Life(LifeCommand::Acknowledge { by })),
        ..PLAIN
    },
    CommandKind {
        word: "acknowledge_claim",
        title: "Acknowledge one claim",
        doc: "You are on this one claim; the others go on paging",
        right: Right::Respond,
        fields: &[needed("signal", FieldKind::Signal, "Which claim you are on")],
        fits: |incident| is_unanswered(incident) && incident.live_signals() > 0,
        make: |by, given| Ok(Command::Claims(ClaimsCommand::Acknowledge { by, signal: given.needed("signal")? })),
        ..PLAIN
    },
    CommandKind {
        word: "note",
        title: "Add a note",
        doc: "Add a line to the timeline",
        right: Right::Respond,
        fields: &[needed("text", FieldKind::Text, "For the timeline")],
        for_many: true,
        make: |by, given| Ok(Command::Room(RoomCommand::Note { by, text: given.text("text")? })),
        ..PLAIN
    },
    CommandKind {
        word: "escalate",
        title: "Escalate",
        doc: "Page the next tier now",
        right: Right::Respond,
        fields: &[needed("reason", FieldKind::Text, "Why the next tier is needed now")],
        fits: is_unanswered,
        make: |by, given| Ok(Command::Paging(PagingCommand::Escalate { by, reason: given.text("reason")? })),
        ..PLAIN
    },
    CommandKind {
        word: "page",
        title: "Page somebody in",
        doc: "Ask a person or a team to come, beside the escalation",
        right: Right::Respond,
        fields: &[
            needed("whom", FieldKind::Whom, "Whom: a person, a policy or a schedule"),
            needed("reason", FieldKind::Text, "What for; it stands in the page"),
        ],
        fits: Incident::is_open,
        make: |by, given| {
            let (whom, reason) = (given.text("whom")?, given.text("reason")?);
            Ok(Command::Roles(RolesCommand::Ask { by, whom, role: None, reason }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "accept",
        title: "I am coming",
        doc: "You were asked to come, and do",
        right: Right::Respond,
        fields: &[field("ask", FieldKind::Count, "Its number; empty: all that you were asked")],
        fits: is_awaited,
        however_long: true,
        make: |by, given| Ok(Command::Roles(RolesCommand::Accept { by, ask: ask_number(given)? })),
        ..PLAIN
    },
    CommandKind {
        word: "decline",
        title: "I cannot come",
        doc: "You were asked to come, and cannot",
        right: Right::Respond,
        fields: &[
            field("reason", FieldKind::Text, "Why not"),
            field("ask", FieldKind::Count, "Its number; empty: all that you were asked"),
        ],
        fits: is_awaited,
        however_long: true,
        make: |by, given| {
            let (ask, reason) = (ask_number(given)?, given.text("reason")?);
            Ok(Command::Roles(RolesCommand::Decline { by, ask, reason }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "hand_over",
        title: "Hand over",
        doc: "Make it another team's: their first tier is paged",
        right: Right::Command,
        fields: &[
            needed("to", FieldKind::Policy, "To which team"),
            needed("reason", FieldKind::Text, "Why to them; it stands in their page"),
        ],
        fits: is_unanswered,
        make: |by, given| {
            let (to, reason) = (given.needed("to")?, given.text("reason")?);
            Ok(Command::Paging(PagingCommand::HandOver { by, to, reason }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "mitigate",
        title: "Mitigate",
        doc: "The harm has stopped",
        right: Right::Command,
        fields: &[needed("note", FieldKind::Text, "What stopped the harm")],
        for_many: true,
        fits: is_unanswered,
        make: |by, given| {
            let note = given.text("note")?;
            account("mitigate", &by, &note)?;
            Ok(Command::Life(LifeCommand::Mitigate { by, note }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "resolve",
        title: "Resolve",
        doc: "It is over: nothing fires any more, and its checks passed",
        right: Right::Command,
        fields: &[
            needed("note", FieldKind::Text, "What was done"),
            field(
                "override",
                FieldKind::Text,
                "Only if something still fires or a check does not pass: why it is over all the same; log and review have it with your name",
            ),
        ],
        for_many: true,
        fits: Incident::is_open,
        however_long: true,
        make: |by, given| {
            let note = given.text("note")?;
            account("resolve", &by, &note)?;
            let reason = Some(given.text("override")?).filter(|reason| !reason.trim().is_empty());
            let closing = Closing { reason, ran: Vec::new() };
            Ok(Command::Life(LifeCommand::Resolve { by, note, closing }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "validate",
        title: "Check now",
        doc: "Make its checks now: whether the harm is gone",
        right: Right::Respond,
        fields: &[field("check", FieldKind::Check, "Which check; empty: all that it must pass")],
        for_many: true,
        fits: |incident| incident.is_open() || incident.phase() == Phase::Resolved,
        however_long: true,
        make: |by, given| {
            let check = given.read("check")?;
            Ok(Command::Checks(ChecksCommand::Validate { by, check }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "reopen",
        title: "Reopen",
        doc: "It was not over",
        right: Right::Respond,
        fields: &[needed("reason", FieldKind::Text, "Why it is not over")],
        fits: |incident| matches!(incident.phase(), Phase::Mitigated | Phase::Resolved | Phase::Reviewed),
        make: |by, given| Ok(Command::Life(LifeCommand::Reopen { by, reason: given.text("reason")? })),
        ..PLAIN
    },
    CommandKind {
        word: "review",
        title: "Mark as reviewed",
        doc: "It was learned from",
        right: Right::Command,
        fields: &[field("note", FieldKind::Text, "Where the review is")],
        for_many: true,
        fits: |incident| incident.phase() == Phase::Resolved,
        make: |by, given| Ok(Command::Life(LifeCommand::Review { by, note: given.text("note")? })),
        ..PLAIN
    },
    CommandKind {
        word: "take_role",
        title: "Take a role",
        doc: "Take a role, or give it to somebody",
        right: Right::Respond,
        fields: &[
            needed("role", FieldKind::Choice(ROLES), "Role"),
            field("person", FieldKind::Person, "Who takes it, if not you"),
        ],
        fits: is_not_merged,
        make: take_role,
        ..PLAIN
    },
    CommandKind {
        word: "request_role",
        title: "Ask somebody to take a role",
        doc: "Ask a person or a team to take a role; whoever has it stays until they accept",
        right: Right::Respond,
        fields: &[
            needed("role", FieldKind::Choice(ROLES), "Role"),
            needed("whom", FieldKind::Whom, "Whom: a person, a policy or a schedule"),
            needed("reason", FieldKind::Text, "Why; it stands in the page"),
        ],
        fits: Incident::is_open,
        make: |by, given| {
            let (role, whom, reason) = (Some(role_of(given)?), given.text("whom")?, given.text("reason")?);
            Ok(Command::Roles(RolesCommand::Ask { by, whom, role, reason }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "give_up_role",
        title: "Give a role up",
        doc: "Nobody has the role any more",
        right: Right::Respond,
        fields: &[needed("role", FieldKind::Choice(ROLES), "Role")],
        fits: is_not_merged,
        make: |by, given| Ok(Command::Roles(RolesCommand::GiveUp { by, role: role_of(given)? })),
        ..PLAIN
    },
    CommandKind {
        word: "add_task",
        short: "task",
        title: "Add a task",
        doc: "Say what is to be done, by whom, by when and to what; or that you are doing it now",
        right: Right::Respond,
        fields: &[
            needed("title", FieldKind::Text, "What is to be done, in one line"),
            field("assignee", FieldKind::Person, "Who is to do it"),
            field("due", FieldKind::When, "By when: 45m, or an instant"),
            field(
                "resources",
                FieldKind::Resources,
                "What it acts on: contract:1/0x…, wallet:LABEL, dns:NAME, service:NAME, or a kind of your own",
            ),
            field("claim", FieldKind::Flag, "I am on it now"),
            UNTIL,
            OVERRIDE,
        ],
        fits: Incident::is_open,
        make: add_task,
        ..PLAIN
    },
    CommandKind {
        word: "claim_task",
        short: "claim",
        title: "Claim a task",
        doc: "You are on it, alone, until the claim runs out; or you take longer",
        right: Right::Respond,
        fields: &[TASK, UNTIL, OVERRIDE],
        fits: |incident| incident.is_open() && incident.has_open_task(),
        make: |by, given| {
            let task = given.needed("task")?;
            Ok(Command::Tasks(TasksCommand::Claim { by, task, claiming: claiming(given)? }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "release_task",
        short: "release",
        title: "Release a task",
        doc: "You are not on it any more, and it is not done",
        right: Right::Respond,
        fields: &[TASK],
        fits: has_claimed_task,
        however_long: true,
        make: |by, given| Ok(Command::Tasks(TasksCommand::Release { by, task: given.needed("task")? })),
        ..PLAIN
    },
    CommandKind {
        word: "finish_task",
        short: "done",
        title: "Finish a task",
        doc: "It was done",
        right: Right::Respond,
        fields: &[TASK, needed("note", FieldKind::Text, "What was done")],
        fits: Incident::has_open_task,
        however_long: true,
        make: |by, given| {
            let (task, note) = (given.needed("task")?, given.text("note")?);
            Ok(Command::Tasks(TasksCommand::Finish { by, task, note }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "drop_task",
        short: "drop",
        title: "Drop a task",
        doc: "It will not be done",
        right: Right::Respond,
        fields: &[TASK, needed("note", FieldKind::Text, "Why not")],
        fits: Incident::has_open_task,
        however_long: true,
        make: |by, given| {
            let (task, note) = (given.needed("task")?, given.text("note")?);
            Ok(Command::Tasks(TasksCommand::Drop { by, task, note }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "change_task",
        title: "Change a task",
        doc: "Give it to somebody, or another time by which it is to be done",
        right: Right::Respond,
        fields: &[
            TASK,
            field("assignee", FieldKind::Person, "Who is to do it; empty: as it was"),
            field("due", FieldKind::When, "By when: 45m, or an instant; empty: as it was"),
        ],
        fits: Incident::has_open_task,
        make: |by, given| {
            let (task, assignee, due) = (given.needed("task")?, given.read("assignee")?, given.read("due")?);
            Ok(Command::Tasks(TasksCommand::Change { by, task, assignee, due }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "state_facts",
        title: "State facts",
        doc: "State facts about impact",
        right: Right::Command,
        fields: &[
            Field {
                known: |incident| Some(incident.facts().money_at_risk.cents().to_string()),
                ..field("money_at_risk_cents", FieldKind::Cents, "Money at risk, in US dollars")
            },
            Field {
                known: |incident| incident.facts().users.map(|users| users.to_string()),
                ..field(
                    "users",
                    FieldKind::Count,
                    "People and institutions who feel it; empty: as many as use the service",
                )
            },
            Field {
                known: |incident| yes(incident.facts().theft),
                ..field("theft", FieldKind::Flag, "Funds are leaving now")
            },
            Field {
                known: |incident| yes(incident.facts().key_compromise),
                ..field("key_compromise", FieldKind::Flag, "A key or a privileged role is in the wrong hands")
            },
            Field {
                known: |incident| yes(incident.facts().irreversible),
                ..field("irreversible", FieldKind::Flag, "We cannot undo it")
            },
            field(
                "replace",
                FieldKind::Flag,
                "Instead of what signals claimed; the only way to lower the severity by hand",
            ),
        ],
        fits: is_not_merged,
        make: state_facts,
        ..PLAIN
    },
    CommandKind {
        word: "merge",
        title: "Merge",
        doc: "Make it part of another",
        right: Right::Command,
        fields: &[needed("into", FieldKind::Incident, "Make it part of")],
        fits: |incident| incident.is_open() && incident.restriction().is_none(),
        however_long: true,
        make: |by, given| Ok(Command::Life(LifeCommand::MergeInto { by, into: given.needed("into")? })),
        ..PLAIN
    },
    // Of evidence. To keep some is no row: its bytes come with it.
    CommandKind {
        word: "hold",
        title: "Hold",
        doc: "Legal hold: nothing of it may be erased until an administrator lifts the hold",
        right: Right::Command,
        fields: &[needed("reason", FieldKind::Text, "Why it must be kept: who asks for it, in which matter")],
        for_many: true,
        however_long: true,
        make: |by, given| Ok(Command::Evidence(EvidenceCommand::Hold { by, reason: given.text("reason")? })),
        ..PLAIN
    },
    CommandKind {
        word: "lift_hold",
        title: "Lift the hold",
        doc: "It may be erased again",
        right: Right::Administer,
        fields: &[needed("reason", FieldKind::Text, "Why it need not be kept any more, and who says so")],
        fits: |incident| incident.hold().is_some(),
        however_long: true,
        make: |by, given| Ok(Command::Evidence(EvidenceCommand::LiftHold { by, reason: given.text("reason")? })),
        ..PLAIN
    },
    CommandKind {
        word: "hand_out",
        title: "Hand out evidence",
        doc: "You gave a piece of evidence to somebody outside: its custody says to whom and why",
        right: Right::Command,
        fields: &[
            needed("number", FieldKind::Count, "Which piece, by its number"),
            needed("to", FieldKind::Text, "To whom"),
            needed("reason", FieldKind::Text, "Why"),
        ],
        fits: |incident| !incident.evidence().is_empty(),
        however_long: true,
        make: |by, given| {
            let number = u32::try_from(given.number("number")?.unwrap_or_default()).unwrap_or(u32::MAX);
            let handling = Handling::HandedOut { to: given.text("to")?, reason: given.text("reason")? };
            Ok(Command::Evidence(EvidenceCommand::Handle { by, number, handling }))
        },
        ..PLAIN
    },
    CommandKind {
        word: "restrict",
        title: "Restrict",
        doc: "From now on only those inside see more than a code name, its severity and its phase; every reading is logged",
        right: Right::Command,
        fields: &[WHY, CODE_NAME, MEMBERS],
        fits: |incident| is_not_merged(incident) && incident.restriction().is_none(),
        however_long: true,
        make: restrict,
        ..PLAIN
    },
    CommandKind {
        word: "let_in",
        title: "Let in",
        doc: "Somebody, or a team, may look",
        make: |by, given| about_access(given, |whom, reason| AccessCommand::LetIn { by, whom, reason }),
        ..INSIDE
    },
    CommandKind {
        word: "put_out",
        title: "Put out",
        doc: "Somebody, or a team, may not look any more; a person loses their roles in it with that",
        make: |by, given| about_access(given, |whom, reason| AccessCommand::PutOut { by, whom, reason }),
        ..INSIDE
    },
    CommandKind {
        word: "lift_restriction",
        title: "Lift the restriction",
        doc: "Everybody who may read may look again",
        fields: &[WHY],
        make: |by, given| about_access(given, |_, reason| AccessCommand::Lift { by, reason }),
        ..INSIDE
    },
    CommandKind {
        word: BREAK_GLASS,
        title: "Break the glass",
        doc: "Look into a restricted incident though nobody let you in; those inside are shown that you did, and why",
        right: Right::Administer,
        fields: &[WHY],
        make: |by, given| about_access(given, |_, reason| AccessCommand::BreakGlass { by, reason }),
        ..INSIDE
    },
    CommandKind {
        word: "say",
        title: "Say",
        doc: "Write a message in the room",
        fields: &[
            needed("text", FieldKind::Text, "Message"),
            field("reply_to", FieldKind::Message, "The message that it replies to"),
            KEY,
        ],
        fits: has_space,
        make: |by, given| {
            let (kind, reply_to, text) = (MessageKind::Message, given.read("reply_to")?, given.text("text")?);
            Ok(written(by, kind, text, reply_to, given.read("key")?))
        },
        ..IN_ROOM
    },
    CommandKind {
        word: "decide",
        title: "Decide",
        doc: "Say what is decided: the review has it with its time and your name",
        fields: &[needed("text", FieldKind::Text, "What is decided"), KEY],
        fits: has_space,
        make: |by, given| Ok(written(by, MessageKind::Decision, given.text("text")?, None, given.read("key")?)),
        ..IN_ROOM
    },
    CommandKind {
        word: "ask",
        title: "Ask",
        doc: "Ask a question, which stays in sight until somebody answers",
        fields: &[needed("text", FieldKind::Text, "What you want to know"), KEY],
        fits: has_space,
        make: |by, given| Ok(written(by, MessageKind::Question, given.text("text")?, None, given.read("key")?)),
        ..IN_ROOM
    },
    CommandKind {
        word: "answer",
        title: "Answer",
        doc: "Answer a question, which closes it",
        fields: &[
            needed("question", FieldKind::Message, "The question"),
            needed("text", FieldKind::Text, "Answer"),
            KEY,
        ],
        fits: |incident| has_space(incident) && incident.room().has_questions(),
        make: |by, given| {
            let question = given.needed("question")?;
            Ok(written(by, MessageKind::Answer, given.text("text")?, Some(question), given.read("key")?))
        },
        ..IN_ROOM
    },
    CommandKind {
        word: "edit",
        title: "Change",
        doc: "Change the words of a message of your own; those of before stay in the log",
        fields: &[
            needed("message", FieldKind::Message, "The message"),
            needed("text", FieldKind::Text, "Its words from now on"),
        ],
        fits: |incident| has_space(incident) && incident.room().has_standing(),
        make: |by, given| {
            let (message, text) = (given.needed("message")?, given.text("text")?);
            Ok(Command::Room(RoomCommand::Edit { by, message, text, origin: None }))
        },
        ..IN_ROOM
    },
    CommandKind {
        word: "withdraw",
        title: "Withdraw",
        doc: "Take a message back: nobody is shown it any more; the log keeps it, and that you did this",
        fields: &[
            needed("message", FieldKind::Message, "The message"),
            field("reason", FieldKind::Text, "Why; needed where it is not your own"),
        ],
        fits: |incident| !incident.room().is_empty(),
        make: |by, given| {
            let (message, reason) = (given.needed("message")?, given.text("reason")?);
            Ok(Command::Room(RoomCommand::Withdraw { by, message, reason, origin: None }))
        },
        ..IN_ROOM
    },
    CommandKind {
        word: "pin",
        title: "Pin",
        doc: "Keep a message in sight",
        fields: &[needed("message", FieldKind::Message, "The message")],
        fits: |incident| has_space(incident) && incident.room().has_standing(),
        make: |by, given| Ok(Command::Room(RoomCommand::Pin { by, message: given.needed("message")? })),
        ..IN_ROOM
    },
    CommandKind {
        word: "unpin",
        title: "Unpin",
        doc: "Keep a message in sight no longer",
        fields: &[needed("message", FieldKind::Message, "The message")],
        fits: |incident| is_not_merged(incident) && !incident.room().is_empty(),
        make: |by, given| Ok(Command::Room(RoomCommand::Unpin { by, message: given.needed("message")? })),
        ..IN_ROOM
    },
];
