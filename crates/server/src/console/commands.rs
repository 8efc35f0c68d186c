//! What the buttons do: a form becomes the same command as an API call, then the browser goes back to the incident. What is refused is
//! shown there, with what was typed.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, get},
};
use quarterdeck_core::{
    id::BadName,
    incident::{Actor, Command},
    money::Usd,
    signal::Facts,
};
use serde::Deserialize;

use super::{
    Filled, On,
    incident::{Attempt, Typed, render},
    pages::FactsForm,
    sorry,
};
use crate::{
    auth::Caller,
    http::{Commander, InPath, Refused, Responder, Shared, incidents},
};

/// Their routes. Asked for with GET (a reload after a refusal, an address typed from memory) each leads back to the incident.
pub(super) fn routes() -> Router<Shared> {
    let back = || -> MethodRouter<Shared> {
        get(|On(InPath(id)): On<InPath>| async move { Redirect::to(&format!("/incidents/{}", segment(&id))) })
    };
    Router::new()
        .route("/incidents/{id}/acknowledge", back().post(acknowledge))
        .route("/incidents/{id}/note", back().post(note))
        .route("/incidents/{id}/role", back().post(role))
        .route("/incidents/{id}/escalate", back().post(escalate))
        .route("/incidents/{id}/reopen", back().post(reopen))
        .route("/incidents/{id}/mitigate", back().post(mitigate))
        .route("/incidents/{id}/resolve", back().post(resolve))
        .route("/incidents/{id}/reviewed", back().post(reviewed))
        .route("/incidents/{id}/facts", back().post(facts))
        .route("/incidents/{id}/merge", back().post(merge))
}

/// A path segment as an address carries it.
fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Does it and goes back, or shows the incident with the reason why not.
async fn carry_out(
    app: &Shared,
    visitor: &Caller,
    id: &str,
    command: Result<Command, Refused>,
    typed: Typed,
) -> Response {
    let done = match command {
        Ok(command) => incidents::command(app, id, command).await.map(drop),
        Err(refused) => Err(refused),
    };
    match done {
        Ok(()) => Redirect::to(&format!("/incidents/{}", segment(id))).into_response(),
        Err(refused) => match render(app, visitor, id, Some(Attempt { refused, typed })).await {
            Ok(shown) => shown,
            Err(refused) => sorry(app, Some(visitor), &refused),
        },
    }
}

/// A form with one text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
}

async fn with_text(
    (app, visitor, id): (&Shared, &Caller, &str),
    verb: &'static str,
    text: String,
    command: impl FnOnce(Actor, String) -> Command,
) -> Response {
    // Browsers end lines in forms with CR LF; the log keeps what people typed.
    let text = text.replace("\r\n", "\n");
    let typed = Typed::Text(verb, text.clone());
    carry_out(app, visitor, id, Ok(command(visitor.actor(), text)), typed).await
}

async fn acknowledge(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
) -> Response {
    carry_out(&app, &visitor, &id, Ok(Command::Acknowledge { by: visitor.actor() }), Typed::Nothing).await
}

async fn note(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<Text>,
) -> Response {
    with_text((&app, &visitor, &id), "note", form.text, |by, text| Command::Note { by, text }).await
}

async fn escalate(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<Text>,
) -> Response {
    with_text((&app, &visitor, &id), "escalate", form.text, |by, reason| Command::Escalate { by, reason }).await
}

async fn reopen(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<Text>,
) -> Response {
    with_text((&app, &visitor, &id), "reopen", form.text, |by, reason| Command::Reopen { by, reason }).await
}

async fn mitigate(
    On(Commander(visitor)): On<Commander>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<Text>,
) -> Response {
    with_text((&app, &visitor, &id), "mitigate", form.text, |by, note| Command::Mitigate { by, note }).await
}

async fn resolve(
    On(Commander(visitor)): On<Commander>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<Text>,
) -> Response {
    with_text((&app, &visitor, &id), "resolve", form.text, |by, note| Command::Resolve { by, note }).await
}

async fn reviewed(
    On(Commander(visitor)): On<Commander>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<Text>,
) -> Response {
    with_text((&app, &visitor, &id), "reviewed", form.text, |by, note| Command::Review { by, note }).await
}

