//! Laws of the tree against its definition in RFC 6962, of every codec, and of every parser on any bytes.

use proptest::{collection::vec, prelude::*};
use quarterdeck_ledger::{
    bundle::Bundle,
    checkpoint::{Checkpoint, sign_checkpoint},
    folder::{Body, TileHashes, decode_bodies, erase},
    hash::Hash,
    leaf::Entry,
    note::{Note, VerifierKey},
    proof::{verify_consistency, verify_inclusion},
    tiles::{FileKind, Slice, decode_bundle, encode_bundle},
    tree::{Frontier, Tree, consistency_proof, inclusion_proof, root_at},
    verify::verify_folder,
};

use crate::world::{Folder, World, signer};

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|leaf| Hash::of_leaf(&leaf.to_be_bytes())).collect()
}

/// The root as RFC 6962 section 2.1 defines it, by recursion.
fn root_by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::of_node(&root_by_definition(left), &root_by_definition(right))
        }
    }
}

const SIZE: u64 = 70;

#[test]
fn appending_gives_the_root_of_the_definition() {
    let all = leaves(600);
    let mut frontier = Frontier::new();
    for (size, leaf) in all.iter().enumerate() {
        assert_eq!(frontier.root(), root_by_definition(&all[..size]), "{size}");
        frontier.append(*leaf);
    }
}

#[test]
fn every_leaf_of_every_tree_is_proved_and_no_other_leaf_or_place() {
    let tree: Tree = leaves(SIZE).into_iter().collect();
    for size in 1..=SIZE {
        let root = root_at(&tree, size).unwrap();
        for (index, leaf) in (0..size).zip(leaves(size)) {
            let proof = inclusion_proof(&tree, index, size).unwrap();
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
            assert!(verify_inclusion(&root, index, size, &proof, &leaf).is_err() || size == 1);
            for other in (0..size).filter(|other| *other != index) {
                assert!(verify_inclusion(&leaf, other, size, &proof, &root).is_err(), "{index} at {other} of {size}");
            }
        }
    }
}

#[test]
fn every_tree_extends_every_earlier_one() {
    let tree: Tree = leaves(SIZE).into_iter().collect();
    for size in 1..=SIZE {
        let root = root_at(&tree, size).unwrap();
        for old in 1..=size {
            let old_root = root_at(&tree, old).unwrap();
            let proof = consistency_proof(&tree, old, size).unwrap();
            assert_eq!(verify_consistency(old, &old_root, size, &root, &proof), Ok(()), "{old} to {size}");
        }
    }
}

#[test]
fn proofs_from_tiles_are_those_of_the_tree() {
    let world = World::new(600);
    let (tree, folder) = (world.tree(), world.published_at(&[600]));
    let tiles = TileHashes::new(&folder, 600);
    for index in [0, 1, 255, 256, 511, 512, 598, 599] {
        assert_eq!(inclusion_proof(&tiles, index, 600), Ok(inclusion_proof(&tree, index, 600).unwrap()));
    }
    for old in [1, 255, 256, 257, 512, 599, 600] {
        assert_eq!(consistency_proof(&tiles, old, 600), Ok(consistency_proof(&tree, old, 600).unwrap()));
    }
    assert_eq!(Frontier::of(&tiles, 600).unwrap().root(), tree.root());
}

/// How a proof may be spoiled: the families that transparency-dev/merkle uses.
fn spoil(proof: &mut Vec<Hash>, way: usize, at: usize, bit: usize) {
    let at = at % proof.len().max(1);
    match way {
        0 if !proof.is_empty() => {
            let mut bytes = *proof[at].bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            proof[at] = Hash::from_bytes(bytes);
        }
        1 if !proof.is_empty() => drop(proof.remove(at)),
        2 => proof.insert(at, Hash::of_leaf(&[1])),
        3 if !proof.is_empty() => proof.insert(at, proof[at]),
        _ => proof.push(Hash::EMPTY_ROOT),
    }
}

