//! `quarterdeck incident`, `oncall` and `review`: over the typed client.

pub(crate) mod asking;
mod check_words;
mod many;
pub(crate) mod task_words;

use anyhow::Context as _;
use clap::{ArgMatches, Args, FromArgMatches, Subcommand};
use quarterdeck_api::{
    Ask, Command, Done, Incident, IncidentSummary, Offer, OnCall, Restriction, Signal,
    client::{Client, List},
};
use quarterdeck_core::{incident::ResponseRole, priority::in_short};

use self::{asking::Asking, many::ManyArgs};
use crate::output::{Exit, Misuse, print, print_json, say, table, write_file};

/// Claims shown with an incident: what fits on a screen beside its timeline.
const CLAIMS_SHOWN: usize = 20;

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
        let spoken = |scheme: &str| self.url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty());
        if !spoken("http://") && !spoken("https://") {
            let what = format!("`{}` is no address of the program", self.url);
            let hint = "give --url, or set QUARTERDECK_URL, for example to http://127.0.0.1:7117";
            return Err(Misuse(format!("{what}\nhint: {hint}")).into());
        }
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

/// What is no command on one incident.
#[derive(Subcommand)]
enum Reading {
    /// Open incidents, worst first; then those that are over, the latest first
    List(ListArgs),
    /// One incident with its timeline
    Show {
        /// inc_…
        id: String,
    },
    /// What it must pass before it is over, and what stands in the way; status 1 while something does
    Checks {
        /// inc_…
        id: String,
    },
    /// Write its evidence bundle to a file, for `quarterdeck verify`
    Bundle {
        /// inc_…
        id: String,
        /// The file to write
        file: std::path::PathBuf,
        /// Leave the bytes of its evidence out: their digests are in the events
        #[arg(long)]
        digests: bool,
    },
    /// Ask the same of many: of those that are named, or of all that match
    Many(ManyArgs),
}

/// Which incidents.
#[derive(Args)]
struct ListArgs {
    /// Also those that are over
    #[arg(long, conflicts_with = "over")]
    all: bool,
    /// Only those that are over
    #[arg(long)]
    over: bool,
    /// Only those that are this bad: SEV1 to SEV5
    #[arg(long)]
    severity: Option<String>,
    /// Only those about this service
    #[arg(long)]
    service: Option<String>,
    /// Only those whose title has this in it
    #[arg(long)]
    text: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
}

impl ListArgs {
    fn wanted(&self) -> List {
        let phase = match (self.all, self.over) {
            (true, _) => "all",
            (false, true) => "over",
            (false, false) => "open",
        };
        List {
            phase: Some(phase.to_owned()),
            severity: self.severity.clone(),
            service: self.service.clone(),
            text: self.text.clone(),
        }
    }
}

/// To read, or to ask something of an incident.
enum Verb {
    Read(Reading),
    Ask(Asking),
}

impl Subcommand for Verb {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        Reading::augment_subcommands(command).subcommands(asking::subcommands())
    }
    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }
    fn has_subcommand(name: &str) -> bool {
        Reading::has_subcommand(name) || asking::is_one(name)
    }
}

impl FromArgMatches for Verb {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match asking::read(matches)? {
            Some(asked) => Ok(Self::Ask(asked)),
            None => Reading::from_arg_matches(matches).map(Self::Read),
        }
    }
    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

pub(crate) fn run(args: &IncidentArgs) -> anyhow::Result<Exit> {
    let client = args.server.client()?;
    let json = args.server.json;
    runtime()?.block_on(async {
        match &args.verb {
            Verb::Read(Reading::List(wanted)) => {
                let (incidents, more) = client.list(&wanted.wanted(), wanted.limit).await?;
                list(&incidents, wanted, json)?;
                if more {
                    say("hint: there are more; raise --limit");
                }
            }
            Verb::Read(Reading::Bundle { id, file, digests }) => {
                write_file(file, &client.bundle(id, !digests).await?)?;
                print(&file.display().to_string())?;
            }
            Verb::Read(Reading::Checks { id }) => {
                let checks = client.checks(id).await?;
                if json {
                    print_json(&checks)?;
                } else {
                    print(&check_words::in_words(&checks))?;
                }
                return Ok(if checks.unmet.is_empty() { Exit::Good } else { Exit::Finding });
            }
            Verb::Read(Reading::Many(wanted)) => return many::run(&client, wanted, json).await,
            Verb::Read(Reading::Show { id }) => {
                let incident = client.whole_incident(id).await?;
                if json { print_json(&incident)? } else { print(&in_words(&incident))? }
            }
            Verb::Ask(asked) => carry_out(&client, asked, json).await?,
        }
        Ok(Exit::Good)
    })
}

