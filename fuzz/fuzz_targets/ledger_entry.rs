//! An entry of the log: what decodes encodes to the same bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_ledger::leaf::Entry;

fuzz_target!(|data: &[u8]| {
    if let Ok(entry) = Entry::decode(data) {
        assert_eq!(entry.encode(), data);
    }
});
