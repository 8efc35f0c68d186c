//! One flipped bit anywhere in a log folder is found and located; so are cut, swapped, missing and added files, a log set
//! back, a rewritten history and a log with two faces. An erased body is none of these.

use quarterdeck_ledger::{
    checkpoint::{Checkpoint, sign_checkpoint},
    folder::{Body, erase},
    hash::Hash,
    leaf::Entry,
    tiles::FileKind,
    verify::{Ahead, Contents, KeySource, Report, What, verify_folder, verify_folder_after},
};

use crate::world::{Folder, World, signer};

/// 300 entries: a full slice of 256 and a partial one; older checkpoints at 100 and 260 left partial files behind.
fn folder() -> Folder {
    World::new(300).published_at(&[100, 260, 300])
}

fn verify(folder: &Folder) -> Report {
    verify_folder(folder, Some(signer().verifier()))
}

#[test]
fn an_untouched_folder_holds() {
    let report = verify(&folder());
    assert!(report.holds(), "{report}");
    assert_eq!((report.size(), report.contents), (300, Contents::Bodies));
    assert_eq!((report.checked.entries, report.checked.bodies, report.checked.erased), (300, 300, 0));
    assert_eq!(report.checked.streams, 7);
    assert_eq!(report.root, Some(World::new(300).tree().root()));
    assert_eq!(report.checked.files, u64::try_from(folder().len()).unwrap());
    let alone = verify_folder(&folder(), None);
    assert!(alone.holds());
    assert_eq!(alone.key_source, KeySource::Folder);
}

/// Which entry a byte of a bundle or of a file of bodies belongs to, by reading the untouched file.
fn entry_at(kind: FileKind, file: &[u8], byte: usize) -> Option<u64> {
    let begins: Vec<usize> = match kind {
        FileKind::Entries(_) => quarterdeck_ledger::tiles::decode_bundle(file).map(|entry| entry.unwrap().0).collect(),
        FileKind::Bodies(_) => quarterdeck_ledger::folder::decode_bodies(file).map(|body| body.unwrap().0).collect(),
        FileKind::Tile(0, _) => (0..file.len()).step_by(32).collect(),
        _ => return None,
    };
    let place = begins.partition_point(|begin| *begin <= byte) - 1;
    Some(kind.slice().unwrap().begin() + u64::try_from(place).unwrap())
}

fn flip_is_found(untouched: &Folder, path: &str, byte: usize, bit: u8) {
    let mut damaged = untouched.clone();
    damaged.get_mut(path).unwrap()[byte] ^= 1 << bit;
    let report = verify(&damaged);
    let located = report.findings.iter().find(|finding| finding.file == path);
    let located = located.unwrap_or_else(|| panic!("{path} byte {byte} bit {bit}: not found\n{report}"));
    let kind = FileKind::of_path(path).unwrap();
    if let Some(entry) = entry_at(kind, &untouched[path], byte) {
        assert_eq!(located.place.entry, Some(entry), "{path} byte {byte} bit {bit}: located elsewhere\n{report}");
    }
    for finding in &report.findings {
        assert_eq!(finding.file, path, "{path} byte {byte} bit {bit}: another file is blamed\n{report}");
    }
}

/// Every byte of the small files; of the large ones a spread of places and bits that touches nearly every entry.
#[test]
fn one_flipped_bit_anywhere_is_found_and_located() {
    let untouched = folder();
    let mut flips = 0;
    for (path, bytes) in &untouched {
        let step = if bytes.len() <= 400 { 1 } else { 67 };
        for byte in (0..bytes.len()).step_by(step) {
            flip_is_found(&untouched, path, byte, u8::try_from((byte / step + path.len()) % 8).unwrap());
            flips += 1;
        }
    }
    assert!(flips > 1_500, "{flips}");
}

