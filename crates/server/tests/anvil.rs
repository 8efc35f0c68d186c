//! The follower and the whole program against a real node: anvil, in processes of its own on free ports.
//!
//! Where it is: `QUARTERDECK_ANVIL`, else the place of the npm package, else the path. Left out where there is none, unless
//! `CI=true`. Nothing sleeps: everything waits for a level, with a deadline.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]
#![expect(clippy::print_stderr, clippy::disallowed_methods, reason = "says what is left out, and reads where anvil is")]

#[path = "anvil/node.rs"]
mod node;
#[path = "anvil/recovery.rs"]
mod recovery;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use quarterdeck_core::{
    catalogue::{AddressList, AddressRole, Asset, Catalogue, Criticality, Service, WatchedAddress},
    chain::{Address, Block, ChainEvent, ChainId, Gap, GapKind, U256},
    detector::Params,
    id::{Name, SeededIds},
    incident::Severity,
    money::{Price, Usd},
    policy::{EscalationPolicy, Person, Roster, Target, Tier},
    priority::Weights,
    setting::{Rules, Setting},
    signal::SignalStatus,
    time::Timestamp,
};
use quarterdeck_detect::detectors::DETECTORS;
use quarterdeck_host::clock::{Clock, SystemClock};
use quarterdeck_server::{
    app::{self, Running, World},
    config::{Configuration, StoreKind},
    engine::read,
};
use quarterdeck_sources::{
    Balances, ChainSource, Seen, Sources,
    follow::{Follower, Step},
    reader::Doors,
    run::{self, Orders},
    setting::{Settings, Value as Set},
};
use quarterdeck_store::memory::MemoryStore;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use self::node::{Anvil, without};

/// Anvil's first accounts: unlocked, with 10,000 coins each.
const ALICE: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const BOB: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
const LISTED: &str = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc";
/// How long anything may take on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

fn source(http: &str) -> ChainSource {
    source_with(http, &[])
}

fn source_with(http: &str, more: &[(&str, Set)]) -> ChainSource {
    let kind = quarterdeck_sources::kind("evm").unwrap();
    let usual = [
        ("http", Set::Text(http.to_owned())),
        ("requests_per_second", Set::Whole(10_000)),
        ("stale_after", Set::Span(Duration::from_hours(1))),
        ("poll_every", Set::Span(Duration::from_millis(50))),
    ];
    let given = usual.iter().chain(more).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let settings = Settings::of(kind.settings(), given).unwrap();
    ChainSource {
        id: Name::new("devnet").unwrap(),
        kind,
        chain: ChainId::evm(31_337),
        settings,
        balances: Balances::default(),
    }
}

/// A source on its own: what it hands over.
struct Eyes {
    seen: mpsc::Receiver<Seen>,
    stop: watch::Sender<bool>,
    sources: Arc<Sources>,
}

impl Eyes {
    fn open(source: ChainSource) -> Self {
        let (tell, seen) = mpsc::channel(256);
        let (stop, stopping) = watch::channel(false);
        let sources = Arc::new(Sources::default());
        let store = Arc::new(MemoryStore::default());
        let orders = Orders { stop: stopping, anew: Arc::default() };
        tokio::spawn(run::run(source, tell, store, Arc::clone(&sources), SystemClock::new(), orders));
        Self { seen, stop, sources }
    }
    async fn next(&mut self) -> ChainEvent {
        let one = tokio::time::timeout(DEADLINE, self.seen.recv()).await;
        one.expect("an event within the deadline").expect("the source runs").event
    }
    async fn block(&mut self) -> Arc<Block> {
        loop {
            match self.next().await {
                ChainEvent::Block(block) => return Arc::clone(block.account().unwrap()),
                ChainEvent::Finalized(_) => {}
                other => panic!("want a block, got {other:?}"),
            }
        }
    }
    async fn gap(&mut self) -> Arc<Gap> {
        loop {
            match self.next().await {
                ChainEvent::Gap(gap) => return gap,
                ChainEvent::Finalized(_) => {}
                other => panic!("want a gap, got {other:?}"),
            }
        }
    }
}

fn transfer(from: &str, to: &str, wei: u64) -> Value {
    json!([{"from": from, "to": to, "value": format!("{wei:#x}"), "gas": "0x5208"}])
}

