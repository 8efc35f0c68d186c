//! A log folder on a disk, as the verifier reads it.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
};

use quarterdeck_ledger::{
    folder::{FileError, Files},
    tiles::{FileKind, Slice, TILE_WIDTH},
};

use crate::regular;

/// Files in a folder: 10 million events make about 120,000.
const FILES_MAX: usize = 2_000_000;

/// The folder.
pub struct DiskFiles(PathBuf);

impl DiskFiles {
    /// The log in this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    fn walk(&self, folder: &Path, found: &mut Vec<String>) -> Result<(), FileError> {
        for item in fs::read_dir(folder).map_err(|error| fault(folder, &error))? {
            let item = item.map_err(|error| fault(folder, &error))?;
            let path = item.path();
            let kind = item.file_type().map_err(|error| fault(&path, &error))?;
            if kind.is_dir() {
                self.walk(&path, found)?;
            } else if found.len() >= FILES_MAX {
                return Err(FileError { reason: format!("more than {FILES_MAX} files") });
            } else {
                let below = path.strip_prefix(&self.0).unwrap_or(&path);
                found.push(below.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }
}

/// The files of a log folder that hold the body of one event: one for each width in which its slice was published.
pub struct BodiesOf {
    files: DiskFiles,
    paths: Vec<String>,
}

impl BodiesOf {
    /// Those of the event at this place of the log.
    pub fn new(root: &Path, index: u64) -> Result<Self, FileError> {
        let files = DiskFiles::new(root);
        let mut paths = Vec::new();
        if let Some(slice) = Slice::new(index / TILE_WIDTH, 256) {
            let whole = FileKind::Bodies(slice).to_string();
            let narrower = root.join(format!("{whole}.p"));
            if narrower.is_dir() {
                files.walk(&narrower, &mut paths)?;
            }
            if root.join(&whole).is_file() {
                paths.push(whole);
            }
        }
        Ok(Self { files, paths })
    }
}

impl Files for BodiesOf {
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, FileError> {
        self.files.read(path, bytes_max)
    }
    fn list(&self) -> Result<Vec<String>, FileError> {
        Ok(self.paths.clone())
    }
}

fn fault(path: &Path, error: &std::io::Error) -> FileError {
    FileError { reason: format!("`{}`: {error}", path.display()) }
}

impl Files for DiskFiles {
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, FileError> {
        let path = self.0.join(path);
        match regular::read(&path, u64::try_from(bytes_max).unwrap_or(u64::MAX)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault(&path, &error)),
        }
    }
    fn list(&self) -> Result<Vec<String>, FileError> {
        let mut found = Vec::new();
        self.walk(&self.0, &mut found)?;
        Ok(found)
    }
}

/// How many steps above and below a folder a log is looked for: the data folder, and the folder of its configuration.
const STEPS: usize = 2;
/// Folders looked into for a log that lies near: enough for any data folder, and an instant on a slow disk.
const LOOKED_INTO_MAX: usize = 1_000;

/// Whether somebody keeps a log in this folder, sound or damaged: none of ours is without any of these.
pub fn is_log(folder: &Path) -> bool {
    let is_file = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok_and(|found| !found.is_dir());
    is_file("checkpoint") || is_file("log.vkey") || folder.join("tile/entries").is_dir()
}

/// The log near something that is none: that which it lies in, or one that lies in it.
pub fn log_near(path: &Path) -> Option<PathBuf> {
    let above = path.ancestors().skip(1).take(STEPS + 2).filter(|folder| !folder.as_os_str().is_empty());
    above.map(Path::to_owned).find(|folder| is_log(folder)).or_else(|| log_below(path))
}

fn log_below(folder: &Path) -> Option<PathBuf> {
    let mut waiting = VecDeque::from([(folder.to_owned(), 0)]);
    for _ in 0..LOOKED_INTO_MAX {
        let (folder, steps) = waiting.pop_front()?;
        if is_log(&folder) {
            return Some(folder);
        }
        // What may not be read is no log that could be verified.
        let Ok(items) = fs::read_dir(&folder) else { continue };
        if steps == STEPS {
            continue;
        }
        for item in items.take(LOOKED_INTO_MAX) {
            let Ok(item) = item else { continue };
            if item.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push_back((item.path(), steps + 1));
            }
        }
    }
    None
}
