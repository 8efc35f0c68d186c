//! Odd but valid answers of EVM nodes: each costs what it is about, and no more.

use std::time::Duration;

use quarterdeck_core::chain::{Address, AnyBlock, B256, Block, GapKind, U256};
use serde_json::{Value, json};

use super::testing::{Chain, Lie, Node};
use crate::{
    follow::tests::{at, source},
    reader::{ChainReader, Fetched},
};

fn reader(node: &Node) -> std::sync::Arc<dyn ChainReader> {
    let source = source(node, &[]);
    source.kind.open(&source).unwrap().node
}

fn block(fetched: &Fetched) -> &Block {
    let AnyBlock::Account(block) = &fetched.block else { panic!("an account chain") };
    block
}

/// A node with so many transactions in every block.
async fn busy(transactions: u8) -> Node {
    let node = Node::start().await;
    node.chain(|chain| {
        chain.more = transactions - 1;
        chain.mine(1);
    });
    node
}

fn truth(chain: &Chain, method: &str, params: &Value) -> Value {
    let Lie::Result(truth) = chain.truth(method, params) else { panic!("{method} is there") };
    truth
}

/// A reader that reads the balances of whoever pays on the scripted chain, in the coin and in one token.
fn purse_reader(node: &Node) -> std::sync::Arc<dyn ChainReader> {
    let mut source = source(node, &[]);
    source.balances =
        crate::Balances { accounts: [Address::repeat_byte(1)].into(), tokens: [Address::repeat_byte(7)].into() };
    source.kind.open(&source).unwrap().node
}

/// Answers for balances: by the parent's hash, or by its number alone.
fn balances(by_hash: bool) -> impl FnMut(&Chain, &str, &Value) -> Option<Lie> + Send + 'static {
    move |chain, method, params| {
        if !method.starts_with("eth_getBalance") && method != "eth_call" {
            return None;
        }
        let parent = chain.canonical[0];
        let asked = if by_hash { params[1] == json!({ "blockHash": parent }) } else { params[1] == json!("0x0") };
        if !asked {
            return Some(Lie::Error(-32_602, "invalid argument 1: json: cannot unmarshal object"));
        }
        Some(Lie::Result(match method {
            "eth_getBalance" => json!("0x64"),
            _ => json!(format!("0x{:064x}", 9)),
        }))
    }
}

#[tokio::test]
async fn what_payers_held_is_read_of_the_parent_by_hash_or_by_number() {
    for by_hash in [true, false] {
        let node = busy(2).await;
        node.script(balances(by_hash));
        let fetched = purse_reader(&node).block_at(1).await.unwrap();
        let held: Vec<(Option<Address>, U256)> =
            block(&fetched).held.iter().map(|held| (held.token, held.amount)).collect();
        assert_eq!(held, [(None, U256::from(100)), (Some(Address::repeat_byte(7)), U256::from(9))], "{by_hash}");
        assert!(fetched.missing.is_empty());
    }
}

#[tokio::test]
async fn balances_are_read_once_a_minute_and_their_absence_costs_nothing_else() {
    let node = busy(1).await;
    node.script(balances(true));
    let reader = purse_reader(&node);
    // Blocks of the scripted chain are a second apart.
    for _ in 0..3 {
        reader.block_at(1).await.unwrap();
    }
    assert_eq!((node.asked("eth_getBalance"), node.asked("eth_call")), (1, 1));
    // A node that has no state of the parent: nothing is known, and the block comes whole.
    let node = busy(1).await;
    let reader = purse_reader(&node);
    for _ in 0..2 {
        let fetched = reader.block_at(1).await.unwrap();
        assert!(block(&fetched).held.is_empty() && block(&fetched).has_traces && fetched.missing.is_empty());
    }
    assert_eq!(node.asked("eth_getBalance"), 4, "asked again with the next block, in both forms");
    // Nobody's balances are read unless the source is told to.
    let plain = source(&node, &[]);
    plain.kind.open(&plain).unwrap().node.block_at(1).await.unwrap();
    assert_eq!(node.asked("eth_getBalance"), 4);
}

