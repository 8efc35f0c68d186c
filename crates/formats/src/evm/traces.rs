//! The traces of a whole block, in either form.

use quarterdeck_core::chain::Block;

use super::{
    DecodeError,
    envelope::answer,
    flat,
    json::Reader,
    tree::{self, TracedTransaction},
};

/// Attaches the traces of a block: `debug_traceBlock` with the call tracer (`[{txHash, result}]`) or Parity `trace_block`,
/// bare or in the JSON-RPC envelope. Every transaction must be traced, once.
pub fn attach_traces(block: &mut Block, bytes: &[u8]) -> Result<(), DecodeError> {
    let traced = answer(bytes, |reader| match trace_form(reader)? {
        TraceForm::Tree => tree::block_traces(reader),
        TraceForm::Flat => flat::traces(reader, flat::Spelling::Node).map(flat::FlatTraces::by_transaction),
    })?;
    join_traces(block, traced)
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
