//! `quarterdeck incident`, `oncall` and `review`: over the typed client.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use quarterdeck_api::{Incident, IncidentSummary, OnCall, client::Client};
use quarterdeck_core::priority::in_short;

use crate::output::{Exit, Misuse, print, print_json, table};

/// Which Quarterdeck, and who asks.
#[derive(Args, Clone)]
pub(crate) struct Server {
    /// Address of the program
    #[arg(long, env = "QUARTERDECK_URL", default_value = "http://127.0.0.1:7117", global = true)]
    url: String,
    /// Bearer token
    #[arg(long, env = "QUARTERDECK_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// One JSON document on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Server {
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let token = self
            .token
            .as_deref()
            .ok_or_else(|| Misuse("there is no token\nhint: give --token, or set QUARTERDECK_TOKEN".to_owned()))?;
        let http = quarterdeck_sources::evm::rpc::client().context("make an HTTP client")?;
        Ok(Client::new(&self.url, token, http))
    }
}

/// List incidents, show one, act on one.
#[derive(Args)]
pub(crate) struct IncidentArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Open incidents, worst first
    List {
        /// Also those that are over
        #[arg(long)]
        all: bool,
    },
    /// One incident with its timeline
    Show {
        /// inc_…
        id: String,
    },
    /// You are on it: the escalation stops
    Ack {
        /// inc_…
        id: String,
    },
    /// Add a line to the timeline
    Note {
        /// inc_…
        id: String,
        /// The line
        text: String,
    },
    /// The harm has stopped
    Mitigate {
        /// inc_…
        id: String,
        /// What was done
        text: String,
    },
    /// It is over
    Resolve {
        /// inc_…
        id: String,
        /// What was done
        text: String,
    },
    /// Page the next tier now
    Escalate {
        /// inc_…
        id: String,
        /// Why
        text: String,
    },
    /// It was not over
    Reopen {
        /// inc_…
        id: String,
        /// Why
        text: String,
    },
    /// Make it part of another
    Merge {
        /// inc_…
        id: String,
        /// The incident that it becomes part of
        into: String,
    },
    /// Write its evidence bundle to a file, for `quarterdeck verify`
    Bundle {
        /// inc_…
        id: String,
        /// The file to write
        file: std::path::PathBuf,
    },
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

pub(crate) fn run(args: &IncidentArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    runtime()?.block_on(async {
        let after = match &args.verb {
            Verb::List { all } => {
                let incidents = client.incidents(*all).await?;
                return list(&incidents, args.server.json);
            }
            Verb::Bundle { id, file } => {
                std::fs::write(file, client.bundle(id).await?)
                    .with_context(|| format!("write `{}`", file.display()))?;
                print(&file.display().to_string())?;
                return Ok(Exit::Good);
            }
            Verb::Show { id } => client.incident(id).await?,
            Verb::Ack { id } => client.act(id, "acknowledge", "").await?,
            Verb::Note { id, text } => client.act(id, "notes", text).await?,
            Verb::Mitigate { id, text } => client.act(id, "mitigate", text).await?,
            Verb::Resolve { id, text } => client.act(id, "resolve", text).await?,
            Verb::Escalate { id, text } => client.act(id, "escalate", text).await?,
            Verb::Reopen { id, text } => client.act(id, "reopen", text).await?,
            Verb::Merge { id, into } => client.merge(id, into).await?,
        };
        if args.server.json {
            print_json(&after)?;
        } else {
            print(&in_words(&after))?;
        }
        Ok(Exit::Good)
    })
}

fn list(incidents: &[IncidentSummary], json: bool) -> anyhow::Result<Exit> {
    if json {
        print_json(&incidents)?;
    } else if incidents.is_empty() {
        print("no open incidents")?;
    } else {
        let row = |one: &IncidentSummary| {
            let who = one.acknowledged_by.clone().unwrap_or_else(|| "nobody yet".to_owned());
            vec![one.severity.clone(), one.phase.clone(), one.id.clone(), who, one.opened.clone(), one.title.clone()]
        };
        let rows: Vec<Vec<String>> = incidents.iter().map(row).collect();
        print(&table(&["SEV", "PHASE", "INCIDENT", "WHO", "OPENED", "TITLE"], &rows))?;
    }
    Ok(Exit::Good)
}

fn in_words(incident: &Incident) -> String {
    let summary = &incident.summary;
    let mut lines = vec![
        format!("{} {} {}", summary.severity, summary.id, summary.title),
        format!(
            "{}, opened {}, service {}",
            summary.phase,
            summary.opened,
            summary.service.as_deref().unwrap_or("unknown")
        ),
        format!("why: {} points, {}", incident.score.points, in_short(&incident.score.vector)),
    ];
    for row in &incident.timeline {
        lines.push(format!("{}  {:>6}  {}", row.at, row.log_index, row.text));
    }
    lines.join("\n")
}

/// Who is on call.
#[derive(Args)]
pub(crate) struct OncallArgs {
    #[command(flatten)]
    server: Server,
    /// Now, or after the next hand-over
    #[arg(value_enum)]
    when: When,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum When {
    /// Who answers at this instant
    Now,
    /// Who answers after the next hand-over
    Next,
}

pub(crate) fn oncall(args: &OncallArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    runtime()?.block_on(async {
        let turns = match args.when {
            When::Now => client.on_call_now().await?,
            When::Next => client.on_call_next().await?,
        };
        if args.server.json {
            print_json(&turns)?;
        } else {
            let row = |turn: &OnCall| {
                let who = turn.name.clone().unwrap_or_else(|| "nobody".to_owned());
                vec![turn.schedule.clone(), who, turn.from.clone(), turn.until.clone()]
            };
            print(&table(&["SCHEDULE", "WHO", "FROM", "UNTIL"], &turns.iter().map(row).collect::<Vec<_>>()))?;
        }
        Ok(if turns.iter().any(|turn| turn.person.is_none()) { Exit::Finding } else { Exit::Good })
    })
}

/// The review of an incident, from the log alone.
#[derive(Args)]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    server: Server,
    /// inc_…
    id: String,
    /// md, html or json
    #[arg(long, default_value = "md")]
    format: String,
}

pub(crate) fn review(args: &ReviewArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    let format = if args.server.json { "json" } else { args.format.as_str() };
    if !["md", "html", "json"].contains(&format) {
        return Err(Misuse(format!("`{format}` is no format: want md, html or json")).into());
    }
    let bytes = runtime()?.block_on(client.review(&args.id, format))?;
    print(&String::from_utf8(bytes).context("read the review")?)?;
    Ok(Exit::Good)
}
