//! Histories are for ever: whole streams as they were written once, with the state that they gave. A rule that is changed later must
//! fold them to the same state; what it decides from then on is its own affair.
//!
//! `golden/` beside this file's folder holds single events; here are their effects together. A history that is committed never
//! changes (`cargo xtask tidy`). A new one: add a story to `histories/stories.rs` and run this test once with
//! `QUARTERDECK_WRITE_HISTORIES=1`; it writes what is missing and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test stops where a history differs; the files are in the crate's own folder"
)]

#[path = "histories/desk.rs"]
mod desk;
#[path = "histories/state.rs"]
mod state;
#[path = "histories/stories.rs"]
mod stories;

use std::{collections::BTreeSet, fs, path::PathBuf};

use quarterdeck_core::board::{Board, Body, Recorded, Stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An event in its place, as one line.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    stream: String,
    version: u64,
    at: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden-histories")
}

fn written(recorded: &[Recorded]) -> String {
    let mut text = String::new();
    for one in recorded {
        let json = one.body.to_json().unwrap();
        let body: &RawValue = serde_json::from_str(&json).unwrap();
        let line = Line { stream: one.stream.to_string(), version: one.version, at: one.at.to_string(), body };
        text.push_str(&serde_json::to_string(&line).unwrap());
        text.push('\n');
    }
    text
}

fn read(text: &str) -> Vec<Recorded> {
    let read_line = |line: &str| {
        let line: Line<'_> = serde_json::from_str(line).unwrap();
        let stream: Stream = line.stream.parse().unwrap();
        let body = Body::from_json(&stream, line.body.get()).unwrap();
        Recorded { stream, version: line.version, at: line.at.parse().unwrap(), body }
    };
    text.lines().map(read_line).collect()
}

#[test]
fn every_history_still_folds_to_the_state_that_it_gave() {
    for (name, play) in stories::STORIES {
        let (log, state) = (folder().join(format!("{name}.jsonl")), folder().join(format!("{name}.state.json")));
        if !log.exists() && std::env::var_os("QUARTERDECK_WRITE_HISTORIES").is_some() {
            let mut desk = desk::Desk::new();
            play(&mut desk);
            fs::create_dir_all(folder()).unwrap();
            fs::write(&log, written(&desk.recorded)).unwrap();
            fs::write(&state, state::of(&desk.board)).unwrap();
        }
        let text = fs::read_to_string(&log).unwrap_or_else(|error| panic!("read {}: {error}", log.display()));
        let recorded = read(&text);
        assert_eq!(written(&recorded), text, "{name}: every event reads and writes back byte for byte");
        let board = Board::fold(&recorded).unwrap_or_else(|error| panic!("fold {name}: {error}"));
        let want = fs::read_to_string(&state).unwrap();
        assert!(state::of(&board) == want, "{name} folds to another state:\n{}\nwant:\n{want}", state::of(&board));
    }
}

#[test]
fn every_history_has_its_story() {
    let stories: BTreeSet<String> = stories::STORIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files = fs::read_dir(folder()).expect("the histories are there");
    let have: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap().split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(have, stories);
}
