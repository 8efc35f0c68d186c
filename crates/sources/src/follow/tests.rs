//! The follower against a node that lies. A model replays what is handed over: whatever happens, it must be the node's chain.

mod chains;
mod laws;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use quarterdeck_core::{
    chain::{AnyBlock, B256, BlockRef, ChainEvent, ChainId, GapKind, Reorg},
    id::Name,
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{Follower, Place, Step};
use crate::{
    ChainSource,
    evm::testing::{CHAIN, Lie, Node},
    reader::Doors,
    setting::{Settings, Value as Set},
};

/// What a reader of the events believes.
#[derive(Debug, Clone, Default)]
struct Model {
    chain: Vec<BlockRef>,
    reorgs: Vec<Arc<Reorg>>,
    bare: Vec<u64>,
    finalized: u64,
    place: Option<Place>,
}

impl Model {
    fn hear(&mut self, step: &Step) {
        for told in &step.events {
            match &told.event {
                ChainEvent::Block(AnyBlock::Account(block)) => {
                    if let Some(last) = self.chain.last() {
                        assert_eq!((block.parent, block.number), (last.hash, last.number + 1), "it links");
                    }
                    self.chain.push(block.reference());
                    if !block.has_receipts || !block.has_traces {
                        self.bare.push(block.number);
                    }
                }
                ChainEvent::Reorg(reorg) => {
                    let keep = self.chain.len() - reorg.dropped.len();
                    assert_eq!(self.chain.split_off(keep), reorg.dropped, "exactly the last ones are dropped");
                    assert_eq!(self.chain.last(), Some(&reorg.ancestor));
                    self.reorgs.push(Arc::clone(reorg));
                }
                ChainEvent::Finalized(block) => {
                    assert!(self.chain.contains(block));
                    self.finalized = block.number;
                }
                other @ (ChainEvent::Block(AnyBlock::Output(_)) | ChainEvent::Gap(_) | ChainEvent::Tick(_)) => {
                    panic!("a follower of this family does not tell {other:?}")
                }
            }
            let place = &told.place;
            assert_eq!(place.last, self.chain.last().unwrap().number, "the place is that after this very event");
            let last = format!("{:x}", self.chain.last().unwrap().hash);
            assert!(place.hashes.ends_with(&last));
            self.place = Some(place.clone());
        }
    }
    fn hashes(&self) -> Vec<B256> {
        self.chain.iter().map(|block| block.hash).collect()
    }
}

pub(crate) fn source(node: &Node, witnesses: &[&Node]) -> ChainSource {
    let kind = crate::kind("evm").unwrap();
    let others = witnesses.iter().map(|node| node.url.clone()).collect();
    let given = [
        ("http", Set::Text(node.url.clone())),
        ("witnesses", Set::Texts(others)),
        ("requests_per_second", Set::Whole(1_000_000)),
    ];
    let given: BTreeMap<String, Set> = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let settings = Settings::of(kind.settings(), given).unwrap();
    ChainSource {
        id: Name::new("devnet").unwrap(),
        kind,
        chain: ChainId::evm(CHAIN),
        settings,
        balances: crate::Balances::default(),
    }
}

pub(crate) fn follower_at(node: &Node, witnesses: &[&Node], place: Result<Option<Place>, String>) -> Follower {
    let source = source(node, witnesses);
    let Doors { node, witnesses, .. } = source.kind.open(&source).unwrap();
    Follower::new(source.chain, source.pace(), node, witnesses, place)
}

fn follower(node: &Node, witnesses: &[&Node], place: Option<Place>) -> Follower {
    follower_at(node, witnesses, Ok(place))
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + seconds)
}

/// Steps until there is nothing more to read.
async fn settle(follower: &mut Follower, model: &mut Model, seconds: u64) -> Step {
    loop {
        let step = follower.step(at(seconds)).await;
        model.hear(&step);
        if !step.more {
            return step;
        }
    }
}

/// A follower at the head of a chain of so many blocks, having seen the last `seen` of them.
async fn following(blocks: usize, seen: usize) -> (Node, Follower, Model) {
    let node = Node::start().await;
    node.chain(|chain| chain.mine(blocks - seen));
    let (mut follower, mut model) = (follower(&node, &[], None), Model::default());
    assert_eq!(settle(&mut follower, &mut model, 0).await.gap, None);
    node.chain(|chain| chain.mine(seen - 1));
    assert_eq!(settle(&mut follower, &mut model, 0).await.gap, None);
    assert_eq!(model.chain.len(), seen);
    (node, follower, model)
}

fn ours(node: &Node, model: &Model) {
    let canonical = node.chain(|chain| chain.canonical.clone());
    assert_eq!(model.hashes(), canonical[canonical.len() - model.chain.len()..]);
}

