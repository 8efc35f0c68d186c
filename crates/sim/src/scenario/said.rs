//! What happened, in the words of a timeline. One phrase for each event that people would notice; what is left out is listed in
//! the grammar of [`crate::scenario`]. Tests: the scenarios themselves.

use quarterdeck_core::{
    board::Board,
    id::{IncidentId, PageId, SignalId},
    incident::{
        AccessEvent, Actor, ChecksEvent, ClaimsEvent, EvidenceEvent, IncidentEvent, LifeEvent, MessageKind,
        PageOutcome, PageReason, PagingEvent, RolesEvent, RoomEvent, TasksEvent,
    },
    journal::JournalEvent,
    signal::{Signal, SignalStatus},
};

/// Turns an event into its phrase; none: nothing that the grammar tells.
pub(super) fn of_incident(
    board: &Board,
    incident: IncidentId,
    number: &dyn Fn(IncidentId) -> String,
    event: &IncidentEvent,
) -> Option<String> {
    use IncidentEvent as E;
    Some(match event {
        E::Life(LifeEvent::Opened { score, drill, .. }) => {
            format!("opened {}{}", score.severity, if *drill { ", a drill" } else { "" })
        }
        E::Claims(ClaimsEvent::SignalAttached { .. }) => "attached".to_owned(),
        E::Claims(ClaimsEvent::SignalsAbsorbed { count, .. }) => format!("counted {count}"),
        E::Claims(ClaimsEvent::SignalConfirmed { signal }) => {
            format!("confirmed {}", signal_of(board, incident, *signal))
        }
        E::Claims(ClaimsEvent::SignalRetracted { signal, .. }) => {
            format!("retracted {}", signal_of(board, incident, *signal))
        }
        E::Claims(ClaimsEvent::SignalEnded { signal, .. }) => format!("ended {}", signal_of(board, incident, *signal)),
        E::Claims(ClaimsEvent::EndingLate { signal, .. }) => {
            format!("{} goes on", signal_of(board, incident, *signal))
        }
        E::Claims(ClaimsEvent::SignalSilent { signal, .. }) => {
            format!("{} fell silent", signal_of(board, incident, *signal))
        }
        E::Claims(ClaimsEvent::SignalTakenUp { signal, .. }) => {
            format!("{} taken up", signal_of(board, incident, *signal))
        }
        E::Claims(ClaimsEvent::SignalAcknowledged { signal, .. }) => {
            format!("{} acknowledged", signal_of(board, incident, *signal))
        }
        E::Claims(ClaimsEvent::SignalUnanswered { signal, to }) => {
            let name = signal_of(board, incident, *signal);
            to.as_ref().map_or_else(|| format!("nobody answered for {name}"), |to| format!("{name} is news to {to}"))
        }
        E::Claims(ClaimsEvent::SeverityChanged(change)) if change.from == change.to => return None,
        E::Claims(ClaimsEvent::SeverityChanged(change)) => format!("{} to {}", change.from, change.to),
        E::Claims(ClaimsEvent::FactsStated { .. }) => "facts stated".to_owned(),
        E::Paging(PagingEvent::Escalated { tier, round, reason, by, .. }) => escalated(*tier, *round, reason, by)?,
        E::Paging(PagingEvent::PageRequested { person, channel, reason, repeat_of, .. }) => {
            let why = attempt(reason, repeat_of.is_some());
            format!("paged {person} by {channel}{why}")
        }
        E::Paging(PagingEvent::PageImpossible { person: Some(person), reason, .. }) => {
            format!("cannot reach {person}: {reason}")
        }
        E::Paging(PagingEvent::PageImpossible { person: None, reason, .. }) => {
            format!("cannot reach anybody: {reason}")
        }
        E::Paging(PagingEvent::NobodyReached { .. }) => "nobody was reached".to_owned(),
        E::Paging(PagingEvent::PageSettled { page, outcome, .. }) => settled(board, incident, *page, outcome)?,
        E::Life(LifeEvent::Acknowledged { .. }) => "acknowledged".to_owned(),
        E::Life(LifeEvent::AcknowledgementExpired {}) => "acknowledgement expired".to_owned(),
        E::Life(LifeEvent::Mitigated { .. }) => "mitigated".to_owned(),
        E::Life(LifeEvent::Resolved { by, recovery, .. }) => {
            let over = recovery.as_ref().is_some_and(|recovery| recovery.over.is_some());
            format!("resolved{}{}", itself(by), if over { " in spite of its checks" } else { "" })
        }
        E::Life(LifeEvent::Reopened { by, .. }) => format!("reopened{}", itself(by)),
        E::Life(LifeEvent::Reviewed { .. }) => "reviewed".to_owned(),
        E::Life(LifeEvent::MergedInto { into, .. }) => format!("merged into {}", number(*into)),
        E::Claims(ClaimsEvent::MergedFrom { from, .. }) => format!("took in {}", number(*from)),
        E::Paging(PagingEvent::HandedOver { policy, .. }) => format!("handed over to {}", policy.id),
        E::Roles(event) => of_roles(board, incident, event),
        E::Room(event) => of_room(board, incident, event),
        E::Evidence(event) => of_evidence(event),
        E::Checks(ChecksEvent::ValidationAsked { .. }) => "validation asked".to_owned(),
        E::Checks(
            ChecksEvent::CheckPassed(judged) | ChecksEvent::CheckFailed(judged) | ChecksEvent::CheckUnjudged(judged),
        ) => {
            format!("check {} {}", judged.check, judged.verdict.words())
        }
        E::Tasks(event) => of_task(board, incident, number, event),
        E::Access(event) => of_access(event),
    })
}