#[tokio::test]
async fn what_a_wallet_held_is_read_before_the_block_in_which_it_pays() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let mut source = source(&anvil.url);
    source.balances.accounts = [ALICE.parse().unwrap()].into();
    let mut eyes = Eyes::open(source);
    eyes.block().await;
    anvil.mine_with(transfer(BOB, ALICE, 7)).await;
    assert_eq!(eyes.block().await.held, [], "she does not pay");
    anvil.mine_with(transfer(ALICE, BOB, 9)).await;
    let block = eyes.block().await;
    let [held] = block.held.as_slice() else { panic!("{:?}", block.held) };
    let ten_thousand = U256::from(10_000) * U256::from(10).pow(U256::from(18));
    assert_eq!((held.account, held.token, held.amount), (ALICE.parse().unwrap(), None, ten_thousand + U256::from(7)));
    eyes.stop.send(true).unwrap();
}

async fn follows(ws: bool) {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    // With heads the poll is ten times rarer: so rare here that only the subscription can be in time.
    let poll_every = if ws { DEADLINE } else { Duration::from_millis(50) };
    let mut more = vec![("poll_every", Set::Span(poll_every))];
    more.extend(ws.then(|| ("ws", Set::Text(anvil.url.replace("http", "ws")))));
    let mut eyes = Eyes::open(source_with(&anvil.url, &more));
    let mut last = eyes.block().await;
    if ws {
        anvil.until_subscribed(&mut eyes.seen, &mut last).await;
    }
    for _ in 0..5 {
        let hash = anvil.mine_with(transfer(ALICE, BOB, 7)).await;
        let block = eyes.block().await;
        assert_eq!((block.parent, block.number), (last.hash, last.number + 1));
        assert!(block.has_receipts && block.has_traces);
        assert_eq!(json!(block.transactions[0].hash), hash);
        assert_eq!(block.transactions[0].status, Some(true));
        assert_eq!(block.transactions[0].calls.len(), 1);
        last = block;
    }
    let health = eyes.sources.all();
    assert_eq!(health.values().next().unwrap().capabilities, ["block receipts", "call traces"]);
    eyes.stop.send(true).unwrap();
}

#[tokio::test]
async fn blocks_come_over_http() {
    follows(false).await;
}

#[tokio::test]
async fn blocks_come_by_subscription() {
    follows(true).await;
}

#[tokio::test]
async fn a_reorganization_is_told_exactly() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let mut eyes = Eyes::open(source(&anvil.url));
    let mut chain = vec![eyes.block().await.reference()];
    for _ in 0..6 {
        anvil.ask("evm_mine", json!([])).await;
        chain.push(eyes.block().await.reference());
    }
    anvil.ask("anvil_reorg", json!([3, []])).await;
    let ChainEvent::Reorg(reorg) = eyes.next().await else { panic!("want a reorganization") };
    assert_eq!((reorg.ancestor, reorg.dropped.as_slice()), (chain[3], &chain[4..]));
    assert_eq!(reorg.adopted.iter().map(|block| block.reference().number).collect::<Vec<_>>(), [4, 5, 6]);
    for adopted in &reorg.adopted {
        assert_eq!(eyes.block().await.hash, adopted.reference().hash, "the adopted ones follow");
    }
    anvil.ask("evm_mine", json!([])).await;
    assert_eq!(eyes.block().await.parent, reorg.adopted[2].reference().hash);
    eyes.stop.send(true).unwrap();
}

/// When the chain began: a node that starts anew has the same first block, also before it has read its state.
const GENESIS: &str = "1790000000";

#[tokio::test]
async fn a_node_that_dies_leaves_a_gap_that_is_filled_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let state = state.to_str().unwrap();
    let Some(anvil) = Anvil::start(&["--state", state, "--timestamp", GENESIS]).await else { return };
    // Its state keeps blocks and receipts, not traces.
    let mut eyes = Eyes::open(source_with(&anvil.url, &[("traces", Set::Text("off".to_owned()))]));
    let last = eyes.block().await;
    anvil.ask("evm_mine", json!([])).await;
    assert_eq!(eyes.block().await.parent, last.hash);
    let port = anvil.port;
    anvil.end().await;
    let opened = eyes.gap().await;
    assert_eq!((opened.kind, opened.from_block, opened.closed), (GapKind::Unreachable, Some(last.number + 2), None));
    // Back under the same address, and further on than we saw it.
    let other = Anvil::start(&["--state", state, "--timestamp", GENESIS]).await.expect("it was there a moment ago");
    for _ in 0..100 {
        other.mine_with(transfer(ALICE, BOB, 1)).await;
    }
    other.end().await;
    let anvil =
        Anvil::start_at(port, &["--state", state, "--timestamp", GENESIS]).await.expect("it was there a moment ago");
    for number in last.number + 2..last.number + 102 {
        let block = eyes.block().await;
        assert_eq!((block.number, block.has_receipts), (number, true));
    }
    let closed = eyes.gap().await;
    assert_eq!((closed.kind, closed.since, closed.closed.is_some()), (opened.kind, opened.since, true));
    assert_eq!((closed.from_block, closed.to_block), (opened.from_block, Some(last.number + 101)));
    eyes.stop.send(true).unwrap();
    anvil.end().await;
}

