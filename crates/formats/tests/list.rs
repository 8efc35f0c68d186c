//! Every format of THE LIST describes itself, understands its own example, and never panics.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use quarterdeck_core::{id::SourceId, signal::SignalChange};
use quarterdeck_formats::severity::NO_WORDS;
use quarterdeck_formats::{FORMATS, heard::Hearing};

fn with_hearing<T>(read: impl FnOnce(&Hearing<'_>) -> T) -> T {
    let source = SourceId::new("mon").unwrap();
    let now = "2026-11-20T21:20:00Z".parse().unwrap();
    read(&Hearing {
        source: &source,
        now,
        wall: now,
        resolve_timeout: Duration::from_mins(5),
        words: NO_WORDS,
        group_by: None,
        is_service: &|_| false,
    })
}

#[test]
fn each_describes_itself_and_understands_its_example() {
    let mut ids = BTreeSet::new();
    for format in FORMATS {
        let id = format.id();
        assert!(ids.insert(id), "`{id}` is there twice");
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "`{id}` stands in an address");
        assert!(format.title().ends_with('.') && format.title().len() > 20, "{id}: a title is a sentence");
        assert!(format.doc().len() > 20, "{id}: say what a body is made of");
        with_hearing(|hearing| {
            let batch =
                format.read(format.example().as_bytes(), hearing).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert!(!batch.heard.is_empty() && batch.refused.is_empty(), "{id}: {batch:?}");
            for bad in [&b""[..], b"}", b"[[]]", b"null"] {
                let refused = format.read(bad, hearing).map_or(true, |batch| !batch.refused.is_empty());
                assert!(refused, "{id} takes {bad:?} for a message");
            }
            let ends = batch.heard.iter().all(|heard| heard.expires.is_some());
            assert_eq!(ends, format.repeats().is_some(), "{id}: `repeats` and its claims differ");
            for heard in &batch.heard {
                let SignalChange::Raised { signal } = &heard.change else { continue };
                assert_eq!(signal.repeats, ends, "{id}: its signals say whether they are repeated");
            }
        });
        for reply in [format.accepted(), format.refused("no")].into_iter().flatten() {
            let json = reply.body.is_empty() || serde_json::from_str::<serde_json::Value>(&reply.body).is_ok();
            assert!(json && (200..600).contains(&reply.status), "{id}: {reply:?}");
        }
        let refused = format.refused("no").map_or(400, |reply| reply.status);
        assert!((400..500).contains(&refused), "{id} refuses with {refused}");
    }
    assert!(ids.len() >= 3, "{ids:?}");
}

proptest! {
    #[test]
    fn whatever_the_bytes_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), place in any::<prop::sample::Index>()) {
        with_hearing(|hearing| {
            for format in FORMATS {
                drop(format.read(&bytes, hearing));
                // Near to what it understands there is more to get wrong.
                let mut near = format.example().as_bytes().to_vec();
                if let Some(byte) = bytes.first() {
                    let place = place.index(near.len());
                    near[place] = *byte;
                }
                drop(format.read(&near, hearing));
            }
        });
    }
}
