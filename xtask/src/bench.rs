//! `cargo xtask bench`: the figures the project reports, each by one command that anyone can repeat. A result is a Markdown block with
//! date, command, data, commit and machine, because a figure without them is an opinion.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::{files, run, world::World};

/// One bench.
struct Bench {
    name: &'static str,
    what: &'static str,
    /// Arguments of cargo. `{data}` is the folder of recorded data, `{blocks}` one with its mainnet blocks unpacked, `{scratch}`
    /// an empty folder below `target`.
    command: &'static str,
}

/// THE LIST of benches.
const BENCHES: &[Bench] = &[
    Bench {
        name: "decode",
        what: "transactions decoded per second on one core, beside the JSON library alone on the same bytes",
        command: "run --release -p quarterdeck-formats --example decode_speed -- {blocks}",
    },
    Bench {
        name: "detector_cost",
        what: "nanoseconds per transaction of each detector, on invented traffic",
        command: "run --release -p quarterdeck-detect --example detector_cost",
    },
    Bench {
        name: "backtest",
        what: "mainnet blocks through decoding and all detectors, looped",
        command: "run --release -p quarterdeck -- backtest {data}/evm-mainnet-blocks --loop 20 --json",
    },
    Bench {
        name: "series",
        what: "the detector of metrics on the recorded series, scored as their benchmark does, with its speed",
        command: "run --release -p quarterdeck -- evaluate series {data}/nab --budget 1000",
    },
    Bench {
        name: "series_promise",
        what: "false alarms of metrics, promised against realized, on seeded ordinary series; points per second",
        command: "run --release -p quarterdeck-detect --example series_promise",
    },
    Bench {
        name: "store_memory",
        what: "batches per second into memory",
        command: "run --release -p quarterdeck-store --example store_speed -- memory",
    },
    Bench {
        name: "store_sqlite",
        what: "batches per second into SQLite, each durable",
        command: "run --release -p quarterdeck-store --example store_speed -- {scratch}",
    },
    Bench {
        name: "verify",
        what: "a log of a million entries: append, publish, verify",
        command: "run --release -p quarterdeck-ledger --example verify_speed -- 1000000",
    },
    Bench {
        name: "signal_latency",
        what: "one signal over HTTP: to the durable answer, and to the page at the receiver; idle and with 100,000 active signals",
        command: "run --release -p quarterdeck-server --example signal_latency",
    },
    Bench {
        name: "noise_latency",
        what: "a SEV1 behind 10,000 pages of noise and three dead channels: until the channel that works has it",
        command: "run --release -p quarterdeck-server --example noise_latency",
    },
    Bench {
        name: "ack_long",
        what: "an acknowledgement over HTTP, durable: of an incident of 5,000 events beside one of ten",
        command: "run --release -p quarterdeck-server --example ack_long",
    },
    Bench {
        name: "room",
        what: "a message to 1,000 who listen in one room, and the room's page with 10,000 messages",
        command: "run --release -p quarterdeck-server --example room",
    },
    Bench {
        name: "incident_list",
        what: "the list of 100,000 incidents, every page of it, beside a sort of all for each page",
        command: "run --release -p quarterdeck-server --example incident_list",
    },
    Bench {
        name: "start_cold",
        what: "the whole program on SQLite with 100,000 incidents that are over: until it is ready, and until the whole log was read",
        command: "run --release -p quarterdeck-server --example start_cold",
    },
    Bench {
        name: "memory_cold",
        what: "resident memory of 100,000 incidents that are over",
        command: "run --release -p quarterdeck-server --example memory_cold",
    },
    Bench {
        name: "store_error",
        what: "how long the engine is held up by a store that refuses, with 100,000 incidents that are over",
        command: "run --release -p quarterdeck-server --example store_error",
    },
    Bench {
        name: "ingest_rate",
        what: "distinct alerts per second, one by one and in batches of 100, beside the packaged Alertmanager",
        command: "run --release -p quarterdeck-server --example ingest_rate",
    },
];

/// Runs the named benches; without a name, lists them.
pub(crate) fn run(root: &Path, words: &[String]) -> anyhow::Result<bool> {
    let record = words.iter().any(|word| word == "--record");
    let names: Vec<&String> = words.iter().filter(|word| *word != "--record").collect();
    if names.is_empty() {
        for bench in BENCHES {
            println!("{:<15} {}", bench.name, bench.what);
        }
        return Ok(true);
    }
    let mut chosen = Vec::new();
    for name in names {
        let bench = BENCHES.iter().find(|bench| bench.name == name);
        chosen.push(bench.with_context(|| format!("no bench `{name}`; `cargo xtask bench` lists them"))?);
    }
    let machine = machine();
    for bench in chosen {
        let block = measure(root, bench, &machine)?;
        println!("{block}");
        if record {
            append(root, &block)?;
        }
    }
    Ok(true)
}

