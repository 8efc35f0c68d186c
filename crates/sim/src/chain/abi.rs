//! Just enough of the contract ABI to call our own contracts: selectors, static words, byte strings, address lists.
//!
//! It encodes and reads words; it never interprets a foreign contract. Layout: the Solidity ABI specification, "Formal
//! Specification of the Encoding". Tests: below, against the specification's own example.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

/// Bytes of a word.
const WORD: usize = 32;

/// One argument of a call.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// `address`, and any contract type.
    Address(Address),
    /// `uint256`, and any shorter unsigned type.
    Uint(U256),
    /// Type `bytes32`: a hash or a name, 32 bytes as they are.
    Word(B256),
    /// `bytes`, and `string`.
    Bytes(&'a [u8]),
    /// Type `address[]`: a length, then a word for each.
    Addresses(&'a [Address]),
}

/// Call data for a function such as `transfer(address,uint256)`.
pub fn call(signature: &str, arguments: &[Arg<'_>]) -> Bytes {
    let mut data: Vec<u8> = keccak256(signature).iter().take(4).copied().collect();
    encode(arguments, &mut data);
    data.into()
}

/// Init code of a contract: its creation code and its constructor's arguments.
pub fn creation(code: &[u8], arguments: &[Arg<'_>]) -> Bytes {
    let mut data = code.to_vec();
    encode(arguments, &mut data);
    data.into()
}

/// The hash that an event such as `Transfer(address,address,uint256)` has as its first topic.
pub fn topic(signature: &str) -> B256 {
    keccak256(signature)
}

/// The word at `place` of a return value or of log data, as a number; none where it is shorter.
pub fn uint(output: &[u8], place: usize) -> Option<U256> {
    let start = place.checked_mul(WORD)?;
    output.get(start..start.checked_add(WORD)?).map(U256::from_be_slice)
}

/// The word at `place` as an address; none where the output is shorter.
pub fn address(output: &[u8], place: usize) -> Option<Address> {
    uint(output, place).map(|word| Address::from_word(B256::from(word)))
}

/// Heads in order, then the tails of what has no fixed length.
fn encode(arguments: &[Arg<'_>], out: &mut Vec<u8>) {
    let mut tail = Vec::new();
    for argument in arguments {
        let offset = U256::from(arguments.len() * WORD + tail.len());
        match argument {
            Arg::Address(address) => out.extend_from_slice(address.into_word().as_slice()),
            Arg::Uint(number) => push(out, *number),
            Arg::Word(word) => out.extend_from_slice(word.as_slice()),
            Arg::Bytes(bytes) => {
                push(out, offset);
                push(&mut tail, U256::from(bytes.len()));
                tail.extend_from_slice(bytes);
                tail.resize(tail.len().next_multiple_of(WORD), 0);
            }
            Arg::Addresses(addresses) => {
                push(out, offset);
                push(&mut tail, U256::from(addresses.len()));
                for address in *addresses {
                    tail.extend_from_slice(address.into_word().as_slice());
                }
            }
        }
    }
    out.extend_from_slice(&tail);
}

fn push(out: &mut Vec<u8>, number: U256) {
    out.extend_from_slice(&number.to_be_bytes::<WORD>());
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    #[test]
    fn selectors_are_the_known_ones() {
        assert_eq!(call("transfer(address,uint256)", &[])[..], hex!("a9059cbb"));
        assert_eq!(
            topic("Transfer(address,address,uint256)"),
            B256::from(hex!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"))
        );
    }

    #[test]
    fn static_and_dynamic_arguments_are_laid_out_as_specified() {
        let text = call(
            "f(uint256,bytes,address[])",
            &[
                Arg::Uint(U256::from(0x123)),
                Arg::Bytes(b"Hello, world!"),
                Arg::Addresses(&[Address::repeat_byte(1), Address::repeat_byte(2)]),
            ],
        );
        let words: Vec<U256> = (0..8).filter_map(|place| uint(&text[4..], place)).collect();
        assert_eq!(words[..3], [0x123, 0x60, 0xa0].map(U256::from));
        assert_eq!(words[3], U256::from(13));
        assert!(text[4 + 4 * WORD..].starts_with(b"Hello, world!\0\0\0"));
        assert_eq!(words[5], U256::from(2));
        assert_eq!(address(&text[4..], 7), Some(Address::repeat_byte(2)));
        assert_eq!(uint(&text[4..], 8), None);
        assert_eq!(text.len(), 4 + 8 * WORD);
    }
}
