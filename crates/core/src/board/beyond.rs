//! What is beyond the bounds of its source: it opens nothing by itself, and is gathered in one incident for each service. That one is
//! as bad as the worst of it, so a SEV1 among it is heard: it pages as any severity that rises, once. Tests: `board/tests/bounds.rs`
//! and `scenarios/paging/bounds.md`.

use std::sync::Arc;

use super::{Board, Fate, Recorded, Setting, openers::Paced};
use crate::{
    bounds::{Beyond, Bounds, gatherer, gathering},
    id::{IncidentId, SourceId},
    incident::{Ctx, Incident, decide::claims::Reception},
    severity::Severity,
    signal::Signal,
    time::Timestamp,
};

/// A source that is over a bound, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverBound {
    /// The incident that gathers what is too much.
    pub incident: IncidentId,
    /// What it is about.
    pub title: String,
    /// How many signals it gathered.
    pub signals: u64,
    /// From when to when they came.
    pub since: Timestamp,
    /// See `since`.
    pub until: Timestamp,
}

impl Board {
    /// The sources that are over a bound and whose incident nobody has ended.
    pub fn over_bounds(&self) -> impl Iterator<Item = OverBound> {
        let over = |incident: &Incident| {
            let attached = u64::try_from(incident.signals().len()).unwrap_or(u64::MAX);
            OverBound {
                incident: incident.id(),
                title: incident
                    .restriction()
                    .map_or_else(|| incident.title().to_owned(), |inside| inside.code_name.clone()),
                // Our own is no signal of the source.
                signals: attached.saturating_sub(1).saturating_add(incident.absorbed()),
                since: incident.opened(),
                until: incident.last_signal(),
            }
        };
        self.gathering.iter().filter_map(|id| self.incident(*id)).map(over)
    }

    /// Why a signal opens no incident of its own; none: it does.
    pub(super) fn beyond(
        &self,
        signal: &Signal,
        source: &SourceId,
        bounds: &Bounds,
        paced: Paced,
        setting: &Setting,
    ) -> Option<Beyond> {
        let Paced { confined, fast } = paced;
        if confined {
            return Some(Beyond::Reach);
        }
        if fast {
            return Some(Beyond::Rate);
        }
        if self.openers.all(source) >= bounds.open_incidents {
            return Some(Beyond::Open);
        }
        // What is as bad as can be is never one of many.
        let worst = || setting.score_of(signal, signal.service.as_ref()).severity == Severity::Sev1;
        let crowded = signal.service.is_none() && self.openers.unplaced(source) >= bounds.apart;
        (crowded && !worst()).then_some(Beyond::Apart)
    }

    /// Hands a signal to the incident that gathers what is beyond; one that has been quiet for longer than the window gives way to a
    /// new one, so that people hear of it again.
    pub(super) fn gather(
        &mut self,
        signal: &Arc<Signal>,
        source: &SourceId,
        why: (Beyond, &Bounds),
        ctx: &mut Ctx<'_>,
    ) -> (Vec<Recorded>, Fate) {
        let (why, bounds) = why;
        let claim = gathering(source, signal.service.as_ref(), why, signal.drill);
        let gathers = |incident: &&Incident| {
            incident.is_open()
                && !incident.is_too_long()
                && ctx.now.since(incident.last_signal()) <= ctx.setting.rules.window
        };
        let known = self.claims.get(&claim).and_then(|id| self.holder(*id)).filter(gathers).map(Incident::id);
        if let Some(home) = known
            && let Some(taken) = self.join(home, signal, ctx.setting, ctx.now, ctx.ids)
        {
            let (recorded, fate) = taken;
            return (recorded, if matches!(fate, Fate::Attached(_)) { Fate::Gathered(home) } else { fate });
        }
        let first = gatherer(source, signal, why, bounds, ctx.now);
        let (mut recorded, fate) = super::begin(&first, ctx);
        let Fate::Opened(home) = fate else { return (recorded, fate) };
        let mut ahead = self.clone();
        if recorded.iter().all(|one| ahead.apply(one).is_ok())
            && let Some(incident) = ahead.incident(home)
            && let Ok(Reception::New(events)) = incident.hear(signal, ctx)
        {
            recorded.extend(super::record(incident, events, ctx.now));
        }
        (recorded, Fate::Gathered(home))
    }
}
