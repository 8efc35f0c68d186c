//! `quarterdeck erase`, of an incident, a signal or a silence: over the typed client.

use clap::Args;
use quarterdeck_api::Erase;

use crate::{
    incident::{Server, runtime},
    output::{Exit, print, print_json},
};

/// What is erased, and why.
#[derive(Args)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    server: Server,
    /// inc_…, sig_… or sil_…; copies in other histories go with it
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
        let list = |events: &[u64]| events.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if !erased.events.is_empty() {
            print(&format!("erased from events {} of {}", list(&erased.events), args.id))?;
        }
        for copy in &erased.copies {
            print(&format!("erased from events {} of {}", list(&copy.events), copy.stream))?;
        }
        print(&format!("the log says so at {}", erased.log_index))?;
    }
    Ok(Exit::Good)
}
