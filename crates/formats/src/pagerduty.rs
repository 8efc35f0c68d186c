//! PagerDuty Events API v2, as its clients post it to `/v2/enqueue`.
//!
//! Bounds and required keys are those of the published description; what it calls an error we call by the same status and in
//! the same shape. `routing_key` says which integration is meant and is a password: the caller compares it, and nothing here
//! prints it.
//!
//! - A trigger without `dedup_key` gets one that follows from its bytes: the same request sent twice is one claim.
//! - The words of severity are those of all formats, not only the four of the description: PagerDuty's refusal of another word is an
//!   answer that nobody reads.
//! - A time that cannot be read does not cost a page: the claim starts when it was heard, and says so.

use std::{collections::BTreeMap, fmt};

use quarterdeck_core::{
    limits::{LABEL_BYTES_MAX, LABELS_MAX},
    signal::Fingerprint,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    bounds::{FormatError, clip, instant, quote, read},
    heard::{Heard, Hearing, Report, ended, fingerprint, service},
};

/// Bytes of an event.
pub const EVENT_BYTES_MAX: usize = 512 * 1024;
/// Characters of `dedup_key`.
const DEDUP_KEY_CHARS_MAX: usize = 255;
/// Characters of `payload.summary`.
const SUMMARY_CHARS_MAX: usize = 1_024;
/// Characters of `payload.source`, `component`, `group`, `class` and `client`.
const WORD_CHARS_MAX: usize = 1_024;
/// Links looked at for the first that can be followed.
const LINKS_MAX: usize = 100;

/// What an event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `trigger` raises a claim, `resolve` ends it.
    Heard(Heard),
    /// `acknowledge`: somebody at the monitor's end works on it. That answers for nobody here; of a claim that nobody made, it means
    /// nothing.
    Acknowledge {
        /// Which claim.
        fingerprint: Fingerprint,
    },
}

/// An event that was understood.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// Which integration is meant. To be compared in constant time, and not to be logged.
    pub routing_key: String,
    /// For the answer.
    pub dedup_key: String,
    /// What it asks for.
    pub event: Event,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { routing_key: _, dedup_key, event } = self;
        f.debug_struct("Received").field("dedup_key", dedup_key).field("event", event).finish_non_exhaustive()
    }
}

/// Why an event was refused. Answered with [`Refused::status`] and [`Refused::body`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {}", errors.join("; "))]
pub struct Refused {
    /// 400, or 413 for too many bytes.
    pub status: u16,
    /// In a sentence.
    pub message: &'static str,
    /// Each thing that is wrong.
    pub errors: Vec<String>,
}

impl Refused {
    fn event(errors: Vec<String>) -> Self {
        Self { status: 400, message: "Event object is invalid", errors }
    }
    /// The body of the answer.
    pub fn body(&self) -> String {
        json!({"status": "invalid event", "message": self.message, "errors": self.errors}).to_string()
    }
}

/// The body of the answer 202.
pub fn accepted_body(dedup_key: &str) -> String {
    json!({"status": "success", "message": "Event processed", "dedup_key": dedup_key}).to_string()
}

#[derive(Deserialize)]
#[serde(expecting = "an event")]
struct Posted {
    routing_key: Option<Value>,
    event_action: Option<Value>,
    dedup_key: Option<Value>,
    payload: Option<Value>,
    client: Option<Value>,
    client_url: Option<Value>,
    links: Option<Value>,
}

