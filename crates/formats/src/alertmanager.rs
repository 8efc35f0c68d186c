//! Prometheus Alertmanager, API v2: alerts in, and its answers, so that Prometheus and `amtool` work against us unchanged.
//!
//! | file | what |
//! |---|---|
//! | here | alerts as Prometheus posts them |
//! | `relay` | alerts as another Alertmanager's webhook posts them |
//! | `instant` | instants as Go's clients write them |
//! | `filter` | the grammar of matchers, and queries |
//! | `silence` | silences in and out |
//! | `answer` | bodies of answers |
//!
//! What was decided where the description is silent, and why:
//! - One bad alert does not spoil the batch: the others are taken, the answer is 400 and names it. So does Alertmanager.
//! - Labels with an empty value are dropped before anything else: an empty label is no label.
//! - Label names are any UTF-8 that is not empty, as Alertmanager takes them since 0.27.
//! - An instant without a zone is UTC. The last day of the calendar is moved to the last instant that we can show.
//! - An alert whose end has come is over; one with an end to come holds until then if it is not sent again; one without holds
//!   for the resolve timeout. One that ends before it starts is refused.
//! - Two alerts are the same if all their labels are. [`fingerprint64`] is Prometheus's number for that; ours is a
//!   collision-resistant digest of the same labels, because whoever can choose labels can make two of the former equal.

mod instant;
pub mod relay;
pub mod answer;
pub mod filter;
pub mod silence;
pub mod prometheus;

use std::{collections::BTreeMap, fmt};

use quarterdeck_core::{
    limits::{ANNOTATIONS_BYTES_MAX, BODY_BYTES_MAX, LABEL_BYTES_MAX, LABELS_MAX, SIGNALS_PER_REQUEST_MAX},
    signal::Fingerprint,
    time::Timestamp,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    bounds::{FormatError, quote, read},
    heard::{Batch, Heard, Hearing, Report, ended, fingerprint, service},
};

/// Labels or annotations by name.
pub type LabelSet = BTreeMap<String, String>;

/// The label with which an operator says which service an alert is about.
pub const SERVICE_LABEL: &str = "quarterdeck_service";

/// An alert as it is posted. Keys that are not known are ignored, as Alertmanager does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(expecting = "an alert")]
pub(crate) struct PostedAlert {
    #[serde(default, deserialize_with = "texts")]
    labels: Option<LabelSet>,
    #[serde(default, deserialize_with = "texts")]
    annotations: Option<LabelSet>,
    #[serde(rename = "startsAt")]
    starts_at: Option<String>,
    #[serde(rename = "endsAt")]
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: Option<String>,
    status: Option<String>,
}

/// Texts by name; one that is null is empty, as Go reads it.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LabelSet>, D::Error> {
    Option::<Texts>::deserialize(deserializer).map(|texts| texts.map(|texts| texts.0))
}

