//! What leaves by itself and what leaves together, by the rule in `core/src/outbox/bundle.rs`; one attempt for all that is in one
//! message, and for each of them what came of it. Tests: `tests/it/bundles.rs`.

use std::time::Duration;

use quarterdeck_core::{
    id::ChannelId,
    limits::{BUNDLED_MAX, DELIVERY_TIMEOUT},
    outbox::{
        Audience,
        bundle::{Envelope, Leave, Leaving},
    },
    time::human_span,
};

use super::{Back, Deliver, Desk, Missed, SEES_URGENTLY, Silence, Waiting};
use crate::{
    in_force::InForce,
    reaching::{Place, Verdict},
};
use quarterdeck_reach::notify::{Message, SendError, message::bundle};

/// The part of a tier's delay that a page may wait for others: whoever is paged needs the rest to answer.
const OF_DELAY: u32 = 4;

impl Deliver {
    /// What leaves next by a channel, alone or together; none: it waits for others.
    pub(super) fn next(&self, desk: &mut Desk, channel: &ChannelId) -> Option<Vec<Waiting>> {
        let board = self.engine.published().board();
        let first = desk.queue.next(channel)?;
        let delivery = &first.row.delivery;
        let incident = board.incident(delivery.incident);
        let in_force = self.live.now();
        let bundles = in_force.channels.get(channel).is_some_and(|notifier| notifier.bundles());
        let mut window = if bundles { in_force.setting.rules.bundle } else { Duration::ZERO };
        // Never so long that the next tier is paged while this page waits.
        let tiers = incident.map(|incident| incident.escalation().policy.tiers.iter().map(|tier| tier.delay));
        if let Some(shortest) = tiers.and_then(Iterator::min) {
            window = window.min(shortest / OF_DELAY);
        }
        let leaving = Leaving::of(delivery, incident, first.row.attempts, first.waited);
        let leave = match desk.pacing.leave(&leaving, window, self.clock.now()) {
            Leave::Later(_) if desk.closing => Leave::Together,
            leave => leave,
        };
        match leave {
            Leave::Now => desk.queue.take(channel).map(|one| vec![one]),
            Leave::Later(until) => {
                desk.queue.hold(channel, until);
                None
            }
            Leave::Together => {
                let envelope = leaving.envelope;
                let same = |other: &Waiting| {
                    let delivery = &other.row.delivery;
                    Envelope::of(delivery, board.incident(delivery.incident)) == envelope
                };
                Some(desk.queue.take_with(channel, BUNDLED_MAX, same))
            }
        }
    }

    /// One attempt for all of these, which go to one contact, and what follows from its answer for each.
    pub(super) async fn hand_over(&self, together: Vec<Waiting>, mut place: Place) -> Vec<Back> {
        let in_force = self.live.now();
        let (mut back, mut leaving, mut messages) = (Vec::new(), Vec::new(), Vec::new());
        for mut waiting in together {
            waiting.begun.get_or_insert(self.clock.elapsed());
            match self.words(&waiting, &in_force).await {
                Ok(message) => {
                    messages.push(message);
                    leaving.push(waiting);
                }
                Err(missed) => back.push(self.follow(waiting, Err(missed), Silence::None).await),
            }
        }
        let count = leaving.len();
        let Some((channel, message)) = leaving.first().map(channel_of).zip(bundle(messages, &in_force.base_url)) else {
            return back;
        };
        let sees = place.sees();
        let is_urgent = leaving.iter().any(|waiting| self.urgency(&waiting.row).is_urgent());
        let patience = if sees && is_urgent { SEES_URGENTLY } else { DELIVERY_TIMEOUT };
        let sent = send(&in_force, &channel, &message, patience).await;
        let (at, now) = (self.clock.now(), self.clock.elapsed());
        let mute =
            matches!(&sent, Err(Missed::Channel(SendError::Unknown { .. } | SendError::Retry { after: None, .. })));
        match &sent {
            Ok(_) => place.tell(Verdict::Answered, None, at, now),
            Err(Missed::Channel(error)) => {
                let verdict = if mute { Verdict::Mute } else { Verdict::Answered };
                place.tell(verdict, Some(&error.to_string()), at, now);
            }
            Err(Missed::Ours(_) | Missed::Unwanted(_)) => {}
        }
        drop(place);
        let sent =
            sent.map(|receipt| if count > 1 { format!("{receipt}, in one message about {count}") } else { receipt });
        let silence = match (mute, sees) {
            (false, _) => Silence::None,
            (true, false) => Silence::Once,
            (true, true) => Silence::Again,
        };
        let each = leaving.into_iter().map(|waiting| self.follow(waiting, again(&sent), silence));
        back.extend(futures_util::future::join_all(each).await);
        back
    }

    /// What one of them says, if it is still wanted.
    async fn words(&self, waiting: &Waiting, in_force: &InForce) -> Result<Message, Missed> {
        self.shown(waiting.row.decided).await.map_err(Missed::Ours)?;
        self.message(&waiting.row, in_force).await
    }
}

fn channel_of(waiting: &Waiting) -> ChannelId {
    let Audience::Contact { channel, .. } = &waiting.row.delivery.to;
    channel.clone()
}

async fn send(
    in_force: &InForce,
    channel: &ChannelId,
    message: &Message,
    patience: Duration,
) -> Result<String, Missed> {
    let Some(notifier) = in_force.channels.get(channel) else {
        let reason = format!("no channel `{channel}` is configured");
        return Err(Missed::Ours(SendError::Permanent { reason }));
    };
    let sent = tokio::time::timeout(patience, notifier.send(message))
        .await
        .unwrap_or_else(|_| Err(SendError::Unknown { reason: format!("no answer within {}", human_span(patience)) }));
    let receipt = sent.map_err(Missed::Channel)?;
    Ok(if message.repeat { format!("{} (repeat)", receipt.text) } else { receipt.text })
}

/// The same answer for one more.
fn again(sent: &Result<String, Missed>) -> Result<String, Missed> {
    let same = |error: &SendError| match error {
        SendError::Retry { after, reason } => SendError::Retry { after: *after, reason: reason.clone() },
        SendError::Permanent { reason } => SendError::Permanent { reason: reason.clone() },
        SendError::Unknown { reason } => SendError::Unknown { reason: reason.clone() },
    };
    match sent {
        Ok(receipt) => Ok(receipt.clone()),
        Err(Missed::Ours(error)) => Err(Missed::Ours(same(error))),
        Err(Missed::Channel(error)) => Err(Missed::Channel(same(error))),
        Err(Missed::Unwanted(reason)) => Err(Missed::Unwanted(reason.clone())),
    }
}
