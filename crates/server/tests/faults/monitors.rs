//! Monitors: each claim begins, gets worse, is repeated and ends, and what was not taken is said again until it is.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::time::Timestamp;
use serde_json::{Value, json};

use crate::{
    dice::Dice,
    house::{House, KEYS, SERVICES},
    outside::{Input, Said},
};

/// After what was not taken.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
/// How often Prometheus repeats itself.
const REPEAT_EVERY: Duration = Duration::from_mins(1);
/// How long a claim of Prometheus holds that is not repeated.
const HOLDS: Duration = Duration::from_mins(4);

/// How a monitor speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tongue {
    Webhook,
    Prometheus,
    PagerDuty,
}

/// A claim of one monitor.
pub(crate) struct Claim {
    house: Arc<House>,
    dice: Dice,
    tongue: Tongue,
    name: String,
    service: &'static str,
    /// How it begins: 0 is mild, 2 is worst.
    grade: u64,
    /// Titles of the episode that goes on.
    titles: Vec<String>,
    /// By the monitor's own clock, which nobody sets.
    began: Timestamp,
    /// Our clock was wrong while it spoke of what its own shows.
    was_blurred: bool,
}

impl Claim {
    pub(crate) fn new(house: &Arc<House>, seed: u64, nth: u64) -> Self {
        let mut dice = Dice::of(seed, &format!("claim {nth}"));
        let tongue = dice.pick(&[Tongue::Webhook, Tongue::Webhook, Tongue::Prometheus, Tongue::PagerDuty]);
        let (service, grade) = (dice.pick(&SERVICES), dice.pick(&[0, 1, 1, 2, 2]));
        let (house, name) = (Arc::clone(house), format!("c{nth}"));
        Self {
            house,
            dice,
            tongue,
            name,
            service,
            grade,
            titles: Vec::new(),
            began: Timestamp::default(),
            was_blurred: false,
        }
    }

    /// Lives until the world's trouble is over, and leaves some of what it claims standing.
    pub(crate) async fn live(mut self, until: Duration) {
        let mut episode = 0;
        loop {
            let pause = self.dice.secs(2, 120);
            tokio::time::sleep(pause).await;
            if self.house.outside.now() >= until {
                return;
            }
            episode += 1;
            self.begin(episode).await;
            if self.grade < 2 && self.tongue != Tongue::Prometheus && self.dice.percent(40) {
                let pause = self.dice.secs(5, 60);
                self.hold(pause).await;
                self.worsen(episode).await;
            }
            let lasts = self.dice.secs(20, 240);
            self.hold(lasts).await;
            if self.dice.percent(20) {
                // It stands for good.
                return self.hold(Duration::from_hours(10)).await;
            }
            self.end().await;
        }
    }

    fn now(&self) -> Timestamp {
        // Monitors are on other machines: what somebody does to our clock does nothing to theirs.
        Timestamp::from_ms(1_767_661_200_000).plus(self.house.outside.now())
    }

    /// Whether our clock was ever so far from this monitor's that an end and a repetition cannot be told apart: it says only until when
    /// a claim holds.
    fn is_blurred(&mut self) -> bool {
        let (ours, theirs) = (self.house.outside.wall.shows(), self.now());
        self.was_blurred |= self.tongue == Tongue::Prometheus && (ours >= theirs.plus(HOLDS) || ours < theirs);
        self.was_blurred
    }

    fn title(&self, episode: u64, more: &str) -> String {
        format!("{} of {}, time {episode}{more}", self.name, self.service)
    }

    async fn begin(&mut self, episode: u64) {
        self.began = self.now();
        self.titles = vec![self.title(episode, "")];
        self.say(Said::Raised, self.grade).await;
    }

    async fn worsen(&mut self, episode: u64) {
        self.titles.push(self.title(episode, ", worse"));
        self.say(Said::Worse, 2).await;
    }

    async fn end(&mut self) {
        self.say(Said::Over, 0).await;
    }

