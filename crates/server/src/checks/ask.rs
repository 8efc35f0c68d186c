//! Asks somebody outside, within bounds, by the client of the notifiers: one connection, no redirect, no proxy, no more bytes than are looked at. What went wrong is told
//! by the host and the cause, never by the address, which may hold a secret. Tests: `tests/it/checks.rs`.

use std::error::Error as _;

use quarterdeck_sources::words::clean;
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

use super::probe::{Http, Node, Place};

/// Bytes of an answer that are looked at: a health page has a few thousand, a block without its transactions as many.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Asks over HTTP. An error says why there is no answer, in words.
pub async fn http(client: &Client, ask: &Http) -> Result<Answer, String> {
    let headers = ask.headers.iter().cloned().collect();
    answer(client.request(ask.method.clone(), ask.place.url.clone()).headers(headers), &ask.place).await
}

/// The result of one question to a node.
pub async fn node(client: &Client, node: &Node, method: &str, params: &Value) -> Result<Value, String> {
    let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let asked = client.request(Method::POST, node.place.url.clone());
    let asked = asked.header(header::CONTENT_TYPE, "application/json").body(question.to_string());
    let said = |what: String| format!("{} ({method}): {what}", node.name);
    let answer = answer(asked, &node.place).await.map_err(said)?;
    let Ok(Value::Object(mut envelope)) = serde_json::from_slice(&answer.body) else {
        return Err(said(format!("{} and no JSON-RPC", answer.status)));
    };
    if let Some(error) = envelope.get("error").filter(|error| !error.is_null()) {
        return Err(said(format!("the node's error: {}", node.said(error))));
    }
    if !answer.status.is_success() {
        return Err(said(format!("{}", answer.status)));
    }
    if envelope.get("id") != Some(&json!(1)) {
        return Err(said("the answer is to another question".to_owned()));
    }
    envelope.remove("result").ok_or_else(|| said("the answer has no result".to_owned()))
}

async fn answer(asked: RequestBuilder, place: &Place) -> Result<Answer, String> {
    let told = |error: &reqwest::Error| match (error.is_connect(), error.is_timeout()) {
        (true, true) => format!("{place} does not answer"),
        (true, false) => format!("cannot connect to {place}: {}", cause(error)),
        (false, _) => format!("{place} broke off: {}", cause(error)),
    };
    let mut response = asked.send().await.map_err(|error| told(&error))?;
    let status = response.status();
    let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response.headers().iter().map(header).collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
        if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
            return Err(format!("the answer of {place} is longer than {ANSWER_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

/// The innermost cause, which names no address.
fn cause(error: &reqwest::Error) -> String {
    let first: Option<&dyn std::error::Error> = error.source();
    let causes = std::iter::successors(first, |error| (*error).source());
    causes.last().map_or_else(|| "no reason given".to_owned(), |cause| clean(&cause.to_string()))
}
