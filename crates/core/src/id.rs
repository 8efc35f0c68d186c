//! Typed identifiers and names.
//!
//! An [`Id`] is 16 bytes that somebody handed in (from [`IdSource`], or a digest); it prints as `inc_…`, so that a person who
//! pastes one into a chat says what it is. A [`Name`] is a word an operator chose in the configuration.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

use crate::limits::NAME_BYTES_MAX;

/// What an identifier or a name stands for, and how it begins in print.
pub trait Kind: 'static {
    /// The prefix in print, without the underscore; for names, the word used in error texts.
    const WORD: &'static str;
    /// With its article, for people.
    const THING: &'static str;
}

/// The kinds of identifier and name.
pub mod kind {
    use super::Kind;
    macro_rules! kinds { ($($(#[$doc:meta])* $name:ident = $word:literal, $thing:literal;)*) => { $(
        $(#[$doc])* #[derive(Debug, Clone, Copy)] pub enum $name {}
        impl Kind for $name { const WORD: &'static str = $word; const THING: &'static str = $thing; }
    )* } }
    kinds! {
        /// An incident.
        Incident = "inc", "an incident";
        /// A signal.
        Signal = "sig", "a signal";
        /// A page.
        Page = "pag", "a page";
        /// Something that is to reach somebody outside: a page, an all-clear.
        Delivery = "dlv", "a delivery";
        /// A silence.
        Silence = "sil", "a silence";
        /// A message of a room.
        Message = "msg", "a message";
        /// A task.
        Task = "tsk", "a task";
        /// A service of the catalogue.
        Service = "service", "a service";
        /// A person.
        Person = "person", "a person";
        /// An on-call schedule.
        Schedule = "schedule", "a schedule";
        /// An escalation policy.
        Policy = "policy", "a policy";
        /// A configured notifier.
        Channel = "channel", "a channel";
        /// A detector or an outside monitor.
        Detector = "detector", "a detector";
        /// A source of chain events or of monitor signals.
        Source = "source", "a source";
        /// A check that an incident passes before it is over.
        Check = "check", "a check";
    }
}

/// 16 bytes with a kind. Ordered as bytes; those from a clocked source sort by time of creation.
pub struct Id<K>([u8; 16], PhantomData<fn() -> K>);

/// Identifies an incident.
pub type IncidentId = Id<kind::Incident>;
/// Identifies a signal: a digest of detector, parameter version, block hash and position, so that delivery twice is harmless.
pub type SignalId = Id<kind::Signal>;
/// Identifies a page.
pub type PageId = Id<kind::Page>;
/// Identifies something that is to reach somebody outside. That of a page has the page's own bytes.
pub type DeliveryId = Id<kind::Delivery>;
/// Identifies a silence.
pub type SilenceId = Id<kind::Silence>;
/// Identifies a message of a room: a digest of author and key where the sender gave one, so that sending it twice is harmless.
pub type MessageId = Id<kind::Message>;
/// Identifies a task, also after its incident became part of another.
pub type TaskId = Id<kind::Task>;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of 16 bytes in base 32.
const TEXT_CHARS: usize = 26;

impl<K> Id<K> {
    /// An identifier of exactly these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes, PhantomData)
    }
    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
    /// The identifier that these parts always give: the first 16 bytes of SHA-256 over each part, length-prefixed.
    pub fn digest(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let full: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(full) {
            *to = from;
        }
        Self::from_bytes(bytes)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    /// As the bytes; as one number, which is compared at once: maps of many do little else.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = u128::from_be_bytes(self.0);
        let mut digits = [b'0'; TEXT_CHARS];
        for digit in digits.iter_mut().rev() {
            // Five bits.
            *digit = ALPHABET.get(usize::from(value.to_le_bytes()[0] & 31)).copied().unwrap_or(b'0');
            value >>= 5;
        }
        let digits = std::str::from_utf8(&digits).unwrap_or_default();
        if f.width().is_none() && f.precision().is_none() {
            f.write_str(K::WORD)?;
            f.write_str("_")?;
            return f.write_str(digits);
        }
        f.pad(&format!("{}_{digits}", K::WORD))
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not the identifier of {thing}, which looks like `{word}_0n5x…`: `{word}_` and 26 characters of 0-9 and a-z without i, l, o and u"
)]
pub struct BadId {
    /// What was given, shortened.
    pub text: String,
    /// The prefix wanted.
    pub word: &'static str,
    /// What it should have named.
    pub thing: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId { text: text.chars().take(40).collect(), word: K::WORD, thing: K::THING };
        let digits = text.strip_prefix(K::WORD).and_then(|rest| rest.strip_prefix('_')).ok_or_else(bad)?;
        if digits.len() != TEXT_CHARS {
            return Err(bad());
        }
        let mut value: u128 = 0;
        for (place, byte) in digits.bytes().enumerate() {
            let five_bits = ALPHABET.iter().position(|known| *known == byte).ok_or_else(bad)?;
            if place == 0 && five_bits > 7 {
                return Err(bad());
            }
            value = (value << 5) | five_bits as u128;
        }
        Ok(Self::from_bytes(value.to_be_bytes()))
    }
}
impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Where fresh identifiers come from. The shell's source is random; a simulation's is seeded.
pub trait IdSource {
    /// 16 bytes that this source never gave before.
    fn fresh(&mut self) -> [u8; 16];
}

