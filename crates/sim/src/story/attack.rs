//! Attacks on the embedded world, and for each an innocent event that looks like it.
//!
//! An attack only sends transactions (or prepares a branch), as an attacker would; it never touches balances. Each leaves
//! the seeded chance of ordinary traffic alone. Tests: `story/tests.rs` (each attack takes value, each look-alike none).

use std::{collections::BTreeMap, fmt, str::FromStr};

use alloy_primitives::{Address, B256, U256};

use super::{
    cast::{COIN, Cast, DOLLAR},
    world::{Plan, StoryError, World, payment},
};
use crate::chain::{
    Draft,
    abi::{self, Arg},
    contracts::Contract,
};

/// Enough to deploy any attacker's contract.
const CREATE_GAS: u64 = 1_500_000;
/// Enough for any attack.
const ATTACK_GAS: u64 = 2_500_000;
const CALL_GAS: u64 = 300_000;
/// Coins that the double spender pays to the exchange and takes back.
const DOUBLE_SPEND_COINS: u64 = 150;
/// Blocks that the double spender's branch replaces.
const DOUBLE_SPEND_DEPTH: usize = 3;
/// Dollars that the listed address pays: an ordinary sum, so that only the list gives it away.
const LISTED_USD: u64 = 1_200;
/// Kept by a thief of a wallet for the fee of the last transaction.
const FEE_RESERVE: U256 = alloy_primitives::uint!(10_000_000_000_000_000_U256);

/// An attack by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Attack {
    /// A flash loan moves the pool's price; the lending vault lends its cash against collateral that is worth little.
    #[default]
    FlashLoan,
    /// The staking vault is paid out again and again by re-entering `exit`.
    VaultDrain,
    /// Two stolen administrator keys upgrade the bridge and release all that it locks.
    BridgeTakeover,
    /// The hot wallet's stolen key empties it.
    HotWalletTheft,
    /// A reorganization of three blocks takes back a deposit to the exchange.
    Reorg,
    /// A listed address pays the exchange.
    Listed,
}

/// What was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// Which attack.
    pub attack: Attack,
    /// All transactions, in order.
    pub transactions: Vec<B256>,
    /// The one that does it: takes the money, or is undone later.
    pub transaction: B256,
    /// The height at which it will be mined.
    pub block: u64,
    /// The height at which it can first be noticed: that of `block`, but for the reorganization.
    pub visible: u64,
}

/// No attack of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no attack: want one of {}", Attack::ALL.map(Attack::name).join(", "))]
pub struct UnknownAttack {
    /// What was given, shortened.
    pub name: String,
}

impl Attack {
    /// All of them, the demo's first.
    pub const ALL: [Self; 6] =
        [Self::FlashLoan, Self::VaultDrain, Self::BridgeTakeover, Self::HotWalletTheft, Self::Reorg, Self::Listed];

