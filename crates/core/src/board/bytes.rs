//! Numbers and texts as bytes and back, for what is kept of a board: short, quick to read, and the same on every machine. Reading
//! never panics and never asks for more room than there are bytes. Tests: in `board/tests/kept.rs`.

use crate::id::IncidentId;

/// Why bytes are no board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKept {
    /// They end too early, or go on too long.
    #[error("it is cut short, or too long")]
    Cut,
    /// A value that stands for nothing.
    #[error("{what} `{value}` stands for nothing")]
    Strange {
        /// What it should be.
        what: &'static str,
        /// What was read.
        value: String,
    },
    /// The incident that was brought back is not the one that was kept.
    #[error("{id} is at version {got}: want {want}")]
    Other {
        /// Which incident.
        id: IncidentId,
        /// Of the one that was kept.
        want: u64,
        /// Of the one that was brought.
        got: u64,
    },
}

/// Bytes that grow.
#[derive(Debug, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }
    pub(super) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }
    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }
    pub(super) fn instant(&mut self, ms: i64) {
        self.0.extend_from_slice(&ms.to_le_bytes());
    }
    pub(super) fn id(&mut self, id: &[u8; 16]) {
        self.0.extend_from_slice(id);
    }
    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }
    /// Whether it is there, and what it is.
    pub(super) fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Bytes that are read.
#[derive(Debug)]
pub(super) struct In<'a>(pub(super) &'a [u8]);

impl<'a> In<'a> {
    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], BadKept> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(BadKept::Cut)?;
        self.0 = rest;
        Ok(taken)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadKept> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(BadKept::Cut)?;
        self.0 = rest;
        Ok(*taken)
    }
    pub(super) fn byte(&mut self) -> Result<u8, BadKept> {
        self.array::<1>().map(|[byte]| byte)
    }
    pub(super) fn flag(&mut self) -> Result<bool, BadKept> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(BadKept::Strange { what: "flag", value: other.to_string() }),
        }
    }
    pub(super) fn number(&mut self) -> Result<u64, BadKept> {
        self.array().map(u64::from_le_bytes)
    }
    pub(super) fn count(&mut self) -> Result<usize, BadKept> {
        usize::try_from(self.number()?).map_err(|_| BadKept::Cut)
    }
    pub(super) fn instant(&mut self) -> Result<i64, BadKept> {
        self.array().map(i64::from_le_bytes)
    }
    pub(super) fn id(&mut self) -> Result<[u8; 16], BadKept> {
        self.array()
    }
    pub(super) fn text(&mut self) -> Result<&'a str, BadKept> {
        let bytes = self.count()?;
        let taken = self.take(bytes)?;
        str::from_utf8(taken).map_err(|error| BadKept::Strange { what: "text", value: error.to_string() })
    }
    pub(super) fn maybe<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, BadKept>,
    ) -> Result<Option<T>, BadKept> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }
}
