//! What may be asked about tasks, and what they owe: that claims end, and that somebody hears of what is past its time. A claim in the way
//! of another is refused, unless a reason is given; then whoever holds it is told. Which claims of other tasks are in the way is the
//! board's to find. Tests: `board/tests/tasks.rs`, `scenarios/tasks/`, and the laws in `tests/laws.rs`.

use std::collections::BTreeSet;

use super::reach::{self, Reach};
use crate::{
    id::{IncidentId, PersonId, TaskId},
    incident::{
        Actor, Ctx, Incident, IncidentEvent, PageReason, PagingEvent, Phase, Refusal, ResponseRole, TasksCommand,
        tasks::{
            Claim, Holding, Task,
            command::{Claiming, Which},
            event::{Against, TasksEvent},
        },
        text::{account, sentence, title},
    },
    limits::{
        CLAIM_LASTS, CLAIM_LASTS_MAX, CLAIM_LASTS_MIN, RESOURCES_PER_TASK_MAX, TASK_DUE_MAX, TASKS_PER_INCIDENT_MAX,
    },
    resource::Resource,
    setting::Setting,
    time::{Timestamp, When, human_span},
};

/// Something owed because of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskDuty {
    /// A claim ran out.
    Expire(TaskId),
    /// It is past its time, and nobody was told.
    Overdue(TaskId),
}

/// What a task that is added begins with.
struct New {
    by: Actor,
    title: String,
    assignee: Option<PersonId>,
    due: Option<When>,
    resources: Vec<String>,
}

