//! What a source hands over.

use quarterdeck_core::{chain::ChainEvent, id::SourceId};

/// An event and where the source stands after it.
#[derive(Debug)]
pub struct Seen {
    /// Which source.
    pub source: SourceId,
    /// What the chain did, or the gap in which we could not look.
    pub event: ChainEvent,
    /// Where the source stands after it: JSON; none: nowhere new.
    pub cursor: Option<String>,
    /// The source's world is invented: what is seen there is part of an exercise.
    pub drill: bool,
}
