//! What must hold of every world when it is over: nothing that was promised is lost, nothing that is owed is forgotten, and no line of
//! the log is untrue.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use quarterdeck_core::{
    id::{IncidentId, PageId, SignalId},
    incident::{Actor, ClaimsEvent, Incident, IncidentEvent, LifeEvent, PageOutcome, PagingEvent, Phase, Severity},
    journal::{Body, JournalEvent, Recorded},
    time::Timestamp,
};
use quarterdeck_ledger::verify::verify_folder;
use quarterdeck_reach::notify::MessageKind;
use quarterdeck_server::{
    engine::{Published, recorded_of, replay::refold},
    log_files::DiskFiles,
};
use quarterdeck_store::{Store, StoredEvent};

use crate::{
    house::House,
    outside::{Answered, Arrival, Asked, Input, Outside, Record, Said},
    plan::CALM,
    store::at_once,
    weather::Lie,
};

/// Characters of an event in a story.
const LINE_CHARS_MAX: usize = 600;
/// How late something may be done that is owed.
const LATE: Duration = Duration::from_secs(5);
/// The longest that an escalation of a policy of ours takes, with the tries of dead channels.
const WHOLE_ESCALATION: Duration = Duration::from_mins(6);

/// What the log says, sorted.
struct Told<'a> {
    outside: &'a Outside,
    events: Vec<(u64, Recorded)>,
    /// Signals by title.
    signals: BTreeMap<String, SignalId>,
    titles: BTreeMap<SignalId, String>,
    ended: BTreeSet<SignalId>,
    requested: BTreeMap<PageId, (u64, IncidentId)>,
    /// What became of each page, and where the log says so.
    settled: BTreeMap<PageId, (u64, PageOutcome)>,
    /// Incidents that were said to be over.
    over: BTreeSet<IncidentId>,
    /// Whom the log knows not to have been told that it is over.
    untold: BTreeSet<(IncidentId, String)>,
}

/// Stops the program and looks at everything.
pub(crate) async fn judge(house: &House) {
    let Some(running) = house.take().await else { return house.outside.object("it does not run in the end") };
    let (store, published) = (std::sync::Arc::clone(&running.store), std::sync::Arc::clone(running.engine.published()));
    let (key, log) = (running.key.clone(), running.log_folder.clone());
    let (rules, now) = (running.live.now().setting.rules.clone(), house.outside.wall.shows());
    if tokio::time::timeout(Duration::from_mins(2), running.stop()).await.is_err() {
        return house.outside.object("it does not stop in the end");
    }
    if house.weather.lie == Some(Lie::Touched) {
        touch(&log.join("body"));
    }
    let outside = &*house.outside;
    duties(outside, &*store, &published, now).await;
    let stored = at_once(store.events(0, usize::MAX)).unwrap();
    if !stored.is_sorted_by_key(|event| event.at) {
        outside.object("an event of the log precedes the one before it");
    }
    if refold(&*store, &rules).await.unwrap() != *published.board() {
        outside.object("what is published is not the fold of what is stored");
    }
    for folder in std::fs::read_dir(house.data()).unwrap().map(|entry| entry.unwrap().path()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if folder == log || name.starts_with("log.before-") {
            let report = verify_folder(&DiskFiles::new(&folder), Some(&key));
            // One that was put aside after a kill may have files of what was not signed yet.
            let unsigned = |finding: String| folder != log && finding.contains("covers more than");
            let holds = report.holds() || report.findings.iter().all(|finding| unsigned(finding.to_string()));
            if !holds || (folder == log && report.size() != stored.len() as u64) {
                outside.object(format!("{name} does not verify: {report}"));
            }
        }
    }
    let told = Told::of(outside, &stored);
    told.all_clears(&published);
    for (place, recorded) in &told.events {
        let said = recorded.body.to_json().unwrap();
        let said: String = said.chars().take(LINE_CHARS_MAX).collect();
        outside.with(|record| record.log_lines.push(format!("{place} {} {} {said}", recorded.at, recorded.stream)));
    }
    told.inputs();
    told.commands();
    told.pages();
    told.claims();
    told.journal(house.weather.had_trouble());
}

/// Changes a byte of what was published.
fn touch(folder: &Path) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let first = entries.remove(0);
    if first.is_dir() {
        return touch(&first);
    }
    let mut bytes = std::fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&first, bytes).unwrap();
}

