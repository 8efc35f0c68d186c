//! What the operator runs: services, what they depend on, what they hold, and what assets are worth.
//!
//! Built once from the configuration and validated there; detectors, correlation and priority read it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    chain::{Address, ChainId, U256},
    id::{PolicyId, ServiceId},
    limits::{BLAST_RADIUS_MAX, DEPENDENCY_DEPTH_MAX, RELATED_SERVICES_MAX},
    money::{Price, Usd},
    wallet::WalletPolicy,
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

impl Criticality {
    /// From the least to the most.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// As it is written everywhere: `low`, `medium`, `high`, `critical`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a watched address is. Detectors choose by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressRole {
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

impl AddressRole {
    /// As it is written everywhere: `wallet`, `pool`, `vault`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Pool => "pool",
            Self::Vault => "vault",
            Self::Bridge => "bridge",
            Self::Token => "token",
            Self::Oracle => "oracle",
            Self::Proxy => "proxy",
            Self::Multisig => "multisig",
            Self::Contract => "contract",
        }
    }
    /// Whether people of the operator sign for it, so that what leaves it is the operator's own deed or a theft.
    pub const fn is_signed_for(self) -> bool {
        match self {
            Self::Wallet | Self::Multisig => true,
            Self::Pool | Self::Vault | Self::Bridge | Self::Token | Self::Oracle | Self::Proxy | Self::Contract => {
                false
            }
        }
    }
}

/// An address that belongs to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedAddress {
    /// The chain.
    pub chain: ChainId,
    /// The account.
    pub address: Account,
    /// What it is.
    pub role: AddressRole,
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
    /// The chain.
    pub chain: ChainId,
    /// The token's contract; none for the chain's own coin.
    pub token: Option<Address>,
    /// As people write it, `USDC` for instance.
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
    /// The list's name, `ofac-sdn` for instance.
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
    pub assets: BTreeMap<(ChainId, Option<Address>), Asset>,
    /// The lists that `listed` points into.
    pub lists: Vec<AddressList>,
    /// Listed addresses.
    pub listed: BTreeMap<Address, ListedAddress>,
    /// The text of a learned model of thefts, if one is configured. What it says is read in `quarterdeck-detect`.
    pub theft_model: Option<Arc<str>>,
    /// The policies of watched wallets. One policy may hold for several.
    policies: BTreeMap<(ChainId, Account), Arc<WalletPolicy>>,
    /// Which service and watched address an address belongs to. Filled by [`Catalogue::index`].
    watched: BTreeMap<(ChainId, Account), (ServiceId, usize)>,
    /// Which services need a service directly: the reverse of `depends_on`.
    needed_by: BTreeMap<ServiceId, BTreeSet<ServiceId>>,
    /// How many services stop with a service, where more than itself.
    radius: BTreeMap<ServiceId, usize>,
}

