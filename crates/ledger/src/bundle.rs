//! One incident in one file (`.qdbundle`), for an auditor, a court or a partner who gets nothing else of the log.
//!
//! It holds every event of one stream with its proof, the signed checkpoint they are proved under and the public key. The
//! versions must run from 0 without a gap, so that an event left out of the middle is seen. Events after the last one
//! given cannot be missed by this file alone: ask the log, or a newer bundle. Must never be believed by its own key only.
//!
//! ```text
//! quarterdeck-bundle/v1
//! key <public key, as in log.vkey>
//! stream <stream>
//! entries <number, decimal>
//!                                   then for each entry, version 0 first:
//! entry <index in the log>
//! <the five lines of the leaf>
//! proof <number of hashes>
//! <hash, base64>                    so many lines, from the leaf up
//! <salt> <length of the body>       and the body and a newline; or `erased` (see `folder`)
//!                                   at the end:
//! checkpoint
//! <the signed checkpoint>
//! ```
//!
//! With bytes that events name by digest it begins with `quarterdeck-bundle/v2`, and before `checkpoint` has, in order of digests:
//!
//! ```text
//! attachments <number, decimal, at least 1>
//! attachment <SHA-256, 64 hex digits> <length>
//! <the bytes, and a newline>
//! ```
//!
//! Which event names which is for whoever reads the events; that each is what its digest says is checked here.
//!
//! Tests: `tests/it/bundles.rs` and `tests/it/laws.rs`.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    folder::{Body, Sealed, split_body},
    hash::{Hash, decimal, to_hex},
    leaf::Entry,
    note::{Note, VerifierKey},
    proof::{ProofError, verify_inclusion},
    tree::{BuildError, HashSource, inclusion_proof},
};

/// Events in a bundle: ten times what one incident may have.
pub const BUNDLE_ENTRIES_MAX: u64 = 100_000;
/// Hashes in a proof: one per level of the largest tree.
const PROOF_HASHES_MAX: u64 = 64;
/// Attachments in a bundle: ten times the pieces of evidence that one incident may have.
const ATTACHMENTS_MAX: u64 = 10_000;
const HEADER: &[u8] = b"quarterdeck-bundle/v1\n";
const HEADER_WITH_ATTACHMENTS: &[u8] = b"quarterdeck-bundle/v2\n";

/// One incident with everything needed to check it offline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    key: VerifierKey,
    stream: String,
    events: Vec<ProvenEvent>,
    attachments: Vec<Attachment>,
    checkpoint: String,
}

/// Bytes that an event names by digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The SHA-256 that the bundle gives.
    pub digest: [u8; 32],
    /// The bytes; whether they are those of the digest is for [`Bundle::verify`].
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes with SHA-256 {}", self.bytes.len(), to_hex(&self.digest))
    }
}

/// One event of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenEvent {
    /// Place in the log.
    pub index: u64,
    /// The entry and its body.
    pub sealed: Sealed,
    /// The proof that the entry is in the log, from the leaf up.
    pub proof: Vec<Hash>,
}

/// What a bundle has proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The head of the log under which all is proved.
    pub head: Checkpoint,
    /// Events, all in order from version 0.
    pub events: u64,
    /// How many of them have lost their bodies.
    pub erased: u64,
}

