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
//! - A claim of a task ends when its time is up, and whoever held it is told. A task that is past its time is told to whoever is on it,
//!   once for each due time; tasks go on when the harm has stopped.
//! - A system that slept through several steps takes one and waits, rather than page everybody at once.
//!
//! Never sends anything: the shell does, from the `page_requested` events. Tests: in `board/tests/`, and the laws in
//! `tests/laws.rs`.

pub use crate::incident::decide::{
    paging::{PagingDuty, Step},
    roles::RolesDuty,
    tasks::TaskDuty,
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
    /// A claim of a task ends, or somebody is to hear of one that is past its time.
    Task(TaskDuty),
    /// Somebody is to be reached.
    Paging(PagingDuty),
    /// Somebody was asked by name and has not answered.
    Roles(RolesDuty),
}

/// All that is owed at `now`, in the order in which it is carried out.
pub fn due(incident: &Incident, roster: &Roster, now: Timestamp) -> Vec<Duty> {
    if incident.looks_again().is_some_and(|at| at <= now) {
        // What came to be past its time meanwhile is told with it.
        let tasks = incident.tasks_due(now).into_iter().map(Duty::Task);
        return std::iter::once(Duty::BeginAgain).chain(tasks).collect();
    }
    if !incident.is_open() {
        return Vec::new();
    }
    let is_unsettled = incident.phase().is_unsettled();
    let ran_out = is_unsettled && incident.acknowledgement_ran_out(now);
    let paging = if is_unsettled { incident.paging_due(roster, now) } else { incident.retries_due(roster) };
    // With its end nobody is needed any more, and nothing more is owed to whoever is on a task of it.
    let ends = paging.contains(&PagingDuty::StandDown) || (ran_out && !incident.stands());
    let (tasks, roles) =
        if ends { (Vec::new(), Vec::new()) } else { (incident.tasks_due(now), incident.roles_due(&paging, now)) };
    let expiry = ran_out.then_some(Duty::ExpireAcknowledgement);
    let all = tasks.into_iter().map(Duty::Task).chain(expiry).chain(paging.into_iter().map(Duty::Paging));
    all.chain(roles.into_iter().map(Duty::Roles)).collect()
}

/// When to look again; none: not before something else happens.
pub fn next_deadline(incident: &Incident) -> Option<Timestamp> {
    if !incident.is_open() {
        return incident.looks_again();
    }
    let (expiry, paging) = if incident.phase().is_unsettled() {
        (incident.acknowledgement().map(|given| given.until), incident.paging_deadline())
    } else {
        (None, incident.retries_deadline())
    };
    [expiry, paging, incident.roles_deadline(), incident.tasks_deadline()].into_iter().flatten().min()
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
                Duty::ExpireAcknowledgement => self.expire_acknowledgement(ctx, &mut events),
                Duty::Task(duty) => self.carry_out_task(duty, ctx, &mut events),
                Duty::Paging(duty) => self.carry_out_paging(duty, ctx, &mut events),
                Duty::Roles(duty) => self.carry_out_roles(&duty, ctx, &mut events),
            }
        }
        events
    }
}
