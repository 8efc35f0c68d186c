use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, U256};
use quarterdeck_core::{
    chain::{AnyBlock, CallKind},
    time::Timestamp,
};

use super::{
    abi::{Arg, call, topic, uint},
    contracts::Contract,
    *,
};

const ETHER: u128 = 1_000_000_000_000_000_000;

fn start() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

fn alice() -> Address {
    account(1, "alice", 0)
}

fn bob() -> Address {
    account(1, "bob", 0)
}

fn chain() -> EmbeddedChain {
    let coins = BTreeMap::from([(alice(), U256::from(100 * ETHER)), (bob(), U256::from(ETHER))]);
    EmbeddedChain::new(1, start(), CHAIN, &coins)
}

fn pay(from: Address, to: Address, wei: u128) -> Draft {
    Draft { from, to: Some(to), value: U256::from(wei), gas: 21_000, ..Draft::default() }
}

fn send(from: Address, to: Address, input: Bytes) -> Draft {
    Draft { from, to: Some(to), input, gas: 300_000, ..Draft::default() }
}

fn mine(chain: &mut EmbeddedChain) -> Arc<Block> {
    let at = chain.head().time.plus(BLOCK_TIME);
    let block = chain.mine(at);
    assert_eq!(chain.take_refused(), []);
    block
}

/// A chain with a token of Alice's, who holds a million.
fn with_token() -> (EmbeddedChain, Address) {
    let mut chain = chain();
    let token = alice().create(0);
    let arguments = [Arg::Bytes(b"Quarter"), Arg::Bytes(b"QTR"), Arg::Uint(U256::from(18)), Arg::Address(alice())];
    let input = Contract::Token.init_code(&arguments);
    chain.submit(Draft { from: alice(), input, gas: 2_000_000, ..Draft::default() }).unwrap();
    let mint = call("mint(address,uint256)", &[Arg::Address(alice()), Arg::Uint(U256::from(1_000_000))]);
    chain.submit(send(alice(), token, mint)).unwrap();
    let block = mine(&mut chain);
    assert!(block.transactions.iter().all(|tx| tx.status == Some(true)));
    (chain, token)
}

fn transfer(to: Address, amount: u64) -> Bytes {
    call("transfer(address,uint256)", &[Arg::Address(to), Arg::Uint(U256::from(amount))])
}

fn holds(chain: &EmbeddedChain, token: Address, who: Address) -> U256 {
    uint(&chain.call(token, call("balanceOf(address)", &[Arg::Address(who)])).unwrap(), 0).unwrap()
}

#[test]
fn a_payment_moves_coins_and_costs_gas() {
    let mut chain = chain();
    let hash = chain.submit(pay(alice(), bob(), ETHER)).unwrap();
    let block = mine(&mut chain);
    let [tx] = &block.transactions[..] else { panic!("one transaction") };
    assert_eq!((tx.hash, tx.index, tx.nonce, tx.status), (hash, 0, Some(0), Some(true)));
    assert_eq!(chain.balance(bob()), U256::from(2 * ETHER));
    let fee = U256::from(21_000 * (u128::from(block.base_fee.unwrap()) + TIP));
    assert_eq!(chain.balance(alice()), U256::from(99 * ETHER) - fee);
    assert_eq!(block.gas_used, 21_000);
    let [only] = &tx.calls[..] else { panic!("one call") };
    assert_eq!((only.depth, only.from, only.to, only.value), (0, alice(), Some(bob()), U256::from(ETHER)));
}

#[test]
fn blocks_link_and_their_hashes_cover_them() {
    let mut chain = chain();
    let mut parent = Arc::clone(chain.head());
    for amount in 1..=5 {
        chain.submit(pay(alice(), bob(), amount)).unwrap();
        let block = mine(&mut chain);
        assert_eq!((block.parent, block.number), (parent.hash, parent.number + 1));
        assert_eq!(block.time, parent.time.plus(BLOCK_TIME));
        assert_eq!(block.hash, seal::block_hash(&block));
        let mut altered = (*block).clone();
        altered.transactions[0].status = Some(false);
        assert_ne!(block.hash, seal::block_hash(&altered));
        parent = block;
    }
}

#[test]
fn time_never_stands_still_or_runs_back() {
    let mut chain = chain();
    let first = chain.mine(start());
    let second = chain.mine(Timestamp::from_ms(0));
    assert_eq!(second.time, first.time.plus(Duration::from_secs(1)));
    let third = chain.mine(second.time.plus(Duration::from_millis(2_700)));
    assert_eq!(third.time, second.time.plus(Duration::from_secs(2)), "headers have whole seconds");
}

#[test]
fn a_token_transfer_has_its_log_and_its_trace() {
    let (mut chain, token) = with_token();
    chain.submit(send(alice(), token, transfer(bob(), 400))).unwrap();
    let block = mine(&mut chain);
    let tx = &block.transactions[0];
    let [log] = &tx.logs[..] else { panic!("one log") };
    assert_eq!(log.address, token);
    assert_eq!(log.topics, [topic("Transfer(address,address,uint256)"), alice().into_word(), bob().into_word()]);
    assert_eq!(uint(&log.data, 0), Some(U256::from(400)));
    assert_eq!(holds(&chain, token, bob()), U256::from(400));
    assert_eq!(uint(&tx.calls[0].output, 0), Some(U256::from(1)), "transfer returns true");
}

