//! What one leaf of the log says.
//!
//! A leaf names the stream, the version and the instant in clear, and commits to the body of the event only through a
//! salted digest. So a body with personal data can be erased (with its salt) and every proof still verifies; without the
//! salt the digest cannot be guessed back, not even for a short body. Must never hold the body or the salt.
//!
//! The exact bytes, each line ended by one newline (0x0A):
//!
//! ```text
//! quarterdeck/v1
//! <stream>     1 to 128 printable ASCII characters without space
//! <version>    decimal, no leading zero; the first event of a stream has version 0
//! <at>         RFC 3339 in UTC with milliseconds, 24 characters: 2026-11-20T22:33:00.123Z
//! <digest>     64 lower-case hexadecimal digits: SHA-256(0x51 ‖ salt ‖ body), salt of 16 bytes
//! ```
//!
//! Tests: below and `tests/it/laws.rs`.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::hash::{Hash, decimal, from_hex, to_hex};

/// Bytes of a salt: 128 bits cannot be guessed.
pub const SALT_BYTES: usize = 16;
/// Bytes of the name of a stream: an identifier and a prefix, with room.
pub const STREAM_BYTES_MAX: usize = 128;
/// Bytes of any entry, ours or foreign: tlog-tiles writes the length in two bytes.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Bytes of a body: an event with its texts and numbers; longer things are evidence, which an event names by digest.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

const HEADER: &str = "quarterdeck/v1";
/// Sets the digest of a body apart from every other use of SHA-256 here (0x00 leaves, 0x01 nodes).
const BODY_PREFIX: u8 = 0x51;

/// What one leaf of our log says. Holding one means it is well formed: it always encodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    stream: String,
    version: u64,
    at: String,
    digest: [u8; 32],
}

impl Entry {
    /// The entry for an event: version `version` of `stream`, stored at `at`, committing to `body` under `salt`.
    /// The salt must be fresh and unpredictable for every entry.
    pub fn seal(
        stream: &str,
        version: u64,
        at: &str,
        salt: &[u8; SALT_BYTES],
        body: &[u8],
    ) -> Result<Self, EntryError> {
        check_stream(stream)?;
        check_instant(at)?;
        if body.len() > BODY_BYTES_MAX {
            return Err(EntryError::Body);
        }
        Ok(Self { stream: stream.to_owned(), version, at: at.to_owned(), digest: body_digest(salt, body) })
    }
    /// The entry for an event whose body may be erased by now: what a store that keeps the digest needs.
    pub fn with_digest(stream: &str, version: u64, at: &str, digest: [u8; 32]) -> Result<Self, EntryError> {
        check_stream(stream)?;
        check_instant(at)?;
        Ok(Self { stream: stream.to_owned(), version, at: at.to_owned(), digest })
    }
    /// The bytes of the leaf.
    pub fn encode(&self) -> Vec<u8> {
        format!("{HEADER}\n{}\n{}\n{}\n{}\n", self.stream, self.version, self.at, to_hex(&self.digest)).into_bytes()
    }
    /// From the bytes of a leaf. Strict: what this accepts, [`Entry::encode`] gives back byte for byte.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let fields = Fields::parse(bytes)?;
        Ok(Self {
            stream: fields.stream.to_owned(),
            version: fields.version,
            at: fields.at.to_owned(),
            digest: fields.digest,
        })
    }
    /// Whether this entry commits to `body` under `salt`.
    pub fn opens(&self, salt: &[u8; SALT_BYTES], body: &[u8]) -> bool {
        body_digest(salt, body) == self.digest
    }
    /// The hash of the leaf in the tree.
    pub fn leaf_hash(&self) -> Hash {
        Hash::of_leaf(&self.encode())
    }
    /// The stream that the event belongs to, such as an incident.
    pub fn stream(&self) -> &str {
        &self.stream
    }
    /// The place of the event in its stream, from 0.
    pub const fn version(&self) -> u64 {
        self.version
    }
    /// When the event was stored: RFC 3339, UTC, milliseconds.
    pub fn at(&self) -> &str {
        &self.at
    }
    /// The salted digest of the body.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The salted digest that an entry carries: `SHA-256(0x51 ‖ salt ‖ body)`.
pub fn body_digest(salt: &[u8; SALT_BYTES], body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([BODY_PREFIX]).chain_update(salt).chain_update(body).finalize().into()
}

/// Why an entry is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryError {
    /// Not UTF-8, or not exactly five lines each ended by a newline.
    Lines,
    /// The first line is not `quarterdeck/v1`.
    Header,
    /// The stream is empty, too long, or holds something other than printable ASCII without space.
    Stream,
    /// The version is not a decimal number without leading zero, below 2^64.
    Version,
    /// The instant is not RFC 3339 in UTC with milliseconds.
    At,
    /// The digest is not 64 lower-case hexadecimal digits.
    Digest,
    /// The body is longer than [`BODY_BYTES_MAX`].
    Body,
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "an entry is not five lines of text",
            Self::Header => "the first line of an entry is not `quarterdeck/v1`",
            Self::Stream => "the stream of an entry is not 1 to 128 printable ASCII characters without space",
            Self::Version => "the version of an entry is not a plain decimal number",
            Self::At => "the instant of an entry is not of the form `2026-11-20T22:33:00.123Z`",
            Self::Digest => "the digest of an entry is not 64 lower-case hexadecimal digits",
            Self::Body => "the body of an entry is longer than 1048576 bytes",
        })
    }
}
impl std::error::Error for EntryError {}

/// An entry read in place, without copying: verification looks at millions.
pub(crate) struct Fields<'a> {
    pub(crate) stream: &'a str,
    pub(crate) version: u64,
    pub(crate) at: &'a str,
    pub(crate) digest: [u8; 32],
}

