//! Has the configuration file read anew while the program runs: refuses it whole, or puts it in force whole.
//!
//! The order is this. The file is checked. The engine takes the new setting and the log says so, in one transaction: from there
//! on the change is a fact. Then everything that reads what is in force sees it; sources that changed are stopped; the detectors
//! are made anew and take up what the old ones learned; new sources start. `listen`, `data`, `store` and `origin` are what the
//! program stands on: where they changed the rest is applied, and the answer names them. Tests: `tests/reload.rs`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use quarterdeck_core::{
    id::{IncidentId, PersonId},
    incident::Actor,
    journal::JournalEvent,
    time::Timestamp,
};
use quarterdeck_detect::pipeline::{Pipeline, PipelineError};
use quarterdeck_host::clock::Clock;
use quarterdeck_reach::notify::{Parts, PartsError};
use quarterdeck_sources::ChainSource;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::{
    config::{self, ConfigError, Configuration, Mistake, StoreKind},
    engine::{Answer, EngineError, Work},
    in_force::{Channels, InForce, Live},
    loops::{
        detect::{self, Swap, WatchedSources},
        engine::EngineHandle,
        follow::Followers,
    },
};

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The program was started without a file: a drill, or a test.
    #[error("this program was not started from a configuration file")]
    NoFile,
    /// The file cannot be read, or has faults.
    #[error("the configuration is refused")]
    Refused(#[from] ConfigError),
    /// What notifiers share cannot be made.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The detectors cannot be built with these parameters.
    #[error("build the detectors")]
    Detectors(#[from] PipelineError),
    /// Open incidents end at people whom the new file cannot reach.
    #[error("open incidents would reach nobody in the end: {}", stranded(.0))]
    Stranded(Vec<(IncidentId, PersonId)>),
    /// It could not be made durable.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A defect of ours.
    #[error("a defect of this program; its log says more")]
    Defect,
}

fn stranded(all: &[(IncidentId, PersonId)]) -> String {
    let each = |(incident, person): &(IncidentId, PersonId)| format!("{incident} falls back on `{person}`");
    all.iter().map(each).collect::<Vec<_>>().join(", ")
}

impl ReloadError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoFile => "start it with `quarterdeck serve --config FILE`",
            Self::Refused(_) | Self::Detectors(_) => "nothing changed; correct the file and reload again",
            Self::Stranded(_) => "nothing changed; keep these people with a contact until the incidents are resolved",
            Self::Parts(_) | Self::Engine(_) | Self::Defect => "nothing changed; reload again",
        }
    }
}

/// What the program stands on until it is started anew.
pub struct Ground {
    /// The file; none: there is none.
    pub path: Option<PathBuf>,
    /// Where the program was told to listen, and where it does: port 0 means any.
    pub listen: Option<(SocketAddr, SocketAddr)>,
    /// The data folder.
    pub data: PathBuf,
    /// Which store.
    pub store: StoreKind,
    /// The log's name.
    pub origin: String,
    /// Channels that stand in no file: a drill's inbox.
    pub channels: Channels,
}

impl Ground {
    /// What of a configuration is put in force, and the sources that it wants.
    pub fn in_force(&self, configuration: Configuration, since: Timestamp) -> (InForce, Vec<ChainSource>) {
        let needs_restart = self.needs_restart(&configuration);
        let base_url = self.base_url(&configuration);
        let mut channels = configuration.channels;
        if !self.channels.is_empty() {
            Arc::make_mut(&mut channels).extend(self.channels.clone());
        }
        let in_force = InForce {
            setting: configuration.setting,
            channels,
            chats: configuration.chats,
            tokens: configuration.tokens,
            integrations: configuration.integrations,
            words: configuration.words,
            heartbeat: configuration.heartbeat,
            checks: configuration.checks,
            detectors: configuration.detectors,
            encryption: configuration.encryption,
            behind_proxy: configuration.behind_proxy,
            base_url,
            digest: configuration.digest,
            since,
            needs_restart,
        };
        (in_force, configuration.sources)
    }

