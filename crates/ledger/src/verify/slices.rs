//! Checking the files of one slice of 256 entries: its bundle, its tile, its bodies, and the narrower files that older
//! checkpoints left behind.

use super::{
    report::{Contents, Place, What},
    run::{Run, Side},
};
use crate::{
    folder::{Body, bytes_max, decode_bodies},
    hash::{HASH_BYTES, Hash},
    leaf::{Fields, body_digest},
    tiles::{FileKind, Slice, decode_bundle},
};

/// The hashes of the entries of a bundle, if it holds exactly as many as its path says.
pub(super) fn leaf_hashes(slice: Slice, bundle: &[u8]) -> Option<Vec<Hash>> {
    let mut hashes = Vec::with_capacity(slice.width().into());
    for entry in decode_bundle(bundle) {
        let Ok((_, entry)) = entry else { return None };
        hashes.push(Hash::of_leaf(entry));
    }
    (hashes.len() == usize::from(slice.width())).then_some(hashes)
}

/// The hashes of a tile, if it holds exactly as many as its path says.
pub(super) fn hashes_of_tile(slice: Slice, bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    let fits = rest.is_empty() && hashes.len() == usize::from(slice.width());
    fits.then(|| hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// The hashes of a level that fall into a slice.
pub(super) fn part(hashes: &[Hash], slice: Slice) -> &[Hash] {
    let range =
        usize::try_from(slice.begin()).unwrap_or(usize::MAX)..usize::try_from(slice.end()).unwrap_or(usize::MAX);
    hashes.get(range).unwrap_or_default()
}

impl Run<'_> {
    /// The files of this slice that are narrower than it, of the kind that `of` makes.
    fn narrower_than(&self, slice: Slice, of: fn(u8, Slice) -> FileKind, level: u8) -> Vec<Slice> {
        let Some(narrowest) = Slice::new(slice.index(), 1) else { return Vec::new() };
        let listed = self.listed.range(of(level, narrowest)..of(level, slice));
        listed.filter_map(FileKind::slice).collect()
    }

    /// Checks the bodies of a slice against its entries, which have been checked.
    pub(super) fn bodies(&mut self, slice: Slice, bundle: &[u8], leaves: &[Hash]) {
        if self.report.contents != Contents::Bodies {
            return;
        }
        let Some(bytes) = self.read(FileKind::Bodies(slice)) else { return };
        let erased = self.body_file(slice, &bytes, bundle, leaves);
        let (gone, kept): (Vec<_>, Vec<_>) = erased.iter().copied().partition(|(_, erased)| *erased);
        self.report.checked.bodies += u64::try_from(kept.len()).unwrap_or(u64::MAX);
        self.report.checked.erased += u64::try_from(gone.len()).unwrap_or(u64::MAX);
        self.report.erased.extend(gone.into_iter().map(|(index, _)| index));
        for narrow in self.narrower_than(slice, |_, slice| FileKind::Bodies(slice), 0) {
            let Some(bytes) = self.read(FileKind::Bodies(narrow)) else { continue };
            let here = self.body_file(narrow, &bytes, bundle, leaves);
            // Both lists go up by index; an entry that is missing in one has its own finding.
            for (index, gone) in here {
                if erased.binary_search(&(index, !gone)).is_ok() {
                    let place = Place { entry: Some(index), ..Place::default() };
                    self.report.note(FileKind::Bodies(narrow), place, What::HalfErased);
                }
            }
        }
    }

    /// Checks one file of bodies. Gives the entries whose body is in order, and whether it is erased.
    fn body_file(&mut self, slice: Slice, bytes: &[u8], bundle: &[u8], leaves: &[Hash]) -> Vec<(u64, bool)> {
        let kind = FileKind::Bodies(slice);
        let mut sound = Vec::with_capacity(slice.width().into());
        let (mut bodies, mut entries) = (decode_bodies(bytes), decode_bundle(bundle));
        for (index, leaf) in (slice.begin()..slice.end()).zip(leaves) {
            let entry = entries.next();
            let (byte, body) = match bodies.next() {
                Some(Ok(found)) => found,
                Some(Err(byte)) => {
                    self.report.note(kind, Place::entry(index, byte), What::Malformed);
                    return sound;
                }
                None => {
                    let (want, got) = (slice.width().into(), index - slice.begin());
                    self.report.note(kind, Place::entry(index, bytes.len()), What::Count { want, got });
                    return sound;
                }
            };
            let Body::Kept { salt, bytes } = body else {
                sound.push((index, true));
                continue;
            };
            // A damaged entry cannot be opened; it has its own finding.
            let Some(Ok((_, entry))) = entry else { continue };
            if Hash::of_leaf(entry) != *leaf {
                continue;
            }
            let Ok(fields) = Fields::parse(entry) else { continue };
            let got = body_digest(&salt, &bytes);
            if got == fields.digest {
                sound.push((index, false));
            } else {
                let event = Some((fields.stream.to_owned(), fields.version));
                let what = What::Body { want: fields.digest, got };
                self.report.note(kind, Place { event, ..Place::entry(index, byte) }, what);
            }
        }
        if let Some(Ok((byte, _)) | Err(byte)) = bodies.next() {
            let (want, got) = (u64::from(slice.width()), u64::from(slice.width()) + 1);
            self.report.note(kind, Place::byte(byte), What::Count { want, got });
        }
        sound
    }

    /// Checks the bundles and tiles that older checkpoints left behind.
    pub(super) fn narrower(&mut self, slice: Slice, bundle: &[u8], leaves: &[Hash]) {
        for narrow in self.narrower_than(slice, |_, slice| FileKind::Entries(slice), 0) {
            let Some(bytes) = self.read(FileKind::Entries(narrow)) else { continue };
            // Equal bytes need no second hashing.
            if leaf_bytes(bundle, narrow) != Some(&bytes) {
                self.bundle(narrow, &bytes, leaves);
            }
        }
        self.narrower_tiles(0, slice, leaves);
    }

    /// Checks the narrower tiles of a level that older checkpoints left behind.
    pub(super) fn narrower_tiles(&mut self, level: u8, slice: Slice, hashes: &[Hash]) {
        for narrow in self.narrower_than(slice, FileKind::Tile, level) {
            let Some(bytes) = self.read(FileKind::Tile(level, narrow)) else { continue };
            let want = hashes.get(..narrow.width().into()).unwrap_or_default();
            self.tile(FileKind::Tile(level, narrow), narrow, &bytes, want);
        }
    }

    /// Compares a tile with the hashes it should hold.
    pub(super) fn tile(&mut self, kind: FileKind, slice: Slice, bytes: &[u8], want: &[Hash]) {
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() || hashes.len() != usize::from(slice.width()) {
            let got = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
            self.report.note(kind, Place::byte(bytes.len()), What::Count { want: slice.width().into(), got });
        }
        let mut wrong = 0_u64;
        for (place, (got, want)) in hashes.iter().copied().map(Hash::from_bytes).zip(want).enumerate() {
            self.report.checked.tile_hashes += 1;
            if got == *want {
                continue;
            }
            wrong += 1;
            if wrong == 1 {
                let entry =
                    matches!(kind, FileKind::Tile(0, _)).then(|| u64::try_from(place).unwrap_or(0) + slice.begin());
                let place = Place { entry, ..Place::byte(place * HASH_BYTES) };
                self.report.note(kind, place, What::Hash { want: *want, got });
            }
        }
        self.more(kind, wrong);
    }

    /// Compares a bundle with the hashes its entries should have.
    fn bundle(&mut self, slice: Slice, bytes: &[u8], want: &[Hash]) {
        let kind = FileKind::Entries(slice);
        let (mut entries, mut wrong) = (decode_bundle(bytes), 0_u64);
        for (index, want) in (slice.begin()..slice.end()).zip(want) {
            let (byte, entry) = match entries.next() {
                Some(Ok(found)) => found,
                Some(Err(byte)) => {
                    self.report.note(kind, Place::entry(index, byte), What::Malformed);
                    return;
                }
                None => {
                    let (want, got) = (slice.width().into(), index - slice.begin());
                    self.report.note(kind, Place::entry(index, bytes.len()), What::Count { want, got });
                    return;
                }
            };
            let got = Hash::of_leaf(entry);
            if got == *want {
                continue;
            }
            wrong += 1;
            if wrong == 1 {
                let event = match Fields::parse(entry) {
                    Ok(fields) => Some((fields.stream.to_owned(), fields.version)),
                    Err(_) => None,
                };
                let place = Place { event, ..Place::entry(index, byte) };
                self.report.note(kind, place, What::Hash { want: *want, got });
            }
        }
        self.more(kind, wrong);
        if let Some(Ok((byte, _)) | Err(byte)) = entries.next() {
            let (want, got) = (u64::from(slice.width()), u64::from(slice.width()) + 1);
            self.report.note(kind, Place::byte(byte), What::Count { want, got });
        }
    }

    fn more(&mut self, kind: FileKind, wrong: u64) {
        if wrong > 1 {
            self.report.note(kind, Place::default(), What::More(wrong - 1));
        }
    }

    /// Checks the files of a slice whose entries and tile differ, now that one side is believed, or none.
    pub(super) fn disputed(&mut self, slice: Slice, side: Side) {
        // Files that are missing or unreadable have their finding from the first reading.
        let files = self.files;
        let again = |kind: FileKind| files.read(&kind.to_string(), bytes_max(kind)).unwrap_or_default();
        let (bundle, tile) = (again(FileKind::Entries(slice)), again(FileKind::Tile(0, slice)));
        let entries = bundle.as_deref().unwrap_or_default();
        match side {
            Side::Entries => {
                let Some(leaves) = leaf_hashes(slice, entries) else { return };
                self.report.checked.entries += u64::from(slice.width());
                if let Some(tile) = tile {
                    self.tile(FileKind::Tile(0, slice), slice, &tile, &leaves);
                }
                self.bodies(slice, entries, &leaves);
                self.narrower(slice, entries, &leaves);
            }
            Side::Tile => {
                let Some(hashes) = hashes_of_tile(slice, tile.as_deref().unwrap_or_default()) else { return };
                self.report.checked.tile_hashes += u64::from(slice.width());
                if bundle.is_some() {
                    self.bundle(slice, entries, &hashes);
                }
                self.bodies(slice, entries, &hashes);
                self.narrower(slice, entries, &hashes);
            }
            Side::Neither => self.disagree(slice, entries, tile.as_deref().unwrap_or_default()),
        }
    }

    /// Names the first entry in which bundle and tile differ.
    fn disagree(&mut self, slice: Slice, bundle: &[u8], tile: &[u8]) {
        let kind = FileKind::Entries(slice);
        let hashes = tile.as_chunks::<HASH_BYTES>().0.iter().copied().map(Hash::from_bytes);
        for (index, (entry, tile)) in (slice.begin()..slice.end()).zip(decode_bundle(bundle).zip(hashes)) {
            let (byte, entry) = match entry {
                Ok((byte, entry)) => (byte, Hash::of_leaf(entry)),
                Err(byte) => return self.report.note(kind, Place::entry(index, byte), What::Malformed),
            };
            if entry != tile {
                return self.report.note(kind, Place::entry(index, byte), What::Disagree { tile, entry });
            }
        }
        self.report.note(kind, Place::default(), What::Malformed);
    }
}

/// The beginning of a bundle that a narrower one must equal.
fn leaf_bytes(bundle: &[u8], narrow: Slice) -> Option<&[u8]> {
    let last = decode_bundle(bundle).nth(usize::from(narrow.width()).checked_sub(1)?)?;
    let Ok((begin, entry)) = last else { return None };
    bundle.get(..begin + 2 + entry.len())
}
