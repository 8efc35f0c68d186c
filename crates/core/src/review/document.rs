//! The review as a document: what stands where, before it is Markdown or HTML, so that both say the same.

use super::{Figure, Interval, NoteRow, PageRow, Reading, Review, ScoreRow, Sentence, SignalRow};
use crate::{priority::in_short, time::Timestamp};

/// Part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Plain text, foreign or ours: the writer escapes it.
    Text(String),
    /// An identifier, a hash, a vector.
    Code(String),
    /// An instant, which no line break may cut.
    Instant(Timestamp),
    /// Where it comes from.
    Cite(Vec<u64>),
}

/// A line: a paragraph, an entry of a list, a cell.
pub(super) type Line = Vec<Piece>;

/// A row of a table. The anchor is the log index that it is the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableRow {
    pub(super) anchor: Option<u64>,
    pub(super) cells: Vec<Line>,
}

/// A part of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// Level 1 is the title.
    Heading(u8, String),
    Paragraph(Line),
    List(Vec<Line>),
    Table {
        head: &'static [&'static str],
        rows: Vec<TableRow>,
    },
}

fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}
fn code(text: &impl ToString) -> Piece {
    Piece::Code(text.to_string())
}
fn instant(at: Timestamp) -> Piece {
    Piece::Instant(at)
}
fn cite(index: u64) -> Piece {
    Piece::Cite(vec![index])
}
fn row(cells: Vec<Line>) -> TableRow {
    TableRow { anchor: None, cells }
}
fn heading(title: &str) -> Block {
    Block::Heading(2, title.to_owned())
}
fn nothing(title: &str) -> Vec<Block> {
    vec![heading(title), Block::Paragraph(vec![text("None.")])]
}

pub(super) fn compose(review: &Review) -> Vec<Block> {
    let mut blocks = top(review);
    blocks.extend(impact(review));
    blocks.extend(durations(review));
    blocks.extend(timeline(review));
    blocks.extend(pages(review));
    blocks.extend(signals(review));
    blocks.extend(scores(review));
    blocks.extend(people(review));
    blocks.extend(tasks(review));
    blocks.extend(evidence(review));
    blocks.extend(recovery(review));
    blocks.extend(access(review));
    blocks.extend(sentences("Gaps", &review.gaps));
    for (title, entries) in
        [("Contributing factors", &review.contributing_factors), ("Action items", &review.action_items)]
    {
        blocks.push(heading(title));
        if !entries.is_empty() {
            blocks.push(Block::List(entries.iter().map(|entry| vec![text(entry)]).collect()));
        }
    }
    blocks
}

fn top(review: &Review) -> Vec<Block> {
    let log = &review.log;
    let severity = &review.severity;
    let mut line =
        vec![text("Incident "), code(&review.id), text(format!(", {}. Severity: first ", review.phase.word()))];
    for (word, at) in [("", severity.first), (", worst ", severity.worst), (", last ", severity.last)] {
        line.extend([text(format!("{word}{} ", at.severity)), cite(at.log_index)]);
    }
    line.push(text("."));
    let title = if review.drill { format!("Drill: {}", review.title) } else { review.title.clone() };
    let cited = vec![
        text("Numbers in brackets are indexes of the log "),
        code(&log.origin),
        text(format!(" at size {}, root ", log.size)),
        code(&log.root),
        text(". Instants are UTC. Rows are in the order of the log."),
    ];
    let mut blocks = vec![Block::Heading(1, title), Block::Paragraph(line), Block::Paragraph(cited)];
    blocks.extend(sentences("Summary", &review.summary));
    blocks
}

fn sentences(title: &str, sentences: &[Sentence]) -> Vec<Block> {
    if sentences.is_empty() {
        return nothing(title);
    }
    let line = |s: &Sentence| vec![text(&s.text), text(" "), Piece::Cite(s.log_indexes.clone())];
    vec![heading(title), Block::List(sentences.iter().map(line).collect())]
}

