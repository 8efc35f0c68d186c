//! The shape of what moved: who is richer and poorer in how many assets, who only gives, what is repeated, what is made from
//! nothing, and how far prices shift within the transaction. Amounts are only compared with one another; nothing is priced.

use std::collections::{BTreeMap, BTreeSet};

use super::feature::{Feature, log, share, whole};
use crate::models::normal::{Asset, Move, Normal, Party, SENDER};

/// What [`moves`] gives, in its order.
pub(super) const MOVES: [Feature; 44] = [
    Feature::new("moves", "much moves", "little moves"),
    Feature::new("assets", "many assets move", "few assets move"),
    Feature::new("parties", "many parties give or get something", "few parties give or get something"),
    Feature::new("mints", "tokens are made from nothing", "no token is made from nothing"),
    Feature::new("burns", "tokens are destroyed", "no token is destroyed"),
    Feature::new(
        "side_mints",
        "the sender's side is given newly made tokens",
        "the sender's side is given no newly made tokens",
    ),
    Feature::new(
        "mint_passed_on",
        "newly made tokens are passed on by the sender's side",
        "newly made tokens are not passed on",
    ),
    Feature::new(
        "side_gains",
        "the sender's side ends up with more of several assets",
        "the sender's side ends up with more of nothing",
    ),
    Feature::new("side_losses", "the sender's side gives up several assets", "the sender's side gives up nothing"),
    Feature::new(
        "side_gives_nothing",
        "the sender's side takes and gives nothing",
        "the sender's side gives something for what it takes",
    ),
    Feature::new("sender_gains", "the sender himself ends up with more", "the sender himself ends up with no more"),
    Feature::new("sender_losses", "the sender himself gives something up", "the sender himself gives nothing up"),
    Feature::new("called_gains", "the contract called ends up with more", "the contract called ends up with no more"),
    Feature::new("called_losses", "the contract called ends up with less", "the contract called ends up with no less"),
    Feature::new(
        "made_gains",
        "a contract made in this transaction ends up richer",
        "no contract made in this transaction ends up richer",
    ),
    Feature::new(
        "coin_kept",
        "most of the coin that reaches the sender's side stays there",
        "the coin that reaches the sender's side goes on",
    ),
    Feature::new(
        "kept_max",
        "most of some asset that reaches the sender's side stays there",
        "what reaches the sender's side goes on",
    ),
    Feature::new(
        "kept_min",
        "a part of every asset that reaches the sender's side stays there",
        "some asset only passes through the sender's side",
    ),
    Feature::new(
        "passes_through",
        "several assets only pass through the sender's side",
        "no asset only passes through the sender's side",
    ),
    Feature::new("givers", "many parties give and get nothing", "no party gives and gets nothing"),
    Feature::new(
        "givers_to_side",
        "several parties give to the sender's side and get nothing",
        "no party gives to the sender's side for nothing",
    ),
    Feature::new(
        "giver_assets",
        "one party gives several assets for nothing",
        "no party gives several assets for nothing",
    ),
    Feature::new(
        "silent_givers",
        "assets are taken from parties that take no part",
        "nobody is taken from who takes no part",
    ),
    Feature::new("getters", "many parties get and give nothing", "hardly anyone only gets something"),
    Feature::new(
        "pockets",
        "the sender's side pays parties that do nothing",
        "the sender's side pays nobody who does nothing",
    ),
    Feature::new("traders", "many parties trade", "few parties trade"),
    Feature::new("same_payment_max", "the same payment is made again and again", "no payment is made often"),
    Feature::new(
        "same_to_side_max",
        "one party pays the sender's side again and again",
        "nobody pays the sender's side twice",
    ),
    Feature::new("same_amount_max", "the very same amount is paid again and again", "no amount is paid again"),
    Feature::new(
        "to_side_share",
        "most payments are made to the sender's side",
        "few payments are made to the sender's side",
    ),
    Feature::new("loans", "something is lent and paid back at once", "nothing is lent and paid back at once"),
    Feature::new(
        "loan_share",
        "what is lent is much more than what remains",
        "nothing is lent that is much more than what remains",
    ),
    Feature::new(
        "round_trips",
        "the sender's side buys and sells the same asset at one party",
        "nothing is bought and sold again at one party",
    ),
    Feature::new("rate_shift", "a price moves far within the transaction", "no price moves within the transaction"),
    Feature::new(
        "trades_same_max",
        "the same trade is made again and again at one party",
        "no trade is made twice at one party",
    ),
    Feature::new("taken_by_approval", "others' approvals are spent", "nobody's approval is spent"),
    Feature::new(
        "drains",
        "what one party gives is most of what moves of that asset",
        "no party gives most of an asset",
    ),
    Feature::new("amount_huge", "an amount is larger than any supply", "all amounts are of an ordinary size"),
    Feature::new(
        "own_side_gains",
        "the sender or what was made for him ends up with more",
        "neither the sender nor what was made for him ends up with more",
    ),
    Feature::new(
        "own_side_gives_nothing",
        "the sender and what was made for him take and give nothing",
        "the sender gives something for what he takes",
    ),
    Feature::new(
        "pocket_gains",
        "one party that does nothing is given several assets",
        "nobody who does nothing is given several assets",
    ),
    Feature::new(
        "side_kept_assets",
        "most of what the sender's side keeps was never given for anything",
        "what the sender's side keeps was paid for",
    ),
    Feature::new(
        "work_without_moves",
        "many calls are made for each thing that moves",
        "few calls are made for each thing that moves",
    ),
    Feature::new("fresh_asset", "a token made in this transaction moves", "no token made in this transaction moves"),
];