impl Incident {
    pub(super) fn decide_tasks(&self, command: TasksCommand, ctx: &mut Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            TasksCommand::Add { by, title, assignee, due, resources, claim } => {
                self.add_task(New { by, title, assignee, due, resources }, claim, ctx)
            }
            TasksCommand::Change { by, task, assignee, due } => self.change_task(&by, task, assignee, due, ctx),
            TasksCommand::Claim { by, task, claiming } => {
                self.may("claim a task of", self.life.phase.is_open())?;
                self.claim_task(&by, self.open_task(task)?, claiming, ctx)
            }
            TasksCommand::Renew { by, task, until } => {
                self.may("renew a claim of", self.life.phase.is_open())?;
                let task = self.claimed_by(&by, task, ctx.now)?;
                let until = lasting(until, ctx.now)?;
                Ok(vec![TasksEvent::ClaimRenewed { task: task.id, by, until }.into()])
            }
            TasksCommand::Release { by, task } => {
                self.may("release a task of", self.life.phase.is_open())?;
                let task = self.claimed_by(&by, task, ctx.now)?;
                Ok(vec![TasksEvent::ClaimReleased { task: task.id, by }.into()])
            }
            TasksCommand::Finish { by, task, note } => {
                let task = self.ends_task(("finish a task of", &by), task, &note, ctx.now)?;
                Ok(vec![TasksEvent::TaskDone { task, by, note }.into()])
            }
            TasksCommand::Drop { by, task, note } => {
                let task = self.ends_task(("drop a task of", &by), task, &note, ctx.now)?;
                Ok(vec![TasksEvent::TaskDropped { task, by, note }.into()])
            }
            TasksCommand::Overridden { holding, by, incident, other, title, reason } => {
                Ok(self.overridden(&holding, &by, (incident, other, &title), &reason, ctx))
            }
            TasksCommand::Adopt { from, tasks } => Ok(tasks.into_iter().map(|task| adopted(task, from)).collect()),
        }
    }

    /// What somebody would hold by this command, and who that is; none: it claims nothing.
    pub(crate) fn would_hold<'a>(
        &self,
        command: &'a TasksCommand,
        setting: &Setting,
    ) -> Result<Option<(&'a Actor, BTreeSet<Resource>)>, Refusal> {
        match command {
            TasksCommand::Add { by, resources, claim: Some(_), .. } => Ok(Some((by, read(resources, setting)?))),
            TasksCommand::Claim { by, task, .. } => Ok(Some((by, self.open_task(*task)?.resources.clone()))),
            TasksCommand::Add { claim: None, .. }
            | TasksCommand::Change { .. }
            | TasksCommand::Renew { .. }
            | TasksCommand::Release { .. }
            | TasksCommand::Finish { .. }
            | TasksCommand::Drop { .. }
            | TasksCommand::Overridden { .. }
            | TasksCommand::Adopt { .. } => Ok(None),
        }
    }

    /// A task that the same person added with the same words, and that is still to be done, is not added twice: a form was sent again.
    fn add_task(&self, new: New, claim: Option<Claiming>, ctx: &mut Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        self.may("add a task to", self.life.phase.is_open())?;
        let (title, resources) = (title("title", &new.title)?, read(&new.resources, ctx.setting)?);
        let is_same =
            |task: &&Task| task.is_open() && task.title == title && task.by == new.by && task.resources == resources;
        if let Some(known) = self.tasks.tasks.values().find(is_same) {
            return match claim {
                Some(claiming) if known.claim_at(ctx.now).is_none() => self.claim_task(&new.by, known, claiming, ctx),
                Some(_) | None => Ok(Vec::new()),
            };
        }
        if self.tasks.tasks.len() >= TASKS_PER_INCIDENT_MAX {
            return Err(Refusal::TooManyTasks { id: self.life.id, count: self.tasks.tasks.len() });
        }
        known_person(new.assignee.as_ref(), ctx)?;
        let due = new.due.map(|due| ahead(due, ctx.now)).transpose()?;
        let New { by, assignee, .. } = new;
        let (id, whom) = (ctx.fresh(), assignee.clone());
        let added = TasksEvent::TaskAdded { task: id, by: by.clone(), title, assignee, due, resources };
        let task = self.tasks.begun(ctx.now, &added);
        let mut events = vec![added.into()];
        self.tell_assignee(id, whom.as_ref(), &by, ctx, &mut events);
        if let (Some(task), Some(claiming)) = (task, claim) {
            events.extend(self.claim_task(&by, &task, claiming, ctx)?);
        }
        Ok(events)
    }

    fn change_task(
        &self,
        by: &Actor,
        task: Which,
        assignee: Option<PersonId>,
        due: Option<When>,
        ctx: &mut Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        self.not_merged("change a task of")?;
        let task = self.open_task(task)?;
        known_person(assignee.as_ref(), ctx)?;
        let due = due.map(|due| ahead(due, ctx.now)).transpose()?.or(task.due);
        let assignee = assignee.or_else(|| task.assignee.clone());
        if (&assignee, due) == (&task.assignee, task.due) {
            return Ok(Vec::new());
        }
        let given = assignee.clone().filter(|_| assignee != task.assignee);
        let changed = TasksEvent::TaskChanged { task: task.id, by: by.clone(), assignee, due };
        let mut events = vec![changed.into()];
        self.tell_assignee(task.id, given.as_ref(), by, ctx, &mut events);
        Ok(events)
    }

    /// Whoever is given a task by somebody else is paged: nobody does what they have not heard of. Not after the end: what is left to do then
    /// has until morning.
    fn tell_assignee(
        &self,
        task: TaskId,
        assignee: Option<&PersonId>,
        by: &Actor,
        ctx: &mut Ctx<'_>,
        events: &mut Vec<IncidentEvent>,
    ) {
        let Some(person) = assignee else { return };
        if self.life.phase.is_open() && !matches!(by, Actor::Person(giver) if giver == person) {
            self.tell_of(person, PageReason::TaskAssigned { task }, ctx, events);
        }
    }

    /// Somebody is on it, unless others are in the way and no reason is given.
    fn claim_task(
        &self,
        by: &Actor,
        task: &Task,
        claiming: Claiming,
        ctx: &mut Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        let until = lasting(claiming.until, ctx.now)?;
        let mut held = claiming.against;
        match task.claim_at(ctx.now) {
            Some(claim) if claim.by == *by => {
                return Ok(vec![TasksEvent::ClaimRenewed { task: task.id, by: by.clone(), until }.into()]);
            }
            Some(claim) => held.insert(0, self.holding(task, claim, BTreeSet::new())),
            None => {}
        }
        let reason = if held.is_empty() { String::new() } else { claiming.reason };
        if !held.is_empty() {
            if reason.trim().is_empty() {
                return Err(Refusal::Held { held });
            }
            sentence("override", &reason)?;
        }
        let against = held.iter().map(|one| Against {
            incident: one.incident,
            task: one.task,
            holder: one.claim.by.clone(),
            resources: one.resources.clone(),
        });
        let (against, task_id) = (against.collect(), task.id);
        let claimed = TasksEvent::TaskClaimed { task: task_id, by: by.clone(), until, against, reason: reason.clone() };
        let mut events: Vec<IncidentEvent> = vec![claimed.into()];
        for one in held.iter().filter(|one| one.incident == self.life.id) {
            events.extend(self.overridden(one, by, (self.life.id, task.id, &task.title), &reason, ctx));
        }
        Ok(events)
    }

    /// Somebody went ahead in spite of a claim here: that is said, and whoever holds it is told.
    fn overridden(
        &self,
        held: &Holding,
        by: &Actor,
        (incident, other, title): (IncidentId, TaskId, &str),
        reason: &str,
        ctx: &mut Ctx<'_>,
    ) -> Vec<IncidentEvent> {
        let overridden = TasksEvent::ClaimOverridden {
            task: held.task,
            holder: held.claim.by.clone(),
            by: by.clone(),
            incident,
            other,
            title: title.to_owned(),
            resources: held.resources.clone(),
            reason: reason.to_owned(),
        };
        let mut events = vec![overridden.into()];
        self.tell_holder(&held.claim.by, PageReason::ClaimOverridden { task: held.task }, ctx, &mut events);
        events
    }

    /// A claim as others see it: of a restricted incident by its code name.
    pub(crate) fn holding(&self, task: &Task, claim: &Claim, resources: BTreeSet<Resource>) -> Holding {
        let (incident, title) = (self.life.id, self.task_outside(&task.title));
        Holding { incident, task: task.id, number: task.number, title, claim: claim.clone(), resources }
    }

    /// What a task of it is called outside.
    pub(crate) fn task_outside(&self, title: &str) -> String {
        self.restriction().map_or_else(|| title.to_owned(), |inside| inside.code_name.clone())
    }

    pub(super) fn task(&self, which: Which) -> Result<&Task, Refusal> {
        let missing = || {
            let task = match which {
                Which::Number(number) => number.to_string(),
                Which::Id(id) => id.to_string(),
            };
            Refusal::NoSuchTask { id: self.life.id, task }
        };
        self.tasks.find(which).ok_or_else(missing)
    }

    fn open_task(&self, which: Which) -> Result<&Task, Refusal> {
        let task = self.task(which)?;
        if task.is_open() {
            return Ok(task);
        }
        Err(Refusal::TaskOver { id: self.life.id, number: task.number, state: task.state.word() })
    }

    fn claimed_by(&self, by: &Actor, which: Which, now: Timestamp) -> Result<&Task, Refusal> {
        let task = self.open_task(which)?;
        match task.claim_at(now) {
            Some(claim) if claim.by == *by => Ok(task),
            Some(claim) => Err(Refusal::Held { held: vec![self.holding(task, claim, BTreeSet::new())] }),
            None => Err(Refusal::NotClaimed { id: self.life.id, number: task.number }),
        }
    }

    /// Whoever is on a task ends it. Nobody ends it behind their back: what it acts on would be free while they are at it.
    fn ends_task(
        &self,
        (verb, by): (&'static str, &Actor),
        which: Which,
        note: &str,
        now: Timestamp,
    ) -> Result<TaskId, Refusal> {
        self.not_merged(verb)?;
        let task = self.open_task(which)?;
        account(verb, by, note)?;
        match task.claim_at(now) {
            Some(claim) if claim.by != *by => {
                Err(Refusal::Held { held: vec![self.holding(task, claim, BTreeSet::new())] })
            }
            Some(_) | None => Ok(task.id),
        }
    }

    /// What tasks owe at `now`.
    pub(crate) fn tasks_due(&self, now: Timestamp) -> Vec<TaskDuty> {
        let over = |task: &&Task| task.claim().is_some_and(|claim| claim.until <= now);
        let expired = self.tasks.tasks.values().filter(over).map(|task| TaskDuty::Expire(task.id));
        let late = self.tasks.tasks.values().filter(|task| task.untold_due().is_some_and(|due| due <= now));
        expired.chain(late.map(|task| TaskDuty::Overdue(task.id))).collect()
    }

    /// When tasks owe something next.
    pub(crate) fn tasks_deadline(&self) -> Option<Timestamp> {
        self.tasks.next_deadline()
    }

    /// Carries one duty out.
    pub(crate) fn carry_out_task(&self, duty: TaskDuty, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        match duty {
            TaskDuty::Expire(id) => {
                let Some(claim) = self.tasks.tasks.get(&id).and_then(Task::claim) else { return };
                events.push(TasksEvent::ClaimExpired { task: id, holder: claim.by.clone() }.into());
                self.tell_holder(&claim.by, PageReason::ClaimRanOut { task: id }, ctx, events);
            }
            TaskDuty::Overdue(id) => {
                let Some(due) = self.tasks.tasks.get(&id).and_then(Task::untold_due) else { return };
                events.push(TasksEvent::TaskOverdue { task: id, due }.into());
                self.tell_next(id, due, ctx, events);
            }
        }
    }

    /// Tells whoever is on a task that is past its time; else who is to do it, who answered, who commands. One who cannot be reached is
    /// passed over, and where nobody is left the policy's fallback hears of it.
    pub(super) fn tell_next(&self, id: TaskId, due: Timestamp, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let Some(task) = self.tasks.tasks.get(&id) else { return };
        let reason = PageReason::TaskOverdue { task: id };
        let tried = |person: &PersonId| {
            let theirs = self.paging.pages.values().filter(|page| page.person == *person && page.requested >= due);
            theirs.into_iter().any(|page| page.reason == reason)
        };
        let whose = |actor: &Actor| match actor {
            Actor::Person(person) => Some(person.clone()),
            Actor::Token(_) | Actor::System => None,
        };
        let line = [
            task.claim_at(ctx.now).and_then(|claim| whose(&claim.by)),
            task.assignee.clone(),
            self.life.acknowledgement.as_ref().and_then(|given| whose(&given.by)),
            self.roles().get(&ResponseRole::Commander).cloned(),
            Some(self.paging.escalation.policy.fallback.clone()),
        ];
        let mut asked: BTreeSet<PersonId> = BTreeSet::new();
        for person in line.into_iter().flatten() {
            if !tried(&person) && asked.insert(person.clone()) && self.tell_of(&person, reason.clone(), ctx, events) {
                return;
            }
        }
    }

    fn tell_holder(&self, holder: &Actor, reason: PageReason, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        match holder {
            Actor::Person(person) => {
                self.tell_of(person, reason, ctx, events);
            }
            // A token has no place where it could be told; its claim stands in the timeline.
            Actor::Token(_) | Actor::System => {}
        }
    }

    /// Pages one person because of a task. Whether there was a way to.
    fn tell_of(
        &self,
        person: &PersonId,
        reason: PageReason,
        ctx: &mut Ctx<'_>,
        events: &mut Vec<IncidentEvent>,
    ) -> bool {
        let escalation = &self.paging.escalation;
        let place = (escalation.policy.place(escalation.tier), escalation.round);
        match self.unless_out(reach::person(person, &ctx.setting.roster)) {
            Reach::Person(person, contact) => {
                events.push(self.requested(ctx, person, contact, reason, place));
                true
            }
            Reach::Nobody(person, reason) => {
                events.push(PagingEvent::PageImpossible { person, reason, tier: place.0 }.into());
                false
            }
        }
    }

    /// The tasks that are still to be done, in their order.
    pub fn open_tasks(&self) -> Vec<&Task> {
        let mut open: Vec<&Task> = self.tasks.tasks.values().filter(|task| task.is_open()).collect();
        open.sort_by_key(|task| task.number);
        open
    }

    /// Whether tasks can still be ended here: those of a merged incident are in the other one.
    pub(crate) fn has_open_task(&self) -> bool {
        self.life.phase != Phase::Merged && self.tasks.tasks.values().any(Task::is_open)
    }
}

