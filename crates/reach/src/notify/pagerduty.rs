//! PagerDuty, or whatever else takes Events API v2: one event per page, resolved with the incident.
//!
//! `dedup_key` is the incident, so that several pages of one incident are one alert there and a repeat is harmless. That is also
//! why every 5xx is tried again. Format: PagerDuty's published OpenAPI document of Events API v2.

use std::sync::Arc;

use async_trait::async_trait;
use quarterdeck_core::incident::Severity;
use serde::{Deserialize, Serialize};

use super::{
    Message, MessageKind, Notifier, NotifierKind, Parts, Receipt, SendError, SettingError, SettingSpec, Settings,
    exchange::{ALLOW_HTTP, Answer, CA_FILE, Exchange, TIMEOUT},
    words::{Secret, headline, invitation, link, one_line, paragraphs, quote, shorten},
};

/// The public address.
const ENDPOINT: &str = "https://events.pagerduty.com/v2/enqueue";
/// Characters of `summary`: PagerDuty refuses more.
const SUMMARY_CHARS_MAX: usize = 1_024;
/// Characters of an integration key.
const ROUTING_KEY_CHARS: usize = 32;
/// Characters of the text among the details. An event of more than 512 KB is refused whole; this keeps far from it.
const DETAIL_CHARS_MAX: usize = 16_384;
/// Characters of `source`.
const SOURCE_CHARS_MAX: usize = 255;

/// The kind.
pub struct PagerDuty;

impl NotifierKind for PagerDuty {
    fn id(&self) -> &'static str {
        "pagerduty"
    }
    fn title(&self) -> &'static str {
        "PagerDuty Events API v2"
    }
    fn address(&self) -> &'static str {
        "nothing: the routing key is the place"
    }
    fn settings(&self) -> &'static [SettingSpec] {
        const {
            &[
                SettingSpec {
                    name: "routing_key",
                    doc: "The integration key of an Events API v2 integration, 32 letters and digits.",
                    required: true,
                    secret: true,
                },
                SettingSpec {
                    name: "url",
                    doc: "Where events go. Without it, PagerDuty's own https://events.pagerduty.com/v2/enqueue.",
                    required: false,
                    secret: false,
                },
                SettingSpec {
                    name: "source",
                    doc: "What the events say they come from. Without it, `quarterdeck`.",
                    required: false,
                    secret: false,
                },
                ALLOW_HTTP,
                CA_FILE,
                TIMEOUT,
            ]
        }
    }
    fn build(&self, settings: &Settings, parts: &Parts) -> Result<Arc<dyn Notifier>, SettingError> {
        settings.check(self)?;
        let key = settings.get("routing_key").unwrap_or_default();
        if key.len() != ROUTING_KEY_CHARS || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let reason = format!("want {ROUTING_KEY_CHARS} letters and digits");
            return Err(SettingError::Bad { kind: self.id(), name: "routing_key", reason });
        }
        let exchange = Exchange::new(self.id(), settings, parts, Some(ENDPOINT))?;
        let source = shorten(&one_line(settings.get("source").unwrap_or("quarterdeck")), SOURCE_CHARS_MAX);
        Ok(Arc::new(Sender { key: Secret::new(key), secrets: vec![Secret::new(key)], source, exchange }))
    }
}

#[derive(Debug)]
struct Sender {
    key: Secret,
    secrets: Vec<Secret>,
    source: String,
    exchange: Exchange,
}

#[async_trait]
impl Notifier for Sender {
    fn bundles(&self) -> bool {
        false
    }
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let body = serde_json::to_vec(&compose(message, self.key.expose(), &self.source))
            .map_err(|error| SendError::permanent(format!("write the event as JSON: {error}")))?;
        let answer = self.exchange.post_json(body, &[]).await?;
        self.judge(&answer)
    }
}

impl Sender {
    fn judge(&self, answer: &Answer) -> Result<Receipt, SendError> {
        let (place, status) = (self.exchange.place(), answer.status());
        let words = answer.json::<Reply>();
        if status.is_success() {
            return match words {
                Ok(reply) if reply.status == "success" => {
                    let said = quote(&reply.message.unwrap_or_default(), &self.secrets);
                    Ok(Receipt { text: format!("{place} answered {status}: {said}") })
                }
                _ => Err(SendError::unknown(format!("{place} answered {status} without `status: success`"))),
            };
        }
        let words = words.ok().map(|reply| {
            let said = reply.message.into_iter().chain(reply.errors).collect::<Vec<_>>().join("; ");
            quote(&said, &self.secrets)
        });
        if status.is_server_error() {
            let reason = format!("{place} answered {status}");
            return Err(SendError::Retry { after: answer.retry_after(), reason });
        }
        Err(self.exchange.refusal(answer, words.as_deref()))
    }
}

