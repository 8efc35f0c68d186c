//! A recorded file whose form is told from its name and first bytes. The first line is the name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::evm::{Recording, sniff};

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let Ok(name) = std::str::from_utf8(&data[..end]) else { return };
    let bytes = &data[end..];
    drop(sniff(name, bytes, None));
    let mut recording = Recording::new(Some(1));
    if recording.add(name, bytes).is_ok() {
        drop(recording.finish());
    }
});
