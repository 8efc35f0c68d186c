//! The contracts of the embedded world: compiled artefacts, committed beside their sources.
//!
//! Sources, recipe and the script that writes the artefacts are in `crates/sim/contracts`. Tests: an artefact whose source
//! has changed since fails below.

use alloy_primitives::Bytes;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::OnceLock};

use super::abi::{Arg, creation};

/// A contract of `crates/sim/contracts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contract {
    /// EIP-20 token that its owner can mint.
    Token,
    /// Constant-product pool with flash swaps.
    Pool,
    /// Lending market that prices collateral by the pool (flawed on purpose).
    LendingVault,
    /// Vault for the chain's coin with a re-entrant exit (flawed on purpose).
    YieldVault,
    /// ERC-3156 lender.
    FlashLender,
    /// EIP-1967 proxy.
    Proxy,
    /// Lock-and-release bridge with a pauser.
    Bridge,
    /// m-of-n account.
    Multisig,
    /// Attacks `LendingVault`.
    FlashAttack,
    /// Attacks `YieldVault`.
    VaultAttack,
    /// What a thief puts behind the bridge's proxy.
    BridgeDrain,
    /// Flash-loan arbitrage that harms nobody.
    Arbitrage,
    /// Keeps coins of trades (flawed on purpose).
    Escrow,
    /// Attacks `Escrow`.
    EscrowAttack,
    /// Attacks `LendingVault` with money of its own.
    PriceAttack,
    /// A lock-and-mint bridge's end and its token (flawed on purpose).
    Mirror,
    /// Asks people for their approval, and takes.
    Claim,
}

macro_rules! artefact {
    ($name:literal) => {
        include_str!(concat!("../../contracts/artefacts/", $name, ".json"))
    };
}

impl Contract {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Token,
        Self::Pool,
        Self::LendingVault,
        Self::YieldVault,
        Self::FlashLender,
        Self::Proxy,
        Self::Bridge,
        Self::Multisig,
        Self::FlashAttack,
        Self::VaultAttack,
        Self::BridgeDrain,
        Self::Arbitrage,
        Self::Escrow,
        Self::EscrowAttack,
        Self::PriceAttack,
        Self::Mirror,
        Self::Claim,
    ];

    /// The artefact's file, as committed.
    pub const fn artefact(self) -> &'static str {
        match self {
            Self::Token => artefact!("Token"),
            Self::Pool => artefact!("Pool"),
            Self::LendingVault => artefact!("LendingVault"),
            Self::YieldVault => artefact!("YieldVault"),
            Self::FlashLender => artefact!("FlashLender"),
            Self::Proxy => artefact!("Proxy"),
            Self::Bridge => artefact!("Bridge"),
            Self::Multisig => artefact!("Multisig"),
            Self::FlashAttack => artefact!("FlashAttack"),
            Self::VaultAttack => artefact!("VaultAttack"),
            Self::BridgeDrain => artefact!("BridgeDrain"),
            Self::Arbitrage => artefact!("Arbitrage"),
            Self::Escrow => artefact!("Escrow"),
            Self::EscrowAttack => artefact!("EscrowAttack"),
            Self::PriceAttack => artefact!("PriceAttack"),
            Self::Mirror => artefact!("Mirror"),
            Self::Claim => artefact!("Claim"),
        }
    }

    /// Init code with the constructor's arguments, to be sent in a transaction without receiver. Empty only if the artefact
    /// is unreadable, which a test excludes.
    pub fn init_code(self, arguments: &[Arg<'_>]) -> Bytes {
        static CODES: OnceLock<BTreeMap<Contract, Bytes>> = OnceLock::new();
        let codes = CODES.get_or_init(|| {
            let read = |contract: Self| serde_json::from_str::<Artefact>(contract.artefact());
            let known = |contract| read(contract).map(|artefact| (contract, artefact.bytecode)).into_iter();
            Self::ALL.into_iter().flat_map(known).collect()
        });
        codes.get(&self).map(|code| creation(code, arguments)).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Artefact {
    bytecode: Bytes,
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;
    use serde_json::Value;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn every_artefact_was_compiled_from_the_sources_beside_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts");
        for contract in Contract::ALL {
            let artefact: Value = serde_json::from_str(contract.artefact()).unwrap();
            assert_eq!(artefact["contract"], format!("{contract:?}"));
            assert!(artefact["compiler"].as_str().unwrap().starts_with("0.8.37+"));
            let sources = artefact["sources"].as_object().unwrap();
            assert!(sources.contains_key(&format!("{contract:?}.sol")));
            for (name, digest) in sources {
                let text = std::fs::read(format!("{folder}/{name}")).unwrap();
                let now = hex::encode(Sha256::digest(&text));
                assert_eq!(*digest, now, "{name} changed since {contract:?} was compiled: run contracts/build.mjs");
            }
            assert!(contract.init_code(&[]).len() > 100);
        }
    }

    #[test]
    fn every_artefact_on_disk_is_one_of_ours() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts/artefacts");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), Contract::ALL.len());
    }
}
