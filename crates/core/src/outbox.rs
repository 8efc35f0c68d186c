//! Who is to receive what because of an event, and whether they still want it when it leaves.
//!
//! A decided event is the intent; what is in here says what follows from it outside. The shell keeps the deliveries in an outbox,
//! in the transaction that makes the event durable, and hands them over. It must ask [`wanted`] when a delivery is about to
//! leave, because the incident goes on while the delivery waits. Nothing here sends anything, and nothing is concluded from
//! what is absent: a delivery says what it is. Tests: below, and in `board/tests/`.

pub mod bundle;

use std::{collections::BTreeSet, fmt};

use crate::{
    id::{ChannelId, DeliveryId, IncidentId, PageId, PersonId, SilenceId},
    incident::{
        AskState, ERASED, Incident, IncidentEvent, LifeEvent, PageOutcome, PageReason, PageRecord, PagingEvent,
        tasks::Task,
    },
    journal::{JournalEvent, Told},
    policy::Roster,
};

/// What a delivery is. Stored as a number: never change one, add one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryKind {
    /// Somebody is needed. The delivery has the page's own bytes as its identifier.
    Page,
    /// It is over: for whoever a page of the incident reached.
    AllClear,
    /// A silence is to end, or is over: for its owner.
    Notice,
    /// It is another team's now: for whoever a page of the old one reached.
    HandedOver,
}

/// Who receives a delivery.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// A person, by one of their contacts.
    Contact {
        /// The person.
        person: PersonId,
        /// The notifier that reaches them.
        channel: ChannelId,
        /// The address there.
        address: String,
    },
}

/// Something that is to reach somebody outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Tells it from all others, for channels that know an idempotency key, too.
    pub id: DeliveryId,
    /// What it is.
    pub kind: DeliveryKind,
    /// The incident that it is about; of a notice, the silence's own bytes.
    pub incident: IncidentId,
    /// Who receives it.
    pub to: Audience,
}

impl Delivery {
    /// The page that this is; none: it is no page.
    pub fn page(&self) -> Option<PageId> {
        (self.kind == DeliveryKind::Page).then(|| PageId::from_bytes(*self.id.bytes()))
    }

    /// The silence that this is a notice of; none: it is none.
    pub fn silence(&self) -> Option<SilenceId> {
        (self.kind == DeliveryKind::Notice).then(|| SilenceId::from_bytes(*self.incident.bytes()))
    }
}

/// Why a delivery is not wanted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwanted {
    /// A page whose question was answered while it waited.
    Answered,
    /// A page of the team that had it before it was handed over.
    HandedOver,
    /// An all-clear of an incident that goes on again.
    Reopened,
    /// A notice that a silence is to end, which somebody ended or lengthened.
    Changed,
}

impl fmt::Display for Unwanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "not sent: somebody answered, or it is over",
            Self::Changed => "not sent: the silence is over already, or lasts longer now",
            Self::HandedOver => "not sent: it was handed over to another team",
            Self::Reopened => "not sent: the incident was reopened",
        })
    }
}

/// What is to leave because of `event`, which `incident` has taken in. The roster is asked where an address was erased.
pub fn deliveries(incident: &Incident, event: &IncidentEvent, roster: &Roster) -> Vec<Delivery> {
    match event {
        IncidentEvent::Paging(PagingEvent::PageRequested { page, person, channel, address, .. }) => vec![Delivery {
            id: DeliveryId::from_bytes(*page.bytes()),
            kind: DeliveryKind::Page,
            incident: incident.id(),
            to: Audience::Contact { person: person.clone(), channel: channel.clone(), address: address.clone() },
        }],
        IncidentEvent::Life(LifeEvent::Resolved { .. } | LifeEvent::MergedInto { .. }) => {
            word(incident, roster, (DeliveryKind::AllClear, b"all clear"))
        }
        // Their own first page tells the new team.
        IncidentEvent::Paging(PagingEvent::HandedOver { .. }) => {
            word(incident, roster, (DeliveryKind::HandedOver, b"handed over"))
        }
        IncidentEvent::Life(
            LifeEvent::Opened { .. }
            | LifeEvent::Acknowledged { .. }
            | LifeEvent::AcknowledgementExpired {}
            | LifeEvent::Mitigated { .. }
            | LifeEvent::Reopened { .. }
            | LifeEvent::Reviewed { .. },
        )
        | IncidentEvent::Claims(_)
        | IncidentEvent::Paging(
            PagingEvent::Escalated { .. }
            | PagingEvent::PageImpossible { .. }
            | PagingEvent::PageSettled { .. }
            | PagingEvent::NobodyReached { .. },
        )
        | IncidentEvent::Roles(_)
        | IncidentEvent::Room(_)
        | IncidentEvent::Tasks(_)
        | IncidentEvent::Checks(_)
        | IncidentEvent::Evidence(_)
        | IncidentEvent::Access(_) => Vec::new(),
    }
}

