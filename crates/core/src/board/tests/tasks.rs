use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    id::TaskId,
    incident::{
        RoomCommand, TasksCommand, TasksEvent,
        tasks::{
            Task,
            command::{Claiming, Which},
        },
    },
    limits::TASKS_PER_INCIDENT_MAX,
    resource::Resource,
    time::When,
};

const MINUTE: u64 = 60;

fn bob() -> Actor {
    Actor::Person(name("bob"))
}

fn claiming(reason: &str) -> Claiming {
    Claiming { reason: reason.to_owned(), ..Claiming::default() }
}

/// Adds a task that acts on these, and claims it at once if there is how.
fn add(by: Actor, title: &str, on: &[&str], claim: Option<Claiming>) -> Command {
    let resources = on.iter().map(|one| (*one).to_owned()).collect();
    Command::Tasks(TasksCommand::Add { by, title: title.to_owned(), assignee: None, due: None, resources, claim })
}

fn claim(by: Actor, number: u32, reason: &str) -> Command {
    Command::Tasks(TasksCommand::Claim { by, task: Which::Number(number), claiming: claiming(reason) })
}

fn finish(by: Actor, number: u32) -> Command {
    Command::Tasks(TasksCommand::Finish { by, task: Which::Number(number), note: "done".to_owned() })
}

impl Desk {
    fn task(&self, id: IncidentId, number: u32) -> &Task {
        self.incident(id).find_task(Which::Number(number)).unwrap()
    }
    /// Two incidents that somebody is on, so that nothing else is due.
    fn with_two() -> (Self, IncidentId, IncidentId) {
        let mut desk = Self::new();
        let (one, two) = (desk.open(about("db", "slow")), desk.open(about("mail", "full")));
        for id in [one, two] {
            desk.ask(id, Command::Life(LifeCommand::Acknowledge { by: ann() }));
        }
        desk.duties();
        (desk, one, two)
    }
}

#[test]
fn one_thing_is_held_by_one_claim_over_all_incidents() {
    let (mut desk, one, two) = Desk::with_two();
    assert_eq!(
        desk.ask(one, add(ann(), "pause the bridge", &["flag:Bridge"], Some(claiming("")))),
        "task_added; task_claimed"
    );
    let refused = desk.refused(two, add(bob(), "unpause it", &["flag: bridge"], Some(claiming(""))));
    let Refusal::Held { held } = &refused else { panic!("{refused}") };
    assert_eq!((held.len(), held[0].incident, held[0].number, &held[0].claim.by), (1, one, 1, &ann()));
    let said = refused.to_string();
    assert!(
        said.starts_with(&format!("flag:bridge is held by ann for task 1 of {one} (pause the bridge) until ")),
        "{said}"
    );
    // A task that nobody is on holds nothing, and whoever adds it sees who does.
    assert_eq!(desk.ask(two, add(bob(), "unpause it", &["flag:bridge"], None)), "task_added");
    assert_eq!(desk.refused(two, claim(bob(), 1, " ")).code(), "held");
    // The same person is in their own way only from another incident.
    assert_eq!(
        desk.ask(one, add(ann(), "tell users", &["flag:bridge"], Some(claiming("")))),
        "task_added; task_claimed"
    );
    assert_eq!(desk.refused(two, claim(ann(), 1, "")).code(), "held");
    desk.ask(one, finish(ann(), 1));
    desk.ask(one, finish(ann(), 2));
    assert_eq!(desk.ask(two, claim(bob(), 1, "")), "task_claimed", "free again");
    assert_eq!(desk.board.all_held(desk.now).len(), 1);
}

#[test]
fn going_ahead_takes_a_reason_and_both_incidents_say_so_and_the_holder_is_told() {
    let (mut desk, one, two) = Desk::with_two();
    desk.ask(one, add(ann(), "pause", &["flag:bridge", "dns:a.example"], Some(claiming(""))));
    let said = desk.ask(two, add(bob(), "unpause", &["flag:bridge"], Some(claiming("ann does not answer"))));
    let task = desk.task(one, 1).id;
    assert_eq!(
        said,
        format!("task_added; task_claimed; claim_overridden; page ann by push (ClaimOverridden {{ task: {task} }})")
    );
    let told = desk.task(one, 1).overridden.as_ref().unwrap();
    assert_eq!((&told.by, told.incident, told.title.as_str()), (&bob(), two, "unpause"));
    // Both are on it now, and a third person hears of both.
    let refused = desk.refused(two, add(Actor::Token("script".to_owned()), "x", &["flag:bridge"], Some(claiming(""))));
    assert!(matches!(&refused, Refusal::Held { held } if held.len() == 2), "{refused}");
    assert!(desk.task(one, 1).claim().is_some() && desk.task(two, 1).claim().is_some());
    // A page that does not arrive goes to the next contact, though somebody is on the incident.
    assert_eq!(desk.settle(one, &failed()), "page_settled; page ann by mail (Failed, a repeat)");
}

