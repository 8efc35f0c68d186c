//! `quarterdeck serve` behind a crowd that says nothing: pages leave, the console answers, and it stops when it is told to.

#![expect(clippy::disallowed_methods, reason = "how long another program takes is what is asked here")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

const TOKEN: &str = "admin-token-0123456789";
const KEY: &str = "key-of-the-monitor-0123456789";
/// Files and sockets that the program may have open: what a shell gives by default.
const DESCRIPTORS: u32 = 1_024;
const CROWD: usize = 1_200;
const PATIENCE: Duration = Duration::from_mins(1);

fn configuration(receiver: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
data = "data"
[[token]]
name = "admin"
role = "admin"
token = "{TOKEN}"
[[integration]]
id = "monitor"
key = "{KEY}"
[[person]]
id = "bo"
contacts = [{{ channel = "hook" }}]
[channel.hook]
kind = "webhook"
url = "http://{receiver}/"
secret = "0123456789abcdef0123456789abcdef"
[[policy]]
id = "everything"
page_at = "SEV5"
tiers = [{{ people = ["bo"], delay = "15m" }}]
fallback = "bo"
"#
    )
}

/// Takes pages, each with a 200, and tells their paths' bodies.
fn receiver() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap_or_default() < 3 {
                    break;
                }
                if let Some(bytes) = line.to_lowercase().strip_prefix("content-length:") {
                    length = bytes.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            // The test may be over.
            drop(tell.send(String::from_utf8(body).unwrap()));
        }
    });
    (address, told)
}

/// The program with few descriptors, and what it says to a person.
struct Served {
    child: Child,
    says: BufReader<ChildStderr>,
}

impl Served {
    fn start(file: &Path) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -n {DESCRIPTORS} && exec \"$0\" serve --config \"$1\""));
        command.arg(env!("CARGO_BIN_EXE_quarterdeck")).arg(file).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let says = BufReader::new(child.stderr.take().unwrap());
        Self { child, says }
    }
    /// Reads on to a line with `what` in it, and gives what follows it.
    fn line(&mut self, what: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.says.read_line(&mut line).unwrap() > 0, "it ended before it said `{what}`");
            if let Some((_, rest)) = line.split_once(what) {
                return rest.trim().to_owned();
            }
        }
    }
    fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM".to_owned(), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.child.kill().unwrap();
        }
    }
}

