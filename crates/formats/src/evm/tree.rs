//! `callTracer` trees: one frame per call, nested in `calls`. Read with a stack of our own, never with the machine's.

use alloy_primitives::{Address, B256, Bytes, U256};
use quarterdeck_core::chain::{Call, CallKind, Part, UnreadParts};

use super::{
    CALL_DEPTH_MAX, CALLS_PER_BODY_MAX, DecodeError, TRANSACTIONS_PER_BLOCK_MAX,
    envelope::answer,
    json::Reader,
    refused::shorten,
    value::{Slot, address, data, hash, hex_u256, noted, receiver},
};

/// The calls of one transaction, and what in them could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traced {
    /// In the order in which they began, the transaction itself first.
    pub calls: Vec<Call>,
    /// What could not be read. The calls below it are there all the same.
    pub unread: UnreadParts,
}

/// The trace of one transaction, by its hash where the source names it; or why there is none.
pub(super) struct TracedTransaction {
    pub(super) hash: Option<B256>,
    pub(super) trace: Result<Traced, DecodeError>,
}

/// The calls of one transaction: a `callTracer` frame, bare or in the JSON-RPC envelope, flattened in the order in which they
/// began. A call below one that failed is marked `reverted` with it. A frame of a kind that we do not know is there as such.
pub fn decode_call_trace(bytes: &[u8]) -> Result<Traced, DecodeError> {
    answer(bytes, |reader| frames(reader, CALLS_PER_BODY_MAX))
}

/// `debug_traceBlock`: `[{txHash, result}]`. Older nodes leave `txHash` out; then the order counts. A transaction without a trace
/// costs only its own.
pub(super) fn block_traces(reader: &mut Reader<'_>) -> Result<Vec<TracedTransaction>, DecodeError> {
    let (mut all, mut left) = (Vec::new(), CALLS_PER_BODY_MAX);
    reader.array("traces", TRANSACTIONS_PER_BLOCK_MAX, |reader| {
        let (mut id, mut trace, mut failed) = (Slot::Missing, None, None);
        let read = reader.attempt(|r| {
            r.object(|r, key| match key {
                b"txHash" => id.read(r, "txHash", hash),
                b"result" if trace.is_some() => Err(DecodeError::Duplicate { field: "result" }),
                b"result" | b"error" if r.null()? => Ok(()),
                b"result" => {
                    trace = Some(r.attempt(|r| frames(r, left))?);
                    Ok(())
                }
                b"error" => {
                    let text = r.attempt(|r| r.string().map(|text| shorten(&text)))?;
                    failed = Some(text.unwrap_or_else(|_| "no text".to_owned()));
                    Ok(())
                }
                _ => r.skip_deep(),
            })
        })?;
        let refused =
            failed.map(|text| DecodeError::bad_value("error", text.as_bytes(), "a trace of every transaction"));
        let trace = match (read, refused) {
            (Err(why), _) | (Ok(()), Some(why)) => Err(why),
            (Ok(()), None) => trace.unwrap_or(Err(DecodeError::Missing { field: "result" })),
        };
        if let Err(why @ DecodeError::TooMany { .. }) = &trace {
            return Err(why.clone());
        }
        left = left.saturating_sub(trace.as_ref().map_or(0, |trace| trace.calls.len()));
        all.push(TracedTransaction { hash: id.any(), trace });
        Ok(())
    })?;
    Ok(all)
}

/// A frame whose end was not reached yet.
struct Open {
    /// Its place in the result.
    place: usize,
    /// No key of it was read yet.
    first_key: bool,
    /// Whether its `calls` are being read, and if so, whether none was yet.
    in_calls: Option<bool>,
    calls_seen: bool,
    fields: Fields,
}

#[derive(Default)]
struct Fields {
    kind: Slot<CallKind>,
    from: Slot<Address>,
    to: Slot<Option<Address>>,
    value: Slot<U256>,
    input: Slot<Bytes>,
    output: Slot<Bytes>,
    failed: bool,
}

/// One frame with all below it, at most so many.
pub(super) fn frames(reader: &mut Reader<'_>, calls_max: usize) -> Result<Traced, DecodeError> {
    let mut traced = Traced::default();
    let mut open: Vec<Open> = Vec::new();
    begin(reader, &mut traced.calls, &mut open, calls_max)?;
    while let Some(frame) = open.last_mut() {
        if let Some(first) = frame.in_calls.as_mut() {
            if reader.element(first)? {
                begin(reader, &mut traced.calls, &mut open, calls_max)?;
            } else {
                frame.in_calls = None;
            }
            continue;
        }
        match reader.key(&mut frame.first_key)? {
            Some(key) if &*key == b"calls" => {
                if std::mem::replace(&mut frame.calls_seen, true) {
                    return Err(DecodeError::Duplicate { field: "calls" });
                }
                if !reader.null()? {
                    reader.enter_array()?;
                    frame.in_calls = Some(true);
                }
            }
            Some(key) => field(reader, &key, &mut frame.fields)?,
            None => {
                if let Some(done) = open.pop() {
                    finish(done, &mut traced)?;
                }
            }
        }
    }
    spread_reverts(&mut traced.calls);
    Ok(traced)
}

