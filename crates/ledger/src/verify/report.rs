//! What a verification says: what was checked, and where something is wrong.

use std::fmt::{self, Write as _};

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    hash::{Hash, to_hex},
    leaf::EntryError,
    note::{KeyError, VerifierKey},
    tiles::FileKind,
};

/// Findings listed; beyond, they are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// Findings written out for a person, who reads the first few; the verdict is to stay in sight.
pub const FINDINGS_SHOWN: usize = 20;

/// The outcome of checking a log folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The key that the checkpoint was checked with, if there was one.
    pub key: Option<VerifierKey>,
    /// Where that key came from. With the folder's own key the folder is only known to agree with itself.
    pub key_source: KeySource,
    /// The head, if it could be believed.
    pub head: Option<Checkpoint>,
    /// The root that the entries and tiles give; equal to that of the head if all is well.
    pub root: Option<Hash>,
    /// What the log holds.
    pub contents: Contents,
    /// How much was checked.
    pub checked: Checked,
    /// Indices of the entries whose bodies are erased.
    pub erased: Vec<u64>,
    /// What is there beyond the head: nobody signed for it.
    pub ahead: Ahead,
    /// What is wrong, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// Findings beyond those listed.
    pub findings_left_out: u64,
}

impl Report {
    /// Whether nothing at all is wrong.
    pub const fn holds(&self) -> bool {
        self.findings.is_empty()
    }
    /// Leaves of the log by its head.
    pub fn size(&self) -> u64 {
        self.head.as_ref().map_or(0, Checkpoint::size)
    }
    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_left_out += 1;
        }
    }
    pub(super) fn note(&mut self, file: impl fmt::Display, place: Place, what: What) {
        self.add(Finding { file: file.to_string(), place, what });
    }
}

/// Where the key of a verification came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// The caller, who has it from a source of his own.
    Given,
    /// `log.vkey` in the folder.
    Folder,
}

/// What a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Our entries with their bodies.
    Bodies,
    /// Our entries alone: the bodies were kept back.
    EntriesOnly,
    /// The entries of some other program.
    Foreign,
}

/// How much was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// Files read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Entries hashed into the tree.
    pub entries: u64,
    /// Streams whose versions were followed.
    pub streams: u64,
    /// Bodies that opened their entry.
    pub bodies: u64,
    /// Bodies that are erased.
    pub erased: u64,
    /// Hashes of tiles compared.
    pub tile_hashes: u64,
    /// Older checkpoints, given by the caller, that this log extends.
    pub older_heads: u64,
}

/// Files beyond the head. A publisher that is stopped before it has written the head leaves them, and writes them again when it goes on.
/// An older head put in the place of the latest looks the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ahead {
    /// How many files.
    pub files: u64,
    /// Up to how many entries more than the head has.
    pub entries: u64,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path of the file within the folder.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub what: What,
}

/// Where in a file, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Offset of the byte at which the thing begins.
    pub byte: Option<u64>,
    /// Index of the entry in the log.
    pub entry: Option<u64>,
    /// Stream and version that the entry states. It may be the very thing that was changed.
    pub event: Option<(String, u64)>,
}

