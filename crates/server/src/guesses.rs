//! Wrong tokens and keys, counted by where they come from: who tries many is no longer listened to for a while, and the log says so.
//!
//! A token that was right from an address before is always listened to there: somebody who guesses from behind the same address as
//! the people on call must not lock them out. Everything is bounded: addresses, tokens remembered for each, events in the log.
//! Why it is so: `docs/adr/0067-a-session-is-not-the-token.md`. Tests: below, and `tests/it/login.rs`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quarterdeck_core::{journal::TriedFrom, time::Timestamp};
use tokio::sync::Notify;

/// Wrong ones that may come at once: a person who pastes the wrong thing, twice over.
const AT_ONCE_MAX: u32 = 10;
/// After those, one more in this span: 14,400 a day, of which a random token of 16 letters fears nothing.
const ONE_IN: Duration = Duration::from_secs(6);
/// Addresses remembered; the one that was silent longest makes room.
const ADDRESSES_MAX: usize = 10_000;
/// Right tokens remembered of one address: an office, or a proxy that does not say for whom it asks.
const RIGHT_MAX: usize = 256;
/// Addresses that an event of the log names: the others are in its sum.
const NAMED_MAX: usize = 8;

type Digest = [u8; 32];

#[derive(Debug, Default)]
struct Tries {
    /// When all its wrong tries are made good, on the clock's reading for spans.
    good_at: Duration,
    /// When it was last heard of.
    at: Duration,
    /// What was right from there, the latest last.
    right: Vec<Digest>,
}

/// What is to be written to the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// When the first of them came.
    pub since: Option<Timestamp>,
    /// How many were wrong, or not listened to.
    pub tries: u64,
    /// How many of them were not listened to.
    pub unheard: u64,
    /// By address.
    from: BTreeMap<String, u64>,
}

impl Tally {
    /// Those that tried most.
    pub fn most(&self) -> Vec<TriedFrom> {
        let mut from: Vec<TriedFrom> =
            self.from.iter().map(|(address, tries)| TriedFrom { address: address.clone(), tries: *tries }).collect();
        from.sort_by_key(|one| std::cmp::Reverse(one.tries));
        from.truncate(NAMED_MAX);
        from
    }
}

#[derive(Debug, Default)]
struct Counted {
    addresses: BTreeMap<IpAddr, Tries>,
    tally: Tally,
}

/// What was tried at the doors.
#[derive(Debug, Default)]
pub struct Guesses {
    counted: Mutex<Counted>,
    news: Notify,
}

/// For how long an address is not listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Duration);

/// An address as it is counted: of IPv6 the network that one customer has.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Guesses {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether we listen to this secret from there.
    pub fn may_try(&self, from: IpAddr, secret: &Digest, elapsed: Duration, now: Timestamp) -> Result<(), Wait> {
        let mut counted = self.lock();
        let Some(heard) = counted.addresses.get_mut(&counted_as(from)) else { return Ok(()) };
        let free_at = heard.good_at.saturating_sub(ONE_IN * (AT_ONCE_MAX - 1));
        if free_at <= elapsed || heard.right.contains(secret) {
            return Ok(());
        }
        heard.at = elapsed;
        counted.tally.unheard += 1;
        self.note(&mut counted.tally, from, now);
        Err(Wait(free_at.saturating_sub(elapsed)))
    }

    /// It was wrong.
    pub fn wrong(&self, from: IpAddr, elapsed: Duration, now: Timestamp) {
        let mut counted = self.lock();
        let heard = heard(&mut counted.addresses, from, elapsed);
        heard.good_at = heard.good_at.max(elapsed) + ONE_IN;
        self.note(&mut counted.tally, from, now);
    }

    /// It was right: from there it is listened to from here on.
    pub fn right(&self, from: IpAddr, secret: Digest, elapsed: Duration) {
        let mut counted = self.lock();
        let heard = heard(&mut counted.addresses, from, elapsed);
        if !heard.right.contains(&secret) {
            if heard.right.len() >= RIGHT_MAX {
                heard.right.remove(0);
            }
            heard.right.push(secret);
        }
    }

    fn note(&self, tally: &mut Tally, from: IpAddr, now: Timestamp) {
        tally.since.get_or_insert(now);
        tally.tries += 1;
        let name = from.to_canonical().to_string();
        if tally.from.len() < ADDRESSES_MAX || tally.from.contains_key(&name) {
            *tally.from.entry(name).or_default() += 1;
        }
        self.news.notify_one();
    }

    /// Waits until something was wrong since the last time that it was taken.
    pub async fn news(&self) {
        loop {
            if !self.is_quiet() {
                return;
            }
            self.news.notified().await;
        }
    }

    /// Whether nothing was wrong since the last time that it was taken.
    pub fn is_quiet(&self) -> bool {
        self.lock().tally.tries == 0
    }

    /// What was wrong since the last time.
    pub fn take(&self) -> Tally {
        std::mem::take(&mut self.lock().tally)
    }
}

