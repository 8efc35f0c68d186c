//! One executable: every command of Quarterdeck.
//!
//! What a command found goes to stdout (with `--json` as exactly one JSON document), all else to stderr. Exit codes: 0 all is
//! well, 1 a finding or a refusal, 2 usage or configuration.

mod output;
mod backtest;
mod backup;
mod check;
mod demo;
mod incident;
mod key;
mod erase;
mod reload;
mod serve;
mod silence;
mod source;
mod simulate;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::output::Exit;

/// Incident command for crypto operations.
#[derive(Parser)]
#[command(name = "quarterdeck", version, about, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch an invented exchange on an embedded chain being attacked, and respond.
    Demo(demo::Demo),
    /// Run with a configuration.
    Serve(serve::Serve),
    /// Have a running program read its configuration anew.
    Reload(reload::Reload),
    /// Check a configuration, and that every page ends at a person.
    Check(check::Check),
    /// Run recorded blocks and traces through all detectors.
    Backtest(backtest::Backtest),
    /// Play scenarios and compare what happened with what they say.
    Simulate(simulate::Simulate),
    /// Copy what a program keeps, also while it runs.
    Backup(backup::Backup),
    /// Verify a log folder or an evidence bundle, offline.
    Verify(verify::Verify),
    /// List incidents, show one, act on one.
    Incident(incident::IncidentArgs),
    /// List silences, set one, end one.
    #[command(visible_alias = "silences")]
    Silence(silence::SilenceArgs),
    /// List sources, decide about one whose node shows another chain.
    Source(source::SourceArgs),
    /// Erase what an incident holds of people. Cannot be undone.
    ///
    /// Titles, notes, reasons, explanations, addresses and labels go; identifiers, instants, severities and facts stay, and the log still
    /// verifies. Needs the role `admin`. The log says who had it erased, and why.
    Erase(erase::EraseArgs),
    /// Who is on call.
    Oncall(incident::OncallArgs),
    /// The review of an incident, from the log alone.
    Review(incident::ReviewArgs),
    /// Make a key for a monitor, or a token for a person.
    Key(key::Key),
    /// Print the API's description.
    #[command(hide = true)]
    Openapi,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no error; usage goes to stderr with code 2.
            let code = if error.use_stderr() { 2 } else { 0 };
            if error.print().is_err() {
                return ExitCode::from(2);
            }
            return ExitCode::from(code);
        }
    };
    output::log_to_stderr();
    let done = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Incident(args) => incident::run(&args),
        Command::Silence(args) => silence::run(&args),
        Command::Source(args) => source::run(&args),
        Command::Erase(args) => erase::run(&args),
        Command::Oncall(args) => incident::oncall(&args),
        Command::Review(args) => incident::review(&args),
        Command::Key(args) => key::run(&args),
        Command::Openapi => serve::openapi(),
    };
    match done {
        Ok(Exit::Good) => ExitCode::SUCCESS,
        Ok(Exit::Finding) => ExitCode::from(1),
        Ok(Exit::Usage) => ExitCode::from(2),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(output::code_of(&error))
        }
    }
}
