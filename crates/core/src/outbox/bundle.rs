//! When a message to a contact leaves: at once, or with others as one. Sixty messages within a second wake nobody better than two,
//! and the one that matters is not found among them.
//!
//! - The first page about each service goes at once. What follows to the same contact within a short window waits for the window's
//!   end and goes as one message that names all of it, the worst first.
//! - A SEV1 goes at once, whatever else waits. Only after several of them within a minute do further ones go together, at most half
//!   a second later.
//! - What somebody asked for, what is worse than they were told, and what failed by another way waits for nothing.
//! - Pages, pages of exercises, and words that something is over are never in one message.
//!
//! Time is an argument; the shell asks for each delivery that may leave, and keeps the answer. Tests: below.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use super::{Audience, Delivery, DeliveryKind};
use crate::{
    id::ServiceId,
    incident::{Incident, PageReason},
    limits::{FIRSTS_MAX, WORST_AT_ONCE, WORST_PAUSE, WORST_SPAN},
    severity::Severity,
    time::Timestamp,
};

/// What may be in one message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Envelope {
    /// To whom.
    pub to: Audience,
    sort: Sort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Sort {
    Page,
    Drill,
    AllClear,
    Notice,
    HandedOver,
}

impl Envelope {
    /// The message that a delivery may be part of. Of an incident that cannot be read it is taken for real.
    pub fn of(delivery: &Delivery, incident: Option<&Incident>) -> Self {
        let sort = match delivery.kind {
            DeliveryKind::AllClear => Sort::AllClear,
            DeliveryKind::Notice => Sort::Notice,
            DeliveryKind::HandedOver => Sort::HandedOver,
            DeliveryKind::Page if incident.is_some_and(Incident::is_drill) => Sort::Drill,
            DeliveryKind::Page => Sort::Page,
        };
        Self { to: delivery.to.clone(), sort }
    }
}

/// What is to be known of a delivery that may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// What it may be part of.
    pub envelope: Envelope,
    /// The service it is about.
    pub service: Option<ServiceId>,
    /// As bad as can be; so is one of which nothing can be read.
    pub worst: bool,
    /// It waits for nothing: see the page's reason, or it was tried before.
    pub pressing: bool,
    /// It waited for the end of a window already.
    pub waited: bool,
}

impl Leaving {
    /// What the incident says of the delivery. `attempts`: how often it was tried.
    pub fn of(delivery: &Delivery, incident: Option<&Incident>, attempts: u32, waited: bool) -> Self {
        let record = delivery.page().and_then(|page| incident?.pages().get(&page));
        let page = delivery.kind == DeliveryKind::Page;
        Self {
            envelope: Envelope::of(delivery, incident),
            service: incident.filter(|_| page).and_then(Incident::service).cloned(),
            worst: page
                && incident.is_none_or(|incident| !incident.is_drill() && incident.severity() == Severity::Sev1),
            pressing: attempts > 0 || record.is_some_and(|record| presses(&record.reason)),
            waited,
        }
    }
}

/// Whether a page for this reason waits for nothing: somebody asked, somebody was told less than is so, another way failed, or
/// somebody acts on what they think is theirs alone.
const fn presses(reason: &PageReason) -> bool {
    match reason {
        PageReason::Asked
        | PageReason::SeverityRose
        | PageReason::Fallback
        | PageReason::Failed
        | PageReason::MayHaveArrived
        | PageReason::NobodyReached
        | PageReason::AnotherClaim
        | PageReason::CalledIn
        | PageReason::NotComing
        | PageReason::HandedOver
        | PageReason::TaskAssigned { .. }
        | PageReason::TaskOverdue { .. }
        | PageReason::ClaimRanOut { .. }
        | PageReason::ClaimOverridden { .. } => true,
        PageReason::Opened
        | PageReason::NotAcknowledged
        | PageReason::AcknowledgementExpired
        | PageReason::Reopened => false,
    }
}

/// How a delivery leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// By itself, now.
    Now,
    /// Now, with all that waits for the same envelope.
    Together,
    /// Not before this instant.
    Later(Timestamp),
}

/// What left lately, by envelope. In memory only: after a start the first of each goes at once again.
#[derive(Debug, Default)]
pub struct Pacing(HashMap<Envelope, Lately>);

#[derive(Debug, Default)]
struct Lately {
    /// When the window that runs ends.
    until: Timestamp,
    /// Of which services a page left within it.
    services: BTreeSet<Option<ServiceId>>,
    /// When the last SEV1 left at once.
    worst: VecDeque<Timestamp>,
    /// Not before this the next message that names several SEV1.
    next_worst: Timestamp,
}

impl Pacing {
    /// How a delivery leaves that may leave now. `window`: how long what follows waits; none of it: everything leaves by itself.
    pub fn leave(&mut self, leaving: &Leaving, window: Duration, now: Timestamp) -> Leave {
        if window.is_zero() {
            return Leave::Now;
        }
        let lately = self.0.entry(leaving.envelope.clone()).or_default();
        if leaving.worst {
            return lately.worst(now);
        }
        if leaving.pressing {
            return Leave::Together;
        }
        let runs = now < lately.until;
        let known = lately.services.contains(&leaving.service);
        if runs && (known || lately.services.len() >= FIRSTS_MAX) {
            return Leave::Later(lately.until);
        }
        if !runs {
            lately.until = now.plus(window);
            lately.services.clear();
        }
        lately.services.insert(leaving.service.clone());
        if leaving.waited { Leave::Together } else { Leave::Now }
    }