    /// Waits, and repeats what must be repeated.
    async fn hold(&mut self, lasts: Duration) {
        let until = self.house.outside.now().saturating_add(lasts);
        loop {
            let left = until.saturating_sub(self.house.outside.now());
            if self.tongue != Tongue::Prometheus || left < REPEAT_EVERY {
                return tokio::time::sleep(left).await;
            }
            tokio::time::sleep(REPEAT_EVERY).await;
            // One that is not taken is followed by the next.
            self.post(Said::Raised, self.grade).await;
        }
    }

    /// Says it until it is taken.
    async fn say(&mut self, said: Said, grade: u64) {
        let outside = Arc::clone(&self.house.outside);
        let begun = outside.now();
        // PagerDuty's format has no facts: what it says is never a SEV1 of itself.
        let is_worst = grade == 2 && said != Said::Over && self.tongue == Tongue::Webhook;
        let titles =
            if said == Said::Over { self.titles.clone() } else { self.titles.last().cloned().into_iter().collect() };
        let (is_blurred, by_its_clock) = (self.is_blurred(), self.tongue == Tongue::Prometheus);
        let place = outside.with(|record| {
            let input = Input {
                by_its_clock,
                is_blurred,
                claim: self.name.clone(),
                titles,
                said,
                is_worst,
                begun,
                taken: None,
            };
            record.inputs.push(input);
            record.inputs.len() - 1
        });
        let mut tries = 0;
        while !self.post(said, grade).await {
            tries += 1;
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        let (taken, is_blurred) = (outside.now(), is_blurred || self.is_blurred());
        outside.with(|record| {
            let input = &mut record.inputs[place];
            (input.taken, input.is_blurred) = (Some(taken), is_blurred);
        });
        let what = match said {
            Said::Raised => "begins",
            Said::Worse => "gets worse",
            Said::Over => "is over",
        };
        let title = self.titles.last().cloned().unwrap_or_default();
        let (tongue, grade) = (self.tongue, ["mild", "bad", "worst"][usize::try_from(grade).unwrap()]);
        outside.tell(format!("{tongue:?}: `{title}` {what} ({grade}); taken after {tries} refusals"));
    }

    async fn post(&mut self, said: Said, grade: u64) -> bool {
        let (path, key, body) = match self.tongue {
            Tongue::Webhook => ("/ingest/webhook", KEYS[0], self.webhook(said, grade)),
            Tongue::Prometheus => ("/api/v2/alerts", KEYS[1], self.alert(said)),
            Tongue::PagerDuty => ("/v2/enqueue", KEYS[0], self.event(said, grade)),
        };
        match self.house.ask("POST", path, key, &body).await {
            Some((status, _)) if (200..300).contains(&status) => true,
            Some((503, _)) | None => false,
            Some((status, body)) => {
                self.house.outside.object(format!("a monitor is answered {status}: {body}"));
                true
            }
        }
    }

    fn webhook(&self, said: Said, grade: u64) -> Value {
        let title = self.titles.last().unwrap();
        if said == Said::Over {
            return json!({"title": title, "dedup_key": self.name, "status": "resolved"});
        }
        let facts = if grade == 2 { json!({"key_compromise": true}) } else { json!({}) };
        let severity = ["warning", "critical", "critical"][usize::try_from(grade).unwrap()];
        json!({"title": title, "dedup_key": self.name, "severity": severity, "service": self.service, "facts": facts})
    }

    fn alert(&self, said: Said) -> Value {
        let now = self.now();
        let ends = if said == Said::Over { now } else { now.plus(HOLDS) };
        // A label of another value is another alert: it stays as it began.
        let severity = ["warning", "error", "critical"][usize::try_from(self.grade).unwrap()];
        json!([{
            "labels": {"alertname": self.name, "service": self.service, "severity": severity},
            "annotations": {"summary": self.titles.last().unwrap()},
            "startsAt": self.began.to_string(), "endsAt": ends.to_string(),
        }])
    }

    fn event(&self, said: Said, grade: u64) -> Value {
        let action = if said == Said::Over { "resolve" } else { "trigger" };
        let severity = ["warning", "error", "critical"][usize::try_from(grade).unwrap()];
        json!({
            "routing_key": KEYS[0], "event_action": action, "dedup_key": self.name,
            "payload": {"summary": self.titles.last().unwrap(), "source": "world", "severity": severity,
                "component": self.service},
        })
    }
}
