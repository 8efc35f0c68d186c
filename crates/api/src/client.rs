//! The typed client: what the command line and the tests use.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    BeginAnew, Bulk, BulkDone, Checks, Command, Configuration, Declare, Declared, Done, EndSilences, Erase, Erased,
    ErrorBody, Evidence, EvidenceItem, EvidenceVerified, Held, Incident, IncidentSummary, LogHead, OnCall, Room,
    SetSilence, Silence, SilenceEnded, Source, Task, Timeline, listening::Listening,
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

/// Which incidents a list wants. Nothing given is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// `open`, `over` or `all`.
    pub phase: Option<String>,
    /// `SEV1` to `SEV5`.
    pub severity: Option<String>,
    /// A service of the catalogue.
    pub service: Option<String>,
    /// Part of the title.
    pub text: Option<String>,
}

impl List {
    fn address(&self, most: usize) -> String {
        let limit = most.clamp(1, 1_000).to_string();
        let pairs = [
            ("phase", self.phase.as_deref()),
            ("severity", self.severity.as_deref()),
            ("service", self.service.as_deref()),
            ("text", self.text.as_deref()),
            ("limit", Some(limit.as_str())),
        ];
        let given: Vec<String> =
            pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped((*value)?)))).collect();
        format!("/api/v1/incidents?{}", given.join("&"))
    }
}

/// A value as the query of an address carries it.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The address of the next page, from a header `Link`.
fn next_page(link: &str) -> Option<String> {
    let (address, parameters) = link.strip_prefix('<')?.split_once('>')?;
    parameters.contains("rel=\"next\"").then(|| address.to_owned())
}

/// Why a request was refused, by the answer's body.
fn refused(status: reqwest::StatusCode, bytes: &[u8], url: &str) -> ClientError {
    let body: ErrorBody = serde_json::from_slice(bytes).unwrap_or_else(|_| ErrorBody {
        code: "http".to_owned(),
        message: format!("{url} answered {status}"),
        hint: String::new(),
    });
    ClientError::Refused { status: status.as_u16(), code: body.code, message: body.message, hint: body.hint }
}

/// Why a stream was refused.
async fn refusal(answer: reqwest::Response, url: &str) -> ClientError {
    let status = answer.status();
    match answer.bytes().await {
        Ok(bytes) => refused(status, &bytes, url),
        Err(source) => ClientError::Reach { url: url.to_owned(), source },
    }
}

