//! What people act on, in one form: the same thing is the same text, however it was written. So two people about to do something to one
//! contract find each other. Never says who holds it: that is in `incident::tasks` and `board::held`. Tests: below.

use std::{borrow::Cow, collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use alloy_primitives::Address;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    account::Account,
    catalogue::Catalogue,
    chain::ChainId,
    id::ServiceId,
    limits::{RESOURCE_BYTES_MAX, RESOURCE_KIND_BYTES_MAX},
};

const ACCOUNT: &str = "account";
const DNS: &str = "dns";
const SERVICE: &str = "service";
const WALLET: &str = "wallet";

/// Something that people act on: `account:1/0x…`, `dns:app.example.com`, `service:bridge`, or a kind and a name of their own.
///
/// An account on a chain is one thing whatever it is called: as a contract, as a wallet, as a pauser or by its label in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(Arc<str>);

/// Why a text names nothing that can be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadResource {
    /// Neither a kind with a name nor an account.
    #[error(
        "want KIND:NAME, such as contract:1/0x…, wallet:LABEL, dns:app.example.com, service:NAME or a kind of your own"
    )]
    Shapeless,
    /// Longer than anything that people write.
    #[error("it is {bytes} bytes: want at most {RESOURCE_BYTES_MAX}")]
    Long {
        /// How long it is.
        bytes: usize,
    },
    /// An address in capitals and small letters that do not fit it.
    #[error("its capitals are not those of its checksum: look for a digit that is wrong, or write it in small letters")]
    Checksum,
    /// An address without its chain.
    #[error("say on which chain: KIND:CHAIN/ADDRESS, such as contract:1/{address}")]
    NoChain {
        /// The address as it was written.
        address: String,
    },
    /// After the chain stands no account.
    #[error("after the chain {chain} stands no account of it: want an EVM address, or `script:` and hex")]
    NoAccount {
        /// The chain.
        chain: ChainId,
    },
    /// A label that no watched address has.
    #[error("no watched address has this label: write wallet:CHAIN/ADDRESS, or a kind of your own such as safe:NAME")]
    NoSuchWallet,
    /// A service that is not in the catalogue.
    #[error("there is no such service in the catalogue: use its name there, or a kind of your own such as job:NAME")]
    NoSuchService,
    /// No host name.
    #[error("want a host name in ASCII, such as dns:app.example.com")]
    NoHost,
}

impl Resource {
    /// What a text names. A label of the catalogue that several addresses have names all of them.
    pub fn read(text: &str, catalogue: &Catalogue) -> Result<BTreeSet<Self>, BadResource> {
        let text = text.trim();
        if text.len() > RESOURCE_BYTES_MAX {
            return Err(BadResource::Long { bytes: text.len() });
        }
        if let Some(account) = on_chain(text)? {
            return Ok([account].into());
        }
        let (kind, name) = text.split_once(':').ok_or(BadResource::Shapeless)?;
        let kind = kind.trim().to_ascii_lowercase();
        let name = squeezed(name).ok_or(BadResource::Shapeless)?;
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if kind.is_empty() || kind.len() > RESOURCE_KIND_BYTES_MAX || !kind.bytes().all(good) {
            return Err(BadResource::Shapeless);
        }
        if let Some(account) = on_chain(&name)? {
            return Ok([account].into());
        }
        if name.starts_with("0x") || name.starts_with("0X") {
            return anywhere(&name, catalogue);
        }
        match kind.as_str() {
            DNS => host(&name).map(|host| [Self::of(DNS, &host)].into()),
            SERVICE => {
                let known =
                    name.to_lowercase().parse::<ServiceId>().ok().filter(|id| catalogue.services.contains_key(id));
                known.map(|id| [Self::of(SERVICE, id.as_str())].into()).ok_or(BadResource::NoSuchService)
            }
            WALLET | ACCOUNT | "contract" => labelled(&name, catalogue),
            _ => Ok([Self::of(&kind, &name.to_lowercase())].into()),
        }
    }

    fn of(kind: &str, name: &str) -> Self {
        Self(Arc::from(format!("{kind}:{name}")))
    }

    fn account(chain: ChainId, account: &Account) -> Self {
        Self::of(ACCOUNT, &format!("{chain}/{account}"))
    }

