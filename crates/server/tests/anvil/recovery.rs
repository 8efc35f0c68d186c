//! Checks of nodes and balances against a real node, and against doors to it that lie, lag or lack what is asked.

use std::time::Duration;

use quarterdeck_core::{
    chain::{Address, U256},
    incident::unmet::Verdict,
};
use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::checks::{
    Expression, Probe,
    make::{self, Facts},
    probe::{Balance, Look, Node, OF_RPC, Place},
};
use serde_json::{Value, json};

use crate::{
    ALICE,
    node::{Anvil, without},
};

const CHAIN: u64 = 31_337;
/// A contract that answers every call with its first word of storage, and its address.
const WORD: (&str, &str) = ("0x4444444444444444444444444444444444444444", "0x60005460005260206000f3");

fn node(url: &str) -> Node {
    Node { name: url.to_owned(), place: Place { url: url.parse().unwrap() }, chain: Some(CHAIN) }
}

async fn made(look: Look) -> (Verdict, String) {
    let probe = Probe { look, timeout: Duration::from_secs(5) };
    make::make(&Parts::new(SystemClock::new()).unwrap().http, &probe, &Facts::default()).await
}

async fn word(anvil: &Anvil, value: u64) {
    anvil.ask("anvil_setStorageAt", json!([WORD.0, format!("0x{:064x}", 0), format!("0x{value:064x}")])).await;
}

fn call(url: &str, to: &str, expect: &str) -> Look {
    Look::Rpc {
        node: node(url),
        method: "eth_call".to_owned(),
        params: json!([{"to": to, "data": "0x5c975abb"}, "latest"]),
        expect: Expression::read(expect, &OF_RPC).unwrap(),
    }
}

#[tokio::test]
async fn whether_an_action_took_effect_is_read_from_the_chain() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    anvil.ask("anvil_setCode", json!([WORD.0, WORD.1])).await;
    let paused = || call(&anvil.url, WORD.0, "number(result) == 1.0");
    word(&anvil, 0).await;
    let (verdict, seen) = made(paused()).await;
    assert_eq!(verdict, Verdict::Failed, "{seen}");
    assert!(seen.contains("want number(result) == 1.0"), "{seen}");
    word(&anvil, 1).await;
    assert_eq!(made(paused()).await.0, Verdict::Passed);
    // Nothing is at this address: the node answers, and says nothing.
    let (verdict, seen) =
        made(call(&anvil.url, "0x5555555555555555555555555555555555555555", "number(result) == 1.0")).await;
    assert_eq!(verdict, Verdict::Unjudged, "{seen}");
    // A node that does not have the method, one of another chain, and one that is away.
    let lacks = without(&anvil.url, &["eth_call"]).await;
    let (verdict, seen) = made(call(&lacks, WORD.0, "number(result) == 1.0")).await;
    assert!(verdict == Verdict::Unjudged && seen.contains("Method not found"), "{seen}");
    let Some(other) = Anvil::start(&["--chain-id", "5"]).await else { return };
    let (verdict, seen) = made(call(&other.url, WORD.0, "number(result) == 1.0")).await;
    assert!(verdict == Verdict::Unjudged && seen.contains("shows chain") && seen.contains("not 31337"), "{seen}");
    let url = other.url.clone();
    other.end().await;
    let (verdict, seen) = made(call(&url, WORD.0, "number(result) == 1.0")).await;
    assert!(verdict == Verdict::Unjudged && seen.contains("cannot connect"), "{seen}");
}

