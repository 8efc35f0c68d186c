//! Reads files that a person or a folder names, and nothing else that a path may lead to.
//!
//! To open a pipe waits for its writer, and a device has no end: whoever names one by mistake, or is handed a folder with one in it,
//! must get an answer. Tests: below, and `crates/cli/tests/it/verify.rs`.

use std::{
    fs::{self, FileType, Metadata},
    io::{self, Read as _},
    os::unix::fs::FileTypeExt as _,
    path::Path,
};

/// The whole of a regular file of at most so many bytes.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let longer = || io::Error::other(format!("it is longer than {bytes_max} bytes"));
    let known = metadata(path)?;
    if known.len() > bytes_max {
        return Err(longer());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max { Err(longer()) } else { Ok(bytes) }
}

/// What is known of a regular file; an error for anything else.
fn metadata(path: &Path) -> io::Result<Metadata> {
    let known = fs::metadata(path)?;
    match other_than_file(known.file_type()) {
        None => Ok(known),
        Some(what) => Err(io::Error::other(format!("it is {what}, no regular file"))),
    }
}

/// What this is, if it is no regular file.
fn other_than_file(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn only_regular_files_are_read_and_only_so_much_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "four").unwrap();
        assert_eq!(read(&file, 4).unwrap(), b"four");
        let said = |path: PathBuf, max| read(&path, max).unwrap_err().to_string();
        assert_eq!(said(file, 3), "it is longer than 3 bytes");
        assert_eq!(said(folder.path().to_owned(), 3), "it is a folder, no regular file");
        assert_eq!(said("/dev/zero".into(), 3), "it is a device, no regular file");
        let socket = folder.path().join("socket");
        let _open = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(said(socket, 3), "it is a socket, no regular file");
        let missing = read(&folder.path().join("nothing"), 3).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
