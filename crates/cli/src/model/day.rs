//! Days, as labels write them.

use quarterdeck_core::time::Timestamp;

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// `2021/8/4` or `2021-08-04` as days since 1970.
pub(crate) fn day_of(text: &str) -> Option<i64> {
    let parts: Vec<u16> = text.split(['/', '-']).filter_map(|part| part.parse().ok()).collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let midnight: Timestamp = format!("{year:04}-{month:02}-{day:02}T00:00:00Z").parse().ok()?;
    Some(midnight.as_ms().div_euclid(DAY_MS))
}

/// A day as people write it.
pub(crate) fn day_text(day: i64) -> String {
    Timestamp::from_ms(day.saturating_mul(DAY_MS)).to_string().chars().take(10).collect()
}
