//! Bodies as nodes write them, and bodies as nobody should.

use proptest::prelude::*;
use quarterdeck_core::chain::{B256, Block, CallKind, ChainId};

use super::*;

const HASH_A: &str = "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const HASH_B: &str = "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const ONE: &str = "0x1111111111111111111111111111111111111111";
const TWO: &str = "0x2222222222222222222222222222222222222222";

fn body() -> String {
    format!(
        r#"{{"hash":"{HASH_A}","parentHash":"{HASH_B}","number":"0x10","timestamp":"0x60000000","miner":"{ONE}","gasUsed":"0x5208",
        "gasLimit":"0x1c9c380","baseFeePerGas":"0x7","extraData":"0x","uncles":[],"transactions":[{{"hash":"{HASH_B}",
        "from":"{ONE}","to":"{TWO}","value":"0xde0b6b3a7640000","nonce":"0x1","input":"0x","gas":"0x5208","gasPrice":"0x9",
        "chainId":"0x1","blockHash":"{HASH_A}","transactionIndex":"0x0","v":"0x1b","r":"0x1","s":"0x2","accessList":[]}}]}}"#
    )
}

fn receipts() -> String {
    format!(
        r#"[{{"transactionHash":"{HASH_B}","blockHash":"{HASH_A}","transactionIndex":"0x0","status":"0x1","logs":[
        {{"address":"{TWO}","topics":["{HASH_A}"],"data":"0x01","removed":false,"logIndex":"0x0"}}]}}]"#
    )
}

fn frame(inner: &str) -> String {
    format!(r#"{{"from":"{ONE}","to":"{TWO}","type":"CALL","value":"0x1","input":"0x","output":"0x"{inner}}}"#)
}

fn decoded() -> Block {
    decode_block(body().as_bytes(), None).unwrap()
}

#[test]
fn a_block_bare_and_in_its_envelope() {
    let block = decoded();
    assert_eq!((block.chain, block.number, block.gas_used, block.base_fee), (ChainId::evm(1), 16, 21_000, Some(7)));
    assert_eq!(block.transactions[0].gas_price, 9);
    let enveloped = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}}}"#, body());
    assert_eq!(decode_block(enveloped.as_bytes(), Some(1)), Ok(block));
}

