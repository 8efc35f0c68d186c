//! The project's own chores, in Rust rather than in shell: one spelling on every machine.
//!
//! `cargo xtask` alone prints what there is. Nothing here is part of the program. Tests: beside each rule of `tidy`, and in
//! `suite` for the summary.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "chores talk to a person at a terminal")]

mod files;
mod run;
mod world;
mod tools;
mod generate;
mod tidy;
mod suite;
mod bench;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--only STEP]… [--skip STEP]…
        Installs what the tests need and the machine lacks (PostgreSQL, Chromium, Node, Prometheus, npm packages), then runs
        every step. Ends with a table and `N passed, N failed`. With CI=true nothing may be left out.
  test --list
        Names the steps.
  nightly [--only STEP]… [--skip STEP]…
        What takes too long for every run: 240 kills, 1,000 worlds of faults, laws with more cases, many seeds, the fuzzers.
  tidy  What clippy cannot see: module order and circles, dependencies, paths in the documentation, file length, golden
        files, migrations, words. Rules and their lists: xtask/src/tidy.rs, xtask/tidy.toml.
  bench [NAME]… [--record]
        Runs the named benches, or lists them; prints a Markdown block; --record appends it to docs/BENCHMARKS.md.
  contracts [--check]
        Compiles the embedded world's contracts with the pinned compiler; --check compares.
  openapi [--check]
        Writes openapi.json from the program; --check compares.
";

fn main() -> ExitCode {
    match command(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well.
fn command(words: &[String]) -> anyhow::Result<bool> {
    let Some((name, rest)) = words.split_first() else {
        print!("{USAGE}");
        return Ok(true);
    };
    let root = root()?;
    match name.as_str() {
        "test" => suite::test(&root, rest),
        "nightly" => suite::night(&root, rest),
        "tidy" => tidy::run(&root),
        "bench" => bench::run(&root, rest),
        "contracts" => generate::contracts(&root, only_check(rest)?),
        "openapi" => generate::openapi(&root, only_check(rest)?),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(true)
        }
        other => anyhow::bail!("no command `{other}`\n\n{USAGE}"),
    }
}

fn only_check(words: &[String]) -> anyhow::Result<bool> {
    match words {
        [] => Ok(false),
        [word] if word == "--check" => Ok(true),
        _ => anyhow::bail!("only `--check` is understood here, not `{}`", words.join(" ")),
    }
}

/// The project's folder: the parent of this crate's.
fn root() -> anyhow::Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the project's folder")?.to_owned())
}
