//! The doors with a small router behind them, and visitors who are slow, silent, many.

use std::time::Duration;

use axum::{
    body::Bytes,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Notify, watch},
};

use super::*;

/// As much as a busy machine needs.
const PATIENCE: Duration = Duration::from_mins(1);
/// For what a test waits to be over.
const SHORT: Duration = Duration::from_millis(300);

fn patient() -> Pace {
    Pace { head: PATIENCE, idle: PATIENCE, body: PATIENCE, stalled: PATIENCE, farewell: PATIENCE, drain: PATIENCE }
}

struct Door {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<()>,
    /// Told when `/slow` is asked.
    asked: Arc<Notify>,
    /// Lets `/slow` answer.
    go: Arc<Notify>,
}

impl Door {
    async fn open(room: usize, pace: Pace) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begun, slow) = (Arc::clone(&asked), Arc::clone(&go));
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/large", get(|| async { vec![b'x'; 32 * 1024 * 1024] }))
            .route(
                "/slow",
                get(move || async move {
                    begun.notify_one();
                    slow.notified().await;
                }),
            )
            .route("/length", post(length));
        let served =
            tokio::spawn(serve(listener, Behind { router, encryption: Arc::new(|| None), pace }, room, stopping));
        Self { address, stop, served, asked, go }
    }
    async fn visit(&self, says: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(says.as_bytes()).await.unwrap();
        stream
    }
    async fn close(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.served).await.expect("it does not stop").unwrap();
    }
}

async fn length(body: Result<Bytes, axum::extract::rejection::BytesRejection>) -> Response {
    match body {
        Ok(bytes) => bytes.len().to_string().into_response(),
        Err(error) => (StatusCode::REQUEST_TIMEOUT, error.body_text()).into_response(),
    }
}

/// What is said until the other end closes.
async fn all(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    // A connection that is reset is over as well.
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it is not closed"));
    String::from_utf8_lossy(&said).into_owned()
}

async fn first_line(stream: &mut TcpStream) -> String {
    let mut said = [0; 15];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut said)).await.expect("no answer").unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

const ASKS: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn who_never_says_anything_leaves_and_so_does_half_a_head() {
    let door = Door::open(100, Pace { idle: SHORT, ..patient() }).await;
    assert_eq!(all(door.visit("").await).await, "");
    // After an answer too, and not before it.
    assert!(all(door.visit(ASKS).await).await.ends_with("hello"));
    door.close().await;

    let door = Door::open(100, Pace { head: SHORT, ..patient() }).await;
    let half = door.visit("GET / HTTP/1.1\r\nHo").await;
    assert!(!all(half).await.contains("200"));
    door.close().await;
}

#[tokio::test]
async fn a_byte_now_and_then_buys_no_time() {
    let door = Door::open(100, Pace { head: SHORT * 2, body: SHORT * 2, ..patient() }).await;
    for begins in ["GET / HTTP/1.1\r\nX: ", "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"] {
        let (mut read, mut write) = door.visit(begins).await.into_split();
        let drips = tokio::spawn(async move {
            while write.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        });
        let mut said = Vec::new();
        drop(tokio::time::timeout(PATIENCE, read.read_to_end(&mut said)).await.expect("it is not closed"));
        let said = String::from_utf8_lossy(&said).into_owned();
        let body = begins.starts_with("POST");
        assert_eq!(said.contains("did not arrive within"), body, "{begins}: {said}");
        tokio::time::timeout(PATIENCE, drips).await.expect("the drip is not cut off").unwrap();
    }
    door.close().await;
}

#[tokio::test]
async fn who_takes_nothing_of_the_answer_is_let_go() {
    let door = Door::open(2, Pace { stalled: SHORT, ..patient() }).await;
    let mut deaf = Vec::new();
    for _ in 0..2 {
        let mut stream = door.visit("GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(first_line(&mut stream).await, "HTTP/1.1 200 OK");
        deaf.push(stream);
    }
    // Both seats are taken by an answer under way; the next visitor gets in once one of them counts as dead.
    assert_eq!(first_line(&mut door.visit(ASKS).await).await, "HTTP/1.1 200 OK");
    drop(deaf);
    door.close().await;
}

#[tokio::test]
async fn a_crowd_of_the_silent_keeps_nobody_out() {
    let door = Door::open(20, patient()).await;
    let mut waits = door.visit("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut crowd = Vec::new();
    for nth in 0..100 {
        let says = ["", "GET / HT", "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", ASKS][nth % 4];
        crowd.push(door.visit(says).await);
    }
    assert_eq!(first_line(&mut door.visit(ASKS).await).await, "HTTP/1.1 200 OK");
    // Who waits for us was never sent away.
    door.go.notify_one();
    assert_eq!(first_line(&mut waits).await, "HTTP/1.1 200 OK");
    drop(crowd);
    door.close().await;
}

#[tokio::test]
async fn stopping_waits_for_what_we_owe_and_for_nobody_else() {
    let pace = Pace { farewell: SHORT, ..patient() };
    let door = Door::open(20, pace).await;
    let silent = door.visit("").await;
    let half_head = door.visit("GET / HTTP/1.1\r\nHo").await;
    let half_body = door.visit("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx").await;
    let mut kept = door.visit(ASKS).await;
    assert_eq!(first_line(&mut kept).await, "HTTP/1.1 200 OK");
    let owed = door.visit("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::timeout(PATIENCE, door.asked.notified()).await.expect("it is not asked");
    door.stop.send_replace(true);
    for stream in [silent, half_head, half_body, kept] {
        assert!(!all(stream).await.contains("HTTP/1.1 200"));
    }
    assert!(!door.served.is_finished(), "one answer is owed");
    door.go.notify_one();
    assert!(all(owed).await.starts_with("HTTP/1.1 200 OK"));
    door.close().await;

    let door = Door::open(20, Pace { drain: SHORT, ..patient() }).await;
    let never = door.visit("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::timeout(PATIENCE, door.asked.notified()).await.expect("it is not asked");
    door.stop.send_replace(true);
    assert_eq!(all(never).await, "");
    door.close().await;
}

#[test]
fn our_own_work_keeps_its_descriptors() {
    assert_eq!(room(64), 32);
    assert_eq!(room(512), 256);
    assert_eq!(room(1_024), 768);
    assert_eq!(room(65_536), 2_048);
    // A war room of a thousand, and a quarter for who asks.
    assert_eq!([8, 32, 768, 2_048].map(listeners), [4, 24, 576, 1_536]);
}
