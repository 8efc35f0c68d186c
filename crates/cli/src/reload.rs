//! `quarterdeck reload`: over the typed client.

use clap::Args;
use quarterdeck_api::Configuration;

use crate::{
    incident::{Server, runtime},
    output::{Exit, print, print_json, say},
};

/// Have a running program read its configuration file anew.
///
/// The program refuses the file whole, and nothing changes, or puts it in force whole. Needs the token of an admin.
#[derive(Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    server: Server,
    /// Only say what is in force
    #[arg(long)]
    show: bool,
}

pub(crate) fn run(args: &Reload) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    let asked = async { if args.show { client.configuration().await } else { client.reload().await } };
    let in_force = runtime()?.block_on(asked)?;
    for warning in &in_force.warnings {
        say(&format!("warning: {warning}"));
    }
    if args.server.json {
        print_json(&in_force)?;
    } else {
        print(&in_words(&in_force))?;
    }
    Ok(Exit::Good)
}

fn in_words(in_force: &Configuration) -> String {
    let mut lines = vec![format!("configuration {} is in force since {}", in_force.digest, in_force.since)];
    lines.extend(in_force.needs_restart.iter().map(|name| format!("`{name}` has changed and needs a restart")));
    lines.join("\n")
}
