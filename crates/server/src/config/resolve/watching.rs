//! Chain sources and detector parameters.

use std::{collections::BTreeMap, time::Duration};

use quarterdeck_core::detector::Params;
use quarterdeck_detect::detectors::DETECTORS;

use super::Faults;
use quarterdeck_sources::{ChainSource, Traces};

use crate::config::shape;

/// Requests per second unless told otherwise: what a free tier of the usual providers allows.
const REQUESTS_PER_SECOND: u32 = 25;
/// A head that stands still for this long is a gap unless told otherwise: ten slots of Ethereum.
const STALE_AFTER: Duration = Duration::from_mins(2);
/// How often to ask for the head where there is no WebSocket.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// Blocks until final where the node does not say: two epochs of Ethereum.
const CONFIRMATIONS: u64 = 64;

pub(super) fn sources(sections: &[shape::SourceSection], faults: &mut Faults<'_>) -> Vec<ChainSource> {
    let mut sources: Vec<ChainSource> = Vec::new();
    for (nth, section) in sections.iter().enumerate() {
        let place = |key| ("source", nth, key);
        let id = faults.name(section.id.get_ref(), place("id"));
        let http = faults.secret(&section.http, place("http"));
        let ws = section.ws.as_ref().and_then(|text| faults.secret(text, place("ws")));
        let witnesses: Vec<String> =
            section.witnesses.iter().filter_map(|text| faults.secret(text, place("witnesses"))).collect();
        for (key, url, schemes) in [("http", &http, ["http", "https"]), ("ws", &ws, ["ws", "wss"])] {
            let Some(text) = url else { continue };
            if !url::Url::parse(text).is_ok_and(|parsed| schemes.contains(&parsed.scheme())) {
                faults.add(
                    "source",
                    nth,
                    key,
                    format!("this is no {key} address"),
                    &format!("begin it with `{}://`", schemes[0]),
                );
            }
        }
        let mut span = |text: &Option<String>, key, default| match text {
            None => Some(default),
            Some(text) => faults.span(text, place(key)),
        };
        let stale_after = span(&section.stale_after, "stale_after", STALE_AFTER);
        let poll_every = span(&section.poll_every, "poll_every", POLL_EVERY);
        let mut known = std::collections::BTreeSet::new();
        if !http.iter().chain(&witnesses).all(|url| known.insert(url)) {
            let what = "a node is there twice: it would agree with itself";
            faults.add("source", nth, "witnesses", what, "name other nodes of the same chain, each once");
        }
        if let (Some(id), Some(http), Some(stale_after), Some(poll_every)) = (id, http, stale_after, poll_every) {
            sources.push(ChainSource {
                id,
                chain: section.chain,
                http,
                ws,
                witnesses,
                traces: section.traces.unwrap_or(Traces::Auto),
                requests_per_second: section.requests_per_second.unwrap_or(REQUESTS_PER_SECOND).max(1),
                stale_after,
                confirmations: section.confirmations.unwrap_or(CONFIRMATIONS),
                poll_every: poll_every.max(Duration::from_millis(50)),
            });
        }
    }
    sources
}

/// Every detector of THE LIST with its parameters; one with `enabled = false` is left out.
pub(super) fn detectors(
    sections: &BTreeMap<String, BTreeMap<String, toml::Value>>,
    faults: &mut Faults<'_>,
) -> BTreeMap<String, Params> {
    for id in sections.keys() {
        if !DETECTORS.iter().any(|kind| kind.id() == id) {
            let known: Vec<&str> = DETECTORS.iter().map(|kind| kind.id()).collect();
            let remedy = format!("write one of: {}", known.join(", "));
            faults.add(&format!("detectors.{id}"), 0, "", format!("there is no detector `{id}`"), &remedy);
        }
    }
    let mut detectors = BTreeMap::new();
    for kind in DETECTORS {
        let header = format!("detectors.{}", kind.id());
        let mut given = BTreeMap::new();
        let mut enabled = true;
        for (name, value) in sections.get(kind.id()).into_iter().flatten() {
            match (name.as_str(), value) {
                ("enabled", toml::Value::Boolean(on)) => enabled = *on,
                (_, toml::Value::Integer(number)) => {
                    given.insert(name.clone(), *number);
                }
                _ => faults.add(
                    &header,
                    0,
                    name,
                    format!("`{value}` is no whole number"),
                    "parameters are whole numbers with a unit",
                ),
            }
        }
        let resolved = Params::resolve(kind.id(), kind.params(), &given);
        let params = faults.take(resolved, (&header, 0, ""), "see the detector's parameters with `quarterdeck check`");
        if let Some(params) = params.filter(|_| enabled) {
            detectors.insert(kind.id().to_owned(), params);
        }
    }
    detectors
}
