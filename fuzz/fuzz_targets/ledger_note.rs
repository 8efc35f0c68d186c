//! A signed note: what parses prints as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_ledger::note::{Note, VerifierKey};

fuzz_target!(|data: &[u8]| {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        drop(text.parse::<VerifierKey>());
    }
});
