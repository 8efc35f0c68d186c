//! What may be asked of checks, and what they mean for the end of an incident: it is over when nothing fires any more and every check of
//! the house passed lately, or when a person says why it is over all the same. What fails afterwards begins it again. Which check is owed
//! when is said here too; making it is the shell's. Tests: `board/tests/checks.rs`, `scenarios/recovery/`, and the laws in `tests/laws.rs`.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    id::CheckId,
    incident::{
        Actor, ChecksCommand, ChecksEvent, Ctx, Incident, IncidentEvent, LifeEvent, Phase, Refusal,
        checks::{Asked, Stood, memory::Memory},
        life::event::{Overridden, Recovery},
        text::sentence,
        unmet::{Judged, Unmet, Verdict, Why},
    },
    limits::{CHECK_CHANGES_MAX, VALIDATIONS_MAX},
    setting::Setting,
    time::{Timestamp, human_span},
    validation::{Check, Judge},
};

/// What somebody says who resolves it.
pub(super) struct Resolving {
    pub(super) by: Actor,
    pub(super) note: String,
    /// Why it is over though something stands in the way.
    pub(super) reason: Option<String>,
    /// What checks said lately that is in no event.
    pub(super) ran: Vec<Judged>,
}

impl Incident {
    pub(super) fn decide_checks(&self, command: ChecksCommand, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            ChecksCommand::Validate { by, check } => self.validate(by, check, ctx),
            ChecksCommand::Report { judged } => Ok(self.report(judged, ctx)),
        }
    }

    fn validate(&self, by: Actor, check: Option<CheckId>, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        self.may("validate", self.life.phase.is_open() || self.life.phase == Phase::Resolved)?;
        let mut checks: BTreeSet<CheckId> = self.asked_outside(ctx.setting).map(|check| check.id.clone()).collect();
        if let Some(wanted) = check {
            checks.retain(|known| *known == wanted);
            if checks.is_empty() {
                let known = self.must_pass(ctx.setting).map(|check| check.id.to_string()).collect();
                return Err(Refusal::NoSuchCheck { id: self.life.id, check: wanted, known });
            }
        }
        // Whoever asks while the same is being made waits for the same answer.
        checks.retain(|check| !self.checks.asked.contains_key(check));
        if checks.is_empty() {
            return Ok(Vec::new());
        }
        if self.checks.validations >= VALIDATIONS_MAX {
            return Err(Refusal::TooManyValidations { id: self.life.id });
        }
        Ok(vec![ChecksEvent::ValidationAsked { by, checks }.into()])
    }

    /// What a check said. Only what is news, or what somebody waits for, is recorded.
    fn report(&self, judged: Judged, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let judged = Judged { at: judged.at.min(ctx.now), ..judged };
        let before = self.checks.stood.get(&judged.check);
        let answers = self.checks.answers(&judged);
        if self.life.phase == Phase::Merged || (!answers && before.is_some_and(|stood| judged.at <= stood.last.at)) {
            return Vec::new();
        }
        let rules = &ctx.setting.rules.validation;
        let fails = judged.verdict != Verdict::Passed;
        let in_a_row = before.map_or(0, |stood| stood.in_a_row).saturating_add(1);
        // Judged while it was watched, even if the answer took until after the end.
        let watched = self.watched_until().is_some_and(|until| judged.at <= until);
        let changes = before.is_none_or(|stood| stood.last.verdict != judged.verdict);
        let counts = watched && fails;
        let kept = answers || counts || (changes && (watched || self.checks.changes < CHECK_CHANGES_MAX));
        if !kept {
            return Vec::new();
        }
        let reason = format!(
            "check `{}` {} {in_a_row} times in a row after it was resolved: {}",
            judged.check,
            judged.verdict.words(),
            judged.seen
        );
        let mut events = vec![ChecksEvent::of(judged).into()];
        if counts && in_a_row >= rules.failures {
            events.push(LifeEvent::Reopened { by: Actor::System, reason }.into());
        }
        events
    }

    /// It is over, if nothing stands in the way or a person says why all the same.
    pub(super) fn resolve(&self, asked: Resolving, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        let Resolving { by, note, reason, ran } = asked;
        let ran: Vec<Judged> = ran.into_iter().filter(|judged| judged.at <= ctx.now).collect();
        let unmet = if by == Actor::System { Vec::new() } else { self.unmet(ctx.setting, ctx.now, &ran) };
        if let (true, Some(reason)) = (!unmet.is_empty(), &reason) {
            sentence("override", reason)?;
            if !matches!(by, Actor::Person(_)) {
                return Err(Refusal::OnlyAPerson { by, what: "override what checks say" });
            }
        } else if !unmet.is_empty() {
            let again = self.begins_again(&unmet, ctx);
            return Err(Refusal::ChecksFail { id: self.life.id, unmet, again });
        }
        let over = (!unmet.is_empty()).then(|| Overridden {
            reason: reason.unwrap_or_default(),
            unmet: unmet.iter().map(ToString::to_string).collect(),
        });
        let recovery = self.recovery(over, ctx);
        let firing = self.claims.firing().next().is_some();
        let bound = ctx.setting.rules.still_firing.filter(|_| firing);
        let look_again = bound.map(|bound| ctx.now.plus(bound));
        // What nobody recorded because it was no news stands in the log now that the end rests on it.
        let names: BTreeSet<&CheckId> = self.asked_outside(ctx.setting).map(|check| &check.id).collect();
        let later =
            |judged: &Judged| self.checks.stood.get(&judged.check).is_none_or(|stood| stood.last.at < judged.at);
        let rests_on = ran.iter().filter(|judged| names.contains(&judged.check) && later(judged)).cloned();
        let mut events: Vec<IncidentEvent> = rests_on.map(|judged| ChecksEvent::of(judged).into()).collect();
        events.push(LifeEvent::Resolved { by, note, look_again, recovery }.into());
        Ok(events)
    }

    /// That it ended by itself. Its checks are made all the same, and what fails begins it again.
    pub(super) fn ended_by_itself(&self, note: &str, setting: &Setting, now: Timestamp) -> IncidentEvent {
        let recovery = self.watch(setting, now).map(|watch| Box::new(Recovery { watch: Some(watch), over: None }));
        LifeEvent::Resolved { by: Actor::System, note: note.to_owned(), look_again: None, recovery }.into()
    }

    fn recovery(&self, over: Option<Overridden>, ctx: &Ctx<'_>) -> Option<Box<Recovery>> {
        let recovery = Recovery { watch: self.watch(ctx.setting, ctx.now), over };
        (recovery != Recovery::default()).then(|| Box::new(recovery))
    }

    /// Until when it will be watched, if there is anything to look at.
    fn watch(&self, setting: &Setting, now: Timestamp) -> Option<Timestamp> {
        let watch = setting.rules.validation.watch;
        (!watch.is_zero() && self.asked_outside(setting).next().is_some()).then(|| now.plus(watch))
    }

    /// When it begins again if what stands in the way stays as it is.
    fn begins_again(&self, unmet: &[Unmet], ctx: &Ctx<'_>) -> Vec<String> {
        let fires = unmet.iter().any(|one| matches!(one.why, Why::Fires));
        let fires = ctx.setting.rules.still_firing.filter(|_| fires);
        let fires = fires.map(|span| format!("what still fires in {} begins it again", human_span(span)));
        let rules = &ctx.setting.rules.validation;
        let checks = self.watch(ctx.setting, ctx.now).map(|until| {
            format!(
                "its checks go on until {until}, and one that does not pass {} times in a row begins it again",
                rules.failures
            )
        });
        fires.into_iter().chain(checks).collect()
    }

    /// The checks of the house that it must pass.
    pub fn must_pass<'a>(&'a self, setting: &'a Setting) -> impl Iterator<Item = &'a Check> + 'a {
        setting.rules.validation.of(self.life.service.as_ref(), self.claims.severity)
    }

    /// Those of them that somebody must look for outside.
    fn asked_outside<'a>(&'a self, setting: &'a Setting) -> impl Iterator<Item = &'a Check> + 'a {
        self.must_pass(setting).filter(|check| matches!(check.judge, Judge::Shell(_)))
    }

    /// What stands in the way of its end. `ran`: what checks said lately that is in no event.
    pub fn unmet(&self, setting: &Setting, now: Timestamp, ran: &[Judged]) -> Vec<Unmet> {
        let monitors = self.claims.signals.values().filter(|one| one.is_live() && one.signal.repeats);
        let mut unmet: Vec<Unmet> = monitors
            .map(|one| {
                let why = one.silent.map_or(Why::Fires, Why::Silent);
                Unmet { check: None, what: one.signal.title.clone(), why, stale: false }
            })
            .collect();
        for check in self.must_pass(setting) {
            let why = match check.judge {
                Judge::Quiet(span) => self.not_quiet(span, now),
                Judge::Shell(_) => self.not_passed(&check.id, (setting, now), ran),
            };
            let unmet_by =
                |(why, stale)| Unmet { check: Some(check.id.clone()), what: check.id.to_string(), why, stale };
            unmet.extend(why.map(unmet_by));
        }
        unmet
    }

    /// What a check that only needs the incident says now.
    pub fn quiet(&self, span: Duration, now: Timestamp) -> (Verdict, String) {
        let going_on = self.claims.signals.values().filter(|one| one.is_live() && one.signal.repeats);
        let (firing, silent): (Vec<_>, Vec<_>) = going_on.partition(|one| one.silent.is_none());
        if let Some(one) = firing.first() {
            return (Verdict::Failed, format!("`{}` fires; {} in all", one.signal.title, firing.len()));
        }
        if let Some(one) = silent.first() {
            return (Verdict::Unjudged, format!("the monitor of `{}` is silent", one.signal.title));
        }
        let heard = self.claims.signals.values().map(|one| one.last);
        let last = heard.chain([self.claims.last_signal]).max().unwrap_or(self.life.opened);
        let quiet = now.since(last);
        if quiet < span {
            let words =
                format!("quiet for {} of {}: again from {}", human_span(quiet), human_span(span), last.plus(span));
            return (Verdict::Failed, words);
        }
        (Verdict::Passed, format!("quiet since {last}"))
    }

    fn not_quiet(&self, span: Duration, now: Timestamp) -> Option<(Why, bool)> {
        let (verdict, seen) = self.quiet(span, now);
        (verdict != Verdict::Passed).then_some((Why::Judged(verdict, seen, now), false))
    }

    /// Why a check that is made outside is not passed, and whether making it again may be all that is needed.
    fn not_passed(&self, id: &CheckId, (setting, now): (&Setting, Timestamp), ran: &[Judged]) -> Option<(Why, bool)> {
        let known = self.checks.stood.get(id).map(|stood| &stood.last);
        let last = known.into_iter().chain(ran.iter().filter(|judged| judged.check == *id)).max_by_key(|one| one.at);
        let asked = self.checks.asked.get(id).map(|asked| (Why::Asked(asked.at), true));
        let Some(last) = last else { return Some(asked.unwrap_or((Why::NeverRun, true))) };
        let max_age = setting.rules.validation.max_age;
        let old = now.since(last.at) > max_age;
        match last.verdict {
            Verdict::Passed if !old => None,
            Verdict::Passed => Some(asked.unwrap_or((Why::OutOfDate(last.at, max_age), true))),
            Verdict::Failed | Verdict::Unjudged => {
                Some((Why::Judged(last.verdict, last.seen.clone(), last.at), old || asked.is_some()))
            }
        }
    }

    /// How each check stands, by what was recorded.
    pub fn check_stood(&self, id: &CheckId) -> Option<&Stood> {
        self.checks.stood.get(id)
    }

    /// Who waits for a check.
    pub fn check_asked(&self, id: &CheckId) -> Option<&Asked> {
        self.checks.asked.get(id)
    }

    /// Until when its checks go on after it was resolved.
    pub fn watched_until(&self) -> Option<Timestamp> {
        let over = matches!(self.life.phase, Phase::Resolved | Phase::Reviewed);
        self.checks.watch.filter(|_| over)
    }

    /// The checks that the shell owes: each with the instant from which on. One that somebody waits for is owed at once; while the incident
    /// is mitigated, and while it is watched, each is owed at intervals.
    pub fn checks_owed(&self, setting: &Setting, memory: &Memory) -> Vec<(Timestamp, CheckId)> {
        // Most incidents owe none, and whoever makes checks asks all of them often.
        if self.checks.asked.is_empty() && self.life.phase != Phase::Mitigated && self.watched_until().is_none() {
            return Vec::new();
        }
        let owed = |check: &Check| {
            let stood = self.checks.stood.get(&check.id).map(|stood| stood.last.at);
            let last = stood.max(memory.last(self.life.id, &check.id));
            self.check_owed(&check.id, last, setting).map(|at| (at, check.id.clone()))
        };
        self.asked_outside(setting).filter_map(owed).collect()
    }

    fn check_owed(&self, id: &CheckId, last: Option<Timestamp>, setting: &Setting) -> Option<Timestamp> {
        if let Some(asked) = self.checks.asked.get(id) {
            return Some(asked.at);
        }
        let every = setting.rules.validation.every;
        match (self.life.phase, self.watched_until()) {
            (Phase::Mitigated, _) => {
                let since = self.life.mitigated.unwrap_or(self.life.opened);
                Some(last.map_or(since, |last| last.plus(every).max(since)))
            }
            // The first look is one interval after the end: it rests on what was seen just before.
            (_, Some(until)) => {
                let from = self.life.resolved.unwrap_or(self.life.opened).max(last.unwrap_or(Timestamp::MIN));
                Some(from.plus(every)).filter(|at| *at <= until)
            }
            (_, None) => None,
        }
    }
}

impl Refusal {
    /// The command that may be all that is needed before the same is asked again: checks that were never made or are out of date.
    pub fn looks_first(&self, by: &Actor) -> Option<crate::incident::Command> {
        let Self::ChecksFail { unmet, .. } = self else { return None };
        let stale = unmet.iter().any(|one| one.stale);
        stale.then(|| crate::incident::Command::Checks(ChecksCommand::Validate { by: by.clone(), check: None }))
    }
}
