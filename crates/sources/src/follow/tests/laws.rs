//! The law: whatever the chain and the node do, the events replayed give exactly the node's chain, also over restarts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Clone)]
enum Deed {
    Mine(usize),
    Fork {
        depth: usize,
        length: usize,
    },
    RollBack(usize),
    /// The answers to these questions, counted from now, are lies.
    Lie(Vec<u8>),
    Step,
    /// The program dies after the event so many before the last, and starts again from that event's place.
    Crash(usize),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        3 => (1..12_usize).prop_map(Deed::Mine),
        3 => (1..8_usize, 1..12_usize).prop_map(|(depth, length)| Deed::Fork { depth, length }),
        1 => (1..6_usize).prop_map(Deed::RollBack),
        3 => prop::collection::vec(0..40_u8, 1..6).prop_map(Deed::Lie),
        6 => Just(Deed::Step),
        1 => (0..10_usize).prop_map(Deed::Crash),
    ];
    prop::collection::vec(deed, 1..40)
}

/// A lie that costs no rest, so that thousands can be told: nothing there, a plain no, or another parent.
fn lie(chain: &crate::evm::testing::Chain, method: &str, params: &Value, which: u64) -> Option<Lie> {
    let Lie::Result(mut truth) = chain.truth(method, params) else { return None };
    Some(match which % 3 {
        0 => Lie::Result(Value::Null),
        // A method that is refused again and again before it ever worked counts as not offered: another matter.
        1 if !method.starts_with("debug_") => Lie::Error(-32000, "internal error"),
        _ if truth.is_object() => {
            truth["parentHash"] = json!(B256::repeat_byte(0x55));
            Lie::Result(truth)
        }
        _ => Lie::Result(json!([])),
    })
}

/// The model after each event, so that a crash can go back to any.
async fn step(follower: &mut Follower, models: &mut Vec<Model>, seconds: u64) -> bool {
    let mut step = follower.step(at(seconds)).await;
    let (more, failed) = (step.more, step.gap.is_some());
    assert!(!step.given_up, "{:?}", step.gap);
    for told in std::mem::take(&mut step.events) {
        let mut model = models.last().cloned().unwrap();
        model.hear(&Step { events: vec![told], ..Step::default() });
        models.push(model);
    }
    more || failed
}

async fn live(deeds: Vec<Deed>) {
    let node = Node::start().await;
    // Enough that no fork reaches below what the follower knows.
    node.chain(|chain| chain.mine(1));
    let (mut ours, mut models) = (follower(&node, &[], None), vec![Model::default()]);
    while step(&mut ours, &mut models, 0).await {}
    let floor = 400;
    for _ in 0..4 {
        node.chain(|chain| chain.mine(floor / 4));
        while step(&mut ours, &mut models, 0).await {}
    }
    for deed in deeds {
        match deed {
            Deed::Mine(count) => node.chain(|chain| chain.mine(count)),
            Deed::Fork { depth, length } => node.chain(|chain| {
                chain.roll_back(depth);
                chain.mine(length);
            }),
            Deed::RollBack(count) => node.chain(|chain| chain.roll_back(count)),
            Deed::Lie(when) => {
                let mut count = 0_u64;
                node.script(move |chain, method, params| {
                    count += 1;
                    let told = when.iter().any(|one| u64::from(*one) == count) && method != "eth_chainId";
                    told.then(|| lie(chain, method, params, count)).flatten()
                });
            }
            Deed::Step => drop(step(&mut ours, &mut models, 0).await),
            Deed::Crash(back) => {
                models.truncate(models.len().saturating_sub(back).max(2));
                ours = follower(&node, &[], models.last().unwrap().place.clone());
            }
        }
    }
    node.honest();
    // What the node has now differs from what anyone saw, so that there is an end to come to.
    node.chain(|chain| chain.mine(1));
    while step(&mut ours, &mut models, 0).await {}
    super::ours(&node, models.last().unwrap());
    assert!(models.last().unwrap().bare.is_empty(), "in time that does not pass, no block goes without its parts");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_events_replayed_are_the_chain(deeds in deeds()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(deeds));
    }
}
