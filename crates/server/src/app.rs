//! The one file that knows every concrete type: it makes the parts, joins them, starts them and stops them in the right order.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use quarterdeck_core::{
    board::lost_signal,
    chain::ChainEvent,
    detector::{Knowledge, Params},
    id::{ChannelId, DetectorId, IdSource},
    journal::JournalEvent,
    signal::SignalChange,
    time::Timestamp,
};
use quarterdeck_detect::{
    detector::{Alone, DetectorKind},
    detectors::DETECTORS,
};
use quarterdeck_ledger::note::{SignerKey, VerifierKey};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

pub use crate::run_error::RunError;
use crate::{
    config::{Configuration, StoreKind},
    console,
    doors::{self, Behind, Pace},
    engine::{Engine, Surroundings, Work, read},
    guesses::Guesses,
    http,
    in_force::{Channels, Live},
    log_key,
    loops::{
        self,
        audit::{Audit, Audited},
        checks::Checker,
        deliver::Deliver,
        detect::{Detection, Inputs, Swap, Worlds},
        engine::EngineHandle,
        expire::Expiries,
        follow::Followers,
        heartbeat::Heartbeats,
        keep::Keeper,
        need::Speaker,
        presence::Presence,
        publish::Publisher,
        pulse::Pulse,
        steps::Steps,
        watchdog::Watched,
    },
    mirror,
    published_head::{self, Lost},
    reaching::Reaching,
    reload::{self, Ground, Reloader},
    room::Rooms,
    sessions::Sessions,
    writing::Writing,
};
use quarterdeck_host::{clock::Clock, descriptors};
use quarterdeck_reach::notify::Notifier;
use quarterdeck_sources::{ChainSource, Seen, Sources};
use quarterdeck_store::{Store, StoreError, memory::MemoryStore, sqlite::SqliteStore};

/// What differs between the world and a drill: handed in beside the configuration.
pub struct World {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where fresh identifiers come from.
    pub ids: Box<dyn IdSource + Send>,
    /// Where salts of leaves come from. Not the same source: a leaked identifier must not tell a salt.
    pub salts: Box<dyn IdSource + Send>,
    /// The log's key; none: from the data folder, made there at the first start.
    pub signer: Option<SignerKey>,
    /// Channels that are not in the configuration (a drill's inbox).
    pub channels: BTreeMap<ChannelId, Arc<dyn Notifier>>,
}

/// A running program.
pub struct Running {
    /// Where it listens: the port is known even if 0 was asked for. None: nowhere, as in a drill without a console.
    pub address: Option<SocketAddr>,
    /// What is served, for whoever asks without a socket.
    pub router: axum::Router,
    /// What is in force of the configuration.
    pub live: Arc<Live>,
    /// Has the configuration read anew.
    pub reloader: Arc<Reloader>,
    /// The write path.
    pub engine: EngineHandle,
    /// Who is in which room.
    pub presence: Arc<Presence>,
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// Where sources put what they see.
    pub seen: mpsc::Sender<Seen>,
    /// The health of sources.
    pub sources: Arc<Sources>,
    /// The folder with the log as files.
    pub log_folder: PathBuf,
    /// The log's verifier key.
    pub key: VerifierKey,
    stop: watch::Sender<bool>,
    early: JoinSet<()>,
    late: JoinSet<()>,
    publishing: Publishing,
    /// Keeps what the next start reads instead of the whole log.
    pub keeper: Arc<Keeper>,
}

/// The publisher's task, which ends last: what was made durable while everything else stopped is published too.
struct Publishing {
    stop: watch::Sender<bool>,
    /// One task, in a set so that it ends when the program is dropped without being stopped.
    task: JoinSet<()>,
}

impl Running {
    /// Told when the program stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
    /// Stops: doors first, then what still waits is decided and made durable, then the log is published once more.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        drop(self.seen);
        // It holds the engine, which ends when nobody does.
        drop(self.router);
        drop(self.presence);
        drop(self.engine);
        while self.early.join_next().await.is_some() {}
        self.reloader.followers.lock().await.keep_only(&[]).await;
        drop(self.reloader);
        while self.late.join_next().await.is_some() {}
        self.publishing.stop.send_replace(true);
        while let Some(ended) = self.publishing.task.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the publisher did not end well");
            }
        }
        self.keeper.keep().await;
    }
    /// Waits until `until` is done, then stops.
    pub async fn run_until(self, until: impl Future<Output = ()>) {
        until.await;
        self.stop().await;
    }
}

/// Starts everything, on the store of the configuration.
pub async fn start(configuration: Configuration, world: World) -> Result<Running, RunError> {
    start_accepting(configuration, world, None).await
}

