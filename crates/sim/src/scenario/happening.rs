//! What a line says that happens: people, monitors, channels; what happens on chains is in `chain`. Reads only: what it comes
//! to is in `stage`. Tests: `tests/scenarios.rs`.

use std::time::Duration;

use quarterdeck_core::{
    incident::{Part, ResponseRole, Severity},
    money::Usd,
    signal::{Facts, Loudness},
};

use super::{
    chain::{self, OnChain},
    talk::{self, Talk},
    words::Words,
};

/// What happens on a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Happening {
    /// Time passes.
    Nothing,
    /// A monitor says that something began.
    Fires { claim: Subject, loudness: Loudness, facts: Facts, times: u64, once: bool },
    /// A monitor says that it is over, or was so long ago.
    Ends { claim: Subject, ago: Duration },
    /// A monitor does not repeat what it must repeat as long as it holds.
    FallsSilent { claim: Subject },
    /// A monitor says that somebody at its end works on it.
    TakesUp { claim: Subject },
    /// Somebody does something.
    Does { who: String, deed: Deed, incident: Option<usize> },
    /// How a channel behaves from now on.
    Channel { channel: String, person: Option<String>, manner: Manner, after: Duration },
    /// What a check says from now on.
    Check { check: String, answer: Answer },
    /// Something happens on a chain, or to our sight of it.
    Chain(OnChain),
}

/// What a monitor claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) service: Option<String>,
    /// Part of an exercise.
    pub(super) drill: bool,
}

/// What somebody does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    Acknowledges,
    AcknowledgesOne(Subject),
    Mitigates(String),
    /// What was done, and why in spite of what stands in the way.
    Resolves(String, Option<String>),
    Validates(Option<String>),
    Reopens(String),
    Reviews(String),
    Notes(String),
    Escalates(String),
    Takes(ResponseRole),
    GivesUp(ResponseRole),
    Pages {
        whom: String,
        role: Option<ResponseRole>,
        reason: String,
    },
    Accepts,
    Declines(String),
    HandsOver {
        to: String,
        reason: String,
    },
    States {
        facts: Facts,
        instead: bool,
    },
    MergesInto(usize),
    Declares {
        title: String,
        service: Option<String>,
        severity: Severity,
        facts: Facts,
        drill: bool,
    },
    Talks(Talk),
    OfTask(OfTask),
    OfEvidence(OfEvidence),
    OfAccess(OfAccess),
    Silences {
        matchers: Vec<(String, String)>,
        span: Duration,
    },
    EndsSilence,
}

/// What somebody does about who may look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OfAccess {
    Restricts { code_name: String, reason: String, members: Vec<String> },
    LetsIn(String, String),
    PutsOut(String, String),
    Lifts(String),
    BreaksGlass(String),
    Reads(Part),
}

/// What somebody does about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OfTask {
    Adds { title: String, on: Vec<String>, assignee: Option<String>, due: Option<Duration>, claim: Option<Claims> },
    Claims { number: u32, claim: Claims },
    Renews { number: u32, lasts: Option<Duration> },
    Releases(u32),
    Finishes(u32, String),
    Drops(u32, String),
}

/// What somebody does with evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OfEvidence {
    /// What it is, what it says, and the task that it belongs to.
    Keeps(String, String, Option<u32>),
    HandsOut(u32, String, String),
    Holds(String),
    Lifts(String),
}

/// For how long, and why in spite of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) lasts: Option<Duration>,
    pub(super) reason: String,
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// All is well, and what was seen.
    Passes(String),
    /// It is not.
    Fails(String),
    /// Nothing comes in time.
    Silent,
    /// What comes is no answer.
    Errs(String),
}

/// How a channel behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Works,
    Fails,
    Silent,
}

/// What may stand in a line, for error texts.
const VOCABULARY: &str = "`monitor …`, `the channel …`, `check …`, a person and one of acknowledges, mitigates, resolves, validates, reopens, reviews, \
                          notes, escalates, declares, pages, accepts, declines, hands, takes, gives, states, merges, silences, \
                          ends, says, decides, asks, answers, types, changes, withdraws, pins, unpins, `opens the room`, \
                          `closes the room`, adds, claims, renews, releases, finishes, drops, keeps, holds, lifts, restricts, lets, puts, breaks, reads; or something that happens on a chain";
