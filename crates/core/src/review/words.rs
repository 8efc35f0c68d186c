//! What happened, in words: one line of the timeline for each event, and how people, reasons and outcomes are called.

use std::collections::BTreeSet;

use super::{Names, Reading};
use crate::{
    id::{CheckId, PersonId, ServiceId},
    incident::{
        AccessEvent, Actor, ChecksEvent, ClaimsEvent, IncidentEvent, LifeEvent, MessageKind, PageOutcome, PageReason,
        PagingEvent, RolesEvent, RoomEvent, TasksEvent, unmet::Judged,
    },
    policy::Whom,
    resource::Resource,
    signal::Signal,
    time::{Timestamp, human_span},
};

pub(super) const DELIVERED: &str = "delivered";
pub(super) const FAILED: &str = "failed";
pub(super) const UNKNOWN: &str = "unknown";
/// Why a block's time is no time of the attack.
pub(super) const BLOCK_TIME: &str =
    "a block's time is to the second and says when the block was built, not when the transaction was sent";
const SOURCE_TIME: &str = "an event time is by the source's own clock, whose error is not known";
const SECOND_MS: i64 = 1_000;

impl Names<'_> {
    /// How people call a person.
    pub(super) fn person(&self, person: &PersonId) -> String {
        (self.person_name)(person).unwrap_or_else(|| person.to_string())
    }

    /// How people call a service.
    pub(super) fn service(&self, service: &ServiceId) -> String {
        (self.service_title)(service).unwrap_or_else(|| service.to_string())
    }

    pub(super) fn actor(&self, actor: &Actor) -> String {
        match actor {
            Actor::Person(person) => self.person(person),
            Actor::Token(_) | Actor::System => actor.to_string(),
        }
    }
}

/// Why a page went out, to read after "paged because".
pub(super) const fn reason(reason: &PageReason) -> &'static str {
    match reason {
        PageReason::Opened => "it opened, or became bad enough to page",
        PageReason::NotAcknowledged => "nobody acknowledged in time",
        PageReason::AcknowledgementExpired => "the acknowledgement ran out",
        PageReason::SeverityRose => "the severity rose",
        PageReason::Asked => "somebody asked for it",
        PageReason::Fallback => "only the fallback was left",
        PageReason::Failed => "the page before failed",
        PageReason::MayHaveArrived => "the page before may not have arrived",
        PageReason::Reopened => "it was reopened",
        PageReason::NobodyReached => "no page before is known to have reached anybody",
        PageReason::AnotherClaim => "something that nobody had answered for joined it",
        PageReason::CalledIn => "they were asked to come",
        PageReason::NotComing => "nobody came of those whom they had asked",
        PageReason::HandedOver => "it was handed over to them",
        PageReason::TaskAssigned { .. } => "somebody gave them a task",
        PageReason::TaskOverdue { .. } => "a task is past its time",
        PageReason::ClaimRanOut { .. } => "their claim of a task ran out",
        PageReason::ClaimOverridden { .. } => "somebody went ahead in spite of their claim",
    }
}

/// What became of a page, in a word and in the channel's own words.
pub(super) fn outcome(outcome: &PageOutcome) -> (&'static str, &str) {
    match outcome {
        PageOutcome::Delivered { receipt } => (DELIVERED, receipt),
        PageOutcome::Failed { error } => (FAILED, error),
        PageOutcome::Unknown { error } => (UNKNOWN, error),
    }
}

fn tier(tier: Option<usize>) -> String {
    tier.map_or_else(|| "the fallback".to_owned(), |tier| format!("tier {}", tier.saturating_add(1)))
}

/// `, asked by …`, unless it was `usual` who asked.
fn asked(by: &Actor, usual: &Actor, names: &Names<'_>) -> String {
    if by == usual { String::new() } else { format!(", asked by {}", names.actor(by)) }
}

/// One line of the timeline. Tiers are counted from 1, as people count.
pub(super) fn line(event: &IncidentEvent, names: &Names<'_>) -> String {
    match event {
        IncidentEvent::Life(event) => of_life(event, names),
        IncidentEvent::Claims(event) => of_claims(event, names),
        IncidentEvent::Paging(event) => of_paging(event, names),
        IncidentEvent::Roles(event) => of_roles(event, names),
        IncidentEvent::Room(event) => of_room(event, names),
        IncidentEvent::Tasks(event) => of_tasks(event, names),
        IncidentEvent::Checks(event) => of_checks(event, names),
        IncidentEvent::Evidence(event) => super::evidence::line(event, names),
        IncidentEvent::Access(event) => of_access(event, names),
    }
}

