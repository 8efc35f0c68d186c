//! What is wrong with a configuration: where, what, and what to do.

use std::{fmt, path::PathBuf};

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line of the file, from 1, where known.
    pub line: Option<usize>,
    /// Which setting: `policies.night.tiers[1]`.
    pub path: String,
    /// What is wrong, with the value.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Fault {
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
    /// It has faults.
    #[error("{}", list(faults))]
    Faults {
        /// All of them.
        faults: Vec<Fault>,
    },
}

fn list(faults: &[Fault]) -> String {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

impl ConfigError {
    /// TOML that does not parse, or keys that do not belong.
    pub fn shape(text: &str, error: &toml::de::Error) -> Self {
        let lines = Lines::of(text);
        let line = error.span().map(|span| lines.at(span.start));
        let mut what = error.message().to_owned();
        let first = line.and_then(|line| lines.first_like(line)).filter(|_| what.contains("duplicate key"));
        let first_known = first.is_some();
        if let Some((name, first)) = first {
            what = format!("`{name}` is there already, in line {first}");
        }
        let remedy = if first_known {
            "keep one, or give the other a name of its own".to_owned()
        } else if what.contains("unknown field") {
            "remove the key, or correct its spelling".to_owned()
        } else if what.contains("missing field") {
            "add the key".to_owned()
        } else {
            "see `examples/` for a commented file".to_owned()
        };
        Self::Faults { faults: vec![Fault { line, path: String::new(), what, remedy }] }
    }

    /// The faults, if it is not the file itself.
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Read { .. } => &[],
            Self::Faults { faults } => faults,
        }
    }
}

/// Where each setting stands: finds the line of an item such as the third `[[service]]`, or of a key in it.
pub struct Lines {
    /// Header or key, with its line.
    headers: Vec<(String, usize)>,
    keys: Vec<(usize, String, usize)>,
    /// Where each line ends, in bytes.
    ends: Vec<usize>,
}

impl Lines {
    /// Looks through the text once. Only plain headers and keys are found; that is what people write.
    pub fn of(text: &str) -> Self {
        let mut lines = Self { headers: Vec::new(), keys: Vec::new(), ends: Vec::new() };
        lines.ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place).collect();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
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
}
