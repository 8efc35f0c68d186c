//! Checking a whole log folder from the outside, and saying where something is wrong.
//!
//! Every file is accounted for and every byte has a meaning, so one flipped bit anywhere is found: entries are hashed into
//! the tree, the tree is compared with every tile and with the signed head, bodies must open their entries, older partial
//! files must agree with the wider ones, versions of a stream must follow one another. Where entries and tiles differ, the
//! side that leads to the signed root is believed and the other is named.
//!
//! It cannot see what was never logged, nor a log that shows others another face; for that, compare checkpoints with
//! theirs ([`verify_folder_after`], [`verify_folder_since`]). Must never repair. Tests: `tests/it/tampering.rs`, `tests/it/vectors.rs`.

mod report;
mod run;
mod slices;

pub use report::{Ahead, Checked, Contents, FINDINGS_MAX, FINDINGS_SHOWN, Finding, KeySource, Place, Report, What};

use std::fmt;

use run::{Dispute, Run, Side};

use crate::{
    checkpoint::Checkpoint,
    folder::{Files, TileHashes, bytes_max},
    hash::Hash,
    leaf::Fields,
    note::VerifierKey,
    tiles::{FileKind, Slice, TILE_HEIGHT, TILE_LEVELS_MAX, TILE_WIDTH, decode_bundle, tile_hashes},
    tree::{Frontier, HashSource, Node, TREE_SIZE_MAX, root_at, root_over},
};

/// Bundles in a row that may be missing before the rest is only counted: a head that claims a great size must not cost much.
const MISSING_IN_A_ROW_MAX: u64 = 16;

/// Disputed slices that are decided one by one; more than these are decided alike. Each doubles the roots to try.
const OPEN_DISPUTES_MAX: usize = 6;

/// Checks a log folder. Without a trusted key the folder's own `log.vkey` is used, and the report says so.
pub fn verify_folder(files: &dyn Files, trusted: Option<&VerifierKey>) -> Report {
    verify_folder_after(files, trusted, &[])
}

/// Checks a log folder, and that it extends the checkpoints that the caller has seen before or got from others.
pub fn verify_folder_after(files: &dyn Files, trusted: Option<&VerifierKey>, known: &[Checkpoint]) -> Report {
    verify(files, trusted, |run, head| {
        for older in known {
            run.known_head(head, older, &FileKind::Checkpoint);
        }
    })
}

/// A checkpoint as somebody kept it, outside the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHead {
    /// What the findings call it: the path of its file.
    pub name: String,
    /// The signed checkpoint.
    pub note: Vec<u8>,
}

/// Checks a log folder, and that it extends these checkpoints. Each is believed only if the key signed it that the folder's own is
/// checked with: one by another key is a finding, since the log may have been made anew.
pub fn verify_folder_since(files: &dyn Files, trusted: Option<&VerifierKey>, kept: &[KeptHead]) -> Report {
    verify(files, trusted, |run, head| {
        for one in kept {
            let opened = run.report.key.as_ref().map(|key| Checkpoint::open(&one.note, key));
            match opened {
                Some(Ok(older)) => run.known_head(head, &older, &one.name),
                Some(Err(error)) => run.report.note(&one.name, Place::default(), What::KnownHead(error)),
                None => {}
            }
        }
    })
}

