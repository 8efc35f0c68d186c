//! What goes where: findings to stdout, all else to stderr.

use std::{io::Write as _, path::Path};

use anyhow::Context as _;
use quarterdeck_api::client::ClientError;
use quarterdeck_server::config::ConfigError;
use serde::Serialize;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Good,
    /// Something was found.
    Finding,
    /// The configuration or the usage is wrong.
    Usage,
    /// As a command that was run for somebody ended.
    Code(u8),
}

/// The configuration or the usage is wrong: exit code 2 instead of 1.
#[derive(Debug)]
pub(crate) struct Misuse(pub(crate) String);

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Misuse {}

/// 2 for misuse, 1 for everything else.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    let config = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<ConfigError>().is_some();
    let misuse = error.is::<Misuse>() || error.chain().any(config);
    if misuse { 2 } else { 1 }
}

/// The error with its causes, for a person.
pub(crate) fn complain(error: &anyhow::Error) {
    if let Some(ClientError::Reach { url, source }) = error.chain().find_map(|cause| cause.downcast_ref()) {
        return unreachable(url, source);
    }
    let mut text = format!("error: {error}");
    let refused = error.chain().find_map(|cause| cause.downcast_ref::<ClientError>());
    let hint = match refused {
        Some(ClientError::Refused { status: 401, .. }) => {
            "hint: --token or QUARTERDECK_TOKEN holds a token of a [[token]] of the program's configuration, not its SHA-256".to_owned()
        }
        Some(ClientError::Refused { hint, .. }) if !hint.is_empty() => format!("hint: {hint}"),
        _ => String::new(),
    };
    for cause in error.chain().skip(1) {
        text = format!("{text}\n  because: {cause}");
    }
    say(&text);
    if !hint.is_empty() {
        say(&hint);
    }
}

/// That nobody answers there: the layers of an HTTP client say little, the lowest says why.
fn unreachable(url: &str, source: &(dyn std::error::Error + 'static)) {
    let causes = std::iter::successors(Some(source), |error| error.source());
    let why = causes.last().map(ToString::to_string).unwrap_or_default();
    let hint = if why.contains("InvalidContentType") {
        "it does not speak TLS there: begin the address with http://"
    } else if why.contains("certificate") {
        "name the file of its authority in SSL_CERT_FILE, or use the name that the certificate is for"
    } else {
        "is the program running there? --url or QUARTERDECK_URL says where to look"
    };
    say(&format!("error: nobody answers at {url}\n  because: {why}\nhint: {hint}"));
}

/// A line for a person, on stderr.
pub(crate) fn say(text: &str) {
    // Nobody reads stderr any more: nothing can be done about it.
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// A line of the result, on stdout.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Writes a result into the file that somebody named.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let Err(error) = std::fs::write(path, bytes) else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let hint = match folder {
        _ if path.is_dir() => format!("`{}` is a folder: name a file in it", path.display()),
        Some(folder) if !folder.is_dir() => {
            format!("there is no folder `{}`: make it first, or name another", folder.display())
        }
        Some(_) | None => return Err(error).with_context(|| format!("write `{}`", path.display())),
    };
    Err(Misuse(format!("cannot write `{}`: {error}\nhint: {hint}", path.display())).into())
}

/// The result as one JSON document, on stdout.
pub(crate) fn print_json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Logs go to stderr; `QUARTERDECK_LOG` sets what is logged (default: warnings).
pub(crate) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("QUARTERDECK_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// A table with aligned columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = widths.iter().zip(cells).map(|(width, cell)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}
