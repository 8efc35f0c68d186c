//! Bodies of answers, key by key as Alertmanager's API description has them.

use std::fmt::Write as _;

use quarterdeck_core::{
    id::{Id, SilenceId},
    signal::{Loudness, Signal},
    silence::Silence,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{LabelSet, fingerprint64, relay::RELAY};

/// The body of a 400, 404 or 500: a JSON string.
pub fn error_body(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An alert of GET `/api/v2/alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableAlert {
    /// Words for people.
    pub annotations: LabelSet,
    /// When it ends if it is not repeated.
    pub ends_at: Timestamp,
    /// 16 hex digits, see [`fingerprint64`].
    pub fingerprint: String,
    /// Who is told: names of escalation policies.
    pub receivers: Vec<ReceiverReference>,
    /// Since when.
    pub starts_at: Timestamp,
    /// Whether anybody is told, and if not, why.
    pub status: AlertStatus,
    /// When we last heard of it.
    pub updated_at: Timestamp,
    /// A link back to the monitor.
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none", default)]
    pub generator_url: Option<String>,
    /// What it is about.
    pub labels: LabelSet,
}

/// Whether an alert is acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// In a word.
    pub state: AlertState,
    /// Identifiers of the silences that mute it.
    pub silenced_by: Vec<String>,
    /// Fingerprints of the alerts that explain it.
    pub inhibited_by: Vec<String>,
    /// Names of time intervals.
    pub muted_by: Vec<String>,
}

/// Whether an alert is acted on, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Not routed yet.
    Unprocessed,
    /// Somebody is told.
    Active,
    /// Silenced or inhibited.
    Suppressed,
}

impl AlertStatus {
    /// Active, or suppressed by these silences.
    pub fn silenced_by(silences: impl IntoIterator<Item = SilenceId>) -> Self {
        let silenced_by: Vec<String> = silences.into_iter().map(uuid).collect();
        let state = if silenced_by.is_empty() { AlertState::Active } else { AlertState::Suppressed };
        Self { state, silenced_by, inhibited_by: Vec::new(), muted_by: Vec::new() }
    }
}

/// A receiver by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverReference {
    /// Its name.
    pub name: String,
}

impl GettableAlert {
    /// A signal as Alertmanager would show it. One that came from Prometheus has exactly the labels and annotations that it came with; one of
    /// our own detectors gets `alertname`, `severity` and `service`, so that a client can tell what it is.
    pub fn of(signal: &Signal, ends_at: Timestamp, receivers: &[&str], status: AlertStatus) -> Self {
        let labels = labels_of(signal);
        let text = &signal.explanation.text;
        let description = (!text.is_empty()).then(|| ("description".to_owned(), text.clone()));
        let own = || [("summary".to_owned(), signal.title.clone())].into_iter().chain(description).collect();
        Self {
            annotations: signal.annotations.clone().unwrap_or_else(own),
            ends_at,
            fingerprint: format!("{:016x}", fingerprint64(&labels)),
            receivers: receivers.iter().map(|name| ReceiverReference { name: (*name).to_owned() }).collect(),
            starts_at: signal.event_time,
            status,
            updated_at: signal.observed,
            generator_url: signal.link.clone(),
            labels,
        }
    }
}

/// The labels under which Alertmanager's clients see a signal.
pub fn labels_of(signal: &Signal) -> LabelSet {
    let mut labels = signal.labels.clone();
    if matches!(signal.detector.as_str(), "alertmanager" | RELAY) && !labels.is_empty() {
        return labels;
    }
    let severity = match signal.loudness {
        Loudness::Info => "info",
        Loudness::Warning => "warning",
        Loudness::Error => "error",
        Loudness::Critical => "critical",
    };
    let service = signal.service.iter().map(|service| ("service", service.as_str()));
    for (name, value) in [("alertname", signal.detector.as_str()), ("severity", severity)].into_iter().chain(service) {
        labels.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    labels
}

/// A group of GET `/api/v2/alerts/groups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertGroup {
    /// What its alerts have in common: what they are grouped by.
    pub labels: LabelSet,
    /// Labels of the route.
    pub route_labels: LabelSet,
    /// Who is told.
    pub receiver: ReceiverReference,
    /// Its alerts.
    pub alerts: Vec<GettableAlert>,
}

/// A receiver of GET `/api/v2/receivers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// Its labels, where it has any.
    #[serde(default, skip_serializing_if = "LabelSet::is_empty")]
    pub labels: LabelSet,
}

/// A silence of GET `/api/v2/silences`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableSilence {
    /// A UUID.
    pub id: String,
    /// Whether it is in force.
    pub status: SilenceStatus,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Empty: we keep none.
    pub annotations: LabelSet,
    /// Why it was set, in the words of whoever set it.
    pub comment: String,
    /// Who set it, in the words of their client.
    pub created_by: String,
    /// Until when.
    pub ends_at: Timestamp,
    /// Since when.
    pub starts_at: Timestamp,
    /// All must match.
    pub matchers: Vec<WireMatcher>,
}

/// Whether a silence is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceStatus {
    /// In a word.
    pub state: SilenceState,
}

/// Whether a silence is in force, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceState {
    /// Its end has passed.
    Expired,
    /// In force.
    Active,
    /// To come.
    Pending,
}

/// A matcher as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireMatcher {
    /// The label.
    pub name: String,
    /// What it is compared with.
    pub value: String,
    /// Whether the value is a regular expression.
    pub is_regex: bool,
    /// Whether the label must match, rather than must not.
    #[serde(default = "yes", deserialize_with = "yes_unless_said")]
    pub is_equal: bool,
}

const fn yes() -> bool {
    true
}

