//! A log as a folder of files: what a publisher writes, what an auditor copies home.
//!
//! It is a C2SP tlog-tiles log (`checkpoint`, `tile/…`, `tile/entries/…`) that any client of that format can read, plus
//! two things of ours: `log.vkey` (the public key and a newline) and `body/<slice>`, which holds for each entry of the
//! bundle of the same name either
//!
//! ```text
//! <salt, 32 lower-case hexadecimal digits> <bytes of the body, decimal>
//! <body>
//! ```
//!
//! with a newline after each, or the line `erased`. Nothing here touches a disk: reading goes through [`Files`], writing
//! is a list of paths and bytes. A publisher writes `checkpoint` last, so that no reader sees a head before its files.
//! Must never remove a file: old partial tiles prove old checkpoints. Tests: below, `tests/it/laws.rs`, `tests/it/tampering.rs`.

use std::{collections::BTreeMap, fmt};

use crate::{
    hash::{HASH_BYTES, Hash, decimal, from_hex, to_hex},
    leaf::{BODY_BYTES_MAX, Entry, SALT_BYTES},
    tiles::{
        BUNDLE_BYTES_MAX, FileKind, Slice, TILE_BYTES_MAX, TILE_HEIGHT, TILE_LEVELS_MAX, TILE_WIDTH, encode_bundle,
        encode_tile, tile_hashes,
    },
    tree::{BuildError, HashSource, Node, root_over},
};

/// Bytes of a file of bodies: 256 of the longest, each with its salt, its length and two newlines.
pub const BODIES_BYTES_MAX: usize = 256 * (BODY_BYTES_MAX + 2 * SALT_BYTES + 12);

/// Reads a log folder, wherever it is: a disk, an archive, a server.
pub trait Files {
    /// The whole file at this path (`/` between parts), `None` if there is none. A file longer than `bytes_max` is an
    /// error, so that a hostile folder cannot fill the memory.
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, FileError>;
    /// The paths of all files, in any order: verification accounts for every one.
    fn list(&self) -> Result<Vec<String>, FileError>;
}

/// A file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// Why, in words.
    pub reason: String,
}
impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
impl std::error::Error for FileError {}

impl Files for BTreeMap<String, Vec<u8>> {
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, FileError> {
        match self.get(path) {
            Some(bytes) if bytes.len() > bytes_max => {
                Err(FileError { reason: format!("{} bytes are more than {bytes_max}", bytes.len()) })
            }
            found => Ok(found.cloned()),
        }
    }
    fn list(&self) -> Result<Vec<String>, FileError> {
        Ok(self.keys().cloned().collect())
    }
}

/// The largest file of a kind.
pub const fn bytes_max(kind: FileKind) -> usize {
    match kind {
        FileKind::Checkpoint | FileKind::Key => crate::note::NOTE_BYTES_MAX,
        FileKind::Tile(..) => TILE_BYTES_MAX,
        FileKind::Entries(_) => BUNDLE_BYTES_MAX,
        FileKind::Bodies(_) => BODIES_BYTES_MAX,
    }
}

/// What is kept of an event beside its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The body and the salt that opens the entry's digest.
    Kept {
        /// The salt.
        salt: [u8; SALT_BYTES],
        /// The body.
        bytes: Vec<u8>,
    },
    /// Both are gone; the entry still proves that the event was there.
    Erased,
}
impl Body {
    /// Adds this body to a file of bodies.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Erased => out.extend(ERASED),
            Self::Kept { salt, bytes } => {
                out.extend(format!("{} {}\n", to_hex(salt), bytes.len()).bytes());
                out.extend(bytes);
                out.push(b'\n');
            }
        }
    }
}

const ERASED: &[u8] = b"erased\n";

/// The bodies of a file in order, each with the byte at which it begins. Ends with `Err` and that byte where the file is
/// malformed. What this accepts, [`Body::encode_to`] gives back byte for byte.
pub fn decode_bodies(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, Body), usize>> {
    let (mut rest, mut broken) = (bytes, false);
    std::iter::from_fn(move || {
        if rest.is_empty() || broken {
            return None;
        }
        let begin = bytes.len() - rest.len();
        let Some((body, after)) = split_body(rest) else {
            broken = true;
            return Some(Err(begin));
        };
        rest = after;
        Some(Ok((begin, body)))
    })
}

/// The first body of these bytes and what follows it.
pub(crate) fn split_body(bytes: &[u8]) -> Option<(Body, &[u8])> {
    if let Some(after) = bytes.strip_prefix(ERASED) {
        return Some((Body::Erased, after));
    }
    let (salt, rest) = bytes.split_at_checked(2 * SALT_BYTES)?;
    let salt = from_hex(salt)?;
    let rest = rest.strip_prefix(b" ")?;
    let digits = rest.iter().take(8).position(|byte| *byte == b'\n')?;
    let (length, rest) = rest.split_at_checked(digits)?;
    let Ok(length) = std::str::from_utf8(length) else { return None };
    let Ok(length) = usize::try_from(decimal(length)?) else { return None };
    let (body, after) = rest.strip_prefix(b"\n")?.split_at_checked(length)?;
    let after = after.strip_prefix(b"\n")?;
    (length <= BODY_BYTES_MAX).then(|| (Body::Kept { salt, bytes: body.to_vec() }, after))
}

