//! Server-sent events: what becomes durable, as it does. A listener that is too slow is told to read anew.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures_util::{Stream, StreamExt as _};
use quarterdeck_api::ErrorBody;
use quarterdeck_core::journal::{Body, Stream as LogStream};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use super::{Presented, Refused, Shared, Viewer, presented};
use crate::engine::{News, Published, read};

/// A line without meaning this often, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The kind that is told of every event of a restricted incident.
const RESTRICTED: &str = "restricted";

/// How often we look whether a session's time is over.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Its route.
pub fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/events", get(events))
}

/// `event: incident` with `{"incident","kind","at","log_index"}`; `event: journal`; `event: missed` when some were lost.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", security(("token" = [])), responses((status = 200, description = "text/event-stream"), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn events(_: Viewer, State(app): State<Shared>, headers: HeaderMap) -> Result<impl IntoResponse, Refused> {
    let news = BroadcastStream::new(app.engine.published().news.subscribe());
    let published = Arc::clone(app.engine.published());
    let stream = news.map(move |news| match news {
        Ok(news) => event(&news, &published),
        Err(BroadcastStreamRecvError::Lagged(count)) => Event::default().event("missed").data(count.to_string()),
    });
    told(app, &headers, stream)
}

/// Tells these events to whoever listens, as long as there is a place and they may: it ends with their session, with a change of the
/// tokens, and when the program stops.
pub fn told(
    app: Shared,
    headers: &HeaderMap,
    stream: impl Stream<Item = Event> + Send + 'static,
) -> Result<Response, Refused> {
    let place = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| {
        let full = Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", "all places to listen are taken");
        full.hint("listen again later, or read the lists").passing()
    })?;
    let (mut stopping, mut live) = (app.stopping.clone(), app.live.watch());
    let tokens = app.live.now().tokens.clone();
    let held = match presented(headers) {
        Some(Presented::Session(held)) => Some(held.to_owned()),
        Some(Presented::Token(_)) | None => None,
    };
    let over = async move {
        // An error means that the sender is gone, which ends the stream as well. Where the tokens changed, who listens must ask
        // again: theirs may be gone.
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            _ = live.wait_for(|in_force| in_force.tokens != tokens) => {}
            () = over_with_session(&app, held) => {}
        }
    };
    let stream = stream.map(Ok::<_, Infallible>).take_until(over).inspect(move |_| {
        // Held until the stream ends.
        let _held = &place;
    });
    let stream = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([(header::CACHE_CONTROL, "no-store")], stream).into_response())
}

/// Until the session is over in which somebody listens; never, where there is none.
async fn over_with_session(app: &Shared, held: Option<String>) {
    let Some(held) = held else { return std::future::pending().await };
    let mut ended = app.sessions.watch();
    while app.sessions.holder(&held, &app.live.now().tokens, app.clock.now()).is_some() {
        // Whoever logs out is told of at once; that the time is over, within a minute.
        drop(tokio::time::timeout(LOOK_EVERY, ended.changed()).await);
    }
}

/// Of a restricted incident that something changed, and not what: a listener stays, and who may look changes.
fn event(news: &News, published: &Published) -> Event {
    let recorded = &news.recorded;
    let name = match &recorded.body {
        Body::Incident(_) => "incident",
        Body::Journal(_) => "journal",
    };
    let incident = match &recorded.stream {
        LogStream::Incident(id) => Some(id.to_string()),
        LogStream::Journal => None,
    };
    let hidden = recorded.stream.incident().is_some_and(|id| read(&published.board).is_restricted(id));
    let kind = if hidden { RESTRICTED } else { recorded.body.kind() };
    let data = serde_json::json!({
        "incident": incident, "kind": kind, "at": recorded.at, "log_index": news.index,
    });
    Event::default().event(name).id(news.index.to_string()).data(data.to_string())
}
