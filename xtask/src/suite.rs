//! `cargo xtask test`: every check there is, each timed and named, on a stranger's clone as in CI.
//!
//! A step passes or fails as a whole. What the machine lacks is installed first (`suite/tools.rs`); what cannot be installed, and
//! recorded data that is not there, is named as left out, and with `CI=true` it is a failure instead.

mod steps;
pub(crate) mod tools;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// One step: its name and what it does. What it returns as text is shown beside its result.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn(&World) -> anyhow::Result<Passed>,
}

/// How a step passed.
pub(crate) enum Passed {
    /// All of it.
    Whole,
    /// Without a part that this machine cannot do.
    Without(String),
}

/// What the steps share.
pub(crate) struct World {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// With `CI=true` nothing may be left out.
    pub(crate) ci: bool,
    /// Recorded data, if it is there.
    pub(crate) data: Option<PathBuf>,
}

impl World {
    pub(crate) fn new(root: &Path) -> Self {
        let folder = std::env::var_os("QUARTERDECK_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
        Self {
            root: root.to_owned(),
            ci: std::env::var("CI").is_ok_and(|ci| ci == "true"),
            data: folder.canonicalize().ok().filter(|folder| folder.is_dir()),
        }
    }

    /// What cannot be done here is a failure in CI and a remark elsewhere.
    pub(crate) fn left_out(&self, what: String) -> anyhow::Result<Passed> {
        anyhow::ensure!(!self.ci, "left out: {what}; with CI=true nothing may be");
        Ok(Passed::Without(what))
    }
}

/// Runs the steps that the arguments choose.
pub(crate) fn run(root: &Path, words: &[String]) -> anyhow::Result<bool> {
    if words == ["--list"] {
        for step in steps::STEPS {
            println!("{:<10} {}", step.name, step.what);
        }
        return Ok(true);
    }
    let chosen = choose(words)?;
    let world = World::new(root);
    let mut results = Vec::new();
    for step in chosen {
        println!("\n== {}: {}", step.name, step.what);
        let begun = Instant::now();
        let outcome = (step.run)(&world);
        let took = begun.elapsed();
        if let Err(error) = &outcome {
            println!("FAILED {}: {error:#}", step.name);
        }
        results.push(Finished { name: step.name, took, outcome: outcome.map_err(|error| format!("{error:#}")) });
    }
    print!("{}", summary(&results));
    Ok(results.iter().all(|finished| finished.outcome.is_ok()))
}

fn choose(words: &[String]) -> anyhow::Result<Vec<&'static Step>> {
    let (mut only, mut skip) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let list = match word.as_str() {
            "--only" => &mut only,
            "--skip" => &mut skip,
            other => anyhow::bail!("unknown argument `{other}`; known are --only STEP, --skip STEP, --list"),
        };
        let Some(name) = words.next() else { anyhow::bail!("`{word}` wants the name of a step") };
        let known = steps::STEPS.iter().any(|step| step.name == name);
        anyhow::ensure!(known, "no step `{name}`; `cargo xtask test --list` names them");
        list.push(name.clone());
    }
    let named = |list: &[String], step: &Step| list.iter().any(|name| name == step.name);
    let wanted = |step: &&Step| (only.is_empty() || named(&only, step)) && !named(&skip, step);
    Ok(steps::STEPS.iter().filter(wanted).collect())
}

struct Finished {
    name: &'static str,
    took: Duration,
    outcome: Result<Passed, String>,
}

/// The table, and the counts alone on the last line.
fn summary(results: &[Finished]) -> String {
    let mut text = String::from("\n");
    for Finished { name, took, outcome } in results {
        let (word, remark) = match outcome {
            Ok(Passed::Whole) => ("passed", String::new()),
            Ok(Passed::Without(what)) => ("passed", format!("left out: {what}")),
            Err(error) => ("FAILED", error.lines().next().unwrap_or_default().to_owned()),
        };
        let line = format!("{name:<10} {word} {:>8.1} s  {remark}", took.as_secs_f64());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let passed = results.iter().filter(|finished| finished.outcome.is_ok()).count();
    text + &format!("\n{passed} passed, {} failed\n", results.len() - passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(name: &'static str, outcome: Result<Passed, String>) -> Finished {
        Finished { name, took: Duration::from_millis(1_250), outcome }
    }

    #[test]
    fn the_last_line_counts_steps_and_a_failure_is_one() {
        let text = summary(&[
            finished("fmt", Ok(Passed::Whole)),
            finished("tests", Ok(Passed::Without("tests on recorded data".to_owned()))),
            finished("demo", Err("two runs differ\nat byte 7".to_owned())),
        ]);
        assert_eq!(text.lines().last(), Some("2 passed, 1 failed"));
        assert!(text.contains("left out: tests on recorded data"));
        assert!(text.contains("demo       FAILED      1.2 s  two runs differ\n"), "{text}");
    }

    #[test]
    fn only_and_skip_choose_and_unknown_names_are_refused() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let names = |text: &str| choose(&words(text)).unwrap().iter().map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(names("--only tidy --only fmt"), ["fmt", "tidy"]);
        assert!(!names("--skip tidy").contains(&"tidy"));
        assert!(choose(&words("--only tiddy")).is_err());
        assert!(choose(&words("tidy")).is_err());
    }

    #[test]
    fn what_is_left_out_fails_in_ci_only() {
        let world = |ci| World { root: PathBuf::new(), ci, data: None };
        assert!(world(true).left_out("recorded data".to_owned()).is_err());
        assert!(world(false).left_out("recorded data".to_owned()).is_ok());
    }
}
