//! One incident written by hand, as a document; then laws over random histories.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    chain::{Address, B256, BlockRef, ChainId},
    id::{Id, PersonId, ServiceId},
    incident::{
        Actor, ChecksEvent, ClaimsEvent, LifeEvent, Overridden, PageOutcome, PageReason, PagingEvent, Recovery,
        ResponseRole, RolesEvent, RoomEvent, Severity, SeverityChange,
        unmet::{Judged, Verdict},
    },
    money::Usd,
    policy::{EscalationPolicy, Target, Tier},
    priority::{Score, Term},
    signal::{ChainPosition, Explanation, Facts, Fingerprint, Loudness, Number, Signal, SignalStatus},
    time::Timestamp,
};

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id<K>(number: u8) -> Id<K> {
    Id::from_bytes([number; 16])
}

fn person(name: &str) -> Actor {
    Actor::Person(name.parse().unwrap())
}

fn signal(number: u8, title: &str, observed: Timestamp) -> Signal {
    let block_time = Timestamp::from_ms((observed.as_ms() - 2_345).div_euclid(1_000) * 1_000);
    Signal {
        drill: false,
        repeats: false,
        source: None,
        group: None,
        annotations: None,
        declared: None,
        id: id(number),
        fingerprint: Fingerprint::of(&[&[number]]),
        detector: "pool-drain".parse().unwrap(),
        parameters: "00ff".to_owned(),
        status: SignalStatus::Provisional,
        loudness: Loudness::Critical,
        service: Some("bridge".parse().unwrap()),
        title: title.to_owned(),
        explanation: Explanation {
            text: "Three quarters of the pool left in one transaction.".to_owned(),
            numbers: vec![Number::new("share of the pool", "0.75", ""), Number::new("value", "2500000.00", "USD")],
        },
        facts: Facts { money_at_risk: Usd::from_dollars(2_500_000), theft: true, ..Facts::default() },
        confidence_permille: 970,
        position: Some(ChainPosition {
            block: BlockRef { chain: ChainId::evm(1), number: 21_000_000, hash: B256::repeat_byte(number) },
            block_time,
            transaction: Some(B256::repeat_byte(0xaa)),
            index: Some(3),
        }),
        parties: vec![("victim".to_owned(), Address::repeat_byte(1).into())],
        labels: [].into(),
        link: None,
        event_time: block_time,
        observed,
    }
}

fn monitor_signal(number: u8, title: &str, observed: Timestamp) -> Signal {
    Signal {
        detector: "alertmanager".parse().unwrap(),
        status: SignalStatus::Confirmed,
        position: None,
        facts: Facts { users: Some(1_200), ..Facts::default() },
        explanation: Explanation::default(),
        event_time: Timestamp::from_ms(observed.as_ms() - 30_400),
        ..signal(number, title, observed)
    }
}

fn score(severity: Severity, dollars: u64) -> Score {
    let points = 200 * (6 - u32::from(severity.number())) - 100;
    let money = Usd::from_dollars(dollars);
    Score {
        weights: String::new(),
        points,
        severity,
        terms: vec![Term { name: "money at risk".to_owned(), fact: money.to_string(), points }],
        gates: if severity == Severity::Sev1 { vec!["theft in progress".to_owned()] } else { vec![] },
        money_at_risk: money,
        vector: format!("QD:1/M:{dollars}/C:critical/U:120000/I:n/K:n/T:y/B:4"),
    }
}

fn policy() -> EscalationPolicy {
    EscalationPolicy {
        id: "default".parse().unwrap(),
        tiers: vec![Tier { targets: vec![Target::Person("ada".parse().unwrap())], delay: Duration::from_mins(5) }],
        rounds: 2,
        fallback: "eve".parse().unwrap(),
        acknowledgement: Duration::from_mins(30),
        page_at: Severity::Sev3,
    }
}

