//! How long one signal takes, from the first byte of its POST: to the answer, which says that it is durable, and to the page at the
//! receiver. Idle, and with 100,000 active signals. `cargo run --release -p quarterdeck-server --example signal_latency`.
//!
//! The program is a process of its own with SQLite on this disk; client and receiver are here. One signal at a time, each opens an
//! incident and pages one person by webhook.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "support/program.rs"]
mod program;

use std::time::{Duration, Instant};

use axum::{Json, Router, extract::State, routing::post};
use program::{Connection, Outcome, Program, Spans, serve_if_told};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Signals measured in each state.
const PROBES: usize = 1_000;
/// Signals before the first that counts.
const WARM_UP: usize = 50;
/// Active signals in the second state.
const ACTIVE: usize = 100_000;
/// Incidents that hold them.
const INCIDENTS: usize = 2_000;
/// How long a page may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

type Arrivals = mpsc::Sender<(String, Instant)>;

#[tokio::main]
async fn main() -> Outcome<()> {
    serve_if_told().await?;
    let (tell, mut told) = mpsc::channel(1_024);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let receiver = format!("http://{}/page", listener.local_addr()?);
    let router = Router::new().route("/page", post(receive)).with_state(tell);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let program = Program::start(&receiver).await?;
    println!(
        "ready after {:.0} ms, {} MiB resident",
        program.ready_after.as_secs_f64() * 1_000.0,
        program.resident_mib()?
    );
    let mut connection = Connection::open(&program.address).await?;

    probe(&mut connection, &mut told, "warm", WARM_UP).await?;
    let (answered, paged) = probe(&mut connection, &mut told, "idle", PROBES).await?;
    println!("idle      answer  {answered}\n          page    {paged}");
    fill(&mut connection).await?;
    println!("with {ACTIVE} active signals in {INCIDENTS} incidents: {} MiB resident", program.resident_mib()?);
    let (answered, paged) = probe(&mut connection, &mut told, "full", PROBES).await?;
    println!("full      answer  {answered}\n          page    {paged}");
    Ok(())
}

async fn receive(State(tell): State<Arrivals>, Json(message): Json<Value>) {
    let title = message.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !title.contains("probe") {
        // The fill opened incidents of its own; their pages are not ours.
        return;
    }
    // A receiver that nobody listens to any more is the end of the measurement.
    drop(tell.send((title, Instant::now())).await);
}

/// One signal after the other: the spans to the answers and to the pages.
async fn probe(
    connection: &mut Connection,
    told: &mut mpsc::Receiver<(String, Instant)>,
    name: &str,
    count: usize,
) -> Outcome<(Spans, Spans)> {
    let (mut answered, mut paged) = (Vec::new(), Vec::new());
    for nth in 0..count {
        let title = format!("probe {name} {nth}.");
        let event = json!({
            "routing_key": program::KEY, "event_action": "trigger", "dedup_key": title,
            "payload": { "summary": title, "source": "bench", "severity": "critical" },
        });
        let body = serde_json::to_vec(&event)?;
        let begun = Instant::now();
        let status = connection.post("/v2/enqueue", &body).await?;
        answered.push(begun.elapsed());
        if status != 202 {
            return Err(format!("{title} answered {status}").into());
        }
        loop {
            let arrival = tokio::time::timeout(PATIENCE, told.recv()).await;
            let (heard, at) = arrival.map_err(|_| format!("no page for {title}"))?.ok_or("the receiver is gone")?;
            if heard.contains(&title) {
                paged.push(at.saturating_duration_since(begun));
                break;
            }
        }
    }
    Ok((Spans::of(answered), Spans::of(paged)))
}

/// Makes the program hold as many active signals, in batches of a hundred.
async fn fill(connection: &mut Connection) -> Outcome<()> {
    for batch in 0..ACTIVE / 100 {
        let one = |nth: usize| {
            let name = format!("Filled{}", nth % INCIDENTS);
            json!({ "labels": { "alertname": name, "instance": format!("host-{nth}") } })
        };
        let body = serde_json::to_vec(&(batch * 100..batch * 100 + 100).map(one).collect::<Vec<_>>())?;
        let status = connection.post("/api/v2/alerts", &body).await?;
        if status != 200 {
            return Err(format!("batch {batch} answered {status}").into());
        }
    }
    Ok(())
}
