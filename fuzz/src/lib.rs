//! What the targets share. Each target is one parser of outside bytes; the property is at least that nothing panics, hangs or
//! takes memory without a bound, and where there is a way back, that it leads to the same.
//!
//! `cargo +nightly fuzz list`, then `cargo +nightly fuzz run NAME -- -max_total_time=60`, from the project's folder.

use std::{fmt::Display, str::FromStr, sync::OnceLock, time::Duration};

use quarterdeck_core::{id::SourceId, time::Timestamp};
use quarterdeck_formats::severity::NO_WORDS;
use quarterdeck_formats::heard::Hearing;
use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::notify::Parts;

/// The instant at which everything is heard.
pub fn now() -> Timestamp {
    Timestamp::from_ms(1_767_661_200_000)
}

/// A block with two transactions, as a node answers it.
pub const BLOCK: &[u8] = include_bytes!("block.json");

/// Hears as an integration called `fuzz` would be heard, with every service in the catalogue.
pub fn hear<T>(read: impl FnOnce(&Hearing<'_>) -> T) -> Option<T> {
    let source = SourceId::new("fuzz").ok()?;
    let is_service = |_: &_| true;
    Some(read(&Hearing { source: &source, now: now(), wall: now(), resolve_timeout: Duration::from_secs(300), words: NO_WORDS, group_by: None, is_service: &is_service }))
}

/// What parses prints to something that parses to the same.
pub fn same<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert!(value.to_string().parse().is_ok_and(|again: T| again == value), "`{text}` comes back as `{value}`");
    }
}

/// What notifiers share, made once: an HTTP client is costly.
///
/// # Panics
/// If the machine has no certificate authorities.
pub fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| Parts::new(SystemClock::new()).expect("an HTTP client"))
}
