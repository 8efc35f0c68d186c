//! Recordings on disk: files and folders, plain, zstd or tar, of whatever form `quarterdeck-formats` knows.

use std::{
    fs,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use quarterdeck_core::{
    chain::{Block, ChainNumber},
    limits::NODE_BODY_BYTES_MAX,
};
use quarterdeck_formats::evm::{DecodeError, Finished, Recording};

/// Files read from one set of paths: a year of one chain's blocks in folders is about 2.6 million; that is for a node.
const FILES_MAX: usize = 1_000_000;
/// Endings of files that are about a recording and not part of it.
const NOT_DATA: &[&str] = &["md", "csv", "txt", "sha256"];
/// The same for recorded metrics, which are tables.
const NOT_METRICS: &[&str] = &["md", "txt", "sha256"];

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// The system says no.
    #[error("read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Larger than one answer of a node can be.
    #[error("`{path}` is longer than {NODE_BODY_BYTES_MAX} bytes")]
    TooLong {
        /// Which file.
        path: PathBuf,
    },
    /// Too many files.
    #[error("more than {FILES_MAX} files")]
    TooMany,
}

/// A file, or a part of one, that could not be used, and why. The others are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which file.
    pub name: String,
    /// What is wrong with it, or with its first bad value.
    pub why: String,
}

impl LeftOut {
    fn of((name, why): (String, DecodeError)) -> Self {
        Self { name, why: why.to_string() }
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Blocks in order of chain and height, then lone traces.
    pub blocks: Vec<Block>,
    /// What could not be used.
    pub left_out: Vec<LeftOut>,
    /// Files read.
    pub files: usize,
    /// Bytes read, unpacked.
    pub bytes: u64,
    /// Blocks that were recorded more than once, and are judged once.
    pub repeated: usize,
}

/// The bytes of a recording by name.
pub type Files = Vec<(String, Vec<u8>)>;

/// A recording, unpacked.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// What could be unpacked.
    pub files: Files,
    /// What could not.
    pub left_out: Vec<LeftOut>,
}

/// Reads and decodes everything under these paths. `chain` is taken for files that do not say theirs, as those from before
/// EIP-155 cannot.
pub fn load(paths: &[PathBuf], chain: ChainNumber) -> Result<Loaded, RecordedError> {
    Ok(decode(&unpack(paths)?, chain))
}

/// Decodes unpacked files. One that cannot be used is left out, with the reason.
pub fn decode(unpacked: &Unpacked, chain: ChainNumber) -> Loaded {
    let Unpacked { files, left_out } = unpacked;
    let mut loaded = Loaded { files: files.len(), left_out: left_out.clone(), ..Loaded::default() };
    let mut recording = Recording::new(Some(chain));
    for (name, bytes) in files {
        loaded.bytes += bytes.len() as u64;
        if let Err(why) = recording.add(name, bytes) {
            loaded.left_out.push(LeftOut::of((name.clone(), why)));
        }
    }
    let Finished { blocks, left_out, repeated } = recording.finish();
    loaded.blocks = blocks;
    loaded.repeated = repeated;
    loaded.left_out.extend(left_out.into_iter().map(LeftOut::of));
    loaded
}

/// Reads everything under these paths, unpacked. Folders in order of name. A file in a folder that cannot be read or unpacked is left
/// out with the reason; one that was asked for by its own name is an error.
pub fn unpack(paths: &[PathBuf]) -> Result<Unpacked, RecordedError> {
    let mut found = Found { unpacked: Unpacked::default(), passed_over: NOT_DATA };
    for path in paths {
        visit(path, &mut found)?;
    }
    Ok(found.unpacked)
}

/// Reads recorded metrics and their labels under a folder, or one file, unpacked. Names begin below the folder; an archive counts as a
/// folder.
pub fn unpack_metrics(folder: &Path) -> Result<Unpacked, RecordedError> {
    let mut found = Found { unpacked: Unpacked::default(), passed_over: NOT_METRICS };
    visit(folder, &mut found)?;
    let above = folder.to_string_lossy();
    let below = |name: String| name.strip_prefix(&*above).unwrap_or(&name).trim_start_matches('/').to_owned();
    let Unpacked { files, left_out } = found.unpacked;
    Ok(Unpacked { files: files.into_iter().map(|(name, bytes)| (below(name), bytes)).collect(), left_out })
}

/// What was found, and the endings that are passed over.
struct Found {
    unpacked: Unpacked,
    passed_over: &'static [&'static str],
}

