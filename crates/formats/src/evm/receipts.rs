//! `eth_getBlockReceipts`: what each transaction did.

use std::collections::{BTreeMap, btree_map::Entry};

use alloy_primitives::B256;
use quarterdeck_core::{
    chain::{Block, Log, Part, Transaction, Unread, UnreadParts},
    limits::UNREAD_PARTS_MAX,
};

use super::{
    DecodeError, LOGS_PER_BLOCK_MAX, TRANSACTIONS_PER_BLOCK_MAX,
    envelope::answer,
    json::{Next, Reader},
    value::{Slot, address, data, hash, hex_u64, noted},
};

/// A log has at most four topics (LOG4).
pub(super) const TOPICS_MAX: usize = 4;

/// Attaches the receipts of `block`, an array bare or in the JSON-RPC envelope. Matched by transaction hash: the place that a
/// receipt names is counted otherwise on some networks, and is not read.
///
/// A transaction without a receipt, and a receipt or log that cannot be read, costs only itself: the transaction is marked
/// (`lacks_receipt`) and it is noted in the block's `unread`. Asked for one by one, what was missing can be attached afterwards.
/// An error, with nothing attached, is an answer of which no receipt fits: it is about another block, or is none.
pub fn attach_receipts(block: &mut Block, bytes: &[u8]) -> Result<(), DecodeError> {
    join_receipts(block, answer(bytes, receipts)?)
}

/// The same with receipts that were read.
pub(super) fn join_receipts(block: &mut Block, receipts: Vec<Result<Receipt, DecodeError>>) -> Result<(), DecodeError> {
    if receipts.is_empty() && !block.transactions.is_empty() {
        return Err(DecodeError::mismatch("number of receipts", 0, block.transactions.len()));
    }
    let (mut found, mut stray) = (BTreeMap::new(), Vec::new());
    for receipt in receipts {
        match receipt.and_then(|receipt| of_block(receipt, block)) {
            Ok(receipt) => match found.entry(receipt.hash) {
                Entry::Vacant(free) => drop(free.insert(receipt)),
                Entry::Occupied(first) if *first.get() == receipt => {}
                Entry::Occupied(_) => {
                    stray.push(DecodeError::mismatch("transactionHash of a receipt", receipt.hash, "each once"));
                }
            },
            Err(why) => stray.push(why),
        }
    }
    let fits = block.transactions.iter().any(|transaction| found.contains_key(&transaction.hash));
    if !fits && !block.transactions.is_empty() {
        let other = found
            .keys()
            .next()
            .map(|hash| DecodeError::mismatch("transactionHash of a receipt", hash, "one of the block"));
        return Err(stray.into_iter().next().or(other).unwrap_or(DecodeError::Missing { field: "transactionHash" }));
    }
    let again = std::mem::replace(&mut block.has_receipts, true);
    for transaction in &mut block.transactions {
        let was_lacking = transaction.lacks_receipt || !again;
        match found.remove(&transaction.hash) {
            Some(receipt) if was_lacking => put(transaction, receipt, &mut block.unread),
            None if was_lacking => lack(transaction, &mut block.unread),
            Some(_) | None => {}
        }
    }
    block.unread.forget(|one| one.part == Part::Receipt && one.transaction.is_none());
    let unknown = found.into_keys().map(|hash| DecodeError::mismatch("transactionHash", hash, "one of the block"));
    for why in stray.into_iter().chain(unknown) {
        block.unread.add(Unread { part: Part::Receipt, transaction: None, field: "receipt", why: why.to_string() });
    }
    Ok(())
}

/// The receipt, if it says that it is of this block: the same transaction may be in another branch too, with another outcome.
fn of_block(receipt: Receipt, block: &Block) -> Result<Receipt, DecodeError> {
    let named = receipt.block.ok_or(DecodeError::Missing { field: "blockHash" })?;
    if named == block.hash {
        return Ok(receipt);
    }
    Err(DecodeError::mismatch("blockHash of a receipt", named, block.hash))
}

fn put(transaction: &mut Transaction, receipt: Receipt, unread: &mut UnreadParts) {
    let index = Some(transaction.index);
    unread.forget(|one| one.transaction == index && matches!(one.part, Part::Receipt | Part::Log));
    transaction.lacks_receipt = false;
    transaction.status = noted(receipt.status, Part::Receipt, index, "status", unread);
    transaction.logs = receipt.logs;
    for (field, why) in receipt.unread {
        unread.add(Unread { part: Part::Log, transaction: index, field, why: why.to_string() });
    }
}

