//! Function and event signatures by name, so that nobody has to trust four bytes in hex.

use std::collections::BTreeMap;

use alloy_primitives::{B256, keccak256};
use quarterdeck_core::chain::Call;

/// The four bytes that choose a function.
pub type Selector = [u8; 4];

/// The selector of a function: the first four bytes of the digest of its signature.
pub fn of_signature(signature: &str) -> Selector {
    let digest = keccak256(signature.as_bytes());
    let mut selector = [0; 4];
    for (to, from) in selector.iter_mut().zip(digest) {
        *to = from;
    }
    selector
}

/// The first topic of an event.
pub fn topic(signature: &str) -> B256 {
    keccak256(signature.as_bytes())
}

/// The selector of a call; none for a plain payment.
pub fn of_call(call: &Call) -> Option<Selector> {
    call.input.get(..4)?.try_into().ok()
}

/// Signatures by selector.
pub fn table<T: Copy>(rows: &[(&'static str, T)]) -> BTreeMap<Selector, (&'static str, T)> {
    rows.iter().map(|(signature, value)| (of_signature(signature), (*signature, *value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_selectors() {
        assert_eq!(of_signature("transfer(address,uint256)"), [0xa9, 0x05, 0x9c, 0xbb]);
        assert_eq!(topic("Transfer(address,address,uint256)"), crate::facts::flow::TRANSFER);
    }
}
