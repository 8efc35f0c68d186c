//! A Slack-compatible incoming webhook: Slack itself, Mattermost, Rocket.Chat, Discord's `/slack` address.
//!
//! Everything is said twice: in `text`, which all of them show, and in `blocks`, which Slack shows instead, with a button. The
//! URL is a password; nothing here prints it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    Message, Notifier, NotifierKind, Parts, Receipt, SendError, SettingError, SettingSpec, Settings,
    exchange::{ALLOW_HTTP, Answer, CA_FILE, Exchange, TIMEOUT},
    words::{headline, invitation, link, one_line, origin, paragraphs},
};

/// Characters of one text object: Slack refuses more.
const TEXT_CHARS_MAX: usize = 3_000;
/// Characters of a headline: one line and a half on a phone.
const HEADLINE_CHARS_MAX: usize = 300;
/// Blocks of one message: Slack refuses more.
const BLOCKS_MAX: usize = 50;
/// Blocks that are not paragraphs: headline, button, origin.
const BLOCKS_OF_OURS: usize = 3;
/// Bytes of a button's URL: Slack refuses more.
const BUTTON_URL_BYTES_MAX: usize = 3_000;

/// The kind.
pub struct Slack;

impl NotifierKind for Slack {
    fn id(&self) -> &'static str {
        "slack"
    }
    fn title(&self) -> &'static str {
        "Slack-compatible incoming webhook (Slack, Mattermost, Rocket.Chat)"
    }
    fn address(&self) -> &'static str {
        "who is mentioned: a member id such as U012AB3CD, a user group id such as S012AB3CD, `here`, `channel`, or @name; \
         empty mentions nobody"
    }
    fn settings(&self) -> &'static [SettingSpec] {
        const {
            &[
                SettingSpec {
                    name: "url",
                    doc: "The incoming webhook's URL. Whoever knows it can post to the channel.",
                    required: true,
                    secret: true,
                },
                ALLOW_HTTP,
                CA_FILE,
                TIMEOUT,
            ]
        }
    }
    fn build(&self, settings: &Settings, parts: &Parts) -> Result<Arc<dyn Notifier>, SettingError> {
        settings.check(self)?;
        Ok(Arc::new(Sender(Exchange::new(self.id(), settings, parts, None)?)))
    }
}

#[derive(Debug)]
struct Sender(Exchange);

#[async_trait]
impl Notifier for Sender {
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let answer = self.0.post_json(compose(message).to_string().into_bytes(), &[]).await?;
        self.judge(&answer)
    }
}

impl Sender {
    fn judge(&self, answer: &Answer) -> Result<Receipt, SendError> {
        let text = answer.text();
        let word = KNOWN_WORDS.iter().find(|(word, _)| text.contains(word));
        if !answer.status().is_success() {
            return Err(match word {
                Some((word, Fate::Later)) => SendError::Retry {
                    after: answer.retry_after(),
                    reason: format!("{} answered {} `{word}`", self.0.place(), answer.status()),
                },
                Some((word, Fate::Never)) => {
                    SendError::permanent(format!("{} answered {} `{word}`", self.0.place(), answer.status()))
                }
                None => self.0.refusal(answer, None),
            });
        }
        if is_acceptance(&text) {
            return Ok(Receipt { text: format!("{} answered {} `ok`", self.0.place(), answer.status()) });
        }
        // A sign-in page or a proxy's greeting is a 200, too. A page that only such a thing has seen is not delivered.
        Err(SendError::unknown(format!("{} answered {} without saying `ok`", self.0.place(), answer.status())))
    }
}

/// `ok` (Slack, Mattermost, Discord), `{"success":true}` (Rocket.Chat), or nothing with 2xx (some gateways).
fn is_acceptance(text: &str) -> bool {
    let text = text.trim();
    let success =
        || serde_json::from_str::<Value>(text).ok().is_some_and(|body| body.get("success") == Some(&json!(true)));
    text.is_empty() || text == "ok" || success()
}

enum Fate {
    Never,
    Later,
}

/// The words with which Slack's webhooks refuse, and what each means for a page. Only these are ever quoted.
const KNOWN_WORDS: &[(&str, Fate)] = &[
    ("invalid_payload", Fate::Never),
    ("invalid_blocks", Fate::Never),
    ("invalid_token", Fate::Never),
    ("no_text", Fate::Never),
    ("no_service_id", Fate::Never),
    ("no_service", Fate::Never),
    ("no_active_hooks", Fate::Never),
    ("no_team", Fate::Never),
    ("team_disabled", Fate::Never),
    ("user_not_found", Fate::Never),
    ("channel_not_found", Fate::Never),
    ("channel_is_archived", Fate::Never),
    ("action_prohibited", Fate::Never),
    ("posting_to_general_channel_denied", Fate::Never),
    ("too_many_attachments", Fate::Never),
    ("rollup_error", Fate::Later),
    ("rate_limited", Fate::Later),
];

