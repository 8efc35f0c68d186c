//! Sets the economy up: contracts, coins, tokens, liquidity, approvals.
//!
//! Every transaction of the set-up must succeed; one that fails stops it. Tests: `story/tests.rs`.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};
use quarterdeck_core::time::Timestamp;

use super::{
    cast::{COIN, Cast, DOLLAR},
    dice::Dice,
    traffic::{self, Habit},
    world::{SETUP_BLOCKS, StoryError, World, setup_span},
};
use crate::chain::{
    BLOCK_TIME, CHAIN, Draft, EmbeddedChain,
    abi::{self, Arg},
    contracts::Contract,
};

/// Enough for the largest contract.
const CREATE_GAS: u64 = 2_500_000;
const CALL_GAS: u64 = 300_000;

/// What stands where at the start, in whole coins, QTR and QUSD.
const POOL_QTR: u64 = 10_000_000;
const POOL_USD: u64 = 20_000_000;
const OUTSIDE_QTR: u64 = 2_000_000;
const OUTSIDE_USD: u64 = 4_000_000;
const LENDER_USD: u64 = 60_000_000;
const LENDING_USD: u64 = 15_000_000;
const BRIDGE_USD: u64 = 25_000_000;
const BRIDGE_QTR: u64 = 4_000_000;
const VAULT_COINS: u64 = 4_000;
const ESCROW_COINS: u64 = 200;
const MIRROR_USD: u64 = 500_000;
const HOT_USD: u64 = 5_000_000;
const HOT_COINS: u64 = 3_000;
const COLD_USD: u64 = 30_000_000;
const COLD_COINS: u64 = 20_000;
const THIEF_COINS: u64 = 600;
/// More than it takes to buy the pool up, three times over.
const RAIDER_USD: u64 = 40_000_000;
const USER_USD: u64 = 20_000;
const USER_QTR: u64 = 10_000;
const USER_COINS: u64 = 12;
/// The market maker's own, beyond what it puts into contracts.
const MAKER_USD: u64 = 2_000_000;
const MAKER_QTR: u64 = 1_000_000;
const MAKER_COINS: u64 = 5_000;

pub(super) fn deploy(seed: u64, start: Timestamp) -> Result<World, StoryError> {
    let cast = Cast::new(seed);
    let mut dice = Dice::new(seed);
    let coins = coins(&cast, &mut dice);
    let chain = EmbeddedChain::new(seed, start.minus(setup_span()), CHAIN, &coins);
    let mut world = World {
        setup: vec![chain.head().clone()],
        chain,
        cast,
        dice,
        seed,
        messages: 0,
        later: std::collections::VecDeque::new(),
        payouts_stopped: false,
        plan: None,
        refused: Vec::new(),
    };
    contracts(&mut world)?;
    mint(&mut world)?;
    provide(&mut world)?;
    approve(&mut world)?;
    mine(&mut world)?;
    Ok(world)
}

/// The chain's coins at genesis.
fn coins(cast: &Cast, dice: &mut Dice) -> BTreeMap<Address, U256> {
    let whole = |coins: u64| U256::from(coins) * COIN;
    let mut all = BTreeMap::from([
        (cast.deployer, whole(100)),
        (cast.market_maker, whole(VAULT_COINS + ESCROW_COINS + MAKER_COINS)),
        (cast.hot_wallet, whole(HOT_COINS)),
        (cast.cold_wallet, whole(COLD_COINS)),
        (cast.relayer, whole(100)),
        (cast.pauser, whole(10)),
        (cast.searcher, whole(10)),
        (cast.thief, whole(THIEF_COINS)),
        (cast.raider, whole(10)),
        (cast.listed, whole(50)),
        (cast.listed_twin, whole(50)),
    ]);
    all.extend(cast.signers.map(|signer| (signer, whole(5))));
    all.extend(cast.users.iter().map(|user| (*user, dice.size(whole(USER_COINS)))));
    all
}

/// In the order that [`Cast`] says.
fn contracts(world: &mut World) -> Result<(), StoryError> {
    let cast = world.cast.clone();
    let pair = [Arg::Address(cast.qtr), Arg::Address(cast.usd)];
    let token = |name, symbol, decimals| {
        Contract::Token.init_code(&[
            Arg::Bytes(name),
            Arg::Bytes(symbol),
            Arg::Uint(U256::from(decimals)),
            Arg::Address(cast.deployer),
        ])
    };
    let setup = abi::call(
        "initialize(address,address,address)",
        &[Arg::Address(cast.multisig), Arg::Address(cast.relayer), Arg::Address(cast.pauser)],
    );
    let codes = [
        token(b"Quay Dollar", b"QUSD", 6),
        token(b"Quarter", b"QTR", 18),
        Contract::Pool.init_code(&pair),
        Contract::Pool.init_code(&pair),
        Contract::LendingVault.init_code(&[Arg::Address(cast.usd), Arg::Address(cast.qtr), Arg::Address(cast.pool)]),
        Contract::YieldVault.init_code(&[]),
        Contract::FlashLender.init_code(&[]),
        Contract::Multisig.init_code(&[Arg::Addresses(&cast.signers), Arg::Uint(U256::from(2))]),
        Contract::Bridge.init_code(&[]),
        Contract::Proxy.init_code(&[Arg::Address(cast.bridge_code), Arg::Address(cast.multisig), Arg::Bytes(&setup)]),
        Contract::Escrow.init_code(&[]),
        Contract::Mirror.init_code(&[Arg::Address(cast.relayer), Arg::Word(B256::ZERO)]),
    ];
    for input in codes {
        world.chain.submit(Draft { from: cast.deployer, input, gas: CREATE_GAS, ..Draft::default() })?;
    }
    Ok(())
}

