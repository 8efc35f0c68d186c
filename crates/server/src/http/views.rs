//! From the rules' words to the API's types. The only place that knows both.

use quarterdeck_api as api;
use quarterdeck_core::{
    id::IncidentId,
    incident::{Attached, Incident, IncidentEvent, PageOutcome, PageRecord},
    journal::{Body, Stream},
    priority::Score,
    review::{self, Review, Unreviewable},
    setting::Setting,
    signal::{Facts, Loudness, Signal, SignalStatus},
};

use super::{Refused, Shared, incidents::phase_word};
use crate::engine::{
    read, recorded_of,
    signals::{Unreadable, read_back},
};
use quarterdeck_reach::notify::message::why;
use quarterdeck_store::{FoundSignal, StoredEvent};

/// An incident in a list.
pub fn summary(incident: &Incident) -> api::IncidentSummary {
    api::IncidentSummary {
        id: incident.id().to_string(),
        title: incident.title().to_owned(),
        severity: incident.severity().to_string(),
        phase: phase_word(incident.phase()).to_owned(),
        service: incident.service().map(ToString::to_string),
        drill: incident.is_drill(),
        opened: incident.opened().to_string(),
        changed: incident.last_event().to_string(),
        signals: incident.signals().len(),
        absorbed: incident.absorbed(),
        money_at_risk_cents: incident.facts().money_at_risk.cents(),
        acknowledged_by: incident.acknowledgement().map(|word| word.by.to_string()),
        next_step: incident.escalation().next.map(|next| next.to_string()),
        stands_down: quarterdeck_core::duty::stands_down(incident).map(|at| at.to_string()),
    }
}

/// One incident with its timeline, read from the log.
pub async fn incident(app: &Shared, id: IncidentId) -> Result<api::Incident, Refused> {
    let events = events(app, id).await?;
    let review = reviewed(app, id, &events)?;
    let board = read(&app.engine.published().board);
    let incident = board.incident(id).ok_or_else(|| no_such(id))?;
    let timeline = review.timeline.iter().zip(&events).map(|(row, (.., event))| api::TimelineRow {
        at: row.at.to_string(),
        kind: event.kind().to_owned(),
        text: row.text.clone(),
        log_index: row.log_index,
    });
    let mut pages: Vec<_> = incident.pages().values().collect();
    pages.sort_by_key(|page| page.requested);
    Ok(api::Incident {
        summary: summary(incident),
        score: score(incident.score()),
        facts: facts(incident.facts()),
        signals: most_telling_first(incident)
            .into_iter()
            .map(|attached| {
                let mut view = signal(&attached.signal, attached.status);
                view.incident = Some(id.to_string());
                view.repeats = attached.repeats;
                view
            })
            .collect(),
        pages: pages.into_iter().map(page).collect(),
        roles: incident.roles().iter().map(|(role, person)| (word(role), person.to_string())).collect(),
        merged_into: incident.merged_into().map(|into| into.to_string()),
        acknowledged_until: incident.acknowledgement().map(|word| word.until.to_string()),
        tier: incident.escalation().tier.map(|tier| tier + 1),
        round: incident.escalation().round,
        timeline: timeline.collect(),
    })
}

fn no_such(id: IncidentId) -> Refused {
    quarterdeck_core::incident::Refusal::NoSuchIncident { id }.into()
}

/// The signals of an incident, the loudest and surest first.
fn most_telling_first(incident: &Incident) -> Vec<&Attached> {
    let mut signals: Vec<&Attached> = incident.signals().values().collect();
    signals.sort_by_key(|one| {
        let signal = &one.signal;
        (std::cmp::Reverse((signal.loudness, signal.confidence_permille)), signal.observed)
    });
    signals
}

/// An incident's event with its place in the log, its version and its instant.
pub type Placed = (u64, u64, quarterdeck_core::time::Timestamp, IncidentEvent);

/// The events of an incident. Erased ones are left out.
pub async fn events(app: &Shared, id: IncidentId) -> Result<Vec<Placed>, Refused> {
    let stored = app.store.stream(&Stream::Incident(id).to_string()).await?;
    if stored.is_empty() {
        return Err(no_such(id));
    }
    // The store is a moment ahead of what is published: what is not published yet is not there yet.
    let size = read(&app.engine.published().head).size;
    let mut events = Vec::new();
    for one in stored.iter().filter(|event| event.index < size) {
        events.extend(placed(one)?);
    }
    if events.is_empty() { Err(no_such(id)) } else { Ok(events) }
}

fn placed(stored: &StoredEvent) -> Result<Option<Placed>, Refused> {
    let recorded = recorded_of(stored).map_err(|error| {
        tracing::error!(%error, "a stored event cannot be read");
        Refused::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "unreadable", error.to_string())
    })?;
    Ok(recorded.and_then(|recorded| match recorded.body {
        Body::Incident(event) => Some((stored.index, stored.version, stored.at, event)),
        Body::Journal(_) => None,
    }))
}

/// The review of an incident.
pub async fn review(app: &Shared, id: IncidentId) -> Result<Review, Refused> {
    reviewed(app, id, &events(app, id).await?)
}

fn reviewed(app: &Shared, id: IncidentId, events: &[Placed]) -> Result<Review, Refused> {
    let head = read(&app.engine.published().head).clone();
    draft(&app.setting, id, events, app.key.name(), &head).map_err(|error| {
        tracing::error!(%error, incident = %id, "a review cannot be drafted");
        Refused::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "unreviewable", error.to_string())
    })
}

