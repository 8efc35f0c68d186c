//! What others may read of an incident. Tests: none needed; each function is one field or one comparison.

use std::collections::BTreeMap;

use imbl::OrdMap;

use crate::{
    id::{IncidentId, PageId, PersonId, ServiceId, SignalId, SourceId, TaskId},
    incident::{
        Acknowledgement, Actor, Ask, Attached, Escalation, HandedOver, Incident, PageReason, PageRecord, Phase,
        ResponseRole, Room, Severity,
        access::{Part, Reading, Restriction},
        claims::Leads,
        event::Overridden,
        evidence::Item,
        hold::Hold,
        tasks::{Task, command::Which},
        text::shortened,
    },
    limits::EVENTS_PER_INCIDENT_MAX,
    policy::Roster,
    priority::Score,
    signal::{Declared, Facts, Fingerprint, Loudness},
    time::Timestamp,
};

impl Incident {
    /// Its identifier, the same for ever.
    pub const fn id(&self) -> IncidentId {
        self.life.id
    }
    /// One line, from the first signal.
    pub fn title(&self) -> &str {
        &self.life.title
    }
    /// One line that says what makes it as bad as it is now: the title of a signal, or what somebody stated.
    pub fn headline(&self) -> String {
        match &self.claims.leads {
            Leads::Signal(id) => {
                let led = self.claims.signals.get(id).map(|attached| attached.signal.title.as_str());
                shortened(led.unwrap_or(&self.life.title))
            }
            Leads::Stated(by) => shortened(&format!("{by} stated {}: {}", self.claims.stated, self.life.title)),
        }
    }
    /// The signal that makes it as bad as it is now; none: what somebody stated does.
    pub fn leading(&self) -> Option<&Attached> {
        match &self.claims.leads {
            Leads::Signal(id) => self.claims.signals.get(id),
            Leads::Stated(_) => None,
        }
    }
    /// Who asked for the last step of the escalation, and what for; none: it came in its time.
    pub const fn asker(&self) -> Option<&(Actor, String)> {
        self.paging.asker.as_ref()
    }
    /// The last claim that nobody had answered for when it joined what somebody is on.
    pub fn unanswered(&self) -> Option<&Attached> {
        self.claims.signals.get(&self.paging.unanswered?)
    }
    /// Whether this page, or the one that it repeats, tells somebody who is on it of more.
    pub fn tells_news(&self, page: PageId) -> bool {
        self.paging.tells_news(page)
    }
    /// Why a page was owed, or the first of those that it repeats.
    pub fn first_reason(&self, page: PageId) -> Option<&PageReason> {
        self.paging.first_reason(page)
    }
    /// Who said last that it was not over, and why.
    pub const fn reopened_by(&self) -> Option<&(Actor, String)> {
        self.life.reopened_by.as_ref()
    }
    /// Who said last that it is over, and how it ended.
    pub const fn resolved_by(&self) -> Option<&(Actor, String)> {
        self.life.resolved_by.as_ref()
    }
    /// The integration or token whose signal began it; none: our own, or it began before that was kept.
    pub const fn opener(&self) -> Option<&SourceId> {
        self.life.opener.as_ref()
    }
    /// Whether it gathers what a source may not claim, or too much of it.
    pub const fn gathers(&self) -> bool {
        self.life.gathers
    }
    /// The service it is about.
    pub const fn service(&self) -> Option<&ServiceId> {
        self.life.service.as_ref()
    }
    /// Whether it is an exercise.
    pub const fn is_drill(&self) -> bool {
        self.life.drill
    }
    /// Where it stands in its life.
    pub const fn phase(&self) -> Phase {
        self.life.phase
    }
    /// Whether people still work on it.
    pub const fn is_open(&self) -> bool {
        self.life.phase.is_open()
    }
    /// How bad.
    pub const fn severity(&self) -> Severity {
        self.claims.severity
    }
    /// Why so bad.
    pub fn score(&self) -> &Score {
        &self.claims.score
    }
    /// All that is claimed about impact.
    pub const fn facts(&self) -> &Facts {
        &self.claims.facts
    }
    /// The part of the facts that people stated, or that merged incidents brought.
    pub const fn stated(&self) -> &Facts {
        &self.claims.stated
    }
    /// The loudest signal that counts.
    pub const fn loudness(&self) -> Loudness {
        self.claims.loudness
    }
    /// The signals, by identifier.
    pub const fn signals(&self) -> &OrdMap<SignalId, Attached> {
        &self.claims.signals
    }
    /// How many signals are live.
    pub const fn live_signals(&self) -> usize {
        self.claims.live
    }
    /// How many distinct signals came past the limit and were only counted, as of the last recorded doubling.
    pub const fn absorbed(&self) -> u64 {
        self.claims.absorbed
    }
    /// Where the escalation stands, with its frozen policy.
    pub const fn escalation(&self) -> &Escalation {
        &self.paging.escalation
    }
    /// How many times in a row everybody was tried, and no page is known to have reached anybody.
    pub const fn unreached(&self) -> u32 {
        if self.life.phase.is_unsettled() { self.paging.escalation.unreached } else { 0 }
    }
    /// Who is on it, and until when.
    pub const fn acknowledgement(&self) -> Option<&Acknowledgement> {
        self.life.acknowledgement.as_ref()
    }
    /// Whether the acknowledgement has run out at `now`.
    pub fn acknowledgement_ran_out(&self, now: Timestamp) -> bool {
        self.life.ran_out(now)
    }
    /// The pages, by identifier.
    pub const fn pages(&self) -> &OrdMap<PageId, PageRecord> {
        &self.paging.pages
    }
    /// Pages that were decided and whose outcome is not known yet.
    pub fn pages_under_way(&self) -> impl Iterator<Item = &PageRecord> {
        self.paging.pages.values().filter(|page| page.outcome.is_none())
    }
    /// Who does what.
    pub const fn roles(&self) -> &BTreeMap<ResponseRole, PersonId> {
        &self.roles.held
    }
    /// Who declared it; none: a signal began it.
    pub const fn declared_by(&self) -> Option<&Actor> {
        self.life.declared_by.as_ref()
    }
    /// The worst guess of somebody who declared it, as long as it counts.
    pub const fn declared(&self) -> Option<&Declared> {
        self.claims.declared.as_ref()
    }
    /// What people do together in it.
    pub const fn room(&self) -> &Room {
        &self.room
    }
    /// All that people and teams were asked, by number.
    pub const fn asks(&self) -> &BTreeMap<u32, Ask> {
        &self.roles.asks
    }
    /// The roles that are empty and whose clock runs, each with the instant from which on it is paged for.
    pub fn missed_roles(&self) -> impl Iterator<Item = (ResponseRole, Timestamp)> {
        let missed = self.roles.missed(self.life.phase, self.claims.stands, self.claims.severity, |_| false);
        missed.map(|(clock, at)| (clock.role, at))
    }
    /// What a page is for that somebody was asked by name, or had asked.
    pub fn ask_of(&self, page: PageId) -> Option<&Ask> {
        self.roles.asks.get(&self.paging.pages.get(&page)?.ask?)
    }
    /// That it was handed over last, and by whom.
    pub const fn handed_over(&self) -> Option<&HandedOver> {
        self.paging.handed.as_ref()
    }
    /// The tasks, by identifier.
    pub const fn tasks(&self) -> &OrdMap<TaskId, Task> {
        &self.tasks.tasks
    }
    /// A task by its number or identifier.
    pub fn find_task(&self, which: Which) -> Option<&Task> {
        self.tasks.find(which)
    }
    /// The task that a page, or the one that it repeats, is about.
    pub fn task_of_page(&self, page: PageId) -> Option<TaskId> {
        self.paging.task_of(page)
    }
    /// The evidence that was kept of it, by number.
    pub const fn evidence(&self) -> &OrdMap<u32, Item> {
        &self.evidence.items
    }
    /// Bytes of all its evidence.
    pub const fn evidence_bytes(&self) -> u64 {
        self.evidence.bytes
    }
    /// Bundles that were taken out with the bytes of its evidence, in order.
    pub const fn evidence_exports(&self) -> &imbl::Vector<crate::incident::evidence::Export> {
        &self.evidence.exports
    }
    /// That nothing of it may be erased, and why; none: it may be.
    pub const fn hold(&self) -> Option<&Hold> {
        self.evidence.hold.as_ref()
    }
    /// Why it was over last though something stood in the way; none: nothing did.
    pub const fn resolved_over(&self) -> Option<&Overridden> {
        self.life.overridden.as_ref()
    }
    /// The incident that it is part of now.
    pub const fn merged_into(&self) -> Option<IncidentId> {
        self.life.merged_into
    }
    /// When it began.
    pub const fn opened(&self) -> Timestamp {
        self.life.opened
    }
    /// When the harm stopped; none if it went on since.
    pub const fn mitigated(&self) -> Option<Timestamp> {
        self.life.mitigated
    }
    /// When it was over; none if it was reopened since.
    pub const fn resolved(&self) -> Option<Timestamp> {
        self.life.resolved
    }
    /// When a signal was last attached or counted.
    pub const fn last_signal(&self) -> Timestamp {
        self.claims.last_signal
    }
    /// When the last event was recorded.
    pub const fn last_event(&self) -> Timestamp {
        self.last_event
    }
    /// The version of the last event. The first is 0.
    pub const fn version(&self) -> u64 {
        self.version
    }
    /// Whether it has as many events as an incident may have, those of its room not counted: they have a bound of their own. See
    /// [`crate::incident::Refusal::TooLong`].
    pub const fn is_too_long(&self) -> bool {
        self.own_events() >= EVENTS_PER_INCIDENT_MAX
    }
    /// Its events without those that have the room's bound, or are readings.
    pub(super) const fn own_events(&self) -> u64 {
        self.version.saturating_add(1).saturating_sub(self.room.events()).saturating_sub(self.access.read_events)
    }
    /// That only some may look, and who they are; none: everybody with the right to read may.
    pub const fn restriction(&self) -> Option<&Restriction> {
        self.access.restriction.as_ref()
    }
    /// Whether they may look, whatever right they have. A token that belongs to no person never may into what is restricted: nobody could
    /// say who looked.
    pub fn admits(&self, who: &Actor, roster: &Roster) -> bool {
        let Some(inside) = &self.access.restriction else { return true };
        match who {
            Actor::System => true,
            Actor::Person(person) => inside.admits(person, roster),
            Actor::Token(_) => false,
        }
    }
    /// What it is called outside: its headline, or its code name where it is restricted.
    pub fn name_outside(&self) -> String {
        self.access.restriction.as_ref().map_or_else(|| self.headline(), |inside| inside.code_name.clone())
    }
    /// Whether a look at this by somebody is to be recorded: it is restricted, and they did not look lately.
    pub fn is_reading(&self, by: &PersonId, part: Part, now: Timestamp) -> bool {
        self.access.restriction.is_some() && self.access.is_news(by, part, now)
    }
    /// Who looked at what of it while it was restricted.
    pub const fn readings(&self) -> &BTreeMap<(PersonId, Part), Reading> {
        &self.access.readings
    }
    /// Whether somebody must be reached and nobody has answered: triggered, bad enough to page, and still going on.
    pub fn wants_answer(&self) -> bool {
        self.life.phase == Phase::Triggered
            && self.claims.stands
            && self.claims.severity >= self.paging.escalation.policy.page_at
    }
    /// Whether a person, or an incident merged into this one, stated facts: then no signal's end closes it.
    pub fn is_vouched(&self) -> bool {
        self.claims.is_vouched()
    }
    /// Whether anything says that it still goes on: a live signal, a person who reopened it, or facts that a person stated.
    pub const fn stands(&self) -> bool {
        self.claims.stands
    }
    /// The attached signals that make this claim.
    pub fn of_claim(&self, fingerprint: Fingerprint) -> impl Iterator<Item = &Attached> {
        self.claims.of_claim(fingerprint)
    }
}
