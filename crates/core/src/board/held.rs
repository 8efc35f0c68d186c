//! What people hold, over all open incidents: which claims are in the way of which. Whether that is refused is decided in the incident's
//! rules; who is told, by both incidents. Tests: `board/tests/tasks.rs`.

use std::{collections::BTreeMap, sync::Arc};

use super::{Board, Body, Recorded, record};
use crate::{
    id::{IdSource, IncidentId, TaskId},
    incident::{Actor, Command, Ctx, Incident, IncidentEvent, Refusal, TasksCommand, TasksEvent, tasks::Holding},
    resource::Resource,
    setting::Setting,
    time::Timestamp,
};

impl Board {
    /// The claims in force on a resource, the oldest first.
    pub fn holders(&self, resource: &Resource, now: Timestamp) -> Vec<Holding> {
        let first = (resource.clone(), IncidentId::from_bytes([0; 16]), TaskId::from_bytes([0; 16]));
        let holds = self.held.range(first..).take_while(|(held, ..)| held == resource);
        let mut found: Vec<Holding> = holds
            .filter_map(|(_, incident, task)| {
                let incident = self.incidents.get(incident)?;
                let task = incident.tasks().get(task)?;
                Some(incident.holding(task, task.claim_at(now)?, [resource.clone()].into()))
            })
            .collect();
        found.sort_by_key(|holding| (holding.claim.since, holding.task));
        found
    }

    /// Everything that is held at `now`, by resource. Not by restricted incidents: what they are about is not for a list.
    pub fn all_held(&self, now: Timestamp) -> BTreeMap<Resource, Vec<Holding>> {
        let mut all = BTreeMap::new();
        for (resource, ..) in &self.held {
            if !all.contains_key(resource) {
                let mut holders = self.holders(resource, now);
                holders.retain(|one| self.incident(one.incident).is_none_or(|held| held.restriction().is_none()));
                if !holders.is_empty() {
                    all.insert(resource.clone(), holders);
                }
            }
        }
        all
    }

    /// What is in the way of `by`, who would act on these in this incident. A person is not in their own way within one incident: they know
    /// what they do. A token may be several programs, and is. An exercise and the real thing are not in each other's way.
    pub fn in_the_way<'a>(
        &self,
        incident: &Incident,
        by: &Actor,
        resources: impl IntoIterator<Item = &'a Resource>,
        now: Timestamp,
    ) -> Vec<Holding> {
        let own = |holding: &Holding| {
            holding.incident == incident.id() && holding.claim.by == *by && matches!(by, Actor::Person(_))
        };
        let drill = |holding: &Holding| self.incident(holding.incident).is_some_and(Incident::is_drill);
        let mut found: Vec<Holding> = Vec::new();
        for holding in resources.into_iter().flat_map(|resource| self.holders(resource, now)) {
            if own(&holding) || drill(&holding) != incident.is_drill() {
                continue;
            }
            let same = |one: &&mut Holding| (one.incident, one.task) == (holding.incident, holding.task);
            match found.iter_mut().find(same) {
                Some(known) => known.resources.extend(holding.resources),
                None => found.push(holding),
            }
        }
        found
    }

    /// The events of a command about tasks: in its incident, and in those whose claims it goes ahead in spite of.
    pub(super) fn command_tasks(
        &self,
        incident: &Arc<Incident>,
        mut command: TasksCommand,
        setting: &Setting,
        now: Timestamp,
        ids: &mut dyn IdSource,
    ) -> Result<Vec<Recorded>, Refusal> {
        let claimed = if let TasksCommand::Claim { task, .. } = &command { incident.find_task(*task) } else { None };
        let target = claimed.map(|task| task.id);
        if let Some((by, resources)) = incident.would_hold(&command, setting)? {
            let mut against = self.in_the_way(incident, by, &resources, now);
            // The claim of the very same task is the incident's own to see.
            against.retain(|holding| Some(holding.task) != target);
            if let TasksCommand::Add { claim: Some(claiming), .. } | TasksCommand::Claim { claiming, .. } = &mut command
            {
                claiming.against = against;
            }
        }
        let events = incident.decide(Command::Tasks(command), &mut Ctx { now, ids, setting })?;
        let mut recorded = record(incident, events, now);
        for (id, told) in self.overridden_elsewhere(incident.id(), &recorded, now) {
            let Some(other) = self.incidents.get(&id) else { continue };
            let mut events = Vec::new();
            for command in told {
                events.extend(other.decide(Command::Tasks(command), &mut Ctx { now, ids, setting })?);
            }
            recorded.extend(record(other, events, now));
        }
        Ok(recorded)
    }

    /// What other incidents are told of claims that were made in spite of theirs.
    fn overridden_elsewhere(
        &self,
        id: IncidentId,
        recorded: &[Recorded],
        now: Timestamp,
    ) -> BTreeMap<IncidentId, Vec<TasksCommand>> {
        let mut told: BTreeMap<IncidentId, Vec<TasksCommand>> = BTreeMap::new();
        let mut titles: BTreeMap<TaskId, String> = BTreeMap::new();
        for one in recorded {
            let Body::Incident(IncidentEvent::Tasks(event)) = &one.body else { continue };
            if let TasksEvent::TaskAdded { task, title, .. } = event {
                titles.insert(*task, title.clone());
            }
            let TasksEvent::TaskClaimed { task, by, against, reason, .. } = event else { continue };
            let known =
                self.incident(id).and_then(|incident| incident.tasks().get(task)).map(|task| task.title.clone());
            let title = known.or_else(|| titles.get(task).cloned()).unwrap_or_default();
            let title = self.incident(id).map_or_else(|| title.clone(), |incident| incident.task_outside(&title));
            for over in against.iter().filter(|over| over.incident != id) {
                let Some(incident) = self.incident(over.incident) else { continue };
                let Some(theirs) = incident.tasks().get(&over.task) else { continue };
                let Some(claim) = theirs.claim_at(now) else { continue };
                told.entry(over.incident).or_default().push(TasksCommand::Overridden {
                    holding: incident.holding(theirs, claim, over.resources.clone()),
                    by: by.clone(),
                    incident: id,
                    other: *task,
                    title: title.clone(),
                    reason: reason.clone(),
                });
            }
        }
        told
    }
}
