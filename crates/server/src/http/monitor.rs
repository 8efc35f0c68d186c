//! Who posts for a monitor: an integration by its key, or a token. Prometheus and `amtool` send either as a bearer token or as
//! the password of basic authentication, so both are read; the user name means nothing.
//!
//! Only the routes of foreign formats take basic authentication, and no answer asks for it: a browser must never be led to keep
//! credentials that it then sends along with another site's forms.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use quarterdeck_core::{id::SourceId, incident::Actor, signal::Signal};
use quarterdeck_formats::heard::is_claim_of;

use super::{App, Presented, Refused, Shared, access::came_from, caller, holder, integration, presented, with_role};
use crate::auth::{Caller, Role, source_of};

/// Somebody who speaks a foreign format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guest {
    /// A monitor, by its key.
    Integration(SourceId),
    /// A token.
    Caller(Caller),
}

impl Guest {
    /// The source of what they claim.
    pub fn source(&self) -> SourceId {
        match self {
            Self::Integration(id) => id.clone(),
            Self::Caller(caller) => source_of(&caller.token),
        }
    }
    /// Whether they may read this claim: a monitor reads its own, and nobody else's.
    pub fn reads(&self, signal: &Signal) -> bool {
        match self {
            Self::Integration(id) => is_claim_of(signal, id),
            Self::Caller(_) => true,
        }
    }
    /// As the log names them.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Integration(id) => Actor::Token(id.to_string()),
            Self::Caller(caller) => caller.actor(),
        }
    }
}

/// Who is asking, if their key is right, or their token may do what `least` may. A key is looked at whatever else came from its
/// address: what a monitor says must not be lost because somebody guesses beside it.
fn guest(parts: &Parts, app: &App, least: Role) -> Result<Guest, Refused> {
    let password = password(&parts.headers);
    let secret = match (&password, presented(&parts.headers)) {
        (Some(password), _) => Some(password.as_str()),
        (None, Some(Presented::Token(token))) => Some(token),
        (None, Some(Presented::Session(_)) | None) => None,
    };
    if let Some(id) = secret.and_then(|secret| integration(&app.live.now().integrations, secret)) {
        return Ok(Guest::Integration(id));
    }
    match &password {
        Some(password) => with_role(holder(app, came_from(parts, app), password)?, least).map(Guest::Caller),
        None => caller(parts, app, least).map(Guest::Caller),
    }
}

/// The password of basic authentication (RFC 7617).
fn password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

/// May read in a foreign format: an integration what concerns its own claims, or a viewer.
pub struct Reader(pub Guest);

impl FromRequestParts<Shared> for Reader {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refused> {
        guest(parts, app, Role::Viewer).map(Self)
    }
}

/// May post claims: an integration, or a responder.
pub struct Poster(pub Guest);

impl FromRequestParts<Shared> for Poster {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refused> {
        guest(parts, app, Role::Responder).map(Self)
    }
}

/// May silence in a foreign format: a commander. A monitor's key must not be able to silence other monitors.
pub struct Silencer(pub Caller);

impl FromRequestParts<Shared> for Silencer {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refused> {
        match guest(parts, app, Role::Commander)? {
            Guest::Caller(caller) => Ok(Self(caller)),
            Guest::Integration(id) => {
                let message = format!("the key of integration `{id}` may post and read, not silence");
                Err(Refused::new(StatusCode::FORBIDDEN, "role", message).hint("use the token of a commander"))
            }
        }
    }
}
