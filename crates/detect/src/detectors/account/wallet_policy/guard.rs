//! Which wallets are guarded, and what a transaction did of each. Looks at one transaction alone: what came before is in `books`.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{Address, CallKind, ChainId, Log, Transaction, U256},
    detector::Knowledge,
    money::Usd,
    wallet::WalletPolicy,
};

use crate::{
    facts::{
        Case,
        flow::{APPROVAL, APPROVAL_FOR_ALL},
        prices,
        sheet::Net,
    },
    taking,
    watch::{Watch, Watched, short},
};

/// The wallets of the operator, their policies and the prices.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) catalogue: Arc<Catalogue>,
    watch: Watch,
}

/// What a wallet sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) asset: Option<Address>,
    pub(super) to: Address,
    pub(super) amount: U256,
    /// To another address of the operator's.
    pub(super) ours: bool,
}

/// What one transaction did of one guarded wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deed {
    pub(super) wallet: Address,
    /// The wallet's own key signed the transaction.
    pub(super) signed: bool,
    pub(super) sent: Vec<Sent>,
    /// All that moved, that between the operator's own addresses and what was only wrapped included.
    pub(super) moved: BTreeMap<Option<Address>, Net>,
    /// Who may take what from now on.
    pub(super) allowed: Vec<(Address, Address)>,
    /// What the wallet is poorer by, as far as prices are known: what came back is taken off.
    pub(super) lost: Usd,
    /// What left, whatever came back.
    pub(super) gross: Usd,
}

impl Deed {
    /// What was sent to somebody who is not the operator.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(|sent| !sent.ours)
    }
    /// Whether anything left.
    pub(super) fn leaves(&self) -> bool {
        self.leaving().next().is_some()
    }
}

impl Guard {
    pub(super) fn new(knowledge: &Knowledge) -> Self {
        Self { catalogue: Arc::clone(&knowledge.catalogue), watch: Watch::new(knowledge) }
    }

    /// Whether there is anything to guard on a chain.
    pub(super) fn watches(&self, chain: ChainId) -> bool {
        self.watch.chain(chain).is_some()
    }
    /// The wallet at this address, if it is one that people sign for.
    pub(super) fn wallet(&self, chain: ChainId, address: Address) -> Option<&Watched> {
        self.watch.find(chain, address).filter(|watched| watched.role.is_signed_for())
    }
    pub(super) fn policy(&self, chain: ChainId, wallet: Address) -> Option<&WalletPolicy> {
        self.catalogue.wallet_policy(chain, wallet)
    }
    /// Whether an address is the operator's own.
    pub(super) fn is_ours(&self, chain: ChainId, address: Address) -> bool {
        self.watch.find(chain, address).is_some()
    }
    /// What raw units are worth; none where nobody knows.
    pub(super) fn worth(&self, chain: ChainId, asset: Option<Address>, raw: U256) -> Option<Usd> {
        prices::value_in(&self.catalogue, chain, asset, raw).map(taking::usd)
    }
    /// Whether anybody knows what an asset is worth.
    pub(super) fn is_priced(&self, chain: ChainId, asset: Option<Address>) -> bool {
        self.worth(chain, asset, U256::ZERO).is_some()
    }
    pub(super) fn name(&self, chain: ChainId, address: Address) -> String {
        self.watch.name(chain, address)
    }
    /// How people call a token.
    pub(super) fn symbol(&self, chain: ChainId, token: Address) -> String {
        let own = self.catalogue.assets.get(&(chain, Some(token))).map(|asset| asset.symbol.clone());
        let known = || prices::find(chain, Some(token)).map(|asset| asset.symbol.to_owned());
        own.or_else(known).unwrap_or_else(|| format!("token {}", short(token)))
    }
    /// An amount with every digit, and its unit.
    pub(super) fn exact(&self, chain: ChainId, asset: Option<Address>, raw: U256) -> (String, String) {
        prices::exact_in(&self.catalogue, chain, asset, raw)
    }
    pub(super) fn amount(&self, chain: ChainId, asset: Option<Address>, raw: U256) -> String {
        prices::display_in(&self.catalogue, chain, asset, raw)
    }

