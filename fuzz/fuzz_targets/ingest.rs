//! Every format of monitors, by the list: a new one needs no target of its own.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::FORMATS;
use quarterdeck_fuzz::hear;

fuzz_target!(|data: &[u8]| {
    hear(|hearing| {
        for format in FORMATS {
            drop(format.read(data, hearing));
        }
    });
});
