//! What is usual for an hour of the day, from the days before.
//!
//! For each of 24 hours (UTC) the mean of that hour on each of the last days; usual is their median, so that one odd day does not
//! become the rule. Days on which nothing came are simply not there.

use quarterdeck_core::time::Timestamp;

use crate::statistics::magnitude::f64_of;

/// Days kept for each hour: two weeks, so that weekends are a minority and a change of habit is believed after one.
const DAYS_MAX: usize = 14;
/// Days from which an hour is known.
const DAYS_MIN: usize = 2;
const HOUR_MS: i64 = 3_600_000;

/// The last days, by hour.
#[derive(Debug, Clone, Default)]
pub struct Season {
    hours: [Hour; 24],
}

#[derive(Debug, Clone, Default)]
struct Hour {
    /// Oldest first.
    days: Vec<Day>,
}

#[derive(Debug, Clone)]
struct Day {
    number: i64,
    sum: f64,
    count: u64,
}

impl Season {
    /// What is usual at this hour, from earlier days; none before there are enough of them.
    pub fn usual(&self, at: Timestamp) -> Option<f64> {
        let (hour, today) = place(at);
        let days = self.hours.get(hour)?.days.iter().filter(|day| day.number < today);
        let mut means: Vec<f64> = days.map(|day| day.sum / f64_of(day.count)).collect();
        means.sort_by(f64::total_cmp);
        let (middle, even) = (means.len() / 2, means.len().is_multiple_of(2));
        let upper = means.get(middle).copied();
        if means.len() < DAYS_MIN || !even {
            return upper.filter(|_| means.len() >= DAYS_MIN);
        }
        Some(means.get(middle - 1)?.midpoint(upper?))
    }

    /// Takes a value in. What is older than the days already there is left out.
    pub fn push(&mut self, at: Timestamp, value: f64) {
        let (hour, today) = place(at);
        let Some(Hour { days }) = self.hours.get_mut(hour) else { return };
        match days.last_mut() {
            Some(day) if day.number == today => {
                day.sum += value;
                day.count += 1;
            }
            Some(day) if day.number > today => {}
            _ => {
                if days.len() == DAYS_MAX {
                    days.remove(0);
                }
                days.push(Day { number: today, sum: value, count: 1 });
            }
        }
    }
}

/// The hour of the day, and the day's number.
fn place(at: Timestamp) -> (usize, i64) {
    let hours = at.as_ms().div_euclid(HOUR_MS);
    (usize::try_from(hours.rem_euclid(24)).unwrap_or(0), hours.div_euclid(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(day: i64, hour: i64) -> Timestamp {
        Timestamp::from_ms((day * 24 + hour) * HOUR_MS)
    }

    #[test]
    fn an_hour_is_known_from_its_second_day_and_one_odd_day_changes_nothing() {
        let mut season = Season::default();
        let mut known = Vec::new();
        for (day, value) in [(0, 10.0), (1, 10.0), (2, 10.0), (3, 500.0), (4, 10.0)] {
            known.push(season.usual(hour(day, 7)));
            season.push(hour(day, 7), value);
            season.push(hour(day, 8), 70.0);
        }
        assert_eq!(known, [None, None, Some(10.0), Some(10.0), Some(10.0)]);
        assert_eq!(season.usual(hour(5, 7)), Some(10.0));
        assert_eq!(season.usual(hour(5, 8)), Some(70.0));
        assert_eq!(season.usual(hour(5, 9)), None);
    }

    #[test]
    fn a_new_habit_is_the_usual_one_after_a_week_and_a_day() {
        let mut season = Season::default();
        (0..30).for_each(|day| season.push(hour(day, 7), if day < 22 { 10.0 } else { 20.0 }));
        assert_eq!(season.usual(hour(30, 7)), Some(20.0));
    }
}
