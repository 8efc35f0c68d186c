//! The post-incident document, from events alone.
//!
//! [`Review::draft`] reads an incident's events with their places in the log and nothing else about it; every figure carries the
//! log index it came from, and a derived one the indexes of both its ends. What a machine cannot know, causes and remedies, is a
//! heading that people fill. It must never invent a sentence, type a figure, or claim that one thing came before another on
//! the word of two different clocks: rows are in log order, and what other clocks said stands beside them with its own label.
//!
//! The text of signals and notes comes from outside. It is escaped where the document is written, in `markdown` and `html`,
//! and nowhere else. Tests: `review/tests.rs`.

mod content;
mod plain;
mod evidence;
mod words;
mod tasks;
mod recovery;
mod document;
mod said;
mod draft;
mod figures;
mod html;
mod markdown;
#[cfg(test)]
mod tests;

pub use self::content::{
    CheckRow, CitedLog, Context, Durations, Entry, EvidenceRow, Figure, Impact, Interval, Names, NoteRow, PageRow,
    Point, Reading, Review, RoleRow, Row, ScoreRow, Sentence, Severities, SeverityAt, SignalRow, TaskRow, Unreviewable,
};
use crate::incident::IncidentEvent;

/// What happened, in one line: an event as every timeline shows it.
pub fn line(event: &IncidentEvent, names: &Names<'_>) -> String {
    words::line(event, names)
}

impl Review {
    /// The document of these events, which must be of one incident, in log order, from its opening on.
    pub fn draft(events: &[Entry], context: &Context<'_>) -> Result<Self, Unreviewable> {
        draft::draft(events, context)
    }

    /// As Markdown (CommonMark with GitHub's tables). Foreign text is escaped.
    pub fn markdown(&self) -> String {
        markdown::write(&document::compose(self))
    }

    /// As one HTML page without scripts or anything fetched. Foreign text is escaped.
    pub fn html(&self) -> String {
        html::write(&self.title, &document::compose(self))
    }
}
