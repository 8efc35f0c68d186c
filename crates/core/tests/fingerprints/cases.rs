//! Every stored event by family, in the order of its family's list, with how one is drawn.

use quarterdeck_core::{
    board::Stream,
    id::Id,
    incident::{
        IncidentEvent, PageReason, SeverityChange,
        event::{
            AccessEvent as A, ChecksEvent as K, ClaimsEvent as C, EvidenceEvent as E, LifeEvent as L, PagingEvent as P,
            RolesEvent as W, RoomEvent as R, TasksEvent as T,
        },
        evidence::{
            Digest,
            event::{Handling, Kept},
        },
        tasks::Claim,
        unmet::{Judged, Verdict},
    },
    journal::{ErasedEvent, JournalEvent as J, SaidInNeed, Told, TriedFrom},
    policy::Whom,
};

use crate::draw::{Draw, Drawn};

/// A family: its kinds of events, and how one is drawn.
pub(crate) type Cases<T> = &'static [(&'static str, fn(&mut Draw) -> T)];

fn any<T: Drawn>(draw: &mut Draw) -> T {
    T::drawn(draw)
}

pub(crate) const LIFE: Cases<IncidentEvent> = &[
    ("opened.v1", |d| {
        let (title, service, signal) = (any(d), any(d), any(d));
        L::Opened { title, service, signal, policy: Box::new(any(d)), score: any(d), drill: any(d), roles: Vec::new() }
            .into()
    }),
    ("acknowledged.v1", |d| L::Acknowledged { by: any(d), until: any(d) }.into()),
    ("acknowledgement_expired.v1", |_| L::AcknowledgementExpired {}.into()),
    ("mitigated.v1", |d| L::Mitigated { by: any(d), note: any(d) }.into()),
    ("resolved.v1", |d| L::Resolved { by: any(d), note: any(d), look_again: None, recovery: None }.into()),
    ("reopened.v1", |d| L::Reopened { by: any(d), reason: any(d) }.into()),
    ("reviewed.v1", |d| L::Reviewed { by: any(d), note: any(d) }.into()),
    ("merged_into.v1", |d| L::MergedInto { by: any(d), into: any(d) }.into()),
];

pub(crate) const CLAIMS: Cases<IncidentEvent> = &[
    ("signal_attached.v1", |d| C::SignalAttached { signal: any(d) }.into()),
    ("signals_absorbed.v1", |d| C::SignalsAbsorbed { count: any(d), signal: any(d) }.into()),
    ("signal_confirmed.v1", |d| C::SignalConfirmed { signal: any(d) }.into()),
    ("signal_retracted.v1", |d| C::SignalRetracted { signal: any(d), reason: any(d) }.into()),
    ("signal_ended.v1", |d| C::SignalEnded { signal: any(d), at: any(d) }.into()),
    ("ending_late.v1", |d| C::EndingLate { signal: any(d), at: any(d) }.into()),
    ("signal_silent.v1", |d| C::SignalSilent { signal: any(d), at: any(d) }.into()),
    ("signal_taken_up.v1", |d| C::SignalTakenUp { signal: any(d), by: any(d) }.into()),
    ("signal_acknowledged.v1", |d| C::SignalAcknowledged { signal: any(d), by: any(d), until: any(d) }.into()),
    ("signal_unanswered.v1", |d| C::SignalUnanswered { signal: any(d), to: any(d) }.into()),
    ("severity_changed.v1", |d| C::SeverityChanged(SeverityChange { from: any(d), to: any(d), score: any(d) }).into()),
    ("facts_stated.v1", |d| C::FactsStated { by: any(d), facts: any(d), replace: any(d) }.into()),
    ("merged_from.v1", |d| C::MergedFrom { by: any(d), from: any(d), facts: any(d) }.into()),
];

