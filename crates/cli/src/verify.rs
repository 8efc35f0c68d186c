//! `quarterdeck verify`

mod evidence;

use std::path::{Path, PathBuf};

use clap::Args;
use quarterdeck_ledger::{
    bundle::Bundle,
    checkpoint::Checkpoint,
    folder::Files as _,
    note::{NOTE_BYTES_MAX, Note, VerifierKey},
    tiles::FileKind,
    verify::{Ahead, KeptHead, Report, verify_folder_since},
};
use quarterdeck_server::{
    log_files::{DiskFiles, is_log, log_near},
    regular,
};
use serde_json::json;

use crate::output::{Exit, Misuse, print, print_json, say};

/// Verify a log folder or an evidence bundle, offline.
///
/// Recomputes every hash and proof, checks the signature, and says where anything differs. Without --key the key is taken
/// from the folder or bundle itself: then it is only known to agree with itself. Without --after a folder that was set back to an
/// older state looks sound.
///
/// Exit codes: 0 it holds; 1 it does not hold, or does not extend a kept checkpoint; 2 there is no log or bundle at the path, or
/// a key or a kept checkpoint cannot be read.
#[derive(Args)]
pub(crate) struct Verify {
    /// A log folder, or a .qdbundle file
    path: PathBuf,
    /// The log's verifier key, from somewhere you trust (text, or a file that holds it)
    #[arg(long)]
    key: Option<String>,
    /// A checkpoint of this log that was kept elsewhere: the folder must contain all that it covers. May be given several times
    #[arg(long, value_name = "FILE")]
    after: Vec<PathBuf>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// How often a folder that is being written is looked at again.
const TRIES: usize = 5;
/// How often, and how long apart, we look whether a checkpoint moves: two of the publisher's rounds.
const LOOKS: usize = 12;
const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(100);
/// Bytes of a bundle that are read: an incident of 10,000 events is about 30 MB.
const BUNDLE_BYTES_MAX: u64 = 512 * 1024 * 1024;

pub(crate) fn run(args: &Verify) -> anyhow::Result<Exit> {
    let path = &args.path;
    if !path.exists() {
        return Err(Misuse(format!("there is nothing at `{}`", path.display())).into());
    }
    let key = args.key.as_deref().map(key_of).transpose()?;
    if is_log(path) {
        return folder(args, key.as_ref());
    }
    let near = || match log_near(path) {
        Some(log) => format!("a log is in `{}`", log.display()),
        None => {
            "give the folder that holds `checkpoint`; a running program keeps it as `log` in its data folder".to_owned()
        }
    };
    if path.is_dir() {
        let what = format!("`{}` is no log: it has neither `checkpoint` nor `log.vkey`", path.display());
        return Err(Misuse(format!("{what}\nhint: {}", near())).into());
    }
    if path.parent().is_some_and(is_log)
        && path.file_name().and_then(|name| FileKind::of_path(name.to_str()?)).is_some()
    {
        let what = format!("`{}` is one file of a log, no bundle", path.display());
        return Err(Misuse(format!("{what}\nhint: {}", near())).into());
    }
    if !args.after.is_empty() {
        let what = "--after goes with a log folder: a bundle cannot show what became of the rest of the log";
        return Err(Misuse(format!("{what}\nhint: leave it out, or give the folder")).into());
    }
    bundle(args, key)
}

fn key_of(text: &str) -> anyhow::Result<VerifierKey> {
    let hint = "hint: give the line of `log.vkey` that the program printed at its start, or a file that holds it";
    let path = Path::new(text);
    let (text, from) = if path.exists() {
        (String::from_utf8_lossy(&small(path)?).into_owned(), format!("the key in `{text}`"))
    } else {
        (text.to_owned(), format!("`{text}` is no file, and as a key"))
    };
    text.trim().parse::<VerifierKey>().map_err(|error| Misuse(format!("{from}: {error}\n{hint}")).into())
}

/// A file that is as small as a checkpoint or a key.
fn small(path: &Path) -> anyhow::Result<Vec<u8>> {
    let max = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    regular::read(path, max).map_err(|error| Misuse(format!("read `{}`: {error}", path.display())).into())
}

/// A checkpoint that somebody kept, as far as it is one.
fn kept(path: &Path) -> anyhow::Result<(KeptHead, Checkpoint)> {
    let note = small(path)?;
    let read = Note::parse(&note).map_err(|error| error.to_string());
    let head = read.and_then(|note| Checkpoint::parse(note.unverified_text()).map_err(|error| error.to_string()));
    match head {
        Ok(head) => Ok((KeptHead { name: path.display().to_string(), note }, head)),
        Err(why) => {
            let hint = "hint: give a copy of the file `checkpoint` of this log as it once was";
            Err(Misuse(format!("`{}` is no checkpoint: {why}\n{hint}", path.display())).into())
        }
    }
}

fn folder(args: &Verify, key: Option<&VerifierKey>) -> anyhow::Result<Exit> {
    let (heads, known): (Vec<KeptHead>, Vec<Checkpoint>) =
        args.after.iter().map(|path| kept(path)).collect::<anyhow::Result<Vec<_>>>()?.into_iter().unzip();
    let report = settled(&args.path, key, &heads);
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    let trusted = key.is_some();
    if args.json {
        print_json(&json!({
            "verified": report.holds(),
            "size": report.size(),
            "root": report.root.map(|root| quarterdeck_ledger::hash::to_hex(root.bytes())),
            "origin": report.head.as_ref().map(|head| head.origin().to_owned()),
            "key": report.key.as_ref().map(ToString::to_string),
            "key_trusted": trusted,
            "erased": report.erased,
            "after": known.iter().zip(&heads).map(|(head, kept)| json!({ "file": kept.name, "size": head.size() })).collect::<Vec<_>>(),
            "ahead": { "files": report.ahead.files, "entries": report.ahead.entries },
            "findings": findings,
            "findings_left_out": report.findings_left_out,
        }))?;
    } else {
        print(&format!("{report}"))?;
        if report.holds() && heads.is_empty() {
            say(
                "hint: that nothing was cut off or set back shows only against a checkpoint kept elsewhere: --after FILE",
            );
        }
    }
    Ok(if report.holds() { Exit::Good } else { Exit::Finding })
}

/// The report on a folder at rest. A running program publishes every half second, files first and the checkpoint last: whoever
/// looks in between sees files beyond the checkpoint. So a folder that has any, or does not hold, is looked at again as soon as its
/// checkpoint has moved; if it does not move, it is at rest and the findings stand.
fn settled(path: &Path, key: Option<&VerifierKey>, kept: &[KeptHead]) -> Report {
    let files = DiskFiles::new(path);
    // One that cannot be read does not move, and is among the findings.
    let checkpoint = || files.read("checkpoint", NOTE_BYTES_MAX).unwrap_or_default();
    for _ in 0..TRIES {
        let before = checkpoint();
        let report = verify_folder_since(&files, key, kept);
        if report.holds() && report.ahead == Ahead::default() {
            return report;
        }
        let moved = (0..LOOKS).any(|_| {
            std::thread::sleep(BETWEEN_LOOKS);
            checkpoint() != before
        });
        if !moved {
            return report;
        }
    }
    verify_folder_since(&files, key, kept)
}

fn bundle(args: &Verify, key: Option<VerifierKey>) -> anyhow::Result<Exit> {
    let read = regular::read(&args.path, BUNDLE_BYTES_MAX);
    let bytes = read.map_err(|error| Misuse(format!("read `{}`: {error}", args.path.display())))?;
    let trusted = key.is_some();
    let proved = Bundle::decode(&bytes).map_err(|error| vec![error.to_string()]).and_then(|bundle| {
        let key = key.unwrap_or_else(|| bundle.key().clone());
        let proved = bundle.verify(&key).map_err(|error| vec![error.to_string()])?;
        let evidence = evidence::check(&bundle)?;
        Ok((bundle, proved, evidence))
    });
    let exit = if proved.is_ok() { Exit::Good } else { Exit::Finding };
    match (proved, args.json) {
        (Ok((bundle, proved, evidence)), true) => print_json(&json!({
            "verified": true, "stream": bundle.stream(), "events": proved.events, "erased": proved.erased,
            "size": proved.head.size(), "origin": proved.head.origin(), "key": bundle.key().to_string(), "key_trusted": trusted,
            "evidence": { "verified": evidence.verified, "by_digest_alone": evidence.alone, "erased": evidence.erased },
            "findings": [],
        }))?,
        (Ok((bundle, proved, evidence)), false) => {
            let own =
                if trusted { "" } else { "\nhint: checked with the bundle's own key; give --key with one you trust" };
            print(&format!(
                "verified: {} events of {} in the log `{}` of {} events, {} erased{evidence}{own}",
                proved.events,
                bundle.stream(),
                proved.head.origin(),
                proved.head.size(),
                proved.erased
            ))?;
        }
        (Err(findings), true) => print_json(&json!({ "verified": false, "findings": findings }))?,
        (Err(findings), false) => print(&format!("NOT verified: {}", findings.join("\nNOT verified: ")))?,
    }
    Ok(exit)
}