impl Catalogue {
    /// A catalogue with its indexes built.
    pub fn new(services: Vec<Service>, assets: Vec<Asset>) -> Self {
        let mut catalogue = Self {
            services: services.into_iter().map(|service| (service.id.clone(), service)).collect(),
            assets: assets.into_iter().map(|asset| ((asset.chain, asset.token), asset)).collect(),
            ..Self::default()
        };
        for service in catalogue.services.values() {
            for (place, watched) in service.addresses.iter().enumerate() {
                catalogue.watched.insert((watched.chain, watched.address.clone()), (service.id.clone(), place));
            }
            for needed in &service.depends_on {
                catalogue.needed_by.entry(needed.clone()).or_default().insert(service.id.clone());
            }
        }
        let radius =
            |service| (ServiceId::clone(service), catalogue.walk(service, BLAST_RADIUS_MAX, &Self::users_of).len());
        catalogue.radius = catalogue.needed_by.keys().map(radius).collect();
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

    /// Puts a watched wallet under a policy.
    pub fn guard(&mut self, chain: ChainId, account: impl Into<Account>, policy: Arc<WalletPolicy>) {
        self.policies.insert((chain, account.into()), policy);
    }

    /// The policy of a watched wallet, if it has one.
    pub fn wallet_policy(&self, chain: ChainId, account: impl Into<Account>) -> Option<&WalletPolicy> {
        self.policies.get(&(chain, account.into())).map(|policy| &**policy)
    }

    /// Every watched account that people sign for, with its service.
    pub fn wallets(&self) -> impl Iterator<Item = (&Service, &WatchedAddress)> {
        let all = self.services.values().flat_map(|service| service.addresses.iter().map(move |one| (service, one)));
        all.filter(|(_, one)| one.role.is_signed_for())
    }

    /// The service and the watched address that `account` is, if any.
    pub fn watched(&self, chain: ChainId, account: impl Into<Account>) -> Option<(&Service, &WatchedAddress)> {
        let (service, place) = self.watched.get(&(chain, account.into()))?;
        let service = self.services.get(service)?;
        service.addresses.get(*place).map(|watched| (service, watched))
    }

    /// Whether the operator named any address at all on this chain. If not, detectors judge every contract.
    pub fn watches_any(&self, chain: ChainId) -> bool {
        self.watched.range((chain, Account::Evm(Address::ZERO))..).next().is_some_and(|((found, _), _)| *found == chain)
    }

    /// What `raw` units of a token (none: the chain's coin) are worth; none where no price is known.
    pub fn value(&self, chain: ChainId, token: Option<Address>, raw: U256) -> Option<Usd> {
        self.assets.get(&(chain, token)).map(|asset| asset.price.value(raw))
    }

    /// `from` and everything that stops working when it does, nearest first.
    pub fn dependents(&self, from: &ServiceId) -> Vec<ServiceId> {
        self.walk(from, usize::MAX, &Self::users_of).into_iter().cloned().collect()
    }

    /// `from` and everything it needs to work, nearest first.
    pub fn dependencies(&self, from: &ServiceId) -> Vec<ServiceId> {
        self.walk(from, usize::MAX, &Self::needs_of).into_iter().cloned().collect()
    }

    /// How many services stop working when `from` does, itself included; at most [`BLAST_RADIUS_MAX`]. Found when the
    /// catalogue is built.
    pub fn blast_radius(&self, from: &ServiceId) -> usize {
        self.radius.get(from).copied().unwrap_or(1)
    }

    /// The services whose trouble may be the same trouble as that of `from`: itself, then what it needs, nearest first, then
    /// what needs it. At most [`RELATED_SERVICES_MAX`] each way.
    pub fn related<'a>(&'a self, from: &'a ServiceId) -> impl Iterator<Item = &'a ServiceId> {
        let needs = self.walk(from, RELATED_SERVICES_MAX, &Self::needs_of);
        let users = self.walk(from, RELATED_SERVICES_MAX, &Self::users_of);
        needs.into_iter().chain(users.into_iter().skip(1))
    }

    fn users_of(&self, service: &ServiceId) -> Option<&BTreeSet<ServiceId>> {
        self.needed_by.get(service)
    }

    fn needs_of(&self, service: &ServiceId) -> Option<&BTreeSet<ServiceId>> {
        self.services.get(service).map(|service| &service.depends_on)
    }

    /// Layer by layer, at most `most` services. A service that is not in the catalogue is found as itself alone.
    fn walk<'a>(
        &'a self,
        from: &'a ServiceId,
        most: usize,
        next: &dyn Fn(&'a Self, &ServiceId) -> Option<&'a BTreeSet<ServiceId>>,
    ) -> Vec<&'a ServiceId> {
        let mut found = vec![from];
        let mut seen = BTreeSet::from([from]);
        let mut layer = vec![from];
        for _ in 0..DEPENDENCY_DEPTH_MAX {
            let mut further = Vec::new();
            for service in layer.iter().filter_map(|current| next(self, current)).flatten() {
                if found.len() < most && seen.insert(service) {
                    found.push(service);
                    further.push(service);
                }
            }
            layer = further;
            if layer.is_empty() {
                break;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{PolicyId, ServiceId};

    fn service(id: &str, depends_on: &[&str]) -> Service {
        let name = |text: &str| ServiceId::new(text).unwrap();
        Service {
            id: name(id),
            title: id.to_owned(),
            criticality: Criticality::Medium,
            users: 0,
            revenue_per_hour: Usd::ZERO,
            assets: Usd::ZERO,
            regulated: false,
            depends_on: depends_on.iter().map(|text| name(text)).collect(),
            policy: PolicyId::new("all").unwrap(),
            addresses: Vec::new(),
        }
    }

    #[test]
    fn relations_are_walked_nearest_first_and_end_in_a_circle() {
        let catalogue = Catalogue::new(
            vec![
                service("web", &["api"]),
                service("api", &["db", "rpc"]),
                service("db", &[]),
                service("rpc", &["web"]),
            ],
            Vec::new(),
        );
        let words = |found: Vec<ServiceId>| found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let id = |text: &str| ServiceId::new(text).unwrap();
        assert_eq!(words(catalogue.dependencies(&id("web"))), "web api db rpc");
        assert_eq!(words(catalogue.dependents(&id("db"))), "db api web rpc");
        assert_eq!(words(catalogue.related(&id("db")).cloned().collect()), "db api web rpc");
        assert_eq!(catalogue.blast_radius(&id("db")), 4);
        assert_eq!(catalogue.blast_radius(&id("unknown")), 1);
    }
}