#[tokio::test]
async fn nodes_that_disagree_are_both_named() {
    let (Some(one), Some(two)) = (Anvil::start(&[]).await, Anvil::start(&[]).await) else { return };
    one.mine_with(transfer(ALICE, BOB, 1)).await;
    let state = one.ask("anvil_dumpState", json!([])).await;
    two.ask("anvil_loadState", json!([state])).await;
    let source = source_with(&one.url, &[("witnesses", Set::Texts(vec![two.url.clone()]))]);
    let Doors { node, witnesses, .. } = source.kind.open(&source).unwrap();
    let mut follower = Follower::new(source.chain, source.pace(), node, witnesses, Ok(None));
    let at = |seconds: u64| Timestamp::from_secs(1_800_000_000 + seconds);
    assert_eq!(settle(&mut follower, at(0)).await.gap, None);
    settle(&mut follower, at(60)).await;
    assert_eq!(follower.disagreement(), None, "they share this state");
    one.mine_with(transfer(ALICE, BOB, 2)).await;
    two.mine_with(transfer(ALICE, BOB, 3)).await;
    settle(&mut follower, at(61)).await;
    assert_eq!(follower.disagreement(), None, "for longer than a block takes to spread");
    settle(&mut follower, at(80)).await;
    let said = follower.disagreement().expect("they differ");
    assert!(said.contains(&one.url) && said.contains(&two.url), "{said}");
}

async fn settle(follower: &mut Follower, now: Timestamp) -> Step {
    loop {
        let step = follower.step(now).await;
        if !step.more {
            return step;
        }
    }
}

#[tokio::test]
async fn a_node_that_lacks_methods_is_followed_by_single_receipts() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let url = without(&anvil.url, &["eth_getBlockReceipts", "debug_", "trace_"]).await;
    let mut eyes = Eyes::open(source(&url));
    eyes.block().await;
    for _ in 0..3 {
        anvil.mine_with(transfer(ALICE, BOB, 1)).await;
        let block = eyes.block().await;
        assert!(block.has_receipts && !block.has_traces);
        assert_eq!(block.transactions[0].status, Some(true));
    }
    assert!(eyes.sources.all().values().all(|health| health.capabilities.is_empty() && health.gaps.is_empty()));
    eyes.stop.send(true).unwrap();
}