pub(crate) const PAGING: Cases<IncidentEvent> = &[
    ("escalated.v1", |d| {
        let (tier, round, reason, by, next) = (any(d), any(d), any(d), any(d), any(d));
        P::Escalated { tier, round, reason, by, next, note: String::new() }.into()
    }),
    ("page_requested.v1", |d| {
        let (page, person, channel, address, reason) = (any(d), any(d), any(d), any(d), any::<PageReason>(d));
        let (tier, round, repeat_of) = (any(d), any(d), any(d));
        P::PageRequested { page, person, channel, address, reason, tier, round, repeat_of, severity: None, ask: None }
            .into()
    }),
    ("page_impossible.v1", |d| P::PageImpossible { person: any(d), reason: any(d), tier: any(d) }.into()),
    ("page_settled.v1", |d| P::PageSettled { page: any(d), outcome: any(d), latency_ms: any(d) }.into()),
    ("nobody_reached.v1", |d| P::NobodyReached { passes: any(d), next: any(d) }.into()),
    ("handed_over.v1", |d| P::HandedOver { by: any(d), reason: any(d), policy: Box::new(any(d)) }.into()),
];

pub(crate) const ROLES: Cases<IncidentEvent> = &[
    ("role_taken.v1", |d| W::RoleTaken { by: any(d), role: any(d), person: any(d) }.into()),
    ("role_given_up.v1", |d| W::RoleGivenUp { by: any(d), role: any(d), person: any(d) }.into()),
    ("asked_in.v1", |d| {
        let whom = Whom::Person(any(d));
        let (ask, people, role, by) = (any(d), vec![any(d)], any(d), any(d));
        W::AskedIn { ask, whom, people, role, by, reason: any(d), next: any(d) }.into()
    }),
    ("asked_again.v1", |d| W::AskedAgain { ask: any(d), people: vec![any(d)], next: any(d) }.into()),
    ("ask_accepted.v1", |d| W::AskAccepted { ask: any(d), person: any(d) }.into()),
    ("ask_declined.v1", |d| W::AskDeclined { ask: any(d), person: any(d), reason: any(d) }.into()),
    ("ask_unanswered.v1", |d| W::AskUnanswered { ask: any(d), told: any(d) }.into()),
];

pub(crate) const ROOM: Cases<IncidentEvent> = &[
    ("note_added.v1", |d| R::NoteAdded { by: any(d), text: any(d) }.into()),
    ("message_written.v1", |d| {
        let (message, by, kind, text) = (any(d), any(d), any(d), any(d));
        R::MessageWritten { message, by, kind, text, reply_to: any(d), origin: any(d) }.into()
    }),
    ("message_edited.v1", |d| R::MessageEdited { message: any(d), by: any(d), text: any(d), origin: any(d) }.into()),
    ("message_withdrawn.v1", |d| {
        R::MessageWithdrawn { message: any(d), by: any(d), reason: any(d), origin: any(d) }.into()
    }),
    ("message_pinned.v1", |d| R::MessagePinned { message: any(d), by: any(d) }.into()),
    ("message_unpinned.v1", |d| R::MessageUnpinned { message: any(d), by: any(d) }.into()),
    ("room_entered.v1", |d| R::RoomEntered { person: any(d) }.into()),
    ("room_left.v1", |d| R::RoomLeft { person: any(d), seen: any(d) }.into()),
];

pub(crate) const CHECKS: Cases<IncidentEvent> = &[
    ("validation_asked.v1", |d| {
        let checks = (0..d.below(3)).map(|_| any(d)).collect();
        K::ValidationAsked { by: any(d), checks }.into()
    }),
    ("check_passed.v1", |d| K::CheckPassed(judged(d, Verdict::Passed)).into()),
    ("check_failed.v1", |d| K::CheckFailed(judged(d, Verdict::Failed)).into()),
    ("check_unjudged.v1", |d| K::CheckUnjudged(judged(d, Verdict::Unjudged)).into()),
];

