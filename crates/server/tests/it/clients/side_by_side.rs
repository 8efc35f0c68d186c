//! Ours and the distribution's Alertmanager side by side: the same requests to both, and the same answers, but for the differences
//! that docs/adr/0055-matchers-as-alertmanager-reads-them.md lists.

use std::collections::BTreeSet;

use quarterdeck_core::time::Timestamp;
use serde_json::{Value, json};
use tokio::process::Child;

use super::{ASK_EVERY, free_port, program, spawn};
use crate::harness::{COMMANDER, Deck, KEY, PATIENCE};

/// Expressions made of these, one after the other.
const PIECES: &[&str] = &[
    "a",
    "b",
    "k",
    "S",
    "é",
    "λ",
    "ß",
    "1",
    ".",
    "-",
    "_",
    "|",
    "(",
    ")",
    "(?:",
    "(?i)",
    "(?s)",
    "(?m)",
    "(?i:",
    "(?U)",
    "(?P<n>",
    "[",
    "]",
    "[^",
    "[a-c",
    "[[:alpha:]]",
    "[[:^digit:]]",
    "[]",
    "a-",
    "&&",
    "~~",
    "--",
    "*",
    "+",
    "?",
    "{2}",
    "{1,3}",
    "{,2}",
    "{",
    "}",
    "^",
    "$",
    r"\d",
    r"\D",
    r"\w",
    r"\W",
    r"\s",
    r"\S",
    r"\b",
    r"\B",
    r"\A",
    r"\z",
    r"\pL",
    r"\PL",
    r"\p{Lu}",
    r"\p{Greek}",
    r"\p{^Lu}",
    r"\x41",
    r"\x{3bb}",
    r"\101",
    r"\n",
    r"\.",
    r"\\",
    r"\Qa.b\E",
    r"\E",
    r"\C",
    r"\u0041",
    "\n",
];

/// Expressions, each of which some implementation reads in another way.
const PATTERNS: &[&str] = &[
    "a.b",
    "(?s)a.b",
    r"\Qa.b\E",
    r"\Qa|b\E+",
    "(?i)STRASSE",
    "(?i)straße",
    "(?i)k",
    "(?i)ſ",
    r"(?i)\x{212a}",
    "(?i)İ",
    "(?i)ς",
    "(?i)[k]",
    "(?i)[^k]",
    r"\w+",
    r"\d+",
    r"\s",
    r"\pL+",
    r"\p{Greek}+",
    r"\p{Lu}",
    r"\PL",
    r"\pN",
    r"\p{^L}",
    r"\P{^L}",
    r"\pZ",
    r"\p{Any}",
    r"\pC",
    r"\p{Cs}",
    r"\p{Cn}",
    r"\p{Letter}",
    r"\p{greek}",
    r"\p{Script=Greek}",
    r"\pLu",
    "[[:alpha:]]+",
    "[[:word:]]+",
    "[[:^alpha:]]",
    "[:alpha:]",
    "[[:foo:]]",
    r"[\d]",
    r"[\pN]",
    r"[\s]",
    r"[\b]",
    r"[a-\d]",
    r"[\Q]\E]",
    "[a-z&&[^b]]",
    "[^a]",
    "[]a]",
    "[a~~b]",
    "[a--b]",
    "[--a]",
    "[z-a]",
    r"\x41",
    r"\x{1F600}",
    r"\x{D800}",
    r"\x{110000}",
    r"\x7",
    r"\101",
    r"\0",
    r"\1",
    r"\8",
    r"\a",
    r"\v",
    r"\e",
    r"\h",
    r"\N",
    r"\R",
    r"\_",
    r"\-",
    r"\/",
    r"\ä",
    r"\cA",
    r"\Z",
    r"\G",
    "a$",
    "^a",
    "(?m)^a$",
    r"\ba\b",
    "(?P<x>a)",
    "(?=a)",
    "(?#c)a",
    "(?x)a b",
    "(?u)a",
    "(?-u)a",
    "(?i-s:a)",
    "(?-)a",
    "a++",
    "a**",
    "a??b",
    "x{2}{3}",
    "a{1000}",
    "a{1001}",
    "(a{100}){10}",
    "(a{100}){11}",
    "a{,2}",
    "a{2,1}",
    "a{",
    "{",
    "a{x}",
    "*a",
    "a|*",
    "[a",
    "(?i:a)b",
    "(?U)a+",
    "a#b",
    "[ ]",
    "a\nb",
    "(?s:.)",
    "(?-s).",
    "()a",
    "a{01}",
];

