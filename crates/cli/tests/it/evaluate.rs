//! `quarterdeck evaluate series` as a person types it.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn evaluate(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .args(["evaluate", "series"])
        .arg(folder)
        .args(more)
        .output()
        .unwrap()
}

/// Three weeks of one value in ten minutes with a daily wave, and a step on the last day but one.
fn table(step: f64) -> String {
    let mut text = "timestamp,value\n".to_owned();
    for point in 0..3_024_u32 {
        let (minutes, day) = (point * 10, point / 144);
        let wave = (f64::from(minutes % 1_440) / 1_440.0 * std::f64::consts::TAU).sin();
        let noise = f64::from(point.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        let value = 50.0 + 10.0 * wave + noise + if day == 19 { step } else { 0.0 };
        let (hour, minute) = (minutes / 60 % 24, minutes % 60);
        writeln!(text, "2026-01-{:02} {hour:02}:{minute:02}:00,{value}", day + 1).unwrap();
    }
    text
}

const LABELS: &str =
    r#"{"web/step.csv": [["2026-01-19 20:00:00.000000", "2026-01-20 12:00:00.000000"]], "web/quiet.csv": []}"#;

fn corpus() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data/web");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("step.csv"), table(60.0)).unwrap();
    fs::write(data.join("quiet.csv"), table(0.0)).unwrap();
    fs::write(folder.path().join("combined_windows.json"), LABELS).unwrap();
    folder
}

#[test]
fn a_labelled_folder_is_scored_and_its_answers_are_written_whatever_the_cores() {
    let folder = corpus();
    let written = |cores: &str| {
        let out = folder.path().join(format!("out-{cores}"));
        let done = evaluate(&folder.path().join("data"), &["--json", "--cores", cores, "--out", out.to_str().unwrap()]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let document: Value = serde_json::from_slice(&done.stdout).unwrap();
        (document, fs::read_to_string(out.join("web/step.csv")).unwrap(), fs::read(out.join("web/quiet.csv")).unwrap())
    };
    let (document, step, quiet) = written("1");
    let (again, ..) = written("2");
    assert_eq!(document["detectors"], again["detectors"]);
    assert_eq!((step.clone(), quiet), {
        let (_, step, quiet) = written("2");
        (step, quiet)
    });

    let ours = &document["detectors"][0];
    assert_eq!((ours["name"].as_str(), document["windows"].as_u64()), (Some("quarterdeck"), Some(1)));
    let overall = &ours["profiles"][0]["overall"];
    assert!(overall["score"].as_f64().unwrap() > 80.0 && overall["found"] == 1, "{overall}");
    assert_eq!(ours["profiles"][2]["profile"], "reward_low_FN_rate");

    let mut rows = step.lines();
    assert_eq!(rows.next(), Some("timestamp,value,anomaly_score"));
    let scores: Vec<f64> = rows.map(|row| row.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert!(scores.len() == 3_024 && scores.iter().all(|score| (0.0..=1.0).contains(score)));
    let first = 19 * 144;
    assert!(scores[first] > 0.99 && scores[first + 1..first + 100].iter().all(|score| *score <= 0.0), "one alarm");
}

#[test]
fn answers_of_others_are_scored_beside_ours_and_what_cannot_be_read_is_named() {
    let folder = corpus();
    let theirs = folder.path().join("other/web");
    fs::create_dir_all(&theirs).unwrap();
    for name in ["step", "quiet"] {
        let text = table(0.0).replace("timestamp,value", "timestamp,value,anomaly_score").replace(":00,", ":00,0,");
        fs::write(theirs.join(format!("other_{name}.csv")), text).unwrap();
    }
    fs::write(folder.path().join("data/web/bad.csv"), "timestamp,value\nyesterday,1\n").unwrap();
    let done = evaluate(folder.path(), &[]);
    assert_eq!(done.status.code(), Some(1));
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(told.contains("left out: data/web/bad.csv: row 1, timestamp: `yesterday` is no instant"), "{told}");
    let rows: Vec<&str> = ["quarterdeck ", "moving variance ", "squared difference ", "other "]
        .iter()
        .filter_map(|name| told.lines().find(|line| line.starts_with(name)))
        .collect();
    assert_eq!(rows.len(), 4, "{told}");
}

#[test]
fn a_budget_is_held_against_what_was_told() {
    let folder = corpus();
    let done = evaluate(folder.path(), &["--json", "--budget", "1000"]);
    let document: Value = serde_json::from_slice(&done.stdout).unwrap();
    let budget = &document["budget"];
    // The step and its return are in the window; outside it the two series have 5,951 points.
    assert_eq!((budget["ordinary_points"].as_u64(), budget["promised"].as_u64()), (Some(5_951), Some(5)), "{budget}");
    assert_eq!(budget["found"], 1);
    assert!(budget["realized"].as_u64().unwrap() <= 8 && budget["realized_high"].as_f64().unwrap() > 0.0, "{budget}");
    let told = String::from_utf8_lossy(&evaluate(folder.path(), &["--budget", "1000"]).stdout).into_owned();
    assert!(told.contains("budget: one false alarm in 1000 points; 5951 outside the windows: 5 promised"), "{told}");
    assert_eq!(evaluate(folder.path(), &["--budget", "0"]).status.code(), Some(2));
}

#[test]
fn without_labels_there_are_answers_and_no_score() {
    let folder = corpus();
    fs::remove_file(folder.path().join("combined_windows.json")).unwrap();
    let done = evaluate(&folder.path().join("data"), &[]);
    assert!(done.status.success());
    assert!(String::from_utf8_lossy(&done.stdout).contains("no labels: nothing to score by"));
    let elsewhere = folder.path().join("windows.json");
    fs::write(&elsewhere, LABELS).unwrap();
    let done = evaluate(&folder.path().join("data"), &["--labels", elsewhere.to_str().unwrap()]);
    assert!(done.status.success() && String::from_utf8_lossy(&done.stdout).contains("1 labelled windows"));
    assert_eq!(evaluate(&folder.path().join("nowhere"), &[]).status.code(), Some(2));
}