    /// The text: the same for the same thing.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As people call it: the label of the catalogue before the account, where it has one.
    pub fn told(&self, catalogue: &Catalogue) -> String {
        let name = self.0.strip_prefix(ACCOUNT).and_then(|rest| rest.strip_prefix(':'));
        let place = name.and_then(|name| name.split_once('/'));
        let place = place.and_then(|(chain, account)| Some((chain.parse().ok()?, account.parse::<Account>().ok()?)));
        let watched = place.and_then(|(chain, account)| catalogue.watched(chain, account));
        match watched.map(|(_, watched)| watched.label.as_str()).filter(|label| !label.is_empty()) {
            Some(label) => format!("{label} ({self})"),
            None => self.to_string(),
        }
    }
}

/// `CHAIN/ACCOUNT`; none: it does not begin with a chain.
fn on_chain(text: &str) -> Result<Option<Resource>, BadResource> {
    let Some((chain, account)) = text.split_once('/') else { return Ok(None) };
    let Ok(chain) = chain.trim().parse::<ChainId>() else { return Ok(None) };
    let account = self::account(account.trim())?.ok_or(BadResource::NoAccount { chain })?;
    Ok(Some(Resource::account(chain, &account)))
}

/// An address in any letters, or in capitals and small letters as its checksum has them. None: it is no account.
fn account(text: &str) -> Result<Option<Account>, BadResource> {
    let Ok(account) = text.replacen("0X", "0x", 1).parse::<Account>() else { return Ok(None) };
    let digits = text.get(2..).unwrap_or_default();
    let mixed =
        digits.bytes().any(|byte| byte.is_ascii_uppercase()) && digits.bytes().any(|byte| byte.is_ascii_lowercase());
    if account.evm().is_some() && mixed && Address::parse_checksummed(text, None).is_err() {
        return Err(BadResource::Checksum);
    }
    Ok(Some(account))
}

/// An address without its chain: wherever it is watched.
fn anywhere(text: &str, catalogue: &Catalogue) -> Result<BTreeSet<Resource>, BadResource> {
    let account = account(text)?;
    let all = catalogue.services.values().flat_map(|service| &service.addresses);
    let same = all.filter(|watched| Some(&watched.address) == account.as_ref());
    let found: BTreeSet<Resource> = same.map(|watched| Resource::account(watched.chain, &watched.address)).collect();
    if found.is_empty() { Err(BadResource::NoChain { address: text.to_owned() }) } else { Ok(found) }
}

/// The accounts that the catalogue calls so.
fn labelled(label: &str, catalogue: &Catalogue) -> Result<BTreeSet<Resource>, BadResource> {
    let wanted = label.to_lowercase();
    let all = catalogue.services.values().flat_map(|service| &service.addresses);
    let same = all.filter(|watched| squeezed(&watched.label).is_some_and(|known| known.to_lowercase() == wanted));
    let found: BTreeSet<Resource> = same.map(|watched| Resource::account(watched.chain, &watched.address)).collect();
    if found.is_empty() { Err(BadResource::NoSuchWallet) } else { Ok(found) }
}

/// A host name in small letters, without the dot that ends it. Any record of a name is the name: whoever changes one of them is in the
/// way of whoever changes another.
fn host(name: &str) -> Result<String, BadResource> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'*');
    let is_host = name.len() <= 253
        && name.split('.').all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(good));
    if is_host { Ok(name) } else { Err(BadResource::NoHost) }
}