/// One line of a storm stands for at most so many signals: ten times the storm that must become one incident.
const TIMES_MAX: u64 = 50_000;

/// Reads what happens.
pub(super) fn read(text: &str) -> Result<Happening, String> {
    let mut words = Words::of(text)?;
    if words.is_over() {
        return Ok(Happening::Nothing);
    }
    if words.takes("monitor") {
        return monitor(words);
    }
    if words.takes("the channel") {
        return channel(words);
    }
    if words.takes("check") {
        return check(words);
    }
    if let Some(done) = person(words.clone())? {
        return Ok(done);
    }
    match chain::read(words)? {
        Some(on_chain) => Ok(Happening::Chain(on_chain)),
        None => Err(format!("expected {VOCABULARY}; found `{text}`")),
    }
}

fn monitor(mut words: Words) -> Result<Happening, String> {
    let fires = words.takes("fires");
    let takes_up = !fires && words.takes("takes up");
    let falls_silent = !fires && words.takes("falls silent about");
    if !fires && !takes_up && !falls_silent {
        let verbs = "`fires`, `ends`, `takes up` or `falls silent about`";
        words.expect("ends").map_err(|_| format!("expected {verbs}, found {}", words.found()))?;
    }
    let name = words.next("the name of what the monitor watches")?;
    let service = if words.takes("on") { Some(words.next("a service")?) } else { None };
    let mut claim = Subject { name, service, drill: false };
    if !fires {
        claim.drill = words.takes(", as a drill");
        if takes_up || falls_silent {
            words.end()?;
            return Ok(if takes_up { Happening::TakesUp { claim } } else { Happening::FallsSilent { claim } });
        }
        let mut ago = Duration::ZERO;
        if words.takes(", as of") {
            ago = words.span()?;
            words.expect("ago")?;
        }
        words.end()?;
        return Ok(Happening::Ends { claim, ago });
    }
    let (mut loudness, mut facts, mut times, mut once) = (Loudness::Warning, Facts::default(), 1, false);
    while words.takes(",") {
        if words.takes("as a drill") {
            claim.drill = true;
        } else if words.takes("once") {
            once = true;
        } else if let Some(loud) = loudness_of(words.peek(0)) {
            words.next("a loudness")?;
            loudness = loud;
        } else if words.peek(1) == "times" {
            times = words.number("how often")?;
            words.expect("times")?;
        } else {
            facts = facts.merge(&fact(&mut words)?);
        }
    }
    words.end()?;
    if times == 0 || times > TIMES_MAX {
        return Err(format!("expected 1 to {TIMES_MAX} times, found {times}"));
    }
    Ok(Happening::Fires { claim, loudness, facts, times, once })
}

fn channel(mut words: Words) -> Result<Happening, String> {
    let channel = words.next("the name of a channel")?;
    let manner = if words.takes("works") {
        Manner::Works
    } else if words.takes("fails") {
        Manner::Fails
    } else if words.takes("is silent") {
        Manner::Silent
    } else {
        return Err(format!("expected `works`, `fails` or `is silent`, found {}", words.found()));
    };
    let person = if words.takes("for") { Some(words.next("a person")?) } else { None };
    let after = if words.takes("after") { words.span()? } else { Duration::ZERO };
    words.end()?;
    Ok(Happening::Channel { channel, person, manner, after })
}

/// `check NAME passes ["SEEN"]`, `fails "SEEN"`, `errs "WHY"`, `times out`, `is silent`.
fn check(mut words: Words) -> Result<Happening, String> {
    let check = words.next("the name of a check")?;
    let answer = if words.takes("passes") {
        Answer::Passes(text(&mut words, false)?)
    } else if words.takes("fails") {
        Answer::Fails(text(&mut words, true)?)
    } else if words.takes("errs") {
        Answer::Errs(text(&mut words, true)?)
    } else if words.takes("times out") || words.takes("is silent") {
        Answer::Silent
    } else {
        let verbs = "`passes`, `fails`, `errs`, `times out` or `is silent`";
        return Err(format!("expected {verbs}, found {}", words.found()));
    };
    words.end()?;
    Ok(Happening::Check { check, answer })
}