fn opened(title: &str, at: Timestamp) -> IncidentEvent {
    IncidentEvent::Life(LifeEvent::Opened {
        title: title.to_owned(),
        service: Some("bridge".parse().unwrap()),
        signal: Arc::new(signal(1, title, at)),
        policy: Box::new(policy()),
        score: score(Severity::Sev2, 2_500_000),
        drill: false,
        roles: Vec::new(),
    })
}

fn page(number: u8, to: &str, reason: PageReason, repeat_of: Option<u8>) -> IncidentEvent {
    IncidentEvent::Paging(PagingEvent::PageRequested {
        page: id(number),
        person: to.parse().unwrap(),
        channel: "sms".parse().unwrap(),
        address: "+49 30 1234567".to_owned(),
        reason,
        tier: 0,
        round: 1,
        repeat_of: repeat_of.map(id),
        severity: None,
        ask: None,
    })
}

fn settled(number: u8, outcome: PageOutcome, latency_ms: u64) -> IncidentEvent {
    IncidentEvent::Paging(PagingEvent::PageSettled {
        page: id(number),
        outcome,
        latency_ms: Duration::from_millis(latency_ms),
    })
}

fn name_of(person: &PersonId) -> Option<String> {
    (person.as_str() == "ada").then(|| "Ada Lovelace".to_owned())
}

fn title_of(service: &ServiceId) -> Option<String> {
    (service.as_str() == "bridge").then(|| "Main bridge".to_owned())
}

fn context() -> Context<'static> {
    Context {
        incident: id(9),
        names: Names { service_title: &title_of, person_name: &name_of },
        log_origin: "quarterdeck.example/log",
        log_size: 1_000,
        log_root: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    }
}

/// A theft, paged, answered, mitigated, resolved, reopened and resolved for good. Titles and notes are hostile.
#[expect(clippy::too_many_lines, reason = "a story is read in one piece")]
fn theft() -> Vec<Entry> {
    let at = |time: &str| instant(&format!("2026-03-29T{time}Z"));
    let story = [
        (17, "00:59:58.120", opened("Pool | `drained`\n<script>alert(1)</script>", at("00:59:58.120"))),
        (18, "00:59:58.120", page(1, "ada", PageReason::Opened, None)),
        (20, "01:00:08.120", settled(1, PageOutcome::Unknown { error: "no answer in 10 s".to_owned() }, 10_000)),
        (21, "01:00:08.500", page(2, "ada", PageReason::MayHaveArrived, Some(1))),
        (22, "01:00:08.731", settled(2, PageOutcome::Delivered { receipt: "250 ok | id=7".to_owned() }, 231)),
        (
            23,
            "01:00:20.000",
            IncidentEvent::Claims(ClaimsEvent::SignalAttached {
                signal: Arc::new(monitor_signal(
                    2,
                    "[click](https://evil.example) withdrawals stuck",
                    at("01:00:19.900"),
                )),
            }),
        ),
        (
            24,
            "01:00:31.007",
            IncidentEvent::Life(LifeEvent::Acknowledged { by: person("ada"), until: at("01:30:31.007") }),
        ),
        (
            25,
            "01:00:31.007",
            IncidentEvent::Roles(RolesEvent::RoleTaken {
                by: person("ada"),
                role: ResponseRole::Commander,
                person: "ada".parse().unwrap(),
            }),
        ),
        (
            27,
            "01:01:00.000",
            IncidentEvent::Claims(ClaimsEvent::SeverityChanged(SeverityChange {
                from: Severity::Sev2,
                to: Severity::Sev1,
                score: score(Severity::Sev1, 9_000_000),
            })),
        ),
        (28, "01:01:02.000", IncidentEvent::Claims(ClaimsEvent::SignalsAbsorbed { count: 41, signal: Some(id(2)) })),
        (
            30,
            "01:02:00.000",
            IncidentEvent::Room(RoomEvent::NoteAdded { by: person("bob"), text: "- paused the *bridge*".to_owned() }),
        ),
        (
            31,
            "01:10:00.000",
            IncidentEvent::Life(LifeEvent::Mitigated { by: person("ada"), note: "paused".to_owned() }),
        ),
        (
            32,
            "01:12:00.000",
            IncidentEvent::Claims(ClaimsEvent::SignalRetracted {
                signal: id(1),
                reason: "its block left the chain".to_owned(),
            }),
        ),
        (
            33,
            "01:15:00.000",
            IncidentEvent::Life(LifeEvent::Resolved {
                by: person("ada"),
                note: "reorganized away".to_owned(),
                look_again: None,
                recovery: None,
            }),
        ),
        (
            34,
            "01:20:00.000",
            IncidentEvent::Life(LifeEvent::Reopened { by: person("bob"), reason: "it was mined again".to_owned() }),
        ),
        (35, "01:20:00.100", page(3, "bob", PageReason::Reopened, None)),
        (
            40,
            "01:50:00.000",
            IncidentEvent::Life(LifeEvent::Resolved {
                by: person("bob"),
                note: "keys moved".to_owned(),
                look_again: None,
                recovery: None,
            }),
        ),
        (
            41,
            "09:00:00.000",
            IncidentEvent::Life(LifeEvent::Reviewed { by: Actor::System, note: "sha256:00".to_owned() }),
        ),
    ];
    (0..).zip(story).map(|(version, (index, time, event))| (index, version, at(time), event)).collect()
}

