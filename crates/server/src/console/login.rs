//! Logging in with a token, and out. The token lives in a strict cookie that no script can read.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use super::{Asked, Filled, frame, from_elsewhere, local, page, pages::Login};
use crate::{
    auth::identify,
    http::{COOKIE, Shared, presented},
};

/// How long a browser keeps the token: nobody should have to find theirs at three in the morning.
const KEPT_SECONDS: u32 = 90 * 24 * 3600;

/// Their routes: open.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/login", get(form).post(log_in))
        .route("/logout", get(|| async { Redirect::to("/") }).post(log_out))
}

/// A link or a form.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    token: Option<String>,
    next: String,
}

/// The form; with a token in the link, as if it had been filled. Not for links of other sites: they could log somebody in as another.
async fn form(State(app): State<Shared>, Asked(entry): Asked<Entry>, headers: HeaderMap) -> Response {
    if entry.token.is_some() && !from_elsewhere(&headers) {
        return enter(&app, &entry);
    }
    let known = presented(&headers).is_some_and(|(token, _)| identify(&app.live.now().tokens, token).is_some());
    if known {
        return Redirect::to(local(&entry.next)).into_response();
    }
    page(StatusCode::OK, &Login { frame: frame_closed(&app), fault: None, next: local(&entry.next).to_owned() })
}

async fn log_in(State(app): State<Shared>, headers: HeaderMap, Filled(entry): Filled<Entry>) -> Response {
    if from_elsewhere(&headers) {
        let fault = Some("That form came from another site. Log in here.");
        return page(StatusCode::FORBIDDEN, &Login { frame: frame_closed(&app), fault, next: "/".to_owned() });
    }
    enter(&app, &entry)
}

fn enter(app: &Shared, entry: &Entry) -> Response {
    let token = entry.token.as_deref().unwrap_or_default().trim();
    let next = local(&entry.next);
    let cookie =
        if identify(&app.live.now().tokens, token).is_some() { cookie(app, token, KEPT_SECONDS) } else { None };
    if let Some(cookie) = cookie {
        return ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response();
    }
    let fault = Some("This token is not known.");
    page(StatusCode::UNAUTHORIZED, &Login { frame: frame_closed(app), fault, next: next.to_owned() })
}

async fn log_out(State(app): State<Shared>) -> Response {
    let gone = cookie(&app, "", 0);
    (gone.map(|gone| [(header::SET_COOKIE, gone)]), Redirect::to("/login")).into_response()
}

/// The frame of a page for nobody in particular: it tells a stranger nothing.
fn frame_closed(app: &Shared) -> super::pages::Frame {
    super::pages::Frame { open: 0, faults: Vec::new(), ..frame(app, None, "") }
}

/// None for a token that no cookie can carry.
fn cookie(app: &Shared, token: &str, seconds: u32) -> Option<HeaderValue> {
    // RFC 6265, section 4.1.1: cookie-octet.
    let fits = token.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b';' | b'\\'));
    let secure = if app.live.now().base_url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if fits { HeaderValue::from_str(&text).ok() } else { None }
}
