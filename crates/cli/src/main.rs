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
mod declare;
mod key;
mod model;
mod erase;
mod evidence;
mod evaluate;
mod reload;
mod serve;
mod silence;
mod source;
mod room;
mod task;
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
    /// How good detectors are, on data with labels.
    Evaluate(evaluate::Evaluate),
    /// Learn what thefts have in common, judge it, look at it.
    Model(model::ModelArgs),
    /// Play scenarios and compare what happened with what they say.
    Simulate(simulate::Simulate),
    /// Copy what a program keeps, also while it runs.
    Backup(backup::Backup),
    /// Verify a log folder or an evidence bundle, offline.
    Verify(verify::Verify),
    /// Open an incident: a title and a guess of how bad it is.
    Declare(declare::DeclareArgs),
    /// List incidents, show one, act on one.
    Incident(incident::IncidentArgs),
    /// Who is in the room of an incident, and what was said there.
    Room(room::RoomArgs),
    /// See tasks and what people hold; add one, claim one, finish one.
    #[command(visible_alias = "tasks")]
    Task(task::TaskArgs),
    /// Keep evidence of an incident, list it, take a copy, verify it, hold it.
    Evidence(evidence::EvidenceArgs),
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
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Model(args) => model::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Declare(args) => declare::run(&args),
        Command::Incident(args) => incident::run(&args),
        Command::Room(args) => room::run(&args),
        Command::Task(args) => task::run(&args),
        Command::Evidence(args) => evidence::run(&args),
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
        Ok(Exit::Code(code)) => ExitCode::from(code),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(output::code_of(&error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use quarterdeck_sim::demo::live::to_try;

    use super::*;

    /// The words of a line, as a shell hands them to a program.
    fn words(line: &str) -> Vec<String> {
        let script = format!("for word in {line}; do printf '%s\\n' \"$word\"; done");
        let done = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn what_the_demo_prints_can_be_pasted() {
        let incident = "inc_02081040g2081040g2081040g2";
        for (program, log) in [
            ("/usr/bin/quarterdeck", "/tmp/quarterdeck-demo-7-flash-loan/log"),
            ("/home/bo's things/build (1)/quarterdeck", "/tmp/$HOME/a;b & c/log"),
        ] {
            let lines = to_try(Path::new(program), incident, Path::new(log));
            for line in &lines {
                let words = words(line);
                assert_eq!(words[0], program, "{line}");
                let read = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
                match read.command {
                    Command::Incident(_) | Command::Review(_) | Command::Room(_) => {
                        assert_eq!(words.last().unwrap(), incident);
                    }
                    Command::Verify(_) => assert_eq!(words.last().unwrap(), log),
                    _ => panic!("{line}"),
                }
            }
            assert_eq!(lines.len(), 5);
        }
    }
}