#[test]
fn a_reverted_transaction_is_mined_marked_and_changes_nothing() {
    let (mut chain, token) = with_token();
    chain.submit(send(bob(), token, transfer(alice(), 1))).unwrap();
    let block = mine(&mut chain);
    let tx = &block.transactions[0];
    assert_eq!(tx.status, Some(false));
    assert!(tx.logs.is_empty());
    assert!(tx.calls.iter().all(|call| call.reverted));
    assert!(tx.calls[0].output.starts_with(&call("InsufficientBalance(address,uint256,uint256)", &[])));
    assert_eq!(holds(&chain, token, bob()), U256::ZERO);
    let view = chain.call(token, transfer(bob(), 1));
    assert!(matches!(view, Err(ChainError::Reverted { .. })), "nobody's balance is zero");
}

#[test]
fn only_the_calls_that_failed_are_marked() {
    let (mut chain, token) = with_token();
    // Calls the token without data, which it refuses, shrugs, and calls Bob. Both with: no data, no value, all gas.
    let call_to = |to: Address| [&[0x5f; 5][..], &[0x73], to.as_slice(), &[0x5a, 0xf1, 0x50]].concat();
    let code = [call_to(token), call_to(bob())].concat();
    let length = u8::try_from(code.len()).unwrap();
    let input = [&[0x60, length, 0x60, 10, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3], &code[..]].concat();
    let contract = alice().create(chain.next_nonce(alice()));
    chain.submit(Draft { from: alice(), input: input.into(), gas: 300_000, ..Draft::default() }).unwrap();
    chain.submit(send(alice(), contract, Bytes::new())).unwrap();
    let block = mine(&mut chain);
    let tx = &block.transactions[1];
    let seen: Vec<_> = tx.calls.iter().map(|call| (call.depth, call.to.unwrap(), call.reverted)).collect();
    assert_eq!(seen, [(0, contract, false), (1, token, true), (1, bob(), false)]);
    assert_eq!(tx.status, Some(true));
}

#[test]
fn a_proxy_shows_as_a_delegated_call_in_its_own_name() {
    let mut chain = chain();
    let (bridge, proxy) = (alice().create(0), alice().create(1));
    let setup =
        call("initialize(address,address,address)", &[Arg::Address(alice()), Arg::Address(bob()), Arg::Address(bob())]);
    let arguments = [Arg::Address(bridge), Arg::Address(Address::repeat_byte(9)), Arg::Bytes(&setup)];
    for input in [Contract::Bridge.init_code(&[]), Contract::Proxy.init_code(&arguments)] {
        chain.submit(Draft { from: alice(), input, gas: 3_000_000, ..Draft::default() }).unwrap();
    }
    let block = mine(&mut chain);
    let [create, delegated] = &block.transactions[1].calls[..] else { panic!("two calls") };
    assert_eq!((create.kind, create.depth, create.to), (CallKind::Create, 0, Some(proxy)));
    assert_eq!((delegated.kind, delegated.depth), (CallKind::Delegate, 1));
    assert_eq!((delegated.from, delegated.to), (proxy, Some(bridge)));
    let upgraded = topic("Upgraded(address)");
    assert!(block.transactions[1].logs.iter().any(|log| log.topics == [upgraded, bridge.into_word()]));

    chain.submit(send(bob(), proxy, call("pause()", &[]))).unwrap();
    mine(&mut chain);
    let paused = chain.call(proxy, call("paused()", &[])).unwrap();
    assert_eq!(uint(&paused, 0), Some(U256::from(1)));
}

#[test]
fn what_cannot_be_executed_is_listed_and_what_does_not_fit_waits() {
    let mut chain = chain();
    let poor = account(1, "poor", 0);
    let hash = chain.submit(pay(poor, alice(), 1)).unwrap();
    for _ in 0..300 {
        chain.submit(pay(alice(), bob(), 1)).unwrap();
    }
    let first = chain.mine(start().plus(BLOCK_TIME));
    let refused = chain.take_refused();
    assert_eq!(refused.iter().map(|refused| refused.hash).collect::<Vec<_>>(), [hash]);
    let fits = usize::try_from(BLOCK_GAS / 21_000).unwrap();
    assert_eq!((first.transactions.len(), chain.pending()), (fits, 300 - fits));
    let second = mine(&mut chain);
    assert_eq!(second.transactions.len(), 300 - fits);
    assert!(second.base_fee > first.base_fee, "a full block raises the base fee");
    let huge = Draft { gas: BLOCK_GAS + 1, ..pay(alice(), bob(), 1) };
    assert_eq!(chain.submit(huge), Err(ChainError::TooMuchGas { gas: BLOCK_GAS + 1 }));
}

