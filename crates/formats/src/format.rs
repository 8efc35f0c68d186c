//! What a format of monitors is. The list of them is [`crate::FORMATS`].
//!
//! A format reads bytes and says what they claim. Where its clients expect answers of their own it gives these as data. Who may post
//! is the shell's business: an integration by its key, or a token. Tests: `tests/list.rs` walks the list.

use crate::{
    bounds::FormatError,
    heard::{Batch, Hearing},
};

/// One format. One file and one line.
pub trait IngestFormat: Sync {
    /// `webhook`: the last part of its address, `/ingest/webhook`.
    fn id(&self) -> &'static str;
    /// What it is, in a sentence.
    fn title(&self) -> &'static str;
    /// What a body is made of, for the description of the API.
    fn doc(&self) -> &'static str;
    /// A body that is understood.
    fn example(&self) -> &'static str;
    /// What a body claims. The good part of a bad body counts; an error is a body of which nothing can be read.
    fn read(&self, bytes: &[u8], hearing: &Hearing<'_>) -> Result<Batch, FormatError>;
    /// What its clients are answered when all of it is durable; none: each claim with its fate, as JSON.
    fn accepted(&self) -> Option<Reply> {
        None
    }
    /// What its clients are answered when something of it was refused; none: the error body of our API.
    fn refused(&self, _refusals: &str) -> Option<Reply> {
        None
    }
    /// The name in its signals, if a claim ends by itself unless it is repeated.
    fn repeats(&self) -> Option<&'static str> {
        None
    }
}

/// An answer in the words of a foreign format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON, or nothing.
    pub body: String,
}