pub(crate) const EVIDENCE: Cases<IncidentEvent> = &[
    ("evidence_kept.v1", |d| {
        let digest = Digest::of(&d.below(1_000).to_be_bytes());
        let kept = Kept {
            digest,
            bytes: any(d),
            media_type: any(d),
            what: any(d),
            source: any(d),
            made: (d.below(2) == 0).then(|| any(d)),
            task: (d.below(2) == 0).then(|| any(d)),
            signal: (d.below(2) == 0).then(|| any(d)),
            message: (d.below(2) == 0).then(|| any(d)),
            erased: d.below(2) == 0,
        };
        E::EvidenceKept { number: any(d), by: any(d), kept: Box::new(kept) }.into()
    }),
    ("evidence_handled.v1", |d| {
        let handling = match d.below(3) {
            0 => Handling::Read,
            1 => Handling::HandedOut { to: any(d), reason: any(d) },
            _ => Handling::Verified { same: any(d) },
        };
        E::EvidenceHandled { number: any(d), by: any(d), handling }.into()
    }),
    ("evidence_exported.v1", |d| E::EvidenceExported { by: any(d), last: any(d) }.into()),
    ("held.v1", |d| E::Held { by: any(d), reason: any(d) }.into()),
    ("hold_lifted.v1", |d| E::HoldLifted { by: any(d), reason: any(d) }.into()),
];

fn judged(d: &mut Draw, verdict: Verdict) -> Judged {
    Judged { check: any(d), verdict, seen: any(d), at: any(d), took_ms: any(d) }
}

pub(crate) const ACCESS: Cases<IncidentEvent> = &[
    ("restricted.v1", |d| {
        let members = (0..d.below(3)).map(|_| any(d)).collect();
        A::Restricted { by: any(d), code_name: any(d), reason: any(d), members }.into()
    }),
    ("let_in.v1", |d| A::LetIn { by: any(d), whom: any(d), reason: any(d) }.into()),
    ("put_out.v1", |d| A::PutOut { by: any(d), whom: any(d), reason: any(d) }.into()),
    ("restriction_lifted.v1", |d| A::RestrictionLifted { by: any(d), reason: any(d) }.into()),
    ("glass_broken.v1", |d| A::GlassBroken { by: any(d), reason: any(d) }.into()),
    ("read.v1", |d| A::Read { by: any(d), part: any(d) }.into()),
];

pub(crate) const TASKS: Cases<IncidentEvent> = &[
    ("task_added.v1", |d| {
        let (task, by, title, assignee, due, resources) = (any(d), any(d), any(d), any(d), any(d), any(d));
        T::TaskAdded { task, by, title, assignee, due, resources }.into()
    }),
    ("task_changed.v1", |d| T::TaskChanged { task: any(d), by: any(d), assignee: any(d), due: any(d) }.into()),
    ("task_claimed.v1", |d| {
        let against = any(d);
        T::TaskClaimed { task: any(d), by: any(d), until: any(d), against, reason: any(d) }.into()
    }),
    ("claim_overridden.v1", |d| {
        let (task, holder, by, incident, other) = (any(d), any(d), any(d), any(d), any(d));
        let (title, resources, reason) = (any(d), any(d), any(d));
        T::ClaimOverridden { task, holder, by, incident, other, title, resources, reason }.into()
    }),
    ("claim_renewed.v1", |d| T::ClaimRenewed { task: any(d), by: any(d), until: any(d) }.into()),
    ("claim_released.v1", |d| T::ClaimReleased { task: any(d), by: any(d) }.into()),
    ("claim_expired.v1", |d| T::ClaimExpired { task: any(d), holder: any(d) }.into()),
    ("task_overdue.v1", |d| T::TaskOverdue { task: any(d), due: any(d) }.into()),
    ("task_done.v1", |d| T::TaskDone { task: any(d), by: any(d), note: any(d) }.into()),
    ("task_dropped.v1", |d| T::TaskDropped { task: any(d), by: any(d), note: any(d) }.into()),
    ("task_adopted.v1", |d| {
        let (task, from, by, added, title, assignee) = (any(d), any(d), any(d), any(d), any(d), any(d));
        let (due, told, resources) = (any(d), any(d), any(d));
        let claim = any::<bool>(d).then(|| Claim { by: any(d), since: any(d), until: any(d) });
        T::TaskAdopted { task, from, by, added, title, assignee, due, told, resources, claim }.into()
    }),
];

