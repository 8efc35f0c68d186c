//! What a node means by an error. JSON-RPC has one code for what matters here, EIP-1474 a few more, and providers say the rest in
//! words and numbers of their own, often inside HTTP 200. Each row is a form that was published by somebody who met it. Tests: below.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What follows from an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The node does not offer the method to us.
    NoMethod,
    /// We ask more than it allows: later.
    TooMany,
    /// Too many questions in one request.
    BatchTooLarge,
    /// It could not answer just now, or does not have the block yet: later. It says nothing about what the node offers.
    Passing,
    /// A plain no to this question.
    No,
}

/// JSON-RPC 2.0, section 5.1; EIP-1474 (known and not offered); and what ganache answers to a method that it does not know.
const NO_METHOD: [i64; 3] = [-32_601, -32_004, -32_700];
/// EIP-1474, section on error codes; HTTP's number as Alchemy puts it into a body; Base, Ankr, dRPC and others by their own.
const TOO_MANY: [i64; 6] = [-32_005, 429, -32_016, -32_029, -32_090, -32_097];

const BATCH_LIMIT: [&str; 9] =
    ["limit", "large", "exceed", "max", "too many", "size", "not allowed", "not supported", "disabled"];
const RATE_WORDS: [&str; 15] = [
    "rate limit",
    "rate-limit",
    "ratelimit",
    "too many requests",
    "request limit",
    "requests per",
    "call rate",
    "compute unit",
    "throughput",
    "capacity",
    "throttl",
    "quota",
    "credits",
    "daily request",
    "limit reached",
];
const ABSENT_WORDS: [&str; 6] =
    ["not found", "not supported", "not available", "does not exist", "unsupported", "not whitelisted"];
const FORBIDDEN_WORDS: [&str; 10] = [
    "upgrade your",
    "paid plan",
    "free tier",
    "current plan",
    "not enabled",
    "disabled",
    "not allowed",
    "not permitted",
    "forbidden",
    "unauthorized",
];
const PASSING_WORDS: [&str; 24] = [
    "header not found",
    "block not found",
    "unknown block",
    "cannot find block",
    "could not find block",
    "not yet",
    "future block",
    "after last accepted block",
    "syncing",
    "timeout",
    "timed out",
    "deadline exceeded",
    "context canceled",
    "temporar",
    "try again",
    "retry",
    "unavailable",
    "busy",
    "overloaded",
    "internal error",
    "internal server error",
    "upstream",
    "connection",
    "no response",
];

/// What an error of the node means.
pub(super) fn meaning(code: i64, message: &str) -> Meaning {
    let lower = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // Before the limits: `batch limit exceeded` is one of another kind. And limits before refusals: they advertise a plan, too.
    if lower.contains("batch") && says(&BATCH_LIMIT) {
        Meaning::BatchTooLarge
    } else if TOO_MANY.contains(&code) || says(&RATE_WORDS) {
        Meaning::TooMany
    } else if NO_METHOD.contains(&code) || (lower.contains("method") && says(&ABSENT_WORDS)) || says(&FORBIDDEN_WORDS) {
        Meaning::NoMethod
    } else if says(&PASSING_WORDS) {
        Meaning::Passing
    } else {
        Meaning::No
    }
}

/// An error as the node wrote it, in whatever form: an object by the specification, its code as text, or a text alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NodeError {
    pub(super) code: i64,
    pub(super) message: String,
}

impl NodeError {
    /// From the two parts of the specification, where a node wrote at least one.
    pub(super) fn of(code: Option<&Value>, message: Option<&Value>) -> Option<Self> {
        if code.is_none() && message.is_none() {
            return None;
        }
        let number = |code: &Value| code.as_i64().or_else(|| code.as_str()?.parse().ok());
        let text = |message: &Value| message.as_str().map_or_else(|| message.to_string(), ToOwned::to_owned);
        Some(Self { code: code.and_then(number).unwrap_or(0), message: message.map(text).unwrap_or_default() })
    }
}

impl<'de> Deserialize<'de> for NodeError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = Value::deserialize(deserializer)?;
        let (code, message) = (found.get("code"), found.get("message"));
        let whole = || Self { code: 0, message: found.as_str().map_or_else(|| found.to_string(), ToOwned::to_owned) };
        Ok(Self::of(code, message).unwrap_or_else(whole))
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node error {}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_were_published_mean_what_their_owners_meant() {
        let rows = [
            // geth, reth, erigon, nethermind
            (-32_601, "the method trace_block does not exist/is not available", Meaning::NoMethod),
            (-32_000, "method debug_traceBlockByHash is not supported", Meaning::NoMethod),
            (-32_000, "header not found", Meaning::Passing),
            (-32_000, "execution timeout", Meaning::Passing),
            (-32_002, "request timed out", Meaning::Passing),
            (-32_603, "Internal error", Meaning::Passing),
            (-32_000, "cannot query unfinalized data: after last accepted block", Meaning::Passing),
            (-32_600, "invalid request", Meaning::No),
            (12, "requested epoch was a null round (3)", Meaning::No),
            // hardhat, ganache
            (-32_004, "Method eth_getBlockReceipts is not supported", Meaning::NoMethod),
            (-32_700, "The method debug_traceBlockByHash does not exist", Meaning::NoMethod),
            // Alchemy, QuickNode, Infura, Ankr, Base
            (429, "Your app has exceeded its compute units per second capacity.", Meaning::TooMany),
            (
                -32_007,
                "50/second request limit reached - reduce calls per second or upgrade your account",
                Meaning::TooMany,
            ),
            (-32_005, "daily request count exceeded, request rate limited", Meaning::TooMany),
            (-32_090, "Too many requests, reason: call rate limit exhausted, retry in 10s", Meaning::TooMany),
            (-32_016, "over rate limit", Meaning::TooMany),
            (-32_007, "batch limit exceeded", Meaning::BatchTooLarge),
            (-32_600, "batch too large", Meaning::BatchTooLarge),
            (
                -32_000,
                "debug_traceBlockByHash is not available on the Free tier - upgrade to Pay As You Go",
                Meaning::NoMethod,
            ),
        ];
        for (code, message, want) in rows {
            assert_eq!(meaning(code, message), want, "{code} {message}");
        }
    }

    #[test]
    fn an_error_is_read_in_whatever_form() {
        let read = |text| serde_json::from_str::<NodeError>(text).unwrap();
        let error = |code, message: &str| NodeError { code, message: message.to_owned() };
        assert_eq!(read(r#"{"code":-32000,"message":"no"}"#), error(-32_000, "no"));
        assert_eq!(read(r#"{"code":"429","message":{"why":1}}"#), error(429, "{\"why\":1}"));
        assert_eq!(read(r#""unauthorized""#), error(0, "unauthorized"));
        assert_eq!(read("[1]"), error(0, "[1]"));
    }
}
