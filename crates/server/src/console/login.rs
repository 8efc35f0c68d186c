//! Logging in with a token, and out. The browser holds a session in a strict cookie that no script can read, and never the token; the
//! token stands in no address. Tests: `tests/it/login.rs`.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::get,
};
use quarterdeck_core::{incident::Actor, journal::JournalEvent};
use serde::Deserialize;

use super::{Asked, Filled, frame, from_elsewhere, local, page, pages::Login};
use crate::{
    auth,
    engine::Work,
    http::{COOKIE, CameFrom, Presented, Refused, Shared, holder, presented},
    sessions::SESSION_MAX,
};

/// What browsers held before there were sessions: the token itself. It is taken from them.
const COOKIE_BEFORE: &str = "quarterdeck_token";

/// Their routes: open.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/login", get(form).post(log_in))
        .route("/logout", get(|| async { Redirect::to("/") }).post(log_out))
}

/// A link to the form. One with a token in it is of an older version, or somebody's own idea.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Link {
    token: Option<String>,
    next: String,
}

/// The form, filled.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    token: String,
    next: String,
}

async fn form(State(app): State<Shared>, Asked(link): Asked<Link>, headers: HeaderMap) -> Response {
    let next = local(&link.next);
    if link.token.is_some() {
        let fault = "A token in an address stays in histories and logs, so it is not taken from there. Type it, and make another.";
        return again(&app, StatusCode::BAD_REQUEST, fault, next);
    }
    if session(&app, &headers).is_some() {
        return Redirect::to(next).into_response();
    }
    page(StatusCode::OK, &Login { frame: frame_closed(&app), fault: None, next: next.to_owned() })
}

/// What the browser holds, and who that is, if it stands.
fn session(app: &Shared, headers: &HeaderMap) -> Option<(String, Actor)> {
    match presented(headers)? {
        Presented::Token(_) => None,
        Presented::Session(held) => {
            let holder = app.sessions.holder(held, &app.live.now().tokens, app.clock.now())?;
            Some((held.to_owned(), holder.actor()))
        }
    }
}

/// Not for forms of other sites: they could log somebody in as another.
async fn log_in(
    State(app): State<Shared>,
    CameFrom(from): CameFrom,
    headers: HeaderMap,
    Filled(entry): Filled<Entry>,
) -> Response {
    if from_elsewhere(&headers) {
        return again(&app, StatusCode::FORBIDDEN, "That form came from another site. Log in here.", "/");
    }
    let (token, next) = (entry.token.trim(), local(&entry.next));
    let caller = match holder(&app, from, token) {
        Ok(caller) => caller,
        Err(refused) => return not_let_in(&app, refused, next),
    };
    // Whoever logs in again ends what they had.
    if let Some((held, _)) = session(&app, &headers) {
        app.sessions.end(&held).await;
    }
    let begun = app.sessions.begin(auth::digest(token), app.clock.now()).await;
    let Some(cookie) = begun.ok().and_then(|held| cookie(&app, COOKIE, &held, SESSION_MAX.as_secs())) else {
        return again(&app, StatusCode::INTERNAL_SERVER_ERROR, "This machine gives no random numbers.", next);
    };
    note(&app, JournalEvent::SessionBegan { by: caller.actor(), from: from.to_string() });
    let cookies = [Some(cookie), self::cookie(&app, COOKIE_BEFORE, "", 0)].into_iter().flatten();
    let cookies: Vec<_> = cookies.map(|cookie| (header::SET_COOKIE, cookie)).collect();
    (AppendHeaders(cookies), Redirect::to(next)).into_response()
}

fn not_let_in(app: &Shared, refused: Refused, next: &str) -> Response {
    let (status, message) = refused.parts();
    let fault = match status {
        StatusCode::UNAUTHORIZED => "This token is not known.".to_owned(),
        _ => format!("{message}."),
    };
    let mut answer = again(app, status, &fault, next);
    if let Some(later) = refused.into_response().headers().get(header::RETRY_AFTER) {
        answer.headers_mut().insert(header::RETRY_AFTER, later.clone());
    }
    answer
}

/// The form once more, and why.
fn again(app: &Shared, status: StatusCode, fault: &str, next: &str) -> Response {
    page(status, &Login { frame: frame_closed(app), fault: Some(fault.to_owned()), next: next.to_owned() })
}

async fn log_out(State(app): State<Shared>, headers: HeaderMap) -> Response {
    if let Some((held, by)) = session(&app, &headers) {
        app.sessions.end(&held).await;
        note(&app, JournalEvent::SessionEnded { by });
    }
    let gone = cookie(&app, COOKIE, "", 0);
    (gone.map(|gone| [(header::SET_COOKIE, gone)]), Redirect::to("/login")).into_response()
}

/// Has it written to the log. Nobody waits for that: in need, with a disk that is full, people must get in all the same.
fn note(app: &Shared, event: JournalEvent) {
    let engine = app.engine.clone();
    tokio::spawn(async move {
        let kind = event.kind();
        if let Err(error) = engine.ask(Work::Journal(event)).await {
            tracing::warn!(%error, kind, "the log does not say so");
        }
    });
}

/// The frame of a page for nobody in particular: it tells a stranger nothing.
fn frame_closed(app: &Shared) -> super::pages::Frame {
    super::pages::Frame { open: 0, faults: Vec::new(), ..frame(app, None, "") }
}

fn cookie(app: &Shared, name: &str, held: &str, seconds: u64) -> Option<HeaderValue> {
    let in_force = app.live.now();
    let encrypted = in_force.encryption.is_some() || in_force.base_url.starts_with("https://");
    let secure = if encrypted { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={held}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")).ok()
}
