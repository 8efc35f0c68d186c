//! `quarterdeck task`: over the typed client. What is asked about one task is the core's list, without the word's end: `claim-task` of an
//! incident is `claim` here.

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};
use quarterdeck_api::{Held, Task};

use crate::{
    incident::{
        Server,
        asking::{self, Asking},
        carry_out, runtime,
        task_words::in_words,
    },
    output::{Exit, print, print_json},
};

/// See tasks and what people hold; add one, claim one, finish one.
#[derive(Args)]
pub(crate) struct TaskArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    verb: Verb,
}

/// What is no command on one task.
#[derive(Subcommand)]
enum Reading {
    /// What is still to be done in open incidents, the worst incident first
    List {
        /// Only what this person is on, or is to do; `me`: whoever the token belongs to
        #[arg(long)]
        person: Option<String>,
    },
    /// What people hold, and for which tasks
    Held,
}

/// To read, or to ask something about a task.
enum Verb {
    Read(Reading),
    Ask(Asking),
}

/// Words of an incident's commands, as they are spelled here.
fn spelled(word: &str) -> Option<String> {
    word.strip_suffix("_task").map(asking::spelled)
}

impl Subcommand for Verb {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        Reading::augment_subcommands(command).subcommands(asking::subcommands_as(spelled))
    }
    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }
    fn has_subcommand(name: &str) -> bool {
        Reading::has_subcommand(name) || asking::kind_as(name, spelled).is_some()
    }
}

impl FromArgMatches for Verb {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match asking::read_as(matches, spelled)? {
            Some(asked) => Ok(Self::Ask(asked)),
            None => Reading::from_arg_matches(matches).map(Self::Read),
        }
    }
    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub(crate) fn run(args: &TaskArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    let json = args.server.json;
    runtime()?.block_on(async {
        match &args.verb {
            Verb::Read(Reading::List { person }) => {
                let tasks = client.tasks(person.as_deref()).await?;
                match (json, tasks.as_slice()) {
                    (true, all) => print_json(&all)?,
                    (false, []) => print("no tasks")?,
                    (false, all) => print(&all.iter().map(with_incident).collect::<Vec<_>>().join("\n"))?,
                }
            }
            Verb::Read(Reading::Held) => {
                let held = client.held().await?;
                match (json, held.as_slice()) {
                    (true, all) => print_json(&all)?,
                    (false, []) => print("nobody holds anything")?,
                    (false, all) => print(&all.iter().map(held_in_words).collect::<Vec<_>>().join("\n"))?,
                }
            }
            Verb::Ask(asked) => carry_out(&client, asked, json).await?,
        }
        Ok(Exit::Good)
    })
}

fn with_incident(task: &Task) -> String {
    format!("{}  {}", task.incident, in_words(task))
}

fn held_in_words(held: &Held) -> String {
    let by = held.by.iter().map(|one| {
        format!("  {} for task {} of {} ({}) until {}", one.by, one.number, one.incident, one.title, one.until)
    });
    std::iter::once(held.name.clone()).chain(by).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use quarterdeck_api::Command;

    use super::*;

    #[test]
    fn words_of_tasks_are_short_here() {
        let command = clap::Command::new("task").subcommands(asking::subcommands_as(spelled));
        command.clone().debug_assert();
        let read = |line: &str| {
            let matches = command.clone().try_get_matches_from(["task"].into_iter().chain(line.split(' '))).unwrap();
            asking::read_as(&matches, spelled).unwrap().unwrap().command
        };
        let claim = Command::ClaimTask { task: "3".to_owned(), until: Some("2h".to_owned()), going_ahead: None };
        assert_eq!(read("claim inc_1 3 --until 2h"), claim);
        let (task, note) = ("3".to_owned(), "not needed".to_owned());
        assert_eq!(
            read("drop inc_1 3 not\u{a0}needed".replace('\u{a0}', "_").as_str()),
            Command::DropTask { task, note: note.replace(' ', "_") }
        );
        assert!(!Verb::has_subcommand("resolve") && Verb::has_subcommand("held"));
    }
}