/// The signed root decides which of two files is believed, for each slice by itself.
#[test]
fn damage_in_several_files_is_named_file_by_file() {
    let untouched = folder();
    let sides = ["tile/0/000", "tile/entries/000", "tile/0/001.p/44", "tile/entries/001.p/44"];
    for (first, second) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        let mut damaged = untouched.clone();
        let paths = [sides[first], sides[second], "body/001.p/44", "tile/1/000.p/1"];
        // With the tile above damaged too, nothing bears out one side of a slice but the signed root.
        for path in paths {
            let byte = if path.starts_with("body/") { untouched[path].len() / 2 } else { 40 % untouched[path].len() };
            damaged.get_mut(path).unwrap()[byte] ^= 4;
        }
        let report = verify(&damaged);
        let mut found: Vec<&str> = report.findings.iter().map(|finding| finding.file.as_str()).collect();
        found.sort_unstable();
        found.dedup();
        let mut want = paths;
        want.sort_unstable();
        assert_eq!(found, want, "{report}");
    }
}

#[test]
fn three_levels_of_tiles_hold_and_their_damage_is_found() {
    let untouched = World::new(65_540).published_at(&[65_535, 65_540]);
    assert!(verify(&untouched).holds());
    for (path, byte) in [("tile/1/000", 8_191), ("tile/2/000.p/1", 0), ("tile/1/000.p/255", 32)] {
        let mut damaged = untouched.clone();
        damaged.get_mut(path).unwrap()[byte] ^= 1;
        let report = verify(&damaged);
        let found: Vec<_> = report.findings.iter().map(|finding| (finding.file.as_str(), finding.place.byte)).collect();
        assert_eq!(found, [(path, Some(u64::try_from(byte / 32 * 32).unwrap()))], "{report}");
    }
}

#[test]
fn a_cut_or_lengthened_file_is_found() {
    let untouched = folder();
    for path in untouched.keys() {
        for change in
            [|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1), |bytes: &mut Vec<u8>| bytes.push(0), Vec::clear]
        {
            let mut damaged = untouched.clone();
            change(damaged.get_mut(path).unwrap());
            let report = verify(&damaged);
            assert!(report.findings.iter().all(|finding| finding.file == *path) && !report.holds(), "{path}\n{report}");
        }
    }
}

#[test]
fn a_missing_file_is_found_and_so_is_one_too_many() {
    let untouched = folder();
    for path in untouched.keys() {
        let mut damaged = untouched.clone();
        damaged.remove(path);
        let stale = FileKind::of_path(path).unwrap().slice().is_some_and(|slice| {
            // Older partial files may be removed once a wider one is there.
            [100, 4].contains(&slice.width())
        });
        assert_eq!(verify(&damaged).holds(), stale, "{path}");
    }
    for path in ["README", "tile/0/000.p/0", "body/x000/001", "checkpoint.bak", "tile/9/000"] {
        let mut more = untouched.clone();
        more.insert(path.to_owned(), b"x".to_vec());
        let report = verify(&more);
        assert_eq!((report.findings[0].file.as_str(), &report.findings[0].what), (path, &What::Unknown));
    }
}

#[test]
fn swapped_entries_and_swapped_bodies_are_found() {
    let world = World::new(300);
    let mut swapped = world.clone();
    swapped.sealed.swap(10, 20);
    // The tree is that of the true order; only the files were rearranged.
    let folder = swapped.published_with(&world.tree(), &[300]);
    let report = verify(&folder);
    assert_eq!(report.findings[0].place.entry, Some(10), "{report}");

    let mut swapped = world.clone();
    let body = swapped.sealed[10].body.clone();
    swapped.sealed[10].body = std::mem::replace(&mut swapped.sealed[20].body, body);
    let report = verify(&swapped.published_at(&[300]));
    let places: Vec<_> = report.findings.iter().map(|finding| finding.place.entry).collect();
    assert_eq!(places, [Some(10), Some(20)], "{report}");
    assert!(report.findings[0].place.event.is_some());
}

