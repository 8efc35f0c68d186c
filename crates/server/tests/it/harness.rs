//! One whole program with everything around it, and what must hold of it at the end.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use quarterdeck_api::{Command, Incident, client::Client};
use quarterdeck_core::{board::Board, time::Timestamp};
use quarterdeck_host::clock::{Clock, Steady, SystemClock};
use quarterdeck_host::randomness::SystemIds;
use quarterdeck_ledger::verify::verify_folder;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{
    app::{self, Running, World},
    config,
    engine::{read, replay::refold},
    log_files::DiskFiles,
};
use quarterdeck_store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    ground::Ground,
    receiver::{Receiver, SECRET},
};

/// Keys of the configuration, by what they may do.
pub(crate) const VIEWER: &str = "viewer-token-0123456789";
pub(crate) const RESPONDER: &str = "responder-token-0123456789";
pub(crate) const COMMANDER: &str = "commander-token-0123456789";
pub(crate) const ADMIN: &str = "admin-token-0123456789";
/// The key of the integration `monitor`.
pub(crate) const KEY: &str = "key-of-the-monitor-0123456789";
/// The configuration, beside the store.
const FILE: &str = "quarterdeck.toml";
/// How long something may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The machine's clock, which somebody sets. What it tells goes on as the real one's does.
pub(crate) struct SetClock {
    system: Arc<SystemClock>,
    ahead_ms: AtomicI64,
    steady: Mutex<Steady>,
}

impl SetClock {
    pub(crate) fn new() -> Arc<Self> {
        let (ahead_ms, steady) = (AtomicI64::new(0), Mutex::default());
        Arc::new(Self { system: SystemClock::new(), ahead_ms, steady })
    }
    pub(crate) fn forward(&self, by: Duration) {
        self.ahead_ms.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
    pub(crate) fn back(&self, by: Duration) {
        self.ahead_ms.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let mut steady = self.steady.lock().unwrap();
        Timestamp::from_ms(steady.tell(self.wall().as_ms(), self.elapsed()))
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_ms(self.system.wall().as_ms() + self.ahead_ms.load(Ordering::SeqCst))
    }
    fn elapsed(&self) -> Duration {
        self.system.elapsed()
    }
    fn not_before(&self, at: Timestamp) {
        self.steady.lock().unwrap().not_before(at.as_ms(), self.elapsed());
    }
}

/// The program and its surroundings.
pub(crate) struct Deck {
    pub(crate) clock: Arc<SetClock>,
    pub(crate) receiver: Receiver,
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) running: Running,
    pub(crate) ground: Ground,
    pub(crate) folder: TempDir,
}

/// Plays a case on every store: what a person sees must not depend on where it is kept.
pub(crate) async fn on_every_store(case: impl AsyncFn(Deck)) {
    for kind in Ground::ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(ground) = Ground::fresh(kind, folder.path().to_owned()).await else { continue };
        // Told only of a test that fails.
        eprintln!("on {kind}");
        // On the heap: a case that starts a program several times is large.
        Box::pin(case(Deck::on(ground, folder, |store| store).await)).await;
    }
}

impl Deck {
    /// A program on SQLite in a folder of its own.
    pub(crate) async fn start() -> Self {
        Self::start_with(|store| store).await
    }

    /// The same, with the store wrapped.
    pub(crate) async fn start_with(wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground::fresh("sqlite", folder.path().to_owned()).await.unwrap();
        Self::on(ground, folder, wrap).await
    }

    /// A program on SQLite in this folder.
    pub(crate) async fn start_in(folder: TempDir) -> Self {
        let ground = Ground::fresh("sqlite", folder.path().to_owned()).await.unwrap();
        Self::on(ground, folder, |store| store).await
    }

    async fn on(ground: Ground, folder: TempDir, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let clock = SetClock::new();
        let receiver = Receiver::start(clock.clone()).await;
        let running = run(&clock, &receiver, folder.path(), wrap(ground.open().await)).await;
        let base = format!("http://{}", running.address.unwrap());
        Self { clock, receiver, http: http(), base, running, ground, folder }
    }