    fn needs_restart(&self, new: &Configuration) -> Vec<&'static str> {
        let listens = self.listen.is_none_or(|(asked, _)| new.listen == Some(asked));
        let same = [
            ("server.listen", listens),
            ("server.data", new.data == self.data),
            ("store", new.store == self.store),
            ("log.origin", new.origin == self.origin),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }

    /// What links begin with: the address where the program really listens, if the file does not say.
    fn base_url(&self, new: &Configuration) -> String {
        let Some((asked, bound)) = self.listen else { return new.base_url.clone() };
        let scheme = if new.encryption.is_some() { "https" } else { "http" };
        let unsaid = new.listen.is_some_and(|listen| new.base_url == format!("{scheme}://{listen}"));
        if unsaid {
            format!("{scheme}://{bound}")
        } else {
            new.base_url.replace(&format!("//{asked}"), &format!("//{bound}"))
        }
    }
}

/// Reads the file anew on demand, one demand after the other.
pub struct Reloader {
    /// What does not change.
    pub ground: Ground,
    /// What does.
    pub live: Arc<Live>,
    /// Where the change becomes a fact.
    pub engine: EngineHandle,
    /// To the detectors.
    pub swaps: mpsc::Sender<Swap>,
    /// The sources that run. Whoever holds them reloads.
    pub followers: Mutex<Followers>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Told when the program stops.
    pub stopping: watch::Receiver<bool>,
}

/// What came of it.
pub struct Reloaded {
    /// What is in force now.
    pub in_force: Arc<InForce>,
    /// What is allowed in the file and probably not meant.
    pub warnings: Vec<Mistake>,
}

impl Reloader {
    /// Reads the file and puts it in force, or says why nothing changed.
    pub async fn reload(self: &Arc<Self>, by: Actor) -> Result<Reloaded, ReloadError> {
        let this = Arc::clone(self);
        // In a task of its own: who asked may go away in the middle, and nothing may be left half done.
        let done = tokio::spawn(async move { this.carry_out(by).await }).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "a reload met a defect");
            Err(ReloadError::Defect)
        })
    }

    async fn carry_out(&self, by: Actor) -> Result<Reloaded, ReloadError> {
        let mut followers = self.followers.lock().await;
        if *self.stopping.borrow() {
            return Err(EngineError::Stopped.into());
        }
        let mut configuration = self.read().await?;
        let warnings = std::mem::take(&mut configuration.warnings);
        let pipeline = detect::build(&configuration.detectors, &configuration.setting)?;
        let before = self.live.now().digest.clone();
        let event = JournalEvent::Configured { digest: configuration.digest.clone(), before, by };
        let setting = Arc::clone(&configuration.setting);
        match self.engine.ask(Work::Reconfigure { setting, event }).await? {
            Answer::Stranded(stranded) => return Err(ReloadError::Stranded(stranded)),
            Answer::Done | Answer::Logged { .. } | Answer::Heard(_) | Answer::Refused(_) => {}
        }
        let (in_force, sources) = self.ground.in_force(configuration, self.clock.now());
        self.live.swap(in_force);
        followers.keep_only(&sources).await;
        self.swap_detectors(pipeline, watched(&sources)).await;
        followers.start(sources);
        Ok(Reloaded { in_force: self.live.now(), warnings })
    }

    /// Reads and checks the file where waiting for the disk holds nobody else up.
    async fn read(&self) -> Result<Configuration, ReloadError> {
        let path = self.ground.path.clone().ok_or(ReloadError::NoFile)?;
        let parts = Parts::new(Arc::clone(&self.clock))?;
        let read = tokio::task::spawn_blocking(move || config::load(&path, &parts)).await;
        Ok(read.map_err(|_| ReloadError::Defect)??)
    }

    /// Waits until the new detectors look. Where the detectors are gone the program stops, and there is nothing to wait for.
    async fn swap_detectors(&self, pipeline: Pipeline, watched: WatchedSources) {
        let (done, waiting) = oneshot::channel();
        if self.swaps.send(Swap { pipeline, watched, done }).await.is_ok() {
            drop(waiting.await);
        }
    }
}

/// The sources with their chains, as the detectors know them.
pub fn watched(sources: &[ChainSource]) -> WatchedSources {
    sources.iter().map(|source| (source.id.clone(), source.chain)).collect()
}
