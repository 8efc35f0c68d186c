//! What the benches about incidents that are over share: so many of them, each opened, paged, told, ended and resolved, seven events
//! in the log, and long enough ago to be cold.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    id::{Name, SeededIds},
    incident::{Actor, Closing, Command, LifeCommand, PageOutcome, Severity},
    policy::{Contact, EscalationPolicy, Person, Roster, Target, Tier},
    priority::Weights,
    setting::{Rules, Setting},
    signal::SignalChange,
    time::Timestamp,
};
use quarterdeck_formats::{heard::Hearing, severity::NO_WORDS, webhook::parse_webhook};
use quarterdeck_ledger::note::SignerKey;
use quarterdeck_server::engine::{Answer, Engine, Surroundings, Work, incident_of};

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Incidents unless told otherwise.
pub(crate) const INCIDENTS: usize = 100_000;
/// Incidents that are opened and ended together.
const TOGETHER: usize = 500;
/// Deliveries read at once.
const DELIVERIES: usize = 4 * TOGETHER;

/// Makes engines that decide alike.
pub(crate) fn parts(signer: SignerKey) -> Outcome<Surroundings> {
    let person = Person {
        id: Name::new("ann")?,
        name: "Ann".to_owned(),
        zone: "UTC".to_owned(),
        contacts: vec![Contact { channel: Name::new("receiver")?, address: "ann".to_owned() }],
    };
    let policy = EscalationPolicy {
        id: Name::new("default")?,
        tiers: vec![Tier { targets: vec![Target::Person(person.id.clone())], delay: Duration::from_hours(1) }],
        rounds: 1,
        fallback: person.id.clone(),
        acknowledgement: Duration::from_hours(1),
        page_at: Severity::Sev5,
    };
    let setting = Setting {
        roster: Roster {
            people: [(person.id.clone(), person)].into(),
            policies: [(policy.id.clone(), policy)].into(),
            ..Roster::default()
        },
        catalogue: Arc::default(),
        rules: Rules::default(),
        default_policy: Name::new("default")?,
        weights: Weights::default(),
    };
    let (ids, salts) = (Box::new(SeededIds::new(1)), Box::new(SeededIds::new(2)));
    Ok(Surroundings { setting: Arc::new(setting), ids, salts, signer })
}

/// A claim as a monitor makes it.
pub(crate) fn claim(number: usize, now: Timestamp) -> Outcome<Vec<SignalChange>> {
    let body = format!(
        r#"{{"title":"withdrawals of tenant {number} are late","dedup_key":"k{number}","severity":"critical","labels":{{"instance":"node-{number}"}}}}"#
    );
    let source = Name::new("bench")?;
    let resolve_timeout = Duration::from_mins(5);
    let hearing = Hearing {
        source: &source,
        now,
        wall: now,
        resolve_timeout,
        words: NO_WORDS,
        group_by: None,
        is_service: &|_| false,
    };
    let batch = parse_webhook(body.as_bytes(), &hearing).map_err(|error| error.to_string())?;
    Ok(batch.heard.into_iter().map(|heard| heard.change).collect())
}

fn hear(changes: Vec<SignalChange>) -> Work {
    Work::Hear { changes, cursors: Vec::new(), snapshots: Vec::new() }
}

/// Opens and ends incidents, each about something else. Returns the instant at which all of them are cold.
pub(crate) async fn resolve_many(engine: &mut Engine, count: usize) -> Outcome<Timestamp> {
    let mut now = Timestamp::from_ms(1_767_661_200_000);
    for from in (0..count).step_by(TOGETHER) {
        now = now.plus(Duration::from_mins(1));
        let mut changes = Vec::new();
        for number in from..count.min(from + TOGETHER) {
            changes.extend(claim(number, now)?);
        }
        let ended = changes.iter().filter_map(|change| match change {
            SignalChange::Raised { signal } => Some(SignalChange::Ended { fingerprint: signal.fingerprint, at: now }),
            SignalChange::Confirmed { .. }
            | SignalChange::Retracted { .. }
            | SignalChange::Ended { .. }
            | SignalChange::Silent { .. } => None,
        });
        let ended = hear(ended.collect());
        let answers = engine.step(vec![hear(changes)], now).await?;
        let fates = answers.into_iter().filter_map(|answer| match answer {
            Answer::Heard(fates) => Some(fates),
            _ => None,
        });
        let resolve = |incident| Work::Command {
            incident,
            command: Command::Life(LifeCommand::Resolve {
                by: Actor::System,
                note: String::new(),
                closing: Closing::default(),
            }),
        };
        let resolve: Vec<Work> = fates.flatten().filter_map(|fate| incident_of(&fate)).map(resolve).collect();
        settle(engine, now).await?;
        engine.step(vec![ended], now).await?;
        engine.step(resolve, now).await?;
        settle(engine, now).await?;
    }
    now = now.plus(Duration::from_hours(2));
    // The engine's sense of time is that of its last event.
    while engine.published().board().cold_rows().count() < count {
        let again = quarterdeck_core::journal::JournalEvent::Started {
            version: "bench".to_owned(),
            configuration: String::new(),
        };
        engine.step(vec![Work::Journal(again)], now).await?;
    }
    Ok(now)
}

/// Says of everything that is to leave that it arrived.
async fn settle(engine: &mut Engine, now: Timestamp) -> Outcome<()> {
    let waiting = engine.store().outbox(DELIVERIES).await?;
    let settle = waiting.into_iter().map(|row| Work::Settle {
        delivery: row.delivery,
        outcome: PageOutcome::Delivered { receipt: "200".to_owned() },
        latency: Duration::from_millis(3),
    });
    engine.step(settle.collect(), now).await?;
    Ok(())
}