/// A source whose every byte follows from its seed: for simulations and headless demos.
#[derive(Debug, Clone)]
pub struct SeededIds {
    seed: u64,
    count: u64,
}

impl SeededIds {
    /// A source that starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }
}

impl IdSource for SeededIds {
    fn fresh(&mut self) -> [u8; 16] {
        self.count += 1;
        *Id::<kind::Incident>::digest(&[b"seeded", &self.seed.to_be_bytes(), &self.count.to_be_bytes()]).bytes()
    }
}

/// A word an operator chose: lower-case letters, digits, `-`, `_` and `.`; 1 to 64 bytes.
pub struct Name<K>(Arc<str>, PhantomData<fn() -> K>);

/// Names a service of the catalogue.
pub type ServiceId = Name<kind::Service>;
/// Names a person.
pub type PersonId = Name<kind::Person>;
/// Names an on-call schedule.
pub type ScheduleId = Name<kind::Schedule>;
/// Names an escalation policy.
pub type PolicyId = Name<kind::Policy>;
/// Names a configured notifier.
pub type ChannelId = Name<kind::Channel>;
/// Names a detector or an outside monitor's format.
pub type DetectorId = Name<kind::Detector>;
/// Names a source: a chain, an endpoint, a monitor integration.
pub type SourceId = Name<kind::Source>;
/// Names a check that an incident passes before it is over.
pub type CheckId = Name<kind::Check>;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot name {thing}: want 1 to 64 of a-z, 0-9, `-`, `_` and `.`")]
pub struct BadName {
    /// What was given, shortened.
    pub text: String,
    /// What it should have named.
    pub thing: &'static str,
}

impl<K: Kind> Name<K> {
    /// Checks the characters and the length.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let good = !text.is_empty()
            && text.len() <= NAME_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
        if good {
            Ok(Self(Arc::from(text), PhantomData))
        } else {
            Err(BadName { text: text.chars().take(40).collect(), thing: K::THING })
        }
    }
    /// The name of what nobody named.
    pub fn unnamed() -> Self {
        Self(Arc::from("unnamed"), PhantomData)
    }
    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K> Clone for Name<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}
impl<K> PartialEq for Name<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Name<K> {}
impl<K> PartialOrd for Name<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Name<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Name<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> fmt::Display for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl<K> fmt::Debug for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
impl<K: Kind> FromStr for Name<K> {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::new(text)
    }
}
impl<K> Serialize for Name<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Name<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_printed() {
        let id: IncidentId = Id::from_bytes(SeededIds::new(7).fresh());
        assert_eq!(id.to_string().parse::<IncidentId>(), Ok(id));
        assert!(id.to_string().parse::<PageId>().is_err());
        let said = "foo".parse::<IncidentId>().unwrap_err().to_string();
        assert!(said.starts_with("`foo` is not the identifier of an incident, which looks like `inc_"), "{said}");
    }

    #[test]
    fn a_name_is_a_plain_word() {
        assert!(Name::<kind::Service>::new("bridge-mainnet.v2").is_ok());
        for bad in ["", "Bridge", "a b", "é", &"x".repeat(65)] {
            assert!(Name::<kind::Service>::new(bad).is_err(), "{bad}");
        }
    }
}