pub(crate) const JOURNAL: Cases<J> = &[
    ("started.v1", |d| J::Started { version: any(d), configuration: any(d) }),
    ("configured.v1", |d| J::Configured { digest: any(d), before: any(d), by: any(d) }),
    ("silence_set.v1", |d| J::SilenceSet { silence: any(d), returns: false, notice: None }),
    ("silence_expired.v1", |d| J::SilenceExpired { id: any(d), by: any(d) }),
    ("silence_over.v1", |d| J::SilenceOver { id: any(d), told: any(d) }),
    ("silence_notice.v1", |d| {
        let to = any::<bool>(d).then(|| Told { person: any(d), channel: any(d), address: any(d) });
        J::SilenceNotice { id: any(d), over: any(d), held: any(d), to }
    }),
    ("silence_notice_settled.v1", |d| J::SilenceNoticeSettled {
        id: any(d),
        person: any(d),
        channel: any(d),
        outcome: any(d),
    }),
    ("gap_opened.v1", |d| J::GapOpened { gap: any(d) }),
    ("gap_closed.v1", |d| J::GapClosed { gap: any(d) }),
    ("detector_silent.v1", |d| J::DetectorSilent { detector: any(d), reason: any(d) }),
    ("signal_noted.v1", |d| J::SignalNoted { signal: any(d), silence: any(d) }),
    ("signal_turned.v1", |d| J::SignalTurned { signal: any(d), status: any(d), reason: any(d) }),
    ("all_clear_settled.v1", |d| J::AllClearSettled {
        incident: any(d),
        person: any(d),
        channel: any(d),
        outcome: any(d),
        handed_over: false,
    }),
    ("source_begun_anew.v1", |d| J::SourceBegunAnew { source: any(d), chain: any(d), by: any(d), reason: any(d) }),
    ("erased.v1", |d| {
        let stream = if any(d) { Stream::Journal } else { Stream::Incident(Id::drawn(d)) };
        let events = (0..d.below(3)).map(|_| ErasedEvent { version: any(d), redaction: any(d) }).collect();
        J::Erased { stream, events, by: any(d), reason: any(d) }
    }),
    ("stream_set_aside.v1", |d| J::StreamSetAside { incident: any(d), reason: any(d) }),
    ("event_set_aside.v1", |d| J::EventSetAside { place: any(d), reason: any(d) }),
    ("audit_failed.v1", |d| J::AuditFailed { size: any(d), finding: any(d) }),
    ("secrets_refused.v1", |d| {
        let from = (0..d.below(3)).map(|_| TriedFrom { address: any(d), tries: any(d) }).collect();
        J::SecretsRefused { since: any(d), tries: any(d), unheard: any(d), from }
    }),
    ("session_began.v1", |d| J::SessionBegan { by: any(d), from: any(d) }),
    ("session_ended.v1", |d| J::SessionEnded { by: any(d) }),
    ("spoke_in_need.v1", |d| {
        let (since, until, reason) = (any(d), any(d), any(d));
        let said = |d: &mut Draw| SaidInNeed { at: any(d), person: any(d), channel: any(d), outcome: any(d) };
        J::SpokeInNeed { since, until, reason, said: (0..d.below(3)).map(|_| said(d)).collect() }
    }),
    ("clock_stepped.v1", |d| J::ClockStepped { wall: any(d), by_ms: i64::try_from(any::<u64>(d)).unwrap_or(i64::MIN) }),
];
