//! A log folder on a disk, as the verifier reads it.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use quarterdeck_ledger::{
    folder::{FileError, Files},
    tiles::{FileKind, Slice, TILE_WIDTH},
};

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
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(&path, &error)),
        };
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        file.take(limit).read_to_end(&mut bytes).map_err(|error| fault(&path, &error))?;
        if bytes.len() > bytes_max {
            return Err(FileError { reason: format!("`{}` is longer than {bytes_max} bytes", path.display()) });
        }
        Ok(Some(bytes))
    }
    fn list(&self) -> Result<Vec<String>, FileError> {
        let mut found = Vec::new();
        self.walk(&self.0, &mut found)?;
        Ok(found)
    }
}