/// Starts everything, on the store of the configuration. `accepted`: why a store that is behind its own signed log is to be gone on with.
pub async fn start_accepting(
    configuration: Configuration,
    world: World,
    accepted: Option<String>,
) -> Result<Running, RunError> {
    let listener = bind(configuration.listen).await?;
    let store = open_store(&configuration).await?;
    start_bound(listener, store, configuration, world, accepted).await
}

/// Starts everything on a store that is open already.
pub async fn start_on(store: Arc<dyn Store>, configuration: Configuration, world: World) -> Result<Running, RunError> {
    start_on_accepting(store, configuration, world, None).await
}

/// Starts everything on a store that is open already. `accepted`: as in [`start_accepting`].
pub async fn start_on_accepting(
    store: Arc<dyn Store>,
    configuration: Configuration,
    world: World,
    accepted: Option<String>,
) -> Result<Running, RunError> {
    let listener = bind(configuration.listen).await?;
    start_bound(listener, store, configuration, world, accepted).await
}

type Bound = Option<(TcpListener, SocketAddr)>;

/// The address was taken first: a program that cannot be reached writes nothing.
#[expect(clippy::too_many_lines, reason = "it only makes and joins the parts, each in its place of the order")]
async fn start_bound(
    listener: Bound,
    store: Arc<dyn Store>,
    configuration: Configuration,
    world: World,
    accepted: Option<String>,
) -> Result<Running, RunError> {
    let World { clock, ids, salts, signer, channels } = world;
    let signer = if let Some(signer) = signer {
        signer
    } else {
        let begun = !matches!(configuration.store, StoreKind::Memory) && store.size().await? > 0;
        log_key::known(&configuration.data, &configuration.origin, begun)?
    };
    let key = signer.verifier().clone();
    let parts = Surroundings { setting: Arc::clone(&configuration.setting), ids, salts, signer };
    let engine = Engine::start(Arc::clone(&store), parts).await?;
    let unread = engine.unread();
    let lost = published_head::lost_history(&engine, &configuration, &key, accepted).await?;
    let newest = last_instant(&*store).await?;
    // Nothing is decided before what was decided already.
    clock.not_before(newest);
    let (handle, jobs) = loops::engine::queue(engine.published());
    let mut late = JoinSet::new();
    let writing = Arc::new(Writing::default());
    if configuration.store == StoreKind::Sqlite {
        writing.keep_reserve(&configuration.data);
    }
    late.spawn(loops::engine::run(engine, jobs, Arc::clone(&clock), Arc::clone(&writing)));
    let (stop, stopping) = watch::channel(false);
    let ground = ground(&configuration, listener.as_ref().map(|(_, bound)| *bound), channels);
    let log_folder = ground.data.join("log");
    let (data, store_kind) = (ground.data.clone(), ground.store.clone());
    let (in_force, sources) = ground.in_force(configuration, clock.now());
    let live = Arc::new(Live::new(in_force));
    let mut house = House { live, clock, store, engine: handle, writing, stopping, early: JoinSet::new() };

    house.go_on_without(lost).await?;
    let publishing = house.publish(&log_folder, &key);
    house.note_start().await?;
    let reaching = house.reach_people().await?;
    let deaf = house.note_deaf().await?;
    let (seen, swaps) = house.detect(&sources).await?;
    let (reloader, health) = house.follow_chains(ground, swaps, &seen, sources);
    let watched = house.watch();
    let keeper = house.keep(unread);
    let pulse = house.speak_and_beat(&reaching, &watched);
    let steps = house.watch_clock(newest);
    let expiries = house.expire().await?;
    let room = doors::room(descriptors::raise());
    let guesses = house.count_guesses();
    let heartbeats = house.listen();
    let presence = house.receive();
    let parts = (house.engine.clone(), Arc::clone(&house.live), Arc::clone(&house.clock));
    let checker = Checker::start(parts, (&mut house.early, house.stopping.clone()));
    let app = http::App {
        engine: house.engine.clone(),
        store: Arc::clone(&house.store),
        started: house.clock.now(),
        expiries,
        heartbeats,
        clock: Arc::clone(&house.clock),
        live: Arc::clone(&house.live),
        reloader: Arc::clone(&reloader),
        sources: Arc::clone(&health),
        deaf,
        watched,
        reaching,
        audited: Arc::clone(&keeper.audited),
        writing: Arc::clone(&house.writing),
        pulse,
        steps,
        key: key.clone(),
        stopping: house.stopping.clone(),
        sessions: Arc::new(match store_kind {
            StoreKind::Memory => Sessions::forgotten(),
            StoreKind::Sqlite | StoreKind::Postgres { .. } => Sessions::kept_in(&data),
        }),
        guesses,
        streams: Arc::new(Semaphore::new(doors::listeners(room))),
        rooms: Arc::new(Rooms::default()),
        presence: Arc::clone(&presence),
        checker,
        mirroring: Arc::default(),
        metrics: http::health::renderer(),
    };
    let app = Arc::new(app);
    house.early.spawn(mirror::run(Arc::clone(&app), house.stopping.clone()));
    let router = http::router(Arc::clone(&app), console::routes(&app));
    let address = match listener {
        Some((listener, address)) => {
            house.serve(listener, router.clone(), room);
            Some(address)
        }
        None => None,
    };
    let House { live, store, engine, early, .. } = house;
    let sources = health;
    Ok(Running {
        address,
        router,
        live,
        reloader,
        engine,
        presence,
        store,
        seen,
        sources,
        log_folder,
        key,
        stop,
        early,
        late,
        publishing,
        keeper,
    })
}

