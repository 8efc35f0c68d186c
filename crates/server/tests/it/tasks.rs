//! Tasks over HTTP: who is on what, who is stopped and told of whom, and what a page shows of it.

use std::collections::BTreeSet;

use quarterdeck_api::{Command, Done, client::ClientError};
use serde_json::json;

use crate::harness::{COMMANDER, Deck, RESPONDER, VIEWER, alert, resolve};

/// Two open incidents that somebody is on.
async fn two() -> (Deck, String, String) {
    let deck = Deck::start().await;
    for (service, name) in [("rpc", "NodeDown"), ("", "DiskFull")] {
        deck.alert(&json!([alert(service, name, "eth-1")])).await;
        deck.receiver.next().await;
    }
    deck.settled().await;
    let open = deck.client(VIEWER).incidents(false).await.unwrap();
    let ids: Vec<String> = open.into_iter().map(|one| one.id).collect();
    let [one, two] = ids.as_slice() else { panic!("{ids:?}") };
    for id in [one, two] {
        deck.client(COMMANDER).command(id, &Command::Acknowledge {}).await.unwrap();
    }
    let (one, two) = (one.clone(), two.clone());
    (deck, one, two)
}

fn doing(title: &str, on: &str, going_ahead: Option<&str>) -> Command {
    Command::AddTask {
        title: title.to_owned(),
        assignee: None,
        due: None,
        resources: vec![on.to_owned()],
        claim: true,
        until: None,
        going_ahead: going_ahead.map(ToOwned::to_owned),
    }
}

