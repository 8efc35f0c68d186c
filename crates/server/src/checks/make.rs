//! Makes a check once: looks, and says what came of it. Whatever is no clear answer is `unjudged`, never `passed`: no answer in time, an
//! error, an answer that is something else than was asked for, a condition that gives no truth. Tests: `tests/it/checks.rs`, `tests/anvil.rs`.

use std::collections::BTreeMap;

use alloy_primitives::hex;
use futures_util::future::join_all;
use quarterdeck_core::{
    chain::{B256, U256},
    incident::{Incident, Phase, unmet::Verdict},
    time::{Timestamp, human_span},
};
use reqwest::Client;
use serde_json::{Map, Value, json};

use super::{
    Expression, Probe, ask,
    probe::{Balance, Http, Look, Node},
};

/// `balanceOf(address)`.
const BALANCE_OF: &str = "0x70a08231";

/// What came of a look: a verdict, and what was seen or why nothing could be.
pub type Seen = (Verdict, String);

/// Looks once, within the time of the check. `facts`: of the incident, for conditions about it.
pub async fn make(client: &Client, probe: &Probe, facts: &Facts) -> Seen {
    let looked = tokio::time::timeout(probe.timeout, look(client, &probe.look, facts)).await;
    match looked {
        Ok(Ok(seen)) => seen,
        Ok(Err(why)) => (Verdict::Unjudged, why),
        Err(_) => (Verdict::Unjudged, format!("no answer within {}", human_span(probe.timeout))),
    }
}

async fn look(client: &Client, look: &Look, facts: &Facts) -> Result<Seen, String> {
    match look {
        Look::Http(http) => over_http(client, http).await,
        Look::Rpc { node, method, params, expect } => {
            right_chain(client, node).await?;
            let result = ask::node(client, node, method, params).await?;
            let shown = node.said(&result);
            let holds = holds(expect, vec![("result", result)]).await?;
            Ok(judged(holds, &shown, expect))
        }
        Look::NodesAgree { nodes, at_least } => agree(client, nodes, *at_least).await,
        Look::WalletBalance(balance) => held(client, balance).await,
        Look::Cel(expect) => {
            let named = facts.named(expect);
            let all: Vec<String> = named.iter().map(|(name, value)| format!("{name} {value}")).collect();
            let holds = holds(expect, named).await?;
            Ok(judged(holds, &all.join(", "), expect))
        }
    }
}

fn judged(holds: bool, shown: &str, expect: &Expression) -> Seen {
    if holds {
        (Verdict::Passed, shown.to_owned())
    } else {
        (Verdict::Failed, format!("{shown}: want {}", expect.source()))
    }
}