    /// The name on the command line and in an answer, `flash-loan` for instance.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlashLoan => "flash-loan",
            Self::VaultDrain => "vault-drain",
            Self::BridgeTakeover => "bridge-takeover",
            Self::HotWalletTheft => "hot-wallet-theft",
            Self::Reorg => "reorg",
            Self::Listed => "listed",
        }
    }

    /// What happens, for a person.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::FlashLoan => {
                "a flash loan buys the QTR pool up, borrows all cash of the lending vault against collateral at that price, \
                 sells back, repays and keeps the difference"
            }
            Self::VaultDrain => {
                "a contract re-enters the staking vault's `exit` and is paid for the same shares until the vault is empty"
            }
            Self::BridgeTakeover => {
                "two stolen administrator keys put other code behind the bridge's proxy, which then releases everything"
            }
            Self::HotWalletTheft => "the hot wallet's stolen key sends all its coins and tokens to one new address",
            Self::Reorg => {
                "the chain leaves three blocks, and a deposit to the exchange is spent elsewhere on the new branch"
            }
            Self::Listed => "an address on a sanctions list pays the exchange an ordinary sum",
        }
    }

    /// The innocent event that [`Attack::launch_lookalike`] makes, for a person.
    pub const fn describe_lookalike(self) -> &'static str {
        match self {
            Self::FlashLoan => "a flash loan evens the price out between two pools after a large sale; nobody loses",
            Self::VaultDrain => "the largest depositor redeems a tenth of its own shares",
            Self::BridgeTakeover => {
                "the administrators upgrade the bridge to the same code at a new address; nothing moves"
            }
            Self::HotWalletTheft => "the hot wallet moves half of its dollars to the exchange's own cold wallet",
            Self::Reorg => "the chain leaves one block, and every transaction of it is on the new branch too",
            Self::Listed => "an address that begins and ends like a listed one pays the exchange an ordinary sum",
        }
    }

    /// Queues the attack for the next block.
    pub fn launch(self, world: &mut World) -> Result<Launched, StoryError> {
        let transactions = match self {
            Self::FlashLoan => flash_loan(world)?,
            Self::VaultDrain => vault_drain(world)?,
            Self::BridgeTakeover => bridge_takeover(world)?,
            Self::HotWalletTheft => hot_wallet_theft(world)?,
            Self::Reorg => double_spend(world)?,
            Self::Listed => pay_exchange(world, world.cast.listed)?,
        };
        Ok(self.launched(world, transactions))
    }

    /// Queues the innocent event that looks like the attack.
    pub fn launch_lookalike(self, world: &mut World) -> Result<Launched, StoryError> {
        let transactions = match self {
            Self::FlashLoan => arbitrage(world)?,
            Self::VaultDrain => large_redemption(world)?,
            Self::BridgeTakeover => planned_upgrade(world)?,
            Self::HotWalletTheft => rebalance(world)?,
            Self::Reorg => benign_reorg(world)?,
            Self::Listed => pay_exchange(world, world.cast.listed_twin)?,
        };
        Ok(self.launched(world, transactions))
    }

    fn launched(self, world: &World, transactions: Vec<B256>) -> Launched {
        let block = world.chain.head().number + 1;
        let transaction = transactions.last().copied().unwrap_or_default();
        let planned = world.plan.as_ref().filter(|_| self == Self::Reorg);
        let visible = planned.map_or(block, |plan| plan.due);
        Launched { attack: self, transactions, transaction, block, visible }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Attack {
    type Err = UnknownAttack;
    fn from_str(name: &str) -> Result<Self, UnknownAttack> {
        let known = Self::ALL.into_iter().find(|attack| attack.name() == name);
        known.ok_or_else(|| UnknownAttack { name: name.chars().take(40).collect() })
    }
}

/// Queues a creation and says where the contract will stand.
fn create(world: &mut World, from: Address, input: alloy_primitives::Bytes) -> Result<(B256, Address), StoryError> {
    let stands = from.create(world.chain.next_nonce(from));
    let hash = world.chain.submit(Draft { from, input, gas: CREATE_GAS, ..Draft::default() })?;
    Ok((hash, stands))
}

fn flash_loan(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, lender, lending, pool, usd, .. } = world.cast;
    let code = Contract::FlashAttack.init_code(&[Arg::Address(lender), Arg::Address(lending)]);
    let (created, attacker) = create(world, thief, code)?;
    // One and a half times what the pool holds makes the price about six times as high.
    let amount = world.token_balance(usd, pool)? * U256::from(3) / U256::from(2);
    let run = world.send(thief, attacker, ATTACK_GAS, "run(uint256)", &[Arg::Uint(amount)])?;
    Ok(vec![created, run])
}

fn vault_drain(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, vault, .. } = world.cast;
    let (created, attacker) = create(world, thief, Contract::VaultAttack.init_code(&[Arg::Address(vault)]))?;
    let value = world.read(vault, "totalAssets()", &[])? / U256::from(10);
    let input = abi::call("run()", &[]);
    let draft = Draft { from: thief, to: Some(attacker), value, input, gas: ATTACK_GAS };
    Ok(vec![created, world.chain.submit(draft)?])
}