fn heard(addresses: &mut BTreeMap<IpAddr, Tries>, from: IpAddr, elapsed: Duration) -> &mut Tries {
    let from = counted_as(from);
    if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&from) {
        let silent = addresses.iter().min_by_key(|(_, heard)| heard.at).map(|(address, _)| *address);
        silent.and_then(|address| addresses.remove(&address));
    }
    let heard = addresses.entry(from).or_default();
    heard.at = elapsed;
    heard
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ten_at_once_and_one_in_six_seconds() {
        let guesses = Guesses::default();
        let from = ip("192.0.2.1");
        let mut heard = 0;
        // Somebody who tries a hundred times a second, for an hour.
        for hundredth in 0..360_000_u64 {
            let elapsed = Duration::from_millis(hundredth * 10);
            if guesses.may_try(from, &[1; 32], elapsed, now()).is_ok() {
                guesses.wrong(from, elapsed, now());
                heard += 1;
            }
        }
        assert_eq!(heard, 10 + 599);
        let hour = Duration::from_hours(1);
        assert!(guesses.may_try(ip("192.0.2.2"), &[1; 32], hour, now()).is_ok(), "others are listened to");
        assert_eq!(guesses.may_try(from, &[1; 32], hour + Duration::from_mins(1), now()), Ok(()));
        let tally = guesses.take();
        assert_eq!((tally.tries, tally.unheard), (360_000, 360_000 - heard));
        assert_eq!(tally.most(), [TriedFrom { address: "192.0.2.1".to_owned(), tries: 360_000 }]);
        assert_eq!(guesses.take(), Tally::default());
    }

    #[test]
    fn who_was_right_from_there_is_not_locked_out_by_a_neighbour() {
        let guesses = Guesses::default();
        let (office, begin) = (ip("2001:db8:1:2::7"), Duration::from_secs(5));
        guesses.right(office, [7; 32], begin);
        for _ in 0..50 {
            guesses.wrong(ip("2001:db8:1:2:ffff::1"), begin, now());
        }
        assert_eq!(guesses.may_try(office, &[7; 32], begin, now()), Ok(()));
        assert!(guesses.may_try(office, &[8; 32], begin, now()).is_err());
        assert!(guesses.may_try(ip("2001:db8:1:3::7"), &[8; 32], begin, now()).is_ok(), "another network");
        assert!(guesses.may_try(ip("::ffff:192.0.2.1"), &[8; 32], begin, now()).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_silent() {
        let guesses = Guesses::default();
        let address = |n: u32| IpAddr::V4(n.into());
        for n in 0..20_000 {
            guesses.wrong(address(n), Duration::from_secs(u64::from(n)), now());
            guesses.right(address(20_000), [u8::try_from(n % 251).unwrap(); 32], Duration::from_secs(u64::from(n)));
        }
        let counted = guesses.lock();
        assert_eq!(counted.addresses.len(), ADDRESSES_MAX);
        assert!(counted.addresses.contains_key(&address(20_000)) && counted.addresses.contains_key(&address(19_999)));
        assert!(!counted.addresses.contains_key(&address(0)));
        assert_eq!((counted.tally.tries, counted.tally.from.len()), (20_000, ADDRESSES_MAX));
        assert_eq!(counted.tally.most().len(), NAMED_MAX);
    }
}