/// What a page says of its reason that people would notice.
const fn attempt(reason: &PageReason, repeats: bool) -> &'static str {
    match reason {
        PageReason::Failed if repeats => " instead",
        PageReason::MayHaveArrived => " again",
        PageReason::Fallback => " as fallback",
        PageReason::Opened
        | PageReason::NotAcknowledged
        | PageReason::AcknowledgementExpired
        | PageReason::SeverityRose
        | PageReason::Asked
        | PageReason::Failed
        | PageReason::Reopened
        | PageReason::NobodyReached
        | PageReason::AnotherClaim
        | PageReason::CalledIn
        | PageReason::NotComing
        | PageReason::HandedOver => "",
        PageReason::TaskAssigned { .. } | PageReason::TaskOverdue { .. } => " because of the task",
        PageReason::ClaimRanOut { .. } | PageReason::ClaimOverridden { .. } => " because of the claim",
    }
}

fn of_access(event: &AccessEvent) -> String {
    match event {
        AccessEvent::Restricted { code_name, .. } => format!("restricted as {code_name}"),
        AccessEvent::LetIn { whom, .. } => format!("{whom} let in"),
        AccessEvent::PutOut { whom, .. } => format!("{whom} put out"),
        AccessEvent::RestrictionLifted { .. } => "restriction lifted".to_owned(),
        AccessEvent::GlassBroken { by, .. } => format!("{by} broke the glass"),
        AccessEvent::Read { by, part } => format!("{by} read {}", part.words()),
    }
}

fn of_roles(board: &Board, incident: IncidentId, event: &RolesEvent) -> String {
    match event {
        RolesEvent::RoleGivenUp { role, person, .. } => format!("{person} is {} no more", role.word()),
        RolesEvent::AskedIn { whom, role: None, by, .. } => format!("{by} asked {whom} to come"),
        RolesEvent::AskedIn { whom, role: Some(role), by, .. } => {
            format!("{by} asked {whom} to be {}", role.word())
        }
        RolesEvent::AskedAgain { ask, .. } => format!("asked {} again", whom_of(board, incident, *ask)),
        RolesEvent::AskAccepted { person, .. } => format!("{person} is coming"),
        RolesEvent::AskDeclined { person, .. } => format!("{person} is not coming"),
        RolesEvent::AskUnanswered { ask, .. } => format!("{} did not come", whom_of(board, incident, *ask)),
        RolesEvent::RoleTaken { role, person, .. } => format!("{person} is {}", role.word()),
    }
}

