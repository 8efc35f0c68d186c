//! How bad an incident is, as a word of its own: policies, scores and incidents all speak of it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How bad: SEV1 is worst. Ordered so that a worse severity is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look in working hours.
    Sev5,
    /// Minor: it can wait for the day.
    Sev4,
    /// Moderate: somebody is paged.
    Sev3,
    /// Major: a service or much money is at stake.
    Sev2,
    /// Critical: funds, keys or the whole business.
    Sev1,
}

impl Severity {
    /// From the mildest to the worst.
    pub const ALL: [Self; 5] = [Self::Sev5, Self::Sev4, Self::Sev3, Self::Sev2, Self::Sev1];
    /// The next milder one; the mildest is its own.
    #[must_use]
    pub const fn milder(self) -> Self {
        match self {
            Self::Sev1 => Self::Sev2,
            Self::Sev2 => Self::Sev3,
            Self::Sev3 => Self::Sev4,
            Self::Sev4 | Self::Sev5 => Self::Sev5,
        }
    }
    /// 1 to 5.
    pub const fn number(self) -> u8 {
        match self {
            Self::Sev1 => 1,
            Self::Sev2 => 2,
            Self::Sev3 => 3,
            Self::Sev4 => 4,
            Self::Sev5 => 5,
        }
    }
}
impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sev1 => "SEV1",
            Self::Sev2 => "SEV2",
            Self::Sev3 => "SEV3",
            Self::Sev4 => "SEV4",
            Self::Sev5 => "SEV5",
        })
    }
}
impl FromStr for Severity {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.to_string().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is no severity: want SEV1 to SEV5"))
    }
}
