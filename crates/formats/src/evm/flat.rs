//! Parity `trace_block`: calls one after the other, each with its place in the tree (`traceAddress`).
//!
//! mev-inspect files have the same content with `snake_case` names around the action.

use alloy_primitives::{Address, B256, Bytes, U256};
use quarterdeck_core::chain::{Call, CallKind, Part, Unread, UnreadParts};

use super::{
    CALL_DEPTH_MAX, CALLS_PER_BODY_MAX, DecodeError,
    json::Reader,
    tree::{Traced, TracedTransaction, settle, spread_reverts},
    value::{Slot, address, data, hash, hex_u256, int_u64_or_null, need, once, receiver},
};

/// How the keys around an action are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `traceAddress`, as nodes write.
    Node,
    /// `trace_address`, as mev-inspect stores.
    Stored,
}

/// All traces of a block, and the block they name.
pub(super) struct FlatTraces {
    pub(super) block: Option<B256>,
    pub(super) traces: Vec<(B256, Result<Traced, DecodeError>)>,
    /// What belongs to no transaction that we know.
    pub(super) stray: UnreadParts,
}

impl FlatTraces {
    pub(super) fn by_transaction(self) -> (Option<B256>, Vec<TracedTransaction>, UnreadParts) {
        let traced = self.traces.into_iter().map(|(hash, trace)| TracedTransaction { hash: Some(hash), trace });
        (self.block, traced.collect(), self.stray)
    }

    fn add(&mut self, trace: Trace) {
        let Trace { transaction, call, unread, .. } = trace;
        let Some(call) = call else { return };
        let hash = match transaction.need("transactionHash") {
            Ok(hash) => hash,
            Err(why) => return self.lose(&why),
        };
        let (fresh, depth) = (self.traces.last().is_none_or(|(last, _)| *last != hash), call.depth);
        if fresh {
            self.traces.push((hash, Ok(Traced::default())));
        }
        let Some((_, known)) = self.traces.last_mut() else { return };
        let Ok(Traced { calls, unread: parts }) = known else { return };
        let parent = calls.last().map(|call| call.depth);
        let (least, most) = parent.map_or((0, 0), |parent| (1, parent + 1));
        if depth < least || depth > most {
            // Without the calls between, nobody knows under which it belongs, and who failed with whom.
            *known = Err(DecodeError::mismatch("depth of a trace", depth, format!("{least} to {most}")));
            return;
        }
        calls.push(call);
        for (field, why) in unread {
            parts.add(Unread { part: Part::Call, transaction: None, field, why: why.to_string() });
        }
    }

    fn lose(&mut self, why: &DecodeError) {
        self.stray.add(Unread { part: Part::Call, transaction: None, field: "trace", why: why.to_string() });
    }
}

/// Reads the array. Rewards belong to no transaction and are left out. A call that cannot be read costs its transaction the trace
/// if others hang below it, else only itself.
pub(super) fn traces(reader: &mut Reader<'_>, spelling: Spelling) -> Result<FlatTraces, DecodeError> {
    let mut found = FlatTraces { block: None, traces: Vec::new(), stray: UnreadParts::default() };
    reader.array("traces", CALLS_PER_BODY_MAX, |reader| {
        match reader.attempt(|reader| trace(reader, spelling))? {
            Ok(trace) => {
                if let (Some(known), Some(named)) = (found.block, trace.block)
                    && known != named
                {
                    return Err(DecodeError::mismatch("blockHash of a trace", named, known));
                }
                found.block = found.block.or(trace.block);
                found.add(trace);
            }
            Err(why) => found.lose(&why),
        }
        Ok(())
    })?;
    for (_, trace) in &mut found.traces {
        if let Ok(trace) = trace {
            spread_reverts(&mut trace.calls);
        }
    }
    Ok(found)
}

