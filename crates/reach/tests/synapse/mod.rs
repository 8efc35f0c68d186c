//! A real homeserver for tests: Synapse in a process of its own, on a free port of this machine, with its data in a temporary folder.
//! It can be killed and started again on the same data. Where it is: `QUARTERDECK_SYNAPSE`, the Python that has it.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

/// How long a start may take on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_mins(2);
/// The homeserver's name.
pub(crate) const SERVER: &str = "qd.test";

/// A running homeserver.
pub(crate) struct Synapse {
    python: PathBuf,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub(crate) url: String,
    process: Option<Child>,
    http: reqwest::Client,
}

/// Somebody with an account there.
pub(crate) struct User {
    /// `@alice:qd.test`.
    pub(crate) id: String,
    /// The access token.
    pub(crate) token: String,
}

impl Synapse {
    /// Starts one; none where there is no Synapse, unless `CI=true`.
    pub(crate) async fn start() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "tests are told by the environment where Synapse is")]
        let (python, ci) = (std::env::var_os("QUARTERDECK_SYNAPSE"), std::env::var("CI"));
        let Some(python) = python else {
            assert!(!ci.is_ok_and(|ci| ci == "true"), "QUARTERDECK_SYNAPSE is not set");
            eprintln!("left out: no Synapse here");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        write_settings(folder.path(), port);
        quarterdeck_host::tls::choose_cryptography();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut synapse = Self { python: python.into(), folder, url, process: None, http };
        synapse.run(&["--generate-keys"]).wait().unwrap();
        synapse.begin().await;
        Some(synapse)
    }

    fn run(&self, more: &[&str]) -> Child {
        let mut command = Command::new(&self.python);
        command.args(["-m", "synapse.app.homeserver", "--config-path", "homeserver.yaml"]).args(more);
        let log = std::fs::File::create(self.folder.path().join("out.log")).unwrap();
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command.spawn().unwrap()
    }

    /// Starts it (again), and returns once it answers.
    pub(crate) async fn begin(&mut self) {
        let mut process = self.run(&[]);
        let answers = async {
            loop {
                let versions = self.http.get(format!("{}/_matrix/client/versions", self.url)).send().await;
                if versions.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                if let Some(status) = process.try_wait().unwrap() {
                    let said = std::fs::read_to_string(self.folder.path().join("out.log")).unwrap();
                    panic!("Synapse ended with {status}: {said}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(STARTS_WITHIN, answers).await.expect("Synapse starts in time");
        self.process = Some(process);
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// A new account.
    pub(crate) async fn user(&self, name: &str) -> User {
        let body = json!({"username": name, "password": "of no use", "auth": {"type": "m.login.dummy"}});
        let made = self.ask("POST", "register", None, Some(&body)).await;
        let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        User { id: text("user_id"), token: text("access_token") }
    }

    /// Asks as somebody, in the words of the API, and returns what came back, whatever it is.
    pub(crate) async fn ask(&self, method: &str, path: &str, by: Option<&User>, body: Option<&Value>) -> Value {
        let url = format!("{}/_matrix/client/v3/{path}", self.url);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(by) = by {
            request = request.bearer_auth(&by.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Says something in a room, and returns the event.
    pub(crate) async fn says(&self, by: &User, room: &str, key: &str, content: &Value) -> String {
        let path = format!("rooms/{room}/send/m.room.message/{key}");
        let said = self.ask("PUT", &path, Some(by), Some(content)).await;
        said["event_id"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        self.kill();
    }
}

/// JSON is YAML. No door but that of clients on this machine, and nobody else's server is asked anything.
fn write_settings(folder: &Path, port: u16) {
    let plenty = json!({"per_second": 10_000, "burst_count": 10_000});
    let in_folder = |name: &str| folder.join(name).display().to_string();
    let settings = json!({
        "server_name": SERVER, "report_stats": false, "trusted_key_servers": [],
        "pid_file": in_folder("pid"), "media_store_path": in_folder("media"), "signing_key_path": in_folder("signing.key"),
        "listeners": [{
            "bind_addresses": ["127.0.0.1"], "port": port, "type": "http", "tls": false,
            "resources": [{"names": ["client"], "compress": false}],
        }],
        "database": {"name": "sqlite3", "args": {"database": in_folder("homeserver.db")}},
        "macaroon_secret_key": "of a test", "form_secret": "of a test", "registration_shared_secret": "of a test",
        "enable_registration": true, "enable_registration_without_verification": true,
        "rc_message": plenty, "rc_registration": plenty, "rc_joins": {"local": plenty, "remote": plenty},
        "rc_invites": {"per_room": plenty, "per_user": plenty, "per_issuer": plenty}, "rc_login": {"address": plenty, "account": plenty},
    });
    std::fs::write(folder.join("homeserver.yaml"), settings.to_string()).unwrap();
}
