//! The program in its world: how it starts, how it is asked, how it dies, and what is left of it on the disk.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use quarterdeck_core::{
    id::{ChannelId, SeededIds},
    time::Timestamp,
};
use quarterdeck_host::clock::Clock as _;
use quarterdeck_ledger::{checkpoint::Checkpoint, note::VerifierKey};
use quarterdeck_reach::notify::{Notifier, Parts};
use quarterdeck_server::{
    app::{self, RunError, Running, World},
    config,
    engine::{Published, read},
};
use quarterdeck_store::{Store, StoreError, sqlite::SqliteStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use crate::{
    channels::{Line, Page},
    clock::Watch,
    dice::Dice,
    outside::Outside,
    store::{Shaky, at_once},
    weather::Weather,
};

pub(crate) const CHANNELS: [&str; 4] = ["sms", "mail", "chat", "desk"];
pub(crate) const PEOPLE: [&str; 6] = ["ana", "bo", "cy", "dee", "eve", "fay"];
pub(crate) const SERVICES: [&str; 5] = ["vault", "bridge", "rpc", "web", "mint"];
pub(crate) const VIEWER: &str = "viewer-token-0123456789";
/// The integrations' keys.
pub(crate) const KEYS: [&str; 2] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
/// Bytes of an answer: more is a defect.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a program may take to come to an end.
const PATIENCE: Duration = Duration::from_mins(2);
/// The database's files.
const DATABASE: [&str; 3] = ["quarterdeck.db", "quarterdeck.db-wal", "quarterdeck.db-shm"];

pub(crate) fn token_of(person: &str) -> String {
    format!("token-of-{person}-0123456789")
}

/// A program that runs, as others see it.
#[derive(Clone)]
pub(crate) struct Life {
    router: TowerToHyperService<Router>,
    dead: watch::Receiver<bool>,
    pub(crate) published: Arc<Published>,
    pub(crate) clock: Arc<Watch>,
    pub(crate) address: Option<std::net::SocketAddr>,
    /// When it began to run.
    pub(crate) since: Duration,
}

/// Files of a database as they were at an instant.
#[derive(Clone)]
pub(crate) struct Image {
    files: BTreeMap<&'static str, Vec<u8>>,
    /// Events in it.
    pub(crate) size: u64,
    /// When it was taken.
    pub(crate) at: Duration,
}

impl Image {
    /// Cuts the write-ahead log. False: there is none.
    pub(crate) fn tear(&mut self, dice: &mut Dice) -> bool {
        let Some(log) = self.files.get_mut(DATABASE[1]).filter(|log| !log.is_empty()) else { return false };
        log.truncate(usize::try_from(dice.below(log.len() as u64)).unwrap());
        true
    }
}

/// Where the program lives.
pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) outside: Arc<Outside>,
    pub(crate) weather: Arc<Weather>,
    seed: u64,
    /// It listens on a socket, too.
    is_open: bool,
    people: mpsc::Sender<Page>,
    life: Mutex<Option<(Life, watch::Sender<bool>)>>,
    running: tokio::sync::Mutex<Option<Running>>,
    /// What is below the weather.
    ground: Mutex<Weak<SqliteStore>>,
    /// Held by whoever starts or ends the program.
    pub(crate) alone: tokio::sync::Mutex<()>,
}

