//! Chat services that mirror an incident's room, and THE LIST of them.
//!
//! A chat is one file in `chat/` and one line in [`CHATS`]. It makes a channel for an incident, says what it is told to say, and tells
//! what others said there; it decides nothing: what is mirrored, who somebody is and what a message means are the server's and the
//! core's. It never retries and never logs a secret. All are held to `chat/compliance.rs`, and Matrix to a real homeserver in
//! `tests/matrix.rs`.

mod words;
mod service;
pub mod matrix;
#[cfg(test)]
mod compliance;

pub use self::{
    service::{Chat, ChatKind},
    words::{Heard, Saying, Spoken, Tone, Utterance, Wanted},
};

/// Every kind of chat service. One that is not here does not exist.
pub const CHATS: &[&dyn ChatKind] = &[&matrix::Matrix];

/// The kind of this name.
pub fn kind(id: &str) -> Option<&'static dyn ChatKind> {
    CHATS.iter().copied().find(|kind| kind.id() == id)
}
