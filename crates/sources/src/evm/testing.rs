//! A scripted node on loopback: it has a chain of its own, and lies where a test wants it to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use quarterdeck_core::{
    chain::B256,
    id::{Id, kind},
};
use serde_json::{Value, json};

pub(crate) const CHAIN: u64 = 31_337;

/// What it answers instead of the truth.
#[derive(Debug, Clone)]
pub(crate) enum Lie {
    Result(Value),
    Error(i64, &'static str),
    Http(u16, &'static [(&'static str, &'static str)], Vec<u8>),
}

type Script = Box<dyn FnMut(&Chain, &str, &Value) -> Option<Lie> + Send>;

/// The chain it has: hashes from genesis, and every block it ever had.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) canonical: Vec<B256>,
    blocks: BTreeMap<B256, (u64, B256)>,
    made: u64,
    pub(crate) empty: bool,
    pub(crate) finalized: u64,
    /// Transactions of a block beyond its first.
    pub(crate) more: u8,
}

impl Chain {
    pub(crate) fn mine(&mut self, count: usize) {
        for _ in 0..count {
            self.made += 1;
            let hash = digest(&[&self.made.to_be_bytes()]);
            let parent = self.canonical.last().copied().unwrap_or_default();
            self.blocks.insert(hash, (self.canonical.len() as u64, parent));
            self.canonical.push(hash);
        }
    }
    pub(crate) fn roll_back(&mut self, count: usize) {
        self.canonical.truncate(self.canonical.len().saturating_sub(count).max(1));
    }
    pub(crate) fn block(&self, hash: B256) -> Value {
        let Some((number, parent)) = self.blocks.get(&hash) else { return Value::Null };
        let transactions: Vec<Value> = self.places().map(|index| transaction(hash, index)).collect();
        json!({"number": format!("{number:#x}"), "hash": hash, "parentHash": parent, "timestamp": format!("{:#x}", 1_700_000_000 + number),
            "miner": address(9), "gasUsed": "0x5208", "gasLimit": "0x1c9c380", "baseFeePerGas": "0x7", "transactions": transactions})
    }
    fn places(&self) -> std::ops::Range<u8> {
        0..if self.empty { 0 } else { self.more + 1 }
    }
    fn at(&self, tag: &str) -> Value {
        let number = match tag {
            "latest" => self.canonical.len() as u64 - 1,
            "finalized" => self.finalized,
            hex => u64::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap(),
        };
        self.canonical.get(usize::try_from(number).unwrap()).map_or(Value::Null, |hash| self.block(*hash))
    }
    /// A canonical block by its hash; a branch that was left is gone, as in a real node.
    fn by_hash(&self, hash: &Value) -> Value {
        let hash: B256 = serde_json::from_value(hash.clone()).unwrap();
        if self.canonical.contains(&hash) { self.block(hash) } else { Value::Null }
    }
    pub(crate) fn truth(&self, method: &str, params: &Value) -> Lie {
        let of_block = |one: fn(B256, u8) -> Value| {
            let block = self.by_hash(&params[0]);
            if block.is_null() {
                return block;
            }
            let hash = serde_json::from_value(block["hash"].clone()).unwrap();
            Value::Array(self.places().map(|index| one(hash, index)).collect())
        };
        Lie::Result(match method {
            "eth_chainId" => json!(format!("{CHAIN:#x}")),
            "eth_getBlockByNumber" => self.at(params[0].as_str().unwrap()),
            "eth_getBlockByHash" => self.by_hash(&params[0]),
            "eth_getBlockReceipts" => of_block(receipt),
            "debug_traceBlockByHash" => of_block(trace),
            "eth_getTransactionReceipt" => {
                let wanted: B256 = serde_json::from_value(params[0].clone()).unwrap();
                let of = |hash: &B256| {
                    self.places().find(|index| id(*hash, *index) == wanted).map(|index| receipt(*hash, index))
                };
                self.canonical.iter().find_map(of).unwrap_or(Value::Null)
            }
            _ => return Lie::Error(-32601, "the method does not exist/is not available"),
        })
    }
}

fn digest(parts: &[&[u8]]) -> B256 {
    let half = |salt: &[u8]| *Id::<kind::Signal>::digest(&[&[salt], parts].concat()).bytes();
    B256::from_slice(&[half(b"a"), half(b"b")].concat())
}
fn address(byte: u8) -> String {
    format!("0x{}", format!("{byte:02x}").repeat(20))
}
fn id(block: B256, index: u8) -> B256 {
    digest(&[block.as_slice(), &[index]])
}
fn transaction(block: B256, index: u8) -> Value {
    json!({"hash": id(block, index), "from": address(1), "to": address(2), "value": "0x1", "nonce": "0x0", "input": "0x",
        "gas": "0x5208", "gasPrice": "0x7", "blockHash": block, "transactionIndex": format!("{index:#x}")})
}
fn receipt(block: B256, index: u8) -> Value {
    json!({"transactionHash": id(block, index), "blockHash": block, "transactionIndex": format!("{index:#x}"), "status": "0x1", "logs": []})
}
fn trace(block: B256, index: u8) -> Value {
    json!({"txHash": id(block, index), "result": {"type": "CALL", "from": address(1), "to": address(2), "value": "0x1", "gas": "0x0",
        "gasUsed": "0x0", "input": "0x", "output": "0x"}})
}

struct Inner {
    chain: Chain,
    script: Option<Script>,
    asked: BTreeMap<String, u64>,
    /// Questions in one request that it takes, and how many each request had.
    batch_max: Option<usize>,
    batches: Vec<usize>,
    hangs: bool,
}

/// The node. Dropped with its runtime.
#[derive(Clone)]
pub(crate) struct Node {
    inner: Arc<Mutex<Inner>>,
    pub(crate) url: String,
}

impl Node {
    pub(crate) async fn start() -> Self {
        let mut chain = Chain::default();
        chain.mine(1);
        let inner = Arc::new(Mutex::new(Inner {
            chain,
            script: None,
            asked: BTreeMap::new(),
            batch_max: None,
            batches: Vec::new(),
            hangs: false,
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, url }
    }
    pub(crate) fn chain<T>(&self, change: impl FnOnce(&mut Chain) -> T) -> T {
        change(&mut self.inner.lock().unwrap().chain)
    }
    /// From now on it says what `script` says, where that says anything.
    pub(crate) fn script(&self, script: impl FnMut(&Chain, &str, &Value) -> Option<Lie> + Send + 'static) {
        self.inner.lock().unwrap().script = Some(Box::new(script));
    }
    /// From now on it refuses requests with more questions than these.
    pub(crate) fn take_at_most(&self, questions: usize) {
        self.inner.lock().unwrap().batch_max = Some(questions);
    }
    /// Whether it takes questions and never answers.
    pub(crate) fn hang(&self, hangs: bool) {
        self.inner.lock().unwrap().hangs = hangs;
    }
    /// How many questions each request of several had.
    pub(crate) fn batches(&self) -> Vec<usize> {
        self.inner.lock().unwrap().batches.clone()
    }
    pub(crate) fn honest(&self) {
        self.inner.lock().unwrap().script = None;
    }
    pub(crate) fn asked(&self, method: &str) -> u64 {
        self.inner.lock().unwrap().asked.get(method).copied().unwrap_or(0)
    }
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, body: Bytes) -> axum::response::Response {
    let hangs = inner.lock().unwrap().hangs;
    if hangs {
        std::future::pending::<()>().await;
    }
    let question: Value = serde_json::from_slice(&body).unwrap();
    let mut inner = inner.lock().unwrap();
    if let Value::Array(all) = &question {
        inner.batches.push(all.len());
        if inner.batch_max.is_some_and(|max| all.len() > max) {
            let error = json!({"code": -32_007, "message": "batch limit exceeded"});
            return json!({"jsonrpc": "2.0", "id": null, "error": error}).to_string().into_response();
        }
    }
    let mut one = |question: &Value| {
        let method = question["method"].as_str().unwrap();
        *inner.asked.entry(method.to_owned()).or_default() += 1;
        let Inner { chain, script, .. } = &mut *inner;
        let lie = script.as_mut().and_then(|script| script(chain, method, &question["params"]));
        match lie.unwrap_or_else(|| chain.truth(method, &question["params"])) {
            Lie::Result(result) => Ok(json!({"jsonrpc": "2.0", "id": question["id"], "result": result})),
            Lie::Error(code, message) => {
                Ok(json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": code, "message": message}}))
            }
            Lie::Http(status, headers, body) => Err((status, headers, body)),
        }
    };
    let answered = match &question {
        Value::Array(all) => all.iter().map(&mut one).collect::<Result<Vec<_>, _>>().map(Value::Array),
        question => one(question),
    };
    match answered {
        Ok(json) => json.to_string().into_response(),
        Err((status, headers, body)) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        }
    }
}
