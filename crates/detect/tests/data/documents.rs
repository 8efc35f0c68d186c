//! Reads the recorded sets that are no node's own answers: one document a block, one line a transaction, a tree with its logs.
//! Each becomes what a node would have said and goes through the decoders of the program. Used by tests and examples.

#![expect(clippy::print_stderr, reason = "support of tests and examples: what cannot be read is said")]

use quarterdeck_core::chain::Block;
use quarterdeck_formats::evm::{attach_receipts, attach_traces, decode_block, decode_call_trace};
use serde_json::{Map, Value, json};

use super::data::unpack;

/// Blocks of a set of documents, lowest first; none where it is not here.
pub(crate) fn blocks(archive: &str) -> Vec<Block> {
    let files = unpack(archive).unwrap_or_default();
    let mut blocks: Vec<Block> = files.iter().filter_map(|(name, bytes)| told(name, document(bytes))).collect();
    blocks.sort_by_key(|block| (block.chain, block.number));
    blocks
}

/// Transactions with their receipts, one a line, each a block of its own.
pub(crate) fn lines(archive: &str) -> Vec<Block> {
    let files = unpack(archive).unwrap_or_default();
    let lines = files.iter().flat_map(|(_, bytes)| bytes.split(|byte| *byte == b'\n'));
    lines.filter(|line| !line.is_empty()).filter_map(|line| told(archive, line_block(line))).collect()
}

/// Attacks that were played again: name, whether it was an attack, and the block.
pub(crate) fn reproductions(archive: &str) -> Vec<(String, bool, Block)> {
    let files = unpack(archive).unwrap_or_default();
    files
        .iter()
        .filter_map(|(name, bytes)| {
            let value: Value = serde_json::from_slice(bytes).ok()?;
            let attack = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("attack"));
            Some((text(&value, "name"), attack, told(name, reproduction(&value))?))
        })
        .collect()
}

fn told(name: &str, block: Result<Block, String>) -> Option<Block> {
    block.map_err(|why| eprintln!("{name}: {why}")).ok()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn zero(digits: usize) -> Value {
    Value::from(format!("0x{}", "0".repeat(digits)))
}

/// What every decoder wants and some sources lack.
fn filled(fields: &Value, wanted: &[(&str, Value)]) -> Value {
    let mut object = fields.as_object().cloned().unwrap_or_default();
    for (key, default) in wanted {
        if object.get(*key).is_none_or(Value::is_null) {
            object.insert((*key).to_owned(), default.clone());
        }
    }
    Value::Object(object)
}

fn block_of(header: &Value, chain: Option<u64>, transactions: &[Value]) -> Result<Block, String> {
    let number = header.get("number").or(header.get("blockNumber")).cloned().unwrap_or_else(|| zero(1));
    let digits = number.as_str().unwrap_or_default().trim_start_matches("0x").to_owned();
    let hash = Value::from(format!("0x{digits:0>64}"));
    let fields = [("parentHash", 64), ("timestamp", 1), ("miner", 40), ("gasUsed", 1), ("gasLimit", 1)];
    let mut wanted = fields.map(|(key, digits)| (key, zero(digits))).to_vec();
    wanted.extend([("number", number), ("hash", hash)]);
    let mut header = filled(header, &wanted);
    let wanted =
        [("nonce", zero(1)), ("value", zero(1)), ("gas", zero(1)), ("gasPrice", zero(1)), ("input", Value::from("0x"))];
    let transactions: Vec<Value> = transactions.iter().map(|transaction| filled(transaction, &wanted)).collect();
    if let Some(header) = header.as_object_mut() {
        header.insert("transactions".to_owned(), Value::from(transactions));
    }
    decode_block(header.to_string().as_bytes(), chain).map_err(|error| error.to_string())
}

/// Receipts with the block that they are of, which most sources leave out.
fn receipts_of(block: &mut Block, receipts: &[Value]) -> Result<(), String> {
    let (hash, number) = (Value::from(block.hash.to_string()), Value::from(format!("0x{:x}", block.number)));
    let complete = |receipt: &Value| {
        let mut receipt = filled(receipt, &[("blockHash", hash.clone()), ("blockNumber", number.clone())]);
        if let Some(receipt) = receipt.as_object_mut() {
            receipt.insert("blockHash".to_owned(), hash.clone());
        }
        receipt
    };
    let all: Vec<Value> = receipts.iter().map(complete).collect();
    attach_receipts(block, Value::from(all).to_string().as_bytes()).map_err(|error| error.to_string())
}

fn document(bytes: &[u8]) -> Result<Block, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let list = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let chain = value.get("chainId").and_then(number);
    let header = value.get("header").cloned().unwrap_or_default();
    let (receipts, traces, mut transactions) = (list("receipts"), list("traces"), list("transactions"));
    if transactions.is_empty() {
        // Only the receipts are known: they name hash, sender and receiver.
        let named = |receipt: &Value| json!({ "hash": receipt.get("transactionHash"), "from": receipt.get("from"), "to": receipt.get("to") });
        transactions = receipts.iter().map(named).collect();
    }
    let mut block = block_of(&header, chain, &transactions)?;
    if !receipts.is_empty() {
        receipts_of(&mut block, &receipts)?;
    }
    if !traces.is_empty() {
        attach_traces(&mut block, Value::from(traces).to_string().as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok(block)
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| u64::from_str_radix(value.as_str()?.trim_start_matches("0x"), 16).ok())
}

fn line_block(line: &[u8]) -> Result<Block, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if let Some(tree) = value.get("result") {
        return lone(&text(&value, "txHash"), &value, tree);
    }
    let receipt = value.get("receipt").cloned().unwrap_or_default();
    let known = value.get("tx").filter(|tx| !tx.is_null()).cloned().unwrap_or(Value::Object(Map::new()));
    let from_receipt = |key: &str| receipt.get(key).cloned().unwrap_or_default();
    let transaction = filled(
        &known,
        &[("hash", from_receipt("transactionHash")), ("from", from_receipt("from")), ("to", from_receipt("to"))],
    );
    let header = json!({ "number": value.get("blockNumber"), "timestamp": value.get("timestamp") });
    let mut block = block_of(&header, value.get("chainId").and_then(number), &[transaction])?;
    receipts_of(&mut block, &[receipt])?;
    Ok(block)
}

