//! Collects what is wrong, each with its line, and reads what may stand elsewhere.

use std::path::Path;

use quarterdeck_core::id::{Kind, Name};
use sha2::{Digest, Sha256};

use crate::config::{Mistake, duration, mistake::Lines, text::read_text};

/// Collects mistakes with their lines.
pub(super) struct Mistakes<'a> {
    pub(super) lines: &'a Lines,
    pub(super) folder: &'a Path,
    pub(super) found: Vec<Mistake>,
    /// What was read besides the file, as the file names it, each with the SHA-256 of what it held.
    pub(super) read: Vec<(String, [u8; 32])>,
}

impl Mistakes<'_> {
    /// Notes a mistake of `key` in the `nth` section `header`.
    pub(super) fn add(&mut self, header: &str, nth: usize, key: &str, what: impl Into<String>, remedy: &str) {
        let what = what.into();
        // `tiers.delay` stands in the list `tiers`.
        let begins = key.split('.').next().unwrap_or_default();
        let line = self.lines.find(header, nth, begins).map(|line| self.lines.of_value(line, header, &what));
        let path = match (key, self.lines.find(header, 1, "")) {
            ("", _) => header.to_owned(),
            (key, None) => format!("{header}.{key}"),
            (key, Some(_)) => format!("{header}[{nth}].{key}"),
        };
        self.found.push(Mistake { line, path, what, remedy: remedy.to_owned() });
    }
    /// A value, or its mistake noted.
    pub(super) fn take<T, E: ToString>(
        &mut self,
        result: Result<T, E>,
        (header, nth, key): (&str, usize, &str),
        remedy: &str,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(header, nth, key, error.to_string(), remedy);
                None
            }
        }
    }
    /// A name, or its mistake noted.
    pub(super) fn name<K: Kind>(&mut self, text: &str, place: (&str, usize, &str)) -> Option<Name<K>> {
        self.take(Name::new(text), place, "use lower-case letters, digits, `-`, `_` and `.`")
    }
    /// A value that may stand in the environment or in a file of its own.
    pub(super) fn secret(&mut self, text: &str, place: (&str, usize, &str)) -> Option<String> {
        let value = self.take(indirect(text, self.folder), place, "set the variable, or correct the path")?;
        if value != text {
            self.has_read(text, &value);
        }
        Some(value)
    }
    /// Notes that what the file names by `name` was read: it is part of what is in force.
    pub(super) fn has_read(&mut self, name: &str, held: &str) {
        self.read.push((name.to_owned(), Sha256::digest(held.as_bytes()).into()));
    }
    /// A span, or its mistake noted.
    pub(super) fn span(&mut self, text: &str, place: (&str, usize, &str)) -> Option<std::time::Duration> {
        self.take(duration::parse(text), place, "write a number with `s`, `m`, `h` or `d`")
    }
    /// Notes that something is there for the second time.
    pub(super) fn again(&mut self, path: &str, offset: usize, what: impl Into<String>, remedy: &str) {
        let (line, path) = (Some(self.lines.at(offset)), path.to_owned());
        self.found.push(Mistake { line, path, what: what.into(), remedy: remedy.to_owned() });
    }
    /// The line of a place in the text.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.at(offset)
    }
    /// Where relative paths start.
    pub(super) fn folder(&self) -> &Path {
        self.folder
    }
}

/// `env:NAME` and `file:PATH` are read; anything else is the value itself.
#[expect(clippy::disallowed_methods, reason = "configuration may name environment variables for its secrets")]
fn indirect(text: &str, folder: &Path) -> Result<String, String> {
    if let Some(name) = text.strip_prefix("env:") {
        return std::env::var(name).map_err(|_| format!("the environment has no `{name}`"));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let path = folder.join(path);
        let read = read_text(&path).map_err(|error| format!("read `{}`: {error}", path.display()))?;
        return Ok(read.trim_end().to_owned());
    }
    Ok(text.to_owned())
}
