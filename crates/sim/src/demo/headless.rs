//! The demo without a visitor: from the first block to the review, on a paused runtime. Nothing in it but the waiting is not real.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::{
    id::{IncidentId, PersonId, SeededIds},
    incident::{
        Actor, Closing, Command, Incident, IncidentEvent, LifeCommand, LifeEvent, MessageKind, PageOutcome as Settled,
    },
    time::Timestamp,
};
use quarterdeck_host::clock::{Clock, PausedClock};
use quarterdeck_ledger::{note::SignerKey, verify::verify_folder};
use quarterdeck_server::{
    app::{self, Running},
    config::StoreKind,
    engine::{Work, read},
    log_files::DiskFiles,
};
use tokio::sync::mpsc;

use super::{
    AttackOutcome, DemoError, IncidentOutcome, LogOutcome, ORIGIN, Outcome, PageOutcome, Plan, SignalOutcome, channels,
    configuration, derived, history, incident_about, tell, with_history, write_review,
};
use crate::{
    company::Company,
    people::{Answering, WillAnswer},
    story::{Launched, World},
};

/// The instant at which every headless story begins: a Tuesday at three in the morning in Berlin.
const START_MS: i64 = 1_767_661_200_000;
/// Blocks of ordinary traffic between the history and the attack.
const BLOCKS_BEFORE: u32 = 3;
/// Blocks after the attack: past finality, so that signals are confirmed, and past the response.
const BLOCKS_AFTER: u32 = 60;
/// From the acknowledgement until the harm has stopped.
const MITIGATED_AFTER: Duration = Duration::from_mins(4);
/// Who helps whoever has it, and who does where that is themselves.
const HELPS: &str = "bo";
const HELPS_THEN: &str = "dai";
/// From the acknowledgement until a colleague is there.
const COLLEAGUE_AFTER: Duration = Duration::from_secs(20);
/// From a question to its answer.
const ANSWER_AFTER: Duration = Duration::from_secs(15);
/// From then until it is over.
const RESOLVED_AFTER: Duration = Duration::from_mins(5);

/// Runs a demo to its end. Makes its own runtime: call it outside of any.
pub fn run(plan: &Plan) -> Result<Outcome, DemoError> {
    prepare(plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| DemoError::Defect(format!("make a runtime: {error}")))?;
    runtime.block_on(play(plan))
}

fn prepare(plan: &Plan) -> Result<(), DemoError> {
    let failed = |what| move |source| DemoError::File { what, path: plan.data.clone(), source };
    match std::fs::remove_dir_all(plan.data.join("log")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("empty")(error))?,
        _ => {}
    }
    std::fs::create_dir_all(&plan.data).map_err(failed("make"))
}

async fn play(plan: &Plan) -> Result<Outcome, DemoError> {
    let start = Timestamp::from_ms(START_MS);
    let mut world = World::deploy(plan.seed, start.minus(history()))?;
    let clock: Arc<dyn Clock> = PausedClock::starting_at(start);
    let configuration = configuration(&world, plan, start, StoreKind::Memory, None, "headless")?;
    let roster = &configuration.setting.roster;
    let (channel, _inbox, answers) = Answering::new(plan.seed, roster, Arc::clone(&clock));
    let signer = SignerKey::from_seed(ORIGIN, &derived(plan.seed, "log key"))
        .map_err(|error| DemoError::Defect(error.to_string()))?;
    let parts = app::World {
        clock: Arc::clone(&clock),
        ids: Box::new(SeededIds::new(plan.seed)),
        salts: Box::new(SeededIds::new(plan.seed ^ 0x5a17)),
        signer: Some(signer),
        channels: channels(channel)?,
    };
    let running = app::start(configuration, parts).await?;
    let company = Company { engine: running.engine.clone(), presence: Arc::clone(&running.presence) };
    let people = tokio::spawn(respond(company, answers));
    with_history(&running, &mut world).await?;
    let launched = tell_story(&running, &mut world, plan).await?;
    people.abort();

    let incident = incident_about(&running, launched.transaction);
    let review_path = match &incident {
        Some(incident) => Some(write_review(&running, incident, &plan.data).await?.display().to_string()),
        None => None,
    };
    let pages = match &incident {
        Some(incident) => pages(&running, incident).await?,
        None => Vec::new(),
    };
    let (log_folder, key, engine) = (running.log_folder.clone(), running.key.clone(), running.engine.clone());
    let head_of = Arc::clone(engine.published());
    drop(engine);
    running.stop().await;
    let head = read(&head_of.head).clone();
    let report = verify_folder(&DiskFiles::new(log_folder), Some(&key));
    let verified = report.holds() && report.size() == head.size;
    Ok(Outcome {
        signals: incident.as_ref().map(signals).unwrap_or_default(),
        incident: incident.as_ref().map(of_incident),
        attack: AttackOutcome {
            name: plan.attack.name().to_owned(),
            block: launched.block,
            transaction: launched.transaction.to_string(),
        },
        pages,
        log: LogOutcome { size: head.size, root: head.root, verified },
        review_path,
    })
}

