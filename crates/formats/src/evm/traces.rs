//! The traces of a whole block, in either form.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use quarterdeck_core::chain::{Block, CallKind, Part, Transaction, Unread, UnreadParts};

use super::{
    DecodeError,
    envelope::answer,
    flat,
    json::Reader,
    tree::{self, Traced, TracedTransaction},
    value::noted,
};

/// Attaches the traces of a block: `debug_traceBlock` with the call tracer (`[{txHash, result}]`) or Parity `trace_block`,
/// bare or in the JSON-RPC envelope.
///
/// A transaction without a trace, and a trace that cannot be read, costs that transaction its trace and is noted in the block's
/// `unread`. An error, with nothing attached, is an answer of which no trace fits: it is about another block, or is none.
pub fn attach_traces(block: &mut Block, bytes: &[u8]) -> Result<(), DecodeError> {
    let traced = answer(bytes, |reader| match trace_form(reader)? {
        TraceForm::Tree => tree::block_traces(reader).map(|traces| (None, traces, UnreadParts::default())),
        TraceForm::Flat => flat::traces(reader, flat::Spelling::Node).map(flat::FlatTraces::by_transaction),
    })?;
    let (of_block, traced, stray) = traced;
    if let Some(named) = of_block.filter(|named| *named != block.hash && !named.is_zero()) {
        return Err(DecodeError::mismatch("blockHash of a trace", named, block.hash));
    }
    join_traces(block, traced)?;
    block.unread.extend(stray);
    Ok(())
}

/// The same with traces that were read.
pub(super) fn join_traces(block: &mut Block, traced: Vec<TracedTransaction>) -> Result<(), DecodeError> {
    let (given, want) = (traced.len(), block.transactions.len());
    if given == 0 && want > 0 {
        return Err(DecodeError::mismatch("number of traced transactions", given, want));
    }
    let mut found = matched(block, traced)?;
    if want > 0 && found.iter().all(Result::is_err) {
        return Err(found.swap_remove(0).err().unwrap_or(DecodeError::Missing { field: "result" }));
    }
    for (place, trace) in found.into_iter().enumerate() {
        let Some(transaction) = block.transactions.get_mut(place) else { continue };
        let index = Some(transaction.index);
        block.unread.forget(|one| one.transaction == index && matches!(one.part, Part::Trace | Part::Call));
        let trace = noted(trace, Part::Trace, index, "result", &mut block.unread);
        for call in trace.unread.named() {
            block.unread.add(Unread { transaction: index, ..call.clone() });
        }
        transaction.calls = trace.calls;
        fill_in(transaction, &mut block.unread);
    }
    block.has_traces = true;
    Ok(())
}

/// For each transaction of the block its trace. By hash, or by place where the source names none; then their numbers must agree.
fn matched(block: &Block, traced: Vec<TracedTransaction>) -> Result<Vec<Result<Traced, DecodeError>>, DecodeError> {
    let places: BTreeMap<B256, usize> =
        block.transactions.iter().enumerate().map(|(place, transaction)| (transaction.hash, place)).collect();
    let by_place = traced.iter().all(|trace| trace.hash.is_none());
    let last = block.transactions.last().map_or(0, |last| u64::from(last.index) + 1);
    if by_place && u64::try_from(traced.len()).is_ok_and(|given| given < last) {
        return Err(DecodeError::mismatch("number of traced transactions", traced.len(), last));
    }
    let mut found: Vec<_> =
        (0..block.transactions.len()).map(|_| Err(DecodeError::Missing { field: "result" })).collect();
    let (mut stray, mut fits) = (None, false);
    for (index, TracedTransaction { hash, trace }) in (0_u32..).zip(traced) {
        let place = match hash {
            Some(hash) => places.get(&hash).copied(),
            None if by_place => block.transactions.binary_search_by_key(&index, |transaction| transaction.index).ok(),
            None => None,
        };
        match place.and_then(|place| found.get_mut(place)) {
            Some(slot) => (*slot, fits) = (trace, true),
            None => stray = stray.or(hash),
        }
    }
    match stray.filter(|_| !fits) {
        Some(stray) => {
            let first = block.transactions.first().map(|first| first.hash.to_string());
            Err(DecodeError::mismatch("traced transaction", stray, first.unwrap_or_default()))
        }
        None => Ok(found),
    }
}

/// What the block did not say of a transaction, its outermost call does.
fn fill_in(transaction: &mut Transaction, unread: &mut UnreadParts) {
    let Some(outermost) = transaction.calls.first().filter(|call| call.kind != CallKind::Other) else { return };
    let index = Some(transaction.index);
    let open = |one: &Unread| {
        one.transaction == index
            && one.part == Part::Transaction
            && matches!(one.field, "to" | "value" | "input" | "calls")
    };
    for one in unread.named().iter().filter(|one| open(one)) {
        match one.field {
            "value" => transaction.value = outermost.value,
            "input" => transaction.input = outermost.input.clone(),
            "to" => {
                transaction.to = outermost.to.filter(|_| outermost.kind != CallKind::Create);
                transaction.lacks_to = transaction.to.is_none() && outermost.kind != CallKind::Create;
            }
            // A batch stays one: its calls are in the trace.
            _ => {}
        }
    }
    unread.forget(open);
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
            reader.skip_deep()
        })?;
    }
    Ok(form)
}