    /// What a transaction did of each guarded wallet that it touched.
    pub(super) fn deeds(&self, case: Case<'_>) -> Vec<Deed> {
        let (chain, transaction) = (case.block.chain, case.transaction);
        let mut touched: Vec<Address> = Vec::new();
        let mut note = |address: Address| {
            if self.wallet(chain, address).is_some() && !touched.contains(&address) {
                touched.push(address);
            }
        };
        note(transaction.from);
        case.flows().iter().for_each(|flow| [flow.from, flow.to].into_iter().for_each(&mut note));
        transaction.logs.iter().filter_map(approval).for_each(|(owner, _)| note(owner));
        touched.into_iter().map(|wallet| self.deed(case, wallet)).collect()
    }

    fn deed(&self, case: Case<'_>, wallet: Address) -> Deed {
        let (chain, transaction) = (case.block.chain, case.transaction);
        let acted = has_acted(transaction, wallet);
        // Anyone can make a token that says what one likes about our wallets: it is believed where the wallet itself acted.
        let is_believed = |asset: Option<Address>| acted || self.is_priced(chain, asset);
        let (mut sent, mut moved, mut outside) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for flow in case.flows().iter().filter(|flow| is_believed(flow.token)) {
            let (gives, other) = match (flow.from == wallet, flow.to == wallet) {
                (true, _) => (true, flow.to),
                (_, true) => (false, flow.from),
                _ => continue,
            };
            book(&mut moved, flow.token, gives, flow.amount);
            if flow.wraps {
                continue;
            }
            let ours = self.is_ours(chain, other);
            if !ours {
                book(&mut outside, flow.token, gives, flow.amount);
            }
            if gives {
                sent.push(Sent { asset: flow.token, to: flow.to, amount: flow.amount, ours });
            }
        }
        let worth = |asset: Option<Address>, raw: U256| self.worth(chain, asset, raw).unwrap_or_default();
        let sum = |part: fn(Net) -> U256| -> Usd { outside.iter().map(|(asset, net)| worth(*asset, part(*net))).sum() };
        let lost = sum(Net::loss).cents().saturating_sub(sum(Net::gain).cents());
        let allowed = transaction.logs.iter().filter(|log| acted || self.is_priced(chain, Some(log.address)));
        let allowed = allowed.filter_map(|log| approval(log).filter(|(owner, _)| *owner == wallet).map(|of| (log, of)));
        Deed {
            wallet,
            signed: transaction.from == wallet,
            moved,
            allowed: allowed.map(|(log, (_, spender))| (log.address, spender)).collect(),
            lost: Usd::from_cents(lost),
            gross: sent.iter().filter(|one| !one.ours).map(|one: &Sent| worth(one.asset, one.amount)).sum(),
            sent,
        }
    }
}

fn book(sheet: &mut BTreeMap<Option<Address>, Net>, asset: Option<Address>, gives: bool, amount: U256) {
    let net = sheet.entry(asset).or_default();
    let side = if gives { &mut net.gave } else { &mut net.got };
    *side = side.saturating_add(amount);
}

/// Whether the wallet's key signed the transaction, or its code called somebody in it.
fn has_acted(transaction: &Transaction, wallet: Address) -> bool {
    transaction.from == wallet
        || transaction.calls.iter().any(|call| call.from == wallet && call.kind != CallKind::Static && !call.reverted)
}

/// Owner and spender, where a log gives a right to take; not where it takes the right back.
fn approval(log: &Log) -> Option<(Address, Address)> {
    let party = |place: usize| log.topics.get(place).map(|topic| Address::from_word(*topic));
    let of_tokens = *log.topics.first()? == APPROVAL && log.topics.len() == 3;
    let of_all = *log.topics.first()? == APPROVAL_FOR_ALL && log.topics.len() == 3;
    let gives = log.data.len() == 32 && log.data.iter().any(|byte| *byte != 0);
    if gives && (of_tokens || of_all) { Some((party(1)?, party(2)?)) } else { None }
}