impl Client {
    /// A client for the program at `base` (`http://127.0.0.1:7117`), with a bearer token.
    pub fn new(base: &str, token: &str, http: reqwest::Client) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), token: token.to_owned(), http }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>, ClientError> {
        Ok(self.send(method, path, body).await?.0)
    }

    /// The answer's body, and where the next page is if it is a page.
    async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(Vec<u8>, Option<String>), ClientError> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let reach = |source| ClientError::Reach { url: url.clone(), source };
        let answer = request.send().await.map_err(reach)?;
        let status = answer.status();
        let next = answer.headers().get("link").and_then(|link| next_page(link.to_str().ok()?));
        let bytes = answer.bytes().await.map_err(reach)?;
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(ClientError::Answer { url, detail: format!("{} bytes", bytes.len()) });
        }
        if status.is_success() {
            return Ok((bytes.to_vec(), next));
        }
        Err(refused(status, &bytes, &url))
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

    /// Incidents: open ones, or all; a thousand at most. See [`Client::list`] for more.
    pub async fn incidents(&self, all: bool) -> Result<Vec<IncidentSummary>, ClientError> {
        self.get(if all { "/api/v1/incidents?phase=all" } else { "/api/v1/incidents" }).await
    }
    /// The first `most` incidents of a list, read page by page, and whether there are more.
    pub async fn list(&self, wanted: &List, most: usize) -> Result<(Vec<IncidentSummary>, bool), ClientError> {
        let mut path = Some(wanted.address(most));
        let mut found: Vec<IncidentSummary> = Vec::new();
        while let Some(page) = path.take_if(|_| found.len() < most) {
            let (bytes, next) = self.send(reqwest::Method::GET, &page, None).await?;
            let wrong = |error: serde_json::Error| ClientError::Answer { url: page, detail: error.to_string() };
            let mut items: Vec<IncidentSummary> = serde_json::from_slice(&bytes).map_err(wrong)?;
            found.append(&mut items);
            path = next;
        }
        let more = path.is_some() || found.len() > most;
        found.truncate(most);
        Ok((found, more))
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
    /// Declares an incident, and waits until it is durable.
    pub async fn declare(&self, declare: &Declare) -> Result<Declared, ClientError> {
        self.post("/api/v1/incidents", declare).await
    }
    /// The room of an incident: the end of what was said there, or the part before another.
    pub async fn room(&self, id: &str, before: Option<u64>) -> Result<Room, ClientError> {
        let query = before.map_or_else(String::new, |before| format!("?before={before}"));
        self.get(&format!("/api/v1/incidents/{id}/room{query}")).await
    }
    /// What changes in a room, as it does. Whoever listens is present there.
    pub async fn listen(&self, id: &str) -> Result<Listening, ClientError> {
        let url = format!("{}/api/v1/incidents/{id}/room/events", self.base);
        let answer = self.http.get(&url).bearer_auth(&self.token).send().await;
        let answer = answer.map_err(|source| ClientError::Reach { url: url.clone(), source })?;
        if answer.status().is_success() { Ok(Listening::new(answer)) } else { Err(refusal(answer, &url).await) }
    }
    /// Asks something of an incident, and waits until it is durable.
    pub async fn command(&self, id: &str, command: &Command) -> Result<Done, ClientError> {
        self.post(&format!("/api/v1/incidents/{id}/commands"), command).await
    }
    /// Asks the same of many incidents, and waits until all of it is durable.
    pub async fn commands(&self, bulk: &Bulk) -> Result<BulkDone, ClientError> {
        self.post("/api/v1/incidents/commands", bulk).await
    }
    /// Erases what an incident holds of people, and waits until it is durable.
    pub async fn erase(&self, id: &str, erase: &Erase) -> Result<Erased, ClientError> {
        // An identifier begins with what it is of.
        let of = match id.split('_').next() {
            Some("sig") => "signals",
            Some("sil") => "silences",
            _ => "incidents",
        };
        self.post(&format!("/api/v1/{of}/{id}/erase"), erase).await
    }
    /// What an incident must pass before it is over, and how each check stands.
    pub async fn checks(&self, id: &str) -> Result<Checks, ClientError> {
        self.get(&format!("/api/v1/incidents/{}/checks", escaped(id))).await
    }
    /// The evidence of an incident.
    pub async fn evidence(&self, id: &str) -> Result<Evidence, ClientError> {
        self.get(&format!("/api/v1/incidents/{}/evidence", escaped(id))).await
    }
    /// Keeps evidence, and waits until it is durable. `given`: `what`, `source`, `made`, `task`.
    pub async fn keep_evidence(
        &self,
        id: &str,
        given: &[(&str, &str)],
        media_type: &str,
        bytes: Vec<u8>,
    ) -> Result<EvidenceItem, ClientError> {
        let query: Vec<String> = given.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let url = format!("{}/api/v1/incidents/{}/evidence?{}", self.base, escaped(id), query.join("&"));
        let request = self.http.post(&url).bearer_auth(&self.token).header("content-type", media_type).body(bytes);
        let answer = request.send().await.map_err(|source| ClientError::Reach { url: url.clone(), source })?;
        if !answer.status().is_success() {
            return Err(refusal(answer, &url).await);
        }
        let bytes = answer.bytes().await.map_err(|source| ClientError::Reach { url: url.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer { url, detail: error.to_string() })
    }
    /// The bytes of a piece of evidence. Its custody has who took them.
    pub async fn evidence_bytes(&self, id: &str, number: u32) -> Result<Vec<u8>, ClientError> {
        self.ask(reqwest::Method::GET, &format!("/api/v1/incidents/{}/evidence/{number}", escaped(id)), None).await
    }
    /// Has the stored bytes of a piece of evidence compared with its digest.
    pub async fn verify_evidence(&self, id: &str, number: u32) -> Result<EvidenceVerified, ClientError> {
        self.post(&format!("/api/v1/incidents/{}/evidence/{number}/verify", escaped(id)), &()).await
    }
    /// Tasks that are still to be done over all open incidents: all, or a person's own.
    pub async fn tasks(&self, person: Option<&str>) -> Result<Vec<Task>, ClientError> {
        let query = person.map(|person| format!("?person={}", escaped(person))).unwrap_or_default();
        self.get(&format!("/api/v1/tasks{query}")).await
    }
    /// What people hold, and for which tasks.
    pub async fn held(&self) -> Result<Vec<Held>, ClientError> {
        self.get("/api/v1/held").await
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
    /// Ends many silences now, each with an answer of its own.
    pub async fn end_silences(&self, wanted: &EndSilences) -> Result<Vec<SilenceEnded>, ClientError> {
        self.post("/api/v1/silences/end", wanted).await
    }
    /// The sources of chain events, as they are.
    pub async fn sources(&self) -> Result<Vec<Source>, ClientError> {
        self.get("/api/v1/sources").await
    }
    /// Says that the chain which the node of an unfit source shows is the one to follow from here on.
    pub async fn begin_anew(&self, id: &str, anew: &BeginAnew) -> Result<Source, ClientError> {
        self.post(&format!("/api/v1/sources/{id}/begin-anew"), anew).await
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
    /// The evidence bundle, with the bytes of its evidence or with their digests alone.
    pub async fn bundle(&self, id: &str, bytes: bool) -> Result<Vec<u8>, ClientError> {
        let evidence = if bytes { "bytes" } else { "digests" };
        self.ask(reqwest::Method::GET, &format!("/api/v1/incidents/{id}/bundle?evidence={evidence}"), None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_asked_for_with_what_is_given() {
        let list = List { text: Some("Löhne & co".to_owned()), phase: Some("over".to_owned()), ..List::default() };
        assert_eq!(list.address(50), "/api/v1/incidents?phase=over&text=L%C3%B6hne%20%26%20co&limit=50");
        assert_eq!(List::default().address(50_000), "/api/v1/incidents?limit=1000");
    }

    #[test]
    fn the_next_page_is_read_from_the_header() {
        assert_eq!(next_page("</a?b=c>; rel=\"next\""), Some("/a?b=c".to_owned()));
        assert_eq!(next_page("</a>; rel=\"prev\""), None);
        assert_eq!(next_page("nothing"), None);
    }
}
