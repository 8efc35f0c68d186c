//! Parity `trace_block`: calls one after the other, each with its place in the tree (`traceAddress`).
//!
//! mev-inspect files have the same content with `snake_case` names around the action.

use alloy_primitives::{Address, B256, Bytes, U256};
use quarterdeck_core::chain::{Call, CallKind};

use super::{
    CALL_DEPTH_MAX, CALLS_PER_BODY_MAX, DecodeError,
    json::Reader,
    tree::{TracedTransaction, spread_reverts},
    value::{address, address_or_null, data, data_or_null, hash, hex_u256, int_u64_or_null, need, once},
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
    pub(super) traces: Vec<(B256, Vec<Call>)>,
}

impl FlatTraces {
    pub(super) fn by_transaction(self) -> Vec<TracedTransaction> {
        self.traces.into_iter().map(|(hash, calls)| TracedTransaction { hash: Some(hash), calls }).collect()
    }
}

/// Reads the array. Rewards belong to no transaction and are left out.
pub(super) fn traces(reader: &mut Reader<'_>, spelling: Spelling) -> Result<FlatTraces, DecodeError> {
    let mut found = FlatTraces { block: None, traces: Vec::new() };
    reader.array("traces", CALLS_PER_BODY_MAX, |reader| {
        let trace = trace(reader, spelling)?;
        if let (Some(known), Some(named)) = (found.block, trace.block)
            && known != named
        {
            return Err(DecodeError::mismatch("blockHash of a trace", named, known));
        }
        found.block = found.block.or(trace.block);
        let Some(call) = trace.call else { return Ok(()) };
        let hash = need(trace.transaction, "transactionHash")?;
        match found.traces.last_mut() {
            Some((last, calls)) if *last == hash => {
                let parent = calls.last().map_or(0, |call| call.depth);
                if call.depth == 0 || call.depth > parent + 1 {
                    return Err(DecodeError::mismatch("depth of a trace", call.depth, format!("1 to {}", parent + 1)));
                }
                calls.push(call);
            }
            _ if call.depth != 0 => return Err(DecodeError::mismatch("depth of a first trace", call.depth, 0)),
            _ => found.traces.push((hash, vec![call])),
        }
        Ok(())
    })?;
    for (_, calls) in &mut found.traces {
        spread_reverts(calls);
    }
    Ok(found)
}

struct Trace {
    transaction: Option<B256>,
    block: Option<B256>,
    /// None: a reward.
    call: Option<Call>,
}

fn trace(reader: &mut Reader<'_>, spelling: Spelling) -> Result<Trace, DecodeError> {
    let (mut act, mut done, mut depth, mut failed) = (None, None, None, None);
    let (mut transaction, mut block, mut kind) = (None, None, None);
    reader.object(|r, key| match (spelling, key) {
        (_, b"action") => action(r).and_then(|v| once(&mut act, "action", v)),
        (_, b"result" | b"error") if r.null()? => Ok(()),
        (_, b"result") => outcome(r).and_then(|v| once(&mut done, "result", v)),
        (_, b"error") => r.string().and_then(|_| once(&mut failed, "error", true)),
        (_, b"type") => trace_kind(r).and_then(|v| once(&mut kind, "type", v)),
        (Spelling::Node, b"traceAddress") | (Spelling::Stored, b"trace_address") => {
            levels(r).and_then(|v| once(&mut depth, "traceAddress", v))
        }
        (Spelling::Node, b"transactionHash") | (Spelling::Stored, b"transaction_hash") => {
            if r.null()? {
                Ok(())
            } else {
                hash(r, "transactionHash").and_then(|v| once(&mut transaction, "transactionHash", v))
            }
        }
        (Spelling::Node, b"blockHash") | (Spelling::Stored, b"block_hash") => {
            hash(r, "blockHash").and_then(|v| once(&mut block, "blockHash", v))
        }
        _ => r.skip(),
    })?;
    let kind = need(kind, "type")?;
    let act = need(act, "action")?;
    let depth = need(depth, "traceAddress")?;
    let call = match kind {
        TraceKind::Reward => None,
        _ => Some(call(kind, act, done.unwrap_or_default(), depth, failed.unwrap_or(false))?),
    };
    Ok(Trace { transaction, block, call })
}

#[derive(Clone, Copy)]
enum TraceKind {
    Call,
    Create,
    SelfDestruct,
    Reward,
}