fn of_life(event: &LifeEvent, names: &Names<'_>) -> String {
    match event {
        LifeEvent::Opened { title, service, signal, score, drill, .. } => {
            let what = if *drill { "Drill opened" } else { "Opened" };
            let on = service.as_ref().map_or_else(String::new, |service| format!(" on {}", names.service(service)));
            let how = match &signal.declared {
                Some(declared) => format!("declared by {}", names.actor(&declared.by)),
                None => format!("signal of {}", signal.detector),
            };
            format!("{what} as {score}{on}: {title} ({how})")
        }
        LifeEvent::Acknowledged { by, until } => {
            format!("{} acknowledged, until {until}", names.actor(by))
        }
        LifeEvent::AcknowledgementExpired {} => "The acknowledgement ran out".to_owned(),
        LifeEvent::Mitigated { by, note } => format!("{} mitigated: {note}", names.actor(by)),
        LifeEvent::Resolved { by, note, look_again, recovery } => {
            let again = look_again.map_or_else(String::new, |at| {
                format!("; a monitor still says that it goes on, and if it does so at {at} this begins again")
            });
            let recovery = recovery.as_deref();
            let over = recovery.and_then(|recovery| recovery.over.as_ref());
            let over = over.map_or_else(String::new, |over| {
                format!("; IN SPITE OF {}, because: {}", over.unmet.join("; "), over.reason)
            });
            let watch = recovery.and_then(|recovery| recovery.watch);
            let watch = watch.map_or_else(String::new, |until| format!("; its checks go on until {until}"));
            format!("{} resolved: {note}{over}{again}{watch}", names.actor(by))
        }
        LifeEvent::Reopened { by, reason } => format!("{} reopened: {reason}", names.actor(by)),
        LifeEvent::Reviewed { by, note } => format!("{} reviewed: {note}", names.actor(by)),
        LifeEvent::MergedInto { by, into } => format!("{} merged it into {into}", names.actor(by)),
    }
}

fn of_claims(event: &ClaimsEvent, names: &Names<'_>) -> String {
    match event {
        ClaimsEvent::SignalAttached { signal } => {
            format!("Signal of {} joined: {}", signal.detector, signal.title)
        }
        ClaimsEvent::SignalsAbsorbed { count, signal: Some(signal) } => {
            format!("Signal {signal} came again, counted {count}")
        }
        ClaimsEvent::SignalsAbsorbed { count, signal: None } => {
            format!("Further signals were counted, not kept one by one: {count}")
        }
        ClaimsEvent::SignalConfirmed { signal } => {
            format!("Signal {signal} is confirmed: its block is final")
        }
        ClaimsEvent::SignalRetracted { signal, reason } => {
            format!("Signal {signal} is retracted: {reason}")
        }
        ClaimsEvent::SignalEnded { signal, .. } => {
            format!("Signal {signal} is over, says its source")
        }
        ClaimsEvent::EndingLate { signal, at } => {
            format!("Signal {signal} goes on: its source said late that it had been over at {at}, before it began anew")
        }
        ClaimsEvent::SignalSilent { signal, at } => {
            format!(
                "Signal {signal} was not repeated after {at}: its source fell silent, and nobody knows whether it goes on"
            )
        }
        ClaimsEvent::SignalTakenUp { signal, by } => {
            format!(
                "{} says that somebody there works on signal {signal}; that acknowledges nothing here",
                names.actor(by)
            )
        }
        ClaimsEvent::SignalAcknowledged { signal, by, until } => {
            format!("{} is on signal {signal}, until {until}; other claims go on paging", names.actor(by))
        }
        ClaimsEvent::SignalUnanswered { signal, to: Some(person) } => {
            format!("Signal {signal} is more than was answered for: {} is told", names.person(person))
        }
        ClaimsEvent::SignalUnanswered { signal, to: None } => {
            format!("Nobody has answered for signal {signal}: the acknowledgement does not cover it and is void")
        }
        ClaimsEvent::SeverityChanged(change) if change.from == change.to => {
            format!("Score is now {}", change.score)
        }
        ClaimsEvent::SeverityChanged(change) => {
            format!("Severity changed from {} to {}", change.from, change.score)
        }
        ClaimsEvent::FactsStated { by, facts: stated, replace } => {
            let instead = if *replace { "instead of what was known" } else { "besides what was known" };
            format!("{} stated, {instead}: {}", names.actor(by), stated)
        }
        ClaimsEvent::MergedFrom { by, from, facts: brought } => {
            format!("{} merged {from} into it, which brought: {}", names.actor(by), brought)
        }
    }
}

