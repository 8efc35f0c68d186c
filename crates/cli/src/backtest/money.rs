//! Who gave and who got what in the transactions that loud signals name.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck_core::{
    chain::{Block, ChainEvent},
    detector::Knowledge,
};
use quarterdeck_detect::{
    facts::{Evidence, table::Row},
    taking,
};
use serde_json::{Value, json};

use crate::output::table;

/// Rows shown of one transaction in words: the document has all.
const ROWS_SHOWN: usize = 20;

/// The money-flow tables by transaction.
pub(super) fn of(
    blocks: &[Block],
    knowledge: &Knowledge,
    named: &BTreeMap<String, Vec<String>>,
) -> Vec<(String, Vec<Row>)> {
    let mut tables = Vec::new();
    let is_named = |block: &&Block| block.transactions.iter().any(|t| named.contains_key(&t.hash.to_string()));
    for block in blocks.iter().filter(is_named) {
        let event = ChainEvent::Block(Arc::new(block.clone()).into());
        let evidence = Evidence::of(&event, &knowledge.catalogue);
        for case in evidence.cases() {
            let hash = case.transaction.hash.to_string();
            if named.contains_key(&hash) {
                tables.push((hash, case.table()));
            }
        }
    }
    tables
}

pub(super) fn json(tables: &[(String, Vec<Row>)]) -> Value {
    let row = |row: &Row| {
        json!({
            "party": row.party.to_string(),
            "sender_side": row.is_side,
            "asset": row.asset.map(|token| token.to_string()),
            "direction": if row.got { "got" } else { "gave" },
            "raw": row.amount.to_string(),
            "amount": row.text,
            "usd_cents": row.cents.map(|cents| cents.to_string()),
            "price_of_pools": row.estimated,
        })
    };
    tables
        .iter()
        .map(|(hash, rows)| (hash.clone(), Value::from(rows.iter().map(row).collect::<Vec<_>>())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub(super) fn in_words(tables: &[(String, Vec<Row>)]) -> String {
    let cells = |row: &Row| {
        let party = if row.is_side { String::from("the sender's side") } else { row.party.to_string() };
        let about = if row.estimated { "about " } else { "" };
        let worth = row.cents.map_or_else(|| String::from("no known price"), |c| format!("{about}{}", taking::usd(c)));
        vec![party, if row.got { "got" } else { "gave" }.to_owned(), row.text.clone(), worth]
    };
    let one = |(hash, rows): &(String, Vec<Row>)| {
        let shown: Vec<_> = rows.iter().take(ROWS_SHOWN).map(cells).collect();
        let more = rows.len().saturating_sub(ROWS_SHOWN);
        let rest = if more > 0 { format!("\n{more} more rows") } else { String::new() };
        format!("money of {hash}\n{}{rest}", table(&["PARTY", "", "AMOUNT", "WORTH"], &shown))
    };
    tables.iter().map(one).collect::<Vec<_>>().join("\n")
}
