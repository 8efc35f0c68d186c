//! `quarterdeck evaluate`: how good detectors are, on data with labels.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use quarterdeck_detect::series::{
    corpus::{Rating, Series, rate},
    nab::{PROFILES, Score},
    naive::NAIVE,
    watch::Watch,
};
use quarterdeck_formats::{
    bounds::FormatError,
    series::{HEAD, Labels, Table, labels, table, with_scores},
};
use quarterdeck_sources::recorded;
use serde_json::{Value, json};

use crate::output::{Exit, Misuse, print, print_json, say, table as aligned};

/// How good detectors are, on data with labels.
#[derive(Args)]
pub(crate) struct Evaluate {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Run the detector of ordinary metrics over recorded series, and score it as the Numenta Anomaly Benchmark does.
    ///
    /// Reads every table `timestamp,value` below the folder, plain, zstd or tar, and the labels in `combined_windows.json`. One
    /// configuration for all series, one pass, no look ahead. For comparison the two one-liners are scored on the same series, and every
    /// detector whose answers (`timestamp,value,anomaly_score`) lie there too. Without labels there is no score, only answers.
    Series(SeriesArgs),
}

#[derive(Args)]
struct SeriesArgs {
    /// Folder with the series
    folder: PathBuf,
    /// Write each series with a column `anomaly_score`, in the same tree, here
    #[arg(long)]
    out: Option<PathBuf>,
    /// Labels: `combined_windows.json`, if it does not lie in the folder or beside it
    #[arg(long)]
    labels: Option<PathBuf>,
    /// Cores to use; all of them without it. The results are the same
    #[arg(long)]
    cores: Option<NonZeroUsize>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Evaluate) -> anyhow::Result<Exit> {
    match &args.what {
        What::Series(args) => series(args),
    }
}

/// A detector, by name, and its answers, series by series.
struct Answered {
    name: String,
    scores: Vec<Vec<f64>>,
}

fn series(args: &SeriesArgs) -> anyhow::Result<Exit> {
    if !args.folder.is_dir() {
        return Err(Misuse(format!("there is no folder at `{}`", args.folder.display())).into());
    }
    let mut read = Read::new(&args.folder, args.labels.as_deref())?;
    if read.series.is_empty() {
        return Err(Misuse(format!("no table `timestamp,value` below `{}`", args.folder.display())).into());
    }
    let cores = args.cores.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let (scores, busy) = judged(&read.series, cores);
    if let Some(out) = &args.out {
        write(out, &read, &scores)?;
    }
    let mut all = vec![Answered { name: "quarterdeck".to_owned(), scores }];
    all.extend(NAIVE.map(|(name, answer)| Answered {
        name: name.to_owned(),
        scores: read.series.iter().map(|series| answer(&series.values)).collect(),
    }));
    all.append(&mut read.others);
    let rated: Vec<(String, Vec<Rating>)> = if read.labelled {
        all.into_iter().map(|one| (one.name, rate(&read.series, &one.scores))).collect()
    } else {
        Vec::new()
    };
    let speed = Speed { points: read.series.iter().map(|series| series.values.len()).sum(), busy };
    if args.json {
        print_json(&document(&read, &rated, &speed))?;
    } else {
        print(&in_words(&read, &rated, &speed))?;
    }
    Ok(if read.left_out.is_empty() { Exit::Good } else { Exit::Finding })
}

/// What lies below a folder.
struct Read {
    series: Vec<Series>,
    /// The bytes of each series, for writing it again.
    bytes: Vec<Vec<u8>>,
    /// Detectors whose answers to all series are there.
    others: Vec<Answered>,
    labelled: bool,
    left_out: Vec<String>,
}

impl Read {
    fn new(folder: &Path, given: Option<&Path>) -> anyhow::Result<Self> {
        let mut read =
            Self { series: Vec::new(), bytes: Vec::new(), others: Vec::new(), labelled: false, left_out: Vec::new() };
        let mut answers = Vec::new();
        let mut windows = None;
        for (name, bytes) in recorded::unpack_metrics(folder)? {
            if name.rsplit('/').next() == Some(LABELS) {
                windows = Some(labels(&bytes).with_context(|| format!("labels in `{name}`"))?);
            }
            if Path::new(&name).extension().is_none_or(|ending| ending != "csv") {
                continue;
            }
            match table(&bytes) {
                Ok(Table { at, values, scores: None }) => {
                    read.series.push(Series { name, at, values, windows: Vec::new() });
                    read.bytes.push(bytes);
                }
                Ok(Table { scores: Some(scores), .. }) => answers.push((name, scores)),
                // A table of something else lies there by right; one of ours with a bad row does not.
                Err(FormatError::At { path, .. }) if path == HEAD => say(&format!("{name} is no table of a metric")),
                Err(why) => read.left_out.push(format!("{name}: {why}")),
            }
        }
        if let Some(windows) = found(folder, given, windows)? {
            read.label(&windows)?;
        }
        read.others(answers);
        Ok(read)
    }