/// Nothing that is owed is forgotten: nothing is due, nothing waits to leave, and whoever is to be reached was.
async fn duties(outside: &Outside, store: &dyn Store, published: &Published, now: Timestamp) {
    let board = published.board();
    let steady = board.incidents().map(Incident::last_event).max().unwrap_or(now).max(now);
    let overdue = store.timers_due(now.minus(LATE), 10).await.unwrap();
    if !overdue.is_empty() {
        outside.object(format!("duties are forgotten: {overdue:?}"));
    }
    let waiting = store.outbox(10).await.unwrap();
    if let Some(first) = waiting.first() {
        outside.object(format!("{} deliveries never left, the first: {:?}", waiting.len(), first.delivery));
    }
    for incident in board.incidents().filter(|it| it.severity() >= Severity::Sev2 && it.wants_answer()) {
        let began = incident.reopened_by().map_or(incident.opened(), |_| incident.last_event().min(steady));
        if now.since(began.max(incident.opened())) < WHOLE_ESCALATION {
            continue;
        }
        let policy = &incident.escalation().policy;
        let owed = (0..policy.tiers.len()).find(|tier| !incident.pages().values().any(|page| page.tier == *tier));
        if let Some(tier) = owed {
            outside.object(format!("{}: tier {tier} was never paged", incident.id()));
        }
        let last_resort = incident
            .pages()
            .values()
            .any(|page| page.person == policy.fallback && matches!(page.outcome, Some(PageOutcome::Delivered { .. })));
        if !last_resort {
            outside.object(format!("{}: the fallback was never reached, in {CALM:?} of calm", incident.id()));
        }
    }
}

/// The program knows, or must take it for possible, that the person has it.
fn was_answered(arrival: &Arrival) -> bool {
    arrival.answered != Answered::Refused
}

impl<'a> Told<'a> {
    fn of(outside: &'a Outside, stored: &[StoredEvent]) -> Self {
        let read = |event: &StoredEvent| Some((event.index, recorded_of(event).unwrap()?));
        let mut told = Self {
            outside,
            events: stored.iter().filter_map(read).collect(),
            signals: BTreeMap::new(),
            titles: BTreeMap::new(),
            ended: BTreeSet::new(),
            requested: BTreeMap::new(),
            settled: BTreeMap::new(),
            over: BTreeSet::new(),
            untold: BTreeSet::new(),
        };
        for (place, recorded) in std::mem::take(&mut told.events) {
            told.sort(place, &recorded);
            told.events.push((place, recorded));
        }
        told
    }

