//! `quarterdeck backtest` as a person types it: what can be read is judged, what cannot is named and counted.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const ONE: &str = "0x1111111111111111111111111111111111111111";

fn backtest(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quarterdeck")).arg("backtest").args(more).arg(folder).output().unwrap()
}

fn block(number: u64, transactions: &str) -> String {
    let hash = |number: u64| format!("0x{number:064x}");
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"hash":"{}","parentHash":"{}","number":"{number:#x}","timestamp":"{:#x}","miner":"{ONE}",
        "gasUsed":"0x0","gasLimit":"0x0","transactions":[{transactions}]}}}}"#,
        hash(number),
        hash(number - 1),
        1_700_000_000 + number
    )
}

#[test]
fn what_can_be_read_is_judged_and_what_cannot_is_named_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("1.block.json", &block(1, ""));
    write("1.receipts.json", r#"{"jsonrpc":"2.0","id":1,"result":[]}"#);
    write("1.traces.json", r#"{"jsonrpc":"2.0","id":1,"result":[]}"#);
    let whole = backtest(folder.path(), &["--json"]);
    assert!(whole.status.success(), "a recording that is whole, and quiet: {}", String::from_utf8_lossy(&whole.stdout));

    let odd =
        format!(r#"{{"hash":"0x{:064x}","from":"{ONE}","to":"{ONE}","value":"0xzz","nonce":"0x1","input":"0x"}}"#, 77);
    write("2.block.json", &block(2, &odd));
    write("3.block.json", block(3, "").get(..200).unwrap());
    let output = backtest(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["blocks"]["judged"], 2);
    assert_eq!(document["blocks"]["not_whole"][0]["block"], 2);
    let unread = document["blocks"]["not_whole"][0]["unread"][0].as_str().unwrap();
    assert_eq!(unread, "transaction 0: field `value` is `0xzz`: want a hex quantity of at most 256 bits");
    let left_out = document["files"]["left_out"].as_array().unwrap();
    assert!(left_out.len() == 1 && left_out[0]["file"].as_str().unwrap().ends_with("3.block.json"), "{left_out:?}");
    assert_eq!(document["detectors"]["observation_loss"]["loud"], 1);

    let output = backtest(folder.path(), &[]);
    let (told, aside) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("not everything was read: 1 left out, 1 things in 1 blocks; the rest was judged"), "{told}");
    assert!(aside.contains("not read: block 2 of chain 1: transaction 0: field `value`"), "{aside}");
}

/// A contract is called again while it pays: one transaction, known by its trace alone.
fn theft(hash: &str) -> (String, String) {
    let party = |digit: char| format!("0x{}", digit.to_string().repeat(40));
    let (sender, machine, vault) = (party('a'), party('b'), party('c'));
    let call = |from: &str, to: &str, value: &str, input: &str, calls: &str| {
        format!(
            r#"{{"type":"CALL","from":"{from}","to":"{to}","value":"{value}","input":"{input}","calls":[{calls}]}}"#
        )
    };
    let pay = |calls: &str| call(&vault, &machine, "0xde0b6b3a7640000", "0x", calls);
    let ask = |calls: &str| call(&machine, &vault, "0x0", "0x2e1a7d4d", calls);
    let tree = call(&sender, &machine, "0x0", "0x01020304", &ask(&pay(&ask(&pay("")))));
    (format!("{hash}.json"), tree)
}

#[test]
fn what_was_labelled_is_compared_and_the_money_of_a_theft_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let hash = format!("0x{:064x}", 5);
    let (name, tree) = theft(&hash);
    std::fs::write(folder.path().join(name), tree).unwrap();
    let aside = tempfile::tempdir().unwrap();
    let labels = aside.path().join("labels.csv");
    std::fs::write(&labels, format!("hash,label\n{hash},attack\n0x{:064x},ordinary\n", 6)).unwrap();
    let given = ["--labels", labels.to_str().unwrap()];
    let output = backtest(folder.path(), &[&given[..], &["--json", "--all"]].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (document["labels"]["precision"].as_f64(), document["labels"]["recall"].as_f64()),
        (Some(1.0), Some(1.0))
    );
    let verdicts = document["verdicts"].as_array().unwrap();
    let again = verdicts.iter().find(|verdict| verdict["detector"] == "reentrancy").unwrap();
    assert_eq!((again["transaction"].as_str(), again["loudness"].as_str()), (Some(hash.as_str()), Some("warning")));
    assert!(again["score"].as_f64().unwrap() > 0.5);
    let money = document["money"][&hash].as_array().unwrap();
    assert!(
        money.iter().any(|row| row["sender_side"] == true && row["direction"] == "got" && row["amount"] == "2 ETH"),
        "{money:?}"
    );
    let words = String::from_utf8(backtest(folder.path(), &given).stdout).unwrap();
    assert!(words.contains("the sender's side") && words.contains("recall 100.0 %"), "{words}");
    std::fs::write(&labels, format!("{hash},perhaps\n")).unwrap();
    assert_eq!(backtest(folder.path(), &given).status.code(), Some(2));
}

