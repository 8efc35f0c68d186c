//! Silences as `amtool` posts them.

use quarterdeck_core::{
    id::SilenceId,
    limits::{BODY_BYTES_MAX, LABEL_BYTES_MAX},
    silence::{Matcher, Silence},
    time::Timestamp,
};
use serde::Deserialize;

use super::answer::{WireMatcher, silence_id};
use super::instant::instant;
use crate::bounds::{FormatError, quote, read};

/// A posted silence, checked but for what only the caller can know: whether the one that it replaces exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedSilence {
    /// The silence that this one replaces; 404 if there is none of this name.
    pub replaces: Option<SilenceId>,
    matchers: Vec<Matcher>,
    starts: Timestamp,
    ends: Timestamp,
    created_by: String,
    comment: String,
}

impl PostedSilence {
    /// The silence, under the identifier that it gets. One that began in the past begins now: what was paged, was paged.
    pub fn into_silence(self, id: SilenceId, now: Timestamp) -> Silence {
        let Self { matchers, starts, ends, created_by, comment, .. } = self;
        Silence { id, matchers, starts: starts.max(now), ends, created_by, comment, owner: None }
    }

    /// `known` with another end, comment or author, if that is all that changes: then it keeps its identifier and its start, so
    /// that whoever extends it again and again extends one silence. One that is to come may also be moved, but not into the past.
    /// None: it is another silence, in the place of the known one.
    pub fn changing(&self, known: &Silence, now: Timestamp) -> Option<Silence> {
        let begins_alike = if known.is_active(now) { self.starts == known.starts } else { self.starts >= now };
        if now >= known.ends || !begins_alike || self.matchers != known.matchers {
            return None;
        }
        let Self { matchers, starts, ends, created_by, comment, .. } = self.clone();
        Some(Silence { id: known.id, matchers, starts, ends, created_by, comment, owner: known.owner.clone() })
    }
}

#[derive(Deserialize)]
#[serde(expecting = "a silence")]
struct Posted {
    id: Option<String>,
    matchers: Vec<WireMatcher>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "endsAt")]
    ends_at: String,
    #[serde(rename = "createdBy")]
    created_by: String,
    comment: String,
}

