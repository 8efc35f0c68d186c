//! Channels to people, each with its manners. What a person has is remembered outside.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use quarterdeck_core::id::{ChannelId, IncidentId};
use quarterdeck_reach::notify::{Message, MessageKind, Notifier, Receipt, SendError};
use tokio::sync::mpsc;

use crate::{
    dice::Dice,
    outside::{Answered, Outside},
    weather::{Lie, Manner, Weather},
};

/// A page in somebody's hands.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) incident: IncidentId,
    pub(crate) person: String,
}

/// One channel.
pub(crate) struct Line {
    pub(crate) id: ChannelId,
    pub(crate) weather: Arc<Weather>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) dice: Mutex<Dice>,
    pub(crate) people: mpsc::Sender<Page>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Line {
    fn arrive(&self, message: &Message) -> usize {
        let mut message = message.clone();
        if self.weather.lie == Some(Lie::Unlabelled) {
            message.repeat = false;
        }
        let place = self.outside.arrived(&self.id, &message, !self.weather.disk().is_well());
        if message.kind == MessageKind::Page {
            let page = Page { incident: message.incident, person: message.person };
            // In the end nobody is there any more.
            let told = self.people.try_send(page);
            assert!(
                !matches!(told, Err(mpsc::error::TrySendError::Full(_))),
                "people hear more than they can remember"
            );
        }
        place
    }

    async fn takes(&self, message: &Message, half: Duration) -> Result<Receipt, SendError> {
        tokio::time::sleep(half).await;
        if self.weather.lie == Some(Lie::SaysYes) {
            return Ok(Receipt { text: "thrown away".to_owned() });
        }
        let place = self.arrive(message);
        tokio::time::sleep(half).await;
        let text = format!("taken-{place}");
        self.outside.answered(place, Answered::Taken(text.clone()));
        Ok(Receipt { text })
    }

    async fn refuses(&self, message: &Message, half: Duration) -> SendError {
        tokio::time::sleep(half).await;
        if self.weather.lie == Some(Lie::ComesLate) {
            let (id, outside, message) = (self.id.clone(), Arc::clone(&self.outside), message.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(20)).await;
                outside.arrived(&id, &message, false);
            });
        }
        SendError::Permanent { reason: "no such mailbox".to_owned() }
    }
}

#[async_trait]
impl Notifier for Line {
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let half = self.dice.lock().unwrap().ms(20, 300);
        let unknown = |reason: &str| Err(SendError::Unknown { reason: reason.to_owned() });
        match self.weather.manner(&self.id) {
            Manner::Works => self.takes(message, half).await,
            Manner::Slow(takes) => self.takes(message, takes / 2).await,
            Manner::Hangs { arrives } => {
                if arrives {
                    tokio::time::sleep(half).await;
                    self.arrive(message);
                }
                std::future::pending().await
            }
            Manner::HangsUp => {
                tokio::time::sleep(half).await;
                self.arrive(message);
                tokio::time::sleep(half).await;
                unknown("the connection broke after the request left")
            }
            Manner::Refuses => Err(SendError::retry("connection refused")),
            Manner::Later(after) => {
                tokio::time::sleep(half).await;
                Err(SendError::Retry { after: Some(after), reason: "429 Too Many Requests".to_owned() })
            }
            Manner::Never => Err(self.refuses(message, half).await),
            Manner::Denies => {
                tokio::time::sleep(half).await;
                let place = self.arrive(message);
                tokio::time::sleep(half).await;
                self.outside.answered(place, Answered::Refused);
                Err(SendError::retry("500 Internal Server Error"))
            }
            Manner::Babbles => {
                tokio::time::sleep(half).await;
                unknown("the answer is no HTTP")
            }
        }
    }
}