fn impact(review: &Review) -> Vec<Block> {
    let impact = &review.impact;
    let mut rows = vec![
        figure("Money at risk, highest score", &impact.money_at_risk_highest),
        figure("Money at risk, last score", &impact.money_at_risk_last),
    ];
    rows.extend(impact.services.iter().map(|service| figure("Service", service)));
    let optional = [
        ("Users, highest claim", &impact.users),
        ("Cannot be undone", &impact.irreversible),
        ("A key in the wrong hands", &impact.key_compromise),
        ("Funds leaving", &impact.theft),
    ];
    for (name, found) in optional {
        rows.push(match found {
            Some(found) => figure(name, found),
            None => row(vec![vec![text(name)], vec![text("no standing claim")], vec![], vec![]]),
        });
    }
    vec![heading("Impact"), Block::Table { head: &["", "", "exactly", "log"], rows }]
}

fn figure(name: &str, figure: &Figure) -> TableRow {
    let exact = format!("{} {}", figure.value, figure.unit);
    row(vec![vec![text(name)], vec![text(&figure.text)], vec![text(exact.trim_end())], vec![cite(figure.log_index)]])
}

fn durations(review: &Review) -> Vec<Block> {
    let d = &review.durations;
    let rows = [&d.detect, &d.acknowledge, &d.mitigate, &d.resolve].map(interval).into();
    vec![heading("Durations"), Block::Table { head: &["time to", "", "ms", "from", "to"], rows }]
}

fn interval(interval: &Interval) -> TableRow {
    let end = |point: Option<&super::Point>| match point {
        Some(point) => {
            vec![text(format!("{} ", point.what)), instant(point.at), text(" "), cite(point.log_index)]
        }
        None => vec![],
    };
    let mut took = interval.text.clone();
    if interval.uncertainty_ms > 0 && interval.to.is_some() {
        took = format!("{took} (up to {} ms less)", interval.uncertainty_ms);
    }
    if let Some(note) = interval.note {
        took = format!("{took}; {note}");
    }
    let ms = interval.span_ms.map_or_else(String::new, |ms| ms.to_string());
    row(vec![
        vec![text(interval.name)],
        vec![text(took)],
        vec![text(ms)],
        end(Some(&interval.from)),
        end(interval.to.as_ref()),
    ])
}

fn timeline(review: &Review) -> Vec<Block> {
    let rows = review.timeline.iter().map(|row| {
        let cells =
            vec![vec![cite(row.log_index)], vec![instant(row.at)], vec![text(&row.text)], readings(&row.readings)];
        TableRow { anchor: Some(row.log_index), cells }
    });
    let mut notes: Vec<&str> = review.timeline.iter().flat_map(|row| &row.readings).filter_map(|r| r.note).collect();
    notes.sort_unstable();
    notes.dedup();
    let mut blocks =
        vec![heading("Timeline"), Block::Table { head: &["log", "at", "what", "other clocks"], rows: rows.collect() }];
    if !notes.is_empty() {
        blocks.push(Block::List(notes.into_iter().map(|note| vec![text(format!("Other clocks: {note}."))]).collect()));
    }
    blocks
}

/// `block time 2026-01-01T00:00:00.000Z (to 1000 ms)`: the width only where it is more than our own millisecond.
fn readings(readings: &[Reading]) -> Line {
    let mut line = Line::new();
    for reading in readings {
        let width_ms = reading.until.since(reading.from).as_millis();
        let width = if width_ms > 1 { format!(" (to {width_ms} ms)") } else { String::new() };
        let after = if line.is_empty() { "" } else { "; " };
        line.extend([text(format!("{after}{} ", reading.clock)), instant(reading.from), text(width)]);
    }
    line
}

fn pages(review: &Review) -> Vec<Block> {
    if review.pages.is_empty() {
        return nothing("Pages");
    }
    let rows = review.pages.iter().map(page).collect();
    let head = &["page", "to", "by", "because", "requested", "outcome", "ms"];
    vec![heading("Pages"), Block::Table { head, rows }]
}

fn page(page: &PageRow) -> TableRow {
    let mut which = vec![code(&page.page)];
    if let Some(of) = &page.repeat_of {
        which.extend([text(", a repeat of "), code(of)]);
    }
    let outcome = match (page.outcome, page.settled_log_index) {
        (Some(word), Some(index)) => {
            let detail = page.detail.as_deref().filter(|detail| !detail.is_empty());
            vec![text(detail.map_or_else(|| format!("{word} "), |detail| format!("{word}: {detail} "))), cite(index)]
        }
        (_, None) | (None, _) => vec![text("not recorded")],
    };
    let latency = page.latency_ms.zip(page.settled_log_index);
    row(vec![
        which,
        vec![text(&page.name)],
        vec![text(page.channel.to_string())],
        vec![text(format!("{} (tier {}, round {})", page.reason, page.tier.saturating_add(1), page.round))],
        vec![instant(page.requested), text(" "), cite(page.requested_log_index)],
        outcome,
        latency.map_or_else(Vec::new, |(ms, index)| vec![text(format!("{ms} ")), cite(index)]),
    ])
}