/// What the program stands on until it is started anew.
fn ground(configuration: &Configuration, bound: Option<SocketAddr>, channels: Channels) -> Ground {
    Ground {
        path: configuration.path.clone(),
        // Port 0 means any: what people are told is the one that it became.
        listen: configuration.listen.zip(bound),
        data: configuration.data.clone(),
        store: configuration.store.clone(),
        origin: configuration.origin.clone(),
        channels,
    }
}

/// What the loops are joined to while the program starts.
struct House {
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    engine: EngineHandle,
    writing: Arc<Writing>,
    stopping: watch::Receiver<bool>,
    early: JoinSet<()>,
}

impl House {
    fn publish(&self, root: &Path, key: &VerifierKey) -> Publishing {
        self.engine.published().tree.is_published_in(root);
        let publisher = Publisher {
            store: Arc::clone(&self.store),
            published: Arc::clone(self.engine.published()),
            root: root.to_owned(),
            key: key.clone(),
            writing: Arc::clone(&self.writing),
            clock: Arc::clone(&self.clock),
        };
        let (stop, stopping) = watch::channel(false);
        let mut task = JoinSet::new();
        task.spawn(publisher.run(stopping));
        Publishing { stop, task }
    }

    async fn note(&self, event: JournalEvent) -> Result<(), RunError> {
        let told = self.engine.ask(Work::Journal(event)).await;
        told.map(drop).map_err(|error| {
            RunError::Store(StoreError::Database { doing: "write the first event", source: error.to_string().into() })
        })
    }

    /// Somebody has us go on without what was lost: the log says so, and people are paged. Only then is the published log put aside:
    /// who stops in between is refused again, and does not go on in silence.
    async fn go_on_without(&self, lost: Option<(Lost, String)>) -> Result<(), RunError> {
        let Some((lost, reason)) = lost else { return Ok(()) };
        let aside = lost.aside();
        let (size, shown) = (lost.stored, aside.display());
        let finding =
            format!("history was lost, and somebody accepted it ({reason}): {lost}; the published log is in `{shown}`");
        let signal = Arc::new(lost_signal(size, &finding, self.clock.now()));
        self.note(JournalEvent::AuditFailed { size, finding }).await?;
        let told = self.engine.hear(vec![SignalChange::Raised { signal }]).await;
        told.map_err(|error| {
            RunError::Store(StoreError::Database { doing: "tell of what was lost", source: error.to_string().into() })
        })?;
        tracing::error!(%lost, reason, aside = %shown, "history was lost, and somebody accepted it");
        lost.put_aside(&aside).map_err(|source| RunError::Aside { path: lost.folder.clone(), source })
    }

