//! What a page says: composed from the incident as it stands when the page leaves.

use quarterdeck_core::{
    incident::{Incident, PageReason},
    limits::TITLE_BYTES_MAX,
    setting::Setting,
};

use crate::notify::{Message, MessageKind};
use quarterdeck_store::OutboxPage;

/// The message of a page.
pub fn compose(incident: &Incident, page: &OutboxPage, setting: &Setting, base_url: &str, repeated: bool) -> Message {
    let record = incident.pages().get(&page.page);
    let reason = record.map(|record| &record.reason);
    let repeat = repeated || matches!(reason, Some(PageReason::MayHaveArrived));
    let person = setting.roster.people.get(&page.person).map_or(page.person.as_str(), |person| person.name.as_str());
    Message {
        page: page.page,
        incident: incident.id(),
        severity: incident.severity(),
        title: shortened(incident.title(), TITLE_BYTES_MAX),
        text: text(incident, reason, repeat),
        person: person.to_owned(),
        address: page.address.clone(),
        link: format!("{}/incidents/{}", base_url.trim_end_matches('/'), incident.id()),
        repeat,
        drill: incident.is_drill(),
        kind: if record.is_some() { MessageKind::Page } else { MessageKind::Resolved },
        at: record.map_or(page.not_before, |record| record.requested),
    }
}

fn text(incident: &Incident, reason: Option<&PageReason>, repeat: bool) -> String {
    let mut lines = Vec::new();
    let Some(reason) = reason else {
        let word = if incident.merged_into().is_some() { "It became part of another incident." } else { "It is over." };
        return format!("{word} No answer is needed.");
    };
    let mut signals = incident.signals().values();
    let opening = signals.clone().find(|attached| attached.signal.title == incident.title()).or_else(|| signals.next());
    lines.extend(opening.map(|attached| attached.signal.explanation.text.clone()));
    let money = incident.facts().money_at_risk;
    let service = incident.service().map_or("no known service", |service| service.as_str());
    lines.push(format!("Service: {service}. Money at risk: {money}. Signals: {}.", incident.signals().len()));
    lines.push(format!("Why {}: {}.", incident.severity(), incident.score().in_short()));
    lines.push(format!("Why you, why now: {}.", why(reason)));
    if repeat {
        lines.push("This page may have reached you before: it is a repeat.".to_owned());
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// Why a page is owed, as a person reads it.
pub fn why(reason: &PageReason) -> &'static str {
    match reason {
        PageReason::Opened => "it opened and you are on call",
        PageReason::NotAcknowledged => "nobody acknowledged it in time",
        PageReason::AcknowledgementExpired => "the acknowledgement ran out",
        PageReason::SeverityRose => "its severity rose",
        PageReason::Asked => "somebody asked for you",
        PageReason::Fallback => "nobody else could be reached and you are the fallback",
        PageReason::Failed => "another way to reach you failed",
        PageReason::MayHaveArrived => "it is unknown whether the page before arrived",
        PageReason::Reopened => "it was reopened",
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