/// Asks it, and says what came of it.
pub(crate) async fn carry_out(client: &Client, asked: &Asking, json: bool) -> anyhow::Result<()> {
    let done = client.command(&asked.id, &asked.command).await?;
    if json {
        return print_json(&done);
    }
    print(&done_in_words(&done))?;
    match &asked.command {
        Command::TakeRole { role, .. } if let Some(role) = ResponseRole::named(role) => {
            print(&format!("expected of you: {}", role.expected()))
        }
        _ => Ok(()),
    }
}

fn list(incidents: &[IncidentSummary], wanted: &ListArgs, json: bool) -> anyhow::Result<()> {
    if json {
        print_json(&incidents)?;
    } else if incidents.is_empty() {
        let filtered = wanted.severity.is_some() || wanted.service.is_some() || wanted.text.is_some();
        print(if wanted.all || wanted.over || filtered { "no incidents like this" } else { "no open incidents" })?;
    } else {
        let row = |one: &IncidentSummary| {
            let nobody = if one.restricted { "restricted" } else { "nobody yet" };
            let who = one.acknowledged_by.clone().unwrap_or_else(|| nobody.to_owned());
            vec![one.severity.clone(), one.phase.clone(), one.id.clone(), who, one.opened.clone(), one.title.clone()]
        };
        let rows: Vec<Vec<String>> = incidents.iter().map(row).collect();
        print(&table(&["SEV", "PHASE", "INCIDENT", "WHO", "OPENED", "TITLE"], &rows))?;
    }
    Ok(())
}

/// Which incident, and how it stands.
pub(crate) fn head(summary: &IncidentSummary) -> Vec<String> {
    let about = match &summary.service {
        Some(service) => format!("service {service}"),
        None if summary.restricted => "restricted".to_owned(),
        None => "service unknown".to_owned(),
    };
    vec![
        format!("{} {} {}", summary.severity, summary.id, summary.title),
        format!("{}, opened {}, {about}", summary.phase, summary.opened),
    ]
}

fn done_in_words(done: &Done) -> String {
    let mut lines = head(&done.summary);
    lines.push(match done.log_index {
        Some(index) => format!("done: log index {index}"),
        None => "it was so already".to_owned(),
    });
    if done.summary.phase == "resolved" {
        lines.extend(
            done.summary
                .looks_again
                .as_ref()
                .map(|at| format!("a monitor still fires: if it does so at {at}, it begins again")),
        );
        lines.extend(
            done.watched_until
                .as_ref()
                .map(|until| format!("its checks go on until {until}; what fails again and again begins it again")),
        );
    }
    if !done.left_open.is_empty() {
        lines.push("resolved with tasks that are still to be done:".to_owned());
        lines.extend(done.left_open.iter().map(|task| format!("  {}", task_words::in_words(task))));
    }
    lines.extend(possible(&done.offers));
    lines.join("\n")
}

/// What can be asked next.
pub(crate) fn possible(offers: &[Offer]) -> Option<String> {
    let words: Vec<String> = offers.iter().map(|offer| asking::spelled(&offer.command)).collect();
    (!words.is_empty()).then(|| format!("possible now: {}", words.join(", ")))
}