fn person(mut words: Words) -> Result<Option<Happening>, String> {
    let who = words.next("who or what")?;
    let verb = words.peek(0).to_owned();
    if words.next("what happens").is_err() {
        return Ok(None);
    }
    if let Some(of_evidence) = of_evidence(&verb, &mut words)? {
        return does(who, Deed::OfEvidence(of_evidence), words);
    }
    let deed = match verb.as_str() {
        "acknowledges" if words.is_over() || words.peek(0).starts_with('#') => Deed::Acknowledges,
        "acknowledges" => {
            let name = words.next("the name of what the monitor watches")?;
            let service = if words.takes("on") { Some(words.next("a service")?) } else { None };
            Deed::AcknowledgesOne(Subject { name, service, drill: false })
        }
        "mitigates" => Deed::Mitigates(text(&mut words, false)?),
        "resolves" => resolves(&mut words)?,
        "validates" if words.is_over() || words.peek(0).starts_with('#') => Deed::Validates(None),
        "validates" => Deed::Validates(Some(words.next("a check")?)),
        "reviews" => Deed::Reviews(text(&mut words, false)?),
        "reopens" => Deed::Reopens(text(&mut words, true)?),
        "notes" => Deed::Notes(text(&mut words, true)?),
        "escalates" => Deed::Escalates(text(&mut words, true)?),
        "pages" => {
            let whom = words.next("a person, a policy or a schedule")?;
            let role = if words.takes("to be") { Some(role(&words.next("a role")?)?) } else { None };
            Deed::Pages { whom, role, reason: text(&mut words, true)? }
        }
        "accepts" => Deed::Accepts,
        "declines" => Deed::Declines(text(&mut words, false)?),
        "hands" => {
            words.expect("over to")?;
            let to = words.next("a policy")?;
            Deed::HandsOver { to, reason: text(&mut words, true)? }
        }
        "gives" => {
            words.expect("up")?;
            Deed::GivesUp(role(&words.next("a role")?)?)
        }
        "takes" => Deed::Takes(role(&words.next("a role")?)?),
        "states" => {
            let instead = words.takes("instead");
            let mut facts = fact(&mut words)?;
            while words.takes(",") {
                facts = facts.merge(&fact(&mut words)?);
            }
            Deed::States { facts, instead }
        }
        "merges" => return merges(who, words).map(Some),
        "declares" => declares(&mut words)?,
        "adds" | "claims" | "renews" | "releases" | "finishes" | "drops" => Deed::OfTask(of_task(&verb, &mut words)?),
        "restricts" | "lets" | "puts" | "lifts" | "breaks" | "reads" => Deed::OfAccess(of_access(&verb, &mut words)?),
        "silences" => Deed::Silences { matchers: matchers(&mut words)?, span: words.span()? },
        "ends" => {
            words.expect("the silence")?;
            Deed::EndsSilence
        }
        verb => match talk::read(verb, &mut words)? {
            Some(talk) => Deed::Talks(talk),
            None => return Ok(None),
        },
    };
    does(who, deed, words)
}

/// `#1 into #2`.
fn merges(who: String, mut words: Words) -> Result<Happening, String> {
    let merged = number(&mut words)?;
    words.expect("into")?;
    let deed = Deed::MergesInto(number(&mut words)?);
    words.end()?;
    Ok(Happening::Does { who, deed, incident: Some(merged) })
}

/// The rest of the line: which incident is meant, where it must be said.
fn does(who: String, deed: Deed, mut words: Words) -> Result<Option<Happening>, String> {
    let incident = if words.peek(0).starts_with('#') { Some(number(&mut words)?) } else { None };
    words.end()?;
    Ok(Some(Happening::Does { who, deed, incident }))
}