/// An entry of the log with its body: what a publisher hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The entry.
    pub entry: Entry,
    /// Its body, or that it was erased.
    pub body: Body,
}

/// Files to write, whole: paths and bytes. A file that is there already is replaced.
pub type NewFiles = Vec<(String, Vec<u8>)>;

/// The first entry that [`files_for`] needs when a log grows from `from` leaves: the last bundle is written again, wider.
pub const fn first_needed(from: u64) -> u64 {
    from - from % TILE_WIDTH
}

/// The files to write when the log grows from `from` leaves (at its last published checkpoint) to `to`: bundles, bodies and
/// tiles, full and partial. `sealed` holds the entries `first_needed(from) .. to`; `hashes` the tree, of which only levels
/// 8, 16, … are read. Write them all, then the checkpoint. For a long way take several steps of some thousand leaves.
pub fn files_for<S: HashSource>(
    hashes: &S,
    from: u64,
    to: u64,
    sealed: &[Sealed],
) -> Result<NewFiles, PublishError<S::Error>> {
    if to < from {
        return Err(PublishError::Shrunk { from, to });
    }
    let want = to - first_needed(from);
    if u64::try_from(sealed.len()) != Ok(want) {
        return Err(PublishError::Entries { want, got: sealed.len() });
    }
    let mut files = Vec::new();
    let mut rest = sealed;
    for slice in Slice::covering(from, to) {
        let (now, later) = rest.split_at_checked(slice.width().into()).unwrap_or((rest, &[]));
        rest = later;
        let entries: Vec<Vec<u8>> = now.iter().map(|sealed| sealed.entry.encode()).collect();
        let leaves: Vec<Hash> = entries.iter().map(|entry| Hash::of_leaf(entry)).collect();
        let bundle = encode_bundle(entries.iter().map(Vec::as_slice)).map_err(|_| PublishError::Entry)?;
        let mut bodies = Vec::new();
        for sealed in now {
            sealed.body.encode_to(&mut bodies);
        }
        files.push((FileKind::Entries(slice).to_string(), bundle));
        files.push((FileKind::Bodies(slice).to_string(), bodies));
        files.push((FileKind::Tile(0, slice).to_string(), encode_tile(&leaves)));
    }
    for level in 1..TILE_LEVELS_MAX {
        for slice in Slice::covering(tile_hashes(level, from), tile_hashes(level, to)) {
            let tile = tile_of(hashes, level, slice).map_err(PublishError::Tree)?;
            files.push((FileKind::Tile(level, slice).to_string(), encode_tile(&tile)));
        }
    }
    Ok(files)
}

fn tile_of<S: HashSource>(hashes: &S, level: u8, slice: Slice) -> Result<Vec<Hash>, BuildError<S::Error>> {
    let node = |index| Node { level: level * TILE_HEIGHT, index };
    let hash = |index| hashes.hash(node(index)).map_err(BuildError::Source)?.ok_or(BuildError::Missing(node(index)));
    (slice.begin()..slice.end()).map(hash).collect()
}

/// The files to write so that the body of entry `index` is gone from every file that holds it. Proofs are not touched.
pub fn erase(files: &dyn Files, index: u64) -> Result<NewFiles, FileError> {
    let mut changed = Vec::new();
    for path in files.list()? {
        let Some(FileKind::Bodies(slice)) = FileKind::of_path(&path) else { continue };
        if !(slice.begin()..slice.end()).contains(&index) {
            continue;
        }
        let malformed = || FileError { reason: format!("`{path}` is not a file of bodies") };
        let old = files.read(&path, BODIES_BYTES_MAX)?.ok_or_else(malformed)?;
        let mut new = Vec::new();
        for (place, body) in (slice.begin()..).zip(decode_bodies(&old)) {
            let (_, body) = body.map_err(|_| malformed())?;
            if place == index { Body::Erased.encode_to(&mut new) } else { body.encode_to(&mut new) }
        }
        if new != old {
            changed.push((path, new));
        }
    }
    Ok(changed)
}

/// The tree of a log folder of `size` leaves, read from its tiles: for making proofs from a copy.
pub struct TileHashes<'a> {
    files: &'a dyn Files,
    size: u64,
}
impl<'a> TileHashes<'a> {
    /// The tree of the first `size` leaves in these files.
    pub const fn new(files: &'a dyn Files, size: u64) -> Self {
        Self { files, size }
    }
}
impl HashSource for TileHashes<'_> {
    type Error = FileError;
    fn hash(&self, node: Node) -> Result<Option<Hash>, FileError> {
        let (level, above) = (node.level / TILE_HEIGHT, node.level % TILE_HEIGHT);
        let Some(first) = node.index.checked_mul(1 << above) else { return Ok(None) };
        let slice = Slice::covering(first, tile_hashes(level, self.size)).next();
        let Some(slice) = slice else { return Ok(None) };
        let path = FileKind::Tile(level, slice).to_string();
        let Some(bytes) = self.files.read(&path, TILE_BYTES_MAX)? else { return Ok(None) };
        let hashes: Vec<Hash> = bytes.as_chunks::<HASH_BYTES>().0.iter().copied().map(Hash::from_bytes).collect();
        let begin = usize::try_from(first - slice.begin()).unwrap_or(usize::MAX);
        let under = begin.checked_add(1 << above).and_then(|end| hashes.get(begin..end));
        Ok(under.map(root_over))
    }
}

