//! `quarterdeck backup`

use std::path::PathBuf;

use clap::Args;
use quarterdeck_ledger::hash::to_hex;
use quarterdeck_server::{
    backup::{self, BackupError},
    config,
};
use serde_json::json;

use crate::output::{Exit, Misuse, print, print_json, say};

/// Copy what a program keeps, also while it runs.
///
/// Makes a new folder with the database as it is at one moment and the log as files, made from that copy, and verifies it: it must go on
/// from what the program has published. A program starts on a copy of the folder, with `log.key` beside it. For SQLite; a PostgreSQL
/// database is backed up with `pg_dump`.
///
/// Exit codes: 0 it is whole; 1 it is there and does not verify, or could not be made; 2 usage or configuration.
#[derive(Args)]
pub(crate) struct Backup {
    /// The configuration file of the program
    #[arg(long)]
    config: PathBuf,
    /// The folder to make
    to: PathBuf,
    /// Copy `log.key`, too. Whoever has it can sign another history: keep this back-up as you keep the key
    #[arg(long)]
    with_key: bool,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Backup) -> anyhow::Result<Exit> {
    let kept = config::kept(&args.config)?;
    match kept.store.as_str() {
        "sqlite" => {}
        "postgres" => {
            return Err(Misuse(format!(
                "the store is PostgreSQL's, which has a back-up of its own\nhint: pg_dump --format=custom --file=FILE DATABASE; and once `{}`. \
                 The folder `log` is made anew from the database",
                kept.data.join("log.key").display()
            ))
            .into());
        }
        "memory" => return Err(Misuse("the store is memory: nothing is kept of it".to_owned()).into()),
        other => {
            let what = format!("`store.kind` is `{other}`");
            return Err(Misuse(format!(
                "{what}\nhint: want sqlite, postgres or memory; `quarterdeck check` says more"
            ))
            .into());
        }
    }
    let made = backup::make(&kept.data, &args.to, args.with_key).map_err(explained)?;
    let holds = made.report.as_ref().is_none_or(quarterdeck_ledger::verify::Report::holds);
    let root = made.report.as_ref().and_then(|report| report.root).map(|root| to_hex(root.bytes()));
    if args.json {
        let findings: Vec<String> =
            made.report.iter().flat_map(|report| &report.findings).map(ToString::to_string).collect();
        print_json(&json!({
            "folder": args.to, "events": made.events, "root": root, "published": made.published, "verified": holds,
            "with_key": args.with_key, "findings": findings,
        }))?;
    } else {
        let root = root.map(|root| format!(", root {root}")).unwrap_or_default();
        print(&format!("backed up {} events into `{}`{root}", made.events, args.to.display()))?;
        match (&made.report, made.published) {
            (Some(report), _) if !report.holds() => print(&report.to_string())?,
            (Some(_), Some(published)) => {
                print(&format!("verified: it holds all that was published when it began ({published} events)"))?;
            }
            (Some(_), None) => print("verified: nothing was published yet to compare it with")?,
            (None, _) => print("nothing was logged yet")?,
        }
    }
    say(if args.with_key {
        "warning: `log.key` is in it: whoever gets this folder can sign another history"
    } else {
        "hint: `log.key` is not in it, and without it the log cannot go on: keep a copy where the database is not"
    });
    Ok(if holds { Exit::Good } else { Exit::Finding })
}

/// The error, with what to do about it where that is known.
fn explained(error: BackupError) -> anyhow::Error {
    let hint = match &error {
        BackupError::Taken { .. } => "a back-up never writes over another: name a folder that is not there yet",
        BackupError::Nothing { .. } => {
            "it is made by the first `quarterdeck serve`; is this the configuration of the program that runs?"
        }
        BackupError::Key(_) => "the log's files are checked with it: run this as the user whom the program runs as",
        _ => return error.into(),
    };
    match error {
        BackupError::Taken { .. } | BackupError::Nothing { .. } => Misuse(format!("{error}\nhint: {hint}")).into(),
        other => anyhow::Error::from(other).context(format!("no back-up was made\nhint: {hint}")),
    }
}
