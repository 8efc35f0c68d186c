//! Transactions that do several things: from words to the calls of a trace.
//!
//! Calls nest as they would: a lender calls its borrower back before it is repaid, and whoever is paid in coin may call again while
//! the payer waits. A party that acts is called first if it is not waiting already. Tests: `scenarios/detectors/`.

use quarterdeck_core::chain::{Address, Bytes, Call, CallKind, Transaction, U256};
use quarterdeck_detect::facts::selector;

use super::words::Words;

/// One thing that a transaction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Borrows {
        who: String,
        sum: Sum,
        from: String,
    },
    Repays {
        who: String,
        sum: Sum,
        to: String,
    },
    Pays {
        who: String,
        sum: Sum,
        to: String,
    },
    Swaps {
        who: String,
        give: Sum,
        get: Sum,
        with: String,
    },
    Holds {
        who: String,
        sum: Sum,
    },
    /// Takes a token from somebody who allowed it.
    Pulls {
        who: String,
        sum: Sum,
        from: String,
        to: String,
    },
    /// Has a token come into being.
    Issues {
        who: String,
        sum: Sum,
        to: String,
    },
    /// Also `re-enters`.
    Calls {
        who: String,
        on: String,
        function: Option<Function>,
        fails: bool,
    },
}

/// An amount of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) amount: String,
    pub(super) symbol: String,
}

/// A function and the parties that it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    name: String,
    parties: Vec<String>,
}

/// What a party may do.
const VERBS: [&str; 9] = ["borrows", "repays", "pays", "swaps", "holds", "pulls", "issues", "calls", "re-enters"];
/// Acts of one transaction.
const ACTS_MAX: usize = 64;

/// Reads the acts of a transaction; none: nothing that a party does begins so.
pub(super) fn read(mut words: Words) -> Result<Option<Vec<Act>>, String> {
    if !VERBS.contains(&words.peek(1)) {
        return Ok(None);
    }
    let mut acts = vec![act(&mut words)?];
    while words.takes(";") {
        acts.push(act(&mut words)?);
    }
    words.end()?;
    if acts.len() > ACTS_MAX {
        return Err(format!("expected at most {ACTS_MAX} acts of a transaction, found {}", acts.len()));
    }
    Ok(Some(acts))
}

fn act(words: &mut Words) -> Result<Act, String> {
    let who = words.next("a party")?;
    let verb = words.next("what it does")?;
    Ok(match verb.as_str() {
        "borrows" => Act::Borrows { who, sum: sum(words)?, from: after(words, "from")? },
        "repays" => Act::Repays { who, sum: sum(words)?, to: after(words, "to")? },
        "pays" => Act::Pays { who, sum: sum(words)?, to: after(words, "to")? },
        "holds" => Act::Holds { who, sum: sum(words)? },
        "pulls" => {
            let (sum, from) = (sum(words)?, after(words, "from")?);
            Act::Pulls { who, sum, from, to: after(words, "to")? }
        }
        "issues" => Act::Issues { who, sum: sum(words)?, to: after(words, "to")? },
        "swaps" => {
            let give = sum(words)?;
            words.expect("for")?;
            Act::Swaps { who, give, get: sum(words)?, with: after(words, "with")? }
        }
        "re-enters" => Act::Calls { who, on: words.next("a party")?, function: None, fails: false },
        "calls" => {
            let on = words.next("what is called")?;
            let function = if words.peek(0).contains('(') { Some(function(words)?) } else { None };
            Act::Calls { who, on, function, fails: words.takes("and fails") }
        }
        _ => {
            return Err(format!("expected one of {}, found `{verb}`", VERBS.join(", ")));
        }
    })
}

fn sum(words: &mut Words) -> Result<Sum, String> {
    Ok(Sum { amount: words.next("an amount")?, symbol: words.next("the symbol of an asset")? })
}

fn after(words: &mut Words, preposition: &str) -> Result<String, String> {
    words.expect(preposition)?;
    words.next("a party")
}

