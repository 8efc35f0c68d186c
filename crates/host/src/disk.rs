//! How much space a file system has left, and a file that keeps some of it for later.

use std::{fs::OpenOptions, io, path::Path};

/// Bytes that this program may still write to the file system of `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Makes a file of `bytes` at `path` whose space is really taken; where that cannot be, nothing is left of it.
pub fn take(path: &Path, bytes: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    let taken = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).map_err(io::Error::from);
    taken.and_then(|()| file.sync_all()).inspect_err(|_| {
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!(%error, path = %path.display(), "half a reserve cannot be removed");
        }
    })
}
