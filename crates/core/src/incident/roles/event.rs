//! Who does what in an incident. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use serde::{Deserialize, Serialize};

use crate::{
    id::PersonId,
    incident::{Actor, ResponseRole, family::Family},
};

/// Who does what. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum RolesEvent {
    /// Somebody took a role.
    #[serde(rename = "role_taken.v1")]
    RoleTaken {
        /// Who asked.
        by: Actor,
        /// The role that was taken.
        role: ResponseRole,
        /// Who took it.
        person: PersonId,
    },
}

impl Family for RolesEvent {
    const KINDS: &[&str] = &["role_taken.v1"];

    fn kind(&self) -> &'static str {
        match self {
            Self::RoleTaken { .. } => "role_taken.v1",
        }
    }

    fn redacted(&self) -> Self {
        match self {
            Self::RoleTaken { by: _, role: _, person: _ } => self.clone(),
        }
    }
}
