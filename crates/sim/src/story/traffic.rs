//! Ordinary traffic: what two hundred people, an exchange and a bridge do in a block on a quiet day.
//!
//! Sizes are nearly log-normal around the same worth in every asset, nobody acts twice in a block, and nobody spends what
//! they do not have: so every transaction succeeds and no detector has a reason to speak. Tests: `story/tests.rs` (two
//! hundred blocks without a failed transaction or a broken invariant).

use alloy_primitives::{Address, B256, U256, keccak256};

use super::{
    cast::{COIN, COIN_PRICE, Cast, DOLLAR, QTR_PRICE},
    world::{StoryError, World},
};
use crate::chain::{
    BASE_FEE, Draft,
    abi::{self, Arg},
};

/// Dollars that an ordinary transaction moves, as a median.
const TYPICAL_USD: u64 = 1_200;
/// What a caller accepts of a quote, in percent: the rest is slippage.
const SLIPPAGE_KEPT: u64 = 97;
const TOKEN_GAS: u64 = 90_000;
const CONTRACT_GAS: u64 = 260_000;
/// How often somebody's dollars arrive by the other bridge, in blocks of a hundred.
const ARRIVAL_PERCENT: u64 = 30;
/// A chain elsewhere, as the bridge numbers them.
const ELSEWHERE: u64 = 1;

/// What a user mostly does besides paying others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Swaps in the pool.
    Trade,
    /// Lends or borrows.
    Lend,
    /// Deposits coins into the vault.
    Stake,
    /// Sends tokens over the bridge.
    Bridge,
    /// Only pays, and deposits at the exchange.
    Pay,
}

impl Habit {
    pub(super) const fn of(user: usize) -> Self {
        match user % 10 {
            0..=3 => Self::Trade,
            4 => Self::Lend,
            5 => Self::Stake,
            6 => Self::Bridge,
            _ => Self::Pay,
        }
    }
}

/// What people pay with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Money {
    Coin,
    Usd,
    Qtr,
}

impl Money {
    /// The ordinary amount, as a median.
    fn typical(self) -> U256 {
        match self {
            Self::Coin => COIN * U256::from(TYPICAL_USD) / U256::from(COIN_PRICE),
            Self::Usd => DOLLAR * U256::from(TYPICAL_USD),
            Self::Qtr => COIN * U256::from(TYPICAL_USD) / U256::from(QTR_PRICE),
        }
    }
}

/// Queues up to 60 transactions, at least 20 of which somebody wants.
pub(super) fn submit(world: &mut World) -> Result<(), StoryError> {
    let count = appetite(world);
    let payouts = 2 + world.dice.below(4);
    let releases = world.dice.below(3);
    for _ in 0..payouts {
        payout(world)?;
    }
    for _ in 0..releases {
        release(world)?;
    }
    let arrivals = u64::from(world.dice.chance(ARRIVAL_PERCENT));
    for _ in 0..arrivals {
        let (to, amount) = (any_user(world), world.dice.size(Money::Usd.typical()));
        arrive(world, to, amount)?;
    }
    // An arrival is two transactions.
    for index in actors(world, count - payouts - releases - 2 * arrivals) {
        act(world, index)?;
    }
    Ok(())
}

/// How many people act: about forty, more when gas is cheap and fewer when it is dear, or the base fee would never settle.
fn appetite(world: &mut World) -> u64 {
    let thrown = 20 + (0..4).map(|_| world.dice.below(11)).sum::<u64>();
    let fee = world.chain.head().base_fee.unwrap_or(BASE_FEE).max(1);
    let (cheap, dear) = ((BASE_FEE / fee).min(1 << 16), (fee / BASE_FEE).min(1 << 16));
    let (more, fewer) = (u64::from((cheap | 1).ilog2()), u64::from((dear | 1).ilog2()));
    (thrown + 6 * more).saturating_sub(6 * fewer).clamp(20, 60)
}

/// That many different users: the first of a shuffled list.
fn actors(world: &mut World, count: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..world.cast.users.len()).collect();
    let wanted = usize::try_from(count).unwrap_or(0).min(all.len());
    for place in 0..wanted {
        let left = u64::try_from(all.len() - place).unwrap_or(0);
        let other = place + usize::try_from(world.dice.below(left)).unwrap_or(0);
        all.swap(place, other);
    }
    all.truncate(wanted);
    all
}