#[tokio::test]
async fn a_long_chain_is_read_in_order_and_in_bounded_steps() {
    let (node, mut follower, mut model) = following(5, 2).await;
    node.chain(|chain| chain.mine(200));
    let step = follower.step(at(1)).await;
    assert_eq!((step.events.len(), step.more), (64, true));
    model.hear(&step);
    settle(&mut follower, &mut model, 1).await;
    assert_eq!(model.chain.len(), 202);
    ours(&node, &model);
    assert_eq!(model.finalized, 204 - 64, "by depth where the node does not say");
    assert_eq!(follower.capabilities(), ["block receipts", "call traces"]);
}

#[tokio::test]
async fn a_reorganization_names_exactly_what_was_left_and_joined() {
    for (dropped, joined) in [(1, 1), (3, 3), (3, 5), (4, 2), (2, 100)] {
        let (node, mut follower, mut model) = following(20, 10).await;
        let before = model.clone();
        node.chain(|chain| {
            chain.roll_back(dropped);
            chain.mine(joined);
        });
        assert_eq!(settle(&mut follower, &mut model, 1).await.gap, None);
        ours(&node, &model);
        let [reorg] = model.reorgs.as_slice() else { panic!("one reorganization: {:?}", model.reorgs.len()) };
        assert_eq!(reorg.dropped, before.chain[10 - dropped..]);
        assert_eq!(reorg.ancestor, before.chain[10 - dropped - 1]);
        assert!(reorg.adopted.first().is_some_and(|first| first.account().unwrap().parent == reorg.ancestor.hash));
    }
}

#[tokio::test]
async fn a_node_that_lags_or_rolls_back_says_nothing_until_something_takes_its_place() {
    let (node, mut follower, mut model) = following(20, 10).await;
    let taken = node.chain(|chain| chain.canonical.split_off(17));
    let step = settle(&mut follower, &mut model, 1).await;
    assert_eq!((step.events.len(), step.gap), (0, None));
    node.chain(|chain| chain.canonical.extend(&taken));
    assert_eq!(settle(&mut follower, &mut model, 1).await.events.len(), 0, "the same blocks are not told twice");
    node.chain(|chain| {
        chain.roll_back(3);
        chain.mine(1);
    });
    settle(&mut follower, &mut model, 1).await;
    assert_eq!(model.reorgs.len(), 1);
    ours(&node, &model);
}

#[tokio::test]
async fn a_fork_deeper_than_the_walk_is_said_with_what_was_not_seen() {
    let (node, mut follower, mut model) = following(20, 10).await;
    node.chain(|chain| {
        chain.roll_back(15);
        chain.mine(20);
    });
    let step = follower.step(at(1)).await;
    assert_eq!(step.gap.as_ref().map(|(kind, _)| *kind), Some(GapKind::ForkTooDeep));
    assert!(step.given_up && step.events.is_empty());
    let first = model.chain.first().unwrap().number;
    assert_eq!(step.wanted, Some((first, Some(20))), "from the first we knew up to the block that did not link");
    let detail = step.gap.unwrap().1;
    assert!(detail.contains(&format!("{first} to {}", model.chain.last().unwrap().number)), "{detail}");
    model.chain.clear();
    settle(&mut follower, &mut model, 2).await;
    ours(&node, &model);
    assert_eq!(model.chain.len(), 1, "it begins again at the head");
}

/// One answer of the node's, and the trouble that it must be.
async fn lies(method: &'static str, kind: GapKind, lie: impl Fn(&Value) -> Lie + Send + 'static) {
    let (node, mut follower, mut model) = following(20, 10).await;
    let before = model.hashes();
    node.chain(|chain| chain.mine(3));
    node.script(move |chain, asked, params| {
        let Lie::Result(truth) = chain.truth(asked, params) else { return None };
        let full = params[1] != json!(false);
        (asked == method && full && truth["number"] != json!("0x14")).then(|| lie(&truth))
    });
    let step = settle(&mut follower, &mut model, 1).await;
    assert_eq!(step.gap.as_ref().map(|(kind, _)| *kind), Some(kind), "{step:?}");
    assert!(model.hashes().starts_with(&before), "nothing is undone");
    assert!(model.chain.len() <= 11, "nothing beyond the lie is taken: {}", model.chain.len());
    node.honest();
    assert_eq!(settle(&mut follower, &mut model, 2).await.gap, None, "after {method}");
    ours(&node, &model);
    assert_eq!((model.chain.len(), model.bare.len()), (13, 0));
}

