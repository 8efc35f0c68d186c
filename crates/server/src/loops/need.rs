//! Speaks when the store cannot: people are told that nothing can be written, by the ways that still work, without anything of it
//! being durable first. What was said is kept in memory and written into the journal when the store takes it again.
//!
//! Told are the fallbacks of all policies, each by the first of their contacts that takes it. Also looks whether the store still takes
//! a commit when nobody has asked for one, so that a program that was overtaken knows it before the first alert is refused. It must
//! never speak while the store works. Tests: `tests/it/need.rs`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use quarterdeck_core::{
    id::{Id, PersonId},
    incident::{PageOutcome, Severity},
    journal::{JournalEvent, SaidInNeed},
    limits::{DELIVERY_TIMEOUT, SAID_IN_NEED_MAX},
    policy::Person,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_reach::notify::{Message, MessageKind};
use quarterdeck_store::{Batch, Store};
use tokio::sync::watch;

use crate::{
    engine::Work,
    in_force::{InForce, Live},
    loops::engine::EngineHandle,
    writing::{Need, Writing},
};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the store may go without a commit before it is asked for an empty one.
const PROBE_AFTER: Duration = Duration::from_secs(5);
/// How often it is looked whether space can be kept again.
const RESTORE_EVERY: Duration = Duration::from_secs(10);
/// How often people are told again while nothing changes.
const REPEAT_EVERY: Duration = Duration::from_mins(10);
/// How soon it is tried again where nobody could be told.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Incidents named to those who are told; of more the number is said.
const NAMED_MAX: usize = 5;

/// Everything it needs.
pub struct Speaker {
    /// Asked for an empty commit now and then.
    pub store: Arc<dyn Store>,
    /// Where what was said is written in the end.
    pub engine: EngineHandle,
    /// People and channels.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How writing does.
    pub writing: Arc<Writing>,
}

/// A time in which people had to be told.
struct Spell {
    need: Need,
    said: Vec<SaidInNeed>,
    /// When they are told next.
    next: Duration,
    times: u64,
}

