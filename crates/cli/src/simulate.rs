//! simulate
use crate::output::Exit;
use clap::Args;
#[derive(Args)]
pub(crate) struct Simulate {
    paths: Vec<std::path::PathBuf>,
}
pub(crate) fn run(args: &Simulate) -> anyhow::Result<Exit> {
    anyhow::bail!("{}", args.paths.len())
}
