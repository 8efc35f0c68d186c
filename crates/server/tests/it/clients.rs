//! The real clients, unmodified: Prometheus, Alertmanager and `amtool` as the distribution ships them. Where a machine does not
//! have them the test says so.

mod side_by_side;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use quarterdeck_host::clock::Clock as _;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
};

use crate::harness::{COMMANDER, Deck, KEY, PATIENCE, VIEWER, left_out};

/// How often to ask a foreign program that tells nothing by itself.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A program on the path, or a note that the test is left out.
fn program(name: &str) -> Option<PathBuf> {
    let found = ["/usr/bin", "/usr/local/bin", "/bin"].iter().map(|folder| Path::new(folder).join(name));
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        left_out(&format!("{name} is not installed"));
    }
    found
}

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// A foreign program, which ends with the test.
fn spawn(program: &Path, folder: &Path, args: &[String]) -> Child {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.kill_on_drop(true).spawn().unwrap()
}

/// Something to scrape that can be down.
async fn target() -> (u16, Arc<AtomicBool>) {
    let up = Arc::new(AtomicBool::new(false));
    let answer = async |State(up): State<Arc<AtomicBool>>| {
        if up.load(Ordering::SeqCst) {
            (StatusCode::OK, "node_height 1\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "")
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().route("/metrics", get(answer)).with_state(Arc::clone(&up));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (port, up)
}

fn prometheus_files(folder: &Path, deck: &str, target: u16, credentials: &str) {
    let rules = r#"
groups:
  - name: nodes
    rules:
      - alert: NodeDown
        expr: up{job="node"} == 0
        labels: { severity: critical, service: rpc }
        annotations: { summary: "{{ $labels.instance }} is down" }
"#;
    let configuration = format!(
        r#"
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [rules.yml]
scrape_configs:
  - job_name: node
    static_configs: [{{ targets: ["127.0.0.1:{target}"] }}]
alerting:
  alertmanagers:
    - {credentials}
      static_configs: [{{ targets: ["{deck}"] }}]
"#
    );
    std::fs::write(folder.join("rules.yml"), rules).unwrap();
    std::fs::write(folder.join("prometheus.yml"), configuration).unwrap();
}

async fn prometheus_pages(credentials: &str) {
    let Some(prometheus) = program("prometheus") else { return };
    let deck = Deck::start().await;
    let (port, up) = target().await;
    let folder = tempfile::tempdir().unwrap();
    let address = deck.running.address.unwrap().to_string();
    prometheus_files(folder.path(), &address, port, credentials);
    let own = free_port().await;
    let args = [
        "--config.file=prometheus.yml".to_owned(),
        "--storage.tsdb.path=data".to_owned(),
        "--rules.alert.resend-delay=1s".to_owned(),
        format!("--web.listen-address=127.0.0.1:{own}"),
    ];
    let running = spawn(&prometheus, folder.path(), &args);

    let page = deck.receiver.next().await;
    assert_eq!(page.text("title"), format!("127.0.0.1:{port} is down"));
    let incident = deck.only_incident().await;
    assert_eq!(incident.summary.service.as_deref(), Some("rpc"));
    assert_eq!(incident.signals[0].labels["alertname"], "NodeDown");
    deck.settled().await;

    up.store(true, Ordering::SeqCst);
    deck.until("the end of the alert", |board| board.incidents().all(|one| one.live_signals() == 0)).await;
    let incident = deck.client(VIEWER).incident(&incident.summary.id).await.unwrap();
    assert_eq!((incident.signals.len(), incident.signals[0].status.as_str()), (1, "ended"), "repeats are one signal");
    drop(running);
    deck.finish().await;
}

#[tokio::test]
async fn prometheus_with_a_bearer_token_pages_and_resolves() {
    prometheus_pages(&format!("authorization: {{ credentials: {KEY} }}")).await;
}

#[tokio::test]
async fn prometheus_with_a_password_pages_and_resolves() {
    prometheus_pages(&format!("basic_auth: {{ username: prometheus, password: {KEY} }}")).await;
}

/// What `amtool` prints, with the key of a commander or another.
async fn amtool(amtool: &Path, deck: &Deck, key: &str, args: &[&str]) -> Result<String, String> {
    let url = format!("--alertmanager.url=http://me:{key}@{}", deck.running.address.unwrap());
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(amtool);
    command.args(args).arg(url).env("HOME", home.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("amtool hangs").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[tokio::test]
async fn amtool_sees_alerts_and_silences_them() {
    let Some(tool) = program("amtool") else { return };
    let deck = Deck::start().await;
    let run = async |key: &str, args: &[&str]| amtool(&tool, &deck, key, args).await;
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();

    run(KEY, &["alert", "add", "NodeDown", "instance=eth-1", "service=rpc", "severity=critical"]).await.unwrap();
    deck.receiver.next().await;
    deck.settled().await;
    let alerts = json(run(KEY, &["alert", "query", "-o", "json"]).await.unwrap());
    assert_eq!(alerts[0]["labels"]["instance"], "eth-1");
    let none = json(run(KEY, &["alert", "query", "instance=eth-2", "-o", "json"]).await.unwrap());
    assert_eq!(none, json!([]));

    let add = ["silence", "add", "alertname=~Node.*", "--comment=moving it", "--author=alice", "--duration=1h"];
    let refused = run(KEY, &add).await.unwrap_err();
    assert!(refused.contains("403") || refused.contains("may post and read, not silence"), "{refused}");
    let id = run(COMMANDER, &add).await.unwrap().trim().to_owned();
    let silences = json(run(KEY, &["silence", "query", "-o", "json"]).await.unwrap());
    assert_eq!((&silences[0]["id"], &silences[0]["comment"]), (&json!(id), &json!("moving it")));
    assert_eq!(json(run(KEY, &["alert", "query", "-o", "json"]).await.unwrap()), json!([]), "silenced are not listed");
    let suppressed = json(run(KEY, &["alert", "query", "--silenced", "-o", "json"]).await.unwrap());
    assert_eq!(suppressed[0]["status"]["silencedBy"], json!([id]));

    run(COMMANDER, &["silence", "expire", &id]).await.unwrap();
    assert_eq!(json(run(KEY, &["silence", "query", "-o", "json"]).await.unwrap()), json!([]));
    let over = json(run(KEY, &["silence", "query", "--expired", "-o", "json"]).await.unwrap());
    assert_eq!(over[0]["id"], json!(id));
    let status = run(VIEWER, &["config", "show"]).await.unwrap();
    assert!(status.contains("This is Quarterdeck"), "{status}");
    deck.finish().await;
}

/// An Alertmanager with one receiver that posts to us.
async fn alertmanager_pages(receiver: &str) {
    let Some(alertmanager) = program("prometheus-alertmanager") else { return };
    let deck = Deck::start().await;
    let folder = tempfile::tempdir().unwrap();
    let base = &deck.base;
    let configuration = format!(
        "route: {{ receiver: deck, group_wait: 0s, group_interval: 1s, group_by: ['...'] }}\nreceivers:\n  - name: deck\n    {}\n",
        receiver.replace("DECK", base)
    );
    std::fs::write(folder.path().join("am.yml"), configuration).unwrap();
    let port = free_port().await;
    let args = [
        "--config.file=am.yml".to_owned(),
        "--storage.path=data".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let running = spawn(&alertmanager, folder.path(), &args);
    let starts = deck.clock.now();
    let mut firing = json!([{"labels": {"alertname": "NodeDown", "service": "rpc", "severity": "critical"},
        "annotations": {"summary": "a node is down"}, "startsAt": starts}]);
    post_until_taken(&deck.http, port, &firing).await;
    let page = deck.receiver.next().await;
    assert_eq!(page.body["kind"], "page");
    let incident = deck.only_incident().await;
    deck.settled().await;

    firing[0]["endsAt"] = json!(deck.clock.now());
    post_until_taken(&deck.http, port, &firing).await;
    deck.until("the end of the alert", |board| board.incidents().all(|one| one.live_signals() == 0)).await;
    let incident = deck.client(VIEWER).incident(&incident.summary.id).await.unwrap();
    assert_eq!((incident.signals.len(), incident.signals[0].status.as_str()), (1, "ended"));
    drop(running);
    deck.finish().await;
}

/// It says nothing when it is up, so it is asked until it answers.
async fn post_until_taken(http: &reqwest::Client, port: u16, alerts: &Value) {
    let url = format!("http://127.0.0.1:{port}/api/v2/alerts");
    let asking = async {
        loop {
            let request = http.post(&url).header("content-type", "application/json").body(alerts.to_string());
            if request.send().await.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the Alertmanager does not answer");
}

#[tokio::test]
async fn an_alertmanagers_webhook_pages_and_resolves() {
    let receiver =
        "webhook_configs: [{ url: 'DECK/ingest/alertmanager', http_config: { authorization: { credentials: KEY } } }]";
    alertmanager_pages(&receiver.replace("KEY", KEY)).await;
}

#[tokio::test]
async fn an_alertmanagers_pagerduty_receiver_pages_and_resolves() {
    let receiver =
        "pagerduty_configs: [{ routing_key: KEY, url: 'DECK/v2/enqueue', severity: critical, component: rpc }]";
    alertmanager_pages(&receiver.replace("KEY", KEY)).await;
}
