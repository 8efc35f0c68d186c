//! PostgreSQL: the promises, agreement with memory, and connections that are lost at the worst instants.

use std::{cell::Cell, net::TcpListener, path::Path, process::Command, sync::Arc};

use proptest::test_runner::{Config, TestRunner};
use quarterdeck_core::{
    id::{DeliveryId, IncidentId, Name},
    journal::Stream,
    outbox::{Audience, Delivery, DeliveryKind},
    time::Timestamp,
};
use quarterdeck_store::{Batch, Content, Outgoing, Store, StoreError, StoredEvent, postgres::PostgresStore};
use tokio::sync::{Mutex, watch};
use tokio_postgres::SimpleQueryMessage;

use crate::{
    agreement,
    cut::{Cut, Proxy},
    postgres_server::{Postgres, url_through},
};

async fn connect(url: &str) -> Arc<dyn Store> {
    PostgresStore::connect(url, None).await.unwrap()
}

/// One event, one delivery; all of it tells the place and the writer.
fn batch(index: u64, writer: u8) -> Batch {
    let event = StoredEvent {
        index,
        stream: "journal".to_owned(),
        version: index,
        at: Timestamp::from_ms(0),
        content: Content::Whole { json: format!("{index} by {writer}"), salt: [writer; 16] },
        digest: [writer ^ u8::try_from(index % 256).unwrap(); 32],
    };
    Batch { events: vec![event], outgoing: vec![outgoing(index)], ..Batch::default() }
}

fn outgoing(index: u64) -> Outgoing {
    let to = Audience::Contact {
        person: Name::new("alice").unwrap(),
        channel: Name::new("sms").unwrap(),
        address: "+49 30".to_owned(),
    };
    let id = DeliveryId::digest(&[&index.to_be_bytes()]);
    let delivery = Delivery { id, kind: DeliveryKind::Page, incident: IncidentId::digest(&[]), to };
    Outgoing::new(delivery, index, Timestamp::MIN)
}

/// The first column of an answer.
fn rows(answer: &[SimpleQueryMessage]) -> Vec<&str> {
    let columns =
        answer.iter().map(|message| if let SimpleQueryMessage::Row(row) = message { row.get(0) } else { None });
    columns.flatten().collect()
}

