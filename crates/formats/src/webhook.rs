//! A plain JSON webhook, for monitors that have no format of their own and for scripts.
//!
//! One object, or an array of them:
//!
//! | key | value | left out |
//! |---|---|---|
//! | `title` | one line: what is wrong with what | refused |
//! | `status` | `firing` or `resolved` | `firing` |
//! | `severity` (or `loudness`) | `critical`, `error`, `warning`, `info`, or another word of `severity` | `warning` |
//! | `service` | a service of the catalogue | none |
//! | `dedup_key` | what makes two messages the same claim, at most 255 characters | service and title |
//! | `text` | why, in a few sentences | empty |
//! | `link` | where to look | none |
//! | `facts` | `money_at_risk_usd`, `users` (whole numbers), `irreversible`, `key_compromise`, `theft` (true or false) | none |
//! | `labels` | texts by name | none |
//! | `at` | when it happened, RFC 3339 | when it was heard |
//! | `drill` | `true`: part of an exercise; its end must say so too | `false` |
//!
//! A longer title or text is cut. Keys that are not in this table are refused by name: a misspelt `serverity` must not turn a page into a note.

use std::collections::BTreeMap;

use quarterdeck_core::{
    limits::{BODY_BYTES_MAX, LABEL_BYTES_MAX, LABELS_MAX, SIGNALS_PER_REQUEST_MAX},
    money::Usd,
    signal::Facts,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    bounds::{FormatError, instant, quote, read},
    format::IngestFormat,
    heard::{Batch, Heard, Hearing, Report, ended, service},
};

/// Characters of `dedup_key`, as in PagerDuty's format.
const DEDUP_KEY_CHARS_MAX: usize = 255;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Posted {
    title: String,
    status: Option<Status>,
    severity: Option<String>,
    loudness: Option<String>,
    service: Option<String>,
    dedup_key: Option<String>,
    text: Option<String>,
    link: Option<String>,
    facts: Option<PostedFacts>,
    labels: Option<BTreeMap<String, String>>,
    at: Option<String>,
    #[serde(default)]
    drill: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Firing,
    Resolved,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PostedFacts {
    money_at_risk_usd: u64,
    users: Option<u64>,
    irreversible: bool,
    key_compromise: bool,
    theft: bool,
}

/// The format.
pub struct Webhook;

impl IngestFormat for Webhook {
    fn id(&self) -> &'static str {
        "webhook"
    }
    fn title(&self) -> &'static str {
        "Any monitor or script: one object, or an array of them."
    }
    fn doc(&self) -> &'static str {
        "`title`, and where known `status`, `severity`, `service`, `dedup_key`, `text`, `link`, `facts`, `labels`, `at`"
    }
    fn example(&self) -> &'static str {
        r#"{"title": "the bridge is stuck", "severity": "critical", "dedup_key": "bridge"}"#
    }
    fn read(&self, bytes: &[u8], hearing: &Hearing<'_>) -> Result<Batch, FormatError> {
        parse_webhook(bytes, hearing)
    }
}

/// The body of a plain webhook.
///
/// Fails as a whole if it is neither an object nor an array of objects; of an array, the good part counts.
pub fn parse_webhook(bytes: &[u8], hearing: &Hearing<'_>) -> Result<Batch, FormatError> {
    let mut batch = Batch::default();
    let array = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !array {
        batch.heard.push(read::<Posted>(bytes, BODY_BYTES_MAX, "")?.heard(hearing, "")?);
        return Ok(batch);
    }
    let parts = read::<Vec<Box<RawValue>>>(bytes, BODY_BYTES_MAX, "signals")?;
    FormatError::bound("signals", parts.len(), SIGNALS_PER_REQUEST_MAX)?;
    for (place, part) in parts.iter().enumerate() {
        let path = format!("signals[{place}]");
        let posted = read::<Posted>(part.get().as_bytes(), BODY_BYTES_MAX, &path);
        match posted.and_then(|posted| posted.heard(hearing, &format!("{path}."))) {
            Ok(heard) => batch.heard.push(heard),
            Err(refusal) => batch.refused.push(refusal),
        }
    }
    Ok(batch)
}

