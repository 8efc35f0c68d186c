//! What a wallet is guarded by, in words: for `check`, the API and the console.

use quarterdeck_core::{
    catalogue::{Catalogue, WatchedAddress},
    chain::{Address, ChainId},
    wallet::{Destinations, WalletPolicy},
};

use super::lines::{Usual, percent};
use crate::{facts::prices, watch::short};

/// Addresses of an allow-list named in a line; the others are counted.
const NAMED_MAX: usize = 8;

/// The lines that hold for a watched wallet, each a sentence without its full stop: those of its policy, and what holds without one.
pub(super) fn guarded_by(catalogue: &Catalogue, wallet: &WatchedAddress, usual: Usual) -> Vec<String> {
    let none = WalletPolicy::default();
    let policy = catalogue.wallet_policy(wallet.chain, wallet.address.clone()).unwrap_or(&none);
    let mut lines = Vec::new();
    lines.extend(policy.destinations.as_ref().map(|listed| destinations(catalogue, wallet.chain, listed)));
    let own = policy.share_permille.set().next().is_some();
    let shares = if own { policy.share_permille } else { usual.share };
    for (span, limit) in shares.set() {
        let by_default = if own { "" } else { ", as for every wallet" };
        lines.push(format!("told if {} of what it holds leaves {}{by_default}", percent(limit), span.words()));
    }
    for (span, limit) in policy.usd.set() {
        lines.push(format!("at most {limit} {}", span.words()));
    }
    for (asset, limits) in &policy.units {
        for (span, limit) in limits.set() {
            let amount = prices::display_in(catalogue, wallet.chain, *asset, limit);
            lines.push(format!("at most {amount} {}", span.words()));
        }
    }
    lines.extend(policy.new_counterparty.map(|above| format!("told above {above} to where it never sent before")));
    lines.extend(policy.hours.as_ref().map(|hours| format!("used only {}", hours.words())));
    lines.extend(policy.nonce_gaps.then(|| "each use of its key must be a transaction that was seen".to_owned()));
    lines
}

fn destinations(catalogue: &Catalogue, chain: ChainId, listed: &Destinations) -> String {
    let name = |address: &Address| match catalogue.watched(chain, *address) {
        Some((_, watched)) => watched.label.clone(),
        None => short(*address),
    };
    let mut names: Vec<String> = Vec::new();
    names.extend(listed.ours.then(|| "any watched address".to_owned()));
    names.extend(listed.addresses.iter().take(NAMED_MAX).map(name));
    let more = listed.addresses.len().saturating_sub(NAMED_MAX);
    names.extend((more > 0).then(|| format!("{more} more")));
    format!("sends only to {}", crate::figures::listed(names))
}
