//! That all of an incident is kept as it is. A file of its own, as a refusal names it.

use serde::Serialize;

use crate::{incident::Actor, time::Timestamp};

/// The law, or somebody who fears it, wants all of the incident kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Who said so.
    pub by: Actor,
    /// Since when.
    pub since: Timestamp,
    /// Why, in a sentence.
    pub reason: String,
}
