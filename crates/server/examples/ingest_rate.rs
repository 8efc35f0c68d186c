//! How many distinct alerts a second come in over HTTP: one by one over a few connections and over many, and in batches of a hundred. The same
//! client posts the same alerts to the packaged Alertmanager on the same machine if it is there; ours is durable when it answers,
//! Alertmanager's is in memory. `cargo run --release -p quarterdeck-server --example ingest_rate`.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "support/program.rs"]
mod program;

use std::{
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

    let mut rates = Vec::new();
    for case in CASES {
        let name = case.name;
        let ours = Program::start(&receiver).await?;
        let mut line = vec![run("Quarterdeck", &case, &ours.address).await?];
        println!(
            "{:<14} {name:<26} {} MiB resident, ready after {:.0} ms",
            "",
            ours.resident_mib()?,
            ours.ready_after.as_secs_f64() * 1_000.0
        );
        drop(ours);
        if let Some(peer) = Alertmanager::start(&receiver.replace("/page", "/hook")).await? {
            line.push(run("Alertmanager", &case, &peer.address).await?);
            println!("{:<14} {name:<26} {} MiB resident", "", resident_mib(peer.child.id().ok_or("it has ended")?)?);
        }
        rates.push((name, line));
    }
    for (name, line) in rates {
        match line.as_slice() {
            [ours, peer] => println!("{name}: {:.2} of Alertmanager's rate", ours / peer),
            _ => println!("{name}: no prometheus-alertmanager on the PATH to compare with"),
        }
    }
    Ok(())
}

/// Posts the alerts over all connections; alerts a second until the last answer.
async fn run(who: &str, case: &Case, address: &str) -> Outcome<f64> {
    let &Case { name, connections, alerts, batch } = case;
    let mut tasks = tokio::task::JoinSet::new();
    let requests = alerts / batch;
    let begun = Instant::now();
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
    Ok(rate)
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