fn lone(hash: &str, header: &Value, tree: &Value) -> Result<Block, String> {
    let digits = header.get("blockNumber").and_then(number).unwrap_or_default();
    let field = |key: &str| tree.get(key).cloned().unwrap_or_default();
    let transaction = json!({ "hash": hash, "from": field("from"), "to": field("to"), "value": field("value"), "input": field("input") });
    let mut block = block_of(&json!({ "number": format!("0x{digits:x}") }), Some(1), &[transaction])?;
    let traced = decode_call_trace(tree.to_string().as_bytes()).map_err(|error| error.to_string())?;
    block.has_traces = true;
    if let Some(transaction) = block.transactions.first_mut() {
        transaction.calls = traced.calls;
    }
    Ok(block)
}

fn reproduction(value: &Value) -> Result<Block, String> {
    let chain = match text(value, "chain").as_str() {
        "bsc" => 56,
        "polygon" => 137,
        "arbitrum" => 42_161,
        "gnosis" => 100,
        _ => 1,
    };
    let tree = value.get("trace").cloned().unwrap_or_default();
    let hash = value.get("attack_txs").and_then(|all| all.get(0)).cloned().unwrap_or_else(|| zero(64));
    let field = |key: &str| tree.get(key).cloned().unwrap_or_default();
    let transaction = json!({ "hash": hash, "from": field("from"), "to": field("to"), "input": field("input") });
    let height = value.get("forkBlock").and_then(Value::as_u64).unwrap_or_default();
    let mut block = block_of(&json!({ "number": format!("0x{height:x}") }), Some(chain), &[transaction])?;
    receipts_of(&mut block, &[json!({ "transactionHash": hash, "status": "0x1", "logs": value.get("logs") })])?;
    let traced = decode_call_trace(tree.to_string().as_bytes()).map_err(|error| error.to_string())?;
    block.has_traces = true;
    if let Some(transaction) = block.transactions.first_mut() {
        transaction.calls = traced.calls;
    }
    Ok(block)
}
