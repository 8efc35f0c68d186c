//! Where a source stood, as it was kept: what is read is written so that it is read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_core::chain::ChainId;
use quarterdeck_sources::run::place_in;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let chain: ChainId = "eip155:1".parse().expect("a chain");
    if let Ok(Some(place)) = place_in(text, chain) {
        let json = serde_json::to_string(&place).expect("what was read is written");
        assert_eq!(place_in(&json, chain), Ok(Some(place)), "{json}");
    }
});
