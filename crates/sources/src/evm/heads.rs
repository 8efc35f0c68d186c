//! Hears of new heads over WebSocket. Only wakes the follower: what the head is, it asks itself, so a lost or doubled
//! notification costs nothing but time.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, de::IgnoredAny};
use tokio::sync::watch;
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::reader::Heads;

/// How long a node may take to accept the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a broken connection is tried again; doubles up to the bound.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Bytes of one notification: a header is under 2 kB.
const NOTIFICATION_BYTES_MAX: usize = 1024 * 1024;
/// A connection that says nothing for this long is broken: more than any block time but long quiet development chains, for
/// which a reconnect costs nothing.
const SILENT: Duration = Duration::from_secs(90);

/// Wakes `heads` at each new head until `stop` says so.
pub(super) async fn run(url: String, heads: Arc<Heads>, mut stop: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = listen(&url, &heads) => {}
        }
        if heads.listening.swap(false, Ordering::Relaxed) {
            pause = FIRST_PAUSE;
        }
        tracing::debug!(endpoint = %super::rpc::shown(&url), "no subscription to heads: polling");
        // What came while we were away is fetched now.
        heads.heard.notify_one();
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
        }
    }
}

/// What a node says: the answer to our question, or a notification, which has neither.
#[derive(Deserialize)]
struct Said {
    result: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

/// Returns when the connection ends, or was never of use.
async fn listen(url: &str, heads: &Heads) {
    let config = WebSocketConfig::default().max_message_size(Some(NOTIFICATION_BYTES_MAX));
    let connecting = connect_async_with_config(url, Some(config), false);
    let Ok(Ok((mut socket, _))) = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await else { return };
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;
    if socket.send(Message::text(subscribe)).await.is_err() {
        return;
    }
    while let Ok(Some(Ok(message))) = tokio::time::timeout(SILENT, socket.next()).await {
        let Message::Text(text) = message else { continue };
        match serde_json::from_str::<Said>(&text) {
            Ok(Said { error: Some(_), .. }) | Err(_) => return,
            Ok(Said { result: Some(_), .. }) => heads.listening.store(true, Ordering::Relaxed),
            Ok(_) => heads.heard.notify_one(),
        }
    }
}