    async fn note_start(&self) -> Result<(), RunError> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let configuration = self.live.now().digest.clone();
        self.note(JournalEvent::Started { version, configuration }).await
    }

    async fn reach_people(&mut self) -> Result<Arc<Reaching>, RunError> {
        let reaching = Arc::new(Reaching::default());
        reaching.take_up(&self.engine.published().board());
        let deliver = Arc::new(Deliver {
            store: Arc::clone(&self.store),
            engine: self.engine.clone(),
            live: Arc::clone(&self.live),
            clock: Arc::clone(&self.clock),
            reaching: Arc::clone(&reaching),
            may_have_arrived: Mutex::new(BTreeSet::new()),
        });
        deliver.take_up().await?;
        self.early.spawn(deliver.run(self.stopping.clone()));
        Ok(reaching)
    }

    /// The detectors that do not hear their own canary.
    async fn note_deaf(&self) -> Result<Vec<DetectorId>, RunError> {
        let deaf: Vec<DetectorId> =
            DETECTORS.iter().filter(|kind| !hears(**kind)).filter_map(|kind| kind.id().parse().ok()).collect();
        for detector in &deaf {
            let reason = "it did not hear its canary".to_owned();
            self.note(JournalEvent::DetectorSilent { detector: detector.clone(), reason }).await?;
        }
        Ok(deaf)
    }

    async fn detect(&mut self, sources: &[ChainSource]) -> Result<(mpsc::Sender<Seen>, mpsc::Sender<Swap>), RunError> {
        let in_force = self.live.now();
        let mut pipeline = loops::detect::build(&in_force.detectors, &in_force.setting)?;
        let (keeping, failed) = loops::detect::take_up(&mut pipeline, &*self.store).await?;
        for event in failed.iter().filter_map(loops::detect::starts_anew) {
            self.note(event).await?;
        }
        let (seen, events) = mpsc::channel(loops::detect::EVENTS_WAITING_MAX);
        let (swap, swaps) = mpsc::channel(1);
        let inputs = Inputs { seen: events, swaps, watched: reload::watched(sources) };
        let (engine, store, clock) = (self.engine.clone(), Arc::clone(&self.store), Arc::clone(&self.clock));
        let (cursors, worlds) = (BTreeMap::new(), Worlds::default());
        let detection = Detection { pipeline, keeping, engine, store, clock, cursors, worlds };
        self.early.spawn(detection.run(inputs, self.stopping.clone()));
        Ok((seen, swap))
    }

    fn follow_chains(
        &mut self,
        ground: Ground,
        swaps: mpsc::Sender<Swap>,
        seen: &mpsc::Sender<Seen>,
        sources: Vec<ChainSource>,
    ) -> (Arc<Reloader>, Arc<Sources>) {
        let health = Arc::new(Sources::default());
        let mut followers = Followers {
            seen: seen.clone(),
            store: Arc::clone(&self.store),
            health: Arc::clone(&health),
            clock: Arc::clone(&self.clock),
            running: BTreeMap::new(),
        };
        followers.start(sources);
        let reloader = Reloader {
            ground,
            live: Arc::clone(&self.live),
            engine: self.engine.clone(),
            swaps,
            followers: tokio::sync::Mutex::new(followers),
            clock: Arc::clone(&self.clock),
            stopping: self.stopping.clone(),
        };
        (Arc::new(reloader), health)
    }

    fn count_guesses(&mut self) -> Arc<Guesses> {
        let guesses = Arc::new(Guesses::default());
        self.early.spawn(loops::tried::run(Arc::clone(&guesses), self.engine.clone(), self.stopping.clone()));
        guesses
    }

    fn watch(&mut self) -> Arc<Watched> {
        let watched = Arc::new(Watched::default());
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        self.early.spawn(loops::watchdog::run(store, clock, Arc::clone(&watched), self.stopping.clone()));
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        self.early.spawn(loops::retain::run(store, clock, self.stopping.clone()));
        watched
    }

    /// Keeps boards for the next start, and reads what this one did not read.
    fn keep(&mut self, unread: u64) -> Arc<Keeper> {
        let audited = Arc::new(Audited::default());
        let (store, published) = (Arc::clone(&self.store), Arc::clone(self.engine.published()));
        if unread > 0 {
            let audit = Audit {
                store: Arc::clone(&store),
                engine: self.engine.clone(),
                live: Arc::clone(&self.live),
                clock: Arc::clone(&self.clock),
                audited: Arc::clone(&audited),
            };
            self.early.spawn(audit.run(self.stopping.clone()));
        } else {
            audited.over(read(&published.head).size);
        }
        let keeper = Arc::new(Keeper { store, published, audited, kept: AtomicU64::new(unread) });
        self.early.spawn(Arc::clone(&keeper).run(self.stopping.clone()));
        self.early.spawn(loops::doubt::run(self.engine.clone(), self.stopping.clone()));
        keeper
    }

    /// Notices which monitors fall silent as a whole.
    fn listen(&mut self) -> Arc<Heartbeats> {
        let heartbeats = Arc::new(Heartbeats::default());
        let (engine, live, clock) = (self.engine.clone(), Arc::clone(&self.live), Arc::clone(&self.clock));
        self.early.spawn(loops::heartbeat::run(Arc::clone(&heartbeats), engine, live, clock, self.stopping.clone()));
        heartbeats
    }

    /// Notices who comes into a room and who has gone.
    fn receive(&mut self) -> Arc<Presence> {
        let board = self.engine.published().board();
        let presence = Arc::new(Presence::new(&board, self.engine.clone(), Arc::clone(&self.clock)));
        self.early.spawn(loops::presence::run(Arc::clone(&presence), self.stopping.clone()));
        presence
    }

    /// Whether the machine's clock steps.
    fn watch_clock(&mut self, last: Timestamp) -> Arc<Steps> {
        let steps = Arc::new(Steps::default());
        let (engine, clock) = (self.engine.clone(), Arc::clone(&self.clock));
        self.early.spawn(loops::steps::run(Arc::clone(&steps), engine, clock, last, self.stopping.clone()));
        let (engine, live, clock) = (self.engine.clone(), Arc::clone(&self.live), Arc::clone(&self.clock));
        self.early.spawn(loops::certificate::run(engine, live, clock, self.stopping.clone()));
        steps
    }

    /// What speaks for us where the store or the whole program cannot.
    fn speak_and_beat(&mut self, reaching: &Arc<Reaching>, watched: &Arc<Watched>) -> Arc<Pulse> {
        let speaker = Speaker {
            store: Arc::clone(&self.store),
            engine: self.engine.clone(),
            live: Arc::clone(&self.live),
            clock: Arc::clone(&self.clock),
            writing: Arc::clone(&self.writing),
        };
        self.early.spawn(speaker.run(self.stopping.clone()));
        let pulse = Arc::new(Pulse {
            live: Arc::clone(&self.live),
            clock: Arc::clone(&self.clock),
            writing: Arc::clone(&self.writing),
            reaching: Arc::clone(reaching),
            watched: Arc::clone(watched),
            last: Mutex::default(),
        });
        self.early.spawn(loops::pulse::run(Arc::clone(&pulse), self.stopping.clone()));
        pulse
    }

    async fn expire(&mut self) -> Result<Arc<Expiries>, RunError> {
        let expiries = Arc::new(Expiries::default());
        expiries.take_up(&*self.store, self.engine.published(), self.clock.wall()).await?;
        let (engine, clock) = (self.engine.clone(), Arc::clone(&self.clock));
        self.early.spawn(loops::expire::run(Arc::clone(&expiries), engine, clock, self.stopping.clone()));
        Ok(expiries)
    }

    fn serve(&mut self, listener: TcpListener, router: axum::Router, room: usize) {
        let live = Arc::clone(&self.live);
        let encryption = Arc::new(move || live.now().encryption.clone());
        let behind = Behind { router, encryption, pace: Pace::SERVED };
        self.early.spawn(doors::serve(listener, behind, room, self.stopping.clone()));
    }
}