/// The log holds exactly these batches, in this order.
async fn holds(store: &dyn Store, size: u64, writer: u8) {
    let events = store.events(0, usize::MAX).await.unwrap();
    let wanted: Vec<_> = (0..size).flat_map(|index| batch(index, writer).events).collect();
    assert_eq!(events, wanted);
    assert_eq!(store.size().await.unwrap(), size);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_its_promises() {
    let Some(server) = Postgres::start("promises of the PostgreSQL store") else { return };
    let server = Mutex::new(server);
    crate::conforms(async || {
        let url = server.lock().await.fresh().await;
        connect(&url).await
    })
    .await;
}

#[test]
fn postgres_answers_as_memory_does() {
    let Some(server) = Postgres::start("agreement of PostgreSQL with memory") else { return };
    let server = Mutex::new(server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 25, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&agreement::steps(true), |history| {
        runtime.block_on(async {
            let url = server.lock().await.fresh().await;
            agreement::agree(history, || connect(&url)).await
        })
    });
    result.unwrap();
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_made_once() {
    let Some(mut server) = Postgres::start("lost answers of PostgreSQL") else { return };
    server.fresh().await;
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(folder.path(), server.folder());
    let store = connect(&url_through(folder.path(), "test_1")).await;
    let mut size = 0;
    let cuts = [Cut::Before, Cut::After].into_iter().chain([Cut::During; 30]).chain([Cut::After, Cut::Before]);
    for cut in cuts {
        proxy.cut_next(cut);
        store.append(batch(size, 1)).await.unwrap();
        assert!(proxy.has_cut(), "{cut:?}");
        size += 1;
        holds(store.as_ref(), size, 1).await;

        proxy.cut_next(cut);
        let claimed = store.claim(&[outgoing(size - 1).delivery.id]).await.unwrap();
        assert!(proxy.has_cut(), "{cut:?}");
        let wanted = Outgoing { attempts: 1, under_way: true, ..outgoing(size - 1) };
        assert_eq!(claimed, vec![wanted.clone()], "{cut:?}");
        assert_eq!(store.outbox(10).await.unwrap(), claimed, "{cut:?}");

        proxy.cut_next(cut);
        let stream = Stream::Incident(wanted.delivery.incident);
        let settled = Batch { settled: vec![wanted.delivery.id], timers: vec![(stream, None)], ..Batch::default() };
        store.append(settled).await.unwrap();
        assert_eq!(store.outbox(10).await.unwrap(), vec![], "{cut:?}");
    }
}

#[tokio::test]
async fn of_two_programs_on_one_database_the_second_hears_who_has_it() {
    let Some(mut server) = Postgres::start("one writer on PostgreSQL") else { return };
    let url = server.fresh().await;
    let open = || async { Ok(PostgresStore::connect(&url, None).await? as Arc<dyn Store>) };
    quarterdeck_store::conformance::one_writer(open).await.unwrap();
}

/// Ends every session of ours, as a network that breaks does.
const END_ALL: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'quarterdeck%'";
/// The sessions that hold a lock of ours.
const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1363428171 AND granted";

fn is_in_use<T: std::fmt::Debug>(refused: &Result<T, StoreError>) {
    let Err(StoreError::InUse { place, by }) = refused else { panic!("{refused:?}") };
    assert_eq!(place, "test_1.public");
    assert!(by.starts_with(&format!("quarterdeck, process {}", std::process::id())), "{by}");
}

#[tokio::test]
async fn a_program_that_was_overtaken_writes_nothing_more_and_hears_by_whom() {
    for cut in [Cut::Before, Cut::During, Cut::After] {
        let Some(mut server) = Postgres::start("a program that is overtaken on PostgreSQL") else { return };
        let url = server.fresh().await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = Proxy::start(folder.path(), server.folder());
        let old = connect(&url_through(folder.path(), "test_1")).await;
        old.append(batch(0, 1)).await.unwrap();
        is_in_use(&PostgresStore::connect(&url, None).await);

        // Its network breaks around a commit, and heals when another program has begun to write.
        proxy.cut_next(cut);
        let overtake = async {
            while !proxy.has_cut() {
                tokio::task::yield_now().await;
            }
            proxy.lets_in(false);
            server.admin(END_ALL).await;
            let new = connect(&url).await;
            let size = new.size().await.unwrap();
            if size == 1 {
                new.append(batch(1, 2)).await.unwrap();
            }
            proxy.lets_in(true);
            (new, size)
        };
        let (late, (new, size)) = tokio::join!(old.append(batch(1, 1)), overtake);
        let writer = if size == 1 { 2 } else { 1 };
        if size == 1 {
            is_in_use(&late);
        } else {
            late.expect("it was written before it was overtaken");
        }
        assert_eq!(new.events(1, 10).await.unwrap(), batch(1, writer).events, "{cut:?}");

        is_in_use(&old.append(batch(2, 1)).await);
        is_in_use(&old.append(Batch { timers: vec![(Stream::Journal, None)], ..Batch::default() }).await);
        is_in_use(&old.append(learned(&[1])).await);
        is_in_use(&old.claim(&[outgoing(0).delivery.id]).await);
        is_in_use(&old.release(outgoing(0).delivery.id, Timestamp::MIN).await);
        is_in_use(&old.forget_signals(Timestamp::MAX).await);
        assert_eq!(old.size().await.unwrap(), 2, "it may still read");
        assert_eq!(new.claim(&[outgoing(0).delivery.id, outgoing(1).delivery.id]).await.unwrap().len(), 2);
        drop(new);
        let third = connect(&url).await;
        third.append(batch(2, 3)).await.unwrap();
        is_in_use(&old.append(batch(3, 1)).await);
    }
}

/// What detectors learned, and how far a source was read.
fn learned(bytes: &[u8]) -> Batch {
    let cursors = vec![("mainnet".to_owned(), "{}".to_owned())];
    Batch { cursors, snapshots: vec![("large-outflow".to_owned(), bytes.to_vec())], ..Batch::default() }
}

#[tokio::test]
async fn what_detectors_learned_waits_for_no_append() {
    let Some(mut server) = Postgres::start("memory of detectors beside an append on PostgreSQL") else { return };
    let url = server.fresh().await;
    let store = connect(&url).await;
    let (mut other, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);

    // Somebody holds the head of the log, as an append does until it is durable.
    let held = other.transaction().await.unwrap();
    held.execute("UPDATE log_head SET size = size WHERE sole", &[]).await.unwrap();
    let append = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.append(batch(0, 1)).await }
    });
    store.append(learned(&[7])).await.unwrap();
    assert_eq!(store.snapshot("large-outflow").await.unwrap(), Some(vec![7]));
    assert_eq!(store.size().await.unwrap(), 0, "or nobody held it, and this shows nothing");
    held.commit().await.unwrap();
    append.await.unwrap().unwrap();
    holds(store.as_ref(), 1, 1).await;
}

#[tokio::test]
async fn a_lock_whose_connection_is_lost_is_taken_again() {
    let Some(mut server) = Postgres::start("a lost lock of PostgreSQL") else { return };
    let url = server.fresh().await;
    let store = connect(&url).await;
    for index in 0..5 {
        server.admin(END_ALL).await;
        store.append(batch(index, 1)).await.unwrap();
        while rows(&server.admin(LOCKS).await) != ["1"] {
            tokio::task::yield_now().await;
        }
        is_in_use(&PostgresStore::connect(&url, None).await);
    }
    holds(store.as_ref(), 5, 1).await;
}

