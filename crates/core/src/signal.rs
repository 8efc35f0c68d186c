//! A signal: one claim that something is wrong, from a detector or an outside monitor.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    chain::{Address, B256, BlockRef},
    id::{DetectorId, Id, ServiceId, SignalId},
    money::Usd,
    time::Timestamp,
};

/// How far a signal can be trusted to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalStatus {
    /// Seen in a block that can still be undone.
    Provisional,
    /// Its block is final, or it never depended on one.
    Confirmed,
    /// What it claimed was undone, or found to be false.
    Retracted,
    /// It was true and is over: a monitor says resolved, a gap was closed.
    Ended,
}

/// What makes two signals the same claim: a digest of detector, entity and rule. Re-sent and repeated signals share it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint that these parts always give.
    pub fn of(parts: &[&[u8]]) -> Self {
        Self(*Id::<crate::id::kind::Signal>::digest(parts).bytes())
    }
    /// The fingerprint with exactly these bytes, as stored.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let value = (text.len() == 32).then(|| u128::from_str_radix(&text, 16).ok()).flatten();
        value
            .map(|v| Self(v.to_be_bytes()))
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no fingerprint: want 32 hex digits")))
    }
}

/// Where on a chain a signal stands. A reorganization that drops `block` retracts the signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainPosition {
    /// The block.
    pub block: BlockRef,
    /// The block's own time, to the second.
    pub block_time: Timestamp,
    /// The transaction, if it is about one.
    pub transaction: Option<B256>,
    /// The transaction's place in the block.
    pub index: Option<u32>,
}

/// A number that an explanation used, so that a person can check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// What it is: `robust z`, `profit of the sender`.
    pub name: String,
    /// The value as text, exact.
    pub value: String,
    /// `USD`, `wei`, `blocks`, `σ`, `per minute`; empty for a plain count.
    pub unit: String,
}

impl Number {
    /// A number of an explanation.
    pub fn new(name: &str, value: impl fmt::Display, unit: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_string(), unit: unit.to_owned() }
    }
}

/// Why the detector says so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// One to three sentences for a person at three in the morning.
    pub text: String,
    /// The numbers behind them.
    pub numbers: Vec<Number>,
}

/// What a signal, or a person, claims about impact. Facts only ever add up: see [`Facts::merge`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Money that is lost or can be lost by what is happening.
    pub money_at_risk: Usd,
    /// People and institutions who feel it; none: not known, use the service's.
    pub users: Option<u64>,
    /// What was done cannot be undone by us: a confirmed outflow, a burnt key.
    pub irreversible: bool,
    /// A signing key, an administrator or a privileged role is in the wrong hands.
    pub key_compromise: bool,
    /// Funds are leaving now.
    pub theft: bool,
}

impl Facts {
    /// Both claims together: the larger money and user count, and every flag that either raises.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        Self {
            money_at_risk: self.money_at_risk.max(other.money_at_risk),
            users: self.users.max(other.users),
            irreversible: self.irreversible || other.irreversible,
            key_compromise: self.key_compromise || other.key_compromise,
            theft: self.theft || other.theft,
        }
    }
}

/// How loud the source itself says the signal is. Outside monitors have their own scales; these four are what they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loudness {
    /// For the record.
    Info,
    /// Look when you can.
    #[default]
    Warning,
    /// Look now.
    Error,
    /// Get up.
    Critical,
}

/// One claim that something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Digest of detector, parameter version, block hash and position (chain), or of source, fingerprint and start (monitors).
    pub id: SignalId,
    /// Same claim, same fingerprint.
    pub fingerprint: Fingerprint,
    /// Who says so: a detector of THE LIST, or `alertmanager`, `pagerduty`, `webhook`.
    pub detector: DetectorId,
    /// Digest of the detector's parameters, in hex; empty for monitors.
    pub parameters: String,
    /// How far it can be trusted to stand.
    pub status: SignalStatus,
    /// How loud the source says it is.
    pub loudness: Loudness,
    /// The service it is about, where known.
    pub service: Option<ServiceId>,
    /// One line: what is wrong with what.
    pub title: String,
    /// Why.
    pub explanation: Explanation,
    /// What it claims about impact.
    pub facts: Facts,
    /// How sure the detector is, in thousandths.
    pub confidence_permille: u16,
    /// Where on a chain.
    pub position: Option<ChainPosition>,
    /// Addresses that it is about, each with its part: `victim`, `beneficiary`, `sender`, `listed`.
    pub parties: Vec<(String, Address)>,
    /// Labels of an outside monitor.
    pub labels: BTreeMap<String, String>,
    /// A link back to the monitor.
    pub link: Option<String>,
    /// When it happened, by the source.
    pub event_time: Timestamp,
    /// When we saw it.
    pub observed: Timestamp,
}

/// What happened to a signal: the input of correlation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum SignalChange {
    /// A claim, new or repeated.
    Raised {
        /// The signal.
        signal: Arc<Signal>,
    },
    /// The block a provisional signal stands on is final.
    Confirmed {
        /// Which signal.
        id: SignalId,
    },
    /// What it claimed was undone.
    Retracted {
        /// Which signal.
        id: SignalId,
        /// Why, for a person.
        reason: String,
    },
    /// It was true and is over. By fingerprint, since monitors resolve what they fired, not one delivery of it.
    Ended {
        /// Which claim.
        fingerprint: Fingerprint,
        /// When, by the source.
        at: Timestamp,
    },
}