fn begin(
    reader: &mut Reader<'_>,
    calls: &mut Vec<Call>,
    open: &mut Vec<Open>,
    calls_max: usize,
) -> Result<(), DecodeError> {
    if open.len() >= CALL_DEPTH_MAX {
        return Err(DecodeError::TooDeep { what: "a call tree", max: CALL_DEPTH_MAX });
    }
    if calls.len() >= calls_max {
        return Err(DecodeError::TooMany { what: "calls", max: CALLS_PER_BODY_MAX });
    }
    reader.enter_object()?;
    let depth = u32::try_from(open.len()).unwrap_or(u32::MAX);
    open.push(Open {
        place: calls.len(),
        first_key: true,
        in_calls: None,
        calls_seen: false,
        fields: Fields::default(),
    });
    calls.push(Call { depth, ..Call::default() });
    Ok(())
}

fn field(r: &mut Reader<'_>, key: &[u8], fields: &mut Fields) -> Result<(), DecodeError> {
    match key {
        b"type" => fields.kind.read(r, "type", kind),
        b"from" => fields.from.read(r, "from", address),
        b"to" => fields.to.read(r, "to", receiver),
        b"value" => fields.value.read(r, "value", hex_u256),
        b"input" => fields.input.read(r, "input", data),
        b"output" => fields.output.read(r, "output", data),
        b"error" if r.null()? => Ok(()),
        b"error" => {
            // Whatever it says, it failed; no text is no error.
            let text = r.attempt(super::json::Reader::string)?;
            fields.failed |= text.map_or(true, |text| !text.is_empty());
            Ok(())
        }
        _ => r.skip(),
    }
}

/// As geth writes it, or a node that writes it otherwise: `Call`.
fn kind(reader: &mut Reader<'_>, field: &'static str) -> Result<CallKind, DecodeError> {
    let text = reader.string()?;
    match text.to_ascii_uppercase().as_slice() {
        b"CALL" => Ok(CallKind::Call),
        b"STATICCALL" => Ok(CallKind::Static),
        b"DELEGATECALL" => Ok(CallKind::Delegate),
        b"CALLCODE" => Ok(CallKind::Code),
        b"CREATE" | b"CREATE2" => Ok(CallKind::Create),
        b"SELFDESTRUCT" | b"SUICIDE" => Ok(CallKind::SelfDestruct),
        _ => Err(DecodeError::bad_value(
            field,
            &text,
            "CALL, STATICCALL, DELEGATECALL, CALLCODE, CREATE or SELFDESTRUCT",
        )),
    }
}

/// A frame is kept whatever of it cannot be read, so that the calls below it are judged; but the outermost must say what it is, or
/// this is no trace.
fn finish(done: Open, traced: &mut Traced) -> Result<(), DecodeError> {
    let Traced { calls, unread } = traced;
    let Fields { kind, from, to, value, input, output, failed } = done.fields;
    let Some(call) = calls.get_mut(done.place) else { return Ok(()) };
    if call.depth == 0 && matches!(kind, Slot::Missing) {
        return Err(DecodeError::Missing { field: "type" });
    }
    let kind = noted_call(kind.need("type").map(Some), "type", unread).unwrap_or(CallKind::Other);
    let from = noted_call(from.need("from").map(Some), "from", unread);
    let to = if matches!(kind, CallKind::Call | CallKind::Static | CallKind::Delegate | CallKind::Code) {
        to.need("to").map(Some)
    } else {
        to.optional()
    };
    call.to = noted_call(to, "to", unread).flatten();
    let value = noted_call(value.optional(), "value", unread).unwrap_or_default();
    call.input = noted_call(input.optional(), "input", unread).unwrap_or_default();
    call.output = output.any().unwrap_or_default();
    call.reverted = failed;
    settle(call, kind, from, value);
    Ok(())
}

fn noted_call<T: Default>(found: Result<T, DecodeError>, field: &'static str, unread: &mut UnreadParts) -> T {
    noted(found, Part::Call, None, field, unread)
}

/// What a call is and moves. Nothing moves where the kind or the caller is not known; the tracer repeats the caller's value on
/// delegate calls, where nothing moves either; and a contract that destroys itself in favour of itself is shown by some nodes as
/// destroyed by the zero address.
pub(super) fn settle(call: &mut Call, kind: CallKind, from: Option<Address>, value: U256) {
    let nobody = kind == CallKind::SelfDestruct && from.is_none_or(|from| from.is_zero());
    call.kind = if from.is_none() { CallKind::Other } else { kind };
    call.from = from.unwrap_or_default();
    let moves = matches!(call.kind, CallKind::Call | CallKind::Code | CallKind::Create | CallKind::SelfDestruct);
    call.value = if moves && !nobody { value } else { U256::ZERO };
}

/// What failed takes everything below with it. `calls` is in the order in which the calls began.
pub(super) fn spread_reverts(calls: &mut [Call]) {
    let mut failed_at: Option<u32> = None;
    for call in calls {
        if failed_at.is_some_and(|depth| call.depth > depth) {
            call.reverted = true;
            continue;
        }
        failed_at = call.reverted.then_some(call.depth);
    }
}
