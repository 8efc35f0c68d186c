//! What 100,000 incidents that are over cost in memory (700,000 events): a process of its own starts an engine on them and says how much
//! is resident, beside one on an empty store. By a kept board, and by folding the whole log.
//! `cargo run --release -p quarterdeck-server --example memory_cold [INCIDENTS]`.

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "how a bench tells its child what to do")]

#[path = "support/cold.rs"]
mod cold;

use std::{path::Path, process::Command};

use cold::{INCIDENTS, Outcome, parts, resolve_many};
use quarterdeck_ledger::note::SignerKey;
use quarterdeck_server::engine::{Engine, kept::bytes_of};
use quarterdeck_store::{Store, sqlite::SqliteStore};

/// Tells the re-executed bench on which file to start.
const FILE: &str = "QUARTERDECK_BENCH_FILE";

fn signer() -> Outcome<SignerKey> {
    Ok(SignerKey::from_seed("bench.invalid/log", &[7; 32])?)
}

/// Resident memory of this process, in kB.
fn resident() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}

/// What a start on this file takes, in kB; how many incidents there are, and how many events it did not read.
fn measured(file: &Path) -> Outcome<(u64, u64, u64)> {
    let output = Command::new(std::env::current_exe()?).env(FILE, file).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse);
    let mut next = || numbers.next().ok_or("the child says nothing");
    Ok((next()??, next()??, next()??))
}

async fn say(file: &str) -> Outcome<()> {
    let store = SqliteStore::open(Path::new(file))?;
    let engine = Engine::start(store, parts(signer()?)?).await?;
    println!("{} {} {}", resident()?, engine.published().board().len(), engine.unread());
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    if let Ok(file) = std::env::var(FILE) {
        return say(&file).await;
    }
    let count: usize = std::env::args().nth(1).map_or(Ok(INCIDENTS), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let (empty, full) = (folder.path().join("empty.db"), folder.path().join("full.db"));
    drop(SqliteStore::open(&empty)?);
    let (without, _, _) = measured(&empty)?;
    let store = SqliteStore::open(&full)?;
    let mut engine = Engine::start(store.clone(), parts(signer()?)?).await?;
    resolve_many(&mut engine, count).await?;
    let standing = engine.published().standing();
    let (size, bytes) = (standing.size, bytes_of(&standing));
    let kept_mb = bytes.len() / 1_000_000;
    drop((engine, standing));
    drop(store);
    println!("{count} incidents that are over, {size} events; an engine on an empty store: {:.1} MB", mb(without));
    let (whole, found, _) = measured(&full)?;
    println!("by the whole log   {:>7.1} MB more, {found} incidents", mb(whole.saturating_sub(without)));
    SqliteStore::open(&full)?.keep_board(size, bytes).await?;
    let (kept, found, unread) = measured(&full)?;
    let more = mb(kept.saturating_sub(without));
    println!("by a kept board    {more:>7.1} MB more, {found} incidents, {unread} events not read, {kept_mb} MB kept");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn mb(kb: u64) -> f64 {
    kb as f64 / 1_000.0
}
