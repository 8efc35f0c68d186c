//! For each attack an innocent event that looks like it. Tests: `story/tests.rs`.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256};

use super::{
    super::{
        cast::{COIN, Cast, DOLLAR},
        traffic,
        world::{StoryError, World},
    },
    parts::{ATTACK_GAS, CALL_GAS, approve, create, nothing_planned, people, prepare, send_token, upgrade},
};
use crate::chain::{
    Draft,
    abi::{self, Arg},
    contracts::Contract,
};

/// Coins that somebody puts into the escrow and takes back.
const ESCROW_COINS: u64 = 5;
/// Dollars for which the market maker buys QTR to pledge: an ordinary trade.
const PLEDGED_USD: u64 = 5_000;
/// Dollars of a large message from the other side.
const LARGE_MESSAGE_USD: u64 = 5_000;
/// QTR that is issued as planned.
const PLANNED_QTR: u64 = 20_000;
/// People who lend for the first time, and how much.
const LENDERS: usize = 8;
const LENT_USD: u64 = 500;
/// Withdrawals in one block, and how much each.
const WITHDRAWALS: usize = 10;
const WITHDRAWN_USD: u64 = 3_000;

pub(super) fn benign_reorg(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { market_maker, hot_wallet, .. } = world.cast;
    nothing_planned(world)?;
    let paid = world.pay(market_maker, hot_wallet, COIN)?;
    prepare(world, 1, BTreeMap::new());
    Ok(vec![paid])
}

pub(super) fn arbitrage(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { market_maker, searcher, lender, pool, outside_pool, usd, qtr, .. } = world.cast;
    // 3 % of the outside pool: its price falls by some 6 %.
    let sold = world.token_balance(qtr, outside_pool)? * U256::from(3) / U256::from(100);
    let arguments = [Arg::Address(qtr), Arg::Uint(sold), Arg::Uint(U256::ZERO), Arg::Address(market_maker)];
    let swap = "swapExactIn(address,uint256,uint256,address)";
    let sale = world.send(market_maker, outside_pool, CALL_GAS, swap, &arguments)?;
    let (created, contract) = create(world, searcher, Contract::Arbitrage.init_code(&[Arg::Address(lender)]))?;
    // Half of what the sale took out is what pays best between a pool and one five times as large.
    let cash = world.token_balance(usd, outside_pool)? / U256::from(60);
    let arguments = [Arg::Address(usd), Arg::Uint(cash), Arg::Address(outside_pool), Arg::Address(pool)];
    let run = world.send(searcher, contract, ATTACK_GAS, "run(address,uint256,address,address)", &arguments)?;
    Ok(vec![sale, created, run])
}

pub(super) fn large_redemption(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { market_maker, vault, .. } = world.cast;
    let shares = world.read(vault, "sharesOf(address)", &[Arg::Address(market_maker)])? / U256::from(10);
    Ok(vec![world.send(market_maker, vault, CALL_GAS, "redeem(uint256)", &[Arg::Uint(shares)])?])
}

pub(super) fn planned_upgrade(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { deployer, signers: [first, _, third], .. } = world.cast;
    let (created, code) = create(world, deployer, Contract::Bridge.init_code(&[]))?;
    let [proposed, confirmed] = upgrade(world, [first, third], code)?;
    Ok(vec![created, proposed, confirmed])
}

pub(super) fn rebalance(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { hot_wallet, cold_wallet, usd, .. } = world.cast;
    let amount = world.token_balance(usd, hot_wallet)? / U256::from(2);
    Ok(vec![send_token(world, usd, hot_wallet, cold_wallet, amount)?])
}

pub(super) fn refund(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { market_maker, escrow, .. } = world.cast;
    let one = people(world, 1).first().copied().unwrap_or(market_maker);
    let value = U256::from(ESCROW_COINS) * COIN;
    let input = abi::call("deposit()", &[]);
    let paid = world.chain.submit(Draft { from: one, to: Some(escrow), value, input, gas: CALL_GAS })?;
    Ok(vec![paid, world.send(one, escrow, CALL_GAS, "refund()", &[])?])
}

pub(super) fn leverage(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { market_maker: maker, pool, lending, usd, qtr, .. } = world.cast;
    let dollars = U256::from(PLEDGED_USD) * DOLLAR;
    let bought = world.read(pool, "quote(address,uint256)", &[Arg::Address(usd), Arg::Uint(dollars)])?;
    let arguments = [Arg::Address(usd), Arg::Uint(dollars), Arg::Uint(bought), Arg::Address(maker)];
    let swap = world.send(maker, pool, CALL_GAS, "swapExactIn(address,uint256,uint256,address)", &arguments)?;
    let pledged = world.send(maker, lending, CALL_GAS, "addCollateral(uint256)", &[Arg::Uint(bought)])?;
    let borrowed = world.send(maker, lending, CALL_GAS, "borrow(uint256)", &[Arg::Uint(dollars / U256::from(3))])?;
    let allowed = approve(world, maker, qtr, pool, U256::MAX)?;
    Ok(vec![swap, pledged, borrowed, allowed])
}

pub(super) fn large_message(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let maker = world.cast.market_maker;
    Ok(traffic::arrive(world, maker, U256::from(LARGE_MESSAGE_USD) * DOLLAR)?.to_vec())
}

pub(super) fn planned_issue(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { deployer, qtr, market_maker, .. } = world.cast;
    let arguments = [Arg::Address(market_maker), Arg::Uint(U256::from(PLANNED_QTR) * COIN)];
    Ok(vec![world.send(deployer, qtr, CALL_GAS, "mint(address,uint256)", &arguments)?])
}

pub(super) fn first_loans(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { lending, usd, .. } = world.cast;
    let mut transactions = Vec::new();
    for one in people(world, LENDERS) {
        let amount = (U256::from(LENT_USD) * DOLLAR).min(world.token_balance(usd, one)? / U256::from(2));
        transactions.push(approve(world, one, usd, lending, U256::MAX)?);
        transactions.push(world.send(one, lending, CALL_GAS, "supply(uint256)", &[Arg::Uint(amount)])?);
    }
    Ok(transactions)
}

pub(super) fn busy_withdrawals(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { hot_wallet, usd, .. } = world.cast;
    let amount = U256::from(WITHDRAWN_USD) * DOLLAR;
    let to = people(world, WITHDRAWALS);
    to.into_iter().map(|one| send_token(world, usd, hot_wallet, one, amount)).collect()
}
