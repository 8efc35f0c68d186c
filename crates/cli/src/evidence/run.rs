//! `quarterdeck evidence run`: a command of the responder's, and what it said and did as evidence. Its output is for whoever runs it, at
//! once and whole; a copy is kept. Tests: below, and `tests/it/`.

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Command as Process, ExitStatus, Stdio},
    thread,
};

use anyhow::Context as _;
use quarterdeck_api::client::Client;
use quarterdeck_core::{
    limits::{EVIDENCE_BYTES_MAX, TITLE_BYTES_MAX},
    time::Timestamp,
};
use quarterdeck_host::clock::{Clock as _, SystemClock};
use tokio::signal::unix::{SignalKind, signal};

use crate::output::{Exit, Misuse, say, write_file};

const TEXT: &str = "text/plain; charset=utf-8";
const LEFT_OUT: &str = "\n[the rest is left out: it is more than one piece of evidence may have]\n";
/// Bytes of the copy of each of the two streams: both with what is said around them are one piece.
const COPY_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;

/// What a command said and did.
struct Ran {
    stdout: Copied,
    stderr: Copied,
    status: ExitStatus,
    began: Timestamp,
    ended: Timestamp,
}

/// The beginning of a stream.
#[derive(Default)]
struct Copied {
    bytes: Vec<u8>,
    all: u64,
}

pub(super) async fn run_and_keep(
    client: &Client,
    (id, task): (&str, Option<&str>),
    secrets: &[String],
    command: &[String],
) -> anyhow::Result<Exit> {
    if command.is_empty() {
        return Err(Misuse("there is no command after `--`".to_owned()).into());
    }
    // Whoever cannot keep it is told before anything is changed.
    client.evidence(id).await?;
    if secrets.iter().all(String::is_empty) {
        say("warning: command line and output are kept as they are; name what is secret with --redact");
    }
    // From here on the interrupt key ends the command, and what it said is kept all the same.
    let _interrupts = signal(SignalKind::interrupt()).context("take over the interrupt key")?;
    let line = command.to_vec();
    let ran = tokio::task::spawn_blocking(move || ran(&line)).await.context("wait for the command")??;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    let record = shortened(hidden(record(&ran, command, &host), secrets));
    let what = title(&hidden(format!("ran {}", quoted(command)), secrets));
    let made = ran.began.to_string();
    let mut given = vec![("what", what.as_str()), ("source", host.as_str()), ("made", made.as_str())];
    given.extend(task.map(|task| ("task", task)));
    match client.keep_evidence(id, &given, TEXT, record.clone().into_bytes()).await {
        Ok(item) => say(&format!("kept as evidence {} of {id}; the command ended with {}", item.number, ran.status)),
        Err(error) => {
            // What was done cannot be done again to be seen.
            let file = left_in(ran.began);
            write_file(&file, record.as_bytes())?;
            let task = task.map_or_else(String::new, |task| format!(" --task {task}"));
            let hint = format!("hint: quarterdeck evidence add {id} {} --what 'ran a command'{task}", file.display());
            say(&format!(
                "the command ran and ended with {}; its record is in `{}`\n{hint}",
                ran.status,
                file.display()
            ));
            return Err(error).context("keep what the command said");
        }
    }
    Ok(Exit::Code(code(ran.status)))
}

