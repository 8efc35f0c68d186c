//! The evidence of an incident: what was kept, who had it in hand, a form to paste or upload, and one piece as text. Text of others is
//! shown as text and never as a page; whoever looks is in the custody first. Tests: `tests/it/evidence.rs`.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use quarterdeck_api as api;
use quarterdeck_core::incident::Incident;

use super::{
    On,
    filled::segment,
    filters, frame, page,
    pages::{Choice, Frame},
    sorry,
    upload::Upload,
};
use crate::{
    auth::{Caller, Role},
    http::{
        InPath, Refused, Responder, Shared, Viewer,
        evidence::{Said, found, item, kept, taken, view},
        incidents::parse,
    },
};

/// Bytes of text shown on a page: more is read in a program that is made for it.
const TEXT_SHOWN: usize = 256 * 1024;

/// Their routes.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/incidents/{id}/evidence", get(show).post(keep))
        .route("/incidents/{id}/evidence/{number}", get(read))
}

/// `/incidents/{id}/evidence`
#[derive(Template)]
#[template(path = "evidence.html")]
struct Page {
    frame: Frame,
    title: String,
    evidence: api::Evidence,
    refused: Option<api::ErrorBody>,
    /// What was typed and not kept.
    form: Form,
    tasks: Vec<Choice>,
    may_act: bool,
    may_hold: bool,
    may_lift: bool,
    /// Nothing is kept in what became part of another.
    merged: bool,
}

/// The form, as it was typed.
#[derive(Default)]
struct Form {
    what: String,
    source: String,
    task: String,
    text: String,
}

/// `/incidents/{id}/evidence/{number}`
#[derive(Template)]
#[template(path = "evidence_piece.html")]
struct Piece {
    frame: Frame,
    incident: String,
    title: String,
    item: api::EvidenceItem,
    /// The beginning of it, if it is text.
    text: Option<String>,
    /// Bytes of it that are not shown.
    rest: usize,
}

async fn show(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>, On(InPath(id)): On<InPath>) -> Response {
    let shown = render(&app, &visitor, &id, Form::default(), None).await;
    shown.unwrap_or_else(|refused| sorry(&app, Some(&visitor), &refused))
}

async fn render(
    app: &Shared,
    visitor: &Caller,
    id: &str,
    form: Form,
    refused: Option<&Refused>,
) -> Result<Response, Refused> {
    let incident = found(app, visitor, parse(id)?).await?;
    let template = Page {
        frame: frame(app, Some(visitor), "incidents"),
        title: incident.title().to_owned(),
        evidence: view(&incident),
        refused: refused.map(|refused| refused.body().clone()),
        form,
        tasks: tasks(&incident),
        may_act: visitor.role >= Role::Responder,
        may_hold: visitor.role >= Role::Commander,
        may_lift: visitor.role >= Role::Admin,
        merged: incident.merged_into().is_some(),
    };
    Ok(page(refused.map_or(StatusCode::OK, |refused| refused.parts().0), &template))
}

fn tasks(incident: &Incident) -> Vec<Choice> {
    let mut tasks: Vec<_> = incident.tasks().values().collect();
    tasks.sort_by_key(|task| task.number);
    let choice = |number: u32, title: &str| Choice { value: number.to_string(), label: format!("{number}. {title}") };
    tasks.into_iter().map(|task| choice(task.number, &task.title)).collect()
}

/// Keeps what was pasted or chosen, and goes back to the list.
async fn keep(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    upload: Upload,
) -> Response {
    let Upload { mut typed, file } = upload;
    let mut field = |name: &str| typed.remove(name).unwrap_or_default();
    let form = Form { what: field("what"), source: field("source"), task: field("task"), text: field("text") };
    let done = async {
        // A browser ends the lines of what is typed as no file does.
        let text = form.text.replace("\r\n", "\n");
        let (bytes, media_type, name) = match (file, text.is_empty()) {
            (Some(file), true) => {
                let media_type = file.media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                (file.bytes, media_type, file.name)
            }
            (None, false) => (text.into_bytes(), "text/plain; charset=utf-8".to_owned(), String::new()),
            (Some(_), false) => return Err(unclear("a text and a file came: send them one after the other")),
            (None, true) => return Err(unclear("nothing was pasted and no file was chosen")),
        };
        let source = if form.source.is_empty() { name } else { form.source.clone() };
        let task = (!form.task.is_empty()).then(|| form.task.clone());
        let said = Said { what: form.what.clone(), source, task, ..Said::default() };
        kept(&app, &visitor, parse(&id)?, said.keeping(media_type)?, &bytes).await
    };
    match done.await {
        Ok(item) => {
            let to = format!("/incidents/{}/evidence#piece-{}", segment(&id), item.number);
            Redirect::to(&to).into_response()
        }
        Err(refused) => {
            let shown = render(&app, &visitor, &id, form, Some(&refused)).await;
            shown.unwrap_or_else(|refused| sorry(&app, Some(&visitor), &refused))
        }
    }
}

fn unclear(message: &'static str) -> Refused {
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_form", message)
}

/// One piece as text. The visitor is in its custody before they see any of it.
async fn read(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath((id, number))): On<InPath<(String, u32)>>,
) -> Response {
    let shown = async {
        let id = parse(&id)?;
        let (kept, bytes) = taken(&app, &visitor, id, number).await?;
        let incident = found(&app, &visitor, id).await?;
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        let (text, rest) = match text {
            Some(mut text) => {
                let end = text.floor_char_boundary(TEXT_SHOWN);
                let rest = text.len().saturating_sub(end);
                text.truncate(end);
                (Some(text), rest)
            }
            None => (None, 0),
        };
        let known = incident.evidence().get(&number).filter(|item| item.kept.digest == kept.digest);
        let item = known.map(|known| item(&incident, known)).ok_or_else(|| unclear("it was erased meanwhile"))?;
        let (frame, title) = (frame(&app, Some(&visitor), "incidents"), incident.title().to_owned());
        Ok(page(StatusCode::OK, &Piece { frame, incident: id.to_string(), title, item, text, rest }))
    };
    shown.await.unwrap_or_else(|refused: Refused| sorry(&app, Some(&visitor), &refused))
}