impl Posted {
    fn heard(self, hearing: &Hearing<'_>, path: &str) -> Result<Heard, FormatError> {
        self.check(path)?;
        let at = match self.at.as_deref().map(instant) {
            Some(Ok(at)) => at.unwrap_or(hearing.now),
            Some(Err(reason)) => return Err(FormatError::at(format!("{path}at"), reason)),
            None => hearing.now,
        };
        let key: Vec<&[u8]> = match (&self.dedup_key, &self.service) {
            (Some(key), _) => vec![key.as_bytes()],
            (None, service) => vec![service.as_deref().unwrap_or_default().as_bytes(), self.title.as_bytes()],
        };
        let claim = Report::new(hearing, &key, at);
        if self.status == Some(Status::Resolved) {
            let Heard { change, expires } = ended(hearing, claim.fingerprint, at);
            return Ok(Heard { change: if self.drill { change.into_drill() } else { change }, expires });
        }
        let (service, note) = service(hearing, self.service.as_deref(), &[]);
        let facts = self.facts.unwrap_or_default();
        let (loudness, odd_word) = hearing.words.hear(self.severity.as_deref().or(self.loudness.as_deref()));
        let claim = Report {
            loudness,
            service,
            title: self.title,
            text: format!("{}{odd_word}{note}", self.text.unwrap_or_default()),
            facts: Facts {
                money_at_risk: Usd::from_dollars(facts.money_at_risk_usd),
                users: facts.users,
                irreversible: facts.irreversible,
                key_compromise: facts.key_compromise,
                theft: facts.theft,
            },
            labels: self.labels.unwrap_or_default(),
            link: self.link,
            drill: self.drill,
            ..claim
        };
        Ok(claim.raised(hearing, None))
    }

