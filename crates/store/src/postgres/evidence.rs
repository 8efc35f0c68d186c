//! The bytes of evidence, by digest, and whose they are. They are written and erased in the transaction of the events that say so, and
//! by nobody else. Tests: `conformance.rs`.

use quarterdeck_core::id::IncidentId;
use tokio_postgres::types::ToSql;

use super::pool::{Call, Failure, Session, failure};
use crate::EvidenceBytes;

const ADD: &str = "INSERT INTO evidence (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
const ADD_OWNER: &str =
    "INSERT INTO evidence_of (incident, digest) VALUES ($1, $2) ON CONFLICT (incident, digest) DO NOTHING";
const READ: &str = "SELECT bytes FROM evidence WHERE digest = $1";
pub(super) const DROP_OWNERS: &str = "DELETE FROM evidence_of WHERE (incident, digest) IN
    (SELECT * FROM unnest($1::bytea[], $2::bytea[]))";
pub(super) const DROP: &str = "DELETE FROM evidence WHERE digest = ANY ($1::bytea[])
    AND NOT EXISTS (SELECT 1 FROM evidence_of WHERE evidence_of.digest = evidence.digest)";

pub(super) const STATEMENTS: &[&str] = &[ADD, ADD_OWNER, READ, DROP_OWNERS, DROP];

type Values<'v> = Vec<Box<dyn ToSql + Sync + Send + 'v>>;

/// What a batch adds, as part of it: in this order.
pub(super) fn keep(kept: &EvidenceBytes) -> [Call<'_>; 2] {
    let digest = kept.digest.as_slice();
    let bytes: Values<'_> = vec![Box::new(digest), Box::new(&*kept.bytes)];
    let owner: Values<'_> = vec![Box::new(kept.incident.bytes().as_slice()), Box::new(digest)];
    [Call { sql: ADD, values: bytes }, Call { sql: ADD_OWNER, values: owner }]
}

/// What an erasure takes away, as part of it: in this order.
pub(super) fn forget(gone: &[(IncidentId, [u8; 32])]) -> [Call<'_>; 2] {
    let (incidents, digests): (Vec<&[u8]>, Vec<&[u8]>) =
        gone.iter().map(|(incident, digest)| (incident.bytes().as_slice(), digest.as_slice())).unzip();
    let owners: Values<'_> = vec![Box::new(incidents), Box::new(digests.clone())];
    [Call { sql: DROP_OWNERS, values: owners }, Call { sql: DROP, values: vec![Box::new(digests)] }]
}

pub(super) async fn read(session: Session, digest: &[u8; 32]) -> Result<(Session, Option<Vec<u8>>), Failure> {
    let failed = failure("read evidence");
    let rows = session.query(READ, &[&digest.as_slice()]).await.map_err(failed)?;
    let bytes = rows.first().map(|row| row.try_get(0)).transpose().map_err(failed)?;
    Ok((session, bytes))
}
