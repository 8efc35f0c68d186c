//! How long a start takes with a long log: a million events of incidents are made once, then folded anew, with every leaf hashed
//! and the root compared with the signed checkpoint. `cargo run --release -p quarterdeck-server --example refold [EVENTS]`.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{sync::Arc, time::Instant};

use quarterdeck_core::{
    id::{IncidentId, Name, SeededIds},
    incident::{Actor, Command, RoomCommand},
    journal::JournalEvent,
    policy::Roster,
    priority::Weights,
    setting::{Rules, Setting},
    time::Timestamp,
};
use quarterdeck_formats::{heard::Hearing, webhook::parse_webhook};
use quarterdeck_ledger::note::SignerKey;
use quarterdeck_server::engine::{Answer, Engine, Surroundings, Work, incident_of};
use quarterdeck_store::{Store, memory::MemoryStore};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Events unless told otherwise.
const EVENTS: u64 = 1_000_000;
/// Events of one incident: the opening and notes.
const EACH: u64 = 20;
/// Steps are of so many incidents.
const TOGETHER: u64 = 500;

fn parts() -> Outcome<Surroundings> {
    let setting = Setting {
        roster: Roster::default(),
        catalogue: Arc::default(),
        rules: Rules::default(),
        default_policy: Name::new("nobody")?,
        weights: Weights::default(),
    };
    let signer = SignerKey::from_seed("refold.invalid/log", &[7; 32])?;
    let (ids, salts) = (Box::new(SeededIds::new(1)), Box::new(SeededIds::new(2)));
    Ok(Surroundings { setting: Arc::new(setting), ids, salts, signer })
}

/// Opens `TOGETHER` incidents, each about something else.
async fn open(engine: &mut Engine, from: u64, now: Timestamp) -> Outcome<Vec<IncidentId>> {
    let mut changes = Vec::new();
    for number in from..from + TOGETHER {
        let body = format!(r#"{{"title":"case {number}","dedup_key":"k{number}","severity":"warning"}}"#);
        let source = Name::new("bench")?;
        let hearing = Hearing {
            source: &source,
            now,
            wall: now,
            resolve_timeout: std::time::Duration::from_mins(5),
            words: quarterdeck_formats::severity::NO_WORDS,
            group_by: None,
            is_service: &|_| false,
        };
        let batch = parse_webhook(body.as_bytes(), &hearing).map_err(|error| error.to_string())?;
        changes.extend(batch.heard.into_iter().map(|heard| heard.change));
    }
    let work = Work::Hear { changes, cursors: Vec::new(), snapshots: Vec::new() };
    let answers = engine.step(vec![work], now).await?;
    let fates = answers.into_iter().filter_map(|answer| match answer {
        Answer::Heard(fates) => Some(fates),
        _ => None,
    });
    Ok(fates.flatten().filter_map(|fate| incident_of(&fate)).collect())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let wanted: u64 = std::env::args().nth(1).map_or(Ok(EVENTS), |text| text.parse())?;
    let store: Arc<dyn Store> = MemoryStore::new();
    let mut engine = Engine::start(Arc::clone(&store), parts()?).await?;
    let mut now = Timestamp::from_ms(1_767_661_200_000);
    let started = JournalEvent::Started { version: "bench".to_owned(), configuration: String::new() };
    engine.step(vec![Work::Journal(started)], now).await?;
    let mut number = 0;
    while store.size().await? < wanted {
        // An hour apart: incidents of different hours are not grouped.
        now = now.plus(std::time::Duration::from_hours(1));
        let incidents = open(&mut engine, number, now).await?;
        number += TOGETHER;
        for line in 1..EACH {
            let note = |incident: &IncidentId| Work::Command {
                incident: *incident,
                command: Command::Room(RoomCommand::Note {
                    by: Actor::System,
                    text: format!("line {line}: nothing new to report"),
                }),
            };
            engine.step(incidents.iter().map(note).collect(), now).await?;
        }
    }
    let size = store.size().await?;
    let incidents = engine.published().board.read().map_or(0, |board| board.incidents().count());
    drop(engine);
    let began = Instant::now();
    let folded = Engine::start(Arc::clone(&store), parts()?).await?;
    let took = began.elapsed();
    drop(folded);
    println!(
        "{size} events of {incidents} incidents folded, hashed and checked in {:.2} s: {:.0} events/s",
        took.as_secs_f64(),
        size as f64 / took.as_secs_f64()
    );
    Ok(())
}
