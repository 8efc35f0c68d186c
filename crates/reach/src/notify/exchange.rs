//! One HTTP request to a provider, and what its answer means for what was to be said.
//!
//! The rules are the same for every channel over HTTP: TLS unless the host is this machine, no redirect followed, one deadline
//! for everything, at most [`ANSWER_BYTES_MAX`] of the answer read and none of it logged. Errors name the host, never the path:
//! the path of an incoming webhook is its password. Tests: `compliance.rs`.

use std::{error::Error as _, sync::Arc, time::Duration};

use jiff::fmt::rfc2822::DateTimeParser;
use quarterdeck_core::{limits::DELIVERY_TIMEOUT, time::Timestamp};
use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use url::{Host, Url};

use super::{Parts, Receipt, SendError, SettingError, SettingSpec, Settings};
use quarterdeck_host::clock::Clock;

/// Bytes of an answer that are read: providers answer in a line or a short document.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long a connection may take to stand, at most: well inside the deadline, so that "not reached" is told apart from "not
/// answered". With a shorter deadline, half of that.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// The shortest deadline that can be set.
const TIMEOUT_MIN: Duration = Duration::from_millis(50);
/// The longest delay read from `Retry-After`: what is longer is a mistake, or means "never".
const RETRY_AFTER_READ_MAX: Duration = Duration::from_hours(24);

/// The deadline's setting, shared by all kinds.
pub(crate) const TIMEOUT: SettingSpec = SettingSpec {
    name: "timeout_ms",
    doc: "How long one attempt may take, in milliseconds, 50 to 10000. Without it, 10000.",
    required: false,
    secret: false,
};
/// The private certificate authority's setting, shared by all kinds.
pub(crate) const CA_FILE: SettingSpec = SettingSpec {
    name: "ca_file",
    doc: "A PEM file with certificate authorities to trust besides the machine's own.",
    required: false,
    secret: false,
};
/// The setting that permits a message in the clear.
pub(crate) const ALLOW_HTTP: SettingSpec = SettingSpec {
    name: "allow_http",
    doc: "`true` permits an http URL to another machine: whoever is on the way can read and answer pages.",
    required: false,
    secret: false,
};