/// Runs it, and passes on what it says while it does.
fn ran(line: &[String]) -> anyhow::Result<Ran> {
    let (program, arguments) = line.split_first().context("no command")?;
    let clock = SystemClock::new();
    let began = clock.now();
    let mut process = Process::new(program);
    process.args(arguments).stdin(Stdio::inherit()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = process.spawn().with_context(|| format!("run `{program}`"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let out = thread::spawn(move || stdout.map_or_else(Copied::default, |from| copied(from, std::io::stdout())));
    let err = thread::spawn(move || stderr.map_or_else(Copied::default, |from| copied(from, std::io::stderr())));
    let status = child.wait().with_context(|| format!("wait for `{program}`"))?;
    let joined =
        |one: thread::JoinHandle<Copied>| one.join().map_err(|_| anyhow::anyhow!("read what `{program}` says"));
    Ok(Ran { stdout: joined(out)?, stderr: joined(err)?, status, began, ended: clock.now() })
}

/// Passes everything on, and keeps a copy of the beginning. Where nobody reads it any more the command goes on all the same.
fn copied(mut from: impl Read, mut to: impl Write) -> Copied {
    let (mut copy, mut buffer) = (Copied::default(), vec![0; 8 * 1024]);
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        let read = buffer.get(..count).unwrap_or_default();
        drop(to.write_all(read).and_then(|()| to.flush()));
        let room = COPY_BYTES.saturating_sub(copy.bytes.len()).min(count);
        copy.bytes.extend(read.iter().take(room));
        copy.all = copy.all.saturating_add(count as u64);
    }
    copy
}

fn record(ran: &Ran, command: &[String], host: &str) -> String {
    let said = |name: &str, copied: &Copied| {
        let Copied { bytes, all } = copied;
        let left_out =
            if *all > bytes.len() as u64 { format!(", the first {} are here", bytes.len()) } else { String::new() };
        format!("--- {name}, {all} bytes{left_out}\n{}", String::from_utf8_lossy(bytes))
    };
    [
        format!("command: {}", quoted(command)),
        format!("host: {host}\nbegan: {}\nended: {}\nended with: {}", ran.began, ran.ended, ran.status),
        said("stdout", &ran.stdout),
        said("stderr", &ran.stderr),
    ]
    .join("\n")
}

/// As a shell takes it: what has other characters than these stands in quotes.
fn quoted(command: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let one = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    command.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// What a shell says of it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| signal.saturating_add(128)));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn left_in(began: Timestamp) -> PathBuf {
    std::env::temp_dir().join(format!("quarterdeck-evidence-{}-{}.txt", began.as_ms(), std::process::id()))
}

fn hidden(text: String, secrets: &[String]) -> String {
    let named = secrets.iter().filter(|secret| !secret.is_empty());
    named.fold(text, |text, secret| text.replace(secret.as_str(), "[redacted]"))
}

/// Bytes that are no text take more room as text.
fn shortened(text: String) -> String {
    let most = usize::try_from(EVIDENCE_BYTES_MAX).unwrap_or(usize::MAX);
    if text.len() <= most {
        return text;
    }
    let end = text.floor_char_boundary(most.saturating_sub(LEFT_OUT.len()));
    format!("{}{LEFT_OUT}", text.get(..end).unwrap_or_default())
}

/// As long as a title may be.
fn title(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.floor_char_boundary(TITLE_BYTES_MAX);
    line.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<String> {
        line.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_a_command_says_and_how_it_ends_is_in_its_record() {
        let line = words(&["sh", "-c", "echo out; echo err >&2; exit 7"]);
        let ran = ran(&line).unwrap();
        let record = record(&ran, &line, "signer-2");
        for part in [
            "command: sh -c 'echo out; echo err >&2; exit 7'\nhost: signer-2\nbegan: ",
            "ended with: exit status: 7\n",
            "--- stdout, 4 bytes\nout\n",
            "--- stderr, 4 bytes\nerr\n",
        ] {
            assert!(record.contains(part), "{part} in {record}");
        }
        assert_eq!(code(ran.status), 7);
        assert_eq!(code(super::ran(&words(&["sh", "-c", "kill -TERM $$"])).unwrap().status), 128 + 15);
        assert!(super::ran(&words(&["/no/such/program"])).is_err());
    }

    #[test]
    fn of_what_is_too_long_the_beginning_is_kept_and_all_is_passed_on() {
        let (all, mut passed) = (vec![b'a'; COPY_BYTES + 9], Vec::new());
        let copy = copied(all.as_slice(), &mut passed);
        assert_eq!((copy.bytes.len(), copy.all, passed.len()), (COPY_BYTES, all.len() as u64, all.len()));
        let long = shortened("é".repeat(usize::try_from(EVIDENCE_BYTES_MAX).unwrap()));
        assert!(long.len() as u64 <= EVIDENCE_BYTES_MAX && long.ends_with(LEFT_OUT));
    }

    #[test]
    fn what_is_secret_is_not_kept() {
        let secrets = ["hunter2".to_owned(), String::new()];
        assert_eq!(hidden("login --password hunter2".to_owned(), &secrets), "login --password [redacted]");
        assert_eq!(quoted(&words(&["echo", "it's", ""])), "echo 'it'\\''s' ''");
    }
}
