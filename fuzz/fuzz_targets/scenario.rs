//! A scenario: any text gives a scenario or says which line is malformed. It is not played.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_sim::scenario::Scenario;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Scenario::parse("fuzz.md", text) {
        Ok(scenario) => assert!(!scenario.title().is_empty(), "a scenario without a title"),
        Err(malformed) => assert!(!malformed.to_string().is_empty()),
    }
});
