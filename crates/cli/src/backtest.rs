//! backtest
use crate::output::Exit;
use clap::Args;
#[derive(Args)]
pub(crate) struct Backtest {
    paths: Vec<std::path::PathBuf>,
}
pub(crate) fn run(args: &Backtest) -> anyhow::Result<Exit> {
    anyhow::bail!("{}", args.paths.len())
}
