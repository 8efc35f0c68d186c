//! `quarterdeck simulate`

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use quarterdeck_host::clock::SystemClock;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::config::{self, Configuration};
use quarterdeck_sim::scenario::{Given, Malformed, Scenario, Verdict};
use serde_json::{Value, json};

use crate::output::{Exit, Misuse, print, print_json, say};

/// Play scenarios and compare what happened with what they say.
///
/// A scenario is a Markdown file with timelines; time in it is virtual and nothing is sent. With a configuration, the timelines
/// are played against the operator's own people, schedules, policies and detectors. Exits with 1 if a scenario fails and with 2
/// if a file is no scenario.
#[derive(Args)]
pub(crate) struct Simulate {
    /// Scenarios, or folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Play against this configuration instead of the scenarios' own
    #[arg(long)]
    config: Option<PathBuf>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 8;
/// Bytes of a scenario: far more than anybody reads.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn run(args: &Simulate) -> anyhow::Result<Exit> {
    let parts = Parts::new(SystemClock::new())?;
    let operator = match &args.config {
        None => None,
        Some(path) => Some(config::load(path, &parts)?),
    };
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, DEPTH_MAX, &mut files)?;
    }
    if files.is_empty() {
        return Err(Misuse("there is no scenario: expected files that end in `.md`".to_owned()).into());
    }
    let mut played = Vec::with_capacity(files.len());
    for path in files {
        played.push(play(&path, operator.as_ref(), &parts)?);
    }
    if args.json {
        print_json(&document(&played))?;
    } else {
        tell(&played)?;
    }
    Ok(exit(&played))
}

/// A file and what came of it.
struct Played {
    file: String,
    title: String,
    result: Result<Verdict, Malformed>,
}

impl Played {
    fn is_good(&self) -> bool {
        self.result.as_ref().is_ok_and(|verdict| verdict.failures.is_empty())
    }
}

fn play(path: &Path, operator: Option<&Configuration>, parts: &Parts) -> anyhow::Result<Played> {
    let file = path.display().to_string();
    let bytes = fs::metadata(path).with_context(|| format!("read `{file}`"))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(Misuse(format!("`{file}` has {bytes} bytes: want at most {FILE_BYTES_MAX}")).into());
    }
    let text = fs::read_to_string(path).map_err(|error| Misuse(format!("read `{file}`: {error}")))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let given = operator.map_or(Given::Own { folder, parts }, Given::Operator);
    let (title, result) = match Scenario::parse(&file, &text) {
        Ok(scenario) => (scenario.title().to_owned(), scenario.play(given)),
        Err(malformed) => (String::new(), Err(malformed)),
    };
    Ok(Played { file, title, result })
}

/// The scenarios under a path, in the order of their names.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let missing = |error| Misuse(format!("read `{}`: {error}", path.display()));
    if !fs::metadata(path).map_err(missing)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries: Result<Vec<_>, _> = fs::read_dir(path).map_err(missing)?.collect();
    let mut inside: Vec<PathBuf> = entries.map_err(missing)?.into_iter().map(|entry| entry.path()).collect();
    inside.sort();
    for path in inside {
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, files)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    Ok(())
}

fn tell(played: &[Played]) -> anyhow::Result<()> {
    for one in played {
        match &one.result {
            Ok(verdict) if verdict.failures.is_empty() => {
                print(&format!("ok      {}: {} ({} lines)", one.file, one.title, verdict.lines))?;
            }
            Ok(verdict) => {
                print(&format!("failed  {}: {}", one.file, one.title))?;
                for failure in &verdict.failures {
                    print(&format!("  {}", failure.to_string().replace('\n', "\n  ")))?;
                }
            }
            Err(malformed) => say(&format!("error: {malformed}")),
        }
    }
    let good = played.iter().filter(|one| one.is_good()).count();
    print(&format!("{good} of {} scenarios came out as written", played.len()))
}

fn document(played: &[Played]) -> Value {
    let of = |one: &Played| match &one.result {
        Ok(verdict) => {
            let failure = |failure: &quarterdeck_sim::scenario::Failure| json!({ "line": failure.line, "at": failure.at, "want": failure.want, "got": failure.got });
            json!({
                "file": one.file, "title": one.title, "result": if one.is_good() { "ok" } else { "failed" },
                "timelines": verdict.timelines, "lines": verdict.lines,
                "failures": verdict.failures.iter().map(failure).collect::<Vec<_>>(),
            })
        }
        Err(malformed) => {
            json!({ "file": one.file, "result": "malformed", "line": malformed.line, "what": malformed.what })
        }
    };
    json!({ "good": exit(played) == Exit::Good, "scenarios": played.iter().map(of).collect::<Vec<_>>() })
}

/// A file that is no scenario weighs more than one that fails: nobody knows what it would have said.
fn exit(played: &[Played]) -> Exit {
    if played.iter().any(|one| one.result.is_err()) {
        Exit::Usage
    } else if played.iter().all(Played::is_good) {
        Exit::Good
    } else {
        Exit::Finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "# Story\n\n```toml config\n[[person]]\nid = \"ann\"\ncontacts = [{ channel = \"sms\", address = \"+1\" }]\n\n\
        [[policy]]\nid = \"all\"\ntiers = [{ people = [\"ann\"], delay = \"5m\" }]\nfallback = \"ann\"\n```\n\n```timeline\n\
        12:00:00  monitor fires NodeDown, critical  #=> opened SEV3; paged ann by sms\n```\n";
    const OPERATOR: &str = "[channel.pager]\nkind = \"slack\"\nurl = \"https://channel.invalid/\"\n\n[[person]]\nid = \"zoe\"\n\
        contacts = [{ channel = \"pager\" }]\n\n[[policy]]\nid = \"all\"\ntiers = [{ people = [\"zoe\"], delay = \"5m\" }]\nfallback = \"zoe\"\n";

    fn simulate(folder: &Path, config: Option<PathBuf>) -> anyhow::Result<Exit> {
        run(&Simulate { paths: vec![folder.to_owned()], config, json: false })
    }

    #[test]
    fn the_exit_says_good_failed_or_malformed() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("nights");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("story.md"), STORY).unwrap();
        fs::write(inner.join("notes.txt"), "no scenario").unwrap();
        assert_eq!(simulate(folder.path(), None).unwrap(), Exit::Good);
        fs::write(inner.join("wrong.md"), STORY.replace("; paged ann by sms", "")).unwrap();
        assert_eq!(simulate(folder.path(), None).unwrap(), Exit::Finding);
        fs::write(inner.join("broken.md"), "# Nothing in it\n").unwrap();
        assert_eq!(simulate(folder.path(), None).unwrap(), Exit::Usage);
    }

    #[test]
    fn no_scenario_at_all_is_misuse() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("missing.md")] {
            let error = simulate(&path, None).unwrap_err();
            assert_eq!(crate::output::code_of(&error), 2, "{error}");
        }
    }

    #[test]
    fn a_story_is_played_against_the_operators_own_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("quarterdeck.toml");
        fs::write(&config, OPERATOR).unwrap();
        fs::write(folder.path().join("story.md"), STORY).unwrap();
        assert_eq!(simulate(folder.path(), Some(config.clone())).unwrap(), Exit::Finding, "zoe is paged, not ann");
        fs::write(folder.path().join("story.md"), STORY.replace("paged ann by sms", "paged zoe by pager")).unwrap();
        assert_eq!(simulate(folder.path(), Some(config)).unwrap(), Exit::Good);
    }
}
