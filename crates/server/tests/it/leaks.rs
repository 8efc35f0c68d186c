//! Nothing of a restricted incident leaves by any door. The doors are those of the API's description and of the console's sources, so that a
//! new one is tried without anybody's doing; the callers are every role, as a token of nobody, as a person outside, inside, and put out.
//! The incidents are full of one word, in everything that people and monitors can write: outside it must not be seen, by whoever is inside
//! it must, or the test would prove nothing.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use quarterdeck_api::Command;
use serde_json::{Value, json};

use crate::{
    description::operations,
    harness::{ADMIN, COMMANDER, Deck, KEY, PATIENCE, RESPONDER, VIEWER, alert},
};

/// The word. In no address, configuration or page of ours.
const WORD: &str = "oubliette";
const CODE_NAME: &str = "BLUE HERON";

const CARL: &str = "carls-viewer-token-0123";
const CYRA: &str = "cyras-commander-token-01";
const ADAM: &str = "adams-admin-token-012345";
const MIA: &str = "mias-responder-token-012";
const PAT: &str = "pats-commander-token-012";

/// Who asks, and whether they are inside. Bo restricted it; Mia was let in; Pat was, and was put out again.
const CALLERS: [(&str, Option<&str>, bool); 12] = [
    ("nobody", None, false),
    ("a stranger", Some("nobodys-token-0123456789"), false),
    ("a monitor", Some(KEY), false),
    ("a viewer's token", Some(VIEWER), false),
    ("an administrator's token", Some(ADMIN), false),
    ("carl, viewer", Some(CARL), false),
    ("ana, responder, paged before", Some(RESPONDER), false),
    ("cyra, commander", Some(CYRA), false),
    ("adam, administrator", Some(ADAM), false),
    ("pat, commander, put out", Some(PAT), false),
    ("mia, responder, let in", Some(MIA), true),
    ("bo, commander", Some(COMMANDER), true),
];

fn word(more: &str) -> String {
    format!("{WORD} {more}")
}

struct Secret {
    open: String,
    over: String,
    other: String,
    signal: String,
    signal_over: String,
    message: String,
}

async fn people(deck: &Deck) {
    let person = |id: &str, role: &str, token: &str| {
        format!(
            "\n[[person]]\nid = \"{id}\"\ncontacts = [{{ channel = \"hook\", address = \"{id}\" }}]\n\
             [[token]]\nname = \"{id}\"\nrole = \"{role}\"\nperson = \"{id}\"\ntoken = \"{token}\"\n"
        )
    };
    let more = [
        person("carl", "viewer", CARL),
        person("cyra", "commander", CYRA),
        person("adam", "admin", ADAM),
        person("mia", "responder", MIA),
        person("pat", "commander", PAT),
    ];
    let others = "\n[[policy]]\nid = \"others\"\ntiers = [{ people = [\"bo\"], delay = \"15m\" }]\nfallback = \"bo\"\n";
    deck.configure(|text| format!("{text}{}{others}", more.concat())).await;
}

fn claims(service: &str, name: &str) -> Value {
    json!({
        "labels": {"alertname": word(name), "severity": "critical", "service": service, "instance": word("host")},
        "annotations": {"summary": word("summary"), "description": word("description")},
        "generatorURL": format!("http://{WORD}.example/graph"),
    })
}

async fn ask(deck: &Deck, id: &str, command: Value) {
    let command: Command = serde_json::from_value(command).unwrap();
    deck.client(COMMANDER).command(id, &command).await.unwrap_or_else(|refused| panic!("{command:?}: {refused}"));
}