fn signals(review: &Review) -> Vec<Block> {
    let mut blocks = vec![heading("Signals")];
    for signal in &review.signals {
        blocks.push(Block::Heading(3, signal.title.clone()));
        blocks.push(Block::List(signal_lines(signal)));
    }
    blocks
}

fn signal_lines(signal: &SignalRow) -> Vec<Line> {
    let here = || cite(signal.log_index);
    let (percent, tenths) = (signal.confidence_permille / 10, signal.confidence_permille % 10);
    let sure = format!(" by {}, {percent}.{tenths} % sure ", signal.detector);
    let mut lines = vec![vec![text("Signal "), code(&signal.id), text(sure), here()]];
    let mut standing = format!("Status: {}", signal.status.word());
    if let Some(why) = &signal.retracted_because {
        standing = format!("{standing}, because: {why}");
    }
    lines.push(vec![text(format!("{standing} ")), cite(signal.status_log_index)]);
    if !signal.explanation.is_empty() {
        lines.push(vec![text(format!("Why: {} ", signal.explanation)), here()]);
    }
    for number in &signal.numbers {
        let value = format!("Number: {} = {} {}", number.name, number.value, number.unit);
        lines.push(vec![text(format!("{} ", value.trim_end())), here()]);
    }
    if let Some(block) = &signal.block {
        lines.push(vec![text("Block "), code(block), text(" "), here()]);
    }
    if let Some(transaction) = &signal.transaction {
        lines.push(vec![text("Transaction "), code(transaction), text(" "), here()]);
    }
    if signal.repeats > 0 {
        let counted = format!("The same claim came again, counted {} ", signal.repeats);
        lines.push(vec![text(counted), Piece::Cite(signal.repeats_log_indexes.clone())]);
    }
    lines
}

fn scores(review: &Review) -> Vec<Block> {
    let rows = review.scores.iter().map(score).collect();
    vec![heading("Scores"), Block::Table { head: &["log", "at", "severity", "points", "vector", "because"], rows }]
}

fn score(score: &ScoreRow) -> TableRow {
    let gates = score.gates.iter().map(|gate| format!("gate: {gate}"));
    let terms = score.terms.iter().map(|term| format!("{}: {} (+{})", term.name, term.fact, term.points));
    row(vec![
        vec![cite(score.log_index)],
        vec![instant(score.at)],
        vec![text(score.severity.to_string())],
        vec![text(score.points.to_string())],
        vec![if score.vector.is_empty() { text(in_short(&score.vector)) } else { code(&score.vector) }],
        vec![text(gates.chain(terms).collect::<Vec<_>>().join("; "))],
    ])
}

/// Only where there were any: most incidents of a house without tasks would have an empty heading.
fn tasks(review: &Review) -> Vec<Block> {
    if review.tasks.is_empty() {
        return Vec::new();
    }
    let said = |sentence: &Sentence| vec![text(&sentence.text), text(" "), Piece::Cite(sentence.log_indexes.clone())];
    let rows = review.tasks.iter().map(|task| {
        let mut claims = Line::new();
        for claim in &task.claims {
            if !claims.is_empty() {
                claims.push(text("; "));
            }
            claims.extend(said(claim));
        }
        row(vec![
            vec![text(task.number.to_string()), text(" "), cite(task.log_index)],
            vec![text(&task.title)],
            vec![text(task.resources.join(", "))],
            claims,
            vec![text(task.evidence.iter().map(u32::to_string).collect::<Vec<_>>().join(", "))],
            vec![text(task.state)],
            task.ending.as_ref().map_or_else(Vec::new, said),
        ])
    });
    let head = &["task", "what", "on", "who", "evidence", "state", "how it ended"];
    let mut blocks = vec![heading("Tasks"), Block::Table { head, rows: rows.collect() }];
    if !review.left_open.is_empty() {
        blocks.push(Block::List(review.left_open.iter().map(said).collect()));
    }
    blocks
}

