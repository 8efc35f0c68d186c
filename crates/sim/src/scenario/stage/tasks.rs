//! What people of a timeline do with tasks, as commands. Tests: the scenarios themselves.

use quarterdeck_core::{
    id::BadName,
    incident::{
        Actor, TasksCommand,
        tasks::command::{Claiming, Which},
    },
    time::When,
};

use crate::scenario::happening::{Claims, OfTask};

pub(super) fn task_command(by: Actor, of_task: OfTask) -> Result<TasksCommand, String> {
    let claiming = |claim: Claims| {
        let Claims { lasts, reason } = claim;
        Claiming { until: lasts.map(When::In), reason, against: Vec::new() }
    };
    Ok(match of_task {
        OfTask::Adds { title, on, assignee, due, claim } => TasksCommand::Add {
            by,
            title,
            assignee: assignee.map(|person| person.parse()).transpose().map_err(|error: BadName| error.to_string())?,
            due: due.map(When::In),
            resources: on,
            claim: claim.map(claiming),
        },
        OfTask::Claims { number, claim } => {
            TasksCommand::Claim { by, task: Which::Number(number), claiming: claiming(claim) }
        }
        OfTask::Renews { number, lasts } => {
            TasksCommand::Renew { by, task: Which::Number(number), until: lasts.map(When::In) }
        }
        OfTask::Releases(number) => TasksCommand::Release { by, task: Which::Number(number) },
        OfTask::Finishes(number, note) => TasksCommand::Finish { by, task: Which::Number(number), note },
        OfTask::Drops(number, note) => TasksCommand::Drop { by, task: Which::Number(number), note },
    })
}