/// Ordinary blocks, the attack, and blocks until everything is over.
async fn tell_story(running: &Running, world: &mut World, plan: &Plan) -> Result<Launched, DemoError> {
    let mut launched = None;
    for number in 0..BLOCKS_BEFORE + BLOCKS_AFTER {
        if number == BLOCKS_BEFORE {
            launched = Some(plan.attack.launch(world)?);
        }
        tokio::time::sleep(crate::chain::BLOCK_TIME).await;
        let due = world.due();
        tell(running, world.advance(due)?).await?;
    }
    launched.ok_or_else(|| DemoError::Defect("the attack was never launched".to_owned()))
}

/// People answer; the first who does brings the incident to its end.
async fn respond(company: Company, mut answers: mpsc::Receiver<WillAnswer>) {
    let mut answering = tokio::task::JoinSet::new();
    while let Some(answer) = answers.recv().await {
        let (engine, company) = (company.engine.clone(), company.clone());
        answering.spawn(async move {
            tokio::time::sleep(answer.after).await;
            let by = || Actor::Person(answer.person.clone());
            let say = |command| engine.ask(Work::Command { incident: answer.incident, command });
            let first = read(&engine.published().board)
                .incident(answer.incident)
                .is_some_and(|incident| incident.acknowledgement().is_none() && incident.is_open());
            if !first {
                return;
            }
            // A refusal only means that somebody else was faster.
            drop(say(Command::Life(LifeCommand::Acknowledge { by: by() })).await);
            talk(&company, answer.incident, &answer.person).await;
            tokio::time::sleep(MITIGATED_AFTER).await;
            let note = "paused the contract by its pauser".to_owned();
            drop(say(Command::Life(LifeCommand::Mitigate { by: by(), note })).await);
            tokio::time::sleep(RESOLVED_AFTER).await;
            let note = "no further movement; the contract stays paused until the fix is audited".to_owned();
            drop(say(Command::Life(LifeCommand::Resolve { by: by(), note, closing: Closing::default() })).await);
        });
    }
    while answering.join_next().await.is_some() {}
}

/// Whoever has it works with a colleague in the room: one asks, the other answers and decides.
async fn talk(company: &Company, id: IncidentId, lead: &PersonId) {
    let colleague = if lead.as_str() == HELPS { HELPS_THEN } else { HELPS };
    let Ok(colleague) = colleague.parse::<PersonId>() else { return };
    company.joins(id, lead).await;
    company.writes(id, lead, MessageKind::Message, "I have it, and look at the transaction.").await;
    tokio::time::sleep(COLLEAGUE_AFTER).await;
    company.joins(id, &colleague).await;
    let asked = company.writes(id, &colleague, MessageKind::Question, "Do we hold the pauser's key?").await;
    tokio::time::sleep(ANSWER_AFTER).await;
    if let Some(question) = asked {
        company.answers(id, lead, question, "We do: two of three signers are here.").await;
    }
    company.writes(id, lead, MessageKind::Decision, "We pause the contract.").await;
}

fn of_incident(incident: &Incident) -> IncidentOutcome {
    let block =
        incident.signals().values().filter_map(|one| one.signal.position.as_ref()).map(|p| p.block.number).min();
    IncidentOutcome {
        id: incident.id().to_string(),
        severity: incident.severity().to_string(),
        title: incident.title().to_owned(),
        phase: incident.phase().word().to_owned(),
        block,
    }
}

fn signals(incident: &Incident) -> Vec<SignalOutcome> {
    let view = |one: &quarterdeck_core::incident::Attached| SignalOutcome {
        detector: one.signal.detector.to_string(),
        status: one.status.word().to_owned(),
        block: one.signal.position.as_ref().map(|position| position.block.number),
    };
    let mut all: Vec<SignalOutcome> = incident.signals().values().map(view).collect();
    all.sort_by(|a, b| (a.block, &a.detector).cmp(&(b.block, &b.detector)));
    all
}

async fn pages(running: &Running, incident: &Incident) -> Result<Vec<PageOutcome>, DemoError> {
    let events = quarterdeck_server::history::whole(&*running.store, running.engine.published(), incident.id()).await;
    let events = events.map_err(|error| DemoError::Defect(error.to_string()))?;
    let acknowledged: Vec<PersonId> = events
        .into_iter()
        .filter_map(|(.., event)| match event {
            IncidentEvent::Life(LifeEvent::Acknowledged { by: Actor::Person(person), .. }) => Some(person),
            _ => None,
        })
        .collect();
    let view = |page: &quarterdeck_core::incident::PageRecord| PageOutcome {
        person: page.person.to_string(),
        channel: page.channel.to_string(),
        outcome: match &page.outcome {
            None => "under way",
            Some(Settled::Delivered { .. }) => "delivered",
            Some(Settled::Failed { .. }) => "failed",
            Some(Settled::Unknown { .. }) => "unknown",
        }
        .to_owned(),
        latency_ms: page
            .settled
            .map_or(0, |at| u64::try_from(at.since(page.requested).as_millis()).unwrap_or(u64::MAX)),
        acknowledged: acknowledged.contains(&page.person),
    };
    let mut pages: Vec<_> = incident.pages().values().collect();
    pages.sort_by_key(|page| page.requested);
    Ok(pages.into_iter().map(view).collect())
}