/// What was checked, what was overridden by whom and why, and why it was not over, each with its place in the log.
#[test]
fn recovery_is_a_section_of_its_own() {
    let at = |time: &str| instant(&format!("2026-03-29T{time}Z"));
    let mut story = theft();
    assert!(!Review::draft(&story, &context()).unwrap().markdown().contains("## Recovery"), "nothing to say");
    let judged = |verdict, seen: &str| Judged {
        check: "moves".parse().unwrap(),
        verdict,
        seen: seen.to_owned(),
        at: at("01:49:00.000"),
        took_ms: 84,
    };
    let over = Overridden { reason: "the page moved".to_owned(), unmet: vec!["check `moves` failed".to_owned()] };
    let recovery = Some(Box::new(Recovery { watch: Some(at("02:20:00.000")), over: Some(over) }));
    let last = story.iter_mut().rfind(|(.., event)| matches!(event, IncidentEvent::Life(LifeEvent::Resolved { .. })));
    let (index, version, instant, resolved) = last.unwrap();
    let before = (*index, *version, *instant);
    *resolved = LifeEvent::Resolved { by: person("bob"), note: "moved".to_owned(), look_again: None, recovery }.into();
    let asked = ChecksEvent::ValidationAsked { by: person("ada"), checks: ["moves".parse().unwrap()].into() };
    let events: [IncidentEvent; 2] = [asked.into(), ChecksEvent::of(judged(Verdict::Failed, "503")).into()];
    let place = story.iter().position(|entry| entry.0 == before.0).unwrap();
    let room = story[place - 1].0 + 1;
    for (nth, event) in (0..).zip(events) {
        story.insert(place + usize::try_from(nth).unwrap(), (room + nth, 0, before.2, event));
    }
    for (version, entry) in (0..).zip(&mut story) {
        entry.1 = version;
    }
    let text = Review::draft(&story, &context()).unwrap().markdown();
    let section = text.split_once("## Recovery").unwrap().1;
    for said in [
        "had moves checked",
        r"IN SPITE OF check \`moves\` failed, because: the page moved",
        "| `moves` | failed | 503 | 84 ms |",
    ] {
        assert!(section.contains(said), "{said}: {section}");
    }
}

#[test]
fn the_document_as_markdown() {
    let review = Review::draft(&theft(), &context()).unwrap();
    insta::assert_snapshot!("theft", review.markdown());
}

