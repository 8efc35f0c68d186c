//! Many pages, channels that hang, and one page that matters. On a clock that passes when everybody waits: what is measured is the
//! order, not the machine.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use quarterdeck_core::{
    id::{ChannelId, SeededIds},
    incident::Severity,
    time::Timestamp,
};
use quarterdeck_formats::{heard::Hearing, webhook::parse_webhook};
use quarterdeck_host::clock::{Clock, PausedClock};
use quarterdeck_ledger::note::SignerKey;
use quarterdeck_reach::notify::{Message, Notifier, Parts, Receipt, SendError};
use quarterdeck_server::{
    app::{self, Running, World},
    config,
};
use quarterdeck_store::memory::MemoryStore;

/// Noise about as many services.
const NOISE: usize = 2_000;
/// How long the channel that works takes for a page.
const WORKS_AFTER: Duration = Duration::from_millis(500);
/// How soon a SEV1 is handed over, whatever else waits.
const SOON: Duration = Duration::from_secs(1);

/// How a channel behaves.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Works,
    Hangs,
    Refuses,
}

/// A channel that remembers what it was handed, and when.
#[derive(Debug)]
struct Scripted {
    manner: Manner,
    clock: Arc<PausedClock>,
    handed: Mutex<Vec<(Duration, Severity)>>,
}

#[async_trait]
impl Notifier for Scripted {
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        self.handed.lock().unwrap().push((self.clock.elapsed(), message.severity));
        match self.manner {
            Manner::Works => {
                tokio::time::sleep(WORKS_AFTER).await;
                Ok(Receipt { text: "taken".to_owned() })
            }
            Manner::Hangs => std::future::pending().await,
            Manner::Refuses => Err(SendError::retry("connection refused")),
        }
    }
}

/// A program whose people are on four channels, three of them dead.
struct Noisy {
    clock: Arc<PausedClock>,
    running: Running,
    works: Arc<Scripted>,
}

fn configuration() -> String {
    let mut text = "[response]\ndefault_policy = \"money\"\n".to_owned();
    for channel in ["works", "hangs", "refuses", "mute"] {
        write!(
            text,
            "[channel.{channel}]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\nsecret = \"0123456789abcdef\"\n"
        )
        .unwrap();
        write!(text, "[[person]]\nid = \"{channel}\"\ncontacts = [{{ channel = \"{channel}\" }}]\n").unwrap();
        write!(text, "[[policy]]\nid = \"{channel}\"\ntiers = [{{ people = [\"{channel}\"], delay = \"1h\" }}]\nfallback = \"{channel}\"\n").unwrap();
    }
    text.push_str("[[person]]\nid = \"ana\"\ncontacts = [{ channel = \"hangs\" }, { channel = \"refuses\" }, { channel = \"mute\" }, { channel = \"works\" }]\n");
    text.push_str("[[policy]]\nid = \"money\"\ntiers = [{ people = [\"ana\"], delay = \"1h\" }]\nfallback = \"ana\"\n");
    text.push_str("[[service]]\nid = \"vault\"\nusers = 1\npolicy = \"money\"\n");
    for n in 0..NOISE {
        let policy = ["works", "hangs", "refuses", "mute"][n % 4];
        write!(text, "[[service]]\nid = \"s{n}\"\nusers = 1\npolicy = \"{policy}\"\n").unwrap();
    }
    text
}

