//! Events are for ever: a file per event and version, which must read and write back byte for byte. A file is never changed;
//! a new event, or a new version of one, brings its own.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use std::{collections::BTreeSet, fs, path::Path, str::FromStr};

use quarterdeck_core::board::{Body, Stream};

/// One for each family.
const INCIDENT_EVENTS: [&str; 9] = [
    include_str!("../src/incident/life/event.rs"),
    include_str!("../src/incident/claims/event.rs"),
    include_str!("../src/incident/paging/event.rs"),
    include_str!("../src/incident/roles/event.rs"),
    include_str!("../src/incident/room/event.rs"),
    include_str!("../src/incident/tasks/event.rs"),
    include_str!("../src/incident/checks/event.rs"),
    include_str!("../src/incident/evidence/event.rs"),
    include_str!("../src/incident/access/event.rs"),
];
const JOURNAL_EVENTS: &str = include_str!("../src/journal.rs");

/// The types that a source file declares, `opened.v1`, by their serde names.
fn declared(source: &str) -> BTreeSet<String> {
    let names = source.split("#[serde(rename = \"").skip(1).filter_map(|rest| rest.split('"').next());
    names.filter(|name| name.contains(".v")).map(ToOwned::to_owned).collect()
}

#[expect(clippy::disallowed_methods, reason = "golden files are read from the crate's own folder")]
fn golden() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// `page_settled.v1-failed` holds an event of type `page_settled.v1`.
fn kind_of(file: &str) -> &str {
    file.split('-').next().unwrap_or(file)
}

#[test]
fn every_golden_file_reads_and_writes_back_byte_for_byte() {
    let journal = declared(JOURNAL_EVENTS);
    for (file, text) in golden() {
        let stream = if journal.contains(kind_of(&file)) {
            Stream::Journal
        } else {
            Stream::from_str("inc_00000000000000000000000001").unwrap()
        };
        let body = Body::from_json(&stream, text.trim_end()).unwrap_or_else(|error| panic!("read {file}: {error}"));
        assert_eq!(body.to_json().unwrap(), text.trim_end(), "{file}");
        assert_eq!(body.kind(), kind_of(&file));
    }
}

#[test]
fn every_event_has_a_golden_file() {
    let have: BTreeSet<String> = golden().iter().map(|(file, _)| kind_of(file).to_owned()).collect();
    let want: BTreeSet<String> = INCIDENT_EVENTS.into_iter().chain([JOURNAL_EVENTS]).flat_map(declared).collect();
    assert_eq!(have, want);
    assert!(want.len() >= 31, "{want:?}");
}
