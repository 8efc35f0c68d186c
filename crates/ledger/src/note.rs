//! Text signed by one or more keys, as C2SP signed-note v1.0.0 has it, with Ed25519 (RFC 8032).
//!
//! ```text
//! <text, one or more lines>
//! <empty line>
//! — <name of key> <base64 of key id (4 bytes) and signature>
//! ```
//!
//! A signature by a key we were not told to trust is ignored; one by a trusted key that fails spoils the whole note. The
//! text must never be looked at before [`Note::verify`] has said yes. Tests: below, `tests/it/laws.rs`, `tests/it/vectors.rs`.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::hash::{from_hex, to_hex};

/// Bytes of a note: sixteen post-quantum signatures of 5 kB each fit.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// Signatures on a note: what C2SP asks a verifier to accept.
pub const SIGNATURES_MAX: usize = 16;
/// Bytes of the name of a key: a host name and a path.
pub const KEY_NAME_BYTES_MAX: usize = 256;

/// The signature type of C2SP for plain Ed25519.
const ED25519: u8 = 1;

/// A public key that signs notes. Its text (the "vkey") is `<name>+<key id, 8 hex digits>+<base64 of 0x01 and the key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl VerifierKey {
    /// The name, which is also the origin of a log that signs with it.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)`.
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    fn new(name: &str, key: VerifyingKey) -> Result<Self, KeyError> {
        check_name(name)?;
        let hash =
            Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
        let id = hash.first_chunk().copied().unwrap_or_default();
        Ok(Self { name: name.to_owned(), id, key })
    }
}
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, to_hex(&self.id), BASE64_STANDARD.encode(typed))
    }
}
impl FromStr for VerifierKey {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let id: [u8; 4] = from_hex(id.as_bytes()).ok_or(KeyError::Form)?;
        let typed = BASE64_STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let Some((kind, key)) = typed.split_first() else { return Err(KeyError::Form) };
        if *kind != ED25519 {
            return Err(KeyError::Type(*kind));
        }
        let key: &[u8; 32] = key.try_into().map_err(|_| KeyError::Point)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| KeyError::Point)?;
        let parsed = Self::new(name, key)?;
        if parsed.id == id { Ok(parsed) } else { Err(KeyError::Id { want: parsed.id, got: id }) }
    }
}

/// A private key that signs notes. Never prints its secret.
#[derive(Clone)]
pub struct SignerKey {
    secret: SigningKey,
    public: VerifierKey,
}

impl SignerKey {
    /// The key with this name and this secret seed (RFC 8032), which the caller drew from a good source of randomness.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = SigningKey::from_bytes(seed);
        let public = VerifierKey::new(name, secret.verifying_key())?;
        Ok(Self { secret, public })
    }
    /// The public half.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.public
    }
    /// The name of the key.
    pub fn name(&self) -> &str {
        self.public.name()
    }
}
impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerKey").field("secret", &"***").field("public", &self.public).finish()
    }
}

/// A note as it arrived: well formed, not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}
impl NoteSignature {
    /// The name of the key that claims to have signed.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The id of that key.
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }
    fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.id == key.id
    }
}