impl Speaker {
    /// Looks until `stop` says so.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut spell: Option<Spell> = None;
        let mut restored = self.clock.elapsed();
        loop {
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.probe().await;
            let now = self.clock.elapsed();
            if now.saturating_sub(restored) >= RESTORE_EVERY {
                restored = now;
                let writing = Arc::clone(&self.writing);
                if let Err(error) = tokio::task::spawn_blocking(move || writing.restore()).await {
                    tracing::error!(%error, "looking for space met a defect");
                }
            }
            spell = match (self.writing.need(now), spell) {
                (Some(need), before) => Some(self.speak(need, before, now).await),
                (None, Some(over)) => self.conclude(over).await,
                (None, None) => None,
            };
        }
    }

    /// An empty commit, where none was made for a while.
    async fn probe(&self) {
        let now = self.clock.elapsed();
        let last = self.writing.last_commit().map_or(Duration::ZERO, |(_, at)| at);
        if now.saturating_sub(last) < PROBE_AFTER {
            return;
        }
        match self.store.append(Batch::default()).await {
            Ok(()) => self.writing.answered(self.clock.now(), self.clock.elapsed()),
            Err(error) => self.writing.refused(&error, self.clock.now(), self.clock.elapsed()),
        }
    }

    async fn speak(&self, need: Need, before: Option<Spell>, now: Duration) -> Spell {
        let mut spell = before.unwrap_or(Spell { need: need.clone(), said: Vec::new(), next: now, times: 0 });
        spell.need.why = need.why;
        if now < spell.next {
            return spell;
        }
        tracing::error!(why = spell.need.why, "nothing can be written: telling people without the store");
        spell.times += 1;
        let text = self.text(&spell.need);
        let title = format!("Quarterdeck cannot write: {}", spell.need.why);
        let told = self.tell(&self.fallbacks(), &title, &text, (MessageKind::Page, &spell)).await;
        let reached = told.iter().any(|one| matches!(one.outcome, PageOutcome::Delivered { .. }));
        let room = SAID_IN_NEED_MAX.saturating_sub(spell.said.len());
        spell.said.extend(told.into_iter().take(room));
        spell.next = now.saturating_add(if reached { REPEAT_EVERY } else { AGAIN_AFTER });
        spell
    }

    /// It is over: written into the journal, and told to whoever was told. None: done; else it is tried again.
    async fn conclude(&self, spell: Spell) -> Option<Spell> {
        let Need { since, why } = spell.need.clone();
        let (until, said) = (self.clock.now(), spell.said.clone());
        let event = JournalEvent::SpokeInNeed { since, until, reason: why.clone(), said };
        if let Err(error) = self.engine.ask(Work::Journal(event)).await {
            tracing::error!(%error, "cannot write into the journal what was said in need, trying again");
            return Some(spell);
        }
        let reached = spell.said.iter().filter(|one| matches!(one.outcome, PageOutcome::Delivered { .. }));
        let people: BTreeSet<PersonId> = reached.map(|one| one.person.clone()).collect();
        let title = format!("Quarterdeck can write again: it could not since {since}");
        let text =
            format!("It could not, because: {why}\nNo answer is needed. What was refused meanwhile was answered 503.");
        self.tell(&people, &title, &text, (MessageKind::Resolved, &spell)).await;
        None
    }

    fn fallbacks(&self) -> BTreeSet<PersonId> {
        let setting = &self.live.now().setting;
        setting.roster.policies.values().map(|policy| policy.fallback.clone()).collect()
    }

    /// What is wrong, and what it means for what is open.
    fn text(&self, need: &Need) -> String {
        let board = self.engine.published().board();
        let mut lines = vec![
            format!("Since {}: {}", need.since, need.why),
            "What monitors send may be refused (503), and escalations may stand still. Look at the disk or the database now.".to_owned(),
            format!("{} incidents are open.", board.open_incidents()),
        ];
        let waiting = || board.incidents().filter(|incident| incident.wants_answer());
        lines.extend(
            waiting()
                .take(NAMED_MAX)
                .map(|it| format!("Nobody has {}: {} {}", it.id(), it.severity(), it.name_outside())),
        );
        let more = waiting().count().saturating_sub(NAMED_MAX);
        if more > 0 {
            lines.push(format!("And {more} more that nobody has."));
        }
        lines.join("\n")
    }

    /// Tells each of these people by the first of their contacts that takes it.
    async fn tell(
        &self,
        people: &BTreeSet<PersonId>,
        title: &str,
        text: &str,
        about: (MessageKind, &Spell),
    ) -> Vec<SaidInNeed> {
        let in_force = self.live.now();
        let known = people.iter().filter_map(|id| in_force.setting.roster.people.get(id));
        let each = known.map(|person| self.tell_one(person, &in_force, (title, text), about));
        futures_util::future::join_all(each).await.into_iter().flatten().collect()
    }

    async fn tell_one(
        &self,
        person: &Person,
        in_force: &InForce,
        (title, text): (&str, &str),
        (kind, spell): (MessageKind, &Spell),
    ) -> Vec<SaidInNeed> {
        let mut said = Vec::new();
        for contact in &person.contacts {
            let at = self.clock.now();
            let message = Message {
                // The same for all of one spell, so that channels that fold repeats do.
                page: Id::digest(&[b"need", &spell.need.since.as_ms().to_be_bytes(), &spell.times.to_be_bytes()]),
                incident: Id::digest(&[b"need", &spell.need.since.as_ms().to_be_bytes()]),
                title: title.to_owned(),
                text: text.to_owned(),
                person: person.name.clone(),
                address: contact.address.clone(),
                ..Message::of_the_program(&in_force.base_url, Severity::Sev1, kind, at)
            };
            let outcome = self.hand_over(in_force, contact, &message).await;
            let reached = matches!(outcome, PageOutcome::Delivered { .. });
            said.push(SaidInNeed { at, person: person.id.clone(), channel: contact.channel.clone(), outcome });
            if reached {
                break;
            }
        }
        said
    }

    async fn hand_over(
        &self,
        in_force: &InForce,
        contact: &quarterdeck_core::policy::Contact,
        message: &Message,
    ) -> PageOutcome {
        let Some(notifier) = in_force.channels.get(&contact.channel) else {
            return PageOutcome::Failed { error: format!("no channel `{}` is configured", contact.channel) };
        };
        match tokio::time::timeout(DELIVERY_TIMEOUT, notifier.send(message)).await {
            Ok(Ok(receipt)) => PageOutcome::Delivered { receipt: receipt.text },
            Ok(Err(error)) => PageOutcome::Failed { error: error.to_string() },
            Err(_) => PageOutcome::Unknown { error: format!("no answer within {} s", DELIVERY_TIMEOUT.as_secs()) },
        }
    }
}
