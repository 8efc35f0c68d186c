//! `quarterdeck verify`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use quarterdeck_ledger::{
    bundle::Bundle,
    note::VerifierKey,
    verify::{Report, verify_folder},
};
use quarterdeck_server::log_files::DiskFiles;
use serde_json::json;

use crate::output::{Exit, Misuse, print, print_json};

/// Verify a log folder or an evidence bundle, offline.
///
/// Recomputes every hash and proof, checks the signature, and says where anything differs. Without --key the key is taken
/// from the folder or bundle itself: then it is only known to agree with itself.
#[derive(Args)]
pub(crate) struct Verify {
    /// A log folder, or a .qdbundle file
    path: PathBuf,
    /// The log's verifier key, from somewhere you trust (text, or a file that holds it)
    #[arg(long)]
    key: Option<String>,
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
    let key = args.key.as_deref().map(key_of).transpose()?;
    if !args.path.exists() {
        return Err(Misuse(format!("there is nothing at `{}`", args.path.display())).into());
    }
    if args.path.is_dir() { folder(args, key.as_ref()) } else { bundle(args, key) }
}

fn key_of(text: &str) -> anyhow::Result<VerifierKey> {
    let path = Path::new(text);
    let text = if path.is_file() { std::fs::read_to_string(path)? } else { text.to_owned() };
    text.trim().parse::<VerifierKey>().map_err(|error| Misuse(format!("the key: {error}")).into())
}

fn folder(args: &Verify, key: Option<&VerifierKey>) -> anyhow::Result<Exit> {
    let report = settled(&args.path, key);
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
            "findings": findings,
            "findings_left_out": report.findings_left_out,
        }))?;
    } else {
        print(&format!("{report}"))?;
    }
    Ok(if report.holds() { Exit::Good } else { Exit::Finding })
}

/// The report on a folder at rest. A running program publishes every half second, files first and the checkpoint last: whoever
/// looks in between sees files beyond the checkpoint. So a folder that does not hold is looked at again as soon as its
/// checkpoint has moved; if it does not move, it is at rest and the findings stand.
fn settled(path: &Path, key: Option<&VerifierKey>) -> Report {
    let checkpoint = || std::fs::read(path.join("checkpoint")).unwrap_or_default();
    for _ in 0..TRIES {
        let before = checkpoint();
        let report = verify_folder(&DiskFiles::new(path), key);
        if report.holds() {
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
    verify_folder(&DiskFiles::new(path), key)
}

fn bundle(args: &Verify, key: Option<VerifierKey>) -> anyhow::Result<Exit> {
    let length = std::fs::metadata(&args.path)?.len();
    if length > BUNDLE_BYTES_MAX {
        return Err(Misuse(format!(
            "`{}` is {length} bytes: at most {BUNDLE_BYTES_MAX} are read",
            args.path.display()
        ))
        .into());
    }
    let bytes = std::fs::read(&args.path).with_context(|| format!("read `{}`", args.path.display()))?;
    let trusted = key.is_some();
    let proved = Bundle::decode(&bytes).map_err(|error| error.to_string()).and_then(|bundle| {
        let key = key.unwrap_or_else(|| bundle.key().clone());
        bundle.verify(&key).map(|proved| (bundle, proved)).map_err(|error| error.to_string())
    });
    let exit = if proved.is_ok() { Exit::Good } else { Exit::Finding };
    match (proved, args.json) {
        (Ok((bundle, proved)), true) => print_json(&json!({
            "verified": true, "stream": bundle.stream(), "events": proved.events, "erased": proved.erased,
            "size": proved.head.size(), "origin": proved.head.origin(), "key": bundle.key().to_string(), "key_trusted": trusted,
            "findings": [],
        }))?,
        (Ok((bundle, proved)), false) => {
            let own =
                if trusted { "" } else { "\nhint: checked with the bundle's own key; give --key with one you trust" };
            print(&format!(
                "verified: {} events of {} in the log `{}` of {} events, {} erased{own}",
                proved.events,
                bundle.stream(),
                proved.head.origin(),
                proved.head.size(),
                proved.erased
            ))?;
        }
        (Err(why), true) => print_json(&json!({ "verified": false, "findings": [why] }))?,
        (Err(why), false) => print(&format!("NOT verified: {why}"))?,
    }
    Ok(exit)
}
