//! `quarterdeck model`

mod day;
mod labels;
mod data;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use quarterdeck_detect::models::{
    examples,
    judged::{self, Fold, Judged},
    model::{MODEL_BYTES_MAX, Model},
};

use self::{data::Labelled, report::Report};
use crate::output::{Exit, Misuse, print, print_json, say};

/// Learn what thefts have in common, judge how well that works, look at what was learnt.
///
/// A model is learnt from a folder of recorded transactions with labels (docs/models.md says of what form) and a seed: the same
/// folder and seed give the same model. It holds no address, digest or list of contracts.
#[derive(Args)]
pub(crate) struct ModelArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Learn a model and write it to a file.
    Train(Train),
    /// Judge models that learn from earlier transactions by later ones; or one that is there by all.
    Evaluate(Evaluate),
    /// Show the card of a model: where it comes from, how good it is, what it looks at.
    Show(Show),
}

#[derive(Args)]
struct Train {
    /// Folder of recorded transactions with labels
    #[arg(long)]
    data: PathBuf,
    /// File that the model is written to
    #[arg(long)]
    out: PathBuf,
    /// The day that stands on its card, as 2026-11-28
    #[arg(long)]
    date: String,
    /// Another number gives other lots
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct Evaluate {
    /// Folder of recorded transactions with labels
    #[arg(long)]
    data: PathBuf,
    /// Judge this model by all of them, instead of models that learn from a part
    #[arg(long)]
    model: Option<PathBuf>,
    /// Another number gives other lots
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Show {
    /// File of a model
    file: PathBuf,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ModelArgs) -> anyhow::Result<Exit> {
    match &args.what {
        What::Train(args) => train(args),
        What::Evaluate(args) => evaluate(args),
        What::Show(args) => show(args),
    }
}

fn train(args: &Train) -> anyhow::Result<Exit> {
    let date = day::day_of(&args.date).map(day::day_text);
    let date = date.ok_or_else(|| Misuse(format!("`{}` is no day: want 2026-11-28", args.date)))?;
    let found = load(&args.data, false)?;
    let mut model = Model::learn(&found.examples, args.seed)?;
    model.card.date = date;
    model.card.sets = found.sets;
    fs::write(&args.out, model.written()?)?;
    print(&report::card(&model))?;
    Ok(Exit::Good)
}

fn evaluate(args: &Evaluate) -> anyhow::Result<Exit> {
    let found = load(&args.data, true)?;
    let judged = if let Some(file) = &args.model {
        let model = read(file)?;
        let all = Fold { name: String::from("all"), train: Vec::new(), test: (0..found.examples.len()).collect() };
        let mut judged = Judged::default();
        judged.add(&found.examples, &all, &model.forest, &model.typical);
        vec![("by this model", judged)]
    } else {
        let seed = examples::seed(&found.examples, args.seed);
        let days = judged::days(&found.examples, FOLDS);
        let over_time = judged::over_time(&found.examples, &days, day::day_text);
        let over_groups = judged::over_groups(&found.examples, FOLDS + 1);
        vec![
            ("later by earlier", Judged::over(&found.examples, &over_time, seed)),
            ("each incident by all others", Judged::over(&found.examples, &over_groups, seed)),
        ]
    };
    let report = Report { found: &found, judged, seed: args.seed };
    if args.json {
        print_json(&report.json())?;
    } else {
        print(&report.words())?;
    }
    Ok(Exit::Good)
}

/// Parts of the later thefts; each has some ten then.
const FOLDS: usize = 4;

fn show(args: &Show) -> anyhow::Result<Exit> {
    let model = read(&args.file)?;
    if args.json {
        print_json(&serde_json::json!({ "card": model.card, "calibration": model.calibration }))?;
    } else {
        print(&report::card(&model))?;
    }
    Ok(Exit::Good)
}

fn read(file: &Path) -> anyhow::Result<Model> {
    let text = fs::read(file).map_err(|error| Misuse(format!("read `{}`: {error}", file.display())))?;
    if text.len() > MODEL_BYTES_MAX {
        return Err(Misuse(format!("`{}` is longer than {MODEL_BYTES_MAX} bytes", file.display())).into());
    }
    Ok(Model::read(&text)?)
}

/// What is in the folder. `ruled`: also what the rules say of each.
fn load(folder: &Path, ruled: bool) -> anyhow::Result<Labelled> {
    if !folder.is_dir() {
        return Err(Misuse(format!("there is no folder `{}`", folder.display())).into());
    }
    let found = data::load(folder, ruled)?;
    for one in &found.left_out {
        say(&format!("left out: {one}"));
    }
    if found.examples.is_empty() {
        let hint =
            "want evm-exploit-traces for thefts and evm-mainnet-blocks-traced or evm-blocks-full for ordinary ones";
        return Err(Misuse(format!("nothing to learn from in `{}`: {hint}", folder.display())).into());
    }
    Ok(found)
}