#[tokio::test]
async fn passing_errors_do_not_switch_traces_off() {
    let passing = [
        Lie::Error(-32_000, "header not found"),
        Lie::Error(-32_000, "execution timeout"),
        Lie::Error(429, "Your app has exceeded its compute units per second capacity."),
        Lie::Error(-32_007, "50/second request limit reached - reduce calls per second or upgrade your account"),
    ];
    for error in passing {
        let node = busy(1).await;
        let reader = reader(&node);
        let lie = error.clone();
        node.script(move |_, method, _| method.starts_with("debug_").then(|| lie.clone()));
        // A limit asks for rest, which is time: ours.
        tokio::time::pause();
        for _ in 0..5 {
            let fetched = reader.block_at(1).await.unwrap();
            assert_eq!(fetched.missing[0].0, GapKind::MissingTraces, "{error:?}");
        }
        tokio::time::resume();
        node.honest();
        tokio::time::sleep(Duration::from_secs(0)).await;
        tokio::time::pause();
        let fetched = reader.block_at(1).await.unwrap();
        tokio::time::resume();
        assert!(block(&fetched).has_traces && fetched.missing.is_empty(), "{error:?}");
    }
}

/// As hardhat 3.18 answers: no traces by block, with a code of its own for that, and a tracer for one transaction.
#[tokio::test]
async fn a_node_that_traces_only_single_transactions_is_asked_for_each() {
    let node = busy(3).await;
    let reader = reader(&node);
    let frame = |from: &str| {
        json!({"type": "CALL", "from": from, "to": format!("0x{}", "02".repeat(20)), "value": "0x1", "gas": "0x0", "gasUsed": "0x0",
            "input": "0x", "output": "0x"})
    };
    node.script(move |_, method, params| match method {
        "debug_traceBlockByHash" | "trace_block" => Some(Lie::Error(-32_004, "Method is not supported")),
        "debug_traceTransaction" => {
            assert_eq!(params[1]["tracer"], "callTracer");
            Some(Lie::Result(frame(&format!("0x{}", "01".repeat(20)))))
        }
        _ => None,
    });
    let fetched = reader.block_at(1).await.unwrap();
    assert!(block(&fetched).has_traces && fetched.missing.is_empty(), "{:?}", fetched.missing);
    assert_eq!(reader.capabilities().last().map(String::as_str), Some("call traces one by one"));

    // One that cannot be had costs the traces of its block, and says so; the next block is asked for again.
    node.script(|_, method, _| match method {
        "debug_traceBlockByHash" | "trace_block" => Some(Lie::Error(-32_004, "Method is not supported")),
        "debug_traceTransaction" => Some(Lie::Error(-32_000, "execution timeout")),
        _ => None,
    });
    let fetched = reader.block_at(1).await.unwrap();
    let [(GapKind::MissingTraces, why)] = fetched.missing.as_slice() else { panic!("{:?}", fetched.missing) };
    assert!(why.contains("execution timeout"), "{why}");
    assert_eq!(reader.capabilities().last().map(String::as_str), Some("call traces one by one"));
}

#[tokio::test]
async fn receipts_that_do_not_come_at_once_are_asked_for_one_by_one_and_at_once() {
    let odd: [fn(&mut Vec<Value>); 3] =
        [|all| drop(all.pop()), |all| all.clear(), |all| all[1]["blockHash"] = json!(B256::repeat_byte(3))];
    for change in odd {
        let node = busy(3).await;
        node.script(move |chain, method, params| {
            (method == "eth_getBlockReceipts").then(|| {
                let mut all = truth(chain, method, params).as_array().cloned().unwrap();
                change(&mut all);
                Lie::Result(Value::Array(all))
            })
        });
        let fetched = reader(&node).block_at(1).await.unwrap();
        assert_eq!(fetched.missing, []);
        assert!(
            block(&fetched).has_receipts && block(&fetched).transactions.iter().all(|one| one.status == Some(true))
        );
    }
    for lie in [Lie::Result(Value::Null), Lie::Error(-32_000, "failed to find transaction in block")] {
        let node = busy(3).await;
        node.script(move |_, method, _| (method == "eth_getBlockReceipts").then(|| lie.clone()));
        let fetched = reader(&node).block_at(1).await.unwrap();
        assert!(fetched.missing.is_empty() && block(&fetched).has_receipts);
    }
}

#[tokio::test]
async fn the_size_of_a_request_that_the_node_takes_is_learned_and_tried_again_later() {
    let node = busy(25).await;
    node.take_at_most(20);
    node.script(|_, method, _| (method == "eth_getBlockReceipts").then_some(Lie::Error(-32_601, "no such method")));
    let reader = reader(&node);
    for _ in 0..2 {
        let fetched = reader.block_at(1).await.unwrap();
        assert!(fetched.missing.is_empty() && block(&fetched).has_receipts);
    }
    // The first receipt is asked for alone; then what is left, in requests that become smaller until they are taken.
    assert_eq!(node.batches(), [24, 12, 12, 12, 12]);
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(10)).await;
    tokio::time::resume();
    reader.block_at(1).await.unwrap();
    assert_eq!(node.batches()[5..], [24, 12, 12], "tried once more, and once only");
}

