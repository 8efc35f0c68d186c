//! Writes the log as files that anyone can verify: tiles, entries, bodies and the signed checkpoint, as `quarterdeck verify` and
//! other tlog-tiles readers expect them. The store is the truth; the folder is made from it and can be made again.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use quarterdeck_core::journal::{Body as Recordable, JournalEvent, Recorded, Stream};
use quarterdeck_ledger::{
    checkpoint::Checkpoint,
    folder::{self, Body, FileError, PublishError as FolderError, Sealed, files_for, first_needed},
    note::VerifierKey,
};
use tokio::sync::watch;

use crate::{
    engine::{Published, StartError, body_opens, entry_of, read, recorded_of},
    log_files::BodiesOf,
    log_tree::Nodes,
    writing::Writing,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_store::{Content, Store, StoreError, StoredEvent};

/// How far the folder lags behind the store where little happens: how often to look.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks for which the folder may lag in a storm: 3 s. Each publication writes the last slice of the log anew and waits for the disk
/// a dozen times, while the store waits for the same disk with somebody's alert.
const LOOKS_MAX: u32 = 6;
/// Events between two looks that are no storm: a quarter of a slice.
const LITTLE: u64 = 64;
/// Events written at once.
const EVENTS: u64 = 1_024;
/// Where the signed head stands in the folder.
pub(crate) const CHECKPOINT_FILE: &str = "checkpoint";
/// Where the verifier key stands in the folder.
pub(crate) const VKEY_FILE: &str = "log.vkey";

/// Why the folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store did not answer.
    #[error("read the log to publish it")]
    Store(#[from] StoreError),
    /// A stored event cannot be a leaf.
    #[error("read the log to publish it")]
    Start(#[from] StartError),
    /// The files cannot be made.
    #[error("make the files of the log: {0}")]
    Folder(String),
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

/// Publishes the log of one store into one folder.
pub struct Publisher {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Where the log stands.
    pub published: Arc<Published>,
    /// The folder.
    pub root: PathBuf,
    /// The log's verifier key.
    pub key: VerifierKey,
    /// Told how far it is.
    pub writing: Arc<Writing>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Publisher {
    /// Publishes until `stop` says so, and once more then.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut published = self.size_there();
        let mut pace = Pace::new();
        loop {
            let stopping = *stop.borrow();
            let due = pace.is_due(read(&self.published.head).size);
            if due || stopping {
                published = self.turn(published, stopping).await;
            }
            if stopping {
                return;
            }
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// One look. On a full disk what space is left is for the store, until it stops.
    async fn turn(&self, published: u64, stopping: bool) -> u64 {
        let clocks = || (self.clock.now(), self.clock.elapsed());
        if self.writing.is_full() && !stopping {
            let (at, now) = clocks();
            self.writing.not_published("the disk is full".to_owned(), at, now);
            return published;
        }
        let done = self.publish(published).await;
        let (at, now) = clocks();
        match done {
            Ok(upto) => {
                self.writing.published(upto, read(&self.published.head).size, at, now);
                upto
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot publish the log");
                self.writing.not_published(error.to_string(), at, now);
                published
            }
        }
    }

    /// How far the folder is, by its own signed checkpoint; 0 where that is not ours or not there: then all is written anew.
    fn size_there(&self) -> u64 {
        let Ok(note) = std::fs::read(self.root.join(CHECKPOINT_FILE)) else { return 0 };
        let size = Checkpoint::open(&note, &self.key).map_or(0, |checkpoint| checkpoint.size());
        if size <= read(&self.published.head).size { size } else { 0 }
    }

    /// Brings the folder from `from` events to where the log stands. Returns the size published.
    pub async fn publish(&self, from: u64) -> Result<u64, PublishError> {
        let head = read(&self.published.head).clone();
        let Some(checkpoint) = head.checkpoint.filter(|_| head.size > from) else { return Ok(from) };
        let mut done = from;
        let mut erased = Vec::new();
        while done < head.size {
            let begin = first_needed(done);
            let to = head.size.min(begin + EVENTS);
            let wanted = usize::try_from(to - begin).unwrap_or(usize::MAX);
            let events = self.store.events(begin, wanted).await?;
            self.look_at(&events);
            erased.extend(erased_by(&events));
            let events = self.withhold(events, &mut erased);
            let (nodes, root) = (self.published.tree.upper(), self.root.clone());
            self.blocking(move || write_slice(&nodes, &root, done, to, events)).await?;
            done = to;
        }
        // Before the checkpoint: whoever stops in between does it again.
        self.erase(erased).await?;
        let (root, key) = (self.root.clone(), self.key.clone());
        self.blocking(move || write_head(&root, &checkpoint, &key)).await?;
        Ok(head.size)
    }

    /// Leaves out the bodies of restricted incidents: the folder is made to be handed on, and a leaf proves without its body. Those that
    /// were written before their incident was restricted are taken out again, like what was erased. Once the restriction is lifted later
    /// events are published; what was left out is in a bundle, or in a folder made anew.
    fn withhold(&self, mut events: Vec<StoredEvent>, taken_out: &mut Vec<(Stream, Vec<u64>)>) -> Vec<StoredEvent> {
        let board = self.published.board();
        for event in &mut events {
            let Ok(Stream::Incident(id)) = event.stream.parse::<Stream>() else { continue };
            if !board.is_restricted(id) {
                continue;
            }
            if event.content.json().is_some_and(|json| json.contains("restricted.v1")) {
                taken_out.push((Stream::Incident(id), (0..=event.version).collect()));
            }
            event.content = Content::Erased;
        }
        events
    }

    /// Tells of bodies that are not what their entries commit to. They are published as they are stored: left out they would pass for
    /// erased, as they are `quarterdeck verify` names each.
    fn look_at(&self, events: &[StoredEvent]) {
        for event in events {
            if let Err(error) = body_opens(event) {
                tracing::error!(%error, "a changed body is published, and does not verify");
                self.published.doubt_event(event, &error);
            }
        }
    }

    /// Events of a stream, these among them. An incident is read as a whole; the journal is as long as the program has lived.
    async fn events_of(&self, stream: Stream, versions: &[u64]) -> Result<Vec<StoredEvent>, StoreError> {
        let name = stream.to_string();
        if stream != Stream::Journal {
            return self.store.stream(&name).await;
        }
        let mut events = Vec::new();
        for version in versions {
            events.extend(self.store.stream_before(&name, version.saturating_add(1), 1).await?);
        }
        Ok(events)
    }

    /// Takes bodies that were erased out of the files that are there already. Proofs are not touched.
    async fn erase(&self, erased: Vec<(Stream, Vec<u64>)>) -> Result<(), PublishError> {
        for (stream, versions) in erased {
            let events = self.events_of(stream, &versions).await?;
            let of_them = events.into_iter().filter(|event| versions.contains(&event.version));
            let places: Vec<u64> = of_them.map(|event| event.index).collect();
            let root = self.root.clone();
            let unreadable = |error: FileError| PublishError::Folder(error.to_string());
            self.blocking(move || {
                for place in places {
                    let files = BodiesOf::new(&root, place).map_err(unreadable)?;
                    write_all(&root, &folder::erase(&files, place).map_err(unreadable)?)?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Runs `work` where waiting for the disk holds nobody else up. It goes on when we are dropped, so it holds the store: who
    /// has that has the folder, and a program that follows us opens it only when the last byte is written.
    async fn blocking(
        &self,
        work: impl FnOnce() -> Result<(), PublishError> + Send + 'static,
    ) -> Result<(), PublishError> {
        let store = Arc::clone(&self.store);
        let held = move || {
            let done = work();
            drop(store);
            done
        };
        tokio::task::spawn_blocking(held).await.map_err(|ended| PublishError::Folder(ended.to_string()))?
    }
}

/// When to publish: at once where little happens, and when a storm pauses or has lasted long enough.
struct Pace {
    /// How long the log was at the last look.
    seen: u64,
    /// Looks since the last time.
    waited: u32,
}

impl Pace {
    /// What is there already is due.
    const fn new() -> Self {
        Self { seen: 0, waited: LOOKS_MAX }
    }

    /// Whether it is time, at a look at a log of this size.
    const fn is_due(&mut self, size: u64) -> bool {
        let came = size.saturating_sub(self.seen);
        self.seen = size;
        self.waited = self.waited.saturating_add(1);
        let due = came <= LITTLE || self.waited >= LOOKS_MAX;
        if due {
            self.waited = 0;
        }
        due
    }
}

/// What events say was erased: versions, by stream. One that cannot be read says nothing, and is told of where it is read.
fn erased_by(events: &[StoredEvent]) -> Vec<(Stream, Vec<u64>)> {
    let mut erased = Vec::new();
    // Only these are read: the log is long, and seldom is anything erased.
    let may_say = |event: &&StoredEvent| event.content.json().is_some_and(|json| json.contains("erased.v1"));
    for event in events.iter().filter(may_say) {
        if let Ok(Some(Recorded { body: Recordable::Journal(JournalEvent::Erased { stream, events, .. }), .. })) =
            recorded_of(event)
        {
            erased.push((stream, events.iter().map(|event| event.version).collect()));
        }
    }
    erased
}

/// Writes the files of the events from `done` to `to`, given from the first that is needed for them.
pub(crate) fn write_slice(
    nodes: &Nodes,
    root: &Path,
    done: u64,
    to: u64,
    events: Vec<StoredEvent>,
) -> Result<(), PublishError> {
    let mut sealed = Vec::with_capacity(events.len());
    for event in events {
        let entry = entry_of(&event)?;
        let body = match event.content {
            Content::Whole { json, salt } => Body::Kept { salt, bytes: json.into_bytes() },
            // What is left of it does not open its leaf.
            Content::Redacted { .. } | Content::Erased => Body::Erased,
        };
        sealed.push(Sealed { entry, body });
    }
    let files =
        files_for(nodes, done, to, &sealed).map_err(|error: FolderError<_>| PublishError::Folder(error.to_string()))?;
    write_all(root, &files)
}

/// Writes what makes the files a log: the signed head, last, and before it the key that it is signed with.
pub(crate) fn write_head(root: &Path, checkpoint: &str, key: &VerifierKey) -> Result<(), PublishError> {
    let key = format!("{key}\n");
    if std::fs::read(root.join(VKEY_FILE)).ok().as_deref() != Some(key.as_bytes()) {
        write_whole(root, VKEY_FILE, key.as_bytes())?;
    }
    write_whole(root, CHECKPOINT_FILE, checkpoint.as_bytes())
}

/// Writes files one after another. Several at a time were tried: their syncs get in the way of the store's own, and alerts in batches
/// came in at a fifth to a third less a second (docs/BENCHMARKS.md).
fn write_all(root: &Path, files: &[(String, Vec<u8>)]) -> Result<(), PublishError> {
    files.iter().try_for_each(|(path, bytes)| write_whole(root, path, bytes))
}

/// For its owner's eyes only: it has what the database has.
fn private() -> std::fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Takes the rights of others to a folder away, which an earlier version gave. What is below it nobody else reaches then.
pub(crate) fn close_to_others(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(known) = std::fs::metadata(folder) else { return };
    let mode = known.permissions().mode() & 0o777;
    if mode | 0o700 == 0o700 {
        return;
    }
    match std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode & 0o700)) {
        Ok(()) => {
            tracing::warn!(folder = %folder.display(), "others could read the published log: now only its owner can");
        }
        Err(error) => tracing::warn!(%error, folder = %folder.display(), "others can read the published log"),
    }
}

/// Writes beside and renames, so that a reader never sees half a file.
fn write_whole(root: &Path, name: &str, bytes: &[u8]) -> Result<(), PublishError> {
    let path = &root.join(name);
    let failed = |source| PublishError::Write { path: path.clone(), source };
    if let Some(folder) = path.parent() {
        make_private(folder).map_err(failed)?;
    }
    // Beside the folder, not in it: whoever reads the folder meanwhile would meet a file that does not belong.
    let beside = root.with_extension("writing");
    let mut file = private().open(&beside).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_data()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_published_when_it_pauses_and_at_the_latest_after_the_longest_lag() {
        let mut pace = Pace::new();
        let looks: Vec<bool> = [1_000, 1_001, 1_065, 2_000, 3_000, 3_010].map(|size| pace.is_due(size)).into();
        assert_eq!(looks, [true, true, true, false, false, true]);
        let storm: Vec<bool> = (1..20).map(|look| pace.is_due(3_010 + look * 5_000)).collect();
        let longest = storm.split(|due| *due).map(<[bool]>::len).max();
        assert_eq!(longest, Some(LOOKS_MAX as usize - 1));
        assert_eq!(LOOK_EVERY * LOOKS_MAX, Duration::from_secs(3));
    }
}
