//! A back-up of a program that runs: the database as it is at one moment, and the log as files, made from that very copy, so that they
//! belong together and the back-up is verified before anybody relies on it. What is made is a data folder: a program starts on it.
//! It must never write to what it copies. Tests: `crates/cli/tests/it/backup.rs`.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use quarterdeck_ledger::{
    checkpoint::Checkpoint,
    note::{NOTE_BYTES_MAX, Note, VerifierKey},
    verify::{KeptHead, Report, verify_folder_since},
};
use quarterdeck_store::{StoreError, sqlite::SqliteCopy};

use crate::{
    engine::{StartError, entry_of},
    log_files::DiskFiles,
    log_key::{self, KEY_FILE, KeyError},
    log_tree::Nodes,
    loops::publish::{CHECKPOINT_FILE, PublishError, write_head, write_slice},
    regular,
};

/// The database in a data folder.
pub const DATABASE: &str = "quarterdeck.db";
/// The log as files in a data folder.
pub const LOG: &str = "log";
/// Events read at once: some megabytes.
const EVENTS: u64 = 1_024;

/// Why there is no back-up.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there already, and a back-up never writes over another.
    #[error("`{path}` is there and is not empty")]
    Taken {
        /// Where it was to go.
        path: PathBuf,
    },
    /// There is no database to copy.
    #[error("there is no database `{path}`")]
    Nothing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{doing} `{path}`")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database could not be copied or read back.
    #[error("copy the database")]
    Store(#[from] StoreError),
    /// The key of the log cannot be read.
    #[error("read the key of the log")]
    Key(#[from] KeyError),
    /// An event cannot be a leaf.
    #[error("read the copied log")]
    Start(#[from] StartError),
    /// The files of the log cannot be made.
    #[error("write the files of the log")]
    Publish(#[from] PublishError),
    /// The signed head in the copy cannot be read.
    #[error("the checkpoint in the database: {detail}")]
    Head {
        /// What is wrong with it.
        detail: String,
    },
}

/// What was made.
pub struct Backup {
    /// Events of the log in it.
    pub events: u64,
    /// What verifying it said; none: nothing was logged yet.
    pub report: Option<Report>,
    /// How many events the running program had published when it began; none: there was nothing published to compare with.
    pub published: Option<u64>,
}

/// Copies the data folder of a program on SQLite, which may be running, into a new folder. `with_key`: the key that signs, too.
pub fn make(data: &Path, to: &Path, with_key: bool) -> Result<Backup, BackupError> {
    let database = data.join(DATABASE);
    if !database.is_file() {
        return Err(BackupError::Nothing { path: database });
    }
    begin(to)?;
    let made = fill(data, to, with_key);
    if made.is_err() {
        // Half a back-up must not look like one.
        for path in [to.join(DATABASE), to.join(KEY_FILE)] {
            remove(&path, fs::remove_file(&path));
        }
        remove(&to.join(LOG), fs::remove_dir_all(to.join(LOG)));
    }
    made
}

fn remove(path: &Path, removed: io::Result<()>) {
    if let Err(error) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "half a back-up is still there");
    }
}

fn fill(data: &Path, to: &Path, with_key: bool) -> Result<Backup, BackupError> {
    // Before the database is copied: the copy has all that was published by now.
    let kept = match regular::read(&data.join(LOG).join(CHECKPOINT_FILE), note_bytes()) {
        Ok(note) => Some(note),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(io_error("read", &data.join(LOG).join(CHECKPOINT_FILE))(source)),
    };
    let copy = SqliteCopy::make(&data.join(DATABASE), &to.join(DATABASE))?;
    if with_key {
        copy_key(data, to)?;
    }
    let events = copy.size()?;
    let Some(note) = copy.checkpoint()? else { return Ok(Backup { events, report: None, published: None }) };
    let head = head_of(note.as_bytes())?;
    let key = log_key::existing(data, head.origin())?.verifier().clone();
    publish(&copy, events, &note, &key, &to.join(LOG))?;
    let published = kept.as_deref().map(head_of).transpose()?.map(|head| head.size());
    let name = data.join(LOG).join(CHECKPOINT_FILE).display().to_string();
    let kept: Vec<KeptHead> = kept.into_iter().map(|note| KeptHead { name: name.clone(), note }).collect();
    let report = verify_folder_since(&DiskFiles::new(to.join(LOG)), Some(&key), &kept);
    Ok(Backup { events, report: Some(report), published })
}

fn note_bytes() -> u64 {
    u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX)
}

fn io_error(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { doing, path: path.clone(), source }
}

/// Makes the folder, for its owner alone.
fn begin(to: &Path) -> Result<(), BackupError> {
    match fs::read_dir(to) {
        Ok(mut there) => {
            if there.next().is_some() {
                return Err(BackupError::Taken { path: to.to_owned() });
            }
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            fs::set_permissions(to, private).map_err(io_error("close to others", to))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(io_error("make", to))
        }
        Err(source) => Err(io_error("read", to)(source)),
    }
}

fn copy_key(data: &Path, to: &Path) -> Result<(), BackupError> {
    let (from, to) = (data.join(KEY_FILE), to.join(KEY_FILE));
    let key = fs::read(&from).map_err(io_error("read", &from))?;
    let mut options = fs::OpenOptions::new();
    let written = options.write(true).create_new(true).mode(0o600).open(&to).and_then(|mut file| {
        file.write_all(&key)?;
        file.sync_all()
    });
    written.map_err(io_error("write", &to))
}

fn head_of(note: &[u8]) -> Result<Checkpoint, BackupError> {
    let read = Note::parse(note).map_err(|error| error.to_string());
    let head = read.and_then(|note| Checkpoint::parse(note.unverified_text()).map_err(|error| error.to_string()));
    head.map_err(|detail| BackupError::Head { detail })
}

/// Writes the log of the copy as files.
fn publish(copy: &SqliteCopy, size: u64, note: &str, key: &VerifierKey, root: &Path) -> Result<(), BackupError> {
    let read = |from: u64| copy.events(from, usize::try_from(EVENTS.min(size - from)).unwrap_or(usize::MAX));
    let mut nodes = Nodes::default();
    while nodes.size() < size {
        for event in read(nodes.size())? {
            nodes.append(entry_of(&event)?.leaf_hash());
        }
    }
    let mut done = 0;
    while done < size {
        let events = read(done)?;
        let to = done + u64::try_from(events.len()).unwrap_or(u64::MAX);
        write_slice(&nodes, root, done, to, events)?;
        done = to;
    }
    write_head(root, note, key)?;
    Ok(())
}
