//! A PostgreSQL server of a test's own: started in a temporary folder, reached by a socket there, stopped at the end.
//! Where its programs are missing a test says "left out" and passes, unless `CI=true`: then it fails.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Without TCP the port is only a part of the socket's name, and the folder is ours alone.
const PORT: u16 = 5432;
/// Where Debian's packages put the programs, by version.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// A running server.
pub(crate) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    settings: Vec<String>,
    port: u16,
    server: Option<Child>,
    databases: u32,
}

impl Postgres {
    /// Starts a server, or says what is left out.
    pub(crate) fn start(left_out: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            #[expect(clippy::disallowed_methods, reason = "whether a missing program is a failure")]
            let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!must, "no PostgreSQL in {PROGRAMS}, and CI must not leave out {left_out}");
            eprintln!("left out: {left_out} (no PostgreSQL in {PROGRAMS})");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = foreign_user() {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        // Only backends are killed here, never the machine: nothing to sync for.
        let settings = ["listen_addresses=", "fsync=off", "max_connections=40"].map(str::to_owned).into();
        let mut postgres = Self { folder, programs, settings, port: PORT, server: None, databases: 0 };
        let made = postgres
            .program("initdb")
            .args(["--auth=trust", "--username=quarterdeck", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(postgres.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        postgres.run();
        Some(postgres)
    }

    /// Runs the server on its data. It answers a little later; a store waits for it.
    pub(crate) fn run(&mut self) {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        command.arg("-k").arg(self.folder.path());
        command.arg("-p").arg(self.port.to_string());
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.server = Some(command.spawn().unwrap());
    }

    /// Sets `name=value` for the next run. `{folder}` stands for the server's folder.
    pub(crate) fn set(&mut self, setting: &str) {
        self.settings.push(setting.replace("{folder}", &self.folder.path().display().to_string()));
    }

    /// Listens on a TCP port of this machine too, from the next run on. Its socket is named after that port.
    pub(crate) fn listen(&mut self, port: u16) {
        self.port = port;
        self.set("listen_addresses=127.0.0.1");
    }

    /// Copies a file into the server's folder, for the server's eyes only.
    pub(crate) fn give(&self, file: &Path) {
        let copy = self.folder.path().join(file.file_name().unwrap());
        fs::copy(file, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = foreign_user() {
            chown(&copy, Some(user), Some(group)).unwrap();
        }
    }

    /// Stops the server and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        // Before it has its socket it does not listen to signals either: where ours were started with SIGINT ignored, as a shell
        // does in the background, it would be lost.
        let socket = self.folder.path().join(format!(".s.PGSQL.{}", self.port));
        while !socket.exists() && server.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let stopped = Command::new("kill").arg("-INT").arg(server.id().to_string()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            server.kill().unwrap();
        }
        server.wait().unwrap();
    }

    /// The folder of the socket, the data and the log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("{} port={}", url_through(self.folder.path(), database), self.port)
    }

    /// Creates an empty database and returns its URL.
    pub(crate) async fn fresh(&mut self) -> String {
        self.databases += 1;
        let name = format!("test_{}", self.databases);
        self.admin(&format!("CREATE DATABASE {name}")).await;
        self.url(&name)
    }

    /// Runs a statement as the administrator, once the server answers.
    pub(crate) async fn admin(&self, sql: &str) -> Vec<tokio_postgres::SimpleQueryMessage> {
        let (client, connection) = loop {
            match tokio_postgres::connect(&self.url("postgres"), tokio_postgres::NoTls).await {
                Ok(connected) => break connected,
                // Asked again until the server is up; a server that never comes up is the test's time-out.
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let connection = tokio::spawn(connection);
        let answer = client.simple_query(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        answer
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL, which refuses to be run by root: then as its own user. It dies with the thread that started it.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if let Some((user, group)) = foreign_user() {
            command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups"]);
        }
        command.arg(program).current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The URL of a database by a socket in a folder.
pub(crate) fn url_through(folder: &Path, database: &str) -> String {
    format!("host={} user=quarterdeck dbname={database}", folder.display())
}

/// The name of the socket in a folder.
pub(crate) fn socket(folder: &Path) -> PathBuf {
    folder.join(format!(".s.PGSQL.{PORT}"))
}

fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(PROGRAMS).ok()?;
    let found = versions.flatten().map(|version| version.path().join("bin"));
    found.filter(|bin| bin.join("postgres").exists() && bin.join("initdb").exists()).max()
}

/// If we are root: the user and group that PostgreSQL's package made.
fn foreign_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?))
}
