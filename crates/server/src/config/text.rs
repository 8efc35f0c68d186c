//! The bytes of the file, and of what it names.

use std::{io::Read as _, path::Path};

/// Bytes of the file and of what it names: the longest public list of addresses is a few megabytes.
const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The text of a file, a pipe or what else the system gives by that name, as far as it ends.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)?;
    match u64::try_from(read) {
        Ok(read) if read <= TEXT_BYTES_MAX => Ok(text),
        _ => Err(std::io::Error::other(format!("it is longer than {TEXT_BYTES_MAX} bytes"))),
    }
}
