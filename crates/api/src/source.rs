//! Sources of chain events: how each is, which kinds there are, and what a person decides about one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A source of chain events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// Its name.
    pub id: String,
    /// Its kind: `evm`.
    #[serde(default)]
    pub kind: String,
    /// EIP-155 chain number; none for a chain of another family.
    pub chain: Option<u64>,
    /// The chain, of whatever family: its number, or `bip122:` and the beginning of its first block's hash.
    #[serde(default)]
    pub chain_id: String,
    /// `connecting`, `catching_up`, `live`, `blind`; `unfit`: its node shows another chain than the one we know.
    pub state: String,
    /// Height observed.
    pub head: Option<u64>,
    /// Height the node says it has.
    pub node_head: Option<u64>,
    /// When the last block was observed.
    pub last_block: Option<String>,
    /// Blocks observed since the start.
    pub blocks: u64,
    /// Reorganizations seen since the start.
    pub reorgs: u64,
    /// Gaps open now, for a person.
    pub gaps: Vec<String>,
    /// What the endpoint offers: `receipts`, `traces` …
    pub capabilities: Vec<String>,
    /// The endpoint without credentials.
    pub endpoint: String,
}

/// The chain that an unfit source's node shows is to be followed from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginAnew {
    /// On what ground: it is kept in the log.
    pub reason: String,
}

/// A kind of source that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceKind {
    /// Its name, `kind` in `[[source]]`.
    pub id: String,
    /// What it is, in a sentence.
    pub title: String,
    /// Which family of chains it reads: `account`, `output`.
    pub chains: String,
    /// What may be set.
    pub settings: Vec<SourceSetting>,
}

/// A setting of a kind of source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceSetting {
    /// The key in `[[source]]`.
    pub name: String,
    /// What it is, in a sentence.
    pub doc: String,
    /// What it may be, and what it is where nobody says.
    pub bounds: String,
    /// Whether there is no source without it.
    pub required: bool,
}