#[test]
fn durations_come_with_both_ends() {
    let review = Review::draft(&theft(), &context()).unwrap();
    let d = &review.durations;
    let lines: Vec<String> = [&d.detect, &d.acknowledge, &d.mitigate, &d.resolve]
        .iter()
        .map(|i| {
            let to = i.to.as_ref().map(|to| (to.what, to.log_index));
            format!("{}: {} = {:?} ms, {} [{}] to {to:?}", i.name, i.text, i.span_ms, i.from.what, i.from.log_index)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    detect: 3.1 s = Some(3120) ms, block time [17] to Some(("observed", 17))
    acknowledge: 32.8 s = Some(32887) ms, opened [17] to Some(("acknowledged", 24))
    mitigate: not recorded since it was reopened = None ms, opened [17] to None
    resolve: 50 min 1 s = Some(3001880) ms, opened [17] to Some(("resolved", 40))
    "#);
    assert_eq!(d.detect.uncertainty_ms, 999);
}

#[test]
fn claims_of_a_retracted_signal_are_not_impact() {
    let review = Review::draft(&theft(), &context()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&review.impact).unwrap(), @r#"
    {
      "money_at_risk_highest": {
        "text": "$9.0 M",
        "value": "900000000",
        "unit": "US cents",
        "log_index": 27
      },
      "money_at_risk_last": {
        "text": "$9.0 M",
        "value": "900000000",
        "unit": "US cents",
        "log_index": 27
      },
      "users": {
        "text": "1200",
        "value": "1200",
        "unit": "users",
        "log_index": 23
      },
      "services": [
        {
          "text": "Main bridge",
          "value": "bridge",
          "unit": "",
          "log_index": 17
        }
      ],
      "irreversible": null,
      "key_compromise": null,
      "theft": null
    }
    "#);
    assert_eq!(review.signals[0].retracted_because.as_deref(), Some("its block left the chain"));
    assert_eq!((review.signals[0].log_index, review.signals[0].status_log_index), (17, 32));
    assert_eq!((review.signals[1].repeats, review.signals[1].repeats_log_indexes.as_slice()), (41, [28].as_slice()));
}

#[test]
fn what_is_not_known_is_a_gap() {
    let mut events = theft();
    events.remove(5);
    let review = Review::draft(&events, &context()).unwrap();
    let gaps: Vec<String> = review.gaps.iter().map(|gap| format!("{} {:?}", gap.text, gap.log_indexes)).collect();
    insta::assert_snapshot!(gaps.join("\n"), @r"
    Whether page pag_01040g2081040g2081040g2081 arrived is not known. [18, 20]
    Event 6 follows event 4: what was between is not in this review. [22, 24]
    Signal sig_02081040g2081040g2081040g2 is named, and its own event is not in this review. [28]
    Page pag_030c1g60r30c1g60r30c1g60r3 was requested, and no outcome is recorded. [35]
    ");
}

#[test]
fn the_page_is_self_contained_and_escaped() {
    let html = Review::draft(&theft(), &context()).unwrap().html();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    for fetched in ["src=", "http://", "href=\"http", "@import", "url("] {
        assert!(!html.contains(fetched), "{fetched}");
    }
    for index in theft().iter().map(|(index, ..)| index) {
        assert_eq!(html.matches(&format!("id=\"log-{index}\"")).count(), 1, "{index}");
    }
    for wanted in ["prefers-color-scheme:dark", "@media print", "Contributing factors", "Action items", "lang=\"en\""] {
        assert!(html.contains(wanted), "{wanted}");
    }
}

#[test]
fn contact_addresses_stay_out() {
    let review = Review::draft(&theft(), &context()).unwrap();
    for text in [review.markdown(), review.html(), serde_json::to_string(&review).unwrap()] {
        assert!(!text.contains("1234567"));
    }
}

#[test]
fn no_review_of_what_is_no_history() {
    let refuse = |events: &[Entry]| Review::draft(events, &context()).unwrap_err().to_string();
    let all = theft();
    let who = context().incident;
    assert_eq!(refuse(&[]), format!("incident {who} has no events"));
    let opening = "is `opened` and not the first, or first and not `opened`";
    assert_eq!(refuse(&all[1..]), format!("incident {who}: the event at log index 18 {opening}"));
    let mut twice = all.clone();
    twice[3].3 = twice[0].3.clone();
    assert_eq!(refuse(&twice), format!("incident {who}: the event at log index 21 {opening}"));
    let mut turned = all.clone();
    turned.swap(4, 5);
    assert_eq!(refuse(&turned), format!("incident {who}: log index 22 comes after 23"));
    let mut beyond = all;
    beyond.last_mut().unwrap().0 = 1_000;
    assert_eq!(refuse(&beyond), format!("incident {who}: log index 1000 is not in a log of size 1000"));
}

fn an_event(kind: u8, number: u8, at: Timestamp) -> IncidentEvent {
    let by = if number.is_multiple_of(2) { person("ada") } else { Actor::System };
    let facts = Facts { users: number.is_multiple_of(3).then_some(u64::from(number)), ..Facts::default() };
    let outcome = match number % 3 {
        0 => PageOutcome::Delivered { receipt: String::new() },
        1 => PageOutcome::Failed { error: "refused".to_owned() },
        _ => PageOutcome::Unknown { error: "time-out".to_owned() },
    };
    let severity = Severity::ALL[usize::from(number % 5)];
    let known = id(number % 8);
    match kind {
        0 => IncidentEvent::Claims(ClaimsEvent::SignalAttached {
            signal: Arc::new(monitor_signal(number % 8, "again", at)),
        }),
        1 => IncidentEvent::Claims(ClaimsEvent::SignalsAbsorbed {
            count: u64::from(number),
            signal: number.is_multiple_of(2).then_some(known),
        }),
        2 => IncidentEvent::Claims(ClaimsEvent::SignalConfirmed { signal: known }),
        3 => IncidentEvent::Claims(ClaimsEvent::SignalRetracted { signal: known, reason: "undone".to_owned() }),
        4 => IncidentEvent::Claims(ClaimsEvent::SignalEnded { signal: known, at }),
        5 => {
            let score = score(severity, u64::from(number) * 1_000);
            IncidentEvent::Claims(ClaimsEvent::SeverityChanged(SeverityChange { from: severity, to: severity, score }))
        }
        6 => IncidentEvent::Claims(ClaimsEvent::FactsStated { by, facts, replace: number.is_multiple_of(2) }),
        7 => {
            let next = Some(at);
            IncidentEvent::Paging(PagingEvent::Escalated {
                tier: None,
                round: 2,
                reason: PageReason::NotAcknowledged,
                by,
                next,
                note: String::new(),
            })
        }
        8 => page(number % 8, "ada", PageReason::Opened, None),
        9 => IncidentEvent::Paging(PagingEvent::PageImpossible {
            person: None,
            reason: "no contact".to_owned(),
            tier: 1,
        }),
        10 => settled(number % 8, outcome, u64::from(number)),
        11 => IncidentEvent::Life(LifeEvent::Acknowledged { by, until: at }),
        12 => IncidentEvent::Life(LifeEvent::AcknowledgementExpired {}),
        13 => IncidentEvent::Life(LifeEvent::Mitigated { by, note: "paused".to_owned() }),
        14 => {
            IncidentEvent::Life(LifeEvent::Resolved { by, note: "over".to_owned(), look_again: None, recovery: None })
        }
        15 => IncidentEvent::Life(LifeEvent::Reopened { by, reason: "not over".to_owned() }),
        16 => IncidentEvent::Life(LifeEvent::Reviewed { by, note: "done".to_owned() }),
        17 => IncidentEvent::Life(LifeEvent::MergedInto { by, into: id(number) }),
        18 => IncidentEvent::Claims(ClaimsEvent::MergedFrom { by, from: id(number), facts }),
        19 => IncidentEvent::Roles(RolesEvent::RoleTaken {
            by,
            role: ResponseRole::Scribe,
            person: "bob".parse().unwrap(),
        }),
        _ => IncidentEvent::Room(RoomEvent::NoteAdded { by, text: "a note".to_owned() }),
    }
}

/// Histories as they could be and as they could not: any event anywhere, clocks that jump back, holes in the versions.
fn a_history() -> impl Strategy<Value = Vec<Entry>> {
    let rest = prop::collection::vec((0_u8..=20, any::<u8>(), -2_000_i64..900_000, 1_u64..5, 1_u64..3), 0..40);
    (rest, 0_u64..10).prop_map(|(rest, first)| {
        let mut at = instant("2026-03-29T00:59:58.120Z");
        let (mut index, mut version) = (first, 0);
        let mut events = vec![(index, version, at, opened("Pool drained", at))];
        for (kind, number, later, index_step, version_step) in rest {
            at = Timestamp::from_ms(at.as_ms() + later);
            index += index_step;
            version += if number < 240 { 1 } else { version_step };
            events.push((index, version, at, an_event(kind, number, at)));
        }
        events
    })
}

/// Whether the row at this index shows this instant: as its own, or on another clock.
fn shows(review: &Review, point: &Point) -> bool {
    let row = review.timeline.iter().find(|row| row.log_index == point.log_index).unwrap();
    row.at == point.at || row.readings.iter().any(|reading| reading.from == point.at)
}

proptest! {
    #[test]
    fn every_duration_is_the_difference_of_the_rows_it_cites(events in a_history()) {
        let review = Review::draft(&events, &context()).unwrap();
        let d = &review.durations;
        for interval in [&d.detect, &d.acknowledge, &d.mitigate, &d.resolve] {
            let between = interval.to.as_ref().map(|to| to.at.as_ms() - interval.from.at.as_ms());
            prop_assert_eq!(interval.span_ms, between);
            prop_assert!(shows(&review, &interval.from));
            prop_assert!(interval.to.as_ref().is_none_or(|to| shows(&review, to)));
        }
    }

    #[test]
    fn rows_are_in_log_order_and_everything_cited_is_a_row(events in a_history()) {
        let review = Review::draft(&events, &context()).unwrap();
        let rows: Vec<u64> = review.timeline.iter().map(|row| row.log_index).collect();
        prop_assert!(rows.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(rows.len(), events.len());
        let html = review.html();
        let cited = html.split("href=\"#log-").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<u64>().unwrap());
        for index in cited {
            prop_assert!(rows.contains(&index), "{} is cited and is no row", index);
        }
        prop_assert!(!review.markdown().is_empty());
        let worst = events.iter().filter_map(|(_, _, _, event)| match event {
            IncidentEvent::Life(LifeEvent::Opened { score, .. }) => Some(score.severity),
            IncidentEvent::Claims(ClaimsEvent::SeverityChanged(change)) => Some(change.score.severity),
            _ => None,
        }).max();
        prop_assert_eq!(Some(review.severity.worst.severity), worst);
    }

    #[test]
    fn no_foreign_text_becomes_markup(title in "\\PC{0,60}", note in "[-`|<>\\[\\]()*_#\n\r&;\\\\a-z ]{0,60}") {
        let mut events = theft();
        events[0].3 = opened(&title, events[0].2);
        events[10].3 = IncidentEvent::Room(RoomEvent::NoteAdded { by: person("bob"), text: note });
        let review = Review::draft(&events, &context()).unwrap();
        let (plain, markdown) = (Review::draft(&theft(), &context()).unwrap().html(), review.markdown());
        let tags = |html: &str| html.matches('<').count();
        prop_assert_eq!(tags(&review.html()), tags(&plain));
        // Every row of a table keeps its number of cells.
        for line in markdown.lines().filter(|line| line.starts_with("| [")) {
            let bars = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
            prop_assert!([5, 7].contains(&bars), "{}", line);
        }
    }
}
