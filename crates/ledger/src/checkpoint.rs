//! The signed head of a log, as C2SP tlog-checkpoint v1.0.0 has it: who, how many leaves, which root.
//!
//! ```text
//! <origin>
//! <number of leaves, decimal>
//! <base64 of the root>
//! <empty line>
//! — <origin> <signature>
//! ```
//!
//! A log must never sign two checkpoints of which neither extends the other; [`Checkpoint::contradicts`] finds the plain
//! case, consistency proofs the others. We write no extension lines, since nobody can audit them; we accept some of others.
//! Tests: below, `tests/it/laws.rs`, `tests/it/vectors.rs`.

use std::fmt;

use crate::{
    hash::{Hash, decimal},
    note::{Note, NoteError, SignerKey, VerifierKey},
};

/// Extension lines accepted on a foreign checkpoint: more than any log is known to use.
pub const EXTENSION_LINES_MAX: usize = 16;

/// Signs the head of the log whose origin is the name of the key. The text is what `checkpoint` in a log folder holds.
pub fn sign_checkpoint(size: u64, root: &Hash, signer: &SignerKey) -> Result<String, NoteError> {
    let body = format!("{}\n{size}\n{root}\n", signer.name());
    Ok(Note::sign(&body, signer)?.to_string())
}

/// The head of a log at one size.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// Reads a signed checkpoint and believes it only if `key` signed it and bears the name of the origin.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let note = Note::parse(note).map_err(CheckpointError::Note)?;
        let checkpoint = Self::parse(note.verify(&[key]).map_err(CheckpointError::Note)?)?;
        if checkpoint.origin != key.name() {
            let (want, got) = (key.name().to_owned(), checkpoint.origin);
            return Err(CheckpointError::Origin { want, got });
        }
        Ok(checkpoint)
    }
    /// Reads the body of a checkpoint, without signatures. What this accepts, [`Checkpoint::body`] gives back.
    pub fn parse(body: &str) -> Result<Self, CheckpointError> {
        let lines = body.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = lines.splitn(EXTENSION_LINES_MAX + 4, '\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError::Lines);
        let (origin, size, root) = (line()?.to_owned(), line()?, line()?);
        let size = decimal(size).ok_or(CheckpointError::Size)?;
        let root = Hash::from_base64(root).map_err(|_| CheckpointError::Root)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.len() > EXTENSION_LINES_MAX || extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Lines);
        }
        Ok(Self { origin, size, root, extensions })
    }
    /// The body: what is signed.
    pub fn body(&self) -> String {
        let mut body = format!("{}\n{}\n{}\n", self.origin, self.size, self.root);
        for line in &self.extensions {
            body.push_str(line);
            body.push('\n');
        }
        body
    }
    /// The log that this is the head of.
    pub fn origin(&self) -> &str {
        &self.origin
    }
    /// Leaves in the log.
    pub const fn size(&self) -> u64 {
        self.size
    }
    /// The root of the tree over them.
    pub const fn root(&self) -> Hash {
        self.root
    }
    /// Lines beyond the third; ours have none.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
    /// Whether both claim to be the same log at the same size and yet differ: proof that the log showed two faces.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.origin == other.origin && self.size == other.size && self.root != other.root
    }
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointError {
    /// The signed note around it is refused.
    Note(NoteError),
    /// Not at least three non-empty lines, or too many.
    Lines,
    /// The number of leaves is not a plain decimal number.
    Size,
    /// The root is not 32 bytes in base64.
    Root,
    /// It is the head of another log.
    Origin {
        /// The log whose key is trusted.
        want: String,
        /// The log it names.
        got: String,
    },
}
impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(error) => error.fmt(f),
            Self::Lines => f.write_str("a checkpoint is not at least three lines, none of them empty"),
            Self::Size => f.write_str("the size of a checkpoint is not a plain decimal number"),
            Self::Root => f.write_str("the root of a checkpoint is not 32 bytes in base64"),
            Self::Origin { want, got } => write!(f, "the checkpoint is of log `{got}`, not `{want}`"),
        }
    }
}
impl std::error::Error for CheckpointError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> SignerKey {
        SignerKey::from_seed("ops.example/log", &[42; 32]).unwrap()
    }

    #[test]
    fn signed_and_opened() {
        let text = sign_checkpoint(7, &Hash::of_leaf(b"x"), &signer()).unwrap();
        let checkpoint = Checkpoint::open(text.as_bytes(), signer().verifier()).unwrap();
        assert_eq!(
            (checkpoint.origin(), checkpoint.size(), checkpoint.root()),
            ("ops.example/log", 7, Hash::of_leaf(b"x"))
        );
        assert!(text.starts_with(&checkpoint.body()));
        let changed = Checkpoint::open(text.replace("\n7\n", "\n8\n").as_bytes(), signer().verifier());
        assert_eq!(changed, Err(CheckpointError::Note(NoteError::BadSignature("ops.example/log".into()))));
    }

    #[test]
    fn a_key_speaks_only_for_its_own_log() {
        let note = Note::sign(&format!("other.example/log\n0\n{}\n", Hash::EMPTY_ROOT), &signer()).unwrap().to_string();
        let refused = Checkpoint::open(note.as_bytes(), signer().verifier()).unwrap_err();
        assert_eq!(refused.to_string(), "the checkpoint is of log `other.example/log`, not `ops.example/log`");
    }

    #[test]
    fn malformed_bodies() {
        let root = Hash::EMPTY_ROOT;
        let cases = [
            (format!("o\n1\n{root}"), CheckpointError::Lines),
            ("o\n1\n".to_owned(), CheckpointError::Lines),
            (format!("\n1\n{root}\n"), CheckpointError::Lines),
            (format!("o\n1\n{root}\n\n"), CheckpointError::Lines),
            (format!("o\n1\n{root}\n{}", "x\n".repeat(EXTENSION_LINES_MAX + 1)), CheckpointError::Lines),
            (format!("o\n1\n{root}\n{}", "x\n".repeat(100)), CheckpointError::Lines),
            (format!("o\n01\n{root}\n"), CheckpointError::Size),
            (format!("o\n-1\n{root}\n"), CheckpointError::Size),
            (format!("o\n18446744073709551616\n{root}\n"), CheckpointError::Size),
            ("o\n1\nAAAA\n".to_owned(), CheckpointError::Root),
        ];
        for (body, want) in cases {
            assert_eq!(Checkpoint::parse(&body), Err(want), "{body}");
        }
        let extended = format!("o\n1\n{root}\n{}", "x\n".repeat(EXTENSION_LINES_MAX));
        assert_eq!(Checkpoint::parse(&extended).unwrap().body(), extended);
    }

    #[test]
    fn two_faces_are_seen() {
        let head = |origin: &str, size: u64, leaf: &[u8]| {
            Checkpoint::parse(&format!("{origin}\n{size}\n{}\n", Hash::of_leaf(leaf))).unwrap()
        };
        assert!(head("o", 7, b"x").contradicts(&head("o", 7, b"y")));
        assert!(!head("o", 7, b"x").contradicts(&head("o", 7, b"x")));
        assert!(!head("o", 7, b"x").contradicts(&head("o", 8, b"y")));
        assert!(!head("o", 7, b"x").contradicts(&head("p", 7, b"y")));
    }
}
