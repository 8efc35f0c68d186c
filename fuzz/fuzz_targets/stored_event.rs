//! An event as a store gives it back: what is read is written so that it is read as the same, and so is its redaction.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_core::{
    id::IncidentId,
    journal::{Body, Stream},
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for stream in [Stream::Journal, Stream::Incident(IncidentId::from_bytes([7; 16]))] {
        let Ok(body) = Body::from_json(&stream, text) else { continue };
        for body in [body.redacted(), body] {
            let json = body.to_json().expect("what was read is written");
            assert_eq!(Body::from_json(&stream, &json).expect("what was written is read"), body, "{json}");
        }
    }
});