fn act(world: &mut World, index: usize) -> Result<(), StoryError> {
    let Some(user) = world.cast.users.get(index).copied() else { return Ok(()) };
    if world.dice.chance(45) {
        return pay_somebody(world, user);
    }
    match Habit::of(index) {
        Habit::Trade => swap(world, user),
        Habit::Lend => lend(world, user),
        Habit::Stake => stake(world, user),
        Habit::Bridge => lock(world, user),
        Habit::Pay => pay_somebody(world, user),
    }
}

fn any_user(world: &mut World) -> Address {
    let count = u64::try_from(world.cast.users.len()).unwrap_or(0);
    let place = usize::try_from(world.dice.below(count)).unwrap_or(0);
    world.cast.users.get(place).copied().unwrap_or(world.cast.market_maker)
}

/// To the exchange, or to another user.
fn pay_somebody(world: &mut World, from: Address) -> Result<(), StoryError> {
    let money = match world.dice.below(10) {
        0..4 => Money::Coin,
        4..8 => Money::Usd,
        _ => Money::Qtr,
    };
    let to_exchange = money != Money::Qtr && world.dice.chance(15);
    let to = if to_exchange { world.cast.hot_wallet } else { any_user(world) };
    transfer(world, money, from, to)
}

/// The exchange pays a withdrawal.
fn payout(world: &mut World) -> Result<(), StoryError> {
    if world.payouts_stopped {
        return Ok(());
    }
    let money = if world.dice.chance(50) { Money::Coin } else { Money::Usd };
    let to = any_user(world);
    transfer(world, money, world.cast.hot_wallet, to)
}

fn transfer(world: &mut World, money: Money, from: Address, to: Address) -> Result<(), StoryError> {
    let amount = affordable(world, money, from)?;
    let token = match money {
        _ if amount.is_zero() => return Ok(()),
        Money::Coin => return world.pay(from, to, amount).map(drop),
        Money::Usd => world.cast.usd,
        Money::Qtr => world.cast.qtr,
    };
    let arguments = [Arg::Address(to), Arg::Uint(amount)];
    world.send(from, token, TOKEN_GAS, "transfer(address,uint256)", &arguments).map(drop)
}

/// An ordinary amount, or a quarter of what there is.
fn affordable(world: &mut World, money: Money, who: Address) -> Result<U256, StoryError> {
    let held = match money {
        Money::Coin => world.chain.balance(who),
        Money::Usd => world.token_balance(world.cast.usd, who)?,
        Money::Qtr => world.token_balance(world.cast.qtr, who)?,
    };
    Ok(world.dice.size(money.typical()).min(held / U256::from(4)))
}

/// In the direction that brings the price back, somewhat more often than not.
fn swap(world: &mut World, user: Address) -> Result<(), StoryError> {
    let Cast { pool, usd, qtr, .. } = world.cast;
    let dear = world.read(pool, "spotPrice()", &[])? > DOLLAR * U256::from(QTR_PRICE);
    let sell = world.dice.chance(if dear { 60 } else { 40 });
    let (token, money) = if sell { (qtr, Money::Qtr) } else { (usd, Money::Usd) };
    let amount = affordable(world, money, user)?;
    if amount.is_zero() {
        return Ok(());
    }
    let quote = world.read(pool, "quote(address,uint256)", &[Arg::Address(token), Arg::Uint(amount)])?;
    let wanted = quote * U256::from(SLIPPAGE_KEPT) / U256::from(100);
    let arguments = [Arg::Address(token), Arg::Uint(amount), Arg::Uint(wanted), Arg::Address(user)];
    world.send(user, pool, CONTRACT_GAS, "swapExactIn(address,uint256,uint256,address)", &arguments).map(drop)
}