    /// Stops in good order, and starts again on what is kept.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|store| store).await
    }

    /// Stops in good order, and starts again on what is kept, with the store wrapped.
    pub(crate) async fn restart_with(self, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let Self { clock, receiver, running, ground, folder, .. } = self;
        let store = Arc::downgrade(&running.store);
        tokio::time::timeout(PATIENCE, running.stop()).await.expect("it does not stop");
        Self::again(store, clock, receiver, ground, folder, wrap).await
    }

    /// Stops in good order, changes what is kept, and starts again on it.
    pub(crate) async fn restart_over(self, change: impl AsyncFnOnce(&dyn Store)) -> Self {
        let Self { clock, receiver, running, ground, folder, .. } = self;
        let store = Arc::clone(&running.store);
        tokio::time::timeout(PATIENCE, running.stop()).await.expect("it does not stop");
        change(&*store).await;
        let before = Arc::downgrade(&store);
        drop(store);
        Self::again(before, clock, receiver, ground, folder, |store| store).await
    }

    /// Pulls the plug: nothing is finished, nothing is said. Then starts again on what is on the disk.
    pub(crate) async fn crash(self) -> Self {
        let Self { clock, receiver, running, ground, folder, .. } = self;
        let store = Arc::downgrade(&running.store);
        drop(running);
        Self::again(store, clock, receiver, ground, folder, |store| store).await
    }

    /// Starts once nothing of the program before holds the store.
    async fn again(
        before: Weak<dyn Store>,
        clock: Arc<SetClock>,
        receiver: Receiver,
        ground: Ground,
        folder: TempDir,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        let gone = async {
            while before.strong_count() > ground.own_holders() {
                tokio::task::yield_now().await;
            }
            ground.open().await
        };
        let store = tokio::time::timeout(PATIENCE, gone).await.expect("something outlives the program");
        let running = run(&clock, &receiver, folder.path(), wrap(store)).await;
        let base = format!("http://{}", running.address.unwrap());
        Self { clock, receiver, http: http(), base, running, ground, folder }
    }

    /// What a second program hears that starts on the same store, in words; none: it cannot.
    pub(crate) async fn second_program(&self) -> Option<Result<(), String>> {
        Some(self.ground.second().await?.map_err(|refused| refused.to_string()))
    }

    /// The typed client with a token.
    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(&self.base, token, self.http.clone())
    }

    /// Posts JSON with a key; the status and the body's text.
    pub(crate) async fn post(&self, path: &str, key: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(key);
        let answer = request.header("content-type", "application/json").body(body.into()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Posts alerts as Prometheus does; they must be taken.
    pub(crate) async fn alert(&self, alerts: &Value) {
        let (status, body) = self.post("/api/v2/alerts", KEY, alerts.to_string()).await;
        assert_eq!((status, body.as_str()), (200, ""));
    }

    /// Changes the configuration file, and nothing else.
    pub(crate) fn edit(&self, change: impl FnOnce(String) -> String) {
        let file = self.folder.path().join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, change(text)).unwrap();
    }

    /// Changes the configuration file and has it read, which must succeed.
    pub(crate) async fn configure(&self, change: impl FnOnce(String) -> String) -> quarterdeck_api::Configuration {
        self.edit(change);
        self.client(ADMIN).reload().await.unwrap()
    }

    /// JSON at a path.
    pub(crate) async fn get(&self, path: &str, key: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.base)).bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// The only open incident.
    pub(crate) async fn only_incident(&self) -> Incident {
        let client = self.client(VIEWER);
        let open = client.incidents(false).await.unwrap();
        assert_eq!(open.len(), 1, "{open:?}");
        client.incident(&open[0].id).await.unwrap()
    }

    /// Asks something of an incident, and gives the incident after it.
    pub(crate) async fn ask(&self, token: &str, id: &str, command: &Command) -> Incident {
        let client = self.client(token);
        client.command(id, command).await.unwrap();
        client.incident(id).await.unwrap()
    }

    /// Waits until what is published satisfies `holds`. Asks anew at every news, so it waits for nothing else.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut(&Board) -> bool) {
        let published = Arc::clone(self.running.engine.published());
        let mut news = published.news.subscribe();
        let waiting = async {
            while !holds(&read(&published.board)) {
                // Too slow or stopped: the board is asked either way.
                drop(news.recv().await);
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
    }

    /// Waits until the outcome of every page is known.
    pub(crate) async fn settled(&self) {
        let settled = |board: &Board| board.incidents().all(|incident| incident.pages_under_way().next().is_none());
        self.until("the outcome of a page", settled).await;
    }

    /// Stops, and looks only at what must hold where the store handed out damaged events: they were published as they were read.
    pub(crate) async fn leave_damaged(self) {
        let Self { running, .. } = self;
        let (store, rules) = (Arc::clone(&running.store), running.live.now().setting.rules.clone());
        let published = Arc::clone(running.engine.published());
        tokio::time::timeout(PATIENCE, running.stop()).await.expect("it does not stop");
        assert!(refold(&*store, &rules).await.unwrap() == *published.board());
    }

    /// Stops, and looks at everything that must hold of any run.
    pub(crate) async fn finish(self) {
        let Self { clock, running, ground, folder, http, receiver, .. } = self;
        receiver.assert_empty().await;
        drop(http);
        let store = Arc::clone(&running.store);
        let published = Arc::clone(running.engine.published());
        let (key, log, running_rules) =
            (running.key.clone(), running.log_folder.clone(), running.live.now().setting.rules.clone());
        tokio::time::timeout(PATIENCE, running.stop()).await.expect("it does not stop");

        let overdue = store.timers_due(clock.now().minus(Duration::from_secs(5)), 10).await.unwrap();
        assert!(overdue.is_empty(), "overdue duties: {overdue:?}");
        let events = store.events(0, usize::MAX).await.unwrap();
        let refolded = refold(&*store, &running_rules).await.unwrap();
        assert!(refolded == *published.board(), "what is published is not the fold of what is stored");
        assert!(events.is_sorted_by_key(|event| event.at), "an event of the log precedes the one before it");
        let report = verify_folder(&DiskFiles::new(log), Some(&key));
        assert!(report.holds(), "{:?}", report.findings);
        assert_eq!(report.size(), events.len() as u64);
        drop((ground, store, folder));
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().build().unwrap()
}

async fn run(clock: &Arc<SetClock>, receiver: &Receiver, folder: &Path, store: Arc<dyn Store>) -> Running {
    let parts = Parts::new(clock.clone()).unwrap();
    let file = folder.join(FILE);
    if !file.exists() {
        std::fs::write(&file, configuration(&receiver.address.to_string())).unwrap();
    }
    let configuration = config::load(&file, &parts).unwrap_or_else(|error| panic!("{:#?}", error.mistakes()));
    let world = World {
        clock: clock.clone(),
        ids: Box::new(SystemIds),
        salts: Box::new(SystemIds),
        signer: None,
        channels: BTreeMap::new(),
    };
    app::start_on(store, configuration, world).await.unwrap()
}

fn configuration(receiver: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
data = "data"

[response]
default_policy = "everything"
open_at = "warning"
bundle = "never"

[[token]]
name = "viewer"
role = "viewer"
token = "{VIEWER}"
[[token]]
name = "responder"
role = "responder"
person = "ana"
token = "{RESPONDER}"
[[token]]
name = "commander"
role = "commander"
person = "bo"
token = "{COMMANDER}"
[[token]]
name = "admin"
role = "admin"
token = "{ADMIN}"

[[person]]
id = "ana"
contacts = [{{ channel = "hook", address = "ana" }}, {{ channel = "spare", address = "ana" }}]
[[person]]
id = "bo"
contacts = [{{ channel = "hook", address = "bo" }}]

[channel.hook]
kind = "webhook"
url = "http://{receiver}/hook"
secret = "{SECRET}"
[channel.spare]
kind = "webhook"
url = "http://{receiver}/spare"
secret = "{SECRET}"

[[policy]]
id = "everything"
tiers = [{{ people = ["ana"], delay = "15m" }}, {{ people = ["bo"], delay = "15m" }}]
fallback = "bo"
page_at = "SEV5"
acknowledgement = "1h"

[[service]]
id = "rpc"
users = 1000
[[service]]
id = "bridge"
users = 1000

[[integration]]
id = "monitor"
key = "{KEY}"
signals_a_minute = 1000000
open_incidents = 1000000
apart = 1000000
"#
    )
}

/// A line for the timeline.
pub(crate) fn note(text: &str) -> Command {
    Command::Note { text: text.to_owned() }
}

/// It is over, whether or not a monitor says so: most tests are about something else.
pub(crate) fn resolve(note: &str) -> Command {
    Command::Resolve { note: note.to_owned(), reason: Some("the monitor lags".to_owned()) }
}

/// An alert about a service, as Prometheus posts it; `more` labels tell it from others.
pub(crate) fn alert(service: &str, name: &str, more: &str) -> Value {
    json!({
        "labels": {"alertname": name, "severity": "critical", "service": service, "instance": more},
        "annotations": {"summary": format!("{name} of {more}")},
        "generatorURL": "http://monitor:9090/graph",
    })
}

/// Whether a test that needs something of this machine is left out. On the build machine nothing may be left out.
pub(crate) fn left_out(what: &str) {
    #[expect(clippy::disallowed_methods, reason = "only the build machine sets it")]
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!strict, "missing: {what}");
    eprintln!("left out: {what}");
}
