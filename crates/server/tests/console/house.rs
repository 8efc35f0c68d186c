//! A real program on loopback with a few people, a service and signals to show: what the console's tests look at.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc};

use quarterdeck_core::{
    chain::{Address, B256, BlockRef, ChainId},
    id::{Id, SignalId},
    incident::Command,
    money::Usd,
    signal::{ChainPosition, Explanation, Facts, Fingerprint, Loudness, Number, Signal, SignalChange, SignalStatus},
    time::Timestamp,
};
use quarterdeck_host::clock::SystemClock;
use quarterdeck_host::randomness::SystemIds;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{
    app::{self, Running},
    config,
    engine::{Answer, Work, read},
};

pub(crate) const VIEWER: &str = "viewer-token-0123456789";
pub(crate) const RESPONDER: &str = "responder-token-0123456789";
pub(crate) const COMMANDER: &str = "commander-token-0123456789";

fn configuration(data: &Path, listen: &str) -> String {
    format!(
        r#"
[server]
listen = "{listen}"
base_url = "http://{listen}"
data = "{data}"
[store]
kind = "memory"
[response]
default_policy = "standard"

[[token]]
name = "wall-screen"
role = "viewer"
token = "{VIEWER}"
[[token]]
name = "bjorn-laptop"
role = "responder"
person = "bjorn"
token = "{RESPONDER}"
[[token]]
name = "aiko-laptop"
role = "commander"
person = "aiko"
token = "{COMMANDER}"

[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "0123456789abcdef0123456789abcdef"

[[person]]
id = "aiko"
name = "Aiko Tanaka"
zone = "Asia/Tokyo"
contacts = [{{ channel = "hook" }}]
[[person]]
id = "bjorn"
name = "Björn Öst"
zone = "Europe/Stockholm"
contacts = [{{ channel = "hook" }}]

[[schedule]]
id = "primary"
zone = "Europe/Berlin"
rotations = [{{ people = ["aiko", "bjorn"], start = "2026-01-05T09:00", days = 3 }}]
overrides = []

[[policy]]
id = "standard"
fallback = "aiko"
rounds = 3
tiers = [{{ schedules = ["primary"], delay = "5m" }}, {{ people = ["bjorn"], delay = "10m" }}]

[[service]]
id = "bridge-vault"
title = "Bridge vault"
criticality = "critical"
users = 120000
[[service]]
id = "deposits"
title = "Deposits"
criticality = "high"
users = 40000
"#,
        data = data.display()
    )
}

/// Starts it. `listen` with port 0: any free one.
pub(crate) async fn start(data: &Path, listen: SocketAddr) -> Running {
    let clock = SystemClock::new();
    let parts = Parts::new(clock.clone()).expect("parts");
    let text = configuration(data, &listen.to_string());
    let configuration = config::parse(&text, data, &parts).expect("a good configuration");
    let world = app::World {
        clock,
        ids: Box::new(SystemIds),
        salts: Box::new(SystemIds),
        signer: None,
        channels: BTreeMap::new(),
    };
    app::start(configuration, world).await.expect("it starts")
}

/// A theft seen on a chain.
pub(crate) fn theft(now: Timestamp) -> Signal {
    let block = BlockRef { chain: ChainId::evm(1), number: 23_456_789, hash: B256::repeat_byte(0x5c) };
    Signal {
        position: Some(ChainPosition {
            block,
            block_time: now,
            transaction: Some(B256::repeat_byte(0x88)),
            index: Some(3),
        }),
        parties: vec![
            ("victim".to_owned(), Address::repeat_byte(0x74).into()),
            ("beneficiary".to_owned(), Address::repeat_byte(0x4b).into()),
        ],
        facts: Facts {
            money_at_risk: Usd::from_dollars(2_500_000),
            theft: true,
            irreversible: true,
            ..Facts::default()
        },
        ..signal(
            "flash_loan_profit",
            "bridge-vault",
            "Flash loan took $2.5 M from the bridge vault",
            Loudness::Critical,
            now,
        )
    }
}

/// A signal of no chain.
pub(crate) fn signal(detector: &str, service: &str, title: &str, loudness: Loudness, now: Timestamp) -> Signal {
    let id: SignalId = Id::digest(&[detector.as_bytes(), title.as_bytes()]);
    Signal {
        id,
        fingerprint: Fingerprint::of(&[detector.as_bytes(), title.as_bytes()]),
        detector: detector.parse().expect("a name"),
        parameters: String::new(),
        status: SignalStatus::Provisional,
        loudness,
        service: Some(service.parse().expect("a name")),
        title: title.to_owned(),
        explanation: Explanation {
            text:
                "In one transaction the sender borrowed 40,000 WETH, called the vault 14 times and kept 1,250.4 WETH."
                    .to_owned(),
            numbers: vec![Number::new("profit", "1250400000000000000000", "wei"), Number::new("robust z", "31.2", "σ")],
        },
        facts: Facts::default(),
        confidence_permille: 970,
        position: None,
        parties: Vec::new(),
        labels: BTreeMap::from([("region".to_owned(), "eu-west <b>".to_owned())]),
        link: None,
        event_time: now,
        observed: now,
        drill: false,
        repeats: false,
        source: None,
        group: None,
        annotations: None,
        declared: None,
    }
}

/// The program hears it.
pub(crate) async fn hear(running: &Running, change: SignalChange) {
    let work = Work::Hear { changes: vec![change], cursors: Vec::new(), snapshots: Vec::new() };
    running.engine.ask(work).await.expect("durable");
}

/// The program hears a signal raised.
pub(crate) async fn raise(running: &Running, signal: Signal) -> SignalId {
    let id = signal.id;
    hear(running, SignalChange::Raised { signal: Arc::new(signal) }).await;
    id
}

/// The incident that a signal belongs to.
pub(crate) fn incident_of(running: &Running, signal: SignalId) -> String {
    let board = read(&running.engine.published().board);
    board.incident_of_signal(&signal).expect("it belongs to one").to_string()
}

/// A command, done.
pub(crate) async fn command(running: &Running, incident: &str, command: Command) {
    let incident = incident.parse().expect("an id");
    let answer = running.engine.ask(Work::Command { incident, command }).await.expect("durable");
    assert!(!matches!(answer, Answer::Refused(_)), "{answer:?}");
}