/// The body of POST `/v2/enqueue`.
///
/// The routing key is part of the body, so it can only be judged afterwards: an event of an unknown key is answered 400 with
/// [`unknown_routing_key`].
pub fn parse_event(bytes: &[u8], hearing: &Hearing<'_>) -> Result<Received, Refused> {
    let posted: Posted = read(bytes, EVENT_BYTES_MAX, "event").map_err(|error| match error {
        FormatError::TooMuch { .. } => {
            Refused { status: 413, message: "Event is too large", errors: vec![error.to_string()] }
        }
        FormatError::NotJson { .. } | FormatError::At { .. } => {
            Refused { status: 400, message: "Event object format is unrecognized", errors: vec![error.to_string()] }
        }
    })?;
    let mut check = Check::default();
    let routing_key = check.required("routing_key", posted.routing_key.as_ref(), WORD_CHARS_MAX);
    let action = check.choice("event_action", posted.event_action.as_ref(), &["trigger", "acknowledge", "resolve"]);
    let dedup_key = check.optional("dedup_key", posted.dedup_key.as_ref(), DEDUP_KEY_CHARS_MAX);
    let payload = match (action.as_deref(), &posted.payload) {
        (Some("trigger"), Some(Value::Object(payload))) => Some(payload),
        (Some("trigger"), Some(_)) => check.refuse("'payload' is not an object"),
        (Some("trigger"), None) => check.refuse("'payload' is missing or blank"),
        (Some(_), _) if dedup_key.is_none() => check.refuse("'dedup_key' is missing or blank"),
        _ => None,
    };
    let claim = payload.and_then(|payload| check.claim(payload, &posted, hearing));
    let (Some(routing_key), Some(action), true) = (routing_key, action, check.errors.is_empty()) else {
        return Err(Refused::event(check.errors));
    };
    let dedup_key = dedup_key.unwrap_or_else(|| Fingerprint::of(&[bytes]).to_string());
    let fingerprint = fingerprint(hearing.source, &[dedup_key.as_bytes()]);
    let event = match (action.as_str(), claim) {
        ("trigger", Some(claim)) => Event::Heard(Report { fingerprint, ..claim }.raised(hearing, None)),
        ("acknowledge", _) => Event::Acknowledge { fingerprint },
        _ => Event::Heard(ended(hearing, fingerprint, hearing.now)),
    };
    Ok(Received { routing_key, dedup_key, event })
}

/// The routing key of a body that was refused: whose mistake it is.
pub fn routing_key_of(bytes: &[u8]) -> Option<String> {
    let posted: Posted = read(bytes, EVENT_BYTES_MAX, "event").ok()?;
    posted.routing_key?.as_str().map(str::to_owned)
}

/// The refusal of an event whose routing key is no integration's.
pub fn unknown_routing_key() -> Refused {
    Refused::event(vec!["'routing_key' is invalid".to_owned()])
}

/// Collects what is wrong, so that one answer names all of it.
#[derive(Default)]
struct Check {
    errors: Vec<String>,
}

impl Check {
    fn refuse<T>(&mut self, error: impl Into<String>) -> Option<T> {
        self.errors.push(error.into());
        None
    }

    /// A text that may be missing or blank.
    fn optional(&mut self, name: &str, value: Option<&Value>, chars_max: usize) -> Option<String> {
        match value {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(Value::String(text)) if text.chars().count() > chars_max => {
                self.refuse(format!("'{name}' is too long (maximum is {chars_max} characters)"))
            }
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => self.refuse(format!("'{name}' is not a string")),
        }
    }

    fn required(&mut self, name: &str, value: Option<&Value>, chars_max: usize) -> Option<String> {
        let before = self.errors.len();
        let text = self.optional(name, value, chars_max);
        if text.is_none() && self.errors.len() == before {
            return self.refuse(format!("'{name}' is missing or blank"));
        }
        text
    }

    fn choice(&mut self, name: &str, value: Option<&Value>, choices: &[&str]) -> Option<String> {
        let text = self.required(name, value, WORD_CHARS_MAX)?;
        if choices.contains(&text.as_str()) {
            return Some(text);
        }
        self.refuse(format!("'{name}' is invalid (must be one of: {})", choices.join(", ")))
    }

