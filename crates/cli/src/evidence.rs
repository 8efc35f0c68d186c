//! `quarterdeck evidence`: to keep, list, take, verify and hold, and to run a command whose output is kept. Over the typed client.

mod run;

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use quarterdeck_api::{Command, Evidence, EvidenceItem, client::Client};
use quarterdeck_core::{incident::evidence::Digest, limits::EVIDENCE_BYTES_MAX};

use crate::{
    incident::{Server, runtime},
    output::{Exit, Misuse, print, print_json, say, write_file},
};

/// Keep evidence of an incident, list it, take a copy, verify it, hold it.
#[derive(Args)]
pub(crate) struct EvidenceArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Keep a file, or what comes on the standard input
    Add {
        /// inc_…
        id: String,
        /// The file; `-`: the standard input
        file: PathBuf,
        /// What it is, in a line
        #[arg(long)]
        what: String,
        #[command(flatten)]
        more: More,
        /// What kind of bytes [default: text/plain if it is UTF-8 text, else application/octet-stream]
        #[arg(long, value_name = "TYPE")]
        media_type: Option<String>,
    },
    /// What was kept, who had it in hand since, and whether the law holds it
    List {
        /// inc_…
        id: String,
    },
    /// One piece: what is said of it, and who had it in hand
    Show {
        /// inc_…
        id: String,
        /// Its number
        number: u32,
    },
    /// Take a copy; its custody says that you have it
    Get {
        /// inc_…
        id: String,
        /// Its number
        number: u32,
        /// The file to write; `-`: the standard output
        file: PathBuf,
    },
    /// Compare what the program has with the digests of the log: one piece, or all; status 1 if any differs
    Verify {
        /// inc_…
        id: String,
        /// Its number
        number: Option<u32>,
    },
    /// Legal hold: nothing of the incident may be erased until an administrator lifts it
    Hold {
        /// inc_…
        id: String,
        /// Who asks for it, in which matter
        #[arg(long)]
        reason: String,
    },
    /// Lift the hold
    Lift {
        /// inc_…
        id: String,
        /// Why, and who says so
        #[arg(long)]
        reason: String,
    },
    /// Run a command here, and keep command line, exit code, output and instants as evidence
    ///
    /// The output passes through as it comes, and the command's exit code is this one's; of a command that a signal ends, 128 and the signal.
    /// What stands in the command line and in the output is kept: name what is secret with --redact. Where the program cannot be reached
    /// afterwards, the record is left in a file, and how to add it is said.
    Run {
        /// inc_…
        id: String,
        /// The task that it belongs to
        #[arg(long)]
        task: Option<String>,
        /// A text that is secret: kept as `[redacted]`; may be given several times
        #[arg(long, value_name = "TEXT")]
        redact: Vec<String>,
        /// The command and its arguments, after `--`
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

#[derive(Args)]
struct More {
    /// Where it comes from: a machine, a file, a page
    #[arg(long)]
    source: Option<String>,
    /// When it was made, RFC 3339
    #[arg(long)]
    made: Option<String>,
    /// The task that it belongs to
    #[arg(long)]
    task: Option<String>,
}

pub(crate) fn run(args: &EvidenceArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    runtime()?.block_on(carry_out(&client, &args.verb, args.server.json))
}

async fn carry_out(client: &Client, verb: &Verb, json: bool) -> anyhow::Result<Exit> {
    match verb {
        Verb::Add { id, file, what, more, media_type } => {
            let bytes = read(file)?;
            let kind = media_type.as_deref().unwrap_or_else(|| kind_of(&bytes));
            let mut given = vec![("what", what.as_str())];
            for (name, value) in [("source", &more.source), ("made", &more.made), ("task", &more.task)] {
                given.extend(value.as_deref().map(|value| (name, value)));
            }
            let item = client.keep_evidence(id, &given, kind, bytes).await?;
            if json { print_json(&item)? } else { print(&in_words(&item))? }
        }
        Verb::List { id } => {
            let evidence = client.evidence(id).await?;
            if json { print_json(&evidence)? } else { print(&all_in_words(&evidence))? }
        }
        Verb::Show { id, number } => {
            let evidence = client.evidence(id).await?;
            let one = evidence.items.iter().find(|item| item.number == *number);
            let one = one.with_context(|| format!("incident {id} has no evidence {number}"))?;
            if json { print_json(one)? } else { print(&with_custody(one))? }
        }
        Verb::Get { id, number, file } => get(client, id, *number, file).await?,
        Verb::Verify { id, number } => return verify(client, id, *number, json).await,
        Verb::Hold { id, reason } => {
            client.command(id, &Command::Hold { reason: reason.clone() }).await?;
            say(&format!("{id} is held: nothing of it may be erased"));
        }
        Verb::Lift { id, reason } => {
            client.command(id, &Command::LiftHold { reason: reason.clone() }).await?;
            say(&format!("{id} is not held any more"));
        }
        Verb::Run { id, task, redact, command } => {
            return run::run_and_keep(client, (id, task.as_deref()), redact, command).await;
        }
    }
    Ok(Exit::Good)
}

/// One byte more than may be kept is enough to know that it is too much.
fn read(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = EVIDENCE_BYTES_MAX.saturating_add(1);
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("read `{}`", file.display()))?;
    if bytes.len() as u64 > EVIDENCE_BYTES_MAX {
        let what = format!("`{}` has more than {EVIDENCE_BYTES_MAX} bytes", file.display());
        return Err(Misuse(format!("{what}\nhint: cut it into parts")).into());
    }
    Ok(bytes)
}