impl Noisy {
    async fn start() -> Self {
        let clock = PausedClock::starting_at(Timestamp::from_secs(1_700_000_000));
        let scripted = |manner| Arc::new(Scripted { manner, clock: Arc::clone(&clock), handed: Mutex::default() });
        let works = scripted(Manner::Works);
        let manners =
            [("works", Arc::clone(&works)), ("hangs", scripted(Manner::Hangs)), ("mute", scripted(Manner::Hangs))];
        let mut channels: BTreeMap<ChannelId, Arc<dyn Notifier>> = BTreeMap::new();
        for (name, channel) in manners.into_iter().chain([("refuses", scripted(Manner::Refuses))]) {
            channels.insert(name.parse().unwrap(), channel);
        }
        let folder = tempfile::tempdir().unwrap();
        let parts = Parts::new(clock.clone()).unwrap();
        let mut configuration = config::parse(&configuration(), Path::new("."), &parts)
            .unwrap_or_else(|error| panic!("{:#?}", error.mistakes()));
        configuration.listen = None;
        configuration.data = folder.keep();
        let signer = Some(SignerKey::from_seed("test.invalid/log", &[7; 32]).unwrap());
        let (ids, salts) = (Box::new(SeededIds::new(1)), Box::new(SeededIds::new(2)));
        let world = World { clock: clock.clone(), ids, salts, signer, channels };
        let running = app::start_on(MemoryStore::new(), configuration, world).await.unwrap();
        Self { clock, running, works }
    }

    async fn claim(&self, service: &str, facts: &str) {
        let source = "monitor".parse().unwrap();
        let (now, resolve_timeout) = (self.clock.now(), Duration::from_hours(1));
        let hearing = Hearing {
            source: &source,
            now,
            wall: now,
            resolve_timeout,
            words: quarterdeck_formats::severity::NO_WORDS,
            group_by: None,
            is_service: &|_| true,
        };
        let body = format!(
            r#"{{"title":"{service}","dedup_key":"{service}","severity":"critical","service":"{service}","facts":{facts}}}"#
        );
        let heard = parse_webhook(body.as_bytes(), &hearing).unwrap().heard;
        self.running.engine.hear(heard.into_iter().map(|heard| heard.change).collect()).await.unwrap();
    }

    /// When the channel that works was first handed something this bad.
    fn handed(&self, severity: Severity) -> Option<Duration> {
        self.works.handed.lock().unwrap().iter().find(|(_, of)| *of == severity).map(|(at, _)| *at)
    }

    async fn until_handed(&self, severity: Severity) -> Duration {
        loop {
            if let Some(at) = self.handed(severity) {
                return at;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_matters_does_not_wait_for_channels_that_are_only_looked_at() {
    // As the pauses grow, each dead channel is due to be looked at by the page that matters, or was just looked at by another.
    for pause in [16, 31, 61, 127] {
        let noisy = Noisy::start().await;
        for n in 0..24 {
            noisy.claim(&format!("s{n}"), "{}").await;
        }
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let began = noisy.clock.elapsed();
        noisy.claim("vault", r#"{"key_compromise":true}"#).await;
        let handed = noisy.until_handed(Severity::Sev1).await;
        let took = handed.checked_sub(began).unwrap();
        assert!(took <= SOON, "after {pause} s of silence it was handed over after {took:?}");
        noisy.running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_matters_overtakes_all_noise_and_is_not_held_up_by_dead_channels() {
    let noisy = Noisy::start().await;
    for n in 0..NOISE {
        noisy.claim(&format!("s{n}"), "{}").await;
    }
    // Long enough for the dead channels to be known as such: one attempt that hangs.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let waiting = noisy.works.handed.lock().unwrap().len();
    assert!((1..NOISE / 4).contains(&waiting), "some noise still waits: {waiting} were handed over");
    let began = noisy.clock.elapsed();
    noisy.claim("vault", r#"{"key_compromise":true}"#).await;
    let handed = noisy.until_handed(Severity::Sev1).await;
    assert!(handed.checked_sub(began).unwrap() <= SOON, "handed over after {:?}", handed.checked_sub(began).unwrap());
    let board = noisy.running.engine.published().board();
    let incident = board.incidents().find(|incident| incident.severity() == Severity::Sev1).unwrap();
    let by = |channel: &str| incident.pages().values().filter(|page| page.channel.as_str() == channel).count();
    assert_eq!(["hangs", "refuses", "mute", "works"].map(by), [1, 1, 1, 1], "each way was tried, and given up at once");
    drop(board);
    noisy.running.stop().await;
}
