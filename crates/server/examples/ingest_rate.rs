//! How many distinct alerts a second come in over HTTP: one by one over a few connections and over many, and in batches of a hundred. The same
//! client posts the same alerts to the packaged Alertmanager on the same machine if it is there; ours is durable when it answers,
//! Alertmanager's is in memory. `cargo run --release -p quarterdeck-server --example ingest_rate`.
//!
//! Beside each rate stands the processor time that an alert costs the program, which says more than the rate on a machine that has
//! other work. Words after `--` pick cases by their names; `alone` leaves Alertmanager out; a path is another build of this bench
//! (of before a change), measured in the same run.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "support/program.rs"]
mod program;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use axum::{Router, routing::post};
use program::{Connection, Outcome, Program, Spans, resident_mib, serve_if_told};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// What is measured.
struct Case {
    name: &'static str,
    connections: usize,
    alerts: usize,
    /// Alerts of one request.
    batch: usize,
}
/// With few senders one sync to disk is shared by few; with many, by many.
const CASES: [Case; 3] = [
    Case { name: "single, 8 senders", connections: 8, alerts: 20_000, batch: 1 },
    Case { name: "single, 64 senders", connections: 64, alerts: 60_000, batch: 1 },
    Case { name: "batches of 100, 8 senders", connections: 8, alerts: 200_000, batch: 100 },
];
/// Alert names: as many groups, and incidents.
const NAMES: usize = 100;
/// How long a freshly started Alertmanager may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Outcome<()> {
    serve_if_told().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let receiver = format!("http://{}/page", listener.local_addr()?);
    let router = Router::new().route("/page", post(|| async {})).route("/hook", post(|| async {}));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let asked: Vec<String> = std::env::args().skip(1).collect();
    let (builds, words): (Vec<_>, Vec<_>) = asked.into_iter().partition(|word| word.contains('/'));
    let (with_peer, words): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word == "alone");
    let wanted = |case: &&Case| words.is_empty() || words.iter().any(|word| case.name.contains(word.as_str()));
    let builds: Vec<Option<PathBuf>> = builds.into_iter().map(|build| Some(build.into())).chain([None]).collect();

    let (mut rates, mut folders) = (Vec::new(), Vec::new());
    for case in CASES.iter().filter(wanted) {
        let mut ours = Vec::new();
        for build in &builds {
            let (who, program) = match build {
                Some(build) => (build.display().to_string(), Program::start_of(build, &receiver).await?),
                None => ("Quarterdeck".to_owned(), Program::start(&receiver).await?),
            };
            let who = who.rsplit('/').next().unwrap_or_default().to_owned();
            let rate = run(&who, case, &program.address, program.process()?).await?;
            let ready = program.ready_after.as_secs_f64() * 1_000.0;
            println!(
                "{:<14} {:<26} {} MiB resident, ready after {ready:.0} ms",
                "",
                case.name,
                program.resident_mib()?
            );
            ours.push((who, rate));
            // Its folder goes at the end: a file system that has just deleted much makes new files slowly.
            let Program { _folder: folder, .. } = program;
            folders.push(folder);
        }
        let peer = match Alertmanager::start(&receiver.replace("/page", "/hook")).await? {
            Some(peer) if with_peer.is_empty() => {
                let process = peer.child.id().ok_or("it has ended")?;
                let rate = run("Alertmanager", case, &peer.address, process).await?;
                println!("{:<14} {:<26} {} MiB resident", "", case.name, resident_mib(process)?);
                Some(rate)
            }
            Some(_) | None => None,
        };
        rates.push((case.name, ours, peer));
    }
    for (name, ours, peer) in rates {
        for (who, rate) in ours {
            match peer {
                Some(peer) => println!("{name}: {who} {:.2} of Alertmanager's rate", rate / peer),
                None => println!("{name}: {who} {rate:.0} alerts/s, no prometheus-alertmanager to compare with"),
            }
        }
    }
    Ok(())
}

