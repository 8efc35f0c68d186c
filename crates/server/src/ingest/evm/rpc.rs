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
use tokio::time::Instant;

/// How long a node may take for one answer: traces of a full block take seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a node may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the first failure; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: a node that is back is noticed this soon.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Characters of a node's own words that are repeated in errors.
const WORDS_MAX: usize = 200;

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
        /// Whom.
        endpoint: String,
        /// When to ask again, if it said.
        after: Option<Duration>,
    },
    /// It does not have this method.
    #[error("{method} at {endpoint}: no such method")]
    NoMethod {
        /// What was asked.
        method: &'static str,
        /// Whom.
        endpoint: String,
    },
    /// It said no.
    #[error("{method} at {endpoint}: node error {code}: {message}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// Whom.
        endpoint: String,
        /// JSON-RPC error code.
        code: i64,
        /// Its words, shortened.
        message: String,
    },
    /// It answered what cannot be.
    #[error("{method} at {endpoint}: {detail}")]
    Nonsense {
        /// What was asked.
        method: &'static str,
        /// Whom.
        endpoint: String,
        /// What is wrong.
        detail: String,
    },
}

/// The envelope of an answer, with the result left as it is.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<NodeError>,
}

#[derive(Deserialize)]
struct NodeError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

/// One node.
pub struct Rpc {
    http: reqwest::Client,
    url: String,
    shown: String,
    spacing: Duration,
    pace: Mutex<Pace>,
}

struct Pace {
    next: Instant,
    failures: u32,
}

