//! How the asset detectors word and weigh an [`Extraction`]: titles, numbers, facts and loudness, the same in each.

use alloy_primitives::{Address, U256};
use quarterdeck_core::{
    catalogue::{AddressRole, Catalogue},
    chain::{ChainId, Transaction},
    id::ServiceId,
    money::Usd,
    signal::{Facts, Loudness, Number},
};

use crate::{
    facts::{
        extraction::{Extraction, Victim},
        prices,
    },
    figures,
};

/// From this loss on a theft is at least an error: nobody waits for the morning.
const ERROR_CENTS: i128 = 100_000 * 100;
/// From this loss on it is critical.
const CRITICAL_CENTS: i128 = 1_000_000 * 100;

/// Victims and loans named in a text: more than a person reads at night.
const NAMED_MAX: usize = 3;

/// A parameter in whole dollars as cents.
pub fn cents(dollars: i64) -> i128 {
    i128::from(dollars) * 100
}

/// Cents as money; nothing for a negative amount.
pub fn usd(cents: i128) -> Usd {
    Usd::from_cents(u64::try_from(cents.max(0)).unwrap_or(u64::MAX))
}

/// Whether a transaction can have taken anything: it did not fail, and either ran code that called others or left logs.
pub fn may_take(transaction: &Transaction) -> bool {
    transaction.status != Some(false) && (transaction.calls.len() > 1 || transaction.logs.len() > 1)
}

/// The loss that counts: what was taken without return, or where all traded, what the sender is richer by.
pub fn stolen(found: &Extraction) -> i128 {
    found.one_sided_loss().max(found.gain())
}

/// How loud a theft is, by what was taken.
pub fn loudness(found: &Extraction) -> Loudness {
    match stolen(found) {
        CRITICAL_CENTS.. => Loudness::Critical,
        ERROR_CENTS.. => Loudness::Error,
        _ => Loudness::Warning,
    }
}

/// How sure, in thousandths: the more signs of a machine at work, the surer.
pub fn confidence(found: &Extraction) -> u16 {
    let signs = [
        !found.loans.is_empty(),
        found.signs.reentries > 0,
        found.signs.payments >= 3,
        found.signs.helpers > 0,
        found.signs.pulls > 0,
        found.signs.newborn > 0,
        found.one_sided_loss() * 2 >= found.gain(),
    ];
    let shown = u16::try_from(signs.into_iter().filter(|sign| *sign).count()).unwrap_or(0);
    (600 + 100 * shown).min(950)
}

/// The watched address that lost most, if one lost at least `loss_min`.
pub fn watched_victim<'a>(
    catalogue: &Catalogue,
    chain: ChainId,
    found: &'a Extraction,
    loss_min: i128,
) -> Option<&'a Victim> {
    found.victims.iter().find(|victim| victim.loss >= loss_min && catalogue.watched(chain, victim.address).is_some())
}

/// Whoever lost most for nothing in return; where all traded, whoever lost most in trade. Never a lender that others stand before.
pub fn victim(found: &Extraction) -> Option<&Victim> {
    let robbed = found.victims.iter().filter(|victim| victim.one_sided).max_by_key(|victim| victim.loss);
    robbed.or(found.victims.first())
}

/// Whether an address is one that holds other people's funds, by the operator's own word.
pub fn holds_funds(role: AddressRole) -> bool {
    matches!(role, AddressRole::Pool | AddressRole::Vault | AddressRole::Bridge)
}

/// The service of an address.
pub fn service(catalogue: &Catalogue, chain: ChainId, address: Address) -> Option<ServiceId> {
    catalogue.watched(chain, address).map(|(service, _)| service.id.clone())
}

/// The operator's name of an address, else the address.
pub fn name(catalogue: &Catalogue, chain: ChainId, address: Address) -> String {
    catalogue.watched(chain, address).map_or_else(|| address.to_string(), |(_, watched)| watched.label.clone())
}

/// A loss as people read it; where nothing that was lost has a price, it says so.
pub fn loss_text(victim: &Victim) -> String {
    if victim.loss > 0 { usd(victim.loss).to_string() } else { String::from("assets without a known price") }
}

