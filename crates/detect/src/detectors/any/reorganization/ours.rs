//! A transaction as it is remembered: what it used up, and of ours also what it was for. Stored with the detector's memory; of
//! account chains in the form that was stored before there were others.

use alloy_primitives::keccak256;
use quarterdeck_core::{
    account::Account,
    chain::{
        Address, B256, Bytes, Transaction, U256,
        output::{self, Outpoint, Output},
    },
    money::Usd,
};
use serde::{Deserialize, Serialize};

/// What only one transaction of a branch can use: whoever uses it again takes the first one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    /// The sender's place in the order of its transactions.
    Nonce(Address, u64),
    /// An output, spent.
    Output(Outpoint),
}

/// A transaction of either kind of chain.
#[derive(Debug, Clone, Copy)]
pub(super) enum AnyTransaction<'a> {
    Account(&'a Transaction),
    Output(&'a output::Transaction),
}

impl AnyTransaction<'_> {
    pub(super) const fn hash(self) -> B256 {
        match self {
            Self::Account(found) => found.hash,
            Self::Output(found) => found.hash,
        }
    }
    pub(super) const fn index(self) -> u32 {
        match self {
            Self::Account(found) => found.index,
            Self::Output(found) => found.index,
        }
    }
    pub(super) fn uses(self) -> Uses {
        match self {
            Self::Account(found) => match found.nonce {
                Some(nonce) => Uses::Nonce { from: found.from, nonce },
                // Nothing is known of what it uses up: it has no rivals.
                None => Uses::Outputs { spends: Vec::new() },
            },
            Self::Output(found) => Uses::Outputs { spends: found.inputs.iter().map(|input| input.spends).collect() },
        }
    }
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Account(found) => Purpose::Call { to: found.to, value: found.value, input: keccak256(&found.input) },
            Self::Output(found) => {
                // What goes back to a script that it spends from is change.
                let spends_from = |script: &Bytes| spent(found).any(|output| output.script == *script);
                Purpose::Payments(found.outputs.iter().filter(|paid| !spends_from(&paid.script)).cloned().collect())
            }
        }
    }
}

/// The outputs that a transaction spends, as far as the source gave them.
pub(super) fn spent(transaction: &output::Transaction) -> impl Iterator<Item = &Output> {
    transaction.inputs.iter().filter_map(|input| input.output.as_ref())
}

/// What a transaction used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Uses {
    Nonce { from: Address, nonce: u64 },
    Outputs { spends: Vec<Outpoint> },
}

impl Uses {
    pub(super) fn slots(&self) -> Vec<Slot> {
        match self {
            Self::Nonce { from, nonce } => vec![Slot::Nonce(*from, *nonce)],
            Self::Outputs { spends } => spends.iter().copied().map(Slot::Output).collect(),
        }
    }
}

/// A transaction as a branch remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Entry {
    Nonce(B256, Address, u64),
    Spends(B256, Vec<Outpoint>),
}

impl Entry {
    /// None for what makes a block's new coin: it can be in no other block, so that it is gone says nothing.
    pub(super) fn of(transaction: AnyTransaction<'_>) -> Option<Self> {
        match transaction.uses() {
            Uses::Nonce { from, nonce } => Some(Self::Nonce(transaction.hash(), from, nonce)),
            Uses::Outputs { spends } if spends.is_empty() => None,
            Uses::Outputs { spends } => Some(Self::Spends(transaction.hash(), spends)),
        }
    }
    pub(super) const fn hash(&self) -> B256 {
        match self {
            Self::Nonce(hash, ..) | Self::Spends(hash, _) => *hash,
        }
    }
    /// The first slot is enough to find a rival most of the time, but an output chain's rival may share any of them.
    pub(super) fn slots(&self) -> Vec<Slot> {
        match self {
            Self::Nonce(_, from, nonce) => vec![Slot::Nonce(*from, *nonce)],
            Self::Spends(_, spends) => spends.iter().copied().map(Slot::Output).collect(),
        }
    }
    /// Its part of the bound: about 80 bytes each.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Nonce(..) => 1,
            Self::Spends(_, spends) => 1 + spends.len() / 2,
        }
    }
}

