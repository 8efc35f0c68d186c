//! What the benches over HTTP share: the program as a process of its own, a client that costs little, and percentiles.
//!
//! The program is the bench again, told by its environment to serve: the same binary, the same profile, and its memory and its
//! processor time are its own.

use std::{
    collections::BTreeMap,
    error::Error,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use quarterdeck_host::clock::SystemClock;
use quarterdeck_host::randomness::DrawnIds;
use quarterdeck_reach::notify::Parts;
use quarterdeck_server::{
    app::{self, World},
    config,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Tells the re-executed bench to serve, and with which configuration.
const CONFIGURATION: &str = "QUARTERDECK_BENCH_CONFIGURATION";
/// The key of the one monitor.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// The key of a monitor with the usual bounds.
pub(crate) const BOUNDED_KEY: &str = "fedcba9876543210fedcba9876543210";

/// Serves for ever if the environment says so.
#[expect(clippy::disallowed_methods, reason = "how a bench tells its child what to do")]
pub(crate) async fn serve_if_told() -> Outcome<()> {
    let Ok(path) = std::env::var(CONFIGURATION) else { return Ok(()) };
    let clock = SystemClock::new();
    let parts = Parts::new(clock.clone())?;
    let configuration = config::load(Path::new(&path), &parts)?;
    let world = World {
        clock,
        ids: Box::new(DrawnIds::default()),
        salts: Box::new(DrawnIds::default()),
        signer: None,
        channels: BTreeMap::new(),
    };
    let running = app::start(configuration, world).await?;
    let address = running.address.ok_or("it listens nowhere")?;
    println!("listening {address}");
    std::future::pending::<()>().await;
    Ok(())
}

/// The token of the one commander.
pub(crate) const TOKEN: &str = "token-of-the-bench-0123456789";

/// A running program. Ends with its handle.
pub(crate) struct Program {
    pub(crate) address: String,
    pub(crate) ready_after: Duration,
    child: Child,
    pub(crate) _folder: tempfile::TempDir,
}

impl Program {
    /// Starts it with SQLite in a folder of its own; pages go to `receiver`.
    pub(crate) async fn start(receiver: &str) -> Outcome<Self> {
        Self::start_of(&std::env::current_exe()?, receiver).await
    }

    /// The same of another build of a bench, for a comparison in one run.
    pub(crate) async fn start_of(build: &Path, receiver: &str) -> Outcome<Self> {
        Self::start_told(build, &configuration(receiver)).await
    }

    /// The same with a configuration of one's own.
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    pub(crate) async fn start_told(build: &Path, configuration: &str) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("quarterdeck.toml");
        std::fs::write(&path, configuration)?;
        let begun = Instant::now();
        let mut child =
            Command::new(build).env(CONFIGURATION, &path).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
        let line = lines.next_line().await?.ok_or("the program ended by itself")?;
        let address = line.strip_prefix("listening ").ok_or("the program says something else")?.to_owned();
        Ok(Self { address, ready_after: begun.elapsed(), child, _folder: folder })
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> Outcome<u64> {
        resident_mib(self.process()?)
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> Outcome<u32> {
        Ok(self.child.id().ok_or("it has ended")?)
    }
}

/// Resident memory of a process, in MiB.
pub(crate) fn resident_mib(process: u32) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? / 1_024)
}

fn configuration(receiver: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
data = "data"
[[integration]]
id = "bench"
key = "{KEY}"
signals_a_minute = 1000000000
open_incidents = 1000000000
apart = 1000000000
[[integration]]
id = "bounded"
key = "{BOUNDED_KEY}"
[response]
bundle = "never"
[[token]]
name = "bench"
role = "commander"
token = "{TOKEN}"
[channel.receiver]
kind = "webhook"
url = "{receiver}"
secret = "secret-of-the-bench-0123456789"
[[person]]
id = "ann"
contacts = [{{ channel = "receiver" }}]
[[policy]]
id = "default"
page_at = "SEV5"
fallback = "ann"
tiers = [{{ people = ["ann"], delay = "1h" }}]
"#
    )
}

/// One connection that is kept, speaking just enough HTTP/1.1 to post JSON: the client must not be what is measured.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: address.to_owned() })
    }

    /// Posts as the monitor and reads the whole answer; its status.
    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> Outcome<u16> {
        Ok(self.ask("POST", path, KEY, body).await?.0)
    }

    /// Asks with a key and reads the whole answer: its status and its body.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, key: &str, body: &[u8]) -> Outcome<(u16, Vec<u8>)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).ok_or("no status in the answer")?.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let mut rest = vec![0; length];
        self.stream.read_exact(&mut rest).await?;
        Ok((status, rest))
    }
}

/// Sorted spans, and what people ask of them.
pub(crate) struct Spans(Vec<Duration>);

impl Spans {
    pub(crate) fn of(mut spans: Vec<Duration>) -> Self {
        spans.sort_unstable();
        Self(spans)
    }

    /// The span that `percent` of all do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let place = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(place).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Spans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |span: Duration| span.as_secs_f64() * 1_000.0;
        let [p50, p99, worst] = [50, 99, 100].map(|percent| ms(self.percentile(percent)));
        write!(f, "p50 {p50:>7.2} ms   p99 {p99:>7.2} ms   worst {worst:>7.2} ms   of {}", self.0.len())
    }
}