/// The numbers of [`MOVES`].
pub(super) fn moves(form: &Normal) -> [f64; 44] {
    let sheet = Sheet::of(form);
    let side = net_of(form, |party| form.is_side(party));
    let own = net_of(form, |party| party == SENDER || form.is_made(party) && form.is_side(party));
    let (made, gone) = (count(form, |m| m.from.is_none()), count(form, |m| m.to.is_none()));
    let gains = |nets: &BTreeMap<Asset, Net>| whole(nets.values().filter(|net| net.gains()).count());
    let losses = |nets: &BTreeMap<Asset, Net>| whole(nets.values().filter(|net| net.loses()).count());
    let none = BTreeMap::new();
    let of = |party: Option<Party>| party.and_then(|party| sheet.by_party.get(&party)).unwrap_or(&none);
    let (sender, called) = (of(Some(SENDER)), of(form.called()));
    let fresh_gains: usize = sheet
        .outsiders_and_side()
        .filter(|(party, nets)| form.is_made(*party) && nets.values().any(Net::gains))
        .count();
    let kept: Vec<f64> = side.values().filter(|net| net.got > 0.0).map(Net::kept).collect();
    let people = People::of(form, &sheet);
    let again = Repeats::of(form);
    let trades = Trades::of(form);
    let loans = Loans::of(form);
    let to_side = count(form, |m| lands_on_side(form, m));
    [
        log(whole(form.moves.len())),
        log(whole(form.moves.iter().map(|m| m.asset).collect::<BTreeSet<_>>().len())),
        log(whole(sheet.by_party.len())),
        log(made),
        log(gone),
        log(count(form, |m| m.from.is_none() && m.to.is_some_and(|to| form.is_side(to)))),
        f64::from(passes_mint_on(form)),
        gains(&side),
        losses(&side),
        f64::from(gains(&side) > 0.0 && losses(&side) == 0.0),
        gains(sender),
        losses(sender),
        gains(called),
        losses(called),
        log(whole(fresh_gains)),
        side.get(&None).map_or(0.0, Net::kept),
        kept.iter().copied().fold(0.0, f64::max),
        if kept.is_empty() { 0.0 } else { kept.iter().copied().fold(1.0, f64::min) },
        whole(side.values().filter(|net| net.got > 0.0 && net.kept().abs() < PASSED).count()),
        log(whole(people.givers)),
        log(whole(people.givers_to_side)),
        whole(people.giver_assets),
        log(whole(people.silent_givers)),
        log(whole(people.getters)),
        log(whole(people.pockets)),
        log(whole(people.traders)),
        log(whole(again.payment)),
        log(whole(again.to_side)),
        log(whole(again.amount)),
        share(to_side, whole(form.moves.len())),
        log(whole(loans.count)),
        loans.weight(&side),
        log(whole(trades.round_trips)),
        trades.rate_shift,
        log(whole(trades.same_max)),
        log(count(form, |m| by_approval(form, m))),
        people.drain,
        f64::from(form.moves.iter().any(|m| m.amount.bit_len() > SUPPLY_BITS)),
        gains(&own),
        f64::from(gains(&own) > 0.0 && losses(&own) == 0.0),
        whole(people.pocket_assets),
        share(whole(kept.iter().filter(|kept| **kept > 0.5).count()), whole(kept.len())),
        log(whole(form.steps.len())) - log(whole(form.moves.len())),
        f64::from(form.moves.iter().any(|m| m.asset.is_some_and(|token| form.is_made(token)))),
    ]
}