/// Two restricted incidents full of the word, one of them over, and an ordinary one that is in conflict with the open one.
async fn secret(deck: &Deck) -> Secret {
    deck.alert(&json!([claims("bridge", "a")])).await;
    let open = deck.only_incident().await.summary.id;
    fill(deck, &open).await;
    let members = json!(["mia", "pat"]);
    let restrict =
        |name: &str| json!({"command": "restrict", "code_name": name, "reason": word("why"), "members": members});
    ask(deck, &open, restrict(CODE_NAME)).await;
    ask(deck, &open, json!({"command": "put_out", "whom": "pat", "reason": word("out")})).await;
    ask(deck, &open, json!({"command": "page", "whom": "mia", "reason": word("come")})).await;
    fill(deck, &open).await;
    deck.alert(&json!([claims("rpc", "b")])).await;
    let all = deck.client(COMMANDER).incidents(false).await.unwrap();
    let over = all.iter().find(|one| one.id != open).unwrap().id.clone();
    ask(deck, &over, restrict("GREY OWL")).await;
    ask(deck, &over, json!({"command": "put_out", "whom": "pat", "reason": word("out")})).await;
    ask(deck, &over, json!({"command": "acknowledge"})).await;
    ask(deck, &over, json!({"command": "mitigate", "note": word("mitigated")})).await;
    ask(deck, &over, json!({"command": "resolve", "note": word("resolved"), "override": word("override")})).await;
    ask(deck, &over, json!({"command": "review", "note": word("reviewed")})).await;
    deck.alert(&json!([alert("", "DiskFull", "eth-1")])).await;
    let all = deck.client(CYRA).incidents(false).await.unwrap();
    let other = all.iter().find(|one| one.id != open && one.id != over).unwrap().id.clone();
    let conflict = json!({"command": "add_task", "title": "swap the disk", "resources": ["flag:shared"], "claim": true,
        "override": "the disk is full"});
    ask(deck, &other, conflict).await;
    deck.settled().await;
    let bo = deck.client(COMMANDER);
    let (of_open, of_over) = (bo.incident(&open).await.unwrap(), bo.incident(&over).await.unwrap());
    let message = bo.room(&open, None).await.unwrap().messages.pop().unwrap().id;
    Secret {
        signal: of_open.signals[0].id.clone(),
        signal_over: of_over.signals[0].id.clone(),
        open,
        over,
        other,
        message,
    }
}

/// All that people can write into an incident.
async fn fill(deck: &Deck, id: &str) {
    let task = json!({"command": "add_task", "title": word("task"), "resources": [format!("flag:{WORD}"), "flag:shared"],
        "claim": true, "override": word("both of us")});
    for command in [
        json!({"command": "acknowledge"}),
        json!({"command": "note", "text": word("note")}),
        json!({"command": "say", "text": word("said")}),
        json!({"command": "decide", "text": word("decided")}),
        json!({"command": "ask", "text": word("asked")}),
        task,
        json!({"command": "add_task", "title": word("for ana"), "assignee": "bo", "due": "2h"}),
        json!({"command": "state_facts", "money_at_risk_cents": 77_777_700_u64}),
        json!({"command": "let_in", "whom": "mia", "reason": word("in")}),
    ] {
        let given: Command = serde_json::from_value(command).unwrap();
        // Letting somebody in means nothing before it is restricted.
        drop(deck.client(COMMANDER).command(id, &given).await);
    }
    deck.receiver.rest().await;
}

/// Method and path of every door: of the description, and of the console's sources. Streams, which never end, are tried by themselves.
fn doors() -> Vec<(String, String)> {
    let mut doors = operations();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "rs") {
            continue;
        }
        let source = fs::read_to_string(path).unwrap();
        for rest in source.split(".route(\"").skip(1) {
            let route = rest.split('"').next().unwrap();
            doors.extend(["get", "post"].map(|method| (method.to_owned(), route.to_owned())));
        }
    }
    // The list of incidents is named by a constant.
    doors.extend([("get".to_owned(), "/incidents".to_owned()), ("get".to_owned(), "/api/openapi.json".to_owned())]);
    doors.retain(|(_, path)| !path.ends_with("/events"));
    doors
}

