//! What attacks and their look-alikes have in common. Tests: `story/tests.rs`.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};

use super::super::{
    cast::{Cast, DOLLAR},
    traffic::Habit,
    world::{Plan, StoryError, World},
};
use crate::chain::{
    Draft,
    abi::{self, Arg},
};

/// Enough to deploy any attacker's contract.
const CREATE_GAS: u64 = 1_500_000;
/// Enough for any attack.
pub(super) const ATTACK_GAS: u64 = 2_500_000;
pub(super) const CALL_GAS: u64 = 300_000;
/// Dollars that the listed address pays: an ordinary sum, so that only the list gives it away.
const LISTED_USD: u64 = 1_200;

/// Queues a creation and says where the contract will stand.
pub(super) fn create(
    world: &mut World,
    from: Address,
    input: alloy_primitives::Bytes,
) -> Result<(B256, Address), StoryError> {
    let stands = from.create(world.chain.next_nonce(from));
    let hash = world.chain.submit(Draft { from, input, gas: CREATE_GAS, ..Draft::default() })?;
    Ok((hash, stands))
}

/// One signer proposes the upgrade, the other confirms and thereby carries it out.
pub(super) fn upgrade(world: &mut World, by: [Address; 2], code: Address) -> Result<[B256; 2], StoryError> {
    let Cast { multisig, bridge, .. } = world.cast;
    let [first, second] = by;
    let id = world.read(multisig, "proposalCount()", &[])?;
    let call = abi::call("upgradeTo(address)", &[Arg::Address(code)]);
    let arguments = [Arg::Address(bridge), Arg::Bytes(&call)];
    let proposed = world.send(first, multisig, CALL_GAS, "propose(address,bytes)", &arguments)?;
    let confirmed = world.send(second, multisig, CALL_GAS, "confirm(uint256)", &[Arg::Uint(id)])?;
    Ok([proposed, confirmed])
}

/// Refuses a second reorganization while one is due.
pub(super) fn nothing_planned(world: &World) -> Result<(), StoryError> {
    world.plan.as_ref().map_or(Ok(()), |plan| Err(StoryError::AlreadyPlanned { due: plan.due }))
}

/// The next `depth` blocks will be left.
pub(super) fn prepare(world: &mut World, depth: usize, replace: BTreeMap<B256, Draft>) {
    let next = world.chain.head().number + 1;
    world.plan = Some(Plan { due: next + u64::try_from(depth).unwrap_or(1), depth, replace });
}

pub(super) fn pay_exchange(world: &mut World, from: Address) -> Result<Vec<B256>, StoryError> {
    let Cast { usd, hot_wallet, .. } = world.cast;
    Ok(vec![send_token(world, usd, from, hot_wallet, U256::from(LISTED_USD) * DOLLAR)?])
}

pub(super) fn send_token(
    world: &mut World,
    token: Address,
    from: Address,
    to: Address,
    amount: U256,
) -> Result<B256, StoryError> {
    world.send(from, token, CALL_GAS, "transfer(address,uint256)", &[Arg::Address(to), Arg::Uint(amount)])
}

/// Lets a spender take so much of a token.
pub(super) fn approve(
    world: &mut World,
    owner: Address,
    token: Address,
    spender: Address,
    amount: U256,
) -> Result<B256, StoryError> {
    world.send(owner, token, CALL_GAS, "approve(address,uint256)", &[Arg::Address(spender), Arg::Uint(amount)])
}

/// Some people: of those who only pay, the ones that sent most.
pub(super) fn people(world: &World, count: usize) -> Vec<Address> {
    let pays = |(index, _): &(usize, &Address)| Habit::of(*index) == Habit::Pay;
    let mut all: Vec<Address> = world.cast.users.iter().enumerate().filter(pays).map(|(_, user)| *user).collect();
    all.sort_by_key(|user| std::cmp::Reverse(world.chain.next_nonce(*user)));
    all.truncate(count);
    all
}
