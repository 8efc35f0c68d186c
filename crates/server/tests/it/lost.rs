//! A store that is behind what it signed: nothing is written on it in silence, and going on takes a word that everybody hears.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use quarterdeck_host::{clock::SystemClock, randomness::SystemIds};
use quarterdeck_ledger::verify::verify_folder;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{
    app::{self, RunError, Running, World},
    config,
    log_files::DiskFiles,
    log_key::KeyError,
};

#[cfg(feature = "postgres")]
use crate::postgres_server::Postgres;
use crate::{
    harness::KEY,
    receiver::{Receiver, SECRET},
};

/// A folder with a configuration, and who receives its pages.
struct Place {
    folder: tempfile::TempDir,
    receiver: Receiver,
}

impl Place {
    async fn new() -> Self {
        let receiver = Receiver::start(SystemClock::new()).await;
        Self { folder: tempfile::tempdir().unwrap(), receiver }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn start(&self, store: &str, accepted: Option<&str>) -> Result<Running, RunError> {
        let file = self.folder.path().join("quarterdeck.toml");
        let text = format!(
            r#"
[server]
listen = "127.0.0.1:0"
data = "data"
[store]
{store}
[[integration]]
id = "monitor"
key = "{KEY}"
signals_a_minute = 1000000000
open_incidents = 1000000000
apart = 1000000000
[response]
bundle = "never"
[[person]]
id = "ana"
contacts = [{{ channel = "hook" }}]
[channel.hook]
kind = "webhook"
url = "http://{}/hook"
secret = "{SECRET}"
[[policy]]
id = "everything"
page_at = "SEV5"
fallback = "ana"
tiers = [{{ people = ["ana"], delay = "15m" }}]
"#,
            self.receiver.address
        );
        fs::write(&file, text).unwrap();
        let clock = SystemClock::new();
        let configuration = config::load(&file, &Parts::new(clock.clone()).unwrap()).unwrap();
        let (ids, salts) = (Box::new(SystemIds), Box::new(SystemIds));
        let world = World { clock, ids, salts, signer: None, channels: BTreeMap::new() };
        app::start_accepting(configuration, world, accepted.map(str::to_owned)).await
    }

    /// Posts an alert about something else each time; its page has arrived.
    async fn alert(&self, running: &Running, title: &str) {
        let url = format!("http://{}/ingest/webhook", running.address.unwrap());
        let body = serde_json::json!({"title": title, "severity": "critical"}).to_string();
        let posted = reqwest::Client::new().post(url).bearer_auth(KEY).body(body).send().await.unwrap();
        assert_eq!(posted.status(), 200);
        assert!(self.receiver.next().await.text("title").contains(title));
    }

    /// It refuses, names both sizes and the way on, and has written nothing.
    async fn refuses(&self, store: &str, stored: u64, published: u64) {
        let before = everything_in(&self.data().join("log"));
        let error = self.start(store, None).await.err().expect("it starts");
        let RunError::Lost(lost) = &error else { panic!("{error:?}") };
        assert_eq!((lost.stored, lost.published), (stored, published), "{lost}");
        assert!(error.hint().unwrap().contains("--accept-lost-history"));
        assert_eq!(everything_in(&self.data().join("log")), before);
    }

    /// Going on is a word that the log has and people hear; the log that was published stays beside the new one.
    async fn goes_on(&self, store: &str) {
        let running = self.start(store, Some("the disk died")).await.unwrap();
        // Pages of before whose outcome was not known yet come again.
        while !self.receiver.next().await.text("title").contains("lost history") {}
        let events = running.store.events(0, usize::MAX).await.unwrap();
        let told = events.iter().filter_map(|event| event.content.json());
        assert_eq!(told.filter(|json| json.contains("audit_failed.v1") && json.contains("the disk died")).count(), 1);
        let (key, log) = (running.key.clone(), running.log_folder.clone());
        running.stop().await;
        for folder in fs::read_dir(self.data()).unwrap().map(|entry| entry.unwrap().path()) {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            if folder == log || name.starts_with("log.before-") {
                let report = verify_folder(&DiskFiles::new(&folder), Some(&key));
                assert!(report.holds(), "{name}: {report}");
            }
        }
        assert_eq!(everything_in(&self.data()).iter().filter(|path| path.ends_with("checkpoint")).count(), 2);
        self.start(store, None).await.unwrap().stop().await;
    }
}

/// Stops the program; how many events it has written.
async fn ended(running: Running) -> u64 {
    let store = running.store.clone();
    running.stop().await;
    store.size().await.unwrap()
}

fn everything_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(everything_in(&entry.path()));
        }
        found.push(entry.path().display().to_string());
    }
    found.sort();
    found
}

