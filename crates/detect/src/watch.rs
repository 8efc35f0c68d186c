//! Which addresses are ours: the catalogue's watched addresses, indexed for a look-up per transfer.
//!
//! The catalogue answers the same questions from ordered maps; at hundreds of thousands of look-ups a second the hash pays.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::map::HashMap;
use quarterdeck_core::{
    account::Account,
    catalogue::{AddressRole, Asset, Catalogue},
    chain::{Address, Bytes, ChainId, U256},
    detector::Knowledge,
    id::ServiceId,
    money::Usd,
};

use crate::{facts::prices, figures};

/// A watched address, with the service it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The service.
    pub service: ServiceId,
    /// What the address is.
    pub role: AddressRole,
    /// How people call it.
    pub label: String,
}

/// The watched accounts by chain, and the prices.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    chains: BTreeMap<ChainId, HashMap<Address, Watched>>,
    scripts: BTreeMap<ChainId, HashMap<Bytes, Watched>>,
    catalogue: Arc<Catalogue>,
}

impl Watch {
    /// The index of this knowledge.
    pub fn new(knowledge: &Knowledge) -> Self {
        let mut watch = Self { catalogue: Arc::clone(&knowledge.catalogue), ..Self::default() };
        for service in knowledge.catalogue.services.values() {
            for address in &service.addresses {
                let watched = Watched { service: service.id.clone(), role: address.role, label: address.label.clone() };
                match &address.address {
                    Account::Evm(evm) => drop(watch.chains.entry(address.chain).or_default().insert(*evm, watched)),
                    Account::Script(script) => {
                        watch.scripts.entry(address.chain).or_default().insert(script.clone(), watched);
                    }
                }
            }
        }
        watch
    }
    /// The watched addresses of an account chain; none if the operator named none there.
    pub fn chain(&self, chain: ChainId) -> Option<&HashMap<Address, Watched>> {
        self.chains.get(&chain)
    }
    /// The watched scripts of an output chain; none if the operator named none there.
    pub fn scripts(&self, chain: ChainId) -> Option<&HashMap<Bytes, Watched>> {
        self.scripts.get(&chain)
    }
    /// The watched address, if it is one.
    pub fn find(&self, chain: ChainId, address: Address) -> Option<&Watched> {
        self.chains.get(&chain)?.get(&address)
    }
    /// The watched account, if it is one.
    pub fn find_account(&self, chain: ChainId, account: &Account) -> Option<&Watched> {
        match account {
            Account::Evm(address) => self.find(chain, *address),
            Account::Script(script) => self.scripts.get(&chain)?.get(script),
        }
    }
    /// The one service with watched addresses on a chain; none if there are several, or none.
    pub fn only_service(&self, chain: ChainId) -> Option<ServiceId> {
        let evm = self.chains.get(&chain).into_iter().flat_map(HashMap::values);
        let scripts = self.scripts.get(&chain).into_iter().flat_map(HashMap::values);
        let mut services = evm.chain(scripts).map(|watched| &watched.service);
        let first = services.next()?;
        services.all(|other| other == first).then(|| first.clone())
    }
    /// The asset, if the catalogue prices it.
    pub fn asset(&self, chain: ChainId, token: Option<Address>) -> Option<&Asset> {
        self.catalogue.assets.get(&(chain, token))
    }
    /// What `raw` units are worth; none where no price is known.
    pub fn value(&self, chain: ChainId, token: Option<Address>, raw: U256) -> Option<Usd> {
        self.catalogue.value(chain, token, raw)
    }
    /// How to call an address: its label if it is watched, else its ends.
    pub fn name(&self, chain: ChainId, address: Address) -> String {
        self.find(chain, address).map_or_else(|| short(address), |watched| watched.label.clone())
    }
    /// The same for any account: a script that is not watched by its digits.
    pub fn name_account(&self, chain: ChainId, account: &Account) -> String {
        match (self.find_account(chain, account), account) {
            (Some(watched), _) => watched.label.clone(),
            (None, Account::Evm(address)) => short(*address),
            (None, Account::Script(_)) => account.to_string(),
        }
    }
    /// An amount with every digit and its unit: raw units for a token without decimals on record.
    pub fn exact(&self, chain: ChainId, token: Option<Address>, raw: U256) -> (String, String) {
        prices::exact_in(&self.catalogue, chain, token, raw)
    }
    /// An amount as people read it: `412.5 ETH`. Of a token without decimals on record no figure is said: it would only mislead.
    pub fn amount(&self, chain: ChainId, token: Option<Address>, raw: U256) -> String {
        match (self.asset(chain, token), token) {
            (Some(asset), _) => format!("{} {}", figures::amount(raw, asset.price.decimals), asset.symbol),
            (None, None) => format!("{} of the chain's coin", figures::amount(raw, 18)),
            (None, Some(token)) => format!("some of token {}", short(token)),
        }
    }
}

/// The ends of an address: `0xbeef…1234`. For titles; explanations carry the whole address as a party.
pub fn short(address: Address) -> String {
    let [a, b, .., y, z] = address.into_array();
    format!("0x{a:02x}{b:02x}…{y:02x}{z:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shortened_at_both_ends() {
        assert_eq!(short(Address::repeat_byte(0xab)), "0xabab…abab");
    }
}
