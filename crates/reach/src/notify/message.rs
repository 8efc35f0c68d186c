//! What a delivery says: composed from the incident as it stands when the delivery leaves. Where the incident's history cannot be
//! read, a page says that, and leaves all the same: somebody has to look. Tests: below, and `tests/it/pages.rs` of the server.

use std::borrow::Cow;

use quarterdeck_core::{
    id::{IncidentId, PageId},
    incident::{Actor, Incident, PageReason, PageRecord, Severity},
    limits::TITLE_BYTES_MAX,
    outbox::{Audience, Delivery, DeliveryKind},
    setting::Setting,
    silence::Silence,
    time::Timestamp,
};

use crate::notify::{Bundled, Message, MessageKind};

/// What only the sender knows of a delivery.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// People's names.
    pub setting: &'a Setting,
    /// The console's address, for the link.
    pub base_url: &'a str,
    /// When it was decided, or put back last: for what has no instant of its own.
    pub at: Timestamp,
    /// Whether an earlier attempt may have arrived.
    pub repeated: bool,
    /// When it leaves.
    pub now: Timestamp,
}

/// The message of a delivery about an incident; none: its history cannot be read.
pub fn compose(incident: Option<&Incident>, delivery: &Delivery, sending: Sending<'_>) -> Message {
    let Sending { setting, base_url, at, repeated, now: _ } = sending;
    let Audience::Contact { person, address, .. } = &delivery.to;
    let record = delivery.page().and_then(|page| incident?.pages().get(&page));
    let repeat = repeated || record.is_some_and(|record| record.reason == PageReason::MayHaveArrived);
    let person = setting.roster.people.get(person).map_or(person.as_str(), |person| person.name.as_str());
    let text = match (incident, delivery.kind) {
        (Some(incident), kind) if incident.restriction().is_some() => restricted_text(incident, kind, record, repeat),
        (Some(incident), DeliveryKind::Page) => page_text(incident, record, repeat, setting),
        (Some(incident), DeliveryKind::AllClear) => all_clear_text(incident, setting),
        (Some(incident), DeliveryKind::HandedOver) => handed_over_text(incident, setting),
        (None, DeliveryKind::HandedOver) => "It was handed over to another team. No answer is needed.".to_owned(),
        (None, DeliveryKind::AllClear) => "It is over. No answer is needed.".to_owned(),
        (_, DeliveryKind::Notice) => String::new(),
        (None, DeliveryKind::Page) => UNREADABLE_TEXT.to_owned(),
    };
    Message {
        page: PageId::from_bytes(*delivery.id.bytes()),
        incident: delivery.incident,
        // Of one that cannot be read the worst is taken: who is paged for nothing can go back to bed.
        severity: incident.map_or(Severity::Sev1, Incident::severity),
        title: incident.map_or_else(
            || unreadable_title(delivery.incident),
            |incident| shortened(&incident.name_outside(), TITLE_BYTES_MAX),
        ),
        text,
        person: person.to_owned(),
        address: address.clone(),
        link: format!("{}/incidents/{}", base_url.trim_end_matches('/'), delivery.incident),
        repeat,
        drill: incident.is_some_and(Incident::is_drill),
        kind: match delivery.kind {
            DeliveryKind::Page => MessageKind::Page,
            DeliveryKind::AllClear => MessageKind::Resolved,
            DeliveryKind::HandedOver => MessageKind::HandedOver,
            DeliveryKind::Notice => MessageKind::Notice,
        },
        at: record.map_or(at, |record| record.requested),
        also: Vec::new(),
    }
}

/// What the owner of a silence is told of it: that it is to end, or is over, and what it holds.
pub fn of_silence(silence: &Silence, held: usize, delivery: &Delivery, sending: Sending<'_>) -> Message {
    let base = compose(None, delivery, sending);
    let over = silence.ends <= sending.now;
    let reason = if silence.comment.is_empty() { "no reason was given" } else { silence.comment.as_str() };
    let verb = if over { "is over" } else { "is about to end" };
    let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    let holds = match (over, held) {
        (true, _) => "What it held and still stands is told now, and pages whom it pages.".to_owned(),
        (false, 0) => "It holds nothing back now.".to_owned(),
        (false, 1) => "1 signal that it holds back still stands; it is told then.".to_owned(),
        (false, held) => format!("{held} signals that it holds back still stand; they are told then."),
    };
    let text = [
        format!("It means signals with {}, and ends at {}.", matchers.join(" "), silence.ends),
        holds,
        format!("It is yours because {} set it.", silence.created_by),
    ];
    Message {
        title: shortened(&format!("Silence {verb}: {reason}"), TITLE_BYTES_MAX),
        text: text.join("\n"),
        severity: Severity::Sev5,
        link: format!("{}/silences", sending.base_url.trim_end_matches('/')),
        ..base
    }
}