/// Evaluates a condition where nobody waits for the thread. One that runs on is left to end by itself: its cost is bounded.
async fn holds(expect: &Expression, named: Vec<(&'static str, Value)>) -> Result<bool, String> {
    let expect = expect.clone();
    let evaluated = tokio::task::spawn_blocking(move || expect.holds(named)).await;
    evaluated.map_err(|error| format!("the condition could not be evaluated: {error}"))?
}

async fn over_http(client: &Client, http: &Http) -> Result<Seen, String> {
    let answer = ask::http(client, http).await?;
    let code = answer.status.as_u16();
    let good = if http.status.is_empty() { answer.status.is_success() } else { http.status.contains(&code) };
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let shown = |text: &str| match http.said(text) {
        said if said.is_empty() => answer.status.to_string(),
        said => format!("{}: {said}", answer.status),
    };
    if !good {
        let note = if answer.status.is_redirection() { " (a redirect is not followed)" } else { "" };
        return Ok((Verdict::Failed, format!("{}{note}", shown(&text))));
    }
    let Some(expect) = &http.expect else { return Ok((Verdict::Passed, answer.status.to_string())) };
    let read = serde_json::from_slice::<Value>(&answer.body);
    if let (Err(_), true) = (&read, expect.names("json")) {
        return Err(format!("{}, and no JSON", shown(&text)));
    }
    let headers: Map<String, Value> = answer.headers.into_iter().map(|(name, text)| (name, json!(text))).collect();
    let said = shown(&text);
    let named = vec![
        ("status", json!(code)),
        ("headers", Value::Object(headers)),
        ("body", json!(text)),
        ("json", read.unwrap_or(Value::Null)),
    ];
    let holds = holds(expect, named).await?;
    Ok(judged(holds, &said, expect))
}

/// A node that shows another chain is not believed.
async fn right_chain(client: &Client, node: &Node) -> Result<(), String> {
    let Some(want) = node.chain else { return Ok(()) };
    let shown = ask::node(client, node, "eth_chainId", &json!([])).await?;
    match number(&shown) {
        Some(chain) if chain == U256::from(want) => Ok(()),
        _ => Err(format!("{} shows chain {}, not {want}", node.name, node.said(&shown))),
    }
}

/// The height of a node that shows the right chain.
async fn height(client: &Client, node: &Node) -> Result<u64, String> {
    right_chain(client, node).await?;
    let head = ask::node(client, node, "eth_blockNumber", &json!([])).await?;
    let height = number(&head).and_then(|height| u64::try_from(height).ok());
    height.ok_or_else(|| format!("{} shows no height: {}", node.name, node.said(&head)))
}

async fn hash_at(client: &Client, node: &Node, height: u64) -> Result<B256, String> {
    let block = ask::node(client, node, "eth_getBlockByNumber", &json!([format!("{height:#x}"), false])).await?;
    // Two nodes that show the same nonsense do not agree on a block.
    let hash = block.get("hash").and_then(Value::as_str).and_then(|text| text.parse().ok());
    hash.ok_or_else(|| format!("{} does not show block {height}", node.name))
}

/// Whether so many nodes show the same block. The height is the highest that so many have: one that lags hides nothing.
async fn agree(client: &Client, nodes: &[Node], at_least: usize) -> Result<Seen, String> {
    let heights = join_all(nodes.iter().map(|node| height(client, node))).await;
    let mut known: Vec<u64> = heights.iter().filter_map(|one| one.as_ref().ok().copied()).collect();
    known.sort_unstable_by(|a, b| b.cmp(a));
    let silent: Vec<String> = heights.iter().filter_map(|one| one.as_ref().err().cloned()).collect();
    let Some(common) = known.get(at_least.saturating_sub(1)).copied() else {
        let why = silent.join("; ");
        return Err(format!("{} of {} nodes answer, {at_least} must: {why}", known.len(), nodes.len()));
    };
    let have = nodes.iter().zip(&heights).filter(|(_, one)| one.as_ref().is_ok_and(|one| *one >= common));
    let asked = have.map(|(node, _)| async move { (&node.name, hash_at(client, node, common).await) });
    let mut shown: BTreeMap<B256, Vec<&str>> = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, hash) in join_all(asked).await {
        match hash {
            Ok(hash) => shown.entry(hash).or_default().push(name),
            Err(why) => errors.push(why),
        }
    }
    let words: Vec<String> =
        shown.iter().map(|(hash, names)| format!("{hash} shown by {}", names.join(", "))).collect();
    let words = format!("block {common}: {}", words.join("; "));
    let mut sizes: Vec<usize> = shown.values().map(Vec::len).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    match (sizes.first(), sizes.get(1)) {
        // Two camps of one size agree on nothing.
        (Some(first), second) if *first >= at_least && second.is_none_or(|second| second < first) => {
            Ok((Verdict::Passed, words))
        }
        (Some(_), Some(_)) => Ok((Verdict::Failed, format!("{words}: want {at_least} that agree"))),
        _ => Err(format!("{words}; {}", errors.join("; "))),
    }
}

