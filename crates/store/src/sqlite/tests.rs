//! What only a file can do: fill up, be damaged, be somebody else's, be open twice, come from a newer program.

use std::{fs, path::PathBuf};

use quarterdeck_core::{id::SignalId, signal::SignalStatus};
use rusqlite::params;
use tempfile::TempDir;

use super::{
    super::{Content, SignalFilter, SignalRow},
    *,
};

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quarterdeck.db");
    (folder, path)
}

fn event(index: u64, text: &str) -> StoredEvent {
    StoredEvent {
        index,
        stream: "journal".to_owned(),
        version: index,
        at: Timestamp::from_ms(0),
        content: Content::Whole { json: text.to_owned(), salt: [7; 16] },
        digest: [9; 32],
    }
}

fn signal(n: u64) -> SignalRow {
    SignalRow {
        id: SignalId::digest(&[&n.to_be_bytes()]),
        status: SignalStatus::Confirmed,
        incident: None,
        observed: Timestamp::from_ms(0),
        place: n,
    }
}

/// Signals of a batch.
const MANY: u64 = 200;

/// Appends an event and many signals.
async fn append_large(store: &SqliteStore, index: u64) -> Result<(), StoreError> {
    let signals = (index * MANY..index * MANY + MANY).map(signal).collect();
    store.append(Batch { events: vec![event(index, "full")], signals, ..Batch::default() }).await
}

