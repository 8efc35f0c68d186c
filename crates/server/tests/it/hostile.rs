//! Bad input: a clear answer, nothing lost, nothing half done, and the program goes on.

use quarterdeck_core::limits::{BODY_BYTES_MAX, LABEL_BYTES_MAX};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Deck, KEY, PATIENCE, VIEWER, alert};

#[tokio::test]
async fn bad_bodies_are_refused_by_name() {
    let deck = Deck::start().await;
    let good = alert("rpc", "NodeDown", "eth-1");
    let long = json!([good, {"labels": {"alertname": "x".repeat(LABEL_BYTES_MAX + 1)}}]).to_string();
    let many = format!("[{}]", vec![r#"{"labels":{"a":"b"}}"#; 10_001].join(","));
    let alerts = "/api/v2/alerts";
    let (webhook, relay) = ("/ingest/webhook", "/ingest/alertmanager");
    let cases: Vec<(&str, String, &str)> = vec![
        (alerts, r#"[{"labels":{"alertn"#.to_owned(), "not JSON: EOF while parsing"),
        (alerts, "[".repeat(10_000), "not JSON: "),
        (alerts, "{}".to_owned(), "alerts: invalid type: map, expected a sequence"),
        (alerts, r#"[{"labels":{"alertname":5}}]"#.to_owned(), "alerts[0].labels.alertname: invalid type: integer `5`"),
        (alerts, many, "alerts: 10001, want at most 10000"),
        (alerts, long, "bytes of alerts[1].labels.alertname: 4097, want at most 4096"),
        (alerts, "\u{0}\u{ff}".to_owned(), "not JSON: expected value"),
        (webhook, r#"{"title":"t","serverity":"critical"}"#.to_owned(), "unknown field `serverity`"),
        (webhook, r#"{"title":7}"#.to_owned(), "title: invalid type: integer `7`"),
        (webhook, String::new(), "not JSON: EOF"),
        (webhook, format!(r#"{{"title":{}"#, "[".repeat(10_000)), "title: invalid type: sequence"),
        (relay, "{}".to_owned(), "version: missing: want `4`"),
        (
            relay,
            r#"{"version":"4","alerts":[{"status":"pending","labels":{"a":"b"}}]}"#.to_owned(),
            "want firing or resolved",
        ),
    ];
    for (path, body, want) in cases {
        let (status, text) = deck.post(path, KEY, body.as_str()).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(status, 400, "{path} {shown}: {text}");
        let said: Value = serde_json::from_str(&text).unwrap();
        let said = said.as_str().or(said["message"].as_str()).unwrap();
        assert!(said.contains(want), "{path} {shown}: {said}");
        assert!(said.len() < 2_000, "{path} {shown}: {} bytes", said.len());
    }
    // The good alert of the bad batch counts, and a person can see that something was refused.
    let signals = deck.get("/api/v1/signals", VIEWER).await;
    let titles: Vec<&str> = signals.as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert!(titles.contains(&"NodeDown of eth-1"), "{titles:?}");
    assert!(titles.contains(&"monitor sent 1 that we could not read"), "{titles:?}");
    for _ in deck.client(VIEWER).incidents(true).await.unwrap() {
        deck.receiver.next().await;
    }
    deck.settled().await;
    deck.finish().await;
}

/// Sends a head, then a body in pieces, and returns the status line.
async fn raw(deck: &Deck, head: &str, body: usize) -> String {
    let mut stream = TcpStream::connect(deck.running.address.unwrap()).await.unwrap();
    let head = format!("POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n{head}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b' '; 64 * 1024];
    let mut left = body;
    while left > 0 {
        let now = left.min(piece.len());
        stream.write_all(format!("{now:x}\r\n").as_bytes()).await.unwrap();
        stream.write_all(&piece[..now]).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
        left -= now;
    }
    let mut answer = [0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("no answer").unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let deck = Deck::start().await;
    // Who says beforehand that 100 MB are coming is answered before a byte of them is read.
    assert_eq!(raw(&deck, "Content-Length: 104857600", 0).await, "HTTP/1.1 413");
    // Who does not say so is answered at the bound.
    assert_eq!(raw(&deck, "Transfer-Encoding: chunked", BODY_BYTES_MAX + 1).await, "HTTP/1.1 413");
    let event = vec![b' '; 600 * 1024];
    let (status, text) = deck.post("/v2/enqueue", KEY, event).await;
    assert_eq!(status, 413, "{text}");
    deck.alert(&json!([])).await;
    deck.finish().await;
}
