//! How each way to people does: how much is under way and waits, what failed, and whether it is tried at all. Deliveries ask here for a
//! place; health, metrics and the console say what is here.
//!
//! Each channel has places of its own, so that one that hangs holds up nobody else, and some of them are kept for what is urgent. A
//! channel that fails again and again is not tried for a while (`reaching/breaker.rs`). Kept in memory: after a start it is known from
//! the pages of open incidents. Tests: below, and `tests/it/reaching.rs`.

mod breaker;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::{
    board::Board,
    id::{ChannelId, IncidentId, PersonId},
    incident::{ERASED, Incident, PageOutcome},
    outbox::{Audience, DeliveryKind},
    policy::Roster,
    time::{Timestamp, human_span},
};

pub use self::breaker::FAILURES_MAX;
use self::breaker::{Breaker, Gate};
use quarterdeck_store::Outgoing;

/// Deliveries handed to one channel at once: as many as a mail server or a chat takes from one client without complaint.
pub const PLACES_PER_CHANNEL: usize = 16;
/// Those of them that only a SEV1 or a SEV2 may take.
pub const PLACES_KEPT: usize = 4;
/// Incidents that nobody could be reached for, each told by name among the faults; of more the number is told.
const UNREACHED_NAMED_MAX: usize = 5;

/// How the ways to people do. Shared by the deliveries, health and the console.
#[derive(Debug, Default)]
pub struct Reaching(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    channels: BTreeMap<ChannelId, Channel>,
    /// Contacts whose last delivery did not arrive, or perhaps not.
    contacts: BTreeMap<Contact, Missed>,
    /// When the deliveries last had their turn.
    turned: Duration,
}

/// A person's place on a channel.
type Contact = (PersonId, ChannelId, String);

/// What happened at a contact last.
#[derive(Debug, Clone)]
struct Missed {
    incident: IncidentId,
    at: Timestamp,
    why: String,
    /// The channel did not answer, which says nothing of the contact: forgotten when the channel answers again.
    mute: bool,
}

/// One channel.
#[derive(Debug, Clone, Default)]
struct Channel {
    breaker: Breaker,
    under_way: usize,
    waiting: usize,
    delivered: u64,
    failed: u64,
    /// The last attempt that did not arrive, and why.
    last: Option<(Timestamp, String)>,
    shut_since: Option<Timestamp>,
}

/// How one channel does, to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The channel.
    pub id: ChannelId,
    /// Since when nothing is handed to it; none: it is tried.
    pub shut_since: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// Deliveries under way.
    pub under_way: usize,
    /// Deliveries that wait.
    pub waiting: usize,
    /// Deliveries taken since the start.
    pub delivered: u64,
    /// Deliveries that did not arrive, or perhaps not, since the start.
    pub failed: u64,
    /// The last attempt that failed.
    pub last_failed: Option<Timestamp>,
    /// Why that attempt failed.
    pub last_error: Option<String>,
}

/// Whether a delivery may leave now.
pub enum Admission {
    /// It may. The place is free again when this is dropped.
    Go(Place),
    /// Others are under way; it waits for them.
    Wait,
    /// The channel is not tried, and why.
    Shut(String),
}

/// What an attempt says of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answered: it took the delivery, or refused it, or asked for patience.
    Answered,
    /// It could not be reached, or did not answer.
    Mute,
}

/// A place on a channel.
pub struct Place {
    reaching: Arc<Reaching>,
    channel: ChannelId,
    told: bool,
    /// The channel is not tried otherwise.
    sees: bool,
}

impl Place {
    /// Whether it is for the one delivery that goes and sees whether the channel works again.
    pub const fn sees(&self) -> bool {
        self.sees
    }

