//! What waits to be handed over, by channel: the worst first, and of equals the one that has waited longest. A picture of the store's
//! outbox in memory, so that ten thousand pages need not be read to find the one that matters. Decides nothing about channels and
//! reads no clock. Tests: below.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use quarterdeck_core::{
    id::{ChannelId, DeliveryId, IncidentId},
    incident::Incident,
    outbox::{Audience, DeliveryKind},
    severity::Severity,
    time::Timestamp,
};
use quarterdeck_store::Outgoing;

/// How soon a delivery is wanted: less is sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency(u8);

impl Urgency {
    /// Of an incident that cannot be read the worst is taken.
    pub(super) fn of(kind: DeliveryKind, incident: Option<&Incident>) -> Self {
        match (kind, incident) {
            (DeliveryKind::Page, Some(incident)) if incident.is_drill() => Self(5),
            (DeliveryKind::Page, Some(incident)) => Self(match incident.severity() {
                Severity::Sev1 => 0,
                Severity::Sev2 => 1,
                Severity::Sev3 => 2,
                Severity::Sev4 => 3,
                Severity::Sev5 => 4,
            }),
            (DeliveryKind::Page, None) => Self(0),
            // Whoever is told that they need not get up can wait for those who must.
            (DeliveryKind::AllClear | DeliveryKind::Notice | DeliveryKind::HandedOver, _) => Self(6),
        }
    }

    /// SEV1 and SEV2: for these there is always a place.
    pub(super) fn is_urgent(self) -> bool {
        self <= Self(1)
    }
}

/// A delivery that waits.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) row: Outgoing,
    /// When it was first handed over; none: not yet, as far as this program knows.
    pub(super) begun: Option<Duration>,
    /// The store still counts an attempt as under way, because it could not be told otherwise.
    pub(super) held: bool,
    /// It waited for others to the same contact.
    pub(super) waited: bool,
}

impl Waiting {
    pub(super) const fn new(row: Outgoing) -> Self {
        Self { row, begun: None, held: false, waited: false }
    }

    pub(super) const fn channel(&self) -> &ChannelId {
        let Audience::Contact { channel, .. } = &self.row.delivery.to;
        channel
    }
}

/// Where a delivery stands in its channel's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    urgency: Urgency,
    not_before: Timestamp,
    /// In the order in which they came.
    number: u64,
    id: DeliveryId,
}

/// All that waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: HashMap<DeliveryId, (Place, Waiting)>,
    /// What may be tried now, by channel.
    lines: BTreeMap<ChannelId, BTreeSet<Place>>,
    /// What may be tried later.
    later: BTreeSet<(Timestamp, DeliveryId)>,
    of_incident: HashMap<IncidentId, BTreeSet<DeliveryId>>,
    lengths: BTreeMap<ChannelId, usize>,
    next: u64,
}

impl Queue {
    /// Takes a delivery in; one that is here already stays as it is.
    pub(super) fn insert(&mut self, waiting: Waiting, urgency: Urgency, now: Timestamp) {
        let (id, not_before) = (waiting.row.delivery.id, waiting.row.not_before);
        if self.waiting.contains_key(&id) {
            return;
        }
        let place = Place { urgency, not_before, number: self.next, id };
        self.next += 1;
        self.put(place, waiting, not_before <= now);
    }

    fn put(&mut self, place: Place, waiting: Waiting, now: bool) {
        let id = place.id;
        self.of_incident.entry(waiting.row.delivery.incident).or_default().insert(id);
        *self.lengths.entry(waiting.channel().clone()).or_default() += 1;
        if now {
            self.lines.entry(waiting.channel().clone()).or_default().insert(place);
        } else {
            self.later.insert((place.not_before, id));
        }
        self.waiting.insert(id, (place, waiting));
    }

    pub(super) fn has(&self, id: DeliveryId) -> bool {
        self.waiting.contains_key(&id)
    }

