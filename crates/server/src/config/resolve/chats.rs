//! Chat services, and whose account is whose.

use std::collections::BTreeMap;

use quarterdeck_core::{id::ChannelId, near, severity::Severity};
use quarterdeck_reach::{
    chat::{self, CHATS},
    notify::{Parts, Settings},
};

use super::{Mistakes, channels::about_setting};
use crate::{
    chats::{Chats, Joined},
    config::shape::PersonSection,
};

/// The mildest severity whose incidents get a channel, unless the configuration says otherwise: what several people work on.
const USUAL_FROM: Severity = Severity::Sev2;

pub(super) fn chats(
    sections: &BTreeMap<String, BTreeMap<String, toml::Value>>,
    people: &[PersonSection],
    parts: &Parts,
    mistakes: &mut Mistakes<'_>,
) -> Chats {
    let mut chats = Chats::new();
    for (id, values) in sections {
        let header = format!("chat.{id}");
        let Some(_): Option<ChannelId> = mistakes.name(id, (&header, 0, "")) else { continue };
        let kind = values.get("kind").and_then(toml::Value::as_str).unwrap_or_default();
        let Some(kind) = chat::kind(kind) else {
            let known: Vec<&str> = CHATS.iter().map(|known| known.id()).collect();
            let what = if kind.is_empty() {
                "the chat has no `kind`".to_owned()
            } else {
                format!("`{kind}` is no kind of chat")
            };
            mistakes.add(&header, 0, "kind", what, &near::remedy(kind, &known, ""));
            continue;
        };
        let from = from(values.get("from"), &header, mistakes);
        let Some(settings) = settings(values, &header, mistakes) else { continue };
        match kind.build(&settings, parts) {
            Ok(chat) => {
                let accounts = BTreeMap::new();
                chats.insert(id.clone(), Joined { chat, from, accounts });
            }
            Err(error) => {
                let (key, remedy) = about_setting(&error, kind.settings());
                mistakes.add(&header, 0, &key, error.to_string(), &remedy);
            }
        }
    }
    accounts(&mut chats, sections, people, mistakes);
    chats
}

fn from(value: Option<&toml::Value>, header: &str, mistakes: &mut Mistakes<'_>) -> Severity {
    let Some(value) = value else { return USUAL_FROM };
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let read = text.parse::<Severity>();
    mistakes.take(read, (header, 0, "from"), "write `from = \"SEV2\"`").unwrap_or(USUAL_FROM)
}

/// The settings of its kind; none: one could not be read, and would be missed once more.
fn settings(values: &BTreeMap<String, toml::Value>, header: &str, mistakes: &mut Mistakes<'_>) -> Option<Settings> {
    let (mut settings, so_far) = (BTreeMap::new(), mistakes.found.len());
    for (key, value) in values.iter().filter(|(key, _)| !matches!(key.as_str(), "kind" | "from")) {
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        if let Some(text) = mistakes.secret(&text, (header, 0, key)) {
            settings.insert(key.clone(), text);
        }
    }
    (mistakes.found.len() == so_far).then_some(Settings(settings))
}

