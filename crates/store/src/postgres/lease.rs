//! The lease: of all programs that reach a schema, one writes.
//!
//! Who writes holds an advisory lock of PostgreSQL, on a connection of its own, and an epoch: the number that `log_head` got when
//! the lock was taken. By the lock a second program is refused, by name. By the epoch nothing is written twice where the lock does
//! not help: a connection can be lost while its program lives, and then the server gives the lock to whoever asks next. Every
//! transaction that writes compares the epoch while it holds the row, so a program that was overtaken writes nothing more, and
//! is told by whom.
//!
//! The lock belongs to a session, so a pooler that hands a session from one client to another must not stand in between.
//! Tests: `tests/store.rs`.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::pool::{Failure, Pool, Session, failure};
use crate::{StoreError, columns::damaged};

const DOING: &str = "take lock of store";

/// The first number is only a name: `QDCK` in ASCII. The second tells schemas of one database apart.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(1363428171, hashtext(coalesce(current_schema(), '')))";
const HOLDER: &str = "SELECT a.application_name, a.pid, host(a.client_addr)
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 1363428171
        AND l.objid = (hashtext(coalesce(current_schema(), ''))::bigint & 4294967295)::oid
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
pub(super) const PLACE: &str = "SELECT concat_ws('.', current_database(), current_schema())";
const NEXT_EPOCH: &str = "UPDATE log_head SET epoch = epoch + 1 WHERE sole RETURNING epoch";
const EPOCH: &str = "SELECT epoch FROM log_head WHERE sole";
/// Takes the row that whoever writes holds, if the writer is still the one that it was.
const HOLD_HEAD: &str = "SELECT size FROM log_head WHERE sole AND epoch = $1 FOR UPDATE";

/// Whether the writer is still the one that it was. Waits for nobody, and nobody waits for it.
const IS_OURS: &str = "SELECT 1 FROM log_head WHERE sole AND epoch = $1";

pub(super) const STATEMENTS: &[&str] = &[NEXT_EPOCH, EPOCH, HOLD_HEAD, IS_OURS];

/// A dead machine's lock is given back within half a minute, not after the two hours of the system's default.
const NOTICE_DEATH: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";
/// Waits before the lock is asked for again, in milliseconds: a program that ended a moment ago, or was killed, holds it until the
/// server has noticed.
const WAITS_MS: [u64; 9] = [10, 20, 50, 100, 200, 300, 400, 500, 500];
/// How often the connection that holds the lock is tried.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How long the server may take to answer that.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between two tries to take a lost lock again.
const RETAKE_EVERY: Duration = Duration::from_millis(200);

/// The lock, as long as this lives and its connection does.
pub(super) struct Held {
    client: Client,
    connection: JoinHandle<()>,
}

/// The right to write: ends with its drop.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) epoch: i64,
    keeper: JoinHandle<()>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Takes the lock, or says who has it. Waits a little for one that is just being given back.
pub(super) async fn lock(pool: &Pool) -> Result<Held, StoreError> {
    let mut waits = WAITS_MS.iter();
    loop {
        let by = match pool.run(DOING, |session, _| try_lock(pool, session)).await? {
            Ok(held) => return Ok(held),
            Err(by) => by,
        };
        let Some(wait) = waits.next() else {
            return Err(StoreError::InUse { place: pool.run(DOING, |session, _| place(session)).await?, by });
        };
        tokio::time::sleep(Duration::from_millis(*wait)).await;
    }
}

/// Takes the lock on a connection of its own; the inner error: who has it. `session` is only used to ask that.
async fn try_lock(pool: &Pool, session: Session) -> Result<(Session, Result<Held, String>), Failure> {
    let failed = failure(DOING);
    let (client, connection) = pool.connect(Some(&who_we_are())).await.map_err(failed)?;
    client.batch_execute(NOTICE_DEATH).await.map_err(failed)?;
    let is_ours: bool = client.query_one(TRY_LOCK, &[]).await.and_then(|row| row.try_get(0)).map_err(failed)?;
    if is_ours {
        return Ok((session, Ok(Held { client, connection })));
    }
    let by = holder(&session).await?;
    Ok((session, Err(by)))
}

/// How we are named in the server's list of sessions, where a second program looks.
fn who_we_are() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { String::new() } else { format!(" on {}", host.trim()) };
    format!("quarterdeck, process {}{host}", std::process::id())
}

/// Who has the lock, as far as the server tells.
async fn holder(session: &Session) -> Result<String, Failure> {
    let failed = failure(DOING);
    let rows = session.query(HOLDER, &[]).await.map_err(failed)?;
    let Some(row) = rows.first() else { return Ok("a program that has just ended".to_owned()) };
    let name: Option<String> = row.try_get(0).map_err(failed)?;
    let backend: i32 = row.try_get(1).map_err(failed)?;
    let address: Option<String> = row.try_get(2).map_err(failed)?;
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "another program".to_owned());
    let address = address.map(|address| format!(" from {address}")).unwrap_or_default();
    Ok(format!("{name} (session {backend}{address})"))
}