/// Only where it was restricted.
fn access(review: &Review) -> Vec<Block> {
    if review.access.is_empty() {
        return Vec::new();
    }
    let said = |sentence: &Sentence| vec![text(&sentence.text), text(" "), Piece::Cite(sentence.log_indexes.clone())];
    vec![heading("Who could look"), Block::List(review.access.iter().map(said).collect())]
}

/// Only where there was any.
fn evidence(review: &Review) -> Vec<Block> {
    if review.evidence.is_empty() && review.custody.is_empty() {
        return Vec::new();
    }
    let said = |sentence: &Sentence| vec![text(&sentence.text), text(" "), Piece::Cite(sentence.log_indexes.clone())];
    let mut blocks = vec![heading("Evidence")];
    let rows = review.evidence.iter().map(|piece| {
        let mut what = vec![text(&piece.what)];
        if !piece.source.is_empty() {
            what.push(text(format!(", from {}", piece.source)));
        }
        if let Some(made) = piece.made {
            what.extend([text(", made as they say at "), instant(made)]);
        }
        let mut custody = Line::new();
        for entry in &piece.custody {
            if !custody.is_empty() {
                custody.push(text("; "));
            }
            custody.extend(said(entry));
        }
        let size = if piece.erased { "erased".to_owned() } else { format!("{} bytes", piece.bytes) };
        row(vec![
            vec![text(piece.number.to_string()), text(" "), cite(piece.log_index)],
            what,
            vec![instant(piece.at)],
            vec![text(&piece.by)],
            vec![text(size)],
            vec![code(&piece.digest.to_string())],
            custody,
        ])
    });
    if !review.evidence.is_empty() {
        let head = &["evidence", "what", "kept", "by", "size", "SHA-256", "custody"];
        blocks.push(Block::Table { head, rows: rows.collect() });
    }
    if !review.custody.is_empty() {
        blocks.push(Block::List(review.custody.iter().map(said).collect()));
    }
    blocks
}

/// Only where there was anything: most incidents of a house without checks would have an empty heading.
fn recovery(review: &Review) -> Vec<Block> {
    if review.recovery.is_empty() && review.checks.is_empty() {
        return Vec::new();
    }
    let said = |sentence: &Sentence| vec![text(&sentence.text), text(" "), Piece::Cite(sentence.log_indexes.clone())];
    let mut blocks = vec![heading("Recovery")];
    if !review.recovery.is_empty() {
        blocks.push(Block::List(review.recovery.iter().map(said).collect()));
    }
    if !review.checks.is_empty() {
        let rows = review.checks.iter().map(|checked| {
            row(vec![
                vec![cite(checked.log_index)],
                vec![instant(checked.at)],
                vec![code(&checked.check.to_string())],
                vec![text(checked.verdict)],
                vec![text(&checked.seen)],
                vec![text(format!("{} ms", checked.took_ms))],
            ])
        });
        let head = &["log", "at", "check", "verdict", "seen", "took"];
        blocks.push(Block::Table { head, rows: rows.collect() });
    }
    blocks
}

fn people(review: &Review) -> Vec<Block> {
    let mut blocks = Vec::new();
    if review.roles.is_empty() {
        blocks.extend(nothing("Roles"));
    } else {
        let rows = review.roles.iter().map(|taken| {
            row(vec![
                vec![cite(taken.log_index)],
                vec![instant(taken.at)],
                vec![text(taken.role.word())],
                vec![text(&taken.name)],
            ])
        });
        blocks.push(heading("Roles"));
        blocks.push(Block::Table { head: &["log", "at", "role", "who"], rows: rows.collect() });
    }
    blocks.extend(written("Decisions", &["log", "at", "who", "decision"], &review.decisions));
    blocks.extend(written("Open questions", &["log", "at", "who", "question"], &review.open_questions));
    blocks.extend(written("Notes", &["log", "at", "who", "note"], &review.notes));
    blocks
}

/// What people wrote, a row each.
fn written(title: &str, head: &'static [&'static str], written: &[NoteRow]) -> Vec<Block> {
    if written.is_empty() {
        return nothing(title);
    }
    let rows = written.iter().map(|note| {
        let (at, by) = (instant(note.at), text(&note.by));
        row(vec![vec![cite(note.log_index)], vec![at], vec![by], vec![text(&note.text)]])
    });
    vec![heading(title), Block::Table { head, rows: rows.collect() }]
}