#[test]
fn a_task_has_one_claimant_and_changes_hands_with_a_reason() {
    let (mut desk, one, _) = Desk::with_two();
    desk.ask(one, add(ann(), "look at it", &[], Some(claiming(""))));
    let refused = desk.refused(one, claim(bob(), 1, ""));
    assert!(refused.to_string().starts_with("ann is on task 1 of inc_"), "{refused}");
    for behind_their_back in [
        finish(bob(), 1),
        Command::Tasks(TasksCommand::Drop { by: bob(), task: Which::Number(1), note: "no".to_owned() }),
        Command::Tasks(TasksCommand::Release { by: bob(), task: Which::Number(1) }),
        Command::Tasks(TasksCommand::Renew { by: bob(), task: Which::Number(1), until: None }),
    ] {
        assert_eq!(desk.refused(one, behind_their_back).code(), "held");
    }
    let said = desk.ask(one, claim(bob(), 1, "she sleeps"));
    assert!(said.starts_with("task_claimed; claim_overridden; page ann by push"), "{said}");
    assert_eq!(desk.task(one, 1).claim().unwrap().by, bob());
    assert_eq!(desk.ask(one, finish(bob(), 1)), "task_done");
    assert_eq!(desk.refused(one, claim(ann(), 1, "")).code(), "task_over");
}

