//! Who gets in, how often they may be wrong, what a browser holds, and when it is worth nothing any more.

use std::time::Duration;

use quarterdeck_core::{
    incident::Actor,
    journal::{Body, JournalEvent},
};
use quarterdeck_server::engine::recorded_of;
use reqwest::{Client, RequestBuilder, Response, header, redirect::Policy};
use serde_json::json;

use crate::harness::{ADMIN, COMMANDER, Deck, KEY, PATIENCE, RESPONDER, VIEWER, alert};

const WRONG: &str = "wrong-token-0123456789";

/// Somebody with a browser, who follows no redirect by themselves.
struct Visitor<'a> {
    deck: &'a Deck,
    http: Client,
}

impl<'a> Visitor<'a> {
    fn new(deck: &'a Deck) -> Self {
        Self { deck, http: Client::builder().redirect(Policy::none()).no_proxy().build().unwrap() }
    }
    async fn log_in(&self, token: &str, from: &str) -> Response {
        let request = self.http.post(format!("{}/login", self.deck.base)).header("x-forwarded-for", from);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(format!("token={token}&next=/signals")).send().await.unwrap()
    }
    /// What the browser holds after a login that succeeds.
    async fn session(&self, token: &str) -> String {
        let answer = self.log_in(token, "198.51.100.9").await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()[header::LOCATION]),
            (303, &"/signals".parse().unwrap())
        );
        let cookies: Vec<&str> =
            answer.headers().get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert!(cookies.iter().all(|cookie| !cookie.contains(token)), "{cookies:?}");
        assert!(cookies.iter().any(|cookie| cookie.starts_with("quarterdeck_token=; ")), "{cookies:?}");
        let cookie = cookies.iter().find(|cookie| cookie.starts_with("quarterdeck_session=")).unwrap();
        for word in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=2592000"] {
            assert!(cookie.contains(word), "{cookie}");
        }
        cookie.split(';').next().unwrap().to_owned()
    }
    fn get(&self, path: &str, cookie: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.deck.base)).header(header::COOKIE, cookie)
    }
    async fn reads(&self, cookie: &str) -> bool {
        let page = self.get("/signals", cookie).send().await.unwrap().status().as_u16();
        let api = self.get("/api/v1/incidents", cookie).send().await.unwrap().status().as_u16();
        assert!(matches!((page, api), (200, 200) | (303, 401)), "{page}, {api}");
        api == 200
    }
}

/// What the log says of the doors.
async fn journal(deck: &Deck) -> Vec<JournalEvent> {
    let events = deck.running.store.stream("journal").await.unwrap();
    let bodies = events.iter().map(|event| recorded_of(event).unwrap().unwrap().body);
    let of = |body| match body {
        Body::Journal(
            event @ (JournalEvent::SecretsRefused { .. }
            | JournalEvent::SessionBegan { .. }
            | JournalEvent::SessionEnded { .. }),
        ) => Some(event),
        Body::Journal(_) | Body::Incident(_) => None,
    };
    bodies.filter_map(of).collect()
}

