//! `quarterdeck serve`

use std::path::PathBuf;

use clap::Args;
use quarterdeck_host::clock::SystemClock;
use quarterdeck_host::randomness::SystemIds;
use quarterdeck_host::stopping::until_told;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{app, config};

use crate::output::{Exit, print, say};

/// Run with a configuration.
#[derive(Args)]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
}

pub(crate) fn run(args: &Serve) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock = SystemClock::new();
        let parts = Parts::new(clock.clone())?;
        let configuration = config::load(&args.config, &parts)?;
        for warning in &configuration.warnings {
            say(&format!("warning: {warning}"));
        }
        let world = app::World {
            clock,
            ids: Box::new(SystemIds),
            salts: Box::new(SystemIds),
            signer: None,
            channels: std::collections::BTreeMap::new(),
        };
        let running = app::start(configuration, world).await?;
        if let Some(address) = running.address {
            say(&format!("listening on http://{address}"));
        }
        say(&format!("log key  {}", running.key));
        running.run_until(until_told()).await;
        say("stopped");
        Ok(Exit::Good)
    })
}

pub(crate) fn openapi() -> anyhow::Result<Exit> {
    print(&quarterdeck_server::http::openapi::text()?)?;
    Ok(Exit::Good)
}
