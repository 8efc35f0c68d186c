//! Series, their labels and published answers, from a folder.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use quarterdeck_detect::series::corpus::Series;
use quarterdeck_formats::{
    bounds::FormatError,
    series::{HEAD, Labels, Table, labels, table},
};
use quarterdeck_sources::recorded;

use crate::output::say;

/// A detector, by name, and its answers, series by series.
pub(super) struct Answered {
    pub(super) name: String,
    pub(super) scores: Vec<Vec<f64>>,
}

/// What lies below a folder.
pub(super) struct Read {
    pub(super) series: Vec<Series>,
    /// The bytes of each series, for writing it again.
    pub(super) bytes: Vec<Vec<u8>>,
    /// Detectors whose answers to all series are there.
    pub(super) others: Vec<Answered>,
    /// Whether there are labels for any of them.
    pub(super) labelled: bool,
    /// Tables that could not be read, and why.
    pub(super) left_out: Vec<String>,
}

impl Read {
    pub(super) fn new(folder: &Path, given: Option<&Path>) -> anyhow::Result<Self> {
        let mut read =
            Self { series: Vec::new(), bytes: Vec::new(), others: Vec::new(), labelled: false, left_out: Vec::new() };
        let mut answers = Vec::new();
        let mut windows = None;
        let unpacked = recorded::unpack_metrics(folder)?;
        read.left_out.extend(unpacked.left_out.into_iter().map(|one| format!("{}: {}", one.name, one.why)));
        for (name, bytes) in unpacked.files {
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

/// The labels that were given, or lie in the folder, or beside it as in the benchmark's own tree; plain or zstd.
fn found(folder: &Path, given: Option<&Path>, inside: Option<Labels>) -> anyhow::Result<Option<Labels>> {
    let packed = format!("{LABELS}.zst");
    let beside = ["..", "../labels"].map(|place| folder.join(place));
    let beside: Vec<PathBuf> = beside.iter().flat_map(|place| [place.join(LABELS), place.join(&packed)]).collect();
    let path = match given {
        Some(path) => path,
        None if inside.is_some() => return Ok(inside),
        None => match beside.iter().find(|path| path.is_file()) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let (_, bytes) = recorded::unpack_metrics(path)?.files.pop().unwrap_or_default();
    Ok(Some(labels(&bytes).with_context(|| format!("labels in `{}`", path.display()))?))
}