impl Rpc {
    /// A node at `url` that allows so many requests a second.
    pub fn new(http: reqwest::Client, url: &str, requests_per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            http,
            url: url.to_owned(),
            shown: shown(url),
            spacing: Duration::from_secs(1) / requests_per_second.max(1),
            pace: Mutex::new(Pace { next: Instant::now(), failures: 0 }),
        })
    }

    /// The address without credentials: scheme, host and port.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The whole answer to one question, envelope and all. A node's error is an error here.
    pub async fn ask(&self, method: &'static str, params: Value) -> Result<Vec<u8>, RpcError> {
        let question = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let bytes = self.exchange(method, question.to_string()).await?;
        self.check(method, &bytes)?;
        Ok(bytes)
    }

    /// A small result, read into `T`; none where it is null.
    pub async fn small<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Option<T>, RpcError> {
        let bytes = self.ask(method, params).await?;
        let envelope: Envelope<'_> = serde_json::from_slice(&bytes).map_err(|error| self.nonsense(method, &error))?;
        match envelope.result.map(RawValue::get) {
            None | Some("null") => Ok(None),
            Some(text) => serde_json::from_str(text).map(Some).map_err(|error| self.nonsense(method, &error)),
        }
    }

    /// The results of several questions of one method, as the JSON array of their results, in order.
    pub async fn many(&self, method: &'static str, params: &[Value]) -> Result<Vec<u8>, RpcError> {
        let questions: Vec<Value> = (0..params.len())
            .zip(params)
            .map(|(id, params)| serde_json::json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let bytes = self.exchange(method, Value::Array(questions).to_string()).await?;
        #[derive(Deserialize)]
        struct One<'a> {
            id: usize,
            #[serde(borrow)]
            result: Option<&'a RawValue>,
        }
        let mut answers: Vec<One<'_>> =
            serde_json::from_slice(&bytes).map_err(|error| self.nonsense(method, &error))?;
        answers.sort_by_key(|one| one.id);
        let complete = answers.len() == params.len() && answers.iter().enumerate().all(|(place, one)| one.id == place);
        let results: Option<Vec<&str>> = answers.iter().map(|one| one.result.map(RawValue::get)).collect();
        match results {
            Some(results) if complete => Ok(format!("[{}]", results.join(",")).into_bytes()),
            _ => Err(self.nonsense(method, &format!("{} of {} answers", answers.len(), params.len()))),
        }
    }

    fn nonsense(&self, method: &'static str, detail: &dyn std::fmt::Display) -> RpcError {
        let detail = detail.to_string().chars().take(WORDS_MAX).collect();
        RpcError::Nonsense { method, endpoint: self.shown.clone(), detail }
    }

    fn check(&self, method: &'static str, bytes: &[u8]) -> Result<(), RpcError> {
        // Only the head is looked at: a good answer begins with its result or its version, an error is short.
        if bytes.len() > ERROR_BYTES_MAX {
            return Ok(());
        }
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|error| self.nonsense(method, &error))?;
        let Some(error) = envelope.error else { return Ok(()) };
        let endpoint = self.shown.clone();
        let message: String = error.message.chars().take(WORDS_MAX).collect();
        let lower = message.to_lowercase();
        let absent =
            ["not found", "not supported", "not available", "does not exist", "unsupported", "not whitelisted"];
        if error.code == -32601
            || (error.code != -32000 && lower.contains("method") && absent.iter().any(|w| lower.contains(w)))
        {
            return Err(RpcError::NoMethod { method, endpoint });
        }
        if error.code == -32005 || lower.contains("rate limit") || lower.contains("too many requests") {
            self.note_failure(None);
            return Err(RpcError::TooMany { method, endpoint, after: None });
        }
        Err(RpcError::Refused { method, endpoint, code: error.code, message })
    }

    async fn exchange(&self, method: &'static str, question: String) -> Result<Vec<u8>, RpcError> {
        let turn = self.take_turn();
        tokio::time::sleep_until(turn).await;
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, self.transfer(method, question)).await;
        let outcome = sent.unwrap_or_else(|_| {
            Err(RpcError::Unreachable {
                method,
                endpoint: self.shown.clone(),
                detail: format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()),
            })
        });
        match &outcome {
            Ok(_) => self.lock().failures = 0,
            Err(RpcError::TooMany { after, .. }) => self.note_failure(*after),
            Err(_) => self.note_failure(None),
        }
        outcome
    }

    async fn transfer(&self, method: &'static str, question: String) -> Result<Vec<u8>, RpcError> {
        let endpoint = || self.shown.clone();
        // An error of the HTTP client names the address with its credentials: they are taken off.
        let unreachable = |error: reqwest::Error| RpcError::Unreachable {
            method,
            endpoint: endpoint(),
            detail: chain_of(&error.without_url()),
        };
        let request = self.http.post(&self.url).header("content-type", "application/json").body(question);
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        if status.as_u16() == 429 {
            let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let after = header.and_then(|text| text.parse().ok()).map(Duration::from_secs);
            return Err(RpcError::TooMany { method, endpoint: endpoint(), after });
        }
        if status.is_server_error() {
            return Err(RpcError::Unreachable { method, endpoint: endpoint(), detail: format!("HTTP {status}") });
        }
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(unreachable)? {
            if bytes.len() + part.len() > NODE_BODY_BYTES_MAX {
                return Err(self.nonsense(method, &format!("an answer of more than {NODE_BODY_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    /// The instant of our next turn by the budget and the back-off.
    fn take_turn(&self) -> Instant {
        let mut pace = self.lock();
        let turn = pace.next.max(Instant::now());
        pace.next = turn + self.spacing;
        turn
    }

    fn note_failure(&self, after: Option<Duration>) {
        let mut pace = self.lock();
        let doubled = FIRST_PAUSE.saturating_mul(1 << pace.failures.min(7));
        pace.failures = pace.failures.saturating_add(1);
        pace.next = Instant::now() + after.unwrap_or(doubled).min(PAUSE_MAX);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of an answer that can still be an error: longer ones are results, and the decoder looks at them anyway.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A client for nodes: no redirects, no proxy, connections kept.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    crate::tls::choose_cryptography();
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
    use super::shown;

    #[test]
    fn an_address_is_shown_without_its_key() {
        assert_eq!(shown("https://user:pw@node.example:8545/v3/0123secret?key=x"), "https://node.example:8545");
        assert_eq!(shown("nonsense"), "an address that does not parse");
    }
}
