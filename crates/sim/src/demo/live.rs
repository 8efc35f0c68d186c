//! The demo with a visitor: by the clock on the wall, with the console on loopback and an inbox that real pages arrive in.
//!
//! The pages leave as signed webhooks over loopback, and the inbox checks the signature like any receiver should.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use quarterdeck_core::incident::Incident;
use quarterdeck_host::clock::{Clock, SystemClock};
use quarterdeck_host::randomness::SystemIds;
use quarterdeck_host::stopping::Stops;
use quarterdeck_ledger::note::SignerKey;
use quarterdeck_reach::notify::{self, Parts, Settings, webhook::verify_signature};
use quarterdeck_server::{
    app::{self, Running},
    config::StoreKind,
    engine::read,
};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    DemoError, ORIGIN, Plan, channels, configuration, derived, history, incident_about, tell, with_history,
    write_review,
};
use crate::{company::Company, story::World};

/// Ordinary live blocks before the attack: it comes within a minute.
const BLOCKS_BEFORE: u64 = 2;
/// From one live block to the next: the chain's own pace.
const PACE: Duration = crate::chain::BLOCK_TIME;
/// How often we look whether the incident is there.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Pages kept by the inbox.
const PAGES_MAX: usize = 1_000;

/// Runs until ctrl-C. `say` gets each line for the visitor.
pub fn run(plan: &Plan, port: u16, say: &dyn Fn(&str)) -> Result<(), DemoError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| DemoError::Defect(format!("make a runtime: {error}")))?;
    runtime.block_on(play(plan, port, say))
}

async fn play(plan: &Plan, port: u16, say: &dyn Fn(&str)) -> Result<(), DemoError> {
    let mut stops = Stops::listen().map_err(|error| DemoError::Defect(format!("listen for signals: {error}")))?;
    for old in ["log", "quarterdeck.db", "quarterdeck.db-wal", "quarterdeck.db-shm"] {
        remove(&plan.data.join(old))?;
    }
    let clock = SystemClock::new();
    let start = clock.now();
    let mut world = World::deploy(plan.seed, start.minus(history()))?;
    let secret = alloy_primitives::hex::encode(derived(plan.seed, "webhook secret"));
    let inbox = Inbox { secret: secret.clone(), clock: clock.clone(), pages: Arc::default() };
    let inbox_address = serve(inbox.clone()).await?;
    let channel = channel(&clock, &secret, inbox_address)?;

    let token = alloy_primitives::hex::encode(derived(plan.seed, &format!("token {}", fresh())));
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let configuration = configuration(&world, plan, start, StoreKind::Sqlite, Some(listen), &token)?;
    let signer = SignerKey::from_seed(ORIGIN, &derived(plan.seed, "log key"))
        .map_err(|error| DemoError::Defect(error.to_string()))?;
    let parts = app::World {
        clock: clock.clone(),
        ids: Box::new(SystemIds),
        salts: Box::new(SystemIds),
        signer: Some(signer),
        channels: channels(channel)?,
    };
    let running = app::start(configuration, parts).await?;
    let base = running.address.map(|address| format!("http://{address}")).unwrap_or_default();
    say(&format!("Quarterdeck demo, seed {}, attack {}", plan.seed, plan.attack.name()));
    say(&format!("  console  {base}/"));
    say(&format!("  token    {token}"));
    say(&format!("  inbox    http://{inbox_address}/"));
    say(&format!("  files    {}", plan.data.display()));
    say("You are Ana, on call. Ordinary traffic first; the attack comes within a minute. ctrl-C ends the demo.");
    with_history(&running, &mut world).await?;

    tokio::select! {
        told = story(&running, &mut world, plan, &base, &token, say) => told?,
        () = stops.told() => {}
    }
    running.stop().await;
    say("stopped");
    Ok(())
}

/// Blocks at the chain's pace for ever; the attack after a few.
async fn story(
    running: &Running,
    world: &mut World,
    plan: &Plan,
    base: &str,
    token: &str,
    say: &dyn Fn(&str),
) -> Result<(), DemoError> {
    let clock = SystemClock::new();
    let mut made: u64 = 0;
    loop {
        tokio::time::sleep(PACE).await;
        let launched = if made == BLOCKS_BEFORE { Some(plan.attack.launch(world)?) } else { None };
        let events = world.advance(clock.now())?;
        tell(running, events).await?;
        made += 1;
        let Some(launched) = launched else { continue };
        say(&format!("\nblock {}: {}", launched.block, plan.attack.describe()));
        say(&format!("  transaction {}", launched.transaction));
        // A slow attack goes on until it is noticed: the chain does not wait for us.
        let incident = loop {
            if let Some(incident) = paged(running, launched.transaction).await {
                break incident;
            }
            let events = world.advance(clock.now())?;
            tell(running, events).await?;
        };
        noticed(running, &incident, plan, base, token, say).await?;
    }
}

