//! The attacks themselves. Each only sends transactions, as an attacker would. Tests: `story/tests.rs`.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256};

use super::{
    super::{
        cast::{COIN, Cast, DOLLAR},
        world::{StoryError, World, payment},
    },
    parts::{ATTACK_GAS, CALL_GAS, approve, create, nothing_planned, people, prepare, send_token, upgrade},
};
use crate::chain::{
    Draft,
    abi::{self, Arg},
    account,
    contracts::Contract,
};

/// Coins that the double spender pays to the exchange and takes back.
const DOUBLE_SPEND_COINS: u64 = 150;
/// Blocks that the double spender's branch replaces.
const DOUBLE_SPEND_DEPTH: usize = 3;
/// Kept by a thief of a wallet for the fee of the last transaction.
const FEE_RESERVE: U256 = alloy_primitives::uint!(10_000_000_000_000_000_U256);
/// Coins that go into the escrow in each round, and how many rounds there are: a try, far below any limit in dollars.
const ESCROW_COINS: u64 = 1;
const ESCROW_ROUNDS: u64 = 3;
/// Dollars that nobody locked anywhere.
const UNBACKED_USD: u64 = 8_000_000;
/// QTR that the thief of the issuer's key issues, and how much of it is sold at once.
const ISSUED_QTR: u64 = 5_000_000;
const SOLD_QTR: u64 = 4_000_000;
/// People who follow the link to the false gift.
pub(super) const DECEIVED: usize = 8;
/// Blocks over which a slow thief takes, and what of the wallet in each, in thousandths of what it held at the start.
const SLOW_BLOCKS: u64 = 30;
const SLOW_PERMILLE: u64 = 20;

pub(super) fn flash_loan(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, lender, lending, pool, usd, .. } = world.cast;
    let code = Contract::FlashAttack.init_code(&[Arg::Address(lender), Arg::Address(lending)]);
    let (created, attacker) = create(world, thief, code)?;
    // One and a half times what the pool holds makes the price about six times as high.
    let amount = world.token_balance(usd, pool)? * U256::from(3) / U256::from(2);
    let run = world.send(thief, attacker, ATTACK_GAS, "run(uint256)", &[Arg::Uint(amount)])?;
    Ok(vec![created, run])
}

pub(super) fn vault_drain(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, vault, .. } = world.cast;
    let (created, attacker) = create(world, thief, Contract::VaultAttack.init_code(&[Arg::Address(vault)]))?;
    let value = world.read(vault, "totalAssets()", &[])? / U256::from(10);
    let input = abi::call("run()", &[]);
    let draft = Draft { from: thief, to: Some(attacker), value, input, gas: ATTACK_GAS };
    Ok(vec![created, world.chain.submit(draft)?])
}

pub(super) fn bridge_takeover(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, bridge, usd, qtr, signers: [first, second, _], .. } = world.cast;
    let (created, drain) = create(world, thief, Contract::BridgeDrain.init_code(&[]))?;
    let mut transactions = vec![created];
    transactions.extend(upgrade(world, [first, second], drain)?);
    for token in [qtr, usd] {
        transactions.push(world.send(thief, bridge, CALL_GAS, "releaseAll(address)", &[Arg::Address(token)])?);
    }
    Ok(transactions)
}

pub(super) fn hot_wallet_theft(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, hot_wallet, usd, qtr, .. } = world.cast;
    let mut transactions = Vec::new();
    for token in [qtr, usd] {
        let amount = world.token_balance(token, hot_wallet)?;
        if !amount.is_zero() {
            transactions.push(send_token(world, token, hot_wallet, thief, amount)?);
        }
    }
    let coins = world.chain.balance(hot_wallet).saturating_sub(FEE_RESERVE);
    transactions.push(world.pay(hot_wallet, thief, coins)?);
    world.payouts_stopped = true;
    Ok(transactions)
}

pub(super) fn double_spend(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, thief_reserve, hot_wallet, .. } = world.cast;
    nothing_planned(world)?;
    let coins = U256::from(DOUBLE_SPEND_COINS) * COIN;
    let paid = world.pay(thief, hot_wallet, coins)?;
    let replace = BTreeMap::from([(paid, payment(thief, thief_reserve, coins))]);
    prepare(world, DOUBLE_SPEND_DEPTH, replace);
    Ok(vec![paid])
}