const VALUES: &[&str] = &[
    "a\nb", "a.b", "axb", "ab", "a", "b", "A", "STRASSE", "strasse", "straße", "k", "K", "\u{212a}", "é", "é9", "9",
    "٣", " ", "\u{a0}", "\t", "\u{b}", "λ", "Λ", "ς", "Σ", "abc", "aaaaaa", "]", "|", "{", "a{", "a{x}", "😀", "-",
    "_", "/", "ä", "a b", "ſ", "s", "S", "a{,2}", "aa", "aaa", "b]", "\n", "\u{7}", "LL", "ß", "ẞ", "İ", "i", "a#b",
    "~", "1", "ba", "a|b", "11", "kk", "é.", "Ab",
];

/// Filters as people and `amtool` write them.
const FILTERS: &[&str] = &[
    "v=a",
    "v!=a",
    "v=",
    "v!=",
    "v=~",
    "v!~",
    "v=~.*",
    "v=~.+",
    "v!~.*",
    "v!~.+",
    "z=",
    "z!=",
    "z=~.*",
    "z!~.*",
    "z=~",
    "z!~",
    "z!=q",
    "z!~q",
    "z=~|q",
    "z=q",
    "v=\"\"",
    "v=\"a\"",
    " v = a ",
    "v = \"a b\"",
    "v==a",
    "v=\"a",
    "v=a\"",
    "v='a'",
    "v=`a`",
    "v=~\"a|b\"",
    "v=~a|b",
    "v=~(",
    "v=\"a\"x",
    "v=a,z=",
    "{}",
    "",
    "v",
    "=a",
    "v=\\",
    "v=\"\\n\"",
    "v=a\\nb",
    "v=~a\\.b",
    "v=\"a\\.b\"",
    "v=a\\\"",
    "v!b",
    "v~b",
    "v=a b",
    "v=a{",
    "v=a{x}",
    "v={",
    "v:x=a",
    "_v=a",
    "v=é",
    "v=~\"\\d\"",
    "v=~\\d",
    "v=\"\\\"\"",
];

/// One of the two.
struct Side {
    http: reqwest::Client,
    base: String,
    ours: bool,
}

impl Side {
    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let posts_alerts = path == "/api/v2/alerts" && body.is_some();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if self.ours {
            request = request.bearer_auth(if posts_alerts { KEY } else { COMMANDER });
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.base), query).unwrap();
        self.ask(reqwest::Method::GET, &url[url::Position::BeforePath..], None).await
    }

    /// The named field of everything that a filter brings, or that it is refused.
    async fn filtered(&self, path: &str, filter: &str, field: &str) -> Option<BTreeSet<String>> {
        let (status, found) = self.get(path, &[("filter", filter)]).await;
        let found = found.as_array().filter(|_| status == 200)?;
        Some(found.iter().filter_map(|one| one.pointer(field)?.as_str().map(str::to_owned)).collect())
    }

    async fn silence(&self, body: &Value) -> (bool, String) {
        let (status, answer) = self.ask(reqwest::Method::POST, "/api/v2/silences", Some(body)).await;
        (status == 200, answer["silenceID"].as_str().unwrap_or_default().to_owned())
    }
}

struct Both {
    deck: Deck,
    ours: Side,
    theirs: Side,
    _running: Child,
    _folder: tempfile::TempDir,
}