#[tokio::test]
async fn no_lie_about_a_block_is_taken() {
    let with = |key: &'static str, value: Value| {
        move |truth: &Value| {
            let mut lie = truth.clone();
            lie[key] = value.clone();
            Lie::Result(lie)
        }
    };
    let block = "eth_getBlockByNumber";
    let strange = json!(B256::repeat_byte(0x77));
    lies(block, GapKind::MissingBlock, |_| Lie::Result(Value::Null)).await;
    lies(block, GapKind::BadAnswer, with("number", json!("0x3"))).await;
    lies(block, GapKind::BadAnswer, with("hash", strange.clone())).await;
    lies(block, GapKind::MissingBlock, with("parentHash", strange)).await;
    lies(block, GapKind::BadAnswer, with("number", json!("0x"))).await;
    lies(block, GapKind::BadAnswer, |_| Lie::Error(-32000, "header not found")).await;
}

#[tokio::test]
async fn no_garbage_is_taken() {
    let block = "eth_getBlockByNumber";
    let http = |status, body: &'static [u8]| move |_: &Value| Lie::Http(status, &[], body.to_vec());
    lies(block, GapKind::BadAnswer, http(200, b"{\"jsonrpc\":\"2.0\",\"id\":1,\"resu")).await;
    lies(block, GapKind::BadAnswer, http(200, b"<html><body>Just a moment...</body></html>")).await;
    lies(block, GapKind::BadAnswer, http(403, b"<html>Forbidden</html>")).await;
    lies(block, GapKind::BadAnswer, http(200, b"")).await;
    lies(block, GapKind::BadAnswer, http(200, b"{\"jsonrpc\":\"2.0\",\"id\":1}")).await;
    lies(block, GapKind::Unreachable, http(502, b"<html>Bad Gateway</html>")).await;
}

#[tokio::test]
async fn a_node_that_asks_for_rest_gets_it() {
    let (node, mut follower, mut model) = following(20, 10).await;
    node.chain(|chain| chain.mine(1));
    node.script(|_, method, _| {
        (method == "eth_getBlockByNumber").then(|| Lie::Http(429, &[("retry-after", "1")], Vec::new()))
    });
    let step = settle(&mut follower, &mut model, 1).await;
    assert_eq!(step.gap.map(|(kind, _)| kind), Some(GapKind::Unreachable));
    node.honest();
    let began = tokio::time::Instant::now();
    assert_eq!(settle(&mut follower, &mut model, 2).await.gap, None);
    assert!(began.elapsed() >= Duration::from_millis(900), "asked again after {:?}", began.elapsed());
    ours(&node, &model);
}

#[tokio::test]
async fn another_chain_behind_the_same_address_is_noticed_after_a_lost_connection() {
    let (node, mut follower, mut model) = following(20, 10).await;
    node.script(|_, _, _| Some(Lie::Http(503, &[], Vec::new())));
    settle(&mut follower, &mut model, 1).await;
    node.chain(|chain| chain.mine(1));
    node.script(|_, method, _| (method == "eth_chainId").then(|| Lie::Result(json!("0x1"))));
    let step = settle(&mut follower, &mut model, 2).await;
    assert!(step.gap.is_some_and(|(kind, detail)| kind == GapKind::BadAnswer && detail.contains("chain 1")));
    assert_eq!(model.chain.len(), 10);
}

#[tokio::test]
async fn a_block_waits_for_its_parts_but_not_for_ever() {
    let missing: [(&str, GapKind); 2] =
        [("eth_getBlockReceipts", GapKind::MissingReceipts), ("debug_traceBlockByHash", GapKind::MissingTraces)];
    for (method, kind) in missing {
        let receipts = kind == GapKind::MissingReceipts;
        let (node, mut follower, mut model) = following(20, 10).await;
        node.chain(|chain| chain.mine(1));
        let asked_of = move |asked: &str| asked == method || (receipts && asked == "eth_getTransactionReceipt");
        node.script(move |_, asked, _| asked_of(asked).then_some(Lie::Result(Value::Null)));
        for second in 0..30 {
            let step = settle(&mut follower, &mut model, second).await;
            assert_eq!(step.gap.map(|(kind, _)| kind), Some(kind));
        }
        assert_eq!(model.chain.len(), 10);
        assert_eq!(settle(&mut follower, &mut model, 30).await.gap, None);
        node.chain(|chain| chain.mine(3));
        assert_eq!(settle(&mut follower, &mut model, 31).await.gap, None, "the next ones do not wait each");
        assert_eq!(model.bare, [20, 21, 22, 23]);
        assert_eq!(follower.bare().get(&kind).map(|bare| (bare.from, bare.to)), Some((20, 23)));
        node.honest();
        node.chain(|chain| chain.mine(1));
        settle(&mut follower, &mut model, 32).await;
        assert_eq!((model.bare.len(), follower.bare().len()), (4, 0));
        ours(&node, &model);
    }
}

