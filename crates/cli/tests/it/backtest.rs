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
