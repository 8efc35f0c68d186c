//! A path in a log folder: what is understood is spelled in one way only.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_ledger::tiles::FileKind;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(kind) = FileKind::of_path(text) {
        assert_eq!(kind.to_string(), text);
    }
});
