//! The figures made of what the pass over the events collected: severities, impact, durations, and the sentences of the summary.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Durations, Figure, Impact, Interval, Point, Sentence, Severities, SeverityAt,
    draft::Fold,
    words::{self, BLOCK_TIME},
};
use crate::{
    incident::Severity,
    money::Usd,
    priority::Score,
    signal::{Facts, Signal},
    time::human_span,
};

/// A block's time is to the second: what it stands for was up to this much later, in milliseconds.
const BLOCK_TIME_UNCERTAINTY_MS: u64 = 999;

impl Fold<'_> {
    /// The first, the worst and the last severity; `first` is the score of the opening.
    pub(super) fn severities(&self, first: &Score) -> Severities {
        let first = SeverityAt { severity: first.severity, log_index: self.opened.log_index };
        let mut severities = Severities { first, worst: first, last: first };
        for row in &self.scores {
            let here = SeverityAt { severity: row.severity, log_index: row.log_index };
            if here.severity > severities.worst.severity {
                severities.worst = here;
            }
            if here.severity != severities.last.severity {
                severities.last = here;
            }
        }
        severities
    }

    /// What it cost or could have; `first` is the score of the opening.
    pub(super) fn impact(&self, first: &Score) -> Impact {
        let opening = (first.money_at_risk, self.opened.log_index);
        let services = self.services.iter().map(|(service, log_index)| Figure {
            text: self.names.service(service),
            value: service.to_string(),
            unit: String::new(),
            log_index: *log_index,
        });
        Impact {
            money_at_risk_highest: money(self.highest.unwrap_or(opening)),
            money_at_risk_last: money(self.last_score.unwrap_or(opening)),
            users: self.users(),
            services: services.collect(),
            irreversible: self.flag(|facts| facts.irreversible),
            key_compromise: self.flag(|facts| facts.key_compromise),
            theft: self.flag(|facts| facts.theft),
        }
    }

    fn users(&self) -> Option<Figure> {
        let mut most: Option<(u64, u64)> = None;
        for (users, log_index) in self.claims.iter().filter_map(|c| c.facts.users.map(|users| (users, c.log_index))) {
            if most.is_none_or(|(most, _)| users > most) {
                most = Some((users, log_index));
            }
        }
        most.map(|(users, log_index)| Figure {
            text: users.to_string(),
            value: users.to_string(),
            unit: "users".to_owned(),
            log_index,
        })
    }

    fn flag(&self, raised: impl Fn(&Facts) -> bool) -> Option<Figure> {
        let claim = self.claims.iter().find(|claim| raised(&claim.facts))?;
        let (text, value) = ("yes".to_owned(), "true".to_owned());
        Some(Figure { text, value, unit: String::new(), log_index: claim.log_index })
    }

    /// How fast it went; `first` is the signal that opened it.
    pub(super) fn durations(&self, first: &Signal) -> Durations {
        let log_index = self.opened.log_index;
        let (what, at, uncertainty_ms, note) = match &first.position {
            Some(position) => ("block time", position.block_time, BLOCK_TIME_UNCERTAINTY_MS, Some(BLOCK_TIME)),
            None => ("event time", first.event_time, 0, Some("the event time is by the source's own clock")),
        };
        let observed = Point { what: "observed", at: first.observed, log_index };
        let mut detect = self.interval("detect", Point { what, at, log_index }, Some(observed));
        detect.uncertainty_ms = uncertainty_ms;
        detect.note = note;
        let since_opening = |name, to: Option<Point>| self.interval(name, self.opened.clone(), to);
        Durations {
            detect,
            acknowledge: since_opening("acknowledge", self.acknowledged.as_ref().map(|(point, _)| point.clone())),
            mitigate: since_opening("mitigate", self.mitigated.clone()),
            resolve: since_opening("resolve", self.resolved.clone()),
        }
    }

    fn interval(&self, name: &'static str, from: Point, to: Option<Point>) -> Interval {
        let span_ms = to.as_ref().map(|to| to.at.as_ms().saturating_sub(from.at.as_ms()));
        let again = if self.reopened.is_empty() { "" } else { " since it was reopened" };
        let text = match span_ms {
            Some(span_ms) => signed_span(span_ms),
            None if self.phase.is_open() => format!("not yet{again}"),
            None => format!("not recorded{again}"),
        };
        Interval { name, from, to, span_ms, uncertainty_ms: 0, text, note: None }
    }

    /// The review in a few sentences.
    pub(super) fn summary(
        &self,
        first: &Signal,
        drill: bool,
        severity: &Severities,
        impact: &Impact,
        d: &Durations,
    ) -> Vec<Sentence> {
        let mut sentences = vec![self.opening(first, drill, severity.first.severity)];
        let index = self.opened.log_index;
        if let (Some(_), true) = (d.detect.span_ms, first.position.is_some()) {
            let text = format!("The signal was observed {} after the time of its block.", d.detect.text);
            sentences.push(Sentence { text, log_indexes: vec![index] });
        }
        if severity.worst.severity > severity.first.severity {
            let text = format!("It was {} at worst.", severity.worst.severity);
            sentences.push(Sentence { text, log_indexes: vec![severity.worst.log_index] });
        }
        if self.highest.is_some_and(|(amount, _)| amount > Usd::ZERO) {
            let money = &impact.money_at_risk_highest;
            let text = format!("Money at risk by the highest score: {}.", money.text);
            sentences.push(Sentence { text, log_indexes: vec![money.log_index] });
        }
        sentences.extend(self.paged());
        sentences.push(match &self.acknowledged {
            Some((point, who)) => Sentence {
                text: format!("{who} acknowledged first, {} after it opened.", d.acknowledge.text),
                log_indexes: vec![index, point.log_index],
            },
            None => Sentence { text: "No acknowledgement is recorded.".to_owned(), log_indexes: vec![index] },
        });
        for (verb, interval) in [("mitigated", &d.mitigate), ("resolved", &d.resolve)] {
            sentences.extend(interval.to.as_ref().map(|to| Sentence {
                text: format!("It was {verb} {} after it opened.", interval.text),
                log_indexes: vec![index, to.log_index],
            }));
        }
        if !self.reopened.is_empty() {
            let text = format!("It was reopened; times: {}.", self.reopened.len());
            sentences.push(Sentence { text, log_indexes: self.reopened.clone() });
        }
        if let Some((into, index)) = self.merged {
            let text = format!("It became part of incident {into}.");
            sentences.push(Sentence { text, log_indexes: vec![index] });
        }
        if self.phase.is_open() {
            let text = format!("It is not over: its phase is {}.", self.phase.word());
            sentences.push(Sentence { text, log_indexes: vec![self.last_index()] });
        }
        sentences
    }

    fn opening(&self, first: &Signal, drill: bool, severity: Severity) -> Sentence {
        let what = if drill { "This was a drill. It" } else { "It" };
        let text = format!("{what} opened at {} as {severity}, on a signal of {}.", self.opened.at, first.detector);
        Sentence { text, log_indexes: vec![self.opened.log_index] }
    }

    fn paged(&self) -> Option<Sentence> {
        if self.pages.is_empty() {
            return None;
        }
        let people: BTreeSet<_> = self.pages.iter().map(|page| &page.person).collect();
        let with = |word: Option<&str>| self.pages.iter().filter(|page| page.outcome == word).count();
        let text = format!(
            "Pages requested: {}; people paged: {}; delivered: {}, failed: {}, unknown: {}, without an outcome: {}.",
            self.pages.len(),
            people.len(),
            with(Some(words::DELIVERED)),
            with(Some(words::FAILED)),
            with(Some(words::UNKNOWN)),
            with(None),
        );
        let indexes: BTreeSet<u64> = self
            .pages
            .iter()
            .flat_map(|page| [Some(page.requested_log_index), page.settled_log_index].into_iter().flatten())
            .collect();
        Some(Sentence { text, log_indexes: indexes.into_iter().collect() })
    }
}

fn money((amount, log_index): (Usd, u64)) -> Figure {
    Figure { text: amount.to_string(), value: amount.cents().to_string(), unit: "US cents".to_owned(), log_index }
}

fn signed_span(span_ms: i64) -> String {
    let text = human_span(Duration::from_millis(span_ms.unsigned_abs()));
    if span_ms < 0 { format!("−{text}") } else { text }
}
