//! Who can hold something on a chain, in one form for all families of chains.

use std::{fmt, str::FromStr};

use alloy_primitives::{Address, Bytes, hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::SCRIPT_BYTES_MAX;

/// An account. Stored and shown as text: an EVM address as ever, a script as `script:` and its bytes in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// An address of an account chain: of a key or of a contract.
    Evm(Address),
    /// The script that locks outputs of an output chain, at most [`SCRIPT_BYTES_MAX`] bytes. The script and not an address: an
    /// address is one way to write some scripts, and differs from network to network.
    Script(Bytes),
}

impl Account {
    /// The EVM address, if it is one.
    pub const fn evm(&self) -> Option<Address> {
        match self {
            Self::Evm(address) => Some(*address),
            Self::Script(_) => None,
        }
    }
}

impl From<Address> for Account {
    fn from(address: Address) -> Self {
        Self::Evm(address)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evm(address) => fmt::Display::fmt(address, f),
            Self::Script(script) => write!(f, "{SCRIPT}{}", hex::encode(script)),
        }
    }
}

/// A text that is no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no account: want an EVM address, or `script:` and at most 10,000 bytes in hex")]
pub struct BadAccount(String);

const SCRIPT: &str = "script:";

impl FromStr for Account {
    type Err = BadAccount;
    fn from_str(text: &str) -> Result<Self, BadAccount> {
        let bad = || BadAccount(text.chars().take(100).collect());
        match text.strip_prefix(SCRIPT) {
            None => text.parse().map(Self::Evm).map_err(|_| bad()),
            Some(digits) if digits.len() > 2 * SCRIPT_BYTES_MAX => Err(bad()),
            Some(digits) => hex::decode(digits).map(|bytes| Self::Script(bytes.into())).map_err(|_| bad()),
        }
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // As addresses were stored before there were other accounts: in lower case.
            Self::Evm(address) => address.serialize(serializer),
            Self::Script(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evm_address_is_stored_as_it_was_before_there_were_other_accounts() {
        let address = Address::repeat_byte(0xab);
        let stored = serde_json::to_string(&Account::Evm(address)).unwrap();
        assert_eq!(stored, serde_json::to_string(&address).unwrap());
        assert_eq!(serde_json::from_str::<Account>(&stored).unwrap(), Account::Evm(address));
        assert_eq!(Account::Evm(address).to_string(), address.to_string());
    }

    #[test]
    fn a_script_is_stored_as_text_and_comes_back() {
        let script = Account::Script(Bytes::from_static(&[0x00, 0x14, 0xff]));
        assert_eq!(serde_json::to_string(&script).unwrap(), r#""script:0014ff""#);
        assert_eq!("script:0014ff".parse::<Account>().unwrap(), script);
        assert_eq!((script.evm(), Account::Evm(Address::ZERO).evm()), (None, Some(Address::ZERO)));
    }

    #[test]
    fn nonsense_is_refused_and_named_in_part() {
        let long = format!("script:{}", "00".repeat(SCRIPT_BYTES_MAX + 1));
        for text in ["", "0x12", "script:0", "script:zz", &long] {
            let error = text.parse::<Account>().unwrap_err().to_string();
            assert!(error.contains("is no account") && error.len() < 300, "{error}");
        }
        assert!(long.strip_suffix("00").unwrap().parse::<Account>().is_ok());
    }
}