/// The text with single spaces; none: nothing is left of it, or it has characters that are not shown.
fn squeezed(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let joined = words.join(" ");
    (!joined.is_empty() && !joined.chars().any(char::is_control)).then_some(joined)
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The text as it is stored, or as an answer showed it: it must be in the one form already.
impl FromStr for Resource {
    type Err = BadResource;
    fn from_str(text: &str) -> Result<Self, BadResource> {
        if text.len() > RESOURCE_BYTES_MAX + ACCOUNT.len() + 1 {
            return Err(BadResource::Long { bytes: text.len() });
        }
        let has_kind = text.split_once(':').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty());
        if has_kind { Ok(Self(Arc::from(text))) } else { Err(BadResource::Shapeless) }
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::{AddressRole, Criticality, Service, WatchedAddress},
        money::Usd,
    };

    const SUM: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

    fn catalogue() -> Catalogue {
        let watched = |chain, label: &str| WatchedAddress {
            chain: ChainId::evm(chain),
            address: SUM.parse().unwrap(),
            role: AddressRole::Wallet,
            label: label.to_owned(),
        };
        let service = Service {
            id: "bridge".parse().unwrap(),
            title: "Bridge".to_owned(),
            criticality: Criticality::High,
            users: 0,
            revenue_per_hour: Usd::ZERO,
            assets: Usd::ZERO,
            regulated: false,
            depends_on: BTreeSet::new(),
            policy: "p".parse().unwrap(),
            addresses: vec![watched(1, "Hot wallet 2"), watched(56, "hot  wallet 2"), watched(10, "")],
        };
        Catalogue::new(vec![service], Vec::new())
    }

    fn read(text: &str) -> Result<Vec<String>, BadResource> {
        Resource::read(text, &catalogue()).map(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_account_is_one_thing_however_it_is_written() {
        let one = format!("account:1/{SUM}");
        let small = SUM.to_lowercase();
        let capitals = format!("0x{}", SUM.trim_start_matches("0x").to_uppercase());
        for text in [
            format!("contract:1/{SUM}"),
            format!("wallet:1/{small}"),
            format!("Pauser : eip155:1/{capitals}"),
            format!("1/0X{}", capitals.trim_start_matches("0x")),
            format!("account:1/{small}"),
        ] {
            assert_eq!(read(&text), Ok(vec![one.clone()]), "{text}");
        }
        let script = "wallet:bip122:000000000019d6689c085ae165831e93/script:0014FF";
        assert_eq!(read(script), Ok(vec!["account:bip122:000000000019d6689c085ae165831e93/script:0014ff".to_owned()]));
    }

    #[test]
    fn a_label_is_the_accounts_that_have_it_and_an_address_those_that_are_watched() {
        let both = Ok(vec![format!("account:1/{SUM}"), format!("account:56/{SUM}")]);
        assert_eq!(read("wallet: HOT wallet  2"), both);
        assert_eq!(read("contract:hot wallet 2"), both);
        assert_eq!(read(&format!("pauser:{SUM}")).map(|all| all.len()), Ok(3));
        let told = Resource::read(&format!("1/{SUM}"), &catalogue()).unwrap();
        assert_eq!(told.first().unwrap().told(&catalogue()), format!("Hot wallet 2 (account:1/{SUM})"));
    }

    #[test]
    fn names_differ_in_nothing_that_people_do_not_see() {
        assert_eq!(read("DNS:App.Example.com."), Ok(vec!["dns:app.example.com".to_owned()]));
        assert_eq!(read("service:Bridge"), Ok(vec!["service:bridge".to_owned()]));
        assert_eq!(read("Feature-Flag:  Deposits   ON "), Ok(vec!["feature-flag:deposits on".to_owned()]));
        assert_ne!(read("flag:a"), read("job:a"));
    }

    #[test]
    fn what_names_nothing_says_why() {
        let other = "0x00000000000000000000000000000000000000aa";
        let wrong = SUM.replace("5aAeb", "5AAeb");
        for (text, want) in [
            ("", BadResource::Shapeless),
            ("bridge", BadResource::Shapeless),
            ("x y:z", BadResource::Shapeless),
            ("flag: ", BadResource::Shapeless),
            (&*"x".repeat(RESOURCE_BYTES_MAX + 1), BadResource::Long { bytes: RESOURCE_BYTES_MAX + 1 }),
            (&format!("contract:1/{wrong}"), BadResource::Checksum),
            (&format!("contract:{other}"), BadResource::NoChain { address: other.to_owned() }),
            ("contract:1/0x12", BadResource::NoAccount { chain: ChainId::evm(1) }),
            ("wallet:cold 9", BadResource::NoSuchWallet),
            ("service:unknown", BadResource::NoSuchService),
            ("dns:exämple.com", BadResource::NoHost),
            ("dns:a..b", BadResource::NoHost),
        ] {
            assert_eq!(read(text), Err(want), "{text}");
        }
    }

    #[test]
    fn what_was_read_is_stored_as_it_is_and_read_again_the_same() {
        for text in [format!("contract:1/{SUM}"), "dns:a.example".to_owned(), "flag:deposits".to_owned()] {
            let one = Resource::read(&text, &catalogue()).unwrap().into_iter().next().unwrap();
            let stored = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<Resource>(&stored).unwrap(), one);
            assert_eq!(Resource::read(one.as_str(), &catalogue()).unwrap(), [one].into());
        }
        assert!(serde_json::from_str::<Resource>("\"bridge\"").is_err());
    }
}
