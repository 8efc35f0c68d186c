//! Doors for what chains tell us: sources that are followed live, and recordings (`recorded`). Monitors come in over HTTP, in the
//! server.
//!
//! A kind of source reads one node ([`reader::ChainReader`]) and describes itself ([`source::SourceKind`]); following, keeping track
//! and telling are the same for all. A source hands every event to the detectors with the cursor after it, and keeps its health in
//! [`Sources`].

pub mod words;
pub mod setting;
pub mod reader;
pub mod source;
mod seen;
mod health;
pub mod follow;
mod tell;
pub mod run;
pub mod evm;
pub mod recorded;
#[cfg(test)]
mod compliance;
#[cfg(test)]
mod testing;

pub use self::{
    health::{SourceHealth, SourceState, Sources},
    seen::Seen,
    source::{Balances, ChainSource, SourceKind},
};

/// THE LIST of kinds of source. One that is not here does not exist; the first is what a source is that names none.
pub const SOURCES: &[&dyn SourceKind] = &[&evm::Evm];

/// The kind of this name.
pub fn kind(id: &str) -> Option<&'static dyn SourceKind> {
    SOURCES.iter().copied().find(|kind| kind.id() == id)
}
