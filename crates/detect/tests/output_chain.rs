//! An invented output chain through the pipeline with the detectors that read every family: what they raise, retract and confirm over
//! payments, forks, double spends, finality and gaps; and that all of it survives being stored.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    account::Account,
    catalogue::{AddressRole, Asset, Catalogue, WatchedAddress},
    chain::{
        AnyBlock, B256, BlockRef, Bytes, ChainEvent, ChainId, Gap, GapKind, Reorg,
        output::{Block, Input, Outpoint, Output, Transaction},
    },
    detector::Knowledge,
    id::{Name, kind},
    money::Price,
    signal::{Fingerprint, Loudness, Signal, SignalChange},
    time::Timestamp,
};
use quarterdeck_detect::{
    detector::DetectorKind,
    detectors::any::{observation_loss::ObservationLoss, reorganization::Reorganization},
    pipeline::{GivenParams, Pipeline},
    rehearsal,
};

const CHAIN: ChainId = ChainId::Bip122([7; 16]);
const KINDS: &[&dyn DetectorKind] = &[&Reorganization, &ObservationLoss];
const COIN: u64 = 100_000_000;

fn script(name: &str) -> Bytes {
    Bytes::copy_from_slice(name.as_bytes())
}

/// One watched script; a coin is worth $30,000.
fn knowledge() -> Knowledge {
    let account = Account::Script(script("deposits"));
    let watched =
        WatchedAddress { chain: CHAIN, address: account, role: AddressRole::Wallet, label: "deposits".to_owned() };
    let price = Price { micro_usd: 30_000 * 1_000_000, decimals: 8 };
    let coin = Asset { chain: CHAIN, token: None, symbol: "BTC".to_owned(), price };
    Knowledge {
        catalogue: Arc::new(Catalogue::new(
            rehearsal::service("exchange", vec![watched]).into_iter().collect(),
            vec![coin],
        )),
    }
}

fn digest(text: &str) -> B256 {
    let half = *Fingerprint::of(&[text.as_bytes()]).bytes();
    B256::left_padding_from(&half)
}

/// Spends the output 0 of the transaction `of`, which was locked by `from`, and pays.
fn payment(name: &str, of: &str, from: &str, pays: &[(&str, u64)]) -> Transaction {
    let spends = Outpoint { transaction: digest(of), index: 0 };
    let held = pays.iter().map(|(_, value)| value).sum();
    let inputs = vec![Input { spends, output: Some(Output { value: held, script: script(from) }) }];
    let outputs = pays.iter().map(|(to, value)| Output { value: *value, script: script(to) }).collect();
    Transaction { hash: digest(name), index: 0, inputs, outputs }
}

/// A chain with a block every ten minutes, shown to a pipeline that is stored and taken up again after every event.
struct Story {
    pipeline: Pipeline,
    tip: BlockRef,
    time: Timestamp,
    branch: u64,
}

