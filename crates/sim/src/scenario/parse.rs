//! From Markdown to timelines with absolute instants. Never panics, whatever the text. Tests: `tests/scenarios.rs`.

use jiff::{
    civil::{Date, Time},
    tz::{AmbiguousOffset, TimeZone},
};
use quarterdeck_core::time::Timestamp;
use std::{sync::Arc, time::Duration};

use super::{
    happening::{self, Happening},
    words::Words,
};

/// What separates what happens from everything that follows.
const ARROW: &str = "#=>";
/// The day of a timeline that names none: a Monday.
const DAY: &str = "2026-01-05";

/// A text that is no scenario, or names what its world does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct Malformed {
    /// Which file.
    pub file: String,
    /// Which line of it, from 1.
    pub line: usize,
    /// What was expected.
    pub what: String,
}

/// The configuration of the timelines below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fenced {
    /// The line of its first line, from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

/// One timeline.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    /// The line of its fence, from 1.
    pub(super) line: usize,
    pub(super) config: Option<Arc<Fenced>>,
    pub(super) entries: Vec<Entry>,
}

/// One line of a timeline.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// From 1.
    pub(super) line: usize,
    pub(super) at: Timestamp,
    /// The zone in which the line is written, for messages.
    pub(super) zone: TimeZone,
    pub(super) happening: Happening,
    /// The same again at this distance until this instant.
    pub(super) every: Option<(Duration, Timestamp)>,
    /// Everything that follows.
    pub(super) wanted: Vec<String>,
}

/// The title and the timelines of a whole file.
pub(super) fn scenario(file: &str, text: &str) -> Result<(String, Vec<Timeline>), Malformed> {
    let malformed = |line, what: String| Malformed { file: file.to_owned(), line, what };
    let mut title = String::new();
    let mut config = None;
    let mut timelines = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if title.is_empty()
            && let Some(heading) = line.strip_prefix("# ")
        {
            heading.trim().clone_into(&mut title);
        }
        let Some(fence) = line.strip_prefix("```") else { continue };
        let mut body: Vec<(usize, &str)> = Vec::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some(inner) => body.push(inner),
                None => return Err(malformed(number, "expected a closing fence of three backticks".to_owned())),
            }
        }
        match fence.trim() {
            "toml config" => {
                let text = body.iter().flat_map(|(_, line)| [*line, "\n"]).collect();
                config = Some(Arc::new(Fenced { line: number + 1, text }));
            }
            "timeline" => {
                let entries = entries(&body).map_err(|(line, what)| malformed(line, what))?;
                if entries.is_empty() {
                    return Err(malformed(number, "expected at least one line in the timeline".to_owned()));
                }
                timelines.push(Timeline { line: number, config: config.clone(), entries });
            }
            // Other fenced blocks are prose.
            _ => {}
        }
    }
    if title.is_empty() {
        return Err(malformed(1, "expected a title: a line that begins with `# `".to_owned()));
    }
    if timelines.is_empty() {
        return Err(malformed(1, "expected a block that is fenced as `timeline`".to_owned()));
    }
    Ok((title, timelines))
}

/// The day and the zone in which a clock is read.
#[derive(Debug, Clone)]
struct Calendar {
    day: Date,
    zone: TimeZone,
}

fn entries(body: &[(usize, &str)]) -> Result<Vec<Entry>, (usize, String)> {
    let day = DAY.parse().map_err(|error| (0, format!("{error}")))?;
    let mut calendar = Calendar { day, zone: TimeZone::UTC };
    let mut entries: Vec<Entry> = Vec::new();
    for (line, text) in body {
        let at_line = |what| (*line, what);
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        if let Some(rest) = text.strip_prefix("date ") {
            calendar = calendar.turn(rest).map_err(at_line)?;
            continue;
        }
        let entry = entry(*line, text, &calendar).map_err(at_line)?;
        let last = entries.last().map(|before| before.every.map_or(before.at, |(_, until)| until));
        if last.is_some_and(|last| entry.at < last) {
            return Err((*line, "time goes back: expected an instant that is not before the line above".to_owned()));
        }
        entries.push(entry);
    }
    Ok(entries)
}

