//! The program that speaks TLS itself: with a certificate from the configuration, and with a new one from a reload on.

use std::{path::Path, process::Command, time::Duration};

use quarterdeck_core::{incident::Actor, signal::Loudness};
use quarterdeck_host::clock::Clock as _;
use quarterdeck_server::loops::certificate;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};

use crate::harness::{ADMIN, Deck, KEY, VIEWER, left_out};

/// A throw-away certificate for `localhost` and 127.0.0.1.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../reach/tests/data");

/// Who trusts the certificate of a file, and keeps no connection: each request shows which certificate is in force.
fn trusting(certificate: &Path) -> Client {
    quarterdeck_host::tls::choose_cryptography();
    let trusted = Certificate::from_pem(&std::fs::read(certificate).unwrap()).unwrap();
    let builder = Client::builder().tls_certs_only([trusted]).pool_max_idle_per_host(0).no_proxy();
    builder.timeout(Duration::from_mins(1)).build().unwrap()
}

async fn health(client: &Client, scheme: &str, deck: &Deck) -> Result<u16, reqwest::Error> {
    let url = format!("{scheme}://{}/health/live", deck.running.address.unwrap());
    client.get(url).send().await.map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn a_certificate_is_served_and_a_new_one_from_a_reload_on() {
    let deck = Deck::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let first = Path::new(DATA).join("loopback.cert.pem");
    std::fs::copy(&first, &certificate).unwrap();
    std::fs::copy(Path::new(DATA).join("loopback.key.pem"), &key).unwrap();
    let section = format!("\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", certificate.display(), key.display());
    // From here on new connections are encrypted; the one that asked for it is answered as it asked.
    deck.configure(|text| text + &section).await;
    let trusts_first = trusting(&first);
    assert_eq!(health(&trusts_first, "https", &deck).await.unwrap(), 200);
    assert!(health(&trusts_first, "http", &deck).await.is_err(), "nothing is answered in the open");
    let base = deck.running.live.now().base_url.clone();
    assert!(base.starts_with("https://127.0.0.1:"), "{base}");

    // Another certificate under the same name; then one that does not go with its key, which changes nothing.
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:false", "-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder.path())
        .output();
    if made.is_ok_and(|made| made.status.success()) {
        let trusts_second = trusting(&certificate);
        assert!(health(&trusts_second, "https", &deck).await.is_err(), "nobody has told it yet");
        let before = deck.running.live.now().digest.clone();
        reload(&trusts_first, &deck).await;
        assert_eq!(health(&trusts_second, "https", &deck).await.unwrap(), 200);
        assert!(health(&trusts_first, "https", &deck).await.is_err());
        assert_ne!(deck.running.live.now().digest, before, "the certificate is part of what is in force");
        std::fs::copy(&first, &certificate).unwrap();
        assert_eq!(reload(&trusts_second, &deck).await, 422);
        assert_eq!(health(&trusts_second, "https", &deck).await.unwrap(), 200);
    } else {
        left_out("a second certificate (no openssl to make one)");
    }
    deck.finish().await;
}

