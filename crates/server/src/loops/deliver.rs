//! Hands deliveries to channels. The intent is durable before we look (the outbox), the outcome is a command to the engine.
//!
//! A delivery says what it is, and which event of the log decided it; nothing leaves before that event is published, and nothing
//! is concluded from what is absent. Whether it is still wanted is a rule (`core/src/outbox.rs`).
//!
//! What happens when we stop in between: the outbox says that an attempt was under way. It may have arrived, so it is sent once
//! more, labelled a repeat; if we stop in between again, it is settled as unknown and the rules turn to the next channel.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use quarterdeck_core::{
    id::DeliveryId,
    incident::PageOutcome,
    limits::{ATTEMPTS_PER_CHANNEL_MAX, DELIVERIES_IN_FLIGHT_MAX, DELIVERY_TIMEOUT, RETRY_AFTER_MAX},
    outbox::{self, Audience},
    time::Timestamp,
};
use tokio::{
    sync::{Semaphore, broadcast, watch},
    task::JoinSet,
};

use crate::{
    engine::{LoadError, Work, read},
    in_force::{InForce, Live},
    loops::engine::EngineHandle,
};
use quarterdeck_host::clock::Clock;
use quarterdeck_reach::notify::{
    Message, SendError,
    message::{Sending, compose},
};
use quarterdeck_store::{Outgoing, Store, StoreError};

/// The pause before the second attempt on a channel that said nothing about when; doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest sleep between two looks at the outbox: a page put back for later is due at most this much late.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(500);

/// Everything a delivery needs.
pub struct Deliver {
    /// Where deliveries wait.
    pub store: Arc<dyn Store>,
    /// Where outcomes go.
    pub engine: EngineHandle,
    /// Channels, people's names, and the console's address for the link in a page.
    pub live: Arc<Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Deliveries whose attempt was under way when we stopped last.
    pub may_have_arrived: Mutex<BTreeSet<DeliveryId>>,
}