impl House {
    pub(crate) fn new(
        seed: u64,
        is_open: bool,
        outside: Arc<Outside>,
        weather: impl FnOnce(PathBuf) -> Arc<Weather>,
        people: mpsc::Sender<Page>,
    ) -> Arc<Self> {
        // In memory where there is such a folder: a thousand runs need not wear a disk out.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        fs::write(folder.path().join("quarterdeck.toml"), configuration(is_open)).unwrap();
        let weather = weather(folder.path().join("data/reserve"));
        let (life, running, ground) = (Mutex::new(None), tokio::sync::Mutex::new(None), Mutex::default());
        Arc::new(Self {
            folder,
            outside,
            weather,
            seed,
            is_open,
            people,
            life,
            running,
            ground,
            alone: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.is_open
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The program as it runs now.
    pub(crate) fn life(&self) -> Option<Life> {
        self.life.lock().unwrap().as_ref().map(|(life, _)| life.clone())
    }

    /// Starts it; must not run.
    pub(crate) async fn start(&self, accepted: Option<&str>) -> Result<(), RunError> {
        let nth = self.outside.with(|record| {
            record.starts += 1;
            record.starts
        });
        let clock = Watch::of(&self.outside.wall);
        let parts = Parts::new(clock.clone()).unwrap();
        let file = self.folder.path().join("quarterdeck.toml");
        let mut configuration = config::load(&file, &parts).unwrap_or_else(|error| panic!("{:#?}", error.mistakes()));
        if !self.is_open {
            configuration.listen = None;
        }
        fs::create_dir_all(self.data()).unwrap();
        let inner = SqliteStore::open(&self.data().join(DATABASE[0])).map_err(RunError::Store)?;
        *self.ground.lock().unwrap() = Arc::downgrade(&inner);
        let store = Arc::new(Shaky { inner, weather: Arc::clone(&self.weather) });
        let ids = |purpose: &str| Box::new(SeededIds::new(Dice::of(self.seed ^ nth << 32, purpose).roll()));
        let world = World {
            clock: clock.clone(),
            ids: ids("identifiers"),
            salts: ids("salts"),
            signer: None,
            channels: self.lines(nth),
        };
        let running = app::start_on_accepting(store, configuration, world, accepted.map(str::to_owned)).await?;
        let (dying, dead) = watch::channel(false);
        let life = Life {
            router: TowerToHyperService::new(running.router.clone()),
            dead,
            published: Arc::clone(running.engine.published()),
            clock,
            address: running.address,
            since: self.outside.now(),
        };
        *self.life.lock().unwrap() = Some((life, dying));
        *self.running.lock().await = Some(running);
        self.outside.tell(format!("the program runs (start {nth})"));
        Ok(())
    }

    fn lines(&self, nth: u64) -> BTreeMap<ChannelId, Arc<dyn Notifier>> {
        let line = |name: &str| {
            let id: ChannelId = name.parse().unwrap();
            let line: Arc<dyn Notifier> = Arc::new(Line {
                id: id.clone(),
                weather: Arc::clone(&self.weather),
                outside: Arc::clone(&self.outside),
                dice: Mutex::new(Dice::of(self.seed ^ nth << 32, name)),
                people: self.people.clone(),
            });
            (id, line)
        };
        CHANNELS.into_iter().map(line).collect()
    }

    /// Asks the program; none: it is not there, or dies before it answers.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Option<(u16, Value)> {
        let mut life = self.life()?;
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
        let router = life.router.clone();
        let answered = async {
            let answer = router.call(request).await.unwrap_or_else(|never| match never {});
            let status = answer.status().as_u16();
            let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.unwrap();
            (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
        };
        drop(life.published);
        tokio::select! {
            biased;
            _ = life.dead.changed() => None,
            answer = answered => Some(answer),
        }
    }

    /// Ends it in good order.
    pub(crate) async fn stop(&self) {
        let Some(running) = self.running.lock().await.take() else { return };
        let store = Arc::downgrade(&running.store);
        let life = self.life.lock().unwrap().take();
        // Whoever asks now finds nobody; who asked already is answered.
        let dying = life.map(|(_, dying)| dying);
        if tokio::time::timeout(PATIENCE, running.stop()).await.is_err() {
            self.outside.object("it was told to stop and does not");
        }
        drop(dying);
        gone(&store).await;
        self.outside.tell("the program stopped in good order");
    }

    /// Pulls the plug: nothing is finished, nothing is said. What was on the disk at that instant is there afterwards.
    pub(crate) async fn kill(&self) -> Option<Image> {
        let running = self.running.lock().await.take()?;
        let image = self.image();
        let store = Arc::downgrade(&running.store);
        if let Some((_, dying)) = self.life.lock().unwrap().take() {
            dying.send_replace(true);
        }
        drop(running);
        gone(&store).await;
        self.put_back(&image);
        self.outside.tell(format!("the program is killed, with {} events on the disk", image.size));
        Some(image)
    }

    /// Waits until nothing of a start that was not brought to its end holds the store.
    pub(crate) async fn settled(&self) {
        while self.running.lock().await.is_none() && self.ground.lock().unwrap().strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The database as it is at this instant, while it runs.
    pub(crate) async fn copy(&self) -> Option<Image> {
        self.running.lock().await.is_some().then(|| self.image())
    }

    fn image(&self) -> Image {
        let read = |name: &'static str| Some((name, fs::read(self.data().join(name)).ok()?));
        let files = DATABASE.into_iter().take(2).filter_map(read).collect();
        let size = self.ground.lock().unwrap().upgrade().map_or(0, |ground| at_once(ground.size()).unwrap());
        Image { files, size, at: self.outside.now() }
    }

    /// Makes the database what it was.
    pub(crate) fn put_back(&self, image: &Image) {
        for name in DATABASE {
            let path = self.data().join(name);
            match image.files.get(name) {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => drop(fs::remove_file(path)),
            }
        }
    }

    /// How many events were published, by the signed checkpoint.
    pub(crate) fn published(&self) -> u64 {
        let log = self.data().join("log");
        let Ok(note) = fs::read(log.join("checkpoint")) else { return 0 };
        let key: VerifierKey = fs::read_to_string(log.join("log.vkey")).unwrap().trim().parse().unwrap();
        Checkpoint::open(&note, &key).unwrap().size()
    }

    /// What a second program on the same store hears.
    pub(crate) fn second(&self) -> Result<(), StoreError> {
        SqliteStore::open(&self.data().join(DATABASE[0])).map(drop)
    }

    pub(crate) async fn take(&self) -> Option<Running> {
        drop(self.life.lock().unwrap().take());
        self.running.lock().await.take()
    }

    /// What the program takes for the time.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.life().map(|life| life.clock.now())
    }
}

/// Waits until nothing of the program before holds the store.
async fn gone(store: &Weak<dyn Store>) {
    while store.strong_count() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How long the published log of a life is.
pub(crate) fn length(life: &Life) -> u64 {
    read(&life.published.head).size
}

fn configuration(is_open: bool) -> String {
    let mut text = "[server]\ndata = \"data\"\n".to_owned();
    if is_open {
        text.push_str("listen = \"127.0.0.1:0\"\n");
    }
    text.push_str("[response]\ndefault_policy = \"ops\"\nopen_at = \"warning\"\nreopen = \"5m\"\nbundle = \"never\"\nsilence_notice = \"never\"\n");
    writeln!(text, "[[token]]\nname = \"viewer\"\nrole = \"viewer\"\ntoken = \"{VIEWER}\"").unwrap();
    for channel in CHANNELS {
        // Never asked: the world's own channels stand in their places.
        writeln!(text, "[channel.{channel}]\nkind = \"file\"\npath = \"{channel}.txt\"").unwrap();
    }
    for (nth, person) in PEOPLE.iter().enumerate() {
        let token = token_of(person);
        writeln!(
            text,
            "[[token]]\nname = \"{person}\"\nrole = \"commander\"\nperson = \"{person}\"\ntoken = \"{token}\""
        )
        .unwrap();
        // One to three ways, another first for each.
        let contact = |way: usize| format!("{{ channel = \"{}\", address = \"{person}\" }}", CHANNELS[(nth + way) % 4]);
        let contacts: Vec<String> = (0..=nth % 3).map(contact).collect();
        writeln!(text, "[[person]]\nid = \"{person}\"\ncontacts = [{}]", contacts.join(", ")).unwrap();
    }
    for (id, rest) in [
        (
            "money",
            "page_at = \"SEV3\"\nrounds = 2\nfallback = \"fay\"\ntiers = [{ people = [\"ana\", \"bo\"], delay = \"40s\" }, { people = [\"cy\"], delay = \"30s\" }]",
        ),
        (
            "ops",
            "page_at = \"SEV4\"\nrounds = 1\nfallback = \"eve\"\ntiers = [{ people = [\"dee\"], delay = \"45s\" }, { people = [\"bo\", \"eve\"], delay = \"1m\" }]",
        ),
        (
            "alone",
            "page_at = \"SEV3\"\nrounds = 3\nfallback = \"ana\"\ntiers = [{ people = [\"ana\"], delay = \"25s\" }]",
        ),
    ] {
        writeln!(text, "[[policy]]\nid = \"{id}\"\nacknowledgement = \"4m\"\n{rest}").unwrap();
    }
    for (service, policy) in SERVICES.iter().zip(["money", "money", "ops", "ops", "alone"]) {
        writeln!(text, "[[service]]\nid = \"{service}\"\nusers = 1000\npolicy = \"{policy}\"").unwrap();
    }
    for (id, key) in ["watch", "prom"].iter().zip(KEYS) {
        writeln!(text, "[[integration]]\nid = \"{id}\"\nkey = \"{key}\"\nsignals_a_minute = 1000000\nopen_incidents = 1000000\napart = 1000000").unwrap();
    }
    text
}
