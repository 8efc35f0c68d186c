//! Asks one node over JSON-RPC: within its request budget, with a bound on every answer, with back-off when it fails.
//!
//! Answers stay bytes: the decoders of `quarterdeck-formats` read them without a detour. Credentials in the address are never
//! shown: [`Rpc::shown`] is what errors and the console say.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quarterdeck_core::limits::NODE_BODY_BYTES_MAX;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::{sync::Semaphore, time::Instant};
use url::Url;

use super::meaning::{Meaning, NodeError, meaning};
use crate::words::{clean, unsaid};

/// How long a node may take for one answer: traces of a full block take seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a node may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the first failure; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: a node that is back is noticed this soon.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// The longest pause that a node may ask for: longer, and it is asked again to see whether it meant it.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);
/// How much of a second's budget may be spent at once: a block and its parts belong together, and providers count by the second.
const BURST: Duration = Duration::from_millis(250);
/// Bytes above which only one answer of a node is read at a time, so that a node cannot fill our memory with several.
const LARGE_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Questions in one request, at most: providers refuse larger ones, and some smaller ones. What a node takes is learned.
const BATCH_MAX: usize = 100;
/// How long a smaller bound on batches is kept before a larger one is tried again: its owner may have raised it.
const BATCH_AGAIN: Duration = Duration::from_mins(10);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The node cannot be reached, or broke off.
    #[error("{method} at {endpoint}: {detail}")]
    Unreachable {
        /// What was asked.
        method: &'static str,
        /// Whom, without credentials.
        endpoint: String,
        /// What happened.
        detail: String,
    },
    /// It wants us to ask less.
    #[error("{method} at {endpoint}: too many requests")]
    TooMany {
        /// What was asked.
        method: &'static str,
        /// The node asked, without what is secret in its address.
        endpoint: String,
        /// When to ask again, if it said.
        after: Option<Duration>,
    },
    /// It does not have this method.
    #[error("{method} at {endpoint}: no such method")]
    NoMethod {
        /// What was asked.
        method: &'static str,
        /// The node asked, without what is secret in its address.
        endpoint: String,
    },
    /// More questions in one request than it takes.
    #[error("{method} at {endpoint}: too many questions in one request: {message}")]
    BatchTooLarge {
        /// What was asked.
        method: &'static str,
        /// The node asked, without what is secret in its address.
        endpoint: String,
        /// Its words, shortened.
        message: String,
    },
    /// It said no.
    #[error("{method} at {endpoint}: node error {code}: {message}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// The node asked, without what is secret in its address.
        endpoint: String,
        /// JSON-RPC error code.
        code: i64,
        /// Its words, shortened.
        message: String,
        /// It could not just now: the same question may be answered later.
        passing: bool,
    },
    /// It answered what cannot be.
    #[error("{method} at {endpoint}: {detail}")]
    Nonsense {
        /// What was asked.
        method: &'static str,
        /// The node asked, without what is secret in its address.
        endpoint: String,
        /// What is wrong.
        detail: String,
    },
}

/// The envelope of an answer, with the result left as it is. Some providers write the error's parts without an `error` around them.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<NodeError>,
    code: Option<Value>,
    message: Option<Value>,
}

impl Envelope<'_> {
    fn error(&mut self) -> Option<NodeError> {
        let bare = || NodeError::of(self.code.as_ref(), self.message.as_ref());
        self.error.take().or_else(|| if self.result.is_none() { bare() } else { None })
    }
}

/// How long an answer may be, by what it is about: a node must not fill our memory where a number was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A number or a word.
    Number,
    /// A header, with the hashes of its transactions: 100,000 of them.
    Header,
    /// A block, its receipts or traces.
    Block,
}

impl Room {
    const fn bytes(self) -> usize {
        match self {
            Self::Number => 64 * 1024,
            Self::Header => 8 * 1024 * 1024,
            Self::Block => NODE_BODY_BYTES_MAX,
        }
    }
}

/// How many questions the node takes in one request, as far as we know.
struct Batch {
    max: usize,
    /// When that was found, or last tried to be more.
    since: Instant,
}

impl RpcError {
    /// Whether it is about how we asked, rather than about the node or the one thing asked for.
    const fn is_about_the_request(&self) -> bool {
        match self {
            Self::BatchTooLarge { .. } | Self::Nonsense { .. } => true,
            Self::Refused { passing, .. } => !*passing,
            Self::Unreachable { .. } | Self::TooMany { .. } | Self::NoMethod { .. } => false,
        }
    }
}

