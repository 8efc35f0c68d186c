//! `quarterdeck demo`

use std::path::PathBuf;

use clap::{Args, builder::PossibleValuesParser};
use quarterdeck_sim::{
    demo::{Outcome, Plan, headless, live},
    story::Attack,
};

use crate::output::{Exit, print, print_json};

/// Watch an invented exchange on an embedded chain being attacked, and respond.
///
/// Starts the embedded chain, all detectors, the store, the console on loopback and an inbox for the pages of invented
/// people. An attack follows within a minute. Runs until ctrl-C. With --headless: on a simulated clock, to the end, without a
/// browser; the same seed gives the same events and the same log root.
#[derive(Args)]
pub(crate) struct Demo {
    /// Which bad day it is to be
    #[arg(long, default_value = Attack::default().name(), value_parser = PossibleValuesParser::new(Attack::ALL.map(Attack::name)))]
    attack: String,
    /// Everything invented follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Run to the end on a simulated clock, without a console
    #[arg(long)]
    headless: bool,
    /// One JSON document on stdout (with --headless)
    #[arg(long, requires = "headless")]
    json: bool,
    /// Port of the console; 0: any free one
    #[arg(long, default_value_t = 7117)]
    port: u16,
    /// Folder for the store, the log and the review [default: a folder of the system's for temporary files]
    #[arg(long)]
    data: Option<PathBuf>,
}

pub(crate) fn run(args: &Demo) -> anyhow::Result<Exit> {
    let attack: Attack = args.attack.parse().map_err(|error| crate::output::Misuse(format!("{error}")))?;
    let folder = || std::env::temp_dir().join(format!("quarterdeck-demo-{}-{}", args.seed, attack.name()));
    let plan = Plan { seed: args.seed, attack, data: args.data.clone().unwrap_or_else(folder) };
    if !args.headless {
        live::run(&plan, args.port, &|line| crate::output::say(line))?;
        return Ok(Exit::Good);
    }
    let outcome = headless::run(&plan)?;
    if args.json {
        print_json(&outcome)?;
    } else {
        print(&in_words(&outcome))?;
    }
    Ok(if outcome.incident.is_some() && outcome.log.verified { Exit::Good } else { Exit::Finding })
}

fn in_words(outcome: &Outcome) -> String {
    let mut lines = vec![format!(
        "attack    {} in block {}, transaction {}",
        outcome.attack.name, outcome.attack.block, outcome.attack.transaction
    )];
    match &outcome.incident {
        Some(incident) => {
            lines.push(format!(
                "incident  {} {}: {} ({})",
                incident.severity, incident.id, incident.title, incident.phase
            ));
        }
        None => lines.push("incident  none: the attack was not noticed".to_owned()),
    }
    for signal in &outcome.signals {
        let block = signal.block.map_or_else(String::new, |block| format!(" in block {block}"));
        lines.push(format!("signal    {}{block}, {}", signal.detector, signal.status));
    }
    for page in &outcome.pages {
        let answered = if page.acknowledged { ", acknowledged" } else { "" };
        lines.push(format!(
            "page      {} by {}: {} in {} ms{answered}",
            page.person, page.channel, page.outcome, page.latency_ms
        ));
    }
    let verified = if outcome.log.verified { "verifies" } else { "DOES NOT VERIFY" };
    lines.push(format!("log       {} events, root {}, {verified}", outcome.log.size, outcome.log.root));
    if let Some(path) = &outcome.review_path {
        lines.push(format!("review    {path}"));
    }
    lines.join("\n")
}
