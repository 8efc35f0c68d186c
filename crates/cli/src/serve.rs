//! `quarterdeck serve`

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use quarterdeck_core::incident::Actor;
use quarterdeck_host::{
    clock::SystemClock,
    randomness::DrawnIds,
    stopping::{HangUps, Stops},
    zones::Zones,
};
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{app, config, reload::Reloader};

use crate::output::{Exit, complain, print, say};

/// Run with a configuration.
#[derive(Args)]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// Go on with a store that is behind its own signed log, for this reason. It is written into the log, and people are paged
    #[arg(long, value_name = "REASON")]
    accept_lost_history: Option<String>,
}

pub(crate) fn run(args: &Serve) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything else: a hang-up must never end the program, and who wants it to stop wants that in order.
        let hang_ups = HangUps::listen()?;
        let mut stops = Stops::listen()?;
        let clock = SystemClock::new();
        let (rules, _) = Zones::find().put_in_force();
        say(&format!("zone rules: {rules}"));
        let parts = Parts::new(clock.clone())?;
        let configuration = config::load(&args.config, &parts)?;
        for warning in &configuration.warnings {
            say(&format!("warning: {warning}"));
        }
        let world = app::World {
            clock,
            ids: Box::new(DrawnIds::default()),
            salts: Box::new(DrawnIds::default()),
            signer: None,
            channels: std::collections::BTreeMap::new(),
        };
        let accepted = args.accept_lost_history.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        let started = tokio::select! {
            started = app::start_accepting(configuration, world, accepted.map(str::to_owned)) => started,
            () = stops.told() => {
                say("stopped before it had begun");
                return Ok(Exit::Good);
            }
        };
        let running = match started {
            Ok(running) => running,
            Err(error) => {
                let hint = error.hint();
                complain(&error.into());
                if let Some(hint) = hint {
                    say(&format!("hint: {hint}"));
                }
                return Ok(Exit::Finding);
            }
        };
        if let Some(address) = running.address {
            let scheme = if running.live.now().encryption.is_some() { "https" } else { "http" };
            say(&format!("listening on {scheme}://{address}"));
        }
        say(&format!("log key  {}", running.key));
        let reloader = Arc::clone(&running.reloader);
        let told = async {
            tokio::select! {
                () = stops.told() => {}
                () = reload_at(hang_ups, reloader) => {}
            }
        };
        running.run_until(told).await;
        say("stopped");
        Ok(Exit::Good)
    })
}

/// Reads the configuration anew at every hang-up, for ever. What came of it is told; the program goes on either way.
async fn reload_at(mut hang_ups: HangUps, reloader: Arc<Reloader>) {
    loop {
        hang_ups.next().await;
        match reloader.reload(Actor::System).await {
            Ok(done) => {
                for warning in &done.warnings {
                    say(&format!("warning: {warning}"));
                }
                say(&format!("configuration {} is in force", done.in_force.digest));
                for name in &done.in_force.needs_restart {
                    say(&format!("`{name}` has changed and needs a restart"));
                }
            }
            Err(error) => {
                let hint = error.hint();
                complain(&error.into());
                say(&format!("hint: {hint}"));
            }
        }
    }
}

pub(crate) fn openapi() -> anyhow::Result<Exit> {
    print(&quarterdeck_server::http::openapi::text()?)?;
    Ok(Exit::Good)
}
