//! Running other programs, with an error that names the command.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::Context as _;

/// What a command line looks like, for messages.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs to the end with our own output. Fails unless it succeeds.
pub(crate) fn must(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("start `{}`", shown(command)))?;
    anyhow::ensure!(status.success(), "`{}` ended with {status}", shown(command));
    Ok(())
}

/// Runs to the end and returns what it wrote to stdout; stderr is ours. Fails unless it succeeds.
pub(crate) fn stdout_of(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let Output { status, stdout, .. } = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("start `{}`", shown(command)))?;
    anyhow::ensure!(status.success(), "`{}` ended with {status}", shown(command));
    Ok(stdout)
}

/// Runs to the end, passes on what it writes, and returns all of it. Fails unless it succeeds.
pub(crate) fn told_by(command: &mut Command) -> anyhow::Result<String> {
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    let again = writer.try_clone().context("make a pipe")?;
    let words = shown(command);
    let spawned = command.stdin(Stdio::null()).stdout(writer).stderr(again).spawn();
    let mut child = spawned.with_context(|| format!("start `{words}`"))?;
    // The command keeps its ends of the pipe as long as it lives: then reading would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut told = String::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.with_context(|| format!("read what `{words}` says"))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        told.push_str(&line);
        told.push('\n');
    }
    let status = child.wait().with_context(|| format!("wait for `{words}`"))?;
    anyhow::ensure!(status.success(), "`{words}` ended with {status}");
    Ok(told)
}

/// The first program of this name on the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The cargo that runs us.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}
