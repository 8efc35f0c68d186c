//! Validations through the kills: whoever was told that a check is made has its answer in the end, and once. No incident here is mitigated,
//! so that every answer is one that somebody asked for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use quarterdeck_core::{
    id::IncidentId,
    incident::{ChecksEvent, IncidentEvent},
};
use quarterdeck_server::{app::Running, engine::read};
use serde_json::json;

use crate::{Outside, PATIENCE, TOKEN, lock};

/// The check, which asks the receiver.
pub(crate) fn check(receiver: &str) -> String {
    format!("[[check]]\nname = \"up\"\nkind = \"http\"\nurl = \"{receiver}\"\nstatus = [200, 405]\n")
}

/// Has acknowledged incidents checked until the program is gone. What was not answered is asked again.
pub(crate) async fn validate_until_gone(http: reqwest::Client, url: String, outside: Arc<Outside>) {
    loop {
        let open: Vec<IncidentId> = lock(&outside.acknowledged).iter().copied().collect();
        let done: BTreeSet<IncidentId> = lock(&outside.validated).clone();
        for incident in open.into_iter().filter(|incident| !done.contains(incident)) {
            let asked = http.post(format!("{url}/api/v1/incidents/{incident}/commands")).bearer_auth(TOKEN);
            let Ok(answer) = asked.json(&json!({"command": "validate"})).send().await else { return };
            assert!(answer.status().is_success(), "{incident}: {}", answer.status());
            lock(&outside.validated).insert(incident);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until nobody waits for a check. Level, not edge.
pub(crate) async fn answered(running: &Running) {
    let up = "up".parse().unwrap();
    let all = async {
        while read(&running.engine.published().board).incidents().any(|one| one.check_asked(&up).is_some()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("a validation stays without an answer");
}

/// As many answers as questions, and no fewer questions than were promised.
pub(crate) fn judge(outside: &Outside, events: &[IncidentEvent]) -> usize {
    let (mut asked, mut answers) = (0, 0);
    for event in events {
        match event {
            IncidentEvent::Checks(ChecksEvent::ValidationAsked { checks, .. }) => asked += checks.len(),
            IncidentEvent::Checks(event) => {
                answers += 1;
                let seen = &event.judged().unwrap().seen;
                assert!(matches!(event, ChecksEvent::CheckPassed(_)), "the receiver always answers: {seen}");
            }
            _ => {}
        }
    }
    assert_eq!(answers, asked, "a validation is answered once, and none is left");
    let promised = lock(&outside.validated).len();
    assert!(asked >= promised, "{promised} validations were promised, {asked} are there");
    promised
}
