//! One command for the incidents that are ticked, or for all that a filter shows. Where all was done the browser goes back; else a
//! page says of each that was not, why. Tests: `tests/console/pages.rs`.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use quarterdeck_api::{Bulk, BulkAnswer, Command, Matching};

use super::{Filled, On, frame, page, pages, sorry};
use crate::http::{Refused, Responder, Shared, bulk::ask_all, extract::shortened};

/// Its route. Asked for with GET it leads back to the list.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/incidents/commands", get(|| async { Redirect::to("/incidents") }).post(act))
}

async fn act(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    Filled(filled): Filled<Vec<(String, String)>>,
) -> Response {
    let done = match read(&filled) {
        Ok(bulk) => ask_all(&app, &visitor, &bulk).await,
        Err(refused) => Err(refused),
    };
    let done = match done {
        Ok(done) => done,
        Err(refused) => return sorry(&app, Some(&visitor), &refused),
    };
    let count = done.answers.iter().filter(|answer| answer.done.is_some()).count();
    let refused: Vec<BulkAnswer> = done.answers.into_iter().filter(|answer| answer.refused.is_some()).collect();
    if refused.is_empty() && !done.more {
        return Redirect::to("/").into_response();
    }
    let frame = frame(&app, Some(&visitor), "incidents");
    page(StatusCode::OK, &pages::BulkDone { frame, done: count, refused, more: done.more })
}

/// The request that a filled form means.
fn read(filled: &[(String, String)]) -> Result<Bulk, Refused> {
    let all = |name: &'static str| filled.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.clone());
    let one = |name: &'static str| all(name).next().filter(|value| !value.is_empty());
    let note = one("note").unwrap_or_default().replace("\r\n", "\n");
    let command = match one("command").as_deref() {
        Some("acknowledge") => Command::Acknowledge {},
        Some("mitigate") => Command::Mitigate { note },
        Some("resolve") => Command::Resolve { note, reason: one("override") },
        other => {
            let word = shortened(other.unwrap_or_default());
            return Err(Refused::bad_request(format!("`{word}` is not asked of many here")));
        }
    };
    let everything = one("which").as_deref() == Some("matching");
    let matching = everything.then(|| Matching {
        phase: one("phase"),
        severity: one("severity"),
        service: one("service"),
        text: one("text"),
    });
    let incidents = if everything { Vec::new() } else { all("incident").collect() };
    if incidents.is_empty() && !everything {
        return Err(Refused::bad_request("no incident is ticked").hint("tick those that are meant, and ask again"));
    }
    Ok(Bulk { command, incidents, matching })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Result<Bulk, String> {
        let filled: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(&filled).map_err(|refused| refused.parts().1.to_owned())
    }

    #[test]
    fn what_is_ticked_is_asked_and_nothing_ticked_is_a_mistake() {
        let ticked = [("incident", "inc_1"), ("incident", "inc_2"), ("command", "resolve"), ("note", "a\r\nb")];
        let bulk = form(&ticked).unwrap();
        assert_eq!((bulk.incidents.len(), bulk.matching), (2, None));
        assert_eq!(bulk.command, Command::Resolve { note: "a\nb".to_owned(), reason: None });
        assert_eq!(form(&[("command", "acknowledge"), ("severity", "SEV1")]).unwrap_err(), "no incident is ticked");
        assert_eq!(
            form(&[("incident", "inc_1"), ("command", "merge")]).unwrap_err(),
            "`merge` is not asked of many here"
        );
        let like = [("which", "matching"), ("severity", "SEV1"), ("text", ""), ("command", "acknowledge")];
        let matching = form(&like).unwrap().matching.unwrap();
        assert_eq!((matching.severity.as_deref(), matching.text), (Some("SEV1"), None));
    }
}
