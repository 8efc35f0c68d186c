//! The same asked of many at once, each with an answer of its own: one that is refused does not keep the others from being done.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Command, Done, ErrorBody, Silence};

/// One command for many incidents: for those that are named, and for those that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// `acknowledge`, `note`, `mitigate`, `resolve` or `review`, as it is asked of one.
    pub command: Command,
    /// `inc_…`; 500 at most.
    #[serde(default)]
    pub incidents: Vec<String>,
    /// Those that a list with this filter shows now, the worst first; 500 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<Matching>,
}

/// Which incidents, as a list is asked for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// `open` (default), `over` or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Only those that are this bad: `SEV1` to `SEV5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Only those about this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Only those whose title has this in it, in whatever case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What came of a command for many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkDone {
    /// One for each incident, in the order in which it was asked.
    pub answers: Vec<BulkAnswer>,
    /// Whether more match than were asked: ask again for the rest.
    pub more: bool,
}

/// What came of it for one: one of `done` and `refused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkAnswer {
    /// `inc_…`
    pub incident: String,
    /// It was done, and is durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
    /// It was not, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ErrorBody>,
}

/// Silences to end now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndSilences {
    /// `sil_…`; 500 at most.
    pub silences: Vec<String>,
}

/// What came of one: one of `ended` and `refused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SilenceEnded {
    /// `sil_…`
    pub silence: String,
    /// It is over now, or was so already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Silence>,
    /// It is not, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ErrorBody>,
}