/// One file, whatever its ending, unpacked where that is `.zst`; none where there is no such file.
pub fn unpack_file(path: &Path) -> Result<Option<Vec<u8>>, RecordedError> {
    if !path.is_file() {
        return Ok(None);
    }
    let file = BufReader::new(fs::File::open(path).map_err(failed(path))?);
    let mut bytes = Vec::new();
    let limit = u64::try_from(NODE_BODY_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    if path.extension().is_some_and(|ending| ending == "zst") {
        let unpacked = zstd::stream::read::Decoder::with_buffer(file).map_err(failed(path))?;
        unpacked.take(limit).read_to_end(&mut bytes).map_err(failed(path))?;
    } else {
        file.take(limit).read_to_end(&mut bytes).map_err(failed(path))?;
    }
    if bytes.len() > NODE_BODY_BYTES_MAX {
        return Err(RecordedError::TooLong { path: path.to_owned() });
    }
    Ok(Some(bytes))
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> RecordedError {
    let path = path.to_owned();
    move |source| RecordedError::Read { path: path.clone(), source }
}

fn visit(path: &Path, found: &mut Found) -> Result<(), RecordedError> {
    if !fs::metadata(path).map_err(failed(path))?.is_dir() {
        return file(path, found);
    }
    let mut inside = Vec::new();
    for item in fs::read_dir(path).map_err(failed(path))? {
        inside.push(item.map_err(failed(path))?.path());
    }
    inside.sort();
    for item in &inside {
        match visit(item, found) {
            Err(RecordedError::TooMany) => return Err(RecordedError::TooMany),
            Err(why) => found.unpacked.left_out.push(LeftOut { name: item.display().to_string(), why: in_words(&why) }),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// What is wrong, with what the system said.
fn in_words(why: &RecordedError) -> String {
    match why {
        RecordedError::Read { source, .. } => format!("{why}: {source}"),
        RecordedError::TooLong { .. } | RecordedError::TooMany => why.to_string(),
    }
}

fn file(path: &Path, found: &mut Found) -> Result<(), RecordedError> {
    let file = BufReader::new(fs::File::open(path).map_err(failed(path))?);
    let name = path.to_string_lossy().into_owned();
    match name.strip_suffix(".zst") {
        Some(name) => {
            let unpacked = zstd::stream::read::Decoder::new(file).map_err(failed(path))?;
            contents(path, name, unpacked, found)
        }
        None => contents(path, &name, file, found),
    }
}

/// A tar's files, or the one file. What of a damaged archive comes before the damage is used.
fn contents(path: &Path, name: &str, reader: impl Read, found: &mut Found) -> Result<(), RecordedError> {
    let Some(name) = name.strip_suffix(".tar") else { return add(path, name, reader, found) };
    let mut archive = tar::Archive::new(reader);
    let mut inside = Found { unpacked: Unpacked::default(), passed_over: found.passed_over };
    let whole = archive.entries().map_err(failed(path)).and_then(|mut entries| {
        entries.try_for_each(|entry| {
            let entry = entry.map_err(failed(path))?;
            if !entry.header().entry_type().is_file() {
                return Ok(());
            }
            let inner = format!("{name}/{}", entry.path().map_err(failed(path))?.display());
            match add(path, &inner, entry, &mut inside) {
                Err(why @ RecordedError::TooLong { .. }) => {
                    inside.unpacked.left_out.push(LeftOut { name: inner, why: in_words(&why) });
                    Ok(())
                }
                added => added,
            }
        })
    });
    inside.unpacked.files.sort();
    found.unpacked.files.append(&mut inside.unpacked.files);
    found.unpacked.left_out.append(&mut inside.unpacked.left_out);
    if found.unpacked.files.len() > FILES_MAX {
        return Err(RecordedError::TooMany);
    }
    whole
}

fn add(path: &Path, name: &str, reader: impl Read, found: &mut Found) -> Result<(), RecordedError> {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if found.passed_over.contains(&ending) {
        return Ok(());
    }
    if found.unpacked.files.len() >= FILES_MAX {
        return Err(RecordedError::TooMany);
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(NODE_BODY_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut bytes).map_err(failed(path))?;
    if bytes.len() > NODE_BODY_BYTES_MAX {
        return Err(RecordedError::TooLong { path: path.to_owned() });
    }
    found.unpacked.files.push((name.to_owned(), bytes));
    Ok(())
}