fn of_room(board: &Board, incident: IncidentId, event: &RoomEvent) -> String {
    match event {
        RoomEvent::NoteAdded { .. } => "note".to_owned(),
        RoomEvent::MessageWritten { kind, .. } => match kind {
            MessageKind::Message | MessageKind::Note => "said".to_owned(),
            MessageKind::Decision => "decided".to_owned(),
            MessageKind::Question => format!("asked, {}", open(board, incident)),
            MessageKind::Answer => format!("answered, {}", open(board, incident)),
        },
        RoomEvent::MessageEdited { .. } => "changed".to_owned(),
        RoomEvent::MessageWithdrawn { .. } => format!("withdrawn, {}", open(board, incident)),
        RoomEvent::MessagePinned { .. } => "pinned".to_owned(),
        RoomEvent::MessageUnpinned { .. } => "unpinned".to_owned(),
        RoomEvent::RoomEntered { person } => format!("{person} is in the room"),
        RoomEvent::RoomLeft { person, .. } => format!("{person} left the room"),
    }
}

/// How many questions nobody has answered.
fn open(board: &Board, incident: IncidentId) -> String {
    let open = board.incident(incident).map_or(0, |incident| incident.room().open_questions().count());
    format!("{open} open")
}

fn of_task(board: &Board, incident: IncidentId, number: &dyn Fn(IncidentId) -> String, event: &TasksEvent) -> String {
    let known = board.incident(incident).and_then(|incident| incident.tasks().get(&event.task()));
    let task = known.map_or_else(|| event.task().to_string(), |task| format!("task {}", task.number));
    match event {
        TasksEvent::TaskAdded { .. } => format!("{task} added"),
        TasksEvent::TaskChanged { .. } => format!("{task} changed"),
        TasksEvent::TaskClaimed { by, against, .. } if against.is_empty() => format!("{by} is on {task}"),
        TasksEvent::TaskClaimed { by, against, .. } => {
            let holders: Vec<String> = against.iter().map(|one| one.holder.to_string()).collect();
            format!("{by} is on {task} in spite of {}", holders.join(" and "))
        }
        TasksEvent::ClaimOverridden { holder, by, .. } => format!("{by} went ahead in spite of {holder} on {task}"),
        TasksEvent::ClaimRenewed { by, .. } => format!("{by} goes on with {task}"),
        TasksEvent::ClaimReleased { by, .. } => format!("{by} is not on {task} any more"),
        TasksEvent::ClaimExpired { holder, .. } => format!("the claim of {holder} to {task} ran out"),
        TasksEvent::TaskOverdue { .. } => format!("{task} is past its time"),
        TasksEvent::TaskDone { .. } => format!("{task} done"),
        TasksEvent::TaskDropped { .. } => format!("{task} dropped"),
        TasksEvent::TaskAdopted { from, .. } => format!("{task} came from {}", number(*from)),
    }
}

/// Turns an event of the journal into its phrase.
pub(super) fn of_journal(board: &Board, event: &JournalEvent) -> Option<String> {
    Some(match event {
        JournalEvent::SilenceSet { .. } => "silence set".to_owned(),
        JournalEvent::SilenceExpired { .. } => "silence ended".to_owned(),
        JournalEvent::SilenceNotice { over, to, .. } => {
            let who =
                to.as_ref().map_or_else(|| "nobody".to_owned(), |told| format!("{} by {}", told.person, told.channel));
            format!("told {who} that the silence {}", if *over { "is over" } else { "will end" })
        }
        JournalEvent::SignalNoted { silence: None, .. } => "noted".to_owned(),
        JournalEvent::SignalNoted { silence: Some(_), .. } => "silenced".to_owned(),
        JournalEvent::SignalTurned { signal, status, .. } => {
            let name =
                board.loose_signal(signal).map_or_else(String::new, |loose| format!(" {}", name_of(&loose.signal)));
            let turned = match status {
                SignalStatus::Confirmed | SignalStatus::Provisional => "confirmed",
                SignalStatus::Retracted => "retracted",
                SignalStatus::Ended => "ended",
            };
            format!("{turned}{name}")
        }
        JournalEvent::Started { .. }
        | JournalEvent::Configured { .. }
        | JournalEvent::SilenceOver { .. }
        | JournalEvent::SilenceNoticeSettled { .. }
        | JournalEvent::GapOpened { .. }
        | JournalEvent::GapClosed { .. }
        | JournalEvent::AllClearSettled { .. }
        | JournalEvent::SpokeInNeed { .. }
        | JournalEvent::ClockStepped { .. }
        | JournalEvent::DetectorSilent { .. }
        | JournalEvent::SourceBegunAnew { .. }
        | JournalEvent::SecretsRefused { .. }
        | JournalEvent::SessionBegan { .. }
        | JournalEvent::SessionEnded { .. }
        | JournalEvent::Erased { .. }
        | JournalEvent::StreamSetAside { .. }
        | JournalEvent::EventSetAside { .. }
        | JournalEvent::AuditFailed { .. } => return None,
    })
}

