//! A program of the operator's own that receives pages: it checks every signature and answers as it is told.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use quarterdeck_host::clock::Clock;
use quarterdeck_reach::notify::webhook::verify_signature;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc, watch};

/// What it shares with the program.
pub(crate) const SECRET: &str = "a secret of the test's own";
/// How long a page may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A page that arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// `/hook` or `/spare`.
    pub(crate) path: String,
    /// The body.
    pub(crate) body: Value,
}

impl Arrived {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap()
    }
}

struct Shared {
    clock: Arc<dyn Clock>,
    pages: mpsc::Sender<Arrived>,
    all_clears: mpsc::Sender<Arrived>,
    /// `/hook` takes a page and never answers.
    silent: AtomicBool,
    /// Paths that refuse for good.
    refused: std::sync::Mutex<BTreeSet<String>>,
    /// How often it was tried while it is away; none: it is there.
    away: watch::Sender<Option<u32>>,
}

/// The receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    arrived: Mutex<mpsc::Receiver<Arrived>>,
    all_clears: Mutex<mpsc::Receiver<Arrived>>,
}

impl Receiver {
    pub(crate) async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (pages, arrived) = mpsc::channel(10_000);
        let (clears, all_clears) = mpsc::channel(10_000);
        let shared = Arc::new(Shared {
            clock,
            pages,
            all_clears: clears,
            silent: AtomicBool::new(false),
            refused: std::sync::Mutex::default(),
            away: watch::Sender::new(None),
        });
        let app = Router::new().fallback(take).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared, arrived: Mutex::new(arrived), all_clears: Mutex::new(all_clears) }
    }

    /// Whether `/hook` keeps its answers to itself.
    pub(crate) fn be_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::SeqCst);
    }

    /// Whether a path refuses for good.
    pub(crate) fn refuse(&self, path: &str, refuses: bool) {
        let mut paths = self.shared.refused.lock().unwrap();
        if refuses {
            paths.insert(path.to_owned())
        } else {
            paths.remove(path)
        };
    }

    /// Whether it says that it cannot now.
    pub(crate) fn be_away(&self, away: bool) {
        self.shared.away.send_replace(away.then_some(0));
    }

    /// Waits until it was tried so often while it is away.
    pub(crate) async fn tried(&self, times: u32) {
        let mut away = self.shared.away.subscribe();
        let tried = away.wait_for(|tries| tries.is_some_and(|tries| tries >= times));
        tokio::time::timeout(PATIENCE, tried).await.expect("it is not tried").unwrap();
    }

    /// The next page.
    pub(crate) async fn next(&self) -> Arrived {
        let mut arrived = self.arrived.lock().await;
        tokio::time::timeout(PATIENCE, arrived.recv()).await.expect("no page arrived").unwrap()
    }

    /// The next word that something is over.
    pub(crate) async fn next_all_clear(&self) -> Arrived {
        let mut arrived = self.all_clears.lock().await;
        tokio::time::timeout(PATIENCE, arrived.recv()).await.expect("no all-clear arrived").unwrap()
    }

    /// What else arrived so far.
    pub(crate) async fn rest(&self) -> Vec<Arrived> {
        let mut arrived = self.arrived.lock().await;
        std::iter::from_fn(|| arrived.try_recv().ok()).collect()
    }

    /// That nothing arrived that was not taken.
    pub(crate) async fn assert_empty(&self) {
        let waiting = self.arrived.lock().await.try_recv();
        assert!(waiting.is_err(), "a page too many: {waiting:?}");
    }
}

async fn take(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signed = verify_signature(SECRET.as_bytes(), &headers, &body, shared.clock.wall());
    assert_eq!(signed, Ok(()), "a page without a good signature");
    let path = uri.path().to_owned();
    let mut is_away = false;
    shared.away.send_modify(|tries| {
        is_away = tries.is_some();
        *tries = tries.map(|tries| tries + 1);
    });
    if is_away {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let silent = path == "/hook" && shared.silent.load(Ordering::SeqCst);
    if shared.refused.lock().unwrap().contains(&path) {
        return StatusCode::GONE;
    }
    let arrived = Arrived { path, body: serde_json::from_slice(&body).unwrap() };
    let all_clear = arrived.text("kind") == "resolved";
    let to = if all_clear { &shared.all_clears } else { &shared.pages };
    to.send(arrived).await.unwrap();
    if silent {
        std::future::pending::<()>().await;
    }
    StatusCode::OK
}
