//! From the rules' words to the API's types. The only place that knows both.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_api as api;
use quarterdeck_core::{
    board::{Fate, IncidentRow},
    id::{IncidentId, PersonId},
    incident::{
        Ask, Attached, Incident, PageOutcome, PageRecord, Part, Refusal, ResponseRole,
        access::{Reading, Restriction},
        offer::{Field, FieldKind, Offer, Right},
    },
    priority::Score,
    review::Review,
    signal::{Facts, Signal, SignalStatus},
    time::Timestamp,
};

use super::{Refused, Shared, tasks};
use crate::{
    engine::{
        Published, read,
        signals::{ReadBack, Unreadable, read_back},
        words,
    },
    history,
};
use quarterdeck_reach::notify::message::why;
use quarterdeck_store::{FoundSignal, SignalRow};

/// An incident in a list.
pub fn summary(row: &IncidentRow) -> api::IncidentSummary {
    api::IncidentSummary {
        id: row.id.to_string(),
        title: row.title.to_string(),
        severity: row.severity.to_string(),
        phase: row.phase.word().to_owned(),
        service: row.service.as_ref().map(ToString::to_string),
        drill: row.drill,
        opened: row.opened.to_string(),
        changed: row.last_event.to_string(),
        signals: row.signals,
        absorbed: row.absorbed,
        money_at_risk_cents: row.money_at_risk.cents(),
        acknowledged_by: row.acknowledged_by.as_ref().map(ToString::to_string),
        next_step: row.next_step.map(|next| next.to_string()),
        stands_down: row.stands_down.map(|at| at.to_string()),
        unreached: row.unreached,
        looks_again: row.looks_again.map(|at| at.to_string()),
        restricted: row.restricted,
    }
}

/// One incident with the end of its timeline.
pub async fn incident(
    app: &Shared,
    id: IncidentId,
    before: Option<u64>,
    right: Right,
) -> Result<api::Incident, Refused> {
    let api::Timeline { rows, earlier } = timeline(app, id, before, history::ROWS).await?;
    let incident = &*app.engine.published().incident(id).await?.ok_or_else(|| not_here(app, id))?;
    let mut pages: Vec<_> = incident.pages().values().collect();
    pages.sort_by_key(|page| page.requested);
    Ok(api::Incident {
        summary: summary(&IncidentRow::inside(incident)),
        score: score(incident.score()),
        facts: facts(incident.facts()),
        signals: most_telling_first(incident)
            .into_iter()
            .map(|attached| {
                let mut view = signal(&attached.signal, attached.status);
                view.incident = Some(id.to_string());
                view.repeats = attached.repeats;
                view.fate = attached.undone.clone().unwrap_or_default();
                view.silent_since = attached.silent.map(|at| at.to_string());
                view.taken_up_by = attached.taken_up.as_ref().map(ToString::to_string);
                let taken = attached.acknowledged.as_ref().filter(|_| attached.is_live());
                view.acknowledged_by = taken.map(|taken| taken.by.to_string());
                view.acknowledged_until = taken.map(|taken| taken.until.to_string());
                view
            })
            .collect(),
        pages: pages.into_iter().map(page).collect(),
        roles: incident.roles().iter().map(|(role, person)| (role.word().to_owned(), person.to_string())).collect(),
        chairs: chairs(incident),
        asks: incident.asks().values().map(ask).collect(),
        handed_over: incident.handed_over().map(|handed| api::HandedOver {
            by: handed.by.to_string(),
            reason: handed.reason.clone(),
            from: handed.from.to_string(),
            at: handed.at.to_string(),
            had: handed.had.as_ref().map(ToString::to_string),
        }),
        policy: incident.escalation().policy.id.to_string(),
        tasks: tasks::of_incident(
            &app.engine.published().board(),
            incident,
            &app.live.now().setting.catalogue,
            app.clock.now(),
        ),
        restriction: incident.restriction().map(|inside| restriction(incident, inside)),
        merged_into: incident.merged_into().map(|into| into.to_string()),
        declared_by: incident.declared_by().map(ToString::to_string),
        acknowledged_until: incident.acknowledgement().map(|word| word.until.to_string()),
        tier: incident.escalation().tier.map(|tier| tier + 1),
        round: incident.escalation().round,
        timeline: rows,
        earlier,
        offers: offers(incident, right),
    })
}

