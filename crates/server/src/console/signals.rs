//! Every signal with its reasons, newest first, those that opened nothing included.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use quarterdeck_api::Signal;
use quarterdeck_core::{
    id::{BadId, SignalId},
    signal::SignalStatus,
    time::Timestamp,
};
use quarterdeck_detect::detectors::DETECTORS;
use serde::Deserialize;

use super::{Asked, On, frame, page, pages, query, sorry};
use crate::{
    auth::Caller,
    engine::signals::{ReadBack, read_back},
    http::{
        Refused, Shared, Viewer, incidents,
        signals::{is_hidden, may_see},
        views,
    },
};
use quarterdeck_store::SignalFilter;

/// Signals on a page: a screen or two.
const SHOWN: usize = 50;
/// Signals read at once while looking for those of one detector, by which the store does not sort.
const READ: usize = 500;
/// Signals read for one page at most: the rest is on the next.
const READ_MAX: usize = 5_000;

/// Its route.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/signals", get(list))
}

/// Which signals. A choice of `any` comes as an empty text.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    incident: String,
    status: String,
    detector: String,
    before: String,
    before_id: String,
}

async fn list(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>, Asked(wanted): Asked<Wanted>) -> Response {
    show(&app, &visitor, &wanted).await.unwrap_or_else(|refused| sorry(&app, Some(&visitor), &refused))
}

async fn show(app: &Shared, visitor: &Caller, wanted: &Wanted) -> Result<Response, Refused> {
    let (list, more) = gather(app, visitor, wanted).await?;
    let given = |text: &String| if text.is_empty() { None } else { Some(text.clone()) };
    let address = |last: Option<(Timestamp, SignalId)>| {
        let (before, id) = last.map(|(at, id)| (at.to_string(), id.to_string())).unzip();
        let pairs = [
            ("incident", given(&wanted.incident)),
            ("status", given(&wanted.status)),
            ("detector", given(&wanted.detector)),
            ("before", before),
            ("before_id", id),
        ];
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_deref())).collect();
        format!("/signals?{}", query(&pairs))
    };
    let mut detectors: Vec<String> = DETECTORS.iter().map(|kind| kind.id().to_owned()).collect();
    detectors.extend(app.live.now().integrations.iter().map(|integration| integration.id.to_string()));
    detectors.sort();
    detectors.dedup();
    let template = pages::Signals {
        frame: frame(app, Some(visitor), "signals"),
        list,
        detectors,
        status: given(&wanted.status),
        detector: given(&wanted.detector),
        incident: given(&wanted.incident),
        first_page: wanted.before.is_empty(),
        here: address(None),
        newest: address(None),
        older: more.map(|last| address(Some(last))),
    };
    Ok(page(StatusCode::OK, &template))
}

/// The signals of a page, and where the next one begins if there may be more.
async fn gather(
    app: &Shared,
    visitor: &Caller,
    wanted: &Wanted,
) -> Result<(Vec<Signal>, Option<(Timestamp, SignalId)>), Refused> {
    let mut filter = filter(wanted)?;
    let inside = filter.incident;
    if let Some(id) = inside {
        may_see(app, visitor, id).await?;
    }
    let board = app.engine.published().board();
    let (mut found, mut seen) = (Vec::new(), 0);
    loop {
        let rows = app.store.signals(&filter).await?;
        let exhausted = rows.len() < filter.limit;
        let back = read_back(app.engine.published(), &rows).await?;
        for (one, back) in rows.iter().zip(back) {
            seen += 1;
            let place = (one.row.observed, one.row.id);
            (filter.before, filter.before_id) = (Some(place.0), Some(place.1));
            // Those of a restricted incident are shown to whoever asks for them and is inside.
            let hidden = is_hidden(&board, &one.row, inside);
            if !hidden && (wanted.detector.is_empty() || is_of(&back, &wanted.detector)) {
                found.extend(views::shown(&one.row, back));
            }
            if found.len() == SHOWN || seen == READ_MAX {
                return Ok((found, Some(place)));
            }
        }
        if exhausted {
            return Ok((found, None));
        }
    }
}

fn filter(wanted: &Wanted) -> Result<SignalFilter, Refused> {
    let incident = if wanted.incident.is_empty() { None } else { Some(incidents::parse(&wanted.incident)?) };
    let before = match wanted.before.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|error| Refused::bad_request(format!("before `{text}`: {error}")))?),
    };
    let before_id = match wanted.before_id.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|error: BadId| Refused::bad_request(error.to_string()))?),
    };
    let limit = if wanted.detector.is_empty() { SHOWN } else { READ };
    Ok(SignalFilter { incident, status: status(&wanted.status)?, before, before_id, limit })
}

fn status(word: &str) -> Result<Option<SignalStatus>, Refused> {
    if word.is_empty() {
        return Ok(None);
    }
    [SignalStatus::Provisional, SignalStatus::Confirmed, SignalStatus::Retracted, SignalStatus::Ended]
        .into_iter()
        .find(|status| status.word() == word)
        .map(Some)
        .ok_or_else(|| {
            Refused::bad_request(format!("`{word}` is no status: want provisional, confirmed, retracted or ended"))
        })
}

/// A signal that cannot be read is shown, and the page says so: hiding it would be worse.
fn is_of(back: &ReadBack, detector: &str) -> bool {
    back.as_ref().map_or(true, |(signal, _)| signal.detector.as_str() == detector)
}