/// A client that does one thing: connect, ask, hang up.
pub(crate) fn client(
    authorities: &[reqwest::Certificate],
    deadline: Duration,
) -> Result<reqwest::Client, reqwest::Error> {
    quarterdeck_host::tls::choose_cryptography();
    reqwest::Client::builder()
        .user_agent(concat!("Quarterdeck/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT.min(deadline / 2))
        .tls_certs_merge(authorities.iter().cloned())
        .build()
}

/// A place to POST to. Prints without the URL.
pub(crate) struct Exchange {
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    url: Url,
    place: String,
    timeout: Duration,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("place", &self.place).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What came back, read whole or to the bound.
pub(crate) struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Exchange {
    /// The place that the settings name, `default_url` where they may leave it out.
    pub(crate) fn new(
        kind: &'static str,
        settings: &Settings,
        parts: &Parts,
        default_url: Option<&str>,
    ) -> Result<Self, SettingError> {
        let allow_http = flag(kind, settings, ALLOW_HTTP.name)?;
        let url = target(kind, settings.get("url").or(default_url).unwrap_or_default(), allow_http)?;
        let host = url.host_str().unwrap_or_default();
        let place = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let timeout = timeout(kind, settings)?;
        let authorities = authorities(kind, settings)?;
        let client = if authorities.is_empty() && timeout == DELIVERY_TIMEOUT {
            parts.http.clone()
        } else {
            let reason = |error| format!("the HTTP client cannot be made with it: {error}");
            client(&authorities, timeout).map_err(|error| SettingError::Bad {
                kind,
                name: CA_FILE.name,
                reason: reason(error),
            })?
        };
        Ok(Self { client, clock: Arc::clone(&parts.clock), url, place, timeout })
    }

    /// The present as others know it, for signatures.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// POSTs once to the configured place. An error means that no complete answer came; what an answer means is the caller's to say.
    pub(crate) async fn post_json(
        &self,
        body: Vec<u8>,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Answer, SendError> {
        let asked = self.client.post(self.url.clone()).headers(headers.iter().cloned().collect());
        let asked = asked.header(header::CONTENT_TYPE, "application/json").body(body);
        self.ask(asked, self.timeout, ANSWER_BYTES_MAX).await
    }

    /// A request to a path below the configured place.
    pub(crate) fn below(&self, method: Method, segments: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.url.clone();
        // What was accepted as a place can be a base: it has a host.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client.request(method, url)
    }

    /// The deadline of one attempt.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks once. The whole answer must be there within a time; at most `bytes_max` of it are read.
    pub(crate) async fn ask(
        &self,
        request: RequestBuilder,
        within: Duration,
        bytes_max: usize,
    ) -> Result<Answer, SendError> {
        let response = request.timeout(within).send().await.map_err(|error| self.no_answer(&error, within))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| self.delay(value));
        match self.read(response, within, bytes_max).await {
            Ok(body) => Ok(Answer { status, retry_after, body }),
            // The status of a refusal stands without its body. That of an acceptance does not: it may have been another's.
            Err(_) if !status.is_success() => Ok(Answer { status, retry_after, body: Vec::new() }),
            Err(error) => Err(error),
        }
    }

    async fn read(
        &self,
        mut response: reqwest::Response,
        within: Duration,
        bytes_max: usize,
    ) -> Result<Vec<u8>, SendError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.no_answer(&error, within))? {
            let room = bytes_max.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if chunk.len() > room {
                break;
            }
        }
        Ok(body)
    }

    /// What a missing answer means: before the connection stood, nothing has left; after, we cannot know.
    fn no_answer(&self, error: &reqwest::Error, within: Duration) -> SendError {
        let place = &self.place;
        match (error.is_connect(), error.is_timeout()) {
            _ if error.is_builder() => SendError::permanent(format!("no request can be made for {place}")),
            _ if error.is_dns() => SendError::retry(format!("look up {place}: no address found")),
            (true, true) => SendError::retry(format!("connect to {place}: nobody answers")),
            (true, false) => SendError::retry(format!("connect to {place}: {}", cause(error))),
            (false, true) => SendError::unknown(format!("{place} did not answer within {} ms", within.as_millis())),
            (false, false) => SendError::unknown(format!("{place} broke the connection off: {}", cause(error))),
        }
    }

    fn delay(&self, value: &HeaderValue) -> Option<Duration> {
        retry_after(value.to_str().ok()?, self.clock.wall())
    }

    /// What the status says where the provider has no finer words: taken, or why not.
    pub(crate) fn verdict(&self, answer: &Answer) -> Result<Receipt, SendError> {
        if answer.status.is_success() {
            return Ok(Receipt { text: format!("{} answered {}", self.place, answer.status) });
        }
        Err(self.refusal(answer, None))
    }

    /// What a status other than 2xx means, with the provider's words if they were found fit to be quoted.
    pub(crate) fn refusal(&self, answer: &Answer, words: Option<&str>) -> SendError {
        let words = words.map(|words| format!(": {words}")).unwrap_or_default();
        let reason = format!("{} answered {}{words}", self.place, answer.status);
        match answer.status.as_u16() {
            // A gateway lost the answer of what stands behind it; that may have taken the page.
            502 | 504 => SendError::Unknown { reason },
            408 | 425 | 429 | 500..=599 => SendError::Retry { after: answer.retry_after, reason },
            300..=399 => SendError::permanent(format!("{reason}; redirects are not followed, configure the final URL")),
            _ => SendError::Permanent { reason },
        }
    }

    /// The host and port, for reasons.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }
}

impl Answer {
    /// 200 to 299 and so on.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
    /// The delay that the provider asks for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
    /// The body as text; what is no UTF-8 is replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    /// The body as JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Seconds, or the date of RFC 9110 section 10.2.3, as a delay from `now`.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let delay = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Timestamp::from_jiff(DateTimeParser::new().parse_timestamp(text).ok()?).since(now),
    };
    Some(delay.min(RETRY_AFTER_READ_MAX))
}

