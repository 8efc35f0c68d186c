//! Anvil as a process: started on a free port, ended by its own id.

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use axum::{Router, body::Bytes, extract::State, routing::post};
use quarterdeck_core::chain::{AnyBlock, Block, ChainEvent};
use quarterdeck_sources::Seen;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

const NPM: &str = "/tmp/npm/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";
const START_DEADLINE: Duration = Duration::from_mins(1);

/// A running node. Killed when dropped.
pub(crate) struct Anvil {
    child: Child,
    http: reqwest::Client,
    pub(crate) port: u16,
    pub(crate) url: String,
}

fn program() -> PathBuf {
    if let Some(given) = std::env::var_os("QUARTERDECK_ANVIL") {
        return given.into();
    }
    let npm = PathBuf::from(NPM);
    if npm.exists() { npm } else { "anvil".into() }
}

impl Anvil {
    /// On a port that the system chooses. None: there is no anvil, and that is allowed here.
    pub(crate) async fn start(args: &[&str]) -> Option<Self> {
        Self::start_at(0, args).await
    }

    pub(crate) async fn start_at(port: u16, args: &[&str]) -> Option<Self> {
        let program = program();
        let mut command = Command::new(&program);
        command
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--no-request-size-limit", "--no-mining"])
            .args(args);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "`{}`: {error}", program.display());
                eprintln!("left out: `{}`: {error}", program.display());
                return None;
            }
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(address) = line.trim().strip_prefix("Listening on 127.0.0.1:") {
                    return address.parse::<u16>().unwrap();
                }
            }
            panic!("anvil ended before it listened")
        };
        let port = tokio::time::timeout(START_DEADLINE, listening).await.expect("anvil listens in time");
        // It writes a line per request; nobody reading would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let http = quarterdeck_sources::evm::rpc::client().unwrap();
        Some(Self { child, http, port, url: format!("http://127.0.0.1:{port}") })
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.http.post(&self.url).header("content-type", "application/json").body(question.to_string());
        let answer: Value = answer.send().await.unwrap().json().await.unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Mines a block with this transaction, whose hash it gives. (Mining by itself, anvil puts several into one at times.)
    pub(crate) async fn mine_with(&self, transaction: Value) -> Value {
        let hash = self.ask("eth_sendTransaction", transaction).await;
        self.ask("evm_mine", json!([])).await;
        hash
    }

    /// Ends it as an operator would, so that it writes its state.
    pub(crate) async fn end(mut self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
        tokio::time::timeout(START_DEADLINE, self.child.wait()).await.expect("anvil ends in time").unwrap();
    }

    /// Mines until a block arrives that only a subscription can have announced.
    pub(crate) async fn until_subscribed(&self, seen: &mut mpsc::Receiver<Seen>, last: &mut Arc<Block>) {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let (mut mined, mut heard) = (last.number, false);
        let mining = async {
            while !heard || last.number < mined {
                tokio::select! {
                    one = seen.recv() => if let ChainEvent::Block(AnyBlock::Account(block)) = one.unwrap().event {
                        *last = block;
                        heard = true;
                    },
                    _ = tick.tick(), if !heard => {
                        self.ask("evm_mine", json!([])).await;
                        mined += 1;
                    }
                }
            }
        };
        tokio::time::timeout(START_DEADLINE, mining).await.expect("heads are heard in time");
    }
}

#[derive(Clone)]
struct Proxy {
    http: reqwest::Client,
    to: String,
    absent: Arc<[&'static str]>,
}

/// A door to a node that lacks the methods with these beginnings. Its address.
pub(crate) async fn without(url: &str, absent: &[&'static str]) -> String {
    let http = quarterdeck_sources::evm::rpc::client().unwrap();
    let proxy = Proxy { http, to: url.to_owned(), absent: absent.into() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", post(pass)).with_state(proxy);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn pass(State(proxy): State<Proxy>, body: Bytes) -> Vec<u8> {
    let question: Value = serde_json::from_slice(&body).unwrap();
    let method = question["method"].as_str().unwrap_or_default();
    if proxy.absent.iter().any(|absent| method.starts_with(absent)) {
        let error = json!({"code": -32601, "message": "Method not found"});
        return json!({"jsonrpc": "2.0", "id": question["id"], "error": error}).to_string().into_bytes();
    }
    let request = proxy.http.post(&proxy.to).header("content-type", "application/json").body(body);
    request.send().await.unwrap().bytes().await.unwrap().to_vec()
}
