//! When a command of THE LIST makes sense, and how it is made of what was given. Tests: `offer/tests.rs`.

use super::given::Given;
use crate::{
    id::MessageId,
    incident::{
        AccessCommand, Actor, ClaimsCommand, Command, Incident, MessageKind, Phase, Refusal, ResponseRole,
        RolesCommand, RoomCommand, TasksCommand, tasks::command::Claiming,
    },
    money::Usd,
    signal::Facts,
};

pub(super) const ROLES: &[&str] = &ResponseRole::WORDS;

pub(super) fn has_space(incident: &Incident) -> bool {
    is_not_merged(incident) && !incident.room().is_full()
}

pub(super) fn written(
    by: Actor,
    kind: MessageKind,
    text: String,
    reply_to: Option<MessageId>,
    key: Option<String>,
) -> Command {
    Command::Room(RoomCommand::Write { by, kind, text, reply_to, key, origin: None })
}

pub(super) fn is_unanswered(incident: &Incident) -> bool {
    matches!(incident.phase(), Phase::Triggered | Phase::Acknowledged)
}

pub(super) fn is_not_merged(incident: &Incident) -> bool {
    incident.phase() != Phase::Merged
}

/// Whether somebody was asked to come and may still answer.
pub(super) fn is_awaited(incident: &Incident) -> bool {
    incident.is_open() && incident.asks().values().any(|ask| ask.people.iter().any(|person| ask.awaits(person)))
}

pub(super) fn ask_number(given: &Given) -> Result<Option<u32>, Refusal> {
    // What is beyond any number that there is names nothing, and is refused as such.
    Ok(given.number("ask")?.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
}

pub(super) fn has_claimed_task(incident: &Incident) -> bool {
    incident.is_open() && incident.tasks().values().any(|task| task.claim().is_some())
}

pub(super) fn claiming(given: &Given) -> Result<Claiming, Refusal> {
    Ok(Claiming { until: given.read("until")?, reason: given.text("override")?, against: Vec::new() })
}

pub(super) fn add_task(by: Actor, given: &Given) -> Result<Command, Refusal> {
    let claim = given.flag("claim")?.then(|| claiming(given)).transpose()?;
    Ok(Command::Tasks(TasksCommand::Add {
        by,
        title: given.text("title")?,
        assignee: given.read("assignee")?,
        due: given.read("due")?,
        resources: given.list("resources")?,
        claim,
    }))
}

pub(super) fn yes(flag: bool) -> Option<String> {
    flag.then(|| "yes".to_owned())
}

pub(super) fn role_of(given: &Given) -> Result<ResponseRole, Refusal> {
    let word = given.choice("role", ROLES)?;
    // The choice has let no other word through.
    Ok(ResponseRole::named(word).unwrap_or(ResponseRole::Commander))
}

pub(super) fn take_role(by: Actor, given: &Given) -> Result<Command, Refusal> {
    let role = role_of(given)?;
    let person = match (given.read("person")?, &by) {
        (Some(person), _) => person,
        (None, Actor::Person(person)) => person.clone(),
        (None, by) => {
            let want = format!("{by} is no person: say who takes the role");
            return Err(Refusal::BadField { field: "person", value: String::new(), want });
        }
    };
    Ok(Command::Roles(RolesCommand::Take { by, role, person }))
}

pub(super) fn state_facts(by: Actor, given: &Given) -> Result<Command, Refusal> {
    let facts = Facts {
        money_at_risk: Usd::from_cents(given.number("money_at_risk_cents")?.unwrap_or_default()),
        users: given.number("users")?,
        irreversible: given.flag("irreversible")?,
        key_compromise: given.flag("key_compromise")?,
        theft: given.flag("theft")?,
    };
    Ok(Command::Claims(ClaimsCommand::StateFacts { by, facts, replace: given.flag("replace")? }))
}

/// A command about who may look, of whom it names and why.
pub(super) fn about_access(
    given: &Given,
    command: impl FnOnce(String, String) -> AccessCommand,
) -> Result<Command, Refusal> {
    Ok(Command::Access(command(given.text("whom")?, given.text("reason")?)))
}

pub(super) fn restrict(by: Actor, given: &Given) -> Result<Command, Refusal> {
    let (code_name, reason, members) = (given.text("code_name")?, given.text("reason")?, given.list("members")?);
    Ok(Command::Access(AccessCommand::Restrict { by, code_name, reason, members }))
}