fn verify(files: &dyn Files, trusted: Option<&VerifierKey>, compare: impl FnOnce(&mut Run<'_>, &Checkpoint)) -> Report {
    let mut run = Run::new(files, trusted);
    run.list_files();
    run.read_key(trusted);
    match run.read_head() {
        Some(head) => {
            run.contents(head.size(), Some(head.root()));
            run.beyond(head.size());
            compare(&mut run, &head);
        }
        // A head that is refused says nothing; the files can still be checked against one another.
        None => run.contents(run.size_of_files(), None),
    }
    run.report.checked.streams = u64::try_from(run.streams.len()).unwrap_or(u64::MAX);
    run.report
}

impl Run<'_> {
    fn read_key(&mut self, trusted: Option<&VerifierKey>) {
        if !self.listed.contains(&FileKind::Key) {
            if self.report.contents == Contents::Bodies {
                self.report.note(FileKind::Key, Place::default(), What::Missing);
            }
            return;
        }
        let Some(bytes) = self.read(FileKind::Key) else { return };
        let text = str::from_utf8(&bytes).unwrap_or_default();
        match text.strip_suffix('\n').unwrap_or_default().parse::<VerifierKey>() {
            Err(error) => self.report.note(FileKind::Key, Place::default(), What::Key(error)),
            Ok(found) => match trusted {
                Some(key) if *key != found => {
                    self.report.note(FileKind::Key, Place::default(), What::OtherKey(Box::new(found)));
                }
                _ => self.report.key = Some(found),
            },
        }
    }

    /// The head, if it can be believed.
    fn read_head(&mut self) -> Option<Checkpoint> {
        let bytes = self.read(FileKind::Checkpoint)?;
        let head = match &self.report.key {
            None => Err(What::NoKey),
            Some(key) => match Checkpoint::open(&bytes, key) {
                Ok(head) if head.size() > TREE_SIZE_MAX => Err(What::HeadSize(head.size())),
                Ok(head) => Ok(head),
                Err(error) => Err(What::Head(error)),
            },
        };
        match head {
            Ok(head) => {
                self.report.head = Some(head.clone());
                Some(head)
            }
            Err(wrong) => {
                self.report.note(FileKind::Checkpoint, Place::default(), wrong);
                None
            }
        }
    }

    /// How many entries the bundles hold, by their paths.
    fn size_of_files(&self) -> u64 {
        let bundles = self.listed.iter().filter_map(|kind| match kind {
            FileKind::Entries(slice) => Some(slice.end()),
            _ => None,
        });
        bundles.max().unwrap_or(0)
    }

    /// Checks entries, tiles and bodies of a log of this size, and that they lead to this root.
    fn contents(&mut self, size: u64, root: Option<Hash>) {
        let Some(mut slice_roots) = self.slices(size) else { return };
        self.settle(size, root, &mut slice_roots);
        self.upper_tiles(size, &slice_roots);
    }

    /// Reads all entries and the tiles over them. Gives the root of each slice; those in dispute are filled in later.
    /// `None` if too much is missing to go on.
    fn slices(&mut self, size: u64) -> Option<Vec<Option<Hash>>> {
        let (mut roots, mut missing) = (Vec::new(), 0);
        for slice in Slice::all(size) {
            let absent =
                [FileKind::Entries(slice), FileKind::Tile(0, slice)].iter().all(|kind| !self.listed.contains(kind));
            missing = if absent { missing + 1 } else { 0 };
            if missing > MISSING_IN_A_ROW_MAX {
                let more = size.div_ceil(TILE_WIDTH) - slice.index();
                self.report.note(FileKind::Entries(slice), Place::default(), What::MissingMore(more));
                return None;
            }
            roots.push(self.slice(slice, size));
        }
        Some(roots)
    }

    /// Checks one slice if its entries and its tile agree; otherwise puts it aside, to be settled by the head.
    fn slice(&mut self, slice: Slice, size: u64) -> Option<Hash> {
        let entries = self.read(FileKind::Entries(slice));
        let tile = self.read(FileKind::Tile(0, slice));
        let bundle = entries.as_deref().unwrap_or_default();
        let by_entries = slices::leaf_hashes(slice, bundle);
        let by_tile = tile.as_deref().and_then(|bytes| slices::hashes_of_tile(slice, bytes));
        let root = match (by_entries, by_tile) {
            (Some(leaves), Some(hashes)) if leaves == hashes => {
                self.report.checked.entries += u64::from(slice.width());
                self.report.checked.tile_hashes += u64::from(slice.width());
                self.bodies(slice, bundle, &leaves);
                self.narrower(slice, bundle, &leaves);
                Some(root_over(&leaves))
            }
            (leaves, hashes) => {
                let by_parent = if slice.is_partial() { None } else { self.parent(slice, size) };
                let (by_entries, by_tile) = (leaves.as_deref().map(root_over), hashes.as_deref().map(root_over));
                self.disputes.push(Dispute { slice, by_entries, by_tile, by_parent });
                None
            }
        };
        self.follow_streams(slice, bundle);
        root
    }

    fn parent(&self, slice: Slice, size: u64) -> Option<Hash> {
        // An unreadable tile is found again when its level is checked.
        let node = Node { level: TILE_HEIGHT, index: slice.index() };
        TileHashes::new(self.files, size).hash(node).unwrap_or_default()
    }

    /// The versions of each stream must follow one another from 0, in the order of the log.
    fn follow_streams(&mut self, slice: Slice, bundle: &[u8]) {
        for (index, item) in (slice.begin()..slice.end()).zip(decode_bundle(bundle)) {
            let Ok((byte, bytes)) = item else { return };
            let place = || Place::entry(index, byte);
            let fields = match Fields::parse(bytes) {
                Ok(fields) => fields,
                Err(_) if index == 0 && self.report.contents != Contents::Bodies => {
                    self.report.contents = Contents::Foreign;
                    return;
                }
                Err(_) if self.report.contents == Contents::Foreign => return,
                Err(error) => {
                    self.report.note(FileKind::Entries(slice), place(), What::Entry(error));
                    continue;
                }
            };
            if self.report.contents == Contents::Foreign {
                return;
            }
            let want = match self.streams.get_mut(fields.stream) {
                Some(next) => next,
                None => self.streams.entry(fields.stream.to_owned()).or_insert(0),
            };
            // After a damaged entry the numbers cannot be trusted; the damage itself is reported.
            if *want != fields.version && self.disputes.is_empty() {
                let event = Some((fields.stream.to_owned(), fields.version));
                let what = What::Version { want: *want, got: fields.version };
                self.report.note(FileKind::Entries(slice), Place { event, ..place() }, what);
            }
            *want = fields.version.saturating_add(1);
        }
    }

    /// Finds the choice of sides that leads to the root of the head, and checks the files of the disputed slices by it.
    fn settle(&mut self, size: u64, want: Option<Hash>, slice_roots: &mut [Option<Hash>]) {
        let disputes = std::mem::take(&mut self.disputes);
        let (mut first, mut settled) = (None, None);
        for sides in choices(&disputes) {
            for (dispute, side) in disputes.iter().zip(&sides) {
                let slot = usize::try_from(dispute.slice.index()).map(|index| slice_roots.get_mut(index));
                if let Ok(Some(slot)) = slot {
                    *slot = dispute.root(*side);
                }
            }
            let root = whole_root(size, slice_roots);
            first = first.or(root);
            if want.is_some() && root == want {
                settled = Some(sides);
                break;
            }
        }
        self.report.root = if settled.is_some() { want } else { first };
        if let (None, Some(got), Some(want)) = (&settled, first, want) {
            self.report.note(FileKind::Checkpoint, Place::default(), What::Root { want, got });
        }
        let sides =
            settled.unwrap_or_else(|| disputes.iter().map(|dispute| dispute.borne_out(Side::Neither)).collect());
        for (dispute, side) in disputes.iter().zip(sides) {
            self.disputed(dispute.slice, side);
        }
        self.disputes = disputes;
    }

    /// Compares the tiles above level 0 with the roots of the slices.
    fn upper_tiles(&mut self, size: u64, slice_roots: &[Option<Hash>]) {
        let full = slice_roots.iter().take(full_slices(size)).copied();
        let Some(mut below) = full.collect::<Option<Vec<Hash>>>() else { return };
        for level in 1..TILE_LEVELS_MAX {
            for slice in Slice::all(tile_hashes(level, size)) {
                let want = slices::part(&below, slice);
                if let Some(bytes) = self.read(FileKind::Tile(level, slice)) {
                    self.tile(FileKind::Tile(level, slice), slice, &bytes, want);
                }
                self.narrower_tiles(level, slice, want);
            }
            below = below.as_chunks::<256>().0.iter().map(|hashes| root_over(hashes)).collect();
        }
    }

    /// Counts the files that cover more than the head does. What the head covers of them must be what is in the files that it demands; of
    /// the rest nothing is known.
    fn beyond(&mut self, size: u64) {
        for kind in &self.listed {
            let (slice, covered) = match kind {
                FileKind::Checkpoint | FileKind::Key => continue,
                FileKind::Entries(slice) | FileKind::Bodies(slice) => (slice, size),
                FileKind::Tile(level, slice) => (slice, tile_hashes(*level, size)),
            };
            if slice.end() <= covered {
                continue;
            }
            let width = u16::try_from(covered.saturating_sub(slice.begin())).unwrap_or(u16::MAX);
            let signed = Slice::new(slice.index(), width).map(|slice| match kind {
                FileKind::Bodies(_) => FileKind::Bodies(slice),
                FileKind::Tile(level, _) => FileKind::Tile(*level, slice),
                FileKind::Entries(_) | FileKind::Checkpoint | FileKind::Key => FileKind::Entries(slice),
            });
            let read = |kind: FileKind| self.files.read(&kind.to_string(), bytes_max(kind));
            // What the head demands and cannot be read has its own finding.
            let begins = match signed.map(read) {
                Some(Ok(Some(signed))) => matches!(read(*kind), Ok(Some(bytes)) if bytes.starts_with(&signed)),
                Some(Ok(None) | Err(_)) | None => true,
            };
            if !begins {
                self.report.note(kind, Place::default(), What::BeyondHead { size });
                continue;
            }
            self.report.ahead.files += 1;
            if let FileKind::Entries(slice) = kind {
                self.report.ahead.entries = self.report.ahead.entries.max(slice.end() - size);
            }
        }
    }

    /// Checks that this log extends a head that the caller knows by this name.
    fn known_head(&mut self, head: &Checkpoint, older: &Checkpoint, name: &dyn fmt::Display) {
        let wrong = if older.origin() != head.origin() {
            Some(What::OtherLog(older.origin().to_owned()))
        } else if older.size() > head.size() {
            Some(What::SetBack { known: older.size(), size: head.size() })
        } else {
            match root_at(&TileHashes::new(self.files, head.size()), older.size()) {
                Ok(got) if got == older.root() => None,
                Ok(got) => Some(What::Rewritten { size: older.size(), want: older.root(), got }),
                Err(error) => Some(What::Unreadable(error.to_string())),
            }
        };
        match wrong {
            Some(what) => self.report.note(name, Place::default(), what),
            None => self.report.checked.older_heads += 1,
        }
    }
}

