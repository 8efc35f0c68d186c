//! What an Alertmanager posts to its webhook receiver, version 4: a group of alerts that fire or are over.
//!
//! Labels decide which alert is meant, as for those that Prometheus posts, so an alert that comes both ways under one source is
//! one claim. Such a notification is repeated only every few hours, so a firing alert holds until it is said to be over.

use quarterdeck_core::{
    limits::{BODY_BYTES_MAX, SIGNALS_PER_REQUEST_MAX},
    time::Timestamp,
};
use serde::Deserialize;

use super::{PostedAlert, claim_of};
use crate::{
    bounds::{FormatError, quote, read},
    format::IngestFormat,
    heard::{Batch, Heard, Hearing, Report, ended},
};

/// The one version there has been since 2015.
const VERSION: &str = "4";
/// Says in the signal itself that it holds until it is said to be over: after a restart nothing else tells it from an alert that
/// ends unless it is repeated.
pub const RELAY: &str = "alertmanager_webhook";

#[derive(Deserialize)]
#[serde(expecting = "a notification")]
struct Notification {
    version: Option<String>,
    #[serde(rename = "groupKey", default)]
    group_key: String,
    #[serde(rename = "truncatedAlerts", default)]
    truncated: u64,
    alerts: Option<Vec<PostedAlert>>,
}

/// The format.
pub struct Relay;

impl IngestFormat for Relay {
    fn id(&self) -> &'static str {
        "alertmanager"
    }
    fn title(&self) -> &'static str {
        "An Alertmanager's webhook, version 4."
    }
    fn doc(&self) -> &'static str {
        "what an Alertmanager's `webhook_configs` sends"
    }
    fn example(&self) -> &'static str {
        r#"{"version": "4", "groupKey": "{}", "alerts": [{"status": "firing", "labels": {"alertname": "NodeDown"}}]}"#
    }
    fn read(&self, bytes: &[u8], hearing: &Hearing<'_>) -> Result<Batch, FormatError> {
        parse_notification(bytes, hearing)
    }
}

/// The body of a webhook, version 4.
pub fn parse_notification(bytes: &[u8], hearing: &Hearing<'_>) -> Result<Batch, FormatError> {
    let notification: Notification = read(bytes, BODY_BYTES_MAX, "")?;
    match notification.version.as_deref() {
        Some(VERSION) => {}
        Some(other) => return Err(FormatError::at("version", format!("`{}`: want `{VERSION}`", quote(other)))),
        None => return Err(FormatError::at("version", format!("missing: want `{VERSION}`"))),
    }
    let alerts = notification.alerts.unwrap_or_default();
    FormatError::bound("alerts", alerts.len(), SIGNALS_PER_REQUEST_MAX)?;
    let mut batch = Batch::default();
    for (place, alert) in alerts.into_iter().enumerate() {
        match alert.relayed(hearing, &format!("alerts[{place}]")) {
            Ok(heard) => batch.heard.push(heard),
            Err(refusal) => batch.refused.push(refusal),
        }
    }
    if notification.truncated > 0 {
        batch.heard.push(truncated(hearing, notification.truncated, &notification.group_key));
    }
    Ok(batch)
}

impl PostedAlert {
    /// What another Alertmanager means by it.
    fn relayed(mut self, hearing: &Hearing<'_>, path: &str) -> Result<Heard, FormatError> {
        let labels = self.checked_labels(format_args!("{path}"))?;
        let (starts, ends) = self.times(format_args!("{path}"))?;
        match self.status.as_deref() {
            Some("firing") => {
                let claim = self.claim(hearing, labels, starts.unwrap_or(hearing.now));
                Ok(Report { detector: RELAY, ..claim }.raised(hearing, None))
            }
            Some("resolved") => Ok(ended(hearing, claim_of(hearing, &labels), ends.unwrap_or(hearing.now))),
            other => {
                let reason = format!("`{}`: want firing or resolved", quote(other.unwrap_or_default()));
                Err(FormatError::at(format!("{path}.status"), reason))
            }
        }
    }
}

