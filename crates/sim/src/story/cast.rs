//! Who is who on the embedded chain: accounts, contracts, units.
//!
//! Addresses follow from the seed; contracts stand where the deployer's nonce puts them. Nothing here touches the chain.

use alloy_primitives::{Address, U256, uint};

use crate::chain::account;

/// Ordinary accounts.
pub(super) const USERS: u64 = 200;
/// One unit of the chain's coin, in wei; also of the token QTR.
pub(super) const COIN: U256 = uint!(1_000_000_000_000_000_000_U256);
/// One QUSD in its smallest units.
pub(super) const DOLLAR: U256 = uint!(1_000_000_U256);
/// Dollars per coin.
pub(super) const COIN_PRICE: u64 = 2_000;
/// Dollars per QTR.
pub(super) const QTR_PRICE: u64 = 2;

/// Accounts and contracts of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// Deploys and mints.
    pub deployer: Address,
    /// Provides liquidity, lends, stakes, trades big.
    pub market_maker: Address,
    /// Ordinary accounts.
    pub users: Vec<Address>,
    /// The exchange's wallet that receives deposits and pays withdrawals.
    pub hot_wallet: Address,
    /// The exchange's reserve.
    pub cold_wallet: Address,
    /// Carries messages over the bridge.
    pub relayer: Address,
    /// Can pause the bridge.
    pub pauser: Address,
    /// Two of three administer the bridge.
    pub signers: [Address; 3],
    /// An honest trader with a flash-loan contract.
    pub searcher: Address,
    /// The attacker's own account.
    pub thief: Address,
    /// An attacker with money of its own.
    pub raider: Address,
    /// Where the thief puts what was taken back by a reorganization.
    pub thief_reserve: Address,
    /// On a list of addresses to stay away from.
    pub listed: Address,
    /// Begins and ends as `listed` does, and has done nothing.
    pub listed_twin: Address,
    /// The dollar token, QUSD.
    pub usd: Address,
    /// The operator's token, QTR.
    pub qtr: Address,
    /// The operator's pool of QTR and QUSD.
    pub pool: Address,
    /// Somebody else's pool of the same pair.
    pub outside_pool: Address,
    /// Lends QUSD against QTR.
    pub lending: Address,
    /// Holds staked coins.
    pub vault: Address,
    /// Somebody else's flash-loan lender.
    pub lender: Address,
    /// Two of three signers.
    pub multisig: Address,
    /// What stands behind the bridge at first.
    pub bridge_code: Address,
    /// The bridge, which is a proxy.
    pub bridge: Address,
    /// Keeps coins of trades until they are settled.
    pub escrow: Address,
    /// The end of another bridge, and the dollar that it issues, PUSD.
    pub mirror: Address,
}

impl Cast {
    pub(super) fn new(seed: u64) -> Self {
        let one = |role: &str| account(seed, role, 0);
        let deployer = one("deployer");
        let listed = one("listed");
        Self {
            deployer,
            market_maker: one("market maker"),
            users: (0..USERS).map(|index| account(seed, "user", index)).collect(),
            hot_wallet: one("hot wallet"),
            cold_wallet: one("cold wallet"),
            relayer: one("relayer"),
            pauser: one("pauser"),
            signers: [0, 1, 2].map(|index| account(seed, "signer", index)),
            searcher: one("searcher"),
            thief: one("thief"),
            raider: one("raider"),
            thief_reserve: one("thief reserve"),
            listed,
            listed_twin: twin(listed, one("twin")),
            usd: deployer.create(0),
            qtr: deployer.create(1),
            pool: deployer.create(2),
            outside_pool: deployer.create(3),
            lending: deployer.create(4),
            vault: deployer.create(5),
            lender: deployer.create(6),
            multisig: deployer.create(7),
            bridge_code: deployer.create(8),
            bridge: deployer.create(9),
            escrow: deployer.create(10),
            mirror: deployer.create(11),
        }
    }
}

/// The first and last four bytes of one address around the middle of another.
fn twin(outside: Address, inside: Address) -> Address {
    let mut bytes = inside.into_array();
    for (place, (to, from)) in bytes.iter_mut().zip(outside).enumerate() {
        if !(4..16).contains(&place) {
            *to = from;
        }
    }
    Address::from(bytes)
}
