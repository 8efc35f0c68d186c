//! The demo is the real program in a virtual world: what it promises holds, and one seed gives the same bytes.

use anyhow::Context as _;

use super::step::{program, scratch};
use crate::{
    run,
    world::{Passed, World},
};

/// The seed that runs twice in every test; any would do.
const SEED: u64 = 7;

/// Two runs of one seed, byte for byte the same, and what the first promises.
pub(super) fn twice(world: &World) -> anyhow::Result<Passed> {
    let outcome = judged(&same(world, USUAL)?)?;
    println!("log root {}", outcome.pointer("/log/root").unwrap_or(&outcome));
    Ok(Passed::Whole)
}

/// The same bytes for every attack. The others promise less than the usual one: that there is an incident and that the log verifies,
/// which the program says itself.
pub(super) fn every_attack(world: &World) -> anyhow::Result<Passed> {
    for attack in attacks(world)? {
        same(world, &attack)?;
    }
    Ok(Passed::Whole)
}

/// What two runs of one attack with one seed answered alike.
fn same(world: &World, attack: &str) -> anyhow::Result<Vec<u8>> {
    println!("-- {attack}, twice with seed {SEED}");
    let (first, second) = (told(world, SEED, attack)?, told(world, SEED, attack)?);
    if first != second {
        let at = first.iter().zip(&second).position(|(a, b)| a != b).unwrap_or_else(|| first.len().min(second.len()));
        anyhow::bail!("two runs of {attack} with one seed differ, first at byte {at}");
    }
    println!("{} bytes, twice the same", first.len());
    Ok(first)
}

/// The attacks that the demo's help names.
fn attacks(world: &World) -> anyhow::Result<Vec<String>> {
    let mut command = program(world);
    let help = run::stdout_of(command.args(["demo", "--help"]))?;
    let named = named(&String::from_utf8_lossy(&help));
    anyhow::ensure!(!named.is_empty(), "the demo's help names no attacks");
    Ok(named)
}

fn named(help: &str) -> Vec<String> {
    let after = help.split_once("--attack").and_then(|(_, rest)| rest.split_once("[possible values:"));
    let list = after.and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split([',', '\n', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What the demo does by itself.
const USUAL: &str = "flash-loan";

/// Seeds of a night: as many worlds, of other people, other traffic and other instants.
const SEEDS: u64 = 40;

/// What the demo promises, for many seeds.
pub(super) fn seeds(world: &World) -> anyhow::Result<Passed> {
    for seed in 1..=SEEDS {
        judged(&told(world, seed, USUAL)?).with_context(|| format!("seed {seed}"))?;
    }
    println!("{SEEDS} seeds");
    Ok(Passed::Whole)
}

/// What the demo answers. It names the review's path: every run writes to the same place, which is cleared before.
fn told(world: &World, seed: u64, attack: &str) -> anyhow::Result<Vec<u8>> {
    let folder = scratch(world, "demo")?;
    let mut command = program(world);
    command
        .args(["demo", "--headless", "--json", "--attack", attack, "--seed", &seed.to_string(), "--data"])
        .arg(&folder);
    run::stdout_of(&mut command)
}

fn judged(answer: &[u8]) -> anyhow::Result<serde_json::Value> {
    let outcome = serde_json::from_slice(answer).context("read the demo's answer")?;
    judge(&outcome)?;
    Ok(outcome)
}

/// What the demo promises: the attack is an incident of the first or second severity, found in its own block; a page was
/// acknowledged; the log verifies.
fn judge(outcome: &serde_json::Value) -> anyhow::Result<()> {
    let at = |pointer: &str| outcome.pointer(pointer).with_context(|| format!("no `{pointer}` in the demo's answer"));
    let severity = at("/incident/severity")?.as_str().unwrap_or_default().to_uppercase();
    anyhow::ensure!(["SEV1", "SEV2"].contains(&severity.as_str()), "the attack is a `{severity}`");
    let block = at("/attack/block")?;
    let signals = at("/signals")?.as_array().context("`signals` is a list")?;
    let in_time = signals.iter().any(|signal| signal.get("block") == Some(block));
    anyhow::ensure!(in_time, "no signal of the attack's own block {block}");
    let pages = at("/pages")?.as_array().context("`pages` is a list")?;
    anyhow::ensure!(
        pages.iter().any(|page| page.get("acknowledged") == Some(&true.into())),
        "no page was acknowledged"
    );
    anyhow::ensure!(at("/log/verified")? == &serde_json::Value::Bool(true), "the log does not verify");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_attacks_are_read_from_the_help() {
        let help =
            "Options:\n  --attack <ATTACK>\n   Which\n   [default: a-b]\n   [possible values: a-b, c,\n   d]\n  --seed";
        assert_eq!(named(help), ["a-b", "c", "d"]);
        assert_eq!(named("Options: --seed [possible values: 1]"), Vec::<String>::new());
    }

    #[test]
    fn each_promise_of_the_demo_is_judged() {
        let good = json!({
            "incident": {"severity": "SEV1"}, "attack": {"block": 40},
            "signals": [{"block": 12}, {"block": 40}], "pages": [{"acknowledged": true}], "log": {"verified": true},
        });
        judge(&good).unwrap();
        let broken = [
            ("/incident/severity", json!("SEV3")),
            ("/attack/block", json!(41)),
            ("/pages/0/acknowledged", json!(false)),
            ("/log/verified", json!(false)),
        ];
        for (pointer, value) in broken {
            let mut outcome = good.clone();
            *outcome.pointer_mut(pointer).unwrap() = value;
            assert!(judge(&outcome).is_err(), "{pointer}");
        }
    }
}
