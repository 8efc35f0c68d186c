//! An attempt to reach a person.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// `pag_…`
    pub id: String,
    /// To whom.
    pub person: String,
    /// By which notifier.
    pub channel: String,
    /// What made it due: that the incident opened, that nobody acknowledged, that a page failed and so on.
    pub reason: String,
    /// From 1.
    pub tier: usize,
    /// From 1.
    pub round: u32,
    /// The page that it repeats.
    pub repeat_of: Option<String>,
    /// When it was decided.
    pub requested: String,
    /// `delivered`, `failed`, `unknown`; none while under way.
    pub outcome: Option<String>,
    /// The channel's word.
    pub detail: Option<String>,
    /// When the outcome was known.
    pub settled: Option<String>,
    /// The number of what they were asked, or had asked; none: it is a page of the escalation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<u32>,
}