struct Texts(LabelSet);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Texts;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut texts = LabelSet::new();
                while let Some((name, text)) = map.next_entry::<String, Option<String>>()? {
                    texts.insert(name, text.unwrap_or_default());
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// In the signals of what Prometheus posted: it ends unless it is repeated.
const POSTED: &str = "alertmanager";

/// The body of POST `/api/v2/alerts`.
///
/// Fails as a whole only if it is no JSON array, or too large. The answer is 200 with no body, or 400 with
/// [`answer::error_body`] of [`Batch::refusals`].
pub fn parse_alerts(bytes: &[u8], hearing: &Hearing<'_>) -> Result<Batch, FormatError> {
    let alerts = each_alert(bytes)?;
    let mut batch = Batch::default();
    for (place, alert) in alerts.into_iter().enumerate() {
        match alert.and_then(|alert| alert.posted(hearing, format_args!("alerts[{place}]"))) {
            Ok(heard) => batch.heard.push(heard),
            Err(refusal) => batch.refused.push(refusal),
        }
    }
    Ok(batch)
}

/// All alerts of an array, each on its own if they cannot be read together.
fn each_alert(bytes: &[u8]) -> Result<Vec<Result<PostedAlert, FormatError>>, FormatError> {
    let count = |count| FormatError::bound("alerts", count, SIGNALS_PER_REQUEST_MAX);
    if let Ok(alerts) = read::<Vec<PostedAlert>>(bytes, BODY_BYTES_MAX, "alerts") {
        count(alerts.len())?;
        return Ok(alerts.into_iter().map(Ok).collect());
    }
    let parts = read::<Vec<Box<RawValue>>>(bytes, BODY_BYTES_MAX, "alerts")?;
    count(parts.len())?;
    let mut alerts = Vec::with_capacity(parts.len());
    for (place, part) in parts.iter().enumerate() {
        alerts.push(read::<PostedAlert>(part.get().as_bytes(), BODY_BYTES_MAX, &format!("alerts[{place}]")));
    }
    Ok(alerts)
}

impl PostedAlert {
    /// What Prometheus means by it.
    fn posted(mut self, hearing: &Hearing<'_>, path: fmt::Arguments<'_>) -> Result<Heard, FormatError> {
        let labels = self.checked_labels(path)?;
        let (starts, ends) = self.times(path)?;
        let starts = starts.or(ends).unwrap_or(hearing.now);
        if ends.is_some_and(|ends| ends < starts) {
            return Err(FormatError::at(path.to_string(), "start time must be before end time"));
        }
        match ends {
            Some(at) if at <= hearing.wall => Ok(ended(hearing, claim_of(hearing, &labels), at)),
            _ => {
                let expires = ends.unwrap_or_else(|| hearing.wall.plus(hearing.resolve_timeout));
                Ok(self.claim(hearing, labels, starts).raised(hearing, Some(expires)))
            }
        }
    }

    /// Takes the labels that have a value, within bounds.
    fn checked_labels(&mut self, path: fmt::Arguments<'_>) -> Result<LabelSet, FormatError> {
        let mut labels = self.labels.take().unwrap_or_default();
        labels.retain(|_, value| !value.is_empty());
        if labels.is_empty() {
            return Err(FormatError::at(format!("{path}.labels"), "at least one label pair required"));
        }
        FormatError::bound_of(|| format!("{path}.labels"), labels.len(), LABELS_MAX)?;
        for (name, value) in &labels {
            if name.is_empty() {
                return Err(FormatError::at(
                    format!("{path}.labels"),
                    format!("the label of value `{}` has no name", quote(value)),
                ));
            }
            FormatError::bound_of(|| format!("bytes of a name in {path}.labels"), name.len(), LABEL_BYTES_MAX)?;
            let what = || format!("bytes of {path}.labels.{}", quote(name));
            FormatError::bound_of(what, value.len(), LABEL_BYTES_MAX)?;
        }
        Ok(labels)
    }

    /// Start and end; the zero time is none.
    fn times(&self, path: fmt::Arguments<'_>) -> Result<(Option<Timestamp>, Option<Timestamp>), FormatError> {
        let read = |name: &str, text: &Option<String>| match text.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => instant::instant(text).map_err(|reason| FormatError::at(format!("{path}.{name}"), reason)),
        };
        Ok((read("startsAt", &self.starts_at)?, read("endsAt", &self.ends_at)?))
    }

    fn claim(self, hearing: &Hearing<'_>, labels: LabelSet, start: Timestamp) -> Report {
        let annotations = self.annotations.unwrap_or_default();
        let label = |name: &str| labels.get(name).map(String::as_str);
        let (service, note) = service(hearing, label(SERVICE_LABEL), &[label("service")]);
        let said = |name: &str| annotations.get(name).filter(|text| !text.is_empty());
        let title = said("summary").or_else(|| said("title")).or_else(|| labels.get("alertname"));
        let title = title.cloned().unwrap_or_else(|| {
            labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        });
        let mut text =
            annotations.get("description").or_else(|| annotations.get("message")).cloned().unwrap_or_default();
        // The other annotations are for people, too: a runbook, a dashboard, a value.
        for (name, value) in &annotations {
            if !matches!(name.as_str(), "summary" | "title" | "description" | "message") {
                text.extend(["\n", name, ": ", value]);
            }
        }
        let (loudness, odd_word) = hearing.words.hear(label("severity"));
        text.push_str(&odd_word);
        text.push_str(&note);
        let annotations = kept(annotations, &mut text);
        Report {
            drill: false,
            detector: POSTED,
            fingerprint: claim_of(hearing, &labels),
            start,
            loudness,
            service,
            title,
            text,
            facts: quarterdeck_core::signal::Facts::default(),
            link: self.generator_url,
            labels,
            annotations: Some(annotations),
        }
    }
}