/// The addresses of a door: with everything of the restricted incidents in its path, and with every question that could tell of them.
fn addresses(path: &str, it: &Secret) -> Vec<String> {
    let ids: Vec<&str> = match () {
        () if path.contains("/signals/{id}") => vec![&it.signal, &it.signal_over],
        () if path.contains("/incidents/{id}") => vec![&it.open, &it.over, &it.other],
        () => vec!["sil_00000000000000000000000000"],
    };
    let mut plain = BTreeSet::new();
    for id in &ids {
        for word in ["note", "claim_task", "break_glass", "say", "let_in"] {
            plain.insert(path.replace("{id}", id).replace("{command}", word));
        }
    }
    // The same address as somebody might write it who hopes to be overlooked.
    plain.extend(ids.first().map(|id| path.replace("{id}", &id.replace('_', "%5F")).replace("{command}", "note")));
    let of_one =
        vec![String::new(), "?format=md".to_owned(), "?format=html".to_owned(), format!("?message={}", it.message)];
    let of_many = vec![
        String::new(),
        format!("?text={WORD}"),
        "?phase=all&service=bridge".to_owned(),
        format!("?phase=all&text={WORD}"),
        format!("?incident={}", it.open),
        format!("?incident={}&status=confirmed", it.over),
        format!("?signal={}", it.signal),
        "?limit=1".to_owned(),
        "?person=me".to_owned(),
        "?mine=1".to_owned(),
        format!("?filter=alertname%3D~%22.*{WORD}.*%22"),
        "?muted=true".to_owned(),
    ];
    let queries = if path.contains("{id}") { of_one } else { of_many };
    plain.iter().flat_map(|path| queries.iter().map(move |query| format!("{path}{query}"))).collect()
}

/// Something for every door that wants a body. Nothing in it changes the restricted incidents' being restricted.
fn body(path: &str, it: &Secret) -> (&'static str, String) {
    if !path.starts_with("/api/") && !path.starts_with("/ingest") && !path.starts_with("/v2/") {
        return ("application/x-www-form-urlencoded", "text=hello&note=hello&task=1".to_owned());
    }
    let json = match path {
        "/api/v1/incidents/commands" => json!({
            "command": {"command": "note", "text": "hello"}, "incidents": [it.open, it.over],
            "matching": {"phase": "all", "text": WORD},
        }),
        "/api/v1/incidents/{id}/commands" => json!({"command": "claim_task", "task": "1"}),
        "/api/v1/incidents/{id}/merge" => json!({"into": it.open}),
        "/api/v1/incidents/{id}/roles" => json!({"role": "scribe", "person": "ana"}),
        "/api/v1/incidents/{id}/facts" => json!({"facts": {"users": 5}}),
        "/api/v1/incidents/{id}/erase" => json!({"reason": "asked for", "events": [999_999]}),
        "/api/v1/signals/{id}/erase" => json!({"reason": "asked for"}),
        "/api/v1/incidents" => json!({"title": "hello", "severity": "SEV5"}),
        "/api/v1/configuration/reload" => Value::Null,
        _ => json!({"text": "hello"}),
    };
    ("application/json", json.to_string())
}