/// A deposit is handed over while it is paid back, and paid back again.
pub(super) fn reentrancy(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, escrow, .. } = world.cast;
    let (created, attacker) = create(world, thief, Contract::EscrowAttack.init_code(&[Arg::Address(escrow)]))?;
    let input = abi::call("run(uint256)", &[Arg::Uint(U256::from(ESCROW_ROUNDS))]);
    let value = U256::from(ESCROW_COINS) * COIN;
    let draft = Draft { from: thief, to: Some(attacker), value, input, gas: ATTACK_GAS };
    Ok(vec![created, world.chain.submit(draft)?])
}

/// As the flash loan, with money of its own.
pub(super) fn price_manipulation(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { raider, lending, pool, usd, .. } = world.cast;
    let (created, attacker) = create(world, raider, Contract::PriceAttack.init_code(&[Arg::Address(lending)]))?;
    // One and a half times what the pool holds makes the price about six times as high.
    let amount = world.token_balance(usd, pool)? * U256::from(3) / U256::from(2);
    let approved = approve(world, raider, usd, attacker, amount)?;
    let run = world.send(raider, attacker, ATTACK_GAS, "run(uint256)", &[Arg::Uint(amount)])?;
    Ok(vec![created, approved, run])
}

/// A message that nobody proved is carried out.
pub(super) fn bridge_mint(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, mirror, .. } = world.cast;
    let amount = Arg::Uint(U256::from(UNBACKED_USD) * DOLLAR);
    // A number that the relayer has not come to.
    let number = Arg::Uint(U256::from(u64::MAX));
    let process = "process(uint256,address,uint256)";
    Ok(vec![world.send(thief, mirror, CALL_GAS, process, &[number, Arg::Address(thief), amount])?])
}

/// The issuer's key hands the token over; the new owner issues and sells.
pub(super) fn key_compromise(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, deployer, qtr, pool, .. } = world.cast;
    let quarters = |amount: u64| U256::from(amount) * COIN;
    let handed = world.send(deployer, qtr, CALL_GAS, "transferOwnership(address)", &[Arg::Address(thief)])?;
    let arguments = [Arg::Address(thief), Arg::Uint(quarters(ISSUED_QTR))];
    let issued = world.send(thief, qtr, CALL_GAS, "mint(address,uint256)", &arguments)?;
    let approved = approve(world, thief, qtr, pool, quarters(SOLD_QTR))?;
    let arguments = [Arg::Address(qtr), Arg::Uint(quarters(SOLD_QTR)), Arg::Uint(U256::ZERO), Arg::Address(thief)];
    let sold = world.send(thief, pool, CALL_GAS, "swapExactIn(address,uint256,uint256,address)", &arguments)?;
    Ok(vec![handed, issued, approved, sold])
}

/// People approve what looks like a gift, and its owner takes all that they have.
pub(super) fn approval_phishing(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, usd, .. } = world.cast;
    let (created, claim) = create(world, thief, Contract::Claim.init_code(&[]))?;
    let deceived = people(world, DECEIVED);
    let mut transactions = vec![created];
    for one in &deceived {
        transactions.push(approve(world, *one, usd, claim, U256::MAX)?);
    }
    let arguments = [Arg::Address(usd), Arg::Addresses(&deceived)];
    transactions.push(world.send(thief, claim, ATTACK_GAS, "collect(address,address[])", &arguments)?);
    Ok(transactions)
}

/// The hot wallet's stolen key pays a little in each block, each time to another address.
pub(super) fn slow_drain(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { hot_wallet, usd, .. } = world.cast;
    let part = |held: U256| held * U256::from(SLOW_PERMILLE) / U256::from(1_000);
    let dollars = part(world.token_balance(usd, hot_wallet)?);
    let coins = part(world.chain.balance(hot_wallet));
    let (seed, next) = (world.seed, world.chain.head().number + 1);
    let mut first = Vec::new();
    for place in 0..SLOW_BLOCKS {
        let to = account(seed, "receiver", place);
        let input = abi::call("transfer(address,uint256)", &[Arg::Address(to), Arg::Uint(dollars)]);
        let token = Draft { from: hot_wallet, to: Some(usd), input, gas: CALL_GAS, ..Draft::default() };
        for draft in [token, payment(hot_wallet, to, coins)] {
            if place == 0 {
                first.push(world.chain.submit(draft)?);
            } else {
                world.later.push_back((next + place, draft));
            }
        }
    }
    Ok(first)
}