    /// Forgets what is over.
    pub fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, lately| {
            let worst = lately.worst.back().is_some_and(|last| now.since(*last) < WORST_SPAN);
            now < lately.until || now < lately.next_worst || worst
        });
    }
}

impl Lately {
    fn worst(&mut self, now: Timestamp) -> Leave {
        while self.worst.front().is_some_and(|first| now.since(*first) >= WORST_SPAN) {
            self.worst.pop_front();
        }
        if self.worst.len() < WORST_AT_ONCE {
            self.worst.push_back(now);
            return Leave::Now;
        }
        if now < self.next_worst {
            return Leave::Later(self.next_worst);
        }
        self.next_worst = now.plus(WORST_PAUSE);
        Leave::Together
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BUNDLE_WINDOW;

    fn leaving(person: &str, service: &str) -> Leaving {
        let to = Audience::Contact {
            person: person.parse().unwrap(),
            channel: "sms".parse().unwrap(),
            address: String::new(),
        };
        Leaving {
            envelope: Envelope { to, sort: Sort::Page },
            service: service.parse().ok(),
            worst: false,
            pressing: false,
            waited: false,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000 + seconds)
    }

    #[test]
    fn the_first_of_each_service_goes_at_once_and_the_rest_together() {
        let mut pacing = Pacing::default();
        let mut ask = |leaving: &Leaving, second| pacing.leave(leaving, BUNDLE_WINDOW, at(second));
        assert_eq!(ask(&leaving("ann", "rpc"), 0), Leave::Now);
        assert_eq!(ask(&leaving("ann", "rpc"), 1), Leave::Later(at(30)));
        assert_eq!(ask(&leaving("ann", "web"), 2), Leave::Now);
        assert_eq!(ask(&leaving("ann", ""), 2), Leave::Now);
        assert_eq!(ask(&leaving("ann", ""), 3), Leave::Later(at(30)));
        assert_eq!(ask(&leaving("bob", "rpc"), 3), Leave::Now);
        let waited = Leaving { waited: true, ..leaving("ann", "rpc") };
        assert_eq!(ask(&waited, 30), Leave::Together);
        // A new window runs from there, for whatever the message named first.
        assert_eq!(ask(&leaving("ann", "rpc"), 31), Leave::Later(at(60)));
        assert_eq!(ask(&leaving("ann", "web"), 31), Leave::Now);
        assert_eq!(ask(&leaving("ann", "rpc"), 90), Leave::Now, "long after it is a first again");
    }

    #[test]
    fn a_sev1_waits_for_nobody_until_there_are_several() {
        let mut pacing = Pacing::default();
        let worst = Leaving { worst: true, ..leaving("ann", "rpc") };
        assert_eq!(pacing.leave(&leaving("ann", "rpc"), BUNDLE_WINDOW, at(0)), Leave::Now);
        for _ in 0..WORST_AT_ONCE {
            assert_eq!(pacing.leave(&worst, BUNDLE_WINDOW, at(1)), Leave::Now);
        }
        assert_eq!(pacing.leave(&worst, BUNDLE_WINDOW, at(1)), Leave::Together);
        let half = at(1).plus(Duration::from_millis(500));
        assert_eq!(pacing.leave(&worst, BUNDLE_WINDOW, at(1)), Leave::Later(half), "never as much as a second");
        assert_eq!(pacing.leave(&worst, BUNDLE_WINDOW, half), Leave::Together);
        assert_eq!(pacing.leave(&worst, BUNDLE_WINDOW, at(61)), Leave::Now);
    }

    #[test]
    fn what_was_asked_for_or_tried_before_waits_for_nothing() {
        let mut pacing = Pacing::default();
        assert_eq!(pacing.leave(&leaving("ann", "rpc"), BUNDLE_WINDOW, at(0)), Leave::Now);
        let pressing = Leaving { pressing: true, ..leaving("ann", "rpc") };
        assert_eq!(pacing.leave(&pressing, BUNDLE_WINDOW, at(1)), Leave::Together);
        assert_eq!(pacing.leave(&leaving("ann", "rpc"), Duration::ZERO, at(1)), Leave::Now, "switched off");
        pacing.forget(at(29));
        assert_eq!(pacing.leave(&leaving("ann", "rpc"), BUNDLE_WINDOW, at(29)), Leave::Later(at(30)));
        pacing.forget(at(30));
        assert!(pacing.0.is_empty());
    }

    #[test]
    fn many_services_within_one_window_are_no_way_around_it() {
        let mut pacing = Pacing::default();
        let asked = (0..50).map(|number| pacing.leave(&leaving("ann", &format!("s{number}")), BUNDLE_WINDOW, at(0)));
        assert_eq!(asked.filter(|leave| *leave == Leave::Now).count(), FIRSTS_MAX);
    }
}