fn in_words(incident: &Incident) -> String {
    let summary = &incident.summary;
    let mut lines = head(summary);
    lines.extend([format!("why: {} points, {}", incident.score.points, in_short(&incident.score.vector))]);
    lines.extend(incident.restriction.as_ref().map(restriction));
    if !incident.roles.is_empty() {
        let roles: Vec<String> = incident.roles.iter().map(|(role, person)| format!("{role} {person}")).collect();
        let over = ["resolved", "reviewed", "merged"].contains(&summary.phase.as_str());
        let when = if over { "roles when it was over" } else { "roles" };
        lines.push(format!("{when}: {}", roles.join(", ")));
    }
    lines.extend(incident.chairs.iter().filter_map(|one| {
        let from = one.missed_from.as_ref()?;
        Some(format!("nobody is {}: somebody is paged for it from {from} on; expected: {}", one.role, one.expected))
    }));
    lines.extend(incident.handed_over.as_ref().filter(|_| summary.acknowledged_by.is_none()).map(|handed| {
        let had = handed.had.as_ref().map_or_else(String::new, |had| format!("; {had} had it"));
        format!("handed over to {} by {}: {}{had}", incident.policy, handed.by, handed.reason)
    }));
    lines.extend(incident.asks.iter().map(ask));
    lines.extend(possible(&incident.offers));
    lines.extend(claims(&incident.signals));
    lines.extend(incident.tasks.iter().map(task_words::in_words));
    for row in &incident.timeline {
        lines.push(format!("{}  {:>6}  {}", row.at, row.log_index, row.text));
    }
    lines.join("\n")
}

/// Who may look into a restricted incident, and who did.
fn restriction(inside: &Restriction) -> String {
    let list =
        |what: &str, who: &[String]| if who.is_empty() { None } else { Some(format!("{what} {}", who.join(", "))) };
    let each = [list("let in:", &inside.members), list("came in:", &inside.came), list("put out:", &inside.out)];
    let mut lines = vec![format!("restricted as {} by {}: {}", inside.code_name, inside.by, inside.reason)];
    lines.extend(each.into_iter().flatten().map(|line| format!("  {line}")));
    lines.extend(inside.readings.iter().map(|one| {
        let times = if one.times > 1 { format!(", {} times", one.times) } else { String::new() };
        format!("  {} read {}, last {}{times}", one.person, one.part, one.last)
    }));
    lines.join("\n")
}

/// Something that was asked, and what came of it.
fn ask(ask: &Ask) -> String {
    let to = ask.role.as_ref().map_or_else(String::new, |role| format!(" to be {role}"));
    let coming = if ask.coming.is_empty() { String::new() } else { format!(", coming: {}", ask.coming.join(", ")) };
    let next = ask.next.as_ref().map_or_else(String::new, |next| format!(", next step {next}"));
    let Ask { number, whom, by, reason, state, .. } = ask;
    format!("ask {number}: {by} asked {whom}{to}: {reason} ({state}{coming}{next})")
}

/// Claims that go on, each with who is on it: what `acknowledge-claim` names. Nothing where there is only one.
fn claims(signals: &[Signal]) -> Vec<String> {
    let live: Vec<&Signal> =
        signals.iter().filter(|one| matches!(one.status.as_str(), "provisional" | "confirmed")).collect();
    if live.len() < 2 {
        return Vec::new();
    }
    let told = |one: &&Signal| {
        let on_it = one.acknowledged_by.as_ref().map_or_else(String::new, |by| format!(" ({by} is on it)"));
        format!("claim {} {}{on_it}", one.id, one.title)
    };
    let more = live.len().saturating_sub(CLAIMS_SHOWN);
    let more = (more > 0).then(|| format!("and {more} more claims: --json shows them all"));
    live.iter().take(CLAIMS_SHOWN).map(told).chain(more).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_named_where_there_are_several() {
        let signal = |id: &str, status: &str, by: Option<&str>| Signal {
            id: id.to_owned(),
            title: format!("title of {id}"),
            status: status.to_owned(),
            acknowledged_by: by.map(ToOwned::to_owned),
            ..Signal::default()
        };
        let one = signal("sig_1", "confirmed", None);
        assert!(claims(std::slice::from_ref(&one)).is_empty());
        let over = signal("sig_2", "ended", None);
        assert!(claims(&[one.clone(), over.clone()]).is_empty());
        let taken = signal("sig_3", "provisional", Some("ana"));
        assert_eq!(
            claims(&[one.clone(), over, taken]),
            ["claim sig_1 title of sig_1", "claim sig_3 title of sig_3 (ana is on it)"]
        );
        let many = claims(&vec![one; 25]);
        assert_eq!((many.len(), many[20].as_str()), (21, "and 5 more claims: --json shows them all"));
    }
}
