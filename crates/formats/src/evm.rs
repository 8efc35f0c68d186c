//! Ethereum JSON-RPC bodies: blocks with full transactions, receipts, `callTracer` trees and flat Parity traces; and the two
//! recorded forms in which public data comes (mev-inspect files, ethereum-etl lines).
//!
//! Every function takes bytes and gives our words. Nothing here guesses: a body that is cut off, of the wrong type, too large
//! or that contradicts itself is an error that names the field and the value. No recursion: a tree 100,000 calls deep is an
//! error like any other. Must never panic. Tests: beside each module, and `evm/tests.rs` over the recorded blocks and attacks.

mod block;
mod etl;
mod flat;
mod json;
mod mev;
mod receipts;
mod recorded;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use block::decode_block;
pub use etl::EtlRows;
pub use receipts::attach_receipts;
pub use recorded::{Recorded, Recording, sniff};
pub use tree::decode_call_trace;

use quarterdeck_core::chain::{B256, Block, Call};

use json::{Next, Reader};
use value::once;

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
        /// What.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// More of something than the bound.
    #[error("more than {max} in `{what}`")]
    TooMany {
        /// What.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// Two parts of the input contradict each other.
    #[error("{what} is `{found}`: want `{want}`")]
    Mismatch {
        /// What.
        what: &'static str,
        /// What stands there.
        found: String,
        /// What the rest of the input says.
        want: String,
    },
    /// None of the forms that we read.
    #[error("`{name}` is no EVM block, receipts, trace or ethereum-etl file")]
    Unrecognised {
        /// The file's name.
        name: String,
    },
}

impl DecodeError {
    fn bad_value(field: &'static str, value: &[u8], want: &'static str) -> Self {
        Self::BadValue { field, value: shorten(value), want }
    }
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over numbers, hashes and text alike")]
    fn mismatch(what: &'static str, found: impl ToString, want: impl ToString) -> Self {
        Self::Mismatch { what, found: found.to_string(), want: want.to_string() }
    }
}

/// Foreign text for an error message: at most 48 bytes, then how many there were.
fn shorten(value: &[u8]) -> String {
    const SHOWN: usize = 48;
    let shown: String = String::from_utf8_lossy(value.get(..SHOWN.min(value.len())).unwrap_or_default())
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if value.len() > SHOWN { format!("{shown}… ({} bytes)", value.len()) } else { shown }
}

/// Attaches the traces of a block: `debug_traceBlock` with the call tracer (`[{txHash, result}]`) or Parity `trace_block`,
/// bare or in the JSON-RPC envelope. Every transaction must be traced, once.
pub fn attach_traces(block: &mut Block, bytes: &[u8]) -> Result<(), DecodeError> {
    let traced = answer(bytes, |reader| match trace_form(reader)? {
        TraceForm::Tree => tree::block_traces(reader),
        TraceForm::Flat => flat::traces(reader, flat::Spelling::Node).map(flat::FlatTraces::by_transaction),
    })?;
    join_traces(block, traced)
}

/// The calls of one transaction, by its hash where the source names it.
struct TracedTransaction {
    hash: Option<B256>,
    calls: Vec<Call>,
}

fn join_traces(block: &mut Block, traced: Vec<TracedTransaction>) -> Result<(), DecodeError> {
    if traced.len() != block.transactions.len() {
        return Err(DecodeError::mismatch("number of traced transactions", traced.len(), block.transactions.len()));
    }
    // Nothing is attached unless all of it fits.
    for (transaction, trace) in block.transactions.iter().zip(&traced) {
        if trace.hash.is_some_and(|hash| hash != transaction.hash) {
            return Err(DecodeError::mismatch("traced transaction", trace.hash.unwrap_or_default(), transaction.hash));
        }
    }
    for (transaction, trace) in block.transactions.iter_mut().zip(traced) {
        transaction.calls = trace.calls;
    }
    block.has_traces = true;
    Ok(())
}

enum TraceForm {
    Tree,
    Flat,
}

/// Looks at the first element without consuming it. An empty list fits both.
fn trace_form(reader: &Reader<'_>) -> Result<TraceForm, DecodeError> {
    let mut ahead = reader.clone();
    ahead.enter_array()?;
    let mut form = TraceForm::Tree;
    if ahead.element(&mut true)? {
        ahead.object(|reader, key| {
            if key == b"action" {
                form = TraceForm::Flat;
            }
            reader.skip()
        })?;
    }
    Ok(form)
}

/// Hands `parse` the value of a body: what is in the envelope's `result`, or the whole of a bare body.
fn answer<'a, T>(
    bytes: &'a [u8],
    mut parse: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    if !is_enveloped(&reader) {
        let value = parse(&mut reader)?;
        reader.end()?;
        return Ok(value);
    }
    let (mut value, mut null, mut first) = (None, None, true);
    reader.enter_object()?;
    while let Some(key) = reader.key(&mut first)? {
        match &*key {
            b"result" if reader.null()? => once(&mut null, "result", ())?,
            b"result" => once(&mut value, "result", parse(&mut reader)?)?,
            b"error" if !reader.null()? => return Err(rpc_error(&mut reader)?),
            _ if &*key == b"error" => {}
            _ => reader.skip()?,
        }
    }
    reader.end()?;
    match (value, null) {
        (Some(value), None) => Ok(value),
        (None, Some(())) => Err(DecodeError::NullBlock),
        (Some(_), Some(())) => Err(DecodeError::Duplicate { field: "result" }),
        (None, None) => Err(DecodeError::Missing { field: "result" }),
    }
}

/// Whether the body begins as a JSON-RPC answer. A bare call frame may have an `error` too, but as text.
fn is_enveloped(reader: &Reader<'_>) -> bool {
    let mut ahead = reader.clone();
    if ahead.enter_object().is_err() {
        return false;
    }
    match ahead.key(&mut true) {
        Ok(Some(key)) => match &*key {
            b"jsonrpc" | b"id" | b"result" => true,
            b"error" => matches!(ahead.peek(), Ok(Next::Object | Next::Null)),
            _ => false,
        },
        _ => false,
    }
}

fn rpc_error(reader: &mut Reader<'_>) -> Result<DecodeError, DecodeError> {
    let (mut code, mut message) = (0_i64, String::from("no message"));
    reader.object(|reader, key| match key {
        b"code" => {
            code = reader.signed("code")?;
            Ok(())
        }
        b"message" if reader.peek()? == Next::String => {
            message = shorten(&reader.string()?);
            Ok(())
        }
        _ => reader.skip(),
    })?;
    Ok(DecodeError::Rpc { code, message })
}
