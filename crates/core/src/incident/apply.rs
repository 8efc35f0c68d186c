//! From events to state. Never decides anything: what is not in the event or in the state cannot matter here, and a history
//! that `decide` could not have written is refused. Each facet takes in its own events; here is only what spans them. Tests: the
//! replay law in `tests/laws.rs`, `tests/golden.rs`.

use crate::{
    id::IncidentId,
    incident::{
        AccessEvent, Actor, ClaimsEvent, IllegalHistory, Incident, IncidentEvent, LifeEvent, PageReason, PagingEvent,
        Phase, access::Access, checks::Checks, claims::Claims, evidence::Evidence, life::Life, paging::Paging,
        refusal::Named, roles::Roles, room::Room, tasks::Tasks,
    },
    time::Timestamp,
};

impl Incident {
    /// The incident that its first event begins.
    pub fn first(id: IncidentId, at: Timestamp, event: &IncidentEvent) -> Result<Self, IllegalHistory> {
        let IncidentEvent::Life(LifeEvent::Opened { title, service, signal, policy, score, drill, roles }) = event
        else {
            return Err(IllegalHistory::BadOpening { id, version: 0 });
        };
        let mut incident = Self {
            life: Life::begin(id, at, title, service.as_ref(), *drill, signal),
            claims: Claims::begin(signal, score, at),
            paging: Paging::begin(policy),
            roles: Roles::begin(roles, at, score.severity),
            room: Room::default(),
            tasks: Tasks::default(),
            checks: Checks::default(),
            evidence: Evidence::default(),
            access: Access::default(),
            last_event: at,
            version: 0,
        };
        incident.follow(false, at, PageReason::Opened);
        Ok(incident)
    }

    /// The incident that these events make, in their order, each with its version and instant.
    pub fn fold<'a>(
        id: IncidentId,
        events: impl IntoIterator<Item = (u64, Timestamp, &'a IncidentEvent)>,
    ) -> Result<Self, IllegalHistory> {
        let mut events = events.into_iter();
        let Some((version, at, opening)) = events.next() else {
            return Err(IllegalHistory::BadOpening { id, version: 0 });
        };
        if version != 0 {
            return Err(IllegalHistory::BadVersion { id, want: 0, got: version });
        }
        let mut incident = Self::first(id, at, opening)?;
        for (version, at, event) in events {
            incident.apply(version, at, event)?;
        }
        Ok(incident)
    }

    /// Takes one event in. On error nothing has changed.
    pub fn apply(&mut self, version: u64, at: Timestamp, event: &IncidentEvent) -> Result<(), IllegalHistory> {
        self.accepts(version, event)?;
        let wanted = self.wants_answer();
        let why = self.take_in((version, at), event, wanted);
        self.roles.keep_needed(self.life.phase, self.claims.stands, self.claims.severity);
        self.drop_asks(event);
        // A step sets the time of the next one itself.
        if !matches!(event, IncidentEvent::Paging(PagingEvent::Escalated { .. })) {
            self.follow(wanted, at, why);
        }
        self.version = version;
        self.last_event = at;
        Ok(())
    }

    /// Whether this event can be the next one.
    pub(crate) fn accepts(&self, version: u64, event: &IncidentEvent) -> Result<(), IllegalHistory> {
        let want = self.version.saturating_add(1);
        if version != want {
            return Err(IllegalHistory::BadVersion { id: self.life.id, want, got: version });
        }
        self.check(version, event)
    }

    /// Whether `decide` could have written this event now.
    fn check(&self, version: u64, event: &IncidentEvent) -> Result<(), IllegalHistory> {
        let (id, phase) = (self.life.id, self.life.phase);
        let (fits, missing): (bool, Option<Named>) = match event {
            IncidentEvent::Life(LifeEvent::Opened { .. }) => return Err(IllegalHistory::BadOpening { id, version }),
            IncidentEvent::Life(event) => (Life::fits(phase, event), None),
            IncidentEvent::Claims(event) => (Claims::fits(phase, event), self.claims.missing(event)),
            IncidentEvent::Paging(event) => (Paging::fits(phase, event), self.paging.missing(event)),
            IncidentEvent::Roles(event) => (Roles::fits(phase, event), self.roles.missing(event)),
            IncidentEvent::Room(event) => (self.room.fits(phase, event), self.room.missing(event)),
            IncidentEvent::Tasks(event) => (Tasks::fits(phase, event), self.tasks.missing(event)),
            IncidentEvent::Checks(event) => (Checks::fits(phase, event), None),
            IncidentEvent::Evidence(event) => (Evidence::fits(phase, event), self.evidence.missing(event)),
            IncidentEvent::Access(event) => (self.access.fits(phase, event), None),
        };
        if !fits {
            return Err(IllegalHistory::WrongPhase { id, version, phase });
        }
        missing.map_or(Ok(()), |what| Err(IllegalHistory::Dangling { id, version, what }))
    }

