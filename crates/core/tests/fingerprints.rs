//! No stored form changes by accident: of every stored type 64 cases are made from a fixed seed, written, and their SHA-256 is compared
//! with the one in `fingerprints/stored.txt`. A golden file shows one case; this sees a field that only some cases have.
//!
//! A new event brings its own line: run this test, and it prints the line that is missing. A line that differs, or that no type
//! answers to any more, is a broken promise. Tests of meaning are in `histories.rs`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

#[path = "fingerprints/cases.rs"]
mod cases;
#[path = "fingerprints/draw.rs"]
mod draw;

use std::collections::BTreeMap;

use cases::{ACCESS, CHECKS, CLAIMS, Cases, EVIDENCE, JOURNAL, LIFE, PAGING, ROLES, ROOM, TASKS};
use draw::Draw;
use quarterdeck_core::{
    board::{Body, Stream},
    id::Id,
    incident::{
        IncidentEvent,
        event::{
            AccessEvent, ChecksEvent, ClaimsEvent, EvidenceEvent, Family as _, LifeEvent, PagingEvent, RolesEvent,
            RoomEvent, TasksEvent,
        },
    },
    policy::EscalationPolicy,
    priority::Score,
    signal::{Facts, Signal, SignalChange},
    silence::Silence,
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

/// Cases of each type: enough that a field left out in half of them is there and missing many times.
const CASES: u64 = 64;

const COMMITTED: &str = include_str!("fingerprints/stored.txt");

/// The hash of the cases that `make` gives, one after another.
fn hash(mut make: impl FnMut(&mut Draw) -> String) -> String {
    let mut hasher = Sha256::new();
    for seed in 0..CASES {
        hasher.update(make(&mut Draw::new(seed)));
        hasher.update([b'\n']);
    }
    alloy_primitives::hex::encode(hasher.finalize())
}

/// A type that is stored as part of others: it reads back what it wrote.
fn part<T: draw::Drawn + Serialize + DeserializeOwned>() -> String {
    hash(|draw| {
        let text = serde_json::to_string(&T::drawn(draw)).unwrap();
        let again: T = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        text
    })
}

/// An event: it reads back what it wrote, and so does what is left of it after erasure.
fn event(stream: Stream, mut make: impl FnMut(&mut Draw) -> Body) -> String {
    hash(|draw| {
        let body = make(draw);
        let text = body.to_json().unwrap();
        assert_eq!(Body::from_json(&stream, &text).unwrap(), body);
        let left = body.redacted();
        assert_eq!(Body::from_json(&stream, &left.to_json().unwrap()).unwrap(), left);
        assert_eq!(left.redacted(), left, "what is erased is not erased a second time: {text}");
        format!("{text}\n{}", left.to_json().unwrap())
    })
}

fn all() -> BTreeMap<String, String> {
    let incident = Stream::Incident(Id::from_bytes([1; 16]));
    let mut found = BTreeMap::new();
    let families = [
        LIFE.iter().map(|(kind, make)| (*kind, *make)).collect::<Vec<(&str, fn(&mut Draw) -> IncidentEvent)>>(),
        CLAIMS.to_vec(),
        PAGING.to_vec(),
        ROLES.to_vec(),
        ROOM.to_vec(),
        TASKS.to_vec(),
        CHECKS.to_vec(),
        EVIDENCE.to_vec(),
        ACCESS.to_vec(),
    ];
    for (kind, make) in families.concat() {
        found.insert(kind.to_owned(), event(incident, |draw| Body::Incident(make(draw))));
    }
    for (kind, make) in JOURNAL {
        found.insert((*kind).to_owned(), event(Stream::Journal, |draw| Body::Journal(make(draw))));
    }
    let parts = [
        ("signal", part::<Signal>()),
        ("signal_change", part::<SignalChange>()),
        ("facts", part::<Facts>()),
        ("score", part::<Score>()),
        ("policy", part::<EscalationPolicy>()),
        ("silence", part::<Silence>()),
    ];
    found.extend(parts.map(|(name, hash)| (name.to_owned(), hash)));
    found
}

#[test]
fn every_stored_form_is_as_it_was() {
    let found = all();
    let committed: BTreeMap<String, String> = COMMITTED
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
        .collect();
    let different: Vec<String> = found
        .iter()
        .filter(|(name, hash)| committed.get(*name) != Some(hash))
        .map(|(name, hash)| format!("{name} {hash}"))
        .collect();
    assert!(different.is_empty(), "not as committed, or new:\n{}", different.join("\n"));
    let orphans: Vec<&String> = committed.keys().filter(|name| !found.contains_key(*name)).collect();
    assert!(orphans.is_empty(), "no type is stored like this any more: {orphans:?}");
}

#[test]
fn every_event_has_its_cases() {
    let of = |list: Cases<IncidentEvent>, kinds: &[&str]| {
        assert_eq!(list.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), kinds);
        for (kind, make) in list {
            assert_eq!(make(&mut Draw::new(0)).kind(), *kind);
        }
    };
    of(LIFE, LifeEvent::KINDS);
    of(CLAIMS, ClaimsEvent::KINDS);
    of(PAGING, PagingEvent::KINDS);
    of(ROLES, RolesEvent::KINDS);
    of(ROOM, RoomEvent::KINDS);
    of(TASKS, TasksEvent::KINDS);
    of(CHECKS, ChecksEvent::KINDS);
    of(EVIDENCE, EvidenceEvent::KINDS);
    of(ACCESS, AccessEvent::KINDS);
    let golden = include_str!("../src/journal.rs").split("#[serde(rename = \"").skip(1);
    let declared: Vec<&str> = golden.filter_map(|rest| rest.split('"').next()).filter(|k| k.contains(".v")).collect();
    assert_eq!(JOURNAL.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), declared);
    for (kind, make) in JOURNAL {
        assert_eq!(make(&mut Draw::new(0)).kind(), *kind);
    }
}
