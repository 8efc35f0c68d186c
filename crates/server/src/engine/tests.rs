//! What no rule can be made to do from outside: a decided event that does not fold.

use quarterdeck_core::{
    id::{Name, SeededIds},
    incident::{Actor, ClaimsEvent, IncidentEvent, LifeEvent, RoomEvent},
    journal::Body,
    policy::Roster,
    priority::Weights,
    setting::Rules,
    signal::Signal,
};
use quarterdeck_store::memory::MemoryStore;

use super::*;

fn parts() -> Surroundings {
    let setting = Setting {
        roster: Roster::default(),
        catalogue: Arc::default(),
        rules: Rules::default(),
        default_policy: Name::new("nobody").unwrap(),
        weights: Weights::default(),
    };
    let signer = SignerKey::from_seed("test.invalid/log", &[7; 32]).unwrap();
    let (ids, salts) = (Box::new(SeededIds::new(1)), Box::new(SeededIds::new(2)));
    Surroundings { setting: Arc::new(setting), ids, salts, signer }
}

fn signal() -> Arc<Signal> {
    let text = include_str!("../../../core/tests/golden/signal_attached.v1.json");
    let Body::Incident(IncidentEvent::Claims(ClaimsEvent::SignalAttached { signal })) =
        Body::from_json(&Stream::Incident(IncidentId::from_bytes([0; 16])), text).unwrap()
    else {
        panic!("{text}")
    };
    signal
}

#[tokio::test]
async fn a_decided_event_that_does_not_fold_is_not_stored_and_its_history_is_set_aside() {
    let now = Timestamp::from_secs(1_000_000);
    let store = MemoryStore::new();
    let mut engine = Engine::start(store.clone(), parts()).await.unwrap();
    let hear = Work::Hear {
        changes: vec![SignalChange::Raised { signal: signal() }],
        cursors: Vec::new(),
        snapshots: Vec::new(),
    };
    let heard = engine.step(vec![hear], now).await.unwrap();
    let Answer::Heard(fates) = &heard[0] else { panic!("{heard:?}") };
    let id = incident_of(&fates[0]).unwrap();
    let stream = Stream::Incident(id);
    let version = engine.working.incident(id).unwrap().version() + 1;
    let event = |version, event| Recorded { stream, version, at: now, body: Body::Incident(event) };
    let before = store.size().await.unwrap();

    // The first of the two would fold by itself.
    let note = IncidentEvent::Room(RoomEvent::NoteAdded { by: Actor::System, text: "half a command".to_owned() });
    let wrong = IncidentEvent::Life(LifeEvent::AcknowledgementExpired {});
    let answer = engine.done(vec![event(version, note), event(version + 1, wrong)], now);
    assert!(matches!(&answer, Answer::Refused(Refusal::SetAside { id: aside, .. }) if *aside == id), "{answer:?}");
    let batch = engine.hand_over().unwrap().unwrap();
    let kinds: Vec<_> = batch.events.iter().filter_map(|event| recorded_of(event).unwrap()).collect();
    let kinds: Vec<_> = kinds.iter().map(|recorded| recorded.body.kind()).collect();
    assert_eq!(kinds[..2], ["stream_set_aside.v1", "opened.v1"], "nothing of the command, and people are told");
    assert!(batch.timers.contains(&(stream, None)), "nothing is owed to it any more");
    let appended = store.append(batch).await;
    engine.land(appended).await.unwrap();
    assert!(store.size().await.unwrap() > before);

    let command = Command::Life(LifeCommand::Acknowledge { by: Actor::System });
    let answers = engine.step(vec![Work::Command { incident: id, command }], now).await.unwrap();
    assert!(matches!(&answers[0], Answer::Refused(Refusal::SetAside { .. })), "{answers:?}");
    assert!(engine.refold().await.unwrap());
    let again = Engine::start(store, parts()).await.unwrap();
    assert!(*again.published().board() == *engine.published().board());
}