impl<'a> Fields<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, EntryError> {
        let text = std::str::from_utf8(bytes).map_err(|_| EntryError::Lines)?;
        let mut lines = text.strip_suffix('\n').ok_or(EntryError::Lines)?.split('\n');
        let mut line = || lines.next().ok_or(EntryError::Lines);
        let (header, stream, version, at, digest) = (line()?, line()?, line()?, line()?, line()?);
        if lines.next().is_some() {
            return Err(EntryError::Lines);
        }
        if header != HEADER {
            return Err(EntryError::Header);
        }
        check_stream(stream)?;
        check_instant(at)?;
        let version = decimal(version).ok_or(EntryError::Version)?;
        let digest = from_hex(digest.as_bytes()).ok_or(EntryError::Digest)?;
        Ok(Self { stream, version, at, digest })
    }
}

fn check_stream(stream: &str) -> Result<(), EntryError> {
    let fits = (1..=STREAM_BYTES_MAX).contains(&stream.len());
    if fits && stream.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(()) } else { Err(EntryError::Stream) }
}

/// A real day of the calendar, no leap second: the store's clock does not have them.
fn check_instant(at: &str) -> Result<(), EntryError> {
    let [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2, b'.', ms @ .., b'Z'] =
        at.as_bytes()
    else {
        return Err(EntryError::At);
    };
    let number = |digits: &[&u8]| -> Option<u32> {
        digits.iter().try_fold(0, |sum, digit| Some(sum * 10 + char::from(**digit).to_digit(10)?))
    };
    let fields = || -> Option<bool> {
        let [ms1, ms2, ms3] = ms else { return None };
        number(&[ms1, ms2, ms3])?;
        let (year, month) = (number(&[y1, y2, y3, y4])?, number(&[mo1, mo2])?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            _ => return None,
        };
        let day_fits = (1..=days).contains(&number(&[d1, d2])?);
        Some(day_fits && number(&[h1, h2])? < 24 && number(&[mi1, mi2])? < 60 && number(&[s1, s2])? < 60)
    };
    if fields() == Some(true) { Ok(()) } else { Err(EntryError::At) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-20T22:33:00.123Z";

    /// The exact bytes are a promise to auditors; the digest was computed with `sha256sum`.
    #[test]
    fn the_bytes_of_a_leaf() {
        let entry = Entry::seal("incident/inc_7q", 3, AT, &[7; 16], b"{\"note\":\"hello\"}").unwrap();
        let text = String::from_utf8(entry.encode()).unwrap();
        assert_eq!(
            text,
            "quarterdeck/v1\nincident/inc_7q\n3\n2026-11-20T22:33:00.123Z\n\
             acbdabdc2aad40fc5b2a41d58317cac9a16e3319e1b26d79e10b4c4c243e7a81\n"
        );
        assert_eq!(Entry::decode(text.as_bytes()), Ok(entry.clone()));
        assert!(entry.opens(&[7; 16], b"{\"note\":\"hello\"}"));
        assert!(!entry.opens(&[8; 16], b"{\"note\":\"hello\"}"));
        assert!(!entry.opens(&[7; 16], b"{\"note\":\"hallo\"}"));
    }

    #[test]
    fn malformed_entries_say_what_is_wrong() {
        let good = String::from_utf8(Entry::seal("s", 0, AT, &[0; 16], b"").unwrap().encode()).unwrap();
        let cases = [
            (good.trim_end().to_owned(), EntryError::Lines),
            (format!("{good}\n"), EntryError::Lines),
            (good.replace("\ns\n", "\n"), EntryError::Lines),
            (good.replace("/v1", "/v2"), EntryError::Header),
            (good.replace("\ns\n", "\n\n"), EntryError::Stream),
            (good.replace("\ns\n", "\na b\n"), EntryError::Stream),
            (good.replace("\ns\n", "\nsé\n"), EntryError::Stream),
            (good.replace("\ns\n", &format!("\n{}\n", "s".repeat(129))), EntryError::Stream),
            (good.replace("\n0\n", "\n00\n"), EntryError::Version),
            (good.replace("\n0\n", "\n-1\n"), EntryError::Version),
            (good.replace("00.123Z", "00.1234Z"), EntryError::At),
            (good.replace("00.123Z", "00.123z"), EntryError::At),
            (good.replace(":00.123Z", ":60.123Z"), EntryError::At),
            (good.replace("-11-20T", "-11-31T"), EntryError::At),
            (good.replace("2026-11-20T", "2026-02-29T"), EntryError::At),
            (good.replace("T22", "T24"), EntryError::At),
            (good.to_uppercase().replace("QUARTERDECK/V1", "quarterdeck/v1"), EntryError::Digest),
        ];
        for (text, want) in cases {
            assert_eq!(Entry::decode(text.as_bytes()), Err(want), "{text}");
        }
        assert_eq!(Entry::decode(b"\xff\n"), Err(EntryError::Lines));
        assert!(Entry::decode(good.replace("2026-11-20T", "2024-02-29T").as_bytes()).is_ok(), "a leap day");
    }

    #[test]
    fn the_longest_entry_fits_a_bundle() {
        let entry = Entry::seal(&"s".repeat(STREAM_BYTES_MAX), u64::MAX, AT, &[0; 16], b"").unwrap();
        assert!(entry.encode().len() < ENTRY_BYTES_MAX);
        assert!(Entry::seal("s", 0, AT, &[0; 16], &vec![0; BODY_BYTES_MAX]).is_ok());
        assert_eq!(Entry::seal("s", 0, AT, &[0; 16], &vec![0; BODY_BYTES_MAX + 1]), Err(EntryError::Body));
    }
}
