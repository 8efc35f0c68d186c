//! A file on this machine that pages are written to, one below the other: for a desk where somebody watches it (`tail -f`), for a
//! program that reads it, and for the first tour, where nothing else is there yet.
//!
//! It takes a page even when the network is gone. That it was taken says only that it is in the file: whether somebody looks is the
//! operator's to see to. Readable by its owner alone: pages name people and what they guard. Tests: below.

use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    Message, Notifier, NotifierKind, Parts, Receipt, SendError, SettingError, SettingSpec, Settings,
    exchange::{TIMEOUT, timeout},
    words::{headline, invitation, link, origin, paragraphs},
};

/// Characters of a headline: two lines of a wide terminal.
const HEADLINE_CHARS_MAX: usize = 300;

/// The kind.
pub struct File;

impl NotifierKind for File {
    fn id(&self) -> &'static str {
        "file"
    }
    fn title(&self) -> &'static str {
        "a file that pages are written to, for a desk where somebody watches it"
    }
    fn address(&self) -> &'static str {
        "nothing: the file is the place"
    }
    fn settings(&self) -> &'static [SettingSpec] {
        const {
            &[
                SettingSpec {
                    name: "path",
                    doc: "The file, relative to the configuration file. It is made if it is not there, and only added to.",
                    required: true,
                    secret: false,
                },
                TIMEOUT,
            ]
        }
    }
    fn build(&self, settings: &Settings, _: &Parts) -> Result<Arc<dyn Notifier>, SettingError> {
        settings.check(self)?;
        let path = PathBuf::from(settings.get("path").unwrap_or_default());
        Ok(Arc::new(Sender { path, timeout: timeout(self.id(), settings)? }))
    }
}

#[derive(Debug)]
struct Sender {
    path: PathBuf,
    timeout: Duration,
}

#[async_trait]
impl Notifier for Sender {
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let (path, text) = (self.path.clone(), compose(message));
        let wrote = tokio::task::spawn_blocking(move || write(&path, &text));
        let shown = self.path.display();
        match tokio::time::timeout(self.timeout, wrote).await {
            Ok(Ok(Ok(()))) => Ok(Receipt { text: format!("written to `{shown}`") }),
            Ok(Ok(Err(error))) => Err(SendError::retry(format!("write `{shown}`: {error}"))),
            Ok(Err(ended)) => Err(SendError::unknown(format!("write `{shown}`: {ended}"))),
            Err(_) => Err(SendError::unknown(format!("`{shown}` was not written in time"))),
        }
    }
}

/// As a person reads it, with an empty line after it.
fn compose(message: &Message) -> String {
    let mut lines = vec![headline(message, HEADLINE_CHARS_MAX)];
    lines.extend(paragraphs(message));
    lines.extend(link(message).map(|link| format!("{}: {link}", invitation(message))));
    lines.push(origin(message));
    lines.join("\n") + "\n\n"
}

/// Adds to the file with one call, so that two pages never mix, and has it on the disk.
fn write(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _};

    use super::{super::compliance::message, *};
    use quarterdeck_host::clock::SystemClock;

    fn to(path: &std::path::Path) -> Arc<dyn Notifier> {
        let settings = Settings(BTreeMap::from([("path".to_owned(), path.display().to_string())]));
        File.build(&settings, &Parts::new(SystemClock::new()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn pages_stand_one_below_the_other_and_only_the_owner_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk/pages.txt");
        let channel = to(&path);
        let repeat = Message { repeat: true, ..message() };
        for message in [message(), repeat] {
            let receipt = channel.send(&message).await.unwrap();
            assert!(receipt.text.contains("pages.txt"), "{}", receipt.text);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let pages: Vec<&str> = text.trim_end().split("\n\n").collect();
        assert_eq!(pages.len(), 2, "{text}");
        assert!(pages[0].starts_with("SEV2: Bridge vault") && pages[0].contains("/incidents/inc_"), "{text}");
        assert!(pages[1].starts_with("REPEAT: SEV2"), "{text}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let missed = to(folder.path()).send(&message()).await.unwrap_err();
        assert!(matches!(missed, SendError::Retry { after: None, .. }), "{missed:?}");
    }
}