    /// Gives each series the windows of the label whose name its own ends with.
    fn label(&mut self, windows: &Labels) -> anyhow::Result<()> {
        for series in &mut self.series {
            let of = |label: &str| series.name == label || series.name.ends_with(&format!("/{label}"));
            if let Some((_, windows)) = windows.iter().find(|(label, _)| of(label)) {
                let windows = windows.clone();
                series.label(&windows)?;
                self.labelled = true;
            } else {
                say(&format!("no labels for {}: taken as ordinary", series.name));
            }
        }
        Ok(())
    }

    /// Puts the answers of others beside the series they are about: `DETECTOR/set/DETECTOR_series.csv`.
    fn others(&mut self, answers: Vec<(String, Vec<f64>)>) {
        let mut by: BTreeMap<String, Vec<Option<Vec<f64>>>> = BTreeMap::new();
        for (name, scores) in answers {
            let Some((path, file)) = name.rsplit_once('/') else { continue };
            let set = path.rsplit('/').next().unwrap_or_default();
            let about = self.series.iter().position(|series| {
                let (_, own) = series.name.rsplit_once('/').unwrap_or(("", &series.name));
                series.set() == set && file.strip_suffix(own).is_some() && series.values.len() == scores.len()
            });
            let Some((about, series)) = about.and_then(|place| Some((place, self.series.get(place)?))) else {
                continue;
            };
            let own = series.name.rsplit('/').next().unwrap_or_default();
            let who = file.strip_suffix(own).unwrap_or_default().trim_end_matches('_');
            let who = if who.is_empty() { path } else { who };
            let all = by.entry(who.to_owned()).or_insert_with(|| vec![None; self.series.len()]);
            if let Some(slot) = all.get_mut(about) {
                *slot = Some(scores);
            }
        }
        for (name, scores) in by {
            let (here, of) = (scores.iter().flatten().count(), scores.len());
            match scores.into_iter().collect::<Option<Vec<_>>>() {
                Some(scores) => self.others.push(Answered { name, scores }),
                None => say(&format!("{name} is not scored: answers to {here} of {of} series")),
            }
        }
    }
}

const LABELS: &str = "combined_windows.json";