fn trace_kind(reader: &mut Reader<'_>) -> Result<TraceKind, DecodeError> {
    let text = reader.string()?;
    match &*text {
        b"call" => Ok(TraceKind::Call),
        b"create" => Ok(TraceKind::Create),
        b"suicide" | b"selfdestruct" => Ok(TraceKind::SelfDestruct),
        b"reward" => Ok(TraceKind::Reward),
        other => Err(DecodeError::bad_value("type", other, "call, create, suicide or reward")),
    }
}

#[derive(Default)]
struct Action {
    kind: Option<CallKind>,
    from: Option<Address>,
    /// Outer none: no such key yet. Inner none: null.
    #[expect(clippy::option_option, reason = "a second key is an error even when the first was null")]
    to: Option<Option<Address>>,
    value: Option<U256>,
    input: Option<Bytes>,
    init: Option<Bytes>,
    destroyed: Option<Address>,
    refund: Option<Address>,
    balance: Option<U256>,
}

fn action(reader: &mut Reader<'_>) -> Result<Action, DecodeError> {
    let mut a = Action::default();
    reader.object(|r, key| match key {
        b"callType" => call_type(r).and_then(|v| once(&mut a.kind, "callType", v)),
        b"from" => address(r, "from").and_then(|v| once(&mut a.from, "from", v)),
        b"to" => address_or_null(r, "to").and_then(|v| once(&mut a.to, "to", v)),
        b"value" => hex_u256(r, "value").and_then(|v| once(&mut a.value, "value", v)),
        b"input" => data(r, "input").and_then(|v| once(&mut a.input, "input", v)),
        b"init" => data(r, "init").and_then(|v| once(&mut a.init, "init", v)),
        b"address" => address(r, "address").and_then(|v| once(&mut a.destroyed, "address", v)),
        b"refundAddress" => address(r, "refundAddress").and_then(|v| once(&mut a.refund, "refundAddress", v)),
        b"balance" => hex_u256(r, "balance").and_then(|v| once(&mut a.balance, "balance", v)),
        _ => r.skip(),
    })?;
    Ok(a)
}

fn call_type(reader: &mut Reader<'_>) -> Result<CallKind, DecodeError> {
    let text = reader.string()?;
    match &*text {
        b"call" => Ok(CallKind::Call),
        b"staticcall" => Ok(CallKind::Static),
        b"delegatecall" => Ok(CallKind::Delegate),
        b"callcode" => Ok(CallKind::Code),
        other => Err(DecodeError::bad_value("callType", other, "call, staticcall, delegatecall or callcode")),
    }
}

#[derive(Default)]
struct Outcome {
    output: Option<Bytes>,
    created: Option<Address>,
}

fn outcome(reader: &mut Reader<'_>) -> Result<Outcome, DecodeError> {
    let mut o = Outcome::default();
    reader.object(|r, key| match key {
        b"output" => data_or_null(r, "output").and_then(|v| once(&mut o.output, "output", v)),
        b"address" => address(r, "address").and_then(|v| once(&mut o.created, "address", v)),
        _ => r.skip(),
    })?;
    Ok(o)
}

fn call(kind: TraceKind, a: Action, done: Outcome, depth: u32, reverted: bool) -> Result<Call, DecodeError> {
    let output = done.output.unwrap_or_default();
    Ok(match kind {
        TraceKind::Call | TraceKind::Reward => {
            let kind = need(a.kind, "callType")?;
            let moves = !matches!(kind, CallKind::Static | CallKind::Delegate);
            let value = if moves { a.value.unwrap_or_default() } else { U256::ZERO };
            let (from, to) = (need(a.from, "from")?, a.to.flatten());
            Call { kind, depth, from, to, value, input: a.input.unwrap_or_default(), output, reverted }
        }
        TraceKind::Create => Call {
            kind: CallKind::Create,
            depth,
            from: need(a.from, "from")?,
            to: done.created,
            value: a.value.unwrap_or_default(),
            input: a.init.unwrap_or_default(),
            output: Bytes::new(),
            reverted,
        },
        TraceKind::SelfDestruct => Call {
            kind: CallKind::SelfDestruct,
            depth,
            from: need(a.destroyed, "address")?,
            to: a.refund,
            value: a.balance.unwrap_or_default(),
            input: Bytes::new(),
            output: Bytes::new(),
            reverted,
        },
    })
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