impl Story {
    fn begin() -> Self {
        let pipeline = Pipeline::new(KINDS, &GivenParams::new(), &knowledge()).unwrap();
        let tip = BlockRef { chain: CHAIN, number: 800_000, hash: digest("before") };
        Self { pipeline, tip, time: Timestamp::from_secs(1_700_000_000), branch: 0 }
    }
    fn next(&mut self, parent: BlockRef, mut paid: Vec<Transaction>) -> Arc<Block> {
        let number = parent.number + 1;
        let name = format!("block {number} {}", self.branch);
        let reward = Output { value: 6 * COIN, script: script("miner") };
        paid.insert(
            0,
            Transaction { hash: digest(&format!("{name} reward")), index: 0, inputs: vec![], outputs: vec![reward] },
        );
        for (index, transaction) in (0..).zip(&mut paid) {
            transaction.index = index;
        }
        self.time = self.time.plus(Duration::from_mins(10));
        let (hash, time) = (digest(&name), self.time);
        Arc::new(Block { chain: CHAIN, number, hash, parent: parent.hash, time, transactions: paid })
    }
    fn see(&mut self, event: &ChainEvent) -> Vec<SignalChange> {
        let mut out = Vec::new();
        self.pipeline.observe(event, &mut out);
        let kept = self.pipeline.snapshot();
        let mut again = Pipeline::new(KINDS, &GivenParams::new(), &knowledge()).unwrap();
        assert!(again.restore(&kept).is_empty());
        self.pipeline = again;
        out
    }
    fn block(&mut self, paid: Vec<Transaction>) -> (BlockRef, Vec<SignalChange>) {
        let block = self.next(self.tip, paid);
        self.tip = block.reference();
        (self.tip, self.see(&ChainEvent::Block(block.into())))
    }
    /// Leaves `dropped` for new blocks, one for each list.
    fn reorg(
        &mut self,
        ancestor: BlockRef,
        dropped: Vec<BlockRef>,
        joined: Vec<Vec<Transaction>>,
    ) -> Vec<SignalChange> {
        self.branch += 1;
        let (mut last, mut adopted) = (ancestor, Vec::new());
        for paid in joined {
            let block = self.next(last, paid);
            last = block.reference();
            adopted.push(AnyBlock::from(block));
        }
        let reorg = Reorg { chain: CHAIN, ancestor, dropped, adopted: adopted.clone(), observed: self.time };
        let mut out = self.see(&ChainEvent::Reorg(Arc::new(reorg)));
        for block in adopted {
            out.extend(self.see(&ChainEvent::Block(block)));
        }
        self.tip = last;
        out
    }
}

fn raised(changes: &[SignalChange]) -> Vec<&Signal> {
    let signals = changes.iter().filter_map(|change| match change {
        SignalChange::Raised { signal } => Some(&**signal),
        _ => None,
    });
    signals.collect()
}

fn number(signal: &Signal, name: &str) -> String {
    signal.explanation.numbers.iter().find(|number| number.name == name).unwrap().value.clone()
}

#[test]
fn a_deposit_that_is_spent_elsewhere_is_a_double_spend_and_taken_back_when_it_returns() {
    let mut story = Story::begin();
    let (before, _) = story.block(vec![]);
    let deposit = || payment("deposit", "coin", "customer", &[("deposits", 2 * COIN), ("customer", COIN)]);
    let (with, quiet) = story.block(vec![deposit(), payment("other", "else", "a", &[("b", COIN)])]);
    assert_eq!(quiet, []);

    let theft = payment("theft", "coin", "customer", &[("thief", 3 * COIN)]);
    let other = payment("other", "else", "a", &[("b", COIN)]);
    let changes = story.reorg(before, vec![with], vec![vec![theft], vec![other]]);
    let [signal] = raised(&changes)[..] else { panic!("{changes:?}") };
    assert_eq!((signal.loudness, signal.facts.money_at_risk.dollars()), (Loudness::Critical, 60_000));
    let counts = ["depth", "transactions dropped", "included again", "conflicted", "ours replaced"];
    assert_eq!(counts.map(|name| number(signal, name)), ["1", "0", "1", "1", "1"]);
    assert!(signal.title.starts_with("chain bip122:0707"), "{}", signal.title);
    assert!(signal.explanation.text.contains("another that spends the same output"), "{}", signal.explanation.text);
    assert_eq!(signal.parties, [("watched".to_owned(), Account::Script(script("deposits")))]);
    assert_eq!(signal.service.as_ref().unwrap().as_str(), "exchange");
    assert_eq!(story.pipeline.standing(), 1);

    // The chain changes its mind once more, and the deposit is back.
    let stolen = [signal.position.as_ref().unwrap().block];
    let ancestor = before;
    let dropped: Vec<BlockRef> =
        vec![BlockRef { number: stolen[0].number - 1, hash: digest("block 800002 1"), chain: CHAIN }, stolen[0]];
    let changes = story.reorg(ancestor, dropped, vec![vec![deposit()], vec![], vec![]]);
    let taken_back =
        changes.iter().any(|change| matches!(change, SignalChange::Retracted { id, .. } if *id == signal.id));
    assert!(taken_back, "{changes:?}");
    assert!(raised(&changes).iter().all(|signal| signal.loudness < Loudness::Critical), "{changes:?}");
}

