//! Reads recorded real data from outside the project; used by tests and examples of this crate and of `quarterdeck-detect`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "support of tests: a failure here is a failed test"
)]

use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// Files of an archive by name.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// The folder of recorded data: `QUARTERDECK_DATA`, else `../shared/data` beside the project.
#[expect(clippy::disallowed_methods, reason = "a test asks where its data is")]
pub(crate) fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var("QUARTERDECK_DATA").map_or(beside, PathBuf::from)
}

/// The `.json`, `.jsonl` and `.csv` files of a `.tar.zst` or `.zst` under the folder. None, said aloud, where the data is missing; in
/// CI that is a failure.
#[expect(clippy::disallowed_methods, reason = "a test reads its data")]
pub(crate) fn unpack(name: &str) -> Option<Files> {
    let path = folder().join(name);
    let Ok(packed) = std::fs::read(&path) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", path.display());
        eprintln!("left out: {} is missing", path.display());
        return None;
    };
    let bytes = zstd::decode_all(packed.as_slice()).unwrap();
    let stem = name.trim_end_matches(".zst");
    if !stem.ends_with(".tar") {
        return Some(vec![(stem.to_owned(), bytes)]);
    }
    let mut files = Files::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if ![".json", ".jsonl", ".csv"].iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let mut body = Vec::new();
        entry.read_to_end(&mut body).unwrap();
        files.push((name, body));
    }
    files.sort();
    Some(files)
}
