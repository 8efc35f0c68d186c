//! The Matrix chat against a real homeserver. Left out where there is none, unless `CI=true`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]
#![expect(clippy::print_stderr, reason = "says what is left out")]

mod synapse;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::{
    chat::{Chat, Saying, Spoken, Tone, Utterance, Wanted, kind},
    notify::{Parts, SendError, Settings},
};
use serde_json::json;

use self::synapse::{SERVER, Synapse, User};

/// Long enough for what is on its way.
const WAIT: Duration = Duration::from_secs(5);

fn chat(synapse: &Synapse, token: &str) -> Arc<dyn Chat> {
    let given = [("url", synapse.url.as_str()), ("token", token)];
    let settings: BTreeMap<_, _> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    kind("matrix").unwrap().build(&Settings(settings), &Parts::new(SystemClock::new()).unwrap()).unwrap()
}

fn words(text: &str) -> Saying {
    Saying { text: text.to_owned(), tone: Tone::Words, answers: None, instead_of: None }
}

/// What was heard until `enough` of it was, with where to go on.
async fn heard(chat: &dyn Chat, since: &mut String, enough: usize) -> Vec<Utterance> {
    let mut all = Vec::new();
    while all.len() < enough {
        let more = chat.hear(Some(since), WAIT).await.unwrap();
        *since = more.next;
        all.extend(more.utterances);
    }
    all
}

/// A homeserver with us, Alice, and a room for both.
async fn room() -> Option<(Synapse, Arc<dyn Chat>, User, String)> {
    let synapse = Synapse::start().await?;
    let (us, alice) = (synapse.user("quarterdeck").await, synapse.user("alice").await);
    let chat = chat(&synapse, &us.token);
    assert_eq!(chat.account().await.unwrap(), format!("@quarterdeck:{SERVER}"));
    let members = [alice.id.clone()];
    let wanted = Wanted { key: "inc_01", name: "SEV1 vault drained", topic: "see the console", members: &members };
    let channel = chat.channel(&wanted).await.unwrap();
    assert_eq!(chat.channel(&wanted).await.unwrap(), channel, "asked twice, it is the same one");
    let joined = synapse.ask("POST", &format!("rooms/{channel}/join"), Some(&alice), Some(&json!({}))).await;
    assert_eq!(joined["room_id"], channel.as_str());
    Some((synapse, chat, alice, channel))
}

#[tokio::test]
async fn a_channel_carries_words_both_ways() {
    let Some((synapse, chat, alice, channel)) = room().await else { return };
    chat.invite(&channel, &alice.id).await.unwrap();
    let mut since = chat.hear(None, WAIT).await.unwrap().next;
    let said = chat.say(&channel, "k1", &words("paused the vault @room")).await.unwrap();
    assert_eq!(chat.say(&channel, "k1", &words("paused the vault @room")).await.unwrap(), said, "a key says it once");
    let note = synapse.ask("GET", &format!("rooms/{channel}/event/{said}"), Some(&alice), None).await;
    assert_eq!(note["content"]["m.mentions"], json!({}), "nothing in a text rings every device: {note}");
    let reply = json!({
        "msgtype": "m.text", "body": "> <@quarterdeck:qd.test> paused the vault\n\nthanks",
        "m.relates_to": {"m.in_reply_to": {"event_id": said}},
    });
    let first = synapse.says(&alice, &channel, "a1", &reply).await;
    let edit = json!({
        "msgtype": "m.text", "body": "* thank you", "m.new_content": {"msgtype": "m.text", "body": "thank you"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": first},
    });
    synapse.says(&alice, &channel, "a2", &edit).await;
    synapse.ask("PUT", &format!("rooms/{channel}/redact/{first}/a3"), Some(&alice), Some(&json!({}))).await;
    let all = heard(&*chat, &mut since, 2).await;
    assert!(all.iter().all(|one| one.by == alice.id && one.channel == channel && one.at.is_some()), "{all:?}");
    let what: Vec<_> = all.into_iter().map(|one| one.what).collect();
    // The first message was taken back before it was heard: its text is gone, that of its edit is not.
    let edited = Spoken::Edited { of: first.clone(), text: "thank you".to_owned() };
    assert_eq!(what, [edited, Spoken::Withdrawn { of: first }]);
}

#[tokio::test]
async fn what_we_withdraw_is_gone_with_its_edits() {
    let Some((synapse, chat, alice, channel)) = room().await else { return };
    let said = chat.say(&channel, "k1", &words("the key is in the safe")).await.unwrap();
    let instead = Saying { instead_of: Some(said.clone()), ..words("the key is in the other safe") };
    let edit = chat.say(&channel, "k2", &instead).await.unwrap();
    chat.withdraw(&channel, "k3", &[said.clone(), edit.clone()]).await.unwrap();
    for event in [said, edit] {
        let left = synapse.ask("GET", &format!("rooms/{channel}/event/{event}"), Some(&alice), None).await;
        assert_eq!(left["content"], json!({}), "{left}");
    }
}

#[tokio::test]
async fn an_outage_loses_nothing() {
    let Some((mut synapse, chat, alice, channel)) = room().await else { return };
    let mut since = chat.hear(None, WAIT).await.unwrap().next;
    let many = 250;
    for line in 0..many {
        synapse
            .says(&alice, &channel, &format!("m{line}"), &json!({"msgtype": "m.text", "body": line.to_string()}))
            .await;
    }
    synapse.kill();
    let gone = chat.hear(Some(&since), WAIT).await.unwrap_err();
    assert!(matches!(gone, SendError::Retry { .. }), "{gone:?}");
    synapse.begin().await;
    let texts: Vec<String> = heard(&*chat, &mut since, many)
        .await
        .into_iter()
        .map(|one| if let Spoken::Said { text, .. } = one.what { text } else { panic!("{one:?}") })
        .collect();
    let want: Vec<String> = (0..many).map(|line| line.to_string()).collect();
    assert_eq!(texts, want, "more than fit into an answer, in order, each once");
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let Some((synapse, chat, alice, _)) = room().await else { return };
    let mallory = synapse.user("mallory").await;
    let other = json!({"preset": "private_chat"});
    let made = synapse.ask("POST", "createRoom", Some(&mallory), Some(&other)).await;
    let foreign = made["room_id"].as_str().unwrap();
    for refused in [chat.say(foreign, "k", &words("hello")).await.map(drop), chat.invite(foreign, &alice.id).await] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, SendError::Permanent { .. }), "{refused:?}");
        assert!(refused.to_string().ends_with("answered 403 Forbidden: M_FORBIDDEN"), "{refused}");
    }
    let stranger = self::chat(&synapse, "not-a-token");
    let unknown = stranger.account().await.unwrap_err();
    assert!(unknown.to_string().ends_with("answered 401 Unauthorized: M_UNKNOWN_TOKEN"), "{unknown}");
}