fn of_paging(event: &PagingEvent, names: &Names<'_>) -> String {
    match event {
        PagingEvent::Escalated { tier: to, round, reason: why, by, next, note } => {
            let next = next.map_or_else(String::new, |next| format!("; next step at {next}"));
            let by = asked(by, &Actor::System, names);
            let because = if note.is_empty() { String::new() } else { format!(" ({note})") };
            format!("Escalated to {} in round {round}: {}{by}{because}{next}", tier(*to), reason(why))
        }
        PagingEvent::PageRequested { page, person, channel, reason: why, repeat_of, .. } => {
            let repeat = repeat_of.map_or_else(String::new, |of| format!(", a repeat of {of}"));
            format!("Page {page} to {} by {channel}{repeat}: {}", names.person(person), reason(why))
        }
        PagingEvent::PageImpossible { person, reason: why, tier: from } => {
            let whom = person.as_ref().map_or_else(|| "anybody".to_owned(), |person| names.person(person));
            format!("No way to page {whom} in {}: {why}", tier(Some(*from)))
        }
        PagingEvent::PageSettled { page, outcome: became, latency_ms } => {
            let (word, detail) = outcome(became);
            format!("Page {page} {word} after {}: {detail}", human_span(*latency_ms))
        }
        PagingEvent::NobodyReached { passes, next } => {
            let again = next.map_or_else(String::new, |next| format!("; everybody is tried again at {next}"));
            let times = if *passes > 1 { format!(", {passes} times in a row") } else { String::new() };
            format!("NOBODY COULD BE REACHED: everybody was tried, and no page is known to have arrived{times}{again}")
        }
        PagingEvent::HandedOver { by, reason, policy } => {
            format!("{} handed it over to {}: {reason}", names.actor(by), policy.id)
        }
    }
}

fn of_roles(event: &RolesEvent, names: &Names<'_>) -> String {
    match event {
        RolesEvent::RoleGivenUp { by, role, person } => {
            let by = asked(by, &Actor::Person(person.clone()), names);
            format!("{} is {} no more{by}", names.person(person), role.word())
        }
        RolesEvent::AskedIn { ask, whom, role, by, reason, next, .. } => {
            let whom = match whom {
                Whom::Person(person) => names.person(person),
                Whom::Schedule(_) | Whom::Policy(_) | Whom::Targets(_) => whom.to_string(),
            };
            let to = role.map_or_else(|| "to come".to_owned(), |role| format!("to be {}", role.word()));
            format!("{} asked {whom} {to} (ask {ask}): {reason}; asked again at {next}", names.actor(by))
        }
        RolesEvent::AskedAgain { ask, next, .. } => {
            format!("Nobody had answered ask {ask}: it was asked again; next step at {next}")
        }
        RolesEvent::AskAccepted { ask, person } => format!("{} is coming (ask {ask})", names.person(person)),
        RolesEvent::AskDeclined { ask, person, reason } => {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{} is not coming (ask {ask}){why}", names.person(person))
        }
        RolesEvent::AskUnanswered { ask, told: Some(person) } => {
            format!("Nobody came for ask {ask}: {} is told", names.person(person))
        }
        RolesEvent::AskUnanswered { ask, told: None } => format!("Nobody came for ask {ask}"),
        RolesEvent::RoleTaken { by, role: taken, person } => {
            let by = asked(by, &Actor::Person(person.clone()), names);
            format!("{} is {}{by}", names.person(person), taken.word())
        }
    }
}