#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Serialize)]
struct Event<'a> {
    routing_key: &'a str,
    #[serde(rename = "event_action")]
    action: &'static str,
    dedup_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload<'a>>,
    client: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
}

#[derive(Serialize)]
struct Payload<'a> {
    summary: String,
    source: &'a str,
    severity: &'static str,
    timestamp: String,
    custom_details: Details<'a>,
}

#[derive(Serialize)]
struct Details<'a> {
    text: String,
    severity: String,
    person: &'a str,
    incident: String,
    page: String,
    repeat: bool,
    drill: bool,
}

#[derive(Serialize)]
struct Link {
    href: String,
    text: &'static str,
}

fn compose<'a>(message: &'a Message, routing_key: &'a str, source: &'a str) -> Event<'a> {
    let link = link(message).map(String::from);
    let (action, payload) = match message.kind {
        // What another team has now is no incident of this one any more.
        MessageKind::Resolved | MessageKind::HandedOver => ("resolve", None),
        MessageKind::Page | MessageKind::Notice => ("trigger", Some(payload(message, source))),
    };
    Event {
        routing_key,
        action,
        dedup_key: message.incident.to_string(),
        payload,
        client: "Quarterdeck",
        client_url: link.clone(),
        links: link.into_iter().map(|href| Link { href, text: invitation(message) }).collect(),
    }
}

fn payload<'a>(message: &'a Message, source: &'a str) -> Payload<'a> {
    Payload {
        summary: headline(message, SUMMARY_CHARS_MAX),
        source,
        severity: severity(message.severity),
        timestamp: message.at.to_string(),
        custom_details: Details {
            text: shorten(&paragraphs(message).join("\n"), DETAIL_CHARS_MAX),
            severity: message.severity.to_string(),
            person: &message.person,
            incident: message.incident.to_string(),
            page: message.page.to_string(),
            repeat: message.repeat,
            drill: message.drill,
        },
    }
}

/// PagerDuty wakes people for `critical` and `error` and not, by default, for the others; from SEV3 on somebody is paged.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Sev1 | Severity::Sev2 => "critical",
        Severity::Sev3 => "error",
        Severity::Sev4 => "warning",
        Severity::Sev5 => "info",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::notify::compliance::{KEY_32, message, shared};

    /// Required keys, known keys and enumerated values of an object, as the published description has them.
    fn assert_described(value: &Value, schema: &Value, path: &str) {
        let object = value.as_object().unwrap();
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(required.as_str().unwrap()), "{path} lacks {required}");
        }
        for (key, value) in object {
            let described = &schema["properties"][key];
            assert!(!described.is_null(), "{path}.{key} is not described");
            if let Some(known) = described["enum"].as_array() {
                assert!(known.contains(value), "{path}.{key} is {value}");
            }
            let fits = match described["type"].as_str() {
                Some("string") => value.is_string(),
                Some("object") => value.is_object(),
                _ => true,
            };
            assert!(fits, "{path}.{key} is {value}");
        }
    }

    #[test]
    fn events_are_as_pagerduty_describes_them() {
        let Some(text) = shared("formats/pagerduty/events-v2.openapi.json") else { return };
        let document: Value = serde_json::from_slice(&text).unwrap();
        let schemas = &document["components"]["schemas"];
        let content = &document["paths"]["/enqueue"]["post"]["requestBody"]["content"]["application/json"];
        let mut message = message();
        message.title = "é".repeat(5_000);
        for kind in [MessageKind::Page, MessageKind::Resolved] {
            for severity in Severity::ALL {
                (message.kind, message.severity) = (kind, severity);
                let event = serde_json::to_value(compose(&message, KEY_32, "quarterdeck")).unwrap();
                assert_described(&event, &content["schema"], "event");
                for link in event["links"].as_array().unwrap() {
                    assert_described(link, &schemas["Links"]["items"], "link");
                }
                if let Some(payload) = event.get("payload") {
                    assert_described(payload, &schemas["Payload"], "payload");
                    assert!(payload["summary"].as_str().unwrap().chars().count() <= SUMMARY_CHARS_MAX);
                }
            }
        }
    }

    #[test]
    fn the_all_clear_names_the_same_alert() {
        let mut message = message();
        let page = serde_json::to_value(compose(&message, KEY_32, "quarterdeck")).unwrap();
        message.kind = MessageKind::Resolved;
        let clear = serde_json::to_value(compose(&message, KEY_32, "quarterdeck")).unwrap();
        assert_eq!(page["event_action"], "trigger");
        assert_eq!(clear["event_action"], "resolve");
        assert_eq!(page["dedup_key"], clear["dedup_key"]);
        assert_eq!(page["dedup_key"], json!(message.incident.to_string()));
    }
}
