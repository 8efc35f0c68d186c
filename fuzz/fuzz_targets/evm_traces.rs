//! Call traces in every form: a transaction's tree, a block's trees, a block's flat list.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::evm::{attach_traces, decode_block, decode_call_trace};
use quarterdeck_fuzz::BLOCK;

fuzz_target!(|data: &[u8]| {
    drop(decode_call_trace(data));
    let Ok(mut block) = decode_block(BLOCK, Some(1)) else { return };
    drop(attach_traces(&mut block, data));
});
