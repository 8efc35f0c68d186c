//! Every value of every example, mistyped: it is told in one message, which names the key and the line, and what was meant where that
//! can be guessed. A check that passes what it should not, or buries the one mistake under ten that follow from it, is no help to
//! somebody who sets this up at night.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where something is not as it should be"
)]

use std::{fs, path::Path};

use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::config::{self, Mistake};

/// Keys whose text must be a certain thing: a name of something else in the file, an address, a span, an instant, a word of a list.
const CHECKED: &[&str] = &[
    "person",
    "fallback",
    "policy",
    "default_policy",
    "channel",
    "schedules",
    "people",
    "depends_on",
    "delay",
    "acknowledgement",
    "window",
    "reopen",
    "stale_after",
    "poll_every",
    "from",
    "until",
    "start",
    "as_of",
    "zone",
    "role",
    "criticality",
    "page_at",
    "traces",
    "open_at",
    "kind",
    "http",
    "ws",
    "url",
    "base_url",
    "witnesses",
    "listen",
    "token",
    "tls",
    "services",
    "facts",
    "loudest",
    "bundle",
    "silence_notice",
    "watch",
    "max_age",
    "every",
    "timeout",
    "for",
    "expect",
    "severities",
    "wallet",
    "asset",
    "method",
    "at_least",
];

fn parts() -> Parts {
    Parts::new(SystemClock::new()).unwrap()
}

fn mistakes(text: &str, folder: &Path, parts: &Parts) -> Vec<Mistake> {
    config::parse(text, folder, parts).err().map(|error| error.mistakes().to_vec()).unwrap_or_default()
}

/// A file with one mistake, the line it is in, and the word that must be named.
struct Mutant {
    text: String,
    line: usize,
    key: String,
}

/// The places in `line`, in bytes, of each `key = value` that stands outside of strings and comments: the key, its place and that of
/// its value.
fn pairs(line: &str) -> Vec<(&str, usize, usize)> {
    let (mut found, mut quoted) = (Vec::new(), false);
    for (place, letter) in line.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '#' if !quoted => break,
            '=' if !quoted => {
                let before = line[..place].trim_end();
                let begin =
                    before.rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).map_or(0, |at| at + 1);
                let value = place + 1 + (line[place + 1..].len() - line[place + 1..].trim_start().len());
                found.push((&before[begin..], begin, value));
            }
            _ => {}
        }
    }
    found
}

fn mutants(text: &str) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let mut table = "";
    for (number, line) in (1..).zip(&lines) {
        if line.starts_with('[') {
            table = line;
        }
        let mut add = |key: &str, changed: String| {
            let mut all: Vec<&str> = lines.clone();
            all[number - 1] = &changed;
            mutants.push(Mutant { text: all.join("\n"), line: number, key: key.to_owned() });
        };
        for (key, begin, value) in pairs(line) {
            let rest = &line[value..];
            let first = rest.chars().next().unwrap_or(' ');
            // The first text of a value, or of a list of texts.
            let quoted = if rest.starts_with('"') { Some(value) } else { rest.strip_prefix("[\"").map(|_| value + 1) };
            if let Some(at) = quoted {
                let end = at + 1 + line[at + 1..].find('"').unwrap();
                let was = &line[at + 1..end];
                let mailbox = key == "address" && was.contains('@');
                let address = key == "address" && was.starts_with("0x");
                if CHECKED.contains(&key) || mailbox || address {
                    add(key, format!("{}\"zzz zzz\"{}", &line[..at], &line[end + 1..]));
                }
                if was.starts_with("0x") && was.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    let (head, tail) = was.split_at(was.len() - 2);
                    let swapped: String = tail.chars().rev().collect();
                    add(key, format!("{}\"{head}{swapped}\"{}", &line[..at], &line[end + 1..]));
                }
            } else if first.is_ascii_digit() || rest.starts_with("true") || rest.starts_with("false") {
                let end =
                    value + rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
                add(key, format!("{}\"zzz\"{}", &line[..value], &line[end..]));
            }
            // Words of severity are whatever somebody's tools say.
            if begin == 0 && key != "kind" && table != "[severity_words]" {
                let changed = format!("{key}z");
                add(&changed, format!("{changed}{}", &line[key.len()..]));
            }
        }
    }
    mutants
}