/// The labels that were given, or lie in the folder, or beside it as in the benchmark's own tree.
fn found(folder: &Path, given: Option<&Path>, inside: Option<Labels>) -> anyhow::Result<Option<Labels>> {
    let beside = [folder.join("..").join(LABELS), folder.join("../labels").join(LABELS)];
    let path = match given {
        Some(path) => path,
        None if inside.is_some() => return Ok(inside),
        None => match beside.iter().find(|path| path.is_file()) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let bytes = fs::read(path).with_context(|| format!("read `{}`", path.display()))?;
    Ok(Some(labels(&bytes).with_context(|| format!("labels in `{}`", path.display()))?))
}

/// The detector's answers, and the time that they took on all cores together. Each series is judged by itself, from nothing.
fn judged(series: &[Series], cores: usize) -> (Vec<Vec<f64>>, Duration) {
    let next = AtomicUsize::new(0);
    let done = Mutex::new((vec![Vec::new(); series.len()], Duration::ZERO));
    std::thread::scope(|scope| {
        for _ in 0..cores.min(series.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(series) = series.get(place) else { return };
                    let began = now();
                    let scores = answers(series);
                    let took = began.elapsed();
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.1 += took;
                    if let Some(slot) = done.0.get_mut(place) {
                        *slot = scores;
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn answers(series: &Series) -> Vec<f64> {
    let mut watch = Watch::default();
    series.at.iter().zip(&series.values).map(|(at, value)| watch.observe(*at, *value).score()).collect()
}

#[expect(clippy::disallowed_methods, reason = "an evaluation measures its own speed")]
fn now() -> Instant {
    Instant::now()
}

fn write(out: &Path, read: &Read, scores: &[Vec<f64>]) -> anyhow::Result<()> {
    for ((series, bytes), scores) in read.series.iter().zip(&read.bytes).zip(scores) {
        let path = out.join(&series.name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("make `{}`", folder.display()))?;
        }
        let text = with_scores(bytes, scores)?;
        fs::write(&path, text).with_context(|| format!("write `{}`", path.display()))?;
    }
    Ok(())
}

struct Speed {
    points: usize,
    busy: Duration,
}

impl Speed {
    fn per_second_and_core(&self) -> u64 {
        let micros = u64::try_from(self.busy.as_micros()).unwrap_or(u64::MAX).max(1);
        (self.points as u64).saturating_mul(1_000_000) / micros
    }
}

fn document(read: &Read, rated: &[(String, Vec<Rating>)], speed: &Speed) -> Value {
    let detectors: Vec<Value> = rated
        .iter()
        .map(|(name, ratings)| {
            let profiles: Vec<Value> = ratings.iter().map(profile).collect();
            json!({ "name": name, "profiles": profiles })
        })
        .collect();
    json!({
        "series": read.series.len(),
        "points": speed.points,
        "windows": read.series.iter().map(|series| series.windows.len()).sum::<usize>(),
        "labelled": read.labelled,
        "detectors": detectors,
        "left_out": read.left_out,
        "speed": { "points_per_second_and_core": speed.per_second_and_core(), "busy_ms": speed.busy.as_millis() },
    })
}

fn profile(rating: &Rating) -> Value {
    let one = |score: &Score| {
        json!({ "score": score.normalized(rating.profile), "raw": score.raw, "windows": score.windows,
            "found": score.found, "false_alarms": score.false_alarms })
    };
    let each = |scores: &BTreeMap<String, Score>| -> Value {
        scores.iter().map(|(name, score)| (name.clone(), one(score))).collect::<serde_json::Map<_, _>>().into()
    };
    json!({
        "profile": rating.profile.name,
        "threshold": rating.threshold,
        "overall": one(&rating.overall),
        "sets": each(&rating.sets),
        "series": each(&rating.series),
    })
}

fn in_words(read: &Read, rated: &[(String, Vec<Rating>)], speed: &Speed) -> String {
    let windows: usize = read.series.iter().map(|series| series.windows.len()).sum();
    let mut lines = vec![format!(
        "{} series, {} points, {windows} labelled windows; {} points a second on one core",
        read.series.len(),
        speed.points,
        speed.per_second_and_core()
    )];
    lines.extend(read.left_out.iter().map(|why| format!("left out: {why}")));
    if rated.is_empty() {
        lines.push("no labels: nothing to score by".to_owned());
        return lines.join("\n");
    }
    lines.extend([String::new(), by_profile(rated), String::new()]);
    lines.push("The standard profile, set by set (where nothing is labelled: what false alarms cost):".to_owned());
    lines.push(by_set(rated));
    lines.join("\n")
}

fn shown(score: &Score, rating: &Rating) -> String {
    score.normalized(rating.profile).map_or_else(|| format!("{:.2} raw", score.raw), |score| format!("{score:.1}"))
}

fn by_profile(rated: &[(String, Vec<Rating>)]) -> String {
    let mut head = vec!["DETECTOR"];
    head.extend(PROFILES.map(|profile| profile.name));
    head.extend(["FOUND", "FALSE ALARMS"]);
    let rows: Vec<Vec<String>> = rated
        .iter()
        .map(|(name, ratings)| {
            let mut row = vec![name.clone()];
            row.extend(ratings.iter().map(|rating| shown(&rating.overall, rating)));
            if let Some(Rating { overall, .. }) = ratings.first() {
                row.extend([format!("{} of {}", overall.found, overall.windows), overall.false_alarms.to_string()]);
            }
            row
        })
        .collect();
    aligned(&head, &rows)
}

fn by_set(rated: &[(String, Vec<Rating>)]) -> String {
    let standard = rated.iter().filter_map(|(_, ratings)| ratings.first());
    let sets: BTreeSet<&String> = standard.flat_map(|rating| rating.sets.keys()).collect();
    let mut head = vec!["SET"];
    head.extend(rated.iter().map(|(name, _)| name.as_str()));
    let of = |set: &String, ratings: &[Rating]| {
        let rating = ratings.first()?;
        Some(shown(rating.sets.get(set)?, rating))
    };
    let row = |set: &String| {
        let mut row = vec![set.clone()];
        row.extend(rated.iter().map(|(_, ratings)| of(set, ratings).unwrap_or_default()));
        row
    };
    aligned(&head, &sets.into_iter().map(row).collect::<Vec<_>>())
}