fn measure(root: &Path, bench: &Bench, machine: &str) -> anyhow::Result<String> {
    let command = fill(root, bench.command)?;
    eprintln!("cargo {command}");
    let mut compile = run::cargo(root);
    // Built first, so that no compiler runs beside the measurement.
    let words: Vec<&str> = command.split(' ').take_while(|word| *word != "--").skip(1).collect();
    run::must(compile.arg("build").args(&words))?;
    let output = run::stdout_of(run::cargo(root).args(command.split(' ')))?;
    let output = String::from_utf8(output).context("read the bench's answer")?;
    let facts =
        Facts { date: first_line("date", &["-u", "+%F %H:%M UTC"]), commit: commit(root), machine: machine.to_owned() };
    Ok(block(bench.name, bench.what, &shown(root, &command), &facts, output.trim_end()))
}

struct Facts {
    date: String,
    commit: String,
    machine: String,
}

fn block(name: &str, what: &str, command: &str, facts: &Facts, output: &str) -> String {
    let Facts { date, commit, machine } = facts;
    format!(
        "## {name}, {date}\n\n{what}.\n\n- command: `cargo {command}`\n- commit: {commit}\n- machine: {machine}\n\n```text\n{output}\n```\n"
    )
}

/// The command with its folders filled in.
fn fill(root: &Path, command: &str) -> anyhow::Result<String> {
    let mut command = command.to_owned();
    if command.contains("{data}") || command.contains("{blocks}") {
        let data = World::new(root).data.context("this bench wants the recorded data: set QUARTERDECK_DATA")?;
        if command.contains("{blocks}") {
            command = command.replace("{blocks}", &unpacked(root, &data)?.display().to_string());
        }
        command = command.replace("{data}", &data.display().to_string());
    }
    if command.contains("{scratch}") {
        let scratch = files::scratch(root).join("bench");
        if scratch.exists() {
            fs::remove_dir_all(&scratch)?;
        }
        fs::create_dir_all(&scratch)?;
        command = command.replace("{scratch}", &scratch.display().to_string());
    }
    Ok(command)
}

/// Folders as a reader has them, not as this machine does.
fn shown(root: &Path, command: &str) -> String {
    let scratch = files::scratch(root).display().to_string();
    let mut command = command.replace(&scratch, "target/xtask");
    if let Some(data) = World::new(root).data {
        command = command.replace(&data.display().to_string(), "../shared/data");
    }
    command
}

/// The mainnet blocks as single files, unpacked once.
fn unpacked(root: &Path, data: &Path) -> anyhow::Result<PathBuf> {
    let folder = files::scratch(root).join("blocks");
    if folder.is_dir() {
        return Ok(folder);
    }
    let half_done = files::scratch(root).join("blocks.part");
    fs::create_dir_all(&half_done)?;
    for entry in fs::read_dir(data.join("evm-mainnet-blocks"))? {
        let path = entry?.path();
        let name = path.to_string_lossy().into_owned();
        if [".tar", ".tar.zst", ".tar.gz"].iter().any(|ending| name.ends_with(ending)) {
            run::must(Command::new("tar").arg("-xf").arg(&path).arg("-C").arg(&half_done))?;
        }
    }
    fs::rename(&half_done, &folder)?;
    Ok(folder)
}

fn append(root: &Path, block: &str) -> anyhow::Result<()> {
    let path = root.join("docs/BENCHMARKS.md");
    let mut file = fs::OpenOptions::new().append(true).create(true).open(&path).context("open docs/BENCHMARKS.md")?;
    if file.metadata()?.len() == 0 {
        write!(file, "# Benchmarks\n\nWritten by `cargo xtask bench NAME --record`; the newest at the end.\n")?;
    }
    write!(file, "\n{block}").context("write docs/BENCHMARKS.md")
}

fn first_line(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").trim().to_owned()
}

/// The commit, and whether something beside it was measured.
fn commit(root: &Path) -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).current_dir(root).output().ok();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let changed =
        if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { ", with changes" };
    format!("{}{changed}", git(&["rev-parse", "--short", "HEAD"]))
}

/// Processor, cores, memory, compiler.
fn machine() -> String {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.split_once(':').map(|(_, value)| value.trim().to_owned()));
        value.unwrap_or_else(|| "unknown".to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = line("/proc/cpuinfo", "model name");
    let memory = line("/proc/meminfo", "MemTotal");
    format!("{processor}, {cores} cores, {memory}; {}", first_line("rustc", &["--version"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_says_all_that_repeating_it_needs() {
        let facts = Facts { date: "2026-11-20".into(), commit: "abc1234".into(), machine: "2 cores".into() };
        let text = block("decode", "what", "run --example x", &facts, "9 tx/s");
        for part in
            ["## decode, 2026-11-20", "`cargo run --example x`", "commit: abc1234", "machine: 2 cores", "9 tx/s"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BENCHES.len());
    }
}
