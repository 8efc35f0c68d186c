//! What may be asked of an incident's life, and what it owes. Tests: in `decide`, in `board/tests/`, and the laws in `tests/laws.rs`.

use super::checks::Resolving;
use crate::{
    incident::{
        Actor, Closing, Ctx, Incident, IncidentEvent, LifeCommand, LifeEvent, PageReason, Phase, Refusal,
        refusal::MERGES_RESTRICTED,
        text::{account, bounded, sentence},
    },
    limits::TIER_DELAY_MIN,
    time::Timestamp,
};

impl Incident {
    pub(super) fn decide_life(&self, command: LifeCommand, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        let event = match command {
            LifeCommand::Acknowledge { by } => {
                self.may("acknowledge", self.life.phase.is_unsettled())?;
                let until = ctx.now.plus(self.paging.escalation.policy.acknowledgement.max(TIER_DELAY_MIN));
                let commands = self.commands(&by, ctx);
                let mut events = vec![LifeEvent::Acknowledged { by, until }.into()];
                events.extend(commands);
                return Ok(events);
            }
            LifeCommand::Mitigate { by, note } => {
                self.may("mitigate", self.life.phase.is_unsettled())?;
                account("mitigate", &by, &note)?;
                LifeEvent::Mitigated { by, note }
            }
            LifeCommand::Resolve { by, note, closing: Closing { reason, ran } } => {
                self.may("resolve", self.life.phase.is_open())?;
                account("resolve", &by, &note)?;
                return self.resolve(Resolving { by, note, reason, ran }, ctx);
            }
            LifeCommand::Reopen { by, reason } => {
                let over = matches!(self.life.phase, Phase::Mitigated | Phase::Resolved | Phase::Reviewed);
                self.may("reopen", over)?;
                sentence("reason", &reason)?;
                LifeEvent::Reopened { by, reason }
            }
            LifeCommand::Review { by, note } => {
                self.may("review", self.life.phase == Phase::Resolved)?;
                bounded("note", &note)?;
                LifeEvent::Reviewed { by, note }
            }
            LifeCommand::MergeInto { by, into } => {
                if into == self.life.id {
                    return Err(Refusal::BadMerge { from: self.life.id, into, why: "it is the same one" });
                }
                self.may("merge", self.life.phase.is_open())?;
                if self.restriction().is_some() {
                    return Err(Refusal::BadMerge { from: self.life.id, into, why: MERGES_RESTRICTED });
                }
                LifeEvent::MergedInto { by, into }
            }
        };
        Ok(vec![event.into()])
    }

    /// When it begins again, if a monitor says by then that what was resolved goes on.
    pub fn looks_again(&self) -> Option<Timestamp> {
        let over = matches!(self.life.phase, Phase::Resolved | Phase::Reviewed);
        self.life.look_again.filter(|_| over && self.claims.firing().next().is_some())
    }

    /// A monitor still says that it goes on, long after somebody said that it is over.
    pub(crate) fn begin_again(&self, ctx: &mut Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        let title = self.claims.firing().next().map_or_else(String::new, |one| one.signal.title.clone());
        let reason = format!("its monitor still says so, long after it was resolved: {title}");
        events.push(LifeEvent::Reopened { by: Actor::System, reason }.into());
        if self.claims.severity >= self.paging.escalation.policy.page_at {
            self.page_first_tier(PageReason::Reopened, ctx, events);
        }
    }

    /// The acknowledgement ran out; where nothing stands any more, it is over with it.
    pub(crate) fn expire_acknowledgement(&self, ctx: &Ctx<'_>, events: &mut Vec<IncidentEvent>) {
        events.push(LifeEvent::AcknowledgementExpired {}.into());
        if !self.claims.stands {
            let note = "no signal stands and the acknowledgement ran out";
            events.push(self.ended_by_itself(note, ctx.setting, ctx.now));
        }
    }
}