/// The innermost thing worth saying of a failed connection. Built from kinds and certificate verdicts, which carry no URL.
fn cause(error: &reqwest::Error) -> String {
    let mut said = "no HTTP answer".to_owned();
    let mut next = error.source();
    while let Some(inner) = next {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return tls.to_string();
        }
        next = match inner.downcast_ref::<std::io::Error>() {
            // An I/O error's source skips what it wraps, and TLS wraps its verdict in one or two of them.
            Some(io) => {
                said = io.kind().to_string();
                io.get_ref().map(|wrapped| -> &(dyn std::error::Error + 'static) { wrapped })
            }
            None => inner.source(),
        };
    }
    said
}

/// Checks that a URL is one that a page may be sent to.
pub(crate) fn target(kind: &'static str, text: &str, allow_http: bool) -> Result<Url, SettingError> {
    let bad = |reason: &str| SettingError::Bad { kind, name: "url", reason: reason.to_owned() };
    let url = Url::parse(text).map_err(|error| bad(&format!("not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("a user and password in the URL are not sent; use a secret path or a signed webhook"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("it names no host"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_http || url.host().is_some_and(|host| is_loopback(&host)) => Ok(url),
        "http" => Err(bad("want https: pages to another machine are not sent in the clear (`allow_http` permits it)")),
        _ => Err(bad("want https")),
    }
}

/// Whether a host is this machine, by what it is called.
pub(crate) fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => matches!(name.as_ref().trim_end_matches('.'), "localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The deadline of an attempt.
pub(crate) fn timeout(kind: &'static str, settings: &Settings) -> Result<Duration, SettingError> {
    let Some(text) = settings.get(TIMEOUT.name) else { return Ok(DELIVERY_TIMEOUT) };
    let bad = || SettingError::Bad {
        kind,
        name: TIMEOUT.name,
        reason: format!("want {} to {} milliseconds", TIMEOUT_MIN.as_millis(), DELIVERY_TIMEOUT.as_millis()),
    };
    let timeout = Duration::from_millis(text.parse().map_err(|_| bad())?);
    if (TIMEOUT_MIN..=DELIVERY_TIMEOUT).contains(&timeout) { Ok(timeout) } else { Err(bad()) }
}

/// The certificate authorities of `ca_file` for HTTP; none if there is no such setting.
fn authorities(kind: &'static str, settings: &Settings) -> Result<Vec<reqwest::Certificate>, SettingError> {
    let unusable = |_| SettingError::Bad {
        kind,
        name: CA_FILE.name,
        reason: "it holds a certificate that cannot be used".to_owned(),
    };
    let pem = ca_pem(kind, settings)?;
    pem.map_or_else(|| Ok(Vec::new()), |pem| reqwest::Certificate::from_pem_bundle(&pem).map_err(unusable))
}

/// The bytes of `ca_file`, with at least one certificate in them; none if there is no such setting.
pub(crate) fn ca_pem(kind: &'static str, settings: &Settings) -> Result<Option<Vec<u8>>, SettingError> {
    let Some(path) = settings.get(CA_FILE.name) else { return Ok(None) };
    let bad = |reason: String| SettingError::Bad { kind, name: CA_FILE.name, reason };
    let pem = std::fs::read(path).map_err(|error| bad(format!("read `{path}`: {error}")))?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(Ok(_)) => Ok(Some(pem)),
        Some(Err(_)) | None => Err(bad(format!("`{path}` holds no PEM certificates"))),
    }
}

/// `true` or `false`; false when left out.
fn flag(kind: &'static str, settings: &Settings, name: &'static str) -> Result<bool, SettingError> {
    match settings.get(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(SettingError::Bad { kind, name, reason: "want true or false".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_in_the_clear_only_to_this_machine() {
        for good in ["https://hooks.example.com/x", "http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost/x"] {
            assert!(target("webhook", good, false).is_ok(), "{good}");
        }
        for bad in
            ["http://example.com/x", "ftp://localhost/", "localhost", "", "https://u:p@example.com", "unix:/run/x"]
        {
            assert!(target("webhook", bad, false).is_err(), "{bad}");
        }
        assert!(target("webhook", "http://example.com/x", true).is_ok());
        assert!(target("webhook", "http://localhost.example.com/x", false).is_err());
    }

    #[test]
    fn a_delay_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
        assert_eq!(retry_after("120", now), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_mins(1)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999999999", now), Some(RETRY_AFTER_READ_MAX));
        for nonsense in ["", "soon", "-3", "1.5"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
    }
}
