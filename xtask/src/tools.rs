//! What the tests need besides Rust, installed with the ordinary clients where it is missing.
//!
//! From the system's packages: PostgreSQL, Chromium, Node, Prometheus and amtool. By cargo: cargo-deny. From npm, pinned with digests in `xtask/npm`:
//! a node to run against, a driver for the browser, the contracts' compiler; and in `xtask/node` a newer Node, for systems whose own
//! is too old for these. By pip, pinned with digests in `xtask/python`: a Matrix homeserver. No daemon is left running: packages that would start
//! one are told not to, and what they enable is disabled again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;

use crate::{
    files, run,
    world::{Passed, World},
};

/// A tool of the system's packages.
struct Tool {
    /// What it is for, in words for a person.
    what: &'static str,
    /// Debian's packages.
    packages: &'static [&'static str],
    /// Daemons that the packages enable.
    daemons: &'static [&'static str],
    present: fn() -> bool,
}

const TOOLS: &[Tool] = &[
    Tool { what: "PostgreSQL", packages: &["postgresql"], daemons: &["postgresql"], present: postgres },
    Tool { what: "Node", packages: &["nodejs", "npm"], daemons: &[], present: npm },
    Tool { what: "Python", packages: &["python3", "python3-venv"], daemons: &[], present: python },
    Tool { what: "Chromium", packages: &["chromium"], daemons: &[], present: || chromium().is_some() },
    Tool {
        what: "Prometheus",
        packages: &["prometheus"],
        daemons: &["prometheus"],
        present: || run::on_path("prometheus").is_some(),
    },
    Tool {
        what: "amtool",
        packages: &["prometheus-alertmanager"],
        daemons: &["prometheus-alertmanager"],
        present: || run::on_path("amtool").is_some(),
    },
];

/// What the pinned packages ask for.
const NODE_MAJOR_MIN: u32 = 20;

/// Installs what is missing. What cannot be installed is left out.
pub(crate) fn install(world: &World) -> anyhow::Result<Passed> {
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| !(tool.present)()).collect();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|tool| tool.what).collect();
        println!("missing: {}", names.join(", "));
        if let Err(error) = system_packages(&world.root, &missing) {
            println!("{error:#}");
        }
    }
    let mut lacking: Vec<String> = TOOLS
        .iter()
        .filter(|tool| !(tool.present)())
        .map(|tool| format!("{} ({})", tool.what, tool.packages.join(", ")))
        .collect();
    if let Err(error) = npm_packages(&world.root) {
        println!("{error:#}");
        lacking.push("npm packages".to_owned());
    } else if anvil(&world.root).is_none() {
        lacking.push("anvil".to_owned());
    }
    if let Err(error) = python_packages(&world.root) {
        println!("{error:#}");
        lacking.push("Synapse".to_owned());
    }
    if let Err(error) = cargo_tool(&DENY) {
        println!("{error:#}");
        lacking.push(DENY.package.to_owned());
    }
    if lacking.is_empty() { Ok(Passed::Whole) } else { world.left_out(lacking.join(", ")) }
}

/// A subcommand of cargo that is a package of its own.
pub(crate) struct CargoTool {
    package: &'static str,
    /// Pinned, so that a run of today and one of next year ask the same.
    version: &'static str,
    subcommand: &'static str,
}

/// Reads `deny.toml`. Compiling it takes three minutes on two cores, once for each machine.
const DENY: CargoTool = CargoTool { package: "cargo-deny", version: "0.20.2", subcommand: "deny" };
/// Drives the fuzz targets, for a night.
pub(crate) const FUZZ: CargoTool = CargoTool { package: "cargo-fuzz", version: "0.13.2", subcommand: "fuzz" };

