//! PostgreSQL: the promises, agreement with memory, and connections that are lost at the worst instants.

use std::{cell::Cell, net::TcpListener, path::Path, process::Command, sync::Arc};

use proptest::test_runner::{Config, TestRunner};
use quarterdeck_core::{
    id::{IncidentId, Name, PageId},
    time::Timestamp,
};
use quarterdeck_store::{Batch, OutboxPage, Store, StoreError, StoredEvent, postgres::PostgresStore};
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

/// One event, one page, one cursor; all of it tells the place and the writer.
fn batch(index: u64, writer: u8) -> Batch {
    let event = StoredEvent {
        index,
        stream: "journal".to_owned(),
        version: index,
        at: Timestamp::from_ms(0),
        content: Some((format!("{index} by {writer}"), [writer; 16])),
        digest: [writer ^ u8::try_from(index % 256).unwrap(); 32],
    };
    Batch { events: vec![event], pages: vec![page(index)], ..Batch::default() }
}

fn page(index: u64) -> OutboxPage {
    OutboxPage {
        page: PageId::digest(&[&index.to_be_bytes()]),
        incident: IncidentId::digest(&[]),
        person: Name::new("alice").unwrap(),
        channel: Name::new("sms").unwrap(),
        address: "+49 30".to_owned(),
        not_before: Timestamp::MIN,
        attempts: 0,
        under_way: false,
    }
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
    let url = server.fresh().await;
    let direct = connect(&url).await;
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
        holds(direct.as_ref(), size, 1).await;

        proxy.cut_next(cut);
        let claimed = store.claim_pages(Timestamp::MAX, 10).await.unwrap();
        assert!(proxy.has_cut(), "{cut:?}");
        let wanted = OutboxPage { attempts: 1, under_way: true, ..page(size - 1) };
        assert_eq!(claimed, vec![wanted.clone()], "{cut:?}");
        assert_eq!(direct.outbox(10).await.unwrap(), claimed, "{cut:?}");

        proxy.cut_next(cut);
        let settled = Batch { settled: vec![wanted.page], timers: vec![(wanted.incident, None)], ..Batch::default() };
        store.append(settled).await.unwrap();
        assert_eq!(direct.outbox(10).await.unwrap(), vec![], "{cut:?}");
    }
}

#[tokio::test]
async fn a_retry_does_not_take_another_writers_event_for_its_own() {
    let Some(mut server) = Postgres::start("two writers on PostgreSQL") else { return };
    let url = server.fresh().await;
    let direct = connect(&url).await;
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(folder.path(), server.folder());
    let store = connect(&url_through(folder.path(), "test_1")).await;
    store.append(batch(0, 1)).await.unwrap();
    direct.append(batch(1, 2)).await.unwrap();
    for cut in [Cut::Before, Cut::After] {
        // The cut falls on a batch without events; the one with events comes late all the same.
        proxy.cut_next(cut);
        store.append(Batch { checkpoint: Some("x".to_owned()), ..Batch::default() }).await.unwrap();
        let late = store.append(batch(1, 1)).await;
        assert!(matches!(late, Err(StoreError::Conflict { index: 1, size: 2, .. })), "{late:?}");
    }
    // Lost before its commit, and overtaken before its next try: both writers race for the place, one is refused.
    for index in 2..40 {
        proxy.cut_next(Cut::Before);
        let (ours, theirs) = tokio::join!(store.append(batch(index, 1)), direct.append(batch(index, 2)));
        assert!(ours.is_ok() != theirs.is_ok(), "{index}: {ours:?} {theirs:?}");
        let writer = if ours.is_ok() { 1 } else { 2 };
        assert_eq!(direct.events(index, 10).await.unwrap(), batch(index, writer).events);
    }
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
            let all =
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'quarterdeck'";
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
            claimed += store.claim_pages(Timestamp::MAX, 10).await.unwrap().len() as u64;
        }
        (size, claimed)
    };
    let ((size, claimed), ()) = tokio::join!(write, kill);
    assert_eq!(claimed, size, "each page was handed out once");
    holds(store.as_ref(), size, 1).await;
    let outbox = store.outbox(usize::MAX).await.unwrap();
    assert!(outbox.iter().all(|page| page.under_way && page.attempts == 1));
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
    first.expect("of two programs that start at once, both find the schema");
    second.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("INSERT INTO migration (number, name) VALUES (99, 'later')").await.unwrap();
    let error = PostgresStore::connect(&url, None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "open store test_1.public: it was written by a newer version (schema 99; this program knows 1)"
    );
    let error = PostgresStore::connect("postgres://u:secret@host/db?sslmod=require", None).await.unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("sslmod") && !text.contains("secret"), "{text}");
    let error = PostgresStore::connect(&server.url("absent"), None).await.unwrap_err();
    assert!(format!("{error:?}").contains("absent"), "{error:?}");
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
    let url = |host: &str| format!("postgres://quarterdeck@{host}:{port}/postgres?sslmode=require");
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
}
