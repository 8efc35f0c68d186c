//! Follows the configured chains, each in a task of its own that can be stopped alone: when the configuration changes, a source
//! that did not change goes on undisturbed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quarterdeck_core::id::SourceId;
use quarterdeck_host::clock::Clock;
use quarterdeck_sources::{
    ChainSource, Seen, Sources,
    run::{self, Orders},
};
use quarterdeck_store::Store;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
};

/// The sources that run.
pub struct Followers {
    /// Where they put what they see.
    pub seen: mpsc::Sender<Seen>,
    /// Where their cursors are.
    pub store: Arc<dyn Store>,
    /// Their health.
    pub health: Arc<Sources>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// By name.
    pub running: BTreeMap<SourceId, Follower>,
}

/// One source that runs.
pub struct Follower {
    source: ChainSource,
    stop: watch::Sender<bool>,
    anew: Arc<Notify>,
    /// One task, in a set so that it ends when this is dropped.
    task: JoinSet<()>,
}

impl Followers {
    /// Starts those that do not run yet.
    pub fn start(&mut self, wanted: Vec<ChainSource>) {
        for source in wanted {
            if self.running.contains_key(&source.id) {
                continue;
            }
            let (stop, stopping) = watch::channel(false);
            let anew = Arc::new(Notify::new());
            let orders = Orders { stop: stopping, anew: Arc::clone(&anew) };
            let mut task = JoinSet::new();
            task.spawn(run::run(
                source.clone(),
                self.seen.clone(),
                Arc::clone(&self.store),
                Arc::clone(&self.health),
                Arc::clone(&self.clock),
                orders,
            ));
            self.running.insert(source.id.clone(), Follower { source, stop, anew, task });
        }
    }

    /// Tells a source that the chain which its node shows is the one to follow from here on.
    pub fn begin_anew(&self, id: &SourceId) {
        if let Some(follower) = self.running.get(id) {
            follower.anew.notify_one();
        }
    }

    /// Stops those that are not wanted exactly as they are, and waits until they hand over nothing more.
    pub async fn keep_only(&mut self, wanted: &[ChainSource]) {
        let goes = |follower: &Follower| !wanted.contains(&follower.source);
        let gone: BTreeSet<SourceId> =
            self.running.iter().filter(|(_, follower)| goes(follower)).map(|(id, _)| id.clone()).collect();
        for follower in gone.iter().filter_map(|id| self.running.get(id)) {
            follower.stop.send_replace(true);
        }
        for id in gone {
            if let Some(mut follower) = self.running.remove(&id) {
                while follower.task.join_next().await.is_some() {}
            }
            self.health.forget(&id);
        }
    }
}
