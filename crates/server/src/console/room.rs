//! The room of an incident: who is there, what is kept in sight, what was said, and a box to write in. Works without the script as a plain
//! form; with it, what changes is told to all screens by one stream, rendered once. Decides nothing.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use quarterdeck_api as api;
use quarterdeck_core::{
    board::IncidentRow,
    id::{IdSource as _, MessageId},
    incident::{
        Incident, Part,
        line::{self, Line},
        offer::{CommandKind, FieldKind},
    },
    setting::Setting,
};
use quarterdeck_host::randomness::SystemIds;
use serde::Deserialize;

use super::{
    Asked, Filled, On,
    filled::{command, segment},
    frame, page, sorry,
    talk::{self, About, Said},
};
use crate::{
    auth::Caller,
    http::{
        InPath, Refused, Responder, Shared, Viewer,
        commands::carry_out,
        incidents::parse,
        inside,
        room::{Face, RoomQuery, listen, messages, room_of, view},
        views,
    },
    room::{self, Told, Update},
};

/// Its routes.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/incidents/{id}/room", get(show).post(write)).route("/incidents/{id}/room/events", get(events))
}

/// Which part of the room.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// What is shown ends before this.
    before: Option<u64>,
    /// Something is to be done with this message.
    message: Option<String>,
}

async fn show(
    On(Viewer(visitor)): On<Viewer>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let attempt = Attempt { about: wanted.message, before: wanted.before, ..Attempt::default() };
    let shown = render(&app, &visitor, &id, attempt).await;
    shown.unwrap_or_else(|refused| sorry(&app, Some(&visitor), &refused))
}

/// What was asked of the room before it is shown.
#[derive(Default)]
pub(super) struct Attempt {
    /// Why it was not done.
    pub refused: Option<Refused>,
    /// What was typed.
    pub typed: String,
    /// The message that it was about.
    pub about: Option<String>,
    /// What is shown ends before this.
    pub before: Option<u64>,
}

/// The page of a room; after something that was refused, with the reason and the words that were typed.
pub(super) async fn render(app: &Shared, visitor: &Caller, id: &str, attempt: Attempt) -> Result<Response, Refused> {
    let Attempt { refused, typed, about, before } = attempt;
    let id = parse(id)?;
    let incident = app.engine.published().incident(id).await?.ok_or_else(|| views::not_here(app, id))?;
    inside::may_look(app, visitor, &incident, Part::Room).await?;
    let room = view(app, id, &RoomQuery { before, limit: None }, visitor.role).await?;
    let status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.parts().0);
    let about = match about {
        Some(about) => Some(this(app, &incident, visitor, &about, &typed).await?),
        None => None,
    };
    let setting = &app.live.now().setting;
    let template = talk::RoomPage {
        frame: frame(app, Some(visitor), "incidents"),
        sum: views::summary(&IncidentRow::inside(&incident)),
        lines: lines(&room.incident, room.messages.clone()),
        absent: absent(setting, &incident),
        kept: talk::kept(&room),
        refused: refused.as_ref().map(|refused| refused.body().clone()),
        typed: if about.is_some() { String::new() } else { typed },
        about,
        key: MessageId::from_bytes(SystemIds.fresh()).to_string(),
        me: visitor.actor().to_string(),
        may_write: room.may_write,
        full: incident.room().is_full(),
        before,
        room,
    };
    Ok(page(status, &template))
}

/// The message that something is to be done with.
async fn this(app: &Shared, incident: &Incident, visitor: &Caller, id: &str, typed: &str) -> Result<About, Refused> {
    let message: MessageId =
        id.parse().map_err(|error: quarterdeck_core::id::BadId| Refused::bad_request(error.to_string()))?;
    let said = room::read(&*app.store, app.engine.published(), incident, &[message]).await?;
    let it = messages(&app.live.now().setting, &said).pop();
    let it = it.ok_or_else(|| Refused::not_found(format!("incident {} has no message {message}", incident.id())))?;
    let own = incident.room().message(message).is_some_and(|known| known.by == visitor.actor());
    let line = Said { html_id: "about-message".to_owned(), incident: incident.id().to_string(), it };
    Ok(About { line, own, reply: typed.to_owned() })
}

fn lines(incident: &str, messages: Vec<api::Message>) -> Vec<Said> {
    let line = |it: api::Message| Said { html_id: it.id.clone(), incident: incident.to_owned(), it };
    messages.into_iter().map(line).collect()
}

/// Roles whose holders are not in the room.
fn absent(setting: &Setting, incident: &Incident) -> Vec<(String, String)> {
    let away = incident.roles().iter().filter(|(_, person)| !incident.room().present().contains_key(*person));
    let name =
        |person| setting.roster.people.get(person).map_or_else(|| person.to_string(), |known| known.name.clone());
    away.map(|(role, person)| (role.word().to_owned(), name(person))).collect()
}

/// What changes, as parts of the page. Whoever listens is present.
async fn events(
    Viewer(visitor): Viewer,
    State(app): State<Shared>,
    InPath(id): InPath,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    listen(app, &visitor, parse(&id)?, &headers, Face::Page, parts).await
}