    /// A trigger's claim; its identity is filled in by the caller.
    fn claim(&mut self, payload: &Map<String, Value>, posted: &Posted, hearing: &Hearing<'_>) -> Option<Report> {
        let summary = self.required("payload.summary", payload.get("summary"), SUMMARY_CHARS_MAX);
        let source = self.required("payload.source", payload.get("source"), WORD_CHARS_MAX);
        let severity = self.required("payload.severity", payload.get("severity"), WORD_CHARS_MAX);
        let mut labels = BTreeMap::new();
        for name in ["component", "group", "class"] {
            if let Some(text) = self.optional(&format!("payload.{name}"), payload.get(name), WORD_CHARS_MAX) {
                labels.insert(name.to_owned(), clip(&text, LABEL_BYTES_MAX));
            }
        }
        if let Some(client) = self.optional("client", posted.client.as_ref(), WORD_CHARS_MAX) {
            labels.insert("client".to_owned(), clip(&client, LABEL_BYTES_MAX));
        }
        let (start, odd_time) = match payload.get("timestamp").and_then(Value::as_str).map(instant) {
            Some(Ok(Some(at))) => (at, String::new()),
            Some(Err(reason)) => (hearing.now, format!("\nIts time could not be read: {reason}.")),
            Some(Ok(None)) | None => (hearing.now, String::new()),
        };
        let details = payload.get("custom_details").map(details).unwrap_or_default();
        let named = payload
            .get("custom_details")
            .and_then(|details| details.get("quarterdeck_service"))
            .and_then(Value::as_str);
        let hints = [labels.get("component").map(String::as_str), labels.get("group").map(String::as_str)];
        let (service, odd_service) = service(hearing, named, &hints);
        let (summary, source, severity) = (summary?, source?, severity?);
        let (loudness, odd_word) = hearing.words.hear(Some(&severity));
        labels.insert("source".to_owned(), clip(&source, LABEL_BYTES_MAX));
        Some(Report {
            detector: "pagerduty",
            loudness,
            service,
            title: summary,
            text: format!("{details}{odd_word}{odd_time}{odd_service}"),
            labels,
            annotations: None,
            link: link(posted),
            ..Report::new(hearing, &[], start)
        })
    }
}

/// `custom_details` as lines of text. A client may put anything there.
fn details(value: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Null => String::new(),
        Value::Object(map) => {
            let lines = map.iter().take(LABELS_MAX).map(|(name, value)| format!("{}: {}", quote(name), plain(value)));
            lines.collect::<Vec<_>>().join("\n")
        }
        other => plain(other),
    }
}

