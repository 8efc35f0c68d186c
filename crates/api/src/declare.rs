//! What somebody declares, and what they are answered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Facts, IncidentSummary, Offer};

/// What somebody declares. It opens an incident of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Declare {
    /// One line, at most 240 bytes: what is wrong with what.
    pub title: String,
    /// How bad you guess it is, `SEV1` to `SEV5`; none: `SEV3`. The severity is at least that until facts are stated instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// A service of the catalogue; none: the default policy pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What is known of its impact.
    #[serde(default)]
    pub facts: Facts,
    /// An exercise.
    #[serde(default)]
    pub drill: bool,
    /// Makes a retried request harmless: the same key with the same title, service and `drill` is the same incident. At most 128 bytes, made
    /// anew for each declaration. None: every request opens an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// It is open, and durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Declared {
    /// The incident.
    pub summary: IncidentSummary,
    /// Whether this opened it; else the same was declared before, or it was gathered.
    pub opened: bool,
    /// What became of the declaration, in words.
    pub fate: String,
    /// What the caller may ask of it next.
    pub offers: Vec<Offer>,
}
