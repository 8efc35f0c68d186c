//! Files that are made from others and checked in: the API's description and the contracts' code.

use std::{fs, path::Path, process::Command};

use anyhow::Context as _;

use crate::{run, tools};

/// Compiles the contracts with the pinned compiler, or compares what it would write with what is checked in.
pub(crate) fn contracts(root: &Path, check: bool) -> anyhow::Result<bool> {
    let npm = tools::npm_packages(root)?;
    let mut command = Command::new(tools::node(root)?);
    command.arg(root.join("crates/sim/contracts/build.mjs"));
    if check {
        command.arg("--check");
    }
    command.arg(npm);
    let status = command.status().context("start node")?;
    Ok(status.success())
}

/// Writes `openapi.json` from the program, or compares.
pub(crate) fn openapi(root: &Path, check: bool) -> anyhow::Result<bool> {
    let mut command = run::cargo(root);
    command.args(["run", "--quiet", "--package", "quarterdeck", "--", "openapi"]);
    let described = run::stdout_of(&mut command)?;
    let path = root.join("openapi.json");
    if !check {
        fs::write(&path, &described).context("write openapi.json")?;
        println!("wrote openapi.json, {} bytes", described.len());
        return Ok(true);
    }
    let checked_in = fs::read(&path).context("read openapi.json")?;
    if checked_in == described {
        return Ok(true);
    }
    let line =
        checked_in.split(|byte| *byte == b'\n').zip(described.split(|byte| *byte == b'\n')).position(|(a, b)| a != b);
    eprintln!("openapi.json differs from the program's routes, first at line {}", line.map_or(0, |line| line + 1));
    eprintln!("hint: `cargo xtask openapi` writes it; read the difference before you commit it");
    Ok(false)
}
