//! A signal: one claim that something is wrong, from a detector or an outside monitor.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    actor::Actor,
    chain::{B256, BlockRef},
    id::{DetectorId, Id, ServiceId, SignalId, SourceId},
    limits::CLOCKS_APART_MAX,
    money::Usd,
    severity::Severity,
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

impl SignalStatus {
    /// As it is written everywhere: `provisional`, `confirmed`, `retracted`, `ended`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Confirmed => "confirmed",
            Self::Retracted => "retracted",
            Self::Ended => "ended",
        }
    }

    /// Whether what was claimed still goes on, as far as anyone said.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Provisional | Self::Confirmed)
    }
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

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at risk", self.money_at_risk)?;
        if let Some(users) = self.users {
            write!(f, ", {users} users")?;
        }
        let flags = [
            (self.irreversible, "irreversible"),
            (self.key_compromise, "key compromise"),
            (self.theft, "theft in progress"),
        ];
        flags.into_iter().filter(|(raised, _)| *raised).try_for_each(|(_, word)| write!(f, ", {word}"))
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

impl Loudness {
    /// From the quietest to the loudest.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// As it is written everywhere: `info`, `warning`, `error`, `critical`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
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
    /// What was seen and why it is wrong, with the numbers behind it.
    pub explanation: Explanation,
    /// What it claims about impact.
    pub facts: Facts,
    /// How sure the detector is, in thousandths.
    pub confidence_permille: u16,
    /// Where on a chain.
    pub position: Option<ChainPosition>,
    /// Accounts that it is about, each with its part: `victim`, `beneficiary`, `sender`, `listed`.
    pub parties: Vec<(String, Account)>,
    /// Labels of an outside monitor.
    pub labels: BTreeMap<String, String>,
    /// A link back to the monitor.
    pub link: Option<String>,
    /// When it happened, by the source.
    pub event_time: Timestamp,
    /// When we saw it.
    pub observed: Timestamp,
    /// Part of an exercise: it never meets what is real. Set by [`Signal::into_drill`] alone, which keeps the names apart too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drill: bool,
    /// Whether its source says it again as long as it goes on, so that its silence means something. Of one that says a thing once nobody
    /// knows whether it goes on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeats: bool,
    /// The integration or token that posted it; none: a detector of ours, or it was stored before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// What it is grouped by where it is about no known service: values of its labels. None: its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// An alert's annotations as they were posted, for whoever asks in its own dialect; none: it has none of its own. What people read
    /// of them is in the title and in the explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Who declared it, and how bad they guess it is; none: a detector or a monitor says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
}

/// Somebody's guess of how bad it is, with which they declared it: a floor of the severity until facts are stated instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// How bad, at least.
    pub severity: Severity,
    /// Who guesses so.
    pub by: Actor,
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "declared {} by {}", self.severity, self.by)
    }
}

/// All that counts for how bad it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// What is claimed about impact.
    pub facts: Facts,
    /// How loud the loudest source says it is.
    pub loudness: Loudness,
    /// The worst guess of those who declared it.
    pub declared: Option<Declared>,
}

impl Claimed {
    /// What these facts claim, and no signal.
    pub fn stated(facts: Facts) -> Self {
        Self { facts, loudness: Loudness::Info, declared: None }
    }

    /// What the signal claims, too.
    #[must_use]
    pub fn with(&self, signal: &Signal) -> Self {
        Self {
            facts: self.facts.merge(&signal.facts),
            loudness: self.loudness.max(signal.loudness),
            declared: worse(self.declared.as_ref(), signal.declared.as_ref()).cloned(),
        }
    }
}

/// The worse of two guesses; of two that are as bad the first.
pub fn worse<'a>(one: Option<&'a Declared>, other: Option<&'a Declared>) -> Option<&'a Declared> {
    match (one, other) {
        (Some(one), Some(other)) if other.severity > one.severity => Some(other),
        (one, other) => one.or(other),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Signal {
    /// The same claim as part of an exercise, with the identifier and the fingerprint of exercises: a drill that claims what is
    /// really claimed at the same time is another claim, and its end ends nothing real.
    #[must_use]
    pub fn into_drill(self) -> Self {
        Self { id: drill_id(self.id), fingerprint: drill_claim(self.fingerprint), drill: true, ..self }
    }
}

impl Signal {
    /// The same claim told anew: with all that it said before, since claims only add up.
    #[must_use]
    pub fn on_top_of(&self, before: &Self) -> Self {
        let facts = self.facts.merge(&before.facts);
        let declared = worse(before.declared.as_ref(), self.declared.as_ref()).cloned();
        Self { facts, loudness: self.loudness.max(before.loudness), declared, ..self.clone() }
    }

    /// Whether it began after `end`, so that an end at that instant is the end of something before it. Where its source did not say
    /// when it began, that is the time of our hearing, and two clocks are compared.
    pub fn began_after(&self, end: Timestamp) -> bool {
        let apart = if self.event_time == self.observed { CLOCKS_APART_MAX } else { Duration::ZERO };
        end.plus(apart) < self.event_time
    }
}

/// Who says what a person declared, as detectors have names.
pub const DECLARED: &str = "declared";

/// Who says that a history was set aside, as detectors have names.
pub const DAMAGED_HISTORY: &str = "damaged_history";

/// Stands where a text was erased.
pub const ERASED: &str = "(erased)";

impl Signal {
    /// The signal without what was written about anybody: texts, parties, labels, annotations and the link. What the rules read stays, and what
    /// a chain shows to everybody.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let Self { id, fingerprint, detector, parameters, status, loudness, service, facts, .. } = self;
        let Self { confidence_permille, position, event_time, observed, drill, repeats, source, declared, .. } = self;
        Self {
            id: *id,
            fingerprint: *fingerprint,
            detector: detector.clone(),
            parameters: parameters.clone(),
            status: *status,
            loudness: *loudness,
            service: service.clone(),
            title: ERASED.to_owned(),
            explanation: Explanation::default(),
            facts: facts.clone(),
            confidence_permille: *confidence_permille,
            position: position.clone(),
            parties: Vec::new(),
            labels: BTreeMap::new(),
            link: None,
            event_time: *event_time,
            observed: *observed,
            drill: *drill,
            repeats: *repeats,
            source: source.clone(),
            group: None,
            annotations: None,
            declared: declared.clone(),
        }
    }
}

fn drill_id(id: SignalId) -> SignalId {
    Id::digest(&[DRILL, id.bytes()])
}

fn drill_claim(claim: Fingerprint) -> Fingerprint {
    Fingerprint::of(&[DRILL, claim.bytes()])
}

/// Begins what is digested to the names of an exercise.
const DRILL: &[u8] = b"drill";

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
    /// Its source must repeat it as long as it holds, and does not: nobody knows whether it goes on.
    Silent {
        /// Which claim.
        fingerprint: Fingerprint,
        /// Until when the last word held.
        at: Timestamp,
    },
}

impl SignalChange {
    /// The same change in an exercise: see [`Signal::into_drill`].
    #[must_use]
    pub fn into_drill(self) -> Self {
        match self {
            Self::Raised { signal } => Self::Raised { signal: Arc::new(Arc::unwrap_or_clone(signal).into_drill()) },
            Self::Confirmed { id } => Self::Confirmed { id: drill_id(id) },
            Self::Retracted { id, reason } => Self::Retracted { id: drill_id(id), reason },
            Self::Ended { fingerprint, at } => Self::Ended { fingerprint: drill_claim(fingerprint), at },
            Self::Silent { fingerprint, at } => Self::Silent { fingerprint: drill_claim(fingerprint), at },
        }
    }
}