#[test]
fn an_event_left_out_or_written_twice_is_found_although_all_hashes_agree() {
    for (change, want, got) in [(0, 5, 6), (1, 6, 5)] {
        let mut world = World::new(300);
        // Entry 35 is version 5 of the first of seven streams.
        let entry = world.sealed[35].clone();
        if change == 0 {
            world.sealed.remove(35);
        } else {
            world.sealed.insert(36, entry);
        }
        let size = u64::try_from(world.sealed.len()).unwrap();
        let report = verify(&world.published_at(&[size]));
        assert_eq!(report.findings.iter().filter(|f| f.what == What::Version { want, got }).count(), 1, "{report}");
        assert!(report.findings[0].place.event.as_ref().unwrap().0.ends_with('0'));
    }
}

#[test]
fn an_erased_body_leaves_every_proof_standing() {
    let mut folder = folder();
    for index in [3, 270] {
        let changed = erase(&folder, index).unwrap();
        assert_eq!(changed.len(), if index == 3 { 2 } else { 1 });
        folder.extend(changed);
    }
    assert!(!String::from_utf8_lossy(&folder["body/000"]).contains("\"event\":3,"));
    let report = verify(&folder);
    assert!(report.holds(), "{report}");
    assert_eq!((report.checked.bodies, report.checked.erased, report.erased), (298, 2, vec![3, 270]));
    assert_eq!(erase(&folder, 3).unwrap(), []);
}

#[test]
fn a_body_erased_in_one_file_and_kept_in_another_is_found() {
    let mut folder = folder();
    let (path, bytes) = erase(&folder, 3).unwrap().into_iter().find(|(path, _)| path == "body/000").unwrap();
    folder.insert(path, bytes);
    let report = verify(&folder);
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!((report.findings[0].file.as_str(), &report.findings[0].what), ("body/000.p/100", &What::HalfErased));
    assert_eq!(report.findings[0].place.entry, Some(3));
}

#[test]
fn a_log_set_back_is_found() {
    let world = World::new(300);
    let known = Checkpoint::open(&world.published_at(&[300])["checkpoint"], signer().verifier()).unwrap();
    // With the old checkpoint put back, the files that it does not cover are told: a publisher that was stopped leaves the same.
    let mut folder = world.published_at(&[260, 300]);
    let old = world.published_at(&[260]);
    folder.insert("checkpoint".into(), old["checkpoint"].clone());
    let report = verify(&folder);
    assert!(report.holds() && report.ahead == Ahead { files: 3, entries: 40 }, "{report}");
    assert!(report.to_string().contains("3 files go up to 40 entries beyond the checkpoint"), "{report}");
    // With the files removed too, there is nothing to tell.
    assert!(verify(&old).holds() && verify(&old).ahead == Ahead::default());
    // Only somebody who has seen the newer head can tell for sure.
    let report = verify_folder_after(&old, Some(signer().verifier()), &[known]);
    assert_eq!(report.findings[0].what, What::SetBack { known: 300, size: 260 });
}

#[test]
fn what_a_stopped_publisher_leaves_begins_as_what_is_signed() {
    let world = World::new(600);
    for (signed, written) in [(100, 600), (256, 600), (260, 512), (300, 301)] {
        let mut folder = world.published_at(&[signed, written]);
        let head = world.published_at(&[signed])["checkpoint"].clone();
        folder.insert("checkpoint".into(), head);
        let report = verify(&folder);
        assert!(report.holds() && report.ahead.entries == written - signed, "{signed} of {written}: {report}");
        assert_eq!(report.checked.entries, signed);
        // Any byte of what is signed for counts, also in a file that goes beyond it.
        let ahead: Vec<String> =
            folder.keys().filter(|path| !world.published_at(&[signed]).contains_key(*path)).cloned().collect();
        let overlaps = |path: &&String| {
            let at = |size: u64| world.published_at(&[size]);
            at(signed).keys().any(|own| own.starts_with(&format!("{}.p/", path.split(".p/").next().unwrap())))
        };
        for path in ahead.iter().filter(overlaps) {
            let mut changed = folder.clone();
            changed.get_mut(path).unwrap()[0] ^= 1;
            let report = verify(&changed);
            let found =
                report.findings.iter().any(|one| one.file == *path && one.what == What::BeyondHead { size: signed });
            assert!(found, "{path} of {signed}: {report}");
        }
    }
}