    /// What the attempt says of the channel; not told: nothing, because nothing was tried.
    pub fn tell(&mut self, verdict: Verdict, why: Option<&str>, at: Timestamp, now: Duration) {
        self.told = true;
        let mut state = self.reaching.lock();
        let Some(channel) = state.channels.get_mut(&self.channel) else { return };
        if let Some(why) = why {
            channel.last = Some((at, why.to_owned()));
        }
        match verdict {
            Verdict::Answered => {
                channel.breaker.answered();
                state.contacts.retain(|(_, id, _), missed| *id != self.channel || !missed.mute);
                let Some(channel) = state.channels.get_mut(&self.channel) else { return };
                if let Some(since) = channel.shut_since.take() {
                    tracing::warn!(channel = %self.channel, %since, "the channel answers again");
                }
            }
            Verdict::Mute => {
                if channel.breaker.failed(now) {
                    channel.shut_since = Some(at);
                    let failures = channel.breaker.failures();
                    tracing::warn!(channel = %self.channel, failures, why, "the channel is not tried for a while");
                }
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.reaching.lock();
        if let Some(channel) = state.channels.get_mut(&self.channel) {
            channel.under_way = channel.under_way.saturating_sub(1);
            if !self.told {
                channel.breaker.nothing();
            }
        }
    }
}

impl Reaching {
    /// Knows what became of the last page to each contact, from the incidents that are open. Call once.
    pub fn take_up(&self, board: &Board) {
        let open = board.incidents().filter(|incident| incident.is_open());
        let mut settled: Vec<_> = open.flat_map(Self::settled_pages).collect();
        settled.sort_by_key(|(at, ..)| *at);
        let mut state = self.lock();
        for (at, contact, outcome, incident) in settled {
            state.note(contact, outcome, incident, (at, true));
        }
    }

    fn settled_pages(
        incident: &Incident,
    ) -> impl Iterator<Item = (Timestamp, Contact, &PageOutcome, IncidentId)> + use<'_> {
        incident.pages().values().filter(|page| page.address != ERASED).filter_map(|page| {
            let contact = (page.person.clone(), page.channel.clone(), page.address.clone());
            Some((page.settled?, contact, page.outcome.as_ref()?, incident.id()))
        })
    }

    /// Asks for a place on a channel.
    pub fn admit(self: &Arc<Self>, id: &ChannelId, is_urgent: bool, now: Duration) -> Admission {
        let mut state = self.lock();
        let channel = state.channels.entry(id.clone()).or_default();
        let places = if is_urgent { PLACES_PER_CHANNEL } else { PLACES_PER_CHANNEL - PLACES_KEPT };
        match channel.breaker.gate(now) {
            Gate::Open if channel.under_way >= places => return Admission::Wait,
            Gate::Open => {}
            Gate::Probe => channel.breaker.probe(),
            Gate::Shut => {
                let why = channel.last.as_ref().map_or("", |(_, why)| why.as_str());
                let failures = channel.breaker.failures();
                return Admission::Shut(format!("not tried: its last {failures} attempts failed, the last: {why}"));
            }
        }
        channel.under_way += 1;
        let sees = channel.shut_since.is_some();
        Admission::Go(Place { reaching: Arc::clone(self), channel: id.clone(), told: false, sees })
    }

    /// What became of a delivery in the end; `mute`: because the channel did not answer, or is not tried.
    pub fn settled(&self, row: &Outgoing, outcome: &PageOutcome, at: Timestamp, mute: bool) {
        let Audience::Contact { person, channel: id, address } = &row.delivery.to;
        let mut state = self.lock();
        let channel = state.channels.entry(id.clone()).or_default();
        match outcome {
            PageOutcome::Delivered { .. } => channel.delivered += 1,
            PageOutcome::Failed { .. } | PageOutcome::Unknown { .. } => channel.failed += 1,
        }
        // A silence is no incident, and whoever did not hear of its end is no fault.
        if row.delivery.kind == DeliveryKind::Notice {
            return;
        }
        state.note((person.clone(), id.clone(), address.clone()), outcome, row.delivery.incident, (at, mute));
    }

    /// The deliveries have their turn, and so many wait for each channel.
    pub fn turned(&self, waiting: &BTreeMap<ChannelId, usize>, now: Duration) {
        let mut state = self.lock();
        state.turned = now;
        for (id, channel) in &mut state.channels {
            channel.waiting = waiting.get(id).copied().unwrap_or(0);
        }
        for (id, waiting) in waiting {
            state.channels.entry(id.clone()).or_default().waiting = *waiting;
        }
    }

    /// When the deliveries last had their turn, by the clock that measures spans.
    pub fn last_turn(&self) -> Duration {
        self.lock().turned
    }

    /// How each of these channels does.
    pub fn show<'a>(&self, channels: impl Iterator<Item = &'a ChannelId>) -> Vec<Shown> {
        let state = self.lock();
        let shown = |id: &ChannelId| {
            let known = state.channels.get(id).cloned().unwrap_or_default();
            let (last_failed, last_error) = known.last.unzip();
            Shown {
                id: id.clone(),
                shut_since: known.shut_since,
                failures: known.breaker.failures(),
                under_way: known.under_way,
                waiting: known.waiting,
                delivered: known.delivered,
                failed: known.failed,
                last_failed,
                last_error,
            }
        };
        channels.map(shown).collect()
    }

