//! What people do together in an incident. Stored for ever: never change a variant, add one (golden files in `tests/golden/`).

use serde::{Deserialize, Serialize};

use crate::incident::{
    Actor,
    family::{Family, erased},
};

/// What people do together. `type` is the variant with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum RoomEvent {
    /// A line for the timeline.
    #[serde(rename = "note_added.v1")]
    NoteAdded {
        /// Who did it.
        by: Actor,
        /// The line.
        text: String,
    },
}

impl Family for RoomEvent {
    const KINDS: &[&str] = &["note_added.v1"];

    fn kind(&self) -> &'static str {
        match self {
            Self::NoteAdded { .. } => "note_added.v1",
        }
    }

    fn redacted(&self) -> Self {
        match self {
            Self::NoteAdded { by, text: _ } => Self::NoteAdded { by: by.clone(), text: erased() },
        }
    }
}
