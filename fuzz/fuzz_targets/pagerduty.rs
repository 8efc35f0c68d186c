//! An event of PagerDuty's Events API v2. A refusal must be able to say so in that format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::pagerduty::parse_event;
use quarterdeck_fuzz::hear;

fuzz_target!(|data: &[u8]| {
    hear(|hearing| {
        if let Err(refused) = parse_event(data, hearing) {
            assert!(refused.body().starts_with('{'));
        }
    });
});