/// One node.
pub struct Rpc {
    http: reqwest::Client,
    url: String,
    shown: String,
    spacing: Duration,
    answer_timeout: Duration,
    pace: Mutex<Pace>,
    batch: Mutex<Batch>,
    large: Semaphore,
}

struct Pace {
    /// When the next request is due if all were evenly spaced; one may go up to [`BURST`] before it is due.
    next: Instant,
    /// Nothing is sent before this.
    resting: Instant,
    /// When the last pause was imposed: what was sent before it and fails later is the same failure.
    failed: Option<Instant>,
    failures: u32,
}

impl Rpc {
    /// A node at `url` that allows so many requests a second.
    pub fn new(http: reqwest::Client, url: &str, requests_per_second: u32) -> Arc<Self> {
        Self::with_timeout(http, url, requests_per_second, ANSWER_TIMEOUT)
    }

    /// One that may take only so long for an answer.
    pub fn with_timeout(
        http: reqwest::Client,
        url: &str,
        requests_per_second: u32,
        answer_timeout: Duration,
    ) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            http,
            url: url.to_owned(),
            shown: shown(url),
            spacing: Duration::from_secs(1) / requests_per_second.max(1),
            answer_timeout,
            pace: Mutex::new(Pace { next: now, resting: now, failed: None, failures: 0 }),
            batch: Mutex::new(Batch { max: BATCH_MAX, since: now }),
            large: Semaphore::new(1),
        })
    }

    /// Whether it failed a moment ago and is left alone.
    pub fn is_resting(&self) -> bool {
        self.lock().resting > Instant::now()
    }

    /// The address without credentials: scheme, host and port.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The whole answer to one question, envelope and all. A node's error is an error here.
    pub async fn ask(&self, method: &'static str, params: Value, room: Room) -> Result<Vec<u8>, RpcError> {
        let question = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.exchange(method, question.to_string(), 1, room).await
    }

    /// A small result, read into `T`; none where it is null.
    pub async fn small<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
        room: Room,
    ) -> Result<Option<T>, RpcError> {
        let bytes = self.ask(method, params, room).await?;
        let envelope: Envelope<'_> = serde_json::from_slice(&bytes).map_err(|error| self.nonsense(method, &error))?;
        match envelope.result.map(RawValue::get) {
            None | Some("null") => Ok(None),
            Some(text) => serde_json::from_str(text).map(Some).map_err(|error| self.nonsense(method, &error)),
        }
    }

    /// The results of several questions of one method, as JSON, in order, each with its own fate. As many go in one request as the
    /// node takes; the budget counts each.
    pub async fn many(
        &self,
        method: &'static str,
        params: &[Value],
    ) -> Result<Vec<Result<String, RpcError>>, RpcError> {
        let mut all = Vec::with_capacity(params.len());
        while let Some(rest) = params.get(all.len()..).filter(|rest| !rest.is_empty()) {
            let size = self.batch_size().min(rest.len());
            let some = rest.get(..size).unwrap_or(rest);
            match self.batch(method, some).await {
                Ok(answers) => all.extend(answers),
                // Whatever the words: what is refused as a whole may be taken in parts.
                Err(error) if some.len() > 1 && error.is_about_the_request() => {
                    tracing::debug!(%error, size, "fewer questions in one request from here on");
                    self.note_batch(size / 2);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn batch(&self, method: &'static str, params: &[Value]) -> Result<Vec<Result<String, RpcError>>, RpcError> {
        #[derive(Deserialize)]
        struct One<'a> {
            id: usize,
            #[serde(borrow)]
            result: Option<&'a RawValue>,
            error: Option<NodeError>,
        }
        if let [one] = params {
            let answer = self.small::<Box<RawValue>>(method, one.clone(), Room::Block).await;
            let absent = || self.nonsense(method, &"answered null");
            return match answer {
                Ok(answer) => Ok(vec![answer.map(|text| text.get().to_owned()).ok_or_else(absent)]),
                Err(error @ RpcError::Refused { .. }) => Ok(vec![Err(error)]),
                Err(error) => Err(error),
            };
        }
        let question =
            |(id, params)| serde_json::json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let questions: Vec<Value> = params.iter().enumerate().map(question).collect();
        let count = u32::try_from(params.len()).unwrap_or(u32::MAX);
        let bytes = self.exchange(method, Value::Array(questions).to_string(), count, Room::Block).await?;
        let mut answers: Vec<One<'_>> =
            serde_json::from_slice(&bytes).map_err(|error| self.nonsense(method, &error))?;
        answers.sort_by_key(|one| one.id);
        let complete = answers.len() == params.len() && answers.iter().enumerate().all(|(place, one)| one.id == place);
        if !complete {
            return Err(self.nonsense(method, &format!("{} of {} answers", answers.len(), params.len())));
        }
        let mut all = Vec::with_capacity(answers.len());
        for one in answers {
            all.push(match (one.error, one.result.map(RawValue::get)) {
                (Some(error), _) => match self.node_error(method, &error) {
                    error @ RpcError::Refused { .. } => Err(error),
                    // The method is missing, or we are to wait: that is about all of them.
                    error => {
                        if matches!(error, RpcError::TooMany { .. }) {
                            self.note_failure(Instant::now(), None);
                        }
                        return Err(error);
                    }
                },
                (None, Some(text)) if text != "null" => Ok(text.to_owned()),
                (None, _) => Err(self.nonsense(method, &"answered null")),
            });
        }
        Ok(all)
    }

    fn batch_size(&self) -> usize {
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        if batch.max < BATCH_MAX && batch.since.elapsed() >= BATCH_AGAIN {
            *batch = Batch { max: batch.max.saturating_mul(2).min(BATCH_MAX), since: Instant::now() };
        }
        batch.max
    }

    fn note_batch(&self, max: usize) {
        *self.batch.lock().unwrap_or_else(PoisonError::into_inner) = Batch { max: max.max(1), since: Instant::now() };
    }

    /// What it said, to be shown.
    fn said(&self, text: &str) -> String {
        Url::parse(&self.url).map_or_else(|_| clean(text), |url| clean(&unsaid(text, &url, &[])))
    }

    fn nonsense(&self, method: &'static str, detail: &dyn std::fmt::Display) -> RpcError {
        RpcError::Nonsense { method, endpoint: self.shown.clone(), detail: self.said(&detail.to_string()) }
    }

    fn check(&self, method: &'static str, bytes: &[u8]) -> Result<(), RpcError> {
        // A long answer is no error, or one that the decoder finds. A batch's answers are looked at one by one.
        if bytes.len() > ERROR_BYTES_MAX || bytes.trim_ascii_start().starts_with(b"[") {
            return Ok(());
        }
        let mut envelope: Envelope<'_> =
            serde_json::from_slice(bytes).map_err(|error| self.nonsense(method, &error))?;
        envelope.error().map_or(Ok(()), |error| Err(self.node_error(method, &error)))
    }

    fn node_error(&self, method: &'static str, error: &NodeError) -> RpcError {
        let (endpoint, message) = (self.shown.clone(), self.said(&error.message));
        let refused = |passing| RpcError::Refused {
            method,
            endpoint: endpoint.clone(),
            code: error.code,
            message: message.clone(),
            passing,
        };
        match meaning(error.code, &error.message) {
            Meaning::NoMethod => RpcError::NoMethod { method, endpoint },
            Meaning::TooMany => RpcError::TooMany { method, endpoint, after: None },
            Meaning::BatchTooLarge => RpcError::BatchTooLarge { method, endpoint, message },
            Meaning::Passing => refused(true),
            Meaning::No => refused(false),
        }
    }

    /// Sends what is our turn to send; `count` questions in one. A failure imposes a pause, a node's plain no does not.
    async fn exchange(
        &self,
        method: &'static str,
        question: String,
        count: u32,
        room: Room,
    ) -> Result<Vec<u8>, RpcError> {
        loop {
            let turn = self.take_turn(count);
            tokio::time::sleep_until(turn).await;
            // Another request may have failed while we waited.
            let resting = self.lock().resting;
            if resting <= Instant::now() {
                break;
            }
            tokio::time::sleep_until(resting).await;
        }
        let sent = Instant::now();
        let transferred = tokio::time::timeout(self.answer_timeout, self.transfer(method, question, room)).await;
        let outcome = transferred.unwrap_or_else(|_| {
            let detail = format!("no answer within {} s", self.answer_timeout.as_secs());
            Err(RpcError::Unreachable { method, endpoint: self.shown.clone(), detail })
        });
        let outcome = outcome.and_then(|bytes| self.check(method, &bytes).map(|()| bytes));
        match &outcome {
            Ok(_) | Err(RpcError::Refused { .. } | RpcError::NoMethod { .. } | RpcError::BatchTooLarge { .. }) => {
                self.lock().failures = 0;
            }
            Err(RpcError::TooMany { after, .. }) => self.note_failure(sent, *after),
            Err(RpcError::Unreachable { .. } | RpcError::Nonsense { .. }) => self.note_failure(sent, None),
        }
        outcome
    }

    async fn transfer(&self, method: &'static str, question: String, room: Room) -> Result<Vec<u8>, RpcError> {
        let endpoint = || self.shown.clone();
        // An error of the HTTP client names the address with its credentials: they are taken off.
        let unreachable = |error: reqwest::Error| RpcError::Unreachable {
            method,
            endpoint: endpoint(),
            detail: clean(&chain_of(&error.without_url())),
        };
        let request = self.http.post(&self.url).header("content-type", "application/json").body(question);
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        if status.as_u16() == 429 {
            let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let after = header.and_then(|text| text.parse().ok()).map(Duration::from_secs);
            return Err(RpcError::TooMany { method, endpoint: endpoint(), after });
        }
        if status.as_u16() == 413 {
            let message = "HTTP 413".to_owned();
            return Err(RpcError::BatchTooLarge { method, endpoint: endpoint(), message });
        }
        if status.is_server_error() {
            return Err(RpcError::Unreachable { method, endpoint: endpoint(), detail: format!("HTTP {status}") });
        }
        let (mut bytes, mut alone) = (Vec::new(), None);
        while let Some(part) = answer.chunk().await.map_err(unreachable)? {
            if bytes.len() + part.len() > room.bytes() {
                return Err(self.nonsense(method, &format!("an answer of more than {} bytes", room.bytes())));
            }
            if bytes.len() + part.len() > LARGE_ANSWER_BYTES && alone.is_none() {
                // Never closed, so that this only waits.
                alone = self.large.acquire().await.ok();
            }
            bytes.extend_from_slice(&part);
        }
        drop(alone);
        if status.is_client_error() && serde_json::from_slice::<Envelope<'_>>(&bytes).is_err() {
            return Err(self.nonsense(method, &format!("HTTP {status}")));
        }
        Ok(bytes)
    }

    /// The instant at which so many questions may be sent, by the budget and the back-off.
    fn take_turn(&self, count: u32) -> Instant {
        let now = Instant::now();
        let mut pace = self.lock();
        let due = pace.next.max(now);
        pace.next = due + self.spacing * count;
        // An instant near the machine's start has nothing before it.
        due.checked_sub(BURST).unwrap_or(due).max(pace.resting)
    }

    /// Requests under way when the node fails all fail: together they are one failure.
    fn note_failure(&self, sent: Instant, after: Option<Duration>) {
        let now = Instant::now();
        let mut pace = self.lock();
        if pace.failed.is_none_or(|failed| sent >= failed) {
            let doubled = FIRST_PAUSE.saturating_mul(1 << pace.failures.min(7)).min(PAUSE_MAX);
            pace.failures = pace.failures.saturating_add(1);
            pace.failed = Some(now);
            pace.resting = now + doubled;
        }
        if let Some(after) = after {
            pace.resting = pace.resting.max(now + after.min(RETRY_AFTER_MAX));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of an answer that can still be an error: longer ones are results, and the decoder looks at them anyway.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A client for nodes: no redirects, no proxy, connections kept.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    quarterdeck_host::tls::choose_cryptography();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
}

/// Scheme, host and port: keys of providers stand in the path or before the `@`.
pub fn shown(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| "an address that does not parse".to_owned(),
        |url| {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
        },
    )
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_is_shown_without_its_key() {
        let node = Rpc::new(client().unwrap(), "https://node.example/v3/0123456789abcdef", 1);
        let answer = br#"{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"project 0123456789abcdef is unpaid"}}"#;
        let said = node.check("eth_call", answer).unwrap_err().to_string();
        assert_eq!(said, "eth_call at https://node.example: node error 3: project … is unpaid");
    }

    #[test]
    fn an_address_is_shown_without_its_key() {
        assert_eq!(shown("https://user:pw@node.example:8545/v3/0123secret?key=x"), "https://node.example:8545");
        assert_eq!(shown("nonsense"), "an address that does not parse");
    }
}