impl Place {
    pub(super) fn entry(entry: u64, byte: usize) -> Self {
        Self { entry: Some(entry), ..Self::byte(byte) }
    }
    pub(super) fn byte(byte: usize) -> Self {
        Self { byte: Some(u64::try_from(byte).unwrap_or(u64::MAX)), ..Self::default() }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A log folder has no such file.
    Unknown,
    /// The file that the head demands is not there.
    Missing,
    /// The files of so many more bundles are not there.
    MissingMore(u64),
    /// The file could not be read.
    Unreadable(String),
    /// The file covers leaves that the head does not, and does not begin with what the head covers.
    BeyondHead {
        /// Leaves of the head.
        size: u64,
    },
    /// There is no key to check the head with.
    NoKey,
    /// `log.vkey` holds no key.
    Key(KeyError),
    /// `log.vkey` holds another key than the one that the caller trusts.
    OtherKey(Box<VerifierKey>),
    /// The head is refused.
    Head(CheckpointError),
    /// The head claims more leaves than a log can have.
    HeadSize(u64),
    /// The entries and tiles give another root than the head.
    Root {
        /// The root of the head.
        want: Hash,
        /// What the files give.
        got: Hash,
    },
    /// A leaf or a tile has another hash than the tree.
    Hash {
        /// The hash in the tree.
        want: Hash,
        /// The hash here.
        got: Hash,
    },
    /// The entries of a bundle and its tile differ, and the head decides for neither.
    Disagree {
        /// The hash in the tile.
        tile: Hash,
        /// The hash of the entry.
        entry: Hash,
    },
    /// So many more things of this file are wrong in the same way.
    More(u64),
    /// The file is malformed from here.
    Malformed,
    /// The file holds another number of things than its path says.
    Count {
        /// What the path says.
        want: u64,
        /// What it holds.
        got: u64,
    },
    /// The entry is not one of ours, in a log of ours.
    Entry(EntryError),
    /// The stream does not go on with the version that follows: something was left out, or written twice.
    Version {
        /// The version that follows.
        want: u64,
        /// The version of the entry.
        got: u64,
    },
    /// The body and salt do not open the entry.
    Body {
        /// The digest in the entry.
        want: [u8; 32],
        /// The digest of salt and body.
        got: [u8; 32],
    },
    /// The body is erased here but not in a wider file of the same slice, or the other way round.
    HalfErased,
    /// A head that somebody kept is not believed: another key signed it, or it was changed.
    KnownHead(CheckpointError),
    /// An older head that the caller knows is of another log.
    OtherLog(String),
    /// An older head that the caller knows has more leaves: the log was set back.
    SetBack {
        /// Leaves of the head that the caller knows.
        known: u64,
        /// Leaves of the head here.
        size: u64,
    },
    /// The log does not extend a head that the caller knows: its history was rewritten, or it shows two faces.
    Rewritten {
        /// Leaves of the head that the caller knows.
        size: u64,
        /// The root of that head.
        want: Hash,
        /// The root of the first so many leaves here.
        got: Hash,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in self.findings.iter().take(FINDINGS_SHOWN) {
            writeln!(f, "{finding}")?;
        }
        let more = u64::try_from(self.findings.len().saturating_sub(FINDINGS_SHOWN)).unwrap_or(u64::MAX);
        let more = more.saturating_add(self.findings_left_out);
        if more > 0 {
            writeln!(f, "and {more} more findings")?;
        }
        let Checked { files, bytes, entries, streams, bodies, erased, .. } = self.checked;
        let verdict = if self.holds() { "holds" } else { "DOES NOT HOLD" };
        let origin = self.head.as_ref().map_or("?", Checkpoint::origin);
        writeln!(
            f,
            "log {origin} {verdict}: {entries} entries of {streams} streams, {bodies} bodies, {erased} erased"
        )?;
        if self.checked.older_heads > 0 {
            let (count, heads) = match self.checked.older_heads {
                1 => ("the".to_owned(), "checkpoint that was"),
                count => (count.to_string(), "checkpoints that were"),
            };
            writeln!(f, "it extends {count} {heads} kept")?;
        }
        if self.ahead.files > 0 {
            let Ahead { files, entries } = self.ahead;
            writeln!(
                f,
                "{files} files go up to {entries} entries beyond the checkpoint, and nobody signed for those: the program was stopped while it \
                 published, and goes on from there; or an older checkpoint was put in the place of the latest"
            )?;
        }
        if self.key_source == KeySource::Folder {
            writeln!(f, "checked with the folder's own key: it agrees with itself, nothing more")?;
        }
        write!(f, "{files} files, {bytes} bytes")
    }
}

impl fmt::Display for Finding {
    /// One line, whatever the files are called: a name with a line break must not write a line of the report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in format!("{}{}: {}", self.file, self.place, self.what).chars() {
            if character.is_control() { write!(f, "{}", character.escape_default())? } else { f.write_char(character)? }
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(byte) = self.byte {
            write!(f, ", byte {byte}")?;
        }
        if let Some(entry) = self.entry {
            write!(f, ", entry {entry}")?;
        }
        match &self.event {
            Some((stream, version)) => write!(f, " ({stream} version {version})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("a log folder has no such file"),
            Self::Missing => f.write_str("the file is missing"),
            Self::MissingMore(more) => write!(f, "the files of {more} more bundles are missing"),
            Self::Unreadable(reason) => write!(f, "the file cannot be read: {reason}"),
            Self::BeyondHead { size } => {
                write!(f, "covers more than the {size} leaves of the checkpoint, and does not begin as these do")
            }
            Self::NoKey => write!(f, "no key to check it with: none was given and `{}` holds none", FileKind::Key),
            Self::Key(error) => error.fmt(f),
            Self::OtherKey(key) => write!(f, "another key than the trusted one: {key}"),
            Self::Head(error) => error.fmt(f),
            Self::HeadSize(size) => write!(f, "{size} leaves are more than a log can have"),
            Self::Root { want, got } => write!(f, "the root is {want}, the files give {got}"),
            Self::Hash { want, got } => write!(f, "the hash is {got}, the tree has {want}"),
            Self::Disagree { tile, entry } => write!(f, "the tile has hash {tile}, the entry {entry}"),
            Self::More(more) => write!(f, "{more} more in the same way"),
            Self::Malformed => f.write_str("malformed from here"),
            Self::Count { want, got } => write!(f, "holds {got} things, its path says {want}"),
            Self::Entry(error) => error.fmt(f),
            Self::Version { want, got } => write!(f, "version {got} where version {want} follows"),
            Self::Body { want, got } => {
                write!(f, "salt and body give digest {}, the entry has {}", to_hex(got), to_hex(want))
            }
            Self::HalfErased => f.write_str("erased in one file of this slice and kept in another"),
            Self::KnownHead(error) => write!(f, "this log's key did not sign this checkpoint: {error}"),
            Self::OtherLog(origin) => write!(f, "a checkpoint of another log, `{origin}`"),
            Self::SetBack { known, size } => {
                write!(f, "set back: the log has {size} leaves, this checkpoint of it has {known}")
            }
            Self::Rewritten { size, want, got } => {
                write!(f, "rewritten: the first {size} leaves have root {got}, this checkpoint of them has {want}")
            }
        }
    }
}
