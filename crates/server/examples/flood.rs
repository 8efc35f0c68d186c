//! What one sender's flood costs another: a monitor posts distinct claims about no known service in batches of a thousand, as fast as it is
//! answered, while another posts one claim after another. Once with the usual bounds of an integration, once with none to speak of.
//! `cargo run --release -p quarterdeck-server --example flood [CLAIMS]`.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "support/program.rs"]
mod program;

use std::time::Instant;

use axum::{Router, routing::post};
use program::{BOUNDED_KEY, Connection, KEY, Outcome, Program, Spans, TOKEN, serve_if_told};
use serde_json::{Value, json};

/// Claims of the flood unless told otherwise.
const CLAIMS: usize = 200_000;
/// Claims of one request.
const BATCH: usize = 1_000;
/// Claims of the other sender before the flood, and after it.
const QUIET: usize = 200;

#[tokio::main]
async fn main() -> Outcome<()> {
    serve_if_told().await?;
    let claims: usize = std::env::args().nth(1).map_or(Ok(CLAIMS), |text| text.parse())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let receiver = format!("http://{}/page", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/page", post(|| async {}))).await });
    for (name, flood, other) in [("usual bounds", BOUNDED_KEY, KEY), ("without bounds", KEY, BOUNDED_KEY)] {
        let program = Program::start(&receiver).await?;
        // Both keys are taken, and the program is warm.
        Connection::open(&program.address).await?.post("/api/v1/heartbeat", b"").await?;
        println!("{name}, ready after {:.0} ms", program.ready_after.as_secs_f64() * 1_000.0);
        println!("{name}, before: {}", one_by_one(&program, other, "before", |sent| sent < QUIET).await?);
        let address = program.address.clone();
        let begun = Instant::now();
        let flooding = tokio::spawn(async move {
            let mut connection = Connection::open(&address).await?;
            for first in (0..claims).step_by(BATCH) {
                let batch: Vec<Value> =
                    (first..claims.min(first + BATCH)).map(|number| claim("flood", number)).collect();
                let (status, _) =
                    connection.ask("POST", "/ingest/webhook", flood, &serde_json::to_vec(&batch)?).await?;
                if status != 200 {
                    return Err(format!("the flood was answered {status}").into());
                }
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
        println!("{name}, during: {}", one_by_one(&program, other, "during", |_| !flooding.is_finished()).await?);
        flooding.await??;
        println!("{name}: {claims} claims in {:.1} s", begun.elapsed().as_secs_f64());
        println!("{name}, after:  {}", one_by_one(&program, other, "after", |sent| sent < QUIET).await?);
        let mut connection = Connection::open(&program.address).await?;
        let (_, health) = connection.ask("GET", "/api/v1/health", TOKEN, b"").await?;
        let health: Value = serde_json::from_slice(&health)?;
        println!(
            "{name}: {} incidents open, {} MiB resident",
            health.get("open_incidents").unwrap_or(&Value::Null),
            program.resident_mib()?
        );
    }
    Ok(())
}

/// Distinct claims about one thing each; those of the other sender join one incident.
fn claim(who: &str, number: usize) -> Value {
    json!({"title": format!("{who} {number}"), "severity": "warning"})
}

/// Posts claims one after another as long as `goes_on` says so: how long each took.
async fn one_by_one(program: &Program, key: &str, when: &str, goes_on: impl Fn(usize) -> bool) -> Outcome<Spans> {
    let mut connection = Connection::open(&program.address).await?;
    let mut spans = Vec::new();
    while goes_on(spans.len()) {
        let body = json!({"title": "the other", "severity": "warning", "dedup_key": format!("{when} {}", spans.len())});
        let sent = Instant::now();
        let (status, _) = connection.ask("POST", "/ingest/webhook", key, &serde_json::to_vec(&body)?).await?;
        spans.push(sent.elapsed());
        if status != 200 {
            return Err(format!("the other sender was answered {status}").into());
        }
    }
    Ok(Spans::of(spans))
}
