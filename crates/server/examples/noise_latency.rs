//! How soon a SEV1 is in the hands of a channel that works, behind 10,000 pages of noise and three channels that do not: one refuses
//! connections, one takes them and never answers, one answers 500. `cargo run --release -p quarterdeck-server --example noise_latency`.
//!
//! The program is a process of its own with SQLite on this disk. A quarter of the noise is for each channel, and the one that works takes
//! its time, so that noise waits while the SEV1 comes. Who is to be paged for it has all four ways, the dead ones first. What is measured
//! is from the first byte of its POST to the receiver; each run begins anew.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[expect(dead_code, reason = "the other benches use more of it")]
#[path = "support/program.rs"]
mod program;

use std::time::{Duration, Instant};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use program::{Connection, KEY, Outcome, Program, Spans, TOKEN, serve_if_told};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Worlds, each with a program of its own.
const RUNS: usize = 6;
/// Incidents of noise in each: every one pages two people.
const NOISE: usize = 5_000;
/// SEV1s in each, one after the other while noise waits.
const PROBES: usize = 20;
/// From one SEV1 to the next: they meet the dead channels in all their states.
const BETWEEN: Duration = Duration::from_secs(1);
/// How long the channel that works takes for a page.
const WORKS_AFTER: Duration = Duration::from_millis(300);
/// How long the dead channels may take to be known as dead: one attempt that hangs, and some time.
const KNOWN_AFTER: Duration = Duration::from_mins(1);
/// How long a page may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// In this order a person is paged by them.
const CHANNELS: [&str; 4] = ["refuses", "hangs", "errs", "works"];

type Arrivals = mpsc::Sender<(String, Instant)>;

#[tokio::main]
async fn main() -> Outcome<()> {
    serve_if_told().await?;
    let mut all = Vec::new();
    for run in 1..=RUNS {
        let (spans, left) = one_run().await?;
        println!("run {run}   {}   ({left} pages of noise still waited)", Spans::of(spans.clone()));
        all.extend(spans);
    }
    println!("all     {}", Spans::of(all));
    Ok(())
}

/// The spans of one run, and how much noise was left at its end.
async fn one_run() -> Outcome<(Vec<Duration>, u64)> {
    let (tell, mut told) = mpsc::channel(4 * NOISE);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let receiver = listener.local_addr()?.to_string();
    let router = Router::new().route("/works", post(works)).route("/errs", post(errs)).with_state(tell);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let hangs = silent.local_addr()?.to_string();
    let holding = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let program = Program::start_told(&std::env::current_exe()?, &configuration(&receiver, &hangs)).await?;
    let mut connection = Connection::open(&program.address).await?;
    flood(&mut connection).await?;
    until_known(&mut connection).await?;
    let mut spans = Vec::new();
    for nth in 0..PROBES {
        spans.push(probe(&mut connection, &mut told, nth).await?);
        tokio::time::sleep(BETWEEN).await;
    }
    let left = health(&mut connection).await?.iter().filter_map(|channel| channel["waiting"].as_u64()).sum();
    drop(program);
    serving.abort();
    holding.abort();
    Ok((spans, left))
}

async fn works(State(tell): State<Arrivals>, Json(message): Json<Value>) {
    let title = message.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
    // A receiver that nobody listens to any more is the end of the measurement.
    drop(tell.send((title, Instant::now())).await);
    tokio::time::sleep(WORKS_AFTER).await;
}

async fn errs() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn flood(connection: &mut Connection) -> Outcome<()> {
    for batch in 0..NOISE / 500 {
        let one =
            |nth: usize| json!({"title": format!("noise {nth}"), "severity": "warning", "service": format!("s{nth}")});
        let body = serde_json::to_vec(&(batch * 500..(batch + 1) * 500).map(one).collect::<Vec<_>>())?;
        let status = connection.post("/ingest/webhook", &body).await?;
        if status != 200 {
            return Err(format!("batch {batch} of the noise answered {status}").into());
        }
    }
    Ok(())
}

