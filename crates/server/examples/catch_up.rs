//! How fast a chain is caught up with: follower and all detectors against anvil, from genesis to the head.
//!
//! `cargo run --release -p quarterdeck-server --example catch_up -- [BLOCKS] [off]` mines BLOCKS (2,000) blocks of 100 ERC-20
//! transfers each (anvil then holds about 1.3 GB), follows them, with call traces unless `off`, and prints one line of JSON.
//! Anvil is `QUARTERDECK_ANVIL`, else on the path.
#![expect(clippy::disallowed_methods, reason = "reads where anvil is")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement, not the product"
)]

use std::{collections::BTreeMap, process::Stdio, sync::Arc, time::Duration};

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{AnyBlock, ChainEvent, ChainId},
    detector::Knowledge,
    id::Name,
};
use quarterdeck_detect::{detectors::DETECTORS, pipeline::Pipeline};
use quarterdeck_host::clock::{Clock, SystemClock};
use quarterdeck_server::loops::detect::EVENTS_WAITING_MAX;
use quarterdeck_sources::{
    Balances, ChainSource,
    evm::rpc,
    follow::{Follower, Place},
    reader::Doors,
    setting::{Settings, Value as Set},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

const ALICE: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const TRANSFERS_PER_BLOCK: u64 = 100;
const MINING_DEADLINE: Duration = Duration::from_mins(30);

struct Chain {
    http: reqwest::Client,
    url: String,
}

impl Chain {
    async fn send(&self, body: Value) -> Value {
        let request = self.http.post(&self.url).header("content-type", "application/json").body(body.to_string());
        request.send().await.unwrap().json().await.unwrap()
    }
    async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.send(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }
    async fn deploy(&self) -> String {
        let artefact: Value = serde_json::from_str(include_str!("../../sim/contracts/artefacts/Token.json")).unwrap();
        let code = artefact["bytecode"].as_str().unwrap().trim_start_matches("0x");
        // ("Coin", "COIN", 18, alice)
        let word = |number: u64| format!("{number:064x}");
        let text = |text: &str| format!("{}{:0<64}", word(text.len() as u64), alloy_primitives::hex::encode(text));
        let owner = format!("{:0>64}", ALICE.trim_start_matches("0x"));
        let arguments = [word(0x80), word(0xc0), word(18), owner.clone(), text("Coin"), text("COIN")].concat();
        let created = json!([{"from": ALICE, "gas": "0x5b8d80", "data": format!("0x{code}{arguments}")}]);
        let hash = self.ask("eth_sendTransaction", created).await;
        self.ask("evm_mine", json!([])).await;
        let receipt = self.ask("eth_getTransactionReceipt", json!([hash])).await;
        let token = receipt["contractAddress"].as_str().unwrap().to_owned();
        let mint = format!("0x40c10f19{owner}{}", word(u64::MAX));
        self.ask("eth_sendTransaction", json!([{"from": ALICE, "to": token, "gas": "0x186a0", "data": mint}])).await;
        self.ask("evm_mine", json!([])).await;
        token
    }
    async fn fill(&self, token: &str, blocks: u64) {
        for block in 0..blocks {
            let transfer = |place: u64| {
                let data =
                    format!("0xa9059cbb{:064x}{:064x}", 0x1000 + (block * 31 + place) % 500, 1 + place * block % 2_000);
                json!({"jsonrpc": "2.0", "id": place, "method": "eth_sendTransaction",
                    "params": [{"from": ALICE, "to": token, "gas": "0x186a0", "data": data}]})
            };
            self.send((0..TRANSFERS_PER_BLOCK).map(transfer).collect()).await;
            self.ask("evm_mine", json!([])).await;
        }
    }
}

/// Seconds of processor time and megabytes at most, of a process.
fn used(pid: &str) -> (f64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap().split(' ').map(|field| field.parse().unwrap_or(0)).collect();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let ticks = u32::try_from(fields[12] + fields[13]).unwrap();
    (f64::from(ticks) / 100.0, peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024)
}

fn source(url: &str, traces: &str) -> ChainSource {
    let kind = quarterdeck_sources::kind("evm").unwrap();
    let given = [
        ("http", Set::Text(url.to_owned())),
        ("traces", Set::Text(traces.to_owned())),
        ("requests_per_second", Set::Whole(100_000)),
        ("stale_after", Set::Span(Duration::from_hours(1))),
    ];
    let given = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let settings = Settings::of(kind.settings(), given).unwrap();
    ChainSource {
        id: Name::new("devnet").unwrap(),
        kind,
        chain: ChainId::evm(31_337),
        settings,
        balances: Balances::default(),
    }
}

#[tokio::main]
async fn main() {
    let blocks: u64 = std::env::args().nth(1).map_or(2_000, |text| text.parse().unwrap());
    let traces = if std::env::args().nth(2).as_deref() == Some("off") { "off" } else { "auto" };
    let program = std::env::var("QUARTERDECK_ANVIL").unwrap_or_else(|_| "anvil".to_owned());
    let args =
        ["--host", "127.0.0.1", "--port", "0", "--no-mining", "--no-request-size-limit", "--gas-limit", "60000000"];
    let mut child = Command::new(program).args(args).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        if let Some(address) = line.strip_prefix("Listening on ") {
            break format!("http://{address}");
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let chain = Chain { http: rpc::client().unwrap(), url };
    let genesis = chain.ask("eth_getBlockByNumber", json!(["0x0", false])).await;
    let token = chain.deploy().await;
    tokio::time::timeout(MINING_DEADLINE, chain.fill(&token, blocks)).await.unwrap();

    let node_pid = child.id().unwrap().to_string();
    let (ours_before, node_before) = (used("self").0, used(&node_pid).0);
    let clock = SystemClock::new();
    let began = clock.elapsed();
    let (seen, transfers) = catch_up(&chain, &genesis, traces, Arc::clone(&clock)).await;
    let seconds = clock.elapsed().saturating_sub(began).as_secs_f64();
    let ((ours, peak), (node, node_peak)) = (used("self"), used(&node_pid));
    let per_second = |count: u64| (f64::from(u32::try_from(count).unwrap()) / seconds).round();
    println!(
        "{}",
        json!({"blocks": seen, "transactions": transfers, "traces": traces != "off", "seconds": seconds,
            "blocks_per_second": per_second(seen), "transactions_per_second": per_second(transfers),
            "cpu_seconds": ours - ours_before, "node_cpu_seconds": node - node_before, "peak_mb": peak, "node_peak_mb": node_peak})
    );
}

/// Blocks and transactions seen by the detectors.
async fn catch_up(chain: &Chain, genesis: &Value, traces: &str, clock: Arc<SystemClock>) -> (u64, u64) {
    let hashes = genesis["hash"].as_str().unwrap().trim_start_matches("0x").to_owned();
    let place = Place { hashes, ..Place::default() };
    let source = source(&chain.url, traces);
    let Doors { node, witnesses, .. } = source.kind.open(&source).unwrap();
    let mut follower = Follower::new(source.chain, source.pace(), node, witnesses, Ok(Some(place)));
    let knowledge = Knowledge { catalogue: Arc::new(Catalogue::default()) };
    let mut pipeline = Pipeline::new(DETECTORS, &BTreeMap::new(), &knowledge).unwrap();
    let (tell, mut told) = tokio::sync::mpsc::channel::<ChainEvent>(EVENTS_WAITING_MAX);
    let time = Arc::clone(&clock);
    let detecting = tokio::spawn(async move {
        let (mut blocks, mut transactions, mut out) = (0, 0, Vec::new());
        while let Some(event) = told.recv().await {
            if let ChainEvent::Block(AnyBlock::Account(block)) = &event {
                blocks += 1;
                transactions += block.transactions.len() as u64;
            }
            pipeline.observe_at(&event, time.now(), &mut out);
            out.clear();
        }
        (blocks, transactions)
    });
    loop {
        let step = follower.step(clock.now()).await;
        assert!(step.gap.is_none(), "{:?}", step.gap);
        let more = step.more;
        for one in step.events {
            tell.send(one.event).await.unwrap();
        }
        if !more {
            break;
        }
    }
    drop(tell);
    detecting.await.unwrap()
}
