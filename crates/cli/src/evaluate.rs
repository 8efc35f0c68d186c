//! `quarterdeck evaluate`: how good detectors are, on data with labels.

mod reading;
mod judging;
mod telling;

use std::{
    fs,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use quarterdeck_detect::series::{
    corpus::{Rating, rate},
    naive::NAIVE,
};
use quarterdeck_formats::series::with_scores;

use self::{
    judging::{Kept, judged},
    reading::{Answered, Read},
    telling::{Speed, document, in_words},
};
use crate::output::{Exit, Misuse, print, print_json};

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
    /// At most one false alarm in so many points: tells what became of the promise
    #[arg(long, value_name = "POINTS")]
    budget: Option<NonZeroU32>,
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

fn series(args: &SeriesArgs) -> anyhow::Result<Exit> {
    if !args.folder.is_dir() {
        return Err(Misuse(format!("there is no folder at `{}`", args.folder.display())).into());
    }
    let mut read = Read::new(&args.folder, args.labels.as_deref())?;
    if read.series.is_empty() {
        return Err(Misuse(format!("no table `timestamp,value` below `{}`", args.folder.display())).into());
    }
    let cores = args.cores.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let (judged, busy) = judged(&read.series, cores, args.budget);
    let kept = args.budget.map(|budget| Kept::of(budget, &read.series, &judged));
    let scores: Vec<Vec<f64>> = judged.into_iter().map(|judged| judged.scores).collect();
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
        print_json(&document(&read, &rated, kept.as_ref(), &speed))?;
    } else {
        print(&in_words(&read, &rated, kept.as_ref(), &speed))?;
    }
    Ok(if read.left_out.is_empty() { Exit::Good } else { Exit::Finding })
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