fn of_room(event: &RoomEvent, names: &Names<'_>) -> String {
    match event {
        RoomEvent::NoteAdded { by, text } => format!("{}: {text}", names.actor(by)),
        RoomEvent::MessageWritten { by, kind, text, origin, .. } => {
            let by = names.actor(by);
            let by = match origin {
                Some(origin) => format!("{} ({} by {})", by, origin.author, origin.channel),
                None => by,
            };
            let verb = match kind {
                MessageKind::Message | MessageKind::Note => "",
                MessageKind::Decision => " decided",
                MessageKind::Question => " asked",
                MessageKind::Answer => " answered",
            };
            format!("{by}{verb}: {text}")
        }
        RoomEvent::MessageEdited { message, by, text, .. } => {
            format!("{} changed {message} to: {text}", names.actor(by))
        }
        RoomEvent::MessageWithdrawn { message, by, reason, .. } => {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{} withdrew {message}{why}", names.actor(by))
        }
        RoomEvent::MessagePinned { message, by } => format!("{} pinned {message}", names.actor(by)),
        RoomEvent::MessageUnpinned { message, by } => format!("{} unpinned {message}", names.actor(by)),
        RoomEvent::RoomEntered { person } => format!("{} is in the room", names.person(person)),
        RoomEvent::RoomLeft { person, seen } => format!("{} left the room, last seen at {seen}", names.person(person)),
    }
}

fn of_tasks(event: &TasksEvent, names: &Names<'_>) -> String {
    let list = |resources: &BTreeSet<Resource>| resources.iter().map(Resource::as_str).collect::<Vec<_>>().join(", ");
    let on = |resources: &BTreeSet<Resource>| {
        if resources.is_empty() { String::new() } else { format!(" on {}", list(resources)) }
    };
    let told = |assignee: &Option<PersonId>, due: &Option<Timestamp>| {
        let who = assignee.as_ref().map_or_else(String::new, |person| format!(", for {}", names.person(person)));
        let by = due.map_or_else(String::new, |due| format!(", by {due}"));
        format!("{who}{by}")
    };
    match event {
        TasksEvent::TaskAdded { by, title, assignee, due, resources, .. } => {
            format!("{} added a task: {title}{}{}", names.actor(by), on(resources), told(assignee, due))
        }
        TasksEvent::TaskChanged { task, by, assignee, due } => {
            format!("{} changed task {task}{}", names.actor(by), told(assignee, due))
        }
        TasksEvent::TaskClaimed { task, by, until, against, reason } if against.is_empty() => {
            format!("{} is on task {task} until {until}{reason}", names.actor(by))
        }
        TasksEvent::TaskClaimed { task, by, until, against, reason } => {
            let who: Vec<String> = against.iter().map(|one| names.actor(&one.holder)).collect();
            let over = who.join(", ");
            format!("{} is on task {task} until {until}, IN SPITE OF {over}: {reason}", names.actor(by))
        }
        TasksEvent::ClaimOverridden { task, holder, by, incident, other, title, resources, reason } => {
            let (by, holder, on) = (names.actor(by), names.actor(holder), on(resources));
            format!(
                "{by} went ahead{on} in spite of the claim of {holder} to task {task}, for task {other} of {incident} ({title}): {reason}"
            )
        }
        TasksEvent::ClaimRenewed { task, by, until } => {
            format!("{} goes on with task {task} until {until}", names.actor(by))
        }
        TasksEvent::ClaimReleased { task, by } => format!("{} is not on task {task} any more", names.actor(by)),
        TasksEvent::ClaimExpired { task, holder } => {
            format!("The claim of {} to task {task} ran out: nobody is on it", names.actor(holder))
        }
        TasksEvent::TaskOverdue { task, due } => format!("Task {task} is past its time, {due}"),
        TasksEvent::TaskDone { task, by, note } => format!("{} did task {task}: {note}", names.actor(by)),
        TasksEvent::TaskDropped { task, by, note } => format!("{} dropped task {task}: {note}", names.actor(by)),
        TasksEvent::TaskAdopted { title, from, claim, .. } => {
            let who = claim.as_ref().map_or_else(String::new, |claim| format!("; {} is on it", names.actor(&claim.by)));
            format!("A task came from {from}: {title}{who}")
        }
    }
}

fn of_checks(event: &ChecksEvent, names: &Names<'_>) -> String {
    match event {
        ChecksEvent::ValidationAsked { by, checks } => {
            let checks: Vec<&str> = checks.iter().map(CheckId::as_str).collect();
            format!("{} asked whether it is over: {} checked", names.actor(by), checks.join(", "))
        }
        ChecksEvent::CheckPassed(judged) | ChecksEvent::CheckFailed(judged) | ChecksEvent::CheckUnjudged(judged) => {
            let Judged { check, verdict, seen, at, took_ms } = judged;
            format!("Check `{check}` {} at {at}, in {took_ms} ms: {seen}", verdict.words())
        }
    }
}

