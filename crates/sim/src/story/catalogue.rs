//! What the operator of the embedded world would have told us: services, addresses, prices, a list.
//!
//! Only what an operator knows: no attacker's address but the listed one, nothing about what will happen. Tests:
//! `story/tests.rs`.

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::Address;
use quarterdeck_core::{
    catalogue::{AddressList, AddressRole, Asset, Catalogue, Criticality, Service, WatchedAddress},
    chain::ChainId,
    id::{PolicyId, ServiceId},
    money::{Price, Usd},
    wallet::{Spans, WalletPolicy},
};

use super::{
    cast::{COIN_PRICE, QTR_PRICE},
    world::{SETUP_BLOCKS, StoryError, World},
};
use crate::chain::CHAIN;

/// Millionths of a dollar.
const MICRO: u64 = 1_000_000;

/// What may leave the hot wallet within an hour, in thousandths.
const HOT_HOUR_PERMILLE: u32 = 250;

/// A service in short.
struct Row {
    name: &'static str,
    title: &'static str,
    criticality: Criticality,
    users: u64,
    revenue_per_hour: u64,
    assets: u64,
    regulated: bool,
    depends_on: &'static [&'static str],
    addresses: Vec<(Address, AddressRole, &'static str)>,
}

impl World {
    /// The catalogue of an operator who runs all of this, and whose every service pages by `policy`.
    pub fn catalogue(&self, policy: &PolicyId) -> Result<Catalogue, StoryError> {
        let services: Result<Vec<Service>, StoryError> =
            self.rows().into_iter().map(|row| service(row, policy)).collect();
        let asset = |token, symbol: &str, dollars: u64, decimals| Asset {
            chain: ChainId::evm(CHAIN),
            token,
            symbol: symbol.to_owned(),
            price: Price { micro_usd: dollars * MICRO, decimals },
        };
        let assets = vec![
            asset(None, "COIN", COIN_PRICE, 18),
            asset(Some(self.cast.usd), "QUSD", 1, 6),
            asset(Some(self.cast.qtr), "QTR", QTR_PRICE, 18),
            asset(Some(self.cast.mirror), "PUSD", 1, 6),
        ];
        let mut catalogue = Catalogue::new(services?, assets);
        let as_of = self.setup.iter().find(|block| block.number == SETUP_BLOCKS).map(|block| block.time);
        let list = AddressList { name: "drill-sanctions".to_owned(), as_of: as_of.unwrap_or_default() };
        // No more than a quarter of the hot wallet within an hour: twice what the busiest hour pays out.
        let share_permille = Spans { hour: Some(HOT_HOUR_PERMILLE), ..Spans::default() };
        let policy = WalletPolicy { share_permille, ..WalletPolicy::default() };
        catalogue.guard(ChainId::evm(CHAIN), self.cast.hot_wallet, Arc::new(policy));
        catalogue.add_list(list, [(self.cast.listed, "invented for drills: proceeds of an exploit".to_owned())]);
        Ok(catalogue)
    }

    fn rows(&self) -> [Row; 5] {
        [self.exchange(), self.market(), self.lending(), self.staking(), self.bridge()]
    }

    fn exchange(&self) -> Row {
        Row {
            name: "exchange-wallets",
            title: "Exchange wallets",
            criticality: Criticality::Critical,
            users: 180_000,
            revenue_per_hour: 24_000,
            assets: 81_000_000,
            regulated: true,
            depends_on: &[],
            addresses: vec![
                (self.cast.hot_wallet, AddressRole::Wallet, "hot wallet"),
                (self.cast.cold_wallet, AddressRole::Wallet, "cold wallet"),
            ],
        }
    }

    fn market(&self) -> Row {
        Row {
            name: "quarter-market",
            title: "QTR/QUSD market",
            criticality: Criticality::High,
            users: 22_000,
            revenue_per_hour: 3_500,
            assets: 40_000_000,
            regulated: false,
            depends_on: &[],
            addresses: vec![
                (self.cast.pool, AddressRole::Pool, "QTR/QUSD pool"),
                (self.cast.qtr, AddressRole::Token, "QTR"),
                (self.cast.usd, AddressRole::Token, "QUSD"),
            ],
        }
    }

    fn lending(&self) -> Row {
        Row {
            name: "lending",
            title: "Lending market",
            criticality: Criticality::Critical,
            users: 9_000,
            revenue_per_hour: 2_200,
            assets: 15_000_000,
            regulated: false,
            depends_on: &["quarter-market"],
            addresses: vec![(self.cast.lending, AddressRole::Vault, "QUSD lending vault")],
        }
    }

    fn staking(&self) -> Row {
        Row {
            name: "staking-vault",
            title: "Staking vault",
            criticality: Criticality::High,
            users: 6_500,
            revenue_per_hour: 900,
            assets: 8_000_000,
            regulated: false,
            depends_on: &[],
            addresses: vec![
                (self.cast.vault, AddressRole::Vault, "coin vault"),
                (self.cast.escrow, AddressRole::Vault, "escrow"),
            ],
        }
    }

    fn bridge(&self) -> Row {
        Row {
            name: "bridge",
            title: "Bridge",
            criticality: Criticality::Critical,
            users: 48_000,
            revenue_per_hour: 5_000,
            assets: 33_000_000,
            regulated: true,
            depends_on: &["quarter-market"],
            addresses: vec![
                (self.cast.bridge, AddressRole::Bridge, "bridge (proxy)"),
                (self.cast.bridge_code, AddressRole::Contract, "bridge implementation"),
                (self.cast.multisig, AddressRole::Multisig, "bridge administrators"),
                (self.cast.relayer, AddressRole::Wallet, "bridge relayer"),
                (self.cast.mirror, AddressRole::Token, "PUSD"),
            ],
        }
    }
}

fn service(row: Row, policy: &PolicyId) -> Result<Service, StoryError> {
    let depends_on: Result<BTreeSet<ServiceId>, _> = row.depends_on.iter().map(|name| ServiceId::new(name)).collect();
    let watch = |(address, role, label): (Address, AddressRole, &str)| WatchedAddress {
        chain: ChainId::evm(CHAIN),
        address: address.into(),
        role,
        label: label.to_owned(),
    };
    Ok(Service {
        id: ServiceId::new(row.name)?,
        title: row.title.to_owned(),
        criticality: row.criticality,
        users: row.users,
        revenue_per_hour: Usd::from_dollars(row.revenue_per_hour),
        assets: Usd::from_dollars(row.assets),
        regulated: row.regulated,
        depends_on: depends_on?,
        policy: policy.clone(),
        addresses: row.addresses.into_iter().map(watch).collect(),
    })
}
