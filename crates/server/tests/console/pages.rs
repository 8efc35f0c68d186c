//! The console over HTTP, on a real program: who gets in, what pages say, what forms do, and what is refused.

use std::collections::BTreeMap;

use super::house::{COMMANDER, RESPONDER, VIEWER, command, hear, incident_of, raise, signal, start, theft};
use quarterdeck_core::{
    incident::{Actor, Closing, Command, LifeCommand, RoomCommand},
    signal::{Loudness, SignalChange},
    time::Timestamp,
};
use quarterdeck_server::app::Running;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header, redirect::Policy};

/// A running program and somebody who asks it.
struct House {
    running: Running,
    base: String,
    client: Client,
    /// What a browser holds of each token's session.
    held: BTreeMap<&'static str, String>,
    _data: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let running = start(data.path(), "127.0.0.1:0".parse().unwrap()).await;
        let base = format!("http://{}", running.address.expect("it listens"));
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        let mut house = Self { running, base, client, held: BTreeMap::new(), _data: data };
        for token in [VIEWER, RESPONDER, COMMANDER] {
            let answer = house.post("/login", "", &format!("token={token}")).send().await.unwrap();
            let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
            let (held, _) = cookie.split_once(';').unwrap();
            house.held.insert(token, held.to_owned());
        }
        house
    }
    /// The cookie of whoever logged in with this token; of a token that is not known, a session that is not known either.
    fn cookie(&self, token: &str) -> String {
        self.held.get(token).cloned().unwrap_or_else(|| format!("quarterdeck_session={token}"))
    }
    fn ask(&self, path: &str, token: &str) -> RequestBuilder {
        let cookie = format!("other=1; {}", self.cookie(token));
        self.client
            .get(format!("{}{path}", self.base))
            .header(header::COOKIE, cookie)
            .header(header::ACCEPT, "text/html")
    }
    fn post(&self, path: &str, token: &str, form: &str) -> RequestBuilder {
        let cookie = self.cookie(token);
        self.client
            .post(format!("{}{path}", self.base))
            .header(header::COOKIE, cookie)
            .header(header::ORIGIN, &self.base)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned())
    }
    async fn page(&self, path: &str, token: &str) -> String {
        let answer = self.ask(path, token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        if !path.starts_with("/api/") {
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store", "{path}");
        }
        answer.text().await.unwrap()
    }
    async fn theft(&self) -> String {
        let id = raise(&self.running, theft(now())).await;
        incident_of(&self.running, id)
    }
}

fn now() -> Timestamp {
    Timestamp::from_jiff(jiff::Timestamp::now())
}

fn location(answer: &Response) -> &str {
    answer.headers()[header::LOCATION].to_str().unwrap()
}

const PAGES: [&str; 6] = ["/", "/incidents", "/signals", "/silences", "/oncall", "/sources"];

