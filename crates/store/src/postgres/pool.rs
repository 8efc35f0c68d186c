//! A few connections, and what happens when one is lost: it is thrown away, the work is done again on a new one. Work must
//! therefore be such that doing it twice does no harm, or ask which try this is. A session in which anything failed is closed:
//! whatever transaction it was in, nobody meets it again. Tests: `tests/store.rs`.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    path::Path,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_postgres::{Client, Config, NoTls, Row, Statement, config::Host, error::SqlState, types::ToSql};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls;
use crate::{StoreError, columns::damaged};

/// Connections at once: the engine, the loops and a few people's pages. A PostgreSQL server allows 100 by default.
const SESSIONS_MAX: usize = 8;
/// Waits before the work is tried again, in milliseconds: at once for a connection that died while idle, then long enough for a
/// server to restart or a replica to take over (about ten seconds in all).
const WAITS_MS: [u64; 14] = [0, 20, 50, 100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000, 1_500, 1_500, 1_500];
/// How long the server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long bytes may stay unacknowledged before a connection counts as dead.
const TCP_TIMEOUT: Duration = Duration::from_secs(15);
/// Never loses an acknowledged commit with the power, whatever the server's default; never hangs on a lock or a lost client.
const PREPARE_SESSION: &str = "SET statement_timeout = '60s'; SET lock_timeout = '30s';
    SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Why a piece of work did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is gone. What was asked may have been done.
    Lost(tokio_postgres::Error),
    /// An answer that leaves the session in doubt.
    Final(StoreError),
    /// An answer from a session that is as good as before.
    Refused(Box<Session>, StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

/// What an error of PostgreSQL means for us.
pub(super) fn failure(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Failure + Copy {
    move |error| {
        if is_lost(&error) {
            return Failure::Lost(error);
        }
        Failure::Final(match error.code() {
            Some(&SqlState::DISK_FULL) => StoreError::Full { doing },
            Some(&(SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED)) => {
                damaged(doing, "table or index", error.to_string())
            }
            _ => StoreError::Database { doing, source: Box::new(error) },
        })
    }
}

fn is_lost(error: &tokio_postgres::Error) -> bool {
    use std::error::Error;
    match error.code() {
        Some(code) => {
            // Class 08: connection exceptions. 57P01 to 57P05: the server is stopping, starting or has ended the session.
            // Read only: it is no longer, or not yet, the one that takes writes; another connection may find that one.
            code.code().starts_with("08")
                || code.code().starts_with("57P")
                || matches!(*code, SqlState::TOO_MANY_CONNECTIONS | SqlState::READ_ONLY_SQL_TRANSACTION)
        }
        None => error.is_closed() || error.source().and_then(<dyn Error>::downcast_ref).is_some_and(is_passing),
    }
}

/// Whether a failed transfer may work the next time. A certificate that is not trusted will not be so in ten seconds.
fn is_passing(error: &std::io::Error) -> bool {
    !matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput)
}

/// A connection and its prepared statements. Before the schema exists there are none: then each is prepared when it is used.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("client", &self.client).finish_non_exhaustive()
    }
}

/// A statement with its values.
pub(super) struct Call<'v> {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Box<dyn ToSql + Sync + Send + 'v>>,
}

impl Session {
    /// Runs one of the statements prepared at the start and returns its rows.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        match self.statements.get(sql) {
            Some(statement) => self.client.query(statement, values).await,
            None => self.client.query(sql, values).await,
        }
    }

    /// Runs a statement and returns how many rows it changed.
    pub(super) async fn execute(&self, call: Call<'_>) -> Result<u64, tokio_postgres::Error> {
        match self.statements.get(call.sql) {
            Some(statement) => self.client.execute_raw(statement, call.values).await,
            None => self.client.execute_raw(call.sql, call.values).await,
        }
    }

    /// Runs statements without values, such as `BEGIN`.
    pub(super) async fn plain(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(sql).await
    }
}

/// The connections.
pub(super) struct Pool {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// Whether encryption was asked for by name: then nothing is sent without it.
    promised: bool,
    idle: Mutex<Vec<Session>>,
    places: Semaphore,
    /// What each session prepares; nothing before the tables are there.
    statements: OnceLock<Vec<&'static str>>,
}

