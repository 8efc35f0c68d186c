//! `quarterdeck erase`: over the typed client.

use clap::Args;
use quarterdeck_api::Erase;

use crate::{
    incident::{Server, runtime},
    output::{Exit, print, print_json},
};

/// What is erased of which incident, and why.
#[derive(Args)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    server: Server,
    /// inc_…
    id: String,
    /// Only this event of the incident, counted from 0; may be given several times [default: all]
    #[arg(long = "event", value_name = "N")]
    events: Vec<u64>,
    /// On what ground; it is kept, so write nothing personal here
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) fn run(args: &EraseArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    let asked = Erase { events: args.events.clone(), reason: args.reason.clone() };
    let erased = runtime()?.block_on(client.erase(&args.id, &asked))?;
    if args.server.json {
        print_json(&erased)?;
    } else {
        let events: Vec<String> = erased.events.iter().map(ToString::to_string).collect();
        print(&format!("erased from events {}; the log says so at {}", events.join(", "), erased.log_index))?;
    }
    Ok(Exit::Good)
}
