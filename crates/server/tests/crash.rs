//! The whole program is killed at random instants while monitors post, pages leave and escalations run. What was answered 2xx
//! must be there afterwards, every page must have been heard, and a page may be heard twice only if the second says so.
//!
//! The program is this test binary again, told by its environment to serve; what it posts to and delivers to is here and survives.
//! The kill is SIGKILL: nothing is flushed, no destructor runs.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

#[path = "crash/evidence.rs"]
mod evidence;
#[path = "crash/validations.rs"]
mod validations;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use quarterdeck_core::{
    id::{IncidentId, PageId},
    incident::{
        Actor, ClaimsEvent, Command, Incident, IncidentEvent, LifeCommand, LifeEvent, PageOutcome, PageReason,
        PagingEvent, RolesCommand, RolesEvent, RoomEvent, TasksEvent, evidence::Digest,
    },
    journal::Body,
};
use quarterdeck_host::clock::{Clock as _, SystemClock};
use quarterdeck_host::randomness::SystemIds;
use quarterdeck_ledger::verify::verify_folder;
use quarterdeck_reach::notify::{Parts, webhook::verify_signature};
use quarterdeck_server::{
    app::{self, Running, World},
    config,
    engine::{Work, read, recorded_of},
    log_files::DiskFiles,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{self, Child},
};

/// Tells the re-executed test binary to serve, and with which configuration.
const CONFIGURATION: &str = "QUARTERDECK_TEST_CONFIGURATION";
/// Kills in each world, a history of its own with a store that outlives them: long enough that pages of the first lives escalate in
/// later ones.
const KILLS_PER_WORLD: u64 = 60;
/// How many kills there are in all, in whole worlds; unset: one world. `cargo xtask nightly` asks for 240.
const KILLS: &str = "QUARTERDECK_KILLS";
/// Inputs posted in one life at most: more would only make the log longer.
const POSTS_PER_LIFE_MAX: usize = 12;
/// How long a program may take to say where it listens, and how long the last one may take to settle everything.
const PATIENCE: Duration = Duration::from_mins(1);
const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "token-of-the-crash-test";
const OTHER_TOKEN: &str = "token-of-another-person";
/// What is done about tasks in an incident, one after the other: somebody is on one thing, somebody else goes ahead all the same, of which
/// the first is told, and the first is done.
const STEPS: usize = 3;
const SECRET: &str = "secret-of-the-crash-test";

/// What the program serves until it is killed. As a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "how the parent test tells its child what to do")]
async fn serve_until_killed() {
    let Ok(path) = std::env::var(CONFIGURATION) else { return };
    let running = start(Path::new(&path)).await;
    println!("listening {}", running.address.unwrap());
    std::future::pending::<()>().await;
}

async fn start(configuration: &Path) -> Running {
    let clock = SystemClock::new();
    let parts = Parts::new(clock.clone()).unwrap();
    let configuration = config::load(configuration, &parts).unwrap_or_else(|error| panic!("{error}"));
    let world =
        World { clock, ids: Box::new(SystemIds), salts: Box::new(SystemIds), signer: None, channels: BTreeMap::new() };
    app::start(configuration, world).await.unwrap()
}

/// One arrival of a page at the receiver.
#[derive(Debug, Clone)]
struct Arrival {
    page: PageId,
    incident: IncidentId,
    repeat: bool,
}