impl Pool {
    pub(super) fn new(url: &str, authorities: Option<&Path>) -> Result<Self, StoreError> {
        // The error names the bad key, never the password.
        let bad = |error: String| StoreError::Database { doing: "read URL of store", source: error.into() };
        let (url, mode) = tls::mode_of(url).map_err(bad)?;
        let parsed = url.parse::<Config>();
        let mut config =
            parsed.map_err(|error| StoreError::Database { doing: "read URL of store", source: error.into() })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("quarterdeck");
        }
        // A socket of this machine needs no encryption, whatever the mode: so does libpq, and a mode written for it promises nothing.
        let is_local =
            !config.get_hosts().is_empty() && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let tls = if is_local { None } else { tls::connector(mode, authorities)? };
        Ok(Self {
            config,
            tls,
            promised: mode != tls::Mode::Prefer,
            idle: Mutex::new(Vec::new()),
            places: Semaphore::new(SESSIONS_MAX),
            statements: OnceLock::new(),
        })
    }

    /// Does `work` on a session, again on another one as long as connections are lost. `work` is told the number of the try,
    /// from 0: on a later one, the earlier may have been done.
    pub(super) async fn run<T, Work>(
        &self,
        doing: &'static str,
        work: impl Fn(Session, usize) -> Work,
    ) -> Result<T, StoreError>
    where
        Work: Future<Output = Result<(Session, T), Failure>>,
    {
        let place = self.places.acquire().await;
        let _place = place.map_err(|closed| StoreError::Database { doing, source: closed.into() })?;
        let mut waits = WAITS_MS.iter();
        for nth_try in 0.. {
            let outcome = match self.session(doing).await {
                Ok(session) => work(session, nth_try).await,
                Err(failure) => Err(failure),
            };
            let error = match outcome {
                Ok((session, found)) => {
                    self.idle().push(session);
                    return Ok(found);
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Refused(session, error)) => {
                    self.idle().push(*session);
                    return Err(error);
                }
                Err(Failure::Lost(error)) => error,
            };
            // What one connection died of, the idle ones mostly died of too.
            self.idle().clear();
            let Some(wait) = waits.next() else {
                return Err(StoreError::Database { doing, source: Box::new(error) });
            };
            tracing::warn!(store.doing = doing, error = %error, nth_try, "lost the connection to PostgreSQL; trying again");
            tokio::time::sleep(Duration::from_millis(*wait)).await;
        }
        Err(StoreError::Database { doing, source: "gave up".into() })
    }

    async fn session(&self, doing: &'static str) -> Result<Session, Failure> {
        let idle = self.idle().pop();
        match idle {
            Some(session) if !session.client.is_closed() => Ok(session),
            Some(_) | None => self.prepared().await.map_err(failure(doing)),
        }
    }

    /// A connection and its end. Named for the server's list of sessions, if `name` says how.
    pub(super) async fn connect(&self, name: Option<&str>) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let mut config = self.config.clone();
        name.map(|name| config.application_name(name));
        if let Some(tls) = &self.tls {
            match config.connect(tls.clone()).await {
                Ok((client, connection)) => return Ok((client, drive(connection))),
                Err(error) if self.promised || error.code().is_some() => return Err(error),
                // The server has encryption of a kind that cannot be spoken here, or it is not there: the next try tells.
                Err(error) => tracing::debug!(%error, "no encrypted connection to PostgreSQL"),
            }
        }
        let (client, connection) = config.connect(NoTls).await?;
        Ok((client, drive(connection)))
    }

    async fn prepared(&self) -> Result<Session, tokio_postgres::Error> {
        let (client, _driven) = self.connect(None).await?;
        client.batch_execute(PREPARE_SESSION).await?;
        let all = self.statements.get().map_or(&[][..], Vec::as_slice);
        let mut statements = HashMap::new();
        for (sql, statement) in all.iter().zip(join_all(all.iter().map(|sql| client.prepare(sql))).await) {
            statements.insert(*sql, statement?);
        }
        Ok(Session { client, statements })
    }

    /// Says that the tables are there: from now on each session prepares these statements.
    pub(super) fn prepare(&self, statements: Vec<&'static str>) {
        self.statements.get_or_init(|| statements);
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration's own `Debug` leaves the password out.
        f.debug_struct("Pool").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Has a connection's bytes moved until it ends.
fn drive<S, T>(connection: tokio_postgres::Connection<S, T>) -> JoinHandle<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %error, "a connection to PostgreSQL ended");
        }
    })
}
