//! Receipts, for a block that has two transactions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::evm::{decode_block, attach_receipts};
use quarterdeck_fuzz::BLOCK;

fuzz_target!(|data: &[u8]| {
    let Ok(mut block) = decode_block(BLOCK, Some(1)) else { return };
    drop(attach_receipts(&mut block, data));
});
