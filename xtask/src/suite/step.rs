//! What a step is, the steps that both lists have, and what the steps share.

use std::{path::PathBuf, process::Command};

use anyhow::Context as _;

use crate::{
    files, run, tools,
    world::{Passed, World},
};

/// One step: its name and what it does. What it returns as text is shown beside its result.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn(&World) -> anyhow::Result<Passed>,
}

pub(super) fn data(world: &World) -> anyhow::Result<Passed> {
    match &world.data {
        Some(folder) => {
            println!("{}", folder.display());
            Ok(Passed::Whole)
        }
        None => world.left_out(
            "tests on recorded data (none at ../shared/data; QUARTERDECK_DATA names another place)".to_owned(),
        ),
    }
}

pub(super) fn build(world: &World) -> anyhow::Result<Passed> {
    whole(run::must(run::cargo(&world.root).args(["build", "--quiet", "--package", "quarterdeck"])))
}

pub(super) fn whole(done: anyhow::Result<()>) -> anyhow::Result<Passed> {
    done.map(|()| Passed::Whole)
}

/// The program as `build` leaves it.
pub(super) fn program(world: &World) -> Command {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| world.root.join("target"), PathBuf::from);
    let mut command = Command::new(target.join("debug/quarterdeck"));
    command.current_dir(&world.root);
    with_world(&mut command, world);
    command
}

/// Where tests find what they do not carry themselves.
pub(super) fn with_world<'a>(command: &'a mut Command, world: &World) -> &'a mut Command {
    if let Some(data) = &world.data {
        command.env("QUARTERDECK_DATA", data);
    }
    if let Some(anvil) = tools::anvil(&world.root) {
        command.env("QUARTERDECK_ANVIL", anvil);
    }
    if let Some(synapse) = tools::synapse(&world.root) {
        command.env("QUARTERDECK_SYNAPSE", synapse);
    }
    command
}

/// An empty folder below `target`.
pub(super) fn scratch(world: &World, name: &str) -> anyhow::Result<PathBuf> {
    let folder = files::scratch(&world.root).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("clear {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}
