//! How much of a body is read, and why one was refused.

/// Transactions of one block: the largest seen on any EVM chain are near 10,000; each costs 21,000 gas.
pub const TRANSACTIONS_PER_BLOCK_MAX: usize = 100_000;
/// Logs of one block: a log costs 375 gas, a 30 M gas block of nothing else holds 80,000; rollups allow more.
pub const LOGS_PER_BLOCK_MAX: usize = 1_000_000;
/// Calls of one body: a mainnet block has up to 60,000. Bounds memory at about 200 bytes each.
pub const CALLS_PER_BODY_MAX: usize = 1_000_000;
/// Depth of a call tree: the EVM stops at 1,024 nested calls (yellow paper, section 9.4), the transaction itself is one more.
pub const CALL_DEPTH_MAX: usize = 1_025;

/// Why a body was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or not the kind of value that belongs here.
    #[error("byte {at} of the body is `{found}`: want {want}")]
    Syntax {
        /// Offset in bytes.
        at: usize,
        /// What stands there, shortened.
        found: String,
        /// What should.
        want: &'static str,
    },
    /// The body ends too early.
    #[error("body ends at byte {at} inside a value")]
    Truncated {
        /// Its length in bytes.
        at: usize,
    },
    /// `result` is null: the node has no such block (yet).
    #[error("node answered null: it has no such block")]
    NullBlock,
    /// The node answered with an error object.
    #[error("node answered error {code}: {message}")]
    Rpc {
        /// JSON-RPC error code.
        code: i64,
        /// The node's words, shortened.
        message: String,
    },
    /// A field that must be there is not.
    #[error("field `{field}` is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field is there twice.
    #[error("field `{field}` is given twice")]
    Duplicate {
        /// The field.
        field: &'static str,
    },
    /// A value that cannot be.
    #[error("field `{field}` is `{value}`: want {want}")]
    BadValue {
        /// The field.
        field: &'static str,
        /// The value, shortened.
        value: String,
        /// What it should be.
        want: &'static str,
    },
    /// Nested deeper than the bound.
    #[error("{what} nests deeper than {max} levels")]
    TooDeep {
        /// The kind of value: calls, or JSON itself.
        what: &'static str,
        /// Levels allowed.
        max: usize,
    },
    /// More of something than the bound.
    #[error("more than {max} in `{what}`")]
    TooMany {
        /// The field or list that holds them.
        what: &'static str,
        /// How many are allowed.
        max: usize,
    },
    /// Two parts of the input contradict each other.
    #[error("{what} is `{found}`: want `{want}`")]
    Mismatch {
        /// The quantity that both parts state.
        what: &'static str,
        /// What stands there.
        found: String,
        /// What the rest of the input says.
        want: String,
    },
    /// Lines of a file that cannot be read; the others are.
    #[error("lines that cannot be read: {count}, the first is line {line}: {why}")]
    Lines {
        /// How many.
        count: u64,
        /// The first, from one.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// None of the forms that we read.
    #[error("`{name}` is no EVM block, receipts, trace, document or ethereum-etl file")]
    Unrecognised {
        /// The file's name.
        name: String,
    },
}

impl DecodeError {
    pub(super) fn bad_value(field: &'static str, value: &[u8], want: &'static str) -> Self {
        Self::BadValue { field, value: shorten(value), want }
    }
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over numbers, hashes and text alike")]
    pub(super) fn mismatch(what: &'static str, found: impl ToString, want: impl ToString) -> Self {
        Self::Mismatch { what, found: found.to_string(), want: want.to_string() }
    }
}

/// Foreign text for an error message: at most 48 bytes, then how many there were.
pub(super) fn shorten(value: &[u8]) -> String {
    const SHOWN: usize = 48;
    let shown: String = String::from_utf8_lossy(value.get(..SHOWN.min(value.len())).unwrap_or_default())
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if value.len() > SHOWN { format!("{shown}… ({} bytes)", value.len()) } else { shown }
}
