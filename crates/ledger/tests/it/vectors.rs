//! Vectors that others wrote: proofs of transparency-dev/merkle (most must fail) and a whole small log of tessera.
//! The data is not part of this repository; see `data` below for where it is looked for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use quarterdeck_ledger::{
    checkpoint::Checkpoint,
    hash::Hash,
    note::VerifierKey,
    proof::{verify_consistency, verify_inclusion},
    tiles::{FileKind, decode_bundle},
    tree::{Tree, consistency_proof, root_at},
    verify::{Contents, verify_folder, verify_folder_after},
};
use serde::Deserialize;

use crate::world::Folder;

const TESSERA_KEY: &str = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

/// The folder of vectors, or nothing (said aloud) where it is missing; on CI it must be there.
fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var("QUARTERDECK_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let folder = root.join("ledger-vectors").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no vectors at {}", folder.display());
    println!("left out: no vectors at {}", folder.display());
    None
}

fn files_below(folder: &PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn bytes(base64: &str) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.decode(base64).unwrap()
}

/// This vector must hold, yet its equal roots are twelve bytes of text; what it is about is the rule for equal sizes.
const ROOTS_ARE_TEXT: &str = "sizes-are-equal-one-and-proof-is-empty.json";

/// A hash of a vector; one that is not 32 bytes does not become a [`Hash`], which is how it is refused.
fn hash(base64: Option<&String>) -> Option<Hash> {
    Hash::try_from(bytes(base64.map_or("", String::as_str)).as_slice()).ok()
}
fn hashes(proof: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    proof.into_iter().flatten().map(|text| hash(Some(text))).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionCase {
    leaf_idx: u64,
    tree_size: u64,
    root: Option<String>,
    leaf_hash: Option<String>,
    proof: Option<Vec<String>>,
    want_err: bool,
}
impl InclusionCase {
    fn holds(&self) -> bool {
        let (Some(leaf), Some(root), Some(proof)) =
            (hash(self.leaf_hash.as_ref()), hash(self.root.as_ref()), hashes(self.proof.as_ref()))
        else {
            return false;
        };
        verify_inclusion(&leaf, self.leaf_idx, self.tree_size, &proof, &root).is_ok()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConsistencyCase {
    size1: u64,
    size2: u64,
    root1: Option<String>,
    root2: Option<String>,
    proof: Option<Vec<String>>,
    want_err: bool,
}
impl ConsistencyCase {
    fn holds(&self) -> bool {
        let (Some(old), Some(new), Some(proof)) =
            (hash(self.root1.as_ref()), hash(self.root2.as_ref()), hashes(self.proof.as_ref()))
        else {
            return false;
        };
        verify_consistency(self.size1, &old, self.size2, &new, &proof).is_ok()
    }
}

#[test]
fn inclusion_proofs_of_others() {
    let Some(folder) = data("inclusion") else { return };
    let (mut held, mut refused) = (0, 0);
    for path in files_below(&folder) {
        let case: InclusionCase = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(case.holds(), !case.want_err, "{}", path.display());
        if case.want_err { refused += 1 } else { held += 1 }
    }
    println!("inclusion: {held} held, {refused} refused");
    assert!(held > 0 && refused > 0);
}

#[test]
fn consistency_proofs_of_others() {
    let Some(folder) = data("consistency") else { return };
    let (mut held, mut refused) = (0, 0);
    for path in files_below(&folder) {
        let mut case: ConsistencyCase = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        if path.ends_with(ROOTS_ARE_TEXT) {
            assert!(!case.holds(), "roots that are not 32 bytes");
            let stand_in = |root: &Option<String>| Some(Hash::of_leaf(&bytes(root.as_deref().unwrap())).to_string());
            (case.root1, case.root2) = (stand_in(&case.root1), stand_in(&case.root2));
        }
        assert_eq!(case.holds(), !case.want_err, "{}", path.display());
        if case.want_err { refused += 1 } else { held += 1 }
    }
    println!("consistency: {held} held, {refused} refused");
    assert!(held > 0 && refused > 0);
}

/// Every checkpoint of a log that another program wrote: signature, root from the entries, consistency with the one before.
#[test]
fn a_small_log_that_another_program_wrote() {
    let Some(folder) = data("tessera-log") else { return };
    let key: VerifierKey = TESSERA_KEY.parse().unwrap();
    let bundle = fs::read(folder.join("tile/entries/000.p/15")).unwrap();
    let tree: Tree = decode_bundle(&bundle).map(|entry| Hash::of_leaf(entry.unwrap().1)).collect();
    assert_eq!(tree.size(), 15);
    let mut earlier: Option<Checkpoint> = None;
    for size in 0..=15 {
        let note = fs::read(folder.join(format!("checkpoint.{size}"))).unwrap();
        let checkpoint = Checkpoint::open(&note, &key).unwrap();
        assert_eq!(checkpoint.size(), size);
        assert_eq!(root_at(&tree, size).unwrap(), checkpoint.root());
        if let Some(old) = earlier.filter(|old| old.size() > 0) {
            let proof = consistency_proof(&tree, old.size(), size).unwrap();
            assert_eq!(verify_consistency(old.size(), &old.root(), size, &checkpoint.root(), &proof), Ok(()));
        }
        earlier = Some(checkpoint);
    }
}

/// That log as it lay in its folder when it had this size: its own state files and later sizes left aside.
fn tessera_folder(root: &Path, size: u64) -> Folder {
    let mut folder = Folder::new();
    for path in files_below(&root.join("tile")) {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if FileKind::of_path(&name).unwrap().slice().unwrap().end() <= size {
            folder.insert(name, fs::read(path).unwrap());
        }
    }
    folder.insert("checkpoint".into(), fs::read(root.join(format!("checkpoint.{size}"))).unwrap());
    folder
}

#[test]
fn a_folder_that_another_program_wrote_verifies_at_every_size() {
    let Some(root) = data("tessera-log") else { return };
    let key: VerifierKey = TESSERA_KEY.parse().unwrap();
    let mut known = Vec::new();
    for size in 0..=15 {
        let folder = tessera_folder(&root, size);
        let report = verify_folder_after(&folder, Some(&key), &known);
        assert!(report.holds(), "{report}");
        assert_eq!((report.size(), report.checked.entries), (size, size));
        assert_eq!(report.checked.files, 1 + 2 * size, "every partial tile and bundle up to this size was read");
        assert_eq!(report.contents, if size == 0 { Contents::EntriesOnly } else { Contents::Foreign });
        known.push(report.head.unwrap());
    }
}

#[test]
fn one_flipped_bit_in_that_folder_is_found_and_located() {
    let Some(root) = data("tessera-log") else { return };
    let key: VerifierKey = TESSERA_KEY.parse().unwrap();
    let untouched = tessera_folder(&root, 15);
    for (path, bytes) in &untouched {
        for byte in 0..bytes.len() {
            let mut damaged = untouched.clone();
            damaged.get_mut(path).unwrap()[byte] ^= 1 << (byte % 8);
            let report = verify_folder(&damaged, Some(&key));
            assert!(!report.holds(), "{path} byte {byte}");
            assert!(report.findings.iter().all(|finding| finding.file == *path), "{path} byte {byte}\n{report}");
        }
    }
}
