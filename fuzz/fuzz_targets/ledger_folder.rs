//! A log folder that somebody meddled with: it is judged, whatever was done to it, and what holds has the root that was signed.
//!
//! The bytes say what is done to a good folder: again and again a file, what happens to it, where, and the bytes that are put there.

#![no_main]

use std::{collections::BTreeMap, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use quarterdeck_ledger::{
    checkpoint::sign_checkpoint,
    folder::{Body, Sealed, files_for},
    leaf::Entry,
    note::SignerKey,
    tree::Tree,
    verify::verify_folder,
};

/// Entries: two slices of the lowest level, the second partial, and with them a tile above.
const ENTRIES: u64 = 300;

type Folder = BTreeMap<String, Vec<u8>>;

fn good() -> &'static (Folder, SignerKey) {
    static GOOD: OnceLock<(Folder, SignerKey)> = OnceLock::new();
    GOOD.get_or_init(|| {
        let signer = SignerKey::from_seed("fuzz.invalid/log", &[7; 32]).expect("a key");
        let sealed: Vec<Sealed> = (0..ENTRIES).map(sealed).collect();
        let mut tree = Tree::new();
        tree.extend(sealed.iter().map(|one| one.entry.leaf_hash()));
        let mut folder: Folder = files_for(&tree, 0, ENTRIES, &sealed).expect("files").into_iter().collect();
        folder.insert("log.vkey".to_owned(), format!("{}\n", signer.verifier()).into_bytes());
        let head = sign_checkpoint(ENTRIES, &tree.root(), &signer).expect("a head");
        folder.insert("checkpoint".to_owned(), head.into_bytes());
        assert!(verify_folder(&folder, Some(signer.verifier())).holds());
        (folder, signer)
    })
}

fn sealed(index: u64) -> Sealed {
    let (salt, bytes) = ([index.to_be_bytes()[7]; 16], format!("{{\"event\":{index}}}").into_bytes());
    let at = "2026-11-20T22:33:00.123Z";
    let entry = Entry::seal("journal", index, at, &salt, &bytes).expect("an entry");
    Sealed { entry, body: Body::Kept { salt, bytes } }
}

/// Does what the bytes say; none: they are at their end.
fn meddle(folder: &mut Folder, rest: &mut &[u8]) -> Option<()> {
    let (head, after) = rest.split_first_chunk::<5>()?;
    let [file, what, high, low, length] = *head;
    let (bytes, after) = after.split_at(after.len().min(length.into()));
    *rest = after;
    let path = folder.keys().nth(usize::from(file) % folder.len().max(1))?.clone();
    let at = usize::from(u16::from_be_bytes([high, low]));
    let content = folder.get_mut(&path)?;
    let at = at.min(content.len());
    match what % 5 {
        0 => content.iter_mut().skip(at).zip(bytes).for_each(|(there, byte)| *there = *byte),
        1 => drop(content.splice(at..at, bytes.iter().copied())),
        2 => content.truncate(at),
        3 => drop(folder.remove(&path)),
        _ => drop(folder.insert(String::from_utf8_lossy(bytes).into_owned(), Vec::new())),
    }
    Some(())
}

fuzz_target!(|data: &[u8]| {
    let (folder, signer) = good();
    let (mut meddled, mut rest) = (folder.clone(), data);
    while meddle(&mut meddled, &mut rest).is_some() {}
    let report = verify_folder(&meddled, Some(signer.verifier()));
    assert!(!report.to_string().is_empty());
    if report.holds() {
        assert_eq!(report.size(), ENTRIES, "only one head was ever signed");
    }
});
