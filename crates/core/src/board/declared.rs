//! What somebody declares: always an incident of its own. No silence holds it, and no other incident takes it in: whoever declares has
//! looked, and says that people are needed. Asked twice with the same key it is the same. Only what is beyond the bounds of a token is
//! gathered, as its other signals are. Tests: `board/tests/declared.rs`, `scenarios/paging/declared.md`, the laws in `tests/laws.rs`.

use std::sync::Arc;

use super::{Board, Fate, Recorded, openers::Paced};
use crate::{
    bounds::Beyond,
    incident::{Actor, Ctx, Incident},
    signal::Signal,
};

impl Board {
    /// Opens an incident for it, unless the very same was declared before. `confined`: it claimed what its token may not.
    pub(super) fn declared(
        &mut self,
        signal: &Arc<Signal>,
        by: &Actor,
        confined: bool,
        ctx: &mut Ctx<'_>,
    ) -> (Vec<Recorded>, Fate) {
        if let Some(id) = self.signals.get(&signal.id) {
            let holder = self.holder(*id).map_or(*id, Incident::id);
            return (Vec::new(), Fate::Repeated(holder));
        }
        let setting = ctx.setting;
        let bounded = signal.source.as_ref().and_then(|source| Some((source, setting.rules.bounds.get(source)?)));
        if let Some((source, bounds)) = bounded {
            let fast = self.pace.is_over(source, bounds, ctx.now);
            // Several things about no known service are one trouble where a monitor says so, and several where a person does.
            let joins = |why: &Beyond| !matches!((why, by), (Beyond::Apart, Actor::Person(_)));
            let why = self.beyond(signal, source, bounds, Paced { confined, fast }, setting).filter(joins);
            if let Some(why) = why {
                return self.gather(signal, source, (why, bounds), ctx);
            }
        }
        super::begin(signal, ctx)
    }
}