impl Bundle {
    /// The bundle of a stream, proved under a checkpoint of a log whose tree is at hand. `events` are all events of the
    /// stream in order of version, with their index in the log.
    pub fn build<S: HashSource>(
        key: &VerifierKey,
        checkpoint: &str,
        events: Vec<(u64, Sealed)>,
        tree: &S,
    ) -> Result<Self, BuildBundleError<S::Error>> {
        let head = Checkpoint::open(checkpoint.as_bytes(), key).map_err(BuildBundleError::Checkpoint)?;
        let Some((_, first)) = events.first() else { return Err(BuildBundleError::Empty) };
        let stream = first.entry.stream().to_owned();
        let prove = |(index, sealed)| {
            let proof = inclusion_proof(tree, index, head.size()).map_err(BuildBundleError::Tree)?;
            Ok(ProvenEvent { index, sealed, proof })
        };
        let events = events.into_iter().map(prove).collect::<Result<_, _>>()?;
        let bundle =
            Self { key: key.clone(), stream, events, attachments: Vec::new(), checkpoint: checkpoint.to_owned() };
        bundle.verify(key).map_err(BuildBundleError::Unsound)?;
        Ok(bundle)
    }
    /// With these bytes attached, each once.
    #[must_use]
    pub fn with_attachments(mut self, all: Vec<Vec<u8>>) -> Self {
        let attached = |bytes: Vec<u8>| Attachment { digest: Sha256::digest(&bytes).into(), bytes };
        self.attachments.extend(all.into_iter().map(attached));
        self.attachments.sort_by_key(|attachment| attachment.digest);
        self.attachments.dedup_by_key(|attachment| attachment.digest);
        self
    }
    /// Checks everything: signature, proofs, versions without a gap, bodies, attachments. The key must come from elsewhere.
    pub fn verify(&self, trusted: &VerifierKey) -> Result<Proved, BundleError> {
        if self.key != *trusted {
            return Err(BundleError::OtherKey(Box::new(self.key.clone())));
        }
        let head = Checkpoint::open(self.checkpoint.as_bytes(), trusted).map_err(BundleError::Checkpoint)?;
        let (mut erased, mut above) = (0, None);
        for (version, event) in (0_u64..).zip(&self.events) {
            let (index, entry) = (event.index, &event.sealed.entry);
            if entry.stream() != self.stream {
                return Err(BundleError::OtherStream { index, stream: entry.stream().to_owned() });
            }
            if entry.version() != version {
                return Err(BundleError::Version { index, want: version, got: entry.version() });
            }
            if above.is_some_and(|above| index <= above) {
                return Err(BundleError::Order { index });
            }
            above = Some(index);
            verify_inclusion(&entry.leaf_hash(), index, head.size(), &event.proof, &head.root())
                .map_err(|error| BundleError::Proof { index, error })?;
            match &event.sealed.body {
                Body::Erased => erased += 1,
                Body::Kept { salt, bytes } if entry.opens(salt, bytes) => (),
                Body::Kept { .. } => return Err(BundleError::Body { index }),
            }
        }
        let mut above = None;
        for Attachment { digest, bytes } in &self.attachments {
            let own: [u8; 32] = Sha256::digest(bytes).into();
            if own != *digest || above.is_some_and(|above| digest <= above) {
                return Err(BundleError::Attachment { digest: *digest });
            }
            above = Some(digest);
        }
        let events = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        Ok(Proved { head, events, erased })
    }
    /// The stream that it is about.
    pub fn stream(&self) -> &str {
        &self.stream
    }
    /// Its events in order of version.
    pub fn events(&self) -> &[ProvenEvent] {
        &self.events
    }
    /// Bytes that its events name, in order of their digests.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }
    /// The key that it names; not to be trusted for that.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let attached = !self.attachments.is_empty();
        let mut out = if attached { HEADER_WITH_ATTACHMENTS } else { HEADER }.to_vec();
        out.extend(format!("key {}\nstream {}\nentries {}\n", self.key, self.stream, self.events.len()).bytes());
        for event in &self.events {
            out.extend(format!("entry {}\n", event.index).bytes());
            out.extend(event.sealed.entry.encode());
            out.extend(format!("proof {}\n", event.proof.len()).bytes());
            for hash in &event.proof {
                out.extend(format!("{hash}\n").bytes());
            }
            event.sealed.body.encode_to(&mut out);
        }
        if attached {
            out.extend(format!("attachments {}\n", self.attachments.len()).bytes());
        }
        for Attachment { digest, bytes } in &self.attachments {
            out.extend(format!("attachment {} {}\n", to_hex(digest), bytes.len()).bytes());
            out.extend_from_slice(bytes);
            out.push(b'\n');
        }
        out.extend(b"checkpoint\n");
        out.extend(self.checkpoint.bytes());
        out
    }
    /// Reads the file. What this accepts, [`Bundle::encode`] gives back byte for byte; whether it is true is another
    /// question, see [`Bundle::verify`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut reader = Reader { whole: bytes.len(), rest: bytes };
        match Self::read(&mut reader) {
            Some(bundle) => Ok(bundle),
            None => Err(BundleError::Malformed { byte: reader.whole - reader.rest.len() }),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let with_attachments = reader.rest.starts_with(HEADER_WITH_ATTACHMENTS);
        reader.rest = reader.rest.strip_prefix(if with_attachments { HEADER_WITH_ATTACHMENTS } else { HEADER })?;
        let Ok(key) = reader.field("key ")?.parse::<VerifierKey>() else { return None };
        let stream = reader.field("stream ")?.to_owned();
        let count = decimal(reader.field("entries ")?).filter(|count| *count <= BUNDLE_ENTRIES_MAX)?;
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(reader.event()?);
        }
        let attachments = if with_attachments { reader.attachments()? } else { Vec::new() };
        reader.field("checkpoint")?.is_empty().then_some(())?;
        let Ok(note) = Note::parse(reader.rest) else { return None };
        Some(Self { key, stream, events, attachments, checkpoint: note.to_string() })
    }
}