/// A review with the names of the configuration.
pub fn draft(
    setting: &Setting,
    id: IncidentId,
    events: &[Placed],
    origin: &str,
    head: &crate::engine::LogHead,
) -> Result<Review, Unreviewable> {
    let context = review::Context {
        incident: id,
        service_title: &|service| setting.catalogue.services.get(service).map(|service| service.title.clone()),
        person_name: &|person| setting.roster.people.get(person).map(|person| person.name.clone()),
        log_origin: origin,
        log_size: head.size,
        log_root: &head.root,
    };
    Review::draft(events, &context)
}

fn score(score: &Score) -> api::Score {
    let term = |term: &quarterdeck_core::priority::Term| api::Term {
        name: term.name.clone(),
        fact: term.fact.clone(),
        points: term.points,
    };
    api::Score {
        points: score.points,
        severity: score.severity.to_string(),
        terms: score.terms.iter().map(term).collect(),
        gates: score.gates.clone(),
        vector: score.vector.clone(),
    }
}

fn facts(facts: &Facts) -> api::Facts {
    api::Facts {
        money_at_risk_cents: facts.money_at_risk.cents(),
        users: facts.users,
        irreversible: facts.irreversible,
        key_compromise: facts.key_compromise,
        theft: facts.theft,
    }
}

/// A core word as its serialized form.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The word of a status.
pub fn status_word(status: SignalStatus) -> &'static str {
    match status {
        SignalStatus::Provisional => "provisional",
        SignalStatus::Confirmed => "confirmed",
        SignalStatus::Retracted => "retracted",
        SignalStatus::Ended => "ended",
    }
}

/// A signal as it stands.
pub fn signal(signal: &Signal, status: SignalStatus) -> api::Signal {
    let position = signal.position.as_ref();
    api::Signal {
        id: signal.id.to_string(),
        fingerprint: signal.fingerprint.to_string(),
        detector: signal.detector.to_string(),
        status: status_word(status).to_owned(),
        loudness: loudness_word(signal.loudness).to_owned(),
        service: signal.service.as_ref().map(ToString::to_string),
        title: signal.title.clone(),
        explanation: signal.explanation.text.clone(),
        numbers: signal
            .explanation
            .numbers
            .iter()
            .map(|n| api::Number { name: n.name.clone(), value: n.value.clone(), unit: n.unit.clone() })
            .collect(),
        facts: facts(&signal.facts),
        confidence_permille: signal.confidence_permille,
        chain: position.map(|p| p.block.chain),
        block: position.map(|p| p.block.number),
        block_hash: position.map(|p| p.block.hash.to_string()),
        transaction: position.and_then(|p| p.transaction).map(|hash| hash.to_string()),
        parties: signal
            .parties
            .iter()
            .map(|(part, address)| api::Party { part: part.clone(), address: address.to_string() })
            .collect(),
        labels: signal.labels.clone(),
        link: signal.link.clone(),
        event_time: signal.event_time.to_string(),
        observed: signal.observed.to_string(),
        incident: None,
        fate: String::new(),
        repeats: 0,
    }
}

/// The signals of a list, without those that were erased.
pub fn listed_signals(found: &[FoundSignal]) -> Result<Vec<api::Signal>, Refused> {
    found.iter().filter(|found| found.event.is_some()).map(listed_signal).collect()
}

/// A listed signal.
pub fn listed_signal(found: &FoundSignal) -> Result<api::Signal, Refused> {
    let row = &found.row;
    let (core, fate) = read_back(found).map_err(|error| {
        tracing::error!(%error, signal = %row.id, "a listed signal cannot be read");
        let status = match error {
            Unreadable::Erased => axum::http::StatusCode::GONE,
            Unreadable::Damaged { .. } => axum::http::StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refused::new(status, "unreadable", format!("signal {}: {error}", row.id))
    })?;
    let mut view = signal(&core, row.status);
    view.incident = row.incident.map(|incident| incident.to_string());
    view.fate = fate;
    Ok(view)
}

/// The word of a loudness.
pub const fn loudness_word(loudness: Loudness) -> &'static str {
    match loudness {
        Loudness::Info => "info",
        Loudness::Warning => "warning",
        Loudness::Error => "error",
        Loudness::Critical => "critical",
    }
}

fn page(page: &PageRecord) -> api::Page {
    let (outcome, detail) = match &page.outcome {
        None => (None, None),
        Some(PageOutcome::Delivered { receipt }) => (Some("delivered"), Some(receipt.clone())),
        Some(PageOutcome::Failed { error }) => (Some("failed"), Some(error.clone())),
        Some(PageOutcome::Unknown { error }) => (Some("unknown"), Some(error.clone())),
    };
    api::Page {
        id: page.id.to_string(),
        person: page.person.to_string(),
        channel: page.channel.to_string(),
        reason: why(&page.reason).to_owned(),
        tier: page.tier + 1,
        round: page.round,
        repeat_of: page.repeat_of.map(|id| id.to_string()),
        requested: page.requested.to_string(),
        outcome: outcome.map(ToOwned::to_owned),
        detail,
        settled: page.settled.map(|at| at.to_string()),
    }
}
