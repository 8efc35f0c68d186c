//! A provider over HTTP that does as it is told, byte by byte.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// The throw-away certificate of `tests/data`, which is also its own authority.
pub(crate) const CERTIFICATE_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/loopback.cert.pem");
const KEY_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/loopback.key.pem");

/// What the provider does once it has the whole request.
#[derive(Clone)]
pub(crate) enum Script {
    /// Sends these bytes and hangs up.
    Say(Vec<u8>),
    /// Sends these bytes and then nothing more, holding the line.
    Silence(Vec<u8>),
    /// Answers with this status and the request itself: path, headers, body.
    Echo(&'static str),
    /// Answers with this status and a body without end.
    Flood(&'static str),
}

/// What the provider has seen.
#[derive(Default)]
struct Seen {
    requests: usize,
    last: (HeaderMap, Vec<u8>),
}

pub(crate) struct Provider {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    flooded: watch::Receiver<Option<usize>>,
    task: JoinHandle<()>,
}

/// TLS with the throw-away certificate.
pub(crate) fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(CERTIFICATE_FILE).unwrap();
    let key = PrivateKeyDer::from_pem_file(KEY_FILE).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl Provider {
    pub(crate) async fn start(script: Script) -> Self {
        Self::listen(script, None).await
    }
    pub(crate) async fn start_tls(script: Script) -> Self {
        Self::listen(script, Some(acceptor())).await
    }

    async fn listen(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (flood, flooded) = watch::channel(None);
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            // One connection after the other: no attempt makes two.
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    None => play(stream, &script, &shared, &flood).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            play(stream, &script, &shared, &flood).await;
                        }
                    }
                }
            }
        });
        Self { address, seen, flooded, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().requests
    }
    pub(crate) fn received(&self) -> (HeaderMap, Vec<u8>) {
        self.seen.lock().unwrap().last.clone()
    }
    /// How many bytes of a flood went out before the other side had enough.
    pub(crate) async fn flooded(mut self) -> usize {
        self.flooded.wait_for(Option::is_some).await.unwrap().unwrap()
    }
    /// Stops listening, and returns once nobody can connect.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        assert!((&mut self.task).await.unwrap_err().is_cancelled());
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: &Script,
    seen: &Mutex<Seen>,
    flood: &watch::Sender<Option<usize>>,
) {
    let Some((head, body)) = request(&mut stream).await else { return };
    {
        let mut seen = seen.lock().unwrap();
        seen.requests += 1;
        seen.last = (headers(&head), body.clone());
    }
    match script {
        Script::Say(bytes) => say(&mut stream, bytes).await,
        Script::Silence(bytes) => {
            say(&mut stream, bytes).await;
            // Until the other side hangs up.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap_or_default();
            return;
        }
        Script::Echo(status) => {
            let said = format!("{head}{}", String::from_utf8_lossy(&body));
            let json = serde_json::json!({"status": "invalid event", "message": said, "errors": [said]}).to_string();
            let answer =
                format!("HTTP/1.1 {status}\r\nX-Echo: s3ntinel\r\nContent-Length: {}\r\n\r\n{json}", json.len());
            say(&mut stream, answer.as_bytes()).await;
        }
        Script::Flood(status) => {
            say(&mut stream, format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await;
            let mut sent = 0;
            while stream.write_all(&[b'k'; 16_384]).await.is_ok() {
                sent += 16_384;
            }
            flood.send_replace(Some(sent));
        }
    }
    stream.shutdown().await.unwrap_or_default();
}

/// The other side may be gone already; that is its business.
async fn say<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap_or_default();
    stream.flush().await.unwrap_or_default();
}

/// A whole request: its head as text, its body as bytes.
async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    // A GET has none.
    let length = headers(&head).get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, bytes[end..].to_vec()))
}

fn headers(head: &str) -> HeaderMap {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    pairs
        .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect()
}
