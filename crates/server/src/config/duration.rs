//! Spans as people write them in the file: `90s`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

/// Reads a span. Whole numbers with units `ms`, `s`, `m`, `h`, `d`, `w`; several may follow each other.
pub fn parse(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is no span: want for example `90s`, `5m`, `1h30m`");
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits).ok_or_else(bad)?;
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at_checked(letters).ok_or_else(bad)?;
        let scale: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(bad()),
        };
        let ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(scale)).ok_or_else(bad)?;
        total = total.checked_add(ms).ok_or_else(bad)?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_people_write_them() {
        for (text, ms) in [("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("250ms", 250), ("2d", 172_800_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "5", "m", "5x", "-5m", "5 m", "99999999999999999999s", "é"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
