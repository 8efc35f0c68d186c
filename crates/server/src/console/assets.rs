//! The style sheet, the script and the icon, in the program itself. Their addresses carry their digest, so browsers may keep them for ever
//! and never show an old one.

use std::sync::LazyLock;

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};

use crate::http::Shared;

const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Where a browser finds them.
pub(super) struct Addresses {
    /// The style sheet.
    pub style: String,
    /// The script.
    pub script: String,
    /// The icon.
    pub icon: String,
}

/// Where a browser finds them.
pub(super) static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| Addresses {
    style: address("console.css", STYLE),
    script: address("console.js", SCRIPT),
    icon: address("icon.svg", ICON),
});

fn address(name: &str, content: &str) -> String {
    let digest = quarterdeck_ledger::hash::to_hex(&Sha256::digest(content.as_bytes()));
    format!("/assets/{name}?v={digest}")
}

/// Their routes: open, they say nothing about anybody.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/assets/console.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route("/assets/console.js", get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/assets/icon.svg", get(|| async { asset("image/svg+xml", ICON) }))
}

fn asset(kind: &'static str, content: &'static str) -> Response {
    let kept = "public, max-age=31536000, immutable";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)], content).into_response()
}
