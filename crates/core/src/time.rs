//! Instants and spans. Everything is UTC milliseconds; zones matter only to schedules (`policy`).

use std::{fmt, str::FromStr, time::Duration};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Milliseconds since 1970-01-01T00:00:00Z. Prints and serializes as RFC 3339 with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant, for comparisons.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The latest instant that prints: the end of the year 9999.
    pub const MAX: Self = Self(253_402_207_200_000);

    /// From milliseconds since 1970; what does not print is moved to the nearest instant that does.
    pub fn from_ms(ms: i64) -> Self {
        Self(ms.clamp(Self::MIN.0, Self::MAX.0))
    }
    /// From whole seconds since 1970, as block headers have them.
    pub fn from_secs(seconds: u64) -> Self {
        Self::from_ms(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
    }
    /// Milliseconds since 1970.
    pub const fn as_ms(self) -> i64 {
        self.0
    }
    /// This instant moved later by `span`.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self::from_ms(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
    /// This instant moved earlier by `span`.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self::from_ms(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
    /// As jiff's instant, for zone arithmetic.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
    /// From jiff's instant, rounded down to the millisecond.
    pub fn from_jiff(instant: jiff::Timestamp) -> Self {
        Self::from_ms(instant.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        f.pad(&PRINTER.timestamp_to_string(&self.to_jiff()))
    }
}
impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(Self::from_jiff)
    }
}
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Spans in stored data: whole milliseconds. Use with `#[serde(with = "crate::time::span_ms")]` on a `Duration`.
pub mod span_ms {
    use super::{Deserialize, Deserializer, Duration, Serializer};
    /// Writes whole milliseconds.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }
    /// Reads whole milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// A span as people read it: `850 ms`, `12.4 s`, `5 min 10 s`, `3 h 20 min`, `2 d 4 h`.
pub fn human_span(span: Duration) -> String {
    let ms = span.as_millis();
    let s = span.as_secs();
    match s {
        _ if ms < 1_000 => format!("{ms} ms"),
        0..60 => format!("{}.{} s", s, (ms % 1_000) / 100),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, (s % 3_600) / 60),
        _ => format!("{} d {} h", s / 86_400, (s % 86_400) / 3_600),
    }
}

/// An instant as people say it: as such, or as a span from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long from now.
    In(Duration),
    /// At this instant.
    At(Timestamp),
}

impl When {
    /// The instant that is meant at `now`.
    pub fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::In(span) => now.plus(span),
            Self::At(at) => at,
        }
    }
}

/// A text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("want a span from now such as 45m or 1h30m, or an instant such as 2026-11-28T04:00:00Z")]
pub struct BadWhen;

impl FromStr for When {
    type Err = BadWhen;
    fn from_str(text: &str) -> Result<Self, BadWhen> {
        let text = text.trim();
        match span(text) {
            Some(span) => Ok(Self::In(span)),
            None => text.parse().map(Self::At).map_err(|_| BadWhen),
        }
    }
}

/// Whole numbers, each with `s`, `m`, `h` or `d`: `90s`, `1h30m`.
fn span(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut number: Option<u64> = None;
    for character in text.chars().filter(|character| *character != ' ') {
        if let Some(digit) = character.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit))?);
            continue;
        }
        let unit = match character {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && !text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_said_as_such_or_as_a_span_from_now() {
        let now = Timestamp::from_secs(1_000);
        let at = |text: &str| text.parse::<When>().map(|when| when.instant(now).as_ms() / 1_000);
        for (text, want) in
            [("45m", 3_700), ("1h 30m", 6_400), ("90s", 1_090), ("2d", 173_800), ("1970-01-01T01:00:00Z", 3_600)]
        {
            assert_eq!(at(text), Ok(want), "{text}");
        }
        for bad in ["", "m", "45", "4x", "99999999999999999999d", "tomorrow", "1970-01-01"] {
            assert_eq!(at(bad), Err(BadWhen), "{bad}");
        }
    }

    #[test]
    fn an_instant_reads_back_as_printed() {
        let t = Timestamp::from_ms(1_700_000_000_123);
        assert_eq!(t.to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(t.to_string().parse::<Timestamp>().ok(), Some(t));
        assert_eq!(Timestamp::from_ms(i64::MAX).to_string().parse::<Timestamp>().ok(), Some(Timestamp::MAX));
    }

    #[test]
    fn spans_read_well() {
        let texts: Vec<String> =
            [5, 12_400, 310_000, 12_000_000, 187_200_000].map(|ms| human_span(Duration::from_millis(ms))).into();
        assert_eq!(texts, ["5 ms", "12.4 s", "5 min 10 s", "3 h 20 min", "2 d 4 h"]);
    }
}
