//! Invented people, and the inbox that their pages arrive in.
//!
//! In a headless demo they answer: each page takes a while to arrive and its person a while to react, both by the seed. In a
//! live demo nobody answers but the visitor.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{BadName, IncidentId, Name, PersonId, PolicyId},
    incident::Severity,
    policy::{Contact, EscalationPolicy, Person, Roster, Rotation, Schedule, Shift, Target, Tier},
    time::Timestamp,
};
use quarterdeck_reach::notify::{Message, Notifier, Receipt, SendError};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// The channel on which all invented people are reached.
pub const INBOX: &str = "inbox";
/// The one escalation policy.
pub const POLICY: &str = "everything";
/// The person the visitor of a live demo is.
pub const VISITOR: &str = "ana";
/// How long a tier waits in a demo: short, so that a visitor sees the escalation move.
const TIER_DELAY: Duration = Duration::from_secs(90);
/// Pages a person's answer can wait behind.
const ANSWERS_WAITING_MAX: usize = 256;

/// Four people in four time zones, two schedules, two tiers and a fallback. Ana is on call at `start`.
pub fn roster(start: Timestamp) -> Result<Roster, BadName> {
    let mut roster = Roster::default();
    for (id, name, zone) in [
        (VISITOR, "Ana Moreau", "Europe/Berlin"),
        ("bo", "Bo Lindqvist", "America/New_York"),
        ("chidi", "Chidi Okafor", "Africa/Lagos"),
        ("dai", "Dai Tanaka", "Asia/Tokyo"),
    ] {
        let contact = Contact { channel: Name::new(INBOX)?, address: format!("{id}@inbox.invalid") };
        let id: PersonId = Name::new(id)?;
        let person = Person { id: id.clone(), name: name.to_owned(), zone: zone.to_owned(), contacts: vec![contact] };
        roster.people.insert(id, person);
    }
    let begin = start.minus(Duration::from_hours(24)).to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
    for (id, people) in [("primary", [VISITOR, "bo"]), ("secondary", ["dai", "bo"])] {
        let people = people.into_iter().map(Name::new).collect::<Result<_, _>>()?;
        let rotation = Rotation { people, start: begin.at(9, 0, 0, 0), shift: Shift::Weeks { count: 1 } };
        let schedule =
            Schedule { id: Name::new(id)?, zone: "UTC".to_owned(), rotations: vec![rotation], overrides: Vec::new() };
        roster.schedules.insert(schedule.id.clone(), schedule);
    }
    let tier = |schedule| -> Result<Tier, BadName> {
        Ok(Tier { targets: vec![Target::Schedule(Name::new(schedule)?)], delay: TIER_DELAY })
    };
    let id: PolicyId = Name::new(POLICY)?;
    let policy = EscalationPolicy {
        id: id.clone(),
        tiers: vec![tier("primary")?, tier("secondary")?],
        rounds: 2,
        fallback: Name::new("chidi")?,
        acknowledgement: Duration::from_mins(30),
        page_at: Severity::Sev3,
    };
    roster.policies.insert(id, policy);
    Ok(roster)
}

/// A page that arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// What it says.
    pub message: Message,
    /// When it arrived.
    pub at: Timestamp,
}

/// Everything that arrived.
#[derive(Debug, Clone, Default)]
pub struct Inbox(Arc<Mutex<Vec<Arrived>>>);

impl Inbox {
    /// All pages, oldest first.
    pub fn all(&self) -> Vec<Arrived> {
        self.lock().clone()
    }
    /// Takes a page.
    pub fn take(&self, arrived: Arrived) {
        self.lock().push(arrived);
    }
    fn lock(&self) -> MutexGuard<'_, Vec<Arrived>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody will answer.
#[derive(Debug, Clone)]
pub struct WillAnswer {
    /// The invented person to whom it was sent.
    pub person: PersonId,
    /// To what.
    pub incident: IncidentId,
    /// After how long.
    pub after: Duration,
}

/// A channel whose people answer by the seed.
pub struct Answering {
    seed: u64,
    inbox: Inbox,
    clock: Arc<dyn quarterdeck_host::clock::Clock>,
    answers: mpsc::Sender<WillAnswer>,
    addresses: BTreeMap<String, PersonId>,
}

impl Answering {
    /// The channel, and where its people's answers come out.
    pub fn new(
        seed: u64,
        roster: &Roster,
        clock: Arc<dyn quarterdeck_host::clock::Clock>,
    ) -> (Arc<Self>, Inbox, mpsc::Receiver<WillAnswer>) {
        let (answers, waiting) = mpsc::channel(ANSWERS_WAITING_MAX);
        let contacts = roster.people.values().flat_map(|person| person.contacts.iter().map(|c| (c, &person.id)));
        let addresses = contacts.map(|(contact, id)| (contact.address.clone(), id.clone())).collect();
        let inbox = Inbox::default();
        (Arc::new(Self { seed, inbox: inbox.clone(), clock, answers, addresses }), inbox, waiting)
    }

    /// A number from `least` to `most` that the seed and the page decide.
    fn dice(&self, what: &str, message: &Message, least: u64, most: u64) -> u64 {
        let digest = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(what)
            .chain_update(message.page.bytes())
            .finalize();
        let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        least + number % (most - least + 1)
    }
}

impl std::fmt::Debug for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answering").field("seed", &self.seed).finish_non_exhaustive()
    }
}

#[async_trait]
impl Notifier for Answering {
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        tokio::time::sleep(Duration::from_millis(self.dice("transit", message, 40, 900))).await;
        self.inbox.take(Arrived { message: message.clone(), at: self.clock.now() });
        if let Some(person) = self.addresses.get(&message.address) {
            let after = Duration::from_millis(self.dice("reaction", message, 8_000, 70_000));
            let answer = WillAnswer { person: person.clone(), incident: message.incident, after };
            // Nobody takes answers once the drill is over.
            drop(self.answers.send(answer).await);
        }
        Ok(Receipt { text: format!("inbox {}", message.page) })
    }
}
