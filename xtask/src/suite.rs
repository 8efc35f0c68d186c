//! `cargo xtask test`: every check there is, each timed and named, on a stranger's clone as in CI.
//!
//! A step passes or fails as a whole. What the machine lacks is installed first (`tools.rs`); what cannot be installed, and
//! recorded data that is not there, is named as left out, and with `CI=true` it is a failure instead.

mod step;
mod demo;
mod supply;
mod steps;
mod nightly;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use step::Step;

use crate::world::{Passed, World};

/// `cargo xtask test`.
pub(crate) fn test(root: &Path, words: &[String]) -> anyhow::Result<bool> {
    run(root, steps::STEPS, words)
}

/// `cargo xtask nightly`.
pub(crate) fn night(root: &Path, words: &[String]) -> anyhow::Result<bool> {
    run(root, nightly::STEPS, words)
}

/// Runs those of the steps that the arguments choose.
fn run(root: &Path, steps: &'static [Step], words: &[String]) -> anyhow::Result<bool> {
    if words == ["--list"] {
        for step in steps {
            println!("{:<10} {}", step.name, step.what);
        }
        return Ok(true);
    }
    let chosen = choose(steps, words)?;
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

fn choose(steps: &'static [Step], words: &[String]) -> anyhow::Result<Vec<&'static Step>> {
    let (mut only, mut skip) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let list = match word.as_str() {
            "--only" => &mut only,
            "--skip" => &mut skip,
            other => anyhow::bail!("unknown argument `{other}`; known are --only STEP, --skip STEP, --list"),
        };
        let Some(name) = words.next() else { anyhow::bail!("`{word}` wants the name of a step") };
        let known = steps.iter().any(|step| step.name == name);
        anyhow::ensure!(known, "no step `{name}`; --list names them");
        list.push(name.clone());
    }
    let named = |list: &[String], step: &Step| list.iter().any(|name| name == step.name);
    let wanted = |step: &&Step| (only.is_empty() || named(&only, step)) && !named(&skip, step);
    Ok(steps.iter().filter(wanted).collect())
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
        let names =
            |text: &str| choose(steps::STEPS, &words(text)).unwrap().iter().map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(names("--only tidy --only fmt"), ["fmt", "tidy"]);
        assert!(!names("--skip tidy").contains(&"tidy"));
        assert!(choose(steps::STEPS, &words("--only tiddy")).is_err());
        assert!(choose(steps::STEPS, &words("tidy")).is_err());
    }
}
