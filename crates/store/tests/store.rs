//! All stores keep the same promises (`src/conformance.rs`), answer alike, and the durable ones survive a kill at any instant.

#[cfg(test)]
#[path = "store/agreement.rs"]
mod agreement;
#[cfg(test)]
#[path = "store/crash.rs"]
mod crash;
#[cfg(test)]
#[cfg(feature = "postgres")]
#[path = "store/cut.rs"]
mod cut;
#[cfg(test)]
#[path = "store/full_disk.rs"]
mod full_disk;
#[cfg(test)]
#[cfg(feature = "postgres")]
#[path = "store/postgres.rs"]
mod postgres;
#[cfg(test)]
#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
mod postgres_server;

use std::{future::Future, sync::Arc};

use quarterdeck_store::{
    Store,
    conformance::{Broken, CASES, one_writer},
    memory::MemoryStore,
    sqlite::SqliteStore,
};

/// Runs every case on a fresh store and names those that fail.
async fn conforms<Opening: Future<Output = Arc<dyn Store>>>(mut fresh: impl FnMut() -> Opening) {
    let mut broken = Vec::new();
    for (promise, check) in CASES {
        if let Err(error) = check(fresh().await).await {
            let cause = match &error {
                Broken::Failed(cause) => format!("{error}: {cause:?}"),
                Broken::Differs { .. } => error.to_string(),
            };
            broken.push(format!("- {promise}: {cause}"));
        }
    }
    assert!(broken.is_empty(), "{} of {} promises broken:\n{}", broken.len(), CASES.len(), broken.join("\n"));
}

#[tokio::test]
async fn of_two_programs_on_one_file_the_second_hears_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quarterdeck.db");
    one_writer(|| async { Ok(SqliteStore::open(&path)? as Arc<dyn Store>) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_its_promises() {
    conforms(|| async { MemoryStore::new() as Arc<dyn Store> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    conforms(|| {
        count += 1;
        let path = folder.path().join(format!("{count}.db"));
        async move { SqliteStore::open(&path).unwrap() as Arc<dyn Store> }
    })
    .await;
}
