//! What every kind of source is held to. Each kind of THE LIST has its provider here, a node that speaks its protocol, has a chain
//! and gets into trouble; a node in memory is held to the same, so that the suite itself is known to be about following and not
//! about a protocol. A kind without a provider fails.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use quarterdeck_core::{
    chain::{B256, ChainEvent, GapKind},
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    SOURCES,
    evm::testing::{Lie, Node},
    follow::{Follower, Step},
    reader::ChainReader,
    setting::Form,
    source::{FOLLOWING, Pace},
    testing::{Scripted, Trouble},
};

/// A node of one kind.
#[async_trait]
trait Provider: Send + Sync {
    fn mine(&self, count: usize);
    fn roll_back(&self, count: usize);
    /// Its disk is emptied, and it begins again with so many blocks of another chain of the same name.
    fn restart(&self, blocks: usize);
    fn trouble(&self, trouble: Option<Trouble>);
    fn canonical(&self) -> Vec<B256>;
    fn reader(&self) -> Arc<dyn ChainReader>;
}

#[async_trait]
impl Provider for Scripted {
    fn mine(&self, count: usize) {
        self.mine(count);
    }
    fn roll_back(&self, count: usize) {
        self.roll_back(count);
    }
    fn restart(&self, blocks: usize) {
        self.restart(blocks);
    }
    fn trouble(&self, trouble: Option<Trouble>) {
        self.trouble(trouble);
    }
    fn canonical(&self) -> Vec<B256> {
        self.canonical().into_iter().map(|header| header.hash).collect()
    }
    fn reader(&self) -> Arc<dyn ChainReader> {
        self.reader()
    }
}

/// What a node of the EVM family answers in trouble; none: the truth.
fn evm_lie(trouble: Trouble, truth: Lie, method: &str, params: &Value) -> Option<Lie> {
    let full = method.starts_with("eth_getBlockBy") && params[1] == json!(true);
    let receipts = matches!(method, "eth_getBlockReceipts" | "eth_getTransactionReceipt");
    match trouble {
        Trouble::Dead | Trouble::Hung => Some(Lie::Http(503, &[], Vec::new())),
        Trouble::Refuses if full => Some(Lie::Error(-32_000, "no")),
        Trouble::Absent if full => Some(Lie::Result(Value::Null)),
        Trouble::Short if receipts => Some(Lie::Result(Value::Null)),
        Trouble::Other if full => match truth {
            Lie::Result(mut block) if block.is_object() => {
                block["number"] = json!("0x1");
                block["hash"] = json!(B256::repeat_byte(7));
                Some(Lie::Result(block))
            }
            _ => None,
        },
        _ => None,
    }
}

#[async_trait]
impl Provider for Node {
    fn mine(&self, count: usize) {
        self.chain(|chain| chain.mine(count));
    }
    fn roll_back(&self, count: usize) {
        self.chain(|chain| chain.roll_back(count));
    }
    fn restart(&self, blocks: usize) {
        self.chain(|chain| {
            chain.canonical.clear();
            chain.mine(blocks);
        });
    }
    fn trouble(&self, trouble: Option<Trouble>) {
        self.hang(trouble == Some(Trouble::Hung));
        match trouble {
            None => self.honest(),
            Some(trouble) => {
                self.script(move |chain, method, params| evm_lie(trouble, chain.truth(method, params), method, params));
            }
        }
    }
    fn canonical(&self) -> Vec<B256> {
        self.chain(|chain| chain.canonical.clone())
    }
    fn reader(&self) -> Arc<dyn ChainReader> {
        let source = crate::follow::tests::source(self, &[]);
        source.kind.open(&source).unwrap().node
    }
}