    fn check(&self, path: &str) -> Result<(), FormatError> {
        if self.title.trim().is_empty() {
            return Err(FormatError::at(format!("{path}title"), "it is blank"));
        }
        if self.severity.is_some() && self.loudness.is_some() {
            return Err(FormatError::at(
                format!("{path}loudness"),
                "it is another name for `severity`: give one of them",
            ));
        }
        let key = self.dedup_key.as_deref();
        if key.is_some_and(|key| key.trim().is_empty()) {
            return Err(FormatError::at(format!("{path}dedup_key"), "it is blank"));
        }
        let chars = key.map_or(0, |key| key.chars().count());
        FormatError::bound_of(|| format!("characters of {path}dedup_key"), chars, DEDUP_KEY_CHARS_MAX)?;
        let labels = self.labels.iter().flatten();
        FormatError::bound_of(|| format!("{path}labels"), self.labels.as_ref().map_or(0, BTreeMap::len), LABELS_MAX)?;
        for (name, value) in labels {
            let longest = name.len().max(value.len());
            FormatError::bound_of(|| format!("bytes of {path}labels.{}", quote(name)), longest, LABEL_BYTES_MAX)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quarterdeck_core::signal::{Loudness, SignalChange};
    use serde_json::{Value, json};

    use super::*;
    use crate::heard::tests::{raised, with_hearing};

    fn parse(body: &Value) -> Result<Batch, String> {
        with_hearing(|hearing| parse_webhook(body.to_string().as_bytes(), hearing)).map_err(|error| error.to_string())
    }

    fn everything() -> Value {
        json!({"title": "A signer is silent", "status": "firing", "severity": "critical", "service": "bridge",
            "dedup_key": "signer-3", "text": "Nothing signed for ten minutes.", "link": "https://grafana.example/d/1",
            "facts": {"money_at_risk_usd": 2_500_000, "users": 12, "irreversible": false, "key_compromise": true, "theft": false},
            "labels": {"signer": "3"}, "at": "2026-11-20T21:19:00+01:00"})
    }

    #[test]
    fn everything_can_be_said() {
        let batch = parse(&everything()).unwrap();
        let signal = raised(&batch.heard[0]);
        assert_eq!(signal.loudness, Loudness::Critical);
        assert_eq!(signal.facts.money_at_risk, Usd::from_dollars(2_500_000));
        assert!(signal.facts.key_compromise && !signal.facts.theft);
        assert_eq!(signal.event_time.to_string(), "2026-11-20T20:19:00.000Z");
        assert_eq!(signal.service.as_ref().map(ToString::to_string).as_deref(), Some("bridge"));
        assert_eq!(signal.link.as_deref(), Some("https://grafana.example/d/1"));
        assert_eq!(batch.heard[0].expires, None);
    }

    #[test]
    fn a_title_is_enough_and_ends_what_it_began() {
        let began = parse(&json!({"title": "x"})).unwrap();
        assert_eq!(raised(&began.heard[0]).loudness, Loudness::Warning);
        let over = parse(&json!([{"title": "x", "status": "resolved"}])).unwrap();
        let SignalChange::Ended { fingerprint, at } = over.heard[0].change else { panic!("{over:?}") };
        assert_eq!(fingerprint, raised(&began.heard[0]).fingerprint);
        assert_eq!(at.to_string(), "2026-11-20T21:20:00.000Z");
    }

    #[test]
    fn a_word_that_is_not_known_is_urgent() {
        let batch = parse(&json!({"title": "x", "severity": "critcal"})).unwrap();
        let signal = raised(&batch.heard[0]);
        assert_eq!(signal.loudness, Loudness::Critical);
        assert!(signal.explanation.text.contains("`critcal`"), "{}", signal.explanation.text);
    }

    #[test]
    fn an_exercise_ends_nothing_real() {
        let of = |drill: bool, status: &str| {
            let batch = parse(&json!({"title": "x", "drill": drill, "status": status})).unwrap();
            match &batch.heard[0].change {
                SignalChange::Raised { signal } => (signal.drill, Some(signal.id), signal.fingerprint),
                SignalChange::Ended { fingerprint, .. } => (drill, None, *fingerprint),
                other => panic!("{other:?}"),
            }
        };
        let (real, drill) = (of(false, "firing"), of(true, "firing"));
        assert_eq!((real.0, drill.0), (false, true));
        assert_ne!((real.1, real.2), (drill.1, drill.2));
        assert_eq!((of(false, "resolved").2, of(true, "resolved").2), (real.2, drill.2));
        assert!(parse(&json!({"title": "x", "drill": "yes"})).unwrap_err().contains("drill"));
    }

    #[test]
    fn a_mistake_is_named() {
        let cases = [
            json!({}),
            json!({"title": "x", "serverity": "critical"}),
            json!({"title": "x", "severity": 5}),
            json!({"title": "x", "severity": "info", "loudness": "info"}),
            json!({"title": " "}),
            json!({"title": "x", "status": "ok"}),
            json!({"title": "x", "dedup_key": "k".repeat(256)}),
            json!({"title": "x", "dedup_key": ""}),
            json!({"title": "x", "facts": {"money_at_risk_usd": -5}}),
            json!({"title": "x", "facts": {"money": 5}}),
            json!({"title": "x", "labels": {"a": 5}}),
            json!({"title": "x", "at": 5}),
            json!({"title": "x", "at": "noon"}),
            json!("x"),
            json!([{"title": "x"}, {"title": "y", "labels": {"a": "v".repeat(5_000)}}, {"titel": "z"}]),
        ];
        let said: Vec<String> =
            cases.iter().map(|body| parse(body).map_or_else(|error| error, |batch| batch.refusals())).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        body: missing field `title`
        serverity: unknown field `serverity`, expected one of `title`, `status`, `severity`, `loudness`, `service`, `dedup_key`, `text`, `link`, `facts`, `labels`, `at`, `drill`
        severity: invalid type: integer `5`, expected a string
        loudness: it is another name for `severity`: give one of them
        title: it is blank
        status: unknown variant `ok`, expected `firing` or `resolved`
        characters of dedup_key: 256, want at most 255
        dedup_key: it is blank
        facts.money_at_risk_usd: invalid value: integer `-5`, expected u64
        facts.money: unknown field `money`, expected one of `money_at_risk_usd`, `users`, `irreversible`, `key_compromise`, `theft`
        labels.a: invalid type: integer `5`, expected a string
        at: invalid type: integer `5`, expected a string
        at: `noon` is no instant: want RFC 3339, such as 2026-01-31T12:00:00Z
        body: invalid type: string "x", expected an object
        bytes of signals[1].labels.a: 5000, want at most 4096; signals[2].titel: unknown field `titel`, expected one of `title`, `status`, `severity`, `loudness`, `service`, `dedup_key`, `text`, `link`, `facts`, `labels`, `at`, `drill`
        "#);
    }

    #[test]
    fn the_good_part_of_an_array_counts() {
        let batch = parse(&json!([{"title": "x"}, 5, {"title": "y"}])).unwrap();
        assert_eq!((batch.heard.len(), batch.refused.len()), (2, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            with_hearing(|hearing| drop(parse_webhook(&bytes, hearing)));
        }

        #[test]
        fn a_body_with_a_bite_taken_out_is_an_answer(from in 0_usize..400, length in 1_usize..40) {
            let mut text = everything().to_string().into_bytes();
            let from = from.min(text.len());
            text.drain(from..(from + length).min(text.len()));
            with_hearing(|hearing| drop(parse_webhook(&text, hearing)));
        }
    }
}
