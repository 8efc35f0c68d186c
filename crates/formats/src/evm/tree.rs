//! `callTracer` trees: one frame per call, nested in `calls`. Read with a stack of our own, never with the machine's.

use alloy_primitives::{Address, Bytes, U256};
use quarterdeck_core::chain::{B256, Call, CallKind};

use super::{
    CALL_DEPTH_MAX, CALLS_PER_BODY_MAX, DecodeError, TRANSACTIONS_PER_BLOCK_MAX,
    envelope::answer,
    json::Reader,
    value::{address, address_or_null, data, data_or_null, hash, hex_u256, need, once},
};

/// The calls of one transaction, by its hash where the source names it.
pub(super) struct TracedTransaction {
    pub(super) hash: Option<B256>,
    pub(super) calls: Vec<Call>,
}

/// The calls of one transaction: a `callTracer` frame, bare or in the JSON-RPC envelope, flattened in the order in which they
/// began. A call below one that failed is marked `reverted` with it.
pub fn decode_call_trace(bytes: &[u8]) -> Result<Vec<Call>, DecodeError> {
    answer(bytes, |reader| frames(reader, CALLS_PER_BODY_MAX))
}

/// `debug_traceBlock`: `[{txHash, result}]`. Older nodes leave `txHash` out; then the order counts.
pub(super) fn block_traces(reader: &mut Reader<'_>) -> Result<Vec<TracedTransaction>, DecodeError> {
    let (mut all, mut left) = (Vec::new(), CALLS_PER_BODY_MAX);
    reader.array("traces", TRANSACTIONS_PER_BLOCK_MAX, |reader| {
        let (mut id, mut calls) = (None, None);
        reader.object(|r, key| match key {
            b"txHash" => hash(r, "txHash").and_then(|v| once(&mut id, "txHash", v)),
            b"result" => frames(r, left).and_then(|v| once(&mut calls, "result", v)),
            b"error" if !r.null()? => {
                let text = r.string()?;
                Err(DecodeError::bad_value("error", &text, "a trace of every transaction"))
            }
            b"error" => Ok(()),
            _ => r.skip(),
        })?;
        let calls = need(calls, "result")?;
        left = left.saturating_sub(calls.len());
        all.push(TracedTransaction { hash: id, calls });
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
    kind: Option<CallKind>,
    from: Option<Address>,
    /// Outer none: no such key yet. Inner none: null.
    #[expect(clippy::option_option, reason = "a second key is an error even when the first was null")]
    to: Option<Option<Address>>,
    value: Option<U256>,
    input: Option<Bytes>,
    output: Option<Bytes>,
    failed: Option<bool>,
}

fn frames(reader: &mut Reader<'_>, calls_max: usize) -> Result<Vec<Call>, DecodeError> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    begin(reader, &mut calls, &mut open, calls_max)?;
    while let Some(frame) = open.last_mut() {
        if let Some(first) = frame.in_calls.as_mut() {
            if reader.element(first)? {
                begin(reader, &mut calls, &mut open, calls_max)?;
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
                    finish(done, &mut calls)?;
                }
            }
        }
    }
    spread_reverts(&mut calls);
    Ok(calls)
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
        b"type" => kind(r).and_then(|v| once(&mut fields.kind, "type", v)),
        b"from" => address(r, "from").and_then(|v| once(&mut fields.from, "from", v)),
        b"to" => address_or_null(r, "to").and_then(|v| once(&mut fields.to, "to", v)),
        b"value" if r.null()? => once(&mut fields.value, "value", U256::ZERO),
        b"value" => hex_u256(r, "value").and_then(|v| once(&mut fields.value, "value", v)),
        b"input" => data(r, "input").and_then(|v| once(&mut fields.input, "input", v)),
        b"output" => data_or_null(r, "output").and_then(|v| once(&mut fields.output, "output", v)),
        b"error" if r.null()? => once(&mut fields.failed, "error", false),
        b"error" => r.string().and_then(|_| once(&mut fields.failed, "error", true)),
        _ => r.skip(),
    }
}

fn kind(reader: &mut Reader<'_>) -> Result<CallKind, DecodeError> {
    let text = reader.string()?;
    match &*text {
        b"CALL" => Ok(CallKind::Call),
        b"STATICCALL" => Ok(CallKind::Static),
        b"DELEGATECALL" => Ok(CallKind::Delegate),
        b"CALLCODE" => Ok(CallKind::Code),
        b"CREATE" | b"CREATE2" => Ok(CallKind::Create),
        b"SELFDESTRUCT" | b"SUICIDE" => Ok(CallKind::SelfDestruct),
        other => Err(DecodeError::bad_value(
            "type",
            other,
            "CALL, STATICCALL, DELEGATECALL, CALLCODE, CREATE or SELFDESTRUCT",
        )),
    }
}

fn finish(done: Open, calls: &mut [Call]) -> Result<(), DecodeError> {
    let Fields { kind, from, to, value, input, output, failed } = done.fields;
    let Some(call) = calls.get_mut(done.place) else { return Ok(()) };
    call.kind = need(kind, "type")?;
    call.from = need(from, "from")?;
    call.to = to.flatten();
    call.input = input.unwrap_or_default();
    call.output = output.unwrap_or_default();
    call.reverted = failed.unwrap_or(false);
    // The tracer repeats the caller's value on delegate calls; nothing moves there.
    let moves = !matches!(call.kind, CallKind::Static | CallKind::Delegate);
    call.value = if moves { value.unwrap_or_default() } else { U256::ZERO };
    Ok(())
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