/// The provider of each kind, and the node in memory.
async fn providers() -> Vec<(&'static str, Box<dyn Provider>)> {
    let mut all: Vec<(&'static str, Box<dyn Provider>)> = vec![("in memory", Box::new(Scripted::start(1)))];
    for kind in SOURCES {
        let provider: Box<dyn Provider> = match kind.id() {
            "evm" => Box::new(Node::start().await),
            other => panic!("kind `{other}` has no provider here: it is held to nothing"),
        };
        all.push((kind.id(), provider));
    }
    all
}

/// A follower, and the chain that its events give.
struct Watch {
    follower: Follower,
    chain: Vec<B256>,
    reorgs: usize,
}

impl Watch {
    fn of(provider: &dyn Provider) -> Self {
        let pace = Pace { stale_after: Duration::from_mins(2), confirmations: 64, poll_every: Duration::from_secs(1) };
        let chain = if provider.reader().shown() == "a scripted node" { 1 } else { crate::evm::testing::CHAIN };
        let chain = quarterdeck_core::chain::ChainId::evm(chain);
        let follower = Follower::new(chain, pace, provider.reader(), Vec::new(), Ok(None));
        Self { follower, chain: Vec::new(), reorgs: 0 }
    }

    /// Steps until there is nothing more to read.
    async fn settle(&mut self, seconds: u64) -> Step {
        loop {
            let step = self.follower.step(Timestamp::from_secs(1_700_000_000 + seconds)).await;
            for told in &step.events {
                match &told.event {
                    ChainEvent::Block(block) => {
                        assert!(self.chain.last().is_none_or(|last| *last == block.parent()), "it links");
                        self.chain.push(block.reference().hash);
                    }
                    ChainEvent::Reorg(reorg) => {
                        let keep = self.chain.len() - reorg.dropped.len();
                        let dropped: Vec<B256> = reorg.dropped.iter().map(|block| block.hash).collect();
                        assert_eq!(self.chain.split_off(keep), dropped);
                        self.reorgs += 1;
                    }
                    _ => {}
                }
            }
            if !step.more {
                return step;
            }
        }
    }
}

fn kind_of(step: &Step) -> Option<GapKind> {
    step.gap.as_ref().map(|(kind, _)| *kind)
}

/// A watch at the head of a chain of ten blocks, all of which it has seen.
async fn watching(provider: &dyn Provider) -> Watch {
    let mut watch = Watch::of(provider);
    assert_eq!(watch.settle(0).await.gap, None);
    provider.mine(9);
    assert_eq!(watch.settle(0).await.gap, None);
    assert_eq!(watch.chain, provider.canonical());
    watch
}

#[test]
fn each_kind_describes_itself() {
    let mut ids = BTreeSet::new();
    for kind in SOURCES {
        let id = kind.id();
        assert!(ids.insert(id), "`{id}` is there twice");
        assert!(
            id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "`{id}` is a key of the configuration"
        );
        assert!(kind.title().ends_with('.') && kind.title().len() > 20, "{id}: a title is a sentence");
        assert!(crate::kind(id).is_some());
        let mut names = BTreeSet::from(["id", "kind", "chain"]);
        for spec in kind.settings() {
            assert!(
                names.insert(spec.name),
                "{id}: setting `{}` is there twice, or is one that every source has",
                spec.name
            );
            assert!(spec.doc.ends_with('.') && spec.doc.len() > 15, "{id}.{}: say what it is", spec.name);
            assert!(spec.form.bounds().len() > 8, "{id}.{}: say what it may be", spec.name);
            match spec.form {
                Form::Whole { default, min, max, .. } => assert!((min..=max).contains(&default), "{id}.{}", spec.name),
                Form::Span { default, min, max } => assert!((min..=max).contains(&default), "{id}.{}", spec.name),
                Form::Word(words) => assert!(words.len() > 1, "{id}.{}", spec.name),
                Form::Address(schemes) | Form::Addresses(schemes) => assert!(!schemes.is_empty()),
            }
        }
        for name in FOLLOWING {
            assert!(names.contains(name), "{id} cannot be followed without `{name}`");
        }
    }
}

#[tokio::test]
async fn a_chain_is_followed_and_a_reorganization_is_told_exactly() {
    for (name, provider) in providers().await {
        let mut watch = watching(&*provider).await;
        provider.roll_back(3);
        provider.mine(5);
        assert_eq!(watch.settle(1).await.gap, None, "{name}");
        assert_eq!((&watch.chain, watch.reorgs), (&provider.canonical(), 1), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_gap_until_it_can() {
    let troubles = [
        (Trouble::Dead, GapKind::Unreachable),
        (Trouble::Refuses, GapKind::BadAnswer),
        (Trouble::Absent, GapKind::MissingBlock),
        (Trouble::Other, GapKind::BadAnswer),
        (Trouble::Short, GapKind::MissingReceipts),
    ];
    for (trouble, kind) in troubles {
        for (name, provider) in providers().await {
            let mut watch = watching(&*provider).await;
            provider.trouble(Some(trouble));
            provider.mine(2);
            for second in 1..4 {
                assert_eq!(kind_of(&watch.settle(second).await), Some(kind), "{name}: {trouble:?}");
                assert_eq!(watch.chain.len(), 10, "{name}: nothing is taken in {trouble:?}");
            }
            provider.trouble(None);
            assert_eq!(watch.settle(4).await.gap, None, "{name} after {trouble:?}");
            assert_eq!(watch.chain, provider.canonical(), "{name}: nothing is skipped after {trouble:?}");
        }
    }
}

#[tokio::test]
async fn a_node_that_takes_questions_and_never_answers_is_unreachable() {
    for (name, provider) in providers().await {
        let mut watch = watching(&*provider).await;
        provider.trouble(Some(Trouble::Hung));
        // Whoever waits, waits for time alone, which is ours.
        tokio::time::pause();
        assert_eq!(kind_of(&watch.settle(1).await), Some(GapKind::Unreachable), "{name}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn another_chain_of_the_same_name_is_not_believed_and_takes_nothing_back() {
    for (name, provider) in providers().await {
        let mut watch = watching(&*provider).await;
        let before = watch.chain.clone();
        provider.trouble(Some(Trouble::Dead));
        watch.settle(1).await;
        provider.trouble(None);
        // Whether it is shorter than what we know, or longer.
        provider.restart(4);
        for second in 2..5 {
            let step = watch.settle(second).await;
            assert_eq!((kind_of(&step), step.given_up), (Some(GapKind::OtherChain), false), "{name}");
            assert!(watch.follower.unfit().is_some_and(|why| why.contains("first block")), "{name}");
            provider.mine(20);
        }
        assert_eq!((&watch.chain, watch.reorgs), (&before, 0), "{name}");
        // Until a person says that it is the right one.
        watch.follower.begin_anew();
        let step = watch.settle(6).await;
        assert_eq!((kind_of(&step), step.given_up), (Some(GapKind::ForkTooDeep), true), "{name}");
        assert_eq!(step.wanted.map(|(from, _)| from), Some(0), "{name}: from the first that we knew");
        watch.chain.clear();
        assert_eq!(watch.settle(7).await.gap, None, "{name}");
        assert_eq!(watch.chain.last(), provider.canonical().last(), "{name}");
        assert!(watch.follower.unfit().is_none(), "{name}");
    }
}
