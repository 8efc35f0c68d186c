//! Laws that hold for every detector of THE LIST, over random histories: blocks with payments, token transfers, calls and traces,
//! reorganizations, gaps, ticks, among a few addresses so that they meet.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::prelude::*;
use quarterdeck_core::{
    catalogue::{AddressList, Catalogue},
    chain::{Address, AnyBlock, Block, Call, CallKind, ChainEvent, ChainId, Gap, GapKind, Reorg, Transaction, U256},
    detector::{Knowledge, Params},
    id::{Name, kind},
    limits::{NUMBERS_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX},
    signal::SignalChange,
    time::Timestamp,
};
use quarterdeck_detect::{
    detector::{Alone, DetectorKind},
    detectors::DETECTORS,
    rehearsal::{self, COLD, HOT, Rehearsal, TOKEN, VAULT},
};

const LISTED: Address = Address::repeat_byte(0xbd);

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Block(Vec<Deed>),
    Reorg {
        depth: usize,
        adopted: Vec<Vec<Deed>>,
    },
    Tick(u64),
    Gap {
        source: u8,
        kind: GapKind,
        since: u64,
        closed: Option<u64>,
    },
    /// Many calls of one kind in blocks in a row, and quiet blocks after them.
    Burst {
        blocks: usize,
        calls: usize,
        quiet: usize,
    },
    /// The last blocks' receipts or traces do not come.
    Bare(Vec<Deed>),
}

/// A transaction to be.
#[derive(Debug, Clone)]
struct Deed {
    from: usize,
    to: usize,
    what: u8,
    size: u64,
    nonce: u64,
    failed: bool,
}

fn who(place: usize) -> Address {
    [HOT, COLD, VAULT, LISTED, Address::repeat_byte(0xe1), Address::repeat_byte(0xe2), Address::ZERO][place % 7]
}

fn transaction(deed: &Deed) -> Transaction {
    let (from, to) = (who(deed.from), who(deed.to));
    let mut made = match deed.what % 4 {
        0 => rehearsal::coin(from, to, deed.size),
        1 => rehearsal::token(TOKEN, from, to, U256::from(deed.size) * U256::from(1_000_000)),
        2 => rehearsal::call(from, to, [b'c', b'a', b'l', (deed.size % 3) as u8]),
        _ => {
            let call = |depth, from, to, value| Call { depth, from, to: Some(to), value, ..Call::default() };
            let outer = rehearsal::coin(from, VAULT, deed.size);
            let inner = Call { kind: CallKind::Call, ..call(1, VAULT, to, outer.value) };
            Transaction { calls: vec![call(0, from, VAULT, outer.value), inner], ..outer }
        }
    };
    made.nonce = Some(deed.nonce);
    made.status = Some(!deed.failed);
    made
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let size = prop_oneof![4 => 1_u64..20_000, 1 => 20_000_u64..5_000_000];
    let deed = (0_usize..7, 0_usize..7, 0_u8..4, size, 0_u64..4, prop::bool::weighted(0.1))
        .prop_map(|(from, to, what, size, nonce, failed)| Deed { from, to, what, size, nonce, failed });
    prop::collection::vec(deed, 0..6)
}

fn gap() -> impl Strategy<Value = Step> {
    let kinds = [GapKind::Unreachable, GapKind::BadAnswer, GapKind::MissingBlock, GapKind::ForkTooDeep];
    (0_u8..2, prop::sample::select(kinds.to_vec()), 0_u64..200, prop::option::of(0_u64..200)).prop_map(
        |(source, kind, since, closed)| Step::Gap { source, kind, since, closed: closed.map(|more| since + more) },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => deeds().prop_map(Step::Block),
        1 => deeds().prop_map(Step::Bare),
        1 => (1_usize..4, prop::collection::vec(deeds(), 0..4)).prop_map(|(depth, adopted)| Step::Reorg { depth, adopted }),
        2 => (0_u64..300).prop_map(Step::Tick),
        1 => gap(),
        1 => (5_usize..15, 20_usize..60, 0_usize..20)
            .prop_map(|(blocks, calls, quiet)| Step::Burst { blocks, calls, quiet }),
    ];
    prop::collection::vec(step, 1..60)
}