/// Waits until the log says so.
async fn until(deck: &Deck, holds: impl Fn(&[JournalEvent]) -> bool) -> Vec<JournalEvent> {
    let waiting = async {
        loop {
            let said = journal(deck).await;
            if holds(&said) {
                return said;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the log does not say so")
}

#[tokio::test]
async fn who_tries_many_tokens_is_not_listened_to_and_the_log_says_so() {
    let deck = Deck::start().await;
    let visitor = Visitor::new(&deck);
    let (guesser, elsewhere) = ("192.0.2.7", "192.0.2.8");
    let ask = async |token: &str, from: &str| {
        let request = deck.http.get(format!("{}/api/v1/incidents", deck.base)).header("x-forwarded-for", from);
        request.bearer_auth(token).send().await.unwrap()
    };
    // Somebody of the house was right from there before.
    assert_eq!(ask(VIEWER, guesser).await.status(), 200);
    let mut statuses = Vec::new();
    for nth in 0..100 {
        let wrong = format!("{WRONG}-{nth}");
        let answer = if nth % 2 == 0 { visitor.log_in(&wrong, guesser).await } else { ask(&wrong, guesser).await };
        statuses.push(answer.status().as_u16());
    }
    let heard = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(statuses[..10], [401; 10], "ten are listened to at once");
    // One more in six seconds; a slow machine has time for a few.
    assert!((10..40).contains(&heard) && statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    for refused in [visitor.log_in(COMMANDER, guesser).await, ask(COMMANDER, guesser).await] {
        if refused.status() == 429 {
            let wait: u64 = refused.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
            assert!((1..=7).contains(&wait), "{wait}");
            assert!(refused.text().await.unwrap().contains("too many wrong tokens came from 192.0.2.7"));
        }
    }
    // Neither who was right from there, nor a monitor, nor anybody elsewhere is locked out.
    assert_eq!(ask(VIEWER, guesser).await.status(), 200);
    let posted = deck.http.post(format!("{}/api/v2/alerts", deck.base)).header("x-forwarded-for", guesser);
    let posted = posted.bearer_auth(KEY).body(json!([alert("rpc", "NodeDown", "eth-1")]).to_string());
    assert_eq!(posted.send().await.unwrap().status(), 200);
    deck.receiver.next().await;
    assert_eq!(visitor.log_in(ADMIN, elsewhere).await.status(), 303);
    // A monitor's key in the wrong place is no guess, however often.
    for _ in 0..30 {
        assert_eq!(ask(KEY, elsewhere).await.status(), 401);
    }
    assert_eq!(ask(RESPONDER, elsewhere).await.status(), 200);
    deck.settled().await;

    // At once the first; what came after it when the program stops, or in a minute.
    let began = |event: &JournalEvent| matches!(event, JournalEvent::SessionBegan { by: Actor::Token(token), from } if token == "admin" && from == elsewhere);
    let refused = |event: &JournalEvent| matches!(event, JournalEvent::SecretsRefused { .. });
    // Each is written by itself, in either order.
    until(&deck, |said| said.iter().any(refused) && said.iter().any(began)).await;
    let deck = deck.restart().await;
    let said = journal(&deck).await;
    let (mut tries, mut unheard, mut events) = (0, 0, 0);
    for event in &said {
        if let JournalEvent::SecretsRefused { tries: more, unheard: deaf, from, .. } = event {
            assert!(from.iter().all(|one| one.address == guesser), "{from:?}");
            (tries, unheard, events) = (tries + more, unheard + deaf, events + 1);
        }
    }
    assert!((100..=102).contains(&tries) && tries - unheard >= 10 && events == 2, "{tries}, {unheard}: {said:?}");
    assert!(!format!("{said:?}").contains(WRONG));
    deck.finish().await;
}

#[tokio::test]
async fn a_routing_key_is_counted_like_any_other_and_never_locked_out() {
    let deck = Deck::start().await;
    let event = |key: &str| {
        let payload = json!({"summary": "s", "source": "s", "severity": "critical"});
        json!({"routing_key": key, "event_action": "trigger", "dedup_key": "one", "payload": payload}).to_string()
    };
    for _ in 0..30 {
        assert_eq!(deck.post("/v2/enqueue", KEY, event("nobodys-key-0123456789")).await.0, 400);
    }
    assert_eq!(deck.post("/v2/enqueue", KEY, event(KEY)).await.0, 202);
    deck.receiver.next().await;
    until(&deck, |said| matches!(said, [JournalEvent::SecretsRefused { .. }, ..])).await;
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_session_is_not_the_token_and_ends_at_logout() {
    let deck = Deck::start().await;
    let visitor = Visitor::new(&deck);
    let (held, other) = (visitor.session(RESPONDER).await, visitor.session(RESPONDER).await);
    assert_ne!(held, other);
    assert!(visitor.reads(&held).await && visitor.reads(&other).await);
    for nothing in
        ["quarterdeck_session=", &format!("quarterdeck_session={RESPONDER}"), &format!("quarterdeck_token={RESPONDER}")]
    {
        assert!(!visitor.reads(nothing).await, "{nothing}");
    }
    // What a browser holds is no token.
    let value = held.split_once('=').unwrap().1;
    let bearer = deck.http.get(format!("{}/api/v1/incidents", deck.base)).bearer_auth(value);
    assert_eq!(bearer.send().await.unwrap().status(), 401);

    let mut stream = visitor.get("/api/v1/events", &held).send().await.unwrap();
    assert_eq!((stream.status().as_u16(), &stream.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    let out = visitor.http.post(format!("{}/logout", deck.base)).header(header::COOKIE, &held).send().await.unwrap();
    assert!(out.headers()[header::SET_COOKIE].to_str().unwrap().starts_with("quarterdeck_session=; "));
    let end = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(PATIENCE, end).await.expect("who logged out still listens");
    assert!(!visitor.reads(&held).await && visitor.reads(&other).await);
    let ana = || Actor::Person("ana".parse().unwrap());
    let said = until(&deck, |said| said.len() == 4).await;
    let began = || JournalEvent::SessionBegan { by: ana(), from: "198.51.100.9".to_owned() };
    // That a wrong token was tried is written beside, and may come before or after.
    let (tried, sessions): (Vec<_>, Vec<_>) =
        said.into_iter().partition(|event| matches!(event, JournalEvent::SecretsRefused { tries: 1, .. }));
    assert_eq!(tried.len(), 1);
    assert_eq!(sessions, [began(), began(), JournalEvent::SessionEnded { by: ana() }]);

    // It outlives the program, and neither its logout nor its token's end is forgotten.
    let deck = deck.restart().await;
    let visitor = Visitor::new(&deck);
    assert!(!visitor.reads(&held).await && visitor.reads(&other).await);
    deck.configure(|text| text.replace(RESPONDER, "responder-token-9876543210")).await;
    assert!(!visitor.reads(&other).await);
    let late = visitor.session(VIEWER).await;
    deck.clock.forward(Duration::from_hours(30 * 24));
    assert!(!visitor.reads(&late).await, "a month is over");
    deck.finish().await;
}

#[tokio::test]
async fn no_token_is_taken_from_an_address() {
    let deck = Deck::start().await;
    let visitor = Visitor::new(&deck);
    for path in [
        "/login?token=",
        "/login?next=/&token=",
        "/signals?token=",
        "/api/v1/incidents?token=",
        "/api/v1/events?token=",
    ] {
        let answer = visitor.http.get(format!("{}{path}{ADMIN}", deck.base)).send().await.unwrap();
        assert!(answer.headers().get(header::SET_COOKIE).is_none(), "{path}");
        let (status, location) = (answer.status().as_u16(), answer.headers().get(header::LOCATION).cloned());
        assert!(matches!(status, 303 | 400 | 401), "{path}: {status}");
        let text = answer.text().await.unwrap();
        assert!(path.starts_with("/signals") || !format!("{text}{location:?}").contains(ADMIN), "{path}: {text}");
    }
    deck.finish().await;
}
