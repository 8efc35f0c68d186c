//! The list of incidents over HTTP: every one is reached, in its order, whatever the page.

use quarterdeck_api::client::List;
use serde_json::{Value, json};

use crate::harness::{COMMANDER, Deck, VIEWER, resolve};

/// Incidents opened, each about something else.
const MANY: usize = 40;

async fn many(count: usize) -> Deck {
    let deck = Deck::start().await;
    let alert = |nth: usize| {
        let name = format!("Trouble{nth:02}");
        let severity = if nth.is_multiple_of(4) { "critical" } else { "warning" };
        json!({"labels": {"alertname": name, "severity": severity}, "annotations": {"summary": format!("case {nth:02}.")}})
    };
    let alerts: Vec<Value> = (0..count).map(alert).collect();
    for some in alerts.chunks(200) {
        deck.alert(&json!(some)).await;
    }
    deck.until("the first page of every incident", |board| {
        board.incidents().count() == count && board.incidents().all(|one| !one.pages().is_empty())
    })
    .await;
    deck.settled().await;
    deck.receiver.rest().await;
    deck
}

/// The titles of a list, read page by page.
async fn titles(deck: &Deck, query: &str) -> Vec<String> {
    let (mut titles, mut path) = (Vec::new(), Some(format!("/api/v1/incidents?{query}")));
    while let Some(page) = path {
        let answer = deck.http.get(format!("{}{page}", deck.base)).bearer_auth(VIEWER).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{page}");
        let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        path = link.map(|link| link.trim_start_matches('<').split('>').next().unwrap().to_owned());
        let items: Vec<Value> = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        titles.extend(items.iter().map(|item| item["title"].as_str().unwrap().to_owned()));
    }
    titles
}

#[tokio::test]
async fn every_incident_is_on_some_page_and_none_on_two() {
    let deck = many(MANY).await;
    let open = deck.client(VIEWER).incidents(false).await.unwrap();
    let all: Vec<String> = open.iter().map(|one| one.title.clone()).collect();
    assert_eq!(all.len(), MANY);
    assert!(open.is_sorted_by(|a, b| a.severity <= b.severity), "the worst first");
    for limit in [1, 7, MANY, 1_000] {
        assert_eq!(titles(&deck, &format!("limit={limit}")).await, all, "{limit}");
    }

    // Resolved in the order of the list: what is over is shown in the reverse order, the latest first.
    for one in open.iter().take(10) {
        deck.ask(COMMANDER, &one.id, &resolve("done")).await;
        deck.receiver.next_all_clear().await;
        deck.clock.forward(std::time::Duration::from_millis(5));
    }
    let over: Vec<String> = all.iter().take(10).rev().cloned().collect();
    assert_eq!(titles(&deck, "phase=over&limit=3").await, over);
    let rest: Vec<String> = all.iter().skip(10).chain(&over).cloned().collect();
    assert_eq!(titles(&deck, "phase=all&limit=9").await, rest);
    let everything = List { phase: Some("all".to_owned()), ..List::default() };
    let (first, more) = deck.client(VIEWER).list(&everything, 25).await.unwrap();
    assert_eq!((first.len(), more), (25, true));
    assert!(first.iter().zip(&rest).all(|(got, want)| got.title == *want));
    deck.settled().await;
    deck.finish().await;
}

#[tokio::test]
async fn a_filter_leaves_out_what_it_should_and_nothing_else() {
    let deck = many(MANY).await;
    let open = deck.client(VIEWER).incidents(false).await.unwrap();
    let worst = &open[0].severity;
    let of_worst: Vec<&str> = open.iter().filter(|one| one.severity == *worst).map(|one| one.title.as_str()).collect();
    assert!((1..MANY).contains(&of_worst.len()), "{of_worst:?}");
    assert_eq!(titles(&deck, &format!("severity={worst}&limit=3")).await, of_worst);
    assert_eq!(titles(&deck, "text=CASE%2017.&limit=3").await, ["case 17."]);
    assert_eq!(titles(&deck, "service=rpc").await, [""; 0]);
    for bad in ["severity=SEV9", "service=R%20P%20C", "after=somewhere", "phase=new", "limit=many"] {
        let path = format!("{}/api/v1/incidents?{bad}", deck.base);
        assert_eq!(deck.http.get(path).bearer_auth(VIEWER).send().await.unwrap().status(), 400, "{bad}");
    }
    deck.finish().await;
}

#[tokio::test]
async fn a_list_of_more_than_one_page_can_hold_is_read_to_its_end() {
    // One more than a page has at most, and then some.
    let count = 1_050;
    let deck = many(count).await;
    for query in ["limit=1000", "limit=300", "phase=open&limit=5000"] {
        let found = titles(&deck, query).await;
        let each: std::collections::BTreeSet<&String> = found.iter().collect();
        assert_eq!((found.len(), each.len()), (count, count), "{query}");
    }
    let worst = deck.client(VIEWER).incidents(false).await.unwrap();
    assert!(worst.len() < count, "or one page holds them all, and this shows nothing");
    deck.finish().await;
}
