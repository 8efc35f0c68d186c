//! The steps of `cargo xtask test`, in the order in which they tell the most soonest.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use anyhow::Context as _;

use super::{
    demo,
    step::{self, Step, program, scratch, whole, with_world},
    supply,
};
use crate::{
    files, generate, run, tidy, tools,
    world::{Passed, World},
};

/// THE LIST of steps.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "tools", what: "what the tests need is installed", run: tools::install },
    Step { name: "data", what: "recorded chains, formats and logs are there", run: step::data },
    Step { name: "fmt", what: "cargo fmt --check", run: fmt },
    Step { name: "tidy", what: "what clippy cannot see", run: tidied },
    Step {
        name: "deny",
        what: "licences, bans and sources of what others wrote; known holes where that can be asked",
        run: supply::deny,
    },
    Step { name: "clippy", what: "no warning, in no target", run: clippy },
    Step { name: "doc", what: "the documentation builds, every link in it leads somewhere", run: doc },
    Step { name: "tests", what: "unit, law, snapshot, conformance and end-to-end tests", run: tests },
    Step { name: "doctests", what: "the examples in the documentation", run: doctests },
    Step { name: "build", what: "the program, for the steps below", run: step::build },
    Step { name: "openapi", what: "openapi.json says what the program serves", run: openapi },
    Step { name: "scenarios", what: "every story in scenarios/ happens as written", run: scenarios },
    Step { name: "examples", what: "every configuration in examples/ is good", run: examples },
    Step { name: "console", what: "the console in a browser, as a person uses it", run: console },
    Step { name: "demo", what: "the demo twice: same seed, same bytes", run: demo::twice },
];

fn fmt(world: &World) -> anyhow::Result<Passed> {
    whole(run::must(run::cargo(&world.root).args(["fmt", "--all", "--", "--check", "-l"])))
}

fn tidied(world: &World) -> anyhow::Result<Passed> {
    anyhow::ensure!(tidy::run(&world.root)?, "see the findings above");
    Ok(Passed::Whole)
}

fn clippy(world: &World) -> anyhow::Result<Passed> {
    let words = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    whole(run::must(run::cargo(&world.root).args(words)))
}

fn doc(world: &World) -> anyhow::Result<Passed> {
    let mut command = run::cargo(&world.root);
    command.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    whole(run::must(&mut command))
}

fn tests(world: &World) -> anyhow::Result<Passed> {
    let mut command = run::cargo(&world.root);
    let has_nextest = run::on_path("cargo-nextest").is_some();
    if has_nextest {
        command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        command.args(["test", "--workspace", "--no-fail-fast", "--all-targets"]);
    }
    with_world(&mut command, world);
    if world.ci {
        return whole(run::must(&mut command));
    }
    // A test that lacks something says so and passes. Here are all that did.
    command.args(if has_nextest { ["--success-output", "final"] } else { ["--", "--show-output"] });
    let told = run::told_by(&mut command)?;
    let mut left_out: Vec<&str> = told.lines().filter_map(|line| Some(line.split_once("left out: ")?.1)).collect();
    left_out.sort_unstable();
    left_out.dedup();
    if left_out.is_empty() {
        return Ok(Passed::Whole);
    }
    for one in &left_out {
        println!("left out: {one}");
    }
    world.left_out(format!("{} kinds of checks, named above", left_out.len()))
}

fn doctests(world: &World) -> anyhow::Result<Passed> {
    whole(run::must(with_world(run::cargo(&world.root).args(["test", "--quiet", "--workspace", "--doc"]), world)))
}

fn openapi(world: &World) -> anyhow::Result<Passed> {
    anyhow::ensure!(generate::openapi(&world.root, true)?, "openapi.json is not what the program serves");
    Ok(Passed::Whole)
}

fn scenarios(world: &World) -> anyhow::Result<Passed> {
    let stories: Vec<String> = files::list(&world.root)?
        .into_iter()
        .filter(|file| {
            file.starts_with("scenarios/") && Path::new(file).extension().is_some_and(|ending| ending == "md")
        })
        .collect();
    anyhow::ensure!(!stories.is_empty(), "no story in scenarios/");
    whole(run::must(program(world).arg("simulate").args(&stories)))
}

fn examples(world: &World) -> anyhow::Result<Passed> {
    let configurations: Vec<String> = files::list(&world.root)?
        .into_iter()
        .filter(|file| {
            file.starts_with("examples/") && Path::new(file).extension().is_some_and(|ending| ending == "toml")
        })
        .collect();
    anyhow::ensure!(!configurations.is_empty(), "no configuration in examples/");
    for configuration in configurations {
        println!("-- {configuration}");
        run::must(program(world).args(["check", "--config"]).arg(&configuration))?;
    }
    Ok(Passed::Whole)
}

/// How long the demo may take until it says where its console is.
const UNTIL_LISTENING: Duration = Duration::from_mins(1);

fn console(world: &World) -> anyhow::Result<Passed> {
    let Some(chromium) = tools::chromium() else {
        return world.left_out("the console in a browser (no Chromium)".to_owned());
    };
    let Ok(npm) = tools::npm_packages(&world.root) else {
        return world.left_out("the console in a browser (no npm packages)".to_owned());
    };
    let folder = scratch(world, "console")?;
    let mut demo = Running(
        program(world)
            .args(["demo", "--port", "0", "--data"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start the demo")?,
    );
    let (address, token) = entrance_of(&mut demo.0)?;
    let mut command = Command::new(tools::node(&world.root)?);
    // What the script is given: where to sign in, where the driver's package is, which browser.
    command
        .arg("crates/server/tests/console.mjs")
        .current_dir(&world.root)
        .env("QUARTERDECK_URL", &address)
        .env("QUARTERDECK_TOKEN", &token)
        .env("QUARTERDECK_NPM", &npm)
        .env("QUARTERDECK_CHROMIUM", chromium);
    whole(run::must(&mut command))
}

/// A child that does not outlive its step.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            println!("could not end the demo: {error}");
        }
    }
}

/// Reads the program's stderr until it has named an address and a token; the rest is passed on.
fn entrance_of(child: &mut Child) -> anyhow::Result<(String, String)> {
    let stderr = child.stderr.take().context("the demo's stderr")?;
    let (tell, told) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut address = None;
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            eprintln!("demo: {line}");
            address = address.or_else(|| address_in(&line));
            if let (Some(address), Some(token)) = (&address, token_in(&line)) {
                // Only the first is waited for; later ones find the channel full or closed.
                drop(tell.try_send((address.clone(), token)));
            }
        }
    });
    told.recv_timeout(UNTIL_LISTENING).context("the demo names no address and token on stderr")
}

/// The first `http://…` of a line, up to the next blank.
fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let address = rest.split_whitespace().next()?.trim_end_matches(['.', ',']);
    (!address.is_empty()).then(|| format!("http://{address}"))
}

/// The token of a line that begins with this word.
fn token_in(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    (words.next() == Some("token")).then(|| words.next().map(ToOwned::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_from_a_line_of_prose() {
        assert_eq!(address_in("  console  http://127.0.0.1:7117/"), Some("http://127.0.0.1:7117/".to_owned()));
        assert_eq!(token_in("  token    ab12"), Some("ab12".to_owned()));
        assert_eq!(token_in("  export QUARTERDECK_TOKEN=ab12 token ab12"), None);
        assert_eq!(address_in("listening on http://[::1]:9."), Some("http://[::1]:9".to_owned()));
        assert_eq!(address_in("log key  quarterdeck+1a"), None);
    }
}
