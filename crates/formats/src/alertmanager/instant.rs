//! Instants as Alertmanager takes them: RFC 3339, and what its clients write besides.
//!
//! Found by running 0.25.0: without a zone is UTC, with a space for the `T`, without seconds, with a comma before the fraction. A day
//! alone is none. We also take `+0000`, and a silence until the end of the year 9999, both of which it refuses. Tests: below, and side
//! by side in the server's `clients` tests.

use quarterdeck_core::time::Timestamp;

use crate::bounds;

/// The instant; none for the zero time of Go, the year 1.
pub(super) fn instant(text: &str) -> Result<Option<Timestamp>, String> {
    bounds::instant(text).or_else(|error| otherwise(text).map(Some).ok_or(error))
}

fn otherwise(text: &str) -> Option<Timestamp> {
    let text = text.replace(',', ".");
    // A day alone, which the library would take for midnight, has no time behind it.
    text.find(['T', 't', ' '])?;
    let read = |text: &str| text.parse::<Timestamp>().or_else(|_| format!("{text}Z").parse()).ok();
    read(&text).or_else(|| {
        // The library's last instant is a day before the calendar's. A year before, the same day is read as any other.
        let before = text.strip_prefix("9999-12-3").map(|rest| format!("9998-12-3{rest}"))?;
        read(&before).map(|_| Timestamp::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_taken_as_alertmanager_takes_them() {
        let read = |text: &str| instant(text).map(|at| at.map(|at| at.to_string()));
        for (text, want) in [
            ("2026-11-27T10:00:00Z", "2026-11-27T10:00:00.000Z"),
            ("2026-11-27T10:00:00", "2026-11-27T10:00:00.000Z"),
            ("2026-11-27 10:00:00", "2026-11-27T10:00:00.000Z"),
            ("2026-11-27T10:00Z", "2026-11-27T10:00:00.000Z"),
            ("2026-11-27T10:00:00,5Z", "2026-11-27T10:00:00.500Z"),
            ("2026-11-27T10:00:00.25", "2026-11-27T10:00:00.250Z"),
            ("2030-01-01T00:00:00-12:00", "2030-01-01T12:00:00.000Z"),
            ("1969-01-01T00:00:00Z", "1969-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-30T22:00:00.000Z"),
            ("9999-12-31T23:59:59", "9999-12-30T22:00:00.000Z"),
        ] {
            assert_eq!(read(text), Ok(Some(want.to_owned())), "{text}");
        }
        assert_eq!(read("0001-01-01T00:00:00Z"), Ok(None));
        for bad in [
            "2026-11-27",
            "10000-01-01T00:00:00Z",
            "soon",
            "9999-12-32T00:00:00Z",
            "9999-12-31T25:00:00Z",
            "2026-11-27T24:00:00Z",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