/// Both of them, up, and with the same alerts; none where Alertmanager is not installed.
async fn both() -> Option<Both> {
    let alertmanager = program("prometheus-alertmanager")?;
    let deck = Deck::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("am.yml"), "route: { receiver: none }\nreceivers: [{ name: none }]\n").unwrap();
    let port = free_port().await;
    let args = [
        "--config.file=am.yml".to_owned(),
        "--storage.path=data".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let running = spawn(&alertmanager, folder.path(), &args);
    let ours = Side { http: deck.http.clone(), base: deck.base.clone(), ours: true };
    let theirs = Side { http: deck.http.clone(), base: format!("http://127.0.0.1:{port}"), ours: false };
    let asking = async {
        while theirs.http.get(format!("{}/-/ready", theirs.base)).send().await.is_err() {
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the Alertmanager does not answer");
    // Quiet ones, of which nobody is told.
    let alert =
        |(place, value): (usize, &&str)| json!({"labels": {"id": place.to_string(), "v": value, "severity": "info"}});
    let mut alerts: Vec<Value> = VALUES.iter().enumerate().map(alert).collect();
    alerts.push(json!({"labels": {"id": "none", "severity": "info"}}));
    for side in [&ours, &theirs] {
        assert_eq!(side.ask(reqwest::Method::POST, "/api/v2/alerts", Some(&json!(alerts))).await.0, 200);
    }
    Some(Both { deck, ours, theirs, _running: running, _folder: folder })
}

/// A number below `bound`, and the next state. The same in every run.
fn draw(state: &mut u64, bound: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap() % bound
}

/// What the decision lists: a group closed that was not opened, and a quotation that swallows the group around it.
fn is_listed(pattern: &str) -> bool {
    pattern.contains("(?<") || pattern.rfind(r"\Q") > pattern.rfind(r"\E") || closes_more(pattern)
}

fn closes_more(pattern: &str) -> bool {
    let mut open = 0_i32;
    pattern.chars().any(|c| {
        open += i32::from(c == '(') - i32::from(c == ')');
        open < 0
    })
}

#[tokio::test]
async fn matchers_mean_the_same_on_both() {
    let Some(both) = both().await else { return };
    let mut state = 7;
    let drawn =
        (0..600).map(|_| (0..=draw(&mut state, 5)).map(|_| PIECES[draw(&mut state, PIECES.len())]).collect::<String>());
    let patterns: Vec<String> =
        PATTERNS.iter().map(|pattern| (*pattern).to_owned()).chain(drawn.collect::<Vec<_>>()).collect();
    let mut differences = Vec::new();
    let (mut taken, mut matched) = (0, 0);
    for pattern in patterns.iter().filter(|pattern| !is_listed(pattern)) {
        let escaped = pattern.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
        for filter in [format!("v=~\"{escaped}\""), format!("v!~\"{escaped}\"")] {
            let ours = both.ours.filtered("/api/v2/alerts", &filter, "/labels/id").await;
            let theirs = both.theirs.filtered("/api/v2/alerts", &filter, "/labels/id").await;
            taken += usize::from(theirs.is_some());
            matched += theirs.as_ref().map_or(0, BTreeSet::len);
            if ours != theirs {
                differences.push(format!("{filter}: ours {ours:?}, theirs {theirs:?}"));
            }
        }
    }
    assert!(taken > 400 && matched > 5_000, "{taken} taken, {matched} matched: too little to tell anything");
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    both.deck.finish().await;
}

#[tokio::test]
async fn filters_of_alerts_and_silences_mean_the_same_on_both() {
    let Some(both) = both().await else { return };
    let silences = [
        json!([{"name": "v", "value": "a", "isRegex": false}]),
        json!([{"name": "v", "value": "a", "isRegex": false, "isEqual": false}, {"name": "k", "value": "x", "isRegex": false}]),
        json!([{"name": "v", "value": "a|b", "isRegex": true, "isEqual": null}]),
        json!([{"name": "v", "value": "", "isRegex": false}, {"name": "z", "value": "q", "isRegex": false}]),
        json!([{"name": "v", "value": ".*", "isRegex": true}, {"name": "v", "value": "1", "isRegex": false}]),
        json!([{"name": "z", "value": "q", "isRegex": true, "isEqual": false}, {"name": "w", "value": "1", "isRegex": false}]),
    ];
    for (place, matchers) in silences.iter().enumerate() {
        let body = json!({"matchers": matchers, "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "me", "comment": format!("number {place}")});
        assert!(both.ours.silence(&body).await.0 && both.theirs.silence(&body).await.0, "{matchers}");
    }
    for filter in FILTERS {
        for (path, field) in [("/api/v2/alerts", "/labels/id"), ("/api/v2/silences", "/comment")] {
            let ours = both.ours.filtered(path, filter, field).await;
            assert_eq!(ours, both.theirs.filtered(path, filter, field).await, "{path} {filter}");
        }
    }
    for word in ["true", "false", "1", "t", "YES", "ok", "perhaps", "", "0"] {
        for name in ["active", "silenced"] {
            let (ours, theirs) = (
                both.ours.get("/api/v2/alerts", &[(name, word)]).await,
                both.theirs.get("/api/v2/alerts", &[(name, word)]).await,
            );
            let ids = |found: &Value| -> BTreeSet<String> {
                found.as_array().unwrap().iter().map(|one| one["labels"]["id"].to_string()).collect()
            };
            assert_eq!((ours.0, ids(&ours.1)), (theirs.0, ids(&theirs.1)), "{name}={word}");
        }
    }
    both.deck.finish().await;
}

/// What becomes of a silence that is posted again: whether it is taken, keeps its identifier, and what the known one is then.
async fn posted_again(side: &Side, id: &mut String, change: &Value) -> Value {
    let (_, shown) = side.get(&format!("/api/v2/silence/{id}"), &[]).await;
    let mut body = shown.clone();
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    let (taken, given) = side.silence(&body).await;
    let (_, before) = side.get(&format!("/api/v2/silence/{id}"), &[]).await;
    let same = given == *id;
    if taken {
        *id = given;
    }
    let (_, now) = side.get(&format!("/api/v2/silence/{id}"), &[]).await;
    json!({"taken": taken, "same": same, "known is": before["status"], "kept its start": now["startsAt"] == shown["startsAt"],
        "ends": now["endsAt"], "is": now["status"], "comment": now["comment"]})
}

#[tokio::test]
async fn silences_posted_again_do_the_same_on_both() {
    let Some(both) = both().await else { return };
    let first = json!({"matchers": [{"name": "v", "value": "a", "isRegex": false}], "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2098-01-01T00:00:00Z", "createdBy": "me", "comment": "first"});
    let (mut ours, mut theirs) = (both.ours.silence(&first).await.1, both.theirs.silence(&first).await.1);
    for change in [
        json!({}),
        json!({"endsAt": "2099-01-01T00:00:00Z"}),
        json!({"endsAt": "2097-01-01T00:00:00Z", "comment": "second"}),
        json!({"startsAt": "2020-01-01T00:00:00Z"}),
        json!({"matchers": [{"name": "v", "value": "b", "isRegex": false}]}),
        json!({"matchers": [{"name": "v", "value": "b", "isRegex": true}]}),
        json!({"endsAt": "2020-01-01T00:00:01Z"}),
        json!({"startsAt": "2096-01-01T00:00:00Z"}),
        json!({"startsAt": "2095-01-01T00:00:00Z"}),
        json!({"startsAt": "2020-01-01T00:00:00Z"}),
        json!({"endsAt": ""}),
        json!({"startsAt": ""}),
        json!({"startsAt": "2095-01-01T00:00:00", "endsAt": "2095-01-01 00:00:01"}),
        json!({"id": "00000000-0000-4000-8000-000000000000"}),
    ] {
        let answers = (
            posted_again(&both.ours, &mut ours, &change).await,
            posted_again(&both.theirs, &mut theirs, &change).await,
        );
        assert_eq!(answers.0, answers.1, "{change}");
    }
    // An extender runs for weeks: what it posts back does not grow.
    for _ in 0..50 {
        let answer = posted_again(&both.ours, &mut ours, &json!({"endsAt": "2099-01-01T00:00:00Z"})).await;
        assert_eq!((&answer["taken"], &answer["same"]), (&json!(true), &json!(true)));
    }
    let (_, shown) = both.ours.get(&format!("/api/v2/silence/{ours}"), &[]).await;
    assert!(shown["createdBy"].as_str().unwrap().len() < 60, "{}", shown["createdBy"]);
    both.deck.finish().await;
}

#[tokio::test]
async fn instants_are_read_the_same_on_both() {
    let Some(both) = both().await else { return };
    let instant = |text: &Value| text.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    for ends in [
        "2097-01-01T00:00:00Z",
        "2097-01-01T00:00:00",
        "2097-01-01 00:00:00",
        "2097-01-01T00:00Z",
        "2097-01-01T00:00:00,5Z",
        "2097-01-01T00:00:00.25",
        "2097-01-01T00:00:00.123456789Z",
        "2097-01-01T00:00:00-12:00",
        "2300-01-01T00:00:00Z",
        "2097-01-01",
        "2097-01-01T24:00:00Z",
        "10000-01-01T00:00:00Z",
        "soon",
        "",
        "0001-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z",
    ] {
        let body = json!({"matchers": [{"name": "v", "value": "a", "isRegex": false}], "startsAt": "2020-01-01T00:00:00Z", "endsAt": ends,
            "createdBy": "me", "comment": "c"});
        let (ours, theirs) = (both.ours.silence(&body).await, both.theirs.silence(&body).await);
        assert_eq!(ours.0, theirs.0, "a silence until {ends}");
        if ours.0 {
            let ours = both.ours.get(&format!("/api/v2/silence/{}", ours.1), &[]).await.1["endsAt"].clone();
            let theirs = both.theirs.get(&format!("/api/v2/silence/{}", theirs.1), &[]).await.1["endsAt"].clone();
            assert_eq!(instant(&ours), instant(&theirs), "a silence until {ends}");
        }
        // One that is refused is a signal of ours, and somebody is told: those are tried in the crate that reads them.
        if theirs.0 || ends.starts_with("2020") || ends.starts_with("0001") {
            let alert = json!([{"labels": {"id": "instant", "severity": "info"}, "startsAt": "2020-01-01T00:00:00", "endsAt": ends}]);
            let ours = both.ours.ask(reqwest::Method::POST, "/api/v2/alerts", Some(&alert)).await.0;
            let theirs = both.theirs.ask(reqwest::Method::POST, "/api/v2/alerts", Some(&alert)).await.0;
            assert_eq!(ours, theirs, "an alert until {ends}");
        }
    }
    // The end of the calendar: an alert that holds for ever.
    let forever = json!([{"labels": {"id": "ever", "severity": "info"}, "startsAt": "2020-01-01T00:00:00", "endsAt": "9999-12-31T23:59:59Z"}]);
    for side in [&both.ours, &both.theirs] {
        assert_eq!(side.ask(reqwest::Method::POST, "/api/v2/alerts", Some(&forever)).await.0, 200);
        let found = side.get("/api/v2/alerts", &[("filter", "id=ever")]).await.1;
        assert!(found[0]["endsAt"].as_str().unwrap().starts_with("9999-12-3"), "{found}");
    }
    both.deck.finish().await;
}

/// Pieces of texts that somebody might shorten, trim, escape or sort.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\n",
    "\r\n",
    "\t",
    "a",
    "Z",
    "é",
    "e\u{301}",
    "\u{1F600}",
    "\u{200b}",
    "\"",
    "\\",
    "<b>",
    "{{ $value }}",
    "%",
    "0",
    "\u{1}",
    "\u{fffd}",
];

#[tokio::test]
async fn alerts_are_given_back_as_they_were_posted_on_both() {
    let Some(both) = both().await else { return };
    let mut state = 7;
    let mut text = |most: usize| {
        let pieces = draw(&mut state, most + 1);
        (0..pieces).map(|_| TEXTS[draw(&mut state, TEXTS.len())]).collect::<String>()
    };
    let names = ["summary", "title", "description", "message", "runbook_url", "value", "_x", "Summary"];
    for nth in 0..200 {
        let mut labels = json!({"id": format!("n{nth}"), "severity": "info", "empty": ""});
        let mut annotations = json!({});
        for name in names {
            let (label, annotation) = (text(6), text(40));
            if label.len() % 3 == 1 {
                labels[name] = json!(label);
            }
            if annotation.len() % 4 != 1 {
                annotations[name] = json!(annotation);
            }
        }
        let mut alert = json!({"labels": labels, "startsAt": "2026-11-01T10:00:00.123Z", "endsAt": "2097-01-01T00:00:00Z",
            "generatorURL": format!("http://vm:9090/graph?g0.expr=up%20%3D%3D%20{nth}&g0.tab=1")});
        if nth % 5 > 0 {
            alert["annotations"] = annotations;
        }
        let mut found = Vec::new();
        for side in [&both.ours, &both.theirs] {
            assert_eq!(
                side.ask(reqwest::Method::POST, "/api/v2/alerts", Some(&json!([alert]))).await.0,
                200,
                "{alert}"
            );
            let given = side.get("/api/v2/alerts", &[("filter", &format!("id=n{nth}"))]).await.1;
            let [one] = given.as_array().unwrap().as_slice() else { panic!("{given}") };
            let of = |name: &str| one[name].clone();
            found.push(["labels", "annotations", "generatorURL", "fingerprint", "startsAt", "endsAt"].map(of));
        }
        assert_eq!(found[0], found[1], "{alert}");
    }
    both.deck.finish().await;
}
