//! Which chain, and which block of it.

use std::{fmt, str::FromStr};

use alloy_primitives::{B256, hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The number of an account chain by EIP-155: 1 Ethereum, 56 BNB Chain, 31337 a development node.
pub type ChainNumber = u64;

/// A chain by its family and its name there, as in CAIP-2. An EIP-155 chain is stored and shown as its number, as before there were
/// other families; a chain of Bitcoin's family as `bip122:` and the first 16 bytes of its first block's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainId {
    /// An account chain: `eip155:1`.
    Eip155(ChainNumber),
    /// An output chain: `bip122:000000000019d6689c085ae165831e93`.
    Bip122([u8; 16]),
}

/// The two kinds of chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Accounts with balances: the EVM family.
    Account,
    /// Outputs that are made and spent: Bitcoin's family.
    Output,
}

impl Family {
    /// As people call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Output => "output",
        }
    }
}

impl ChainId {
    /// Which kind of chain it is.
    pub const fn family(self) -> Family {
        match self {
            Self::Eip155(_) => Family::Account,
            Self::Bip122(_) => Family::Output,
        }
    }
    /// The account chain of this number.
    pub const fn evm(number: ChainNumber) -> Self {
        Self::Eip155(number)
    }
    /// The number, if it is an account chain.
    pub const fn number(self) -> Option<ChainNumber> {
        match self {
            Self::Eip155(number) => Some(number),
            Self::Bip122(_) => None,
        }
    }
    /// What makes it distinct in a digest. Of an account chain the number, as in every fingerprint ever given.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::Eip155(number) => number.to_be_bytes().to_vec(),
            Self::Bip122(genesis) => genesis.to_vec(),
        }
    }
}

/// Chain number 0, which no chain has: blocks that are made in parts begin with it.
impl Default for ChainId {
    fn default() -> Self {
        Self::Eip155(0)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eip155(number) => fmt::Display::fmt(number, f),
            Self::Bip122(genesis) => write!(f, "bip122:{}", hex::encode(genesis)),
        }
    }
}

/// A text that names no chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no chain: want a number, `eip155:` and a number, or `bip122:` and 32 hex digits")]
pub struct BadChain(String);

impl FromStr for ChainId {
    type Err = BadChain;
    fn from_str(text: &str) -> Result<Self, BadChain> {
        let found = match text.split_once(':') {
            None => text.parse().ok().map(Self::Eip155),
            Some(("eip155", number)) => number.parse().ok().map(Self::Eip155),
            Some(("bip122", digits)) => {
                let mut genesis = [0; 16];
                hex::decode_to_slice(digits, &mut genesis).ok().map(|()| Self::Bip122(genesis))
            }
            Some(_) => None,
        };
        found.ok_or_else(|| BadChain(text.chars().take(100).collect()))
    }
}

impl Serialize for ChainId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Eip155(number) => serializer.serialize_u64(*number),
            Self::Bip122(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for ChainId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl serde::de::Visitor<'_> for Reader {
            type Value = ChainId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a chain: a number, or a text such as `eip155:1`")
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<ChainId, E> {
                Ok(ChainId::Eip155(number))
            }
            // Also a number as text: so JSON has it where a chain is the key of a map.
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ChainId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// One block by chain, height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// The chain.
    pub chain: ChainId,
    /// Its height: how many blocks are below it.
    pub number: u64,
    /// Its hash: two blocks of one height differ in it.
    pub hash: B256,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const BITCOIN: &str = "bip122:000000000019d6689c085ae165831e93";

    #[test]
    fn an_eip_155_chain_is_stored_as_its_number_and_any_other_as_text() {
        let bitcoin: ChainId = BITCOIN.parse().unwrap();
        assert_eq!(serde_json::to_string(&[ChainId::evm(1), bitcoin]).unwrap(), format!("[1,\"{BITCOIN}\"]"));
        let read: Vec<ChainId> = serde_json::from_str(&format!("[1,\"eip155:1\",\"{BITCOIN}\"]")).unwrap();
        assert_eq!(read, [ChainId::evm(1), ChainId::evm(1), bitcoin]);
    }

    #[test]
    fn a_chain_is_a_key_of_a_map_as_a_number_was() {
        let heads = BTreeMap::from([(ChainId::evm(56), 7_u64), (BITCOIN.parse().unwrap(), 8)]);
        let text = serde_json::to_string(&heads).unwrap();
        assert_eq!(text, format!("{{\"56\":7,\"{BITCOIN}\":8}}"));
        assert_eq!(serde_json::from_str::<BTreeMap<ChainId, u64>>(&text).unwrap(), heads);
    }

    #[test]
    fn no_two_chains_have_the_same_bytes_and_a_number_those_it_had() {
        assert_eq!(ChainId::evm(1).bytes(), 1_u64.to_be_bytes());
        assert_ne!(ChainId::evm(0).bytes(), ChainId::Bip122([0; 16]).bytes());
        assert_eq!((ChainId::evm(5).number(), ChainId::Bip122([0; 16]).number()), (Some(5), None));
    }

    #[test]
    fn what_names_no_chain_is_refused() {
        let short = "bip122:00";
        for text in ["", "-1", "eip155:", "eip155:x", short, "cosmos:x", "bip122:zz0000000019d6689c085ae165831e93"] {
            assert!(text.parse::<ChainId>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<ChainId>("-1").is_err() && serde_json::from_str::<ChainId>("1.5").is_err());
    }
}