    /// Puts into their lines those whose time has come.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while let Some(first @ (_, id)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.later.remove(&first);
            if let Some((place, waiting)) = self.waiting.get(&id) {
                self.lines.entry(waiting.channel().clone()).or_default().insert(*place);
            }
        }
    }

    /// When the next of those that wait outside the lines may be tried.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }

    /// Channels for which something may be tried now.
    pub(super) fn channels(&self) -> Vec<ChannelId> {
        self.lines.keys().cloned().collect()
    }

    /// How soon the first of a channel's line is wanted.
    pub(super) fn first(&self, channel: &ChannelId) -> Option<Urgency> {
        self.lines.get(channel)?.first().map(|place| place.urgency)
    }

    /// The first of a channel's line.
    pub(super) fn next(&self, channel: &ChannelId) -> Option<&Waiting> {
        let id = self.lines.get(channel)?.first()?.id;
        self.waiting.get(&id).map(|(_, waiting)| waiting)
    }

    /// Has the first of a channel's line wait for others until this instant.
    pub(super) fn hold(&mut self, channel: &ChannelId, until: Timestamp) {
        let Some(id) = self.lines.get(channel).and_then(|line| line.first()).map(|place| place.id) else { return };
        let Some((mut place, mut waiting)) = self.remove(id) else { return };
        (place.not_before, waiting.waited) = (until, true);
        self.put(place, waiting, false);
    }

    /// Puts what waits for others into the lines: nothing waits any more.
    pub(super) fn release(&mut self) {
        let held: Vec<DeliveryId> = self
            .later
            .iter()
            .map(|(_, id)| *id)
            .filter(|id| self.waiting.get(id).is_some_and(|(_, it)| it.waited))
            .collect();
        for (place, waiting) in held.into_iter().filter_map(|id| self.remove(id)).collect::<Vec<_>>() {
            self.put(place, waiting, true);
        }
    }

    /// Takes out what may go in one message with the first of a channel's line: that, and what waits for the same, the worst first.
    /// What the channel put off stays.
    pub(super) fn take_with(
        &mut self,
        channel: &ChannelId,
        most: usize,
        same: impl Fn(&Waiting) -> bool,
    ) -> Vec<Waiting> {
        let waits = |(_, id): &(Timestamp, DeliveryId)| {
            let found = self.waiting.get(id).filter(|(_, waiting)| waiting.waited && waiting.channel() == channel);
            found.map(|(place, _)| *place)
        };
        let mut places: Vec<Place> = self.lines.get(channel).into_iter().flatten().copied().collect();
        places.extend(self.later.iter().filter_map(waits));
        places.retain(|place| self.waiting.get(&place.id).is_some_and(|(_, waiting)| same(waiting)));
        places.sort_unstable();
        places.truncate(most);
        places.into_iter().filter_map(|place| self.remove(place.id)).map(|(_, waiting)| waiting).collect()
    }

    /// Takes the first of a channel's line out.
    pub(super) fn take(&mut self, channel: &ChannelId) -> Option<Waiting> {
        let id = self.lines.get(channel)?.first()?.id;
        self.remove(id).map(|(_, waiting)| waiting)
    }

    /// Takes the last of a channel's line out: the one that can wait best.
    pub(super) fn take_last(&mut self, channel: &ChannelId) -> Option<Waiting> {
        let id = self.lines.get(channel)?.last()?.id;
        self.remove(id).map(|(_, waiting)| waiting)
    }

    /// Takes out all pages that wait for a channel, those too that were to be tried later.
    pub(super) fn take_pages(&mut self, channel: &ChannelId) -> Vec<Waiting> {
        let now = self.lines.get(channel).into_iter().flatten().map(|place| place.id);
        let later = self.later.iter().map(|(_, id)| *id);
        let is_page = |id: &DeliveryId| {
            let waiting = self.waiting.get(id).map(|(_, waiting)| waiting);
            waiting.is_some_and(|it| it.channel() == channel && it.row.delivery.kind == DeliveryKind::Page)
        };
        let ids: Vec<DeliveryId> = now.chain(later).filter(is_page).collect();
        ids.into_iter().filter_map(|id| self.remove(id)).map(|(_, waiting)| waiting).collect()
    }

    /// How many wait for each channel.
    pub(super) const fn lengths(&self) -> &BTreeMap<ChannelId, usize> {
        &self.lengths
    }

    /// Whether nothing may be tried now.
    pub(super) fn is_idle(&self) -> bool {
        self.lines.is_empty()
    }

    /// An incident became better or worse while its deliveries waited.
    pub(super) fn rank(&mut self, id: IncidentId, incident: Option<&Incident>, now: Timestamp) {
        for id in self.of_incident.get(&id).cloned().unwrap_or_default() {
            if let Some((_, waiting)) = self.remove(id) {
                let urgency = Urgency::of(waiting.row.delivery.kind, incident);
                self.insert(waiting, urgency, now);
            }
        }
    }

    /// All incidents for which something waits.
    pub(super) fn incidents(&self) -> Vec<IncidentId> {
        self.of_incident.keys().copied().collect()
    }

    fn remove(&mut self, id: DeliveryId) -> Option<(Place, Waiting)> {
        let (place, waiting) = self.waiting.remove(&id)?;
        self.later.remove(&(place.not_before, id));
        if let Some(line) = self.lines.get_mut(waiting.channel()) {
            line.remove(&place);
            if line.is_empty() {
                self.lines.remove(waiting.channel());
            }
        }
        if let Some(length) = self.lengths.get_mut(waiting.channel()) {
            *length = length.saturating_sub(1);
        }
        let incident = waiting.row.delivery.incident;
        if let Some(ids) = self.of_incident.get_mut(&incident) {
            ids.remove(&id);
            if ids.is_empty() {
                self.of_incident.remove(&incident);
            }
        }
        Some((place, waiting))
    }
}

