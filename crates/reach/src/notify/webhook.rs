//! A signed HTTP POST to a program of the operator's own.
//!
//! For who writes the receiving program. The body is the JSON of [`Body`]. Four headers come with it:
//!
//! | header | value |
//! |---|---|
//! | `X-Quarterdeck-Timestamp` | when this attempt was signed, in seconds since 1970 |
//! | `X-Quarterdeck-Signature` | `v1=<hex>`, several with commas between while a secret is replaced |
//! | `X-Quarterdeck-Delivery` | the page, `pag_…`; the same for each attempt |
//! | `Idempotency-Key` | the same for each attempt at the same message; a page and its all-clear differ |
//!
//! `<hex>` is HMAC-SHA256 over the timestamp, a full stop and the body as it was received, under the shared secret. Take the
//! message only if one signature is yours and the timestamp is within 300 seconds of your clock: [`verify_signature`] does
//! both and is what our tests receive with. Answer 2xx once the message is safe; 429 or 503 with `Retry-After` to be asked
//! again; any other 4xx to say that it will never be taken.

use std::{sync::Arc, time::Duration};

use alloy_primitives::hex;
use async_trait::async_trait;
use hmac::{Hmac, Mac};
use quarterdeck_core::{
    id::{IncidentId, PageId},
    incident::Severity,
    limits::REPLAY_WINDOW,
    time::Timestamp,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use sha2::Sha256;

use super::{
    Bundled, Message, MessageKind, Notifier, NotifierKind, Parts, Receipt, SendError, SettingError, SettingSpec,
    Settings,
    exchange::{ALLOW_HTTP, CA_FILE, Exchange, TIMEOUT},
    words::{Secret, idempotency_key},
};

/// The header with the time of signing.
pub const TIMESTAMP_HEADER: &str = "x-quarterdeck-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "x-quarterdeck-signature";
/// The header with the page.
pub const DELIVERY_HEADER: &str = "x-quarterdeck-delivery";
/// Bytes that a shared secret has at least: 128 bits, if it is random.
const SECRET_BYTES_MIN: usize = 16;
/// Signatures that a receiver looks at: two during a change of secret; more is an attempt to make it work.
const SIGNATURES_MAX: usize = 8;

/// The kind.
pub struct Webhook;

impl NotifierKind for Webhook {
    fn id(&self) -> &'static str {
        "webhook"
    }
    fn title(&self) -> &'static str {
        "Signed HTTP POST to a program of yours"
    }
    fn address(&self) -> &'static str {
        "anything: it is passed on in the body as `address`"
    }
    fn settings(&self) -> &'static [SettingSpec] {
        const {
            &[
                SettingSpec { name: "url", doc: "Where to POST.", required: true, secret: true },
                SettingSpec {
                    name: "secret",
                    doc: "Shared with the receiver, at least 16 bytes; each message is signed with it.",
                    required: true,
                    secret: true,
                },
                SettingSpec {
                    name: "secret_next",
                    doc: "A second secret that signs too, while the receiver changes from one to the other.",
                    required: false,
                    secret: true,
                },
                ALLOW_HTTP,
                CA_FILE,
                TIMEOUT,
            ]
        }
    }
    fn build(&self, settings: &Settings, parts: &Parts) -> Result<Arc<dyn Notifier>, SettingError> {
        settings.check(self)?;
        let mut secrets = Vec::new();
        for name in ["secret", "secret_next"] {
            let Some(secret) = settings.get(name) else { continue };
            if secret.len() < SECRET_BYTES_MIN {
                let reason = format!("want at least {SECRET_BYTES_MIN} bytes, it has {}", secret.len());
                return Err(SettingError::Bad { kind: self.id(), name, reason });
            }
            secrets.push(Secret::new(secret));
        }
        Ok(Arc::new(Sender { exchange: Exchange::new(self.id(), settings, parts, None)?, secrets }))
    }
}

