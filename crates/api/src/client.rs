//! The typed client: what the command line and the tests use.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Command, Configuration, Done, Erase, Erased, ErrorBody, Incident, IncidentSummary, LogHead, OnCall, SetSilence,
    Silence, Timeline,
};

/// Bytes of an answer read at most: a long incident with 10,000 events is about 10 MB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Talks to one Quarterdeck.
#[derive(Clone)]
pub struct Client {
    base: String,
    token: String,
    http: reqwest::Client,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answered.
    #[error("reach {url}")]
    Reach {
        /// The address asked, with its query.
        url: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// It said no.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code.
        code: String,
        /// For a person.
        message: String,
        /// What to do.
        hint: String,
    },
    /// It answered something else.
    #[error("read the answer of {url}: {detail}")]
    Answer {
        /// The address asked, with its query.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl Client {
    /// A client for the program at `base` (`http://127.0.0.1:7117`), with a bearer token.
    pub fn new(base: &str, token: &str, http: reqwest::Client) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), token: token.to_owned(), http }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>, ClientError> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let reach = |source| ClientError::Reach { url: url.clone(), source };
        let answer = request.send().await.map_err(reach)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(reach)?;
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(ClientError::Answer { url, detail: format!("{} bytes", bytes.len()) });
        }
        if status.is_success() {
            return Ok(bytes.to_vec());
        }
        let body: ErrorBody = serde_json::from_slice(&bytes).unwrap_or_else(|_| ErrorBody {
            code: "http".to_owned(),
            message: format!("{url} answered {status}"),
            hint: String::new(),
        });
        Err(ClientError::Refused { status: status.as_u16(), code: body.code, message: body.message, hint: body.hint })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let bytes = self.ask(reqwest::Method::GET, path, None).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ClientError::Answer { url: format!("{}{path}", self.base), detail: error.to_string() })
    }

    async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, ClientError> {
        let url = format!("{}{path}", self.base);
        let failed = |error: serde_json::Error| ClientError::Answer { url: url.clone(), detail: error.to_string() };
        let bytes = serde_json::to_vec(body).map_err(failed)?;
        let bytes = self.ask(reqwest::Method::POST, path, Some(bytes)).await?;
        serde_json::from_slice(&bytes).map_err(failed)
    }

    /// Incidents: open ones, or all.
    pub async fn incidents(&self, all: bool) -> Result<Vec<IncidentSummary>, ClientError> {
        self.get(if all { "/api/v1/incidents?phase=all" } else { "/api/v1/incidents" }).await
    }
    /// One incident.
    pub async fn incident(&self, id: &str) -> Result<Incident, ClientError> {
        self.get(&format!("/api/v1/incidents/{id}")).await
    }
    /// Part of an incident's timeline: its end, or the part before another, of which it is the `earlier`.
    pub async fn timeline(&self, id: &str, before: Option<u64>) -> Result<Timeline, ClientError> {
        let query = before.map(|before| format!("?before={before}")).unwrap_or_default();
        self.get(&format!("/api/v1/incidents/{id}/timeline{query}")).await
    }
    /// One incident with all of its timeline.
    pub async fn whole_incident(&self, id: &str) -> Result<Incident, ClientError> {
        let mut incident = self.incident(id).await?;
        while let Some(before) = incident.earlier {
            let mut part = self.timeline(id, Some(before)).await?;
            part.rows.append(&mut incident.timeline);
            (incident.timeline, incident.earlier) = (part.rows, part.earlier);
        }
        Ok(incident)
    }
    /// Asks something of an incident, and waits until it is durable.
    pub async fn command(&self, id: &str, command: &Command) -> Result<Done, ClientError> {
        self.post(&format!("/api/v1/incidents/{id}/commands"), command).await
    }
    /// Erases what an incident holds of people, and waits until it is durable.
    pub async fn erase(&self, id: &str, erase: &Erase) -> Result<Erased, ClientError> {
        self.post(&format!("/api/v1/incidents/{id}/erase"), erase).await
    }
    /// Who is on call now.
    pub async fn on_call_now(&self) -> Result<Vec<OnCall>, ClientError> {
        self.get("/api/v1/oncall/now").await
    }
    /// Who is on call after that.
    pub async fn on_call_next(&self) -> Result<Vec<OnCall>, ClientError> {
        self.get("/api/v1/oncall/next").await
    }
    /// Silences in force, to come and lately over; those that end last come first.
    pub async fn silences(&self) -> Result<Vec<Silence>, ClientError> {
        self.get("/api/v1/silences").await
    }
    /// Sets a silence.
    pub async fn set_silence(&self, silence: &SetSilence) -> Result<Silence, ClientError> {
        self.post("/api/v1/silences", silence).await
    }
    /// Ends a silence now. One that is over already stays so.
    pub async fn end_silence(&self, id: &str) -> Result<Silence, ClientError> {
        self.post(&format!("/api/v1/silences/{id}/end"), &()).await
    }
    /// Has the program read its configuration file anew.
    pub async fn reload(&self) -> Result<Configuration, ClientError> {
        self.post("/api/v1/configuration/reload", &()).await
    }
    /// What is in force of the configuration.
    pub async fn configuration(&self) -> Result<Configuration, ClientError> {
        self.get("/api/v1/configuration").await
    }
    /// Where the log stands.
    pub async fn log(&self) -> Result<LogHead, ClientError> {
        self.get("/api/v1/log").await
    }
    /// The review, as `md`, `html` or `json`.
    pub async fn review(&self, id: &str, format: &str) -> Result<Vec<u8>, ClientError> {
        self.ask(reqwest::Method::GET, &format!("/api/v1/incidents/{id}/review?format={format}"), None).await
    }
    /// The evidence bundle.
    pub async fn bundle(&self, id: &str) -> Result<Vec<u8>, ClientError> {
        self.ask(reqwest::Method::GET, &format!("/api/v1/incidents/{id}/bundle"), None).await
    }
}
