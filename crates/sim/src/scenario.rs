//! Executable stories: Markdown that a duty officer can read and the rules must obey.
//!
//! A scenario has a title, prose, `toml config` blocks in the program's own configuration shape, and `timeline` blocks. It is
//! played in virtual time through the very detectors and rules that the server runs; nothing is sent and nothing waits. Each
//! line of a timeline asserts **everything** that happens at it:
//!
//! ```text
//! 12:00:00  monitor fires NodeDown on bridge, critical   #=> opened SEV2; paged alice by sms
//! 12:05:00                                               #=> escalated to tier 2; paged bob by sms
//! 12:06:10  bob acknowledges                             #=> acknowledged
//! ```
//!
//! What becomes due between two lines must have a line of its own: time alone. So an extra page fails a scenario, and so does a
//! missing one. The grammar is in `docs/scenarios.md`.
//!
//! Must never read a clock, and never panic on any text. Tests: `tests/scenarios.rs`, which plays every file in `scenarios/`.

mod words;
mod attack;
mod chain;
mod talk;
mod happening;
mod parse;
mod said;
mod world;
mod rooms;
mod stage;

use std::{fmt, path::Path, sync::Arc};

use jiff::tz::TimeZone;
use quarterdeck_core::time::Timestamp;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::config::Configuration;

pub use parse::Malformed;

use self::{
    parse::{Entry, Fenced, Timeline},
    stage::{Stage, Stuck},
    world::World,
};

/// A scenario, read and not played yet.
#[derive(Debug, Clone)]
pub struct Scenario {
    file: String,
    title: String,
    timelines: Vec<Timeline>,
}

/// Where what happened is not what the scenario says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which file.
    pub file: String,
    /// Which line of it, from 1.
    pub line: usize,
    /// When, on the clock of the timeline.
    pub at: String,
    /// What the line says; none: no line says anything about this instant.
    pub want: Option<Vec<String>>,
    /// What happened.
    pub got: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |phrases: &[String]| if phrases.is_empty() { "nothing".to_owned() } else { phrases.join("; ") };
        let Self { file, line, at, want, got } = self;
        match want {
            Some(want) => write!(f, "{file}:{line}: at {at}\n  want: {}\n  got:  {}", list(want), list(got)),
            None => write!(f, "{file}:{line}: at {at} happened: {}; no line says so", list(got)),
        }
    }
}

/// What came of playing a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many timelines were played.
    pub timelines: usize,
    /// How many lines of them.
    pub lines: usize,
    /// The first difference of each timeline that has one.
    pub failures: Vec<Failure>,
}

/// Which world a scenario is played in.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// Those that it configures itself. Paths in them begin at the folder.
    Own {
        /// The scenario's folder.
        folder: &'a Path,
        /// What the configuration's reader needs.
        parts: &'a Parts,
    },
    /// An operator's: their people, schedules, policies and detectors, whatever the scenario configures.
    Operator(&'a Configuration),
}

impl Scenario {
    /// Reads a scenario. `file` is its name in messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, Malformed> {
        let (title, timelines) = parse::scenario(file, text)?;
        Ok(Self { file: file.to_owned(), title, timelines })
    }

    /// Its first heading.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Plays every timeline, each from the beginning.
    pub fn play(&self, given: Given<'_>) -> Result<Verdict, Malformed> {
        let mut verdict = Verdict { timelines: 0, lines: 0, failures: Vec::new() };
        let mut last: Option<(Option<Arc<Fenced>>, World)> = None;
        for timeline in &self.timelines {
            let world = match &last {
                Some((config, world)) if *config == timeline.config => world.clone(),
                Some(_) | None => self.world(timeline, given)?,
            };
            last = Some((timeline.config.clone(), world.clone()));
            verdict.timelines += 1;
            verdict.lines += timeline.entries.len();
            verdict.failures.extend(self.play_timeline(timeline, world)?);
        }
        Ok(verdict)
    }

    fn malformed(&self, line: usize, what: String) -> Malformed {
        Malformed { file: self.file.clone(), line, what }
    }

    fn world(&self, timeline: &Timeline, given: Given<'_>) -> Result<World, Malformed> {
        match given {
            Given::Operator(configuration) => Ok(World::of_operator(configuration)),
            Given::Own { folder, parts } => {
                let stem = Path::new(&self.file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                let (line, text) = timeline.config.as_ref().map_or((timeline.line, ""), |c| (c.line, c.text.as_str()));
                World::of_text(text, stem, folder, parts).map_err(|error| {
                    // The reader counts from the block's first line.
                    let inner = error.mistakes().first().and_then(|fault| fault.line).unwrap_or(1);
                    self.malformed(
                        line.saturating_add(inner).saturating_sub(1),
                        format!("in the configuration: {error}"),
                    )
                })
            }
        }
    }

    /// The first difference, if there is one.
    fn play_timeline(&self, timeline: &Timeline, world: World) -> Result<Option<Failure>, Malformed> {
        let Some(first) = timeline.entries.first() else { return Ok(None) };
        let mut stage = Stage::new(world, first.at).map_err(|what| self.malformed(timeline.line, what))?;
        for entry in &timeline.entries {
            for at in instants(entry) {
                match stage.play(at, &entry.happening, at > entry.at) {
                    Ok(()) => {}
                    Err(Stuck::Malformed(what)) => return Err(self.malformed(entry.line, what)),
                    Err(Stuck::Untold { at, said }) => return Ok(Some(self.failure(entry, at, None, said))),
                }
            }
            let told = stage.told();
            if !agree(&told, &entry.wanted) {
                return Ok(Some(self.failure(entry, entry.at, Some(entry.wanted.clone()), told)));
            }
        }
        Ok(None)
    }

    fn failure(&self, entry: &Entry, at: Timestamp, want: Option<Vec<String>>, got: Vec<String>) -> Failure {
        Failure { file: self.file.clone(), line: entry.line, at: shown(at, &entry.zone), want, got }
    }
}

/// The instants of a line, in order.
fn instants(entry: &Entry) -> impl Iterator<Item = Timestamp> {
    let (step, until) = entry.every.unwrap_or((std::time::Duration::ZERO, entry.at));
    std::iter::successors(Some(entry.at), move |at| {
        (!step.is_zero()).then(|| at.plus(step)).filter(|next| *next <= until)
    })
}

/// A loudness that the line leaves out is not compared; everything else is.
fn agree(told: &[String], wanted: &[String]) -> bool {
    let same = |told: &String, wanted: &String| {
        let short = told.starts_with("signal ").then(|| told.rsplit_once(' ')).flatten();
        told == wanted || short.is_some_and(|(short, _)| short == wanted)
    };
    let mut wanted = wanted.iter().peekable();
    let mut before = "";
    for phrase in told {
        if wanted.next_if(|wanted| same(phrase, wanted)).is_none() && !goes_without_saying(before, phrase) {
            return false;
        }
        before = phrase;
    }
    wanted.next().is_none()
}

/// Whoever acknowledges first is commander: a line says so only where it is the point.
fn goes_without_saying(before: &str, phrase: &str) -> bool {
    let acknowledged = before == "acknowledged" || before.ends_with(" acknowledged");
    acknowledged && phrase.ends_with(" is commander")
}

fn shown(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_jiff().to_zoned(zone.clone());
    let pattern = if at.as_ms().rem_euclid(1_000) == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.3f" };
    local.strftime(pattern).to_string()
}
