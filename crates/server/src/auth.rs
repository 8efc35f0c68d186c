//! Who is asking, and what they may do. Tokens are compared by digest, in constant time; the tokens themselves are stored nowhere.

use std::{fmt, str::FromStr};

use quarterdeck_core::{
    bounds::TOKEN,
    id::{PersonId, SourceId},
    incident::{Actor, offer::Right},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The shortest token or key, in bytes: of random letters and digits, twice what anybody could try at our doors in a thousand years.
pub const SECRET_BYTES_MIN: usize = 16;

/// What is kept of a secret.
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Bytes as hex digits.
pub fn hex(bytes: &[u8]) -> String {
    quarterdeck_ledger::hash::to_hex(bytes)
}

/// What a token may do. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads, and changes nothing.
    Viewer,
    /// Acknowledges, notes, takes roles, posts signals.
    Responder,
    /// Mitigates, resolves, merges, escalates, states facts, sets silences.
    Commander,
    /// Everything, including erasure.
    Admin,
}

impl Role {
    /// All, from the least.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Responder, Self::Commander, Self::Admin];
    /// The right that it gives. What each command needs is in [`quarterdeck_core::incident::offer::COMMANDS`].
    pub const fn right(self) -> Right {
        match self {
            Self::Viewer => Right::Read,
            Self::Responder => Right::Respond,
            Self::Commander => Right::Command,
            Self::Admin => Right::Administer,
        }
    }
    /// The role that gives a right.
    pub const fn giving(right: Right) -> Self {
        match right {
            Right::Read => Self::Viewer,
            Right::Respond => Self::Responder,
            Right::Command => Self::Commander,
            Right::Administer => Self::Admin,
        }
    }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Commander => "commander",
            Self::Admin => "admin",
        })
    }
}
impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.to_string() == text)
            .ok_or_else(|| format!("`{text}` is no role: want viewer, responder, commander or admin"))
    }
}

/// Somebody's or something's right to use the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// How the log calls it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose it is, if a person's.
    pub person: Option<PersonId>,
    /// SHA-256 of the token: the token itself is nowhere.
    pub digest: [u8; 32],
}

/// Characters of a token's name that make the name of its source.
const NAME_CHARS: usize = 48;

/// The source of what the token of this name claims. Claims of two tokens are not the same claim, nor those of a token and an
/// integration.
pub fn source_of(name: &str) -> SourceId {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(|c| plain(c).to_ascii_lowercase()).take(NAME_CHARS).collect();
    SourceId::new(&format!("{TOKEN}{name}")).unwrap_or_else(|_| SourceId::unnamed())
}

impl Token {
    /// Whoever has it.
    pub fn caller(&self) -> Caller {
        Caller { token: self.name.clone(), role: self.role, person: self.person.clone() }
    }
}

/// Somebody whose token was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// How the log calls the token.
    pub token: String,
    /// What they may do.
    pub role: Role,
    /// Who they are, if a person.
    pub person: Option<PersonId>,
}

impl Caller {
    /// As the log names them.
    pub fn actor(&self) -> Actor {
        self.person.clone().map_or_else(|| Actor::Token(self.token.clone()), Actor::Person)
    }
}

/// The caller that a token belongs to. Looks at every token, so that the time tells nothing.
pub fn identify(tokens: &[Token], presented: &str) -> Option<Caller> {
    let digest = digest(presented);
    let mut found = None;
    for token in tokens {
        if bool::from(token.digest.ct_eq(&digest)) {
            found = Some(token);
        }
    }
    found.map(Token::caller)
}