fn adopted(task: Task, from: IncidentId) -> IncidentEvent {
    let claim = task.claim().cloned();
    let Task { id, title, by, added, assignee, due, told, resources, .. } = task;
    TasksEvent::TaskAdopted { task: id, from, by, added, title, assignee, due, told, resources, claim }.into()
}

/// What the texts of a request name.
fn read(texts: &[String], setting: &Setting) -> Result<BTreeSet<Resource>, Refusal> {
    let mut all = BTreeSet::new();
    for text in texts {
        let named = Resource::read(text, &setting.catalogue);
        let bad = |want: String| Refusal::BadField {
            field: "resources",
            value: text.chars().take(SHOWN_CHARS).collect(),
            want,
        };
        all.extend(named.map_err(|error| bad(error.to_string()))?);
        if all.len() > RESOURCES_PER_TASK_MAX {
            return Err(bad(format!("a task acts on at most {RESOURCES_PER_TASK_MAX} things: make several of it")));
        }
    }
    Ok(all)
}

/// Characters of a resource that a refusal repeats: an address and its chain.
const SHOWN_CHARS: usize = 120;

/// Until when a claim holds.
fn lasting(until: Option<When>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let until = until.unwrap_or(When::In(CLAIM_LASTS)).instant(now);
    let lasts = until.since(now);
    if lasts < CLAIM_LASTS_MIN || lasts > CLAIM_LASTS_MAX {
        let (least, most) = (human_span(CLAIM_LASTS_MIN), human_span(CLAIM_LASTS_MAX));
        let want = format!("a claim lasts from {least} to {most} from now");
        return Err(Refusal::BadField { field: "until", value: until.to_string(), want });
    }
    Ok(until)
}

/// By when something is to be done.
fn ahead(due: When, now: Timestamp) -> Result<Timestamp, Refusal> {
    let due = due.instant(now);
    if due <= now || due.since(now) > TASK_DUE_MAX {
        let want = format!("want an instant from now on, at most {} away", human_span(TASK_DUE_MAX));
        return Err(Refusal::BadField { field: "due", value: due.to_string(), want });
    }
    Ok(due)
}

fn known_person(person: Option<&PersonId>, ctx: &Ctx<'_>) -> Result<(), Refusal> {
    match person {
        Some(person) if !ctx.setting.roster.people.contains_key(person) => {
            Err(Refusal::NoSuchPerson { person: person.clone() })
        }
        Some(_) | None => Ok(()),
    }
}
