//! Chains of the EVM family over JSON-RPC: heads, full blocks, receipts, call traces.
//!
//! This is all that knows the protocol; how a chain is followed is in `follow`. WebSocket heads only wake us: what the head is we
//! ask ourselves. Tests: `tests.rs` and `../follow/tests.rs` against a scripted node that lies, `anvil.rs` in the server
//! against a real one.

mod meaning;
pub mod rpc;
mod heads;
mod offer;
mod balances;
mod read;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use quarterdeck_core::chain::Family;

use self::{
    read::{EvmReader, Traces},
    rpc::Rpc,
};
use crate::{
    reader::{ChainReader, Doors, Listener},
    setting::{Form, SettingError, SettingSpec},
    source::{Balances, ChainSource, SourceKind, confirmations, poll_every, stale_after},
};

/// How long a witness may take: the chain is not held up by those who only confirm it.
const WITNESS_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a node is asked.
pub const HTTP: SettingSpec =
    SettingSpec { name: "http", doc: "JSON-RPC of the node.", form: Form::Address(&["http", "https"]), required: true };
/// Where heads are heard.
pub const WS: SettingSpec = SettingSpec {
    name: "ws",
    doc: "JSON-RPC of the node over WebSocket, for heads without polling.",
    form: Form::Address(&["ws", "wss"]),
    required: false,
};
/// Who else is asked.
pub const WITNESSES: SettingSpec = SettingSpec {
    name: "witnesses",
    doc: "Other nodes of the same chain, asked whether they agree. Never the same node twice.",
    form: Form::Addresses(&["http", "https"]),
    required: false,
};
/// Whether traces are read.
pub const TRACES: SettingSpec = SettingSpec {
    name: "traces",
    doc: "Call traces: `auto` if the node offers them, `required` makes their absence a gap, `off` does not ask.",
    form: Form::Word(&["auto", "required", "off"]),
    required: false,
};
/// How much may be asked. The default is what a free tier of the usual providers allows.
pub const REQUESTS_PER_SECOND: SettingSpec = SettingSpec {
    name: "requests_per_second",
    doc: "What the node allows us.",
    form: Form::Whole { unit: "requests", default: 25, min: 1, max: 1_000_000 },
    required: false,
};

/// Ten slots of Ethereum; two epochs; a second.
const SETTINGS: &[SettingSpec] = &[
    HTTP,
    WS,
    WITNESSES,
    TRACES,
    REQUESTS_PER_SECOND,
    stale_after(Duration::from_mins(2)),
    confirmations(64),
    poll_every(Duration::from_secs(1)),
];

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct Evm;

impl SourceKind for Evm {
    fn id(&self) -> &'static str {
        "evm"
    }
    fn title(&self) -> &'static str {
        "A node of an EVM chain, over JSON-RPC."
    }
    fn reads(&self) -> Family {
        Family::Account
    }
    fn settings(&self) -> &'static [SettingSpec] {
        SETTINGS
    }
    fn open(&self, source: &ChainSource) -> Result<Doors, SettingError> {
        let settings = &source.settings;
        let Some(chain) = source.chain.number() else {
            return Err(SettingError::Together { name: "chain", reason: "this kind reads EVM chains".to_owned() });
        };
        let url = settings.text(&HTTP).unwrap_or_default();
        let others = settings.texts(&WITNESSES);
        let twice =
            |(nth, other): (usize, &String)| other == url || others.iter().skip(nth + 1).any(|one| one == other);
        if others.iter().enumerate().any(twice) {
            let reason = "a node is there twice: it would agree with itself".to_owned();
            return Err(SettingError::Together { name: WITNESSES.name, reason });
        }
        let traces = match settings.text(&TRACES) {
            Some("off") => Traces::Off,
            Some("required") => Traces::Required,
            _ => Traces::Auto,
        };
        let http = rpc::client().map_err(|error| SettingError::Defect { reason: error.to_string() })?;
        let budget = u32::try_from(settings.whole(&REQUESTS_PER_SECOND)).unwrap_or(u32::MAX);
        let reader = |node: Arc<Rpc>, balances: &Balances| {
            Arc::new(EvmReader::new(node, chain, traces, balances.clone())) as Arc<dyn ChainReader>
        };
        let nobody = Balances::default();
        let witness = |url: &String| reader(Rpc::with_timeout(http.clone(), url, budget, WITNESS_TIMEOUT), &nobody);
        let listener = settings.text(&WS).map(|url| -> Listener {
            let url = url.to_owned();
            Box::new(move |heads, stop| Box::pin(heads::run(url, heads, stop)))
        });
        Ok(Doors {
            node: reader(Rpc::new(http.clone(), url, budget), &source.balances),
            witnesses: others.iter().map(witness).collect(),
            listener,
        })
    }
}
