//! People: who has a page may answer, some incidents nobody ever answers, and what was not taken is asked again.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use quarterdeck_core::id::IncidentId;
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    channels::Page,
    dice::Dice,
    house::{House, token_of},
    outside::Asked,
    weather::Lie,
};

/// Between two tries of somebody who was not answered.
const AGAIN_AFTER: Duration = Duration::from_secs(4);
/// Tries after which a person gives up.
const TRIES_MAX: usize = 30;

/// All people of the world, with the pages that come into their hands.
pub(crate) struct People {
    pub(crate) house: Arc<House>,
    pub(crate) seed: u64,
    pub(crate) pages: mpsc::Receiver<Page>,
}

impl People {
    pub(crate) async fn live(mut self) {
        let (mut busy, mut tasks) = (BTreeSet::new(), JoinSet::new());
        let mut nth = 0;
        while let Some(page) = self.pages.recv().await {
            // What an incident has in itself: a quarter of them nobody ever answers.
            let ignored = Dice::of(self.seed, &page.incident.to_string()).percent(25);
            nth += 1;
            let mut dice = Dice::of(self.seed, &format!("page {nth}"));
            if ignored || !dice.percent(55) || !busy.insert((page.person.clone(), page.incident)) {
                continue;
            }
            tasks.spawn(Self::answer(Arc::clone(&self.house), page, dice));
        }
    }

    async fn answer(house: Arc<House>, page: Page, mut dice: Dice) {
        tokio::time::sleep(dice.secs(3, 70)).await;
        if !ask(&house, &page, "acknowledge", json!({})).await {
            return;
        }
        if dice.percent(10) {
            ask(&house, &page, "escalate", json!({"text": "more hands"})).await;
        }
        if dice.percent(50) {
            tokio::time::sleep(dice.secs(20, 150)).await;
            ask(&house, &page, "mitigate", json!({"text": "stopped it"})).await;
        }
        if dice.percent(60) {
            tokio::time::sleep(dice.secs(20, 200)).await;
            ask(&house, &page, "resolve", json!({"command": "resolve", "note": "it is over", "override": "I looked"}))
                .await;
        }
    }
}

/// Asks until there is an answer. False: it was refused, or nobody answers.
async fn ask(house: &Arc<House>, page: &Page, word: &'static str, body: Value) -> bool {
    let (person, incident) = (page.person.clone(), page.incident);
    for _ in 0..TRIES_MAX {
        let at = house.outside.now();
        let place = house.outside.with(|record| {
            record.asked.push(Asked { at, person: person.clone(), incident, word, done: false });
            record.asked.len() - 1
        });
        match request(house, &person, incident, word, &body).await {
            Some((status, _)) if (200..300).contains(&status) => {
                house.outside.tell(format!("{person} has {incident} {word}d"));
                house.outside.with(|record| record.asked[place].done = true);
                return true;
            }
            Some((503, _)) | None => tokio::time::sleep(AGAIN_AFTER).await,
            // Somebody else was faster, it is over, or it went with what was lost.
            Some((404 | 409, _)) => return false,
            Some((status, body)) => {
                house.outside.object(format!("{person} asks {word} and is answered {status}: {body}"));
                return false;
            }
        }
    }
    false
}

async fn request(
    house: &Arc<House>,
    person: &str,
    incident: IncidentId,
    word: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    // A command by its own path where it takes more than a text.
    let word = if body.get("command").is_some() { "commands" } else { word };
    let path = format!("/api/v1/incidents/{incident}/{word}");
    house.ask("POST", &path, &token_of(person), body).await
}

/// A lie: speaks for people who said nothing.
pub(crate) async fn forge(house: Arc<House>) {
    while house.weather.lie == Some(Lie::Forged) {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let board = house.life().map(|life| life.published.board());
        let open = board.and_then(|board| {
            board.incidents().find(|it| it.wants_answer()).map(quarterdeck_core::incident::Incident::id)
        });
        if let Some(id) = open {
            drop(request(&house, "dee", id, "acknowledge", &json!({})).await);
        }
    }
}
