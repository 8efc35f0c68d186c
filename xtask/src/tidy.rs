//! `cargo xtask tidy`: the rules of the house that clippy cannot see. One function per rule, each over plain text, each with a
//! test on a tiny made-up input. The lists they compare with are in `xtask/tidy.toml`, with the reason for every exception.

mod bans;
mod code;
mod dependencies;
mod golden;
mod length;
mod migrations;
mod order;
mod paths;
mod words;

use std::{fmt, path::Path, process::Command};

use anyhow::Context as _;
use toml::Table;

use crate::files;

/// One thing that is not as it should be.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    file: String,
    /// Counted from 1; 0 if it is about the whole file.
    line: usize,
    what: String,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
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
pub(crate) struct Source {
    file: String,
    text: String,
}

impl Source {
    fn is(&self, ending: &str) -> bool {
        Path::new(&self.file).extension().is_some_and(|own| own == ending)
    }
}

/// Everything the rules look at.
pub(crate) struct House {
    files: Vec<String>,
    sources: Vec<Source>,
    lists: Table,
    /// `git diff --name-status HEAD`; nothing without `git`.
    changed: String,
}

impl House {
    fn read(root: &Path) -> anyhow::Result<Self> {
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

    fn source(&self, file: &str) -> anyhow::Result<&Source> {
        self.sources.iter().find(|source| source.file == file).with_context(|| format!("no file {file}"))
    }

    /// A list of words in tidy.toml.
    fn list(&self, at: &[&str]) -> anyhow::Result<Vec<String>> {
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

fn strings(value: Option<&toml::Value>) -> Option<Vec<String>> {
    value?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

type Rule = fn(&House) -> anyhow::Result<Vec<Finding>>;

/// THE LIST of rules.
const RULES: &[(&str, Rule)] = &[
    ("module order", order::rule),
    ("dependencies of pure crates", dependencies::rule),
    ("bans of pure crates", bans::rule),
    ("paths in the documentation", paths::rule),
    ("file length", length::rule),
    ("golden files", golden::rule),
    ("migration pairs", migrations::rule),
    ("words", words::rule),
    ("marks of unfinished work", words::markers),
];

/// Prints every finding; whether there is none.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    let house = House::read(root)?;
    let mut good = true;
    for (name, rule) in RULES {
        let mut findings = rule(&house).with_context(|| format!("rule `{name}`"))?;
        findings.sort();
        for finding in &findings {
            println!("{finding} [{name}]");
        }
        good &= findings.is_empty();
    }
    if good {
        println!("{} rules, {} files: tidy", RULES.len(), house.files.len());
    }
    Ok(good)
}