fn bridge_takeover(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, bridge, usd, qtr, signers: [first, second, _], .. } = world.cast;
    let (created, drain) = create(world, thief, Contract::BridgeDrain.init_code(&[]))?;
    let mut transactions = vec![created];
    transactions.extend(upgrade(world, [first, second], drain)?);
    for token in [qtr, usd] {
        transactions.push(world.send(thief, bridge, CALL_GAS, "releaseAll(address)", &[Arg::Address(token)])?);
    }
    Ok(transactions)
}

/// One signer proposes the upgrade, the other confirms and thereby carries it out.
fn upgrade(world: &mut World, by: [Address; 2], code: Address) -> Result<[B256; 2], StoryError> {
    let Cast { multisig, bridge, .. } = world.cast;
    let [first, second] = by;
    let id = world.read(multisig, "proposalCount()", &[])?;
    let call = abi::call("upgradeTo(address)", &[Arg::Address(code)]);
    let arguments = [Arg::Address(bridge), Arg::Bytes(&call)];
    let proposed = world.send(first, multisig, CALL_GAS, "propose(address,bytes)", &arguments)?;
    let confirmed = world.send(second, multisig, CALL_GAS, "confirm(uint256)", &[Arg::Uint(id)])?;
    Ok([proposed, confirmed])
}

fn hot_wallet_theft(world: &mut World) -> Result<Vec<B256>, StoryError> {
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

fn double_spend(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { thief, thief_reserve, hot_wallet, .. } = world.cast;
    nothing_planned(world)?;
    let coins = U256::from(DOUBLE_SPEND_COINS) * COIN;
    let paid = world.pay(thief, hot_wallet, coins)?;
    let replace = BTreeMap::from([(paid, payment(thief, thief_reserve, coins))]);
    prepare(world, DOUBLE_SPEND_DEPTH, replace);
    Ok(vec![paid])
}

fn benign_reorg(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { market_maker, hot_wallet, .. } = world.cast;
    nothing_planned(world)?;
    let paid = world.pay(market_maker, hot_wallet, COIN)?;
    prepare(world, 1, BTreeMap::new());
    Ok(vec![paid])
}

/// Refuses a second reorganization while one is due.
fn nothing_planned(world: &World) -> Result<(), StoryError> {
    world.plan.as_ref().map_or(Ok(()), |plan| Err(StoryError::AlreadyPlanned { due: plan.due }))
}

/// The next `depth` blocks will be left.
fn prepare(world: &mut World, depth: usize, replace: BTreeMap<B256, Draft>) {
    let next = world.chain.head().number + 1;
    world.plan = Some(Plan { due: next + u64::try_from(depth).unwrap_or(1), depth, replace });
}

fn pay_exchange(world: &mut World, from: Address) -> Result<Vec<B256>, StoryError> {
    let Cast { usd, hot_wallet, .. } = world.cast;
    Ok(vec![send_token(world, usd, from, hot_wallet, U256::from(LISTED_USD) * DOLLAR)?])
}

fn arbitrage(world: &mut World) -> Result<Vec<B256>, StoryError> {
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

fn large_redemption(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { market_maker, vault, .. } = world.cast;
    let shares = world.read(vault, "sharesOf(address)", &[Arg::Address(market_maker)])? / U256::from(10);
    Ok(vec![world.send(market_maker, vault, CALL_GAS, "redeem(uint256)", &[Arg::Uint(shares)])?])
}

fn planned_upgrade(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { deployer, signers: [first, _, third], .. } = world.cast;
    let (created, code) = create(world, deployer, Contract::Bridge.init_code(&[]))?;
    let [proposed, confirmed] = upgrade(world, [first, third], code)?;
    Ok(vec![created, proposed, confirmed])
}

fn rebalance(world: &mut World) -> Result<Vec<B256>, StoryError> {
    let Cast { hot_wallet, cold_wallet, usd, .. } = world.cast;
    let amount = world.token_balance(usd, hot_wallet)? / U256::from(2);
    Ok(vec![send_token(world, usd, hot_wallet, cold_wallet, amount)?])
}

fn send_token(world: &mut World, token: Address, from: Address, to: Address, amount: U256) -> Result<B256, StoryError> {
    world.send(from, token, CALL_GAS, "transfer(address,uint256)", &[Arg::Address(to), Arg::Uint(amount)])
}