/// What survives the kills: everything that was promised to the outside, and everything that reached it.
#[derive(Default)]
struct Outside {
    accepted: Mutex<BTreeSet<String>>,
    acknowledged: Mutex<BTreeSet<IncidentId>>,
    /// What somebody declared, by title; each was declared twice, with one key.
    declared: Mutex<BTreeSet<String>>,
    /// In which incidents somebody was asked to come by name.
    asked: Mutex<BTreeSet<IncidentId>>,
    /// How many of [`STEPS`] were done in each incident.
    steps: Mutex<BTreeMap<IncidentId, usize>>,
    /// Which incidents somebody had checked.
    validated: Mutex<BTreeSet<IncidentId>>,
    /// What was said to be kept as evidence.
    kept: Mutex<BTreeSet<(IncidentId, Digest)>>,
    arrivals: Mutex<Vec<Arrival>>,
    /// Messages of rooms that were sent, and those that were said to be written.
    sent: Mutex<BTreeMap<String, IncidentId>>,
    written: Mutex<BTreeSet<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes pages, and believes none that is not signed.
async fn receive(State(outside): State<Arc<Outside>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now = SystemClock::new().now();
    verify_signature(SECRET.as_bytes(), &headers, &body, now).unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap();
    let text = |key: &str| message[key].as_str().unwrap();
    let arrival = Arrival {
        page: text("page").parse().unwrap(),
        incident: text("incident").parse().unwrap(),
        repeat: message["repeat"].as_bool().unwrap(),
    };
    lock(&outside.arrivals).push(arrival);
    StatusCode::OK
}

/// A seeded source of the instants: which instants they are in the program's life is the machine's doing all the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// A folder with a configuration: two channels to the same receiver, three ways to the last person.
fn configuration(folder: &Path, receiver: &str) -> PathBuf {
    let channel =
        |name: &str| format!("[channel.{name}]\nkind = \"webhook\"\nurl = \"{receiver}\"\nsecret = \"{SECRET}\"\n");
    let text = format!(
        r#"
[server]
listen = "127.0.0.1:0"
data = "data"
[[token]]
name = "test"
role = "admin"
person = "ann"
token = "{TOKEN}"
signals_a_minute = 1000000000
open_incidents = 1000000000
apart = 1000000000
[[token]]
name = "other"
role = "responder"
person = "ben"
token = "{OTHER_TOKEN}"
[[integration]]
id = "monitor"
key = "{ROUTING_KEY}"
signals_a_minute = 1000000000
open_incidents = 1000000000
apart = 1000000000
[response]
bundle = "never"
{}{}{}
[[person]]
id = "ann"
contacts = [{{ channel = "one" }}, {{ channel = "two" }}]
[[person]]
id = "ben"
contacts = [{{ channel = "two" }}, {{ channel = "one" }}]
[[policy]]
id = "default"
page_at = "SEV5"
fallback = "ben"
rounds = 1
tiers = [{{ people = ["ann"], delay = "10s" }}, {{ people = ["ben"], delay = "10s" }}]
"#,
        channel("one"),
        channel("two"),
        validations::check(receiver),
    );
    let path = folder.join("quarterdeck.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn spawn(configuration: &Path) -> Child {
    process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serve_until_killed", "--nocapture"])
        .env(CONFIGURATION, configuration)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn address(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the program ended by itself");
            if let Some((_, address)) = line.split_once("listening ") {
                return format!("http://{address}");
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the program does not come up")
}

/// Posts distinct inputs until the program is gone; what is answered 2xx is a promise.
async fn post_until_gone(http: reqwest::Client, url: String, outside: Arc<Outside>, prefix: String) {
    for nth in 0..POSTS_PER_LIFE_MAX {
        let title = format!("{prefix}-{nth}");
        let event = json!({
            "routing_key": ROUTING_KEY, "event_action": "trigger", "dedup_key": title,
            "payload": { "summary": title, "source": "crash test", "severity": "critical" },
        });
        let posted = http.post(format!("{url}/v2/enqueue")).json(&event).send().await;
        let Ok(answer) = posted else { return };
        assert!(answer.status().is_success(), "{title}: {}", answer.status());
        lock(&outside.accepted).insert(title.clone());
        if nth % 3 == 0 {
            // A double click: both are answered, or the program is gone, and one incident is there.
            let title = format!("declared {title}");
            let declare = json!({"title": title, "severity": "SEV2", "key": title});
            for _ in 0..2 {
                let declared = http.post(format!("{url}/api/v1/incidents")).bearer_auth(TOKEN).json(&declare);
                let Ok(answer) = declared.send().await else { return };
                assert!(answer.status().is_success(), "{title}: {}", answer.status());
            }
            lock(&outside.declared).insert(title);
        }
    }
}

/// Acknowledges half of the incidents that somebody was paged for, until the program is gone. The others escalate.
async fn acknowledge_until_gone(http: reqwest::Client, url: String, outside: Arc<Outside>) {
    loop {
        let paged: BTreeSet<IncidentId> = lock(&outside.arrivals).iter().map(|arrival| arrival.incident).collect();
        let done = lock(&outside.acknowledged).clone();
        let half = |incident: &IncidentId| incident.bytes().iter().fold(0, |sum, byte| sum ^ byte) % 2 == 0;
        for incident in paged.into_iter().filter(|incident| half(incident) && !done.contains(incident)) {
            let asked = http.post(format!("{url}/api/v1/incidents/{incident}/acknowledge")).bearer_auth(TOKEN);
            let Ok(answer) = asked.json(&json!({})).send().await else { return };
            assert!(answer.status().is_success(), "{incident}: {}", answer.status());
            lock(&outside.acknowledged).insert(incident);
            let page = json!({"command": "page", "whom": "ben", "reason": "a second pair of hands"});
            let asked = http.post(format!("{url}/api/v1/incidents/{incident}/commands")).bearer_auth(TOKEN);
            let Ok(answer) = asked.json(&page).send().await else { return };
            assert!(answer.status().is_success(), "{incident}: {}", answer.status());
            lock(&outside.asked).insert(incident);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Writes in the rooms of incidents until the program is gone. What was not answered is sent again first, with its key.
async fn talk_until_gone(http: reqwest::Client, url: String, outside: Arc<Outside>, prefix: String) {
    for nth in 0..POSTS_PER_LIFE_MAX {
        let rooms: Vec<IncidentId> = lock(&outside.arrivals).iter().map(|arrival| arrival.incident).collect();
        let written = lock(&outside.written).clone();
        let unanswered =
            lock(&outside.sent).iter().find(|(text, _)| !written.contains(*text)).map(|(t, i)| (t.clone(), *i));
        let fresh = || rooms.get(nth % rooms.len().max(1)).map(|room| (format!("{prefix} says {nth}"), *room));
        let Some((text, room)) = unanswered.or_else(fresh) else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        lock(&outside.sent).insert(text.clone(), room);
        let asked = http.post(format!("{url}/api/v1/incidents/{room}/commands")).bearer_auth(TOKEN);
        let asked = asked.json(&json!({"command": "say", "text": text, "key": text}));
        let Ok(answer) = asked.send().await else { return };
        // One token speaks for all lives, and a minute takes so many lines of it. What is refused is no promise: the next life sends it again.
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            return;
        }
        assert!(answer.status().is_success(), "{text}: {}", answer.status());
        lock(&outside.written).insert(text);
    }
}

/// A step about the tasks of an incident: who asks, and what.
fn step(incident: IncidentId, done: usize) -> (&'static str, Value) {
    let on = json!([format!("flag:{incident}")]);
    match done {
        0 => {
            (TOKEN, json!({"command": "add_task", "title": format!("one {incident}"), "resources": on, "claim": true}))
        }
        1 => {
            let title = format!("other {incident}");
            let why = "it cannot wait";
            let asked = json!({"command": "add_task", "title": title, "resources": on, "claim": true, "override": why});
            (OTHER_TOKEN, asked)
        }
        _ => (TOKEN, json!({"command": "finish_task", "task": "1", "note": "done it"})),
    }
}

/// Works on the tasks of acknowledged incidents until the program is gone. Whether the step before the kill was done nobody knows: it is
/// asked for again, and must not be done twice.
async fn work_until_gone(http: reqwest::Client, url: String, outside: Arc<Outside>) {
    loop {
        let open: Vec<IncidentId> = lock(&outside.acknowledged).iter().copied().collect();
        for incident in open {
            let done = lock(&outside.steps).get(&incident).copied().unwrap_or(0);
            if done >= STEPS {
                continue;
            }
            let (token, asked) = step(incident, done);
            let request = http.post(format!("{url}/api/v1/incidents/{incident}/commands")).bearer_auth(token);
            let Ok(answer) = request.json(&asked).send().await else { return };
            // That it is over already is what the step before the kill did.
            let again = done + 1 == STEPS && answer.status() == StatusCode::CONFLICT;
            assert!(answer.status().is_success() || again, "{incident}: step {done}: {}", answer.status());
            lock(&outside.steps).insert(incident, done + 1);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One life: started, used, killed at an instant that the dice choose. One in five dies while it starts.
async fn live_and_die(configuration: &Path, outside: &Arc<Outside>, prefix: String, dice: &mut Dice) {
    let mut child = spawn(configuration);
    if dice.roll(5) == 0 {
        tokio::time::sleep(Duration::from_micros(dice.roll(400_000))).await;
    } else {
        let url = address(&mut child).await;
        let http = quarterdeck_sources::evm::rpc::client().unwrap();
        let posting = tokio::spawn(post_until_gone(http.clone(), url.clone(), Arc::clone(outside), prefix.clone()));
        let talking = tokio::spawn(talk_until_gone(http.clone(), url.clone(), Arc::clone(outside), prefix));
        let answering = tokio::spawn(acknowledge_until_gone(http.clone(), url.clone(), Arc::clone(outside)));
        let working = tokio::spawn(work_until_gone(http.clone(), url.clone(), Arc::clone(outside)));
        let keeping = tokio::spawn(evidence::keep_until_gone(http.clone(), url.clone(), Arc::clone(outside)));
        let looking = tokio::spawn(validations::validate_until_gone(http, url, Arc::clone(outside)));
        // Not a wait for anything: the spread of the instants at which the kill lands.
        tokio::time::sleep(Duration::from_micros(dice.roll(250_000))).await;
        child.kill().await.unwrap();
        posting.await.unwrap();
        talking.await.unwrap();
        for asking in [answering, working, keeping, looking] {
            asking.abort();
            // Aborted on purpose, or gone with the program; a panic inside is a failure.
            assert!(asking.await.map_or_else(|error| error.is_cancelled(), |()| true) && outside.is_sound());
        }
    }
    child.kill().await.unwrap();
    child.wait().await.unwrap();
}

impl Outside {
    /// Nothing panicked while it held what is shared.
    fn is_sound(&self) -> bool {
        let told = !self.declared.is_poisoned() && !self.asked.is_poisoned() && !self.steps.is_poisoned();
        told && !self.accepted.is_poisoned() && !self.acknowledged.is_poisoned() && !self.arrivals.is_poisoned()
    }
}

/// What one world shows.
#[derive(Debug, Default)]
struct Tally {
    inputs: usize,
    acknowledgements: usize,
    messages: usize,
    pages: usize,
    escalations: usize,
    repeats: usize,
    steps: usize,
    validations: usize,
    pieces: usize,
}

/// What was promised about tasks is there, nothing of it twice, and who went ahead is told to whom they went ahead of in the same breath.
fn judge_tasks(outside: &Outside, events: &[IncidentEvent]) -> usize {
    let (mut titles, mut done, mut overridden, mut ahead) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new(), 0);
    for event in events {
        let IncidentEvent::Tasks(event) = event else { continue };
        match event {
            TasksEvent::TaskAdded { task, title, .. } => {
                assert!(titles.values().all(|known| known != title), "{title} was added twice");
                titles.insert(*task, title.clone());
            }
            TasksEvent::TaskDone { task, .. } => assert!(done.insert(*task), "{task} was done twice"),
            TasksEvent::ClaimOverridden { task, .. } => {
                assert!(overridden.insert(*task), "{task} was overridden twice");
            }
            TasksEvent::TaskClaimed { against, .. } => ahead += against.len(),
            _ => {}
        }
    }
    assert_eq!(overridden.len(), ahead, "who went ahead is said on both sides, or on none");
    let steps = lock(&outside.steps);
    for (incident, count) in steps.iter() {
        let named = |word: &str| titles.iter().find(|(_, title)| **title == format!("{word} {incident}"));
        let one = named("one").map_or_else(|| panic!("a task of {incident} is lost"), |(task, _)| task);
        assert!(
            *count < 2 || (named("other").is_some() && overridden.contains(one)),
            "{incident}: an override is lost"
        );
        assert!(*count < STEPS || done.contains(one), "{incident}: that it was done is lost");
    }
    steps.values().sum()
}

async fn one_world(world: u64) -> Tally {
    let outside = Arc::new(Outside::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = format!("http://{}/page", listener.local_addr().unwrap());
    let router = Router::new().route("/page", post(receive)).with_state(Arc::clone(&outside));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path(), &receiver);
    let mut dice = Dice(world);
    for kill in 0..KILLS_PER_WORLD {
        live_and_die(&configuration, &outside, format!("w{world}-k{kill}"), &mut dice).await;
        // Whatever was being published: what is signed for verifies before the next start.
        let log = folder.path().join("data/log");
        if log.join("checkpoint").exists() {
            let left = verify_folder(&DiskFiles::new(&log), None);
            assert!(left.holds(), "after kill {kill}: {left}");
        }
    }
    let running = start(&configuration).await;
    acknowledge_everything(&running).await;
    settle_everything(&running).await;
    validations::answered(&running).await;
    let (store, key, log) = (Arc::clone(&running.store), running.key.clone(), running.log_folder.clone());
    running.stop().await;
    let events: Vec<IncidentEvent> = store
        .events(0, usize::MAX)
        .await
        .unwrap()
        .iter()
        .filter_map(|event| match recorded_of(event).unwrap().unwrap().body {
            Body::Incident(event) => Some(event),
            Body::Journal(_) => None,
        })
        .collect();
    let report = verify_folder(&DiskFiles::new(&log), Some(&key));
    assert!(report.holds(), "{report}");
    serving.abort();
    let pieces = evidence::judge(&*store, &outside, &events).await;
    Tally { pieces, ..judge(&outside, &events) }
}

/// So that no escalation asks for another page while we count.
async fn acknowledge_everything(running: &Running) {
    let open: Vec<IncidentId> = read(&running.engine.published().board).incidents().map(Incident::id).collect();
    for incident in open {
        let command = Command::Life(LifeCommand::Acknowledge { by: Actor::System });
        running.engine.ask(Work::Command { incident, command }).await.unwrap();
        // Nobody is asked again, either; where nobody was asked that is refused.
        let by = Actor::Person("ben".parse().unwrap());
        let command = Command::Roles(RolesCommand::Accept { by, ask: None });
        running.engine.ask(Work::Command { incident, command }).await.unwrap();
    }
}

/// Waits until no page is left to deliver. Level, not edge: whatever happens, it is looked at again.
async fn settle_everything(running: &Running) {
    let empty = async {
        while !running.store.outbox(1).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, empty).await.expect("pages stay in the outbox");
}

#[expect(clippy::too_many_lines, reason = "one look at every event, and what must hold of each kind")]
fn judge(outside: &Outside, events: &[IncidentEvent]) -> Tally {
    let mut heard: BTreeSet<String> = BTreeSet::new();
    let (mut acknowledgements, mut escalations, mut asks) = (0, 0, 0);
    let mut declared: BTreeMap<String, usize> = BTreeMap::new();
    let mut requested: BTreeMap<PageId, Option<PageId>> = BTreeMap::new();
    let mut settled: BTreeMap<PageId, &PageOutcome> = BTreeMap::new();
    let mut said: BTreeSet<&str> = BTreeSet::new();
    for event in events {
        if let IncidentEvent::Life(LifeEvent::Opened { signal, .. }) = event
            && signal.declared.is_some()
        {
            *declared.entry(signal.title.clone()).or_default() += 1;
        }
        match event {
            IncidentEvent::Roles(RolesEvent::AskedIn { .. }) => asks += 1,
            IncidentEvent::Life(LifeEvent::Opened { signal, .. })
            | IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal }) => {
                heard.insert(signal.title.clone());
            }
            IncidentEvent::Room(RoomEvent::MessageWritten { text, .. }) => {
                assert!(said.insert(text), "`{text}` was written twice");
            }
            IncidentEvent::Life(LifeEvent::Acknowledged { .. }) => acknowledgements += 1,
            IncidentEvent::Paging(PagingEvent::Escalated { reason: PageReason::NotAcknowledged, .. }) => {
                escalations += 1;
            }
            IncidentEvent::Paging(PagingEvent::PageRequested { page, repeat_of, .. }) => {
                requested.insert(*page, *repeat_of);
            }
            IncidentEvent::Paging(PagingEvent::PageSettled { page, outcome, .. }) => {
                assert!(settled.insert(*page, outcome).is_none(), "{page} was settled twice");
            }
            _ => {}
        }
    }
    let accepted = lock(&outside.accepted);
    let lost: Vec<&String> = accepted.difference(&heard).collect();
    assert!(lost.is_empty(), "acknowledged inputs lost: {lost:?}");
    assert!(declared.values().all(|times| *times == 1), "declared once each: {declared:?}");
    for title in lock(&outside.declared).iter() {
        assert!(declared.contains_key(title), "{title} was declared and lost");
    }
    let asked = lock(&outside.asked).len();
    assert!(asks >= asked && asked > 0, "{asked} were promised to be asked, {asks} were");
    let promised = lock(&outside.acknowledged).len();
    assert!(acknowledgements >= promised, "{promised} acknowledgements were promised, {acknowledgements} are there");

    let written = lock(&outside.written);
    let lost: Vec<&String> = written.iter().filter(|text| !said.contains(text.as_str())).collect();
    assert!(lost.is_empty(), "messages that were said to be written are lost: {lost:?}");

    let arrivals = lock(&outside.arrivals);
    let mut by_page: BTreeMap<PageId, Vec<&Arrival>> = BTreeMap::new();
    for arrival in arrivals.iter() {
        by_page.entry(arrival.page).or_default().push(arrival);
    }
    for (page, heard) in &by_page {
        assert!(requested.contains_key(page), "{page} arrived and its intent is not in the log");
        assert!(heard.len() <= 2, "{page} arrived {} times", heard.len());
        assert!(heard.iter().skip(1).all(|arrival| arrival.repeat), "{page} arrived again without saying so");
    }
    // A page that did not arrive was followed by one that did, on the next channel.
    let mut reached: BTreeSet<PageId> = by_page.keys().copied().collect();
    loop {
        let before = reached.len();
        for (page, repeats) in &requested {
            if let Some(repeats) = repeats.filter(|_| reached.contains(page)) {
                reached.insert(repeats);
            }
        }
        if reached.len() == before {
            break;
        }
    }
    for page in requested.keys() {
        // The receiver takes everything: whoever gave up did so without asking it. Nobody to page any more is another matter.
        if let Some(PageOutcome::Failed { error }) = settled.get(page) {
            assert!(error.starts_with("not sent: somebody answered"), "{page} was given up: {error}");
            continue;
        }
        // The same of one that was under way at a kill.
        if let Some(PageOutcome::Unknown { error }) = settled.get(page)
            && error.ends_with("not sent: somebody answered, or it is over")
        {
            continue;
        }
        assert!(settled.contains_key(page), "{page} was decided and never settled");
        assert!(reached.contains(page), "{page} was lost: {:?}", settled.get(page));
    }
    let repeats = by_page.values().filter(|heard| heard.len() > 1).count();
    let steps = judge_tasks(outside, events);
    let (inputs, messages) = (accepted.len(), written.len());
    let (pages, validations) = (requested.len(), validations::judge(outside, events));
    let acknowledgements = promised;
    Tally { inputs, acknowledgements, messages, pages, escalations, repeats, steps, validations, pieces: 0 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "how the nightly run asks for more")]
async fn nothing_acknowledged_is_lost_and_no_page_however_often_it_is_killed() {
    let kills = std::env::var(KILLS).map_or(KILLS_PER_WORLD, |kills| kills.parse().expect("a number of kills"));
    let worlds = kills.div_ceil(KILLS_PER_WORLD).max(1);
    let mut tally = Tally::default();
    for world in 0..worlds {
        let Tally { inputs, acknowledgements, messages, pages, escalations, repeats, steps, validations, pieces } =
            one_world(world).await;
        tally.pieces += pieces;
        tally.validations += validations;
        tally.messages += messages;
        tally.inputs += inputs;
        tally.acknowledgements += acknowledgements;
        tally.pages += pages;
        tally.escalations += escalations;
        tally.repeats += repeats;
        tally.steps += steps;
    }
    println!("{} kills: {tally:?}, none lost", worlds * KILLS_PER_WORLD);
    // A test that killed before anything was under way would show nothing.
    let times = usize::try_from(worlds).unwrap();
    assert!(tally.inputs > 100 * times && tally.pages > 100 * times, "{tally:?}");
    assert!(tally.messages > 50 * times, "{tally:?}");
    assert!(tally.acknowledgements > 12 * times && tally.escalations > 2 * times, "{tally:?}");
    assert!(tally.steps > 20 * times && tally.validations > 12 * times, "{tally:?}");
    assert!(tally.pieces > 30 * times, "{tally:?}");
}