    /// Everything that keeps people from being reached, the worst first, each in a sentence.
    pub fn faults(&self, board: &Board, roster: &Roster, now: Timestamp) -> Vec<String> {
        let mut faults = unreached(board);
        let state = self.lock();
        let shut = |id: &ChannelId| state.channels.get(id).is_some_and(|channel| channel.shut_since.is_some());
        for (id, channel) in &state.channels {
            if let (Some(since), Some((_, why))) = (channel.shut_since, &channel.last) {
                let (span, failures) = (human_span(now.since(since)), channel.breaker.failures());
                let told = format!(
                    "channel {id} is not tried for {span}: {failures} attempts in a row failed, the last: {why}"
                );
                faults.push(told);
            }
        }
        for ((person, channel, address), missed) in &state.contacts {
            let is_theirs = |contact: &quarterdeck_core::policy::Contact| {
                contact.channel == *channel && contact.address == *address
            };
            let theirs = roster.people.get(person).is_some_and(|person| person.contacts.iter().any(is_theirs));
            if theirs && !shut(channel) {
                let Missed { incident, at, why, .. } = missed;
                faults.push(format!("{person} was not reached by {channel} at {at}, for {incident}: {why}"));
            }
        }
        faults
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, contact: Contact, outcome: &PageOutcome, incident: IncidentId, (at, mute): (Timestamp, bool)) {
        match outcome {
            PageOutcome::Delivered { .. } => {
                self.contacts.remove(&contact);
            }
            PageOutcome::Failed { error } | PageOutcome::Unknown { error } => {
                self.contacts.insert(contact, Missed { incident, at, why: error.clone(), mute });
            }
        }
    }
}

/// Incidents for which nobody could be reached.
fn unreached(board: &Board) -> Vec<String> {
    let count = board.unreached_count();
    let named = board.unreached().take(UNREACHED_NAMED_MAX).map(|incident| {
        let (id, severity, passes) = (incident.id(), incident.severity(), incident.unreached());
        let times = if passes > 1 { format!(", {passes} times in a row") } else { String::new() };
        format!("NOBODY COULD BE REACHED for {id} ({severity}): everybody was tried{times}, and no page is known to have arrived")
    });
    let mut faults: Vec<String> = named.collect();
    if count > UNREACHED_NAMED_MAX {
        faults.push(format!("nobody could be reached for {} more incidents", count - UNREACHED_NAMED_MAX));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(reaching: &Arc<Reaching>, is_urgent: bool, now: Duration) -> Option<Place> {
        match reaching.admit(&"sms".parse().unwrap(), is_urgent, now) {
            Admission::Go(place) => Some(place),
            Admission::Wait | Admission::Shut(_) => None,
        }
    }

    #[test]
    fn places_are_kept_for_what_is_urgent_and_given_back() {
        let (reaching, now) = (Arc::new(Reaching::default()), Duration::ZERO);
        let mut places: Vec<Place> = std::iter::from_fn(|| take(&reaching, false, now)).collect();
        assert_eq!(places.len(), PLACES_PER_CHANNEL - PLACES_KEPT);
        places.extend(std::iter::from_fn(|| take(&reaching, true, now)));
        assert_eq!(places.len(), PLACES_PER_CHANNEL);
        assert!(
            matches!(reaching.admit(&"mail".parse().unwrap(), false, now), Admission::Go(_)),
            "others have their own"
        );
        drop(places);
        assert!(take(&reaching, false, now).is_some());
    }

    #[test]
    fn a_channel_that_does_not_answer_is_not_tried_and_says_why() {
        let (reaching, now, at) = (Arc::new(Reaching::default()), Duration::ZERO, Timestamp::from_secs(1));
        for _ in 0..breaker::FAILURES_MAX {
            take(&reaching, false, now).unwrap().tell(Verdict::Mute, Some("no route"), at, now);
        }
        let Admission::Shut(why) = reaching.admit(&"sms".parse().unwrap(), true, now) else { panic!("it is tried") };
        assert_eq!(why, "not tried: its last 5 attempts failed, the last: no route");
        let faults = reaching.faults(&Board::default(), &Roster::default(), Timestamp::from_secs(4));
        assert_eq!(faults, ["channel sms is not tried for 3.0 s: 5 attempts in a row failed, the last: no route"]);
        let later = Duration::from_secs(5);
        take(&reaching, false, later).unwrap().tell(Verdict::Answered, None, at, later);
        assert!(take(&reaching, false, later).is_some());
        assert_eq!(reaching.faults(&Board::default(), &Roster::default(), at), Vec::<String>::new());
    }
}
