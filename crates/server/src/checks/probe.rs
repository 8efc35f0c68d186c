//! What a check looks at, as configured. The addresses may hold secrets: nothing here prints them, and what a server says is shown without
//! them. Tests: below, `tests/it/checks.rs`.

use std::{fmt, time::Duration};

use quarterdeck_core::chain::{Address, U256};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;
use url::Url;

use super::{Expression, cut::clean};

/// Secrets shorter than this are not looked for in what a server says: they would be found everywhere.
const SECRET_CHARS_MIN: usize = 4;
/// The same for one part of a path: shorter ones are words, such as `health` and `mainnet`.
const PART_CHARS_MIN: usize = 8;

/// What a condition about an answer over HTTP may name.
pub const OF_HTTP: [&str; 4] = ["status", "headers", "body", "json"];
/// What a condition about an answer of a node may name.
pub const OF_RPC: [&str; 1] = ["result"];
/// What a condition about the incident may name.
pub const OF_INCIDENT: [&str; 10] = [
    "severity",
    "phase",
    "firing",
    "live_signals",
    "quiet_seconds",
    "open_seconds",
    "money_at_risk_usd",
    "open_tasks",
    "open_questions",
    "drill",
];

/// An address to ask. Prints as its host.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The whole address.
    pub url: Url,
}

impl Place {
    /// What somebody said, without what only we and they know of the address: some repeat the whole request, some only the key that they
    /// refuse. `more`: what was sent besides.
    pub fn unsaid(&self, text: &str, more: &[&str]) -> String {
        let url = &self.url;
        let path = Some(url.path()).filter(|path| *path != "/");
        let parts = url.path_segments().into_iter().flatten().filter(|part| part.len() >= PART_CHARS_MIN);
        let raw = url.query().into_iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('='));
        let raw = raw.map(|(_, value)| value).chain(url.query());
        let known = path.into_iter().chain(parts).chain(raw).chain(url.password()).chain(more.iter().copied());
        let read = url.query_pairs().map(|(_, value)| value.into_owned());
        let mut secrets: Vec<String> = known.map(str::to_owned).chain(read).collect();
        secrets.retain(|secret| secret.len() >= SECRET_CHARS_MIN);
        // The longest first: what is a part of another would leave the rest of it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.host_str().unwrap_or_default())?;
        self.url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A node to ask: what it is called, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The source, and which of its nodes; or the host.
    pub name: String,
    /// Where it is asked.
    pub place: Place,
    /// The chain that it must show; none: any.
    pub chain: Option<u64>,
}

impl Node {
    /// What it said, to be shown: on one line, cut, and without what its address keeps secret.
    pub fn said(&self, json: &Value) -> String {
        clean(&self.place.unsaid(&json.to_string(), &[]))
    }
}

/// A request over HTTP, and what a good answer is.
#[derive(Clone, PartialEq, Eq)]
pub struct Http {
    /// Where it is asked.
    pub place: Place,
    /// How it is asked: a method that changes nothing.
    pub method: Method,
    /// What is sent with it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Good answers; none named: 200 to 299.
    pub status: Vec<u16>,
    /// What must hold besides.
    pub expect: Option<Expression>,
}

impl Http {
    /// What was said, to be shown: on one line, cut, and without what we sent.
    pub fn said(&self, text: &str) -> String {
        let sent = self.headers.iter().filter_map(|(_, value)| value.to_str().ok());
        // Of `Bearer abc` some repeat `abc` alone.
        let sent: Vec<&str> = sent.flat_map(|value| std::iter::once(value).chain(value.split_whitespace())).collect();
        clean(&self.place.unsaid(text, &sent))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, method, status, expect, .. } = self;
        write!(f, "{method} {place}, {status:?}, {expect:?}")
    }
}

/// What is held somewhere, and how much it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Who is asked.
    pub node: Node,
    /// How people call the account.
    pub wallet: String,
    /// Whose it is.
    pub account: Address,
    /// Of which token; none: the chain's own coin.
    pub token: Option<Address>,
    /// How that is called.
    pub symbol: String,
    /// Digits after the point.
    pub decimals: u8,
    /// Not less than this, in the smallest unit.
    pub at_least: Option<U256>,
    /// Not more than this.
    pub at_most: Option<U256>,
}

/// What a check looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// An answer over HTTP.
    Http(Box<Http>),
    /// The answer of a node to one question.
    Rpc {
        /// Who is asked.
        node: Node,
        /// What is asked: a method that only reads.
        method: String,
        /// With what.
        params: Value,
        /// What must hold of the answer.
        expect: Expression,
    },
    /// Whether nodes show the same block.
    NodesAgree {
        /// Who is asked.
        nodes: Vec<Node>,
        /// How many must show the same.
        at_least: usize,
    },
    /// What a wallet holds.
    WalletBalance(Box<Balance>),
    /// The incident itself.
    Cel(Expression),
}

impl Look {
    /// The word of its kind.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Rpc { .. } => "rpc",
            Self::NodesAgree { .. } => "nodes_agree",
            Self::WalletBalance(_) => "wallet_balance",
            Self::Cel(_) => "cel",
        }
    }
}

/// How a check is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What it looks at.
    pub look: Look,
    /// How long one run may take.
    pub timeout: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Place {
        Place { url: Url::parse(url).unwrap() }
    }

    #[test]
    fn what_an_address_keeps_secret_is_not_repeated() {
        let keyed = place("https://node.example/v3/mainnet/0f3ac9d17be2?token=s3cr%2Ft&net=eth");
        for (said, shown) in [
            ("GET /v3/mainnet/0f3ac9d17be2?token=s3cr%2Ft&net=eth", "GET …?…"),
            ("project 0f3ac9d17be2 is over its limit", "project … is over its limit"),
            ("no such token: s3cr/t (s3cr%2Ft)", "no such token: … (…)"),
            ("mainnet is healthy", "mainnet is healthy"),
        ] {
            assert_eq!(keyed.unsaid(said, &[]), shown);
        }
        assert_eq!(place("https://host/").unsaid("a / b", &["Bearer abcdef", "abcdef"]), "a / b");
        assert_eq!(
            place("https://host/").unsaid("`abcdef` was revoked", &["Bearer abcdef", "abcdef"]),
            "`…` was revoked"
        );
    }
}