/// Takes a bundle apart from the front; where it stops is where the bundle is malformed.
struct Reader<'a> {
    whole: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The rest of the next line, which must begin with this word.
    fn field(&mut self, word: &str) -> Option<&'a str> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = self.rest.split_at_checked(end)?;
        let Ok(line) = std::str::from_utf8(line) else { return None };
        let value = line.strip_prefix(word)?;
        self.rest = rest.strip_prefix(b"\n")?;
        Some(value)
    }
    fn attachments(&mut self) -> Option<Vec<Attachment>> {
        let count = decimal(self.field("attachments ")?).filter(|count| (1..=ATTACHMENTS_MAX).contains(count))?;
        let mut attachments = Vec::new();
        for _ in 0..count {
            let (digest, length) = self.field("attachment ")?.split_once(' ')?;
            let (digest, Ok(length)) = (from_hex(digest)?, usize::try_from(decimal(length)?)) else { return None };
            let (bytes, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest.strip_prefix(b"\n")?;
            attachments.push(Attachment { digest, bytes: bytes.to_vec() });
        }
        Some(attachments)
    }
    fn event(&mut self) -> Option<ProvenEvent> {
        let index = decimal(self.field("entry ")?)?;
        let end = self.rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(4)?.0;
        let (entry, rest) = self.rest.split_at_checked(end + 1)?;
        let Ok(entry) = Entry::decode(entry) else { return None };
        self.rest = rest;
        let count = decimal(self.field("proof ")?).filter(|count| *count <= PROOF_HASHES_MAX)?;
        let mut proof = Vec::new();
        for _ in 0..count {
            let Ok(hash) = Hash::from_base64(self.field("")?) else { return None };
            proof.push(hash);
        }
        let (body, rest) = split_body(self.rest)?;
        self.rest = rest;
        Some(ProvenEvent { index, sealed: Sealed { entry, body }, proof })
    }
}

/// 64 digits, small letters only: what is read is written back byte for byte.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut digits = text.bytes().map(|digit| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    });
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    digits.next().is_none().then_some(bytes)
}

/// Why a bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleError {
    /// Malformed from this byte.
    Malformed {
        /// Offset in the file.
        byte: usize,
    },
    /// The bundle names another key than the trusted one.
    OtherKey(Box<VerifierKey>),
    /// The checkpoint is refused.
    Checkpoint(CheckpointError),
    /// An event of another stream.
    OtherStream {
        /// Its index in the log.
        index: u64,
        /// The stream it belongs to.
        stream: String,
    },
    /// The versions have a gap: an event was left out, or given twice.
    Version {
        /// Index in the log of the event that does not follow.
        index: u64,
        /// The version that follows.
        want: u64,
        /// The version of the event.
        got: u64,
    },
    /// The events do not come in the order of the log.
    Order {
        /// Index of the event that comes too late.
        index: u64,
    },
    /// An entry is not in the log of this checkpoint.
    Proof {
        /// Its index.
        index: u64,
        /// Why not.
        error: ProofError,
    },
    /// Body and salt do not open the entry.
    Body {
        /// Its index.
        index: u64,
    },
    /// Attached bytes are not those of their digest, or not in the order of digests.
    Attachment {
        /// The digest that the bundle gives.
        digest: [u8; 32],
    },
}
impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { byte } => write!(f, "the bundle is malformed from byte {byte}"),
            Self::OtherKey(key) => write!(f, "the bundle names another key than the trusted one: {key}"),
            Self::Checkpoint(error) => error.fmt(f),
            Self::OtherStream { index, stream } => write!(f, "entry {index} is of another stream, `{stream}`"),
            Self::Version { index, want, got } => {
                write!(
                    f,
                    "entry {index} has version {got} where version {want} follows: an event is missing or doubled"
                )
            }
            Self::Order { index } => write!(f, "entry {index} is not in the order of the log"),
            Self::Proof { index, error } => write!(f, "entry {index} is not in the log: {error}"),
            Self::Body { index } => write!(f, "the body of entry {index} is not the one that was logged"),
            Self::Attachment { digest } => {
                write!(f, "the attachment with SHA-256 {} is not what its digest says, or out of order", to_hex(digest))
            }
        }
    }
}
impl std::error::Error for BundleError {}

/// Why a bundle could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildBundleError<E> {
    /// No events were given.
    Empty,
    /// The checkpoint is refused.
    Checkpoint(CheckpointError),
    /// A hash of the tree could not be had.
    Tree(BuildError<E>),
    /// What was given does not verify.
    Unsound(BundleError),
}
impl<E: fmt::Display> fmt::Display for BuildBundleError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a bundle without events proves nothing"),
            Self::Checkpoint(error) => error.fmt(f),
            Self::Tree(error) => error.fmt(f),
            Self::Unsound(error) => error.fmt(f),
        }
    }
}
impl<E: std::error::Error + 'static> std::error::Error for BuildBundleError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Tree(error) => error.source(),
            Self::Empty | Self::Checkpoint(_) | Self::Unsound(_) => None,
        }
    }
}