#[test]
fn a_fee_bump_is_no_double_spend_and_a_shallow_fork_is_for_the_record_and_becomes_final() {
    let mut story = Story::begin();
    let (before, _) = story.block(vec![]);
    let deposit = |name, change| payment(name, "coin", "customer", &[("deposits", 2 * COIN), ("fresh change", change)]);
    let (with, _) = story.block(vec![deposit("deposit", COIN)]);
    let changes =
        story.reorg(before, vec![with], vec![vec![deposit("deposit with a higher fee", COIN - 5_000)], vec![]]);
    let [signal] = raised(&changes)[..] else { panic!("{changes:?}") };
    assert_eq!((signal.loudness, number(signal, "ours repriced")), (Loudness::Info, "1".to_owned()));
    let confirmed = story.see(&ChainEvent::Finalized(story.tip));
    assert_eq!(confirmed, [SignalChange::Confirmed { id: signal.id }]);
    assert_eq!(story.pipeline.standing(), 0);
}

/// The block's own new coin can be in no other block: that it is gone is not told as a dropped transaction.
#[test]
fn a_dropped_reward_is_not_counted() {
    let mut story = Story::begin();
    let (before, _) = story.block(vec![]);
    let (with, _) = story.block(vec![]);
    let changes = story.reorg(before, vec![with], vec![vec![], vec![]]);
    assert_eq!(number(raised(&changes)[0], "transactions dropped"), "0");
}

#[test]
fn blindness_on_an_output_chain_is_told_and_ended() {
    let mut story = Story::begin();
    // Its blocks come every ten minutes, have neither receipts nor traces, and none of that is blindness.
    for _ in 0..20 {
        assert_eq!(story.block(vec![payment("x", "y", "a", &[("b", 1)])]).1, []);
    }
    let since = story.time;
    let at = |seconds| since.plus(Duration::from_secs(seconds));
    let gap = |closed| {
        let source = Name::<kind::Source>::new("btc").unwrap();
        let (from_block, to_block, detail) = (Some(story.tip.number + 1), None, "no answer".to_owned());
        Gap { source, chain: CHAIN, kind: GapKind::Unreachable, from_block, to_block, since, closed, detail }
    };
    let (open, closed) = (gap(None), gap(Some(at(300))));
    assert_eq!(story.see(&ChainEvent::Gap(Arc::new(open))), []);
    let told = story.see(&ChainEvent::Tick(at(61)));
    let [blind] = raised(&told)[..] else { panic!("{told:?}") };
    assert_eq!((blind.loudness, blind.service.as_ref().unwrap().as_str()), (Loudness::Error, "exchange"));
    let ended = story.see(&ChainEvent::Gap(Arc::new(closed)));
    assert_eq!(ended, [SignalChange::Ended { fingerprint: blind.fingerprint, at: at(300) }]);
    // Ten times its own interval, as learnt, is too long.
    assert_eq!(raised(&story.see(&ChainEvent::Tick(at(600)))).len(), 0);
    let stale = story.see(&ChainEvent::Tick(at(600 + 6_100)));
    assert!(raised(&stale)[0].title.contains("no block of chain bip122:"), "{stale:?}");
}

/// A source of an output chain keeps its place as any other does.
#[test]
fn a_place_on_an_output_chain_is_stored_and_read() {
    let place = BlockRef { chain: CHAIN, number: 800_000, hash: digest("x") };
    let text = serde_json::to_string(&place).unwrap();
    assert!(text.contains("\"chain\":\"bip122:07070707070707070707070707070707\""), "{text}");
    assert_eq!(serde_json::from_str::<BlockRef>(&text).unwrap(), place);
}
