//! Which files the project has, and what they say.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

/// The project's files as `git` sees them (committed or about to be), with `/` between names, sorted. Without `git`, all files
/// outside `target` and dotted folders.
pub(crate) fn list(root: &Path) -> anyhow::Result<Vec<String>> {
    let listed =
        Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root).output();
    let mut files = match listed {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout)?
            .lines()
            .filter(|file| root.join(file).is_file())
            .map(str::to_owned)
            .collect(),
        _ => walk(root)?,
    };
    files.sort_unstable();
    files.dedup();
    Ok(files)
}

fn walk(root: &Path) -> anyhow::Result<Vec<String>> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && (!name.starts_with('.') || [".ci", ".cargo"].contains(&name.as_str())) {
                    folders.push(path);
                }
            } else {
                files.push(relative(root, &path)?);
            }
        }
    }
    Ok(files)
}

/// A path below the project's folder, with `/` between names.
pub(crate) fn relative(root: &Path, path: &Path) -> anyhow::Result<String> {
    let below = path.strip_prefix(root).with_context(|| format!("{} lies outside the project", path.display()))?;
    Ok(below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}

/// A file's text; `None` if it is not text.
pub(crate) fn text(root: &Path, file: &str) -> anyhow::Result<Option<String>> {
    let bytes = fs::read(root.join(file)).with_context(|| format!("read {file}"))?;
    Ok(String::from_utf8(bytes).ok())
}

/// The folder below `target` for what chores download and write.
pub(crate) fn scratch(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("xtask")
}
