//! Which lines of a wallet's policy a deed breaks, and how a person is told. Judges by what the books say before the deed.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck_core::{
    chain::{Address, Block, ChainId, Transaction, U256},
    money::Usd,
    signal::{Loudness, Number},
    wallet::{Span, Spans, WalletPolicy},
};

use super::{
    books::{Books, minute_of},
    guard::{Deed, Guard, Sent},
};
use crate::watch::short;

/// What holds for a wallet whose policy does not say otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    /// Share of what the wallet holds, in thousandths.
    pub(super) share: Spans<u32>,
    /// A loss that is worth less is no share of anything.
    pub(super) loss_min: Usd,
}

/// From this loss on a broken line is critical: as for a theft by a contract.
const CRITICAL_LOSS: Usd = Usd::from_dollars(1_000_000);
/// A trade through a contract on the allow-list brings back nine tenths, else it is a payment to whoever got it.
const TRADED_TENTHS: u64 = 9;

/// A line that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// The line, as a part of the claim's fingerprint.
    pub(super) rule: &'static str,
    pub(super) loudness: Loudness,
    pub(super) title: String,
    pub(super) sentence: String,
    pub(super) numbers: Vec<Number>,
    /// How sure, in thousandths, that this is no work of the owner's.
    pub(super) confidence: u16,
    /// Somebody else signs with the key.
    pub(super) key: bool,
    /// Funds go where they never may.
    pub(super) theft: bool,
    /// Who receives, or may take.
    pub(super) to: Option<Address>,
}

/// A deed with all that it is judged by.
pub(super) struct Judge<'a> {
    pub(super) guard: &'a Guard,
    pub(super) books: &'a Books,
    pub(super) block: &'a Block,
    pub(super) transaction: &'a Transaction,
    pub(super) deed: &'a Deed,
    pub(super) policy: &'a WalletPolicy,
    pub(super) usual: Usual,
}