/// The first link, or where the client itself is.
fn link(posted: &Posted) -> Option<String> {
    let links = posted.links.as_ref().and_then(Value::as_array).into_iter().flatten().take(LINKS_MAX);
    let mut all = links.map(|link| link.get("href")).chain([posted.client_url.as_ref()]).flatten();
    all.find_map(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quarterdeck_core::signal::{Loudness, SignalChange};

    use super::*;
    use crate::heard::tests::{raised, with_hearing};

    fn event() -> Value {
        json!({
            "payload": {"summary": "DISK at 99% on machine prod-datapipe03.example.com",
                "timestamp": "2015-07-17T08:42:58.315+0000", "severity": "critical", "source": "prod-datapipe03.example.com",
                "component": "mysql", "group": "rpc", "class": "disk",
                "custom_details": {"free space": "1%", "load avg": 0.75}},
            "routing_key": "e93facc04764012d7bfb002500d5d1a6", "dedup_key": "srv01/mysql", "event_action": "trigger",
            "client": "Sample Monitoring Service", "client_url": "https://monitoring.service.com",
            "links": [{"href": "http://pagerduty.example.com", "text": "An example link."}],
            "images": [{"src": "https://chart.googleapis.com/chart", "alt": "a chart"}]
        })
    }
    fn parse(body: &Value) -> Result<Received, Refused> {
        with_hearing(|hearing| parse_event(body.to_string().as_bytes(), hearing))
    }
    fn heard(body: &Value) -> Heard {
        match parse(body).unwrap().event {
            Event::Heard(heard) => heard,
            other @ Event::Acknowledge { .. } => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_trigger_is_a_claim_until_it_is_resolved() {
        let trigger = heard(&event());
        let signal = raised(&trigger);
        assert_eq!(signal.title, "DISK at 99% on machine prod-datapipe03.example.com");
        assert_eq!(signal.loudness, Loudness::Critical);
        assert_eq!(signal.explanation.text, "free space: 1%\nload avg: 0.75");
        assert_eq!(signal.event_time.to_string(), "2015-07-17T08:42:58.315Z");
        assert_eq!(signal.service.as_ref().map(ToString::to_string).as_deref(), Some("rpc"));
        assert_eq!(signal.link.as_deref(), Some("http://pagerduty.example.com"));
        assert_eq!(trigger.expires, None);

        let short = |action: &str| json!({"routing_key": "k", "dedup_key": "srv01/mysql", "event_action": action});
        let Heard { change: SignalChange::Ended { fingerprint, .. }, .. } = heard(&short("resolve")) else { panic!() };
        assert_eq!(fingerprint, signal.fingerprint);
        assert_eq!(parse(&short("acknowledge")).unwrap().event, Event::Acknowledge { fingerprint });
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let refused = |body: Value| parse(&body).unwrap_err();
        let empty = refused(json!({}));
        assert_eq!(
            empty.body(),
            r#"{"errors":["'routing_key' is missing or blank","'event_action' is missing or blank"],"message":"Event object is invalid","status":"invalid event"}"#
        );
        assert_eq!(empty.status, 400);
        let mut body = event();
        body["payload"] = json!({"summary": "x".repeat(1_025), "severity": "fatal", "component": 5});
        body["dedup_key"] = json!("k".repeat(256));
        insta::assert_snapshot!(refused(body).errors.join("\n"), @"
        'dedup_key' is too long (maximum is 255 characters)
        'payload.summary' is too long (maximum is 1024 characters)
        'payload.source' is missing or blank
        'payload.component' is not a string
        ");
        assert_eq!(
            refused(json!({"routing_key": "k", "event_action": "resolve"})).errors,
            ["'dedup_key' is missing or blank"]
        );
        assert_eq!(
            refused(json!({"routing_key": "k", "event_action": "trigger", "payload": []})).errors,
            ["'payload' is not an object"]
        );
        let garbage = with_hearing(|hearing| parse_event(b"{\"routing_key", hearing).unwrap_err());
        assert_eq!((garbage.status, garbage.message), (400, "Event object format is unrecognized"));
        let deep = format!(r#"{{"payload":{}"#, "[".repeat(100_000));
        let deep = with_hearing(|hearing| parse_event(deep.as_bytes(), hearing).unwrap_err());
        assert!(deep.errors[0].starts_with("not JSON: recursion limit exceeded"), "{deep}");
        let large = with_hearing(|hearing| parse_event(&vec![b' '; EVENT_BYTES_MAX + 1], hearing).unwrap_err());
        assert_eq!(large.status, 413);
    }

    #[test]
    fn a_trigger_without_a_key_is_given_one() {
        let mut body = event();
        body.as_object_mut().unwrap().remove("dedup_key");
        let (first, again) = (parse(&body).unwrap(), parse(&body).unwrap());
        assert_eq!(first.dedup_key, again.dedup_key);
        body["payload"]["summary"] = json!("another");
        assert_ne!(parse(&body).unwrap().dedup_key, first.dedup_key);
        let answer: Value = serde_json::from_str(&accepted_body(&first.dedup_key)).unwrap();
        assert_eq!(answer, json!({"status": "success", "message": "Event processed", "dedup_key": first.dedup_key}));
    }

    #[test]
    fn an_odd_time_costs_no_page() {
        let mut body = event();
        body["payload"]["timestamp"] = json!("half past nine");
        let heard = heard(&body);
        assert_eq!(raised(&heard).event_time.to_string(), "2026-11-20T21:20:00.000Z");
        assert!(raised(&heard).explanation.text.contains("`half past nine` is no instant"));
    }

    #[test]
    fn the_routing_key_is_not_printed() {
        let received = parse(&event()).unwrap();
        assert_eq!(received.routing_key, "e93facc04764012d7bfb002500d5d1a6");
        assert!(!format!("{received:?}").contains("e93facc04764012d7bfb002500d5d1a6"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            with_hearing(|hearing| drop(parse_event(&bytes, hearing)));
        }

        #[test]
        fn any_details_are_text(details in "\\PC{0,80}", name in "\\PC{0,20}") {
            let mut body = event();
            body["payload"]["custom_details"] = json!({name: [details, {"a": null}]});
            prop_assert!(parse(&body).is_ok());
        }
    }
}
