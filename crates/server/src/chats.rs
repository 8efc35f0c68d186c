//! Chat services that incidents are mirrored to, and how each does. Health and the console say what is here. Tests: `tests/it/chat.rs`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quarterdeck_core::{
    id::{IncidentId, PersonId},
    severity::Severity,
    time::Timestamp,
};
use quarterdeck_reach::chat::Chat;

/// Chats by their names in the configuration.
pub type Chats = BTreeMap<String, Joined>;

/// A chat as the configuration joins it.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The service.
    pub chat: Arc<dyn Chat>,
    /// The mildest severity whose incidents get a channel there.
    pub from: Severity,
    /// Who the accounts there belong to.
    pub accounts: BTreeMap<String, PersonId>,
}

impl Joined {
    /// The account of a person there.
    pub fn account_of(&self, person: &PersonId) -> Option<&str> {
        self.accounts.iter().find(|(_, owner)| *owner == person).map(|(account, _)| account.as_str())
    }
}

/// How one chat does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// Since when nothing reaches it, or nothing is heard of it, and why; by which way.
    away: BTreeMap<Way, (Timestamp, String)>,
    /// Events of the log that are to be looked at for it.
    waiting: u64,
    /// Which incident has which channel.
    channels: BTreeMap<IncidentId, String>,
}

/// A way between us and a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// What is said here is said there.
    Out,
    /// What is said there is written here.
    In,
}

/// How all chats do. Kept in memory: after a start it is known with the first answer.
#[derive(Debug, Default)]
pub struct Mirroring(Mutex<BTreeMap<String, State>>);

impl Mirroring {
    fn states(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something failed at `now`. Returns whether it worked before.
    pub fn failed(&self, chat: &str, way: Way, now: Timestamp, why: String) -> bool {
        let mut states = self.states();
        let away = &mut states.entry(chat.to_owned()).or_default().away;
        let since = away.get(&way).map(|(since, _)| *since);
        away.insert(way, (since.unwrap_or(now), why));
        since.is_none()
    }

    /// It works. Returns since when it had not.
    pub fn works(&self, chat: &str, way: Way) -> Option<Timestamp> {
        self.states().get_mut(chat)?.away.remove(&way).map(|(since, _)| since)
    }

    /// How many events of the log are still to be looked at for it.
    pub fn waits(&self, chat: &str, waiting: u64) {
        self.states().entry(chat.to_owned()).or_default().waiting = waiting;
    }

    /// Which incident has which channel there.
    pub fn has_channels(&self, chat: &str, channels: &BTreeMap<IncidentId, String>) {
        self.states().entry(chat.to_owned()).or_default().channels.clone_from(channels);
    }

    /// The channels of an incident: the chat, the channel, and since when something does not get through.
    pub fn channels_of(&self, incident: IncidentId) -> Vec<(String, String, Option<Timestamp>)> {
        let states = self.states();
        let of = states.iter().filter_map(|(name, state)| {
            let away = state.away.values().map(|(since, _)| *since).min();
            state.channels.get(&incident).map(|channel| (name.clone(), channel.clone(), away))
        });
        of.collect()
    }

    /// Forgets chats that are not in the configuration any more.
    pub fn keep_only(&self, chats: &Chats) {
        self.states().retain(|name, _| chats.contains_key(name));
    }

    /// What does not work, a sentence each.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, state) in &*self.states() {
            for (way, (since, why)) in &state.away {
                let waiting = state.waiting;
                faults.push(match way {
                    Way::Out => {
                        format!("chat {name}: since {since} nothing is said there, {waiting} events wait: {why}")
                    }
                    Way::In => format!("chat {name}: since {since} nothing is heard of it: {why}"),
                });
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lasts_from_the_first_failure_to_the_first_success() {
        let (mirroring, at) = (Mirroring::default(), Timestamp::from_secs);
        assert!(mirroring.failed("matrix", Way::Out, at(1), "connect".to_owned()));
        assert!(!mirroring.failed("matrix", Way::Out, at(9), "busy".to_owned()));
        assert!(mirroring.failed("matrix", Way::In, at(5), "busy".to_owned()));
        mirroring.waits("matrix", 7);
        let said = "chat matrix: since 1970-01-01T00:00:01.000Z nothing is said there, 7 events wait: busy";
        assert_eq!(mirroring.faults()[0], said);
        assert_eq!(mirroring.works("matrix", Way::Out), Some(at(1)));
        assert_eq!(mirroring.works("matrix", Way::Out), None);
        assert_eq!(mirroring.faults().len(), 1);
    }
}
