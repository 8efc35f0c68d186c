//! What is a reorganization and what is another chain; and chains with heights that have no block.

use super::*;
use crate::{reader::ChainReader, source::Pace, testing::Scripted};

const PACE: Pace = Pace { stale_after: Duration::from_mins(2), confirmations: 64, poll_every: Duration::from_secs(1) };

fn follows(node: &Scripted, witnesses: &[&Scripted], place: Option<Place>) -> Follower {
    let witnesses: Vec<Arc<dyn ChainReader>> = witnesses.iter().map(|node| node.reader()).collect();
    Follower::new(ChainId::evm(1), PACE, node.reader(), witnesses, Ok(place))
}

/// Steps until there is nothing more to read; every event, in words.
async fn told(follower: &mut Follower, seconds: u64) -> (Vec<String>, Step) {
    let mut all = Vec::new();
    loop {
        let step = follower.step(at(seconds)).await;
        all.extend(step.events.iter().map(|told| match &told.event {
            ChainEvent::Block(block) => format!("block {}", block.reference().number),
            ChainEvent::Reorg(reorg) => format!("{} dropped above {}", reorg.dropped.len(), reorg.ancestor.number),
            ChainEvent::Finalized(block) => format!("final {}", block.number),
            other => format!("{other:?}"),
        }));
        if !step.more {
            return (all, step);
        }
    }
}

/// A follower that has seen blocks 10 to 19 of a node, 15 of which it was told are final.
async fn settled(witnesses: &[&Scripted]) -> (Scripted, Follower) {
    let node = Scripted::start(11);
    let mut follower = follows(&node, witnesses, None);
    told(&mut follower, 0).await;
    node.mine(9);
    node.finalize(15);
    let (all, _) = told(&mut follower, 0).await;
    assert_eq!(all.last().map(String::as_str), Some("final 15"));
    (node, follower)
}

#[tokio::test]
async fn heights_without_a_block_do_not_stop_the_chain() {
    let node = Scripted::start(3);
    let mut follower = follows(&node, &[], None);
    told(&mut follower, 0).await;
    node.mine_after(1);
    node.mine_after(3);
    node.mine(1);
    let (all, step) = told(&mut follower, 1).await;
    assert_eq!((all, step.gap), (["block 4", "block 8", "block 9"].map(str::to_owned).into(), None));
    // Where it stands is known after a restart, and a branch that leaves in the middle of it is a reorganization.
    let place = follower.step(at(1)).await.events.pop().map_or_else(|| follower.track.place(), |told| told.place);
    let mut follower = follows(&node, &[], Some(place));
    node.roll_back(2);
    node.mine_after(2);
    node.mine_after(1);
    let (all, step) = told(&mut follower, 2).await;
    assert_eq!((all, step.gap), (["2 dropped above 4", "block 7", "block 9"].map(str::to_owned).into(), None));
}

#[tokio::test]
async fn what_was_final_is_not_given_up_on_the_word_of_one_node() {
    for depth in [6, 15] {
        let (node, mut follower) = settled(&[]).await;
        let ours = node.canonical();
        node.roll_back(depth);
        node.mine(depth + 2);
        for second in 1..4 {
            let (all, step) = told(&mut follower, second).await;
            let (kind, detail) = step.gap.unwrap();
            assert_eq!((all.len(), kind, step.given_up), (0, GapKind::OtherChain, false), "{detail}");
            assert!(detail.contains("there is no witness to ask"), "{detail}");
        }
        // It was a branch that the node has left again.
        node.put_back(ours);
        node.mine(1);
        let (all, step) = told(&mut follower, 5).await;
        assert_eq!((all, step.gap), (vec!["block 20".to_owned()], None));
        assert!(follower.unfit().is_none());
    }
}

#[tokio::test]
async fn a_second_node_that_agrees_makes_it_a_reorganization() {
    for (depth, want) in [(6, "6 dropped above 13"), (15, "fork")] {
        let witness = Scripted::start(1);
        let (node, mut follower) = settled(&[&witness]).await;
        node.roll_back(depth);
        node.mine(depth + 2);
        assert_eq!(told(&mut follower, 1).await.1.gap.map(|(kind, _)| kind), Some(GapKind::OtherChain));
        witness.put_back(node.canonical());
        let (all, step) = told(&mut follower, 2).await;
        if want == "fork" {
            assert_eq!(step.gap.map(|(kind, _)| kind), Some(GapKind::ForkTooDeep), "nothing that we know is shared");
        } else {
            assert_eq!((all.first().map(String::as_str), step.gap), (Some(want), None));
        }
        assert!(follower.unfit().is_none());
    }
}

#[tokio::test]
async fn a_node_that_lost_the_blocks_with_which_we_began_is_not_believed() {
    let node = Scripted::start(31);
    let mut follower = follows(&node, &[], None);
    told(&mut follower, 0).await;
    node.mine(3);
    told(&mut follower, 0).await;
    // Nothing is final yet; but this is no branch at our beginning.
    node.roll_back(25);
    node.mine(3);
    let (all, step) = told(&mut follower, 1).await;
    assert_eq!((all.len(), step.gap.map(|(kind, _)| kind)), (0, Some(GapKind::OtherChain)));
}
