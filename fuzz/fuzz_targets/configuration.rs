//! The configuration file: any text gives a configuration or faults, and faults have texts. Nothing it names is read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;

use quarterdeck_fuzz::parts;
use quarterdeck_server::config;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // `file:` and `ca_file` name files, `list` too: what those hold is not this parser's business.
    if text.contains("file") || text.contains("env:") || text.contains("authorities") {
        return;
    }
    if let Err(error) = config::parse(text, Path::new("/nowhere"), parts()) {
        assert!(!error.to_string().is_empty());
    }
});