/// Up to this share of what came an asset counts as passed on: fees of lenders and rounding.
const PASSED: f64 = 0.02;

fn count(form: &Normal, wanted: impl Fn(&Move) -> bool) -> f64 {
    whole(form.moves.iter().filter(|moved| wanted(moved)).count())
}

fn lands_on_side(form: &Normal, moved: &Move) -> bool {
    moved.to.is_some_and(|to| form.is_side(to)) && !moved.from.is_some_and(|from| form.is_side(from))
}

/// Whether the one who asked for a payment is neither the one who pays nor the token: an approval is spent. What the sender
/// spends of his own does not count.
fn by_approval(form: &Normal, moved: &Move) -> bool {
    let (Some(step), Some(from), Some(asset)) = (form.steps.get(moved.step), moved.from, moved.asset) else {
        return false;
    };
    step.to == asset && step.from != from && !form.is_side(from)
}

fn passes_mint_on(form: &Normal) -> bool {
    let minted: BTreeSet<Asset> = form
        .moves
        .iter()
        .filter(|m| m.from.is_none() && m.to.is_some_and(|to| form.is_side(to)))
        .map(|m| m.asset)
        .collect();
    form.moves.iter().any(|m| {
        minted.contains(&m.asset)
            && m.from.is_some_and(|from| form.is_side(from))
            && m.to.is_some_and(|to| !form.is_side(to))
    })
}

/// What someone got and gave of one asset. Amounts are compared, never booked: a float is exact enough.
#[derive(Debug, Clone, Copy, Default)]
struct Net {
    got: f64,
    gave: f64,
}

impl Net {
    /// What is too little to speak of: a millionth, which is where rounding of shares ends.
    fn slack(self) -> f64 {
        self.got.max(self.gave) * 1e-6
    }
    fn gains(&self) -> bool {
        self.got - self.gave > self.slack()
    }
    fn loses(&self) -> bool {
        self.gave - self.got > self.slack()
    }
    /// The share of what came that stayed.
    fn kept(&self) -> f64 {
        share((self.got - self.gave).max(0.0), self.got)
    }
}

struct Sheet {
    by_party: BTreeMap<Party, BTreeMap<Asset, Net>>,
}

impl Sheet {
    fn of(form: &Normal) -> Self {
        let mut by_party: BTreeMap<Party, BTreeMap<Asset, Net>> = BTreeMap::new();
        for moved in &form.moves {
            let amount = f64::from(moved.amount);
            if let Some(from) = moved.from {
                by_party.entry(from).or_default().entry(moved.asset).or_default().gave += amount;
            }
            if let Some(to) = moved.to {
                by_party.entry(to).or_default().entry(moved.asset).or_default().got += amount;
            }
        }
        Self { by_party }
    }

