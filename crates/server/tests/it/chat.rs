//! An incident's room and a Matrix room, each the mirror of the other: the whole program beside a real homeserver. Left out where there
//! is none, unless `CI=true`.

use std::time::Duration;

use quarterdeck_api::Command;
use quarterdeck_core::incident::Phase;
use serde_json::{Value, json};

use crate::{
    harness::{COMMANDER, Deck, PATIENCE, VIEWER, alert, on_every_store},
    synapse::{SERVER, Synapse, User},
};

/// Between two looks at the homeserver, which tells nobody when something is there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Joins the program to the homeserver, with Ana's account.
pub(crate) async fn join(deck: &Deck, synapse: &Synapse, us: &User, ana: &User) {
    let chat = format!(
        "[chat.matrix]\nkind = \"matrix\"\nurl = \"{}\"\ntoken = \"{}\"\nfrom = \"SEV5\"\n",
        synapse.url, us.token
    );
    let account = format!("id = \"ana\"\naccounts = [{{ chat = \"matrix\", account = \"{}\" }}]\n", ana.id);
    deck.configure(|text| format!("{}\n{chat}", text.replacen("id = \"ana\"\n", &account, 1))).await;
}

/// An incident, and the room that Ana has joined.
pub(crate) async fn incident(deck: &Deck, synapse: &Synapse, ana: &User, name: &str) -> (String, String) {
    deck.alert(&json!([alert("rpc", name, "a")])).await;
    deck.until("an incident", |board| board.incidents().next().is_some()).await;
    let id = deck.only_incident().await.summary.id;
    assert_eq!(deck.receiver.next().await.text("person"), "ana");
    let alias = format!("%23quarterdeck-{id}:{SERVER}");
    let room = until("a channel", async || {
        let found = synapse.ask("GET", &format!("directory/room/{alias}"), Some(ana), None).await;
        found["room_id"].as_str().map(str::to_owned)
    })
    .await;
    until("an invitation", async || {
        let joined = synapse.ask("POST", &format!("rooms/{room}/join"), Some(ana), Some(&json!({}))).await;
        joined["room_id"].as_str().map(str::to_owned)
    })
    .await;
    (id, room)
}

pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// What was said in the homeserver's room, as it stands, first to last.
pub(crate) async fn there(synapse: &Synapse, by: &User, room: &str) -> Vec<String> {
    let chunk = synapse.ask("GET", &format!("rooms/{room}/messages?dir=f&limit=1000"), Some(by), None).await;
    let events = chunk["chunk"].as_array().unwrap_or_else(|| panic!("{chunk}"));
    let body = |event: &Value| event["content"]["body"].as_str().map(str::to_owned);
    events.iter().filter(|event| event["type"] == "m.room.message").filter_map(body).collect()
}

/// What was said in the incident's room, as it stands: who, and what; none: it was withdrawn.
async fn here(deck: &Deck, id: &str) -> Vec<(String, Option<String>)> {
    let room = deck.get(&format!("/api/v1/incidents/{id}/room?limit=500"), VIEWER).await;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let messages = room["messages"].as_array().unwrap();
    messages.iter().map(|one| (text(&one["by"]).unwrap(), text(&one["text"]))).collect()
}

fn say(text: &str) -> Command {
    Command::Say { text: text.to_owned(), reply_to: None, key: None }
}

fn text(body: &str) -> Value {
    json!({"msgtype": "m.text", "body": body})
}

pub(crate) async fn heard_here(deck: &Deck, id: &str, words: &str) {
    until(words, async || here(deck, id).await.iter().any(|(_, text)| text.as_deref() == Some(words)).then_some(()))
        .await;
}

pub(crate) async fn heard_there(synapse: &Synapse, by: &User, room: &str, words: &str) {
    until(words, async || there(synapse, by, room).await.iter().any(|text| text == words).then_some(())).await;
}

