//! How fast a log grows, is published and is verified on this machine, on one core:
//! `cargo run --release -p quarterdeck-ledger --example verify_speed -- 1000000`

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a measurement reads the clock and prints"
)]

use std::{collections::BTreeMap, time::Instant};

use quarterdeck_ledger::{
    checkpoint::sign_checkpoint,
    folder::{Body, Sealed, files_for, first_needed},
    hash::Hash,
    leaf::Entry,
    note::SignerKey,
    tree::{Frontier, Tree},
    verify::verify_folder,
};

/// Bytes of a body: a page or an acknowledgement as the engine stores it.
const BODY_BYTES: usize = 300;
/// Entries sealed and published at a time.
const STEP: u64 = 1 << 14;

fn main() {
    let size: u64 = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().unwrap());
    grow(size);
    let signer = SignerKey::from_seed("speed.example/log", &[1; 32]).unwrap();
    let mut folder = BTreeMap::from([("log.vkey".to_owned(), format!("{}\n", signer.verifier()).into_bytes())]);
    let (mut tree, mut from) = (Tree::new(), 0);
    let (mut sealing, mut publishing) = (0.0, 0.0);
    while from < size {
        // A step ends at a full slice, so the next one needs no entry of this one.
        let to = size.min(from + STEP);
        let begin = Instant::now();
        let sealed: Vec<Sealed> = (first_needed(from)..to).map(event).collect();
        tree.extend(sealed.iter().map(|sealed| sealed.entry.leaf_hash()));
        sealing += begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        folder.extend(files_for(&tree, from, to, &sealed).unwrap());
        publishing += begin.elapsed().as_secs_f64();
        from = to;
    }
    let head = sign_checkpoint(size, &tree.root(), &signer).unwrap();
    folder.insert("checkpoint".to_owned(), head.into_bytes());
    say("seal and append", size, sealing);
    say("write the folder", size, publishing);
    let begin = Instant::now();
    let report = verify_folder(&folder, Some(signer.verifier()));
    say("verify the folder", size, begin.elapsed().as_secs_f64());
    assert!(report.holds());
    println!("{report}");
}

/// Leaf hashes into a frontier, and the root at the end.
fn grow(size: u64) {
    let leaf = Hash::of_leaf(b"");
    let begin = Instant::now();
    let mut frontier = Frontier::new();
    for _ in 0..size {
        frontier.append(leaf);
    }
    assert_ne!(frontier.root(), Hash::EMPTY_ROOT);
    say("append hashes and take the root", size, begin.elapsed().as_secs_f64());
}

fn event(index: u64) -> Sealed {
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&index.to_be_bytes());
    let mut bytes = format!("{{\"event\":{index},\"note\":\"").into_bytes();
    bytes.resize(BODY_BYTES, b'x');
    let stream = format!("incident/inc_{}", index / 50);
    let entry = Entry::seal(&stream, index % 50, "2026-11-20T22:33:00.123Z", &salt, &bytes).unwrap();
    Sealed { entry, body: Body::Kept { salt, bytes } }
}

fn say(what: &str, entries: u64, seconds: f64) {
    println!("{what}: {seconds:.2} s, {:.0} entries a second", entries as f64 / seconds);
}