/// Alerts were left out of the notification: what they say, nobody here knows.
fn truncated(hearing: &Hearing<'_>, count: u64, group: &str) -> Heard {
    let expires: Timestamp = hearing.wall.plus(hearing.resolve_timeout);
    let claim = Report {
        detector: "alertmanager",
        title: format!("{} left {count} alerts out of a notification", hearing.source),
        text: format!(
            "Its `max_alerts` cut the group `{}`. What the {count} say is not known here; look there.",
            quote(group)
        ),
        ..Report::new(hearing, &[b"truncated", group.as_bytes()], hearing.now)
    };
    claim.raised(hearing, Some(expires))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quarterdeck_core::signal::SignalChange;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        alertmanager::parse_alerts,
        heard::tests::{raised, with_hearing},
    };

    /// As an Alertmanager 0.25 posted it.
    fn notification() -> Value {
        let labels = json!({"alertname": "NodeDown", "chain": "eth", "instance": "127.0.0.1:19999", "job": "node",
            "service": "rpc", "severity": "critical", "site": "test"});
        let annotations = json!({"summary": "127.0.0.1:19999 is down", "value": "0"});
        json!({"receiver": "hook", "status": "firing", "alerts": [{"status": "firing", "labels": labels,
            "annotations": annotations, "startsAt": "2026-11-20T21:12:56.632Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://vm:19090/graph?g0.expr=up%7Bjob%3D%22node%22%7D+%3D%3D+0&g0.tab=1",
            "fingerprint": "b78a53b3cf11ab2f"}], "groupLabels": {"alertname": "NodeDown"}, "commonLabels": labels,
            "commonAnnotations": annotations, "externalURL": "http://vm:19093", "version": "4",
            "groupKey": "{}:{alertname=\"NodeDown\"}", "truncatedAlerts": 0})
    }

    fn parse(body: &Value) -> Batch {
        with_hearing(|hearing| parse_notification(body.to_string().as_bytes(), hearing).unwrap())
    }

    #[test]
    fn an_alert_fires_until_it_is_over() {
        let mut body = notification();
        let firing = parse(&body);
        assert_eq!(firing.heard.len(), 1);
        assert_eq!(firing.heard[0].expires, None);
        assert_eq!(raised(&firing.heard[0]).event_time.to_string(), "2026-11-20T21:12:56.632Z");
        body["status"] = json!("resolved");
        body["alerts"][0]["status"] = json!("resolved");
        body["alerts"][0]["endsAt"] = json!("2026-11-20T21:13:03.632Z");
        let over = parse(&body);
        let SignalChange::Ended { fingerprint, at } = over.heard[0].change else { panic!("{over:?}") };
        assert_eq!(fingerprint, raised(&firing.heard[0]).fingerprint);
        assert_eq!(at.to_string(), "2026-11-20T21:13:03.632Z");
    }

    #[test]
    fn both_ways_are_one_claim() {
        let relayed = parse(&notification());
        let alert = &notification()["alerts"][0];
        let posted = json!([{"labels": alert["labels"], "startsAt": alert["startsAt"]}]).to_string();
        let posted = with_hearing(|hearing| parse_alerts(posted.as_bytes(), hearing).unwrap());
        assert_eq!(raised(&relayed.heard[0]).id, raised(&posted.heard[0]).id);
    }

    #[test]
    fn what_was_cut_off_is_a_signal_of_its_own() {
        let mut body = notification();
        body["truncatedAlerts"] = json!(12);
        let batch = parse(&body);
        assert_eq!(batch.heard.len(), 2);
        assert_eq!(raised(&batch.heard[1]).title, "mon left 12 alerts out of a notification");
    }

    #[test]
    fn another_format_is_refused_by_name() {
        let refused = |body: Value| {
            with_hearing(|hearing| parse_notification(body.to_string().as_bytes(), hearing).unwrap_err().to_string())
        };
        assert_eq!(refused(json!({})), "version: missing: want `4`");
        assert_eq!(refused(json!({"version": "5"})), "version: `5`: want `4`");
        let mut odd = notification();
        odd["alerts"][0]["status"] = json!("pending");
        assert_eq!(parse(&odd).refusals(), "alerts[0].status: `pending`: want firing or resolved");
        odd["truncatedAlerts"] = json!(-1);
        assert!(refused(odd).starts_with("truncatedAlerts: invalid value: integer `-1`"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            with_hearing(|hearing| drop(parse_notification(&bytes, hearing)));
        }
    }
}