/// Posts the alerts over all connections; alerts a second until the last answer.
async fn run(who: &str, case: &Case, address: &str, process: u32) -> Outcome<f64> {
    let &Case { name, connections, alerts, batch } = case;
    let mut tasks = tokio::task::JoinSet::new();
    let requests = alerts / batch;
    let (before, begun) = (Spent::of(process)?, Instant::now());
    for lane in 0..connections {
        let address = address.to_owned();
        tasks.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut spans = Vec::new();
            for request in (lane..requests).step_by(connections) {
                let body = body(request * batch, batch)?;
                let sent = Instant::now();
                let status = connection.post("/api/v2/alerts", &body).await?;
                spans.push(sent.elapsed());
                if status != 200 {
                    return Err(format!("request {request} answered {status}").into());
                }
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(spans)
        });
    }
    let mut spans = Vec::new();
    while let Some(done) = tasks.join_next().await {
        spans.extend(done??);
    }
    let rate = alerts as f64 / begun.elapsed().as_secs_f64();
    println!("{who:<14} {name:<26} {rate:>8.0} alerts/s   {}", Spans::of(spans));
    let spent = Spent::of(process)?.since(&before).each(alerts as f64);
    println!("{:<14} {name:<26} {spent}", "");
    Ok(rate)
}

/// Processor time in microseconds: of the process, of the part in the kernel, and of its threads by name.
struct Spent {
    all: f64,
    kernel: f64,
    threads: BTreeMap<String, f64>,
}

/// How long the kernel's unit of processor time is, in microseconds.
const TICK_US: f64 = 10_000.0;

impl Spent {
    /// So far.
    fn of(process: u32) -> Outcome<Self> {
        let folder = PathBuf::from(format!("/proc/{process}"));
        let (_, user, kernel) = Self::read(&folder)?;
        let mut threads = BTreeMap::new();
        for thread in std::fs::read_dir(folder.join("task"))? {
            // A thread that ends meanwhile is counted in the whole.
            if let Ok((name, user, kernel)) = Self::read(&thread?.path()) {
                *threads.entry(name).or_default() += user + kernel;
            }
        }
        Ok(Self { all: user + kernel, kernel, threads })
    }

    /// The name, and what it spent by itself and in the kernel: fields 2, 14 and 15 of proc(5).
    fn read(folder: &Path) -> Outcome<(String, f64, f64)> {
        let text = std::fs::read_to_string(folder.join("stat"))?;
        let (head, rest) = text.rsplit_once(')').ok_or("no name")?;
        let name = head.split_once('(').map_or(head, |(_, name)| name).to_owned();
        let mut fields =
            rest.split_whitespace().skip(11).map(|field| field.parse::<f64>().map(|ticks| ticks * TICK_US));
        let mut next = || fields.next().ok_or("too few fields");
        Ok((name, next()??, next()??))
    }

    fn since(mut self, before: &Self) -> Self {
        self.all -= before.all;
        self.kernel -= before.kernel;
        for (name, spent) in &mut self.threads {
            *spent -= before.threads.get(name).unwrap_or(&0.0);
        }
        self
    }

    fn each(mut self, alerts: f64) -> Self {
        self.all /= alerts;
        self.kernel /= alerts;
        self.threads.values_mut().for_each(|spent| *spent /= alerts);
        self
    }
}

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "processor {:.1} µs an alert, {:.1} of it the kernel's", self.all, self.kernel)?;
        let mut threads: Vec<_> = self.threads.iter().filter(|(_, spent)| **spent >= 0.1).collect();
        threads.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        threads.iter().take(4).try_for_each(|(name, spent)| write!(f, ", {name} {spent:.1}"))
    }
}

fn body(first: usize, count: usize) -> Outcome<Vec<u8>> {
    let one = |nth: usize| -> Value {
        json!({
            "labels": {
                "alertname": format!("Bench{}", nth % NAMES), "instance": format!("host-{nth}:9100"), "job": "node",
                "severity": "warning",
            },
            "annotations": { "summary": format!("host-{nth} is slow") },
        })
    };
    Ok(serde_json::to_vec(&(first..first + count).map(one).collect::<Vec<_>>())?)
}

/// The packaged Alertmanager with a group per alert name. Ends with its handle.
struct Alertmanager {
    address: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    async fn start(hook: &str) -> Outcome<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("alertmanager.yml");
        std::fs::write(
            &path,
            format!(
                "route: {{receiver: hook, group_by: [alertname]}}\nreceivers: [{{name: hook, webhook_configs: [{{url: '{hook}'}}]}}]\n"
            ),
        )?;
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let spawned = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={free}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let address = free.to_string();
        let begun = Instant::now();
        while Connection::open(&address).await.is_err() {
            if begun.elapsed() > PATIENCE {
                return Err("Alertmanager does not listen".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Some(Self { address, child, _folder: folder }))
    }
}