#[tokio::test]
async fn a_full_store_says_so_writes_nothing_of_the_batch_and_works_again_when_there_is_space() {
    let (_folder, path) = place();
    let store = SqliteStore::open_with(&path, &Limits { pages_max: Some(300), ..Limits::default() }).unwrap();
    let mut size = 0;
    let full = loop {
        match append_large(&store, size).await {
            Ok(()) => size += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!(size > 3, "full after {size} batches");
    assert_eq!(store.size().await.unwrap(), size);
    assert_eq!(store.signal(Timestamp::from_ms(0), signal(size * MANY).id).await.unwrap(), None);
    assert!(matches!(append_large(&store, size).await, Err(StoreError::Full { .. })), "still full");
    assert_eq!(store.forget_signals(Timestamp::MAX).await.unwrap(), size * MANY);
    append_large(&store, size).await.unwrap();
    assert_eq!(store.size().await.unwrap(), size + 1);
}

#[tokio::test]
async fn in_a_group_commit_only_the_piece_that_does_not_fit_fails() {
    let (_folder, path) = place();
    let store = SqliteStore::open_with(&path, &Limits { pages_max: Some(300), ..Limits::default() }).unwrap();
    let huge = Batch { snapshots: vec![("huge".to_owned(), vec![1; 4_000_000])], ..Batch::default() };
    let small = |n: u64| Batch { cursors: vec![(format!("cursor-{n}"), "1".to_owned())], ..Batch::default() };
    let (first, huge, second, third) =
        tokio::join!(store.append(small(1)), store.append(huge), store.append(small(2)), store.append(small(3)));
    assert!(matches!(huge, Err(StoreError::Full { .. })), "{huge:?}");
    for outcome in [first, second, third] {
        outcome.unwrap();
    }
    assert_eq!(store.snapshot("huge").await.unwrap(), None);
    assert_eq!(store.cursor("cursor-3").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn one_file_has_one_writer() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let second = SqliteStore::open(&path).unwrap_err();
    let text = second.to_string();
    assert!(text.ends_with(&format!("in use by process {}", std::process::id())), "{text}");
    drop(store);
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn a_store_that_was_closed_is_one_file_to_copy() {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    store.append(Batch { events: vec![event(0, "x")], ..Batch::default() }).await.unwrap();
    assert_eq!(store.size().await.unwrap(), 1);
    drop(store);
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    assert!(!folder.path().join("quarterdeck.db-wal").exists());
    assert_eq!(SqliteStore::open(&copy).unwrap().size().await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_no_store_of_ours_is_refused_and_left_alone() {
    let (_folder, path) = place();
    fs::write(&path, "this is a letter to my mother, not a database. ".repeat(100)).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { what: "database file", .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let (_folder, path) = place();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let error = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("belongs to another program"), "{error}");
}

#[tokio::test]
async fn a_damaged_page_of_the_file_is_an_error_not_an_absent_row() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    for index in 0..50 {
        append_large(&store, index).await.unwrap();
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[8_192..length - 4_096].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let filter = SignalFilter { limit: 1_000, ..SignalFilter::default() };
    let outcome = match SqliteStore::open(&path) {
        Ok(store) => store.signals(&filter).await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(matches!(outcome, Err(StoreError::Damaged { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_hole_in_the_log_is_damage() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    store.append(Batch { events: (0..4).map(|n| event(n, "x")).collect(), ..Batch::default() }).await.unwrap();
    drop(store);
    rusqlite::Connection::open(&path).unwrap().execute("DELETE FROM event WHERE place = 1", []).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let error = store.events(0, 10).await.unwrap_err().to_string();
    assert_eq!(error, "read events: stored log is damaged: wanted place 1, found 2 of `journal`");
    assert!(store.stream("journal").await.is_err());
    assert!(store.events(1, 10).await.is_err());
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused() {
    let (_folder, path) = place();
    drop(SqliteStore::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().execute("INSERT INTO migration VALUES (99, 'later', '')", []).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_erased_is_in_no_file_any_more() {
    let secret = "+49 30 901820 is the number of Gloria";
    let (folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    store.append(Batch { events: vec![event(0, "first"), event(1, secret)], ..Batch::default() }).await.unwrap();
    let files_with_secret = || {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(path);
            }
        }
        found
    };
    assert_eq!(files_with_secret().len(), 1, "in the write-ahead log, or this test shows nothing");
    store.append(Batch { redactions: vec![(1, "{}".to_owned())], ..Batch::default() }).await.unwrap();
    assert_eq!(files_with_secret(), Vec::<PathBuf>::new());
    assert_eq!(store.events(1, 1).await.unwrap()[0].digest, [9; 32]);
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    store.append(Batch { events: vec![event(0, "x")], ..Batch::default() }).await.unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
}

/// Everything holds as well when what is new goes into the indexes again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_indexes_often_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    for (nth, (promise, check)) in crate::conformance::CASES.iter().enumerate() {
        for tail_max in [1, 3, 10] {
            let path = folder.path().join(format!("{nth}-{tail_max}.db"));
            let store = SqliteStore::open_with(&path, &Limits { tail_max, ..Limits::default() }).unwrap();
            if let Err(error) = check(store).await {
                panic!("{promise}, tail of {tail_max}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_in_the_tail_is_found_after_a_restart_and_its_streams_go_on() {
    let (_folder, path) = place();
    let limits = Limits { tail_max: 10, ..Limits::default() };
    let incident = |n: u64| quarterdeck_core::id::IncidentId::digest(&[&n.to_be_bytes()]);
    for size in 0..60_u64 {
        // Opened again before every fourth event, so that the tail is of every length.
        let store = SqliteStore::open_with(&path, &limits).unwrap();
        for index in size * 4..size * 4 + 4 {
            let (stream, version) = (incident(index % 5).to_string(), index / 5);
            let events = vec![StoredEvent { stream, version, ..event(index, "x") }];
            let signals = vec![SignalRow { incident: Some(incident(index % 5)), ..signal(index) }];
            store.append(Batch { events, signals, ..Batch::default() }).await.unwrap();
        }
        let end = size * 4 + 4;
        for n in 0..5 {
            let wanted = (0..end).filter(|index| index % 5 == n).collect::<Vec<_>>();
            let found = store.stream(&incident(n).to_string()).await.unwrap();
            assert_eq!(found.iter().map(|event| event.index).collect::<Vec<_>>(), wanted, "stream {n} of {end}");
            let filter = SignalFilter { incident: Some(incident(n)), limit: 1_000, ..SignalFilter::default() };
            let mut places: Vec<_> =
                store.signals(&filter).await.unwrap().iter().map(|found| found.row.place).collect();
            places.sort_unstable();
            assert_eq!(places, wanted, "signals {n} of {end}");
        }
        let twice = StoredEvent { stream: incident(0).to_string(), version: 0, ..event(end, "x") };
        let refused = store.append(Batch { events: vec![twice], ..Batch::default() }).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
}

/// A file as the first version left it: a page under way, one that waits, an all-clear, a timer.
fn first_version(path: &std::path::Path) {
    let old = rusqlite::Connection::open(path).unwrap();
    old.pragma_update(None, "application_id", open::APPLICATION_ID).unwrap();
    old.execute_batch(open::MAKE_MIGRATION_TABLE).unwrap();
    old.execute_batch(open::MIGRATIONS[0].sql).unwrap();
    old.execute("INSERT INTO migration (number, name) VALUES (1, 'first')", []).unwrap();
    let incident = quarterdeck_core::id::IncidentId::from_bytes([5; 16]);
    let asked = |byte| {
        let page = quarterdeck_core::id::PageId::from_bytes([byte; 16]);
        format!(r#"{{"type":"page_requested.v1","page":"{page}","person":"ann"}}"#)
    };
    let texts = [r#"{"type":"opened.v1"}"#.to_owned(), asked(1), asked(2), r#"{"type":"resolved.v1"}"#.to_owned()];
    for (place, json) in (0_i64..).zip(texts) {
        let insert =
            "INSERT INTO event (place, stream, version, at_ms, json, salt, digest) VALUES (?1, ?2, ?1, 7, ?3, ?4, ?5)";
        old.execute(insert, params![place, incident.to_string(), json, [7_u8; 16], [9_u8; 32]]).unwrap();
    }
    old.execute("UPDATE event SET json = NULL, salt = NULL WHERE place = 0", []).unwrap();
    for (byte, under_way) in [(2_u8, true), (1, false), (3, false)] {
        let insert = "INSERT INTO outbox (page, incident, person, channel, address, not_before_ms, attempts, under_way)
            VALUES (?1, ?2, 'ann', 'push', 'ann@push', 60, ?3, ?3)";
        old.execute(insert, params![[byte; 16], incident.bytes(), under_way]).unwrap();
    }
    old.execute("INSERT INTO timer (incident, due_ms) VALUES (?1, 70)", [incident.bytes()]).unwrap();
}

#[tokio::test]
async fn a_file_of_the_first_version_goes_on_and_knows_what_its_outbox_holds() {
    let (_folder, path) = place();
    first_version(&path);
    let store = SqliteStore::open(&path).unwrap();
    let said =
        |row: &Outgoing| (row.delivery.id.bytes()[0], row.delivery.kind, row.decided, row.attempts, row.under_way);
    let (page, clear) =
        (quarterdeck_core::outbox::DeliveryKind::Page, quarterdeck_core::outbox::DeliveryKind::AllClear);
    let outbox = store.outbox(10).await.unwrap();
    let want = [(2, page, 2, 1, true), (1, page, 1, 0, false), (3, clear, 3, 0, false)];
    assert_eq!(outbox.iter().map(said).collect::<Vec<_>>(), want);
    assert!(outbox.iter().all(|row| row.not_before == Timestamp::from_ms(60)));
    let stream = Stream::Incident(quarterdeck_core::id::IncidentId::from_bytes([5; 16]));
    assert_eq!(store.timers_due(Timestamp::MAX, 10).await.unwrap(), [(stream, Timestamp::from_ms(70))]);
    let events = store.stream(&stream.to_string()).await.unwrap();
    assert_eq!((events.len(), &events[0].content), (4, &Content::Erased));
    store
        .append(Batch { events: vec![StoredEvent { index: 4, ..event(0, "next") }], ..Batch::default() })
        .await
        .unwrap();
    drop(store);
    assert_eq!(SqliteStore::open(&path).unwrap().outbox(10).await.unwrap(), outbox);
}

/// A file as the fourth version left it, with a signal whose index by incident is behind.
#[tokio::test]
async fn a_file_of_the_fourth_version_goes_on_with_the_signals_that_came_late() {
    let (_folder, path) = place();
    let old = rusqlite::Connection::open(&path).unwrap();
    old.pragma_update(None, "application_id", open::APPLICATION_ID).unwrap();
    old.execute_batch(open::MAKE_MIGRATION_TABLE).unwrap();
    for open::Migration { number, name, sql, .. } in open::MIGRATIONS.iter().take(4) {
        old.execute_batch(sql).unwrap();
        old.execute("INSERT INTO migration (number, name) VALUES (?1, ?2)", params![number, name]).unwrap();
    }
    let incident = quarterdeck_core::id::IncidentId::from_bytes([5; 16]);
    let insert =
        "INSERT INTO event (place, stream, version, at_ms, json, salt, digest) VALUES (?1, ?2, ?1, 7, 'x', ?3, ?4)";
    old.execute(insert, params![0, incident.to_string(), [7_u8; 16], [9_u8; 32]]).unwrap();
    let row = SignalRow { incident: Some(incident), ..signal(0) };
    old.execute("INSERT INTO signal VALUES (0, ?1, 1, ?2, 0)", params![row.id.bytes(), incident.bytes()]).unwrap();
    old.execute("INSERT INTO signal_late VALUES (?2, 0, ?1)", params![row.id.bytes(), incident.bytes()]).unwrap();
    drop(old);

    let store = SqliteStore::open(&path).unwrap();
    let next = SignalRow { incident: Some(incident), ..signal(1) };
    let event = StoredEvent { stream: incident.to_string(), ..event(1, "y") };
    store.append(Batch { events: vec![event], signals: vec![next], ..Batch::default() }).await.unwrap();
    let filter = SignalFilter { incident: Some(incident), limit: 9, ..SignalFilter::default() };
    let mut found: Vec<_> = store.signals(&filter).await.unwrap().iter().map(|found| found.row).collect();
    found.sort_unstable_by_key(|row| row.place);
    assert_eq!(found, [row, next]);
    assert_eq!(store.stream(&incident.to_string()).await.unwrap().len(), 2);
}

#[test]
fn migrations_are_numbered_without_holes_and_named_as_their_files() {
    for (place, open::Migration { number, name, .. }) in (1..).zip(open::MIGRATIONS) {
        assert_eq!(*number, place);
        let file = format!("migrations/sqlite/{number:04}_{name}.sql");
        assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).exists(), "{file}");
    }
}

/// A statement that scans a table or sorts gets slower with every day that the product runs.
#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let (_folder, path) = place();
    let opened = open::open(&path, &Limits::default()).unwrap();
    for sql in [
        read::STATEMENTS,
        append::STATEMENTS,
        claim::STATEMENTS,
        kept::STATEMENTS,
        evidence::STATEMENTS,
        tail::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    {
        let mut plan = opened.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = vec![rusqlite::types::Null; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        for step in steps.map(Result::unwrap) {
            let walks_in_order = step == "SCAN delivery" && sql.ends_with("ORDER BY seq LIMIT ?1");
            // As short as the writer keeps it, and sorted where it is asked for in order.
            let walks_the_tail = sql.contains("FROM event_indexed") && step == "USE TEMP B-TREE FOR ORDER BY";
            let good = walks_in_order || walks_the_tail || !(step.starts_with("SCAN") || step.contains("TEMP B-TREE"));
            assert!(good, "{step}: {sql}");
        }
    }
}
