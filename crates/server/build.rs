//! Names the rules that this build folds by: a hash of the sources of the core and of what keeps a board. What another build kept is
//! not taken up, since its rules may have made something else of the same log.

#![expect(clippy::disallowed_methods, reason = "a build script reads the sources")]

use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let mut files = Vec::new();
    for sources in [here.join("../core/src"), here.join("src/engine")] {
        println!("cargo::rerun-if-changed={}", sources.display());
        collect(&sources, &mut files)?;
    }
    files.sort();
    // The same text in the same order gives the same hash wherever this compiler runs.
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(&here).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    println!("cargo::rustc-env=QUARTERDECK_RULES={:016x}", hasher.finish());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