    /// The change itself. Says why a page is owed, should one be owed after this and not before.
    fn take_in(&mut self, (version, at): (u64, Timestamp), event: &IncidentEvent, wanted: bool) -> PageReason {
        match event {
            IncidentEvent::Life(event) => {
                self.claims.turned(event);
                self.roles.turned(at, event, self.claims.severity);
                self.tasks.turned(event);
                // What a check began again is no signal's to close.
                self.claims.held |= matches!(event, LifeEvent::Reopened { .. }) && self.checks.fails_in_watch();
                self.checks.turned(event);
                if matches!(event, LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. }) {
                    self.paging.ended();
                } else {
                    self.paging.turned();
                }
                if !matches!(event, LifeEvent::Acknowledged { .. } | LifeEvent::AcknowledgementExpired {}) {
                    self.paging.forget_told();
                }
                return self.life.apply(at, event, self.claims.severity);
            }
            IncidentEvent::Claims(event) => {
                self.claims.apply(at, event);
                self.roles.graded(at, self.claims.severity);
                if let ClaimsEvent::MergedFrom { from, .. } = event {
                    self.room.goes_on_from(*from);
                }
                if let ClaimsEvent::SignalAcknowledged { by, .. } = event {
                    self.paging.knows(by, self.claims.severity);
                }
                return self.outgrow(event);
            }
            IncidentEvent::Paging(PagingEvent::HandedOver { by, reason, policy }) => {
                let had = self.life.acknowledgement.take().map(|given| given.by);
                self.life.void();
                // Whoever hands it over says that it goes on: no signal's end closes it before they answer.
                (self.claims.held, self.claims.stands) = (true, true);
                self.paging.hand_over(at, (by, reason), policy, had);
                return PageReason::HandedOver;
            }
            IncidentEvent::Paging(event) => {
                self.access.hears_of_paging(event);
                self.paging.apply(at, event, wanted);
            }
            IncidentEvent::Roles(event) => {
                self.access.hears_of_roles(event);
                self.roles.apply(at, event);
            }
            IncidentEvent::Room(event) => self.room.apply(self.life.id, version, at, event),
            IncidentEvent::Tasks(event) => self.tasks.apply(at, event),
            IncidentEvent::Checks(event) => self.checks.apply(at, event),
            IncidentEvent::Evidence(event) => self.evidence.apply(at, event),
            IncidentEvent::Access(event) => {
                self.access.apply(at, event);
                if matches!(event, AccessEvent::Restricted { .. }) {
                    self.access.knew(self.paging.pages.values().map(|page| page.person.clone()));
                }
                if self.is_abandoned() {
                    self.life.void();
                    self.claims.held = false;
                    self.paging.turned();
                    return PageReason::AcknowledgementExpired;
                }
            }
        }
        PageReason::Opened
    }

    /// What is not needed any more of the pages to those who were asked by name is not tried again: somebody answered, or it is over.
    fn drop_asks(&mut self, event: &IncidentEvent) {
        let may_end = match event {
            IncidentEvent::Paging(PagingEvent::PageRequested { .. })
            | IncidentEvent::Room(_)
            | IncidentEvent::Tasks(_)
            | IncidentEvent::Checks(_)
            | IncidentEvent::Evidence(_)
            | IncidentEvent::Access(_) => false,
            IncidentEvent::Life(_) | IncidentEvent::Roles(_) | IncidentEvent::Claims(_) | IncidentEvent::Paging(_) => {
                true
            }
        };
        if may_end && !self.roles.asks.is_empty() {
            let (open, roles) = (self.life.phase.is_open(), &self.roles);
            let tells = |first: Option<&PageReason>| first == Some(&PageReason::NotComing);
            self.paging.keep_asks(|ask, first| open && (roles.is_open(ask) || tells(first)));
        }
    }

    /// An acknowledgement is for a severity: where it rises above that, and is bad enough to page, nobody is on it any more. And it is for
    /// what was known: where something came that it does not cover and nobody could be told of, nobody is on that either.
    fn outgrow(&mut self, event: &ClaimsEvent) -> PageReason {
        let reason = if let ClaimsEvent::SignalUnanswered { signal, to } = event {
            self.paging.surprise(*signal, to.as_ref());
            if to.is_some() || self.life.phase != Phase::Acknowledged {
                return PageReason::Opened;
            }
            PageReason::AnotherClaim
        } else {
            let ClaimsEvent::SeverityChanged(change) = event else { return PageReason::Opened };
            if change.to < self.paging.escalation.policy.page_at || !self.life.is_outgrown(change.to) {
                return PageReason::Opened;
            }
            PageReason::SeverityRose
        };
        self.life.void();
        self.claims.held = false;
        self.paging.turned();
        reason
    }

    /// Whether whoever is on it was put out: they cannot look any more, and so nobody is on it.
    fn is_abandoned(&self) -> bool {
        let out = |by: &Actor| match (by, &self.access.restriction) {
            (Actor::Person(person), Some(inside)) => inside.out.contains(person),
            (Actor::Person(_) | Actor::Token(_) | Actor::System, _) => false,
        };
        self.life.phase == Phase::Acknowledged && self.life.acknowledgement.as_ref().is_some_and(|given| out(&given.by))
    }

    fn follow(&mut self, wanted: bool, at: Timestamp, why: PageReason) {
        let wants = self.wants_answer();
        self.paging.follow(self.life.phase, (wanted, wants), at, why);
    }
}