    fn sort(&mut self, place: u64, recorded: &Recorded) {
        let incident = recorded.stream.incident();
        match &recorded.body {
            Body::Incident(
                IncidentEvent::Life(LifeEvent::Opened { signal, .. })
                | IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal }),
            )
            | Body::Journal(JournalEvent::SignalNoted { signal, .. }) => {
                self.signals.insert(signal.title.clone(), signal.id);
                self.titles.insert(signal.id, signal.title.clone());
            }
            Body::Incident(IncidentEvent::Claims(
                ClaimsEvent::SignalEnded { signal, .. } | ClaimsEvent::EndingLate { signal, .. },
            ))
            | Body::Journal(JournalEvent::SignalTurned { signal, .. }) => drop(self.ended.insert(*signal)),
            Body::Incident(IncidentEvent::Paging(PagingEvent::PageRequested { page, .. })) => {
                self.requested.insert(*page, (place, incident.unwrap()));
            }
            Body::Incident(IncidentEvent::Paging(PagingEvent::PageSettled { page, outcome, .. })) => {
                let before = self.settled.insert(*page, (place, outcome.clone()));
                if before.is_some() {
                    self.outside.object(format!("{page} was settled twice"));
                }
            }
            Body::Incident(IncidentEvent::Life(LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. })) => {
                self.over.insert(incident.unwrap());
            }
            Body::Journal(JournalEvent::AllClearSettled { incident, person, outcome, .. })
                if !matches!(outcome, PageOutcome::Delivered { .. }) =>
            {
                self.untold.insert((*incident, person.to_string()));
            }
            _ => {}
        }
    }

    /// Whoever had a page of what is over hears that it is, or the log says that they could not be told.
    fn all_clears(&self, published: &Published) {
        let board = published.board();
        let over = |it: &&Incident| matches!(it.phase(), Phase::Resolved) && it.reopened_by().is_none();
        for incident in board.incidents().filter(over) {
            let id = incident.id();
            let (paged, told) = self.outside.with(|record| {
                let of = |kind: MessageKind| -> BTreeSet<String> {
                    let of_it = record.arrivals.iter().filter(|arrival| arrival.incident == id && arrival.kind == kind);
                    let theirs = of_it.filter(|arrival| !record.was_lost(arrival.at));
                    let known = theirs.filter(|arrival| kind != MessageKind::Page || was_answered(arrival));
                    known.map(|arrival| arrival.person.clone()).collect()
                };
                (of(MessageKind::Page), of(MessageKind::Resolved))
            });
            for person in paged.difference(&told).filter(|person| !self.untold.contains(&(id, (*person).clone()))) {
                self.outside.object(format!("{person} was paged for {id} and never hears that it is over"));
            }
        }
    }

    /// Everything that was answered with 2xx is in the log.
    fn inputs(&self) {
        let record = self.outside.with(|record| (record.inputs.clone(), record.lost.clone()));
        let lost = Record { lost: record.1, ..Record::default() };
        // Claims whose end was lost: what begins then goes on.
        let mut go_on = BTreeSet::new();
        for input in record.0 {
            let Some(taken) = input.taken.filter(|_| !input.is_blurred) else { continue };
            let is_lost = lost.was_lost(taken) || lost.was_lost(input.begun);
            if input.said == Said::Over {
                if is_lost {
                    go_on.insert(input.claim.clone())
                } else {
                    go_on.remove(&input.claim)
                };
            }
            if is_lost || go_on.contains(&input.claim) {
                continue;
            }
            if input.said == Said::Over {
                let known = input.titles.iter().filter_map(|title| self.signals.get(title));
                let ended = known.clone().any(|signal| self.ended.contains(signal));
                if known.count() > 0 && !ended {
                    let titles = &input.titles;
                    self.outside.object(format!("it was told at {taken:?} that {titles:?} is over, and forgot it"));
                }
            } else if !input.titles.iter().all(|title| self.signals.contains_key(title)) {
                self.outside.object(format!("it took {:?} of {} at {taken:?}, and lost it", input.titles, input.claim));
            }
        }
    }

    /// What a person did is in the log, and nothing that no person did.
    fn commands(&self) {
        let mut said: BTreeMap<(String, IncidentId, &str), usize> = BTreeMap::new();
        for (_, recorded) in &self.events {
            let (Some(incident), Body::Incident(IncidentEvent::Life(event))) =
                (recorded.stream.incident(), &recorded.body)
            else {
                continue;
            };
            let (word, by) = match event {
                LifeEvent::Acknowledged { by, .. } => ("acknowledge", by),
                LifeEvent::Mitigated { by, .. } => ("mitigate", by),
                LifeEvent::Resolved { by, .. } => ("resolve", by),
                _ => continue,
            };
            match by {
                Actor::Person(person) => *said.entry((person.to_string(), incident, word)).or_default() += 1,
                Actor::System if word == "resolve" => {}
                by => self.outside.object(format!("the log has {incident} {word}d by {by:?}, who is no person")),
            }
        }
        self.outside.with(|record| {
            let mut objections = Vec::new();
            let tries_of = |person: &str, incident: IncidentId, word: &str| {
                let is_it = |one: &&Asked| one.person == person && one.incident == incident && one.word == word;
                record.asked.iter().filter(is_it).count()
            };
            for ((person, incident, word), times) in &said {
                let tries = tries_of(person, *incident, word);
                if *times > tries {
                    objections.push(format!(
                        "the log has {incident} {word}d {times} times by {person}, who asked {tries} times"
                    ));
                }
            }
            let done = record.asked.iter().filter(|one| one.done && one.word != "escalate" && !record.was_lost(one.at));
            // Somebody else may have been faster: then it was so already.
            let is_said =
                |one: &&Asked| said.keys().any(|(_, incident, word)| *incident == one.incident && *word == one.word);
            for one in done.filter(|one| !is_said(one)) {
                objections.push(format!("{} has {} {}d, and the log lost it", one.person, one.incident, one.word));
            }
            for objection in objections {
                record.objections.insert(objection);
            }
        });
    }

    /// What the log says of pages is so.
    fn pages(&self) {
        let (arrivals, lost) = self.outside.with(|record| (record.arrivals.clone(), record.lost.clone()));
        let lost = Record { lost, ..Record::default() };
        let mut by_page: BTreeMap<PageId, Vec<&Arrival>> = BTreeMap::new();
        for arrival in arrivals.iter().filter(|arrival| !arrival.is_said_in_need()) {
            if lost.was_lost(arrival.at) {
                continue;
            }
            match arrival.kind {
                MessageKind::Page => by_page.entry(arrival.page).or_default().push(arrival),
                // A silence is no incident.
                MessageKind::Notice => {}
                MessageKind::HandedOver => {
                    let incident = arrival.incident;
                    self.outside.object(format!("people hear that {incident} was handed over, and nobody did that"));
                }
                MessageKind::Resolved if self.over.contains(&arrival.incident) => {}
                MessageKind::Resolved => {
                    self.outside.object(format!("people hear that {} is over, which it is not", arrival.incident));
                }
            }
        }
        for (page, arrivals) in &by_page {
            if !self.requested.contains_key(page) {
                self.outside.object(format!("{page} arrived at {:?}, and the log never decided it", arrivals[0].at));
            }
            let known = |arrival: &&Arrival| was_answered(arrival) && !arrival.is_unmarked;
            let again = arrivals
                .iter()
                .enumerate()
                .skip(1)
                .find(|(nth, arrival)| !arrival.repeat && arrivals[..*nth].iter().any(&known));
            if let Some((_, again)) = again {
                self.outside.object(format!("{page} arrived again at {:?} and does not say so", again.at));
            }
        }
        for page in self.requested.keys() {
            let arrivals = by_page.get(page).map(Vec::as_slice).unwrap_or_default();
            self.outcome(*page, arrivals, !lost.lost.is_empty());
        }
    }

    fn outcome(&self, page: PageId, arrivals: &[&Arrival], was_lost: bool) {
        let Some((_, outcome)) = self.settled.get(&page) else {
            return self.outside.object(format!("{page} was decided, and what became of it is not known"));
        };
        match outcome {
            PageOutcome::Delivered { receipt } => {
                let receipt = receipt.trim_end_matches(" (repeat)");
                let has = |arrival: &&&Arrival| matches!(&arrival.answered, Answered::Taken(text) if text == receipt);
                if !arrivals.iter().any(|arrival| has(&arrival)) && !was_lost {
                    self.outside
                        .object(format!("the log says that {page} was handed over ({receipt}), and nobody has it"));
                }
            }
            PageOutcome::Failed { error } => {
                if let Some(arrival) = arrivals.iter().find(|arrival| was_answered(arrival)) {
                    let at = arrival.at;
                    self.outside.object(format!("the log says that {page} failed ({error}), and it arrived at {at:?}"));
                }
            }
            PageOutcome::Unknown { .. } => {}
        }
    }

    /// No claim is raised or ended that no monitor spoke of.
    fn claims(&self) {
        let inputs = self.outside.with(|record| record.inputs.clone());
        let raised: BTreeSet<&String> =
            inputs.iter().filter(|input| input.said != Said::Over).flat_map(|input| &input.titles).collect();
        // Where our clock was far ahead, what a monitor repeats looks like an end: whose claims those were is not told apart here.
        let stepped = self.outside.with(|record| record.steps.iter().any(|step| *step > 0));
        let may_end = |input: &&Input| input.said == Said::Over || (stepped && input.by_its_clock);
        let ended: BTreeSet<&String> = inputs.iter().filter(may_end).flat_map(|input| &input.titles).collect();
        for title in self.signals.keys().filter(|title| !raised.contains(title) && !title.contains("lost history")) {
            self.outside.object(format!("the log has a signal that nobody sent: {title}"));
        }
        for (_, recorded) in &self.events {
            if let Body::Incident(IncidentEvent::Claims(ClaimsEvent::SignalEnded { signal, .. })) = &recorded.body {
                let title = self.titles.get(signal).unwrap();
                if !ended.contains(title) {
                    self.outside.object(format!("the log says that {title} is over, which nobody said"));
                }
            }
        }
    }

    /// What the program says of itself is so.
    fn journal(&self, had_trouble: bool) {
        let (steps, starts, lost) =
            self.outside.with(|record| (record.steps.clone(), record.starts, record.lost.len() as u64));
        let mut started = 0;
        let mut audits = 0;
        for (_, recorded) in &self.events {
            let Body::Journal(event) = &recorded.body else { continue };
            match event {
                JournalEvent::Started { .. } => started += 1,
                JournalEvent::AuditFailed { .. } => audits += 1,
                JournalEvent::ClockStepped { by_ms, .. } => {
                    let back = steps.iter().any(|step| *step < 0) && *by_ms < 0;
                    if !back && !steps.iter().any(|step| (step - by_ms).abs() < 2_000) {
                        self.outside
                            .object(format!("the log says that the clock stepped by {by_ms} ms; it did by {steps:?}"));
                    }
                }
                JournalEvent::SpokeInNeed { reason, .. } if !had_trouble => {
                    self.outside
                        .object(format!("people were told that nothing can be written, and it could: {reason}"));
                }
                JournalEvent::StreamSetAside { reason, .. } | JournalEvent::EventSetAside { reason, .. } => {
                    self.outside.object(format!("a history was set aside: {reason}"));
                }
                _ => {}
            }
        }
        if started > starts {
            self.outside.object(format!("the log has {started} starts of {starts}"));
        }
        // Each accepted loss is kept twice: until it was accepted, and until the program ran.
        if audits > lost || (lost > 0 && audits == 0) {
            self.outside.object(format!("the log has {audits} losses, and {} were accepted", lost / 2));
        }
    }
}
