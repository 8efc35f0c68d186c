//! How a log lies in files that never change: C2SP tlog-tiles.
//!
//! A tile is 256 consecutive hashes of one level, eight levels of the tree apart; an entry bundle is the 256 entries under
//! a tile of level 0. The last tile of a level is partial and its path says how wide. This module knows paths and bytes,
//! not what they mean together (that is `folder` and `verify`). Tests: below and `tests/it/laws.rs`.

use std::fmt;

use crate::{
    hash::{HASH_BYTES, Hash, decimal},
    leaf::ENTRY_BYTES_MAX,
    tree::TREE_SIZE_MAX,
};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree from one level of tiles to the next.
pub const TILE_HEIGHT: u8 = 8;
/// Levels of tiles that a tree of [`TREE_SIZE_MAX`] leaves needs: the root tile of 2^56 leaves holds one hash.
pub const TILE_LEVELS_MAX: u8 = 8;
/// Bytes of a full tile.
pub const TILE_BYTES_MAX: usize = 256 * HASH_BYTES;
/// Bytes of an entry bundle.
pub const BUNDLE_BYTES_MAX: usize = 256 * (ENTRY_BYTES_MAX + 2);

/// Which slice of 256 things, and how many of them are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slice {
    index: u64,
    width: u16,
}

impl Slice {
    /// Slice `index` with `width` things, 1 to 256.
    pub fn new(index: u64, width: u16) -> Option<Self> {
        let fits = (1..=TILE_WIDTH).contains(&width.into()) && index <= TREE_SIZE_MAX / TILE_WIDTH;
        fits.then_some(Self { index, width })
    }
    /// The slices that `count` things from the first fall into: full ones, then perhaps a partial one.
    pub fn all(count: u64) -> impl Iterator<Item = Self> {
        Self::covering(0, count)
    }
    /// The slices that hold things `from .. to`, as they are once there are `to` things.
    pub fn covering(from: u64, to: u64) -> impl Iterator<Item = Self> {
        let first = from / TILE_WIDTH;
        let end = if from < to { to.div_ceil(TILE_WIDTH) } else { first };
        (first..end).map(move |index| {
            let width = u16::try_from(to - index * TILE_WIDTH).unwrap_or(256).min(256);
            Self { index, width }
        })
    }
    /// The place of the slice, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }
    /// How many things are in it, 1 to 256.
    pub const fn width(&self) -> u16 {
        self.width
    }
    /// The number of the first thing in it.
    pub const fn begin(&self) -> u64 {
        self.index * TILE_WIDTH
    }
    /// The number after that of the last thing in it.
    pub fn end(&self) -> u64 {
        self.begin() + u64::from(self.width)
    }
    /// Whether it holds fewer than 256.
    pub fn is_partial(&self) -> bool {
        u64::from(self.width) < TILE_WIDTH
    }
    fn parse(text: &str) -> Option<Self> {
        let (index, width) = match text.split_once(".p/") {
            Some((index, width)) => (index, decimal(width).filter(|width| *width < TILE_WIDTH)?),
            None => (text, TILE_WIDTH),
        };
        let mut number: u64 = 0;
        let mut groups = index.split('/').peekable();
        while let Some(group) = groups.next() {
            let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
            if digits.len() != 3 {
                return None;
            }
            let group = digits.chars().try_fold(0, |sum, digit| Some(sum * 10 + u64::from(digit.to_digit(10)?)))?;
            number = number.checked_mul(1000)?.checked_add(group)?;
        }
        let Ok(width) = u16::try_from(width) else { return None };
        let slice = Self::new(number, width)?;
        // One path per slice: no leading groups of zeros.
        (slice.to_string() == text).then_some(slice)
    }
}
impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        let last = groups.len() - 1;
        for (place, group) in groups.into_iter().rev().enumerate() {
            if place < last {
                write!(f, "x{group:03}/")?;
            } else {
                write!(f, "{group:03}")?;
            }
        }
        if self.is_partial() { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// A file of a log folder, by what its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// `checkpoint`: the signed head.
    Checkpoint,
    /// `log.vkey`: the public key of the log.
    Key,
    /// `tile/<level>/<slice>`: hashes.
    Tile(u8, Slice),
    /// `tile/entries/<slice>`: entries.
    Entries(Slice),
    /// `body/<slice>`: salts and bodies of the entries.
    Bodies(Slice),
}

impl FileKind {
    /// What a path means; `None` if a log folder has no such file. A file has one path.
    pub fn of_path(path: &str) -> Option<Self> {
        match path {
            "checkpoint" => return Some(Self::Checkpoint),
            "log.vkey" => return Some(Self::Key),
            _ => (),
        }
        if let Some(slice) = path.strip_prefix("body/") {
            return Slice::parse(slice).map(Self::Bodies);
        }
        let (level, slice) = path.strip_prefix("tile/")?.split_once('/')?;
        let slice = Slice::parse(slice)?;
        if level == "entries" {
            return Some(Self::Entries(slice));
        }
        match u8::try_from(decimal(level)?) {
            Ok(level) if level < TILE_LEVELS_MAX => Some(Self::Tile(level, slice)),
            _ => None,
        }
    }
}
impl FileKind {
    /// The slice that the file holds.
    pub const fn slice(&self) -> Option<Slice> {
        match self {
            Self::Checkpoint | Self::Key => None,
            Self::Tile(_, slice) | Self::Entries(slice) | Self::Bodies(slice) => Some(*slice),
        }
    }
}
impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Key => f.write_str("log.vkey"),
            Self::Tile(level, slice) => write!(f, "tile/{level}/{slice}"),
            Self::Entries(slice) => write!(f, "tile/entries/{slice}"),
            Self::Bodies(slice) => write!(f, "body/{slice}"),
        }
    }
}