/// Left out, or null, is yes.
fn yes_unless_said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<bool>::deserialize(deserializer).map(|said| said.unwrap_or(true))
}

impl GettableSilence {
    /// A silence as it stands at `now`.
    pub fn of(silence: &Silence, updated_at: Timestamp, now: Timestamp) -> Self {
        let state = match () {
            () if silence.ends <= now => SilenceState::Expired,
            () if silence.starts > now => SilenceState::Pending,
            () => SilenceState::Active,
        };
        let matcher = |matcher: &quarterdeck_core::silence::Matcher| WireMatcher {
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
            is_regex: matcher.is_regex(),
            is_equal: matcher.is_equal(),
        };
        Self {
            id: uuid(silence.id),
            status: SilenceStatus { state },
            updated_at,
            annotations: LabelSet::new(),
            comment: silence.comment.clone(),
            created_by: silence.created_by.clone(),
            ends_at: silence.ends,
            starts_at: silence.starts,
            matchers: silence.matchers.iter().map(matcher).collect(),
        }
    }
}

/// The answer to POST `/api/v2/silences`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceCreated {
    /// A UUID.
    #[serde(rename = "silenceID")]
    pub silence_id: String,
}

/// The identifier of a silence as Alertmanager's clients want it: a UUID of the same 16 bytes.
pub fn uuid(id: SilenceId) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in id.bytes().iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

/// The silence that a UUID, or an identifier of ours, names.
pub fn silence_id(text: &str) -> Option<SilenceId> {
    if let Ok(id) = text.parse() {
        return Some(id);
    }
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let digits: String = text.split('-').collect();
    let well_formed = groups == [8, 4, 4, 4, 12] && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = well_formed.then(|| u128::from_str_radix(&digits, 16).ok()).flatten()?;
    Some(Id::from_bytes(value.to_be_bytes()))
}

/// The answer to GET `/api/v2/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Other instances.
    pub cluster: ClusterStatus,
    /// Who we are.
    pub version_info: VersionInfo,
    /// The configuration, as far as it may be shown.
    pub config: Config,
    /// Since when we run. An instant, whatever the key says.
    pub uptime: Timestamp,
}

/// Other instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Our name among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `ready`, `settling` or `disabled`.
    pub status: ClusterState,
    /// The others.
    #[serde(default)]
    pub peers: Vec<PeerStatus>,
}

/// Whether instances have found one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// They have.
    Ready,
    /// Not yet.
    Settling,
    /// There is only one.
    Disabled,
}

/// Another instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
}

/// Who we are, in Alertmanager's keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// The version.
    pub version: String,
    /// The commit.
    pub revision: String,
    /// The branch.
    pub branch: String,
    /// Who built it.
    pub build_user: String,
    /// When it was built, as text; clients only show it.
    pub build_date: String,
    /// With what: the compiler's version stands here.
    pub go_version: String,
}

/// The configuration, as far as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Its text, without secrets.
    pub original: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alertmanager::parse_alerts,
        heard::tests::{raised, with_hearing},
    };

    #[test]
    fn an_alert_is_shown_as_it_was_posted() {
        let posted = r#"[{"labels":{"alertname":"A","severity":"error"},"annotations":{"summary":"it is down","description":"very"},
            "startsAt":"2026-11-20T21:00:00Z","generatorURL":"http://vm/graph"}]"#;
        let batch = with_hearing(|hearing| parse_alerts(posted.as_bytes(), hearing).unwrap());
        let heard = &batch.heard[0];
        let alert = GettableAlert::of(raised(heard), heard.expires.unwrap(), &["ops"], AlertStatus::silenced_by([]));
        insta::assert_snapshot!(serde_json::to_string_pretty(&alert).unwrap(), @r#"
        {
          "annotations": {
            "description": "very",
            "summary": "it is down"
          },
          "endsAt": "2026-11-20T21:25:00.000Z",
          "fingerprint": "5ce6d07d2f008f0a",
          "receivers": [
            {
              "name": "ops"
            }
          ],
          "startsAt": "2026-11-20T21:00:00.000Z",
          "status": {
            "state": "active",
            "silencedBy": [],
            "inhibitedBy": [],
            "mutedBy": []
          },
          "updatedAt": "2026-11-20T21:20:00.000Z",
          "generatorURL": "http://vm/graph",
          "labels": {
            "alertname": "A",
            "severity": "error"
          }
        }
        "#);
    }

    #[test]
    fn a_silence_has_one_identity_in_both_writings() {
        let id: SilenceId = Id::from_bytes(*b"0123456789abcdef");
        assert_eq!(uuid(id), "30313233-3435-3637-3839-616263646566");
        assert_eq!(silence_id(&uuid(id)), Some(id));
        assert_eq!(silence_id(&id.to_string()), Some(id));
        for bad in ["", "30313233343536373839616263646566", "+0313233-3435-3637-3839-616263646566", "é", "-----"] {
            assert_eq!(silence_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_status_has_every_key_that_clients_look_for() {
        let status = Status {
            cluster: ClusterStatus { name: None, status: ClusterState::Disabled, peers: Vec::new() },
            version_info: VersionInfo { version: "0.1.0".to_owned(), ..VersionInfo::default() },
            config: Config { original: "# ours".to_owned() },
            uptime: Timestamp::from_secs(0),
        };
        insta::assert_snapshot!(serde_json::to_string_pretty(&status).unwrap(), @r##"
        {
          "cluster": {
            "status": "disabled",
            "peers": []
          },
          "versionInfo": {
            "version": "0.1.0",
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": ""
          },
          "config": {
            "original": "# ours"
          },
          "uptime": "1970-01-01T00:00:00.000Z"
        }
        "##);
    }
}