/// Writes what people keep: whole blocks, half ones, a transaction a line, an attack that was played again.
fn documents(folder: &Path) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let hash = |number: u64| format!("0x{number:064x}");
    let call = format!(r#"{{"type":"CALL","from":"{ONE}","to":"{ONE}","value":"0x0","input":"0x"}}"#);
    let receipt = |number: u64| {
        format!(r#"{{"transactionHash":"{}","from":"{ONE}","to":"{ONE}","status":"0x1","logs":[]}}"#, hash(number))
    };
    // The hash, the receiver's field names and the fee of the header are as the source has them, and it has no parent.
    write(
        "ethereum_10.json",
        &format!(
            r#"{{"chainId":"0x1","header":{{"number":"0xa","timestamp":"0x5eb01705","coinbase":"{ONE}","baseFee":"0x0"}},
            "transactions":[{{"from":"{ONE}","to":"{ONE}","nonce":"0x1","value":"0x0"}}],
            "traces":[{{"txHash":"{}","result":{call}}}],"receipts":[{}],"provenance":{{}}}}"#,
            hash(1),
            receipt(1)
        ),
    );
    write(
        "receipts.json",
        &format!(
            r#"{{"chainId":"0x1","header":{{"number":"0xb","hash":"{}"}},"transactions":[],"traces":[],"receipts":[{},{}]}}"#,
            hash(11),
            receipt(2),
            receipt(3)
        ),
    );
    let line = |height: &str, number: u64| {
        format!(
            r#"{{"chain":"base","chainId":"0x2105","timestamp":null,"blockNumber":"{height}","tx":null,"receipt":{}}}"#,
            receipt(number)
        )
    };
    let traced =
        format!(r#"{{"name":"a","chain":"ethereum","blockNumber":12,"txHash":"{}","result":{call}}}"#, hash(7));
    let lines = [line("0x1", 4), line("0x1", 5), line("0x2", 6), traced, "{\"blockNumber\":".to_owned()];
    write("lines.jsonl", &lines.join("\n"));
    let (_, tree) = theft("");
    write(
        "again.json",
        &format!(
            r#"{{"name":"a","kind":"attack","chain":"polygon","forkBlock":3,"attack_txs":["{}"],"trace":{tree},"logs":[]}}"#,
            hash(8)
        ),
    );
}

#[test]
fn documents_lines_and_attacks_played_again_are_judged_and_a_block_that_is_there_twice_once() {
    let folder = tempfile::tempdir().unwrap();
    documents(folder.path());
    let again = folder.path().join("copy");
    std::fs::create_dir(&again).unwrap();
    std::fs::copy(folder.path().join("ethereum_10.json"), again.join("ethereum_10.json")).unwrap();
    std::fs::write(folder.path().join("torn.json.zst"), b"no archive").unwrap();
    let output = backtest(folder.path(), &["--json", "--all"]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let blocks = &document["blocks"];
    assert_eq!((&blocks["judged"], &blocks["repeated"]), (&Value::from(6), &Value::from(1)), "{blocks}");
    assert_eq!(blocks["not_whole"], Value::Array(Vec::new()), "what a source does not have is no loss: {blocks}");
    assert_eq!(document["speed"]["transactions"], 8);
    assert_eq!(
        (&document["lone_traces"]["count"], &document["lone_traces"]["named"]),
        (&Value::from(1), &Value::from(1))
    );
    let named = document["transactions_named"].as_object().unwrap();
    assert_eq!(named.keys().collect::<Vec<_>>(), [&format!("0x{:064x}", 8)]);
    let left_out = document["files"]["left_out"].as_array().unwrap();
    let why = |ending: &str| {
        let found = left_out.iter().find(|one| one["file"].as_str().unwrap().ends_with(ending));
        found.unwrap_or_else(|| panic!("{ending}: {left_out:?}"))["why"].as_str().unwrap()
    };
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(why("lines.jsonl").starts_with("lines that cannot be read: 1, the first is line 5"), "{left_out:?}");
    assert!(why("torn.json.zst").contains("torn.json.zst"), "{left_out:?}");
}