#[tokio::test]
async fn frames_that_are_no_frames_are_no_offer() {
    let node = busy(1).await;
    node.script(|chain, method, params| match method {
        // The tracer was not understood: the program's steps come instead of its calls.
        "debug_traceBlockByHash" => Some(Lie::Result(json!([{"result": {"gas": 1, "structLogs": []}}]))),
        "trace_block" => {
            let block = truth(chain, "eth_getBlockByNumber", params);
            let transaction = &block["transactions"][0];
            let action = json!({"callType": "call", "from": transaction["from"], "to": transaction["to"],
                "value": "0x1", "gas": "0x0", "input": "0x"});
            Some(Lie::Result(json!([{"action": action, "result": {"gasUsed": "0x0", "output": "0x"}, "type": "call",
                "subtraces": 0, "traceAddress": [], "blockHash": block["hash"], "blockNumber": 1,
                "transactionHash": transaction["hash"], "transactionPosition": 0}])))
        }
        _ => None,
    });
    let reader = reader(&node);
    let fetched = reader.block_at(1).await.unwrap();
    assert_eq!(fetched.missing, []);
    assert_eq!(block(&fetched).transactions[0].calls.len(), 1);
    assert_eq!(reader.capabilities(), ["block receipts", "parity traces"]);
}

#[tokio::test]
async fn a_block_of_which_only_the_header_can_be_read_costs_itself() {
    let node = busy(1).await;
    node.script(|chain, method, params| {
        (method.starts_with("eth_getBlockBy") && params[1] == json!(true)).then(|| {
            let mut block = truth(chain, method, params);
            block["transactions"] = json!("none of your business");
            Lie::Result(block)
        })
    });
    let mut follower = crate::follow::tests::follower_at(&node, &[], Ok(None));
    for seconds in [0, 10, 20, 30] {
        let step = follower.step(at(seconds)).await;
        assert_eq!(step.gap.map(|(kind, _)| kind), Some(GapKind::BadAnswer), "after {seconds} s");
    }
    assert_eq!(follower.step(at(40)).await.events.len(), 1, "it is not waited for any longer");
    assert_eq!(follower.last().map(|block| block.number), Some(1));
    assert!(follower.bare().contains_key(&GapKind::BadAnswer), "and it is said");
    node.honest();
    node.chain(|chain| chain.mine(1));
    let step = follower.step(at(60)).await;
    assert_eq!((step.gap, follower.bare().is_empty()), (None, true), "the chain goes on");
}

#[tokio::test]
async fn a_source_begins_however_short_the_newest_blocks_are() {
    let node = busy(1).await;
    // What is newer than a moment has no receipts yet.
    node.script(|chain, method, params| {
        let newest = json!(chain.canonical.last());
        let of = match method {
            "eth_getBlockReceipts" => params[0].clone(),
            "eth_getTransactionReceipt" => truth(chain, method, params)["blockHash"].clone(),
            _ => return None,
        };
        (of == newest).then_some(Lie::Result(Value::Null))
    });
    let mut follower = crate::follow::tests::follower_at(&node, &[], Ok(None));
    let mut begun = None;
    for second in 0..4 {
        follower.step(at(second)).await;
        begun = begun.or(follower.last().map(|block| (second, block.number)));
        node.chain(|chain| chain.mine(1));
    }
    assert_eq!(begun, Some((1, 1)), "with the block that was newest when it began");
}

#[tokio::test]
async fn a_number_has_no_room_for_a_flood() {
    let node = busy(1).await;
    node.script(|_, method, _| (method == "eth_chainId").then(|| Lie::Http(200, &[], vec![b' '; 1024 * 1024])));
    let stop = reader(&node).identity().await.unwrap_err();
    assert!(stop.detail.contains("more than 65536 bytes"), "{}", stop.detail);
}

#[tokio::test]
async fn a_node_writes_no_lines_of_our_log() {
    let node = busy(1).await;
    node.script(|_, method, _| {
        (method == "eth_chainId").then_some(Lie::Error(-32_000, "no\n2026-11-27T00:00:00Z INFO all is well\u{1b}[1m"))
    });
    let stop = reader(&node).identity().await.unwrap_err();
    assert!(stop.detail.ends_with("no 2026-11-27T00:00:00Z INFO all is well [1m"), "{}", stop.detail);
}
