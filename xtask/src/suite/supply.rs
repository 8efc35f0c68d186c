//! What others wrote and we ship: its licences, what is banned, where it comes from, and which holes are known.

use std::process::Command;

use anyhow::Context as _;

use super::step::whole;
use crate::{
    run,
    world::{Passed, World},
};

/// `cargo deny` with `deny.toml`. The list of known holes lives on another machine: where that cannot be reached, the step says
/// so and passes, in CI too, because what changed is then not ours.
pub(super) fn deny(world: &World) -> anyhow::Result<Passed> {
    let deny = |what: &[&str]| {
        let mut command = run::cargo(&world.root);
        command.args(["deny", "check"]).args(what);
        command
    };
    run::must(&mut deny(&["licenses", "bans", "sources"]))?;
    match fetched(&mut deny(&["advisories"]))? {
        Fetched::Good => whole(Ok(())),
        Fetched::Bad(text) => anyhow::bail!("a dependency has a known hole or was withdrawn\n{text}"),
        Fetched::Unreached => {
            Ok(Passed::Without("known holes of dependencies (their list cannot be reached)".to_owned()))
        }
    }
}

enum Fetched {
    Good,
    Bad(String),
    Unreached,
}

/// cargo-deny ends alike for a hole and for a list that it could not fetch: its words tell them apart.
fn fetched(command: &mut Command) -> anyhow::Result<Fetched> {
    let output = command.output().context("start cargo deny")?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(judge(output.status.success(), text))
}

fn judge(success: bool, text: String) -> Fetched {
    match success {
        true => Fetched::Good,
        false if text.contains("failed to fetch advisory database") => Fetched::Unreached,
        false => Fetched::Bad(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_told_from_a_list_out_of_reach() {
        let unreached = "2026-11-27 13:48:44 [ERROR] failed to fetch advisory database https://…: failed to clone";
        assert!(matches!(judge(false, unreached.to_owned()), Fetched::Unreached));
        assert!(matches!(judge(false, "error[vulnerability]: …".to_owned()), Fetched::Bad(_)));
        assert!(matches!(judge(true, String::new()), Fetched::Good));
    }
}