    fn outsiders_and_side(&self) -> impl Iterator<Item = (Party, &BTreeMap<Asset, Net>)> {
        self.by_party.iter().map(|(party, nets)| (*party, nets))
    }
}

/// What the parties chosen got from all others and gave them.
fn net_of(form: &Normal, chosen: impl Fn(Party) -> bool) -> BTreeMap<Asset, Net> {
    let mut nets: BTreeMap<Asset, Net> = BTreeMap::new();
    for moved in &form.moves {
        let amount = f64::from(moved.amount);
        match (moved.from.is_some_and(&chosen), moved.to.is_some_and(&chosen)) {
            (true, false) => nets.entry(moved.asset).or_default().gave += amount,
            (false, true) => nets.entry(moved.asset).or_default().got += amount,
            _ => {}
        }
    }
    nets
}

/// Who gives, gets and trades.
#[derive(Default)]
struct People {
    givers: usize,
    givers_to_side: usize,
    giver_assets: usize,
    silent_givers: usize,
    getters: usize,
    pockets: usize,
    pocket_assets: usize,
    traders: usize,
    drain: f64,
}

impl People {
    fn of(form: &Normal, sheet: &Sheet) -> Self {
        let mut people = Self::default();
        let busy: BTreeSet<Party> = form.steps.iter().map(|step| step.from).collect();
        let part: BTreeSet<Party> = form.steps.iter().flat_map(|step| [step.from, step.to]).collect();
        let to_side: BTreeSet<Party> =
            form.moves.iter().filter(|m| lands_on_side(form, m)).filter_map(|m| m.from).collect();
        let from_side: BTreeSet<Party> =
            form.moves.iter().filter(|m| m.from.is_some_and(|from| form.is_side(from))).filter_map(|m| m.to).collect();
        let mut moved: BTreeMap<Asset, f64> = BTreeMap::new();
        for m in &form.moves {
            *moved.entry(m.asset).or_default() += f64::from(m.amount);
        }
        for (party, nets) in sheet.outsiders_and_side().filter(|(party, _)| !form.is_side(*party)) {
            let gained = nets.values().filter(|net| net.gains()).count();
            let lost = nets.values().filter(|net| net.loses()).count();
            match (gained, lost) {
                (0, 0) => {}
                (0, lost) => {
                    people.givers += 1;
                    people.giver_assets = people.giver_assets.max(lost);
                    people.givers_to_side += usize::from(to_side.contains(&party));
                    people.silent_givers += usize::from(!part.contains(&party));
                    for (asset, net) in nets.iter().filter(|(_, net)| net.loses()) {
                        let all = moved.get(asset).copied().unwrap_or(0.0);
                        people.drain = people.drain.max(share(net.gave - net.got, all));
                    }
                }
                (gained, 0) => {
                    people.getters += 1;
                    if from_side.contains(&party) && !busy.contains(&party) {
                        people.pockets += 1;
                        people.pocket_assets = people.pocket_assets.max(gained);
                    }
                }
                _ => people.traders += 1,
            }
        }
        people
    }
}

/// Who pays whom, and what.
type Payment = (Option<Party>, Option<Party>, Asset);

/// What was done again.
#[derive(Default)]
struct Repeats {
    payment: usize,
    to_side: usize,
    amount: usize,
}

impl Repeats {
    fn of(form: &Normal) -> Self {
        let mut by_pair: BTreeMap<Payment, usize> = BTreeMap::new();
        let mut to_side: BTreeMap<(Option<Party>, Asset), usize> = BTreeMap::new();
        let mut by_amount: BTreeMap<(Payment, [u64; 4]), usize> = BTreeMap::new();
        for m in &form.moves {
            *by_pair.entry((m.from, m.to, m.asset)).or_default() += 1;
            *by_amount.entry(((m.from, m.to, m.asset), m.amount.into_limbs())).or_default() += 1;
            if lands_on_side(form, m) {
                *to_side.entry((m.from, m.asset)).or_default() += 1;
            }
        }
        Self {
            payment: by_pair.into_values().max().unwrap_or(0),
            to_side: to_side.into_values().max().unwrap_or(0),
            amount: by_amount.into_values().max().unwrap_or(0),
        }
    }
}