fn kind_of(bytes: &[u8]) -> &'static str {
    let text = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
    if text { "text/plain; charset=utf-8" } else { "application/octet-stream" }
}

async fn get(client: &Client, id: &str, number: u32, file: &std::path::Path) -> anyhow::Result<()> {
    let evidence = client.evidence(id).await?;
    let bytes = client.evidence_bytes(id, number).await?;
    let digest = Digest::of(&bytes).to_string();
    let wanted = evidence.items.iter().find(|item| item.number == number).map(|item| item.sha256.as_str());
    anyhow::ensure!(wanted == Some(digest.as_str()), "the bytes that came have SHA-256 {digest}, not {wanted:?}");
    if file.as_os_str() == "-" {
        std::io::stdout().write_all(&bytes).context("write to the standard output")?;
    } else {
        write_file(file, &bytes)?;
        say(&format!("{} bytes with SHA-256 {digest} in `{}`", bytes.len(), file.display()));
    }
    Ok(())
}

async fn verify(client: &Client, id: &str, number: Option<u32>, json: bool) -> anyhow::Result<Exit> {
    let numbers = match number {
        Some(number) => vec![number],
        None => client.evidence(id).await?.items.iter().filter(|item| !item.erased).map(|item| item.number).collect(),
    };
    let mut verified = Vec::new();
    for number in numbers {
        verified.push(client.verify_evidence(id, number).await?);
    }
    if json {
        print_json(&verified)?;
    } else {
        for one in &verified {
            let said = if one.same { "is as it was kept" } else { "IS NOT WHAT WAS KEPT" };
            print(&format!("evidence {} {said}: SHA-256 {}", one.number, one.sha256))?;
        }
    }
    Ok(if verified.iter().all(|one| one.same) { Exit::Good } else { Exit::Finding })
}

fn all_in_words(evidence: &Evidence) -> String {
    let hold = evidence.hold.iter().map(|hold| format!("HELD since {} by {}: {}", hold.since, hold.by, hold.reason));
    let items = evidence.items.iter().map(with_custody);
    let exports = evidence.exports.iter().map(|entry| format!("{}  {} {}", entry.at, entry.by, entry.words));
    let lines: Vec<String> = hold.chain(items).chain(exports).collect();
    if lines.is_empty() { "no evidence".to_owned() } else { lines.join("\n") }
}

fn with_custody(item: &EvidenceItem) -> String {
    let custody = item.custody.iter().map(|entry| format!("\n     {}  {} {}", entry.at, entry.by, entry.words));
    format!("{}{}", in_words(item), custody.collect::<String>())
}

fn in_words(item: &EvidenceItem) -> String {
    let task = item.task.map_or_else(String::new, |task| format!(", for task {task}"));
    let source = if item.source.is_empty() { String::new() } else { format!(", from {}", item.source) };
    format!(
        "{:>3}  {}{source}{task}; {} bytes of {}, kept {} by {}\n     SHA-256 {}",
        item.number, item.what, item.bytes, item.media_type, item.at, item.by, item.sha256
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text_is_said_to_be_text() {
        assert_eq!(kind_of("å\n".as_bytes()), "text/plain; charset=utf-8");
        assert_eq!(kind_of(&[0, 159]), "application/octet-stream");
        assert_eq!(kind_of(b"a\0"), "application/octet-stream");
    }
}