/// What a transaction does, so that a fee bump can be told from a changed payee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Purpose {
    Call { to: Option<Address>, value: U256, input: B256 },
    Payments(Vec<Output>),
}

impl Purpose {
    /// Whether `other` does the same. Of payments: the same scripts are paid, none of ours less, and at most one other less, which is
    /// the change that a higher fee was taken from.
    pub(super) fn is_served_by(&self, other: &Self, watched: &[Account]) -> bool {
        let (Self::Payments(ours), Self::Payments(theirs)) = (self, other) else { return self == other };
        let mut less = 0;
        for output in ours {
            let paid = |by: &[Output]| Output::sum(by.iter().filter(|paid| paid.script == output.script));
            match (paid(ours), paid(theirs)) {
                (Some(wanted), Some(given)) if given >= wanted => {}
                (Some(_), Some(given)) if given > 0 => {
                    let is_ours =
                        |account: &Account| matches!(account, Account::Script(script) if *script == output.script);
                    if watched.iter().any(is_ours) {
                        return false;
                    }
                    less += 1;
                }
                _ => return false,
            }
        }
        less <= 1 && theirs.iter().all(|paid| ours.iter().any(|output| output.script == paid.script))
    }
}

/// One of ours: what it was for, and what hung on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ours {
    pub(super) hash: B256,
    #[serde(flatten)]
    pub(super) uses: Uses,
    pub(super) purpose: Purpose,
    /// Watched accounts that it touched, and what moved from or to them.
    pub(super) watched: Vec<Account>,
    pub(super) worth: Usd,
}

impl Ours {
    pub(super) fn new(transaction: AnyTransaction<'_>, watched: Vec<Account>, worth: Usd) -> Self {
        let (hash, uses, purpose) = (transaction.hash(), transaction.uses(), transaction.purpose());
        Self { hash, uses, purpose, watched, worth }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it was stored before there were output chains.
    #[test]
    fn what_an_older_program_remembered_is_taken_up() {
        let [hash, from, to] = [
            B256::repeat_byte(1).to_string(),
            Address::repeat_byte(2).to_string(),
            Address::repeat_byte(3).to_string(),
        ];
        let entry = format!(r#"["{hash}","{from}",7]"#).to_lowercase();
        let read: Entry = serde_json::from_str(&entry).unwrap();
        assert_eq!(read, Entry::Nonce(B256::repeat_byte(1), Address::repeat_byte(2), 7));
        assert_eq!(serde_json::to_string(&read).unwrap(), entry);
        let ours = format!(
            r#"{{"hash":"{hash}","from":"{from}","nonce":7,"purpose":{{"to":"{to}","value":"0x5","input":"{hash}"}},"watched":["{to}"],"worth":10000}}"#
        );
        let ours = ours.to_lowercase();
        let read: Ours = serde_json::from_str(&ours).unwrap();
        assert_eq!(read.watched, [Account::Evm(Address::repeat_byte(3))]);
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::from_str::<serde_json::Value>(&ours).unwrap());
    }

    #[test]
    fn a_fee_bump_pays_all_but_the_change_the_same() {
        let pay = |script: u8, value| Output { value, script: Bytes::from(vec![script]) };
        let ours = Purpose::Payments(vec![pay(1, 50), pay(2, 40)]);
        let watched = [Account::Script(Bytes::from(vec![1]))];
        for (others, same) in [
            (vec![pay(1, 50), pay(2, 39)], true),
            (vec![pay(2, 39), pay(1, 60)], true),
            (vec![pay(1, 49), pay(2, 40)], false),
            (vec![pay(1, 50)], false),
            (vec![pay(1, 50), pay(3, 40)], false),
            (vec![pay(1, 50), pay(2, 30), pay(3, 10)], false),
        ] {
            assert_eq!(ours.is_served_by(&Purpose::Payments(others.clone()), &watched), same, "{others:?}");
        }
        let both_less = Purpose::Payments(vec![pay(1, 49), pay(2, 39)]);
        assert!(!ours.is_served_by(&both_less, &[]));
    }
}