fn ask(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(stream, "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_silent_crowd_stops_no_page_and_no_console() {
    assert!(
        quarterdeck_host::descriptors::raise() > 2 * CROWD as u64,
        "this machine allows too few sockets for a crowd"
    );
    let (receiver, pages) = receiver();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quarterdeck.toml");
    fs::write(&file, configuration(&receiver)).unwrap();
    let mut served = Served::start(&file);
    let address = served.line("listening on http://");
    // Somebody follows what happens, from before the crowd comes.
    let mut follows = TcpStream::connect(&address).unwrap();
    follows.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(follows, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n").unwrap();
    let mut follows = BufReader::new(follows);
    let mut line = String::new();
    follows.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");

    let crowd: Vec<TcpStream> = (0..CROWD).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let began = Instant::now();
    let posted = ask(&address, "POST /ingest/webhook", r#"{"title": "in a crowd", "severity": "critical"}"#);
    assert!(posted.starts_with("HTTP/1.1 200"), "{posted}");
    let page = pages.recv_timeout(PATIENCE).expect("the page does not leave");
    assert!(page.contains("in a crowd"), "{page}");
    let console = ask(&address, "GET /login", "");
    assert!(console.starts_with("HTTP/1.1 200") && console.contains("<form"), "{console}");
    println!("a page and the console in {} ms, behind {} silent sockets", began.elapsed().as_millis(), crowd.len());
    while !line.starts_with("event: incident") {
        line.clear();
        assert!(follows.read_line(&mut line).unwrap() > 0, "who followed was sent away");
    }
    drop(crowd);
    served.terminate();
    served.line("stopped");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn our_own_commands_speak_to_a_program_that_encrypts() {
    let (receiver, _pages) = receiver();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quarterdeck.toml");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../reach/tests/data");
    let section = format!("[tls]\ncertificate = \"{data}/loopback.cert.pem\"\nkey = \"{data}/loopback.key.pem\"\n");
    fs::write(&file, format!("{}{section}", configuration(&receiver))).unwrap();
    let mut served = Served::start(&file);
    let url = format!("https://{}", served.line("listening on https://"));
    let shown = |trusted: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quarterdeck"));
        command.args(["reload", "--show"]).env("QUARTERDECK_URL", &url).env("QUARTERDECK_TOKEN", TOKEN);
        command.env("SSL_CERT_FILE", trusted).output().unwrap()
    };
    let trusting = shown(&format!("{data}/loopback.cert.pem"));
    assert!(trusting.status.success(), "{trusting:?}");
    let (mut folder_of_none, none) = (folder.path().to_owned(), "none.pem");
    folder_of_none.push(none);
    fs::write(&folder_of_none, "").unwrap();
    let not = shown(folder_of_none.to_str().unwrap());
    assert!(!not.status.success(), "{not:?}");
}

#[test]
fn half_a_request_holds_nobody_up_who_wants_to_stop() {
    let (receiver, _pages) = receiver();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quarterdeck.toml");
    fs::write(&file, configuration(&receiver)).unwrap();
    let mut served = Served::start(&file);
    let address = served.line("listening on http://");
    let mut half_head = TcpStream::connect(&address).unwrap();
    write!(half_head, "POST /ingest/webhook HTTP/1.1\r\nHo").unwrap();
    let mut half_body = TcpStream::connect(&address).unwrap();
    write!(half_body, "POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{").unwrap();
    // What came after them is answered, so they have arrived.
    assert!(ask(&address, "GET /login", "").starts_with("HTTP/1.1 200"));
    let began = Instant::now();
    served.terminate();
    served.line("stopped");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    drop((half_head, half_body));
}

#[test]
fn a_wish_to_stop_is_heard_before_it_has_begun() {
    let (receiver, _pages) = receiver();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quarterdeck.toml");
    fs::write(&file, configuration(&receiver)).unwrap();
    for first in ["zone rules", "listening on http://"] {
        let mut served = Served::start(&file);
        served.line(first);
        served.terminate();
        served.line("stopped");
        assert_eq!(served.child.wait().unwrap().code(), Some(0), "after `{first}`");
    }
}

/// A monitor was told that its alert is taken, and in the same moment the program is told to stop: the page leaves first, and what
/// became of it is written, whoever holds half a request open.
#[test]
fn what_is_due_is_handed_over_before_it_stops() {
    let (receiver, pages) = receiver();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quarterdeck.toml");
    fs::write(&file, configuration(&receiver)).unwrap();
    for n in 1..=5 {
        let mut served = Served::start(&file);
        let address = served.line("listening on http://");
        let mut half = TcpStream::connect(&address).unwrap();
        write!(half, "POST /ingest/webhook HTTP/1.1\r\nHo").unwrap();
        let body = format!(r#"{{"title": "due {n}", "severity": "critical", "dedup_key": "{n}"}}"#);
        let posted = ask(&address, "POST /ingest/webhook", &body);
        assert!(posted.starts_with("HTTP/1.1 200"), "{posted}");
        served.terminate();
        served.line("stopped");
        assert_eq!(served.child.wait().unwrap().code(), Some(0));
        let page = pages.try_recv().expect("it stopped, and the page had not left");
        assert!(page.contains(&format!("due {n}")) && page.contains("\"repeat\":false"), "{page}");
        assert!(pages.try_recv().is_err(), "once is enough: nothing was under way at the stop before");
        drop(half);
    }
}

/// Whoever receives pages and never answers does not keep the program from stopping.
#[test]
fn a_channel_that_hangs_holds_the_stop_up_for_a_bounded_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quarterdeck.toml");
    fs::write(&file, configuration(&listener.local_addr().unwrap().to_string())).unwrap();
    let mut served = Served::start(&file);
    let address = served.line("listening on http://");
    let posted = ask(&address, "POST /ingest/webhook", r#"{"title": "nobody answers", "severity": "critical"}"#);
    assert!(posted.starts_with("HTTP/1.1 200"), "{posted}");
    let held = listener.accept().unwrap();
    let began = Instant::now();
    served.terminate();
    served.line("stopped");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    drop(held);
}
