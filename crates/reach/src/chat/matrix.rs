//! Matrix, by the client-server API (Matrix specification v1.11, `/_matrix/client/v3`), as an ordinary account of a homeserver.
//!
//! A channel is a private room with an alias made of the incident's identifier, so that asking again finds the same one. A key is the
//! transaction of the API: the homeserver says a repeated one once, for the same access token. Synapse 1.163 forgets keys after a day.
//! Messages that were not in an answer because there were too many are read from the room's history, so that an outage loses none.
//!
//! End-to-end encryption is not spoken: in a room where somebody turned it on, each message is told as one that cannot be read.
//! A redaction takes the text of one event and leaves that of its edits (seen with Synapse 1.163), so withdrawing names them all.
//! The access token is a password; nothing here prints it. Tests: `compliance.rs`, and with a real homeserver `tests/matrix.rs`.

mod read;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use self::read::{Chunk, Sync, filter, utterances};
use super::{
    service::{Chat, ChatKind},
    words::{Heard, Saying, Spoken, Tone, Utterance, Wanted},
};
use crate::notify::{
    Parts, SendError, SettingError, SettingSpec, Settings,
    exchange::{ALLOW_HTTP, Answer, CA_FILE, Exchange, TIMEOUT},
};

/// Bytes of one answer: a room's event has at most 64 KiB, and an answer [`read::EVENTS_PER_ROOM`] of each room.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Events read from the history of a room at once.
const HISTORY_CHUNK: &str = "100";
/// How many such reads fill one gap: ten thousand messages. Of more, people are told that they were not read.
const HISTORY_CHUNKS_MAX: usize = 100;

/// The kind.
pub struct Matrix;

impl ChatKind for Matrix {
    fn id(&self) -> &'static str {
        "matrix"
    }
    fn title(&self) -> &'static str {
        "Matrix: a room for each incident on a homeserver (Synapse and others)"
    }
    fn account(&self) -> &'static str {
        "a user of a homeserver, such as @alice:example.org"
    }
    fn check_account(&self, account: &str) -> Result<(), String> {
        let whole = account.strip_prefix('@').and_then(|rest| rest.split_once(':'));
        match whole {
            Some((name, server))
                if !name.is_empty() && !server.is_empty() && !account.contains(char::is_whitespace) =>
            {
                Ok(())
            }
            Some(_) | None => Err(format!("`{account}` is no Matrix user: want @name:server")),
        }
    }
    fn settings(&self) -> &'static [SettingSpec] {
        const {
            &[
                SettingSpec {
                    name: "url",
                    doc: "The homeserver's address, such as https://matrix.example.org.",
                    required: true,
                    secret: false,
                },
                SettingSpec {
                    name: "token",
                    doc: "The access token of an account made for Quarterdeck. Whoever has it can read and write as that account.",
                    required: true,
                    secret: true,
                },
                ALLOW_HTTP,
                CA_FILE,
                TIMEOUT,
            ]
        }
    }
    fn build(&self, settings: &Settings, parts: &Parts) -> Result<Arc<dyn Chat>, SettingError> {
        settings.fit(self.id(), self.settings())?;
        let token = settings.get("token").unwrap_or_default();
        let bearer = format!("Bearer {token}").parse::<header::HeaderValue>().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        // What was pasted with a blank or a quotation mark would be a token that nobody knows, and found out at three in the morning.
        let one_word = token.bytes().all(|byte| byte.is_ascii_graphic());
        let bearer = bearer.ok().filter(|_| one_word).ok_or_else(|| SettingError::Bad {
            kind: self.id(),
            name: "token",
            reason: "an access token is one word of ASCII".to_owned(),
        })?;
        Ok(Arc::new(Homeserver { exchange: Exchange::new(self.id(), settings, parts, None)?, bearer }))
    }
}

struct Homeserver {
    exchange: Exchange,
    bearer: header::HeaderValue,
}

impl std::fmt::Debug for Homeserver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Homeserver").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Whoami {
    user_id: String,
}

#[derive(Deserialize)]
struct Room {
    room_id: String,
}

#[derive(Deserialize)]
struct Event {
    event_id: String,
}

