//! Every scenario passes, a wrong one fails with a message that says why, and no text makes the reader panic.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "a test reads the scenarios")]

use std::path::{Path, PathBuf};

use quarterdeck_server::{clock::SystemClock, notify::Parts};
use quarterdeck_sim::scenario::{Given, Malformed, Scenario, Verdict};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["detectors", "paging"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn parts() -> Parts {
    Parts::new(SystemClock::new()).unwrap()
}

fn play(file: &str, text: &str) -> Result<Verdict, Malformed> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    Scenario::parse(file, text)?.play(Given::Own { folder, parts: &parts() })
}

#[test]
fn every_scenario_comes_out_as_written() {
    let mut wrong = Vec::new();
    let mut lines = 0;
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        match play(&path.display().to_string(), &text) {
            Ok(verdict) => {
                lines += verdict.lines;
                wrong.extend(verdict.failures.iter().map(ToString::to_string));
            }
            Err(malformed) => wrong.push(malformed.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines > 50, "only {lines} lines were played");
}