#[test]
fn a_claim_ends_by_itself_and_its_holder_is_told() {
    let (mut desk, one, two) = Desk::with_two();
    desk.ask(one, add(ann(), "pause", &["flag:bridge"], Some(claiming(""))));
    let task = desk.task(one, 1).id;
    desk.wait(29 * MINUTE);
    assert_eq!(desk.ask(one, claim(ann(), 1, "")), "claim_renewed", "claimed again is renewed");
    desk.wait(29 * MINUTE);
    // Its time is up before anybody has carried that out: it is in nobody's way any more.
    desk.ask(one, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.ask(two, Command::Life(LifeCommand::Acknowledge { by: ann() }));
    desk.wait(MINUTE);
    assert_eq!(desk.ask(two, add(bob(), "x", &["flag:bridge"], Some(claiming("")))), "task_added; task_claimed");
    assert_eq!(
        desk.refused(one, Command::Tasks(TasksCommand::Renew { by: ann(), task: Which::Number(1), until: None }))
            .code(),
        "not_claimed"
    );
    assert_eq!(desk.duties(), format!("claim_expired; page ann by push (ClaimRanOut {{ task: {task} }})"));
    assert_eq!(desk.task(one, 1).state.word(), "open");
}

#[test]
fn a_task_past_its_time_is_told_once_to_whoever_is_on_it_or_next_in_line() {
    let (mut desk, one, _) = Desk::with_two();
    let due = Some(When::In(Duration::from_secs(10 * MINUTE)));
    let add = |title: &str, assignee: Option<&str>| {
        Command::Tasks(TasksCommand::Add {
            by: bob(),
            title: title.to_owned(),
            assignee: assignee.map(name),
            due,
            resources: Vec::new(),
            claim: None,
        })
    };
    desk.ask(one, add("for nobody", None));
    desk.ask(one, add("for bob", Some("bob")));
    desk.ask(one, add("for mute", Some("mute")));
    desk.ask(one, Command::Life(LifeCommand::Mitigate { by: ann(), note: "stopped".to_owned() }));
    let said = desk.after(10 * MINUTE);
    let mut tasks: Vec<&Task> = desk.incident(one).tasks().values().collect();
    tasks.sort_by_key(|task| task.id);
    let line = |task: &Task| {
        let told = match task.title.as_str() {
            "for bob" => "page bob by push",
            "for mute" => "impossible: person `mute` has no contact; page ann by push",
            _ => "page ann by push",
        };
        format!("task_overdue; {told} (TaskOverdue {{ task: {} }})", task.id)
    };
    assert_eq!(
        said,
        tasks.into_iter().map(line).collect::<Vec<_>>().join("; "),
        "tasks go on when the harm has stopped"
    );
    // Where a page cannot arrive the next in line hears of it, and nobody twice.
    let said = desk.settle(one, &failed());
    assert!(said.contains("impossible: every contact was tried; page ann by push"), "{said}");
    while !desk.settle(one, &failed()).is_empty() {}
    let told = |task: &Task, person: &str| {
        let pages = desk.incident(one).pages().values();
        pages.filter(|page| page.person == name(person) && page.reason.task() == Some(task.id)).count()
    };
    let of_bob = desk.task(one, 2);
    assert_eq!((told(of_bob, "bob"), told(of_bob, "ann"), told(of_bob, "boss")), (1, 1, 1));
    // Another due time is told anew.
    let later = Command::Tasks(TasksCommand::Change { by: bob(), task: Which::Number(2), assignee: None, due });
    assert_eq!(desk.ask(one, later.clone()), "task_changed");
    assert_eq!(desk.ask(one, later), "", "nothing new");
    assert!(desk.after(10 * MINUTE).starts_with("task_overdue; page bob by push"));
}

#[test]
fn whoever_is_given_a_task_is_paged_and_not_after_the_end() {
    let (mut desk, one, _) = Desk::with_two();
    desk.ask(one, add(bob(), "pause", &[], None));
    let give = |whom: &str| {
        let (by, assignee) = (bob(), Some(name(whom)));
        Command::Tasks(TasksCommand::Change { by, task: Which::Number(1), assignee, due: None })
    };
    let said = desk.ask(one, give("ann"));
    assert!(said.starts_with("task_changed; page ann by push (TaskAssigned"), "{said}");
    assert_eq!(desk.ask(one, give("bob")), "task_changed", "nobody is paged by themselves");
    desk.ask(one, Command::Life(LifeCommand::Resolve { by: ann(), note: "stopped".to_owned(), closing: in_spite() }));
    assert_eq!(desk.ask(one, give("ann")), "task_changed", "what is left to do has until morning");
}

#[test]
fn claims_go_on_in_the_incident_that_it_became_part_of_and_end_when_it_is_over() {
    let (mut desk, one, two) = Desk::with_two();
    desk.ask(two, add(ann(), "first there", &[], None));
    desk.ask(one, add(bob(), "pause", &["flag:bridge"], Some(claiming(""))));
    desk.ask(one, add(bob(), "done before", &[], None));
    desk.ask(one, finish(bob(), 2));
    let until = desk.task(one, 1).claim().unwrap().until;
    let said = desk.ask(one, Command::Life(LifeCommand::MergeInto { by: ann(), into: two }));
    assert!(said.starts_with("merged_into; merged_from; ") && said.ends_with("; task_adopted"), "{said}");
    let adopted = desk.task(two, 2);
    assert_eq!((adopted.title.as_str(), adopted.from, adopted.claim().unwrap().until), ("pause", Some(one), until));
    assert_eq!(desk.refused(one, finish(bob(), 1)).code(), "wrong_phase");
    assert_eq!(desk.board.holders(&"flag:bridge".parse().unwrap(), desk.now).len(), 1, "held once, not twice");
    desk.ask(two, Command::Life(LifeCommand::Resolve { by: ann(), note: "over".to_owned(), closing: in_spite() }));
    assert!(desk.board.all_held(desk.now).is_empty());
    assert_eq!(desk.incident(two).open_tasks().len(), 2, "what was not done is still to be done");
    assert_eq!(desk.ask(two, finish(ann(), 2)), "task_done");
    desk.ask(two, Command::Life(LifeCommand::Reopen { by: ann(), reason: "not over".to_owned() }));
    assert_eq!(desk.task(two, 1).state.word(), "open");
}

#[test]
fn an_exercise_is_in_nobodys_way() {
    let (mut desk, one, _) = Desk::with_two();
    let drill = desk.open(Signal { drill: true, ..about("web", "exercise") });
    desk.ask(drill, add(bob(), "pause", &["flag:bridge"], Some(claiming(""))));
    assert_eq!(desk.ask(one, add(ann(), "pause", &["flag:bridge"], Some(claiming("")))), "task_added; task_claimed");
}

#[test]
fn nonsense_is_refused_with_what_is_wrong() {
    let (mut desk, one, _) = Desk::with_two();
    assert_eq!(desk.ask(one, add(ann(), "  look \n at it ", &[], None)), "task_added");
    assert_eq!(desk.ask(one, add(ann(), "look at it", &[], None)), "", "a form that was sent twice adds one task");
    assert_eq!(desk.ask(one, add(ann(), "look at it", &[], Some(claiming("")))), "task_claimed");
    let far = |text: &str| Claiming { until: Some(text.parse().unwrap()), ..Claiming::default() };
    let many: Vec<String> = (0..17).map(|number| format!("flag:{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (command, code) in [
        (add(ann(), " ", &[], None), "bad_text"),
        (add(ann(), &"x".repeat(241), &[], None), "bad_text"),
        (add(ann(), "x", &["bridge"], None), "bad_request"),
        (add(ann(), "x", &many, None), "bad_request"),
        (add(ann(), "x", &[], Some(far("25h"))), "bad_request"),
        (add(ann(), "x", &[], Some(far("59s"))), "bad_request"),
        (claim(ann(), 9, ""), "no_such_task"),
        (
            Command::Tasks(TasksCommand::Finish { by: ann(), task: Which::Number(1), note: " ".to_owned() }),
            "nothing_said",
        ),
        (
            Command::Tasks(TasksCommand::Change {
                by: ann(),
                task: Which::Number(1),
                assignee: Some(name("eve")),
                due: None,
            }),
            "no_such_person",
        ),
        (
            Command::Tasks(TasksCommand::Change {
                by: ann(),
                task: Which::Number(1),
                assignee: None,
                due: Some(When::At(desk.now)),
            }),
            "bad_request",
        ),
    ] {
        assert_eq!(desk.refused(one, command.clone()).code(), code, "{command:?}");
    }
    for number in 1..TASKS_PER_INCIDENT_MAX {
        desk.board = {
            let recorded = desk.board.command(
                one,
                add(ann(), &format!("task {number}"), &[], None),
                &desk.setting,
                desk.now,
                &mut desk.ids,
            );
            let mut board = desk.board.clone();
            recorded.unwrap().iter().for_each(|one| board.apply(one).unwrap());
            board
        };
    }
    assert_eq!(desk.refused(one, add(ann(), "one more", &[], None)).code(), "too_many_tasks");
}

#[test]
fn a_page_about_a_task_is_of_no_step() {
    let (mut desk, one) = (Desk::new(), IncidentId::from_bytes([0; 16]));
    let id = desk.open(about("db", "slow"));
    assert_ne!(id, one);
    desk.duties();
    desk.ask(id, add(bob(), "look", &[], Some(claiming(""))));
    desk.ask(id, claim(Actor::Token("script".to_owned()), 1, "now"));
    // Bob was paged because of the task. That ann cannot be reached is followed by the next tier all the same.
    let to_ann: Vec<PageId> =
        desk.incident(id).pages_under_way().filter(|page| page.person == name("ann")).map(|page| page.id).collect();
    let mut said = String::new();
    for outcome in [failed(), failed()] {
        let page = desk.incident(id).pages_under_way().find(|page| page.person == name("ann")).unwrap().id;
        desk.ask(id, Command::Paging(PagingCommand::SettlePage { page, outcome, latency: Duration::ZERO }));
        said = desk.duties();
    }
    assert_eq!(to_ann.len(), 1);
    assert!(said.contains("impossible: every contact was tried; tier 1 of round 1"), "{said}");
}

/// The least numbers that are good enough to mix steps.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

const THINGS: [&str; 3] = ["flag:bridge", "dns:app.example", "1/0x00000000000000000000000000000000000000aa"];

/// One step of one of two responders, in one of two incidents.
fn step(dice: &mut Dice, by: Actor, tasks: u32) -> Command {
    let task = Which::Number(u32::try_from(dice.below(usize::try_from(tasks).unwrap() + 1)).unwrap() + 1);
    let reason = if dice.below(6) == 0 { "it cannot wait" } else { "" };
    let until = [None, Some(When::In(Duration::from_mins(2))), Some(When::In(Duration::from_hours(2)))][dice.below(3)];
    let claiming = Claiming { until, reason: reason.to_owned(), against: Vec::new() };
    let note = "so".to_owned();
    Command::Tasks(match dice.below(12) {
        0..=2 => {
            let resources = THINGS.iter().filter(|_| dice.below(2) == 0).map(|one| (*one).to_owned()).collect();
            let title = format!("step {}", dice.below(4));
            let claim = (dice.below(3) > 0).then_some(claiming);
            TasksCommand::Add { by, title, assignee: None, due: until, resources, claim }
        }
        3..=7 => TasksCommand::Claim { by, task, claiming },
        8 => TasksCommand::Renew { by, task, until },
        9 => TasksCommand::Release { by, task },
        10 => TasksCommand::Finish { by, task, note },
        _ => TasksCommand::Drop { by, task, note },
    })
}

/// Each claim in force with what it went ahead in spite of, from the events alone.
#[derive(Default)]
struct Watch {
    spite: BTreeMap<(IncidentId, TaskId), BTreeSet<(IncidentId, TaskId)>>,
    refused: usize,
    overridden: usize,
}

impl Watch {
    fn see(&mut self, recorded: &[Recorded]) {
        for one in recorded {
            let (Stream::Incident(id), Body::Incident(IncidentEvent::Tasks(event))) = (one.stream, &one.body) else {
                continue;
            };
            match event {
                TasksEvent::TaskClaimed { task, against, reason, .. } => {
                    assert_eq!(against.is_empty(), reason.is_empty());
                    self.overridden += usize::from(!against.is_empty());
                    self.spite.insert((id, *task), against.iter().map(|one| (one.incident, one.task)).collect());
                }
                TasksEvent::TaskAdopted { task, from, .. } => {
                    // What it was called before is what others went ahead in spite of.
                    let before = self.spite.remove(&(*from, *task)).unwrap_or_default();
                    self.spite.insert((id, *task), before);
                    for against in self.spite.values_mut() {
                        if against.remove(&(*from, *task)) {
                            against.insert((id, *task));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Of two claims in force on one thing, one went ahead in spite of the other, or they are one person's in one incident.
    fn check(&self, board: &Board, now: Timestamp) {
        for (resource, holders) in board.all_held(now) {
            for (place, one) in holders.iter().enumerate() {
                for other in &holders[place + 1..] {
                    let same = one.incident == other.incident && one.claim.by == other.claim.by;
                    let (a, b) = ((one.incident, one.task), (other.incident, other.task));
                    let knew = |of, about| self.spite.get(&of).is_some_and(|against| against.contains(&about));
                    assert!(same || knew(a, b) || knew(b, a), "two hold {resource}: {one:?} and {other:?}");
                }
            }
        }
    }
}

/// 10,000 interleavings of two responders over two incidents, which may become one: never two winners without a reason given.
#[test]
fn two_responders_never_both_win_unless_one_says_why() {
    let (desk, one, two) = Desk::with_two();
    let mut watch = Watch::default();
    for seed in 0..10_000_u64 {
        let (mut dice, mut board, mut now) = (Dice(seed), desk.board.clone(), desk.now);
        let mut ids = SeededIds::new(seed);
        watch.spite.clear();
        for _ in 0..16 {
            let by = if dice.below(2) == 0 { ann() } else { bob() };
            let id = if dice.below(2) == 0 { one } else { two };
            let count = u32::try_from(board.incident(id).unwrap().tasks().len()).unwrap();
            let command = match dice.below(40) {
                0 => Command::Life(LifeCommand::MergeInto { by, into: two }),
                1 => Command::Life(LifeCommand::Resolve { by, note: "over".to_owned(), closing: in_spite() }),
                2 => Command::Life(LifeCommand::Reopen { by, reason: "not over".to_owned() }),
                3 => Command::Room(RoomCommand::Note { by, text: "looking".to_owned() }),
                4..=8 => {
                    now = now.plus(Duration::from_secs(MINUTE * [1, 3, 31][dice.below(3)]));
                    Command::CarryOutDuties
                }
                _ => step(&mut dice, by, count),
            };
            match board.command(id, command, &desk.setting, now, &mut ids) {
                Ok(recorded) => {
                    for one in &recorded {
                        board.apply(one).unwrap();
                    }
                    watch.see(&recorded);
                }
                Err(Refusal::Held { .. }) => watch.refused += 1,
                Err(_) => {}
            }
            watch.check(&board, now);
        }
    }
    assert!(
        watch.refused > 5_000 && watch.overridden > 1_000,
        "or this shows nothing: {} {}",
        watch.refused,
        watch.overridden
    );
    let _: &Resource = &"flag:bridge".parse().unwrap();
}
