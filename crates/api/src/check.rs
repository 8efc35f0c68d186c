//! Whether an incident is over: what its checks say, and what stands in the way of its end.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an incident must pass before it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    /// `inc_…`
    pub incident: String,
    /// What it must pass, the monitors first.
    pub checks: Vec<Check>,
    /// What stands in the way of its end now, a line each. Empty: it may be resolved.
    pub unmet: Vec<String>,
    /// Until when its checks go on after it was resolved.
    pub watched_until: Option<String>,
    /// Why it was resolved last in spite of what stood in the way.
    pub overridden: Option<OverriddenChecks>,
}

/// Something that an incident must pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Its name in the configuration; `monitors`: nothing fires any more, which every incident must pass.
    pub name: String,
    /// What it looks at, in a line.
    pub title: String,
    /// `monitors`, `quiet`, `http`, `rpc`, `nodes_agree`, `wallet_balance`, `cel`.
    pub kind: String,
    /// `passed`, `failed`, `unjudged`: nobody knows, `never`: it was never made.
    pub state: String,
    /// Whether that is young enough to resolve on.
    pub fresh: bool,
    /// What was seen, or why nothing could be.
    pub seen: String,
    /// Since when it says so, by what was recorded.
    pub since: Option<String>,
    /// When it was made last.
    pub at: Option<String>,
    /// How long that took, in milliseconds.
    pub took_ms: Option<u64>,
    /// Who waits for it now.
    pub asked_by: Option<String>,
    /// When it is made next, if nobody asks before.
    pub next: Option<String>,
}

/// What was overridden, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverriddenChecks {
    /// Who did.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// What stood in the way, a line each.
    pub unmet: Vec<String>,
}
