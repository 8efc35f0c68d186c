//! The configuration file: its shape, and its way into validated core types.
//!
//! One TOML file. Unknown keys are refused. Every mistake is told with its line and what to do about it, and all of them at once.
//! A value `env:NAME` or `file:PATH` is read from the environment or a file (paths are relative to the configuration file), so
//! that secrets need not stand in it. `examples/` has a commented file for each kind of operator; a test loads every one.

pub mod duration;
pub mod mistake;
mod text;
pub mod shape;
mod checked;
pub mod resolve;

use std::path::{Path, PathBuf};

use quarterdeck_reach::notify::Parts;

use self::text::read_text;
pub use self::{
    checked::{Configuration, Integration, SeverityWords, StoreKind},
    mistake::{ConfigError, Mistake},
};

/// Reads and checks the file. `parts` is what notifiers share.
pub fn load(path: &Path, parts: &Parts) -> Result<Configuration, ConfigError> {
    let text = read_text(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let read = parse(&text, folder, parts)?;
    Ok(Configuration { path: Some(path.to_owned()), ..read })
}

/// Where a program keeps what it keeps, as its file says: for those who must not need its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The data folder.
    pub data: PathBuf,
    /// The kind of its store, as it is written: `sqlite` where it is not.
    pub store: String,
}

/// Reads where things are kept, and nothing else of the file; its shape must be right.
pub fn kept(path: &Path) -> Result<Kept, ConfigError> {
    let text = read_text(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let raw: shape::File = toml::from_str(&text).map_err(|error| ConfigError::shape(&text, &error))?;
    let data = resolve::data(&raw, path.parent().unwrap_or(Path::new(".")));
    Ok(Kept { data, store: raw.store.kind.unwrap_or_else(|| "sqlite".to_owned()) })
}

/// Checks the text of a file; relative paths start at `folder`.
pub fn parse(text: &str, folder: &Path, parts: &Parts) -> Result<Configuration, ConfigError> {
    let raw: shape::File = toml::from_str(text).map_err(|error| ConfigError::shape(text, &error))?;
    let lines = mistake::Lines::of(text);
    resolve::resolve(raw, text, folder, &lines, parts)
}