#[test]
fn a_node_that_has_nothing_or_fails_says_so() {
    let null = br#"{"jsonrpc":"2.0","id":1,"result":null}"#;
    assert_eq!(decode_block(null, None), Err(DecodeError::NullBlock));
    let error = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"header not found"}}"#;
    assert_eq!(decode_block(error, None), Err(DecodeError::Rpc { code: -32000, message: "header not found".into() }));
    assert_eq!(decode_block(b"{}", None), Err(DecodeError::Missing { field: "number" }));
    assert_eq!(
        decode_block(b"<html>", None).unwrap_err().to_string(),
        "byte 0 of the body is `<html>`: want an object"
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    let with = |from: &str, to: &str| decode_block(body().replace(from, to).as_bytes(), None).unwrap_err().to_string();
    assert_eq!(with(r#""number":"0x10""#, r#""number":"0x10","number":"0x11""#), "field `number` is given twice");
    assert_eq!(with(r#""transactionIndex":"0x0""#, r#""transactionIndex":"0x1""#), "transactionIndex is `1`: want `0`");
    assert!(
        with(&format!(r#""blockHash":"{HASH_A}""#), &format!(r#""blockHash":"{HASH_B}""#)).starts_with("blockHash of")
    );
    assert_eq!(
        with(r#""value":"0xde0b6b3a7640000""#, r#""value":-1"#),
        "byte 567 of the body is `-1,\"nonce\":\"0x1\",\"input\"`: want a string"
    );
    let other_chain = decode_block(body().as_bytes(), Some(56)).unwrap_err().to_string();
    assert_eq!(other_chain, "chainId is `1`: want `56`");
    let hashes_only = body().replace(r#""transactions":[{"#, &format!(r#""transactions":["{HASH_A}",{{"#));
    assert!(
        decode_block(hashes_only.as_bytes(), None).unwrap_err().to_string().contains("full transactions, not hashes")
    );
}

#[test]
fn receipts_are_attached_whole_or_not_at_all() {
    let mut block = decoded();
    attach_receipts(&mut block, receipts().as_bytes()).unwrap();
    assert_eq!((block.has_receipts, block.transactions[0].status), (true, Some(true)));
    assert_eq!(block.transactions[0].logs[0].topics[0], HASH_A.parse::<B256>().unwrap());

    for (from, to, says) in [
        (format!(r#""blockHash":"{HASH_A}""#), format!(r#""blockHash":"{HASH_B}""#), "blockHash of a receipt"),
        (r#""transactionIndex":"0x0""#.into(), r#""transactionIndex":"0x3""#.into(), "transactionHash of a receipt"),
        (r#""status":"0x1""#.into(), r#""status":"0x2""#.into(), "field `status`"),
        (r#""removed":false"#.into(), r#""removed":true"#.into(), "field `removed`"),
    ] {
        let mut block = decoded();
        let error = attach_receipts(&mut block, receipts().replace(&from, &to).as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
        assert_eq!(block, decoded());
    }
    let error = attach_receipts(&mut decoded(), b"[]").unwrap_err().to_string();
    assert_eq!(error, "number of receipts is `0`: want `1`");
}

#[test]
fn both_trace_forms_give_the_same_calls() {
    let child = format!(r#"{{"from":"{TWO}","to":"{ONE}","type":"STATICCALL","input":"0x01","output":"0x02"}}"#);
    let failed = format!(
        r#"{{"from":"{TWO}","to":"{ONE}","type":"CALL","value":"0x2","input":"0x","error":"out of gas","calls":[{child}]}}"#
    );
    let tree = format!(r#"[{{"txHash":"{HASH_B}","result":{}}}]"#, frame(&format!(r#","calls":[{child},{failed}]"#)));
    let flat = |kind: &str, from: &str, to: &str, value: &str, input: &str, result: &str, place: &str| {
        format!(
            r#"{{"action":{{"callType":"{kind}","from":"{from}","to":"{to}","value":"{value}","input":"{input}","gas":"0x1"}},
            "result":{result},"error":{},"traceAddress":{place},"transactionHash":"{HASH_B}","blockHash":"{HASH_A}","type":"call"}}"#,
            if result == "null" { r#""out of gas""# } else { "null" }
        )
    };
    let flat = [
        flat("call", ONE, TWO, "0x1", "0x", r#"{"output":"0x"}"#, "[]"),
        flat("staticcall", TWO, ONE, "0x0", "0x01", r#"{"output":"0x02"}"#, "[0]"),
        flat("call", TWO, ONE, "0x2", "0x", "null", "[1]"),
        flat("staticcall", TWO, ONE, "0x0", "0x01", r#"{"output":"0x02"}"#, "[1,0]"),
        format!(
            r#"{{"action":{{"author":"{ONE}","rewardType":"block","value":"0x1"}},"result":null,"traceAddress":[],"transactionHash":null,"blockHash":"{HASH_A}","type":"reward"}}"#
        ),
    ];
    let (mut one, mut other) = (decoded(), decoded());
    attach_traces(&mut one, tree.as_bytes()).unwrap();
    attach_traces(&mut other, format!("[{}]", flat.join(",")).as_bytes()).unwrap();
    assert_eq!(one, other);
    let seen: Vec<_> = one.transactions[0].calls.iter().map(|c| (c.depth, c.kind, c.reverted)).collect();
    assert_eq!(
        seen,
        [
            (0, CallKind::Call, false),
            (1, CallKind::Static, false),
            (1, CallKind::Call, true),
            (2, CallKind::Static, true)
        ]
    );
    assert_eq!(
        attach_traces(&mut one, b"[]").unwrap_err().to_string(),
        "number of traced transactions is `0`: want `1`"
    );
}

fn nested(depth: usize) -> String {
    let open = format!(r#"{{"from":"{ONE}","to":"{TWO}","type":"CALL","input":"0x","calls":["#);
    format!("{}{}", open.repeat(depth), "]}".repeat(depth))
}

#[test]
fn a_call_tree_as_deep_as_the_machine_allows() {
    let calls = decode_call_trace(nested(CALL_DEPTH_MAX).as_bytes()).unwrap();
    assert_eq!((calls.len(), calls.last().map(|c| c.depth)), (1_025, Some(1_024)));
    assert!(matches!(sniff("x", nested(1_000).as_bytes(), None), Ok(Recorded::Trace(_))));
}

#[test]
fn a_deeper_tree_is_an_error_and_not_a_crash() {
    let too_deep = Err(DecodeError::TooDeep { what: "a call tree", max: CALL_DEPTH_MAX });
    assert_eq!(decode_call_trace(nested(CALL_DEPTH_MAX + 1).as_bytes()), too_deep);
    assert_eq!(decode_call_trace(nested(100_000).as_bytes()), too_deep);
    assert!(decode_call_trace(r#"{"calls":["#.repeat(100_000).as_bytes()).is_err());
    assert!(decode_call_trace(r#"{"x":["#.repeat(100_000).as_bytes()).is_err());
    assert!(sniff("x", r#"{"calls":["#.repeat(100_000).as_bytes(), None).is_err());
    assert!(decode_block("[".repeat(100_000).as_bytes(), None).is_err());
}

#[test]
fn a_lone_trace_is_named_by_its_file() {
    let Ok(Recorded::Trace(block)) = sniff(&format!("a/{HASH_A}.json"), frame("").as_bytes(), Some(5)) else {
        panic!()
    };
    assert_eq!((block.transactions[0].hash.to_string(), block.chain), (HASH_A.to_owned(), ChainId::evm(5)));
    let Ok(Recorded::Trace(unnamed)) = sniff("trace.json", frame("").as_bytes(), None) else { panic!() };
    assert_eq!(unnamed.transactions[0].hash, unnamed.hash);
    assert!(matches!(sniff("x", b"{\"a\":1}", None), Err(DecodeError::Unrecognised { .. })));
}

#[test]
fn a_folder_of_separate_bodies_makes_one_block() {
    let mut recording = Recording::new(Some(1));
    recording.add("receipts.json", receipts().as_bytes()).unwrap();
    recording.add("traces.json", format!(r#"[{{"txHash":"{HASH_B}","result":{}}}]"#, frame("")).as_bytes()).unwrap();
    recording.add("block.json", body().as_bytes()).unwrap();
    let blocks = recording.finish().unwrap();
    assert_eq!((blocks.len(), blocks[0].has_receipts, blocks[0].has_traces), (1, true, true));
    let mut stray = Recording::new(None);
    stray.add("receipts.json", receipts().as_bytes()).unwrap();
    assert!(stray.finish().is_err());
}

/// Every entry, whatever the bytes: an answer or an error.
fn try_all(bytes: &[u8]) {
    drop(decode_block(bytes, Some(1)));
    drop(decode_call_trace(bytes));
    drop(attach_receipts(&mut decoded(), bytes));
    drop(attach_traces(&mut decoded(), bytes));
    drop(sniff("a_b", bytes, None));
    let mut recording = Recording::new(None);
    if recording.add("x", bytes).is_ok() {
        drop(recording.finish());
    }
}

fn bodies() -> Vec<String> {
    let call = frame(&format!(r#","calls":[{},{}]"#, frame(r#","error":"e""#), frame("")));
    let flat = format!(
        r#"{{"action":{{"callType":"call","from":"{ONE}","to":"{TWO}","value":"0x1","input":"0x"}},"result":{{"output":"0x"}},
        "trace_address":[],"transaction_hash":"{HASH_B}","block_hash":"{HASH_A}","type":"call"}}"#
    );
    let mev = format!(
        r#"{{"block_number":1,"miner":"{ONE}","base_fee_per_gas":0,"traces":[{flat}],"receipts":[{{"transaction_hash":"{HASH_B}",
        "transaction_index":0,"gas_used":1,"effective_gas_price":1}}]}}"#
    );
    let rows = format!(
        "{{\"type\":\"transaction\",\"hash\":\"{HASH_A}\",\"block_hash\":\"{HASH_B}\",\"transaction_index\":0,\"from_address\":\"{ONE}\",\"to_address\":null,\"value\":1,\"nonce\":1,\"input\":\"0x\",\"gas\":1,\"gas_price\":1}}\n"
    );
    vec![
        body(),
        receipts(),
        call.clone(),
        format!(r#"[{{"txHash":"{HASH_B}","result":{call}}}]"#),
        format!("[{flat}]"),
        mev,
        rows,
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        try_all(&bytes);
    }

    #[test]
    fn no_damaged_body_panics(which in 0..7_usize, cut in any::<prop::sample::Index>(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let mut bytes = bodies()[which].clone().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        try_all(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        try_all(&bytes);
    }
}
