//! Silences: what is kept quiet now, by whom, why and until when, and what that holds back; to set one, to end one.
//!
//! A form becomes what the API makes of a request, with the API's permission. Tests: below, and `tests/console/silences.rs`.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use quarterdeck_api as api;
use quarterdeck_core::{
    id::{IdSource as _, SilenceId},
    incident::Refusal,
    limits::MATCHERS_MAX,
    silence::{Matcher, Silence},
    time::Timestamp,
};
use quarterdeck_formats::alertmanager::filter::parse_matcher;
use serde::Deserialize;

use super::{
    Asked, Filled, On, frame, page,
    pages::{self, SilenceCard, SilenceForm, SilencePart},
    sorry,
};
use crate::{
    auth::{Caller, Role},
    config::duration,
    http::{Commander, InPath, Refused, Shared, Viewer, signals, silences},
};
use quarterdeck_host::randomness::SystemIds;

/// Silences of one state shown: more than a person reads; all of them are in the API.
const SHOWN: usize = 100;
/// Signals named that a silence holds back: enough to see what kind they are.
const HELD_SHOWN: usize = 5;
/// For how long, unless somebody says otherwise: a change of the infrastructure, not a night.
const SPAN: &str = "2h";
/// Lines that the field for matchers has at least and at most.
const ROWS: (usize, usize) = (3, 12);

/// Their routes. To end one is asked for with GET only by a reload after a refusal: it leads back.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/silences", get(show).post(set))
        .route("/silences/end", get(|| async { Redirect::to("/silences") }).post(end_many))
        .route("/silences/{id}/end", get(|| async { Redirect::to("/silences") }).post(end))
}

/// The signal that the form is filled from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    signal: String,
    /// When it was seen.
    observed: String,
}

async fn show(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>, Asked(wanted): Asked<Wanted>) -> Response {
    let mut form = SilenceForm { span: SPAN.to_owned(), ..SilenceForm::default() };
    let filled = !wanted.signal.is_empty();
    if filled {
        let observed = Some(wanted.observed.as_str()).filter(|text| !text.is_empty());
        match signals::find_one(&app, &visitor, &wanted.signal, observed).await {
            Ok(signal) => form.matchers = lines(&signal),
            Err(refused) => return sorry(&app, Some(&visitor), &refused),
        }
    }
    render(&app, &visitor, form, filled, None)
}

/// Conditions that a signal meets, one to a line: its service, who says so, and the labels it came with.
fn lines(signal: &api::Signal) -> String {
    let own = |name: &str| signal.labels.contains_key(name);
    let ours = [("detector", Some(&signal.detector)), ("service", signal.service.as_ref())];
    // A label of the signal's own comes before ours of the same name, as it does in the rules.
    let ours = ours.into_iter().filter(|(name, _)| !own(name)).filter_map(|(name, value)| Some((name, value?)));
    let labels = signal.labels.iter().map(|(name, value)| (name.as_str(), value));
    let matcher = |(name, value): (&str, &String)| {
        let matcher = api::Matcher { name: name.to_owned(), value: value.clone(), is_regex: false, is_not: false };
        matcher.to_string()
    };
    ours.chain(labels).take(MATCHERS_MAX).map(matcher).collect::<Vec<_>>().join("\n")
}

fn render(app: &Shared, visitor: &Caller, form: SilenceForm, form_open: bool, refused: Option<&Refused>) -> Response {
    let status = refused.map_or(StatusCode::OK, |refused| refused.parts().0);
    let template = pages::Silences {
        frame: frame(app, Some(visitor), "silences"),
        refused: refused.map(|refused| refused.body().clone()),
        parts: parts(app),
        may: visitor.role >= Role::Commander,
        form_open,
        form,
    };
    page(status, &template)
}

/// What is in force, that which ends first in front; what is to come, the next in front; what is over, the last in front.
fn parts(app: &Shared) -> [SilencePart; 3] {
    let part = |state, title, none| SilencePart { state, title, none, count: 0, shown: Vec::new() };
    let mut active = part("active", "In force", "Nothing is silenced.");
    let mut pending = part("pending", "To come", "No silence is set for later.");
    let mut expired = part("expired", "Lately over", "No silence ended lately.");
    for (it, signals) in silences::holding(app) {
        let named =
            |signal: &std::sync::Arc<quarterdeck_core::signal::Signal>| (signal.id.to_string(), signal.title.clone());
        let held = signals.iter().take(HELD_SHOWN).map(named).collect();
        let part = match it.state.as_str() {
            "active" => &mut active,
            "pending" => &mut pending,
            _ => &mut expired,
        };
        part.shown.push(SilenceCard { it, held });
    }
    // RFC 3339 in UTC with milliseconds sorts as text.
    active.shown.sort_by(|a, b| a.it.ends.cmp(&b.it.ends));
    pending.shown.sort_by(|a, b| a.it.starts.cmp(&b.it.starts));
    [active, pending, expired].map(|mut part| {
        part.count = part.shown.len();
        part.shown.truncate(SHOWN);
        part
    })
}

async fn set(
    On(Commander(visitor)): On<Commander>,
    State(app): State<Shared>,
    Filled(form): Filled<SilenceForm>,
) -> Response {
    let form = SilenceForm {
        // Browsers end lines in forms with CR LF; the log keeps what people typed.
        matchers: form.matchers.replace("\r\n", "\n"),
        comment: form.comment.replace("\r\n", "\n"),
        ..form
    };
    let done = match read(&form, &visitor, app.clock.now()) {
        Ok(silence) => silences::set(&app, silence).await,
        Err(refused) => Err(refused),
    };
    match done {
        Ok(()) => Redirect::to("/silences").into_response(),
        Err(refused) => render(&app, &visitor, form, true, Some(&refused)),
    }
}

