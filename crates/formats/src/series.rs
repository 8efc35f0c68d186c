//! Recorded metrics: tables of instants and values, and the labels that the Numenta Anomaly Benchmark keeps for them.
//!
//! A table has a head and then a row for each point, `timestamp,value`, as that benchmark and most exports write it; a third column
//! `anomaly_score` makes it a detector's answers, and what stands behind is ignored. An instant is RFC 3339, the same without a zone (then
//! UTC) or with a blank for the `T`, or whole seconds since 1970. A value that is missing or `NaN` is a point at which nothing came. Labels are
//! one JSON object: for each file the first and last instant of each window. Tests: below; fuzz target `series`.

use std::collections::BTreeMap;

use quarterdeck_core::time::Timestamp;

use crate::bounds::{FormatError, read};

/// Bytes of one file: ten million points, more than a year at one in three seconds.
pub const FILE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Where an error lies if a table is one of something else.
pub const HEAD: &str = "head";

/// A table that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// When each row is from.
    pub at: Vec<Timestamp>,
    /// One for each row; not a number where nothing came.
    pub values: Vec<f64>,
    /// A detector's answers, where the table has them.
    pub scores: Option<Vec<f64>>,
}

/// Windows by file, in the order of the labels: first and last instant.
pub type Labels = BTreeMap<String, Vec<(Timestamp, Timestamp)>>;

/// Reads a table.
pub fn table(bytes: &[u8]) -> Result<Table, FormatError> {
    let mut rows = rows(bytes)?;
    let head: Vec<&str> = rows.next().unwrap_or_default().split(',').map(str::trim).collect();
    let scored = match head.as_slice() {
        ["timestamp", "value"] => false,
        ["timestamp", "value", "anomaly_score", ..] => true,
        other => return Err(FormatError::at(HEAD, format!("`{}`: want `timestamp,value`", other.join(",")))),
    };
    let (mut table, mut answers) = (Table::default(), Vec::new());
    for (row, text) in rows.enumerate() {
        let place = |column: &str| format!("row {}, {column}", row + 1);
        let mut cells = text.split(',');
        let at = cells.next().unwrap_or_default().trim();
        let at = instant(at).ok_or_else(|| FormatError::at(place("timestamp"), format!("`{at}` is no instant")))?;
        table.at.push(at);
        table.values.push(number(cells.next()).map_err(|reason| FormatError::at(place("value"), reason))?);
        if scored {
            answers.push(number(cells.next()).map_err(|reason| FormatError::at(place("anomaly_score"), reason))?);
        }
    }
    table.scores = scored.then_some(answers);
    Ok(table)
}

/// The table with these answers behind its instants and values, as the benchmark wants them.
pub fn with_scores(bytes: &[u8], scores: &[f64]) -> Result<String, FormatError> {
    let mut text = "timestamp,value,anomaly_score\n".to_owned();
    for (row, score) in rows(bytes)?.skip(1).zip(scores) {
        let mut cells = row.split(',');
        let (at, value) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        text.extend([at, ",", value, ",", &score.to_string(), "\n"]);
    }
    Ok(text)
}

/// Reads labels.
pub fn labels(bytes: &[u8]) -> Result<Labels, FormatError> {
    let files: BTreeMap<String, Vec<(String, String)>> = read(bytes, FILE_BYTES_MAX, "")?;
    let mut labels = Labels::new();
    for (file, windows) in files {
        let mut read = Vec::with_capacity(windows.len());
        for (window, (from, to)) in windows.iter().enumerate() {
            let bound = |text: &str| {
                let place = || format!("{file}[{window}]");
                instant(text).ok_or_else(|| FormatError::at(place(), format!("`{text}` is no instant")))
            };
            read.push((bound(from)?, bound(to)?));
        }
        labels.insert(file, read);
    }
    Ok(labels)
}

/// The lines that are not empty.
fn rows(bytes: &[u8]) -> Result<impl Iterator<Item = &str>, FormatError> {
    FormatError::bound("table in bytes", bytes.len(), FILE_BYTES_MAX)?;
    let text = std::str::from_utf8(bytes).map_err(|error| FormatError::at("table", error.to_string()))?;
    Ok(text.trim_start_matches('\u{feff}').lines().map(str::trim_end).filter(|row| !row.is_empty()))
}

fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Timestamp::from_secs(seconds));
    }
    let whole = text.replacen(' ', "T", 1);
    whole.parse().or_else(|_| format!("{whole}Z").parse()).ok()
}

fn number(cell: Option<&str>) -> Result<f64, String> {
    match cell.map(str::trim) {
        None => Err("it is missing".to_owned()),
        Some("") => Ok(f64::NAN),
        Some(text) => text.parse().map_err(|_| format!("`{text}` is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_and_written_back_with_answers() {
        let text = "timestamp,value\n2014-04-01 00:00:00,20.0\r\n2014-04-01T00:05:00Z,\n1396311000,-1.5e3\n";
        let read = table(text.as_bytes()).unwrap();
        let instants: Vec<String> = read.at.iter().map(ToString::to_string).collect();
        assert_eq!(instants, ["2014-04-01T00:00:00.000Z", "2014-04-01T00:05:00.000Z", "2014-04-01T00:10:00.000Z"]);
        assert!(read.values[1].is_nan() && read.values[2] <= -1500.0 && read.scores.is_none());
        let answered = with_scores(text.as_bytes(), &[0.0, 0.25, 1.0]).unwrap();
        insta::assert_snapshot!(answered, @r"
        timestamp,value,anomaly_score
        2014-04-01 00:00:00,20.0,0
        2014-04-01T00:05:00Z,,0.25
        1396311000,-1.5e3,1
        ");
        assert_eq!(table(answered.as_bytes()).unwrap().scores, Some(vec![0.0, 0.25, 1.0]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let told = |text: &str| table(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(told("time;value\n"), "head: `time;value`: want `timestamp,value`");
        assert_eq!(told(""), "head: ``: want `timestamp,value`");
        assert_eq!(told("timestamp,value\nyesterday,1\n"), "row 1, timestamp: `yesterday` is no instant");
        assert_eq!(told("timestamp,value\n2014-04-01 00:00:00,x\n"), "row 1, value: `x` is no number");
        assert_eq!(told("timestamp,value\n2014-04-01 00:00:00\n"), "row 1, value: it is missing");
        assert!(table(b"timestamp,value\n\xff").is_err());
    }

    #[test]
    fn labels_are_windows_by_file() {
        let read = labels(
            br#"{"realTweets/a.csv": [["2014-02-26 13:45:00.000000", "2014-02-27 06:25:00.000000"]], "b/b.csv": []}"#,
        );
        let read = read.unwrap();
        assert_eq!(read["b/b.csv"], []);
        assert_eq!(read["realTweets/a.csv"][0].0.to_string(), "2014-02-26T13:45:00.000Z");
        let wrong = labels(br#"{"a.csv": [["2014-02-26 13:45:00", "x"]]}"#).unwrap_err();
        assert_eq!(wrong.to_string(), "a.csv[0]: `x` is no instant");
    }
}
