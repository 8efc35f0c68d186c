//! What the system owes at an instant: pages, escalations, the end of acknowledgements.
//!
//! [`due`] looks at the state and the instant and nothing else, so that a restart, a second node and the ordinary path run the
//! same code. Carrying everything out leaves nothing due (quiescence); with nothing due, the next deadline is later (wake-up).
//!
//! The rules:
//! - A tier is paged, then has its delay to answer. After the last tier of the last round the fallback is paged at the last
//!   tier's delay until somebody answers.
//! - People are looked up when the step is taken; the policy is the one of the incident's opening.
//! - A tier of which nobody can be reached pages the fallback in the same step.
//! - A page that failed, or whose fate is unknown, goes to the person's next contact; each is tried once.
//! - When nobody of a step can be reached any more, the next tier of the round is paged at once, since waiting for an answer
//!   to a page that cannot arrive helps nobody. The end of a round pages the fallback instead.
//! - Where the fallback cannot be reached either, nobody was: that is an event of its own, and everybody is tried again from the
//!   first tier of the same round after a short pause that doubles up to the last tier's delay. With our own network down, all
//!   rounds would otherwise be used up in seconds.
//! - An unanswered page whose cause was undone is not followed by another: at the time of the next step the incident resolves
//!   by itself, unless the cause came back before.
//! - Whoever was told that it is milder than it is now is told at once, while nobody has answered; the steps keep their time.
//! - What a person resolved while a monitor said that it goes on begins again after a while, if the monitor still says so.
//! - Whoever is asked to come by name is paged beside the escalation, once more by another contact after its delay, and then whoever
//!   asked is told; at once where nobody of those who were asked can be reached. That changes no step and no time of the escalation.
//! - A system that slept through several steps takes one and waits, rather than page everybody at once.
//!
//! Never sends anything: the shell does, from the `page_requested` events. Tests: in `board/tests/`, and the laws in
//! `tests/laws.rs`.

pub use crate::incident::decide::{
    paging::{PagingDuty, Step},
    roles::RolesDuty,
};
use crate::{
    incident::{Ctx, Incident, IncidentEvent},
    policy::Roster,
    time::Timestamp,
};

/// Something owed, by the facet that owes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// The acknowledgement ran out.
    ExpireAcknowledgement,
    /// It was resolved, and a monitor still says that it goes on.
    BeginAgain,
    /// Somebody is to be reached.
    Paging(PagingDuty),
    /// Somebody was asked by name and has not answered.
    Roles(RolesDuty),
}

/// All that is owed at `now`, in the order in which it is carried out.
pub fn due(incident: &Incident, roster: &Roster, now: Timestamp) -> Vec<Duty> {
    if incident.looks_again().is_some_and(|at| at <= now) {
        return vec![Duty::BeginAgain];
    }
    if !incident.is_open() {
        return Vec::new();
    }
    if !incident.phase().is_unsettled() {
        let paging = incident.retries_due(roster);
        let roles = incident.roles_due(&paging, now);
        return paging.into_iter().map(Duty::Paging).chain(roles.into_iter().map(Duty::Roles)).collect();
    }
    let expiry = incident.acknowledgement_ran_out(now).then_some(Duty::ExpireAcknowledgement);
    let paging = incident.paging_due(roster, now);
    let stands_down = paging.contains(&PagingDuty::StandDown);
    // With its end nobody is needed any more.
    let ends = stands_down || (expiry.is_some() && !incident.stands());
    let roles = if ends { Vec::new() } else { incident.roles_due(&paging, now) };
    let all = expiry.into_iter().chain(paging.into_iter().map(Duty::Paging));
    all.chain(roles.into_iter().map(Duty::Roles)).collect()
}

/// When to look again; none: not before something else happens.
pub fn next_deadline(incident: &Incident) -> Option<Timestamp> {
    if !incident.is_open() {
        return incident.looks_again();
    }
    if !incident.phase().is_unsettled() {
        return [incident.retries_deadline(), incident.roles_deadline()].into_iter().flatten().min();
    }
    let expiry = incident.acknowledgement().map(|given| given.until);
    [expiry, incident.paging_deadline(), incident.roles_deadline()].into_iter().flatten().min()
}

/// When it resolves by itself, if nothing comes back: all was undone while a page waited for its answer.
pub fn stands_down(incident: &Incident) -> Option<Timestamp> {
    incident.stands_down()
}

impl Incident {
    /// Carries out all that is due.
    pub(crate) fn carry_out(&self, ctx: &mut Ctx<'_>) -> Vec<IncidentEvent> {
        let mut events = Vec::new();
        for duty in due(self, &ctx.setting.roster, ctx.now) {
            match duty {
                Duty::BeginAgain => self.begin_again(ctx, &mut events),
                Duty::ExpireAcknowledgement => self.expire_acknowledgement(&mut events),
                Duty::Paging(duty) => self.carry_out_paging(duty, ctx, &mut events),
                Duty::Roles(duty) => self.carry_out_roles(&duty, ctx, &mut events),
            }
        }
        events
    }
}