#[test]
fn one_mistake_is_one_message_with_its_key_and_its_line() {
    let parts = parts();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let (mut tried, mut wrong) = (0, Vec::new());
    for name in ["minimal.toml", "ethereum.toml", "exchange.toml"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(mistakes(&text, &folder, &parts), [], "{name}");
        for Mutant { text, line, key } in mutants(&text) {
            tried += 1;
            let found = mistakes(&text, &folder, &parts);
            let good = match found.as_slice() {
                [one] => {
                    let named = one.path.contains(&key) || one.what.contains(&key);
                    named && one.line == Some(line) && !one.remedy.is_empty()
                }
                _ => false,
            };
            if !good {
                let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
                wrong
                    .push(format!("{name} line {line} `{key}`: {:?}: {shown:#?}", text.lines().nth(line - 1).unwrap()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 200, "{tried}");
}

/// What is said about `text` after `from` became `to` in it.
fn said(from: &str, to: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let text = fs::read_to_string(folder.join("exchange.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    let found = mistakes(&text.replacen(from, to, 1), &folder, &parts());
    let [one] = found.as_slice() else { panic!("{to}: {found:#?}") };
    one.to_string()
}

#[test]
fn the_remedy_names_what_was_meant() {
    for (from, to, remedy) in [
        ("traces = \"required\"", "tracs = \"required\"", "write `traces` if that is meant, or remove the key"),
        ("policy = \"custody\"", "policy = \"custdoy\"", "write `custody` if that is meant, or add a `[[policy]]`"),
        ("channel = \"slack\"", "channel = \"slak\"", "write `slack` if that is meant, or add a `[channel.slak]`"),
        ("role = \"wallet\"", "role = \"walet\"", "write `wallet` if that is meant"),
        ("kind = \"smtp\"", "kind = \"smpt\"", "write `smtp` if that is meant"),
        ("routing_key =", "rooting_key =", "write `routing_key` if that is meant, or remove it"),
        (
            "\"alice@exchange.example\"",
            "\"alice\"",
            "write a mailbox: `alice@example.com` or `Alice <alice@example.com>`",
        ),
    ] {
        let said = said(from, to);
        assert!(said.ends_with(&format!("\n  hint: {remedy}")), "{to}: {said}");
    }
}

#[test]
fn addresses_that_nobody_watches_are_a_warning_and_mistyped_ones_a_mistake() {
    let usdc = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
    let typed = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB84";
    let mistyped = said(usdc, typed);
    assert!(mistyped.contains(&format!("asset[2].token`: `{typed}` is mistyped")), "{mistyped}");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let text = fs::read_to_string(folder.join("exchange.toml")).unwrap();
    let lower = text.replace(usdc, &usdc.to_lowercase());
    assert_eq!(mistakes(&lower, &folder, &parts()), []);

    let elsewhere = text.replace("{ chain = 8453, address", "{ chain = 10, address");
    let line = elsewhere.lines().position(|line| line.contains("{ chain = 10, address")).unwrap() + 1;
    let read = config::parse(&elsewhere, &folder, &parts()).unwrap_or_else(|error| panic!("{error}"));
    let [warning] = read.warnings.as_slice() else { panic!("{:?}", read.warnings) };
    assert_eq!(warning.line, Some(line));
    assert_eq!(warning.what, "no source follows chain 10: what happens to an address there is not seen");
}

#[test]
fn where_people_open_the_console_is_a_whole_address() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let text = fs::read_to_string(folder.join("minimal.toml")).unwrap();
    let with = |url: &str| {
        if text.contains("[server]") {
            text.replacen("[server]", &format!("[server]\nbase_url = \"{url}\""), 1)
        } else {
            format!("[server]\nbase_url = \"{url}\"\n{text}")
        }
    };
    for bare in ["quarterdeck.example.com", "localhost:7117", "//quarterdeck", "ftp://quarterdeck", "https://", ""] {
        let found = mistakes(&with(bare), &folder, &parts());
        let [one] = found.as_slice() else { panic!("{bare}: {found:#?}") };
        assert!(one.path == "server.base_url" && one.what.contains(bare), "{one}");
    }
    for whole in ["https://quarterdeck.example.com", "http://10.0.0.1:7117", "https://example.com/quarterdeck"] {
        assert_eq!(mistakes(&with(whole), &folder, &parts()), [], "{whole}");
    }
}