/// What a homeserver says when it refuses.
#[derive(Deserialize)]
struct Refused {
    errcode: String,
    retry_after_ms: Option<u64>,
}

impl Homeserver {
    fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        self.asking(method, segments, &[])
    }

    fn asking(&self, method: Method, segments: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let all: Vec<&str> = ["_matrix", "client", "v3"].into_iter().chain(segments.iter().copied()).collect();
        self.exchange.below(method, &all, query).header(header::AUTHORIZATION, self.bearer.clone())
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, SendError> {
        let answer = self.exchange.ask(request, self.exchange.timeout(), ANSWER_BYTES_MAX).await?;
        self.understood(&answer)
    }

    async fn put(&self, segments: &[&str], body: &Value) -> Result<Event, SendError> {
        self.ask(self.request(Method::PUT, segments).json(body)).await
    }

    fn understood<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, SendError> {
        if !answer.status().is_success() {
            return Err(self.refusal(answer));
        }
        // A sign-in page or a proxy's greeting is a 200, too.
        answer.json().map_err(|_| {
            let (place, status) = (self.exchange.place(), answer.status());
            SendError::unknown(format!("{place} answered {status} with something that is not of the Matrix API"))
        })
    }

    fn refusal(&self, answer: &Answer) -> SendError {
        let refused = answer.json::<Refused>().ok().filter(|refused| is_errcode(&refused.errcode));
        let wait = refused.as_ref().and_then(|refused| refused.retry_after_ms).map(Duration::from_millis);
        match self.exchange.refusal(answer, refused.as_ref().map(|refused| refused.errcode.as_str())) {
            SendError::Retry { after, reason } => SendError::Retry { after: after.or(wait), reason },
            other => other,
        }
    }

    /// Whether an answer refuses with this word.
    fn says(answer: &Answer, errcode: &str) -> bool {
        !answer.status().is_success() && answer.json::<Refused>().is_ok_and(|refused| refused.errcode == errcode)
    }

    /// The messages of a room between two places, earliest first: those that were too many for an answer.
    async fn history(&self, room: &str, back_from: &str, to: &str) -> Result<Vec<Utterance>, SendError> {
        let mut from = back_from.to_owned();
        let mut all = Vec::new();
        for _ in 0..HISTORY_CHUNKS_MAX {
            let query =
                [("dir", "b"), ("limit", HISTORY_CHUNK), ("from", &from), ("to", to), ("filter", read::KINDS_ALONE)];
            let chunk: Chunk = self.ask(self.asking(Method::GET, &["rooms", room, "messages"], &query)).await?;
            all.extend(chunk.chunk.into_iter().filter_map(|event| event.utterance(room)));
            match chunk.end {
                Some(end) if end != from => from = end,
                Some(_) | None => {
                    all.reverse();
                    return Ok(all);
                }
            }
        }
        all.reverse();
        let why = format!("more than {} messages came at once, and earlier ones were not read", all.len());
        let gap = Utterance {
            channel: room.to_owned(),
            id: format!("gap before {from}"),
            by: String::new(),
            at: None,
            what: Spoken::Unreadable { why },
        };
        all.insert(0, gap);
        Ok(all)
    }
}

#[async_trait]
impl Chat for Homeserver {
    async fn account(&self) -> Result<String, SendError> {
        Ok(self.ask::<Whoami>(self.request(Method::GET, &["account", "whoami"])).await?.user_id)
    }

    async fn channel(&self, wanted: &Wanted<'_>) -> Result<String, SendError> {
        let name = format!("quarterdeck-{}", wanted.key);
        let body = json!({
            "room_alias_name": name, "name": wanted.name, "topic": wanted.topic, "preset": "private_chat",
            "invite": wanted.members, "creation_content": {"m.federate": true},
        });
        let request = self.request(Method::POST, &["createRoom"]).json(&body);
        let answer = self.exchange.ask(request, self.exchange.timeout(), ANSWER_BYTES_MAX).await?;
        if !Self::says(&answer, "M_ROOM_IN_USE") {
            return Ok(self.understood::<Room>(&answer)?.room_id);
        }
        let own = self.account().await?;
        let server = own.split_once(':').map_or("", |(_, server)| server);
        let alias = format!("#{name}:{server}");
        Ok(self.ask::<Room>(self.request(Method::GET, &["directory", "room", &alias])).await?.room_id)
    }

