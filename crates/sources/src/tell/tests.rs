//! Being behind, told with its numbers and ended; and detectors that take nothing in.

use std::sync::Arc;

use quarterdeck_core::{
    chain::{Block, ChainEvent, ChainId, Gap, GapKind},
    id::Name,
    time::Timestamp,
};
use tokio::sync::mpsc;

use super::{Cursor, NO_BETTER, Teller};
use crate::{
    Seen, SourceState, Sources,
    follow::{Follower, Place, Step, Told},
    source::Pace,
    testing::{Scripted, Trouble},
};

/// The height at which the follower of these tests stands: it is never stepped.
const LAST: u64 = 100;

fn place() -> Place {
    Place { last: LAST, hashes: "11".repeat(32), ..Place::default() }
}

fn follower() -> Follower {
    let pace = Pace { stale_after: NO_BETTER, confirmations: 64, poll_every: NO_BETTER };
    Follower::new(ChainId::evm(1), pace, Scripted::start(1).reader(), Vec::new(), Ok(Some(place())))
}

fn teller(waiting: usize) -> (Teller, mpsc::Receiver<Seen>, Arc<Sources>) {
    let (seen, hears) = mpsc::channel(waiting);
    let sources = Arc::new(Sources::default());
    let teller =
        Teller::new(seen, Arc::clone(&sources), Name::new("devnet").unwrap(), ChainId::evm(1), Cursor::default());
    (teller, hears, sources)
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + seconds)
}

fn step(head: u64, more: bool) -> Step {
    Step { node_head: Some(head), more, ..Step::default() }
}

fn block(number: u64) -> Told {
    let block = Block { chain: ChainId::evm(1), number, ..Block::default() };
    Told { event: ChainEvent::Block(Arc::new(block).into()), place: Place { last: number, ..place() } }
}

/// The gaps told so far.
fn gaps(hears: &mut mpsc::Receiver<Seen>) -> Vec<Gap> {
    let told = std::iter::from_fn(|| hears.try_recv().ok());
    told.filter_map(|seen| match seen.event {
        ChainEvent::Gap(gap) => Some(Gap::clone(&gap)),
        _ => None,
    })
    .collect()
}

#[tokio::test]
async fn a_chain_that_outruns_us_is_told_once_and_again_when_we_have_caught_up() {
    let (mut teller, mut hears, sources) = teller(16);
    let follower = follower();
    for (seconds, head) in [(0, 1_000), (15, 1_050), (29, 1_090)] {
        assert!(teller.tell(step(head, true), &follower, at(seconds), at(seconds)).await);
        assert_eq!(gaps(&mut hears), [], "after {seconds} s");
    }
    for (seconds, head) in [(30, 1_100), (45, 1_150)] {
        assert!(teller.tell(step(head, true), &follower, at(seconds), at(seconds)).await);
    }
    let told = gaps(&mut hears);
    assert_eq!(told.len(), 1, "{told:?}");
    let opened = told[0].clone();
    assert_eq!((opened.kind, opened.from_block, opened.to_block), (GapKind::Overload, Some(101), Some(1_100)));
    assert_eq!(opened.detail, "a scripted node: 1000 blocks behind its head 1100; in 30 s it made 100 and 0 were read");
    let shown = sources.all().into_values().next().unwrap();
    assert_eq!((shown.state, shown.gaps[0].kind), (SourceState::CatchingUp, GapKind::Overload));

    assert!(teller.tell(step(LAST, false), &follower, at(60), at(61)).await);
    let told = gaps(&mut hears);
    assert_eq!((told.len(), told[0].closed, told[0].since), (1, Some(at(61)), opened.since), "{told:?}");
    assert_eq!(sources.all().into_values().next().unwrap().gaps, []);
}

#[tokio::test]
async fn catching_up_however_long_is_no_gap() {
    let (mut teller, mut hears, _) = teller(16);
    let follower = follower();
    for minute in 0..20 {
        // Ten thousand blocks behind, and a little less every minute.
        assert!(teller.tell(step(10_000 - minute, true), &follower, at(60 * minute), at(60 * minute)).await);
    }
    assert_eq!(gaps(&mut hears), []);
}

#[tokio::test(start_paused = true)]
async fn detectors_that_take_nothing_in_are_shown_at_once_and_told_afterwards_and_no_block_is_lost() {
    let (mut teller, mut hears, sources) = teller(1);
    let telling = tokio::spawn(async move {
        let told = Step { events: vec![block(101), block(102)], ..step(102, false) };
        assert!(teller.tell(told, &follower(), at(0), at(1)).await);
    });
    let blind = || sources.all().into_values().any(|health| health.state == SourceState::Blind);
    while !blind() {
        // Time is ours: it moves on when nobody has anything to do.
        tokio::time::advance(NO_BETTER).await;
        tokio::task::yield_now().await;
    }
    let shown = sources.all().into_values().next().unwrap();
    assert_eq!((shown.gaps.len(), shown.gaps[0].kind), (1, GapKind::Overload));
    assert_eq!(
        shown.gaps[0].detail,
        "1 events wait for the detectors, which took none in for 30 s; block 102 is the next"
    );
    let mut events = Vec::new();
    while let Some(seen) = hears.recv().await {
        events.push(match seen.event {
            ChainEvent::Block(block) => format!("block {}", block.reference().number),
            ChainEvent::Gap(gap) => format!("{:?} {:?} {}", gap.kind, gap.from_block, gap.closed.is_some()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(events, ["block 101", "block 102", "Overload Some(102) false", "Overload Some(102) true"]);
    telling.await.unwrap();
}

#[tokio::test]
async fn a_block_that_is_given_up_for_a_part_is_told_again_with_its_height() {
    let (mut teller, mut hears, _) = teller(16);
    let node = Scripted::start(1);
    let pace = Pace { stale_after: NO_BETTER, confirmations: 64, poll_every: NO_BETTER };
    let mut follower = Follower::new(ChainId::evm(1), pace, node.reader(), Vec::new(), Ok(None));
    node.trouble(Some(Trouble::Short));
    for seconds in [0, 10, 20, 30, 40] {
        let step = follower.step(at(seconds)).await;
        assert!(teller.tell(step, &follower, at(seconds), at(seconds)).await);
    }
    let told: Vec<_> = gaps(&mut hears).into_iter().map(|gap| (gap.kind, gap.to_block)).collect();
    assert_eq!(told, [(GapKind::MissingReceipts, None), (GapKind::MissingReceipts, Some(0))]);
}