/// Installs a subcommand of cargo where there is none, of whatever version.
pub(crate) fn cargo_tool(tool: &CargoTool) -> anyhow::Result<()> {
    let cargo = || Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let told = cargo().args([tool.subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if told.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    println!("missing: {}", tool.package);
    run::must(cargo().args(["install", "--quiet", "--locked", "--version", tool.version, tool.package]))
}

/// Whether there is a nightly compiler, which the fuzzers want.
pub(crate) fn nightly() -> bool {
    let told = Command::new("rustup").args(["run", "nightly", "rustc", "--version"]).stdout(Stdio::null()).status();
    told.is_ok_and(|status| status.success())
}

fn system_packages(root: &Path, missing: &[&Tool]) -> anyhow::Result<()> {
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    let by_hand = || format!("install by hand: {}", packages.join(" "));
    anyhow::ensure!(run::on_path("apt-get").is_some(), "no apt-get here; {}", by_hand());
    let Some(become_root) = become_root() else {
        anyhow::bail!("not root, and sudo asks for a password; {}", by_hand())
    };
    let quiet = Quiet::begin(root, &become_root)?;
    let apt = |words: &[&str]| {
        let mut command = as_root(&become_root, "env");
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"]).args(words);
        run::must(&mut command)
    };
    apt(&["update"])?;
    // One by one: a package that a distribution lacks must not keep the others away.
    for tool in missing {
        let mut words = vec!["install", "--no-install-recommends"];
        words.extend(tool.packages);
        match apt(&words) {
            Ok(()) => quiet.disable(tool.daemons),
            Err(error) => println!("{error:#}"),
        }
    }
    quiet.end()
}

/// The words before a command that must run as root: none for root itself.
fn become_root() -> Option<Vec<&'static str>> {
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(Vec::new());
    }
    let sudo = Command::new("sudo").args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    sudo.is_ok_and(|status| status.success()).then(|| vec!["sudo", "-n"])
}

fn as_root(become_root: &[&str], program: &str) -> Command {
    match become_root.split_first() {
        None => Command::new(program),
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    }
}

/// While it lasts, packages do not start daemons: Debian asks this file, and 101 means "forbidden".
struct Quiet<'a> {
    become_root: &'a [&'static str],
    ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl<'a> Quiet<'a> {
    fn begin(root: &Path, become_root: &'a [&'static str]) -> anyhow::Result<Self> {
        // A policy that the machine has already is its owner's and stays.
        if Path::new(POLICY).exists() {
            return Ok(Self { become_root, ours: false });
        }
        let folder = files::scratch(root);
        fs::create_dir_all(&folder)?;
        let policy = folder.join("policy-rc.d");
        fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
        run::must(as_root(become_root, "install").args(["-m", "755"]).arg(&policy).arg(POLICY))?;
        Ok(Self { become_root, ours: true })
    }

    /// Keeps what was just installed from starting with the machine.
    fn disable(&self, daemons: &[&str]) {
        if daemons.is_empty() || run::on_path("systemctl").is_none() {
            return;
        }
        let disabled =
            as_root(self.become_root, "systemctl").arg("disable").args(daemons).stderr(Stdio::null()).status();
        if !disabled.is_ok_and(|status| status.success()) {
            println!("could not disable {}: it may start with the machine", daemons.join(", "));
        }
    }

    fn end(self) -> anyhow::Result<()> {
        if self.ours { run::must(as_root(self.become_root, "rm").arg(POLICY)) } else { Ok(()) }
    }
}

/// The programs that make and run a database, where Debian puts them.
fn postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin/initdb")).any(|initdb| initdb.is_file())
}

/// Any version: see [`node`].
fn npm() -> bool {
    run::on_path("node").is_some() && run::on_path("npm").is_some()
}

/// The browser, by any of the names it goes by.
pub(crate) fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| run::on_path(name))
}

