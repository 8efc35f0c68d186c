//! Looks at the running program once a second, as a person who watches health would: while a SEV1 stands unanswered, within ten
//! seconds somebody was reached, or health shows a fault that has to do with it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use quarterdeck_core::{
    board::Board,
    id::IncidentId,
    incident::{Incident, Severity},
};
use serde_json::Value;

use crate::{
    house::{House, VIEWER, length},
    outside::{Arrival, Said},
    weather::Lie,
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How soon somebody is reached, or a fault is shown.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// What has to do with whether people are reached. A clock that was set is a fault, too, and says nothing of that.
const GENERAL: [&str; 7] = [
    "channel ",
    "the store is slow",
    "nothing can be written",
    "the store does not answer",
    "the watchdog",
    "the disk is full",
    "NOBODY",
];

/// What a look saw of health.
struct Looked {
    at: Duration,
    faults: Vec<String>,
}

/// The watcher.
pub(crate) struct Watcher {
    house: Arc<House>,
    /// Looks of the last seconds.
    looks: VecDeque<Looked>,
    /// Since when each SEV1 stands unanswered, in this life of the program.
    stands: BTreeMap<IncidentId, Duration>,
}

impl Watcher {
    pub(crate) fn of(house: &Arc<House>) -> Self {
        Self { house: Arc::clone(house), looks: VecDeque::new(), stands: BTreeMap::new() }
    }

    pub(crate) async fn live(mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let now = self.house.outside.now();
        let Some(life) = self.house.life() else {
            // Whoever looks sees that nothing is there: that is the watcher's outside who speaks then.
            self.stands.clear();
            self.looks.clear();
            return;
        };
        let length = length(&life);
        self.house.outside.with(|record| record.log = record.log.max(length));
        let since = life.since;
        let Some(faults) = self.faults().await else { return };
        self.looks.push_back(Looked { at: now, faults });
        while self.looks.front().is_some_and(|look| look.at.saturating_add(SOON) < now) {
            self.looks.pop_front();
        }
        let board = life.published.board();
        self.check_standing(&board, now);
        self.check_overdue(&board, now, since);
        self.check_refused(now, since);
    }

    /// What health shows; none: the program died meanwhile.
    async fn faults(&self) -> Option<Vec<String>> {
        let asked = tokio::time::timeout(SOON, self.house.ask("GET", "/api/v1/health", VIEWER, &Value::Null)).await;
        if self.house.weather.lie == Some(Lie::LooksWell) {
            return Some(Vec::new());
        }
        match asked {
            // Nobody answers: whoever watches sees that.
            Err(_) => Some(vec!["the watchdog does not answer".to_owned()]),
            Ok(None) => None,
            Ok(Some((200, health))) => {
                let faults = health["faults"].as_array().unwrap().iter();
                Some(faults.map(|fault| fault.as_str().unwrap().to_owned()).collect())
            }
            Ok(Some((status, body))) => {
                self.house.outside.object(format!("health answers {status}: {body}"));
                None
            }
        }
    }

    /// Whether a fault was shown lately that has to do with this.
    fn shown(&self, about: &str) -> bool {
        let fits = |fault: &String| {
            GENERAL.iter().any(|start| fault.starts_with(start))
                || fault.contains("duties are overdue")
                || (!about.is_empty() && fault.contains(about))
        };
        self.looks.iter().any(|look| look.faults.iter().any(fits))
    }

    fn check_standing(&mut self, board: &Board, now: Duration) {
        let unanswered = |it: &&Incident| it.severity() == Severity::Sev1 && it.wants_answer();
        let standing: Vec<IncidentId> = board.incidents().filter(unanswered).map(Incident::id).collect();
        self.stands.retain(|id, _| standing.contains(id));
        for id in standing {
            let since = *self.stands.entry(id).or_insert(now);
            // One look may have been missed, and the page before it was decided a moment earlier.
            if now.saturating_sub(since) <= SOON.saturating_add(EVERY) {
                continue;
            }
            let reached = |arrival: &Arrival| arrival.incident == id || arrival.is_said_in_need();
            let ever = self.house.outside.with(|record| record.arrivals.iter().any(reached));
            if !ever && !self.shown(&id.to_string()) {
                let said = self.looks.back().map(|look| look.faults.clone()).unwrap_or_default();
                self.house.outside.object(format!("{id} is a SEV1, nobody has heard of it, and health shows {said:?}"));
            }
        }
    }

    /// What is owed and not done.
    fn check_overdue(&self, board: &Board, now: Duration, since: Duration) {
        let Some(time) = self.house.time() else { return };
        let overdue = board.next_deadline().is_some_and(|due| due.plus(SOON) < time);
        if overdue && now.saturating_sub(since) > SOON && !self.shown("") {
            self.house.outside.object("something is owed for more than ten seconds, and health does not show it");
        }
    }

    /// A monitor that is refused for long.
    fn check_refused(&self, now: Duration, since: Duration) {
        let waits = self.house.outside.with(|record| {
            let waiting = record.inputs.iter().filter(|input| input.taken.is_none() && input.said != Said::Over);
            waiting.filter(|input| input.is_worst).map(|input| input.begun.max(since)).min()
        });
        if waits.is_some_and(|begun| now.saturating_sub(begun) > SOON.saturating_add(EVERY)) && !self.shown("") {
            self.house.outside.object("a monitor is refused for more than ten seconds, and health does not show why");
        }
    }
}