/// The incident, once somebody was paged because of it; none within the time of a block.
async fn paged(running: &Running, transaction: alloy_primitives::B256) -> Option<Incident> {
    let found = async {
        loop {
            if let Some(incident) = incident_about(running, transaction).filter(|one| !one.pages().is_empty()) {
                return incident;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PACE, found).await.ok()
}

/// Says what happened and what to try.
async fn noticed(
    running: &Running,
    incident: &Incident,
    plan: &Plan,
    base: &str,
    token: &str,
    say: &dyn Fn(&str),
) -> Result<(), DemoError> {
    let id = incident.id();
    let company = Company { engine: running.engine.clone(), presence: Arc::clone(&running.presence) };
    let mut stopping = running.stopping();
    tokio::spawn(async move {
        tokio::select! {
            _ = stopping.changed() => {}
            () = company.attend(id) => {}
        }
    });
    say(&format!("\n{} {id}: {}", incident.severity(), incident.title()));
    let mut signals: Vec<_> = incident.signals().values().collect();
    signals.sort_by_key(|one| std::cmp::Reverse((one.signal.loudness, one.signal.confidence_permille)));
    for one in signals {
        say(&format!("  signal  {}: {}", one.signal.detector, one.signal.title));
    }
    for page in incident.pages().values() {
        say(&format!("  page    to {} by {}", page.person, page.channel));
    }
    let review = write_review(running, incident, &plan.data).await?;
    let program = std::env::current_exe().unwrap_or_else(|_| "quarterdeck".into());
    let log = std::path::absolute(&running.log_folder).unwrap_or_else(|_| running.log_folder.clone());
    let head = read(&running.engine.published().head).clone();
    say(&format!("  log     {} events, root {}", head.size, head.root));
    say(&format!("  review  {} (as of now)", review.display()));
    say("\nTry, while nobody acknowledges (the second tier is paged after 90 s):");
    say(&format!("  open {base}/incidents/{id} and acknowledge"));
    say(&format!("  open {base}/incidents/{id}/room: Bo and Dai come; ask them something, decide something"));
    say(&format!("  export QUARTERDECK_URL={base} QUARTERDECK_TOKEN={token}"));
    for line in to_try(&program, &id.to_string(), &log) {
        say(&format!("  {line}"));
    }
    Ok(())
}

/// Commands for the visitor, as a shell takes them.
pub fn to_try(program: &Path, incident: &str, log: &Path) -> Vec<String> {
    let program = pasted(program);
    vec![
        format!("{program} incident show {incident}"),
        format!("{program} incident ack {incident}"),
        format!("{program} room {incident}"),
        format!("{program} verify {}", pasted(log)),
        format!("{program} review {incident}"),
    ]
}

/// A path as a shell takes it. Who runs the demo from a fresh clone has no `quarterdeck` in their path.
fn pasted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn remove(path: &Path) -> Result<(), DemoError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(DemoError::File { what: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Something that differs with each run, for the token.
fn fresh() -> String {
    use quarterdeck_core::id::IdSource as _;
    alloy_primitives::hex::encode(SystemIds.fresh())
}

fn channel(clock: &Arc<SystemClock>, secret: &str, inbox: SocketAddr) -> Result<Arc<dyn notify::Notifier>, DemoError> {
    let defect = |error: &dyn std::error::Error| DemoError::Defect(error.to_string());
    let parts = Parts::new(clock.clone()).map_err(|error| defect(&error))?;
    let kind = notify::kind("webhook").ok_or_else(|| DemoError::Defect("there is no webhook notifier".to_owned()))?;
    let settings = [("url", format!("http://{inbox}/page")), ("secret", secret.to_owned())];
    let settings = Settings(settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    kind.build(&settings, &parts).map_err(|error| defect(&error))
}

/// The inbox: takes signed pages and shows them.
#[derive(Clone)]
struct Inbox {
    secret: String,
    clock: Arc<SystemClock>,
    pages: Arc<std::sync::Mutex<Vec<Value>>>,
}

impl Inbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.pages.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn serve(inbox: Inbox) -> Result<SocketAddr, DemoError> {
    let failed = |error: std::io::Error| DemoError::Defect(format!("listen for pages: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let router = Router::new().route("/page", post(take)).route("/", get(show)).with_state(inbox);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the inbox ended");
        }
    });
    Ok(address)
}

async fn take(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    if let Err(error) = verify_signature(inbox.secret.as_bytes(), &headers, &body, inbox.clock.now()) {
        return (StatusCode::UNAUTHORIZED, error.to_string());
    }
    match serde_json::from_slice(&body) {
        Ok(page) => {
            let mut pages = inbox.lock();
            pages.push(page);
            let surplus = pages.len().saturating_sub(PAGES_MAX);
            pages.drain(..surplus);
            (StatusCode::OK, "taken".to_owned())
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
    }
}

/// Text is enough: it cannot be styled wrongly, and nothing in it can be a script.
async fn show(State(inbox): State<Inbox>) -> Response {
    let pages = inbox.lock();
    let heading = format!("Inbox of the demo's invented people: {} pages. Reload to see more.\n", pages.len());
    let entries: Vec<String> = pages.iter().rev().map(entry).collect();
    let text = format!("{heading}{}", entries.concat());
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::REFRESH, "2")], text).into_response()
}

fn entry(page: &Value) -> String {
    let field = |name: &str| page.get(name).and_then(Value::as_str).unwrap_or_default();
    format!(
        "\n{} to {} <{}>\n{} {}\n{}\n{}\n",
        field("at"),
        field("person"),
        field("address"),
        field("severity"),
        field("title"),
        field("text"),
        field("link")
    )
}
