//! Hears of new heads over WebSocket. Only wakes the follower: what the head is, it asks itself, so a lost or doubled
//! notification costs nothing but time.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{Notify, watch};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// The pause before a broken connection is tried again; doubles up to the bound.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Bytes of one notification: a header is under 2 kB.
const NOTIFICATION_BYTES_MAX: usize = 1024 * 1024;
/// A connection that says nothing for this long is broken: more than any block time but long quiet development chains, for
/// which a reconnect costs nothing.
const SILENT: Duration = Duration::from_secs(90);

/// Wakes `heard` at each new head until `stop` says so.
pub async fn run(url: String, heard: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            listened = listen(&url, &heard) => {
                if listened { pause = FIRST_PAUSE; }
                tracing::debug!(endpoint = %super::rpc::shown(&url), "the subscription to heads ended");
            }
        }
        // What came while we were away is fetched now.
        heard.notify_one();
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
        }
    }
}

/// Returns when the connection ends; whether it ever worked.
async fn listen(url: &str, heard: &Notify) -> bool {
    let config = WebSocketConfig::default().max_message_size(Some(NOTIFICATION_BYTES_MAX));
    let Ok((mut socket, _)) = connect_async_with_config(url, Some(config), false).await else { return false };
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;
    if socket.send(Message::text(subscribe)).await.is_err() {
        return false;
    }
    let mut worked = false;
    while let Ok(Some(Ok(message))) = tokio::time::timeout(SILENT, socket.next()).await {
        if let Message::Text(_) | Message::Binary(_) = message {
            worked = true;
            heard.notify_one();
        }
    }
    worked
}
