//! Who is asking, from where, and what they may do.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use quarterdeck_core::id::SourceId;
use subtle::ConstantTimeEq;

use super::{
    app::{App, Shared},
    refused::Refused,
};
use crate::{
    auth::{self, Caller, Role, identify},
    config::Integration,
    doors::Peer,
    guesses::Wait,
};

/// The name of the console's cookie.
pub const COOKIE: &str = "quarterdeck_session";

/// With what somebody says who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// A token, or a key.
    Token(&'a str),
    /// What a browser holds of its session.
    Session(&'a str),
}

/// With what a request says who is asking: the header, else the console's cookie.
pub fn presented(headers: &HeaderMap) -> Option<Presented<'_>> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) =
        bearer.and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
    {
        return Some(Presented::Token(token.trim()));
    }
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok())?;
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, held)| Presented::Session(held))
}

/// The address that a request came from. What a proxy says of it is believed where one was announced, and on this machine.
pub struct CameFrom(pub IpAddr);

impl FromRequestParts<Shared> for CameFrom {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Infallible> {
        Ok(Self(came_from(parts, app)))
    }
}

pub(super) fn came_from(parts: &Parts, app: &App) -> IpAddr {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let peer = parts.extensions.get::<Peer>().map_or(nowhere, |peer| peer.0.ip().to_canonical());
    if !peer.is_loopback() && !app.live.now().behind_proxy {
        return peer;
    }
    // Each proxy adds at the end: the last is what ours saw itself.
    let said = parts.headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    said.and_then(|said| said.rsplit(',').next()?.trim().parse().ok()).unwrap_or(peer)
}

/// Who is asking, if what they present is right and they may do what `least` may.
pub fn caller(parts: &Parts, app: &App, least: Role) -> Result<Caller, Refused> {
    let caller = match presented(&parts.headers) {
        None => {
            return Err(Refused::new(StatusCode::UNAUTHORIZED, "no_token", "this needs a token")
                .hint("send `Authorization: Bearer …`, or log in to the console"));
        }
        Some(Presented::Token(token)) => holder(app, came_from(parts, app), token)?,
        Some(Presented::Session(held)) => {
            let caller = app.sessions.holder(held, &app.live.now().tokens, app.clock.now()).ok_or_else(|| {
                Refused::new(StatusCode::UNAUTHORIZED, "no_session", "this session is over").hint("log in again")
            })?;
            if !matches!(parts.method, Method::GET | Method::HEAD) && !same_origin(&parts.headers) {
                let message = "this request came from another site";
                return Err(Refused::new(StatusCode::FORBIDDEN, "foreign_origin", message));
            }
            caller
        }
    };
    with_role(caller, least)
}

/// Whose token it is, if we listen to it from there.
pub fn holder(app: &App, from: IpAddr, token: &str) -> Result<Caller, Refused> {
    let unknown = || Refused::new(StatusCode::UNAUTHORIZED, "bad_token", "this token is not known");
    // A monitor's key in the wrong place is a mistake, and no guess.
    if integration(&app.live.now().integrations, token).is_some() {
        return Err(unknown().hint("it is the key of a monitor, which may post and read its own claims"));
    }
    let (digest, elapsed, now) = (auth::digest(token), app.clock.elapsed(), app.clock.now());
    if let Err(Wait(wait)) = app.guesses.may_try(from, &digest, elapsed, now) {
        let seconds = wait.as_secs().saturating_add(1);
        let message = format!("too many wrong tokens came from {from}: try again in {seconds} s");
        let mut refused = Refused::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", message);
        refused.retry_after = Some(seconds);
        return Err(refused);
    }
    if let Some(caller) = identify(&app.live.now().tokens, token) {
        app.guesses.right(from, digest, elapsed);
        return Ok(caller);
    }
    app.guesses.wrong(from, elapsed, now);
    Err(unknown())
}

/// The integration that a key belongs to. Looks at every one, so that the time tells nothing.
pub fn integration(integrations: &[Integration], key: &str) -> Option<SourceId> {
    let digest = auth::digest(key);
    let mut found = None;
    for integration in integrations {
        if bool::from(integration.digest.ct_eq(&digest)) {
            found = Some(integration);
        }
    }
    found.map(|integration| integration.id.clone())
}

/// The caller, if they may do what `least` may.
pub fn with_role(caller: Caller, least: Role) -> Result<Caller, Refused> {
    if caller.role < least {
        let message = format!("this needs the role {least}; token `{}` has {}", caller.token, caller.role);
        return Err(Refused::new(StatusCode::FORBIDDEN, "role", message));
    }
    Ok(caller)
}

/// A form or script of another site cannot act with the console's cookie.
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        _ => false,
    }
}

macro_rules! permission {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(pub Caller);
        impl FromRequestParts<Shared> for $name {
            type Rejection = Refused;
            async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refused> {
                caller(parts, app, Role::$name).map($name)
            }
        }
    };
}
permission! {
    /// May read.
    Viewer
}
permission! {
    /// May acknowledge, note, take roles, post signals.
    Responder
}
permission! {
    /// May mitigate, resolve, merge, escalate, state facts, silence.
    Commander
}
permission! {
    /// May do everything.
    Admin
}