/// Who is inside, and who looked at what.
fn restriction(incident: &Incident, inside: &Restriction) -> api::Restriction {
    let named = |people: &BTreeSet<PersonId>| people.iter().map(ToString::to_string).collect();
    let reading = |((person, part), reading): (&(PersonId, Part), &Reading)| api::Reading {
        person: person.to_string(),
        part: part.words().to_owned(),
        first: reading.first.to_string(),
        last: reading.last.to_string(),
        times: reading.times,
    };
    api::Restriction {
        code_name: inside.code_name.clone(),
        by: inside.by.to_string(),
        reason: inside.reason.clone(),
        since: inside.since.to_string(),
        members: inside.members.iter().map(ToString::to_string).collect(),
        came: named(&inside.came),
        out: named(&inside.out),
        readings: incident.readings().iter().map(reading).collect(),
    }
}

/// Every role, the one that decides first.
fn chairs(incident: &Incident) -> Vec<api::Chair> {
    let missed: BTreeMap<ResponseRole, Timestamp> = incident.missed_roles().collect();
    let chair = |role: ResponseRole| api::Chair {
        role: role.word().to_owned(),
        person: incident.roles().get(&role).map(ToString::to_string),
        expected: role.expected().to_owned(),
        missed_from: missed.get(&role).map(ToString::to_string),
    };
    ResponseRole::ALL.into_iter().map(chair).collect()
}

fn ask(ask: &Ask) -> api::Ask {
    let named = |people: &BTreeSet<PersonId>| people.iter().map(ToString::to_string).collect();
    api::Ask {
        number: ask.number,
        whom: ask.whom.to_string(),
        role: ask.role.map(|role| role.word().to_owned()),
        by: ask.by.to_string(),
        reason: ask.reason.clone(),
        at: ask.at.to_string(),
        people: named(&ask.people),
        coming: named(&ask.coming),
        declined: named(&ask.declined),
        state: ask.state.word().to_owned(),
        next: ask.next.map(|next| next.to_string()),
        awaits: ask.people.iter().filter(|person| ask.awaits(person)).map(ToString::to_string).collect(),
    }
}

/// Why an incident cannot be shown: there is none, or its history was set aside.
pub fn not_here(app: &Shared, id: IncidentId) -> Refused {
    match app.engine.published().board().set_aside_reason(id) {
        Some(reason) => Refusal::SetAside { id, reason: reason.to_owned() }.into(),
        None => Refusal::NoSuchIncident { id }.into(),
    }
}

/// What somebody with this right may ask of an incident now.
pub fn offers(incident: &Incident, right: Right) -> Vec<api::Offer> {
    incident.offers(right).iter().map(offer).collect()
}