/// Hashes in the tiles of one level of a log with `size` leaves: `size / 256^level`.
pub const fn tile_hashes(level: u8, size: u64) -> u64 {
    let bits = level as u32 * TILE_HEIGHT as u32;
    if bits < 64 { size >> bits } else { 0 }
}

/// The bytes of a tile.
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::bytes).copied().collect()
}

/// The bytes of an entry bundle: each entry after its length in two bytes, big-endian.
pub fn encode_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BundleTooLong> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| BundleTooLong { bytes: entry.len() })?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// An entry does not fit a bundle, whose lengths are two bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleTooLong {
    bytes: usize,
}
impl fmt::Display for BundleTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an entry of {} bytes is longer than {ENTRY_BYTES_MAX}", self.bytes)
    }
}
impl std::error::Error for BundleTooLong {}

/// The entries of a bundle in order, each with the byte at which its length begins. Ends with `Err` and that byte if the
/// bundle is cut short.
pub fn decode_bundle(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, &[u8]), usize>> {
    let (mut rest, mut offset, mut broken) = (bytes, 0, false);
    std::iter::from_fn(move || {
        if rest.is_empty() || broken {
            return None;
        }
        let begin = offset;
        let taken = rest
            .split_first_chunk()
            .and_then(|(length, rest)| rest.split_at_checked(u16::from_be_bytes(*length).into()));
        let Some((entry, after)) = taken else {
            broken = true;
            return Some(Err(begin));
        };
        (rest, offset) = (after, begin + 2 + entry.len());
        Some(Ok((begin, entry)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(index: u64, width: u16) -> Slice {
        Slice::new(index, width).unwrap()
    }

    #[test]
    fn paths_of_the_specification() {
        let cases = [
            ("checkpoint", FileKind::Checkpoint),
            ("log.vkey", FileKind::Key),
            ("tile/0/x001/x234/067", FileKind::Tile(0, slice(1_234_067, 256))),
            ("tile/1/000.p/17", FileKind::Tile(1, slice(0, 17))),
            ("tile/entries/999", FileKind::Entries(slice(999, 256))),
            ("tile/entries/x001/000.p/255", FileKind::Entries(slice(1000, 255))),
            ("body/273.p/112", FileKind::Bodies(slice(273, 112))),
        ];
        for (path, kind) in cases {
            assert_eq!(FileKind::of_path(path), Some(kind));
            assert_eq!(kind.to_string(), path);
        }
        let wrong = [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/00/000",
            "tile/8/000",
            "tile/-1/000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/0/000.p",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/1/",
            "tile/0/000/",
            "/checkpoint",
            "checkpoint.1",
            "body/",
            "body/00a",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "./checkpoint",
            "tile/entries/+01",
        ];
        for path in wrong {
            assert_eq!(FileKind::of_path(path), None, "{path}");
        }
    }

    #[test]
    fn the_example_sizes_of_the_specification() {
        let shape = |level, size| {
            let slices: Vec<Slice> = Slice::all(tile_hashes(level, size)).collect();
            (slices.iter().filter(|slice| !slice.is_partial()).count(), slices.last().map(Slice::width))
        };
        assert_eq!(
            [0, 1, 2, 3].map(|level| shape(level, 70_000)),
            [(273, Some(112)), (1, Some(17)), (0, Some(1)), (0, None)]
        );
        assert_eq!([0, 1, 2].map(|level| shape(level, 256)), [(1, Some(256)), (0, Some(1)), (0, None)]);
        assert_eq!(shape(0, 0), (0, None));
        assert_eq!(shape(7, TREE_SIZE_MAX), (0, Some(1)));
        let grown: Vec<Slice> = Slice::covering(255, 600).collect();
        assert_eq!(grown, [slice(0, 256), slice(1, 256), slice(2, 88)]);
        assert_eq!(Slice::covering(256, 600).count(), 2);
        assert_eq!(Slice::covering(600, 600).count(), 0);
    }

    #[test]
    fn bundles() {
        let bytes = encode_bundle([&b"one"[..], b"", b"three"]).unwrap();
        assert_eq!(bytes, b"\x00\x03one\x00\x00\x00\x05three");
        let back: Vec<_> = decode_bundle(&bytes).collect();
        assert_eq!(back, [Ok((0, &b"one"[..])), Ok((5, b"")), Ok((7, b"three"))]);
        let cut: Vec<_> = decode_bundle(&bytes[..9]).collect();
        assert_eq!(cut, [Ok((0, &b"one"[..])), Ok((5, b"")), Err(7)]);
        assert_eq!(encode_bundle([vec![0; 65_536].as_slice()]), Err(BundleTooLong { bytes: 65_536 }));
        assert!(encode_bundle([vec![0; 65_535].as_slice()]).is_ok());
    }
}
