//! `quarterdeck backup` while alerts come in, and what stands in its place: what was acknowledged before is in it, it verifies, a
//! program starts on it, and one that is behind what was signed is not started on in silence.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use tempfile::TempDir;

use crate::served::{Served, ask};

const VIEWER: &str = "viewer-token-0123456789";
const KEY: &str = "key-of-the-monitor-0123456789";

/// A folder with a configuration for each data folder in it.
struct House(TempDir);

impl House {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The configuration of a program that keeps what it keeps in this folder.
    fn configuration(&self, data: &str) -> PathBuf {
        let file = self.path(&format!("{data}.toml"));
        let text = format!(
            r#"
[server]
listen = "127.0.0.1:0"
data = "{data}"
[[token]]
name = "viewer"
role = "viewer"
token = "{VIEWER}"
[[integration]]
id = "monitor"
key = "{KEY}"
[[person]]
id = "bo"
contacts = [{{ channel = "hook" }}]
[channel.hook]
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "env:NOT_SET_WHERE_A_BACK_UP_IS_MADE"
[[policy]]
id = "everything"
tiers = [{{ people = ["bo"], delay = "15m" }}]
fallback = "bo"
"#
        );
        fs::write(&file, text).unwrap();
        file
    }

    fn serve(&self, data: &str) -> Served {
        let secret = [("NOT_SET_WHERE_A_BACK_UP_IS_MADE", "0123456789abcdef0123456789abcdef")];
        Served::start_with(&self.configuration(data), &secret)
    }
}

/// What `quarterdeck` says: its code, and both its outputs.
fn quarterdeck(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_quarterdeck")).args(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Posts an alert after the other until it is told to stop, and counts those that were acknowledged.
struct Monitor {
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    posting: JoinHandle<()>,
}

impl Monitor {
    fn start(address: String) -> Self {
        let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, stopped) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        let posting = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let nth = counted.load(Ordering::SeqCst);
                let body = format!("{{\"title\": \"quiet {nth}.\", \"severity\": \"info\"}}");
                assert_eq!(ask(&address, "POST", "/ingest/webhook", KEY, &body).unwrap().0, 200);
                counted.store(nth + 1, Ordering::SeqCst);
            }
        });
        Self { acknowledged, stop, posting }
    }

    /// Waits until so many were acknowledged.
    fn reaches(&self, count: u64) {
        while self.acknowledged() < count {
            assert!(!self.posting.is_finished(), "the monitor was refused");
            std::thread::yield_now();
        }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.posting.join().unwrap();
        self.acknowledged.load(Ordering::SeqCst)
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What others may do with anything in there.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(open_to_others(&path));
        }
        if mode(&path) & 0o077 != 0 {
            found.push(path);
        }
    }
    found
}

/// All that is on the list of signals, page by page.
fn all_signals(address: &str) -> String {
    let (mut all, mut before) = (String::new(), String::new());
    loop {
        let (status, page) = ask(address, "GET", &format!("/api/v1/signals?limit=1000{before}"), VIEWER, "").unwrap();
        assert_eq!(status, 200);
        let list: serde_json::Value = serde_json::from_str(&page).unwrap();
        all.push_str(&page);
        let Some(oldest) = list.as_array().and_then(|page| page.last()) else { return all };
        before =
            format!("&before={}&before_id={}", oldest["observed"].as_str().unwrap(), oldest["id"].as_str().unwrap());
    }
}

/// Waits until the folder has been published to.
fn published(data: &Path) -> PathBuf {
    let checkpoint = data.join("log").join("checkpoint");
    while !checkpoint.exists() {
        std::thread::yield_now();
    }
    checkpoint
}