fn history(steps: &[Step]) -> Vec<ChainEvent> {
    let mut chain = Rehearsal::default();
    // Something to compare with: samples for sizes, windows for rates.
    for n in 0..160_u64 {
        let usual = [rehearsal::coin(HOT, who(4), 1_000 + n), rehearsal::call(who(5), VAULT, *b"cal\0")];
        chain.block(usual.to_vec());
    }
    let mut branch: Vec<Arc<Block>> = Vec::new();
    for step in steps {
        match step {
            Step::Block(deeds) => branch.push(chain.block(deeds.iter().map(transaction).collect())),
            Step::Burst { blocks, calls, quiet } => {
                for place in 0..blocks + quiet {
                    let calls = if place < *blocks { *calls } else { 0 };
                    branch.push(chain.block(vec![rehearsal::call(who(5), VAULT, *b"cal\0"); calls]));
                }
            }
            Step::Bare(deeds) => {
                branch.push(chain.block(deeds.iter().map(transaction).collect()));
                if let Some(ChainEvent::Block(AnyBlock::Account(block))) = chain.events.last_mut() {
                    Arc::make_mut(block).has_receipts = false;
                }
            }
            Step::Reorg { depth, adopted } if !branch.is_empty() => {
                let dropped = branch.split_off(branch.len().saturating_sub(*depth));
                let adopted = adopted.iter().map(|deeds| deeds.iter().map(transaction).collect()).collect();
                branch.extend(chain.reorg(&dropped, adopted));
            }
            Step::Reorg { .. } => {}
            Step::Tick(after) => chain.tick(Duration::from_secs(*after)),
            Step::Gap { source, kind, since, closed } => {
                let at = |seconds: u64| chain.tip().time.plus(Duration::from_secs(seconds));
                chain.events.push(ChainEvent::Gap(Arc::new(Gap {
                    source: Name::<kind::Source>::new(&format!("eth-{source}")).unwrap(),
                    chain: rehearsal::CHAIN,
                    kind: *kind,
                    from_block: Some(since % 3),
                    to_block: None,
                    since: at(*since),
                    closed: closed.map(at),
                    detail: String::new(),
                })));
            }
        }
    }
    chain.events
}

/// With watched addresses, and without.
fn worlds() -> [Knowledge; 2] {
    let list = || AddressList { name: "law".to_owned(), as_of: Timestamp::from_secs(1_699_000_000) };
    let mut watched = Catalogue::clone(&rehearsal::knowledge().catalogue);
    watched.add_list(list(), [(LISTED, "law".to_owned())]);
    let mut bare = Catalogue::new(Vec::new(), rehearsal::prices());
    bare.add_list(list(), [(LISTED, "law".to_owned())]);
    [watched, bare].map(|catalogue| Knowledge { catalogue: Arc::new(catalogue) })
}

fn fresh(kind: &dyn DetectorKind, knowledge: &Knowledge) -> Alone {
    Alone::new(kind, &Params::resolve(kind.id(), kind.params(), &BTreeMap::new()).unwrap(), knowledge.clone())
}

