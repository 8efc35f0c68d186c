//! What a program under test keeps its events in: each of the three stores, as it survives the program.

use std::{path::PathBuf, sync::Arc};

use quarterdeck_store::{Store, StoreError, memory::MemoryStore, sqlite::SqliteStore};

use crate::harness::left_out;
#[cfg(feature = "postgres")]
use crate::postgres_server::Postgres;

/// Where events are kept.
pub(crate) enum Ground {
    /// In this process. It outlives the program under test, not the test.
    Memory(Arc<MemoryStore>),
    /// In a file.
    Sqlite(PathBuf),
    /// In a database of a server that is ours alone.
    #[cfg(feature = "postgres")]
    Postgres {
        /// Stopped when the ground is dropped.
        _server: Box<Postgres>,
        /// The database.
        url: String,
    },
}

impl Ground {
    /// All stores, by the name that the configuration gives them.
    pub(crate) const ALL: [&str; 3] = ["memory", "sqlite", "postgres"];

    /// A fresh one; none: this machine does not have it, which is said, and fails on the build machine.
    pub(crate) async fn fresh(kind: &str, folder: PathBuf) -> Option<Self> {
        match kind {
            "memory" => Some(Self::Memory(MemoryStore::new())),
            "sqlite" => Some(Self::Sqlite(folder.join("quarterdeck.db"))),
            #[cfg(feature = "postgres")]
            "postgres" => {
                let mut server = Postgres::start("the whole program on PostgreSQL")?;
                let url = server.fresh().await;
                Some(Self::Postgres { _server: Box::new(server), url })
            }
            _ => {
                left_out(kind);
                None
            }
        }
    }

    /// Opens it, as a program that starts does; when the one before has let go of it.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        loop {
            match self.try_open().await {
                // Nobody holds it any more, and yet it is being closed, on another thread.
                Err(StoreError::InUse { .. }) => tokio::task::yield_now().await,
                opened => return opened.unwrap(),
            }
        }
    }

    /// What a second program that starts meanwhile hears; none: this place is a program's own.
    pub(crate) async fn second(&self) -> Option<Result<(), StoreError>> {
        match self {
            Self::Memory(_) => None,
            _ => Some(self.try_open().await.map(drop)),
        }
    }

    async fn try_open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Memory(store) => Arc::clone(store) as Arc<dyn Store>,
            Self::Sqlite(path) => SqliteStore::open(path)?,
            #[cfg(feature = "postgres")]
            Self::Postgres { url, .. } => quarterdeck_store::postgres::PostgresStore::connect(url, None).await?,
        })
    }

    /// Runs a statement behind the program's back, as somebody with the database can; how many rows it changed.
    pub(crate) async fn change(&self, sql: &str) -> u64 {
        match self {
            Self::Memory(_) => panic!("nobody else reaches memory"),
            Self::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.busy_timeout(std::time::Duration::from_mins(1)).unwrap();
                connection.execute(sql, []).unwrap() as u64
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { url, .. } => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                let connection = tokio::spawn(connection);
                let changed = client.execute(sql, &[]).await.unwrap();
                drop(client);
                connection.await.unwrap().unwrap();
                changed
            }
        }
    }

    /// How many hold the open store when no program does.
    pub(crate) const fn own_holders(&self) -> usize {
        match self {
            Self::Memory(_) => 1,
            Self::Sqlite(_) => 0,
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => 0,
        }
    }
}