/// The annotations as they were posted, as many as are kept. Those that are too long go last, so that the others stay, and the text
/// says which.
fn kept(annotations: LabelSet, text: &mut String) -> LabelSet {
    let bytes = |(name, value): (&String, &String)| name.len() + value.len();
    let all: usize = annotations.iter().map(bytes).sum();
    if all <= ANNOTATIONS_BYTES_MAX {
        return annotations;
    }
    let mut by_size: Vec<(String, String)> = annotations.into_iter().collect();
    by_size.sort_by_key(|(name, value)| bytes((name, value)));
    let (mut kept, mut left, mut dropped) = (LabelSet::new(), ANNOTATIONS_BYTES_MAX, Vec::new());
    for (name, value) in by_size {
        match left.checked_sub(bytes((&name, &value))) {
            Some(rest) => {
                left = rest;
                kept.insert(name, value);
            }
            None => dropped.push(format!("`{}`", quote(&name))),
        }
    }
    text.insert_str(
        0,
        &format!("Its annotations are {all} bytes, and these are not kept whole: {}.\n", dropped.join(", ")),
    );
    kept
}

/// Our identity of an alert.
fn claim_of(hearing: &Hearing<'_>, labels: &LabelSet) -> Fingerprint {
    let parts: Vec<&[u8]> = labels.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
    fingerprint(hearing.source, &parts)
}