async fn place(session: Session) -> Result<(Session, String), Failure> {
    let rows = session.query(PLACE, &[]).await.map_err(failure(DOING))?;
    let place = rows.first().map_or(Ok(String::new()), |row| row.try_get(0)).map_err(failure(DOING))?;
    Ok((session, place))
}

/// Begins to write: gives us the next epoch, and keeps the lock from here on.
pub(super) async fn begin(pool: &Arc<Pool>, held: Held) -> Result<Lease, StoreError> {
    let epoch = pool.run(DOING, |session, _| next_epoch(session)).await?;
    let keeper = tokio::spawn(keep(Arc::clone(pool), held, epoch));
    Ok(Lease { epoch, keeper })
}

async fn next_epoch(session: Session) -> Result<(Session, i64), Failure> {
    let rows = session.query(NEXT_EPOCH, &[]).await.map_err(failure(DOING))?;
    let row = rows.first().ok_or_else(head_is_missing)?;
    let epoch = row.try_get(0).map_err(failure(DOING))?;
    Ok((session, epoch))
}

fn head_is_missing() -> StoreError {
    damaged(DOING, "log head", "its row is missing".to_owned())
}

/// Holds the lock, and takes it again when its connection is lost, until somebody else has written.
async fn keep(pool: Arc<Pool>, mut held: Held, epoch: i64) {
    loop {
        held.lost().await;
        tracing::warn!("lost the connection that holds the lock of the store; taking the lock again");
        held = loop {
            match pool.run(DOING, |session, _| retake(&pool, session)).await {
                Ok(Some((held, found))) if found == epoch => break held,
                Ok(Some(_)) => {
                    tracing::error!("another program has taken over the store; this one writes nothing more");
                    return;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "cannot take the lock of the store again yet"),
            }
            tokio::time::sleep(RETAKE_EVERY).await;
        };
        tracing::info!("holds the lock of the store again");
    }
}

/// The lock with the epoch as it is now; none: somebody has it.
async fn retake(pool: &Pool, session: Session) -> Result<(Session, Option<(Held, i64)>), Failure> {
    let (session, taken) = try_lock(pool, session).await?;
    let Ok(held) = taken else { return Ok((session, None)) };
    let rows = session.query(EPOCH, &[]).await.map_err(failure(DOING))?;
    let row = rows.first().ok_or_else(head_is_missing)?;
    let epoch = row.try_get(0).map_err(failure(DOING))?;
    Ok((session, Some((held, epoch))))
}

impl Held {
    /// Returns when the connection is gone, and the lock with it.
    async fn lost(&mut self) {
        loop {
            tokio::select! {
                _ended = &mut self.connection => return,
                () = tokio::time::sleep(PING_EVERY) => {
                    let pinged = tokio::time::timeout(PING_TIMEOUT, self.client.batch_execute("")).await;
                    if !matches!(pinged, Ok(Ok(()))) {
                        return;
                    }
                }
            }
        }
    }
}

/// Begins a transaction and holds the head of the log in it, if we are still the one that writes.
pub(super) async fn hold_head(session: Session, doing: &'static str, epoch: i64) -> Result<Session, Failure> {
    begin_with(session, doing, HOLD_HEAD, epoch).await
}

/// Begins a transaction beside the log, if we are still the one that writes. For what does no harm when it is written by a program that
/// is overtaken at this very moment, because whoever goes on from it does the same work again.
pub(super) async fn beside_head(session: Session, doing: &'static str, epoch: i64) -> Result<Session, Failure> {
    begin_with(session, doing, IS_OURS, epoch).await
}

async fn begin_with(session: Session, doing: &'static str, look: &'static str, epoch: i64) -> Result<Session, Failure> {
    session.plain("BEGIN").await.map_err(failure(doing))?;
    if session.query(look, &[&epoch]).await.map_err(failure(doing))?.is_empty() {
        let overtaken = overtaken(&session, doing).await?;
        session.plain("ROLLBACK").await.map_err(failure(doing))?;
        return Err(Failure::Refused(Box::new(session), overtaken));
    }
    Ok(session)
}

/// What to say when the head of the log is not ours any more.
pub(super) async fn overtaken(session: &Session, doing: &'static str) -> Result<StoreError, Failure> {
    if session.query(EPOCH, &[]).await.map_err(failure(doing))?.is_empty() {
        return Ok(head_is_missing());
    }
    let rows = session.query(PLACE, &[]).await.map_err(failure(doing))?;
    let place = rows.first().map_or(Ok(String::new()), |row| row.try_get(0)).map_err(failure(doing))?;
    Ok(StoreError::InUse { place, by: holder(session).await? })
}
