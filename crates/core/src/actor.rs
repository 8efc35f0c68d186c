//! Who does something.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::PersonId;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person of the roster.
    Person(PersonId),
    /// A token that belongs to no person: an integration.
    Token(String),
    /// Quarterdeck itself.
    System,
}
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => f.pad(person.as_str()),
            Self::Token(name) => write!(f, "token {name}"),
            Self::System => f.pad("quarterdeck"),
        }
    }
}