impl Note {
    /// A note with this text and one signature. The text must end with a newline and hold no other control character.
    pub fn sign(text: &str, signer: &SignerKey) -> Result<Self, NoteError> {
        check_text(text)?;
        Ok(Self { text: text.to_owned(), signatures: vec![signature(text, signer)] })
    }
    /// Reads a note. What this accepts prints back byte for byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong(bytes.len()));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        // The last empty line ends the text; the text keeps its own final newline.
        let blank = whole.rfind("\n\n").ok_or(NoteError::NoSignature)?;
        let (text, rest) = whole.split_at_checked(blank + 1).ok_or(NoteError::NoSignature)?;
        check_text(text)?;
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(NoteError::NoSignature)?;
        let mut signatures = Vec::new();
        for (number, line) in lines.split('\n').enumerate() {
            if number == SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(parse_signature(line).ok_or(NoteError::SignatureLine(number + 1))?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
    /// The text, if a trusted key signed it and no trusted key's signature fails.
    pub fn verify(&self, trusted: &[&VerifierKey]) -> Result<&str, NoteError> {
        let mut believed = false;
        for line in &self.signatures {
            for key in trusted.iter().filter(|key| line.is_by(key)) {
                let holds = Signature::from_slice(&line.bytes)
                    .and_then(|signature| key.key.verify_strict(self.text.as_bytes(), &signature));
                if holds.is_err() {
                    return Err(NoteError::BadSignature(key.name.clone()));
                }
                believed = true;
            }
        }
        if believed { Ok(&self.text) } else { Err(NoteError::NoTrustedSignature) }
    }
    /// The text before anything is verified: for showing what was refused, never for believing it.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }
    /// The signature lines in order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let bytes = [line.id.as_slice(), &line.bytes].concat();
            writeln!(f, "— {} {}", line.name, BASE64_STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

fn signature(text: &str, signer: &SignerKey) -> NoteSignature {
    let VerifierKey { name, id, .. } = signer.public.clone();
    NoteSignature { name, id, bytes: signer.secret.sign(text.as_bytes()).to_bytes().to_vec() }
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
    check_name(name).is_ok().then_some(())?;
    let Ok(bytes) = BASE64_STANDARD.decode(signature) else { return None };
    let (id, bytes) = bytes.split_first_chunk()?;
    (!bytes.is_empty()).then(|| NoteSignature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let clean = text.chars().all(|character| character == '\n' || character >= ' ');
    if clean && text.ends_with('\n') { Ok(()) } else { Err(NoteError::Text) }
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let fits = (1..=KEY_NAME_BYTES_MAX).contains(&name.len());
    let clean = name.chars().all(|character| character > ' ' && character != '+' && !character.is_whitespace());
    if fits && clean { Ok(()) } else { Err(KeyError::Name) }
}

/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteError {
    /// Longer than [`NOTE_BYTES_MAX`]; this many bytes.
    TooLong(usize),
    /// Not UTF-8, a control character other than newline, or a text that does not end with a newline.
    Text,
    /// No empty line, or no signature lines after it.
    NoSignature,
    /// More signatures than [`SIGNATURES_MAX`].
    TooManySignatures,
    /// This signature line, from 1, is malformed.
    SignatureLine(usize),
    /// The signature by this trusted key does not hold.
    BadSignature(String),
    /// No signature is by a trusted key.
    NoTrustedSignature,
}
impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(got) => write!(f, "a note of {got} bytes is longer than {NOTE_BYTES_MAX}"),
            Self::Text => f.write_str("the text of the note is not clean UTF-8 ending with a newline"),
            Self::NoSignature => f.write_str("the note has no signature lines"),
            Self::TooManySignatures => write!(f, "the note has more than {SIGNATURES_MAX} signatures"),
            Self::SignatureLine(line) => write!(f, "signature line {line} of the note is malformed"),
            Self::BadSignature(name) => write!(f, "the signature by `{name}` does not hold"),
            Self::NoTrustedSignature => f.write_str("no trusted key signed the note"),
        }
    }
}
impl std::error::Error for NoteError {}

/// Why a key is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// The name is empty, too long, or holds a space, a plus or a control character.
    Name,
    /// Not `<name>+<8 hex digits>+<base64>`.
    Form,
    /// A signature type other than Ed25519 (1).
    Type(u8),
    /// The key is not 32 bytes that encode a point of the curve.
    Point,
    /// The key id does not belong to name and key.
    Id {
        /// The id that name and key give.
        want: [u8; 4],
        /// The id that the text states.
        got: [u8; 4],
    },
}
impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(f, "the name of a key is not 1 to {KEY_NAME_BYTES_MAX} bytes without space and plus"),
            Self::Form => f.write_str("the key is not of the form `name+0a1b2c3d+base64`"),
            Self::Type(kind) => write!(f, "the key has type {kind}, not 1 (Ed25519)"),
            Self::Point => f.write_str("the key is not an Ed25519 point"),
            Self::Id { want, got } => {
                write!(f, "the key id is {}, but name and key give {}", to_hex(got), to_hex(want))
            }
        }
    }
}
impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the C2SP checkpoint text has no published key; this pair is from the Go documentation of the format.
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer() -> SignerKey {
        SignerKey::from_seed("ops.example/log", &[42; 32]).unwrap()
    }

    #[test]
    fn a_note_that_others_signed() {
        let key: VerifierKey = VKEY.parse().unwrap();
        assert_eq!(key.to_string(), VKEY);
        let note = Note::parse(NOTE.as_bytes()).unwrap();
        assert_eq!(note.to_string(), NOTE);
        assert!(note.verify(&[&key]).unwrap().ends_with("what your problem is.\n"));
        assert_eq!(note.verify(&[signer().verifier()]), Err(NoteError::NoTrustedSignature));
        let changed = Note::parse(NOTE.replace("the answer", "an answer").as_bytes()).unwrap();
        assert_eq!(changed.verify(&[&key]), Err(NoteError::BadSignature("PeterNeumann".into())));
    }

    #[test]
    fn unknown_signatures_are_ignored_and_a_failing_known_one_spoils_the_note() {
        let (ours, other) = (signer(), SignerKey::from_seed("witness.example", &[1; 32]).unwrap());
        let mut note = Note::sign("hello\n\nworld\n", &ours).unwrap();
        note.signatures.insert(0, signature("something else\n", &other));
        let note = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(note.verify(&[ours.verifier()]), Ok("hello\n\nworld\n"));
        let spoiled = Err(NoteError::BadSignature("witness.example".into()));
        assert_eq!(note.verify(&[ours.verifier(), other.verifier()]), spoiled);
        // Same name, another key: another key id, hence unknown.
        let namesake = SignerKey::from_seed("ops.example/log", &[43; 32]).unwrap();
        assert_eq!(note.verify(&[namesake.verifier()]), Err(NoteError::NoTrustedSignature));
    }

    #[test]
    fn sixteen_signatures_are_accepted_and_seventeen_are_not() {
        let mut note = Note::sign("hello\n", &signer()).unwrap();
        note.signatures = vec![note.signatures[0].clone(); SIGNATURES_MAX];
        assert!(Note::parse(note.to_string().as_bytes()).unwrap().verify(&[signer().verifier()]).is_ok());
        note.signatures.push(note.signatures[0].clone());
        assert_eq!(Note::parse(note.to_string().as_bytes()), Err(NoteError::TooManySignatures));
    }

    #[test]
    fn malformed_notes() {
        let good = Note::sign("hello\n", &signer()).unwrap().to_string();
        let cases = [
            ("hello\n".to_owned(), NoteError::NoSignature),
            ("hello\n\n".to_owned(), NoteError::NoSignature),
            (good.trim_end().to_owned(), NoteError::NoSignature),
            (format!("{good}\n"), NoteError::NoSignature),
            (format!("{good}x\n"), NoteError::SignatureLine(2)),
            (good.replace('—', "-"), NoteError::SignatureLine(1)),
            (good.replace("hello", "he\tllo"), NoteError::Text),
            (good.replace("=\n", "\n"), NoteError::SignatureLine(1)),
            ("a".repeat(NOTE_BYTES_MAX + 1), NoteError::TooLong(NOTE_BYTES_MAX + 1)),
        ];
        for (text, want) in cases {
            assert_eq!(Note::parse(text.as_bytes()), Err(want), "{text:.80}");
        }
        assert_eq!(Note::sign("no newline", &signer()), Err(NoteError::Text));
    }

    #[test]
    fn malformed_keys_and_no_secret_in_print() {
        let cases = [
            (VKEY.replace("c74f20a3", "c74f20a4"), "id"),
            (VKEY.replace("c74f20a3", "C74F20A3"), "form"),
            (VKEY.replace("+ARpc", "+BRpc"), "type 5"),
            (VKEY.replace("10TW", ""), "point"),
            (VKEY.replace("Peter", "Peter "), "name"),
            (VKEY.replace("PeterNeumann", ""), "name"),
            (String::new(), "form"),
        ];
        for (text, word) in cases {
            let said = text.parse::<VerifierKey>().unwrap_err().to_string();
            assert!(said.contains(word), "{text}: {said}");
        }
        assert!(format!("{:?}", signer()).contains("***"));
        assert!(!format!("{:?}", signer()).contains("42, 42"));
    }
}
