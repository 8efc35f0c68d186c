//! The incident as it stands: all facets together. How it becomes so is in `apply`, what may be asked of it in `decide`, what it tells
//! in `read`.

use serde::Serialize;

use crate::{
    incident::{
        access::Access, checks::Checks, claims::Claims, evidence::Evidence, life::Life, paging::Paging, roles::Roles,
        room::Room, tasks::Tasks,
    },
    time::Timestamp,
};

/// An incident: its facets, each of which knows its own events and nothing of the others'. Private fields: [`Incident::apply`] is the
/// only way to change one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    pub(super) life: Life,
    pub(super) claims: Claims,
    pub(super) paging: Paging,
    pub(super) roles: Roles,
    pub(super) room: Room,
    pub(super) tasks: Tasks,
    pub(super) checks: Checks,
    pub(super) evidence: Evidence,
    pub(super) access: Access,
    pub(super) last_event: Timestamp,
    /// Version of the last event; the first is 0.
    pub(super) version: u64,
}
