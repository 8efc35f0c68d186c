//! Every scenario passes, a wrong one fails with a message that says why, and no text makes the reader panic.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::notify::Parts;
use quarterdeck_sim::scenario::{Given, Malformed, Scenario, Verdict};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    // Every folder, so that no story of a new one is forgotten.
    let folders = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir()) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn parts() -> Parts {
    Parts::new(SystemClock::new()).unwrap()
}

fn play(file: &str, text: &str) -> Result<Verdict, Malformed> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    Scenario::parse(file, text)?.play(Given::Own { folder, parts: &parts() })
}

#[test]
fn every_scenario_comes_out_as_written() {
    let mut wrong = Vec::new();
    let mut lines = 0;
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        match play(&path.display().to_string(), &text) {
            Ok(verdict) => {
                lines += verdict.lines;
                wrong.extend(verdict.failures.iter().map(ToString::to_string));
            }
            Err(malformed) => wrong.push(malformed.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines > 150, "only {lines} lines were played");
}

/// A world in which Alice is paged first and Bob five minutes later.
const WORLD: &str = r#"# A story

```toml config
[[person]]
id = "alice"
contacts = [{ channel = "sms", address = "+1" }]

[[person]]
id = "bob"
contacts = [{ channel = "sms", address = "+2" }]

[[policy]]
id = "all"
tiers = [{ people = ["alice"], delay = "5m" }, { people = ["bob"], delay = "5m" }]
fallback = "bob"
```
"#;
/// Where the first line of a timeline after [`WORLD`] stands.
const FIRST: usize = 19;

fn timeline(lines: &str) -> String {
    format!("{WORLD}\n```timeline\n{lines}\n```\n")
}

fn failure(lines: &str) -> String {
    let verdict = play("story.md", &timeline(lines)).unwrap();
    verdict.failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn malformed(lines: &str) -> (usize, String) {
    let malformed = play("story.md", &timeline(lines)).unwrap_err();
    (malformed.line - FIRST, malformed.what)
}

#[test]
fn an_extra_page_fails_and_so_does_a_missing_one() {
    let opened = "12:00:00  monitor fires NodeDown, critical  #=> opened SEV3; paged alice by sms";
    assert_eq!(failure(opened), "");
    assert_eq!(
        failure("12:00:00  monitor fires NodeDown, critical  #=> opened SEV3"),
        "story.md:19: at 2026-01-05 12:00:00\n  want: opened SEV3\n  got:  opened SEV3; paged alice by sms"
    );
    assert_eq!(
        failure("12:00:00  monitor fires NodeDown, critical  #=> opened SEV3; paged alice by sms; paged bob by sms"),
        "story.md:19: at 2026-01-05 12:00:00\n  want: opened SEV3; paged alice by sms; paged bob by sms\n  got:  opened SEV3; paged alice by sms"
    );
    assert_eq!(
        failure("date 2026-07-01 Asia/Tokyo\n12:00:00  monitor fires Quiet, info  #=> nothing"),
        "story.md:20: at 2026-07-01 12:00:00\n  want: nothing\n  got:  noted"
    );
    assert_eq!(
        failure(&format!("{opened}\n12:06:00  alice acknowledges  #=> acknowledged")),
        "story.md:20: at 2026-01-05 12:05:00 happened: escalated to tier 2; paged bob by sms; no line says so"
    );
    let also_there = format!(
        "{opened}\n12:05:00  #=> escalated to tier 2; paged bob by sms\n12:06:00  bob resolves \"restarted it\" overriding \"it lags\"  #=> resolved in spite of its checks"
    );
    assert_eq!(failure(&also_there), "");
}

#[test]
fn what_is_due_happens_before_what_the_line_says() {
    let both = "12:00:00  monitor fires NodeDown, critical  #=> opened SEV3; paged alice by sms\n\
                12:05:00  alice acknowledges  #=> escalated to tier 2; paged bob by sms; acknowledged\n\
                12:05:00  alice reviews  #=> refused: wrong_phase";
    assert_eq!(failure(both), "");
}

#[test]
fn a_text_that_is_no_scenario_says_where_and_what_was_expected() {
    let cases = [
        ("12:00:00  alice dances  #=> nothing", "expected `monitor …`, `the channel …`, `check …`, a person"),
        ("12:00:00  alice acknowledges", "expected `#=>` and everything that happens"),
        ("12:00:00  alice acknowledges  #=> ", "expected everything that happens after `#=>`"),
        ("12:00:00  alice acknowledges  #=> a; ; b", "expected everything that happens after `#=>`"),
        ("noon  alice acknowledges  #=> nothing", "expected a time such as `12:00:00`, found `noon`"),
        ("12:00:00  alice acknowledges  #=> nothing", "there is no incident yet"),
        (
            "12:00:00  monitor burns  #=> nothing",
            "expected `fires`, `ends`, `takes up` or `falls silent about`, found `burns`",
        ),
        ("12:00:00  monitor ends NodeDown  #=> nothing", "`NodeDown` does not fire"),
        ("12:00:00  monitor fires NodeDown on moon  #=> nothing", "no service `moon` is configured"),
        ("12:00:00  monitor fires NodeDown, 0 times  #=> nothing", "expected 1 to 50000 times, found 0"),
        ("12:00:00  monitor fires \"Node  #=> nothing", "expected a closing `\"` after `Node`"),
        ("12:00:00  the channel pigeon fails  #=> nothing", "nobody has a contact on channel `pigeon`"),
        ("12:00:00  the channel sms fails for eve  #=> nothing", "no person `eve` has a contact on channel `sms`"),
        ("12:00:00  block  #=> nothing", "no detector is on"),
        ("12:00:00  a borrows 1 DAI to b  #=> nothing", "expected `from`, found `to`"),
        ("12:00:00  reorg depth 0: block  #=> nothing", "expected 1 to 256 blocks and a colon"),
        ("12:00:00  block, every 0 s until 13:00:00  #=> nothing", "expected a step above zero"),
        ("date 2026-02-30\n12:00:00  #=> nothing", "expected a date such as `2026-03-29`"),
        ("date 2026-03-29 Mars/Olympus\n12:00:00  #=> nothing", "expected a zone such as `Europe/Berlin`"),
    ];
    for (lines, want) in cases {
        let (line, what) = malformed(lines);
        assert!(what.starts_with(want), "{lines}: {what}");
        assert_eq!(line, 0, "{lines}");
    }
    for (hour, want) in [("03-29", "the clock skips 02:30:00"), ("10-25", "the clock shows 02:30:00 twice")] {
        let (line, what) = malformed(&format!("date 2026-{hour} Europe/Berlin\n02:30:00  #=> nothing"));
        assert!(what.starts_with(want) && line == 1, "{line}: {what}");
    }
    let back = "12:00:00  #=> nothing\n11:00:00  #=> nothing";
    assert_eq!(
        malformed(back),
        (1, "time goes back: expected an instant that is not before the line above".to_owned())
    );
}

#[test]
fn a_fault_of_the_configuration_is_told_with_its_line_in_the_scenario() {
    let text = timeline("12:00:00  #=> nothing").replace("fallback = \"bob\"", "fallback = \"eve\"");
    let malformed = play("story.md", &text).unwrap_err();
    assert!(malformed.what.contains("eve") && (4..17).contains(&malformed.line), "{malformed}");
    let unknown = timeline("12:00:00  #=> nothing").replace("fallback", "fallbock");
    assert!(play("story.md", &unknown).unwrap_err().what.contains("fallbock"));
}

#[test]
fn two_incidents_are_told_apart() {
    let open = "12:00:00  monitor fires NodeDown, critical  #=> opened SEV3; paged alice by sms\n\
                12:00:01  monitor fires QueueFull, critical  #=> #2 opened SEV3; #2 paged alice by sms";
    let (line, what) = malformed(&format!("{open}\n12:00:02  bob acknowledges  #=> acknowledged"));
    assert_eq!((line, what.as_str()), (2, "there are 2 incidents: say which, for example `#1`"));
    let (_, what) = malformed(&format!("{open}\n12:00:02  bob acknowledges #3  #=> acknowledged"));
    assert_eq!(what, "there are 2 incidents: no `#3`");
    assert_eq!(failure(&format!("{open}\n12:00:02  bob acknowledges #2  #=> #2 acknowledged")), "");
}

/// Lines that can be played in any order.
const LINES: [&str; 10] = [
    "monitor fires NodeDown, critical",
    "monitor fires NodeDown, info, 3 times",
    "the channel sms fails for alice after 20 s",
    "the channel sms is silent",
    "the channel sms works",
    "alice silences alertname=NodeDown for 5 min",
    "mallory calls vault; vault pays 900 ETH to mallory; mallory re-enters vault; vault pays 900 ETH to mallory",
    "mallory borrows 5 DAI from lender; vault pays 7 DAI to mallory; mallory repays 5 DAI to lender",
    "vault holds 9 DAI; mallory swaps 1 DAI for 2 XYZ with pool; mallory calls vault pause() and fails",
    "block",
];

/// Words of which lines are made, and some that are none.
fn word() -> impl Strategy<Value = String> {
    let words = concat!(
        "12:00:00|12:05:00|25:61:00|+6|d|date|2026-03-29|Europe/Berlin|UTC|monitor|fires|ends|NodeDown|on|",
        "bridge|,|critical|5_000|times|alice|bob|acknowledges|mitigates|reopens|states|instead|money|at|",
        "risk|99999999999999999999|USD|merges|#1|#2|#0|into|silences|a=b|for|1|h|the|channel|sms|fails|is|",
        "silent|after|\"|\"a b\"|block|tick|reorg|depth|2:|sends|ETH|to|0xzz|0x1|borrows|DAI|from|;|calls|",
        "pause()|f(|source|gap|unreachable|closed|, every|until|#=>|nothing|opened|é|9223372036854775807|-1|",
        "\u{2028}|",
    );
    let words: Vec<&str> = words.split('|').collect();
    prop_oneof![8 => proptest::sample::select(words).prop_map(ToOwned::to_owned), 1 => ".{0,12}"]
}

proptest! {
    /// The reader never panics, and neither do the rules and the detectors on what it can read.
    #[test]
    fn no_line_makes_the_reader_or_the_rules_panic(
        lines in proptest::collection::vec((any::<bool>(), proptest::collection::vec(word(), 0..8)), 1..6),
    ) {
        let told = |(whole, words): &(bool, Vec<String>)| {
            let words = words.join(" ");
            if *whole { words } else { format!("12:00:00  {words}  #=> nothing") }
        };
        let lines: Vec<String> = lines.iter().map(told).collect();
        let text = timeline(&lines.join("\n")).replace("fallback", "fallback = \"bob\"\n[detectors.vault_drain]\n#");
        drop(play("story.md", &text));
    }

    /// Lines of which most can be read: each alone, and what follows from the ones before.
    #[test]
    fn stories_that_can_be_read_are_played_to_their_end(
        lines in proptest::collection::vec((0_u32..3_600, proptest::sample::select(LINES.to_vec())), 1..24),
    ) {
        let mut lines = lines;
        lines.sort_by_key(|(second, _)| *second);
        let told = lines.iter().map(|(second, line)| format!("12:{:02}:{:02}  {line}  #=> nothing", second / 60, second % 60));
        let told: Vec<String> = told.collect();
        let text = timeline(&told.join("\n")).replace("fallback", "fallback = \"bob\"\n[detectors.vault_drain]\n#");
        let verdict = play("story.md", &text);
        prop_assert!(verdict.is_ok_and(|verdict| verdict.lines == lines.len()));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(# a\n)?(```(timeline|toml config)?\n)?(.|\n){0,200}(```\n)?") {
        drop(Scenario::parse("story.md", &text));
    }
}
