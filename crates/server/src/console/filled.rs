//! A filled form as the request that a program would send. Tests: below.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use quarterdeck_api::Command;
use quarterdeck_core::{
    incident::offer::{CommandKind, Field, FieldKind},
    money::Usd,
};
use serde_json::{Map, Value, json};

use crate::http::{Refused, extract::shortened};

/// What was typed into a form, by field.
pub(crate) type Typed = BTreeMap<String, String>;

/// A path segment as an address carries it.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The request that a filled form means.
pub(crate) fn command(kind: &CommandKind, typed: &Typed) -> Result<Command, Refused> {
    let mut request: Map<String, Value> = [("command".to_owned(), json!(kind.word))].into_iter().collect();
    for (name, text) in typed {
        let field = kind.fields.iter().find(|field| field.name == name);
        let unknown = || Refused::bad_request(format!("`{}` has no field `{}`", kind.word, shortened(name)));
        if let Some(value) = value(field.ok_or_else(unknown)?, text)? {
            request.insert(name.clone(), value);
        }
    }
    serde_json::from_value(Value::Object(request)).map_err(|error| Refused::bad_request(error.to_string()))
}

/// What was typed into a field, as a request has it; none: nothing was.
fn value(field: &Field, text: &str) -> Result<Option<Value>, Refused> {
    let wrong = |message: String| Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_number", message);
    let short = shortened(text);
    Ok(match field.kind {
        // Browsers end lines in forms with CR LF; the log keeps what people typed.
        FieldKind::Text => Some(json!(text.replace("\r\n", "\n"))),
        FieldKind::Choice(_)
        | FieldKind::Person
        | FieldKind::Whom
        | FieldKind::Policy
        | FieldKind::Incident
        | FieldKind::Signal
        | FieldKind::Message
        | FieldKind::Key => (!text.is_empty()).then(|| json!(text)),
        FieldKind::Task | FieldKind::Check | FieldKind::When => (!text.trim().is_empty()).then(|| json!(text.trim())),
        // One on each line, or with commas between.
        FieldKind::Resources | FieldKind::People => {
            let each = text.split(['\n', ',']).map(str::trim).filter(|one| !one.is_empty());
            Some(json!(each.collect::<Vec<&str>>()))
        }
        FieldKind::Cents => {
            let money = dollars(text).ok_or_else(|| {
                wrong(format!("`{short}` is no amount of US dollars")).hint("write it like 2500000 or 2,500,000.50")
            })?;
            Some(json!(money.cents()))
        }
        FieldKind::Count if text.trim().is_empty() => None,
        FieldKind::Count => Some(json!(whole(text).ok_or_else(|| wrong(format!("`{short}` is no whole number")))?)),
        // A box that is not ticked is not sent.
        FieldKind::Flag => Some(json!(true)),
    })
}

/// US dollars as people write them: `2500000`, `$2,500,000.50`. Nothing written is nothing.
pub(super) fn dollars(text: &str) -> Option<Usd> {
    let text = text.trim().trim_start_matches('$').trim();
    if text.is_empty() {
        return Some(Usd::ZERO);
    }
    let (before, after) = text.split_once('.').unwrap_or((text, ""));
    let cents = match after.len() {
        0 => 0,
        1 => whole(after)?.checked_mul(10)?,
        2 => whole(after)?,
        _ => return None,
    };
    whole(before)?.checked_mul(100)?.checked_add(cents).map(Usd::from_cents)
}

/// Digits, with commas or spaces between them.
pub(super) fn whole(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| !matches!(c, ',' | ' ' | '\u{a0}' | '\u{202f}' | '_')).collect();
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_people_write_it() {
        let read = |text| dollars(text).map(Usd::cents);
        assert_eq!(read("2500000"), Some(250_000_000));
        assert_eq!(read(" $2,500,000.50 "), Some(250_000_050));
        assert_eq!(read("0.5"), Some(50));
        assert_eq!(read(""), Some(0));
        for bad in ["2.5 M", "-1", "1.234", "1.2.3", "abc", "$", "184467440737095517"] {
            let expected = if bad == "$" { Some(0) } else { None };
            assert_eq!(read(bad), expected, "{bad}");
        }
    }

    #[test]
    fn a_filled_form_is_the_request_of_the_api() {
        let request = |word: &str, pairs: &[(&str, &str)]| {
            let filled = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            command(CommandKind::named(word).unwrap(), &filled)
        };
        let text = "two\nlines".to_owned();
        assert_eq!(request("note", &[("text", "two\r\nlines")]).unwrap(), Command::Note { text });
        let into = "inc_1".to_owned();
        assert_eq!(request("merge", &[("into", "inc_1")]).unwrap(), Command::Merge { into });
        assert_eq!(
            request("take_role", &[("role", "scribe"), ("person", "")]).unwrap(),
            Command::TakeRole { role: "scribe".to_owned(), person: None }
        );
        let facts = Command::StateFacts {
            money_at_risk_cents: 250_000_050,
            users: Some(1_200),
            irreversible: false,
            key_compromise: false,
            theft: true,
            replace: false,
        };
        let filled = [("money_at_risk_cents", "$2,500,000.50"), ("users", "1,200"), ("theft", "yes")];
        assert_eq!(request("state_facts", &filled).unwrap(), facts);
    }

    #[test]
    fn a_number_that_is_none_is_refused_with_its_text() {
        let filled = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
        let facts = CommandKind::named("state_facts").unwrap();
        let refused = command(facts, &filled("users", "many")).expect_err("refused");
        assert_eq!(refused.parts(), (StatusCode::UNPROCESSABLE_ENTITY, "`many` is no whole number"));
        let refused = command(facts, &filled("money_at_risk_cents", "a lot")).expect_err("refused");
        assert_eq!(refused.parts(), (StatusCode::UNPROCESSABLE_ENTITY, "`a lot` is no amount of US dollars"));
        let refused = command(facts, &filled("colour", "red")).expect_err("refused");
        assert_eq!(refused.parts(), (StatusCode::BAD_REQUEST, "`state_facts` has no field `colour`"));
    }
}