/// Whose account is whose. Two people with one account, and one person with two on one service, could not be told apart.
fn accounts(
    chats: &mut Chats,
    sections: &BTreeMap<String, BTreeMap<String, toml::Value>>,
    people: &[PersonSection],
    mistakes: &mut Mistakes<'_>,
) {
    for (nth, person) in people.iter().enumerate() {
        for account in &person.accounts {
            let place = ("person", nth, "accounts");
            let (chat, name) = (account.chat.as_str(), account.account.as_str());
            let Some(values) = sections.get(chat) else {
                let known: Vec<&str> = sections.keys().map(String::as_str).collect();
                let remedy = near::remedy(chat, &known, &format!("add a `[chat.{chat}]`"));
                mistakes.add(place.0, nth, place.2, format!("no chat `{chat}` is configured"), &remedy);
                continue;
            };
            let kind = values.get("kind").and_then(toml::Value::as_str).and_then(chat::kind);
            if let Some(kind) = kind
                && let Err(why) = kind.check_account(name)
            {
                mistakes.add(place.0, nth, place.2, why, &format!("write {}", kind.account()));
                continue;
            }
            let Some(owner) = mistakes.name(person.id.get_ref(), ("person", nth, "id")) else { continue };
            let Some(joined) = chats.get_mut(chat) else { continue };
            if let Some(other) = joined.accounts.get(name) {
                let what = format!("the account `{name}` on chat `{chat}` is {other}'s already");
                mistakes.add(place.0, nth, place.2, what, "give each person their own");
            } else if let Some(other) = joined.account_of(&owner) {
                let what = format!("{owner} has the account `{other}` on chat `{chat}` already");
                mistakes.add(place.0, nth, place.2, what, "keep one of them");
            } else {
                joined.accounts.insert(name.to_owned(), owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use quarterdeck_host::clock::SystemClock;

    use super::*;
    use crate::config::{ConfigError, Configuration, parse};

    fn read(more: &str) -> Result<Configuration, ConfigError> {
        let text = format!(
            r#"
[response]
default_policy = "all"
[channel.hook]
kind = "webhook"
url = "https://example.org/hook"
secret = "0123456789abcdef0123456789abcdef"
[[policy]]
id = "all"
tiers = [{{ people = ["ana"], delay = "5m" }}]
fallback = "ana"
[[person]]
id = "ana"
contacts = [{{ channel = "hook" }}]
{more}"#
        );
        parse(&text, Path::new("."), &Parts::new(SystemClock::new()).unwrap())
    }

    const MATRIX: &str = "[chat.matrix]\nkind = \"matrix\"\nurl = \"https://m.example\"\ntoken = \"t\"\n";

    #[test]
    fn a_chat_has_an_account_of_each_person() {
        let text =
            format!("accounts = [{{ chat = \"matrix\", account = \"@ana:m.example\" }}]\n{MATRIX}from = \"SEV3\"\n");
        let chats = read(&text).unwrap().chats;
        let ana = "ana".parse().unwrap();
        assert_eq!(chats["matrix"].account_of(&ana), Some("@ana:m.example"));
        assert_eq!(chats["matrix"].from, Severity::Sev3);
        assert_eq!(read(MATRIX).unwrap().chats["matrix"].from, USUAL_FROM);
    }

    #[test]
    fn every_mistake_is_named() {
        let account =
            |account: &str| format!("accounts = [{{ chat = \"matrix\", account = \"{account}\" }}]\n{MATRIX}");
        let other = "[[person]]\nid = \"bo\"\ncontacts = [{ channel = \"hook\" }]\n";
        let same = account("@ana:m.example").replacen(
            "[chat",
            &format!("{other}accounts = [{{ chat = \"matrix\", account = \"@ana:m.example\" }}]\n[chat"),
            1,
        );
        for (text, want) in [
            ("[chat.matrix]\n".to_owned(), "the chat has no `kind`"),
            ("[chat.matrix]\nkind = \"matrx\"\n".to_owned(), "`matrx` is no kind of chat"),
            (
                "[chat.matrix]\nkind = \"matrix\"\nurl = \"https://m.example\"\n".to_owned(),
                "kind `matrix` needs the setting `token`",
            ),
            (format!("{MATRIX}form = \"SEV3\"\n"), "kind `matrix` has no setting `form`"),
            (format!("{MATRIX}from = \"SEV9\"\n"), "`SEV9` is no severity"),
            (account("ana"), "`ana` is no Matrix user: want @name:server"),
            (
                account("@ana:m.example").replace("chat = \"matrix\"", "chat = \"matrx\""),
                "no chat `matrx` is configured",
            ),
            (same, "the account `@ana:m.example` on chat `matrix` is ana's already"),
        ] {
            let error = read(&text).map(drop).expect_err(&text);
            let said: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
            assert!(said.iter().any(|one| one.contains(want)), "{text}\n{said:?}");
        }
    }
}
