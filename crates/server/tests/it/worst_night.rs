//! The worst night as one story, on every store and beside a real homeserver: a commander in the console, an engineer in Matrix, one
//! thing that both reach for, a homeserver that dies, an end that is refused and overridden by name, and a review and a bundle that say so and
//! verify without us. Left out where there is no homeserver, unless `CI=true`.

use quarterdeck_core::incident::Phase;
use quarterdeck_ledger::bundle::Bundle;
use serde_json::{Value, json};

use crate::{
    chat::{heard_here, heard_there, incident, join, there},
    harness::{COMMANDER, Deck, VIEWER, on_every_store},
    synapse::Synapse,
};

/// What the commander does in the console: a filled form, and what the page says.
async fn form(deck: &Deck, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let filled = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = deck.http.post(format!("{}{path}", deck.base)).bearer_auth(COMMANDER);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(filled);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn text(words: &str) -> Value {
    json!({"msgtype": "m.text", "body": words})
}

#[tokio::test]
async fn a_commander_an_engineer_and_a_homeserver_that_dies() {
    let Some(mut synapse) = Synapse::start().await else { return };
    let (us, ana) = (synapse.user("quarterdeck").await, synapse.user("ana").await);
    let shared = std::sync::Arc::new(tokio::sync::Mutex::new(&mut synapse));
    on_every_store(async |deck| {
        let mut synapse = shared.lock().await;
        join(&deck, &synapse, &us, &ana).await;
        let check = "\n[[check]]\nname = \"done\"\nkind = \"cel\"\nexpect = \"open_tasks == 0\"\n";
        deck.configure(|text| format!("{text}{check}")).await;
        let (id, room) = incident(&deck, &synapse, &ana, "BridgeDrained").await;
        let at = |word: &str| format!("/incidents/{id}/{word}");

        // The engineer answers from the chat; the commander takes over in the console.
        synapse.says(&ana, &room, "n1", &text("!qd ack")).await;
        deck.until("acknowledged", |board| board.incidents().any(|one| one.phase() == Phase::Acknowledged)).await;
        assert_eq!(form(&deck, &at("take_role"), &[("role", "commander"), ("person", "bo")]).await.0, 200);
        for title in ["pause the bridge", "move the funds"] {
            let task = [("title", title), ("resources", "flag:bridge")];
            assert_eq!(form(&deck, &at("add_task"), &task).await.0, 200, "{title}");
        }

        // Both reach for the bridge: who comes second is stopped, and told of whom.
        synapse.says(&ana, &room, "n2", &text("!qd claim 1")).await;
        deck.until("claimed", |board| {
            board.incidents().any(|one| one.tasks().values().any(|task| task.claim().is_some()))
        })
        .await;
        let (status, page) = form(&deck, &at("claim_task"), &[("task", "2")]).await;
        assert!(status == 409 && page.contains("held by ana"), "{status} {page}");

        // The homeserver dies and comes back, and so do we. Nothing that was said is lost, and nothing is there twice.
        synapse.kill();
        for number in 0..3 {
            let words = format!("while it was away {number}");
            assert_eq!(form(&deck, &at("say"), &[("text", &words)]).await.0, 200);
        }
        let deck = deck.crash().await;
        synapse.begin().await;
        heard_there(&synapse, &ana, &room, "bo: while it was away 2").await;
        synapse.says(&ana, &room, "n3", &text("the pauser has signed")).await;
        heard_here(&deck, &id, "the pauser has signed").await;
        let said = there(&synapse, &ana, &room).await;
        let away: Vec<&String> = said.iter().filter(|text| text.starts_with("bo: while it was away")).collect();
        assert_eq!(away.len(), 3, "{away:?}");

        // It is not over, and cannot be called so but by name and with a reason.
        let (status, page) = form(&deck, &at("resolve"), &[("note", "paused it")]).await;
        assert!(status == 409 && page.contains("check `done`"), "{status} {page}");
        synapse.says(&ana, &room, "n4", &text("!qd done 1 paused by three of five")).await;
        deck.until("done", |board| board.incidents().any(|one| one.open_tasks().len() == 1)).await;
        let (status, page) = form(&deck, &at("resolve"), &[("note", "paused it")]).await;
        assert!(status == 409 && page.contains("check `done`"), "one task is left: {status} {page}");
        let over = [("note", "paused it"), ("override", "the funds move tomorrow")];
        let (status, page) = form(&deck, &at("resolve"), &over).await;
        assert_eq!(status, 200, "{page}");
        deck.settled().await;

        // The review says who and why; the bundle proves it to somebody who has nothing of ours but the key.
        let review = deck.http.get(format!("{}/api/v1/incidents/{id}/review?format=md", deck.base)).bearer_auth(VIEWER);
        let review = review.send().await.unwrap().text().await.unwrap();
        for words in ["IN SPITE OF", "the funds move tomorrow", "the pauser has signed", "pause the bridge"] {
            assert!(review.contains(words), "`{words}` is not in it:\n{review}");
        }
        let bundle = Bundle::decode(&deck.client(VIEWER).bundle(&id, false).await.unwrap()).unwrap();
        bundle.verify(&deck.running.key).unwrap();
        let all = format!("{:?}", bundle.events());
        assert!(!all.is_empty() && bundle.events().len() > 15, "{}", bundle.events().len());
        deck.receiver.rest().await;
        deck.finish().await;
    })
    .await;
}