#[test]
fn a_reorganization_replaces_one_payment_and_keeps_the_rest() {
    let mut chain = chain();
    mine(&mut chain);
    let before = chain.state_digest();
    let paid = chain.submit(pay(alice(), bob(), 7 * ETHER)).unwrap();
    mine(&mut chain);
    let kept = chain.submit(pay(alice(), bob(), 1)).unwrap();
    mine(&mut chain);
    let thief = account(1, "thief", 0);
    let observed = chain.head().time.plus(BLOCK_TIME);
    let reorg = chain.reorg(2, &BTreeMap::from([(paid, pay(alice(), thief, 7 * ETHER))]), observed).unwrap();

    assert_eq!((reorg.ancestor.number, reorg.dropped.len(), reorg.adopted.len()), (1, 2, 3));
    assert_eq!(chain.head().hash, reorg.adopted[2].reference().hash);
    let mut parent = reorg.ancestor.hash;
    for block in reorg.adopted.iter().filter_map(AnyBlock::account) {
        assert_eq!(block.parent, parent);
        parent = block.hash;
    }
    let hashes: Vec<B256> = reorg
        .adopted
        .iter()
        .filter_map(AnyBlock::account)
        .flat_map(|block| &block.transactions)
        .map(|tx| tx.hash)
        .collect();
    assert!(!hashes.contains(&paid) && hashes.contains(&kept), "{hashes:?}");
    assert_eq!(chain.balance(bob()), U256::from(ETHER + 1));
    assert_eq!(chain.balance(thief), U256::from(7 * ETHER));
    assert_eq!(chain.take_refused(), []);

    while chain.head().number > 1 {
        assert!(chain.state.undo_block(chain.head().number));
        chain.recent.pop_back();
    }
    assert_eq!(chain.state_digest(), before, "undoing the branch restores the state byte for byte");
}

#[test]
fn undoing_blocks_restores_accounts_code_and_storage() {
    let (mut chain, token) = with_token();
    let (number, before) = (chain.head().number, chain.state_digest());
    chain.submit(send(alice(), token, transfer(bob(), 1_000_000))).unwrap();
    mine(&mut chain);
    assert_eq!(holds(&chain, token, alice()), U256::ZERO, "a word became zero");
    chain.submit(send(bob(), token, transfer(alice(), 1))).unwrap();
    chain.submit(send(bob(), token, transfer(alice(), 2_000_000))).unwrap();
    let vault = alice().create(chain.next_nonce(alice()));
    let input = Contract::YieldVault.init_code(&[]);
    chain.submit(Draft { from: alice(), input, gas: 2_000_000, ..Draft::default() }).unwrap();
    let statuses: Vec<_> = mine(&mut chain).transactions.iter().map(|tx| tx.status).collect();
    assert_eq!(statuses, [Some(true), Some(false), Some(true)]);
    assert!(chain.has_code(vault));
    for undone in (number + 1..=chain.head().number).rev() {
        assert_ne!(chain.state_digest(), before);
        assert!(chain.state.undo_block(undone));
    }
    assert_eq!(chain.state_digest(), before);
    assert!(!chain.has_code(vault));
}

#[test]
fn a_reorganization_without_replacement_still_makes_other_blocks() {
    let (mut chain, token) = with_token();
    chain.submit(send(alice(), token, transfer(bob(), 5))).unwrap();
    let old = mine(&mut chain);
    let reorg = chain.reorg(1, &BTreeMap::new(), old.time.plus(BLOCK_TIME)).unwrap();
    assert_eq!(reorg.dropped, [old.reference()]);
    assert_ne!(reorg.adopted[0].reference().hash, old.hash);
    assert_eq!(reorg.adopted[0].hashes()[0].0, old.transactions[0].hash);
    assert_eq!(holds(&chain, token, bob()), U256::from(5));
}

#[test]
fn what_is_final_or_forgotten_cannot_be_left() {
    let mut chain = chain();
    for _ in 0..100 {
        mine(&mut chain);
    }
    let observed = chain.head().time;
    let depth = |chain: &mut EmbeddedChain, depth| chain.reorg(depth, &BTreeMap::new(), observed).map(|_| ());
    let possible = REORG_BLOCKS_MAX;
    assert_eq!(depth(&mut chain, 65), Err(ChainError::Depth { depth: 65, possible }));
    assert_eq!(depth(&mut chain, 0), Err(ChainError::Depth { depth: 0, possible }));
    let hash = B256::repeat_byte(3);
    let unknown = chain.reorg(1, &BTreeMap::from([(hash, Draft::default())]), observed).map(|_| ());
    assert_eq!(unknown, Err(ChainError::NoSuchTransaction { hash }));
    assert_eq!(chain.finalized(90).map(|block| block.number), Some(90));
    assert_eq!(chain.finalized(89), None);
    assert_eq!(depth(&mut chain, 11), Err(ChainError::Depth { depth: 11, possible: 10 }));
    assert_eq!(depth(&mut chain, 10), Ok(()));
}