/// What a door answers, however it is asked.
async fn answers(
    deck: &Deck,
    method: &str,
    address: &str,
    key: Option<&str>,
    sent: &(&'static str, String),
) -> (u16, String) {
    let mut request = deck.http.request(method.to_uppercase().parse().unwrap(), format!("{}{address}", deck.base));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if method != "get" {
        request = request.header("content-type", sent.0).header("origin", deck.base.clone()).body(sent.1.clone());
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let headers = format!("{:?}", answer.headers());
    (status, format!("{headers}\n{}", answer.text().await.unwrap()))
}

/// Every door for every caller. A caller who is not listened to for a while because of wrong keys would hide a leak, so that strangers are
/// tried from elsewhere: nobody's own address.
#[tokio::test]
async fn nothing_of_a_restricted_incident_leaves_by_any_door() {
    let deck = Deck::start().await;
    people(&deck).await;
    let it = secret(&deck).await;
    let (mut cells, mut leaks, mut shown) = (0_usize, Vec::new(), BTreeSet::new());
    for (method, path) in doors() {
        // Logging in and out, and stopping what others do, says nothing of incidents.
        let sent = body(&path, &it);
        for address in addresses(&path, &it) {
            // What only asks is asked with every question; what does something is done once for each incident.
            if method != "get" && address.contains('?') {
                continue;
            }
            for (who, key, inside) in CALLERS {
                if inside && method != "get" {
                    continue;
                }
                let (status, said) = answers(&deck, &method, &address, key, &sent).await;
                cells += 1;
                let told = said.to_lowercase().replace(&format!("incident={}", it.open), "");
                // What somebody asks for is repeated to them in the form that they asked with.
                let told = told.replace(&format!("text={WORD}"), "").replace(&format!("value=\"{WORD}\""), "");
                let told = told.replace(&format!("~%22.*{WORD}.*%22"), "").replace(&format!("~\\\".*{WORD}.*\\\""), "");
                // A question that is not understood is named by its name and value.
                let repeats = status == 400 && address.contains(WORD);
                if (told.contains(WORD) && !repeats) || told.contains("777,777") || told.contains("77777700") {
                    if inside {
                        shown.insert(format!("{method} {path}"));
                    } else {
                        leaks.push(format!("{method} {address} tells {who} ({status}): {}", near(&told)));
                    }
                }
                // With the identifier of a signal other doors are asked: none is handed out, in a link neither.
                let asked = address.replace("%5F", "_");
                let hands_out = |id: &String| said.contains(id.as_str()) && !asked.contains(id.as_str());
                if !inside && [&it.signal, &it.signal_over].into_iter().any(hands_out) {
                    leaks.push(format!("{method} {address} names a signal to {who} ({status})"));
                }
                assert!(status < 500, "{method} {address} as {who}: {status} {said}");
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks[..leaks.len().min(40)].join("\n"));
    for must in [
        "get /api/v1/incidents/{id}",
        "get /api/v1/incidents/{id}/timeline",
        "get /api/v1/incidents/{id}/room",
        "get /api/v1/incidents/{id}/review",
        "get /api/v1/incidents/{id}/bundle",
        "get /api/v1/signals",
        "get /api/v1/signals/{id}",
        "get /incidents/{id}",
        "get /incidents/{id}/room",
        "get /signals",
    ] {
        assert!(shown.contains(must), "whoever is inside is not shown `{must}`, so that nothing is proved: {shown:?}");
    }
    // Nor did whoever is outside do anything there.
    for id in [&it.open, &it.over] {
        let timeline = format!("{:?}", deck.client(COMMANDER).incident(id).await.unwrap().timeline);
        assert!(!timeline.contains("hello") && timeline.contains("read the review"), "{timeline}");
    }
    println!("doors × callers: {cells} cells, {} leaks", leaks.len());
    assert!(cells > 8_000, "{cells}");
    deck.receiver.rest().await;
    deck.finish().await;
}

fn near(told: &str) -> String {
    let before = told.split(WORD).next().map_or(0, |before| before.chars().count());
    told.chars().skip(before.saturating_sub(60)).take(140).collect()
}

/// What leaves by itself: pages, the published log, and streams that were open before.
#[tokio::test]
async fn nothing_of_it_leaves_by_itself() {
    let deck = Deck::start().await;
    people(&deck).await;
    let it = secret(&deck).await;
    // Streams: of everything for whoever is outside; of the room for Mia, who is put out while she listens.
    let open = async |path: &str, key: &str| {
        let answer = deck.http.get(format!("{}{path}", deck.base)).bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer
    };
    let mut outside = open("/api/v1/events", CYRA).await;
    let mut mias = open(&format!("/api/v1/incidents/{}/room/events", it.open), MIA).await;
    for stream in ["/api/v1/incidents/ID/room/events", "/incidents/ID/room/events"] {
        for (who, key, inside) in CALLERS {
            let Some(key) = key.filter(|_| !inside) else { continue };
            let address = format!("{}{}", deck.base, stream.replace("ID", &it.open));
            let answer = deck.http.get(address).bearer_auth(key).send().await.unwrap();
            // Whoever is not logged in is sent to the login page, which is no stream.
            let is_stream = answer.headers()["content-type"].to_str().unwrap().contains("event-stream");
            assert!(!is_stream, "{stream} as {who}: {}", answer.status());
        }
    }
    ask(&deck, &it.open, json!({"command": "say", "text": word("heard by mia")})).await;
    let mut heard = String::new();
    while !heard.contains("heard by mia") {
        let chunk = tokio::time::timeout(PATIENCE, mias.chunk()).await.expect("mia hears nothing").unwrap().unwrap();
        heard.push_str(&String::from_utf8_lossy(&chunk));
    }
    ask(&deck, &it.open, json!({"command": "put_out", "whom": "mia", "reason": word("out")})).await;
    ask(&deck, &it.open, json!({"command": "say", "text": word("not for mia")})).await;
    let mut rest = String::new();
    while let Some(chunk) = tokio::time::timeout(PATIENCE, mias.chunk()).await.expect("mia still listens").unwrap() {
        rest.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(!rest.contains("not for mia"), "{rest}");
    // Of what changed there everybody is told that something did.
    ask(&deck, &it.other, json!({"command": "note", "text": "the last one"})).await;
    let mut told = String::new();
    let last = deck.client(COMMANDER).incident(&it.other).await.unwrap().timeline.pop().unwrap().log_index;
    while !told.contains(&format!("\"log_index\":{last}")) {
        let chunk = tokio::time::timeout(PATIENCE, outside.chunk()).await.expect("nothing is told").unwrap().unwrap();
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(told.contains("\"kind\":\"restricted\""), "{told}");
    for kind in ["message_written", "put_out", WORD] {
        assert!(!told.contains(kind), "{told}");
    }
    // Pages that left since it was restricted.
    let before = deck.receiver.rest().await;
    ask(&deck, &it.open, json!({"command": "page", "whom": "bo", "reason": word("come")})).await;
    ask(&deck, &it.open, json!({"command": "add_task", "title": word("task"), "assignee": "bo"})).await;
    ask(&deck, &it.open, json!({"command": "hand_over", "to": "others", "reason": word("yours")})).await;
    ask(&deck, &it.open, json!({"command": "resolve", "note": word("done"), "override": word("override")})).await;
    deck.settled().await;
    let pages = format!("{:?}", deck.receiver.rest().await);
    drop(before);
    assert!(!pages.contains(WORD), "{}", near(&pages));
    // The folder that is made to be handed on: what was published before it was restricted is taken out of it, too.
    let folder = deck.folder.path().join("data").join("log");
    let size = deck.client(COMMANDER).log().await.unwrap().size;
    tokio::time::timeout(PATIENCE, async {
        while !published(&folder, size) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the log is not published");
    let mut files = 0;
    walk(&folder, &mut |path, bytes| {
        files += 1;
        assert!(!String::from_utf8_lossy(bytes).contains(WORD), "{} has it", path.display());
    });
    assert!(files > 2, "{files}");
    deck.finish().await;
}

fn published(folder: &Path, size: u64) -> bool {
    let checkpoint = fs::read_to_string(folder.join("checkpoint")).unwrap_or_default();
    checkpoint.lines().nth(1).and_then(|line| line.parse::<u64>().ok()).is_some_and(|published| published >= size)
}

fn walk(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for one in fs::read_dir(folder).unwrap() {
        let path = one.unwrap().path();
        if path.is_dir() { walk(&path, look) } else { look(&path, &fs::read(&path).unwrap()) }
    }
}
