//! The room of an incident: how long a message takes from the first byte of its POST to each of 1,000 who listen, and how long the page takes
//! to open with 10,000 messages. `cargo run --release -p quarterdeck-server --example room`.
//!
//! The program is a process of its own with SQLite on this disk. The listeners read the parts of the page, as browsers do, and share this
//! machine with it.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "this one has a configuration of its own")]
mod program;

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use program::{Connection, Outcome, Program, Spans, TOKEN, serve_if_told};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Who listens to one room.
const LISTENERS: usize = 1_000;
/// Messages measured.
const PROBES: usize = 200;
/// Messages of the room when its page is opened.
const MESSAGES: usize = 10_000;
/// Tokens that write them: each may 60 times a minute.
const HANDS: usize = 300;
/// Times that the page is opened.
const OPENINGS: usize = 100;
/// How long all may take to hear one message.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the listeners heard.
#[derive(Default)]
struct Heard {
    sent: Mutex<Vec<Instant>>,
    spans: Mutex<Vec<Duration>>,
    count: AtomicUsize,
    listening: AtomicUsize,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    serve_if_told().await?;
    let program = Program::start_told(&std::env::current_exe()?, &configuration()?).await?;
    let mut connection = Connection::open(&program.address).await?;
    let id = opened(&mut connection).await?;

    let heard = Arc::new(Heard::default());
    for _ in 0..LISTENERS {
        tokio::spawn(listen(program.address.clone(), id.clone(), Arc::clone(&heard)));
    }
    wait(LISTENERS, || heard.listening.load(Ordering::SeqCst)).await?;
    let mut answered = Vec::new();
    for nth in 0..PROBES {
        let begun = Instant::now();
        heard.sent.lock().unwrap_or_else(PoisonError::into_inner).push(begun);
        say(&mut connection, &id, nth, &format!("probe-{nth:06}")).await?;
        answered.push(begun.elapsed());
        wait((nth + 1) * LISTENERS, || heard.count.load(Ordering::SeqCst)).await?;
    }
    let spans = std::mem::take(&mut *heard.spans.lock().unwrap_or_else(PoisonError::into_inner));
    println!("{LISTENERS} listeners, to the durable answer   {}", Spans::of(answered));
    println!("{LISTENERS} listeners, to each of them         {}", Spans::of(spans));
    println!("resident with all of them: {} MiB", program.resident_mib()?);

    for nth in PROBES..MESSAGES {
        say(&mut connection, &id, nth, "what somebody saw, and what they make of it, in a line or two of text").await?;
    }
    let mut openings = Vec::new();
    let mut bytes = 0;
    for _ in 0..OPENINGS {
        let begun = Instant::now();
        let (status, page) = connection.ask("GET", &format!("/incidents/{id}/room"), TOKEN, &[]).await?;
        openings.push(begun.elapsed());
        if status != 200 {
            return Err(format!("{status} {}", String::from_utf8_lossy(&page)).into());
        }
        bytes = page.len();
    }
    println!("the page of {MESSAGES} messages, {} kB        {}", bytes / 1_000, Spans::of(openings));
    println!("resident then: {} MiB", program.resident_mib()?);
    Ok(())
}

/// The usual configuration with so many tokens that write.
fn configuration() -> Outcome<String> {
    let mut text = format!(
        r#"
[server]
listen = "127.0.0.1:0"
data = "data"
[[integration]]
id = "bench"
key = "{}"
[[token]]
name = "bench"
role = "commander"
token = "{TOKEN}"
[channel.receiver]
kind = "webhook"
url = "http://127.0.0.1:9/page"
secret = "secret-of-the-bench-0123456789"
[[person]]
id = "ann"
contacts = [{{ channel = "receiver" }}]
[[policy]]
id = "default"
page_at = "SEV1"
fallback = "ann"
tiers = [{{ people = ["ann"], delay = "1h" }}]
"#,
        program::KEY
    );
    for nth in 0..HANDS {
        write!(text, "[[token]]\nname = \"hand-{nth}\"\nrole = \"responder\"\ntoken = \"{}\"\n", hand(nth))?;
    }
    Ok(text)
}

fn hand(nth: usize) -> String {
    format!("hand-of-the-bench-0123456789-{:04}", nth % HANDS)
}

async fn opened(connection: &mut Connection) -> Outcome<String> {
    let body =
        serde_json::to_vec(&json!([{"title": "Room", "severity": "critical", "labels": {"alertname": "Room"}}]))?;
    let (status, answer) = connection.ask("POST", "/ingest/webhook", program::KEY, &body).await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let id = answer.pointer("/0/incident").and_then(Value::as_str).ok_or(format!("{status} {answer}"))?;
    Ok(id.to_owned())
}

async fn say(connection: &mut Connection, id: &str, nth: usize, text: &str) -> Outcome<()> {
    let body = serde_json::to_vec(&json!({"command": "say", "text": text}))?;
    let path = format!("/api/v1/incidents/{id}/commands");
    let (status, answer) = connection.ask("POST", &path, &hand(nth), &body).await?;
    if status == 200 { Ok(()) } else { Err(format!("{status} {}", String::from_utf8_lossy(&answer)).into()) }
}

async fn wait(want: usize, count: impl Fn() -> usize) -> Outcome<()> {
    let begun = Instant::now();
    while count() < want {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{} of {want} heard it", count()).into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Reads the parts of the page, and notes when each probe is in them.
async fn listen(address: String, id: String, heard: Arc<Heard>) -> Outcome<()> {
    let mut stream = TcpStream::connect(&address).await?;
    let request =
        format!("GET /incidents/{id}/room/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut text, mut piece) = (Vec::new(), [0; 16_384]);
    let mut begun = false;
    loop {
        let read = stream.read(&mut piece).await?;
        let Some(piece) = piece.get(..read).filter(|piece| !piece.is_empty()) else { return Ok(()) };
        text.extend_from_slice(piece);
        if !begun && text.starts_with(b"HTTP/1.1 200") {
            begun = true;
            heard.listening.fetch_add(1, Ordering::SeqCst);
        }
        while let Some(at) = text.windows(6).position(|six| six == b"probe-").filter(|at| text.len() >= at + 12) {
            let nth =
                text.get(at + 6..at + 12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
            text.drain(..at + 12);
            let sent = nth.and_then(|nth| heard.sent.lock().unwrap_or_else(PoisonError::into_inner).get(nth).copied());
            let sent = sent.ok_or("a probe that nobody sent")?;
            heard.spans.lock().unwrap_or_else(PoisonError::into_inner).push(sent.elapsed());
            heard.count.fetch_add(1, Ordering::SeqCst);
        }
        // What is left can only be the beginning of a probe.
        let kept = text.len().saturating_sub(11);
        text.drain(..kept);
    }
}
