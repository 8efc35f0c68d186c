//! What is wrong with a configuration: where, what, and what to do.

use std::{fmt, path::PathBuf};

use quarterdeck_core::near;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line of the file, from 1, where known.
    pub line: Option<usize>,
    /// Which setting: `policies.night.tiers[1]`.
    pub path: String,
    /// What is wrong, with the value.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        write!(f, "{}", self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "\n  hint: {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It has mistakes.
    #[error("{}", list(mistakes))]
    Mistakes {
        /// All of them.
        mistakes: Vec<Mistake>,
    },
}

fn list(mistakes: &[Mistake]) -> String {
    let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

impl ConfigError {
    /// TOML that does not parse, or keys that do not belong.
    pub fn shape(text: &str, error: &toml::de::Error) -> Self {
        let lines = Lines::of(text);
        let line = error.span().map(|span| lines.at(span.start));
        let mut what = error.message().to_owned();
        let named = what.split('`').nth(1).unwrap_or_default().to_owned();
        let first = line.and_then(|line| lines.first_like(line)).filter(|_| what.contains("duplicate key"));
        let section = line.map(|line| lines.section(line)).unwrap_or_default();
        let (key, remedy) = if let Some((name, first)) = first {
            what = format!("`{name}` is there already, in line {first}");
            (String::new(), "keep one, or give the other a name of its own".to_owned())
        } else if what.contains("unknown field") {
            let remedy = near::remedy_by(&what).unwrap_or_else(|| "remove it".to_owned());
            // The list of what there is stands in the remedy, as far as it helps.
            what = format!("there is no key `{named}` here");
            (named, format!("{remedy}, or remove the key"))
        } else if what.contains("missing field") {
            what = format!("the key `{named}` is missing");
            (named, "add it".to_owned())
        } else {
            let key = error.span().and_then(|span| key_before(text, span.start)).unwrap_or_default();
            let shown = "see how `examples/exchange.toml` writes it".to_owned();
            (key.to_owned(), near::remedy_by(&what).unwrap_or(shown))
        };
        let path =
            if key.is_empty() || section.is_empty() || section == key { key } else { format!("{section}.{key}") };
        Self::Mistakes { mistakes: vec![Mistake { line, path, what, remedy }] }
    }

    /// The mistakes, if it is not the file itself.
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            Self::Read { .. } => &[],
            Self::Mistakes { mistakes } => mistakes,
        }
    }
}

/// The key whose value begins at `offset`, by what stands before it.
fn key_before(text: &str, offset: usize) -> Option<&str> {
    let before = text.get(..offset)?;
    let line = before.rsplit('\n').next()?.trim_end().strip_suffix('=')?.trim_end();
    line.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next().filter(|key| !key.is_empty())
}

/// Whether a line `key = …` begins with a plain key, and is no part of a value and no comment.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Where each setting stands: finds the line of an item such as the third `[[service]]`, or of a key in it.
pub struct Lines {
    /// Header or key, with its line.
    headers: Vec<(String, usize)>,
    keys: Vec<(usize, String, usize)>,
    /// Where each line ends, in bytes.
    ends: Vec<usize>,
    texts: Vec<String>,
}

impl Lines {
    /// Looks through the text once. Only plain headers and keys are found; that is what people write.
    pub fn of(text: &str) -> Self {
        let mut lines = Self { headers: Vec::new(), keys: Vec::new(), ends: Vec::new(), texts: Vec::new() };
        lines.ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place).collect();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            lines.texts.push(line.to_owned());
            if let Some(header) = line.strip_prefix('[') {
                let name: String = header.trim_start_matches('[').chars().take_while(|c| *c != ']').collect();
                lines.headers.push((name.trim().to_owned(), number));
            } else if let Some((key, _)) = line.split_once('=') {
                let key = key.trim().trim_matches('"').to_owned();
                lines.keys.push((lines.headers.len(), key, number));
            }
        }
        lines
    }

    /// The line of a place in the text, in bytes.
    pub fn at(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset) + 1
    }

    /// What stands in `line`, a header or a key, and the line where it stands first.
    fn first_like(&self, line: usize) -> Option<(&str, usize)> {
        if let Some((name, _)) = self.headers.iter().find(|(_, at)| *at == line) {
            let first = self.headers.iter().find(|(other, at)| other == name && *at < line)?;
            return Some((name, first.1));
        }
        let (section, key, _) = self.keys.iter().find(|(_, _, at)| *at == line)?;
        let first = self.keys.iter().find(|(other, name, at)| other == section && name == key && *at < line)?;
        Some((key, first.2))
    }

    /// The line of the `nth` (from 0) section called `header`, and of `key` in it if it is found.
    pub fn find(&self, header: &str, nth: usize, key: &str) -> Option<usize> {
        let mut same = self.headers.iter().enumerate().filter(|(_, (name, _))| name == header);
        let (place, (_, line)) = same.nth(nth)?;
        let inside = self.keys.iter().find(|(section, name, _)| *section == place + 1 && name == key);
        Some(inside.map_or(*line, |(_, _, line)| *line))
    }

    /// The header that `line` stands under.
    fn section(&self, line: usize) -> &str {
        self.headers.iter().rev().find(|(_, at)| *at <= line).map_or("", |(name, _)| name)
    }

    /// The line of the value that `what` speaks of last, in backticks, within what begins in line `from`: a list may run over many
    /// lines. `from` itself if it is not found there.
    pub fn of_value(&self, from: usize, header: &str, what: &str) -> usize {
        let begins_with_key = self.keys.iter().any(|(_, key, at)| *at == from && is_plain(key));
        let next_header = self.headers.iter().filter(|(name, at)| {
            *at > from && (begins_with_key || !name.strip_prefix(header).is_some_and(|rest| rest.starts_with('.')))
        });
        let next_key = self.keys.iter().filter(|(_, key, at)| begins_with_key && *at > from && is_plain(key));
        let ends = next_header.map(|(_, at)| *at).chain(next_key.map(|(_, _, at)| *at));
        let end = ends.min().unwrap_or(usize::MAX);
        // What is wanted instead stands there by chance.
        let what = what.split(": want").next().unwrap_or_default();
        let said: Vec<&str> = what.split('`').skip(1).step_by(2).filter(|said| !said.is_empty()).collect();
        let holds = |said: &str| {
            let quoted = format!("\"{said}\"");
            let within = (from..end).zip(self.texts.iter().skip(from.saturating_sub(1)));
            within.filter(|(_, text)| text.contains(&quoted)).map(|(number, _)| number).next()
        };
        said.iter().rev().find_map(|said| holds(said)).unwrap_or(from)
    }
}