/// An update as parts of the page: once for all who listen.
fn parts(setting: &Setting, update: &Update) -> Vec<Told> {
    let Update::Changed { incident, said, beside, .. } = update else { return Vec::new() };
    let mut parts = Vec::new();
    // A carriage return would end the line of an event; in a page it means nothing.
    let mut tell = |name: &'static str, html: askama::Result<String>| match html {
        Ok(html) => parts.push((name, html.replace('\r', ""))),
        Err(error) => tracing::error!(%error, "a part of a room cannot be rendered"),
    };
    if !said.is_empty() {
        let lines = lines(&incident.id().to_string(), messages(setting, said));
        tell("messages", talk::RoomMessages { lines }.render());
    }
    if let Some(beside) = beside {
        let room = room_of(setting, incident, beside);
        let sum = views::summary(&IncidentRow::inside(incident));
        tell("head", talk::RoomHead { sum, room: room.clone() }.render());
        tell("side", talk::RoomSide { absent: absent(setting, incident), kept: talk::kept(&room), room }.render());
    }
    parts
}

/// A filled box.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    text: String,
    /// What makes sending it twice harmless.
    #[serde(default)]
    key: String,
    /// `say`, `decide`, `ask`, `answer`.
    #[serde(default, rename = "as")]
    manner: String,
    /// The message that it replies to, or the question.
    #[serde(default)]
    to: String,
}

/// Carries a line out: a message, or the command that it is. A script asks for JSON and stays on the page.
async fn write(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    headers: HeaderMap,
    Filled(written): Filled<Written>,
) -> Response {
    let done = async { carry_out(&app, &visitor, parse(&id)?, &request(&written)?).await }.await;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("application/json") {
        return done.map_or_else(IntoResponse::into_response, |done| Json(done).into_response());
    }
    match done {
        Ok(_) => Redirect::to(&format!("/incidents/{}/room#box", segment(&id))).into_response(),
        Err(refused) => {
            let about = (!written.to.is_empty()).then(|| written.to.clone());
            let attempt = Attempt { refused: Some(refused), typed: written.text, about, before: None };
            let shown = render(&app, &visitor, &id, attempt).await;
            shown.unwrap_or_else(|refused| sorry(&app, Some(&visitor), &refused))
        }
    }
}

/// The request that a filled box means.
fn request(written: &Written) -> Result<api::Command, Refused> {
    // Browsers end lines in forms with CR LF; the log keeps what people typed.
    let text = written.text.replace("\r\n", "\n");
    let bad = |error: line::BadLine| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_line", error.to_string());
    let (kind, mut typed) = match line::read(&text).map_err(bad)? {
        Line::Asks(kind, typed) => (kind, typed),
        Line::Says(text) => {
            let word = if written.manner.is_empty() { "say" } else { written.manner.as_str() };
            let kind = CommandKind::named(word).filter(|kind| kind.in_room && is_written(kind));
            let unknown =
                || Refused::bad_request(format!("`{word}` is no way to write: want say, decide, ask or answer"));
            let mut typed: BTreeMap<String, String> = [("text".to_owned(), text)].into();
            let kind = kind.ok_or_else(unknown)?;
            let to = kind.fields.iter().find(|field| field.kind == FieldKind::Message);
            if let Some(to) = to.filter(|_| !written.to.is_empty()) {
                typed.insert(to.name.to_owned(), written.to.clone());
            }
            (kind, typed)
        }
    };
    if is_written(kind) && !written.key.is_empty() {
        typed.entry("key".to_owned()).or_insert_with(|| written.key.clone());
    }
    command(kind, &typed)
}

/// Whether a command writes a message, which a key makes harmless to send twice.
fn is_written(kind: &CommandKind) -> bool {
    kind.fields.iter().any(|field| field.kind == FieldKind::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(manner: &str, to: &str, text: &str) -> Result<api::Command, String> {
        let (text, key, manner, to) = (text.to_owned(), "k1".to_owned(), manner.to_owned(), to.to_owned());
        request(&Written { text, key, manner, to }).map_err(|refused| refused.parts().1.to_owned())
    }

    #[test]
    fn a_box_is_a_message_or_the_command_that_it_begins_with() {
        let (text, key) = ("two\nlines".to_owned(), Some("k1".to_owned()));
        let said = api::Command::Say { text: text.clone(), reply_to: None, key: key.clone() };
        assert_eq!(asked("", "", "two\r\nlines").unwrap(), said);
        assert_eq!(
            asked("decide", "", "two\nlines").unwrap(),
            api::Command::Decide { text: text.clone(), key: key.clone() }
        );
        let question = "msg_1".to_owned();
        let answered = api::Command::Answer { question: question.clone(), text: text.clone(), key: key.clone() };
        assert_eq!(asked("answer", "msg_1", "two\nlines").unwrap(), answered);
        let replied = api::Command::Say { text: text.clone(), reply_to: Some(question), key: key.clone() };
        assert_eq!(asked("say", "msg_1", "two\nlines").unwrap(), replied);
        assert_eq!(asked("", "", "/ack").unwrap(), api::Command::Acknowledge {});
        assert_eq!(asked("", "", "/ask two\nlines").unwrap(), api::Command::Ask { text, key });
        assert_eq!(asked("", "", "/note seen").unwrap(), api::Command::Note { text: "seen".to_owned() });
        assert!(asked("", "", "/resolv").unwrap_err().contains("write `resolve`"));
        assert!(asked("resolve", "", "x").unwrap_err().contains("`resolve` is no way to write"));
        assert!(asked("answer", "", "x").unwrap_err().contains("question"));
    }
}