#[tokio::test]
async fn an_engineer_in_matrix_and_a_commander_in_the_console_are_in_one_room() {
    let Some(synapse) = Synapse::start().await else { return };
    let (us, ana) = (synapse.user("quarterdeck").await, synapse.user("ana").await);
    let mallory = synapse.user("mallory").await;
    on_every_store(async |deck| {
        join(&deck, &synapse, &us, &ana).await;
        let (id, room) = incident(&deck, &synapse, &ana, "NodeDown").await;

        // What is said on either side is on the other.
        let looking = synapse.says(&ana, &room, "a1", &text("looking at it")).await;
        heard_here(&deck, &id, "looking at it").await;
        deck.ask(COMMANDER, &id, &say("I pause the bridge")).await;
        heard_there(&synapse, &ana, &room, "bo: I pause the bridge").await;
        assert!(here(&deck, &id).await.contains(&("ana".to_owned(), Some("looking at it".to_owned()))));

        // A command by message is carried out as Ana's, and answered there.
        synapse.says(&ana, &room, "a2", &text("!qd ack")).await;
        deck.until("acknowledged", |board| board.incidents().any(|one| one.phase() == Phase::Acknowledged)).await;
        assert_eq!(deck.only_incident().await.summary.acknowledged_by.as_deref(), Some("ana"));
        until("an answer", async || {
            let said = there(&synapse, &ana, &room).await;
            said.iter().any(|text| text.starts_with("Acknowledge: done (log #")).then_some(())
        })
        .await;

        // Edits and deletions are recorded as such.
        let edit = json!({
            "msgtype": "m.text", "body": "* looking at node 7", "m.new_content": text("looking at node 7"),
            "m.relates_to": {"rel_type": "m.replace", "event_id": looking},
        });
        synapse.says(&ana, &room, "a3", &edit).await;
        heard_here(&deck, &id, "looking at node 7").await;
        synapse.ask("PUT", &format!("rooms/{room}/redact/{looking}/a4"), Some(&ana), Some(&json!({}))).await;
        let gone = ("ana".to_owned(), None);
        until("a withdrawal", async || here(&deck, &id).await.contains(&gone).then_some(())).await;

        // Whoever has no account here may speak and not act.
        synapse.ask("POST", &format!("rooms/{room}/invite"), Some(&ana), Some(&json!({"user_id": mallory.id}))).await;
        synapse.ask("POST", &format!("rooms/{room}/join"), Some(&mallory), Some(&json!({}))).await;
        synapse.says(&mallory, &room, "m1", &text("!qd resolve all is well")).await;
        until("a refusal", async || {
            let said = there(&synapse, &ana, &room).await;
            said.iter().any(|text| text.contains("@mallory:qd.test is nobody's account here")).then_some(())
        })
        .await;
        assert_eq!(deck.only_incident().await.summary.phase, "acknowledged");
        assert!(
            here(&deck, &id)
                .await
                .contains(&("token chat matrix".to_owned(), Some("!qd resolve all is well".to_owned())))
        );
        deck.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_changed_or_withdrawn_here_is_so_there() {
    let Some(synapse) = Synapse::start().await else { return };
    let (us, ana) = (synapse.user("quarterdeck").await, synapse.user("ana").await);
    let deck = Deck::start().await;
    join(&deck, &synapse, &us, &ana).await;
    let (id, room) = incident(&deck, &synapse, &ana, "NodeDown").await;
    deck.ask(COMMANDER, &id, &say("the key is in the safe")).await;
    heard_there(&synapse, &ana, &room, "bo: the key is in the safe").await;
    let view = deck.get(&format!("/api/v1/incidents/{id}/room"), VIEWER).await;
    let message = view["messages"][0]["id"].as_str().unwrap().to_owned();
    deck.ask(COMMANDER, &id, &Command::Edit { message: message.clone(), text: "the key is safe".to_owned() }).await;
    heard_there(&synapse, &ana, &room, "* bo: the key is safe").await;
    deck.ask(COMMANDER, &id, &Command::Withdraw { message, reason: String::new() }).await;
    until("nothing of it is left there", async || {
        let said = there(&synapse, &ana, &room).await;
        said.iter().all(|text| !text.contains("the key is")).then_some(())
    })
    .await;
    deck.finish().await;
}

#[tokio::test]
async fn an_outage_of_either_side_loses_nothing_and_says_nothing_twice() {
    let Some(mut synapse) = Synapse::start().await else { return };
    let (us, ana) = (synapse.user("quarterdeck").await, synapse.user("ana").await);
    let mut deck = Deck::start().await;
    join(&deck, &synapse, &us, &ana).await;
    let (id, room) = incident(&deck, &synapse, &ana, "NodeDown").await;
    deck.ask(COMMANDER, &id, &say("before")).await;
    heard_there(&synapse, &ana, &room, "bo: before").await;

    // The homeserver is gone. What is said here stays, and people can see that it waits.
    synapse.kill();
    for number in 0..5 {
        deck.ask(COMMANDER, &id, &say(&format!("while it was away {number}"))).await;
    }
    until("a fault", async || {
        let health = deck.get("/api/v1/health", VIEWER).await;
        let faults = health["faults"].as_array().unwrap();
        faults.iter().any(|fault| fault.as_str().unwrap().starts_with("chat matrix: since ")).then_some(())
    })
    .await;
    // So are we, in the middle of it.
    deck = deck.crash().await;
    synapse.begin().await;
    heard_there(&synapse, &ana, &room, "bo: while it was away 4").await;

    // We are gone again and again, while Ana talks.
    for round in 0..4 {
        for number in 0..5 {
            synapse.says(&ana, &room, &format!("r{round}-{number}"), &text(&format!("line {round} {number}"))).await;
        }
        if round == 2 {
            synapse.says(&ana, &room, "escalate", &text("!qd escalate more hands")).await;
        }
        deck = deck.crash().await;
    }
    heard_here(&deck, &id, "line 3 4").await;
    deck.ask(COMMANDER, &id, &say("after")).await;
    heard_there(&synapse, &ana, &room, "bo: after").await;

    let said: Vec<String> =
        here(&deck, &id).await.into_iter().filter_map(|(by, text)| text.filter(|_| by == "ana")).collect();
    let lines: Vec<String> =
        (0..4).flat_map(|round| (0..5).map(move |number| format!("line {round} {number}"))).collect();
    assert_eq!(said.iter().filter(|text| text.starts_with("line")).cloned().collect::<Vec<_>>(), lines);
    let told: Vec<String> =
        there(&synapse, &ana, &room).await.into_iter().filter(|text| text.starts_with("bo: ")).collect();
    let mut want: Vec<String> = (0..5).map(|number| format!("bo: while it was away {number}")).collect();
    want.insert(0, "bo: before".to_owned());
    want.push("bo: after".to_owned());
    assert_eq!(told, want);
    let asked = deck
        .only_incident()
        .await
        .timeline
        .into_iter()
        .filter(|row| row.kind == "escalated" && row.text.contains("ana"));
    assert!(asked.count() <= 1, "what was asked once is done once at most");
    deck.settled().await;
    // Who was escalated to was paged.
    deck.receiver.rest().await;
    deck.finish().await;
}

/// A chat has readers whom nobody let in: with its incident's restriction a conversation ends, and says so, on both sides.
#[tokio::test]
async fn a_conversation_ends_when_its_incident_is_restricted() {
    let Some(synapse) = Synapse::start().await else { return };
    let (us, ana) = (synapse.user("quarterdeck").await, synapse.user("ana").await);
    let deck = Deck::start().await;
    join(&deck, &synapse, &us, &ana).await;
    let (id, room) = incident(&deck, &synapse, &ana, "NodeDown").await;
    deck.ask(COMMANDER, &id, &say("before")).await;
    heard_there(&synapse, &ana, &room, "bo: before").await;
    let restrict = json!({"command": "restrict", "reason": "one of us may be in it", "code_name": "BLUE HERON"});
    deck.ask(COMMANDER, &id, &serde_json::from_value(restrict).unwrap()).await;
    until("an end", async || {
        let said = there(&synapse, &ana, &room).await;
        said.iter().any(|text| text.starts_with("This incident is restricted now")).then_some(())
    })
    .await;
    deck.ask(COMMANDER, &id, &say("only for those inside")).await;
    synapse.says(&ana, &room, "r1", &text("what happened?")).await;
    until("a refusal", async || {
        let said = there(&synapse, &ana, &room).await;
        said.iter().any(|text| text.starts_with("Not in the incident's log: it is restricted")).then_some(())
    })
    .await;
    let there = there(&synapse, &ana, &room).await;
    assert!(!there.iter().any(|text| text.contains("only for those inside") || text.contains("BLUE")), "{there:?}");
    let here = format!("{:?}", deck.client(COMMANDER).room(&id, None).await.unwrap());
    assert!(here.contains("only for those inside") && !here.contains("what happened?"), "{here}");
    deck.receiver.rest().await;
    deck.finish().await;
}