/// A monitor's signal by its name, a detector's by the detector's.
pub(super) fn name_of(signal: &Signal) -> String {
    signal.labels.get("alertname").cloned().unwrap_or_else(|| signal.detector.to_string())
}

fn signal_of(board: &Board, incident: IncidentId, signal: SignalId) -> String {
    let known = board.incident(incident).and_then(|incident| incident.signals().get(&signal));
    known.map_or_else(|| signal.to_string(), |attached| name_of(&attached.signal))
}

fn whom_of(board: &Board, incident: IncidentId, ask: u32) -> String {
    let known = board.incident(incident).and_then(|incident| incident.asks().get(&ask));
    known.map_or_else(|| format!("ask {ask}"), |ask| ask.whom.to_string())
}

/// The first tier of the first round goes without saying: its pages say it.
fn escalated(tier: Option<usize>, round: u32, reason: &PageReason, by: &Actor) -> Option<String> {
    let Some(tier) = tier else { return Some("escalated to the fallback".to_owned()) };
    let of_round = if round > 1 { format!(" of round {round}") } else { String::new() };
    let tier = tier.saturating_add(1);
    Some(match (reason, by) {
        (PageReason::AcknowledgementExpired, _) => format!("back to tier {tier}{of_round}"),
        (PageReason::NobodyReached, Actor::System) => format!("tier {tier}{of_round} again"),
        (PageReason::Failed, _) => format!("escalated to tier {tier}{of_round} at once"),
        (_, Actor::Person(_) | Actor::Token(_)) => format!("escalated to tier {tier}{of_round} by {by}"),
        (_, Actor::System) if tier == 1 && round == 1 => return None,
        (_, Actor::System) => format!("escalated to tier {tier}{of_round}"),
    })
}

/// A page that arrives goes without saying.
fn settled(board: &Board, incident: IncidentId, page: PageId, outcome: &PageOutcome) -> Option<String> {
    let what = match outcome {
        PageOutcome::Delivered { .. } => return None,
        PageOutcome::Failed { .. } => "failed",
        PageOutcome::Unknown { .. } => "may have arrived",
    };
    let record = board.incident(incident)?.pages().get(&page)?;
    Some(format!("page to {} by {} {what}", record.person, record.channel))
}

fn itself(by: &Actor) -> &'static str {
    match by {
        Actor::System => " by itself",
        Actor::Person(_) | Actor::Token(_) => "",
    }
}

fn of_evidence(event: &EvidenceEvent) -> String {
    match event {
        EvidenceEvent::EvidenceKept { number, kept, .. } => format!("evidence {number} kept: {} bytes", kept.bytes),
        EvidenceEvent::EvidenceHandled { number, handling, .. } => {
            format!("evidence {number} {}", handling.word().replace('_', " "))
        }
        EvidenceEvent::EvidenceExported { last, .. } => format!("evidence 1 to {last} exported"),
        EvidenceEvent::Held { .. } => "held".to_owned(),
        EvidenceEvent::HoldLifted { .. } => "hold lifted".to_owned(),
    }
}