/// What was lent to the side: given, and later given back in full with hardly more.
#[derive(Default)]
struct Loans {
    count: usize,
    lent: BTreeMap<Asset, f64>,
}

impl Loans {
    fn of(form: &Normal) -> Self {
        let mut open: BTreeMap<(Party, Asset), Net> = BTreeMap::new();
        for m in &form.moves {
            let (Some(from), Some(to)) = (m.from, m.to) else { continue };
            let amount = f64::from(m.amount);
            if form.is_side(to) && !form.is_side(from) {
                open.entry((from, m.asset)).or_default().gave += amount;
            } else if form.is_side(from)
                && let Some(net) = open.get_mut(&(to, m.asset))
            {
                net.got += amount;
            }
        }
        let mut loans = Self::default();
        for ((_, asset), net) in open {
            if net.got >= net.gave && net.got <= net.gave * (1.0 + PASSED) {
                loans.count += 1;
                *loans.lent.entry(asset).or_default() += net.gave;
            }
        }
        loans
    }

    /// How many times what remained of an asset was lent of it, as a logarithm.
    fn weight(&self, side: &BTreeMap<Asset, Net>) -> f64 {
        let ratio = |(asset, lent): (&Asset, &f64)| {
            let left = side.get(asset).map_or(0.0, |net| (net.got - net.gave).max(0.0));
            log((lent / left.max(1.0)).min(1e9))
        };
        self.lent.iter().map(ratio).fold(0.0, f64::max)
    }
}

/// Trades with one party: something went in and something else came out next.
#[derive(Default)]
struct Trades {
    round_trips: usize,
    rate_shift: f64,
    same_max: usize,
}

impl Trades {
    fn of(form: &Normal) -> Self {
        // What each party got last and has not answered yet.
        let mut pending: BTreeMap<Party, (Asset, f64)> = BTreeMap::new();
        let mut gave_first: BTreeMap<Party, (Asset, f64)> = BTreeMap::new();
        let mut rates: BTreeMap<(Party, Asset, Asset), Vec<f64>> = BTreeMap::new();
        for m in &form.moves {
            let amount = f64::from(m.amount);
            if let Some(to) = m.to.filter(|to| !form.is_side(*to)) {
                match gave_first.remove(&to) {
                    Some((asset, gave)) if asset != m.asset => {
                        rates.entry((to, m.asset, asset)).or_default().push((gave / amount).ln());
                    }
                    _ => {
                        pending.insert(to, (m.asset, amount));
                    }
                }
            }
            if let Some(from) = m.from.filter(|from| !form.is_side(*from)) {
                match pending.remove(&from) {
                    Some((asset, got)) if asset != m.asset => {
                        rates.entry((from, asset, m.asset)).or_default().push((amount / got).ln());
                    }
                    _ => {
                        gave_first.insert(from, (m.asset, amount));
                    }
                }
            }
        }
        let mut trades = Self::default();
        for ((party, into, out), there) in &rates {
            trades.same_max = trades.same_max.max(there.len());
            let back = rates.get(&(*party, *out, *into)).map(Vec::as_slice).unwrap_or_default();
            trades.round_trips += there.len().min(back.len());
            // The rate back is one over the rate there where nothing has moved.
            let all = there.iter().copied().chain(back.iter().map(|rate| -rate));
            let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), rate| (low.min(rate), high.max(rate)));
            trades.rate_shift = trades.rate_shift.max((high - low).min(RATE_SHIFT_MAX));
        }
        trades.round_trips /= 2;
        trades
    }
}

/// No token of worth has more raw units than this many bits can count: amounts above come from arithmetic that ran over.
const SUPPLY_BITS: usize = 160;

/// Beyond this a shift (as a natural logarithm) says no more: two assets that have nothing to do with each other.
const RATE_SHIFT_MAX: f64 = 12.0;