/// Incidents that a message names one by one: what a person reads of it. The others are counted, and a program is given all.
const NAMED_MAX: usize = 200;

/// Several messages to one contact as one, the worst first: it is as bad as that, and each keeps its own link. None: there is none.
pub fn bundle(mut messages: Vec<Message>, base_url: &str) -> Option<Message> {
    messages.sort_by_key(|message| (std::cmp::Reverse(message.severity), message.at));
    let mut all = messages.into_iter();
    let first = all.next()?;
    let also: Vec<Bundled> = all
        .map(|Message { page, incident, severity, title, link, repeat, at, .. }| Bundled {
            page,
            incident,
            severity,
            title,
            link,
            repeat,
            at,
        })
        .collect();
    if also.is_empty() {
        return Some(first);
    }
    let count = also.len() + 1;
    let what = match first.kind {
        MessageKind::Page => format!("{count} incidents need you. The worst is told first."),
        MessageKind::Resolved => format!("{count} incidents are over."),
        MessageKind::HandedOver => format!("{count} incidents were handed over."),
        MessageKind::Notice => format!("{count} silences."),
    };
    let mut lines = vec![what, format!("{}: {}", first.severity, first.title), first.text.clone()];
    lines.push("Each has to be answered by itself:".to_owned());
    let line = |severity: Severity, title: &str, link: &str| format!("{severity}: {title} {link}");
    lines.push(line(first.severity, &first.title, &first.link));
    lines.extend(also.iter().take(NAMED_MAX).map(|one| line(one.severity, &one.title, &one.link)));
    if also.len() > NAMED_MAX {
        let list = base_url.trim_end_matches('/');
        lines.push(format!("And {} more: {list}/incidents", also.len() - NAMED_MAX));
    }
    let title = shortened(&format!("{} and {} more", first.title, also.len()), TITLE_BYTES_MAX);
    let repeat = first.repeat || also.iter().any(|one| one.repeat);
    Some(Message { title, text: lines.join("\n"), repeat, also, ..first })
}

/// What a page says whose incident cannot be read.
const UNREADABLE_TEXT: &str = "You were to be paged for it, and the history of this incident cannot be read any more. \
    Look at what is going on, and at the faults that Quarterdeck shows of itself.";

fn unreadable_title(incident: IncidentId) -> String {
    format!("{incident}: its history cannot be read")
}

/// What leaves the house of a restricted incident: how bad it is and why the reader is needed, in the words of no signal and no person.
fn restricted_text(incident: &Incident, kind: DeliveryKind, record: Option<&PageRecord>, repeat: bool) -> String {
    let mut lines = Vec::new();
    if incident.is_drill() {
        lines.push(DRILL_TEXT.to_owned());
    }
    match kind {
        DeliveryKind::AllClear => lines.push("It is over. No answer is needed.".to_owned()),
        DeliveryKind::HandedOver => {
            lines.push("It was handed over to another team. No answer is needed from you.".to_owned());
        }
        DeliveryKind::Page | DeliveryKind::Notice => {
            lines.push("Restricted: what it is about is on its page, for those inside.".to_owned());
            let number = incident.severity().number();
            lines.push(format!("How bad: {number} of 5, where 1 is the worst."));
            lines.extend(record.map(|record| format!("Why you, why now: {}.", why(&record.reason))));
        }
    }
    if repeat {
        lines.push("This page may have reached you before: it is a repeat.".to_owned());
    }
    lines.join("\n")
}