proptest! {
    #[test]
    fn a_spoiled_proof_is_refused(
        size in 1_u64..2_000, part in 0.0..1.0_f64, way in 0_usize..5, at in 0_usize..12, bit in 0_usize..256,
    ) {
        let all = leaves(size);
        let tree: Tree = all.iter().copied().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small tree")]
        let index = ((size as f64 * part) as u64).min(size - 1);
        let leaf = all[usize::try_from(index).unwrap()];
        let mut proof = inclusion_proof(&tree, index, size).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &tree.root()), Ok(()));
        spoil(&mut proof, way, at, bit);
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &tree.root()).is_err());

        let (old, old_root) = (index + 1, root_at(&tree, index + 1).unwrap());
        let mut proof = consistency_proof(&tree, old, size).unwrap();
        prop_assert_eq!(verify_consistency(old, &old_root, size, &tree.root(), &proof), Ok(()));
        spoil(&mut proof, way, at, bit);
        prop_assert!(verify_consistency(old, &old_root, size, &tree.root(), &proof).is_err());
    }

    #[test]
    fn an_entry_opens_only_with_its_own_body(
        version: u64, salt: [u8; 16], body in vec(any::<u8>(), 0..200), other in vec(any::<u8>(), 0..200), stream in "[!-~]{1,128}",
    ) {
        let entry = Entry::seal(&stream, version, "2026-11-20T22:33:00.123Z", &salt, &body).unwrap();
        prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry.clone()));
        prop_assert!(entry.opens(&salt, &body));
        prop_assert_eq!(entry.opens(&salt, &other), body == other);
    }

    #[test]
    fn bundles_and_bodies_come_back(entries in vec(vec(any::<u8>(), 0..300), 0..20), salt: [u8; 16]) {
        let bytes = encode_bundle(entries.iter().map(Vec::as_slice)).unwrap();
        let back: Vec<Vec<u8>> = decode_bundle(&bytes).map(|entry| entry.unwrap().1.to_vec()).collect();
        prop_assert_eq!(&back, &entries);
        let bodies: Vec<Body> = entries
            .into_iter()
            .map(|bytes| if bytes.len() % 3 == 0 { Body::Erased } else { Body::Kept { salt, bytes } })
            .collect();
        let mut bytes = Vec::new();
        for body in &bodies {
            body.encode_to(&mut bytes);
        }
        let back: Vec<Body> = decode_bodies(&bytes).map(|body| body.unwrap().1).collect();
        prop_assert_eq!(back, bodies);
    }

    #[test]
    fn paths_come_back(index in 0_u64..=(1 << 48), width in 1_u16..=256, level in 0_u8..8) {
        let slice = Slice::new(index, width).unwrap();
        for kind in [FileKind::Tile(level, slice), FileKind::Entries(slice), FileKind::Bodies(slice)] {
            prop_assert_eq!(FileKind::of_path(&kind.to_string()), Some(kind));
        }
    }

    #[test]
    fn signed_heads_come_back(size: u64, root: [u8; 32], seed: [u8; 32], name in "[a-z./]{1,40}") {
        let key = quarterdeck_ledger::note::SignerKey::from_seed(&name, &seed).unwrap();
        prop_assert_eq!(&key.verifier().to_string().parse::<VerifierKey>().unwrap(), key.verifier());
        let text = sign_checkpoint(size, &Hash::from_bytes(root), &key).unwrap();
        let head = Checkpoint::open(text.as_bytes(), key.verifier()).unwrap();
        prop_assert_eq!((head.origin(), head.size(), *head.root().bytes()), (name.as_str(), size, root));
        prop_assert_eq!(Note::parse(text.as_bytes()).unwrap().to_string(), text);
    }

    /// Any bytes, and bytes that are nearly right: never a panic, and whatever is accepted encodes to the same bytes.
    #[test]
    fn parsers_accept_one_form_or_refuse(
        noise in vec(any::<u8>(), 0..400), place in 0_usize..400, cut in 0_usize..2_000, which in 0_usize..6,
    ) {
        let folder = World::new(5).published_at(&[5]);
        let near = [
            folder["checkpoint"].clone(), folder["log.vkey"].clone(), folder["body/000.p/5"].clone(),
            World::new(2).sealed[1].entry.encode(), folder["tile/entries/000.p/5"].clone(), bundle_bytes(),
        ];
        let mut mixed = near[which].clone();
        mixed.truncate(cut.max(1));
        let place = place.min(mixed.len());
        mixed.splice(place..place, noise.iter().copied().take(which));
        for bytes in [noise, mixed] {
            parse_all(&bytes);
            let mut folder = folder.clone();
            for path in ["checkpoint", "log.vkey", "body/000.p/5", "tile/entries/000.p/5", "tile/0/000.p/5"] {
                let untouched = folder.insert(path.to_owned(), bytes.clone()).unwrap();
                let report = verify_folder(&folder, Some(signer().verifier()));
                prop_assert_eq!(report.holds(), untouched == bytes, "{}", report);
                folder.insert(path.to_owned(), untouched);
            }
        }
    }
}

fn bundle_bytes() -> Vec<u8> {
    let world = World::new(9);
    let head = String::from_utf8(world.published_at(&[9])["checkpoint"].clone()).unwrap();
    let events = vec![(0, world.sealed[0].clone()), (7, world.sealed[7].clone())];
    Bundle::build(signer().verifier(), &head, events, &world.tree()).unwrap().encode()
}

fn parse_all(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(entry.encode(), bytes);
    }
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
    if let Ok(bundle) = Bundle::decode(bytes) {
        assert_eq!(bundle.encode(), bytes);
    }
    if let Ok(frontier) = Frontier::from_bytes(bytes) {
        assert_eq!(frontier.to_bytes(), bytes);
    }
    let mut again = Vec::new();
    if decode_bodies(bytes).all(|body| body.map(|(_, body)| body.encode_to(&mut again)).is_ok()) {
        assert_eq!(again, bytes);
    }
    if let Ok(entries) = decode_bundle(bytes).map(|entry| entry.map(|(_, entry)| entry)).collect::<Result<Vec<_>, _>>()
    {
        assert_eq!(encode_bundle(entries).unwrap(), bytes);
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(head) = Checkpoint::parse(&text) {
        assert_eq!(head.body(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Some(kind) = FileKind::of_path(&text) {
        assert_eq!(kind.to_string(), text);
    }
    let folder = Folder::from([("body/000.p/3".to_owned(), bytes.to_vec())]);
    if let Ok(changed) = erase(&folder, 1) {
        assert!(changed.len() <= 1);
    }
}