/// What is to leave because of an event of the journal, which has this version.
pub fn notice(version: u64, event: &JournalEvent) -> Option<Delivery> {
    let JournalEvent::SilenceNotice { id, to: Some(Told { person, channel, address }), .. } = event else {
        return None;
    };
    Some(Delivery {
        id: DeliveryId::digest(&[b"notice of a silence", id.bytes(), &version.to_be_bytes()]),
        kind: DeliveryKind::Notice,
        incident: IncidentId::from_bytes(*id.bytes()),
        to: Audience::Contact { person: person.clone(), channel: channel.clone(), address: address.clone() },
    })
}

/// Everybody whom a page of the incident reached, or may have reached, is told by the same way, once: that it is over, or is another
/// team's. Whoever was paged at an address
/// that was erased since is told at the one that they have now, by the same channel if they still have one there.
fn word(incident: &Incident, roster: &Roster, (kind, what): (DeliveryKind, &[u8])) -> Vec<Delivery> {
    let mut told = BTreeSet::new();
    let reached = incident.pages().values().filter(|page| !matches!(page.outcome, Some(PageOutcome::Failed { .. })));
    let place = |page: &PageRecord| {
        if page.address != ERASED {
            return Some((page.channel.clone(), page.address.clone()));
        }
        let contacts = &roster.people.get(&page.person)?.contacts;
        let same = contacts.iter().find(|contact| contact.channel == page.channel);
        same.or_else(|| contacts.first()).map(|contact| (contact.channel.clone(), contact.address.clone()))
    };
    let mut deliveries = Vec::new();
    for page in reached {
        // Who is not in the roster any more, and whose address was erased, cannot be told.
        let Some((channel, address)) = place(page) else { continue };
        let to = Audience::Contact { person: page.person.clone(), channel, address };
        if told.insert(to.clone()) {
            let id = DeliveryId::digest(&[page.id.bytes(), what, &incident.version().to_be_bytes()]);
            deliveries.push(Delivery { id, kind, incident: incident.id(), to });
        }
    }
    deliveries
}

/// Whether the page is to somebody who was asked by name, or who had asked.
fn is_by_name(incident: &Incident, page: PageId) -> bool {
    incident.pages().get(&page).is_some_and(|record| record.ask.is_some())
}

/// Whether the page was decided before it was handed over.
fn is_of_before(incident: &Incident, page: PageId) -> bool {
    let record = incident.pages().get(&page);
    record.zip(incident.handed_over()).is_some_and(|(record, handed)| record.requested < handed.at)
}

/// Whether a delivery is still wanted now. Somebody may have answered, or it may be over, or not over after all, while it waited
/// for its turn or for another attempt. A page that somebody asked for is wanted as long as the incident is open, and so is one that
/// tells whoever is on it of more, until they answer anew.
pub fn wanted(incident: &Incident, delivery: &Delivery) -> Result<(), Unwanted> {
    match delivery.kind {
        DeliveryKind::Page if delivery.page().is_some_and(|page| is_by_name(incident, page)) => {
            // Who was asked is needed until somebody answered; who asked hears what became of it.
            let needed = |page: PageId| {
                let open = incident.ask_of(page).is_some_and(|ask| ask.state == AskState::Open);
                incident.is_open() && (open || incident.first_reason(page) == Some(&PageReason::NotComing))
            };
            if delivery.page().is_some_and(needed) { Ok(()) } else { Err(Unwanted::Answered) }
        }
        DeliveryKind::Page if delivery.page().is_some_and(|page| is_of_before(incident, page)) => {
            Err(Unwanted::HandedOver)
        }
        DeliveryKind::Page => {
            if let Some(task) = delivery.page().and_then(|page| incident.task_of_page(page)) {
                let wanted = incident.is_open() && incident.tasks().get(&task).is_some_and(Task::is_open);
                return if wanted { Ok(()) } else { Err(Unwanted::Answered) };
            }
            // What repeats a page that was asked for is asked for as well.
            let asked = |page| incident.first_reason(page) == Some(&PageReason::Asked) || incident.tells_news(page);
            let asked = incident.is_open() && delivery.page().is_some_and(asked);
            if asked || incident.wants_answer() { Ok(()) } else { Err(Unwanted::Answered) }
        }
        DeliveryKind::Notice | DeliveryKind::HandedOver => Ok(()),
        DeliveryKind::AllClear => {
            if incident.is_open() {
                Err(Unwanted::Reopened)
            } else {
                Ok(())
            }
        }
    }
}