#[tokio::test]
async fn nobody_sees_a_page_without_a_token_and_everyone_with_one() {
    let house = House::new().await;
    let incident = format!("/incidents/{}", house.theft().await);
    for path in PAGES.into_iter().chain([incident.as_str()]) {
        let answer = house.client.get(format!("{}{path}", house.base)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert!(location(&answer).starts_with("/login?next=%2F"), "{path}: {}", location(&answer));
        let answer = house.ask(path, "no-such-token-0123456789").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let html = house.page(path, VIEWER).await;
        assert!(html.contains("<main") && html.contains("wall-screen"), "{path}");
        assert!(
            !html.contains(" style=") && !html.contains("onclick"),
            "{path}: the policy forbids inline style and script"
        );
    }
    house.running.stop().await;
}

#[tokio::test]
async fn logging_in_leads_to_where_somebody_wanted_to_go_and_nowhere_else() {
    let house = House::new().await;
    let form =
        house.client.get(format!("{}/login?next=/signals", house.base)).send().await.unwrap().text().await.unwrap();
    assert!(form.contains("name=\"next\" value=\"/signals\"") && !form.contains("open-count"));
    let bad = house.post("/login", "", "token=wrong-token-0123456789&next=/").send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::UNAUTHORIZED);
    assert!(bad.headers().get(header::SET_COOKIE).is_none());
    for (next, to) in [("/signals", "/signals"), ("//evil.example/", "/")] {
        let answer = house.post("/login", "", &format!("token={RESPONDER}&next={next}")).send().await.unwrap();
        assert_eq!((answer.status(), location(&answer)), (StatusCode::SEE_OTHER, to));
    }
    let out = house.post("/logout", RESPONDER, "").send().await.unwrap();
    assert!(out.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    house.running.stop().await;
}

#[tokio::test]
async fn a_link_from_another_site_is_asked_again_by_our_own_page() {
    let house = House::new().await;
    let elsewhere =
        |path: &str| house.client.get(format!("{}{path}", house.base)).header("sec-fetch-site", "cross-site");
    let html = elsewhere("/signals?status=confirmed").send().await.unwrap().text().await.unwrap();
    assert!(html.contains("http-equiv=\"refresh\" content=\"0; url=/signals?status=confirmed\""), "{html}");
    let foreign = house.post("/login", "", &format!("token={RESPONDER}")).header("sec-fetch-site", "cross-site");
    let foreign = foreign.send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert!(foreign.headers().get(header::SET_COOKIE).is_none(), "another site logs nobody in");
    house.running.stop().await;
}

#[tokio::test]
async fn an_incident_says_what_why_who_and_when() {
    let house = House::new().await;
    let id = house.theft().await;
    let list = house.page("/", VIEWER).await;
    assert!(list.contains("Flash loan took $2.5 M") && list.contains("SEV1") && list.contains("$2.5 M</strong>"));
    let html = house.page(&format!("/incidents/{id}"), COMMANDER).await;
    for part in [
        "theft in progress",
        "QD:1/M:2500000",
        "1,250,400,000,000,000,000,000",
        "0x8888888888888888",
        "beneficiary",
        "Aiko Tanaka",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains("eu-west &#60;b&#62;") && !html.contains("eu-west <b>"), "labels are escaped");
    assert!(html.contains(&format!("quarterdeck verify {id}.qdbundle --key ")));
    let reading = house.page(&format!("/incidents/{id}"), VIEWER).await;
    assert!(reading.contains("it may not act") && !reading.contains("do-acknowledge"));
    house.running.stop().await;
}

#[tokio::test]
async fn a_retracted_signal_is_struck_through_with_its_reason() {
    let house = House::new().await;
    let id = raise(&house.running, theft(now())).await;
    let incident = incident_of(&house.running, id);
    hear(&house.running, SignalChange::Retracted { id, reason: "its block was dropped".to_owned() }).await;
    let html = house.page(&format!("/incidents/{incident}"), VIEWER).await;
    assert!(html.contains("<s>Flash loan took") && html.contains("its block was dropped"));
    // Its page waits for an answer: how long still, before it resolves by itself.
    assert!(html.contains("all of it was undone, and it resolves by itself <span"), "{html}");
    assert!(house.page("/", VIEWER).await.contains("undone, resolves "));
    // With it goes the only reason for the severity, and that is said instead of an empty sum.
    assert!(html.contains("to SEV5 (nothing counts any more)") && html.contains("Nothing counts any more:"), "{html}");
    // Why is known without its line of the timeline, which a long incident pushes out of sight.
    for nth in 0..120 {
        let text = format!("note {nth}");
        command(&house.running, &incident, Command::Room(RoomCommand::Note { by: Actor::System, text })).await;
    }
    let html = house.page(&format!("/incidents/{incident}"), VIEWER).await;
    assert!(!html.contains(&format!("Signal {id} is retracted")) && html.contains("its block was dropped"), "{html}");
    let review = house.page(&format!("/api/v1/incidents/{incident}/review?format=md"), VIEWER).await;
    assert!(review.contains("| SEV5 | 0 | nothing counts any more |") && !review.contains("points, )"), "{review}");
    house.running.stop().await;
}

#[tokio::test]
async fn every_button_does_what_it_says() {
    let house = House::new().await;
    let id = house.theft().await;
    let other =
        raise(&house.running, signal("latency", "deposits", "Deposits stand still", Loudness::Critical, now())).await;
    let other = incident_of(&house.running, other);
    let path = |verb: &str| format!("/incidents/{id}/{verb}");
    let steps = [
        (RESPONDER, "acknowledge", String::new(), "acknowledged"),
        (RESPONDER, "note", "text=pausing+%3Cthe%3E+vault".to_owned(), "pausing &#60;the&#62; vault"),
        (RESPONDER, "take_role", "role=commander&person=bjorn".to_owned(), "<dd>bjorn</dd>"),
        (RESPONDER, "escalate", "reason=need+a+second+signer".to_owned(), "need a second signer"),
        (
            COMMANDER,
            "state_facts",
            "money_at_risk_cents=%243%2C000%2C000&users=&theft=yes&replace=yes".to_owned(),
            "$3.0 M",
        ),
        (COMMANDER, "mitigate", "note=paused".to_owned(), "mitigated"),
        (COMMANDER, "resolve", "note=funds+are+back".to_owned(), "resolved"),
        (COMMANDER, "review", "note=review+42".to_owned(), "reviewed"),
        (RESPONDER, "reopen", "reason=it+goes+on".to_owned(), "it goes on"),
        (COMMANDER, "merge", format!("into={other}"), "This is part of"),
    ];
    for (token, verb, form, shown) in steps {
        let answer = house.post(&path(verb), token, &form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{verb}: {}", answer.text().await.unwrap());
        assert_eq!(location(&answer), format!("/incidents/{id}"), "{verb}");
        let html = house.page(&format!("/incidents/{id}"), COMMANDER).await;
        assert!(html.contains(shown), "{verb}: {shown}");
        let back = house.ask(&path(verb), COMMANDER).send().await.unwrap();
        assert_eq!(
            (back.status(), location(&back)),
            (StatusCode::SEE_OTHER, format!("/incidents/{id}").as_str()),
            "{verb}"
        );
    }
    house.running.stop().await;
}

#[tokio::test]
async fn ticked_incidents_are_asked_together_and_what_was_not_done_is_said() {
    let house = House::new().await;
    let first = house.theft().await;
    let other =
        raise(&house.running, signal("webhook", "deposits", "deposits are slow", Loudness::Warning, now())).await;
    let other = incident_of(&house.running, other);
    let html = house.page("/", RESPONDER).await;
    for part in [format!("name=\"incident\" value=\"{first}\""), "action=\"/incidents/commands\"".to_owned()] {
        assert!(html.contains(&part), "{part}: {html}");
    }
    assert!(!html.contains(">resolve</option>") && !house.page("/", VIEWER).await.contains("name=\"incident\""));
    let ticked = format!("command=acknowledge&which=ticked&incident={first}&incident={other}");
    let answer = house.post("/incidents/commands", RESPONDER, &ticked).send().await.unwrap();
    assert_eq!((answer.status(), location(&answer)), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(house.page("/", VIEWER).await.matches("<strong>bjorn</strong> has it").count(), 2);
    // One that is not there does not keep the others from being done.
    let none = "inc_00000000000000000000000000";
    let all = format!("command=resolve&which=ticked&note=noise&incident={none}&incident={other}");
    let said = house.post("/incidents/commands", COMMANDER, &all).send().await.unwrap().text().await.unwrap();
    assert!(said.contains("Done for 1") && said.contains(&format!("no incident {none}")), "{said}");
    let matching = "command=resolve&which=matching&note=noise&phase=open&service=bridge-vault";
    let answer = house.post("/incidents/commands", COMMANDER, matching).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(house.page("/", VIEWER).await.contains("no incident is open"));
    let nothing =
        house.post("/incidents/commands", RESPONDER, "command=acknowledge&which=ticked").send().await.unwrap();
    assert_eq!(nothing.status(), StatusCode::BAD_REQUEST);
    house.running.stop().await;
}

#[tokio::test]
async fn a_form_that_was_opened_before_an_upgrade_still_does_what_it_says() {
    let house = House::new().await;
    let id = house.theft().await;
    for (verb, form, shown) in [
        ("role", "role=scribe&person=bjorn", "<dd>bjorn</dd>"),
        ("facts", "money=%243%2C000%2C000&users=&theft=yes&replace=yes", "$3.0 M"),
        ("mitigate", "text=the+vault+is+paused", "the vault is paused"),
        ("resolve", "text=funds+are+back", "funds are back"),
        ("reviewed", "text=review+42", "review 42"),
        ("reopen", "text=it+goes+on", "it goes on"),
        ("escalate", "text=need+a+second+signer", "need a second signer"),
    ] {
        let answer = house.post(&format!("/incidents/{id}/{verb}"), COMMANDER, form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{verb}: {}", answer.text().await.unwrap());
        let html = house.page(&format!("/incidents/{id}"), COMMANDER).await;
        assert!(html.contains(shown), "{verb}: {shown}");
    }
    house.running.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_said_on_the_page_with_what_was_typed() {
    let house = House::new().await;
    let id = house.theft().await;
    let by = Actor::System;
    command(
        &house.running,
        &id,
        Command::Life(LifeCommand::Resolve { by, note: "mended".to_owned(), closing: Closing::default() }),
    )
    .await;
    let answer = house
        .post(&format!("/incidents/{id}/mitigate"), COMMANDER, "note=we+paused+%3C%2Ftextarea%3E")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let html = answer.text().await.unwrap();
    assert!(html.contains("role=\"alert\"") && html.contains("cannot mitigate incident"));
    assert!(html.contains("we paused &#60;/textarea&#62;</textarea>"));
    let answer = house
        .post(&format!("/incidents/{id}/state_facts"), COMMANDER, "money_at_risk_cents=lots&users=3")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let html = answer.text().await.unwrap();
    assert!(html.contains("`lots` is no amount") && html.contains("value=\"lots\"") && html.contains("write it like"));
    house.running.stop().await;
}

#[tokio::test]
async fn commands_need_the_role_and_the_same_site() {
    let house = House::new().await;
    let id = house.theft().await;
    let least = [
        ("acknowledge", VIEWER, ""),
        ("note", VIEWER, "text=a"),
        ("take_role", VIEWER, "role=scribe&person=aiko"),
        ("escalate", VIEWER, "reason=a"),
        ("reopen", VIEWER, "reason=a"),
        ("mitigate", RESPONDER, "note="),
        ("resolve", RESPONDER, "note=mended"),
        ("review", RESPONDER, "note="),
        ("state_facts", RESPONDER, "money_at_risk_cents=1&users="),
        ("merge", RESPONDER, "into=inc_x"),
    ];
    for (verb, too_weak, form) in least {
        let path = format!("/incidents/{id}/{verb}");
        let answer = house.post(&path, too_weak, form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{verb}");
        let cookie = house.cookie(COMMANDER);
        let foreign = house.client.post(format!("{}{path}", house.base)).header(header::COOKIE, cookie);
        let foreign = foreign.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        for origin in [None, Some("https://evil.example"), Some("null")] {
            let asked = foreign.try_clone().unwrap();
            let asked = origin.map_or(asked.try_clone().unwrap(), |origin| asked.header(header::ORIGIN, origin));
            assert_eq!(asked.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{verb} from {origin:?}");
        }
        let nobody = house.post(&path, "no-such-token-0123456789", form).send().await.unwrap();
        assert_eq!(nobody.status(), StatusCode::SEE_OTHER, "{verb}");
        assert!(location(&nobody).starts_with("/login"));
    }
    let html = house.page(&format!("/incidents/{id}"), VIEWER).await;
    assert!(html.contains("triggered"), "nothing was done");
    house.running.stop().await;
}

#[tokio::test]
async fn signals_are_filtered_and_paged_without_losing_one() {
    let house = House::new().await;
    let at = now();
    for n in 0..120 {
        let detector = if n % 3 == 0 { "flash_loan_profit" } else { "vault_drain" };
        raise(&house.running, signal(detector, "deposits", &format!("Claim number {n:03}"), Loudness::Info, at)).await;
    }
    for (filter, expected) in [("", 120), ("detector=flash_loan_profit", 40), ("status=provisional&detector=", 120)] {
        let mut seen = std::collections::BTreeSet::new();
        let mut path = format!("/signals?{filter}");
        loop {
            let html = house.page(&path, VIEWER).await;
            seen.extend(html.split("Claim number ").skip(1).map(|rest| rest.chars().take(3).collect::<String>()));
            let Some(older) = html.split("rel=\"next\"").next().filter(|before| before.len() < html.len()) else {
                break;
            };
            path = older.rsplit("href=\"").next().unwrap().trim_end_matches("\" ").replace("&#38;", "&");
        }
        assert_eq!(seen.len(), expected, "{filter}");
    }
    let bad = house.ask("/signals?status=odd", VIEWER).send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    assert!(bad.text().await.unwrap().contains("`odd` is no status"));
    house.running.stop().await;
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[tokio::test]
async fn a_silence_is_set_from_a_signal_holds_back_others_like_it_and_is_ended() {
    let house = House::new().await;
    let claim = |title: &str| signal("latency", "deposits", title, Loudness::Critical, now());
    let first = raise(&house.running, claim("Deposits stand still")).await;
    let listed = house.page("/signals", COMMANDER).await;
    assert!(listed.contains(&format!("href=\"/silences?signal={first}&amp;observed=2")));
    assert!(!house.page("/signals", RESPONDER).await.contains("/silences?signal="));
    let form = house.page(&format!("/silences?signal={first}"), COMMANDER).await;
    let filled =
        "detector=&#34;latency&#34;\nservice=&#34;deposits&#34;\nregion=&#34;eu-west &#60;b&#62;&#34;</textarea>";
    assert!(form.contains(filled), "{form}");

    let matchers = "service=\"deposits\"\r\nregion=~\"eu-.*\"\r\n";
    let set = encoded(&[("matchers", matchers), ("span", "1h"), ("starts", ""), ("comment", "moving <the> node")]);
    let answer = house.post("/silences", COMMANDER, &set).send().await.unwrap();
    assert_eq!((answer.status(), location(&answer)), (StatusCode::SEE_OTHER, "/silences"));
    raise(&house.running, claim("Deposits crawl")).await;
    let html = house.page("/silences", VIEWER).await;
    for part in [
        "moving &#60;the&#62; node",
        "by aiko",
        "holds back 1 signal<",
        "Deposits crawl",
        "region=~&#34;eu-.*&#34;",
        "1<span class=\"unseen\"> in force",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("End now") && !html.contains("<textarea"), "a viewer may not act");

    assert!(house.page("/signals", VIEWER).await.contains("silenced by <a href=\"/silences#sil_"));
    let html = house.page("/silences", COMMANDER).await;
    let end = html.split("action=\"").find(|rest| rest.contains("/end\"")).unwrap().split('"').next().unwrap();
    let back = house.ask(end, COMMANDER).send().await.unwrap();
    assert_eq!((back.status(), location(&back)), (StatusCode::SEE_OTHER, "/silences"));
    let answer = house.post(end, COMMANDER, "").send().await.unwrap();
    assert_eq!((answer.status(), location(&answer)), (StatusCode::SEE_OTHER, "/silences"));
    let html = house.page("/silences", COMMANDER).await;
    assert!(html.contains("Nothing is silenced.") && html.contains(">over</span>") && !html.contains("End now"));
    house.running.stop().await;
}

#[tokio::test]
async fn a_silence_that_cannot_be_is_refused_with_what_was_typed() {
    let house = House::new().await;
    for (matchers, span, starts, says) in [
        ("service=</textarea>\nx", "1h", "", "bad matcher format: `x`"),
        ("service=~\".*\"", "1h", "", "at least one matcher must not match the empty string"),
        ("", "1h", "", "at least one matcher"),
        ("service=rpc", "a while", "", "`a while` is no span"),
        ("service=rpc", "0s", "", "not after"),
        ("service=rpc", "1h", "some day", "`some day` is no date"),
    ] {
        let set = [("matchers", matchers), ("span", span), ("starts", starts), ("comment", "kept <words>")];
        let answer = house.post("/silences", COMMANDER, &encoded(&set)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{says}");
        let html = answer.text().await.unwrap();
        assert!(html.contains("role=\"alert\"") && html.contains(says), "{says}: {html}");
        assert!(html.contains("kept &#60;words&#62;</textarea>") && html.contains(&format!("value=\"{span}\"")));
        assert!(html.contains("<details id=\"act-silence\" open>"));
    }
    let answer = house.ask("/silences?signal=sig_none", COMMANDER).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let none = "/silences/sil_00000000000000000000000000/end";
    assert_eq!(house.post(none, COMMANDER, "").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(house.page("/silences", VIEWER).await.contains("Nothing is silenced."));
    house.running.stop().await;
}

#[tokio::test]
async fn silences_need_a_commander_and_the_same_site() {
    let house = House::new().await;
    let set = encoded(&[("matchers", "service=deposits"), ("span", "1h"), ("starts", ""), ("comment", "why")]);
    for (path, form) in [("/silences", set.as_str()), ("/silences/sil_00000000000000000000000000/end", "")] {
        let weak = house.post(path, RESPONDER, form).send().await.unwrap();
        assert_eq!(weak.status(), StatusCode::FORBIDDEN, "{path}");
        for origin in ["https://evil.example", "null"] {
            let mut foreign = house.post(path, COMMANDER, form).build().unwrap();
            foreign.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
            let answer = house.client.execute(foreign).await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} from {origin}");
        }
        let nobody = house.post(path, "no-such-token-0123456789", form).send().await.unwrap();
        assert!(location(&nobody).starts_with("/login"), "{path}");
    }
    assert!(house.page("/silences", VIEWER).await.contains("Nothing is silenced."));
    house.running.stop().await;
}

#[tokio::test]
async fn nothing_there_is_a_page_for_browsers_and_json_for_programs() {
    let house = House::new().await;
    for path in ["/nowhere", "/incidents/inc_00000000000000000000000000"] {
        let answer = house.ask(path, VIEWER).send().await.unwrap();
        assert!(answer.status().is_client_error(), "{path}");
        assert!(answer.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"), "{path}");
    }
    let answer = house.ask("/api/v1/nowhere", VIEWER).send().await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    house.running.stop().await;
}

#[tokio::test]
async fn what_pages_load_is_there_and_may_be_kept() {
    let house = House::new().await;
    let html = house.page("/", VIEWER).await;
    let assets: Vec<&str> = html.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(assets.len(), 3, "{assets:?}");
    for path in assets {
        let answer = house.client.get(format!("{}{path}", house.base)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(answer.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    house.running.stop().await;
}
