//! Roles: who does what. Tests: in `decide`.

pub mod event;
pub mod command;

use std::collections::BTreeMap;

use serde::Serialize;

use self::{command::RolesCommand, event::RolesEvent};
use crate::{
    id::PersonId,
    incident::{Phase, ResponseRole},
};

/// Who does what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Roles {
    pub(super) held: BTreeMap<ResponseRole, PersonId>,
}

impl Roles {
    /// Whether this could happen in this phase.
    pub(super) fn fits(phase: Phase, event: &RolesEvent) -> bool {
        match event {
            RolesEvent::RoleTaken { .. } => phase != Phase::Merged,
        }
    }

    pub(super) fn apply(&mut self, event: &RolesEvent) {
        match event {
            RolesEvent::RoleTaken { role, person, .. } => {
                self.held.insert(*role, person.clone());
            }
        }
    }
}

impl RolesCommand {
    /// Whether it is accepted however long the incident is.
    pub(super) const fn survives_length(&self) -> bool {
        match self {
            Self::Take { .. } => false,
        }
    }
}
