//! Attacks on the embedded world, and for each an innocent event that looks like it.
//!
//! An attack only sends transactions (or prepares a branch), as an attacker would; it never touches balances. Each leaves
//! the seeded chance of ordinary traffic alone. Tests: `story/tests.rs` (each attack takes value, each look-alike none).

mod parts;
mod thefts;
mod lookalikes;

use std::{fmt, str::FromStr};

use alloy_primitives::B256;

use super::world::{StoryError, World};

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
    /// An escrow refunds a deposit twice, because it is handed over while it is paid.
    Reentrancy,
    /// As the flash loan, with the thief's own money: nothing but the price gives it away.
    PriceManipulation,
    /// A message that nobody proved makes the bridge issue dollars that are locked nowhere.
    BridgeMint,
    /// The issuer's stolen key hands a token over, which is then issued and sold.
    KeyCompromise,
    /// People approve a false gift and lose what they have.
    ApprovalPhishing,
    /// The hot wallet's stolen key takes a little in every block.
    SlowDrain,
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
    pub const ALL: [Self; 12] = [
        Self::FlashLoan,
        Self::VaultDrain,
        Self::BridgeTakeover,
        Self::HotWalletTheft,
        Self::Reorg,
        Self::Listed,
        Self::Reentrancy,
        Self::PriceManipulation,
        Self::BridgeMint,
        Self::KeyCompromise,
        Self::ApprovalPhishing,
        Self::SlowDrain,
    ];

    /// The name on the command line and in an answer, `flash-loan` for instance.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlashLoan => "flash-loan",
            Self::VaultDrain => "vault-drain",
            Self::BridgeTakeover => "bridge-takeover",
            Self::HotWalletTheft => "hot-wallet-theft",
            Self::Reorg => "reorg",
            Self::Listed => "listed",
            Self::Reentrancy => "reentrancy",
            Self::PriceManipulation => "price-manipulation",
            Self::BridgeMint => "bridge-mint",
            Self::KeyCompromise => "key-compromise",
            Self::ApprovalPhishing => "approval-phishing",
            Self::SlowDrain => "slow-drain",
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
            Self::Reentrancy => {
                "an escrow pays a deposit back before it books that, and the deposit is handed over meanwhile and paid \
                 back again: a try with a few coins"
            }
            Self::PriceManipulation => {
                "the thief's own money buys the QTR pool up, a little of that borrows all cash of the lending vault, and \
                 the rest is sold back"
            }
            Self::BridgeMint => {
                "a message that nobody proved makes the bridge issue eight million dollars that nobody locked"
            }
            Self::KeyCompromise => {
                "the issuer's stolen key hands QTR over to the thief, who issues five million of it and sells them into the pool"
            }
            Self::ApprovalPhishing => {
                "eight people approve what looks like the claim of a gift, and its owner takes all their dollars at once"
            }
            Self::SlowDrain => {
                "the hot wallet's stolen key takes a fiftieth of its coins and dollars in each of thirty blocks, each time to \
                 another address"
            }
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
            Self::Reentrancy => "somebody puts coins into the escrow and takes them back",
            Self::PriceManipulation => {
                "the market maker buys QTR, pledges it and borrows a third of what it cost; the price stays where it is"
            }
            Self::BridgeMint => "the relayer proves a large message and has it carried out",
            Self::KeyCompromise => "the issuer issues QTR for the market maker, as planned",
            Self::ApprovalPhishing => "eight people approve the lending vault and lend to it",
            Self::SlowDrain => "the hot wallet pays ten larger withdrawals in one block",
        }
    }

    /// Queues the attack for the next block, and what of it follows later.
    pub fn launch(self, world: &mut World) -> Result<Launched, StoryError> {
        let transactions = match self {
            Self::FlashLoan => thefts::flash_loan(world)?,
            Self::VaultDrain => thefts::vault_drain(world)?,
            Self::BridgeTakeover => thefts::bridge_takeover(world)?,
            Self::HotWalletTheft => thefts::hot_wallet_theft(world)?,
            Self::Reorg => thefts::double_spend(world)?,
            Self::Listed => parts::pay_exchange(world, world.cast.listed)?,
            Self::Reentrancy => thefts::reentrancy(world)?,
            Self::PriceManipulation => thefts::price_manipulation(world)?,
            Self::BridgeMint => thefts::bridge_mint(world)?,
            Self::KeyCompromise => thefts::key_compromise(world)?,
            Self::ApprovalPhishing => thefts::approval_phishing(world)?,
            Self::SlowDrain => thefts::slow_drain(world)?,
        };
        Ok(self.launched(world, transactions))
    }

    /// Queues the innocent event that looks like the attack.
    pub fn launch_lookalike(self, world: &mut World) -> Result<Launched, StoryError> {
        let transactions = match self {
            Self::FlashLoan => lookalikes::arbitrage(world)?,
            Self::VaultDrain => lookalikes::large_redemption(world)?,
            Self::BridgeTakeover => lookalikes::planned_upgrade(world)?,
            Self::HotWalletTheft => lookalikes::rebalance(world)?,
            Self::Reorg => lookalikes::benign_reorg(world)?,
            Self::Listed => parts::pay_exchange(world, world.cast.listed_twin)?,
            Self::Reentrancy => lookalikes::refund(world)?,
            Self::PriceManipulation => lookalikes::leverage(world)?,
            Self::BridgeMint => lookalikes::large_message(world)?,
            Self::KeyCompromise => lookalikes::planned_issue(world)?,
            Self::ApprovalPhishing => lookalikes::first_loans(world)?,
            Self::SlowDrain => lookalikes::busy_withdrawals(world)?,
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
