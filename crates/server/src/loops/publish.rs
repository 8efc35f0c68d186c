//! Writes the log as files that anyone can verify: tiles, entries, bodies and the signed checkpoint, as `quarterdeck verify` and
//! other tlog-tiles readers expect them. The store is the truth; the folder is made from it and can be made again.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use quarterdeck_ledger::folder;
use tokio::sync::watch;

use crate::{engine::{entry_of, read}, loops::engine::EngineHandle, store::{Store, StoreError}};

/// How far the folder may lag behind the store.
const PUBLISH_EVERY: Duration = Duration::from_millis(500);
/// Events read at once.
const EVENTS: usize = 4_096;

/// Why the folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store did not answer.
    #[error("read the log to publish it")]
    Store(#[from] StoreError),
    /// The disk did not take it.
    #[error("write `{path}`")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Publishes until `stop` says so, and once more then.
pub async fn run(store: Arc<dyn Store>, engine: EngineHandle, root: PathBuf, vkey: String, mut stop: watch::Receiver<bool>) {
    let mut published = 0;
    loop {
        let stopping = *stop.borrow();
        match publish(&*store, &engine, &root, &vkey, published).await {
            Ok(size) => published = size,
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "cannot publish the log"),
        }
        if stopping {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(PUBLISH_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Brings the folder from `from` events to where the log stands. Returns the size published.
pub async fn publish(
    store: &dyn Store,
    engine: &EngineHandle,
    root: &Path,
    vkey: &str,
    from: u64,
) -> Result<u64, PublishError> {
    let head = read(&engine.published().head).clone();
    let Some(checkpoint) = head.checkpoint.filter(|_| head.size > from || from == 0) else { return Ok(from) };
    let mut writer = folder::Writer::new(from);
    let mut next = writer.needs_from();
    while next < head.size {
        let wanted = usize::try_from(head.size - next).unwrap_or(EVENTS).min(EVENTS);
        let events = store.events(next, wanted).await?;
        if events.is_empty() {
            return Ok(from);
        }
        for event in &events {
            let content = event.content.as_ref().map(|(body, salt)| (salt, body.as_bytes()));
            writer.add(&entry_of(event), content);
            next = event.index + 1;
        }
    }
    for (path, bytes) in writer.finish() {
        write_whole(&root.join(path), &bytes)?;
    }
    write_whole(&root.join(folder::KEY_FILE), format!("{vkey}\n").as_bytes())?;
    write_whole(&root.join(folder::CHECKPOINT_FILE), checkpoint.as_bytes())?;
    Ok(head.size)
}

/// Writes beside and renames, so that a reader never sees half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    let failed = |source| PublishError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let beside = path.with_extension("writing");
    let mut file = std::fs::File::create(&beside).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_data()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}