#[cfg(test)]
mod tests {
    use quarterdeck_core::outbox::Delivery;

    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    fn waiting(n: u8, channel: &str, not_before: u64) -> Waiting {
        let to = Audience::Contact {
            person: "alice".parse().unwrap(),
            channel: channel.parse().unwrap(),
            address: String::new(),
        };
        let id = DeliveryId::from_bytes([n; 16]);
        let delivery = Delivery { id, kind: DeliveryKind::Page, incident: IncidentId::from_bytes([n / 10; 16]), to };
        Waiting::new(Outgoing::new(delivery, 0, at(not_before)))
    }

    fn numbers(taken: impl IntoIterator<Item = Waiting>) -> Vec<u8> {
        taken.into_iter().map(|waiting| waiting.row.delivery.id.bytes()[0]).collect()
    }

    fn line(queue: &mut Queue, channel: &str) -> Vec<u8> {
        let channel = channel.parse().unwrap();
        numbers(std::iter::from_fn(|| queue.take(&channel)))
    }

    #[test]
    fn the_worst_goes_first_and_of_equals_the_one_that_waited_longest() {
        let mut queue = Queue::default();
        for (n, urgency, not_before) in [(10, 3, 5), (20, 2, 6), (30, 2, 4), (40, 0, 9), (50, 6, 1)] {
            queue.insert(waiting(n, "sms", not_before), Urgency(urgency), at(10));
        }
        queue.insert(waiting(20, "sms", 0), Urgency(0), at(10));
        assert_eq!(line(&mut queue, "sms"), [40, 30, 20, 10, 50]);
        assert!(queue.is_idle());
    }

    #[test]
    fn what_is_for_later_waits_outside_the_line_and_goes_with_its_channel() {
        let mut queue = Queue::default();
        queue.insert(waiting(10, "sms", 5), Urgency(0), at(4));
        queue.insert(waiting(20, "mail", 5), Urgency(0), at(4));
        assert_eq!(line(&mut queue, "sms"), [0; 0]);
        assert_eq!(queue.lengths().values().sum::<usize>(), 2);
        assert_eq!(queue.next_wake(), Some(at(5)));
        queue.wake(at(5));
        assert_eq!((line(&mut queue, "sms"), queue.next_wake()), (vec![10], None));
        queue.insert(waiting(30, "mail", 50), Urgency(0), at(5));
        assert_eq!(numbers(queue.take_pages(&"mail".parse().unwrap())), [20, 30]);
        assert!(queue.lengths().values().all(|length| *length == 0) && queue.incidents().is_empty());
    }

    #[test]
    fn what_waits_for_others_goes_with_them_or_when_nothing_waits_any_more() {
        let mut queue = Queue::default();
        let channel = "sms".parse().unwrap();
        for n in [10, 20, 30, 40] {
            queue.insert(waiting(n, "sms", 1), Urgency(n / 10), at(2));
        }
        queue.hold(&channel, at(30));
        queue.hold(&channel, at(30));
        assert_eq!(queue.next(&channel).map(|it| it.row.delivery.id.bytes()[0]), Some(30));
        // 40 was put off by the channel: it is not for later because of others.
        queue.insert(waiting(50, "sms", 90), Urgency(0), at(2));
        assert_eq!(numbers(queue.take_with(&channel, 2, |_| true)), [10, 20]);
        queue.hold(&channel, at(30));
        assert_eq!(numbers(queue.take_with(&channel, 9, |it| it.row.delivery.id.bytes()[0] != 40)), [30]);
        queue.hold(&channel, at(30));
        assert!(queue.is_idle());
        queue.release();
        assert_eq!(line(&mut queue, "sms"), [40]);
        assert_eq!(queue.lengths().values().sum::<usize>(), 1);
    }

    #[test]
    fn an_incident_that_became_worse_overtakes() {
        let mut queue = Queue::default();
        for n in [10, 20, 21] {
            queue.insert(waiting(n, "sms", 1), Urgency(3), at(2));
        }
        // Nothing can be read of it, which counts as the worst.
        queue.rank(IncidentId::from_bytes([2; 16]), None, at(2));
        assert_eq!(line(&mut queue, "sms"), [20, 21, 10]);
    }
}
