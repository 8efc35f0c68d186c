//! Hands pages to channels. The intent is durable before we look (the outbox), the outcome is a command to the engine.
//!
//! What happens when we stop in between: the outbox says that an attempt was under way. It may have arrived, so it is sent once
//! more, labelled a repeat; if we stop in between again, the page is settled as unknown and the rules turn to the next channel.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use quarterdeck_core::{
    id::{ChannelId, PageId},
    incident::{Incident, PageOutcome, PageReason},
    limits::{ATTEMPTS_PER_CHANNEL_MAX, DELIVERIES_IN_FLIGHT_MAX, DELIVERY_TIMEOUT, RETRY_AFTER_MAX},
    setting::Setting,
    time::Timestamp,
};
use tokio::{
    sync::{Semaphore, broadcast, watch},
    task::JoinSet,
};

use crate::{
    engine::{Work, read},
    loops::engine::EngineHandle,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_reach::notify::{Notifier, SendError, message::compose};
use quarterdeck_store::{OutboxPage, Store, StoreError};

/// The pause before the second attempt on a channel that said nothing about when; doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest sleep between two looks at the outbox: a page put back for later is due at most this much late.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(500);

/// Everything a delivery needs.
pub struct Deliver {
    /// Where pages wait.
    pub store: Arc<dyn Store>,
    /// Where outcomes go.
    pub engine: EngineHandle,
    /// The configured channels.
    pub channels: Arc<BTreeMap<ChannelId, Arc<dyn Notifier>>>,
    /// People's names.
    pub setting: Arc<Setting>,
    /// The console's address, for the link in a page.
    pub base_url: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Pages whose attempt was under way when we stopped last.
    pub may_have_arrived: Mutex<BTreeSet<PageId>>,
}

impl Deliver {
    /// Takes up what was under way when we stopped. Call once, before [`Deliver::run`].
    pub async fn take_up(&self) -> Result<(), StoreError> {
        for page in self.store.outbox(usize::MAX).await? {
            if !page.under_way {
                // Put back by us after a stop, and stopped again before it left? We cannot tell, so it says that it may be a repeat.
                if page.attempts > 0 {
                    lock(&self.may_have_arrived).insert(page.page);
                }
                continue;
            }
            if page.attempts > 1 {
                let error = "stopped again while it was under way".to_owned();
                self.settle(&page, PageOutcome::Unknown { error }, Duration::ZERO).await;
            } else {
                lock(&self.may_have_arrived).insert(page.page);
                self.store.release_page(page.page, self.clock.now()).await?;
            }
        }
        Ok(())
    }

    /// Delivers until `stop` says so; attempts under way are finished.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let published = Arc::clone(self.engine.published());
        let places = Arc::new(Semaphore::new(DELIVERIES_IN_FLIGHT_MAX));
        let mut attempts = JoinSet::new();
        while !*stop.borrow() {
            while attempts.try_join_next().is_some() {}
            let free = places.available_permits();
            let claimed = if free == 0 { Vec::new() } else { self.claim(free).await };
            if claimed.is_empty() {
                tokio::select! {
                    biased;
                    () = published.outbox.notified() => {}
                    () = tokio::time::sleep(LOOK_AT_LEAST_EVERY) => {}
                    _ = stop.changed() => {}
                    _ = attempts.join_next(), if !attempts.is_empty() => {}
                }
            }
            for page in claimed {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let this = Arc::clone(&self);
                attempts.spawn(async move {
                    this.deliver(page).await;
                    drop(place);
                });
            }
        }
        while attempts.join_next().await.is_some() {}
    }

    async fn claim(&self, limit: usize) -> Vec<OutboxPage> {
        match self.store.claim_pages(self.clock.now(), limit).await {
            Ok(pages) => pages,
            Err(error) => {
                tracing::error!(%error, "cannot look for pages to deliver");
                Vec::new()
            }
        }
    }

    /// One attempt on one page, and what follows from its answer.
    pub async fn deliver(&self, page: OutboxPage) {
        let began = self.clock.elapsed();
        let outcome = self.attempt(&page).await;
        let latency = self.clock.elapsed().saturating_sub(began);
        let settled = match outcome {
            Ok(receipt) => PageOutcome::Delivered { receipt },
            Err(SendError::Permanent { reason }) => PageOutcome::Failed { error: reason },
            Err(SendError::Unknown { reason }) => PageOutcome::Unknown { error: reason },
            Err(SendError::Retry { reason, .. }) if page.attempts >= ATTEMPTS_PER_CHANNEL_MAX => {
                PageOutcome::Failed { error: format!("{reason} (attempt {})", page.attempts) }
            }
            Err(SendError::Retry { after, .. }) => {
                self.put_back(&page, after).await;
                return;
            }
        };
        Self::count(&page, &settled, latency);
        self.settle(&page, settled, latency).await;
    }

    async fn attempt(&self, page: &OutboxPage) -> Result<String, SendError> {
        let Some(channel) = self.channels.get(&page.channel) else {
            return Err(SendError::Permanent { reason: format!("no channel `{}` is configured", page.channel) });
        };
        self.caught_up().await?;
        let repeated = lock(&self.may_have_arrived).contains(&page.page);
        let message = {
            let board = read(&self.engine.published().board);
            let Some(incident) = board.incident(page.incident) else {
                return Err(SendError::Permanent { reason: format!("incident {} is not there", page.incident) });
            };
            unwanted(incident, page)?;
            compose(incident, page, &self.setting, &self.base_url, repeated)
        };
        match tokio::time::timeout(DELIVERY_TIMEOUT, channel.send(&message)).await {
            Ok(sent) => {
                sent.map(|receipt| if message.repeat { format!("{} (repeat)", receipt.text) } else { receipt.text })
            }
            Err(_) => Err(SendError::Unknown { reason: format!("no answer within {} s", DELIVERY_TIMEOUT.as_secs()) }),
        }
    }

    /// Waits until the board shows everything that the store holds. A page is in the outbox a moment before its event is published:
    /// whoever looked in between would take it for one that nobody wants.
    async fn caught_up(&self) -> Result<(), SendError> {
        let published = self.engine.published();
        let mut news = published.news.subscribe();
        let size = self.store.size().await;
        let size = size.map_err(|error| SendError::retry(format!("read the length of the log: {error}")))?;
        let shown = async {
            while read(&published.head).size < size {
                // Told, or told more than is kept: the head is looked at again either way.
                if matches!(news.recv().await, Err(broadcast::error::RecvError::Closed)) {
                    break;
                }
            }
        };
        let waited = tokio::time::timeout(DELIVERY_TIMEOUT, shown).await;
        waited.map_err(|_| SendError::retry("the board does not catch up with the log"))
    }

    async fn put_back(&self, page: &OutboxPage, after: Option<Duration>) {
        let doubled = FIRST_PAUSE.saturating_mul(1 << page.attempts.saturating_sub(1).min(6));
        let pause = after.unwrap_or(doubled).min(RETRY_AFTER_MAX);
        let not_before: Timestamp = self.clock.now().plus(pause);
        if let Err(error) = self.store.release_page(page.page, not_before).await {
            tracing::error!(%error, page = %page.page, "cannot put a page back");
        }
    }

    /// Counts what became of a page.
    fn count(page: &OutboxPage, outcome: &PageOutcome, latency: Duration) {
        let word = match outcome {
            PageOutcome::Delivered { .. } => "delivered",
            PageOutcome::Failed { .. } => "failed",
            PageOutcome::Unknown { .. } => "unknown",
        };
        let channel = page.channel.to_string();
        metrics::counter!("quarterdeck_pages_total", "channel" => channel.clone(), "outcome" => word).increment(1);
        metrics::histogram!("quarterdeck_page_seconds", "channel" => channel).record(latency.as_secs_f64());
    }

    /// Tells the engine until it is durable: an outcome that is not told would be sent again.
    async fn settle(&self, row: &OutboxPage, outcome: PageOutcome, latency: Duration) {
        let page = row.page;
        let is_page = read(&self.engine.published().board).incident_of_page(page).is_some();
        loop {
            let outcome = outcome.clone();
            let work = if is_page {
                Work::Settle { page, outcome, latency }
            } else {
                Work::SettleAllClear { page: row.clone(), outcome }
            };
            let told = self.engine.ask(work).await;
            match told {
                Ok(_) | Err(crate::engine::EngineError::Stopped) => {
                    lock(&self.may_have_arrived).remove(&page);
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, %page, "cannot record the outcome of a page, trying again");
                    tokio::time::sleep(LOOK_AT_LEAST_EVERY).await;
                }
            }
        }
    }
}

/// Why a message is not wanted any more: somebody answered, or it is over, while it waited for its turn or for a second attempt.
/// An all-clear is not wanted once the incident was reopened.
fn unwanted(incident: &Incident, page: &OutboxPage) -> Result<(), SendError> {
    let reason = match incident.pages().get(&page.page) {
        Some(record) if record.reason == PageReason::Asked && incident.is_open() => return Ok(()),
        Some(_) if incident.wants_answer() => return Ok(()),
        None if !incident.is_open() => return Ok(()),
        Some(_) => "not sent: somebody answered, or it is over",
        None => "not sent: the incident was reopened",
    };
    Err(SendError::Permanent { reason: reason.to_owned() })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
