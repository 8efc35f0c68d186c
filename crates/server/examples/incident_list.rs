//! What a page of the list of incidents costs when there are 100,000: every page of fifty, from the first to the last, as the API makes
//! it, beside a sort of all of them for each page. `cargo run --release -p quarterdeck-server --example incident_list [INCIDENTS]`.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quarterdeck_core::{
    board::{Cursor, IncidentRow, Which},
    id::{Name, SeededIds},
    policy::Roster,
    priority::Weights,
    setting::{Rules, Setting},
    time::Timestamp,
};
use quarterdeck_formats::severity::NO_WORDS;
use quarterdeck_formats::{heard::Hearing, webhook::parse_webhook};
use quarterdeck_ledger::note::SignerKey;
use quarterdeck_server::{
    engine::{Engine, Surroundings, Work},
    http::views::summary,
};
use quarterdeck_store::memory::MemoryStore;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Incidents unless told otherwise.
const INCIDENTS: usize = 100_000;
/// Incidents opened in one step.
const TOGETHER: usize = 1_000;
/// Incidents on a page.
const PAGE: usize = 50;
/// Sorts of all incidents measured.
const SORTS: usize = 20;

fn parts() -> Outcome<Surroundings> {
    let setting = Setting {
        roster: Roster::default(),
        catalogue: Arc::default(),
        rules: Rules::default(),
        default_policy: Name::new("nobody")?,
        weights: Weights::default(),
    };
    let signer = SignerKey::from_seed("list.invalid/log", &[7; 32])?;
    let (ids, salts) = (Box::new(SeededIds::new(1)), Box::new(SeededIds::new(2)));
    Ok(Surroundings { setting: Arc::new(setting), ids, salts, signer })
}

/// Opens incidents, each about something else, a few seconds apart and of all severities.
async fn open(engine: &mut Engine, count: usize) -> Outcome<()> {
    let source = Name::new("bench")?;
    let mut now = Timestamp::from_ms(1_767_661_200_000);
    for from in (0..count).step_by(TOGETHER) {
        now = now.plus(Duration::from_secs(5));
        let hearing = Hearing {
            source: &source,
            now,
            wall: now,
            resolve_timeout: Duration::from_mins(5),
            words: NO_WORDS,
            group_by: None,
            is_service: &|_| false,
        };
        let mut changes = Vec::new();
        for number in from..count.min(from + TOGETHER) {
            let money = (number % 7) * 1_000_000;
            let body = format!(
                r#"{{"title":"case {number}","dedup_key":"k{number}","severity":"critical","facts":{{"money_at_risk_usd":{money}}}}}"#
            );
            let batch = parse_webhook(body.as_bytes(), &hearing).map_err(|error| error.to_string())?;
            changes.extend(batch.heard.into_iter().map(|heard| heard.change));
        }
        engine.step(vec![Work::Hear { changes, cursors: Vec::new(), snapshots: Vec::new() }], now).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let count: usize = std::env::args().nth(1).map_or(Ok(INCIDENTS), |text| text.parse())?;
    let mut engine = Engine::start(MemoryStore::new(), parts()?).await?;
    open(&mut engine, count).await?;
    let board = engine.published().board();
    let (mut after, mut seen, mut spans): (Option<Cursor>, usize, Vec<Duration>) = (None, 0, Vec::new());
    loop {
        let begun = Instant::now();
        let page = board.list(Which::All, after, PAGE);
        let json = serde_json::to_vec(&page.rows.iter().map(|row| summary(row)).collect::<Vec<_>>())?;
        spans.push(begun.elapsed());
        seen += page.rows.len();
        drop(json);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut sorts = Vec::new();
    for _ in 0..SORTS {
        let begun = Instant::now();
        let mut rows: Vec<IncidentRow> = board.incidents().map(IncidentRow::of).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.severity), std::cmp::Reverse(row.opened)));
        sorts.push(begun.elapsed());
    }
    println!("{seen} incidents on {} pages of {PAGE}, each as the API's JSON", spans.len());
    for (what, mut spans) in [("a page", spans), ("a sort of all", sorts)] {
        spans.sort_unstable();
        let at = |percent: usize| spans.get((spans.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        let ms = |percent| at(percent).unwrap_or_default().as_secs_f64() * 1_000.0;
        println!("{what:<14} p50 {:>8.3} ms   p99 {:>8.3} ms   worst {:>8.3} ms", ms(50), ms(99), ms(100));
    }
    Ok(())
}
