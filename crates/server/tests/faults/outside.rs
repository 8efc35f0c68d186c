//! What survives everything that happens to the program: what was promised to the outside, what reached it, and what was asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use quarterdeck_core::id::{ChannelId, IncidentId, PageId};
use quarterdeck_reach::notify::{Message, MessageKind};

use crate::clock::Wall;

/// What a monitor says of its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Raised,
    Worse,
    Over,
}

/// One thing that a monitor wants heard, however often it has to say it.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// Whose claim.
    pub(crate) claim: String,
    /// Its title; of an end: the titles that it ends.
    pub(crate) titles: Vec<String>,
    pub(crate) said: Said,
    /// Our clock was so far from the monitor's that an end and a repetition cannot be told apart.
    pub(crate) is_blurred: bool,
    /// It says by the monitor's own clock until when it holds.
    pub(crate) by_its_clock: bool,
    /// It makes a SEV1.
    pub(crate) is_worst: bool,
    /// When it was said first.
    pub(crate) begun: Duration,
    /// When it was answered with 2xx.
    pub(crate) taken: Option<Duration>,
}

/// What the program was told of a message, if it lived to hear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing: it hung up, was killed, or stopped waiting.
    Nothing,
    /// That the channel took it.
    Taken(String),
    /// That the channel did not, although the person has it.
    Refused,
}

/// A message that reached a person.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) at: Duration,
    pub(crate) person: String,
    pub(crate) page: PageId,
    pub(crate) incident: IncidentId,
    pub(crate) kind: MessageKind,
    pub(crate) repeat: bool,
    pub(crate) title: String,
    pub(crate) answered: Answered,
    /// The store was unwell, so that it may not have been told that this leaves: twice is better than never.
    pub(crate) is_unmarked: bool,
}

impl Arrival {
    /// Said without the store, so that no log knows it beforehand.
    pub(crate) fn is_said_in_need(&self) -> bool {
        self.title.starts_with("Quarterdeck can")
    }
}

/// What a person asked of an incident.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Duration,
    pub(crate) person: String,
    pub(crate) incident: IncidentId,
    pub(crate) word: &'static str,
    /// It was answered with 2xx.
    pub(crate) done: bool,
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) inputs: Vec<Input>,
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) asked: Vec<Asked>,
    /// Steps of the clock.
    pub(crate) steps: Vec<i64>,
    /// Spans whose history was lost, and somebody accepted it.
    pub(crate) lost: Vec<(Duration, Duration)>,
    /// Lives begun.
    pub(crate) starts: u64,
    /// What happened, by kind.
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) story: Vec<(Duration, String)>,
    pub(crate) objections: BTreeSet<String>,
    /// The log, for whoever reads the story.
    pub(crate) log_lines: Vec<String>,
    /// How long the published log is.
    pub(crate) log: u64,
}

impl Record {
    /// Whether what happened then may be gone from the record.
    pub(crate) fn was_lost(&self, at: Duration) -> bool {
        self.lost.iter().any(|(from, until)| (*from..=*until).contains(&at))
    }
}

/// The world around the program.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) wall: Arc<Wall>,
    record: Mutex<Record>,
}

impl Outside {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { wall: Wall::new(), record: Mutex::default() })
    }

    pub(crate) fn now(&self) -> Duration {
        self.wall.passed()
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        change(&mut self.record.lock().unwrap())
    }

    /// A line of the story.
    pub(crate) fn tell(&self, what: impl Into<String>) {
        let now = self.now();
        self.with(|record| record.story.push((now, what.into())));
    }

    pub(crate) fn count(&self, what: &str) {
        self.with(|record| *record.counts.entry(what.to_owned()).or_default() += 1);
    }

    /// Something that must not be.
    pub(crate) fn object(&self, what: impl Into<String>) {
        let what = what.into();
        self.tell(format!("OBJECTION: {what}"));
        self.with(|record| record.objections.insert(what));
    }

    /// A message reached somebody: its place among the arrivals.
    pub(crate) fn arrived(&self, channel: &ChannelId, message: &Message, is_unmarked: bool) -> usize {
        let at = self.now();
        self.tell(format!(
            "{channel} has {} for {}: {} ({}{})",
            match message.kind {
                MessageKind::Page => "a page",
                MessageKind::Resolved => "an all-clear",
                MessageKind::HandedOver => "word of a hand-over",
                MessageKind::Notice => "a notice",
            },
            message.person,
            message.title,
            message.incident,
            if message.repeat { ", a repeat" } else { "" },
        ));
        self.with(|record| {
            record.arrivals.push(Arrival {
                at,
                person: message.person.clone(),
                page: message.page,
                incident: message.incident,
                kind: message.kind,
                repeat: message.repeat,
                title: message.title.clone(),
                answered: Answered::Nothing,
                is_unmarked,
            });
            record.arrivals.len() - 1
        })
    }

    pub(crate) fn answered(&self, place: usize, answered: Answered) {
        self.with(|record| record.arrivals[place].answered = answered);
    }

    /// The story, to be read by a person.
    pub(crate) fn story(&self) -> String {
        self.with(|record| {
            record.story.iter().fold(String::new(), |mut text, (at, line)| {
                writeln!(text, "{:>9.3} s  {line}", at.as_secs_f64()).unwrap();
                text
            }) + &record.log_lines.join("\n")
        })
    }
}