/// An offer.
pub fn offer(offer: &Offer) -> api::Offer {
    let field = |(field, known): &(&Field, Option<String>)| api::Field {
        name: field.name.to_owned(),
        ask: field.ask.to_owned(),
        kind: field.kind.word().to_owned(),
        choices: match field.kind {
            FieldKind::Choice(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            FieldKind::Text
            | FieldKind::Person
            | FieldKind::Whom
            | FieldKind::Policy
            | FieldKind::Incident
            | FieldKind::Signal
            | FieldKind::Message
            | FieldKind::Key
            | FieldKind::Cents
            | FieldKind::Count
            | FieldKind::Flag
            | FieldKind::Task
            | FieldKind::Check
            | FieldKind::Resources
            | FieldKind::People
            | FieldKind::When => Vec::new(),
        },
        required: field.required,
        value: known.clone(),
    };
    api::Offer {
        command: offer.kind.word.to_owned(),
        title: offer.title.clone(),
        doc: offer.kind.doc.to_owned(),
        fields: offer.fields.iter().map(field).collect(),
    }
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

/// Part of an incident's timeline: the last rows before `before`, or the last of all.
pub async fn timeline(
    app: &Shared,
    id: IncidentId,
    before: Option<u64>,
    limit: usize,
) -> Result<api::Timeline, Refused> {
    let mut part = history::part(&*app.store, app.engine.published(), id, before, limit).await?;
    // Of one that is set aside there is no room: what is left of its history is shown as it is.
    if let Some(incident) = app.engine.published().incident(id).await.unwrap_or(None) {
        history::unsay(&incident, &mut part.events);
    }
    let row = |row: history::Row| api::TimelineRow {
        at: row.at.to_string(),
        kind: row.kind.to_owned(),
        version: row.version,
        text: row.text,
        log_index: row.log_index,
    };
    let rows = history::rows(&app.live.now().setting, &part.events).into_iter().map(row).collect();
    Ok(api::Timeline { rows, earlier: part.earlier })
}

/// The review of an incident.
pub async fn review(app: &Shared, id: IncidentId) -> Result<Review, Refused> {
    let events = history::whole(&*app.store, app.engine.published(), id).await?;
    let head = read(&app.engine.published().head).clone();
    history::review(&app.live.now().setting, id, &events, app.key.name(), &head).map_err(|error| {
        tracing::error!(%error, incident = %id, "a review cannot be drafted");
        Refused::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "unreviewable", error.to_string())
    })
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
        weights: score.weights().to_owned(),
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

/// A signal as it stands.
pub fn signal(signal: &Signal, status: SignalStatus) -> api::Signal {
    let position = signal.position.as_ref();
    api::Signal {
        id: signal.id.to_string(),
        fingerprint: signal.fingerprint.to_string(),
        detector: signal.detector.to_string(),
        source: signal.source.as_ref().map(ToString::to_string),
        group: signal.group.clone(),
        status: status.word().to_owned(),
        loudness: signal.loudness.word().to_owned(),
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
        chain: position.and_then(|p| p.block.chain.number()),
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
        became: None,
        silence: None,
        silent_since: None,
        taken_up_by: None,
        acknowledged_by: None,
        acknowledged_until: None,
        repeats: 0,
        unreadable: None,
    }
}

/// The signals of a list, without those that were erased. One whose text is not what was written is there without it, and says so: it
/// costs only itself.
pub async fn listed_signals(published: &Published, found: &[FoundSignal]) -> Result<Vec<api::Signal>, Refused> {
    let back = read_back(published, found).await?;
    Ok(found.iter().zip(back).filter_map(|(found, back)| shown(&found.row, back)).collect())
}

/// A signal of a list; none: it was erased.
pub fn shown(row: &SignalRow, back: ReadBack) -> Option<api::Signal> {
    match back {
        Ok((core, fate)) => Some(listed(row, &core, &fate)),
        Err(Unreadable::Erased) => None,
        Err(error @ Unreadable::Damaged { .. }) => Some(withheld(row, &error)),
    }
}

/// One signal.
pub async fn listed_signal(published: &Published, found: FoundSignal) -> Result<api::Signal, Refused> {
    let row = found.row;
    let back = read_back(published, &[found]).await?.pop().unwrap_or(Err(Unreadable::Erased));
    let (core, fate) = back.map_err(|error| {
        tracing::error!(%error, signal = %row.id, "a listed signal cannot be read");
        let status = match error {
            Unreadable::Erased => axum::http::StatusCode::GONE,
            Unreadable::Damaged { .. } => axum::http::StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refused::new(status, "unreadable", format!("signal {}: {error}", row.id))
    })?;
    Ok(listed(&row, &core, &fate))
}

fn listed(row: &SignalRow, core: &Signal, fate: &Fate) -> api::Signal {
    let mut view = signal(core, row.status);
    view.incident = row.incident.map(|incident| incident.to_string());
    view.fate = words(fate);
    view.became = became(fate).map(ToOwned::to_owned);
    view.silence = if let Fate::Silenced(silence) = fate { Some(silence.to_string()) } else { None };
    view
}

/// A signal of which only its place in the list is told, and why.
fn withheld(row: &SignalRow, error: &Unreadable) -> api::Signal {
    api::Signal {
        id: row.id.to_string(),
        status: row.status.word().to_owned(),
        title: format!("withheld: {error}"),
        event_time: row.observed.to_string(),
        observed: row.observed.to_string(),
        incident: row.incident.map(|incident| incident.to_string()),
        unreadable: Some(error.to_string()),
        ..api::Signal::default()
    }
}

/// What became of a signal when it came, in a word.
const fn became(fate: &Fate) -> Option<&'static str> {
    match fate {
        Fate::Opened(_) => Some("opened"),
        Fate::Attached(_) => Some("joined"),
        Fate::Gathered(_) => Some("gathered"),
        Fate::Silenced(_) => Some("silenced"),
        Fate::Noted => Some("noted"),
        Fate::Repeated(_)
        | Fate::Confirmed(_)
        | Fate::Retracted(_)
        | Fate::Ended(_)
        | Fate::Late(_)
        | Fate::Counted(_)
        | Fate::Silent(_)
        | Fate::Unknown => None,
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
        ask: page.ask,
    }
}