#[tokio::test]
async fn a_refused_receipt_is_asked_for_one_by_one_and_the_method_is_not_given_up() {
    let node = Node::start().await;
    let (mut follower, mut model) = (follower(&node, &[], None), Model::default());
    node.script(|_, method, _| (method == "eth_getBlockReceipts").then_some(Lie::Error(-32000, "busy")));
    settle(&mut follower, &mut model, 0).await;
    assert_eq!((model.chain.len(), model.bare.len(), node.asked("eth_getTransactionReceipt")), (1, 0, 1));
    node.honest();
    node.chain(|chain| chain.mine(1));
    settle(&mut follower, &mut model, 1).await;
    assert_eq!(follower.capabilities(), ["block receipts", "call traces"]);
}

#[tokio::test]
async fn a_node_without_the_methods_is_followed_without_traces_and_without_a_gap() {
    let node = Node::start().await;
    let (mut follower, mut model) = (follower(&node, &[], None), Model::default());
    let absent = |method: &str| method == "eth_getBlockReceipts" || method.starts_with("debug_");
    node.script(move |_, method, _| absent(method).then_some(Lie::Error(-32601, "Method not found")));
    node.chain(|chain| chain.mine(3));
    assert_eq!(settle(&mut follower, &mut model, 0).await.gap, None);
    node.chain(|chain| chain.mine(20));
    assert_eq!(settle(&mut follower, &mut model, 0).await.gap, None);
    ours(&node, &model);
    assert_eq!((model.chain.len(), model.bare.len()), (21, 21), "receipts read, traces not");
    assert!(follower.bare().is_empty() && follower.capabilities().is_empty());
    assert!(node.asked("eth_getBlockReceipts") <= 9, "not asked for again and again");
}

#[tokio::test]
async fn a_head_that_stands_still_is_stale() {
    let (_node, mut follower, mut model) = following(20, 10).await;
    assert_eq!(settle(&mut follower, &mut model, 120).await.stale, None);
    assert!(settle(&mut follower, &mut model, 121).await.stale.is_some_and(|text| text.contains("head 19")));
}

#[tokio::test]
async fn witnesses_that_differ_for_long_are_named_and_a_dead_one_does_not_hold_up() {
    let (node, witness, dead) = (Node::start().await, Node::start().await, Node::start().await);
    dead.script(|_, _, _| Some(Lie::Http(500, &[], Vec::new())));
    node.chain(|chain| chain.mine(1));
    // The same height, of another block.
    witness.chain(|chain| {
        chain.mine(1);
        chain.roll_back(1);
        chain.mine(1);
    });
    let (mut follower, mut model) = (follower(&node, &[&witness, &dead], None), Model::default());
    settle(&mut follower, &mut model, 0).await;
    assert_eq!(follower.disagreement(), None, "a block takes a while to spread");
    settle(&mut follower, &mut model, 16).await;
    let said = follower.disagreement().unwrap().to_owned();
    assert!(said.contains(&node.url) && said.contains(&witness.url) && !said.contains(&dead.url), "{said}");
    assert_eq!(dead.asked("eth_getBlockByNumber"), 1, "left alone after its failure");
    witness.chain(|chain| chain.canonical.truncate(1));
    settle(&mut follower, &mut model, 17).await;
    assert_eq!(follower.disagreement(), None, "one that is behind says nothing");
}

#[tokio::test]
async fn what_the_node_calls_final_counts_only_on_our_branch() {
    let (node, mut follower, mut model) = following(20, 10).await;
    node.chain(|chain| chain.finalized = 15);
    settle(&mut follower, &mut model, 1).await;
    assert_eq!(model.finalized, 15);
    node.script(|chain, method, params| {
        let Lie::Result(mut block) = chain.truth(method, params) else { return None };
        (method == "eth_getBlockByNumber" && params[0] == json!("finalized")).then(|| {
            block["number"] = json!("0x11");
            Lie::Result(block)
        })
    });
    settle(&mut follower, &mut model, 2).await;
    assert_eq!(model.finalized, 15, "block 17 has another hash here");
}

#[tokio::test]
async fn a_place_that_cannot_be_read_is_told() {
    let node = Node::start().await;
    let torn = Place { hashes: "zz".to_owned(), ..Place::default() };
    let mut follower = follower_at(&node, &[], Ok(Some(torn)));
    let step = follower.step(at(0)).await;
    assert!(step.given_up && step.gap.is_some_and(|(_, detail)| detail.contains("were not seen")));
    let mut model = Model::default();
    settle(&mut follower, &mut model, 1).await;
    ours(&node, &model);
}
