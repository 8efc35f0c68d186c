//! What the rules look at, and what they answer.

use std::{fmt, path::Path, process::Command};

use anyhow::Context as _;
use toml::Table;

use crate::files;

/// One thing that is not as it should be.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) file: String,
    /// Counted from 1; 0 if it is about the whole file.
    pub(super) line: usize,
    what: String,
}

impl Finding {
    pub(super) fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.what)
        } else {
            write!(f, "{}:{}: {}", self.file, self.line, self.what)
        }
    }
}

/// A file of the project and its text.
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn is(&self, ending: &str) -> bool {
        Path::new(&self.file).extension().is_some_and(|own| own == ending)
    }
}

/// Everything the rules look at.
pub(super) struct House {
    pub(super) files: Vec<String>,
    pub(super) sources: Vec<Source>,
    /// What `xtask/tidy.toml` says.
    pub(super) lists: Table,
    /// `git diff --name-status HEAD`; nothing without `git`.
    pub(super) changed: String,
}

impl House {
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let files = files::list(root)?;
        let mut sources = Vec::new();
        for file in files.iter().filter(|file| !file.ends_with("-lock.json") && *file != "Cargo.lock") {
            if let Some(text) = files::text(root, file)? {
                sources.push(Source { file: file.clone(), text });
            }
        }
        let lists = std::fs::read_to_string(root.join("xtask/tidy.toml")).context("read xtask/tidy.toml")?;
        let lists = lists.parse().context("xtask/tidy.toml")?;
        let diff = Command::new("git").args(["diff", "--name-status", "HEAD"]).current_dir(root).output();
        let changed =
            diff.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
        Ok(Self { files, sources, lists, changed: String::from_utf8_lossy(&changed).into_owned() })
    }

    pub(super) fn source(&self, file: &str) -> anyhow::Result<&Source> {
        self.sources.iter().find(|source| source.file == file).with_context(|| format!("no file {file}"))
    }

    /// The folders of the workspace's crates: `crates/core`, …, `xtask`.
    pub(super) fn crates(&self) -> Vec<&str> {
        let mut folders: Vec<&str> =
            self.files.iter().filter_map(|file| file.strip_suffix("/Cargo.toml")).filter(|at| *at != "fuzz").collect();
        folders.sort_unstable();
        folders
    }

    /// A list of words in tidy.toml.
    pub(super) fn list(&self, at: &[&str]) -> anyhow::Result<Vec<String>> {
        let (last, way) = at.split_last().context("a list has a name")?;
        let mut table = &self.lists;
        for name in way {
            table = table
                .get(*name)
                .and_then(toml::Value::as_table)
                .with_context(|| format!("no [{name}] in tidy.toml"))?;
        }
        strings(table.get(*last)).with_context(|| format!("`{}` in tidy.toml is a list of words", at.join(".")))
    }
}

/// A list of words.
pub(super) fn strings(value: Option<&toml::Value>) -> Option<Vec<String>> {
    value?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}