/// Who takes which role.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    role: String,
    person: String,
}

async fn role(
    On(Responder(visitor)): On<Responder>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<Role>,
) -> Response {
    let command = || {
        let role = incidents::role(&form.role)?;
        let person = form.person.parse().map_err(|error: BadName| Refused::bad_request(error.to_string()))?;
        Ok(Command::TakeRole { by: visitor.actor(), role, person })
    };
    carry_out(&app, &visitor, &id, command(), Typed::Nothing).await
}

/// Into which incident.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    into: String,
}

async fn merge(
    On(Commander(visitor)): On<Commander>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<Merge>,
) -> Response {
    let command = incidents::parse(&form.into).map(|into| Command::MergeInto { by: visitor.actor(), into });
    carry_out(&app, &visitor, &id, command, Typed::Nothing).await
}

/// The form of facts: a box that is not ticked is not sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsFilled {
    money: String,
    users: String,
    theft: Option<String>,
    key_compromise: Option<String>,
    irreversible: Option<String>,
    replace: Option<String>,
}

async fn facts(
    On(Commander(visitor)): On<Commander>,
    State(app): State<Shared>,
    On(InPath(id)): On<InPath>,
    Filled(form): Filled<FactsFilled>,
) -> Response {
    let form = FactsForm {
        money: form.money,
        users: form.users,
        theft: form.theft.is_some(),
        key_compromise: form.key_compromise.is_some(),
        irreversible: form.irreversible.is_some(),
        replace: form.replace.is_some(),
    };
    let replace = form.replace;
    let command = stated(&form).map(|facts| Command::StateFacts { by: visitor.actor(), facts, replace });
    carry_out(&app, &visitor, &id, command, Typed::Facts(form)).await
}

fn stated(form: &FactsForm) -> Result<Facts, Refused> {
    let wrong = |message: String| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_number", message);
    let money = dollars(&form.money).ok_or_else(|| {
        wrong(format!("`{}` is no amount of US dollars", form.money)).hint("write it like 2500000 or 2,500,000.50")
    })?;
    let users = match form.users.trim() {
        "" => None,
        text => Some(whole(text).ok_or_else(|| wrong(format!("`{text}` is no number of users")))?),
    };
    Ok(Facts {
        money_at_risk: money,
        users,
        irreversible: form.irreversible,
        key_compromise: form.key_compromise,
        theft: form.theft,
    })
}

/// US dollars as people write them: `2500000`, `$2,500,000.50`. Nothing written is nothing.
fn dollars(text: &str) -> Option<Usd> {
    let text = text.trim().trim_start_matches('$').trim();
    if text.is_empty() {
        return Some(Usd::ZERO);
    }
    let (before, after) = text.split_once('.').unwrap_or((text, ""));
    let cents = match after.len() {
        0 => 0,
        1 => whole(after)?.checked_mul(10)?,
        2 => whole(after)?,
        _ => return None,
    };
    whole(before)?.checked_mul(100)?.checked_add(cents).map(Usd::from_cents)
}

/// Digits, with commas or spaces between them.
fn whole(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| !matches!(c, ',' | ' ' | '\u{a0}' | '\u{202f}' | '_')).collect();
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_people_write_it() {
        let read = |text| dollars(text).map(Usd::cents);
        assert_eq!(read("2500000"), Some(250_000_000));
        assert_eq!(read(" $2,500,000.50 "), Some(250_000_050));
        assert_eq!(read("0.5"), Some(50));
        assert_eq!(read(""), Some(0));
        for bad in ["2.5 M", "-1", "1.234", "1.2.3", "abc", "$", "184467440737095517"] {
            let expected = if bad == "$" { Some(0) } else { None };
            assert_eq!(read(bad), expected, "{bad}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_refused_with_its_text() {
        let form = FactsForm { users: "many".to_owned(), ..FactsForm::default() };
        let refused = stated(&form).expect_err("refused");
        assert_eq!(refused.parts(), (StatusCode::UNPROCESSABLE_ENTITY, "`many` is no number of users"));
    }
}