/// What was borrowed, for a sentence: each asset once, with the sum of its loans.
pub fn loans_text(catalogue: &Catalogue, chain: ChainId, found: &Extraction) -> String {
    let mut sums: Vec<(Option<Address>, U256)> = Vec::new();
    for loan in found.loans.iter().filter(|loan| !loan.amount.is_zero()) {
        match sums.iter_mut().find(|(asset, _)| *asset == loan.asset) {
            Some((_, sum)) => *sum = sum.saturating_add(loan.amount),
            None => sums.push((loan.asset, loan.amount)),
        }
    }
    let mut parts: Vec<String> =
        sums.iter().take(NAMED_MAX).map(|(asset, sum)| prices::display_in(catalogue, chain, *asset, *sum)).collect();
    match sums.len().saturating_sub(NAMED_MAX) {
        _ if parts.is_empty() => parts.push(String::from("assets")),
        0 => {}
        1 => parts.push(String::from("one more asset")),
        more => parts.push(format!("{more} more assets")),
    }
    figures::listed(parts)
}

/// Who lost what, for a sentence.
pub fn victims_text(catalogue: &Catalogue, chain: ChainId, found: &Extraction) -> String {
    let named: Vec<String> = found
        .victims
        .iter()
        .take(NAMED_MAX)
        .map(|victim| {
            let given = match (victim.one_sided, victim.lender) {
                (true, _) => "for nothing in return",
                (false, true) => "as a lender and in trades",
                (false, false) => "in trades",
            };
            let assets = assets_text(catalogue, chain, victim);
            format!("{} lost {} {given} ({assets})", name(catalogue, chain, victim.address), loss_text(victim))
        })
        .collect();
    if named.is_empty() {
        return String::from("Nothing that was lost has a known price.");
    }
    let rest = found.victims.len().saturating_sub(NAMED_MAX);
    let more = if rest > 0 { format!("; {rest} more lost less") } else { String::new() };
    format!("{}{more}.", named.join("; "))
}

/// What a loss was made of: the asset of which most went, and whether that is all of it.
fn assets_text(catalogue: &Catalogue, chain: ChainId, victim: &Victim) -> String {
    let amount = prices::display_in(catalogue, chain, victim.asset, victim.amount);
    let paid = prices::value_in(catalogue, chain, victim.asset, victim.amount).unwrap_or(0);
    // Within a tenth it is the loss itself.
    let rest = match victim.loss {
        loss if paid > loss + loss / 10 => " went out, and part of its worth came back",
        loss if paid < loss - loss / 10 => " and other assets",
        _ => "",
    };
    let share = match victim.share_permille {
        None => String::new(),
        Some(0) => String::from(", less than 0.1 % of what it held"),
        Some(1_000..) => String::from(", all that it held"),
        Some(share) => format!(", {}.{} % of what it held", share / 10, share % 10),
    };
    format!("{amount}{rest}{share}")
}

/// What the sender gained, for a sentence.
pub fn gain_text(found: &Extraction) -> String {
    match found.gain() {
        ..=0 => {
            String::from("By known prices the sender is not richer: what it took went elsewhere or has no known price.")
        }
        gain => format!("The sender gave next to nothing for what it took and is {} richer.", usd(gain)),
    }
}

/// The numbers that every judgement uses.
pub fn numbers(found: &Extraction) -> Vec<Number> {
    vec![
        Number::new("gain of the sender", found.gain() / 100, "USD"),
        Number::new("taken for nothing in return", found.one_sided_loss() / 100, "USD"),
        Number::new("losers", found.victims.len(), ""),
        Number::new("calls into a waiting contract", found.signs.reentries, ""),
        Number::new("payments asked for again", found.signs.payments, ""),
        Number::new("helpers created", found.signs.helpers, ""),
        Number::new("payments by approval", found.signs.pulls, ""),
    ]
}

/// Sender, victim and who ended up with it.
pub fn parties(transaction: &Transaction, victim: &Victim) -> Vec<(&'static str, Address)> {
    let mut parties = vec![("sender", transaction.from), ("victim", victim.address)];
    parties.extend(transaction.to.filter(|to| *to != victim.address).map(|to| ("called", to)));
    parties
}

/// A judgement about an extraction.
pub struct Taking<'a> {
    /// The evidence.
    pub found: &'a Extraction,
    /// Only recorded: nobody was robbed.
    pub quiet: bool,
}

impl Taking<'_> {
    /// What it means for priority.
    pub fn facts(&self) -> Facts {
        if self.quiet {
            return Facts::default();
        }
        Facts { money_at_risk: usd(stolen(self.found)), irreversible: true, theft: true, ..Facts::default() }
    }
}
