//! Worlds in which things go wrong, each drawn from one seed: the real program on a virtual clock, with kills, full and slow disks,
//! commits whose answer is lost, older and torn stores, channels that fail in every way, clocks that step, a second program and clients
//! that never finish. Afterwards nothing that was promised is lost, nothing that is owed is forgotten, nothing in the log is untrue,
//! and at every moment somebody was reached or a fault was shown (docs/adr/0069-worlds-in-which-things-go-wrong.md).
//!
//! A seed that fails tells its story, and can be run again: `QUARTERDECK_SEED=7 cargo test -p quarterdeck-server --test faults`.
//! `QUARTERDECK_SEEDS` says how many there are.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

#[path = "faults/channels.rs"]
mod channels;
#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/dice.rs"]
mod dice;
#[path = "faults/house.rs"]
mod house;
#[path = "faults/judge.rs"]
mod judge;
#[path = "faults/monitors.rs"]
mod monitors;
#[path = "faults/outside.rs"]
mod outside;
#[path = "faults/people.rs"]
mod people;
#[path = "faults/plan.rs"]
mod plan;
#[path = "faults/store.rs"]
mod store;
#[path = "faults/watch.rs"]
mod watch;
#[path = "faults/weather.rs"]
mod weather;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet};

use self::{
    dice::Dice,
    house::House,
    monitors::Claim,
    outside::Outside,
    people::People,
    plan::{CALM, Plan, TROUBLE},
    watch::Watcher,
    weather::{Lie, Weather},
};

/// Seeds in every run of the tests.
const SEEDS: u64 = 24;
/// Seeds that once found something, in every run as well.
const FOUND: [u64; 9] = [80, 106, 141, 160, 209, 272, 274, 277, 383];
/// How many seeds there are; unset: [`SEEDS`].
const COUNT: &str = "QUARTERDECK_SEEDS";
/// The only seed.
const ONE: &str = "QUARTERDECK_SEED";
/// Pages in people's hands that they have not looked at.
const PAGES_MAX: usize = 100_000;
/// One world in so many is served on a socket.
const OPEN_EACH: u64 = 8;

/// What a world was like.
#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<String, u64>,
    objections: Vec<String>,
    story: String,
}

/// One world from its beginning to its end.
fn world(seed: u64, lie: Option<Lie>) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let tally = tokio::task::LocalSet::new().block_on(&runtime, play(seed, lie));
    runtime.shutdown_timeout(Duration::from_secs(5));
    tally
}

async fn play(seed: u64, lie: Option<Lie>) -> Tally {
    let outside = Outside::new();
    let (hands, pages) = mpsc::channel(PAGES_MAX);
    let is_open = lie.is_none() && seed.is_multiple_of(OPEN_EACH);
    let weather = |reserve| Weather::new(lie, reserve);
    let house = House::new(seed, is_open, Arc::clone(&outside), weather, hands);
    let plan = lie.map_or_else(|| Plan::draw(seed, house.is_open()), |lie| Plan::for_lie(seed, lie));
    house.start(None).await.unwrap();
    let mut living = JoinSet::new();
    living.spawn_local(plan::supervise(Arc::clone(&house)));
    living.spawn_local(Watcher::of(&house).live());
    living.spawn_local(People { house: Arc::clone(&house), seed, pages }.live());
    living.spawn_local(people::forge(Arc::clone(&house)));
    for nth in 0..4 + Dice::of(seed, "claims").below(6) {
        living.spawn_local(Claim::new(&house, seed, nth).live(TROUBLE));
    }
    if lie == Some(Lie::ClockStands) {
        let wall = Arc::clone(&outside.wall);
        living.spawn_local(async move {
            tokio::time::sleep(Duration::from_mins(4)).await;
            wall.stand_still();
        });
    }
    plan.happen(&house).await;
    tokio::time::sleep(TROUBLE.saturating_sub(outside.now())).await;
    house.weather.clear();
    outside.tell("CALM: nothing goes wrong any more");
    tokio::time::sleep(CALM).await;
    let alone = house.alone.lock().await;
    living.abort_all();
    while let Some(ended) = living.join_next().await {
        // Aborted on purpose; a panic inside is a defect of this test.
        assert!(ended.as_ref().is_ok() || ended.as_ref().is_err_and(tokio::task::JoinError::is_cancelled), "{ended:?}");
    }
    drop(alone);
    judge::judge(&house).await;
    let story = outside.story();
    outside.with(|record| {
        let mut counts = std::mem::take(&mut record.counts);
        let of = |what: &str| what.to_owned();
        counts.insert(of("inputs taken"), record.inputs.iter().filter(|input| input.taken.is_some()).count() as u64);
        counts.insert(of("messages that arrived"), record.arrivals.len() as u64);
        counts.insert(of("asked by people"), record.asked.len() as u64);
        counts.insert(of("starts"), record.starts);
        counts.insert(of("events"), record.log);
        Tally { counts, objections: record.objections.iter().cloned().collect(), story }
    })
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how somebody asks for more, or for one again")]
fn whatever_goes_wrong_nothing_is_lost_forgotten_or_untrue() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds: BTreeSet<u64> = match (number(ONE), number(COUNT)) {
        (Some(seed), _) => BTreeSet::from([seed]),
        (None, Some(count)) => (0..count).collect(),
        (None, None) => (0..SEEDS).chain(FOUND).collect(),
    };
    let begun = std::time::Instant::now();
    let (mut counts, mut failed) = (BTreeMap::<String, u64>::new(), Vec::new());
    let count = seeds.len();
    for seed in seeds {
        let tally = world(seed, None);
        for (what, times) in tally.counts {
            *counts.entry(what).or_default() += times;
        }
        if !tally.objections.is_empty() {
            println!("SEED {seed}\n{}", tally.story);
            failed.push((seed, tally.objections));
        }
    }
    println!("{count} seeds in {:.1} s", begun.elapsed().as_secs_f64());
    for (what, times) in &counts {
        println!("{times:>9}  {what}");
    }
    assert!(failed.is_empty(), "{} of {count} seeds: {failed:#?}", failed.len());
}

#[track_caller]
fn objects(lie: Lie, to: &str) {
    let tally = world(1, Some(lie));
    let objected = tally.objections.iter().any(|objection| objection.contains(to));
    assert!(objected, "{lie:?}: {:#?}\n{}", tally.objections, tally.story);
}

#[test]
fn a_world_in_which_an_input_is_lost_is_objected_to() {
    objects(Lie::OlderStore, ", and lost it");
}
#[test]
fn a_world_in_which_duties_are_forgotten_is_objected_to() {
    objects(Lie::ClockStands, "duties are forgotten");
}
#[test]
fn a_world_in_which_a_page_is_thrown_away_is_objected_to() {
    objects(Lie::SaysYes, "was handed over (thrown away), and nobody has it");
}
#[test]
fn a_world_in_which_a_failed_page_arrives_is_objected_to() {
    objects(Lie::ComesLate, "failed (no such mailbox), and it arrived");
}
#[test]
fn a_world_in_which_a_repeat_is_not_labelled_is_objected_to() {
    objects(Lie::Unlabelled, "and does not say so");
}
#[test]
fn a_world_in_which_somebody_speaks_for_a_person_is_objected_to() {
    objects(Lie::Forged, "by dee, who asked");
}
#[test]
fn a_world_in_which_the_published_log_is_changed_is_objected_to() {
    objects(Lie::Touched, "log does not verify");
}
#[test]
fn a_world_in_which_nobody_hears_and_nothing_is_shown_is_objected_to() {
    objects(Lie::LooksWell, "nobody has heard of it, and health shows []");
}