fn mint(world: &mut World) -> Result<(), StoryError> {
    let Cast { usd, qtr, market_maker, hot_wallet, cold_wallet, lender, raider, listed, listed_twin, .. } = world.cast;
    let maker_usd = POOL_USD + OUTSIDE_USD + LENDING_USD + BRIDGE_USD + MAKER_USD;
    let maker_qtr = POOL_QTR + OUTSIDE_QTR + BRIDGE_QTR + MAKER_QTR;
    let dollars = |amount: u64| U256::from(amount) * DOLLAR;
    let mut grants = vec![
        (usd, market_maker, dollars(maker_usd)),
        (qtr, market_maker, U256::from(maker_qtr) * COIN),
        (usd, hot_wallet, dollars(HOT_USD)),
        (usd, cold_wallet, dollars(COLD_USD)),
        (usd, lender, dollars(LENDER_USD)),
        (usd, raider, dollars(RAIDER_USD)),
        (usd, listed, dollars(USER_USD)),
        (usd, listed_twin, dollars(USER_USD)),
    ];
    for user in world.cast.users.clone() {
        grants.push((usd, user, world.dice.size(dollars(USER_USD))));
        grants.push((qtr, user, world.dice.size(U256::from(USER_QTR) * COIN)));
    }
    for (token, to, amount) in grants {
        let arguments = [Arg::Address(to), Arg::Uint(amount)];
        world.send(world.cast.deployer, token, CALL_GAS, "mint(address,uint256)", &arguments)?;
    }
    Ok(())
}

/// What the market maker puts into the contracts.
fn provide(world: &mut World) -> Result<(), StoryError> {
    let Cast { usd, qtr, pool, outside_pool, lending, bridge, vault, escrow, market_maker: maker, .. } = world.cast;
    for spender in [pool, outside_pool, lending, bridge] {
        for token in [usd, qtr] {
            allow(world, maker, token, spender)?;
        }
    }
    let dollars = |amount: u64| Arg::Uint(U256::from(amount) * DOLLAR);
    let quarters = |amount: u64| Arg::Uint(U256::from(amount) * COIN);
    let liquidity = "addLiquidity(uint256,uint256,address)";
    let to = Arg::Address(maker);
    world.send(maker, pool, CALL_GAS, liquidity, &[quarters(POOL_QTR), dollars(POOL_USD), to])?;
    world.send(maker, outside_pool, CALL_GAS, liquidity, &[quarters(OUTSIDE_QTR), dollars(OUTSIDE_USD), to])?;
    world.send(maker, lending, CALL_GAS, "supply(uint256)", &[dollars(LENDING_USD)])?;
    for (token, amount) in [(usd, dollars(BRIDGE_USD)), (qtr, quarters(BRIDGE_QTR))] {
        let arguments = [Arg::Address(token), amount, Arg::Uint(U256::ONE), to];
        world.send(maker, bridge, CALL_GAS, "lock(address,uint256,uint256,address)", &arguments)?;
    }
    for (to, coins) in [(vault, VAULT_COINS), (escrow, ESCROW_COINS)] {
        let (value, input) = (U256::from(coins) * COIN, abi::call("deposit()", &[]));
        world.chain.submit(Draft { from: maker, to: Some(to), value, input, gas: CALL_GAS })?;
    }
    traffic::arrive(world, maker, U256::from(MIRROR_USD) * DOLLAR).map(drop)
}

/// Each user allows the contract that they use.
fn approve(world: &mut World) -> Result<(), StoryError> {
    let Cast { usd, qtr, pool, lending, bridge, .. } = world.cast;
    for (index, user) in world.cast.users.clone().into_iter().enumerate() {
        let spender = match Habit::of(index) {
            Habit::Trade => pool,
            Habit::Lend => lending,
            Habit::Bridge => bridge,
            Habit::Stake | Habit::Pay => continue,
        };
        for token in [usd, qtr] {
            allow(world, user, token, spender)?;
        }
    }
    Ok(())
}

fn allow(world: &mut World, owner: Address, token: Address, spender: Address) -> Result<(), StoryError> {
    let arguments = [Arg::Address(spender), Arg::Uint(U256::MAX)];
    world.send(owner, token, CALL_GAS, "approve(address,uint256)", &arguments)?;
    Ok(())
}

/// Exactly the blocks of the set-up, the last at the start.
fn mine(world: &mut World) -> Result<(), StoryError> {
    for _ in 0..SETUP_BLOCKS {
        let at = world.chain.head().time.plus(BLOCK_TIME);
        let block = world.chain.mine(at);
        if let Some(failed) = block.transactions.iter().find(|tx| tx.status != Some(true)) {
            return Err(StoryError::Setup { hash: failed.hash, block: block.number });
        }
        world.setup.push(block);
    }
    let (pending, refused) = (world.chain.pending(), world.chain.take_refused().len());
    if pending > 0 || refused > 0 {
        return Err(StoryError::SetupTooLong { pending, refused });
    }
    world.chain.finalized(SETUP_BLOCKS);
    Ok(())
}
