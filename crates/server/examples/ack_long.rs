//! How long an acknowledgement takes, from the first byte of its POST to the durable answer: of an incident of 5,000 events beside one
//! of ten, as a command and on the older route. `cargo run --release -p quarterdeck-server --example ack_long`.
//!
//! The program is a process of its own with SQLite on this disk. One request at a time, long and short in turn, so that whatever
//! else the machine does meets both.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "support/program.rs"]
mod program;

use std::time::{Duration, Instant};

use program::{Connection, Outcome, Program, Spans, TOKEN, serve_if_told};
use serde_json::{Value, json};

/// Acknowledgements measured of each.
const PROBES: usize = 500;
/// Signals of the long incident: it keeps at most 2,000 one by one.
const SIGNALS: usize = 1_900;
/// Events of the long incident before the first acknowledgement.
const LONG: usize = 5_000;
/// Events of a short one.
const SHORT: usize = 10;

#[tokio::main]
async fn main() -> Outcome<()> {
    serve_if_told().await?;
    // Nobody listens there: pages fail, which is no matter here.
    let program = Program::start("http://127.0.0.1:9/page").await?;
    let mut connection = Connection::open(&program.address).await?;
    // The first request of all pays for what is set up once.
    connection.post("/api/v2/alerts", b"[]").await?;
    let long = opened(&mut connection, "Long", SIGNALS).await?;
    notes(&mut connection, &long, LONG.saturating_sub(SIGNALS)).await?;
    println!(
        "ready after {:.0} ms; the long incident has {} events; {} MiB resident",
        program.ready_after.as_secs_f64() * 1_000.0,
        events_of(&mut connection, &long).await?,
        program.resident_mib()?
    );
    for (way, path, body) in
        [("command", "commands", json!({"command": "acknowledge"})), ("older route", "acknowledge", json!({}))]
    {
        let (mut of_long, mut of_short) = (Vec::new(), Vec::new());
        for nth in 0..PROBES {
            let short = opened(&mut connection, &format!("Short {path} {nth}"), 1).await?;
            notes(&mut connection, &short, SHORT).await?;
            of_short.push(acknowledged(&mut connection, &short, path, &body).await?);
            of_long.push(acknowledged(&mut connection, &long, path, &body).await?);
        }
        println!("{way:<12} of {SHORT:>5} events  {}", Spans::of(of_short));
        println!("{way:<12} of {LONG:>5} events  {}", Spans::of(of_long));
    }
    Ok(())
}

/// An incident of so many signals; its id.
async fn opened(connection: &mut Connection, name: &str, signals: usize) -> Outcome<String> {
    let one = |nth: usize| json!({ "title": format!("{name} of {nth}"), "severity": "critical", "labels": {"alertname": name, "nth": nth.to_string()} });
    let mut id = None;
    for batch in (0..signals).collect::<Vec<_>>().chunks(100) {
        let body = serde_json::to_vec(&batch.iter().map(|nth| one(*nth)).collect::<Vec<_>>())?;
        let (status, answer) = connection.ask("POST", "/ingest/webhook", program::KEY, &body).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let incident = answer.pointer("/0/incident").and_then(Value::as_str).ok_or(format!("{status} {answer}"))?;
        if id.get_or_insert_with(|| incident.to_owned()) != incident {
            return Err("the signals went to two incidents".into());
        }
    }
    id.ok_or_else(|| "no signal, no incident".into())
}

async fn notes(connection: &mut Connection, id: &str, count: usize) -> Outcome<()> {
    let body = serde_json::to_vec(&json!({"command": "note", "text": "what somebody saw, in a line"}))?;
    for _ in 0..count {
        done(connection.ask("POST", &format!("/api/v1/incidents/{id}/commands"), TOKEN, &body).await?)?;
    }
    Ok(())
}

async fn acknowledged(connection: &mut Connection, id: &str, path: &str, body: &Value) -> Outcome<Duration> {
    let (path, body) = (format!("/api/v1/incidents/{id}/{path}"), serde_json::to_vec(body)?);
    let begun = Instant::now();
    let answer = connection.ask("POST", &path, TOKEN, &body).await?;
    let took = begun.elapsed();
    done(answer)?;
    Ok(took)
}

/// How many events an incident has: the place of its last row, by the cursor of the part that is one row long.
async fn events_of(connection: &mut Connection, id: &str) -> Outcome<u64> {
    let path = format!("/api/v1/incidents/{id}/timeline?limit=1");
    let (_, answer) = connection.ask("GET", &path, TOKEN, &[]).await?;
    let part: Value = serde_json::from_slice(&answer)?;
    Ok(part.get("earlier").and_then(Value::as_u64).unwrap_or_default().saturating_add(1))
}

fn done((status, answer): (u16, Vec<u8>)) -> Outcome<()> {
    if status == 200 { Ok(()) } else { Err(format!("{status} {}", String::from_utf8_lossy(&answer)).into()) }
}