fn tell(detector: &mut Alone, events: &[ChainEvent]) -> Vec<SignalChange> {
    let mut out = Vec::new();
    for event in events {
        detector.observe(event, &mut out);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// A restored detector behaves as the original, and the same history gives the same signals.
    #[test]
    fn restored_is_as_the_original(steps in steps(), cut in 0_usize..400) {
        let events = history(&steps);
        let cut = cut.min(events.len());
        for knowledge in worlds() {
            for kind in DETECTORS {
                let mut original = fresh(*kind, &knowledge);
                let before = tell(&mut original, &events[..cut]);
                let kept = original.snapshot();
                let mut restored = fresh(*kind, &knowledge);
                restored.restore(&kept).unwrap();
                prop_assert_eq!(restored.snapshot(), kept, "{}", kind.id());
                let after = tell(&mut original, &events[cut..]);
                prop_assert_eq!(&tell(&mut restored, &events[cut..]), &after, "{}", kind.id());
                prop_assert_eq!(tell(&mut fresh(*kind, &knowledge), &events), [before, after].concat(), "{}", kind.id());
            }
        }
    }

    /// What reaches the outside is bounded, made of numbers, and says who speaks; and only what was raised is ended or retracted.
    #[test]
    fn what_is_said_is_sound(steps in steps()) {
        let events = history(&steps);
        for knowledge in worlds() {
            for kind in DETECTORS {
                let (mut raised, mut ids) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
                for change in tell(&mut fresh(*kind, &knowledge), &events) {
                    match change {
                        SignalChange::Raised { signal } => {
                            raised.insert(signal.fingerprint);
                            ids.insert(signal.id);
                            prop_assert_eq!(signal.detector.as_str(), kind.id());
                            prop_assert!(!signal.title.is_empty() && signal.title.len() <= TITLE_BYTES_MAX);
                            prop_assert!(signal.explanation.text.len() <= TEXT_BYTES_MAX);
                            prop_assert!(signal.explanation.numbers.len() <= NUMBERS_MAX);
                            prop_assert!(signal.confidence_permille <= 1_000);
                            // A height has nine digits at most; what has more is wei, or a float that nobody rounded.
                            let words = format!("{} {}", signal.title, signal.explanation.text);
                            let raw = |word: &str| word.len() > 9 && word.chars().all(|c| c.is_ascii_digit());
                            prop_assert!(!words.split(|c: char| !c.is_alphanumeric()).any(raw), "{words}");
                            let said = format!("{} {:?}", signal.explanation.text, signal.explanation.numbers);
                            prop_assert!(!said.contains("NaN") && !said.contains(" inf"), "{said}");
                        }
                        SignalChange::Ended { fingerprint, .. } => prop_assert!(raised.contains(&fingerprint), "{}", kind.id()),
                        SignalChange::Retracted { id, reason } => prop_assert!(ids.contains(&id) && !reason.is_empty(), "{}", kind.id()),
                        other @ (SignalChange::Confirmed { .. } | SignalChange::Silent { .. }) => prop_assert!(false, "{} said {other:?}", kind.id()),
                    }
                }
            }
        }
    }
}

/// Heights, times and amounts at the edge of their types are survived, in any order, and so is what comes after.
#[test]
fn the_edges_are_survived() {
    let edges = [0, 1, u64::MAX - 1, u64::MAX];
    let mut events = Vec::new();
    for (number, seconds) in edges.iter().flat_map(|number| edges.map(|seconds| (*number, seconds))) {
        let all = (0..7).flat_map(|from| (0..7).map(move |to| (who(from), who(to))));
        let transactions = all.map(|(from, to)| Transaction {
            value: U256::MAX,
            nonce: Some(number),
            status: None,
            ..rehearsal::token(TOKEN, from, to, U256::MAX)
        });
        let time = Timestamp::from_secs(seconds);
        let transactions = transactions.collect();
        let block = Arc::new(Block {
            chain: rehearsal::CHAIN,
            number,
            time,
            transactions,
            has_receipts: true,
            ..Block::default()
        });
        let reference = block.reference();
        let (dropped, adopted) = (vec![reference], vec![Arc::clone(&block).into()]);
        let reorg = Reorg { chain: rehearsal::CHAIN, ancestor: reference, dropped, adopted, observed: time };
        let gap = Gap {
            source: Name::<kind::Source>::new("edge").unwrap(),
            chain: ChainId::evm(u64::MAX),
            kind: GapKind::MissingBlock,
            from_block: Some(u64::MAX),
            to_block: Some(0),
            since: time,
            closed: (number == 0).then_some(Timestamp::MIN),
            detail: "é".repeat(100_000),
        };
        let empty = Reorg { dropped: Vec::new(), adopted: Vec::new(), ..reorg.clone() };
        events.extend([ChainEvent::Gap(Arc::new(gap)), ChainEvent::Block(block.into()), ChainEvent::Tick(time)]);
        events.extend([reorg, empty].map(|reorg| ChainEvent::Reorg(Arc::new(reorg))));
    }
    for knowledge in worlds() {
        for kind in DETECTORS {
            let mut detector = fresh(*kind, &knowledge);
            let before = tell(&mut detector, &events);
            assert!(before.len() < 5_000, "{} said {} things", kind.id(), before.len());
            let kept = detector.snapshot();
            detector.restore(&kept).unwrap();
            let (world, canary) = kind.canary();
            tell(&mut fresh(*kind, &world), &canary);
            tell(&mut detector, &canary);
        }
    }
}