fn configuration(data: &Path, http: &str) -> Configuration {
    let policy = Name::new("everything").unwrap();
    let (person, channel) = (Name::new("ana").unwrap(), Name::new("nowhere").unwrap());
    let contact = quarterdeck_core::policy::Contact { channel, address: String::new() };
    let ana = Person { id: person, name: "Ana".to_owned(), zone: "UTC".to_owned(), contacts: vec![contact] };
    let escalation = EscalationPolicy {
        id: Name::clone(&policy),
        tiers: vec![Tier { targets: vec![Target::Person(ana.id.clone())], delay: Duration::from_mins(10) }],
        rounds: 1,
        fallback: ana.id.clone(),
        acknowledgement: Duration::from_mins(10),
        page_at: Severity::Sev1,
    };
    let mut roster = Roster::default();
    roster.policies.insert(escalation.id.clone(), escalation);
    roster.people.insert(ana.id.clone(), ana);
    let hot = WatchedAddress {
        chain: ChainId::evm(31_337),
        address: address(BOB).into(),
        role: AddressRole::Wallet,
        label: "hot wallet".to_owned(),
    };
    let service = Service {
        id: Name::new("wallets").unwrap(),
        title: "Wallets".to_owned(),
        criticality: Criticality::Critical,
        users: 1_000,
        revenue_per_hour: Usd::ZERO,
        assets: Usd::from_dollars(1_000_000),
        regulated: true,
        depends_on: std::collections::BTreeSet::new(),
        policy: Name::clone(&policy),
        addresses: vec![hot],
    };
    let price = Price { micro_usd: 3_000_000_000, decimals: 18 };
    let coin = Asset { chain: ChainId::evm(31_337), token: None, symbol: "ETH".to_owned(), price };
    let mut catalogue = Catalogue::new(vec![service], vec![coin]);
    let list = AddressList { name: "exploiters".to_owned(), as_of: SystemClock::new().now() };
    catalogue.add_list(list, [(address(LISTED), "exploiter".to_owned())]);
    let rules = Rules::default();
    let setting =
        Setting { roster, catalogue: Arc::new(catalogue), rules, default_policy: policy, weights: Weights::default() };
    let params = |kind: &&dyn quarterdeck_detect::detector::DetectorKind| {
        (kind.id().to_owned(), Params::resolve(kind.id(), kind.params(), &BTreeMap::new()).unwrap())
    };
    Configuration {
        path: None,
        listen: None,
        encryption: None,
        behind_proxy: false,
        base_url: String::new(),
        data: data.to_owned(),
        store: StoreKind::Sqlite,
        origin: "quarterdeck.invalid/anvil".to_owned(),
        setting: Arc::new(setting),
        chats: Arc::default(),
        channels: Arc::default(),
        tokens: Vec::new(),
        sources: vec![source(http)],
        integrations: Vec::new(),
        words: quarterdeck_formats::severity::SeverityWords::default(),
        heartbeat: None,
        checks: Arc::default(),
        detectors: DETECTORS.iter().map(params).collect(),
        digest: "test".to_owned(),
        warnings: Vec::new(),
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

async fn start(data: &Path, http: &str, seed: u64) -> Running {
    let ids = || Box::new(SeededIds::new(seed));
    let world = World { clock: SystemClock::new(), ids: ids(), salts: ids(), signer: None, channels: BTreeMap::new() };
    app::start(configuration(data, http), world).await.unwrap()
}

/// Waits for a level.
async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while !reached() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

fn head(running: &Running) -> Option<u64> {
    running.sources.all().values().next().and_then(|health| health.head).map(|block| block.number)
}

/// How the listed-address signals of all incidents stand.
fn standing(running: &Running) -> Vec<SignalStatus> {
    let board = read(&running.engine.published().board);
    let signals = board.incidents().flat_map(|incident| incident.signals().values());
    signals.filter(|one| one.signal.detector.as_str() == "listed_entity").map(|one| one.status).collect()
}

#[tokio::test]
async fn a_signal_on_a_dropped_block_is_retracted_on_its_incident_also_after_a_restart() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    let data = tempfile::tempdir().unwrap();
    let running = start(data.path(), &anvil.url, 1).await;
    until("the head is seen", || head(&running) == Some(0)).await;
    for _ in 0..5 {
        anvil.mine_with(transfer(ALICE, BOB, 1_000)).await;
    }
    until("ordinary blocks are seen", || head(&running) == Some(5)).await;
    assert_eq!(standing(&running), []);
    running.stop().await;

    // While nobody looks, a listed address pays the hot wallet.
    anvil.mine_with(transfer(LISTED, BOB, 1_000_000_000_000_000_000)).await;
    anvil.ask("evm_mine", json!([])).await;
    let running = start(data.path(), &anvil.url, 2).await;
    until("it goes on where it stood", || head(&running) == Some(7)).await;
    until("the payment opens an incident", || standing(&running) == [SignalStatus::Provisional]).await;
    let blocks = running.sources.all().values().next().unwrap().blocks;
    assert_eq!(blocks, 2, "exactly those that it had not seen");
    running.stop().await;

    // And it is undone while nobody looks: what was seen, and what stands on it, is known across restarts.
    anvil.ask("anvil_reorg", json!([2, []])).await;
    let running = start(data.path(), &anvil.url, 3).await;
    until("the signal is retracted", || standing(&running) == [SignalStatus::Retracted]).await;
    let health = running.sources.all();
    assert_eq!(health.values().next().unwrap().reorgs, 1);
    running.stop().await;
}
