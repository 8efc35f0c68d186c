//! A sign of life to a watcher outside, who raises the alarm when it stops: what we cannot say ourselves when we are gone. Says only
//! "still here"; when it is said is the server's to decide. Tests: `tests/it/need.rs` of the server.

use std::time::Duration;

use crate::notify::{Parts, exchange};

/// How long the watcher may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A place that is asked for at intervals. Prints without its URL, whose path is a password.
#[derive(Clone)]
pub struct Heartbeat {
    http: reqwest::Client,
    url: url::Url,
    /// The shortest distance between two signs.
    pub every: Duration,
}

impl Heartbeat {
    /// A sign of life by GET to `url`: https, or http on this machine.
    pub fn new(url: &str, every: Duration, parts: &Parts) -> Result<Self, String> {
        let url = exchange::target("heartbeat", url, false).map_err(|error| error.to_string())?;
        Ok(Self { http: parts.http.clone(), url, every })
    }

    /// The host, for faults.
    pub fn place(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Says that we are here. Any 2xx is an answer.
    pub async fn beat(&self) -> Result<(), String> {
        let sent = self.http.get(self.url.clone()).timeout(ANSWER_WITHIN).send().await;
        let status = sent.map_err(|error| error.without_url().to_string())?.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
    }
}

impl std::fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heartbeat").field("place", &self.place()).field("every", &self.every).finish_non_exhaustive()
    }
}
