//! A checkpoint's body: what parses writes itself as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_ledger::checkpoint::Checkpoint;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.body(), text);
    }
});
