//! What a wallet of the operator's may do: the lines of its policy. They are fixed and need nothing learnt, so they hold from the
//! first block on. Never reads a zone by its name: whoever makes a policy has done that. Tests: below, and in the detector
//! `wallet_policy`, which looks who breaks a line.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{civil::Weekday, tz::TimeZone};

use crate::{
    chain::{Address, U256},
    money::Usd,
    time::Timestamp,
};

/// The policy of a wallet. A line that is not there forbids nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalletPolicy {
    /// Where it may send to, and whom it may allow to take from it; none: anywhere.
    pub destinations: Option<Destinations>,
    /// The most that may leave, in dollars.
    pub usd: Spans<Usd>,
    /// The most that may leave of an asset, in raw units. None is the chain's own coin.
    pub units: BTreeMap<Option<Address>, Spans<U256>>,
    /// The most that may leave, in thousandths of what the wallet holds.
    pub share_permille: Spans<u32>,
    /// When it may be used.
    pub hours: Option<Hours>,
    /// From which worth on a payment to where it never paid before is told.
    pub new_counterparty: Option<Usd>,
    /// Whether each use of its key must be one of the transactions that we see.
    pub nonce_gaps: bool,
}

/// Over what a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// One transaction.
    Transaction,
    /// The last sixty minutes.
    Hour,
    /// The last 24 hours.
    Day,
}

impl Span {
    /// From the shortest to the longest.
    pub const ALL: [Self; 3] = [Self::Transaction, Self::Hour, Self::Day];

    /// As a sentence has it: `in one transaction`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Transaction => "in one transaction",
            Self::Hour => "within an hour",
            Self::Day => "within a day",
        }
    }
    /// As a key of the configuration begins: `transaction`, `hour`, `day`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
    /// Its length in minutes; zero for a transaction.
    pub const fn minutes(self) -> i64 {
        match self {
            Self::Transaction => 0,
            Self::Hour => 60,
            Self::Day => 24 * 60,
        }
    }
}

/// A limit for each span; none: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spans<T> {
    /// In one transaction.
    pub transaction: Option<T>,
    /// In the last sixty minutes.
    pub hour: Option<T>,
    /// In the last 24 hours.
    pub day: Option<T>,
}

impl<T: Copy> Spans<T> {
    /// The limit for a span.
    pub const fn of(&self, span: Span) -> Option<T> {
        match span {
            Span::Transaction => self.transaction,
            Span::Hour => self.hour,
            Span::Day => self.day,
        }
    }
    /// The limits that there are, from the shortest span on.
    pub fn set(&self) -> impl Iterator<Item = (Span, T)> {
        Span::ALL.into_iter().filter_map(|span| self.of(span).map(|limit| (span, limit)))
    }
}

/// Where a wallet may send to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destinations {
    /// Any address that the operator watches on the same chain.
    pub ours: bool,
    /// These addresses, on whatever chain.
    pub addresses: BTreeSet<Address>,
}

/// When a wallet may be used: hours of days, by the wall clock of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// The zone's IANA name.
    pub zone: String,
    /// Its rules.
    pub rules: TimeZone,
    /// The days on which the hours begin, from Monday on.
    pub days: [bool; 7],
    /// The first minute of the day.
    pub from: u16,
    /// The minute before which they end; at or before `from` it is one of the next day.
    pub until: u16,
}

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

impl Hours {
    /// Whether the wallet may be used at this instant.
    pub fn allow(&self, at: Timestamp) -> bool {
        let local = self.rules.to_datetime(at.to_jiff());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let on = |day: Weekday| {
            self.days.get(usize::try_from(day.to_monday_zero_offset()).unwrap_or(0)).copied().unwrap_or(false)
        };
        let today = local.weekday();
        if self.from < self.until {
            return on(today) && (self.from..self.until).contains(&minute);
        }
        (on(today) && minute >= self.from) || (on(today.previous()) && minute < self.until)
    }

    /// The days, the times and the zone, for a sentence: `Mon to Fri, 08:00 to 18:00 (Europe/Zurich)`.
    pub fn words(&self) -> String {
        let on: Vec<usize> = (0..7).filter(|day| self.days.get(*day).copied().unwrap_or(false)).collect();
        let name = |day: &usize| DAYS.get(*day).copied().unwrap_or_default();
        let row = on.iter().zip(on.iter().skip(1)).all(|(day, next)| day + 1 == *next);
        let days = match on.as_slice() {
            [first, _, .., last] if row => format!("{} to {}", name(first), name(last)),
            all => all.iter().map(name).collect::<Vec<_>>().join(", "),
        };
        format!("{days}, {} to {} ({})", clock(self.from), clock(self.until), self.zone)
    }

    /// An instant as the wall clock of the zone shows it: `Sat 03:12`.
    pub fn on_the_wall(&self, at: Timestamp) -> String {
        let local = self.rules.to_datetime(at.to_jiff());
        let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
        format!("{} {:02}:{:02}", DAYS.get(day).copied().unwrap_or_default(), local.hour(), local.minute())
    }
}

/// The days as the configuration writes them, in small letters, and as people read them.
pub const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A minute of a day as a clock shows it.
fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: &str, days: [bool; 7], from: u16, until: u16) -> Hours {
        Hours { zone: zone.to_owned(), rules: crate::policy::zone(zone).unwrap(), days, from, until }
    }

    const WORKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn hours_are_by_the_wall_of_the_zone_in_summer_and_in_winter() {
        let office = hours("Europe/Zurich", WORKDAYS, 8 * 60, 18 * 60);
        // 08:00 there is 07:00 UTC in winter and 06:00 in summer.
        let allowed = ["2026-01-05T07:00:00Z", "2026-07-06T06:00:00Z", "2026-07-06T15:59:59Z"];
        let refused = ["2026-01-05T06:59:59Z", "2026-07-06T05:59:59Z", "2026-07-06T16:00:00Z", "2026-01-10T12:00:00Z"];
        assert!(allowed.iter().all(|text| office.allow(at(text))));
        assert!(!refused.iter().any(|text| office.allow(at(text))));
        assert_eq!(office.words(), "Mon to Fri, 08:00 to 18:00 (Europe/Zurich)");
        assert_eq!(office.on_the_wall(at("2026-01-10T02:12:00Z")), "Sat 03:12");
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
        let night = hours("UTC", [false, false, false, false, true, false, false], 22 * 60, 6 * 60);
        // 2026-01-09 is a Friday.
        let allowed = ["2026-01-09T22:00:00Z", "2026-01-10T05:59:00Z"];
        let refused = ["2026-01-09T05:00:00Z", "2026-01-10T06:00:00Z", "2026-01-10T22:30:00Z"];
        assert!(allowed.iter().all(|text| night.allow(at(text))));
        assert!(!refused.iter().any(|text| night.allow(at(text))));
        assert_eq!(night.words(), "Fri, 22:00 to 06:00 (UTC)");
    }

    #[test]
    fn only_limits_that_are_set_are_walked() {
        let spans = Spans { transaction: Some(1), hour: None, day: Some(3) };
        assert_eq!(spans.set().collect::<Vec<_>>(), [(Span::Transaction, 1), (Span::Day, 3)]);
    }
}
