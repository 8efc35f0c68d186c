//! What a start reads instead of the log, past its digest: any bytes are a board, or are refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_core::board::Kept;

fuzz_target!(|data: &[u8]| {
    if let Ok(kept) = Kept::read(data) {
        drop(kept.with(Vec::new()));
    }
});