/// The silence that a filled form means.
fn read(form: &SilenceForm, visitor: &Caller, now: Timestamp) -> Result<Silence, Refused> {
    let wrong = |message: String| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_silence", message);
    let lines: Vec<&str> = form.matchers.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > MATCHERS_MAX {
        return Err(Refusal::TooManyMatchers { count: lines.len() }.into());
    }
    let matcher = |line: &&str| {
        parse_matcher(line).map_err(|error| {
            let text = error.to_string();
            wrong(text.strip_prefix("filter: ").unwrap_or(&text).to_owned()).hint("write it like service=\"rpc\"")
        })
    };
    let matchers: Vec<Matcher> = lines.iter().map(matcher).collect::<Result<_, _>>()?;
    let starts = match form.starts.trim() {
        "" => now,
        text => instant(text)
            .ok_or_else(|| wrong(format!("`{text}` is no date with a time")).hint("write it like 2026-07-01T22:00"))?,
    };
    let span = duration::parse(&form.span).map_err(wrong)?;
    let starts = starts.max(now);
    let created_by = visitor.actor().to_string();
    let id = SilenceId::from_bytes(SystemIds.fresh());
    let (comment, owner) = (form.comment.clone(), Some(visitor.actor()));
    Ok(Silence { id, matchers, starts, ends: starts.plus(span), created_by, comment, owner })
}

/// Date and time in UTC as a browser's field writes them: `2026-07-01T22:00`, with seconds where it asks for them.
fn instant(text: &str) -> Option<Timestamp> {
    let date_time: jiff::civil::DateTime = text.parse().ok()?;
    date_time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| Timestamp::from_jiff(zoned.timestamp()))
}

async fn end(On(Commander(visitor)): On<Commander>, State(app): State<Shared>, On(InPath(id)): On<InPath>) -> Response {
    match silences::over(&app, &visitor, &id).await {
        Ok(_) => Redirect::to("/silences").into_response(),
        Err(refused) => {
            let form = SilenceForm { span: SPAN.to_owned(), ..SilenceForm::default() };
            render(&app, &visitor, form, false, Some(&refused))
        }
    }
}

/// Ends those that are ticked.
async fn end_many(
    On(Commander(visitor)): On<Commander>,
    State(app): State<Shared>,
    Filled(ticked): Filled<Vec<(String, String)>>,
) -> Response {
    let ids = ticked.into_iter().filter(|(name, _)| name == "silence").map(|(_, id)| id).collect();
    let refused = match silences::over_all(&app, &visitor, ids).await {
        Ok(all) => {
            let refused = all.into_iter().find_map(|one| Some((one.silence, one.refused?.message)));
            refused.map(|(id, why)| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "not_all", format!("{id}: {why}")))
        }
        Err(refused) => Some(refused),
    };
    let Some(refused) = refused else { return Redirect::to("/silences").into_response() };
    let form = SilenceForm { span: SPAN.to_owned(), ..SilenceForm::default() };
    render(&app, &visitor, form, false, Some(&refused))
}

impl SilenceForm {
    /// Lines of the field for matchers: all of them, within reason.
    pub(super) fn rows(&self) -> usize {
        self.matchers.lines().count().clamp(ROWS.0, ROWS.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(matchers: &str, span: &str, starts: &str) -> SilenceForm {
        SilenceForm {
            matchers: matchers.to_owned(),
            span: span.to_owned(),
            starts: starts.to_owned(),
            comment: "moving it".to_owned(),
        }
    }
    fn ask(form: &SilenceForm) -> Result<Silence, String> {
        let visitor = Caller { token: "aiko-laptop".to_owned(), role: Role::Commander, person: None };
        read(form, &visitor, Timestamp::from_secs(1_000)).map_err(|refused| refused.parts().1.to_owned())
    }

    #[test]
    fn a_filled_form_is_a_silence() {
        let silence = ask(&form("service=\"rpc\"\n\n  alertname =~ Node.* \n", "1h30m", "")).unwrap();
        assert_eq!(silence.matchers.len(), 2);
        assert_eq!((silence.starts, silence.ends), (Timestamp::from_secs(1_000), Timestamp::from_secs(6_400)));
        let later = ask(&form("a=b", "1m", "1970-01-02T00:00")).unwrap();
        assert_eq!((later.starts, later.ends), (Timestamp::from_secs(86_400), Timestamp::from_secs(86_460)));
        let past = ask(&form("a=b", "1m", "1970-01-01T00:00:01")).unwrap();
        assert_eq!(past.starts, Timestamp::from_secs(1_000), "nothing is silenced in the past");
    }

    #[test]
    fn what_is_no_silence_is_refused_with_its_text() {
        for (bad, says) in [
            (form("service", "1h", ""), "bad matcher format: `service`: want =, !=, =~ or !~ after the name"),
            (form("a=b", "soon", ""), "`soon` is no span"),
            (form("a=b", "1h", "tomorrow"), "`tomorrow` is no date with a time"),
            (form(&"a=b\n".repeat(MATCHERS_MAX + 1), "1h", ""), "65 matchers"),
        ] {
            let said = ask(&bad).unwrap_err();
            assert!(said.starts_with(says), "{said}");
        }
    }
}
