//! `quarterdeck incident many`: one command for many incidents, each with an answer of its own.

use clap::{Args, ValueEnum};
use quarterdeck_api::{Bulk, BulkAnswer, Command, Matching, client::Client};

use crate::output::{Exit, Misuse, print, print_json, say, table};

/// What is asked of many.
#[derive(Clone, Copy, ValueEnum)]
enum Word {
    /// You are on it: their escalations stop until the acknowledgement runs out
    #[value(alias = "ack")]
    Acknowledge,
    /// Add a line to their timelines
    Note,
    /// The harm has stopped
    Mitigate,
    /// They are over
    Resolve,
    /// They were learned from
    Review,
}

/// Which incidents, and what.
#[derive(Args)]
pub(super) struct ManyArgs {
    /// What is asked
    #[arg(value_enum)]
    word: Word,
    /// Those that are meant: inc_…
    #[arg(value_name = "INCIDENT")]
    ids: Vec<String>,
    /// All that are open, as far as the conditions below let them through
    #[arg(long)]
    all: bool,
    /// With --all: only those that are this bad, SEV1 to SEV5
    #[arg(long, requires = "all")]
    severity: Option<String>,
    /// With --all: only those about this service
    #[arg(long, requires = "all")]
    service: Option<String>,
    /// With --all: only those whose title has this in it
    #[arg(long, requires = "all")]
    text: Option<String>,
    /// With --all: those that are over, for review
    #[arg(long, requires = "all")]
    over: bool,
    /// What goes into each timeline with it; mitigate and resolve need it: what was done
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// With resolve, only if something still fires or a check does not pass: why they are over all the same
    #[arg(long = "override", value_name = "REASON")]
    reason: Option<String>,
}

impl ManyArgs {
    fn bulk(&self) -> Result<Bulk, Misuse> {
        if self.ids.is_empty() && !self.all {
            return Err(Misuse("no incident is named\nhint: name some, or give --all".to_owned()));
        }
        let note = self.note.clone();
        if matches!(self.word, Word::Mitigate | Word::Resolve) && note.trim().is_empty() {
            let hint = "say with --note what was done: it goes into each timeline";
            return Err(Misuse(format!("there is no note\nhint: {hint}")));
        }
        let command = match self.word {
            Word::Acknowledge => Command::Acknowledge {},
            Word::Note => Command::Note { text: note },
            Word::Mitigate => Command::Mitigate { note },
            Word::Resolve => Command::Resolve { note, reason: self.reason.clone() },
            Word::Review => Command::Review { note },
        };
        let matching = self.all.then(|| Matching {
            phase: Some(if self.over { "over" } else { "open" }.to_owned()),
            severity: self.severity.clone(),
            service: self.service.clone(),
            text: self.text.clone(),
        });
        Ok(Bulk { command, incidents: self.ids.clone(), matching })
    }
}

/// Asks, and tells of each what came of it.
pub(super) async fn run(client: &Client, wanted: &ManyArgs, json: bool) -> anyhow::Result<Exit> {
    let done = client.commands(&wanted.bulk()?).await?;
    if json {
        print_json(&done)?;
    } else if done.answers.is_empty() {
        print("no incidents like this")?;
    } else {
        print(&table(&["INCIDENT", "NOW", "WHAT CAME OF IT"], &done.answers.iter().map(row).collect::<Vec<_>>()))?;
    }
    if done.more {
        say("hint: there are more like this; ask again for the rest");
    }
    Ok(if done.answers.iter().all(|answer| answer.done.is_some()) { Exit::Good } else { Exit::Finding })
}

fn row(answer: &BulkAnswer) -> Vec<String> {
    let (now, what) = match (&answer.done, &answer.refused) {
        (Some(done), _) => {
            let what =
                done.log_index.map_or_else(|| "it was so already".to_owned(), |at| format!("done: log index {at}"));
            (done.summary.phase.clone(), what)
        }
        (None, Some(refused)) => (String::new(), format!("not done: {}", refused.message)),
        (None, None) => (String::new(), "the answer says nothing of it".to_owned()),
    };
    vec![answer.incident.clone(), now, what]
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        many: ManyArgs,
    }

    fn typed(line: &str) -> Result<Bulk, String> {
        let line =
            Line::try_parse_from(["many"].into_iter().chain(line.split(' '))).map_err(|error| error.to_string())?;
        line.many.bulk().map_err(|misuse| misuse.0)
    }

    #[test]
    fn what_is_typed_is_the_request_of_the_api() {
        let bulk = typed("ack inc_1 inc_2").unwrap();
        assert_eq!((bulk.command, bulk.incidents.len(), bulk.matching), (Command::Acknowledge {}, 2, None));
        let bulk = typed("resolve --all --severity SEV4 --note noise").unwrap();
        assert_eq!(bulk.command, Command::Resolve { note: "noise".to_owned(), reason: None });
        let matching = bulk.matching.unwrap();
        assert_eq!((matching.phase.as_deref(), matching.severity.as_deref()), (Some("open"), Some("SEV4")));
        assert!(typed("resolve").unwrap_err().contains("no incident is named"));
        assert!(typed("resolve inc_1").unwrap_err().contains("there is no note"));
        assert!(typed("resolve --severity SEV4").is_err() && typed("merge inc_1").is_err());
    }
}
