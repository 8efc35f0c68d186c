//! What a kind of source is, and a source as configured. The list of kinds is [`crate::SOURCES`].

use std::{collections::BTreeSet, fmt, time::Duration};

use quarterdeck_core::{
    chain::{Address, ChainId, Family},
    id::SourceId,
};

use crate::{
    reader::Doors,
    setting::{Form, SettingError, SettingSpec, Settings},
};

/// A kind of source: its description and its maker. One file and one line.
pub trait SourceKind: Sync {
    /// `evm`: equals the file's name.
    fn id(&self) -> &'static str;
    /// What it is, in a sentence.
    fn title(&self) -> &'static str;
    /// Which family of chains it reads.
    fn reads(&self) -> Family;
    /// Its settings. Those of [`FOLLOWING`] are among them, with the defaults that its chains want.
    fn settings(&self) -> &'static [SettingSpec];
    /// The ways to the chain of a source. Opens no connection.
    fn open(&self, source: &ChainSource) -> Result<Doors, SettingError>;
}

/// The names of the settings that every kind has: how it is followed.
pub const FOLLOWING: [&str; 3] = ["stale_after", "confirmations", "poll_every"];

/// How long the head may stand still, by default so long.
pub const fn stale_after(default: Duration) -> SettingSpec {
    SettingSpec {
        name: "stale_after",
        doc: "How long the head may stand still before that is a gap.",
        form: Form::Span { default, min: Duration::from_secs(1), max: Duration::from_hours(24 * 7) },
        required: false,
    }
}

/// How many blocks make a block final, by default so many.
pub const fn confirmations(default: u64) -> SettingSpec {
    SettingSpec {
        name: "confirmations",
        doc: "Blocks until a block counts as final where the node does not say. What is final is not given up on one node's word.",
        form: Form::Whole { unit: "blocks", default, min: 0, max: 1_000_000 },
        required: false,
    }
}

/// How often to ask for the head, by default so often.
pub const fn poll_every(default: Duration) -> SettingSpec {
    SettingSpec {
        name: "poll_every",
        doc: "How often to ask for the head where it is not heard.",
        form: Form::Span { default, min: Duration::from_millis(50), max: Duration::from_hours(1) },
        required: false,
    }
}

/// A chain to watch, as configured.
#[derive(Clone)]
pub struct ChainSource {
    /// Its name.
    pub id: SourceId,
    /// How it is read.
    pub kind: &'static dyn SourceKind,
    /// Which chain; the node must agree.
    pub chain: ChainId,
    /// The rest, checked.
    pub settings: Settings,
    /// Whose balances are read, where the kind can.
    pub balances: Balances,
}

/// Whose balances of what a source reads before the blocks in which they pay. Empty: nobody's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balances {
    /// The accounts.
    pub accounts: BTreeSet<Address>,
    /// The tokens, besides the chain's own coin.
    pub tokens: BTreeSet<Address>,
}

impl ChainSource {
    /// How it is followed.
    pub fn pace(&self) -> Pace {
        let spec = |name| self.kind.settings().iter().find(|spec| spec.name == name);
        let span = |name| spec(name).map_or(Duration::ZERO, |spec| self.settings.span(spec));
        Pace {
            stale_after: span("stale_after"),
            confirmations: spec("confirmations").map_or(0, |spec| self.settings.whole(spec)),
            poll_every: span("poll_every"),
        }
    }
}

impl PartialEq for ChainSource {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, self.kind.id(), self.chain, &self.settings, &self.balances)
            == (&other.id, other.kind.id(), other.chain, &other.settings, &other.balances)
    }
}

impl Eq for ChainSource {}

impl fmt::Debug for ChainSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, chain, settings, .. } = self;
        write!(f, "source {id} of kind {} on chain {chain} with {settings:?}", kind.id())
    }
}

/// How a source is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long the head may stand still before that is a gap.
    pub stale_after: Duration,
    /// Blocks until a block counts as final where the node does not say.
    pub confirmations: u64,
    /// How often to ask for the head where it is not heard.
    pub poll_every: Duration,
}