fn page_text(incident: &Incident, record: Option<&PageRecord>, repeat: bool, setting: &Setting) -> String {
    let mut lines = Vec::new();
    if incident.is_drill() {
        lines.push(DRILL_TEXT.to_owned());
    }
    lines.extend(incident.leading().map(|leading| leading.signal.explanation.text.clone()));
    if incident.headline() != incident.title() {
        lines.push(format!("It began as: {}.", incident.title().trim_end_matches('.')));
    }
    let money = incident.facts().money_at_risk;
    let service = incident.service().map_or("no known service", |service| service.as_str());
    lines.push(format!("Service: {service}. Money at risk: {money}. Signals: {}.", incident.signals().len()));
    let silent = incident.signals().values().filter(|one| one.is_live() && one.silent.is_some()).count();
    if silent > 0 {
        lines.push(format!(
            "Not repeated by their monitor any more, so that nobody knows whether they go on: {silent}."
        ));
    }
    let number = incident.severity().number();
    lines.push(format!("How bad: {number} of 5, where 1 is the worst, because {}.", incident.score().in_words()));
    lines.extend(record.map(|record| format!("Why you, why now: {}.", because(incident, record, setting))));
    if repeat {
        lines.push("This page may have reached you before: it is a repeat.".to_owned());
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// What a page of an exercise says first.
const DRILL_TEXT: &str = "This is a drill: answer as if it were real. Nothing real has happened.";

/// That it is over, by whom and how.
fn all_clear_text(incident: &Incident, setting: &Setting) -> String {
    let how = match (incident.merged_into(), incident.resolved_by()) {
        (Some(_), _) => "It became part of another incident".to_owned(),
        (None, Some((Actor::System, note))) => format!("It is over by itself: {}", note.trim_end_matches('.')),
        (None, Some((by, note))) if note.is_empty() => format!("It is over, says {}", called(by, setting)),
        (None, Some((by, note))) => {
            format!("It is over, says {}: {}", called(by, setting), note.trim_end_matches('.'))
        }
        (None, None) => "It is over".to_owned(),
    };
    let drill = if incident.is_drill() { "This was a drill. " } else { "" };
    let Some(at) = incident.looks_again() else { return format!("{drill}{how}. No answer is needed.") };
    let firing = incident.signals().values().filter(|attached| attached.is_firing()).count();
    let still = if firing == 1 {
        "1 claim of a monitor still stands: if it does".to_owned()
    } else {
        format!("{firing} claims of monitors still stand: if one does")
    };
    format!("{drill}{how}. {still} at {at}, it begins again.")
}

/// That it is another team's, by whom and why.
fn handed_over_text(incident: &Incident, setting: &Setting) -> String {
    let drill = if incident.is_drill() { "This was a drill for you. " } else { "" };
    let to = &incident.escalation().policy.id;
    let how = incident.handed_over().map_or_else(String::new, |handed| {
        format!(" by {}: {}", called(&handed.by, setting), handed.reason.trim_end_matches('.'))
    });
    format!("{drill}It was handed over to {to}{how}. No answer is needed from you.")
}

/// How people call whoever did it.
fn called<'a>(by: &'a Actor, setting: &'a Setting) -> Cow<'a, str> {
    match by {
        Actor::Person(person) => {
            let known = setting.roster.people.get(person);
            Cow::Borrowed(known.map_or(person.as_str(), |person| person.name.as_str()))
        }
        Actor::Token(_) | Actor::System => Cow::Owned(by.to_string()),
    }
}

/// Why this page is owed, with who asked for it, and why.
fn because<'a>(incident: &'a Incident, record: &PageRecord, setting: &'a Setting) -> Cow<'a, str> {
    let said = |verb: &str, (by, why): &(Actor, String)| {
        let why = why.trim_end_matches('.');
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        Cow::Owned(format!("{} {verb}{why}", called(by, setting)))
    };
    let asked = incident.ask_of(record.id).filter(|_| incident.first_reason(record.id) == Some(&PageReason::CalledIn));
    if let Some(ask) = asked {
        // However it comes, by this contact or by the next one: who asks, what for, and what is to be done with it.
        let to = ask.role.map_or_else(|| "asked for you".to_owned(), |role| format!("asked you to be {}", role.word()));
        let said = said(&to, &(ask.by.clone(), ask.reason.clone()));
        return Cow::Owned(format!("{said}. Say whether you are coming: accept or decline ask {}", ask.number));
    }
    if let Some(of_task) = of_task(incident, record, setting) {
        return Cow::Owned(of_task);
    }
    match (&record.reason, incident.asker(), incident.reopened_by()) {
        (PageReason::NotComing, ..) if incident.ask_of(record.id).is_some() => {
            let whom = incident.ask_of(record.id).map(|ask| ask.whom.to_string()).unwrap_or_default();
            Cow::Owned(format!("you asked {whom} to come, and nobody came"))
        }
        (PageReason::HandedOver, ..) if incident.handed_over().is_some() => {
            let handed = incident.handed_over().map(|handed| (handed.by.clone(), handed.reason.clone()));
            handed.map_or(Cow::Borrowed(""), |handed| said("handed it over to your team", &handed))
        }
        (PageReason::Asked, Some(who), _) => said("asked for you", who),
        (PageReason::Reopened, _, Some((Actor::System, why))) => {
            Cow::Owned(format!("it was reopened, because {}", why.trim_end_matches('.')))
        }
        (PageReason::Reopened, _, Some(reopened)) => said("reopened it", reopened),
        (PageReason::AnotherClaim, ..) => {
            let title = incident.unanswered().map(|claim| format!(": {}", claim.signal.title));
            Cow::Owned(format!("{}{}", why(&record.reason), title.unwrap_or_default()))
        }
        (reason, ..) => Cow::Borrowed(why(reason)),
    }
}

/// What happened to the task that the page, or the one that it repeats, is about.
fn of_task(incident: &Incident, record: &PageRecord, setting: &Setting) -> Option<String> {
    let task = incident.tasks().get(&incident.task_of_page(record.id)?)?;
    let named = format!("task {} ({})", task.number, task.title);
    Some(match incident.first_reason(record.id)? {
        PageReason::TaskAssigned { .. } => {
            let due = task.due.map_or_else(String::new, |due| format!(", by {due}"));
            format!("{named} is yours to do{due}: claim it when you are on it")
        }
        PageReason::TaskOverdue { .. } => {
            let due = task.due.map_or_else(String::new, |due| format!(", which was {due}"));
            format!("{named} is past its time{due}, and not done")
        }
        PageReason::ClaimRanOut { .. } => {
            format!("your claim of {named} ran out: claim it again if you are still at it, others may begin now")
        }
        PageReason::ClaimOverridden { .. } => {
            let over = task.overridden.as_ref()?;
            let (by, why) = (called(&over.by, setting), over.reason.trim_end_matches('.'));
            let what: Vec<String> = task.resources.iter().map(|one| one.told(&setting.catalogue)).collect();
            let on = if what.is_empty() { String::new() } else { format!(" on {}", what.join(", ")) };
            format!(
                "{by} went ahead{on} in spite of your claim of {named}, for \"{}\" of {}: {why}",
                over.title, over.incident
            )
        }
        PageReason::Opened
        | PageReason::NotAcknowledged
        | PageReason::AcknowledgementExpired
        | PageReason::SeverityRose
        | PageReason::Asked
        | PageReason::Fallback
        | PageReason::Failed
        | PageReason::MayHaveArrived
        | PageReason::Reopened
        | PageReason::NobodyReached
        | PageReason::AnotherClaim
        | PageReason::CalledIn
        | PageReason::NotComing
        | PageReason::HandedOver => return None,
    })
}

/// Why a page is owed, as a person reads it.
pub fn why(reason: &PageReason) -> &'static str {
    match reason {
        PageReason::Opened => "it opened and you are on call",
        PageReason::NotAcknowledged => "nobody acknowledged it in time",
        PageReason::AcknowledgementExpired => "the acknowledgement ran out",
        PageReason::SeverityRose => "it is worse than you were told, or than what was acknowledged",
        PageReason::Asked | PageReason::CalledIn => "somebody asked for you",
        PageReason::Fallback => "nobody else could be reached and you are the fallback",
        PageReason::Failed => "another way to reach you failed",
        PageReason::MayHaveArrived => "it is unknown whether the page before arrived",
        PageReason::Reopened => "it was reopened",
        PageReason::NobodyReached => "nobody is known to have been reached before, so everybody is tried again",
        PageReason::AnotherClaim => "something that nobody has answered for joined it",
        PageReason::NotComing => "nobody came of those whom you asked",
        PageReason::HandedOver => "it was handed over to your team",
        PageReason::TaskAssigned { .. } => "somebody gave them a task",
        PageReason::TaskOverdue { .. } => "a task is past its time",
        PageReason::ClaimRanOut { .. } => "their claim of a task ran out",
        PageReason::ClaimOverridden { .. } => "somebody went ahead in spite of their claim of a task",
    }
}

fn shortened(text: &str, bytes_max: usize) -> String {
    let mut kept = String::new();
    for character in text.chars() {
        if kept.len() + character.len_utf8() > bytes_max {
            break;
        }
        kept.push(if character.is_control() { ' ' } else { character });
    }
    kept
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::{
        catalogue::Catalogue,
        id::{DeliveryId, Name},
    };

    use super::*;

    /// A page that was decided must reach somebody even when nothing can be told of its incident any more.
    #[test]
    fn a_page_of_an_incident_that_cannot_be_read_leaves_and_says_so() {
        let setting = Setting {
            roster: quarterdeck_core::policy::Roster::default(),
            catalogue: std::sync::Arc::new(Catalogue::new(Vec::new(), Vec::new())),
            rules: quarterdeck_core::setting::Rules::default(),
            default_policy: Name::new("all").unwrap(),
            weights: quarterdeck_core::priority::Weights::default(),
        };
        let to = Audience::Contact {
            person: Name::new("ann").unwrap(),
            channel: Name::new("push").unwrap(),
            address: "ann@push".to_owned(),
        };
        let page = Delivery {
            id: DeliveryId::from_bytes([7; 16]),
            kind: DeliveryKind::Page,
            incident: IncidentId::from_bytes([9; 16]),
            to,
        };
        let at = Timestamp::from_secs(1_700_000_000);
        let sending = Sending { setting: &setting, base_url: "https://deck/", at, repeated: false, now: at };
        let message = compose(None, &page, sending);
        assert_eq!(message.page, PageId::from_bytes([7; 16]));
        assert_eq!((message.kind, message.severity, message.at), (MessageKind::Page, Severity::Sev1, at));
        assert_eq!((message.person.as_str(), message.address.as_str()), ("ann", "ann@push"));
        assert!(message.title.ends_with("its history cannot be read"), "{}", message.title);
        assert_eq!(message.link, format!("https://deck/incidents/{}", page.incident));
        let clear = compose(None, &Delivery { kind: DeliveryKind::AllClear, ..page }, sending);
        assert_eq!((clear.kind, clear.text.as_str()), (MessageKind::Resolved, "It is over. No answer is needed."));
    }

    #[test]
    fn several_are_one_message_with_the_worst_first_and_each_with_its_link() {
        let one = |number: u8, severity| Message {
            page: PageId::from_bytes([number; 16]),
            title: format!("thing {number}"),
            link: format!("https://deck/incidents/{number}"),
            ..Message::of_the_program(
                "https://deck/",
                severity,
                MessageKind::Page,
                Timestamp::from_secs(u64::from(number)),
            )
        };
        let alone = bundle(vec![one(1, Severity::Sev3)], "https://deck/").unwrap();
        assert_eq!(alone, one(1, Severity::Sev3));
        assert_eq!(bundle(Vec::new(), "https://deck/"), None);
        let all = vec![one(1, Severity::Sev4), one(2, Severity::Sev2), one(3, Severity::Sev4)];
        let told = bundle(all, "https://deck/").unwrap();
        assert_eq!(
            (told.page, told.severity, told.title.as_str()),
            (one(2, Severity::Sev2).page, Severity::Sev2, "thing 2 and 2 more")
        );
        assert_eq!(told.also.iter().map(|one| one.title.as_str()).collect::<Vec<_>>(), ["thing 1", "thing 3"]);
        for number in 1..4 {
            assert!(told.text.contains(&format!("thing {number} https://deck/incidents/{number}")), "{}", told.text);
        }
        let many = bundle((0..=250).map(|number| one(number, Severity::Sev4)).collect(), "https://deck/").unwrap();
        assert!(many.also.len() == 250 && many.text.ends_with("And 50 more: https://deck/incidents"), "{}", many.text);
    }
}