fn lend(world: &mut World, user: Address) -> Result<(), StoryError> {
    let Cast { lending, usd, .. } = world.cast;
    let who = [Arg::Address(user)];
    let cash = world.token_balance(usd, lending)?;
    let (signature, amount) = match world.dice.below(5) {
        0 => ("supply(uint256)", affordable(world, Money::Usd, user)?),
        1 => {
            let shares = world.read(lending, "sharesOf(address)", &who)? / U256::from(4);
            ("withdraw(uint256)", if cash > shares * U256::from(8) { shares } else { U256::ZERO })
        }
        2 => ("addCollateral(uint256)", affordable(world, Money::Qtr, user)?),
        3 => {
            // Half of the limit at most, so that no ordinary move of the price makes a borrower unhealthy.
            let limit = world.read(lending, "debtLimit(address)", &who)? / U256::from(2);
            let room = limit.saturating_sub(world.read(lending, "debtOf(address)", &who)?) / U256::from(2);
            ("borrow(uint256)", room.min(cash / U256::from(8)))
        }
        _ => {
            let debt = world.read(lending, "debtOf(address)", &who)?;
            ("repay(uint256)", affordable(world, Money::Usd, user)?.min(debt))
        }
    };
    if amount.is_zero() {
        return pay_somebody(world, user);
    }
    world.send(user, lending, CONTRACT_GAS, signature, &[Arg::Uint(amount)]).map(drop)
}

fn stake(world: &mut World, user: Address) -> Result<(), StoryError> {
    let vault = world.cast.vault;
    let shares = world.read(vault, "sharesOf(address)", &[Arg::Address(user)])?;
    let healthy = world.chain.balance(vault) >= world.read(vault, "totalAssets()", &[])?;
    if !shares.is_zero() && healthy && world.dice.chance(50) {
        let part = world.dice.size(Money::Coin.typical());
        if shares <= part {
            return world.send(user, vault, CONTRACT_GAS, "exit()", &[]).map(drop);
        }
        return world.send(user, vault, CONTRACT_GAS, "redeem(uint256)", &[Arg::Uint(part)]).map(drop);
    }
    let value = affordable(world, Money::Coin, user)?;
    if value.is_zero() || !healthy {
        return Ok(());
    }
    let input = abi::call("deposit()", &[]);
    world.chain.submit(Draft { from: user, to: Some(vault), value, input, gas: CONTRACT_GAS })?;
    Ok(())
}

fn lock(world: &mut World, user: Address) -> Result<(), StoryError> {
    let (token, money) =
        if world.dice.chance(70) { (world.cast.usd, Money::Usd) } else { (world.cast.qtr, Money::Qtr) };
    let amount = affordable(world, money, user)?;
    if amount.is_zero() {
        return Ok(());
    }
    let to = Arg::Address(user);
    let arguments = [Arg::Address(token), Arg::Uint(amount), Arg::Uint(U256::from(ELSEWHERE)), to];
    let bridge = world.cast.bridge;
    world.send(user, bridge, CONTRACT_GAS, "lock(address,uint256,uint256,address)", &arguments).map(drop)
}

/// The relayer carries a message from the other side.
fn release(world: &mut World) -> Result<(), StoryError> {
    let Cast { bridge, usd, qtr, relayer, .. } = world.cast;
    let (token, money) = if world.dice.chance(70) { (usd, Money::Usd) } else { (qtr, Money::Qtr) };
    let to = any_user(world);
    let amount = world.dice.size(money.typical()).min(world.token_balance(token, bridge)? / U256::from(8));
    if amount.is_zero() {
        return Ok(());
    }
    world.messages += 1;
    let message = keccak256([bridge.as_slice(), &world.messages.to_be_bytes()].concat());
    let arguments = [Arg::Word(message), Arg::Address(token), Arg::Address(to), Arg::Uint(amount)];
    world.send(relayer, bridge, CONTRACT_GAS, "release(bytes32,address,address,uint256)", &arguments).map(drop)
}

/// The relayer proves a message of the other bridge and has it carried out.
pub(super) fn arrive(world: &mut World, to: Address, amount: U256) -> Result<[B256; 2], StoryError> {
    let Cast { relayer, mirror, .. } = world.cast;
    world.messages += 1;
    let words = [Arg::Uint(U256::from(world.messages)), Arg::Address(to), Arg::Uint(amount)];
    let encoded: Vec<u8> = abi::call("messageOf(uint256,address,uint256)", &words).iter().skip(4).copied().collect();
    let (message, root) = (keccak256(encoded), keccak256(world.messages.to_be_bytes()));
    let proof = [Arg::Word(message), Arg::Word(root)];
    let proven = world.send(relayer, mirror, CONTRACT_GAS, "prove(bytes32,bytes32)", &proof)?;
    Ok([proven, world.send(relayer, mirror, CONTRACT_GAS, "process(uint256,address,uint256)", &words)?])
}