async fn held(client: &Client, balance: &Balance) -> Result<Seen, String> {
    let Balance { node, wallet, account, token, symbol, decimals, at_least, at_most } = balance;
    right_chain(client, node).await?;
    let answer = match token {
        None => ask::node(client, node, "eth_getBalance", &json!([account, "latest"])).await?,
        Some(token) => {
            let data = format!("{BALANCE_OF}{}", hex::encode(account.into_word()));
            ask::node(client, node, "eth_call", &json!([{"to": token, "data": data}, "latest"])).await?
        }
    };
    let amount = number(&answer).ok_or_else(|| format!("{} shows no amount: {}", node.name, node.said(&answer)))?;
    let units = |raw: U256| format!("{} {symbol}", units(raw, *decimals));
    let seen = format!("{wallet} holds {}", units(amount));
    let little =
        at_least.filter(|least| amount < *least).map(|least| format!("{seen}: want at least {}", units(least)));
    let much = at_most.filter(|most| amount > *most).map(|most| format!("{seen}: want at most {}", units(most)));
    Ok(match little.or(much) {
        Some(why) => (Verdict::Failed, why),
        None => (Verdict::Passed, seen),
    })
}

/// A number as a node writes it, or a word that a call returned; none for anything else.
fn number(json: &Value) -> Option<U256> {
    let digits = json.as_str()?.strip_prefix("0x").filter(|digits| !digits.is_empty() && digits.len() <= 64)?;
    U256::from_str_radix(digits, 16).ok()
}

/// `1250000000000000000` of 18 decimals as `1.25`.
fn units(raw: U256, decimals: u8) -> String {
    let width = usize::from(decimals);
    let text = format!("{:0>fill$}", raw.to_string(), fill = width.saturating_add(1));
    let (whole, rest) = text.split_at(text.len().saturating_sub(width));
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
}

/// What a condition about the incident may look at.
#[derive(Debug, Clone, Default)]
pub struct Facts(Vec<(&'static str, Value)>);

impl Facts {
    /// Of an incident as it is now.
    pub fn of(incident: &Incident, now: Timestamp) -> Self {
        let last = incident.signals().values().map(|one| one.last).chain([incident.last_signal()]).max();
        let seconds = |since: Option<Timestamp>| now.since(since.unwrap_or(incident.opened())).as_secs();
        let firing = incident.signals().values().filter(|one| one.is_firing()).count();
        let phase = match incident.phase() {
            Phase::Triggered => "triggered",
            Phase::Acknowledged => "acknowledged",
            Phase::Mitigated => "mitigated",
            Phase::Resolved => "resolved",
            Phase::Reviewed => "reviewed",
            Phase::Merged => "merged",
        };
        Self(vec![
            ("severity", json!(incident.severity().number())),
            ("phase", json!(phase)),
            ("firing", json!(firing)),
            ("live_signals", json!(incident.live_signals())),
            ("quiet_seconds", json!(seconds(last))),
            ("open_seconds", json!(seconds(None))),
            ("money_at_risk_usd", json!(incident.facts().money_at_risk.cents() / 100)),
            ("open_tasks", json!(incident.open_tasks().len())),
            ("open_questions", json!(incident.room().open_questions().count())),
            ("drill", json!(incident.is_drill())),
        ])
    }

    /// Those that a condition looks at: whoever reads what was seen need not read the others.
    fn named(&self, expect: &Expression) -> Vec<(&'static str, Value)> {
        self.0.iter().filter(|(name, _)| expect.names(name)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        for (raw, decimals, want) in [
            (1_250_000_000_000_000_000_u128, 18, "1.25"),
            (0, 18, "0"),
            (5, 6, "0.000005"),
            (12_000_000, 6, "12"),
            (7, 0, "7"),
        ] {
            assert_eq!(units(U256::from(raw), decimals), want);
        }
    }

    #[test]
    fn only_what_a_node_writes_is_a_number() {
        assert_eq!(number(&json!("0x1bc")), Some(U256::from(0x1bc)));
        for bad in [json!("0x"), json!(null), json!(5), json!("1"), json!("0xzz"), json!(format!("0x{:0128x}", 7))] {
            assert_eq!(number(&bad), None, "{bad}");
        }
    }
}