struct Trace {
    transaction: Slot<B256>,
    block: Option<B256>,
    /// None: a reward.
    call: Option<Call>,
    unread: Vec<(&'static str, DecodeError)>,
}

fn trace(reader: &mut Reader<'_>, spelling: Spelling) -> Result<Trace, DecodeError> {
    let (mut act, mut done, mut depth, mut failed) = (None, Outcome::default(), None, false);
    let (mut transaction, mut block, mut kind) = (Slot::Missing, Slot::Missing, Slot::Missing);
    reader.object(|r, key| match (spelling, key) {
        (_, b"action") => action(r).and_then(|v| once(&mut act, "action", v)),
        (_, b"result" | b"error") if r.null()? => Ok(()),
        (_, b"result") => {
            done = r.attempt(outcome)?.unwrap_or_default();
            Ok(())
        }
        (_, b"error") => {
            // Whatever it says, it failed; no text is no error.
            failed |= r.attempt(super::json::Reader::string)?.map_or(true, |text| !text.is_empty());
            Ok(())
        }
        (_, b"type") => kind.read(r, "type", trace_kind),
        (Spelling::Node, b"traceAddress") | (Spelling::Stored, b"trace_address") => {
            levels(r).and_then(|v| once(&mut depth, "traceAddress", v))
        }
        (Spelling::Node, b"transactionHash") | (Spelling::Stored, b"transaction_hash") => {
            transaction.read(r, "transactionHash", hash)
        }
        (Spelling::Node, b"blockHash") | (Spelling::Stored, b"block_hash") => block.read(r, "blockHash", hash),
        _ => r.skip(),
    })?;
    let (act, depth) = (need(act, "action")?, need(depth, "traceAddress")?);
    let mut unread = Vec::new();
    let call = match kind.need("type") {
        Ok(TraceKind::Reward) => None,
        Ok(kind) => Some(call(kind, act, done, depth, failed, &mut unread)),
        Err(why) => {
            unread.push(("type", why));
            Some(call(TraceKind::Unknown, act, done, depth, failed, &mut unread))
        }
    };
    Ok(Trace { transaction, block: block.optional()?, call, unread })
}

#[derive(Clone, Copy, PartialEq)]
enum TraceKind {
    Call,
    Create,
    SelfDestruct,
    Reward,
    Unknown,
}

fn trace_kind(reader: &mut Reader<'_>, field: &'static str) -> Result<TraceKind, DecodeError> {
    let text = reader.string()?;
    match &*text {
        b"call" => Ok(TraceKind::Call),
        b"create" => Ok(TraceKind::Create),
        b"suicide" | b"selfdestruct" => Ok(TraceKind::SelfDestruct),
        b"reward" => Ok(TraceKind::Reward),
        other => Err(DecodeError::bad_value(field, other, "call, create, suicide or reward")),
    }
}

#[derive(Default)]
struct Action {
    kind: Slot<CallKind>,
    from: Slot<Address>,
    to: Slot<Option<Address>>,
    value: Slot<U256>,
    input: Slot<Bytes>,
    init: Slot<Bytes>,
    destroyed: Slot<Address>,
    refund: Slot<Address>,
    balance: Slot<U256>,
}

fn action(reader: &mut Reader<'_>) -> Result<Action, DecodeError> {
    let mut a = Action::default();
    reader.object(|r, key| match key {
        b"callType" => a.kind.read(r, "callType", call_type),
        b"from" => a.from.read(r, "from", address),
        b"to" => a.to.read(r, "to", receiver),
        b"value" => a.value.read(r, "value", hex_u256),
        b"input" => a.input.read(r, "input", data),
        b"init" => a.init.read(r, "init", data),
        b"address" => a.destroyed.read(r, "address", address),
        b"refundAddress" => a.refund.read(r, "refundAddress", address),
        b"balance" => a.balance.read(r, "balance", hex_u256),
        _ => r.skip(),
    })?;
    Ok(a)
}

fn call_type(reader: &mut Reader<'_>, field: &'static str) -> Result<CallKind, DecodeError> {
    let text = reader.string()?;
    match text.to_ascii_lowercase().as_slice() {
        b"call" => Ok(CallKind::Call),
        b"staticcall" => Ok(CallKind::Static),
        b"delegatecall" => Ok(CallKind::Delegate),
        b"callcode" => Ok(CallKind::Code),
        _ => Err(DecodeError::bad_value(field, &text, "call, staticcall, delegatecall or callcode")),
    }
}

#[derive(Default)]
struct Outcome {
    output: Option<Bytes>,
    created: Option<Address>,
}

fn outcome(reader: &mut Reader<'_>) -> Result<Outcome, DecodeError> {
    let (mut output, mut created) = (Slot::Missing, Slot::Missing);
    reader.object(|r, key| match key {
        b"output" => output.read(r, "output", data),
        b"address" => created.read(r, "address", address),
        _ => r.skip(),
    })?;
    Ok(Outcome { output: output.any(), created: created.any() })
}

/// The call, with what can be read of it; what cannot is added to `unread`.
fn call(
    kind: TraceKind,
    a: Action,
    done: Outcome,
    depth: u32,
    reverted: bool,
    unread: &mut Vec<(&'static str, DecodeError)>,
) -> Call {
    let (mut call, was) = (Call { depth, reverted, ..Call::default() }, unread.len());
    let (kind, from, value) = match kind {
        TraceKind::Call | TraceKind::Reward | TraceKind::Unknown => {
            let kind = if kind == TraceKind::Call { kept(a.kind.need("callType"), "callType", unread) } else { None };
            call.to = kept(a.to.need("to"), "to", unread).flatten();
            call.input = kept(a.input.optional(), "input", unread).flatten().unwrap_or_default();
            call.output = done.output.unwrap_or_default();
            (kind, kept(a.from.need("from"), "from", unread), kept(a.value.optional(), "value", unread))
        }
        TraceKind::Create => {
            call.to = done.created;
            call.input = kept(a.init.optional(), "init", unread).flatten().unwrap_or_default();
            let (from, value) = (kept(a.from.need("from"), "from", unread), kept(a.value.optional(), "value", unread));
            (Some(CallKind::Create), from, value)
        }
        TraceKind::SelfDestruct => {
            call.to = kept(a.refund.optional(), "refundAddress", unread).flatten();
            let from = kept(a.destroyed.need("address"), "address", unread);
            (Some(CallKind::SelfDestruct), from, kept(a.balance.optional(), "balance", unread))
        }
    };
    if kind.is_none() {
        // What an unknown kind lacks says nothing more than that it is unknown.
        unread.truncate(was.max(1));
    }
    settle(&mut call, kind.unwrap_or(CallKind::Other), from, value.flatten().unwrap_or_default());
    call
}

fn kept<T>(
    found: Result<T, DecodeError>,
    field: &'static str,
    unread: &mut Vec<(&'static str, DecodeError)>,
) -> Option<T> {
    match found {
        Ok(value) => Some(value),
        Err(why) => {
            unread.push((field, why));
            None
        }
    }
}

/// `[0, 2, 1]` is three levels down.
fn levels(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let mut levels = 0;
    reader.array("traceAddress", CALL_DEPTH_MAX, |reader| {
        levels += 1;
        int_u64_or_null(reader, "traceAddress").map(|_| ())
    })?;
    Ok(levels)
}
