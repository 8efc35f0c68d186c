//! An incident's bundle, a tile's entries and their bodies. What verifies must not be made of anything.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_ledger::{bundle::Bundle, folder::decode_bodies, tiles::decode_bundle};

fuzz_target!(|data: &[u8]| {
    for entry in decode_bundle(data) {
        if entry.is_err() {
            break;
        }
    }
    for body in decode_bodies(data) {
        if body.is_err() {
            break;
        }
    }
    if let Ok(bundle) = Bundle::decode(data) {
        drop(bundle.verify(bundle.key()));
    }
});
