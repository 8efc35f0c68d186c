//! `cargo xtask nightly`: what takes too long for every run. The same tests with more cases, more kills, more seeds, and the
//! fuzzers.

use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::{
    demo,
    step::{self, Step, whole, with_world},
};
use crate::{
    run, tools,
    world::{Passed, World},
};

/// THE LIST of steps of a night.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "tools", what: "what the tests need is installed", run: tools::install },
    Step { name: "data", what: "recorded chains, formats and logs are there", run: step::data },
    Step { name: "kills", what: "240 kills, and nothing acknowledged is lost", run: kills },
    Step { name: "faults", what: "1,000 worlds in which things go wrong", run: faults },
    Step { name: "laws", what: "the laws, with many more generated cases", run: laws },
    Step { name: "build", what: "the program, for the step below", run: step::build },
    Step { name: "seeds", what: "the demo's promises, with many seeds", run: demo::seeds },
    Step { name: "attacks", what: "every attack of the demo twice: same seed, same bytes", run: demo::every_attack },
    Step { name: "fuzz", what: "every parser of outside bytes, a minute each", run: fuzz },
];

/// Kills of the crash test in a night, over all its worlds.
const KILLS: u32 = 240;
/// Worlds of the fault test in a night, a second each.
const SEEDS: u32 = 1_000;
/// Cases of each law: four times what proptest takes by itself, in the time of a night rather than of a test.
const CASES: u32 = 1024;
/// How long each fuzz target runs.
const FUZZ_SECONDS: u32 = 60;

fn kills(world: &World) -> anyhow::Result<Passed> {
    let mut command = run::cargo(&world.root);
    command.args(["test", "--package", "quarterdeck-server", "--test", "crash"]);
    command.env("QUARTERDECK_KILLS", KILLS.to_string());
    whole(run::must(with_world(&mut command, world)))
}

fn faults(world: &World) -> anyhow::Result<Passed> {
    let mut command = run::cargo(&world.root);
    command.args(["test", "--package", "quarterdeck-server", "--test", "faults", "--", "--nocapture"]);
    command.env("QUARTERDECK_SEEDS", SEEDS.to_string());
    whole(run::must(with_world(&mut command, world)))
}

fn laws(world: &World) -> anyhow::Result<Passed> {
    let mut command = run::cargo(&world.root);
    command.args(["test", "--no-fail-fast"]);
    for package in ["quarterdeck-core", "quarterdeck-detect", "quarterdeck-formats", "quarterdeck-ledger"] {
        command.args(["--package", package]);
    }
    command.env("PROPTEST_CASES", CASES.to_string());
    whole(run::must(with_world(&mut command, world)))
}

fn fuzz(world: &World) -> anyhow::Result<Passed> {
    if !tools::nightly() {
        return world.left_out("fuzzing (no nightly compiler)".to_owned());
    }
    if let Err(error) = tools::cargo_tool(&tools::FUZZ) {
        return world.left_out(format!("fuzzing ({error:#})"));
    }
    let cargo = || {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo", "fuzz"]).current_dir(&world.root);
        // The stable compiler that runs us is in the environment.
        command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        command
    };
    let listed = cargo().arg("list").stderr(Stdio::inherit()).output().context("start cargo fuzz")?;
    let listed = String::from_utf8(listed.stdout).context("read the list of targets")?;
    anyhow::ensure!(!listed.trim().is_empty(), "no fuzz target");
    let limit = format!("-max_total_time={FUZZ_SECONDS}");
    for target in listed.lines() {
        println!("-- {target}");
        run::must(cargo().args(["run", target, "--", &limit, "-print_final_stats=0"]))?;
    }
    Ok(Passed::Whole)
}