/// A Node that is new enough for the pinned packages: the system's, else one that is such a package itself.
pub(crate) fn node(root: &Path) -> anyhow::Result<PathBuf> {
    if let Some(node) = run::on_path("node").filter(|node| major(node) >= NODE_MAJOR_MIN) {
        return Ok(node);
    }
    let folder = npm_ci(root, "xtask/node", None)?;
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let node = folder.join(format!("node_modules/node-{}-{machine}/bin/node", std::env::consts::OS));
    anyhow::ensure!(
        node.is_file(),
        "Node {NODE_MAJOR_MIN} or newer is needed, and `xtask/node` has none for {}-{machine}",
        std::env::consts::OS
    );
    Ok(node)
}

/// The first number of a Node's version; 0 if it does not say.
fn major(node: &Path) -> u32 {
    let Ok(told) = Command::new(node).arg("--version").output() else { return 0 };
    let told = String::from_utf8_lossy(&told.stdout);
    let major = told.trim().strip_prefix('v').and_then(|version| version.split('.').next());
    major.and_then(|major| major.parse().ok()).unwrap_or(0)
}

/// The pinned npm packages, installed below `target`. Returns the folder that holds `node_modules`.
pub(crate) fn npm_packages(root: &Path) -> anyhow::Result<PathBuf> {
    let node = node(root)?;
    npm_ci(root, "xtask/npm", node.parent())
}

/// Installs what the lock file in `pinned` names, below `target`, once. `node`: the folder of the Node that npm runs on; none: as
/// the system has it.
fn npm_ci(root: &Path, pinned: &str, node: Option<&Path>) -> anyhow::Result<PathBuf> {
    let (pinned, name) = (root.join(pinned), pinned.trim_start_matches("xtask/"));
    let folder = files::scratch(root).join(name);
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let lock = pinned.join("package-lock.json");
    let lock = fs::read(&lock).with_context(|| format!("read {}", lock.display()))?;
    let done = folder.join("installed-lock.json");
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    for file in ["package.json", "package-lock.json"] {
        fs::copy(pinned.join(file), folder.join(file)).with_context(|| format!("copy {file} of {name}"))?;
    }
    let mut npm = Command::new("npm");
    // No package's own scripts: what we use is in the packages as they are.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    if let Some(node) = node {
        // npm leaves out what asks for a newer Node than the one it runs on.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(node.to_owned()).chain(std::env::split_paths(&path));
        npm.env("PATH", std::env::join_paths(folders).context("put Node on the PATH")?);
    }
    run::must(&mut npm)?;
    fs::write(&done, &lock).context("note what is installed")?;
    Ok(folder)
}

/// A Python that can make itself a folder of packages.
fn python() -> bool {
    let told = Command::new("python3").args(["-c", "import ensurepip, venv"]).stderr(Stdio::null()).status();
    told.is_ok_and(|status| status.success())
}

/// The pinned Python packages, installed in a folder of their own, once.
fn python_packages(root: &Path) -> anyhow::Result<()> {
    let (pinned, folder) = (root.join("xtask/python/requirements.txt"), files::scratch(root).join("python"));
    let wanted = fs::read(&pinned).with_context(|| format!("read {}", pinned.display()))?;
    let done = folder.join("installed-requirements.txt");
    if fs::read(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run::must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]);
    // One that comes as source alone, of pure Python.
    run::must(pip.args(["--no-binary", "pymacaroons", "--requirement"]).arg(&pinned))?;
    fs::write(&done, &wanted).context("note what is installed")?;
    Ok(())
}

/// The Python that has the Matrix homeserver.
pub(crate) fn synapse(root: &Path) -> Option<PathBuf> {
    let folder = files::scratch(root).join("python");
    Some(folder.join("bin/python"))
        .filter(|python| python.is_file() && folder.join("installed-requirements.txt").is_file())
}

/// The node to run against: the package of this platform, called directly (its wrapper wants an install script). Only the
/// platform that `xtask/npm` pins has one.
pub(crate) fn anvil(root: &Path) -> Option<PathBuf> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let system = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
    let package = format!("npm/node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil");
    Some(files::scratch(root).join(package)).filter(|file| file.is_file())
}