/// How every channel does.
async fn health(connection: &mut Connection) -> Outcome<Vec<Value>> {
    let (status, body) = connection.ask("GET", "/api/v1/health", TOKEN, b"").await?;
    let health: Value = serde_json::from_slice(&body)?;
    let channels = health.get("channels").and_then(Value::as_array).cloned();
    channels.ok_or_else(|| format!("health answers {status}: {health}").into())
}

/// Waits until the program knows its dead channels.
async fn until_known(connection: &mut Connection) -> Outcome<()> {
    let begun = Instant::now();
    loop {
        let channels = health(connection).await?;
        let dead = channels.iter().filter(|channel| channel["state"] == "not tried").count();
        if dead == CHANNELS.len() - 1 {
            return Ok(());
        }
        if begun.elapsed() > KNOWN_AFTER {
            return Err(format!("the dead channels are not known: {channels:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One SEV1 about a service of its own: how long until the channel that works has it.
async fn probe(
    connection: &mut Connection,
    told: &mut mpsc::Receiver<(String, Instant)>,
    nth: usize,
) -> Outcome<Duration> {
    let title = format!("vault {nth} is drained");
    let claim = json!({"title": title, "severity": "critical", "service": format!("vault{nth}"), "facts": {"key_compromise": true}});
    let body = serde_json::to_vec(&claim)?;
    let begun = Instant::now();
    let status = connection.post("/ingest/webhook", &body).await?;
    if status != 200 {
        return Err(format!("{title}: answered {status}").into());
    }
    loop {
        let arrival = tokio::time::timeout(PATIENCE, told.recv()).await;
        let (heard, at) = arrival.map_err(|_| format!("no page: {title}"))?.ok_or("the receiver is gone")?;
        if heard.contains(&title) {
            return Ok(at.saturating_duration_since(begun));
        }
    }
}

fn configuration(receiver: &str, hangs: &str) -> String {
    let urls = ["127.0.0.1:1".to_owned(), hangs.to_owned(), receiver.to_owned(), receiver.to_owned()];
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata = \"data\"\n[response]\ndefault_policy = \"money\"\nopen_at = \"warning\"\n\
         [[integration]]\nid = \"bench\"\nkey = \"{KEY}\"\nsignals_a_minute = 1000000000\nopen_incidents = 1000000000\napart = 1000000000\n[[token]]\nname = \"bench\"\nrole = \"commander\"\ntoken = \"{TOKEN}\"\n"
    );
    let mut add = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for (channel, url) in CHANNELS.iter().zip(urls) {
        add(format!(
            "[channel.{channel}]\nkind = \"webhook\"\nurl = \"http://{url}/{channel}\"\nsecret = \"secret-of-the-bench-0123456789\""
        ));
        for nth in [1, 2] {
            add(format!("[[person]]\nid = \"{channel}{nth}\"\ncontacts = [{{ channel = \"{channel}\" }}]"));
        }
        add(format!(
            "[[policy]]\nid = \"{channel}\"\npage_at = \"SEV5\"\nfallback = \"{channel}1\"\ntiers = [{{ people = [\"{channel}1\", \"{channel}2\"], delay = \"1h\" }}]"
        ));
    }
    let ways = CHANNELS.map(|channel| format!("{{ channel = \"{channel}\" }}")).join(", ");
    add(format!("[[person]]\nid = \"ana\"\ncontacts = [{ways}]"));
    add("[[policy]]\nid = \"money\"\nfallback = \"ana\"\ntiers = [{ people = [\"ana\"], delay = \"1h\" }]".to_owned());
    for nth in 0..PROBES {
        add(format!("[[service]]\nid = \"vault{nth}\"\nusers = 1\npolicy = \"money\""));
    }
    for (nth, channel) in (0..NOISE).zip(CHANNELS.iter().cycle()) {
        add(format!("[[service]]\nid = \"s{nth}\"\nusers = 1\npolicy = \"{channel}\""));
    }
    text
}