/// The instant of the log's last event.
async fn last_instant(store: &dyn Store) -> Result<Timestamp, StoreError> {
    let size = store.size().await?;
    let last = store.events(size.saturating_sub(1), 1).await?;
    Ok(last.last().map_or(Timestamp::MIN, |event| event.at))
}

async fn bind(address: Option<SocketAddr>) -> Result<Bound, RunError> {
    let Some(address) = address else { return Ok(None) };
    let failed = |source| RunError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok(Some((listener, bound)))
}

async fn open_store(configuration: &Configuration) -> Result<Arc<dyn Store>, RunError> {
    match &configuration.store {
        StoreKind::Memory => Ok(Arc::new(MemoryStore::default())),
        StoreKind::Sqlite => {
            std::fs::create_dir_all(&configuration.data).map_err(|source| StoreError::Database {
                doing: "make the data folder",
                source: format!("`{}`: {source}", configuration.data.display()).into(),
            })?;
            Ok(SqliteStore::open(&configuration.data.join("quarterdeck.db"))?)
        }
        #[cfg(feature = "postgres")]
        StoreKind::Postgres { url, authorities } => {
            Ok(quarterdeck_store::postgres::PostgresStore::connect(url, authorities.as_deref()).await?)
        }
        #[cfg(not(feature = "postgres"))]
        StoreKind::Postgres { .. } => Err(RunError::NotBuilt { what: "PostgreSQL store", feature: "postgres" }),
    }
}

/// Whether a fresh detector with default parameters speaks at its canary.
pub fn hears(kind: &dyn DetectorKind) -> bool {
    let Ok(params) = Params::resolve(kind.id(), kind.params(), &BTreeMap::new()) else { return false };
    let (knowledge, events): (Knowledge, Vec<ChainEvent>) = kind.canary();
    let mut detector = Alone::new(kind, &params, knowledge);
    let mut out = Vec::new();
    for event in &events {
        detector.observe(event, &mut out);
    }
    out.iter().any(|change| matches!(change, SignalChange::Raised { .. }))
}