const SQLITE: &str = "kind = \"sqlite\"";

fn remove_database(data: &Path) {
    for name in ["quarterdeck.db", "quarterdeck.db-wal", "quarterdeck.db-shm"] {
        if data.join(name).exists() {
            fs::remove_file(data.join(name)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_deleted_database_is_not_begun_anew_in_silence() {
    let place = Place::new().await;
    let running = place.start(SQLITE, None).await.unwrap();
    place.alert(&running, "first").await;
    let size = ended(running).await;
    remove_database(&place.data());
    place.refuses(SQLITE, 0, size).await;
    place.goes_on(SQLITE).await;
}

#[tokio::test]
async fn an_older_back_up_is_refused_and_so_is_another_history_of_the_same_length() {
    let place = Place::new().await;
    let older = ended(place.start(SQLITE, None).await.unwrap()).await;
    let (database, old) = (place.data().join("quarterdeck.db"), place.folder.path().join("old.db"));
    fs::copy(&database, &old).unwrap();
    let running = place.start(SQLITE, None).await.unwrap();
    place.alert(&running, "after the back-up").await;
    let newer = ended(running).await;
    remove_database(&place.data());
    fs::copy(&old, &database).unwrap();
    place.refuses(SQLITE, older, newer).await;

    // Signed by the same key, as long as the one that was published, and another.
    let log = place.data().join("log");
    let away = place.folder.path().join("log");
    fs::rename(&log, &away).unwrap();
    let running = place.start(SQLITE, None).await.unwrap();
    place.alert(&running, "instead of it").await;
    assert_eq!(ended(running).await, newer);
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&away, &log).unwrap();
    place.refuses(SQLITE, newer, newer).await;

    // The other history becomes longer than the one that was published, while nobody publishes it.
    fs::rename(&log, &away).unwrap();
    let running = place.start(SQLITE, None).await.unwrap();
    for title in ["one", "two", "three"] {
        place.alert(&running, title).await;
    }
    let longer = ended(running).await;
    assert!(longer > newer);
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&away, &log).unwrap();
    place.refuses(SQLITE, longer, newer).await;
    place.goes_on(SQLITE).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn another_database_of_a_server_is_refused() {
    let Some(mut server) = Postgres::start("a lost history on PostgreSQL") else { return };
    let place = Place::new().await;
    let (first, second) = (server.fresh().await, server.fresh().await);
    let at = |url: &str| format!("kind = \"postgres\"\nurl = \"{url}\"");
    let running = place.start(&at(&first), None).await.unwrap();
    place.alert(&running, "first").await;
    let size = ended(running).await;
    place.refuses(&at(&second), 0, size).await;
    place.goes_on(&at(&second)).await;
}

#[tokio::test]
async fn a_missing_folder_is_made_anew_and_what_others_could_read_is_closed() {
    let place = Place::new().await;
    let running = place.start(SQLITE, None).await.unwrap();
    let (key, log) = (running.key.clone(), running.log_folder.clone());
    running.stop().await;
    fs::remove_dir_all(&log).unwrap();
    place.start(SQLITE, None).await.unwrap().stop().await;
    assert!(verify_folder(&DiskFiles::new(&log), Some(&key)).holds());
    for path in everything_in(&log) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path}: {mode:o}");
    }
    fs::set_permissions(&log, fs::Permissions::from_mode(0o755)).unwrap();
    place.start(SQLITE, None).await.unwrap().stop().await;
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_missing_key_is_not_made_anew_beside_a_log() {
    let place = Place::new().await;
    place.start(SQLITE, None).await.unwrap().stop().await;
    let key = place.data().join("log.key");
    let kept = fs::read(&key).unwrap();
    for without_database in [false, true] {
        fs::remove_file(&key).unwrap();
        if without_database {
            remove_database(&place.data());
        }
        let error = place.start(SQLITE, None).await.err().expect("it starts");
        assert!(matches!(error, RunError::Key(KeyError::Gone { .. })), "{error:?}");
        assert!(error.hint().unwrap().contains("back-up"));
        assert!(!key.exists(), "nothing was written");
        fs::write(&key, &kept).unwrap();
    }
}