/// Which sides to try: what the tiles above bear out with every way of deciding the rest, then one side throughout.
fn choices(disputes: &[Dispute]) -> impl Iterator<Item = Vec<Side>> {
    let open = disputes.iter().filter(|dispute| dispute.borne_out(Side::Neither) == Side::Neither).count();
    let by_tiles_above = (0..1_usize << open.min(OPEN_DISPUTES_MAX)).map(|ways| {
        let mut bit = 0;
        let side = |dispute: &Dispute| match dispute.borne_out(Side::Neither) {
            Side::Neither => {
                let entries = ways >> bit & 1 == 1;
                bit = (bit + 1).min(OPEN_DISPUTES_MAX - 1);
                if entries { Side::Entries } else { Side::Tile }
            }
            side => side,
        };
        disputes.iter().map(side).collect()
    });
    by_tiles_above.chain([Side::Tile, Side::Entries].map(|side| vec![side; disputes.len()]))
}

/// How many of the slices of a log are full.
fn full_slices(size: u64) -> usize {
    usize::try_from(size / TILE_WIDTH).unwrap_or(usize::MAX)
}

/// The root over the roots of all slices, of which the last may be partial; `None` if one of them is not known.
fn whole_root(size: u64, slice_roots: &[Option<Hash>]) -> Option<Hash> {
    let mut roots = slice_roots.iter();
    let mut frontier = Frontier::new();
    for root in roots.by_ref().take(full_slices(size)) {
        frontier.append((*root)?);
    }
    match roots.next() {
        Some(tail) => Some(frontier.root_beside(Some((*tail)?))),
        None => Some(frontier.root()),
    }
}