/// Prometheus's identity of a label set: 64-bit FNV-1a over the labels in the order of their names, each name and each value
/// followed by a byte 255. Printed as 16 hex digits.
pub fn fingerprint64(labels: &LabelSet) -> u64 {
    const OFFSET: u64 = 14_695_981_039_346_656_037;
    const PRIME: u64 = 1_099_511_628_211;
    let mut hash = OFFSET;
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        for byte in text.bytes().chain([255]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quarterdeck_core::signal::{Loudness, SignalChange};
    use serde_json::json;

    use super::*;
    use crate::heard::tests::{raised, with_hearing};

    /// As a Prometheus 2.42 posted it.
    const POSTED: &str = r#"[{"annotations":{"summary":"127.0.0.1:19999 is down","value":"0"},"endsAt":"2026-11-20T21:27:19.632Z","startsAt":"2026-11-20T21:23:19.632Z","generatorURL":"http://vm:19090/graph?g0.expr=up%7Bjob%3D%22node%22%7D+%3D%3D+0&g0.tab=1","labels":{"alertname":"NodeDown","chain":"eth","instance":"127.0.0.1:19999","job":"node","service":"rpc","severity":"critical","site":"test"}}]"#;

    fn parse(body: &serde_json::Value) -> Batch {
        with_hearing(|hearing| parse_alerts(body.to_string().as_bytes(), hearing).unwrap())
    }

    #[test]
    fn what_prometheus_posts_is_a_signal() {
        let batch = with_hearing(|hearing| {
            let now = "2026-11-20T21:23:20Z".parse().unwrap();
            let hearing = Hearing { now, wall: now, ..*hearing };
            parse_alerts(POSTED.as_bytes(), &hearing).unwrap()
        });
        assert_eq!(batch.refused, []);
        let [heard] = batch.heard.as_slice() else { panic!("{batch:?}") };
        let signal = raised(heard);
        assert_eq!(signal.title, "127.0.0.1:19999 is down");
        assert_eq!(signal.explanation.text, "value: 0");
        assert_eq!(signal.loudness, Loudness::Critical);
        assert_eq!(signal.service.as_ref().map(ToString::to_string).as_deref(), Some("rpc"));
        assert_eq!(signal.link.as_deref().map(|link| link.starts_with("http://vm:19090/graph?")), Some(true));
        assert_eq!(signal.event_time.to_string(), "2026-11-20T21:23:19.632Z");
        assert_eq!(heard.expires.unwrap().to_string(), "2026-11-20T21:27:19.632Z");
        // The fingerprint that Alertmanager 0.25 gave the same alert.
        assert_eq!(format!("{:016x}", fingerprint64(&signal.labels)), "b78a53b3cf11ab2f");
    }

    #[test]
    fn a_repeated_alert_is_the_same_signal_and_its_end_ends_it() {
        with_hearing(|hearing| {
            let first = parse_alerts(POSTED.as_bytes(), hearing).unwrap();
            let at = |minutes| {
                let now = hearing.now.plus(std::time::Duration::from_mins(minutes));
                Hearing { now, wall: now, ..*hearing }
            };
            let later = at(1);
            let again = parse_alerts(POSTED.as_bytes(), &later).unwrap();
            assert_eq!(raised(&first.heard[0]).id, raised(&again.heard[0]).id);
            let ended = parse_alerts(POSTED.as_bytes(), &at(10)).unwrap();
            let SignalChange::Ended { fingerprint, at } = ended.heard[0].change else { panic!("{ended:?}") };
            assert_eq!(fingerprint, raised(&first.heard[0]).fingerprint);
            assert_eq!(at.to_string(), "2026-11-20T21:27:19.632Z");
        });
    }

    #[test]
    fn an_alert_without_an_end_holds_for_the_timeout() {
        let batch = parse(&json!([{"labels": {"alertname": "A", "severity": "page"}}]));
        assert_eq!(batch.heard[0].expires.unwrap().to_string(), "2026-11-20T21:25:00.000Z");
        assert_eq!(raised(&batch.heard[0]).event_time.to_string(), "2026-11-20T21:20:00.000Z");
        assert_eq!(raised(&batch.heard[0]).title, "A");
    }

    #[test]
    fn annotations_are_kept_as_posted_as_far_as_there_is_room() {
        let texts = json!({"summary": " two\nlines ", "description": "", "value": null, "é": "\u{0}"});
        let batch = parse(&json!([{"labels": {"a": "b"}, "annotations": texts}, {"labels": {"a": "c"}}]));
        let kept = raised(&batch.heard[0]).annotations.as_ref().unwrap();
        let pairs: Vec<_> = kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("description", ""), ("summary", " two\nlines "), ("value", ""), ("é", "\u{0}")]);
        assert_eq!(raised(&batch.heard[1]).annotations, Some(LabelSet::new()));
        let long = "x".repeat(ANNOTATIONS_BYTES_MAX);
        let batch = parse(&json!([{"labels": {"a": "b"}, "annotations": {"summary": "down", "dump": long}}]));
        let signal = raised(&batch.heard[0]);
        assert_eq!(signal.annotations.as_ref().unwrap().keys().collect::<Vec<_>>(), ["summary"]);
        assert!(
            signal
                .explanation
                .text
                .starts_with("Its annotations are 65551 bytes, and these are not kept whole: `dump`.")
        );
    }

    #[test]
    fn one_bad_alert_does_not_cost_the_others() {
        let batch = parse(&json!([
            {"labels": {"alertname": "good"}},
            {"labels": {"alertname": 5}},
            {"labels": {"a": ""}},
            {},
            {"labels": {"a": "b"}, "startsAt": "soon"},
            {"labels": {"a": "b"}, "startsAt": "2026-11-20T21:00:00Z", "endsAt": "2026-11-20T20:00:00Z"},
            {"labels": {"": "b"}},
            "what",
            {"labels": {"a": "x".repeat(LABEL_BYTES_MAX + 1)}},
            {"labels": {"alertname": "good, too"}, "annotations": null, "unknown": {}},
            {"labels": {"alertname": "good as well", "job": null}, "annotations": {"summary": null}},
        ]));
        assert_eq!(batch.heard.len(), 3);
        assert_eq!((raised(&batch.heard[2]).labels.len(), raised(&batch.heard[2]).title.as_str()), (1, "good as well"));
        let refusals: Vec<String> = batch.refused.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        alerts[1].labels.alertname: invalid type: integer `5`, expected a string
        alerts[2].labels: at least one label pair required
        alerts[3].labels: at least one label pair required
        alerts[4].startsAt: `soon` is no instant: want RFC 3339, such as 2026-01-31T12:00:00Z
        alerts[5]: start time must be before end time
        alerts[6].labels: the label of value `b` has no name
        alerts[7]: invalid type: string "what", expected an alert
        bytes of alerts[8].labels.a: 4097, want at most 4096
        "#);
    }

    #[test]
    fn a_service_is_named_or_guessed_but_never_invented() {
        let batch = parse(&json!([
            {"labels": {"a": "b", "quarterdeck_service": "bridge", "service": "rpc"}},
            {"labels": {"a": "b", "quarterdeck_service": "brigde"}},
            {"labels": {"a": "b", "service": "unheard of"}},
        ]));
        let services: Vec<_> =
            batch.heard.iter().map(|heard| raised(heard).service.clone().map(|s| s.to_string())).collect();
        assert_eq!(services, [Some("bridge".to_owned()), None, None]);
        assert_eq!(
            raised(&batch.heard[1]).explanation.text,
            "It names the service `brigde`, which the catalogue does not have."
        );
        assert_eq!(raised(&batch.heard[2]).explanation.text, "");
    }

    #[test]
    fn absurd_bodies_are_refused() {
        let refused = |bytes: &[u8]| with_hearing(|hearing| parse_alerts(bytes, hearing).unwrap_err().to_string());
        assert_eq!(refused(b"{}"), "alerts: invalid type: map, expected a sequence");
        assert_eq!(refused(&vec![b' '; BODY_BYTES_MAX + 1]), "body in bytes: 8388609, want at most 8388608");
        assert_eq!(
            refused(format!("[{}]", vec!["{}"; 10_001].join(",")).as_bytes()),
            "alerts: 10001, want at most 10000"
        );
        assert!(refused("[".repeat(100_000).as_bytes()).starts_with("not JSON: EOF while parsing"));
        let nested =
            |key: &str| format!(r#"[{{"labels":{{"a":"b"}},"{key}":{}{}}}]"#, "[".repeat(9_000), "]".repeat(9_000));
        let parse = |body: String| with_hearing(|hearing| parse_alerts(body.as_bytes(), hearing).unwrap());
        assert_eq!(parse(nested("ignored")).heard.len(), 1);
        assert_eq!(
            parse(nested("annotations")).refusals(),
            "alerts[0].annotations: invalid type: sequence, expected a map"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            with_hearing(|hearing| drop(parse_alerts(&bytes, hearing)));
        }

        #[test]
        fn any_labels_are_taken_or_refused(labels in proptest::collection::btree_map(".{0,8}", ".{0,8}", 0..6), starts in ".{0,20}") {
            let batch = parse(&json!([{"labels": labels, "startsAt": starts}, {"labels": {"a": "b"}}]));
            prop_assert_eq!(batch.heard.len() + batch.refused.len(), 2);
            prop_assert!(!batch.heard.is_empty());
        }
    }
}
