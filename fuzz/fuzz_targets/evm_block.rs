//! A block as a node answers it, and what is attached to it: whatever decodes must take receipts and traces, or refuse them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::evm::{attach_traces, decode_block, attach_receipts};

fuzz_target!(|data: &[u8]| {
    let Ok(mut block) = decode_block(data, Some(1)) else { return };
    drop(attach_receipts(&mut block.clone(), data));
    drop(attach_traces(&mut block, data));
});