/// What is posted. Fields are added, never changed or taken away; `version` would change if one had to be.
#[derive(Debug, Serialize)]
pub struct Body<'a> {
    /// Version of this form; it has been 1 from the beginning.
    pub version: u8,
    /// `page`, `resolved`, or `notice`: a silence of theirs is to end, or did, and nobody has to get up.
    pub kind: MessageKind,
    /// The page, `pag_…`; the same in every repeat of it.
    pub page: PageId,
    /// The incident that the page is about, `inc_…`.
    pub incident: IncidentId,
    /// `sev1` (worst) to `sev5`.
    pub severity: Severity,
    /// One line.
    pub title: &'a str,
    /// What is wrong, why this severity, why this person, why now.
    pub text: &'a str,
    /// The person's name.
    pub person: &'a str,
    /// The person's address on this channel, as configured.
    pub address: &'a str,
    /// The console's page of the incident.
    pub link: &'a str,
    /// Whether an earlier attempt may have arrived.
    pub repeat: bool,
    /// Whether it is an exercise.
    pub drill: bool,
    /// When the page was decided, RFC 3339.
    pub at: Timestamp,
    /// Further pages to the same person in this message, each with its own page, incident and link; none: there is no such field.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub also: &'a [Bundled],
}

impl<'a> Body<'a> {
    /// The body of a message.
    pub fn of(message: &'a Message) -> Self {
        let Message { page, incident, severity, title, text, person, address, link, repeat, drill, kind, at, .. } =
            message;
        Self {
            version: 1,
            kind: *kind,
            page: *page,
            incident: *incident,
            severity: *severity,
            title,
            text,
            person,
            address,
            link,
            repeat: *repeat,
            drill: *drill,
            at: *at,
            also: &message.also,
        }
    }
}

#[derive(Debug)]
struct Sender {
    exchange: Exchange,
    secrets: Vec<Secret>,
}

#[async_trait]
impl Notifier for Sender {
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let body = serde_json::to_vec(&Body::of(message))
            .map_err(|error| SendError::permanent(format!("write the message as JSON: {error}")))?;
        let seconds = self.exchange.now().as_ms().div_euclid(1000).to_string();
        let signatures: Vec<String> =
            self.secrets.iter().map(|secret| sign(secret.expose().as_bytes(), &seconds, &body)).collect();
        let headers = [
            (TIMESTAMP_HEADER, seconds),
            (SIGNATURE_HEADER, signatures.join(",")),
            (DELIVERY_HEADER, message.page.to_string()),
            ("idempotency-key", idempotency_key(message)),
        ];
        let mut written = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let value = HeaderValue::from_str(&value)
                .map_err(|_| SendError::permanent(format!("the header `{name}` cannot carry its value")))?;
            written.push((HeaderName::from_static(name), value));
        }
        let answer = self.exchange.post_json(body, &written).await?;
        self.exchange.verdict(&answer)
    }
}

/// `v1=<hex HMAC-SHA256(secret, seconds + "." + body)>`.
pub fn sign(secret: &[u8], seconds: &str, body: &[u8]) -> String {
    let digest = mac(secret, seconds, body).finalize().into_bytes();
    format!("v1={}", hex::encode(digest))
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104): the error cannot arise")]
fn mac(secret: &[u8], seconds: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("invariant: HMAC takes a key of any length");
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// Why a received message is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is not there or cannot be read.
    #[error("header `{name}` is missing or unreadable")]
    Header {
        /// The header's name, in small letters.
        name: &'static str,
    },
    /// Signed too long ago, or in the future: a replay, or a clock that is wrong.
    #[error("signed {off_s} s away from our clock: want at most {} s", REPLAY_WINDOW.as_secs())]
    Time {
        /// How far, in seconds.
        off_s: u64,
    },
    /// No signature is the secret's.
    #[error("no signature of version 1 is ours")]
    Signature,
}