fn of_access(event: &AccessEvent, names: &Names<'_>) -> String {
    let of = |whom: &Whom| match whom {
        Whom::Person(person) => names.person(person),
        Whom::Schedule(_) | Whom::Policy(_) | Whom::Targets(_) => whom.to_string(),
    };
    match event {
        AccessEvent::Restricted { by, code_name, reason, members } => {
            let members: Vec<String> = members.iter().map(of).collect();
            let inside = if members.is_empty() { "nobody yet".to_owned() } else { members.join(", ") };
            format!("{} restricted it as {code_name}, inside: {inside}: {reason}", names.actor(by))
        }
        AccessEvent::LetIn { by, whom, reason } => format!("{} let {} in: {reason}", names.actor(by), of(whom)),
        AccessEvent::PutOut { by, whom, reason } => format!("{} put {} out: {reason}", names.actor(by), of(whom)),
        AccessEvent::RestrictionLifted { by, reason } => {
            format!("{} lifted the restriction: {reason}", names.actor(by))
        }
        AccessEvent::GlassBroken { by, reason } => {
            format!("{} broke the glass and came in uninvited: {reason}", names.person(by))
        }
        AccessEvent::Read { by, part } => format!("{} read {}", names.person(by), part.words()),
    }
}

/// What other clocks said about an event.
pub(super) fn readings(event: &IncidentEvent) -> Vec<Reading> {
    match event {
        IncidentEvent::Life(LifeEvent::Opened { signal, .. })
        | IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal }) => of_signal(signal),
        IncidentEvent::Claims(ClaimsEvent::SignalEnded { at, .. } | ClaimsEvent::EndingLate { at, .. }) => {
            vec![reading("ended, by the source".to_owned(), *at, 1, Some(SOURCE_TIME))]
        }
        IncidentEvent::Claims(
            ClaimsEvent::SignalsAbsorbed { .. }
            | ClaimsEvent::SignalConfirmed { .. }
            | ClaimsEvent::SignalSilent { .. }
            | ClaimsEvent::SignalTakenUp { .. }
            | ClaimsEvent::SignalAcknowledged { .. }
            | ClaimsEvent::SignalUnanswered { .. }
            | ClaimsEvent::SignalRetracted { .. }
            | ClaimsEvent::SeverityChanged(_)
            | ClaimsEvent::FactsStated { .. }
            | ClaimsEvent::MergedFrom { .. },
        )
        | IncidentEvent::Paging(
            PagingEvent::Escalated { .. }
            | PagingEvent::PageRequested { .. }
            | PagingEvent::PageImpossible { .. }
            | PagingEvent::PageSettled { .. }
            | PagingEvent::HandedOver { .. }
            | PagingEvent::NobodyReached { .. },
        )
        | IncidentEvent::Life(
            LifeEvent::Acknowledged { .. }
            | LifeEvent::AcknowledgementExpired {}
            | LifeEvent::Mitigated { .. }
            | LifeEvent::Resolved { .. }
            | LifeEvent::Reopened { .. }
            | LifeEvent::Reviewed { .. }
            | LifeEvent::MergedInto { .. },
        )
        | IncidentEvent::Roles(_)
        | IncidentEvent::Tasks(_)
        | IncidentEvent::Checks(_)
        | IncidentEvent::Evidence(_)
        | IncidentEvent::Access(_)
        | IncidentEvent::Room(_) => Vec::new(),
    }
}

fn of_signal(signal: &Signal) -> Vec<Reading> {
    let mut readings = Vec::new();
    let block_time = signal.position.as_ref().map(|position| position.block_time);
    readings.extend(block_time.map(|at| reading("block time".to_owned(), at, SECOND_MS, Some(BLOCK_TIME))));
    if block_time != Some(signal.event_time) {
        readings.push(reading(format!("event time by {}", signal.detector), signal.event_time, 1, Some(SOURCE_TIME)));
    }
    readings.push(reading("observed".to_owned(), signal.observed, 1, None));
    readings
}

fn reading(clock: String, from: Timestamp, width_ms: i64, note: Option<&'static str>) -> Reading {
    Reading { clock, from, until: Timestamp::from_ms(from.as_ms().saturating_add(width_ms)), note }
}