/// Why the files of a grown log could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishError<E> {
    /// The new size is below the old one.
    Shrunk {
        /// Leaves at the last published checkpoint.
        from: u64,
        /// Leaves now.
        to: u64,
    },
    /// Not the entries that are needed.
    Entries {
        /// How many are needed.
        want: u64,
        /// How many were given.
        got: usize,
    },
    /// An entry does not fit a bundle.
    Entry,
    /// A hash of the tree could not be had.
    Tree(BuildError<E>),
}
impl<E: fmt::Display> fmt::Display for PublishError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shrunk { from, to } => write!(f, "a log of {from} leaves cannot become one of {to}"),
            Self::Entries { want, got } => write!(f, "{got} entries were given where {want} are needed"),
            Self::Entry => f.write_str("an entry does not fit a bundle"),
            Self::Tree(error) => error.fmt(f),
        }
    }
}
impl<E: std::error::Error + 'static> std::error::Error for PublishError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Tree(error) => error.source(),
            Self::Shrunk { .. } | Self::Entries { .. } | Self::Entry => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    const AT: &str = "2026-11-20T22:33:00.123Z";

    fn sealed(count: u64) -> Vec<Sealed> {
        let event = |version| {
            let entry = Entry::seal("s", version, AT, &[1; 16], b"x").unwrap();
            Sealed { entry, body: Body::Kept { salt: [1; 16], bytes: b"x".to_vec() } }
        };
        (0..count).map(event).collect()
    }

    #[test]
    fn the_bytes_of_bodies() {
        let mut bytes = Vec::new();
        Body::Kept { salt: [0xab; 16], bytes: b"two\nlines".to_vec() }.encode_to(&mut bytes);
        Body::Erased.encode_to(&mut bytes);
        assert_eq!(bytes, b"abababababababababababababababab 9\ntwo\nlines\nerased\n");
        let wrong: [&[u8]; 9] = [
            b"erased",
            b"Erased\n",
            b"ABABABABABABABABABABABABABABABAB 1\nx\n",
            b"abababababababababababababababab 01\nx\n",
            b"abababababababababababababababab  1\nx\n",
            b"abababababababababababababababab 1\nxy\n",
            b"abababababababababababababababab 2\nx\n",
            b"abababababababababababababababab 99999999\nx\n",
            b"abababababababababababababababab",
        ];
        for bytes in wrong {
            assert_eq!(decode_bodies(bytes).next(), Some(Err(0)), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_growing_log_writes_what_changed() {
        let all = sealed(600);
        let tree: Tree = all.iter().map(|sealed| sealed.entry.leaf_hash()).collect();
        let paths = |from, to: u64| -> Vec<String> {
            let needed = usize::try_from(first_needed(from)).unwrap()..usize::try_from(to).unwrap();
            let files = files_for(&tree, from, to, &all[needed]).unwrap();
            files.into_iter().map(|(path, _)| path).collect()
        };
        assert_eq!(paths(0, 0), Vec::<String>::new());
        assert_eq!(paths(0, 3), ["tile/entries/000.p/3", "body/000.p/3", "tile/0/000.p/3"]);
        assert_eq!(paths(3, 256), ["tile/entries/000", "body/000", "tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(paths(256, 257), ["tile/entries/001.p/1", "body/001.p/1", "tile/0/001.p/1"]);
        assert_eq!(paths(300, 600).last().map(String::as_str), Some("tile/1/000.p/2"));
    }

    #[test]
    fn a_publisher_with_too_little_is_told() {
        let (all, tree) = (sealed(300), Tree::new());
        assert_eq!(files_for(&tree, 10, 9, &all), Err(PublishError::Shrunk { from: 10, to: 9 }));
        assert_eq!(files_for(&tree, 260, 300, &all), Err(PublishError::Entries { want: 44, got: 300 }));
        let missing = BuildError::Missing(Node { level: 8, index: 0 });
        assert_eq!(files_for(&tree, 0, 300, &all), Err(PublishError::Tree(missing)));
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let files = BTreeMap::from([("checkpoint".to_owned(), vec![0; 9])]);
        assert!(files.read("checkpoint", 8).is_err());
        assert_eq!(files.read("checkpoint", 9), Ok(Some(vec![0; 9])));
        assert_eq!(files.read("other", 9), Ok(None));
    }
}