/// Whether a message was signed with `secret`, lately. For receivers.
///
/// `body` is what was received, before anything parsed it. Signatures are compared in constant time. Each of several
/// signatures is tried, so that sender and receiver can change a secret without a gap.
pub fn verify_signature(secret: &[u8], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
    let header = |name: &'static str| {
        let text = headers.get(name).and_then(|value| value.to_str().ok());
        text.ok_or(SignatureError::Header { name })
    };
    let seconds = header(TIMESTAMP_HEADER)?;
    // Digits alone: what is signed is the text, and `+5` is not the text that a sender of ours writes.
    let digits = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let signed_at = digits.then(|| seconds.parse::<u64>().ok()).flatten();
    let signed_at = Timestamp::from_secs(signed_at.ok_or(SignatureError::Header { name: TIMESTAMP_HEADER })?);
    let off: Duration = now.since(signed_at).max(signed_at.since(now));
    if off > REPLAY_WINDOW {
        return Err(SignatureError::Time { off_s: off.as_secs() });
    }
    let signatures = header(SIGNATURE_HEADER)?;
    for signature in signatures.split(',').take(SIGNATURES_MAX) {
        let Some(digits) = signature.trim().strip_prefix("v1=") else { continue };
        let mut claimed = [0; 32];
        let well_formed = hex::decode_to_slice(digits, &mut claimed).is_ok();
        if well_formed && mac(secret, seconds, body).verify_slice(&claimed).is_ok() {
            return Ok(());
        }
    }
    Err(SignatureError::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a secret of 24 bytes ...";

    fn headers(seconds: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(TIMESTAMP_HEADER, seconds.parse().unwrap());
        headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
        headers
    }

    #[test]
    fn a_signature_is_what_other_programs_compute() {
        // As OpenSSL computes it: printf '1.x' | openssl dgst -sha256 -hmac Jefe
        let openssl = "v1=2f7ccbd0f043456ad29514b2d24a8aa345ec6673a5db1b44e91c8ac99d1841e3";
        assert_eq!(sign(b"Jefe", "1", b"x"), openssl);
    }

    #[test]
    fn what_was_signed_lately_is_taken() {
        let now = Timestamp::from_secs(1_700_000_000);
        let signature = sign(SECRET, "1700000000", b"{}");
        let good = headers("1700000000", &signature);
        assert_eq!(verify_signature(SECRET, &good, b"{}", now), Ok(()));
        let edge = Timestamp::from_secs(1_700_000_300);
        assert_eq!(verify_signature(SECRET, &good, b"{}", edge), Ok(()));
        let late = Timestamp::from_secs(1_700_000_301);
        assert_eq!(verify_signature(SECRET, &good, b"{}", late), Err(SignatureError::Time { off_s: 301 }));
        let early = Timestamp::from_secs(1_699_999_000);
        assert_eq!(verify_signature(SECRET, &good, b"{}", early), Err(SignatureError::Time { off_s: 1000 }));
        assert_eq!(verify_signature(b"another", &good, b"{}", now), Err(SignatureError::Signature));
        assert_eq!(verify_signature(SECRET, &good, b"{ }", now), Err(SignatureError::Signature));
        let moved = headers("1700000001", &signature);
        assert_eq!(verify_signature(SECRET, &moved, b"{}", now), Err(SignatureError::Signature));
    }

    #[test]
    fn one_of_several_signatures_is_enough() {
        let now = Timestamp::from_secs(1_700_000_000);
        let mine = sign(SECRET, "1700000000", b"{}");
        let other = sign(b"the one before", "1700000000", b"{}");
        let both = headers("1700000000", &format!("{other}, v2=ff, {mine}"));
        assert_eq!(verify_signature(SECRET, &both, b"{}", now), Ok(()));
        let flood = format!("{}{mine}", "v1=00,".repeat(SIGNATURES_MAX));
        let flood = headers("1700000000", &flood);
        assert_eq!(verify_signature(SECRET, &flood, b"{}", now), Err(SignatureError::Signature));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let now = Timestamp::from_secs(1_700_000_000);
        let none = HeaderMap::new();
        let missing = Err(SignatureError::Header { name: TIMESTAMP_HEADER });
        assert_eq!(verify_signature(SECRET, &none, b"{}", now), missing);
        for seconds in ["", "+1700000000", "1e9", "99999999999999999999", "-1"] {
            assert_eq!(verify_signature(SECRET, &headers(seconds, "v1=00"), b"{}", now), missing, "{seconds}");
        }
        for signature in ["", "v1=", "v1=zz", "v1=é"] {
            let Ok(value) = HeaderValue::from_bytes(signature.as_bytes()) else { continue };
            let mut given = headers("1700000000", "v1=00");
            given.insert(SIGNATURE_HEADER, value);
            assert!(verify_signature(SECRET, &given, b"{}", now).is_err(), "{signature}");
        }
    }
}