    async fn invite(&self, channel: &str, account: &str) -> Result<(), SendError> {
        let request = self.request(Method::POST, &["rooms", channel, "invite"]).json(&json!({ "user_id": account }));
        let answer = self.exchange.ask(request, self.exchange.timeout(), ANSWER_BYTES_MAX).await?;
        if answer.status() == StatusCode::FORBIDDEN {
            // Whoever is in the room cannot be invited; the same word says that we may not invite. The room knows which.
            let state = self.request(Method::GET, &["rooms", channel, "state", "m.room.member", account]);
            let member = self.exchange.ask(state, self.exchange.timeout(), ANSWER_BYTES_MAX).await?;
            let joined = member.json::<Value>().is_ok_and(|member| member.get("membership") == Some(&json!("join")));
            return if member.status().is_success() && joined { Ok(()) } else { Err(self.refusal(&answer)) };
        }
        self.understood::<Value>(&answer).map(drop)
    }

    async fn say(&self, channel: &str, key: &str, saying: &Saying) -> Result<String, SendError> {
        Ok(self.put(&["rooms", channel, "send", "m.room.message", key], &content(saying)).await?.event_id)
    }

    async fn withdraw(&self, channel: &str, key: &str, said: &[String]) -> Result<(), SendError> {
        for (event, place) in said.iter().zip(0_usize..) {
            let key = format!("{key}-{place}");
            self.put(&["rooms", channel, "redact", event, &key], &json!({})).await?;
        }
        Ok(())
    }

    async fn hear(&self, since: Option<&str>, wait: Duration) -> Result<Heard, SendError> {
        let wait_ms = if since.is_some() { wait.as_millis().to_string() } else { "0".to_owned() };
        let filter = filter();
        let mut query = vec![("timeout", wait_ms.as_str()), ("filter", &filter)];
        query.extend(since.map(|since| ("since", since)));
        let request = self.asking(Method::GET, &["sync"], &query);
        let answer = self.exchange.ask(request, self.exchange.timeout().saturating_add(wait), ANSWER_BYTES_MAX).await?;
        let sync: Sync = self.understood(&answer)?;
        let own = self.account().await?;
        let mut heard = Heard { next: sync.next_batch, utterances: Vec::new() };
        for (room, joined) in sync.rooms.join {
            if let (true, Some(before), Some(since)) = (joined.timeline.limited, &joined.timeline.prev_batch, since) {
                heard.utterances.extend(self.history(&room, before, since).await?);
            }
            heard.utterances.extend(utterances(&room, joined.timeline.events));
        }
        for room in sync.rooms.leave.into_keys() {
            let (id, by) = (String::new(), String::new());
            heard.utterances.push(Utterance { channel: room, id, by, at: None, what: Spoken::SentAway });
        }
        // What we said ourselves is known here, and so is what we withdrew.
        heard.utterances.retain(|utterance| utterance.by != own);
        Ok(heard)
    }
}

/// What is said, as a message of a room. It mentions nobody, whatever stands in the text.
fn content(saying: &Saying) -> Value {
    let kind = match saying.tone {
        Tone::Words => "m.text",
        Tone::Notice => "m.notice",
    };
    let mut content = json!({"msgtype": kind, "body": saying.text, "m.mentions": {}});
    if let Some(object) = content.as_object_mut() {
        if let Some(of) = &saying.instead_of {
            let new = object.clone();
            object.insert("body".to_owned(), json!(format!("* {}", saying.text)));
            object.insert("m.new_content".to_owned(), Value::Object(new));
            object.insert("m.relates_to".to_owned(), json!({"rel_type": "m.replace", "event_id": of}));
        } else if let Some(of) = &saying.answers {
            object.insert("m.relates_to".to_owned(), json!({"m.in_reply_to": {"event_id": of}}));
        }
    }
    content
}

/// Whether this is one of the specification's words, and so fit to be repeated.
fn is_errcode(word: &str) -> bool {
    let rest = word.strip_prefix("M_").unwrap_or_default();
    (1..=40).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
