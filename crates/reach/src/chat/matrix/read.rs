//! What a homeserver tells, as far as it is of use here. Unknown fields and events are passed over: the API grows.

use std::collections::BTreeMap;

use quarterdeck_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chat::words::{Spoken, Utterance};

/// Events of each room in one answer.
pub(super) const EVENTS_PER_ROOM: usize = 50;

/// Which events are asked for, where nothing else is in question.
pub(super) const KINDS_ALONE: &str = r#"{"types":["m.room.message","m.room.redaction","m.room.encrypted"]}"#;

/// What `sync` is asked for: messages of rooms, and nothing else.
pub(super) fn filter() -> String {
    let nothing = json!({"types": []});
    let kinds = ["m.room.message", "m.room.redaction", "m.room.encrypted"];
    json!({
        "presence": nothing, "account_data": nothing,
        "room": {
            "ephemeral": nothing, "account_data": nothing, "state": nothing,
            "timeline": {"limit": EVENTS_PER_ROOM, "types": kinds},
        },
    })
    .to_string()
}

/// The answer of `sync`.
#[derive(Deserialize)]
pub(super) struct Sync {
    pub(super) next_batch: String,
    #[serde(default)]
    pub(super) rooms: Rooms,
}

#[derive(Default, Deserialize)]
pub(super) struct Rooms {
    #[serde(default)]
    pub(super) join: BTreeMap<String, Joined>,
    #[serde(default)]
    pub(super) leave: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct Joined {
    #[serde(default)]
    pub(super) timeline: Timeline,
}

#[derive(Default, Deserialize)]
pub(super) struct Timeline {
    #[serde(default)]
    pub(super) events: Vec<Told>,
    #[serde(default)]
    pub(super) limited: bool,
    pub(super) prev_batch: Option<String>,
}

/// The answer of `messages`.
#[derive(Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) chunk: Vec<Told>,
    pub(super) end: Option<String>,
}

/// An event of a room.
#[derive(Deserialize)]
pub(super) struct Told {
    #[serde(rename = "type")]
    kind: String,
    event_id: String,
    sender: String,
    origin_server_ts: Option<i64>,
    #[serde(default)]
    content: Value,
    /// Where rooms of older versions have it.
    redacts: Option<String>,
}

impl Told {
    /// What it says of the room; none: it is of no use here.
    pub(super) fn utterance(self, room: &str) -> Option<Utterance> {
        let what = match self.kind.as_str() {
            "m.room.message" => message(&self.content)?,
            "m.room.redaction" => {
                let inside = self.content.get("redacts").and_then(Value::as_str).map(str::to_owned);
                Spoken::Withdrawn { of: inside.or(self.redacts)? }
            }
            "m.room.encrypted" => Spoken::Unreadable { why: "it is encrypted, and we have no key".to_owned() },
            _ => return None,
        };
        let (channel, at) = (room.to_owned(), self.origin_server_ts.map(Timestamp::from_ms));
        Some(Utterance { channel, id: self.event_id, by: self.sender, at, what })
    }
}

/// Events of a room in order.
pub(super) fn utterances(room: &str, events: Vec<Told>) -> impl Iterator<Item = Utterance> {
    events.into_iter().filter_map(|event| event.utterance(room))
}

/// What a message says. One whose text was taken by a redaction has none left, and the redaction itself is told.
fn message(content: &Value) -> Option<Spoken> {
    let text = |content: &Value| content.get("body").and_then(Value::as_str).map(str::to_owned);
    let kind = content.get("msgtype").and_then(Value::as_str)?;
    let relates = content.get("m.relates_to");
    let about = |key: &str| relates.and_then(|relates| relates.get(key));
    if about("rel_type").and_then(Value::as_str) == Some("m.replace") {
        let of = about("event_id").and_then(Value::as_str)?.to_owned();
        return Some(Spoken::Edited { of, text: text(content.get("m.new_content")?)? });
    }
    let answers = about("m.in_reply_to").and_then(|reply| reply.get("event_id")).and_then(Value::as_str);
    let text = match kind {
        "m.text" | "m.notice" => text(content)?,
        "m.emote" => format!("* {}", text(content)?),
        // A picture, a file, a place: its name is told, and that it is to be looked at there.
        other => format!("[{}: {}]", other.trim_start_matches("m."), text(content)?),
    };
    let text = if answers.is_some() { without_quote(&text) } else { text };
    Some(Spoken::Said { text, answers: answers.map(str::to_owned) })
}

/// A reply without the lines that older clients repeat of what it answers (removed from the specification in v1.13).
fn without_quote(text: &str) -> String {
    let quoted = text.lines().take_while(|line| line.starts_with("> ")).count();
    if quoted == 0 {
        return text.to_owned();
    }
    text.lines().skip(quoted).skip_while(|line| line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(event: Value) -> Option<Spoken> {
        serde_json::from_value::<Told>(event).unwrap().utterance("!r").map(|utterance| utterance.what)
    }

    fn event(kind: &str, content: &Value) -> Value {
        json!({"type": kind, "event_id": "$1", "sender": "@a:b", "origin_server_ts": 1_795_831_282_590_i64, "content": content})
    }

    #[test]
    fn a_reply_is_told_without_what_it_repeats() {
        let body = "> <@bob:b> is it down?\n> since when\n\nyes, since noon\n> not a quote";
        let content = json!({"msgtype": "m.text", "body": body, "m.relates_to": {"m.in_reply_to": {"event_id": "$0"}}});
        let want = Spoken::Said { text: "yes, since noon\n> not a quote".to_owned(), answers: Some("$0".to_owned()) };
        assert_eq!(told(event("m.room.message", &content)), Some(want));
    }

    #[test]
    fn a_quote_of_ones_own_stays() {
        let content = json!({"msgtype": "m.text", "body": "> as they say\nindeed"});
        let want = Spoken::Said { text: "> as they say\nindeed".to_owned(), answers: None };
        assert_eq!(told(event("m.room.message", &content)), Some(want));
    }

    #[test]
    fn a_redaction_names_its_event_in_either_place() {
        let new = event("m.room.redaction", &json!({"redacts": "$0"}));
        assert_eq!(told(new), Some(Spoken::Withdrawn { of: "$0".to_owned() }));
        let mut old = event("m.room.redaction", &json!({}));
        old["redacts"] = json!("$0");
        assert_eq!(told(old), Some(Spoken::Withdrawn { of: "$0".to_owned() }));
    }

    #[test]
    fn what_has_no_text_any_more_says_nothing() {
        assert_eq!(told(event("m.room.message", &json!({}))), None);
        assert_eq!(told(event("m.room.member", &json!({"membership": "join"}))), None);
    }

    #[test]
    fn what_is_encrypted_is_told_as_unreadable() {
        let content = json!({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA"});
        assert!(matches!(told(event("m.room.encrypted", &content)), Some(Spoken::Unreadable { .. })));
    }
}
