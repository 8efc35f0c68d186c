//! An incident in one file: what it proves, and that every change to it is refused.

use quarterdeck_ledger::{
    bundle::{BuildBundleError, Bundle, BundleError},
    folder::{Body, TileHashes},
    note::SignerKey,
};

use crate::world::{World, signer};

/// The bundle of the fourth of seven streams, one body erased, proofs made from the tiles of the published folder.
fn bundle() -> Bundle {
    let world = World::new(300);
    let folder = world.published_at(&[300]);
    let head = String::from_utf8(folder["checkpoint"].clone()).unwrap();
    let events = (0_u64..).zip(world.sealed).skip(3).step_by(7).map(|(index, mut sealed)| {
        if index == 10 {
            sealed.body = Body::Erased;
        }
        (index, sealed)
    });
    Bundle::build(signer().verifier(), &head, events.collect(), &TileHashes::new(&folder, 300)).unwrap()
}

#[test]
fn a_bundle_proves_its_incident_offline() {
    let bytes = bundle().encode();
    let read = Bundle::decode(&bytes).unwrap();
    assert_eq!(read, bundle());
    assert_eq!(read.encode(), bytes);
    let proved = read.verify(signer().verifier()).unwrap();
    assert_eq!((proved.events, proved.erased, proved.head.size()), (43, 1, 300));
    assert_eq!(read.stream(), "incident/inc_3");
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let bytes = bundle().encode();
    for byte in 0..bytes.len() {
        if byte > 600 && byte % 17 != 0 {
            continue;
        }
        let mut damaged = bytes.clone();
        damaged[byte] ^= 1 << (byte % 8);
        let refused = Bundle::decode(&damaged).and_then(|bundle| bundle.verify(signer().verifier()));
        assert!(refused.is_err(), "byte {byte}");
    }
    for cut in (0..bytes.len()).step_by(13) {
        assert!(Bundle::decode(&bytes[..cut]).is_err(), "cut to {cut}");
    }
}

#[test]
fn what_is_attached_is_there_once_and_every_change_of_it_is_refused() {
    let all = vec![vec![0, 255, b'\n'], b"checkpoint\n".to_vec(), Vec::new(), vec![0, 255, b'\n']];
    let whole = bundle().with_attachments(all);
    let bytes = whole.encode();
    assert!(bytes.starts_with(b"quarterdeck-bundle/v2\n"));
    assert_eq!(whole.attachments().len(), 3);
    let read = Bundle::decode(&bytes).unwrap();
    assert_eq!((&read, read.encode()), (&whole, bytes.clone()));
    read.verify(signer().verifier()).unwrap();
    let begins = bytes.windows(12).position(|at| at == b"attachments ").unwrap();
    for byte in begins..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[byte] ^= 1 << (byte % 8);
        let refused = Bundle::decode(&damaged).and_then(|bundle| bundle.verify(signer().verifier()));
        assert!(refused.is_err(), "byte {byte}");
        assert!(Bundle::decode(&bytes[..byte]).is_err(), "cut to {byte}");
    }
}

#[test]
fn an_event_left_out_is_seen() {
    let world = World::new(300);
    let folder = world.published_at(&[300]);
    let head = String::from_utf8(folder["checkpoint"].clone()).unwrap();
    let all: Vec<_> = (0_u64..).zip(world.sealed.clone()).skip(3).step_by(7).collect();
    let build =
        |events| Bundle::build(signer().verifier(), &head, events, &world.tree()).map(|bundle| bundle.events().len());
    let refused = |error| Err(BuildBundleError::Unsound(error));
    assert_eq!(build(all.clone()), Ok(43));
    for (left_out, index) in [(0, 10), (5, 45), (41, 297)] {
        let mut some = all.clone();
        some.remove(left_out);
        let (want, got) = (u64::try_from(left_out).unwrap(), u64::try_from(left_out).unwrap() + 1);
        assert_eq!(build(some), refused(BundleError::Version { index, want, got }));
    }
    let mut swapped = all.clone();
    swapped.swap(0, 1);
    assert_eq!(build(swapped), refused(BundleError::Version { index: 10, want: 0, got: 1 }));
    let mut mixed = all.clone();
    mixed.push((1, world.sealed[1].clone()));
    let stream = "incident/inc_1".to_owned();
    assert_eq!(build(mixed), refused(BundleError::OtherStream { index: 1, stream }));
    let mut moved = all.clone();
    moved[1].0 = 11;
    assert!(matches!(build(moved), Err(BuildBundleError::Unsound(BundleError::Proof { index: 11, .. }))));
    let mut body = all;
    body[1].1.body = body[0].1.body.clone();
    assert_eq!(build(body), refused(BundleError::Body { index: 10 }));
    assert_eq!(build(vec![]), Err(BuildBundleError::Empty));
}

#[test]
fn its_own_key_does_not_count() {
    let stranger = SignerKey::from_seed(signer().name(), &[5; 32]).unwrap();
    let refused = bundle().verify(stranger.verifier());
    assert_eq!(refused, Err(BundleError::OtherKey(Box::new(signer().verifier().clone()))));
}
