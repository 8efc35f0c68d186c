//! Compares the store with the head that was published of it, before anything is written. A store that is behind what it signed, or says
//! something else, must not be written on in silence: the same key would sign two histories. It changes nothing by itself but the name of
//! a folder, when somebody accepted the loss. Tests: `tests/it/lost.rs`.

use std::{
    io,
    path::{Path, PathBuf},
};

use quarterdeck_ledger::{checkpoint::Checkpoint, hash::to_hex, note::VerifierKey, tree::root_at};
use quarterdeck_store::Store;

use crate::{
    config::{Configuration, StoreKind},
    engine::{Engine, Published, read},
    loops::publish::{CHECKPOINT_FILE, close_to_others},
};

/// A store that does not go on from what was published of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the store has {stored} events, root {stored_root}, and `{folder}` was signed for {published}, root {published_root}: {how}",
    how = self.how()
)]
pub struct Lost {
    /// Where the log was published.
    pub folder: PathBuf,
    /// Events of the store.
    pub stored: u64,
    /// Their root in hex.
    pub stored_root: String,
    /// Events of the published log.
    pub published: u64,
    /// Their root in hex.
    pub published_root: String,
}

impl Lost {
    fn how(&self) -> String {
        match self.published.checked_sub(self.stored) {
            None | Some(0) => "its events are others".to_owned(),
            Some(missing) => format!("the last {missing} are missing, or more of it differs"),
        }
    }

    /// What may have happened, and what to do.
    pub fn hint(&self) -> String {
        "an older back-up was put back, the database was deleted, or its write-ahead log was lost. Put the newer database back. To go on \
         with what is there: `quarterdeck serve --accept-lost-history \"REASON\"`; that is written into the log, people are paged, and the \
         published log is kept beside the new one"
            .to_owned()
    }

    /// Where the published log is put aside, so that what was signed stays to be looked at.
    pub fn aside(&self) -> PathBuf {
        let name = |nth: u32| self.folder.with_extension(format!("before-{}.{nth}", self.published));
        (1..=1_000).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
    }

    /// Puts it there. Once that is done the next start finds nothing lost: what was lost must be durable before.
    pub fn put_aside(&self, aside: &Path) -> io::Result<()> {
        std::fs::rename(&self.folder, aside)
    }
}

/// Whether the store goes on from what was published in this folder. What cannot be compared is said, and the folder made anew.
pub async fn compare(published: &Published, store: &dyn Store, folder: &Path, key: &VerifierKey) -> Result<(), Lost> {
    let head = read(&published.head).clone();
    let note = match std::fs::read(folder.join(CHECKPOINT_FILE)) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if head.size > 0 {
                tracing::warn!(folder = %folder.display(), events = head.size, "the published log is not there: it is made anew");
            }
            return Ok(());
        }
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "the published log cannot be compared with the store");
            return Ok(());
        }
    };
    let signed = match Checkpoint::open(&note, key) {
        Ok(signed) => signed,
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "the published log is not signed with our key: it is made anew");
            return Ok(());
        }
    };
    let (size, root) = (signed.size(), signed.root());
    let ours = if size <= head.size { root_of_first(published, store, size).await } else { None };
    let goes_on = match ours {
        Some(ours) => ours == root,
        // What of the store cannot be read is told by the audit.
        None => size <= head.size,
    };
    if goes_on {
        return Ok(());
    }
    Err(Lost {
        folder: folder.to_owned(),
        stored: head.size,
        stored_root: head.root,
        published: size,
        published_root: to_hex(root.bytes()),
    })
}

/// The root of the first `size` events of the store; none: it cannot be worked out.
async fn root_of_first(published: &Published, store: &dyn Store, size: u64) -> Option<quarterdeck_ledger::hash::Hash> {
    let nodes = published.tree.around(store, size.checked_sub(1)).await;
    let nodes = nodes.inspect_err(|error| tracing::error!(%error, "the published log cannot be compared")).ok()?;
    root_at(&nodes, size).ok()
}

/// What was lost and is gone on without, and why. On error nothing has been written.
pub async fn lost_history(
    engine: &Engine,
    configuration: &Configuration,
    key: &VerifierKey,
    accepted: Option<String>,
) -> Result<Option<(Lost, String)>, Lost> {
    let folder = configuration.data.join("log");
    close_to_others(&folder);
    // What is in memory begins anew each time, and nobody takes it for a record.
    if matches!(configuration.store, StoreKind::Memory) {
        return Ok(None);
    }
    let compared = compare(&engine.published(), &*engine.store(), &folder, key).await;
    let Err(lost) = compared else { return Ok(None) };
    let Some(reason) = accepted else { return Err(lost) };
    Ok(Some((lost, reason)))
}
