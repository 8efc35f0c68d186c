//! What the operator runs: services, what they depend on, what they hold, and what assets are worth.
//!
//! Built once from the configuration and validated there; detectors, correlation and priority read it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    chain::{Address, ChainNumber, U256},
    id::{PolicyId, ServiceId},
    limits::DEPENDENCY_DEPTH_MAX,
    money::{Price, Usd},
};

/// How much the business hangs on a service. Ordered: a later variant matters more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Nobody outside notices for a day.
    Low,
    /// Some users notice.
    #[default]
    Medium,
    /// Most users notice at once.
    High,
    /// The business stops, or funds are exposed.
    Critical,
}

/// What a watched address is. Detectors choose by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A wallet with a key: hot, warm or cold.
    Wallet,
    /// A trading pool.
    Pool,
    /// A vault or lending market that holds deposits.
    Vault,
    /// A bridge's locking contract.
    Bridge,
    /// A token that the operator issues.
    Token,
    /// A price source.
    Oracle,
    /// An upgradeable contract's entry, or its administrator.
    Proxy,
    /// A multi-signature account or a time lock.
    Multisig,
    /// Anything else worth watching.
    Contract,
}

/// An address that belongs to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedAddress {
    /// EIP-155 chain number.
    pub chain: ChainNumber,
    /// The address.
    pub address: Address,
    /// What it is.
    pub role: Role,
    /// How people call it: `hot wallet 2`.
    pub label: String,
}

/// A service of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub id: ServiceId,
    /// How people call it.
    pub title: String,
    /// How much hangs on it.
    pub criticality: Criticality,
    /// People and institutions who use it.
    pub users: u64,
    /// Lost for each hour it is down.
    pub revenue_per_hour: Usd,
    /// What it holds in custody or locks.
    pub assets: Usd,
    /// Whether a regulator must hear of a major incident on it.
    pub regulated: bool,
    /// What it needs to work.
    pub depends_on: BTreeSet<ServiceId>,
    /// Who is paged.
    pub policy: PolicyId,
    /// Its addresses.
    pub addresses: Vec<WatchedAddress>,
}

/// An asset with a reference price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// EIP-155 chain number.
    pub chain: ChainNumber,
    /// The token's contract; none for the chain's own coin.
    pub token: Option<Address>,
    /// `USDC`.
    pub symbol: String,
    /// What a unit is worth.
    pub price: Price,
}

/// An address on a dated list: sanctioned, phishing, exploit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAddress {
    /// The address; the same on every EVM chain.
    pub address: Address,
    /// Why it is listed, in the list's words.
    pub label: String,
    /// Index into [`Catalogue::lists`].
    pub list: usize,
}

/// A dated list of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressList {
    /// `ofac-sdn`.
    pub name: String,
    /// The day it was drawn up.
    pub as_of: crate::time::Timestamp,
}

/// Everything the operator told us about what they run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// By name.
    pub services: BTreeMap<ServiceId, Service>,
    /// By chain and token.
    pub assets: BTreeMap<(ChainNumber, Option<Address>), Asset>,
    /// The lists that `listed` points into.
    pub lists: Vec<AddressList>,
    /// Listed addresses.
    pub listed: BTreeMap<Address, ListedAddress>,
    /// Which service and watched address an address belongs to. Filled by [`Catalogue::index`].
    watched: BTreeMap<(ChainNumber, Address), (ServiceId, usize)>,
}

impl Catalogue {
    /// A catalogue with its address index built.
    pub fn new(services: Vec<Service>, assets: Vec<Asset>) -> Self {
        let mut catalogue = Self {
            services: services.into_iter().map(|service| (service.id.clone(), service)).collect(),
            assets: assets.into_iter().map(|asset| ((asset.chain, asset.token), asset)).collect(),
            ..Self::default()
        };
        for service in catalogue.services.values() {
            for (place, watched) in service.addresses.iter().enumerate() {
                catalogue.watched.insert((watched.chain, watched.address), (service.id.clone(), place));
            }
        }
        catalogue
    }

    /// Adds a dated list.
    pub fn add_list(&mut self, list: AddressList, entries: impl IntoIterator<Item = (Address, String)>) {
        let place = self.lists.len();
        self.lists.push(list);
        for (address, label) in entries {
            self.listed.entry(address).or_insert(ListedAddress { address, label, list: place });
        }
    }

    /// The service and the watched address that `address` is, if any.
    pub fn watched(&self, chain: ChainNumber, address: Address) -> Option<(&Service, &WatchedAddress)> {
        let (service, place) = self.watched.get(&(chain, address))?;
        let service = self.services.get(service)?;
        service.addresses.get(*place).map(|watched| (service, watched))
    }

    /// Whether the operator named any address at all on this chain. If not, detectors judge every contract.
    pub fn watches_any(&self, chain: ChainNumber) -> bool {
        self.watched.range((chain, Address::ZERO)..).next().is_some_and(|((found, _), _)| *found == chain)
    }

    /// What `raw` units of a token (none: the chain's coin) are worth; none where no price is known.
    pub fn value(&self, chain: ChainNumber, token: Option<Address>, raw: U256) -> Option<Usd> {
        self.assets.get(&(chain, token)).map(|asset| asset.price.value(raw))
    }

    /// `from` and everything that stops working when it does, nearest first.
    pub fn dependents(&self, from: &ServiceId) -> Vec<ServiceId> {
        self.walk(from, |catalogue, current| {
            catalogue.services.values().filter(|s| s.depends_on.contains(current)).map(|s| s.id.clone()).collect()
        })
    }

    /// `from` and everything it needs to work, nearest first.
    pub fn dependencies(&self, from: &ServiceId) -> Vec<ServiceId> {
        self.walk(from, |catalogue, current| {
            catalogue.services.get(current).map(|s| s.depends_on.iter().cloned().collect()).unwrap_or_default()
        })
    }

    fn walk(&self, from: &ServiceId, next: impl Fn(&Self, &ServiceId) -> Vec<ServiceId>) -> Vec<ServiceId> {
        let mut found = vec![from.clone()];
        let mut layer = vec![from.clone()];
        for _ in 0..DEPENDENCY_DEPTH_MAX {
            let mut further: Vec<ServiceId> = Vec::new();
            for service in layer.iter().flat_map(|current| next(self, current)) {
                if !found.contains(&service) && !further.contains(&service) {
                    further.push(service);
                }
            }
            found.extend(further.iter().cloned());
            layer = further;
        }
        found
    }
}
