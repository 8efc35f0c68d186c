//! What the buttons do: a filled form becomes the request that a program would send, then the browser goes back to the incident.
//! What is refused is shown there, with what was typed; what is about a message, in the room. Which commands there are and what they are asked with is the core's list.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use quarterdeck_core::incident::offer::CommandKind;

use super::{
    Filled, On,
    filled::{Typed, command, segment},
    incident::{Attempt, render},
    room, sorry,
};
use crate::{
    auth::Caller,
    http::{InPath, Refused, Responder, Shared, commands::carry_out, extract::shortened, incidents::parse},
};

/// Their route. Asked for with GET (a reload after a refusal, an address typed from memory) it leads back to the incident.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/incidents/{id}/{command}", get(back).post(act))
}

/// An incident and the word of a command.
type Named = (String, String);

async fn back(On(InPath((id, _))): On<InPath<Named>>) -> Redirect {
    Redirect::to(&format!("/incidents/{}", segment(&id)))
}

/// A form of before: its address, the command's word now, and the fields that are called otherwise now.
type Before = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Addresses and fields of forms of before: a page that was opened before an upgrade still holds them, and what is typed there at three
/// in the morning must not be lost. Each with the command's word now, and with what its fields are called now.
const BEFORE: &[Before] = &[
    ("role", "take_role", &[]),
    ("facts", "state_facts", &[("money", "money_at_risk_cents")]),
    ("reviewed", "review", &[("text", "note")]),
    ("mitigate", "mitigate", &[("text", "note")]),
    ("resolve", "resolve", &[("text", "note")]),
    ("escalate", "escalate", &[("text", "reason")]),
    ("reopen", "reopen", &[("text", "reason")]),
];

/// A form of before as it is sent today.
fn renamed(word: String, typed: Typed) -> (String, Typed) {
    let Some((_, now, fields)) = BEFORE.iter().find(|(before, _, _)| *before == word) else { return (word, typed) };
    let name = |before: String| match fields.iter().find(|(known, _)| *known == before) {
        Some((_, now)) => (*now).to_owned(),
        None => before,
    };
    ((*now).to_owned(), typed.into_iter().map(|(field, text)| (name(field), text)).collect())
}

/// Does it and goes back, or shows the incident with the reason why not.
async fn act(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath((id, word))): On<InPath<Named>>,
    Filled(typed): Filled<Typed>,
) -> Response {
    let (word, typed) = renamed(word, typed);
    let Some(kind) = CommandKind::named(&word) else {
        let message = format!("there is no command `{}`", shortened(&word));
        return sorry(&app, Some(&visitor), &Refused::not_found(message));
    };
    match ask(&app, &visitor, &id, kind, &typed).await {
        Ok(()) if kind.in_room => Redirect::to(&format!("/incidents/{}/room", segment(&id))).into_response(),
        Ok(()) => Redirect::to(&format!("/incidents/{}", segment(&id))).into_response(),
        Err(refused) if kind.in_room => {
            let about = typed.get("message").or(typed.get("question")).cloned();
            let words = typed.get("text").cloned().unwrap_or_default();
            let attempt = room::Attempt { refused: Some(refused), typed: words, about, before: None };
            let shown = room::render(&app, &visitor, &id, attempt).await;
            shown.unwrap_or_else(|refused| sorry(&app, Some(&visitor), &refused))
        }
        Err(refused) => match render(&app, &visitor, &id, None, Some(Attempt { refused, kind, typed })).await {
            Ok(shown) => shown,
            Err(refused) => sorry(&app, Some(&visitor), &refused),
        },
    }
}

async fn ask(
    app: &Shared,
    visitor: &Caller,
    id: &str,
    kind: &'static CommandKind,
    typed: &Typed,
) -> Result<(), Refused> {
    carry_out(app, visitor, parse(id)?, &command(kind, typed)?).await.map(drop)
}
