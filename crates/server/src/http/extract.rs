//! What a request carries, read so that every refusal is ours: the name, the value, and what is wrong with it, in the words of the
//! route's family (see `unmet`). The framework's own extractors answer in plain text, which no client of ours reads.
//!
//! Tests: `tests/it/broken.rs` walks every route of the description.

use std::{borrow::Cow, fmt, str::FromStr};

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use quarterdeck_formats::{FORMATS, alertmanager::answer::error_body, format::IngestFormat, pagerduty};
use serde::de::DeserializeOwned;

use quarterdeck_core::limits::BODY_BYTES_MAX;

use super::{Refused, Shared};
use crate::doors::TooSlow;

/// The query of the address.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Asked<T> {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Refused> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => {
                let query = parts.uri.query().unwrap_or_default();
                let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
                Err(bad_query(&pairs, &reason(&error)))
            }
        }
    }
}

/// The innermost cause: what surrounds it only says that there is one.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let innermost = std::iter::successors(Some(error), |error| error.source()).last();
    innermost.map(ToString::to_string).unwrap_or_default()
}

/// Names the parameter that the reason is about, with its value.
pub fn bad_query(query: &[(Cow<'_, str>, Cow<'_, str>)], reason: &str) -> Refused {
    let led_by = query.iter().find(|(name, _)| reason.starts_with(&format!("{name}: ")));
    let culprit = led_by.or_else(|| query.iter().find(|(name, _)| reason.contains(&format!("`{name}`"))));
    Refused::bad_request(match culprit {
        Some((name, value)) => {
            let plain = reason.strip_prefix(&format!("{name}: ")).unwrap_or(reason);
            format!("parameter `{}` with value `{}`: {plain}", shortened(name), shortened(value))
        }
        None => format!("the query: {reason}"),
    })
}

/// A parameter's value as what it should be.
pub fn parameter<T>(name: &str, value: &str) -> Result<T, Refused>
where
    T: FromStr<Err: fmt::Display>,
{
    value
        .parse()
        .map_err(|error| Refused::bad_request(format!("parameter `{name}` with value `{}`: {error}", shortened(value))))
}

/// As much of a foreign text as an answer repeats.
pub fn shortened(text: &str) -> String {
    const CHARS: usize = 60;
    let short: String = text.chars().take(CHARS).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// What the address names: the one identifier in it, unless told otherwise.
pub struct InPath<T = String>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for InPath<T> {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refused> {
        let path = parts.uri.path().to_owned();
        let read = Path::<T>::from_request_parts(parts, app).await;
        read.map(|Path(named)| Self(named)).map_err(|error| {
            Refused::bad_request(format!("`id` in the path `{}`: {}", shortened(&path), error.body_text()))
        })
    }
}

/// A JSON body: bounded by the router, strict about keys, with an error that says where.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Refused;
    async fn from_request(request: Request, app: &Shared) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, app).await?;
        serde_json::from_slice(&bytes.0).map(Body).map_err(|error| Refused::bad_request(format!("the body: {error}")))
    }
}

/// A body as it came, bounded by the router.
pub struct Bytes(pub axum::body::Bytes);

impl FromRequest<Shared> for Bytes {
    type Rejection = Refused;
    async fn from_request(request: Request, app: &Shared) -> Result<Self, Refused> {
        let too_large = || {
            let message = format!("the body has more than {BODY_BYTES_MAX} bytes");
            Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message).hint("send it in parts")
        };
        // Who says beforehand how much is coming need not send it first.
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if announced.and_then(|text| text.parse::<usize>().ok()).is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
            return Err(too_large());
        }
        axum::body::Bytes::from_request(request, app).await.map(Bytes).map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ if caused_by_slowness(&error) => {
                Refused::new(StatusCode::REQUEST_TIMEOUT, "too_slow", format!("the body: {}", reason(&error)))
            }
            status => Refused::new(status, "bad_request", format!("the body: {error}")),
        })
    }
}

fn caused_by_slowness(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error + 'static>::is::<TooSlow>)
}

/// A route that is there, asked in a way that it is not, in the words of its family. The framework adds `Allow`.
pub async fn not_like_this(method: Method, uri: Uri) -> Response {
    unmet(uri.path(), &wrong_method(&method))
}

/// Status 405: the route is there, the method is not.
pub fn wrong_method(method: &Method) -> Refused {
    let message = format!("method `{}` is not possible here", shortened(method.as_str()));
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// The format of monitors at or above whose address this is.
pub fn format_at(path: &str) -> Option<&'static dyn IngestFormat> {
    let id = path.strip_prefix("/ingest/")?.split('/').next()?;
    FORMATS.iter().copied().find(|format| format.id() == id)
}

/// A refusal of the router itself, which no route's own code saw, in the words of the path's family.
pub fn unmet(path: &str, refused: &Refused) -> Response {
    let (status, message) = refused.parts();
    let json = [(header::CONTENT_TYPE, "application/json")];
    if path.starts_with("/api/v2/") {
        return (status, json, error_body(message)).into_response();
    }
    if let Some(reply) = format_at(path).and_then(|format| format.refused(message)) {
        return (status, json, reply.body).into_response();
    }
    if path.starts_with("/v2/") {
        let errors = vec![message.to_owned()];
        let body = pagerduty::Refused { status: status.as_u16(), message: "Not possible", errors }.body();
        return (status, json, body).into_response();
    }
    (status, Json(refused.body())).into_response()
}

/// A defect of ours: told in the log, and to the caller without details.
#[expect(clippy::needless_pass_by_value, reason = "the shape that the layer wants")]
pub fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a request met a defect");
    let message = "a defect of this program; its log says more";
    let refused = Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", message);
    refused.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_query_is_told_with_parameter_and_value() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wanted {
            #[expect(dead_code, reason = "only read by the deserializer")]
            limit: Option<usize>,
            #[expect(dead_code, reason = "only read by the deserializer")]
            from: u64,
        }
        let said = |query: &str| {
            let uri: Uri = format!("/x?{query}").parse().unwrap();
            let error = Query::<Wanted>::try_from_uri(&uri).unwrap_err();
            let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
            bad_query(&pairs, &reason(&error)).parts().1.to_owned()
        };
        assert_eq!(said("from=1&limit=many"), "parameter `limit` with value `many`: invalid digit found in string");
        assert_eq!(
            said("from=1&limti=5"),
            "parameter `limti` with value `5`: unknown field `limti`, expected `limit` or `from`"
        );
        assert_eq!(said("from=1&from=2"), "parameter `from` with value `1`: duplicate field `from`");
        assert_eq!(said("limit=5"), "the query: missing field `from`");
        let long = said(&format!("from={}", "%F0%9F%99%82".repeat(70)));
        assert!(long.contains(&format!("`{}…`", "🙂".repeat(60))), "{long}");
    }
}
