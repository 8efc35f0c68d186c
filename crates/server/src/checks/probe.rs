//! What a check looks at, as configured. The addresses may hold secrets: nothing here prints them, and what a server says is shown without
//! them. Tests: `tests/it/checks.rs`.

use std::{fmt, time::Duration};

use quarterdeck_core::chain::{Address, U256};
use quarterdeck_sources::words::{clean, unsaid};
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;
use url::Url;

use super::Expression;

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
        clean(&unsaid(&json.to_string(), &self.place.url, &[]))
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
        clean(&unsaid(text, &self.place.url, &sent))
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