/// The message as Slack reads it.
fn compose(message: &Message) -> Value {
    let mention = mention(&message.address);
    let head = escape(&headline(message, HEADLINE_CHARS_MAX));
    let head = if mention.is_empty() { head } else { format!("{mention} {head}") };
    let body = escape(&paragraphs(message).join("\n"));
    let origin = escape(&one_line(&origin(message)));
    let link = link(message);

    // What must survive comes first: the text is cut at its end.
    let follow =
        link.as_ref().map_or_else(String::new, |url| format!("\n<{}|{}>", in_angles(url), invitation(message)));
    let whole = format!("*{head}*{follow}\n{body}");
    let text = split(&whole, TEXT_CHARS_MAX).into_iter().next().unwrap_or_default();

    let section = |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
    let mut blocks = vec![section(format!("*{head}*"))];
    blocks.extend(split(&body, TEXT_CHARS_MAX).into_iter().take(BLOCKS_MAX - BLOCKS_OF_OURS).map(section));
    if let Some(url) = link.filter(|url| url.as_str().len() <= BUTTON_URL_BYTES_MAX) {
        let label = json!({"type": "plain_text", "text": invitation(message)});
        blocks.push(json!({"type": "actions", "elements": [
            {"type": "button", "action_id": "open", "style": "primary", "text": label, "url": url.as_str()}
        ]}));
    }
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": origin}]}));
    json!({"text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// The three characters that mean something to Slack. What remains cannot mention, link or call anybody.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A URL between angle brackets: `|` and `>` would end it.
fn in_angles(url: &url::Url) -> String {
    url.as_str().replace('|', "%7C").replace('<', "%3C").replace('>', "%3E")
}

/// Who is called, by the address's shape.
fn mention(address: &str) -> String {
    let is_id = |text: &str| {
        (6..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    match address.trim() {
        word @ ("here" | "channel" | "everyone") => format!("<!{word}>"),
        group if group.starts_with('S') && is_id(group) => format!("<!subteam^{group}>"),
        member if member.starts_with(['U', 'W']) && is_id(member) => format!("<@{member}>"),
        other => escape(&one_line(other)),
    }
}

/// `text` in parts of at most `chars_max` characters, none of which ends inside an escaped character, and cut at the end of a
/// line or a word where one is near. No part is empty.
fn split(text: &str, chars_max: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut length = 0;
    for word in text.split_inclusive([' ', '\n']).flat_map(|word| pieces(word, chars_max)) {
        let more = word.chars().count();
        if length + more > chars_max {
            parts.push(std::mem::take(&mut part));
            length = 0;
        }
        part.push_str(&word);
        length += more;
    }
    parts.push(part);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// A word in pieces that fit, never cut inside `&amp;` and its like.
fn pieces(word: &str, chars_max: usize) -> Vec<String> {
    if word.chars().count() <= chars_max {
        return vec![word.to_owned()];
    }
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for unit in word.split_inclusive(';').flat_map(units) {
        let more = unit.chars().count();
        if length + more > chars_max {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
        piece.push_str(&unit);
        length += more;
    }
    pieces.push(piece);
    pieces
}

/// The characters of a stretch that ends with `;`, with a closing `&…;` kept whole.
fn units(stretch: &str) -> Vec<String> {
    let (plain, entity) = match ["&amp;", "&lt;", "&gt;"].iter().find_map(|entity| stretch.strip_suffix(entity)) {
        Some(plain) => (plain, stretch.strip_prefix(plain).unwrap_or_default()),
        None => (stretch, ""),
    };
    plain.chars().map(String::from).chain((!entity.is_empty()).then(|| entity.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::notify::compliance::message;

    #[test]
    fn a_title_cannot_call_the_channel() {
        let mut message = message();
        message.title = "<!channel> a & b\n<https://evil.example|here>".to_owned();
        message.address = "U012AB3CD".to_owned();
        let text = compose(&message)["text"].as_str().unwrap().to_owned();
        assert!(
            text.starts_with(
                "*<@U012AB3CD> SEV2: &lt;!channel&gt; a &amp; b &lt;https://evil.example|here&gt;*\n\
                 <https://quarterdeck.example/incidents/"
            ),
            "{text}"
        );
    }

    #[test]
    fn an_address_mentions_only_what_it_says() {
        let texts = ["U012AB3CD", "S012AB3CD", "here", "@alice", "<!channel>", "", "U1"].map(mention);
        assert_eq!(texts, ["<@U012AB3CD>", "<!subteam^S012AB3CD>", "<!here>", "@alice", "&lt;!channel&gt;", "", "U1"]);
    }

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        for yes in ["ok", "ok\n", "", "{\"success\":true}"] {
            assert!(is_acceptance(yes), "{yes}");
        }
        for no in ["<html>Please sign in</html>", "{\"success\":false}", "okay?", "null"] {
            assert!(!is_acceptance(no), "{no}");
        }
    }

    proptest! {
        #[test]
        fn any_message_stays_within_slacks_bounds(title in ".{0,400}", text in "(?s).{0,9000}", address in ".{0,30}") {
            let mut message = message();
            (message.title, message.text, message.address) = (title, text, address);
            let body = compose(&message);
            let blocks = body["blocks"].as_array().unwrap();
            prop_assert!(blocks.len() <= BLOCKS_MAX);
            let texts = blocks.iter().filter_map(|block| block["text"]["text"].as_str()).chain(body["text"].as_str());
            for text in texts {
                let chars = text.chars().count();
                prop_assert!((1..=TEXT_CHARS_MAX).contains(&chars), "{chars}");
            }
        }

        #[test]
        fn splitting_loses_nothing_and_cuts_no_entity(text in "([a&<> ;\n]|é){0,300}", max in 5_usize..40) {
            let escaped = escape(&text);
            let parts = split(&escaped, max);
            prop_assert!(parts.iter().all(|part| part.chars().count() <= max));
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&parts.concat()), squeeze(&escaped));
            for part in &parts {
                let bare = part.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
                prop_assert!(!bare.contains('&'), "{}", part);
            }
        }
    }
}
