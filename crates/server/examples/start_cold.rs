//! How long the whole program takes to be ready on an SQLite file with 100,000 incidents that are over (700,000 events): by folding the
//! whole log, and by the board that the program before it kept when it stopped; and how long the audit behind it takes.
//! `cargo run --release -p quarterdeck-server --example start_cold [INCIDENTS]`.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "support/cold.rs"]
mod cold;

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use cold::{INCIDENTS, Outcome, parts, resolve_many};
use quarterdeck_host::{clock::SystemClock, randomness::SystemIds};
use quarterdeck_reach::notify::Parts as Channels;
use quarterdeck_server::{
    app::{self, Running, World},
    config,
    engine::Engine,
    log_key,
};
use quarterdeck_store::sqlite::SqliteStore;

/// Starts measured.
const STARTS: usize = 5;

const CONFIGURATION: &str = r#"
[server]
listen = "127.0.0.1:0"
data = "data"
[[token]]
name = "bench"
role = "admin"
token = "token-of-the-bench-0123456789"
[channel.receiver]
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "secret-of-the-bench-0123456789"
[[person]]
id = "ann"
contacts = [{ channel = "receiver" }]
[[policy]]
id = "default"
page_at = "SEV5"
fallback = "ann"
tiers = [{ people = ["ann"], delay = "1h" }]
"#;

/// Starts the program, and says how long that took.
async fn start(file: &Path) -> Outcome<(Running, Duration)> {
    let begun = Instant::now();
    let clock = SystemClock::new();
    let configuration = config::load(file, &Channels::new(clock.clone())?)?;
    let world =
        World { clock, ids: Box::new(SystemIds), salts: Box::new(SystemIds), signer: None, channels: BTreeMap::new() };
    let running = app::start(configuration, world).await?;
    Ok((running, begun.elapsed()))
}

/// Until the whole log was read.
async fn audited(running: &Running, begun: Instant) -> Outcome<Duration> {
    while running.keeper.audited.is_whole().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    match running.keeper.audited.finding() {
        Some(finding) => Err(finding.into()),
        None => Ok(begun.elapsed()),
    }
}

fn shown(what: &str, mut spans: Vec<Duration>) {
    spans.sort_unstable();
    let s = |span: Option<&Duration>| span.map_or(0.0, Duration::as_secs_f64);
    println!(
        "{what:<28} best {:>6.3} s   median {:>6.3} s   worst {:>6.3} s",
        s(spans.first()),
        s(spans.get(spans.len() / 2)),
        s(spans.last())
    );
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let count: usize = std::env::args().nth(1).map_or(Ok(INCIDENTS), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("quarterdeck.toml");
    std::fs::write(&file, CONFIGURATION)?;
    let configuration = config::load(&file, &Channels::new(SystemClock::new())?)?;
    std::fs::create_dir_all(&configuration.data)?;
    let signer = log_key::known(&configuration.data, &configuration.origin, false)?;
    let store = SqliteStore::open(&configuration.data.join("quarterdeck.db"))?;
    let mut engine = Engine::start(store.clone(), parts(signer)?).await?;
    resolve_many(&mut engine, count).await?;
    drop(engine);
    drop(store);

    let (running, whole) = start(&file).await?;
    println!("{count} incidents that are over, {} events", running.store.size().await?);
    running.stop().await;
    let (mut ready, mut read) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let begun = Instant::now();
        let (running, took) = start(&file).await?;
        ready.push(took);
        read.push(audited(&running, begun).await?);
        running.stop().await;
    }
    shown("ready, by the whole log", vec![whole]);
    shown("ready, by a kept board", ready);
    shown("the whole log read behind it", read);
    Ok(())
}
