//! Bodies as nodes write them, and bodies as nobody should.

use proptest::prelude::*;
use quarterdeck_core::chain::{B256, Block, CallKind, ChainId};

use super::*;

const HASH_A: &str = "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const HASH_B: &str = "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const HASH_C: &str = "0xcccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
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
    assert_eq!((block.transactions[0].gas_price, block.unread.is_empty()), (Some(9), true));
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
    assert!(
        with(&format!(r#""blockHash":"{HASH_A}""#), &format!(r#""blockHash":"{HASH_B}""#)).starts_with("blockHash of")
    );
    let other_chain = decode_block(body().as_bytes(), Some(56)).unwrap_err().to_string();
    assert_eq!(other_chain, "chainId is `1`: want `56`");
    let text = body();
    let head = text.split_once(r#""transactions":["#).unwrap().0;
    let hashes_only = format!(r#"{head}"transactions":["{HASH_A}"]}}"#);
    let error = decode_block(hashes_only.as_bytes(), Some(1)).unwrap_err().to_string();
    assert!(error.contains("full transactions, not hashes"), "{error}");
}

/// hardhat gives a pending block a hash and no number, ganache the other way round; neither is on the chain.
#[test]
fn a_pending_block_is_no_block() {
    let with =
        |from: String, to: &str| decode_block(body().replacen(&from, to, 1).as_bytes(), None).unwrap_err().to_string();
    let no_number = with(r#""number":"0x10""#.to_owned(), r#""number":null"#);
    assert!(no_number.contains("`number`"), "{no_number}");
    let no_hash = with(format!(r#""hash":"{HASH_A}""#), r#""hash":null"#);
    assert!(no_hash.contains("`hash`"), "{no_hash}");
}

/// The body with one thing in its transaction changed: the block that comes of it.
fn odd(from: &str, to: &str) -> Block {
    assert!(body().contains(from), "{from}");
    decode_block(body().replace(from, to).as_bytes(), Some(1)).unwrap_or_else(|error| panic!("{from} as {to}: {error}"))
}

fn named(block: &Block) -> Vec<String> {
    block.unread.named().iter().map(ToString::to_string).collect()
}

#[test]
fn a_field_that_no_rule_reads_costs_nothing_however_odd() {
    for (field, value) in
        [("gas", "0x5208"), ("gasPrice", "0x9"), ("chainId", "0x1"), ("transactionIndex", "0x0"), ("v", "0x1b")]
    {
        let whole = format!(r#""{field}":"{value}""#);
        for odd_value in
            ["null", "\"\"", "\"0x\"", "\"0x0\"", "0", "\"12\"", "\"0xzz\"", "{}", "[[1]]", "true", "1e400"]
        {
            let block = odd(&whole, &format!(r#""{field}":{odd_value}"#));
            assert_eq!((block.transactions.len(), named(&block)), (1, vec![]), "{field} {odd_value}");
            let block = odd(&whole, &format!(r#"{whole},"{field}":{odd_value}"#));
            assert_eq!((block.transactions.len(), named(&block)), (1, vec![]), "{field} twice, {odd_value}");
        }
        let block = odd(&format!("{whole},"), "");
        assert_eq!((block.transactions.len(), named(&block)), (1, vec![]), "{field} missing");
    }
    let zero = format!(r#""blockHash":"{}""#, B256::ZERO);
    assert_eq!(named(&odd(&format!(r#""blockHash":"{HASH_A}""#), &zero)), [""; 0]);
}

#[test]
fn a_field_that_rules_read_costs_itself_alone() {
    for (whole, odd_value, says) in [
        (r#""value":"0xde0b6b3a7640000""#, r#""value":-1"#, "field `value` is `-1`: want a whole number, not negative"),
        (r#""value":"0xde0b6b3a7640000""#, r#""value":null"#, "field `value` is missing"),
        (r#""nonce":"0x1""#, r#""nonce":"0x1","nonce":"0x2""#, "field `nonce` is given twice"),
        (r#""input":"0x""#, r#""input":"0x0""#, "field `input` is `0x0`: want 0x and an even number of hex digits"),
        (&format!(r#""to":"{TWO}""#), r#""to":"0x22""#, "field `to` is `0x22`: want 0x and 40 hex digits"),
        (&format!(r#""to":"{TWO}","#), "", "field `to` is missing"),
    ] {
        let block = odd(whole, odd_value);
        assert_eq!((block.transactions.len(), named(&block)), (1, vec![format!("transaction 0: {says}")]));
        assert!(!block.transactions[0].is_creation(), "a receiver that is not known makes no creation");
    }
    let creation = odd(&format!(r#""to":"{TWO}""#), r#""to":null"#);
    assert!(creation.transactions[0].is_creation() && creation.unread.is_empty());
}

#[test]
fn a_transaction_without_a_name_or_a_sender_is_left_out_and_the_next_keeps_its_place() {
    let second = format!(r#"{{"hash":"{HASH_A}","from":"{TWO}","to":null,"value":"0x0","nonce":"0x0","input":"0x"}}"#);
    for (whole, odd_value, says) in [
        (
            format!(r#""from":"{ONE}","to""#),
            r#""from":"","to""#.to_owned(),
            "transaction 0: field `from` is ``: want hex digits after 0x",
        ),
        (format!(r#"[{{"hash":"{HASH_B}","#), "[{".to_owned(), "transaction 0: field `hash` is missing"),
        (r#""accessList":[]}]"#.to_owned(), format!(r#""accessList":[]}},7,{second}]"#), "transaction 1: byte"),
    ] {
        let text = body().replace(&whole, &odd_value);
        let text =
            if says.starts_with("transaction 0") { text.replace("}]}", &format!("}},{second}]}}")) } else { text };
        let block = decode_block(text.as_bytes(), Some(1)).unwrap();
        let last = block.transactions.last().unwrap();
        assert_eq!(last.hash.to_string(), HASH_A);
        assert!(last.index > 0 && named(&block)[0].starts_with(says), "{:?}", named(&block));
        assert_eq!(block.unread.count(), 1);
    }
}

#[test]
fn what_contradicts_the_block_in_one_transaction_of_several_is_named() {
    let second = format!(
        r#"{{"hash":"{HASH_A}","from":"{TWO}","to":null,"value":"0x0","nonce":"0x0","input":"0x","chainId":"0x38","blockHash":"{HASH_B}"}}"#
    );
    let block = decode_block(body().replace("}]}", &format!("}},{second}]}}")).as_bytes(), None).unwrap();
    assert_eq!(block.transactions.len(), 2);
    let names = named(&block);
    assert_eq!(names[0], "transaction 1: chainId is `56`: want `1`");
    assert!(names[1].starts_with("transaction 1: blockHash is `0xbbbb") && names.len() == 2, "{names:?}");
}

/// anvil 1.7.1 `--optimism` and `-n tempo`, and what nobody has written yet.
#[test]
fn transactions_of_other_networks() {
    let with = |transaction: &str| {
        let text = body().replace("}]}", &format!("}},{transaction}]}}"));
        decode_block(text.as_bytes(), Some(10)).or_else(|_| decode_block(text.as_bytes(), Some(1))).unwrap()
    };
    let common = format!(r#""hash":"{HASH_A}","from":"{TWO}","nonce":"0x0","gas":"0x5208""#);
    let deposit = with(&format!(
        r#"{{{common},"type":"0x7e","to":"{ONE}","value":"0x5","input":"0x","mint":"0x5","sourceHash":"{HASH_B}","isSystemTx":false}}"#
    ));
    assert_eq!((deposit.transactions[1].gas_price, named(&deposit)), (None, vec![]));
    let call = format!(r#"{{"to":"{ONE}","value":"0x0","input":"0x12345678"}}"#);
    let batch =
        with(&format!(r#"{{{common},"type":"0x76","calls":[{call},{call}],"nonceKey":"0x0","feeToken":null}}"#));
    assert!(batch.transactions[1].lacks_to && !batch.transactions[1].is_creation());
    assert_eq!(named(&batch), ["transaction 1: field `calls` is `2 calls`: want one receiver, value and input"]);
    let unknown = with(&format!(r#"{{{common},"type":"0x99","body":{{"to":["{ONE}"]}}}}"#));
    assert_eq!((unknown.transactions.len(), unknown.unread.count()), (2, 3));

    // The trace says what the block did not.
    let mut judged = unknown;
    let root = format!(r#"{{"from":"{TWO}","to":"{ONE}","type":"CALL","value":"0x5","input":"0x12"}}"#);
    let traces = format!(r#"[{{"txHash":"{HASH_B}","result":{}}},{{"txHash":"{HASH_A}","result":{root}}}]"#, frame(""));
    attach_traces(&mut judged, traces.as_bytes()).unwrap();
    let told = &judged.transactions[1];
    assert_eq!((told.to.map(|to| to.to_string()), told.lacks_to, told.input.len()), (Some(ONE.to_owned()), false, 1));
    assert_eq!((told.value.to::<u64>(), named(&judged)), (5, vec![]));
}

#[test]
fn receipts_of_another_block_or_of_none_are_refused() {
    let mut block = decoded();
    attach_receipts(&mut block, receipts().as_bytes()).unwrap();
    assert_eq!((block.has_receipts, block.transactions[0].status), (true, Some(true)));
    assert_eq!(block.transactions[0].logs[0].topics[0], HASH_A.parse::<B256>().unwrap());

    for (from, to, says) in [
        (format!(r#""blockHash":"{HASH_A}""#), format!(r#""blockHash":"{HASH_B}""#), "blockHash of a receipt"),
        (
            format!(r#""transactionHash":"{HASH_B}""#),
            format!(r#""transactionHash":"{HASH_A}""#),
            "transactionHash of a receipt",
        ),
        (format!(r#""blockHash":"{HASH_A}","#), String::new(), "field `blockHash` is missing"),
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

/// Two transactions, the second with the hash of the block.
fn pair() -> Block {
    let second =
        format!(r#"{{"hash":"{HASH_A}","from":"{TWO}","to":"{ONE}","value":"0x1","nonce":"0x0","input":"0x"}}"#);
    decode_block(body().replace("}]}", &format!("}},{second}]}}")).as_bytes(), Some(1)).unwrap()
}

#[test]
fn a_receipt_that_is_missing_costs_its_transaction_alone_and_can_be_had_later() {
    let mut block = pair();
    attach_receipts(&mut block, receipts().as_bytes()).unwrap();
    assert!(
        block.has_receipts
            && block.has_receipt_of(&block.transactions[0])
            && !block.has_receipt_of(&block.transactions[1])
    );
    assert_eq!(named(&block), [format!("receipt of transaction 1: no receipt of {HASH_A}")]);
    let single =
        receipts().replace(&format!(r#""transactionHash":"{HASH_B}""#), &format!(r#""transactionHash":"{HASH_A}""#));
    let both = format!("[null,{}", single.strip_prefix('[').unwrap());
    attach_receipts(&mut block, both.as_bytes()).unwrap();
    assert!(block.has_receipt_of(&block.transactions[1]) && block.transactions[1].logs.len() == 1);
    assert_eq!(block.unread.count(), 1, "the null among them: {:?}", named(&block));
    attach_receipts(&mut block, single.as_bytes()).unwrap();
    assert_eq!(named(&block), [""; 0]);
}

#[test]
fn what_is_odd_in_a_receipt_costs_itself_alone() {
    let with = |from: &str, to: &str| {
        let mut block = decoded();
        assert!(receipts().contains(from), "{from}");
        attach_receipts(&mut block, receipts().replace(from, to).as_bytes()).unwrap();
        block
    };
    // sei-chain counts the place otherwise; anvil writes numbers and fields of its own, and a contract of a creation that failed.
    for (from, to) in [
        (r#""transactionIndex":"0x0""#, r#""transactionIndex":"0x1a""#),
        (r#""status":"0x1""#, r#""status":"0x1","blockTimestamp":1764262000,"blobGasPrice":"0x1","type":"0x0""#),
        (r#""status":"0x1""#, r#""status":1,"status":"0x1""#),
        (r#""removed":false"#, r#""removed":null"#),
    ] {
        let block = with(from, to);
        assert_eq!(
            (block.transactions[0].logs.len(), block.transactions[0].status, named(&block)),
            (1, Some(true), vec![]),
            "{to}"
        );
    }
    let failed = with(r#""status":"0x1""#, &format!(r#""status":"0x0","contractAddress":"{ONE}""#));
    assert_eq!((failed.transactions[0].status, named(&failed)), (Some(false), vec![]));
    let odd_status = with(r#""status":"0x1""#, r#""status":"0x2""#);
    assert_eq!(odd_status.transactions[0].logs.len(), 1);
    assert_eq!(named(&odd_status), ["receipt of transaction 0: field `status` is `2`: want 0x0 or 0x1"]);
    let odd_log = with(r#""data":"0x01""#, r#""data":"0x0""#);
    assert_eq!((odd_log.transactions[0].logs.len(), odd_log.transactions[0].status), (0, Some(true)));
    assert!(named(&odd_log)[0].starts_with("log of transaction 0: field `data` is `0x0`"), "{:?}", named(&odd_log));
    let extra = with("]}]", &format!(r#"]}},{{"transactionHash":"{HASH_A}","blockHash":"{HASH_A}","logs":[]}}]"#));
    assert!(
        extra.transactions[0].logs.len() == 1 && named(&extra)[0].starts_with("receipt: transactionHash is `0xaaaa")
    );
}

#[test]
fn a_trace_that_is_missing_or_odd_costs_its_transaction_alone() {
    let child = format!(r#"{{"from":"{TWO}","to":"{ONE}","type":"CALL","value":"0x7","input":"0x"}}"#);
    let second = |result: &str| format!(r#"[{{"txHash":"{HASH_B}","result":{}}},{result}]"#, frame(""));
    let traced = |second: String| {
        let mut block = pair();
        attach_traces(&mut block, second.as_bytes()).unwrap();
        assert!(block.has_traces && block.transactions[0].calls.len() == 1);
        block
    };
    for (result, says) in [
        (
            format!(r#"{{"txHash":"{HASH_A}","error":"execution timeout"}}"#),
            "trace of transaction 1: field `error` is `execution timeout`",
        ),
        (format!(r#"{{"txHash":"{HASH_A}","result":null}}"#), "trace of transaction 1: field `result` is missing"),
        (
            format!(r#"{{"txHash":"{HASH_A}","result":{{"gas":1,"structLogs":[]}}}}"#),
            "trace of transaction 1: field `type` is missing",
        ),
        (format!(r#"{{"txHash":"{HASH_A}","result":"0x"}}"#), "trace of transaction 1: byte"),
    ] {
        let block = traced(second(&result));
        assert!(block.transactions[1].calls.is_empty() && named(&block)[0].starts_with(says), "{:?}", named(&block));
    }
    // op-geth writes STOP for a deposit that failed before it ran, Arbitrum INVALID; the calls below are judged.
    let odd_frame = format!(r#"{{"from":"{ONE}","gas":"0x0","input":"0x","type":"STOP","calls":[{child}]}}"#);
    let block = traced(second(&format!(r#"{{"txHash":"{HASH_A}","result":{odd_frame}}}"#)));
    let kinds: Vec<_> = block.transactions[1].calls.iter().map(|call| (call.kind, call.value.to::<u64>())).collect();
    assert_eq!(kinds, [(CallKind::Other, 0), (CallKind::Call, 7)]);
    assert!(named(&block)[0].starts_with("call of transaction 1: field `type` is `STOP`"), "{:?}", named(&block));
}

#[test]
fn traces_of_another_block_or_of_none_are_refused() {
    let no_frames = format!(r#"[{{"txHash":"{HASH_B}","result":{{"structLogs":[]}}}}]"#);
    assert_eq!(attach_traces(&mut decoded(), no_frames.as_bytes()), Err(DecodeError::Missing { field: "type" }));
    let other = format!(
        r#"[{{"action":{{"callType":"call","from":"{ONE}","to":"{TWO}","value":"0x1","input":"0x"}},"result":null,
        "traceAddress":[],"transactionHash":"{HASH_B}","blockHash":"{HASH_B}","type":"call"}}]"#
    );
    let error = attach_traces(&mut decoded(), other.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("blockHash of a trace is `0xbbbb"), "{error}");
    let stranger = format!(r#"[{{"txHash":"{HASH_A}","result":{}}}]"#, frame(""));
    assert!(
        attach_traces(&mut decoded(), stranger.as_bytes()).unwrap_err().to_string().starts_with("traced transaction")
    );
}

/// After EIP-6780 anvil and hardhat show a contract that destroys itself in favour of itself as destroyed by nobody.
#[test]
fn nothing_moves_from_the_zero_address_and_nothing_where_a_creation_failed() {
    let zero = "0x0000000000000000000000000000000000000000";
    let calls = format!(
        r#"{{"from":"{ONE}","to":"{TWO}","type":"CALL","input":"0x","calls":[{{"from":"{zero}","gas":"0x0","input":"0x","type":"SELFDESTRUCT","value":"0x9"}},
        {{"from":"{TWO}","input":"0x60","type":"CREATE","value":"0x3","error":"execution reverted"}},
        {{"from":"{TWO}","to":"{ONE}","type":"Call","input":"","value":"0x2","error":""}}]}}"#
    );
    let traced = decode_call_trace(calls.as_bytes()).unwrap();
    assert!(traced.unread.is_empty(), "{:?}", traced.unread);
    let seen: Vec<_> =
        traced.calls.iter().map(|call| (call.kind, call.value.to::<u64>(), call.to.is_some(), call.reverted)).collect();
    assert_eq!(
        seen[1..],
        [
            (CallKind::SelfDestruct, 0, false, false),
            (CallKind::Create, 3, false, true),
            (CallKind::Call, 2, true, false)
        ]
    );
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
    let calls = decode_call_trace(nested(CALL_DEPTH_MAX).as_bytes()).unwrap().calls;
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
    recording.add("empty.json", br#"{"jsonrpc":"2.0","id":1,"result":[]}"#).unwrap();
    let Finished { blocks, left_out, .. } = recording.finish();
    assert_eq!(left_out, []);
    assert_eq!((blocks.len(), blocks[0].has_receipts, blocks[0].has_traces), (1, true, true));
    let mut stray = Recording::new(None);
    stray.add("receipts.json", receipts().as_bytes()).unwrap();
    stray.add("block.json", body().replace(HASH_A, HASH_C).as_bytes()).unwrap();
    let Finished { blocks, left_out, .. } = stray.finish();
    assert_eq!(
        (blocks.len(), left_out.len(), left_out[0].0.as_str()),
        (1, 1, "receipts.json"),
        "the block is used all the same"
    );
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
        format!(
            r#"{{"chainId":"0x1","header":{{"number":"0x1","coinbase":"{ONE}"}},"transactions":[{{"from":"{ONE}","to":"{TWO}"}}],
            "traces":[{{"txHash":"{HASH_B}","result":{call}}}],"receipts":{}}}"#,
            receipts()
        ),
        format!(
            "{{\"chain\":\"eth\",\"blockNumber\":1,\"txHash\":\"{HASH_A}\",\"result\":{call}}}\n{{\"chain\":\"eth\",\"blockNumber\":1,\"receipt\":{{\"transactionHash\":\"{HASH_B}\",\"from\":\"{ONE}\",\"to\":null,\"logs\":[]}}}}"
        ),
        format!(r#"{{"name":"a","chain":"bsc","attack_txs":["{HASH_A}"],"trace":{call},"logs":[]}}"#),
    ]
}

/// Recorded documents: what the block does not say, its receipts and traces do.
#[test]
fn a_document_is_a_block_with_what_its_source_had() {
    let bodies = bodies();
    let read = |which: usize| sniff("x.json", bodies[which].as_bytes(), None);
    let Ok(Recorded::Block(block)) = read(7) else { panic!("{:?}", read(7)) };
    assert!(block.unread.is_empty() && block.has_traces && block.has_receipts, "{:?}", block.unread);
    let transaction = &block.transactions[0];
    assert_eq!((transaction.hash.to_string(), transaction.status), (HASH_B.to_owned(), Some(true)));
    assert_eq!(transaction.value, transaction.calls[0].value, "of the trace, where the block does not say");
    let Ok(Recorded::Lines(lines)) = read(8) else { panic!("{:?}", read(8)) };
    let hashes: Vec<_> = lines.blocks.iter().map(|block| block.transactions.len()).collect();
    assert_eq!((hashes, lines.unread), (vec![2], None), "two lines of one block are one block");
    let Ok(Recorded::Trace(again)) = read(9) else { panic!("{:?}", read(9)) };
    assert_eq!((again.chain, again.transactions[0].hash.to_string()), (ChainId::evm(56), HASH_A.to_owned()));
    assert!(again.has_receipts);
}

/// A field that is there and cannot be read is told, as in a node's answer.
#[test]
fn an_odd_field_of_a_document_is_noted() {
    let text = bodies()[7].replace(r#""from":"0x1111"#, r#""value":"0xzz","from":"0x1111"#);
    let Ok(Recorded::Block(block)) = sniff("x.json", text.as_bytes(), None) else { panic!("{text}") };
    assert!(!block.unread.is_empty());
    let unnamed = bodies()[7].replace(r#""number":"0x1","#, "");
    assert_eq!(sniff("x.json", unnamed.as_bytes(), None), Err(DecodeError::Missing { field: "number" }));
}

/// A block with a hash of its own, and a recording of it without one, are one block; two real ones of one height are two.
#[test]
fn a_block_recorded_twice_is_used_once() {
    let document = bodies()[7].clone();
    let named = |hash: &str| document.replace(r#""number":"0x1""#, &format!(r#""number":"0x1","hash":"{hash}""#));
    let named =
        |hash: &str| named(hash).replace(&format!(r#""blockHash":"{HASH_A}""#), &format!(r#""blockHash":"{hash}""#));
    let mut recording = Recording::new(None);
    for text in [document.clone(), named(HASH_A), named(HASH_C), document.clone()] {
        recording.add("x.json", text.as_bytes()).unwrap();
    }
    let done = recording.finish();
    let hashes: Vec<String> = done.blocks.iter().map(|block| block.hash.to_string()).collect();
    assert_eq!((hashes.len(), done.repeated), (2, 2), "{hashes:?}");
    assert!(hashes.contains(&HASH_A.to_owned()) && hashes.contains(&HASH_C.to_owned()), "{hashes:?}");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        try_all(&bytes);
    }

    #[test]
    fn no_damaged_body_panics(which in 0..10_usize, cut in any::<prop::sample::Index>(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
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
