//! Recorded metrics and their labels. A table that is read can be written with answers and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quarterdeck_formats::series::{labels, table, with_scores};

fuzz_target!(|data: &[u8]| {
    if let Ok(read) = table(data) {
        let scores = vec![0.5; read.at.len()];
        let written = with_scores(data, &scores).expect("what can be read can be written");
        let again = table(written.as_bytes()).expect("what was written can be read");
        assert_eq!((again.at, again.scores), (read.at, Some(scores)));
    }
    drop(labels(data));
});