/// What somebody does with evidence; none: it is something else.
fn of_evidence(verb: &str, words: &mut Words) -> Result<Option<OfEvidence>, String> {
    Ok(Some(match verb {
        "keeps" => keeps(words)?,
        "hands" if words.takes("out evidence") => hands_out(words)?,
        // An account holds tokens; a person holds an incident, and says why.
        "holds" if !words.is_over() && words.peek(0).is_empty() => OfEvidence::Holds(text(words, true)?),
        "lifts" if words.takes("the hold") => OfEvidence::Lifts(text(words, true)?),
        _ => return Ok(None),
    }))
}

/// `keeps "WHAT IT IS" with "WHAT IT SAYS" [for task N]`.
fn keeps(words: &mut Words) -> Result<OfEvidence, String> {
    let what = text(words, true)?;
    words.expect("with")?;
    let bytes = text(words, true)?;
    let task = if words.takes("for task") { Some(small(words, "the number of a task")?) } else { None };
    Ok(OfEvidence::Keeps(what, bytes, task))
}

/// `hands out evidence N to "WHOM" "WHY"`.
fn hands_out(words: &mut Words) -> Result<OfEvidence, String> {
    let number = small(words, "the number of a piece of evidence")?;
    words.expect("to")?;
    Ok(OfEvidence::HandsOut(number, text(words, true)?, text(words, true)?))
}

fn small(words: &mut Words, what: &'static str) -> Result<u32, String> {
    u32::try_from(words.number(what)?).map_err(|_| format!("{what} is not so large"))
}

/// `restricts "WHY" [as "NAME"] [letting in WHOM, WHOM]`, `lets in WHOM "WHY"`, `puts out WHOM "WHY"`, `lifts the restriction "WHY"`,
/// `breaks the glass "WHY"`, `reads the timeline`.
fn of_access(verb: &str, words: &mut Words) -> Result<OfAccess, String> {
    const WHOM: &str = "a person, a policy or a schedule";
    Ok(match verb {
        "restricts" => {
            let reason = text(words, true)?;
            let code_name = if words.takes("as") { text(words, true)? } else { String::new() };
            let mut members = Vec::new();
            if words.takes("letting in") {
                members.push(words.next(WHOM)?);
                while words.takes(",") {
                    members.push(words.next(WHOM)?);
                }
            }
            OfAccess::Restricts { code_name, reason, members }
        }
        "lets" => {
            words.expect("in")?;
            OfAccess::LetsIn(words.next(WHOM)?, text(words, true)?)
        }
        "puts" => {
            words.expect("out")?;
            OfAccess::PutsOut(words.next(WHOM)?, text(words, true)?)
        }
        "lifts" if words.takes("the restriction") => OfAccess::Lifts(text(words, true)?),
        "lifts" => return Err(format!("expected `the hold` or `the restriction`, found {}", words.found())),
        "breaks" => {
            words.expect("the glass")?;
            OfAccess::BreaksGlass(text(words, true)?)
        }
        _ => {
            let part = Part::ALL.into_iter().find(|part| words.takes(part.words()));
            OfAccess::Reads(part.ok_or_else(|| {
                let known: Vec<&str> = Part::ALL.iter().map(|part| part.words()).collect();
                format!("expected one of {}, found {}", known.join(", "), words.found())
            })?)
        }
    })
}

/// `resolves "NOTE" [overriding "WHY"]`.
fn resolves(words: &mut Words) -> Result<Deed, String> {
    let note = text(words, false)?;
    let reason = if words.takes("overriding") { Some(text(words, true)?) } else { None };
    Ok(Deed::Resolves(note, reason))
}

fn declares(words: &mut Words) -> Result<Deed, String> {
    let title = text(words, true)?;
    let service = if words.takes("on") { Some(words.next("a service")?) } else { None };
    let severity = if words.takes("as") { words.next("a severity")?.parse()? } else { Severity::Sev3 };
    let (mut facts, mut drill) = (Facts::default(), false);
    while words.takes(",") {
        if words.takes("as a drill") {
            drill = true;
        } else {
            facts = facts.merge(&fact(words)?);
        }
    }
    Ok(Deed::Declares { title, service, severity, facts, drill })
}