/// `upgradeTo(new-code)`: parties between the brackets.
fn function(words: &mut Words) -> Result<Function, String> {
    let text = words.next("a function")?;
    let bad =
        || format!("expected a function and one party, such as `upgradeTo(mallory)` or `pause()`, found `{text}`");
    let (name, rest) = text.split_once('(').ok_or_else(bad)?;
    let party = rest.strip_suffix(')').ok_or_else(bad)?;
    let parties = if party.is_empty() { Vec::new() } else { vec![party.to_owned()] };
    Ok(Function { name: name.to_owned(), parties })
}

/// What the trace needs to know of the world.
pub(super) trait Places {
    /// Who a party is.
    fn address(&self, party: &str) -> Result<Address, String>;
    /// The token (none: the coin) and the raw amount of a sum.
    fn asset(&self, sum: &Sum) -> Result<(Option<Address>, U256), String>;
}

/// The transaction that does all this, begun by the first party's key.
pub(super) fn transaction(acts: &[Act], places: &dyn Places) -> Result<Transaction, String> {
    // What somebody holds is asked, not done.
    let Some(first) = acts.iter().find(|act| !matches!(act, Act::Holds { .. })) else {
        return Err("expected what happens in the transaction".to_owned());
    };
    let party = match first {
        Act::Borrows { who, .. }
        | Act::Repays { who, .. }
        | Act::Pays { who, .. }
        | Act::Swaps { who, .. }
        | Act::Holds { who, .. }
        | Act::Pulls { who, .. }
        | Act::Issues { who, .. }
        | Act::Calls { who, .. } => who,
    };
    let from = places.address(&format!("key of {party}"))?;
    let mut trace = Trace { calls: Vec::new(), waiting: vec![from], places };
    trace.enter(places.address(party)?, U256::ZERO, "run()", &[]);
    for act in acts {
        trace.act(act)?;
    }
    let calls = trace.calls;
    let input = calls.first().map(|call| call.input.clone()).unwrap_or_default();
    let to = calls.first().and_then(|call| call.to);
    Ok(Transaction { from, to, input, calls, status: Some(true), gas: Some(1_000_000), ..Transaction::default() })
}

/// Calls as they happen.
struct Trace<'a> {
    calls: Vec<Call>,
    /// Who waits for whom; the last one acts.
    waiting: Vec<Address>,
    places: &'a dyn Places,
}