#[test]
fn a_back_up_made_while_alerts_come_in_has_all_that_was_acknowledged_and_a_program_starts_on_it() {
    let house = House::new();
    let mut served = house.serve("data");
    let monitor = Monitor::start(served.address());
    monitor.reaches(40);
    let kept = house.path("kept");
    fs::copy(published(&house.path("data")), &kept).unwrap();
    let before = monitor.acknowledged();
    let (to, config) = (house.path("backup"), house.configuration("data"));
    let said = quarterdeck(&["backup", "--config", text(&config), text(&to), "--with-key"]);
    assert_eq!(said.0, Some(0), "{said:?}");
    assert!(said.1.contains("verified: it holds all that was published"), "{said:?}");
    assert!(said.2.contains("warning: `log.key` is in it"), "{said:?}");
    assert_eq!(open_to_others(&to), [] as [PathBuf; 0]);
    monitor.reaches(before + 40);
    let without = house.path("without");
    let said = quarterdeck(&["backup", "--config", text(&config), text(&without), "--json"]);
    assert!(said.0 == Some(0) && said.1.contains("\"verified\": true") && said.2.contains("keep a copy"), "{said:?}");
    assert!(to.join("log.key").exists() && !without.join("log.key").exists());
    assert!(monitor.stop() > before + 40);
    served.stop();

    // Verified by itself and by what was kept, started on, and written on.
    let restored = house.path("restored");
    copy_all(&to, &restored);
    let verify = |after: &Path| {
        let said = quarterdeck(&["verify", text(&restored.join("log")), "--after", text(after)]);
        assert_eq!(said.0, Some(0), "{said:?}");
    };
    verify(&kept);
    let mut served = house.serve("restored");
    let address = served.address();
    let signals = all_signals(&address);
    let missing: Vec<u64> = (0..before).filter(|nth| !signals.contains(&format!("\"quiet {nth}.\""))).collect();
    assert_eq!(missing, [] as [u64; 0], "acknowledged before the back-up began");
    let more = "{\"title\": \"after it\", \"severity\": \"info\"}";
    assert_eq!(ask(&address, "POST", "/ingest/webhook", KEY, more).unwrap().0, 200);
    served.stop();
    verify(&kept);
    verify(&to.join("log").join("checkpoint"));

    // Beside the log that was published since it is too old.
    fs::remove_dir_all(restored.join("log")).unwrap();
    copy_all(&house.path("data").join("log"), &restored.join("log"));
    let (code, said) = house.serve("restored").ended();
    assert!(code == Some(1) && said.contains("was signed for") && said.contains("--accept-lost-history"), "{said}");
}

#[test]
fn a_write_ahead_log_that_is_lost_after_a_kill_is_told_with_both_sizes_and_what_to_do() {
    let house = House::new();
    let mut served = house.serve("data");
    let monitor = Monitor::start(served.address());
    monitor.reaches(20);
    let data = house.path("data");
    published(&data);
    monitor.stop();
    served.kill();
    for name in ["quarterdeck.db-wal", "quarterdeck.db-shm"] {
        fs::remove_file(data.join(name)).unwrap();
    }
    let checkpoint = fs::read_to_string(data.join("log").join("checkpoint")).unwrap();
    let signed = checkpoint.lines().nth(1).unwrap();
    let (code, said) = house.serve("data").ended();
    assert_eq!(code, Some(1), "{said}");
    for wanted in
        ["the store has ", &format!("was signed for {signed}"), "missing", "--accept-lost-history", "Put the newer"]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(fs::read_to_string(data.join("log").join("checkpoint")).unwrap(), checkpoint, "nothing was signed");
}

#[test]
fn what_cannot_be_backed_up_is_told_and_leaves_nothing_behind() {
    let house = House::new();
    let config = house.configuration("data");
    let refused = |config: &Path, to: &Path, code: i32, wanted: &[&str]| {
        let (found, out, said) = quarterdeck(&["backup", "--config", text(config), text(to)]);
        assert_eq!((found, out.as_str()), (Some(code), ""), "{said}");
        for wanted in wanted {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
    };
    let to = house.path("backup");
    refused(&config, &to, 2, &["there is no database `", "hint: "]);
    assert!(!to.exists());
    refused(&house.path("missing.toml"), &to, 2, &["missing.toml"]);

    let mut served = house.serve("data");
    let monitor = Monitor::start(served.address());
    monitor.reaches(3);
    monitor.stop();
    served.stop();
    fs::create_dir(&to).unwrap();
    fs::write(to.join("note"), "mine").unwrap();
    refused(&config, &to, 2, &["is not empty", "hint: "]);
    fs::remove_file(to.join("note")).unwrap();

    // Without the key its files cannot be checked, and half of it must not look like one.
    fs::rename(house.path("data").join("log.key"), house.path("log.key")).unwrap();
    refused(&config, &to, 1, &["no back-up was made", "log.key` is missing"]);
    assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
    fs::rename(house.path("log.key"), house.path("data").join("log.key")).unwrap();

    for (kind, wanted) in [("postgres", "pg_dump"), ("memory", "nothing is kept"), ("oracle", "want sqlite")] {
        let file = house.path("other.toml");
        let url = if kind == "postgres" { "url = \"host=/nowhere\"\n" } else { "" };
        fs::write(&file, format!("[store]\nkind = \"{kind}\"\n{url}")).unwrap();
        refused(&file, &to, 2, &[wanted]);
    }
    refused(&config, Path::new("/proc/nowhere/backup"), 1, &["/proc/nowhere"]);
}