fn held(asked: Result<Done, ClientError>) -> Option<String> {
    match asked {
        Ok(_) => None,
        Err(ClientError::Refused { status: 409, code, message, hint }) if code == "held" => {
            assert!(hint.contains("`override`"), "{hint}");
            Some(message)
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Whoever is given a task by somebody else is paged with it; who takes one for themselves is not.
#[tokio::test]
async fn whoever_is_given_a_task_is_told() {
    let (deck, one, _) = two().await;
    let give = |title: &str, whom: &str| Command::AddTask {
        title: title.to_owned(),
        assignee: Some(whom.to_owned()),
        due: Some("20m".to_owned()),
        resources: Vec::new(),
        claim: false,
        until: None,
        going_ahead: None,
    };
    deck.ask(RESPONDER, &one, &give("look at the disk", "ana")).await;
    deck.ask(RESPONDER, &one, &give("rotate the key", "bo")).await;
    let said = format!("{:?}", deck.receiver.next().await);
    assert!(said.contains("task 2 (rotate the key) is yours to do, by 20"), "{said}");
    deck.settled().await;
    let pages = deck.client(VIEWER).incident(&one).await.unwrap().pages;
    assert_eq!(pages.iter().filter(|page| page.reason.contains("task")).count(), 1, "{pages:?}");
    deck.finish().await;
}

/// Many at once, over the real engine, which decides what waits as one batch: of two who want the same, one has it.
#[tokio::test]
async fn of_two_requests_at_once_one_wins() {
    let (deck, one, two) = two().await;
    let ask = async |token: &str, id: &str, number: usize| {
        let client = deck.client(token);
        held(client.command(id, &doing(&format!("{token} {number}"), &format!("flag:{number}"), None)).await).is_none()
    };
    let pairs = (0..100).map(async |number| {
        let places = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        tokio::join!(ask(RESPONDER, places.0, number), ask(COMMANDER, places.1, number))
    });
    let won = futures_util::future::join_all(pairs).await;
    for (number, (ana, bo)) in won.iter().enumerate() {
        assert!(ana ^ bo, "flag:{number}: ana {ana}, bo {bo}");
    }
    let all = deck.client(VIEWER).held().await.unwrap();
    assert!(all.len() == 100 && all.iter().all(|one| one.by.len() == 1), "{}", all.len());
    assert_eq!(won.iter().map(|(ana, _)| ana).collect::<BTreeSet<_>>().len(), 2, "or one of them was never first");
    deck.receiver.assert_empty().await;
    deck.finish().await;
}

#[tokio::test]
async fn who_goes_ahead_says_why_and_the_holder_is_told() {
    let (deck, one, two) = two().await;
    let (ana, bo) = (deck.client(RESPONDER), deck.client(COMMANDER));
    ana.command(&one, &doing("pause it", "flag:Bridge", None)).await.unwrap();
    let said = held(bo.command(&two, &doing("unpause it", "flag:bridge", None)).await).unwrap();
    assert!(said.starts_with(&format!("flag:bridge is held by ana for task 1 of {one} (pause it) until ")), "{said}");
    bo.command(&two, &doing("unpause it", "flag:bridge", Some("users are stuck"))).await.unwrap();
    let told = deck.receiver.next().await;
    let text = format!("{told:?}");
    assert!(text.contains("in spite of your claim of task 1 (pause it)") && text.contains("users are stuck"), "{text}");

    let mine = ana.tasks(Some("me")).await.unwrap();
    assert_eq!(mine.iter().map(|task| (task.number, task.title.as_str())).collect::<Vec<_>>(), [(1, "pause it")]);
    assert_eq!(mine[0].resources[0].held_by[0].by, "bo");
    assert_eq!(mine[0].overridden.as_ref().unwrap().reason, "users are stuck");
    assert_eq!(ana.tasks(Some("bo")).await.unwrap().len(), 1);
    assert_eq!(deck.client(VIEWER).held().await.unwrap()[0].by.len(), 2);

    let page = async |path: &str, token: &str| {
        let page = deck.http.get(format!("{}{path}", deck.base)).bearer_auth(token).header("accept", "text/html");
        page.send().await.unwrap().text().await.unwrap()
    };
    let shown = page(&format!("/incidents/{one}"), RESPONDER).await;
    assert!(shown.contains("30 minutes more") && shown.contains("bo went ahead"), "{shown}");
    let shown = page("/tasks", VIEWER).await;
    assert!(shown.contains("unpause it") && shown.contains("flag:bridge"), "{shown}");
    assert!(!page("/tasks?mine=yes", RESPONDER).await.contains("2. "), "only hers");

    // Who resolves hears of what is left.
    let done = bo.command(&two, &resolve("over")).await.unwrap();
    assert_eq!(done.left_open.iter().map(|task| task.title.as_str()).collect::<Vec<_>>(), ["unpause it"]);
    assert_eq!(deck.client(VIEWER).held().await.unwrap()[0].by.len(), 1, "what is over holds nothing");
    deck.receiver.next_all_clear().await;
    deck.finish().await;
}

/// A form of the console is the same request, and what is refused comes back with what was typed and with who is in the way.
#[tokio::test]
async fn a_form_that_is_refused_keeps_what_was_typed() {
    let (deck, one, two) = two().await;
    deck.client(RESPONDER).command(&one, &doing("pause it", "dns:a.example", None)).await.unwrap();
    let post = async |form: &str| {
        let request = deck.http.post(format!("{}/incidents/{two}/add_task", deck.base)).bearer_auth(COMMANDER);
        let request = request.header("accept", "text/html").header("content-type", "application/x-www-form-urlencoded");
        let answer = request.header("origin", &deck.base).body(form.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, page) = post("title=point+it+elsewhere&resources=dns%3AA.example.&claim=yes&due=45m").await;
    assert_eq!(status, 409, "{page}");
    assert!(page.contains("dns:a.example is held by ana") && page.contains("point it elsewhere"), "{page}");
    assert!(page.contains("value=\"45m\""), "{page}");
    let (status, page) = post("title=other&resources=dns%3Ab.example%2C+flag%3Ax&assignee=&due=").await;
    assert!(status < 400, "{status} {page}");
    let tasks = deck.client(VIEWER).incident(&two).await.unwrap().tasks;
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        tasks[0].resources.iter().map(|one| one.resource.as_str()).collect::<Vec<_>>(),
        ["dns:b.example", "flag:x"]
    );
    deck.finish().await;
}
