//! What the embedded chain's hashes cover, and the price of gas.
//!
//! Hashes are Keccak-256 over RLP, as on Ethereum, of what a core [`Block`] itself holds, so that anyone who has the block
//! can check it. Against Ethereum's: a transaction names its sender where Ethereum has a signature; a header has plain
//! hashes of its lists of transactions and receipts where Ethereum has trie roots; there is no state root, no bloom.
//! Call traces are covered by nothing, as everywhere.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use quarterdeck_core::chain::{Block, ChainNumber, Log};

/// Blocks at twice the target raise the base fee by one eighth (EIP-1559).
const BASE_FEE_CHANGE_DENOMINATOR: u128 = 8;
/// The target is half of the limit (EIP-1559).
const ELASTICITY: u64 = 2;

/// The hash of a block: chain, parent, height, time, fee recipient, gas limit and use, base fee, transactions, receipts.
pub fn block_hash(block: &Block) -> B256 {
    let transactions: Vec<Vec<u8>> = block.transactions.iter().map(|tx| bytes(tx.hash.as_slice())).collect();
    let receipts: Vec<Vec<u8>> = block
        .transactions
        .iter()
        .map(|tx| {
            list(&[number(u64::from(tx.status.unwrap_or(false))), list(&tx.logs.iter().map(log).collect::<Vec<_>>())])
        })
        .collect();
    keccak256(list(&[
        number(block.chain.number().unwrap_or(0)),
        bytes(block.parent.as_slice()),
        number(block.number),
        number(u64::try_from(block.time.as_ms() / 1_000).unwrap_or(0)),
        bytes(block.miner.as_slice()),
        number(block.gas_limit),
        number(block.gas_used),
        number(block.base_fee.unwrap_or(0)),
        bytes(keccak256(list(&transactions)).as_slice()),
        bytes(keccak256(list(&receipts)).as_slice()),
    ]))
}

/// What a transaction's hash covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed<'a> {
    pub(super) chain: ChainNumber,
    pub(super) nonce: u64,
    pub(super) from: Address,
    pub(super) to: Option<Address>,
    pub(super) value: U256,
    pub(super) input: &'a Bytes,
    pub(super) gas: u64,
    pub(super) fee_max: u128,
}

pub(super) fn transaction_hash(tx: Sealed<'_>) -> B256 {
    keccak256(list(&[
        number(tx.chain),
        number(tx.nonce),
        bytes(tx.from.as_slice()),
        tx.to.map_or_else(|| bytes(&[]), |to| bytes(to.as_slice())),
        bytes(&tx.value.to_be_bytes_trimmed_vec()),
        bytes(tx.input),
        number(tx.gas),
        bytes(&U256::from(tx.fee_max).to_be_bytes_trimmed_vec()),
    ]))
}

/// The next block's base fee in wei per gas, after EIP-1559.
pub fn next_base_fee(base_fee: u64, gas_used: u64, gas_limit: u64) -> u64 {
    let target = u128::from(gas_limit / ELASTICITY).max(1);
    let (fee, used) = (u128::from(base_fee), u128::from(gas_used));
    let change = fee * used.abs_diff(target) / target / BASE_FEE_CHANGE_DENOMINATOR;
    let next =
        if used > target { fee + change.max(1) } else { fee.saturating_sub(if used == target { 0 } else { change }) };
    u64::try_from(next).unwrap_or(u64::MAX)
}

fn log(log: &Log) -> Vec<u8> {
    let topics: Vec<Vec<u8>> = log.topics.iter().map(|topic| bytes(topic.as_slice())).collect();
    list(&[bytes(log.address.as_slice()), list(&topics), bytes(&log.data)])
}

fn number(value: u64) -> Vec<u8> {
    bytes(&U256::from(value).to_be_bytes_trimmed_vec())
}

/// RLP of a byte string.
fn bytes(value: &[u8]) -> Vec<u8> {
    match value {
        [single] if *single < 0x80 => vec![*single],
        _ => prefixed(0x80, value),
    }
}

/// RLP of a list of items that are RLP already.
fn list(items: &[Vec<u8>]) -> Vec<u8> {
    prefixed(0xc0, &items.concat())
}

fn prefixed(base: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 9);
    if let Ok(short @ 0..56) = u8::try_from(payload.len()) {
        out.push(base + short);
    } else {
        let length = U256::from(payload.len()).to_be_bytes_trimmed_vec();
        out.push(base + 55 + u8::try_from(length.len()).unwrap_or(8));
        out.extend_from_slice(&length);
    }
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rlp_is_as_the_specification_shows() {
        assert_eq!(list(&[bytes(b"cat"), bytes(b"dog")]), b"\xc8\x83cat\x83dog");
        assert_eq!(bytes(&[]), [0x80]);
        assert_eq!(number(0), [0x80]);
        assert_eq!(number(1024), [0x82, 0x04, 0x00]);
        assert_eq!(bytes(&[7]), [7]);
        let long = bytes(b"Lorem ipsum dolor sit amet, consectetur adipisicing elit");
        assert!(long.starts_with(&[0xb8, 56]));
        assert_eq!(list(&[vec![1; 300]])[..3], [0xf9, 1, 44]);
    }

    #[test]
    fn the_base_fee_follows_the_load() {
        assert_eq!(next_base_fee(1_000, 5_000_000, 10_000_000), 1_000);
        assert_eq!(next_base_fee(1_000, 10_000_000, 10_000_000), 1_125);
        assert_eq!(next_base_fee(1_000, 0, 10_000_000), 875);
        assert_eq!(next_base_fee(1, 10_000_000, 10_000_000), 2, "a full block always raises it");
    }
}