impl Calendar {
    /// `2026-03-29`, and the zone if it changes too.
    fn turn(&self, text: &str) -> Result<Self, String> {
        let mut parts = text.split_whitespace();
        let day = parts.next().unwrap_or_default();
        let day = day.parse().map_err(|_| format!("expected a date such as `2026-03-29`, found `{day}`"))?;
        let zone = match parts.next() {
            None => self.zone.clone(),
            Some(name) => quarterdeck_core::policy::zone(name)
                .ok_or_else(|| format!("expected a zone such as `Europe/Berlin`, found `{name}`"))?,
        };
        match parts.next() {
            None => Ok(Self { day, zone }),
            Some(more) => Err(format!("expected the end after date and zone, found `{more}`")),
        }
    }

    /// The instant of a clock so many days later. Where the clock skips it or shows it twice, nobody could say which is meant.
    fn instant(&self, clock: &str, days: u64) -> Result<Timestamp, String> {
        let bad = || format!("expected a time such as `12:00:00`, found `{clock}`");
        if clock.len() != 8 {
            return Err(bad());
        }
        let time: Time = clock.parse().map_err(|_| bad())?;
        let span = i64::try_from(days).ok().and_then(|days| jiff::Span::new().try_days(days).ok());
        let day =
            span.and_then(|span| self.day.checked_add(span).ok()).ok_or_else(|| format!("{days} days are too many"))?;
        let shown = self.zone.to_ambiguous_timestamp(day.to_datetime(time));
        match shown.offset() {
            AmbiguousOffset::Unambiguous { .. } => {}
            AmbiguousOffset::Gap { .. } => return Err(format!("the clock skips {clock} on {day}")),
            AmbiguousOffset::Fold { .. } => {
                return Err(format!("the clock shows {clock} twice on {day}: write the line under `date … UTC`"));
            }
        }
        shown.unambiguous().map(Timestamp::from_jiff).map_err(|error| error.to_string())
    }
}

fn entry(line: usize, text: &str, calendar: &Calendar) -> Result<Entry, String> {
    let (told, wanted) =
        text.split_once(ARROW).ok_or_else(|| format!("expected `{ARROW}` and everything that happens"))?;
    let told = told.trim();
    let (clock, mut rest) = told.split_once(char::is_whitespace).unwrap_or((told, ""));
    let mut days = 0;
    if let Some(later) = rest.trim_start().strip_prefix('+') {
        let mut words = later.splitn(3, ' ');
        let count = words.next().unwrap_or_default();
        days = super::words::whole(count).ok_or_else(|| format!("expected a number of days, found `{count}`"))?;
        if words.next() != Some("d") {
            return Err("expected ` d` after the number of days".to_owned());
        }
        rest = words.next().unwrap_or_default();
    }
    let at = calendar.instant(clock, days)?;
    let (happens, every) = match rest.rsplit_once(", every ") {
        Some((happens, every)) => (happens, Some(repeat(every, at, days, calendar)?)),
        None => (rest, None),
    };
    let happening = happening::read(happens.trim())?;
    Ok(Entry { line, at, zone: calendar.zone.clone(), happening, every, wanted: wanted_of(wanted)? })
}

/// `12 s until 12:39:48`.
fn repeat(text: &str, at: Timestamp, days: u64, calendar: &Calendar) -> Result<(Duration, Timestamp), String> {
    let mut words = Words::of(text)?;
    let step = words.span()?;
    words.expect("until")?;
    let until = calendar.instant(&words.next("a time")?, days)?;
    words.end()?;
    if step.is_zero() || until < at {
        return Err("expected a step above zero and an end that is not before the beginning".to_owned());
    }
    Ok((step, until))
}

fn wanted_of(text: &str) -> Result<Vec<String>, String> {
    let wanted: Vec<String> = text.split(';').map(|phrase| phrase.trim().to_owned()).collect();
    if wanted.iter().any(String::is_empty) {
        return Err(format!("expected everything that happens after `{ARROW}`, separated by `; `, or `nothing`"));
    }
    if wanted == ["nothing"] { Ok(Vec::new()) } else { Ok(wanted) }
}