fn lack(transaction: &mut Transaction, unread: &mut UnreadParts) {
    if !std::mem::replace(&mut transaction.lacks_receipt, true) {
        let why = format!("no receipt of {}", transaction.hash);
        unread.add(Unread { part: Part::Receipt, transaction: Some(transaction.index), field: "receipt", why });
    }
}

#[derive(PartialEq)]
pub(super) struct Receipt {
    hash: B256,
    /// The block that it names; not every recording says.
    pub(super) block: Option<B256>,
    /// None before Byzantium (EIP-658), where the receipt has a state root instead.
    status: Result<Option<bool>, DecodeError>,
    logs: Vec<Log>,
    unread: Vec<(&'static str, DecodeError)>,
}

/// A list of receipts; one that cannot be read costs itself alone.
pub(super) fn receipts(reader: &mut Reader<'_>) -> Result<Vec<Result<Receipt, DecodeError>>, DecodeError> {
    let (mut all, mut logs) = (Vec::new(), 0);
    reader.array("receipts", TRANSACTIONS_PER_BLOCK_MAX, |reader| {
        let receipt = reader.attempt(receipt)?;
        logs += receipt.as_ref().map_or(0, |receipt| receipt.logs.len());
        if logs > LOGS_PER_BLOCK_MAX {
            return Err(DecodeError::TooMany { what: "logs", max: LOGS_PER_BLOCK_MAX });
        }
        all.push(receipt);
        Ok(())
    })?;
    Ok(all)
}

/// One receipt.
pub(super) fn receipt(reader: &mut Reader<'_>) -> Result<Receipt, DecodeError> {
    let (mut id, mut block, mut status) = (Slot::Missing, Slot::Missing, Slot::Missing);
    let (mut all, mut unread) = (None, Vec::new());
    reader.object(|r, key| match key {
        b"transactionHash" => id.read(r, "transactionHash", hash),
        b"blockHash" => block.read(r, "blockHash", hash),
        b"status" => status.read(r, "status", outcome),
        b"logs" if all.is_some() => Err(DecodeError::Duplicate { field: "logs" }),
        b"logs" if r.null()? => Ok(()),
        b"logs" => logs(r, &mut unread).map(|logs| all = Some(logs)),
        _ => r.skip(),
    })?;
    Ok(Receipt {
        hash: id.need("transactionHash")?,
        block: block.optional()?,
        status: status.optional(),
        logs: all.ok_or(DecodeError::Missing { field: "logs" })?,
        unread,
    })
}

fn outcome(reader: &mut Reader<'_>, field: &'static str) -> Result<bool, DecodeError> {
    match hex_u64(reader, field)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(DecodeError::bad_value(field, other.to_string().as_bytes(), "0x0 or 0x1")),
    }
}

/// A list of logs; one that cannot be read is noted.
pub(super) fn logs(
    reader: &mut Reader<'_>,
    unread: &mut Vec<(&'static str, DecodeError)>,
) -> Result<Vec<Log>, DecodeError> {
    let mut all = Vec::new();
    reader.array("logs", LOGS_PER_BLOCK_MAX, |reader| {
        match reader.attempt(log)? {
            Ok(log) => all.push(log),
            // These are said not to be of this block any more: then the receipt is not either.
            Err(why @ DecodeError::BadValue { field: "removed", .. }) => return Err(why),
            Err(why) if unread.len() < UNREAD_PARTS_MAX => unread.push(("logs", why)),
            Err(_) => {}
        }
        Ok(())
    })?;
    Ok(all)
}

fn log(reader: &mut Reader<'_>) -> Result<Log, DecodeError> {
    let (mut emitter, mut topics, mut payload) = (Slot::Missing, Slot::Missing, Slot::Missing);
    reader.object(|r, key| match key {
        b"address" => emitter.read(r, "address", address),
        b"topics" => topics.read(r, "topics", |r, _| read_topics(r)),
        b"data" => payload.read(r, "data", data),
        b"removed" if r.peek()? == Next::Bool => {
            if r.bool()? {
                return Err(DecodeError::bad_value("removed", b"true", "false: these are the logs of one block"));
            }
            Ok(())
        }
        _ => r.skip(),
    })?;
    Ok(Log {
        address: emitter.need("address")?,
        topics: topics.need("topics")?,
        data: payload.optional()?.unwrap_or_default(),
    })
}

/// The topics of a log.
pub(super) fn read_topics(reader: &mut Reader<'_>) -> Result<Vec<B256>, DecodeError> {
    let mut topics = Vec::with_capacity(TOPICS_MAX);
    reader.array("topics", TOPICS_MAX, |reader| {
        topics.push(hash(reader, "topics")?);
        Ok(())
    })?;
    Ok(topics)
}