impl Deliver {
    /// Takes up what was under way when we stopped. Call once, before [`Deliver::run`].
    pub async fn take_up(&self) -> Result<(), StoreError> {
        for row in self.store.outbox(usize::MAX).await? {
            let id = row.delivery.id;
            if !row.under_way {
                // Put back by us after a stop, and stopped again before it left? We cannot tell, so it says that it may be a repeat.
                if row.attempts > 0 {
                    lock(&self.may_have_arrived).insert(id);
                }
                continue;
            }
            if row.attempts > 1 {
                let error = "stopped again while it was under way".to_owned();
                self.settle(&row, PageOutcome::Unknown { error }, Duration::ZERO).await;
            } else {
                lock(&self.may_have_arrived).insert(id);
                self.store.release(id, self.clock.now()).await?;
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
            for row in claimed {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let this = Arc::clone(&self);
                attempts.spawn(async move {
                    this.deliver(row).await;
                    drop(place);
                });
            }
        }
        while attempts.join_next().await.is_some() {}
    }

    async fn claim(&self, limit: usize) -> Vec<Outgoing> {
        match self.store.claim(self.clock.now(), limit).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "cannot look for what is to be delivered");
                Vec::new()
            }
        }
    }

    /// One attempt, and what follows from its answer.
    pub async fn deliver(&self, row: Outgoing) {
        let began = self.clock.elapsed();
        let outcome = self.attempt(&row).await;
        let latency = self.clock.elapsed().saturating_sub(began);
        let settled = match outcome {
            Ok(receipt) => PageOutcome::Delivered { receipt },
            Err(SendError::Permanent { reason }) => PageOutcome::Failed { error: reason },
            Err(SendError::Unknown { reason }) => PageOutcome::Unknown { error: reason },
            Err(SendError::Retry { reason, .. }) if row.attempts >= ATTEMPTS_PER_CHANNEL_MAX => {
                PageOutcome::Failed { error: format!("{reason} (attempt {})", row.attempts) }
            }
            Err(SendError::Retry { after, .. }) => {
                self.put_back(&row, after).await;
                return;
            }
        };
        Self::count(&row, &settled, latency);
        self.settle(&row, settled, latency).await;
    }

    async fn attempt(&self, row: &Outgoing) -> Result<String, SendError> {
        let Audience::Contact { channel, .. } = &row.delivery.to;
        let in_force = self.live.now();
        let Some(notifier) = in_force.channels.get(channel) else {
            return Err(SendError::Permanent { reason: format!("no channel `{channel}` is configured") });
        };
        self.shown(row.decided).await?;
        let message = self.message(row, &in_force).await?;
        match tokio::time::timeout(DELIVERY_TIMEOUT, notifier.send(&message)).await {
            Ok(sent) => {
                sent.map(|receipt| if message.repeat { format!("{} (repeat)", receipt.text) } else { receipt.text })
            }
            Err(_) => Err(SendError::Unknown { reason: format!("no answer within {} s", DELIVERY_TIMEOUT.as_secs()) }),
        }
    }

    /// What a delivery says now, if anybody still wants it. Of an incident that cannot be read somebody hears that.
    async fn message(&self, row: &Outgoing, in_force: &InForce) -> Result<Message, SendError> {
        let incident = match self.engine.published().incident(row.delivery.incident).await {
            Ok(incident) => incident,
            Err(LoadError::Damaged { .. }) => None,
            Err(LoadError::Store(error)) => return Err(SendError::retry(error.to_string())),
        };
        let wanted = incident.as_ref().map_or(Ok(()), |incident| outbox::wanted(incident, &row.delivery));
        wanted.map_err(|unwanted| SendError::Permanent { reason: unwanted.to_string() })?;
        let repeated = lock(&self.may_have_arrived).contains(&row.delivery.id);
        let (setting, base_url) = (&*in_force.setting, in_force.base_url.as_str());
        let sending = Sending { setting, base_url, at: row.not_before, repeated };
        Ok(compose(incident.as_deref(), &row.delivery, sending))
    }

    /// Waits until the event at this place of the log is published: it is in the outbox a moment before.
    async fn shown(&self, place: u64) -> Result<(), SendError> {
        let published = self.engine.published();
        let mut news = published.news.subscribe();
        let shown = async {
            while read(&published.head).size <= place {
                // Told, or told more than is kept: the head is looked at again either way.
                if matches!(news.recv().await, Err(broadcast::error::RecvError::Closed)) {
                    break;
                }
            }
        };
        let waited = tokio::time::timeout(DELIVERY_TIMEOUT, shown).await;
        waited.map_err(|_| {
            SendError::retry(format!("the event at {place} of the log, which decided it, is not published"))
        })
    }

    async fn put_back(&self, row: &Outgoing, after: Option<Duration>) {
        let doubled = FIRST_PAUSE.saturating_mul(1 << row.attempts.saturating_sub(1).min(6));
        let pause = after.unwrap_or(doubled).min(RETRY_AFTER_MAX);
        let not_before: Timestamp = self.clock.now().plus(pause);
        if let Err(error) = self.store.release(row.delivery.id, not_before).await {
            tracing::error!(%error, delivery = %row.delivery.id, "cannot put a delivery back");
        }
    }

    /// Counts what became of a delivery.
    fn count(row: &Outgoing, outcome: &PageOutcome, latency: Duration) {
        let word = match outcome {
            PageOutcome::Delivered { .. } => "delivered",
            PageOutcome::Failed { .. } => "failed",
            PageOutcome::Unknown { .. } => "unknown",
        };
        let Audience::Contact { channel, .. } = &row.delivery.to;
        let channel = channel.to_string();
        metrics::counter!("quarterdeck_pages_total", "channel" => channel.clone(), "outcome" => word).increment(1);
        metrics::histogram!("quarterdeck_page_seconds", "channel" => channel).record(latency.as_secs_f64());
    }

    /// Tells the engine until it is durable: an outcome that is not told would be sent again.
    async fn settle(&self, row: &Outgoing, outcome: PageOutcome, latency: Duration) {
        let id = row.delivery.id;
        loop {
            let (delivery, outcome) = (row.delivery.clone(), outcome.clone());
            match self.engine.ask(Work::Settle { delivery, outcome, latency }).await {
                Ok(_) | Err(crate::engine::EngineError::Stopped) => {
                    lock(&self.may_have_arrived).remove(&id);
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, delivery = %id, "cannot record what became of a delivery, trying again");
                    tokio::time::sleep(LOOK_AT_LEAST_EVERY).await;
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