/// The body of POST `/api/v2/silences`. Refusals are answered 400; the reasons are in Alertmanager's words where it has some.
pub fn parse_silence(bytes: &[u8], now: Timestamp) -> Result<PostedSilence, FormatError> {
    let posted: Posted = read(bytes, BODY_BYTES_MAX, "silence")?;
    // Nothing, or the zero time of Go, is before everything: a silence begins at once, or is over.
    let time = |name: &str, text: &str| {
        let at = if text.is_empty() { Ok(None) } else { instant(text) };
        at.map(|at| at.unwrap_or(Timestamp::MIN)).map_err(|reason| FormatError::at(format!("silence.{name}"), reason))
    };
    let (starts, ends) = (time("startsAt", &posted.starts_at)?, time("endsAt", &posted.ends_at)?);
    if starts >= ends {
        return Err(FormatError::at("silence", "start time must be before end time"));
    }
    if ends <= now {
        return Err(FormatError::at("silence.endsAt", "end time can't be in the past"));
    }
    if posted.matchers.is_empty() {
        return Err(FormatError::at("silence.matchers", "at least one matcher required"));
    }
    FormatError::bound("bytes of silence.createdBy", posted.created_by.len(), LABEL_BYTES_MAX)?;
    let replaces = match posted.id.as_deref() {
        None | Some("") => None,
        Some(text) => {
            let bad = || FormatError::at("silence.id", format!("`{}` is no silence", quote(text)));
            Some(silence_id(text).ok_or_else(bad)?)
        }
    };
    let matchers = posted.matchers.iter().enumerate().map(|(place, matcher)| {
        let WireMatcher { name, value, is_regex, is_equal } = matcher;
        let bad = |error| FormatError::at(format!("silence.matchers[{place}]"), format!("{error}"));
        Matcher::new(name, value, *is_regex, *is_equal).map_err(bad)
    });
    let posted = PostedSilence {
        replaces,
        matchers: matchers.collect::<Result<_, _>>()?,
        starts,
        ends,
        created_by: posted.created_by,
        comment: posted.comment,
    };
    // The rules of silences are the core's; which identifier it gets makes no difference to them.
    let rules = posted.clone().into_silence(SilenceId::from_bytes([0; 16]), now).check(now);
    rules.map_err(|error| FormatError::at("silence", error.to_string()))?;
    Ok(posted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::alertmanager::answer::{GettableSilence, SilenceState, uuid};

    fn now() -> Timestamp {
        "2026-11-20T21:20:00Z".parse().unwrap()
    }
    fn silence() -> Value {
        json!({"matchers": [{"name": "alertname", "value": "Node.*", "isRegex": true}],
            "startsAt": "2026-11-20T21:19:00.000Z", "endsAt": "2026-11-20T22:19:00Z", "createdBy": "alice", "comment": "moving"})
    }
    fn parse(body: &Value) -> Result<PostedSilence, String> {
        parse_silence(body.to_string().as_bytes(), now()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_silence_is_taken_and_shown_again() {
        let id = SilenceId::from_bytes([5; 16]);
        let taken = parse(&silence()).unwrap();
        assert_eq!(taken.replaces, None);
        let taken = taken.into_silence(id, now());
        assert_eq!(taken.starts, now(), "nothing is silenced in the past");
        let shown = GettableSilence::of(&taken, now(), now());
        assert_eq!(shown.status.state, SilenceState::Active);
        assert!(shown.matchers[0].is_equal, "isEqual is true if left out");
        let again = serde_json::to_vec(&shown).unwrap();
        let again = parse_silence(&again, now()).unwrap();
        assert_eq!(again.replaces, Some(id));
        assert_eq!(again.into_silence(id, now()), taken);
    }

    #[test]
    fn what_silences_nothing_or_everything_is_refused() {
        let with = |name: &str, value: Value| {
            let mut body = silence();
            body[name] = value;
            parse(&body).unwrap_err()
        };
        assert_eq!(with("matchers", json!([])), "silence.matchers: at least one matcher required");
        let all = json!([{"name": "a", "value": ".*", "isRegex": true}]);
        assert_eq!(with("matchers", all), "silence: at least one matcher must not match the empty string");
        let unnamed = json!([{"name": "", "value": "x", "isRegex": false}]);
        assert!(with("matchers", unnamed).starts_with("silence.matchers[0]: "));
        let untyped = json!([{"name": "a", "value": "x"}]);
        assert!(with("matchers", untyped).starts_with("silence.matchers[0]: missing field `isRegex`"));
        assert_eq!(with("endsAt", json!("2026-11-20T21:19:30Z")), "silence.endsAt: end time can't be in the past");
        assert_eq!(with("endsAt", json!("2026-11-20T21:18:00Z")), "silence: start time must be before end time");
        assert_eq!(with("endsAt", json!("0001-01-01T00:00:00Z")), "silence: start time must be before end time");
        let mut at_once = silence();
        at_once["startsAt"] = json!("0001-01-01T00:00:00Z");
        assert_eq!(parse(&at_once).unwrap().into_silence(SilenceId::from_bytes([1; 16]), now()).starts, now());
        assert_eq!(with("id", json!("x")), "silence.id: `x` is no silence");
        assert!(with("comment", json!(null)).starts_with("silence.comment: invalid type: null"));
    }

    #[test]
    fn an_extended_silence_stays_the_same_and_another_one_takes_its_place() {
        let id = SilenceId::from_bytes([5; 16]);
        let known = parse(&silence()).unwrap().into_silence(id, now());
        let later = now().plus(std::time::Duration::from_mins(10));
        let mut body = serde_json::to_value(GettableSilence::of(&known, now(), later)).unwrap();
        body["endsAt"] = json!("2026-11-21T22:19:00Z");
        let extended = parse(&body).unwrap().changing(&known, later).unwrap();
        assert_eq!((extended.id, extended.starts), (id, known.starts));
        assert!(extended.ends > known.ends && extended.created_by == known.created_by);
        for (name, value) in [
            ("startsAt", json!("2026-11-20T21:00:00Z")),
            ("startsAt", json!("2026-11-21T21:00:00Z")),
            ("matchers", json!([{"name": "alertname", "value": "Node.+", "isRegex": true}])),
        ] {
            let mut other = body.clone();
            other[name] = value;
            assert_eq!(parse(&other).unwrap().changing(&known, later), None, "{name}");
        }
        assert_eq!(parse(&body).unwrap().changing(&known, known.ends), None, "one that is over stays so");
    }

    #[test]
    fn a_replaced_silence_is_named_as_it_was_shown() {
        let id = SilenceId::from_bytes([200; 16]);
        let mut body = silence();
        body["id"] = json!(uuid(id));
        assert_eq!(parse(&body).unwrap().replaces, Some(id));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(parse_silence(&bytes, now()));
        }
    }
}