#[test]
fn a_rewritten_history_and_a_second_face_are_found() {
    let world = World::new(300);
    let known: Vec<Checkpoint> = [1, 100, 256, 300]
        .map(|size| Checkpoint::open(&world.published_at(&[size])["checkpoint"], signer().verifier()).unwrap())
        .to_vec();
    let report = verify_folder_after(&folder(), Some(signer().verifier()), &known);
    assert!(report.holds(), "{report}");
    assert_eq!(report.checked.older_heads, 4);
    let mut other = world.clone();
    let entry = &other.sealed[50].entry;
    let body = b"{\"event\":50,\"nothing\":\"happened\"}".to_vec();
    other.sealed[50].entry = Entry::seal(entry.stream(), entry.version(), entry.at(), &[9; 16], &body).unwrap();
    other.sealed[50].body = Body::Kept { salt: [9; 16], bytes: body };
    let rewritten = other.published_at(&[300]);
    assert!(verify(&rewritten).holds(), "alone, the second face looks sound");
    let report = verify_folder_after(&rewritten, Some(signer().verifier()), &known);
    let sizes: Vec<u64> = report
        .findings
        .iter()
        .filter_map(|f| if let What::Rewritten { size, .. } = f.what { Some(size) } else { None })
        .collect();
    assert_eq!(sizes, [100, 256, 300], "{report}");
    let face = Checkpoint::open(&rewritten["checkpoint"], signer().verifier()).unwrap();
    assert!(face.contradicts(&known[3]));
}

#[test]
fn a_head_that_claims_too_much_costs_little() {
    let untouched = folder();
    for size in [301, 1_000_000, 1 << 40, 1 << 56, u64::MAX] {
        let mut lying = untouched.clone();
        lying.insert("checkpoint".into(), sign_checkpoint(size, &Hash::EMPTY_ROOT, &signer()).unwrap().into_bytes());
        assert!(!verify(&lying).holds());
    }
}

#[test]
fn a_folder_of_another_key_or_without_any_is_refused() {
    let mut folder = folder();
    let stranger = quarterdeck_ledger::note::SignerKey::from_seed(signer().name(), &[5; 32]).unwrap();
    let report = verify_folder(&folder, Some(stranger.verifier()));
    assert!(report.findings.iter().any(|finding| finding.file == "log.vkey"), "{report}");
    assert!(report.findings.iter().any(|finding| finding.file == "checkpoint"), "{report}");
    folder.remove("log.vkey");
    let report = verify_folder(&folder, None);
    assert!(report.findings.iter().any(|finding| finding.what == What::NoKey), "{report}");
}

#[test]
fn without_the_bodies_the_entries_are_checked_alone() {
    let folder: Folder = folder().into_iter().filter(|(path, _)| !path.starts_with("body/")).collect();
    let report = verify(&folder);
    assert!(report.holds(), "{report}");
    assert_eq!((report.contents, report.checked.entries, report.checked.streams), (Contents::EntriesOnly, 300, 7));
}

#[test]
fn the_report_reads_as_text() {
    let mut folder = folder();
    folder.get_mut("body/000").unwrap()[40] ^= 1;
    let text = verify(&folder).to_string();
    assert!(
        text.starts_with("body/000, byte 0, entry 0 (incident/inc_0 version 0): salt and body give digest "),
        "{text}"
    );
    assert!(
        text.contains("log ops.example/log DOES NOT HOLD: 300 entries of 7 streams, 299 bodies, 0 erased"),
        "{text}"
    );
}
