//! The bytes of evidence, by digest, and whose they are. They are written and erased in the transaction of the events that say so, and
//! by nobody else. Tests: `conformance.rs`.

use quarterdeck_core::id::IncidentId;
use rusqlite::{Connection, OptionalExtension, params};

use super::failure::failure;
use crate::{EvidenceBytes, StoreError};

const ADD: &str = "INSERT INTO evidence (digest, bytes) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING";
const ADD_OWNER: &str =
    "INSERT INTO evidence_of (incident, digest) VALUES (?1, ?2) ON CONFLICT (incident, digest) DO NOTHING";
const READ: &str = "SELECT bytes FROM evidence WHERE digest = ?1";
const DROP_OWNER: &str = "DELETE FROM evidence_of WHERE incident = ?1 AND digest = ?2";
const DROP: &str =
    "DELETE FROM evidence WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM evidence_of WHERE digest = ?1)";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ADD, ADD_OWNER, READ, DROP_OWNER, DROP];

/// Writes what a batch adds, as part of it.
pub(super) fn keep(connection: &Connection, kept: &[EvidenceBytes]) -> Result<(), StoreError> {
    let keep = |EvidenceBytes { incident, digest, bytes }: &EvidenceBytes| {
        connection.prepare_cached(ADD)?.execute(params![digest, &**bytes])?;
        connection.prepare_cached(ADD_OWNER)?.execute(params![incident.bytes(), digest])
    };
    kept.iter().try_for_each(|one| keep(one).map(drop)).map_err(failure("keep evidence"))
}

/// Forgets what an erasure takes away, as part of it.
pub(super) fn forget(connection: &Connection, gone: &[(IncidentId, [u8; 32])]) -> Result<(), StoreError> {
    let forget = |incident: &IncidentId, digest: &[u8; 32]| {
        connection.prepare_cached(DROP_OWNER)?.execute(params![incident.bytes(), digest])?;
        connection.prepare_cached(DROP)?.execute(params![digest])
    };
    gone.iter().try_for_each(|(incident, digest)| forget(incident, digest).map(drop)).map_err(failure("erase evidence"))
}

pub(super) fn read(connection: &Connection, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
    let read = || connection.prepare_cached(READ)?.query_row(params![digest], |row| row.get(0)).optional();
    read().map_err(failure("read evidence"))
}
