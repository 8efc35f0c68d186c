//! `quarterdeck verify` as a person types it: what is no log is told in a sentence, nothing hangs, and a log that was set back is
//! found by a checkpoint that somebody kept.

#![expect(clippy::disallowed_methods, reason = "how long another program takes is what is asked here")]

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use quarterdeck_ledger::{
    checkpoint::sign_checkpoint,
    folder::{Body, Sealed, files_for, first_needed},
    leaf::Entry,
    note::SignerKey,
    tree::{Tree, root_at},
};

/// Nothing that is asked here takes a second; a machine that builds beside it may take many.
const PATIENCE: Duration = Duration::from_mins(1);

fn signer(seed: u8) -> SignerKey {
    SignerKey::from_seed("ops.example/log", &[seed; 32]).unwrap()
}

/// A log published at each of these sizes, by the key of this seed; `word` is what its events say.
fn publish(log: &Path, sizes: &[u64], seed: u8, word: &str) {
    let event = |version| {
        let at = "2026-11-20T22:33:00.123Z";
        let entry = Entry::seal("incident/inc_1", version, at, &[1; 16], word.as_bytes()).unwrap();
        Sealed { entry, body: Body::Kept { salt: [1; 16], bytes: word.as_bytes().to_vec() } }
    };
    let all: Vec<Sealed> = (0..*sizes.last().unwrap()).map(event).collect();
    let tree: Tree = all.iter().map(|sealed| sealed.entry.leaf_hash()).collect();
    let write = |path: &str, bytes: &[u8]| {
        let path = log.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("log.vkey", format!("{}\n", signer(seed).verifier()).as_bytes());
    let mut from = 0;
    for to in sizes {
        let needed = usize::try_from(first_needed(from)).unwrap()..usize::try_from(*to).unwrap();
        for (path, bytes) in files_for(&tree, from, *to, &all[needed]).unwrap() {
            write(&path, &bytes);
        }
        let head = sign_checkpoint(*to, &root_at(&tree, *to).unwrap(), &signer(seed)).unwrap();
        write("checkpoint", head.as_bytes());
        from = *to;
    }
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// What `quarterdeck verify` says, in this folder; fails if it says nothing for a minute.
fn verify(folder: &Path, args: &[&str]) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .arg("verify")
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    });
    let begun = Instant::now();
    let code = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.code().unwrap(),
            None if begun.elapsed() > PATIENCE => {
                child.kill().unwrap();
                panic!("verify {args:?} hangs");
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let mut text = String::new();
    err.read_to_string(&mut text).unwrap();
    Said { code, out: read.join().unwrap(), err: text }
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_log_that_was_set_back_is_found_by_a_kept_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    publish(&at("now"), &[3, 300], 1, "said");
    publish(&at("back"), &[3], 1, "said");
    publish(&at("rewritten"), &[300], 1, "never said");
    publish(&at("anew"), &[300], 2, "said");
    fs::copy(at("now/checkpoint"), at("kept")).unwrap();
    fs::copy(at("back/checkpoint"), at("older")).unwrap();

    // Without what was kept, each of them looks sound.
    for log in ["now", "back", "rewritten", "anew"] {
        let said = verify(folder.path(), &[log]);
        assert_eq!((said.code, said.out.contains(" holds: ")), (0, true), "{log}: {}", said.out);
        assert!(said.err.contains("--after"), "{}", said.err);
    }
    let said = verify(folder.path(), &["now", "--after", "older", "--after", "kept"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains("it extends 2 checkpoints that were kept") && said.err.is_empty(), "{}", said.out);

    for (log, what) in [
        ("back", "kept: set back: the log has 3 leaves, this checkpoint of it has 300"),
        ("rewritten", "kept: rewritten: the first 300 leaves have root "),
        ("anew", "kept: this log's key did not sign this checkpoint: no trusted key signed the note"),
    ] {
        let said = verify(folder.path(), &[log, "--after", "kept"]);
        assert_eq!(said.code, 1, "{log}: {}", said.out);
        assert!(said.out.starts_with(what) && said.out.contains("DOES NOT HOLD"), "{log}: {}", said.out);
    }
    let said = verify(folder.path(), &["back", "--after", "kept", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((told["verified"].as_bool(), told["after"][0]["size"].as_u64()), (Some(false), Some(300)));
}

#[test]
fn what_is_no_checkpoint_or_no_key_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    publish(&at("log"), &[3], 1, "said");
    fs::write(at("words"), "no checkpoint\n").unwrap();
    pipe(&at("pipe"));
    for (args, what) in [
        (["log", "--after", "missing"], "read `missing`: No such file"),
        (["log", "--after", "words"], "`words` is no checkpoint: the note has no signature lines"),
        (["log", "--after", "pipe"], "read `pipe`: it is a pipe, no regular file"),
        (["log", "--after", "/dev/zero"], "read `/dev/zero`: it is a device, no regular file"),
        (["log", "--key", "/dev/zero"], "read `/dev/zero`: it is a device, no regular file"),
        (["log", "--key", "words"], "the key in `words`: "),
        (["log", "--key", "missing"], "`missing` is no file, and as a key: "),
    ] {
        let said = verify(folder.path(), &args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
        assert!(said.err.contains(what), "{args:?}: {}", said.err);
    }
}

#[test]
fn what_is_no_log_is_told_in_a_sentence_with_where_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    publish(&at("data/log"), &[3], 1, "said");
    fs::create_dir_all(at("elsewhere")).unwrap();
    for number in 0..2_000 {
        fs::write(at("elsewhere").join(number.to_string()), "x").unwrap();
    }
    pipe(&at("pipe"));
    for (path, what, hint) in [
        ("elsewhere", "`elsewhere` is no log: ", "give the folder that holds `checkpoint`"),
        ("data", "`data` is no log: ", "a log is in `data/log`"),
        (".", "`.` is no log: ", "a log is in `./data/log`"),
        ("data/log/tile", "`data/log/tile` is no log: ", "a log is in `data/log`"),
        ("data/log/checkpoint", "`data/log/checkpoint` is one file of a log", "a log is in `data/log`"),
        ("missing", "there is nothing at `missing`", ""),
        ("pipe", "read `pipe`: it is a pipe, no regular file", ""),
        ("/dev/zero", "read `/dev/zero`: it is a device, no regular file", ""),
    ] {
        let said = verify(folder.path(), &[path]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{path}: {}", said.err);
        assert!(said.err.contains(what) && said.err.contains(hint), "{path}: {}", said.err);
        assert!(said.err.lines().count() <= 2, "{path}: {}", said.err);
    }
}

#[test]
fn a_pipe_in_the_folder_and_a_thousand_strange_files_are_findings() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    publish(&log, &[3], 1, "said");
    fs::remove_file(log.join("tile/entries/000.p/3")).unwrap();
    pipe(&log.join("tile/entries/000.p/3"));
    let said = verify(folder.path(), &["log"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("it is a pipe, no regular file"), "{}", said.out);

    let log = folder.path().join("other");
    publish(&log, &[3], 1, "said");
    for number in 0..1_500 {
        fs::write(log.join(number.to_string()), "x").unwrap();
    }
    fs::write(log.join("0\nlog of ours holds"), "x").unwrap();
    let said = verify(folder.path(), &["other"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("\nand 1481 more findings\n"), "{}", said.out);
    assert!(!said.out.lines().any(|line| line.starts_with("log of ours")), "{}", said.out);
    assert!(said.out.lines().count() < 30, "{}", said.out);
}
