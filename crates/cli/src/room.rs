//! `quarterdeck room`: who is in the room of an incident, and what was said there. Writing there is `quarterdeck incident say` and its
//! sisters. Tests: below, and `crates/server/tests/it/room.rs` for what is shown.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use clap::Args;
use quarterdeck_api::{
    Message, Present, Room,
    client::{Client, ClientError},
    listening::{Deaf, Listening},
};

use crate::{
    incident::{Server, runtime},
    output::{Exit, print, print_json, say},
};

/// The room of an incident: who is there, what is pinned, decided and asked, and what was said.
#[derive(Args)]
pub(crate) struct RoomArgs {
    #[command(flatten)]
    server: Server,
    /// inc_…
    id: String,
    /// All of it from the first message on, not only the end
    #[arg(long)]
    all: bool,
    /// Stay there and print what is said, as it is; you are present in the room as long as you do
    #[arg(long)]
    follow: bool,
}

pub(crate) fn run(args: &RoomArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    runtime()?.block_on(async {
        // First listen, then read: nothing that is said in between is missed.
        let listening = if args.follow { Some(client.listen(&args.id).await?) } else { None };
        let mut room = client.room(&args.id, None).await?;
        while args.all
            && let Some(before) = room.earlier
        {
            let mut part = client.room(&args.id, Some(before)).await?;
            part.messages.append(&mut room.messages);
            (room.messages, room.earlier) = (part.messages, part.earlier);
        }
        if args.server.json {
            print_json(&room)?;
        } else {
            print(&in_words(&room))?;
            if room.earlier.is_some() {
                say("hint: there is more before this; --all shows it");
            }
        }
        match listening {
            Some(listening) => follow(&client, args, listening, &room).await,
            None => Ok(Exit::Good),
        }
    })
}

/// How long it waits before it listens again, where the connection is lost.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Prints what is said until it is interrupted. A message that stands otherwise now is printed again, as it stands.
async fn follow(client: &Client, args: &RoomArgs, mut listening: Listening, room: &Room) -> anyhow::Result<Exit> {
    let mut shown: BTreeMap<String, Message> =
        room.messages.iter().map(|message| (message.id.clone(), message.clone())).collect();
    loop {
        match listening.next().await {
            Ok(Some(heard)) if heard.name == "message" => {
                let message: Message = serde_json::from_str(&heard.data).context("read a message")?;
                tell(&mut shown, message, args.server.json)?;
            }
            Ok(Some(heard)) if heard.name == "missed" => catch_up(client, args, &mut shown).await?,
            Ok(Some(_)) => {}
            Ok(None) | Err(Deaf::Lost(_)) => {
                say("hint: the connection is lost; trying again");
                listening = loop {
                    tokio::time::sleep(AGAIN_AFTER).await;
                    match client.listen(&args.id).await {
                        Ok(listening) => break listening,
                        Err(ClientError::Reach { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                };
                catch_up(client, args, &mut shown).await?;
            }
            Err(error @ Deaf::TooLong) => return Err(error.into()),
        }
    }
}

/// What was said while nobody listened.
async fn catch_up(client: &Client, args: &RoomArgs, shown: &mut BTreeMap<String, Message>) -> anyhow::Result<()> {
    for message in client.room(&args.id, None).await?.messages {
        tell(shown, message, args.server.json)?;
    }
    Ok(())
}

fn tell(shown: &mut BTreeMap<String, Message>, message: Message, json: bool) -> anyhow::Result<()> {
    if shown.get(&message.id) == Some(&message) {
        return Ok(());
    }
    if json {
        print(&serde_json::to_string(&message)?)?;
    } else {
        print(&line(&message))?;
    }
    shown.insert(message.id.clone(), message);
    Ok(())
}

fn in_words(room: &Room) -> String {
    let mut lines = Vec::new();
    if let Some(into) = &room.merged_into {
        lines.push(format!("{} is part of {into} now: people go on there", room.incident));
    }
    lines.extend(
        room.merged_from.iter().map(|from| format!("what was said in {from} before it was merged: room {from}")),
    );
    let present: Vec<String> = room.present.iter().map(presence).collect();
    lines.push(if present.is_empty() {
        "nobody is in the room".to_owned()
    } else {
        format!("in the room: {}", present.join(", "))
    });
    lines.extend(room.pins.iter().map(|message| format!("pinned: {}", spoken(message))));
    lines.extend(room.decisions.iter().map(|message| format!("decided: {}", spoken(message))));
    lines
        .extend(room.open_questions.iter().map(|message| format!("open question {}: {}", message.id, spoken(message))));
    if room.messages.is_empty() {
        lines.push("nothing was said yet".to_owned());
    }
    lines.extend(room.messages.iter().map(line));
    lines.join("\n")
}

fn presence(one: &Present) -> String {
    if one.roles.is_empty() { one.name.clone() } else { format!("{} ({})", one.name, one.roles.join(", ")) }
}

/// Who said what, on one line.
fn spoken(message: &Message) -> String {
    let text = message.text.as_deref().unwrap_or("(withdrawn)");
    format!("{}: {}", message.name, text.replace('\n', " / "))
}

/// A message with its instant and its name, by which it is answered, changed or withdrawn.
fn line(message: &Message) -> String {
    let mut marks: Vec<String> = Vec::new();
    if message.kind != "message" {
        marks.push(message.kind.clone());
    }
    if message.edited.is_some() {
        marks.push("changed".to_owned());
    }
    if message.pinned {
        marks.push("pinned".to_owned());
    }
    if let Some(back) = &message.withdrawn {
        let why = if back.reason.is_empty() { String::new() } else { format!(": {}", back.reason) };
        marks.push(format!("by {}{why}", back.by));
    }
    let marks = if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) };
    format!("{}  {}  {}{marks}", message.at, message.id, spoken(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_how_it_stands() {
        let mut message = Message {
            id: "msg_1".to_owned(),
            kind: "decision".to_owned(),
            by: "ana".to_owned(),
            name: "Ana".to_owned(),
            at: "2026-01-05T12:00:00.000Z".to_owned(),
            text: Some("stop\nwithdrawals".to_owned()),
            reply_to: None,
            edited: Some("2026-01-05T12:01:00.000Z".to_owned()),
            withdrawn: None,
            pinned: true,
            answered: false,
            origin: None,
            log_index: 7,
        };
        let told = "2026-01-05T12:00:00.000Z  msg_1  Ana: stop / withdrawals [decision, changed, pinned]";
        assert_eq!(line(&message), told);
        let by = "Bo".to_owned();
        let back = quarterdeck_api::Withdrawn { by, at: String::new(), reason: "a name".to_owned() };
        (message.text, message.withdrawn, message.pinned) = (None, Some(back), false);
        assert!(line(&message).ends_with("Ana: (withdrawn) [decision, changed, by Bo: a name]"), "{}", line(&message));
    }
}
