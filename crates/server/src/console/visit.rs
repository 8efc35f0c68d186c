//! Who visits, what they ask, and the page around the answer.

use askama::Template;
use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use serde::de::DeserializeOwned;

use super::{
    assets,
    pages::{Bounce, Frame, Lost, Who},
};
use crate::{
    auth::{Caller, Role},
    engine::read,
    http::{self, Refused, Shared, caller, health, presented},
};

/// A permission ([`Viewer`](crate::http::Viewer) …) on a page: who is not logged in is sent to do so, who may not is told on a page.
pub(super) struct On<P>(pub(super) P);

impl<P> FromRequestParts<Shared> for On<P>
where
    P: FromRequestParts<Shared, Rejection = Refused>,
{
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Response> {
        P::from_request_parts(parts, app).await.map(On).map_err(|refused| turn_away(parts, app, &refused))
    }
}

pub(super) fn turn_away(parts: &Parts, app: &Shared, refused: &Refused) -> Response {
    if refused.parts().0 != StatusCode::UNAUTHORIZED {
        return sorry(app, caller(parts, app, Role::Viewer).ok().as_ref(), refused);
    }
    let asked =
        if parts.method == Method::GET { parts.uri.path_and_query().map_or("/", |asked| asked.as_str()) } else { "/" };
    // The cookie is strict, so a browser that follows a link from a chat leaves it at home. Asked again by our own page, it brings it.
    if parts.method == Method::GET && from_elsewhere(&parts.headers) && presented(&parts.headers).is_none() {
        return page(StatusCode::OK, &Bounce { next: local(asked).to_owned() });
    }
    Redirect::to(&format!("/login?{}", query(&[("next", Some(local(asked)))]))).into_response()
}

/// Whether the browser says that another site made it ask.
pub(super) fn from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// A path of ours, or the front page: nobody is sent elsewhere by a link that begins with us.
pub(super) fn local(path: &str) -> &str {
    let foreign = !path.starts_with('/') || path.starts_with("//") || path.contains(['\\', '\r', '\n', '\t']);
    if foreign { "/" } else { path }
}

/// A query string of what is there.
pub(super) fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let mut written = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            written.append_pair(name, value);
        }
    }
    written.finish()
}

/// A filled form; one that cannot be read is answered on a page.
pub(super) struct Filled<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Filled<T> {
    type Rejection = Response;
    async fn from_request(request: Request, app: &Shared) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let who = caller(&parts, app, Role::Viewer).ok();
        let request = Request::from_parts(parts, body);
        match Form::from_request(request, app).await {
            Ok(Form(filled)) => Ok(Self(filled)),
            Err(error) => Err(sorry(app, who.as_ref(), &Refused::new(error.status(), "bad_form", error.to_string()))),
        }
    }
}

/// What the address asks for; what cannot be read is answered on a page.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Asked<T> {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Response> {
        let asked = http::Asked::from_request_parts(parts, app).await;
        asked
            .map(|http::Asked(asked)| Self(asked))
            .map_err(|refused| sorry(app, caller(parts, app, Role::Viewer).ok().as_ref(), &refused))
    }
}

/// What every page has around it.
pub(super) fn frame(app: &Shared, visitor: Option<&Caller>, here: &'static str) -> Frame {
    let health = health::state(app);
    let name = |caller: &Caller| {
        let in_force = app.live.now();
        let person = caller.person.as_ref().and_then(|person| in_force.setting.roster.people.get(person));
        person.map_or_else(|| caller.token.clone(), |person| person.name.clone())
    };
    Frame {
        here,
        who: visitor.map(|caller| Who {
            name: name(caller),
            token: caller.token.clone(),
            role: caller.role.to_string(),
            responds: caller.role >= Role::Responder,
            commands: caller.role >= Role::Commander,
        }),
        open: health.open_incidents,
        silences: read(&app.engine.published().board).silences(app.clock.now()).count(),
        faults: health.faults.into_iter().chain(health.unseen).collect(),
        now: app.clock.now().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        style: &assets::ADDRESSES.style,
        script: &assets::ADDRESSES.script,
        icon: &assets::ADDRESSES.icon,
    }
}

/// A page as an answer. Nothing of it is kept, and our own forms may say where they come from.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CACHE_CONTROL, "no-store"),
                // Under `no-referrer` a browser sends a form with `Origin: null`, and it could not be told from a foreign one.
                (header::REFERRER_POLICY, "same-origin"),
            ];
            (status, headers, html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says why not.
pub(super) fn sorry(app: &Shared, visitor: Option<&Caller>, refused: &Refused) -> Response {
    let status = refused.parts().0;
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "Not allowed",
        _ if status.is_client_error() => "Not understood",
        _ => "Not possible now",
    };
    let body = refused.body();
    let lost = Lost { frame: frame(app, visitor, ""), title, message: body.message.clone(), hint: body.hint.clone() };
    page(status, &lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for foreign in ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "", "/a\r\nSet-Cookie: x"]
        {
            assert_eq!(local(foreign), "/", "{foreign:?}");
        }
        assert_eq!(local("/incidents/inc_1?a=b"), "/incidents/inc_1?a=b");
    }

    #[test]
    fn a_query_carries_only_what_is_there_and_escapes_it() {
        assert_eq!(query(&[("a", Some("b&c=d")), ("e", None), ("f", Some("g"))]), "a=b%26c%3Dd&f=g");
    }
}