async fn reload(client: &Client, deck: &Deck) -> u16 {
    let url = format!("https://{}/api/v1/configuration/reload", deck.running.address.unwrap());
    client.post(url).bearer_auth(ADMIN).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_greeting_that_never_ends_keeps_nobody_out_and_holds_nobody_up() {
    let deck = Deck::start().await;
    let section = format!("\n[tls]\ncertificate = \"{DATA}/loopback.cert.pem\"\nkey = \"{DATA}/loopback.key.pem\"\n");
    deck.configure(|text| text + &section).await;
    let address = deck.running.address.unwrap();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let client = trusting(&Path::new(DATA).join("loopback.cert.pem"));
    let url = format!("https://{address}/api/v1/incidents");
    assert_eq!(client.get(url).bearer_auth(VIEWER).send().await.unwrap().status(), 200);
    // Stopping does not wait for them.
    deck.finish().await;
    drop(silent);
}

/// PagerDuty's own clients post to nothing but https. Bytes and headers as `pagerduty` 7.2.0 and `pdpyras` 5.4.1 sent them to a listener of ours
/// with this certificate, on 2026-11-28.
#[tokio::test]
async fn events_of_pagerdutys_clients_are_taken_over_tls() {
    let deck = Deck::start().await;
    let section = format!("\n[tls]\ncertificate = \"{DATA}/loopback.cert.pem\"\nkey = \"{DATA}/loopback.key.pem\"\n");
    deck.configure(|text| text + &section).await;
    let client = trusting(&Path::new(DATA).join("loopback.cert.pem"));
    let url = format!("https://{}/v2/enqueue", deck.running.address.unwrap());
    let post = async |agent: &str, body: String| {
        let request = client.post(&url).header("accept", "*/*").header("accept-encoding", "gzip, deflate");
        let request = request.header("content-type", "application/json").header("user-agent", agent);
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let clients = [
        (
            "python-pagerduty/7.2.0 httpx2/2.16.2 Python/3.11",
            r#"{"event_action":"trigger","payload":{"summary":"signer 3 is down","source":"signer-3","severity":"critical"},"routing_key":"KEY"}"#,
            r#"{"event_action":"resolve","dedup_key":"k1","routing_key":"KEY"}"#,
        ),
        (
            "pdpyras/5.4.1 python-requests/2.34.2 Python/3.11",
            r#"{"event_action": "trigger", "payload": {"summary": "signer 3 is down", "source": "signer-3", "severity": "critical"}, "routing_key": "KEY"}"#,
            r#"{"event_action": "resolve", "dedup_key": "k1", "routing_key": "KEY"}"#,
        ),
    ];
    for (agent, trigger, resolve) in clients {
        let (status, said) = post(agent, trigger.replace("KEY", KEY)).await;
        assert_eq!((status, &said["status"]), (202, &json!("success")), "{agent}: {said}");
        let claim = said["dedup_key"].as_str().unwrap().to_owned();
        assert_eq!(deck.receiver.next().await.text("title"), "signer 3 is down");
        deck.settled().await;
        let (status, said) = post(agent, resolve.replace("KEY", KEY).replace("k1", &claim)).await;
        assert_eq!((status, said["dedup_key"].as_str()), (202, Some(claim.as_str())), "{agent}: {said}");
        deck.until("its end", |board| board.incidents().all(|one| one.live_signals() == 0)).await;
        deck.receiver.next_all_clear().await;
    }
    deck.finish().await;
}

/// A certificate of this many days in the folder; none: this machine has no openssl.
fn make(folder: &Path, days: &str) -> Option<()> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", days])
        .args(["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output();
    let made = made.is_ok_and(|made| made.status.success());
    if !made {
        left_out("a certificate that runs out (no openssl to make one)");
    }
    made.then_some(())
}

#[tokio::test]
async fn a_certificate_that_runs_out_is_told_ever_louder_and_its_renewal_ends_that() {
    let folder = tempfile::tempdir().unwrap();
    if make(folder.path(), "30").is_none() {
        return;
    }
    let deck = Deck::start().await;
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let section = format!("\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", certificate.display(), key.display());
    deck.configure(|text| text + &section).await;
    let ends = deck.running.live.now().encryption.clone().unwrap().ends;
    let live = |deck: &Deck| {
        deck.running
            .engine
            .published()
            .board()
            .incidents()
            .map(quarterdeck_core::incident::Incident::live_signals)
            .sum::<usize>()
    };
    assert_eq!(live(&deck), 0, "30 days are enough");
    let day = Duration::from_hours(24);
    for (days, loud) in [(20, Loudness::Warning), (6, Loudness::Error), (0, Loudness::Critical)] {
        let left = ends.since(deck.clock.now());
        deck.clock.forward(left.saturating_sub(day * days + Duration::from_hours(1)));
        deck.until("the reminder", |board| {
            let mut signals = board.incidents().flat_map(|one| one.signals().values());
            signals.any(|one| {
                one.is_live() && one.signal.detector.as_str() == "certificate" && one.signal.loudness == loud
            })
        })
        .await;
        let page = deck.receiver.next().await;
        assert!(page.text("title").contains("our certificate runs out in"), "{page:?}");
        deck.settled().await;
        let said = certificate::fault(deck.running.live.now().encryption.as_ref(), deck.clock.now());
        assert!(said.is_some_and(|fault| fault.contains("the certificate of [tls] runs out in")));
    }
    make(folder.path(), "120").unwrap();
    deck.running.reloader.reload(Actor::System).await.unwrap();
    deck.until("its end", |board| board.incidents().all(|one| one.live_signals() == 0)).await;
    assert_eq!(certificate::fault(deck.running.live.now().encryption.as_ref(), deck.clock.now()), None);
    deck.running.stop().await;
}
