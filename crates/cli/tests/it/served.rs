//! `quarterdeck serve` as a process of its own, and a few words of HTTP to it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

/// The program, with what it says to a person.
pub(crate) struct Served {
    child: Child,
    says: BufReader<ChildStderr>,
}

impl Served {
    pub(crate) fn start(file: &Path) -> Self {
        Self::start_with(file, &[])
    }
    /// With more in its environment.
    pub(crate) fn start_with(file: &Path, more: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quarterdeck"));
        command.envs(more.iter().copied());
        command.arg("serve").arg("--config").arg(file).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let says = BufReader::new(child.stderr.take().unwrap());
        Self { child, says }
    }
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
    /// Reads on to a line with `what` in it. One that never comes is the end of the program, or of the test's time.
    pub(crate) fn line(&mut self, what: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.says.read_line(&mut line).unwrap() > 0, "it ended before it said `{what}`");
            if line.contains(what) {
                return line.trim_end().to_owned();
            }
        }
    }
}

impl Served {
    /// Where it listens, without the scheme.
    pub(crate) fn address(&mut self) -> String {
        self.line("listening on ").rsplit("//").next().unwrap().to_owned()
    }
    /// Ends in good order, which must succeed.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        self.line("stopped");
        assert!(self.child.wait().unwrap().success());
    }
    /// Ends as with a power cut.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
    /// Ends by itself; its exit code, and the rest of what it says.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.says.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

/// Asks something over HTTP and reads the answer whole; its status and body. None: nobody listens any more.
pub(crate) fn ask(address: &str, method: &str, path: &str, key: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.child.kill().unwrap();
        }
    }
}
