//! The room of an incident, as people and programs meet it.

use std::time::Duration;

use quarterdeck_api::{Command, Message, Room, client::ClientError};
use quarterdeck_core::{
    incident::{Actor, Command as Asked, MessageKind, RoomCommand},
    limits::PRESENCE_GRACE,
};
use quarterdeck_server::engine::Work;
use serde_json::json;

use crate::harness::{COMMANDER, Deck, PATIENCE, RESPONDER, VIEWER, alert, on_every_store};

async fn opened(deck: &Deck) -> String {
    deck.alert(&json!([alert("rpc", "NodeDown", "eth-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    deck.only_incident().await.summary.id
}

fn say(text: &str, key: Option<&str>) -> Command {
    Command::Say { text: text.to_owned(), reply_to: None, key: key.map(ToOwned::to_owned) }
}

impl Deck {
    async fn ask_room(&self, token: &str, id: &str, command: &Command) -> Room {
        self.client(token).command(id, command).await.unwrap();
        self.client(VIEWER).room(id, None).await.unwrap()
    }
    async fn refused(&self, token: &str, id: &str, command: &Command) -> (u16, String) {
        match self.client(token).command(id, command).await {
            Err(ClientError::Refused { status, code, .. }) => (status, code),
            other => panic!("{other:?}"),
        }
    }
    /// Fills the box of the room's page.
    async fn fill(&self, token: &str, id: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(format!("{}/incidents/{id}/room", self.base)).bearer_auth(token);
        let request = request.header("content-type", "application/x-www-form-urlencoded").header("accept", "text/html");
        request.body(body).send().await.unwrap()
    }
    async fn page(&self, token: &str, path: &str) -> String {
        let asked = self.http.get(format!("{}{path}", self.base)).bearer_auth(token).header("accept", "text/html");
        asked.send().await.unwrap().text().await.unwrap()
    }
}

fn last(room: &Room) -> &Message {
    room.messages.last().unwrap()
}

#[tokio::test]
async fn a_message_is_shown_as_it_stands_and_the_log_keeps_what_it_was() {
    on_every_store(async |deck| {
        let id = opened(&deck).await;
        let asked = Command::Ask { text: "who holds the key?".to_owned(), key: None };
        let question = last(&deck.ask_room(RESPONDER, &id, &asked).await).id.clone();
        let decide = Command::Decide { text: "we stop\nwithdrawals".to_owned(), key: None };
        let room = deck.ask_room(COMMANDER, &id, &decide).await;
        let decision = last(&room).id.clone();
        assert_eq!((room.open_questions.len(), room.decisions.len(), room.may_write), (1, 1, false));

        let answer = Command::Answer { question: question.clone(), text: "bo does".to_owned(), key: None };
        let room = deck.ask_room(COMMANDER, &id, &answer).await;
        assert!(room.open_questions.is_empty() && room.messages[0].answered);
        assert_eq!((last(&room).kind.as_str(), last(&room).reply_to.as_deref()), ("answer", Some(question.as_str())));

        let edit = Command::Edit { message: decision.clone(), text: "we stop all of it".to_owned() };
        assert_eq!(deck.refused(RESPONDER, &id, &edit).await, (409, "bad_message".to_owned()));
        deck.ask_room(COMMANDER, &id, &edit).await;
        let room = deck.ask_room(RESPONDER, &id, &Command::Pin { message: decision.clone() }).await;
        let shown = &room.messages[1];
        assert_eq!((shown.text.as_deref(), shown.pinned), (Some("we stop all of it"), true));
        assert!(shown.edited.is_some() && room.pins == [shown.clone()] && room.decisions == [shown.clone()]);

        let secret = last(&deck.ask_room(RESPONDER, &id, &say("the password is hunter2", None)).await).id.clone();
        let back = |reason: &str| Command::Withdraw { message: secret.clone(), reason: reason.to_owned() };
        assert_eq!(deck.refused(COMMANDER, &id, &back("")).await, (400, "bad_request".to_owned()));
        let room = deck.ask_room(COMMANDER, &id, &back("a password")).await;
        let gone = last(&room).withdrawn.clone().unwrap();
        assert_eq!((last(&room).text.clone(), gone.by.as_str(), gone.reason.as_str()), (None, "bo", "a password"));
        // Nobody is shown it any more, and whoever has the evidence sees it.
        for path in [format!("/incidents/{id}/room"), format!("/incidents/{id}"), format!("/api/v1/incidents/{id}")] {
            assert!(!deck.page(VIEWER, &path).await.contains("hunter2"), "{path}");
        }
        let review = deck.page(VIEWER, &format!("/api/v1/incidents/{id}/review?format=md")).await;
        assert!(!review.contains("hunter2") && review.contains("we stop all of it"), "{review}");
        assert!(deck.page(VIEWER, &format!("/api/v1/incidents/{id}/bundle")).await.contains("hunter2"));
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_sent_again_with_its_key_is_written_once_also_after_a_crash() {
    let deck = Deck::start().await;
    let id = opened(&deck).await;
    let first = deck.client(RESPONDER).command(&id, &say("the vault is empty", Some("k1"))).await.unwrap();
    assert!(first.log_index.is_some());
    let deck = deck.crash().await;
    let again = deck.client(RESPONDER).command(&id, &say("the vault is empty", Some("k1"))).await.unwrap();
    assert_eq!(again.log_index, None);
    assert_eq!(deck.refused(RESPONDER, &id, &say("it is not", Some("k1"))).await, (409, "key_used".to_owned()));
    let room = deck.ask_room(COMMANDER, &id, &say("the vault is empty", Some("k1"))).await;
    assert_eq!(room.messages.iter().map(|one| one.by.as_str()).collect::<Vec<_>>(), ["ana", "bo"]);
    deck.finish().await;
}

#[tokio::test]
async fn a_long_room_is_read_part_by_part() {
    let deck = Deck::start().await;
    let id = opened(&deck).await;
    for nth in 0..230 {
        // Several hands: one alone would be too fast.
        let by = Actor::Token(format!("hand {}", nth % 5));
        let (kind, text) = (MessageKind::Message, format!("line {nth}"));
        let command = RoomCommand::Write { by, kind, text, reply_to: None, key: None, origin: None };
        let work = Work::Command { incident: id.parse().unwrap(), command: Asked::Room(command) };
        deck.running.engine.ask(work).await.unwrap();
    }
    let (mut read, mut before) = (Vec::new(), None);
    loop {
        let part = deck.client(VIEWER).room(&id, before).await.unwrap();
        read.splice(0..0, part.messages.into_iter().filter_map(|message| message.text));
        before = part.earlier;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(read, (0..230).map(|nth| format!("line {nth}")).collect::<Vec<_>>());
    let page = deck.page(VIEWER, &format!("/incidents/{id}/room")).await;
    assert!(page.contains("line 229") && page.contains("line 130") && !page.contains("line 129"));
    deck.finish().await;
}

#[tokio::test]
async fn the_box_works_without_a_script_and_loses_nothing() {
    let deck = Deck::start().await;
    let id = opened(&deck).await;
    let answer = deck.fill(RESPONDER, &id, &[("text", "two\r\nlines"), ("key", "k1"), ("as", "say")]).await;
    assert!(answer.url().path().ends_with("/room"), "{}", answer.url());
    let shown = answer.text().await.unwrap();
    assert!(shown.contains("<p class=\"words\">two\nlines</p>"), "{shown}");
    let again = deck.fill(RESPONDER, &id, &[("text", "two\r\nlines"), ("key", "k1"), ("as", "say")]).await;
    assert_eq!(again.status(), 200);
    assert_eq!(deck.client(VIEWER).room(&id, None).await.unwrap().written, 1);

    let command = deck.fill(RESPONDER, &id, &[("text", "/ack"), ("key", "k2")]).await;
    assert_eq!(command.status(), 200);
    assert_eq!(deck.only_incident().await.summary.phase, "acknowledged");
    let unknown = deck.fill(RESPONDER, &id, &[("text", "/resolv all is <b>back</b>"), ("key", "k3")]).await;
    assert_eq!(unknown.status(), 422);
    let shown = unknown.text().await.unwrap();
    assert!(shown.contains("write `resolve` if that is meant"), "{shown}");
    assert!(
        shown.contains(">/resolv all is &#60;b&#62;back&#60;/b&#62;</textarea>"),
        "what was typed is kept: {shown}"
    );
    let forbidden = deck.fill(RESPONDER, &id, &[("text", "/resolve it is over"), ("key", "k4")]).await;
    assert_eq!(forbidden.status(), 403);
    assert_eq!(deck.fill(VIEWER, &id, &[("text", "hello")]).await.status(), 403);

    // What can be done with a message has a page of its own: to its author more than to others.
    let message = deck.client(VIEWER).room(&id, None).await.unwrap().messages[0].id.clone();
    let own = deck.page(RESPONDER, &format!("/incidents/{id}/room?message={message}")).await;
    let others = deck.page(COMMANDER, &format!("/incidents/{id}/room?message={message}")).await;
    assert!(own.contains(&format!("/incidents/{id}/edit")) && !others.contains(&format!("/incidents/{id}/edit")));
    assert!(others.contains(&format!("/incidents/{id}/withdraw")));
    deck.finish().await;
}

/// What a stream tells next, but for signs of life.
async fn next(stream: &mut reqwest::Response, heard: &mut String) -> (String, String) {
    loop {
        if let Some((event, rest)) = heard.split_once("\n\n") {
            let event = event.to_owned();
            *heard = rest.to_owned();
            let name = event.lines().find_map(|line| line.strip_prefix("event: ")).map(ToOwned::to_owned);
            let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            if let Some(name) = name {
                return (name, data.join("\n"));
            }
            continue;
        }
        let more = tokio::time::timeout(PATIENCE, stream.chunk()).await.expect("it says nothing").unwrap();
        heard.push_str(std::str::from_utf8(&more.expect("it ended")).unwrap());
    }
}

#[tokio::test]
async fn what_is_said_reaches_all_who_listen_and_they_are_present_until_they_have_gone() {
    let deck = Deck::start().await;
    let id = opened(&deck).await;
    let listen = async |token: &str, path: String| {
        let stream = deck.http.get(format!("{}{path}", deck.base)).bearer_auth(token).send().await.unwrap();
        assert_eq!(stream.status(), 200);
        stream
    };
    let (mut page, mut program) = (
        listen(RESPONDER, format!("/incidents/{id}/room/events")).await,
        listen(VIEWER, format!("/api/v1/incidents/{id}/room/events")).await,
    );
    let (mut of_page, mut of_program) = (String::new(), String::new());
    // Whoever listens is there, and everybody is told.
    let (name, _) = next(&mut page, &mut of_page).await;
    assert_eq!(name, "head");
    let (name, side) = next(&mut page, &mut of_page).await;
    assert!(name == "side" && side.contains("<strong>ana</strong>"), "{side}");
    assert_eq!(next(&mut program, &mut of_program).await.0, "room");
    assert_eq!(deck.client(VIEWER).room(&id, None).await.unwrap().present[0].person, "ana");

    deck.client(COMMANDER).command(&id, &say("the bridge is <b>shut</b>", None)).await.unwrap();
    let (name, html) = next(&mut page, &mut of_page).await;
    assert!(name == "messages" && html.contains("the bridge is &#60;b&#62;shut&#60;/b&#62;"), "{html}");
    let (name, json) = next(&mut program, &mut of_program).await;
    let message: Message = serde_json::from_str(&json).unwrap();
    assert_eq!((name.as_str(), message.text.as_deref()), ("message", Some("the bridge is <b>shut</b>")));

    // She closes the page, and is there for as long as the grace lasts.
    drop(page);
    deck.clock.forward(PRESENCE_GRACE + Duration::from_mins(2));
    let (name, _) = next(&mut program, &mut of_program).await;
    assert_eq!(name, "room");
    assert!(deck.client(VIEWER).room(&id, None).await.unwrap().present.is_empty());
    let shown = deck.only_incident().await;
    let told: Vec<&str> = shown.timeline.iter().map(|row| row.kind.as_str()).collect();
    assert!(told.contains(&"room_entered") && told.contains(&"room_left"), "{told:?}");
    drop(program);
    deck.finish().await;
}

#[tokio::test]
async fn the_room_of_a_merged_incident_points_to_the_other() {
    let deck = Deck::start().await;
    let id = opened(&deck).await;
    deck.client(RESPONDER).command(&id, &say("it is the disk", None)).await.unwrap();
    deck.alert(&json!([alert("web", "Slow", "web-1")])).await;
    deck.receiver.next().await;
    deck.settled().await;
    let all = deck.client(VIEWER).list(&quarterdeck_api::client::List::default(), 10).await.unwrap().0;
    let other = all.into_iter().find(|one| one.id != id).unwrap().id;
    deck.client(COMMANDER).command(&id, &Command::Merge { into: other.clone() }).await.unwrap();
    assert_eq!(deck.refused(RESPONDER, &id, &say("still here", None)).await, (409, "wrong_phase".to_owned()));
    let room = deck.client(VIEWER).room(&id, None).await.unwrap();
    assert_eq!(
        (room.merged_into.as_deref(), last(&room).text.as_deref()),
        (Some(other.as_str()), Some("it is the disk"))
    );
    let page = deck.page(RESPONDER, &format!("/incidents/{id}/room")).await;
    assert!(page.contains(&format!("href=\"/incidents/{other}/room\"")) && !page.contains("id=\"box\""), "{page}");
    let page = deck.page(RESPONDER, &format!("/incidents/{other}/room")).await;
    assert!(page.contains(&format!("href=\"/incidents/{id}/room\"")), "the other says where it goes on from: {page}");
    deck.receiver.rest().await;
    deck.finish().await;
}