impl Judge<'_> {
    /// Every line that the deed breaks, the gravest first.
    pub(super) fn broken(&self) -> Vec<Broken> {
        let lines = [
            self.nonce(),
            self.destinations(),
            self.allowed(),
            self.share(),
            self.dollars(),
            self.units(),
            self.newcomer(),
            self.hours(),
        ];
        let mut all: Vec<Broken> = lines.into_iter().flatten().collect();
        all.sort_by_key(|broken| std::cmp::Reverse(broken.loudness));
        all
    }

    /// What the wallet is known to hold, before the deed.
    pub(super) fn holdings(&self) -> Usd {
        let worth = |(asset, held)| self.guard.worth(self.chain(), asset, held);
        self.books.holdings(self.key()).filter_map(worth).sum()
    }

    /// The assets that left of which nobody knows how much the wallet held.
    pub(super) fn unknown(&self) -> BTreeSet<Option<Address>> {
        let assets = self.deed.leaving().map(|one| one.asset);
        let priced = assets.filter(|asset| self.guard.is_priced(self.chain(), *asset));
        priced.filter(|asset| self.books.held(self.key(), *asset).is_none()).collect()
    }

    /// Whether so much left that it matters what the wallet held.
    pub(super) fn worth_knowing(&self) -> bool {
        self.deed.lost > Usd::ZERO && self.deed.lost >= self.usual.loss_min
    }

    /// How much of what the wallet holds may leave, in thousandths.
    pub(super) fn share_limits(&self) -> Spans<u32> {
        let own = self.policy.share_permille;
        if own == Spans::default() { self.usual.share } else { own }
    }

    pub(super) fn name(&self) -> String {
        self.guard.name(self.chain(), self.deed.wallet)
    }

    const fn chain(&self) -> ChainId {
        self.block.chain
    }
    const fn key(&self) -> (ChainId, Address) {
        (self.block.chain, self.deed.wallet)
    }

    /// Grave ones are errors, and critical from a million on.
    fn grave(&self) -> Loudness {
        if self.deed.lost >= CRITICAL_LOSS { Loudness::Critical } else { Loudness::Error }
    }

    fn nonce(&self) -> Option<Broken> {
        if !self.policy.nonce_gaps || !self.deed.signed {
            return None;
        }
        let (nonce, next) = (self.transaction.nonce?, self.books.next_nonce(self.key())?);
        let unseen = nonce.checked_sub(next).filter(|unseen| *unseen > 0)?;
        let name = self.name();
        let uses = if unseen == 1 { "once".to_owned() } else { format!("{unseen} times") };
        Some(Broken {
            rule: "nonce_gap",
            loudness: Loudness::Critical,
            title: format!("nonces of {name}: its key was used {uses} where we saw nothing"),
            sentence: format!(
                "The nonce of {name} went from {} to {nonce}, and every block between was seen. Its key was used {uses} outside of a transaction, as a delegation of the account is signed.",
                next.saturating_sub(1)
            ),
            numbers: vec![Number::new("nonce", nonce, ""), Number::new("nonce that was due", next, "")],
            confidence: 900,
            key: true,
            theft: false,
            to: None,
        })
    }

    fn may_go(&self, to: Address) -> bool {
        let Some(listed) = &self.policy.destinations else { return true };
        listed.addresses.contains(&to) || (listed.ours && self.guard.is_ours(self.chain(), to))
    }

    /// A trade through a listed contract: what went to its pools came back.
    fn has_traded(&self) -> bool {
        let Deed { lost, gross, signed, .. } = self.deed;
        let back = gross.cents().saturating_sub(lost.cents());
        *signed
            && self.transaction.to.is_some_and(|called| self.may_go(called))
            && back.saturating_mul(10) >= gross.cents().saturating_mul(TRADED_TENTHS)
            && gross.cents() > 0
    }

    fn destinations(&self) -> Option<Broken> {
        self.policy.destinations.as_ref()?;
        let off: Vec<&Sent> = self.deed.sent.iter().filter(|sent| !self.may_go(sent.to)).collect();
        let first = off.iter().find(|sent| !sent.ours).or(off.first())?.to;
        if self.has_traded() {
            return None;
        }
        let outside = off.iter().any(|sent| !sent.ours);
        let (name, others) =
            (self.name(), off.iter().map(|sent| sent.to).collect::<BTreeSet<_>>().len().saturating_sub(1));
        let more = if others > 0 { format!(" and {others} more") } else { String::new() };
        let sums: Vec<String> = self.sums(|to| !self.may_go(to)).into_iter().take(SUMS_MAX).collect();
        Some(Broken {
            rule: "destination",
            loudness: if outside { self.grave() } else { Loudness::Warning },
            title: format!("allow-list of {name}: {}{more} is not on it", short(first)),
            sentence: format!("{name} sent {} to {first}{more}, which is not on its allow-list.", sums.join(", ")),
            numbers: vec![Number::new("destinations off the list", others.saturating_add(1), "")],
            confidence: 900,
            key: false,
            theft: outside,
            to: Some(first),
        })
    }

    /// What was sent to those that are picked, by asset, as people read it.
    fn sums(&self, picked: impl Fn(Address) -> bool) -> Vec<String> {
        let mut sums: BTreeMap<Option<Address>, U256> = BTreeMap::new();
        for sent in self.deed.sent.iter().filter(|sent| picked(sent.to)) {
            let sum = sums.entry(sent.asset).or_default();
            *sum = sum.saturating_add(sent.amount);
        }
        sums.into_iter().map(|(asset, raw)| self.guard.amount(self.chain(), asset, raw)).collect()
    }

    fn allowed(&self) -> Option<Broken> {
        self.policy.destinations.as_ref()?;
        let (token, spender) = *self.deed.allowed.iter().find(|(_, spender)| !self.may_go(*spender))?;
        let (name, what) = (self.name(), self.guard.symbol(self.chain(), token));
        Some(Broken {
            rule: "approval",
            loudness: Loudness::Error,
            title: format!("allow-list of {name}: {} is not on it and may now take its {what}", short(spender)),
            sentence: format!("{name} let {spender} take its {what} ({token}); that address is not on its allow-list."),
            numbers: Vec::new(),
            confidence: 800,
            key: false,
            theft: false,
            to: Some(spender),
        })
    }

    fn share(&self) -> Option<Broken> {
        let lost = self.deed.lost;
        let own = self.policy.share_permille != Spans::default();
        // Where nobody set a limit, what may go there may go in any amount.
        let listed = !own && self.policy.destinations.is_some() && self.deed.leaving().all(|one| self.may_go(one.to));
        if lost == Usd::ZERO || listed || !self.unknown().is_empty() {
            return None;
        }
        let held = self.holdings();
        let limits = self.share_limits();
        let found = limits.set().filter_map(|(span, limit)| {
            let before = if span == Span::Transaction { Usd::ZERO } else { self.before(span).0 };
            let (gone, had) = (lost + before, held + before);
            let share = permille(gone, had)?;
            (share >= limit && gone >= self.usual.loss_min).then_some((span, limit, share, gone, had))
        });
        let (span, limit, share, gone, had) =
            found.max_by_key(|(span, _, share, ..)| (*share, std::cmp::Reverse(*span)))?;
        let (name, percent) = (self.name(), percent(share));
        let half = share >= HALF_PERMILLE;
        Some(Broken {
            rule: match span {
                Span::Transaction => "share_transaction",
                Span::Hour => "share_hour",
                Span::Day => "share_day",
            },
            loudness: if half { self.grave() } else { Loudness::Warning },
            title: format!("{percent} of what {name} holds left {}", span.words()),
            sentence: format!(
                "{name} lost {gone} of {had} {}, {percent} of what it is known to hold; from {} on that is told.",
                span.words(),
                self::percent(limit)
            ),
            numbers: vec![
                Number::new("share that left", share, "thousandths"),
                Number::new("limit of the share", limit, "thousandths"),
                Number::new("known to be held before", had.dollars(), "USD"),
            ],
            confidence: 600,
            key: false,
            theft: false,
            to: self.largest(),
        })
    }

    /// What left within the span before this deed: net, and gross.
    fn before(&self, span: Span) -> (Usd, Usd) {
        self.books.left(self.key(), span, minute_of(self.block.time))
    }

    /// Who got the most of it.
    fn largest(&self) -> Option<Address> {
        let worth = |asset, amount| self.guard.worth(self.chain(), asset, amount).unwrap_or_default();
        self.deed.leaving().max_by_key(|one| worth(one.asset, one.amount)).map(|one| one.to)
    }

    fn dollars(&self) -> Option<Broken> {
        if self.deed.gross == Usd::ZERO {
            return None;
        }
        let mut found = self.policy.usd.set().filter_map(|(span, limit)| {
            let gone = self.deed.gross + if span == Span::Transaction { Usd::ZERO } else { self.before(span).1 };
            (gone > limit).then_some((span, limit, gone))
        });
        let (span, limit, gone) = found.next()?;
        let numbers = vec![Number::new("left", gone.dollars(), "USD"), Number::new("limit", limit.dollars(), "USD")];
        Some(self.over(span, (&gone.to_string(), &limit.to_string()), numbers))
    }

    fn units(&self) -> Option<Broken> {
        let minute = minute_of(self.block.time);
        for (asset, limits) in &self.policy.units {
            let here = self.deed.leaving().filter(|leaving| leaving.asset == *asset);
            let here = here.fold(U256::ZERO, |sum, leaving| sum.saturating_add(leaving.amount));
            for (span, limit) in limits.set().filter(|_| !here.is_zero()) {
                let before = self.books.units(self.key(), *asset, span, minute);
                let gone = here.saturating_add(if span == Span::Transaction { U256::ZERO } else { before });
                if gone > limit {
                    let amount = |raw| self.guard.amount(self.chain(), *asset, raw);
                    let exact = |raw| self.guard.exact(self.chain(), *asset, raw);
                    let ((left, unit), (most, _)) = (exact(gone), exact(limit));
                    let numbers = vec![Number::new("left", left, &unit), Number::new("limit", most, &unit)];
                    return Some(self.over(span, (&amount(gone), &amount(limit)), numbers));
                }
            }
        }
        None
    }

    fn over(&self, span: Span, (gone, limit): (&str, &str), numbers: Vec<Number>) -> Broken {
        let (name, over) = (self.name(), span.words());
        Broken {
            rule: match span {
                Span::Transaction => "limit_transaction",
                Span::Hour => "limit_hour",
                Span::Day => "limit_day",
            },
            loudness: Loudness::Warning,
            title: format!("limit of {name}: {gone} left {over}, {limit} may"),
            sentence: format!("{gone} left {name} {over}; its policy allows {limit}."),
            numbers,
            confidence: 600,
            key: false,
            theft: false,
            to: self.largest(),
        }
    }

    fn newcomer(&self) -> Option<Broken> {
        let above = self.policy.new_counterparty?;
        let listed = |to| self.policy.destinations.is_some() && self.may_go(to);
        let mut paid: BTreeMap<Address, Usd> = BTreeMap::new();
        for leaving in self.deed.leaving().filter(|one| !listed(one.to) && !self.books.has_met(self.key(), one.to)) {
            let worth = self.guard.worth(self.chain(), leaving.asset, leaving.amount).unwrap_or_default();
            let sum = paid.entry(leaving.to).or_default();
            *sum = *sum + worth;
        }
        let (to, worth) = paid.into_iter().max_by_key(|(_, worth)| *worth).filter(|(_, worth)| *worth > above)?;
        let name = self.name();
        Some(Broken {
            rule: "new_counterparty",
            loudness: Loudness::Warning,
            title: format!("{name} sent {worth} to {}, where it never sent before", short(to)),
            sentence: format!("{name} never paid {to} since it is watched; above {above} that is told."),
            numbers: vec![Number::new("told above", above.dollars(), "USD")],
            confidence: 400,
            key: false,
            theft: false,
            to: Some(to),
        })
    }

    fn hours(&self) -> Option<Broken> {
        let hours = self.policy.hours.as_ref().filter(|hours| !hours.allow(self.block.time))?;
        if !self.deed.signed && !self.deed.leaves() {
            return None;
        }
        let (name, when) = (self.name(), hours.on_the_wall(self.block.time));
        Some(Broken {
            rule: "hours",
            loudness: Loudness::Warning,
            title: format!("hours of {name}: it was used on {when}"),
            sentence: format!("{name} was used on {when}; its hours are {}.", hours.words()),
            numbers: Vec::new(),
            confidence: 500,
            key: false,
            theft: false,
            to: self.largest(),
        })
    }
}

/// Sums named in a sentence: more than a person compares at night.
const SUMS_MAX: usize = 3;
/// A share from which on it is told as loudly as a destination that is not allowed.
const HALF_PERMILLE: u32 = 500;

/// A part of a whole in thousandths, at most a thousand; none of nothing.
fn permille(part: Usd, whole: Usd) -> Option<u32> {
    let share = u128::from(part.cents()).saturating_mul(1_000).checked_div(u128::from(whole.cents()))?;
    Some(u32::try_from(share.min(1_000)).unwrap_or(1_000))
}

/// Thousandths as people read them: `60 %`, `62.5 %`.
pub(super) fn percent(permille: u32) -> String {
    match (permille / 10, permille % 10) {
        (whole, 0) => format!("{whole} %"),
        (whole, tenth) => format!("{whole}.{tenth} %"),
    }
}