#[tokio::test]
async fn schemas_of_one_database_have_a_writer_each() {
    let Some(mut server) = Postgres::start("two schemas of PostgreSQL") else { return };
    let url = server.fresh().await;
    let first = connect(&url).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("CREATE SCHEMA other").await.unwrap();
    let second = connect(&format!("{url} options='-c search_path=other'")).await;
    first.append(batch(0, 1)).await.unwrap();
    second.append(batch(0, 2)).await.unwrap();
    holds(first.as_ref(), 1, 1).await;
    holds(second.as_ref(), 1, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_while_backends_are_killed() {
    const KILLS: u64 = 40;
    let Some(mut server) = Postgres::start("killed backends of PostgreSQL") else { return };
    let url = server.fresh().await;
    let store = connect(&url).await;
    let (progress, mut seen) = watch::channel(0);
    let kills = Cell::new(0);
    let kill = async {
        // A kill after every few batches, or the store would rightly give up; where it lands in the next one is left to chance.
        let mut next = 0;
        while seen.wait_for(|index| *index >= next).await.is_ok() {
            next = *seen.borrow() + 4;
            let all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'quarterdeck%'";
            kills.set(kills.get() + rows(&server.admin(all).await)[0].parse::<u64>().unwrap());
        }
    };
    let write = async {
        let progress = progress;
        let (mut size, mut claimed) = (0, 0);
        while kills.get() < KILLS {
            progress.send(size).unwrap();
            store.append(batch(size, 1)).await.unwrap();
            size += 1;
            claimed += store.claim(&[outgoing(size - 1).delivery.id]).await.unwrap().len() as u64;
        }
        (size, claimed)
    };
    let ((size, claimed), ()) = tokio::join!(write, kill);
    assert_eq!(claimed, size, "each delivery was handed out once");
    holds(store.as_ref(), size, 1).await;
    let outbox = store.outbox(usize::MAX).await.unwrap();
    assert!(outbox.iter().all(|row| row.under_way && row.attempts == 1));
}

#[tokio::test]
async fn a_server_that_restarts_is_waited_for() {
    let Some(mut server) = Postgres::start("a restart of PostgreSQL") else { return };
    let url = server.fresh().await;
    let store = connect(&url).await;
    store.append(batch(0, 1)).await.unwrap();
    server.stop();
    let (appended, ()) = tokio::join!(store.append(batch(1, 1)), async { server.run() });
    appended.unwrap();
    holds(store.as_ref(), 2, 1).await;
    server.stop();
    server.run();
    assert_eq!(store.size().await.unwrap(), 2);
    drop(store);
    holds(connect(&url).await.as_ref(), 2, 1).await;
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_and_a_bad_url_named() {
    let Some(mut server) = Postgres::start("a newer schema in PostgreSQL") else { return };
    let url = server.fresh().await;
    let (first, second) = tokio::join!(PostgresStore::connect(&url, None), PostgresStore::connect(&url, None));
    let (won, lost) = if first.is_ok() { (first, second) } else { (second, first) };
    is_in_use(&lost);
    drop(won.expect("of two programs that start at once, one gets the store"));
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("INSERT INTO migration (number, name) VALUES (99, 'later')").await.unwrap();
    let error = PostgresStore::connect(&url, None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "open store test_1.public: it was written by a newer version (schema 99; this program knows 7)"
    );
    let error = PostgresStore::connect("postgres://u:secret@host/db?sslmod=require", None).await.unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("sslmod") && !text.contains("secret"), "{text}");
    let error = PostgresStore::connect(&server.url("absent"), None).await.unwrap_err();
    assert!(format!("{error:?}").contains("absent"), "{error:?}");
}

#[tokio::test]
async fn a_database_of_the_first_version_goes_on_and_knows_what_its_outbox_holds() {
    let Some(mut server) = Postgres::start("a database of the first version of PostgreSQL") else { return };
    let url = server.fresh().await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(include_str!("../../migrations/postgres/0001_first.sql")).await.unwrap();
    let made = "CREATE TABLE migration (number integer PRIMARY KEY, name text NOT NULL, applied timestamptz NOT NULL DEFAULT now());
        INSERT INTO migration (number, name) VALUES (1, 'first'); UPDATE log_head SET size = 3";
    client.batch_execute(made).await.unwrap();
    let incident = IncidentId::from_bytes([5; 16]);
    let page = quarterdeck_core::id::PageId::from_bytes([1; 16]);
    let asked = format!(r#"{{"type":"page_requested.v1","page":"{page}","person":"ann"}}"#);
    for (place, json) in (0_i64..).zip(["{}", &asked, r#"{"type":"merged_into.v1"}"#]) {
        let insert =
            "INSERT INTO event (place, stream, version, at_ms, json, salt, digest) VALUES ($1, $2, $1, 7, $3, $4, $5)";
        let (salt, digest) = ([7_u8; 16].as_slice(), [9_u8; 32].as_slice());
        client.execute(insert, &[&place, &incident.to_string(), &json, &salt, &digest]).await.unwrap();
    }
    for (byte, under_way) in [(2_u8, false), (1, true)] {
        let insert = "INSERT INTO outbox (page, incident, person, channel, address, not_before_ms, attempts, under_way)
            VALUES ($1, $2, 'ann', 'push', 'ann@push', 60, 1, $3)";
        let (id, incident) = ([byte; 16], incident.bytes().as_slice());
        client.execute(insert, &[&id.as_slice(), &incident, &under_way]).await.unwrap();
    }
    client
        .execute("INSERT INTO timer (incident, due_ms) VALUES ($1, 70)", &[&incident.bytes().as_slice()])
        .await
        .unwrap();

    let store = connect(&url).await;
    let said = |row: &Outgoing| (row.delivery.id.bytes()[0], row.delivery.kind, row.decided, row.under_way);
    let outbox: Vec<_> = store.outbox(10).await.unwrap().iter().map(said).collect();
    assert_eq!(outbox, [(2, DeliveryKind::AllClear, 2, false), (1, DeliveryKind::Page, 1, true)]);
    let timers = store.timers_due(Timestamp::MAX, 10).await.unwrap();
    assert_eq!(timers, [(Stream::Incident(incident), Timestamp::from_ms(70))]);
    let event = StoredEvent { index: 3, ..batch(0, 1).events.remove(0) };
    store.append(Batch { events: vec![event], ..Batch::default() }).await.unwrap();
}

/// Makes a certificate authority's file and a server's key and certificate; false where `openssl` is missing.
fn make_certificate(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:false", "-keyout", "server.key", "-out", "server.crt"])
        .current_dir(folder)
        .output();
    made.is_ok_and(|made| made.status.success())
}

#[tokio::test]
async fn a_connection_is_encrypted_and_the_server_verified_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    if !make_certificate(folder.path()) {
        eprintln!("left out: encryption to PostgreSQL (no openssl to make a certificate)");
        return;
    }
    let Some(mut server) = Postgres::start("encryption to PostgreSQL") else { return };
    server.stop();
    for name in ["server.key", "server.crt"] {
        server.give(&folder.path().join(name));
    }
    // Free a moment ago; a neighbour that takes it meanwhile fails the test, and says so.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    server.listen(port);
    for setting in ["ssl=on", "ssl_cert_file={folder}/server.crt", "ssl_key_file={folder}/server.key"] {
        server.set(setting);
    }
    server.run();
    let with = |host: &str, mode: &str| format!("postgres://quarterdeck@{host}:{port}/postgres{mode}");
    let url = |host: &str| with(host, "?sslmode=verify-full");
    let trusted = folder.path().join("server.crt");
    let store = PostgresStore::connect(&url("localhost"), Some(&trusted)).await.unwrap();
    store.append(batch(0, 1)).await.unwrap();
    let ssl = server
        .admin("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'quarterdeck'");
    assert_eq!(rows(&ssl.await), ["t"]);
    for (host, authorities) in [("localhost", None), ("127.0.0.1", Some(trusted.as_path()))] {
        let error = PostgresStore::connect(&url(host), authorities).await.unwrap_err();
        assert!(format!("{error:?}").contains("InvalidCertificate"), "{host}: {error:?}");
    }
    drop(store);
    // Each word of libpq: what it promises, and no less.
    for (host, mode, authorities, encrypted) in [
        ("localhost", "?sslmode=require", Some(trusted.as_path()), Some("t")),
        ("localhost", "?sslmode=require", None, None),
        ("127.0.0.1", "?sslmode=verify-ca", Some(trusted.as_path()), Some("t")),
        ("127.0.0.1", "?sslmode=verify-ca", None, None),
        ("127.0.0.1", "?sslmode=prefer", None, Some("t")),
        ("127.0.0.1", "", None, Some("t")),
        ("127.0.0.1", "?sslmode=disable", None, Some("f")),
    ] {
        let connected = PostgresStore::connect(&with(host, mode), authorities).await;
        assert_eq!(connected.is_ok(), encrypted.is_some(), "{host}{mode}: {connected:?}");
        let Some(encrypted) = encrypted else { continue };
        let ssl = server.admin(
            "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'quarterdeck'",
        );
        assert_eq!(rows(&ssl.await), [encrypted], "{host}{mode}");
        drop(connected);
        server
            .admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'quarterdeck%'")
            .await;
    }
}