#[tokio::test]
async fn nodes_agree_on_the_highest_block_that_so_many_have() {
    let Some(anvil) = Anvil::start(&["--timestamp", "1700000000"]).await else { return };
    let Some(other) = Anvil::start(&["--timestamp", "1800000000"]).await else { return };
    for _ in 0..3 {
        anvil.ask("evm_mine", json!([])).await;
    }
    let (same, third) = (without(&anvil.url, &["nothing"]).await, without(&anvil.url, &["eth_getBlockByNumber"]).await);
    let agree =
        |urls: &[&str], at_least| Look::NodesAgree { nodes: urls.iter().map(|url| node(url)).collect(), at_least };
    let (verdict, seen) = made(agree(&[&anvil.url, &same], 2)).await;
    assert!(verdict == Verdict::Passed && seen.contains("block 3"), "{seen}");
    // One that lags does not drag the others down to where all agree.
    let (verdict, seen) = made(agree(&[&anvil.url, &same, &other.url], 2)).await;
    assert!(verdict == Verdict::Passed && seen.contains("block 3"), "{seen}");
    for _ in 0..3 {
        other.ask("evm_mine", json!([])).await;
    }
    let (verdict, seen) = made(agree(&[&anvil.url, &other.url], 2)).await;
    assert_eq!(verdict, Verdict::Failed, "{seen}");
    assert!(seen.contains("want 2 that agree") && seen.contains(&anvil.url) && seen.contains(&other.url), "{seen}");
    let (verdict, seen) = made(agree(&[&anvil.url, &same, &other.url], 3)).await;
    assert_eq!(verdict, Verdict::Failed, "{seen}");
    // Two camps of one size: neither is right because it was asked first.
    let twin = without(&other.url, &["nothing"]).await;
    assert_eq!(made(agree(&[&anvil.url, &same, &other.url, &twin], 2)).await.0, Verdict::Failed);
    // Who does not answer, or not about the block, does not agree.
    let (verdict, seen) = made(agree(&[&anvil.url, &third], 2)).await;
    assert!(verdict == Verdict::Failed || verdict == Verdict::Unjudged, "{seen}");
    let (verdict, seen) = made(agree(&[&anvil.url, "http://127.0.0.1:1"], 2)).await;
    assert!(verdict == Verdict::Unjudged && seen.contains("1 of 2 nodes answer"), "{seen}");
}

#[tokio::test]
async fn what_a_wallet_holds_is_compared_with_what_it_must_hold() {
    let Some(anvil) = Anvil::start(&[]).await else { return };
    anvil.ask("anvil_setCode", json!([WORD.0, WORD.1])).await;
    word(&anvil, 12_500_000).await;
    let alice: Address = ALICE.parse().unwrap();
    let coins = |units: u64| U256::from(units) * U256::from(10).pow(U256::from(18));
    let holds = |token: Option<&str>, decimals, at_least: Option<U256>, at_most: Option<U256>| {
        Look::WalletBalance(Box::new(Balance {
            node: node(&anvil.url),
            wallet: "hot wallet 1".to_owned(),
            account: alice,
            token: token.map(|token| token.parse().unwrap()),
            symbol: if token.is_some() { "USDC" } else { "ETH" }.to_owned(),
            decimals,
            at_least,
            at_most,
        }))
    };
    for (look, verdict, words) in [
        (holds(None, 18, Some(coins(9_999)), None), Verdict::Passed, "hot wallet 1 holds 10000 ETH"),
        (holds(None, 18, Some(coins(10_001)), None), Verdict::Failed, "want at least 10001 ETH"),
        (holds(None, 18, None, Some(coins(5))), Verdict::Failed, "want at most 5 ETH"),
        (holds(Some(WORD.0), 6, Some(U256::from(12_000_000)), None), Verdict::Passed, "holds 12.5 USDC"),
        (holds(Some(WORD.0), 6, Some(U256::from(13_000_000)), None), Verdict::Failed, "want at least 13 USDC"),
    ] {
        let (got, seen) = made(look).await;
        assert_eq!(got, verdict, "{seen}");
        assert!(seen.contains(words), "{seen}");
    }
    // No contract is there: the answer is no amount, and not zero.
    let nothing = holds(Some("0x5555555555555555555555555555555555555555"), 6, None, Some(U256::from(1)));
    let (verdict, seen) = made(nothing).await;
    assert!(verdict == Verdict::Unjudged && seen.contains("shows no amount"), "{seen}");
    assert_eq!(
        Value::from("0x"),
        anvil.ask("eth_getCode", json!(["0x5555555555555555555555555555555555555555", "latest"])).await
    );
}