impl Trace<'_> {
    fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Borrows { who, sum, from } => {
                let (who, lender) = (self.places.address(who)?, self.places.address(from)?);
                let (token, amount) = self.places.asset(sum)?;
                self.turn(who);
                let words = [word(who), token.map_or(U256::ZERO, word), amount];
                self.enter(lender, U256::ZERO, "flashLoan(address,address,uint256,bytes)", &words);
                self.pay(token, who, amount);
                self.back_to(lender);
                self.enter(who, U256::ZERO, "onFlashLoan(address,address,uint256,uint256,bytes)", &[]);
            }
            Act::Repays { who, sum, to } => {
                let (who, lender) = (self.places.address(who)?, self.places.address(to)?);
                let (token, amount) = self.places.asset(sum)?;
                self.turn(who);
                self.pay(token, lender, amount);
                self.back_to(who);
            }
            Act::Pays { who, sum, to } => {
                let (who, to) = (self.places.address(who)?, self.places.address(to)?);
                let (token, amount) = self.places.asset(sum)?;
                self.turn(who);
                self.pay(token, to, amount);
            }
            Act::Swaps { who, give, get, with } => {
                let (who, pool) = (self.places.address(who)?, self.places.address(with)?);
                let ((paid, give), (got, get)) = (self.places.asset(give)?, self.places.asset(get)?);
                self.turn(who);
                self.pay(paid, pool, give);
                self.back_to(who);
                self.enter(pool, U256::ZERO, "swap(uint256,uint256,address,bytes)", &[]);
                self.pay(got, who, get);
                // The trade is over: the pool no longer waits.
                self.waiting.retain(|party| *party != pool);
                self.back_to(who);
            }
            Act::Holds { who, sum } => {
                let owner = self.places.address(who)?;
                let (token, amount) = self.places.asset(sum)?;
                let token = token.ok_or("nobody can be asked how much coin an account holds: name a token")?;
                self.push(CallKind::Static, token, U256::ZERO, input("balanceOf(address)", &[word(owner)]));
                if let Some(call) = self.calls.last_mut() {
                    call.output = Bytes::from(amount.to_be_bytes::<32>());
                }
            }
            Act::Pulls { who, sum, from, to } => {
                let (who, from, to) = (self.places.address(who)?, self.places.address(from)?, self.places.address(to)?);
                self.turn(who);
                self.of_token(sum, "transferFrom(address,address,uint256)", &[word(from), word(to)])?;
            }
            Act::Issues { who, sum, to } => {
                let (who, to) = (self.places.address(who)?, self.places.address(to)?);
                self.turn(who);
                self.of_token(sum, "mint(address,uint256)", &[word(to)])?;
            }
            Act::Calls { who, on, function, fails } => {
                let (who, on) = (self.places.address(who)?, self.places.address(on)?);
                self.turn(who);
                let (name, parties) =
                    function.as_ref().map_or(("withdraw", &[][..]), |f| (f.name.as_str(), &f.parties));
                let words: Vec<U256> =
                    parties.iter().map(|party| self.places.address(party).map(word)).collect::<Result<_, _>>()?;
                let types = vec!["address"; words.len()].join(",");
                self.enter(on, U256::ZERO, &format!("{name}({types})"), &words);
                if *fails && let Some(call) = self.calls.last_mut() {
                    call.reverted = true;
                }
            }
        }
        Ok(())
    }

    /// Makes a party the one that acts: it waits already, or it is called.
    fn turn(&mut self, who: Address) {
        if self.waiting.contains(&who) {
            self.back_to(who);
        } else {
            self.enter(who, U256::ZERO, "withdraw(uint256)", &[U256::from(1)]);
        }
    }

    /// Everybody whom it waits for returns.
    fn back_to(&mut self, who: Address) {
        if let Some(place) = self.waiting.iter().rposition(|party| *party == who) {
            self.waiting.truncate(place.saturating_add(1));
        }
    }

    fn pay(&mut self, token: Option<Address>, to: Address, amount: U256) {
        if let Some(token) = token {
            self.push(CallKind::Call, token, U256::ZERO, input("transfer(address,uint256)", &[word(to), amount]));
        } else {
            self.push(CallKind::Call, to, amount, Bytes::new());
            self.waiting.push(to);
        }
    }

    /// Whoever acts asks a token to do this with the amount, which is the last word.
    fn of_token(&mut self, sum: &Sum, signature: &str, words: &[U256]) -> Result<(), String> {
        let (token, amount) = self.places.asset(sum)?;
        let token = token.ok_or("nobody takes or issues coin by a call: name a token")?;
        self.push(CallKind::Call, token, U256::ZERO, input(signature, &[words, &[amount]].concat()));
        Ok(())
    }

    fn enter(&mut self, to: Address, value: U256, signature: &str, words: &[U256]) {
        self.push(CallKind::Call, to, value, input(signature, words));
        self.waiting.push(to);
    }

    fn push(&mut self, kind: CallKind, to: Address, value: U256, input: Bytes) {
        let depth = u32::try_from(self.waiting.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let from = self.waiting.last().copied().unwrap_or_default();
        self.calls.push(Call { kind, depth, from, to: Some(to), value, input, ..Call::default() });
    }
}

fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

fn input(signature: &str, words: &[U256]) -> Bytes {
    let mut bytes = selector::of_signature(signature).to_vec();
    for word in words {
        bytes.extend_from_slice(&word.to_be_bytes::<32>());
    }
    Bytes::from(bytes)
}
