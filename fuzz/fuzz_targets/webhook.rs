//! A plain JSON webhook.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::webhook::parse_webhook;
use quarterdeck_fuzz::hear;

fuzz_target!(|data: &[u8]| {
    hear(|hearing| drop(parse_webhook(data, hearing)));
});