/// `adds task "TITLE" [on THING, THING] [for PERSON] [due in SPAN] [claimed [for SPAN]] ["REASON"]`, and what becomes of tasks.
fn of_task(verb: &str, words: &mut Words) -> Result<OfTask, String> {
    words.expect("task")?;
    if verb == "adds" {
        return adds_task(words);
    }
    let number =
        u32::try_from(words.number("the number of a task")?).map_err(|_| "no task has this number".to_owned())?;
    Ok(match verb {
        "claims" => OfTask::Claims { number, claim: claims(words)? },
        "renews" => OfTask::Renews { number, lasts: lasts(words)? },
        "releases" => OfTask::Releases(number),
        "finishes" => OfTask::Finishes(number, text(words, true)?),
        _ => OfTask::Drops(number, text(words, true)?),
    })
}

fn adds_task(words: &mut Words) -> Result<OfTask, String> {
    let title = text(words, true)?;
    let mut on = Vec::new();
    if words.takes("on") {
        on.push(words.next("a thing such as flag:deposits")?);
        while words.takes(",") {
            on.push(words.next("a thing such as flag:deposits")?);
        }
    }
    let assignee = if words.takes("for") { Some(words.next("a person")?) } else { None };
    let due = if words.takes("due in") { Some(words.span()?) } else { None };
    let claim = if words.takes("claimed") { Some(claims(words)?) } else { None };
    Ok(OfTask::Adds { title, on, assignee, due, claim })
}

fn lasts(words: &mut Words) -> Result<Option<Duration>, String> {
    if words.takes("for") { words.span().map(Some) } else { Ok(None) }
}

fn claims(words: &mut Words) -> Result<Claims, String> {
    Ok(Claims { lasts: lasts(words)?, reason: text(words, false)? })
}

/// A quoted text; where it may be left out, empty.
fn text(words: &mut Words, needed: bool) -> Result<String, String> {
    if words.is_over() || words.peek(0).starts_with('#') {
        return if needed { Err("expected why, in double quotes".to_owned()) } else { Ok(String::new()) };
    }
    if !words.peek(0).is_empty() {
        return Err(format!("expected a text in double quotes, found {}", words.found()));
    }
    words.next("a text in double quotes")
}

fn number(words: &mut Words) -> Result<usize, String> {
    let text = words.next("an incident: `#1` is the first of the timeline")?;
    let number = text.strip_prefix('#').and_then(|digits| digits.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| format!("expected an incident such as `#1`, found `{text}`"))
}

fn role(text: &str) -> Result<ResponseRole, String> {
    let found = ResponseRole::ALL.into_iter().find(|role| role.word() == text);
    let known: Vec<&str> = ResponseRole::ALL.iter().map(|role| role.word()).collect();
    found.ok_or_else(|| format!("expected one of {}, found `{text}`", known.join(", ")))
}

fn fact(words: &mut Words) -> Result<Facts, String> {
    let none = Facts::default();
    if words.takes("money at risk") {
        let money_at_risk = Usd::from_dollars(words.number("a number of dollars")?);
        words.expect("USD")?;
        return Ok(Facts { money_at_risk, ..none });
    }
    if words.takes("users") {
        return Ok(Facts { users: Some(words.number("a number of users")?), ..none });
    }
    if words.takes("theft") {
        return Ok(Facts { theft: true, ..none });
    }
    if words.takes("key compromise") {
        return Ok(Facts { key_compromise: true, ..none });
    }
    if words.takes("irreversible") {
        return Ok(Facts { irreversible: true, ..none });
    }
    Err(format!(
        "expected one of `money at risk N USD`, `users N`, `theft`, `key compromise`, `irreversible`, found {}",
        words.found()
    ))
}

fn matchers(words: &mut Words) -> Result<Vec<(String, String)>, String> {
    let mut matchers = Vec::new();
    loop {
        let text = words.next("a matcher such as `alertname=NodeDown`")?;
        let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) =
            pair.ok_or_else(|| format!("expected a matcher such as `alertname=NodeDown`, found `{text}`"))?;
        matchers.push((name.to_owned(), value.to_owned()));
        if !words.takes(",") {
            break;
        }
    }
    words.expect("for")?;
    Ok(matchers)
}

fn loudness_of(word: &str) -> Option<Loudness> {
    Loudness::ALL.into_iter().find(|loudness| loudness.word() == word)
}
