//! Who is on call: now, next, and through the next fortnight.

use std::{collections::BTreeMap, time::Duration};

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use jiff::{ToSpan as _, tz::TimeZone};
use quarterdeck_core::{
    id::PersonId,
    policy::{Roster, Schedule, Turn},
    time::Timestamp,
};

use super::{
    On, frame, page,
    pages::{self, Bar, Rota, Shift},
};
use crate::{
    http::{Shared, Viewer, health},
    reaching::FAILURES_MAX,
};

/// How far the strip looks ahead.
const AHEAD: Duration = Duration::from_hours(14 * 24);
/// Its width in units of its own.
const STRIP_UNITS: u64 = 1_400;
/// Shades for people; from the seventh on they come again, and the table has the names.
const SHADES: [&str; 6] = ["0", "1", "2", "3", "4", "5"];

/// Its route.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/oncall", get(show))
}

async fn show(On(Viewer(visitor)): On<Viewer>, State(app): State<Shared>) -> Response {
    let now = app.clock.now();
    let in_force = app.live.now();
    let roster = &in_force.setting.roster;
    let mut shades = Shades::default();
    let schedules = roster.schedules.values().map(|schedule| rota(schedule, roster, now, &mut shades)).collect();
    let frame = frame(&app, Some(&visitor), "oncall");
    let (channels, failures_max) = (health::channels(&app), FAILURES_MAX);
    page(StatusCode::OK, &pages::OnCall { frame, schedules, channels, failures_max })
}

fn rota(schedule: &Schedule, roster: &Roster, now: Timestamp, shades: &mut Shades) -> Rota {
    // The configuration was checked: the zone is known. Were it not, UTC is named as such on the page.
    let zone = quarterdeck_core::policy::zone(&schedule.zone).unwrap_or(TimeZone::UTC);
    let turns = schedule.turns(now, now.plus(AHEAD));
    let mut shift = |turn: &Turn| Shift {
        name: turn
            .person
            .as_ref()
            .map(|id| roster.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())),
        shade: shades.of(turn.person.as_ref()),
        from: turn.from.to_string(),
        until: turn.until.to_string(),
        from_local: there(turn.from, &zone),
        until_local: there(turn.until, &zone),
        endless: turn.until == Timestamp::MAX,
    };
    let shifts: Vec<Shift> = turns.iter().map(&mut shift).collect();
    let bars = turns.iter().zip(&shifts).map(|(turn, shift)| {
        let (from, until) = (unit(turn.from, now), unit(turn.until, now));
        Bar { x: from, width: until.saturating_sub(from).max(1), shade: shift.shade }
    });
    let bars = bars.collect();
    let mut legend: Vec<Shift> = Vec::new();
    for shift in &shifts {
        if legend.iter().all(|known| known.name != shift.name) {
            legend.push(shift.clone());
        }
    }
    Rota {
        id: schedule.id.to_string(),
        zone: schedule.zone.clone(),
        now: shift(&schedule.turn_at(now)),
        next: schedule.next_turn(now).as_ref().map(&mut shift),
        turns: shifts,
        legend,
        bars,
        midnights: midnights(&zone, now),
    }
}

/// People get their shade in the order of their turns, the same on every schedule.
#[derive(Default)]
struct Shades(BTreeMap<PersonId, usize>);

impl Shades {
    fn of(&mut self, person: Option<&PersonId>) -> &'static str {
        let Some(person) = person else { return "hole" };
        let next = self.0.len();
        let place = *self.0.entry(person.clone()).or_insert(next);
        SHADES.get(place % SHADES.len()).copied().unwrap_or("0")
    }
}

/// Date and time in a zone, with the zone's abbreviation or offset of that moment.
fn there(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M %Z").to_string()
}

/// Where an instant stands in the strip.
fn unit(at: Timestamp, start: Timestamp) -> u64 {
    let ms = at.since(start).min(AHEAD).as_millis();
    u64::try_from(ms * u128::from(STRIP_UNITS) / AHEAD.as_millis()).unwrap_or(STRIP_UNITS)
}

/// Where days begin in the strip.
fn midnights(zone: &TimeZone, start: Timestamp) -> Vec<u64> {
    let mut day = start.to_jiff().to_zoned(zone.clone()).date();
    let mut places = Vec::new();
    let end = start.plus(AHEAD);
    while let Ok(next) = day.checked_add(1.day()) {
        day = next;
        let Ok(midnight) = day.to_zoned(zone.clone()) else { break };
        let midnight = Timestamp::from_jiff(midnight.timestamp());
        if midnight >= end {
            break;
        }
        places.push(unit(midnight, start));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fortnight_has_fourteen_midnights_also_when_the_clocks_change() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for start in ["2026-03-20T12:00:00Z", "2026-10-20T12:00:00Z", "2026-07-01T12:00:00Z"] {
            let places = midnights(&berlin, start.parse().unwrap());
            assert_eq!(places.len(), 14, "{start}");
            assert!(places.is_sorted() && places.iter().all(|place| *place < STRIP_UNITS), "{places:?}");
        }
    }

    #[test]
    fn local_times_name_their_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(there("2026-07-01T07:00:00Z".parse().unwrap(), &berlin), "Wed 1 Jul 2026 09:00 CEST");
    }
}
