//! Checks as a timeline plays them: each is made when the rules owe it, and says what the story lets it say. One of which the story says
//! nothing gives no answer. Tests: `scenarios/recovery/`.

use std::time::Duration;

use quarterdeck_core::{
    id::{CheckId, IncidentId},
    incident::{
        ChecksCommand, Command,
        unmet::{Judged, Verdict},
    },
    time::{Timestamp, human_span},
};

use super::{Stage, name};
use crate::scenario::happening::Answer;

impl Stage {
    /// What a check says from now on.
    pub(super) fn answers_from_now_on(&mut self, check: &str, answer: &Answer) -> Result<(), String> {
        let id: CheckId = name(check)?;
        if !self.world.setting.rules.validation.checks.contains_key(&id) {
            return Err(format!("no check `{id}` is configured"));
        }
        self.answers.insert(id, answer.clone());
        Ok(())
    }

    /// When the next check is owed.
    pub(super) fn next_check(&self) -> Option<Timestamp> {
        self.owed().map(|(at, ..)| at).min()
    }

    fn owed(&self) -> impl Iterator<Item = (Timestamp, IncidentId, CheckId)> + '_ {
        let each = |incident: &quarterdeck_core::incident::Incident| {
            let id = incident.id();
            let owed = incident.checks_owed(&self.world.setting, &self.ran);
            owed.into_iter().map(move |(at, check)| (at, id, check)).collect::<Vec<_>>()
        };
        self.board.incidents().flat_map(each)
    }

    /// Makes every check that is owed now.
    pub(super) fn make_checks(&mut self) -> Result<(), String> {
        let due: Vec<(IncidentId, CheckId)> =
            self.owed().filter(|(at, ..)| *at <= self.now).map(|(_, id, check)| (id, check)).collect();
        for (id, check) in due {
            let judged = self.judged(check);
            self.ran.heard(id, judged.clone());
            self.command(id, Command::Checks(ChecksCommand::Report { judged }))?;
        }
        Ok(())
    }

    fn judged(&self, check: CheckId) -> Judged {
        let timeout = self.world.setting.rules.validation.timeout;
        let (verdict, seen, took) = match self.answers.get(&check) {
            Some(Answer::Passes(seen)) => (Verdict::Passed, seen.clone(), Duration::ZERO),
            Some(Answer::Fails(seen)) => (Verdict::Failed, seen.clone(), Duration::ZERO),
            Some(Answer::Errs(why)) => (Verdict::Unjudged, why.clone(), Duration::ZERO),
            Some(Answer::Silent) | None => {
                (Verdict::Unjudged, format!("no answer within {}", human_span(timeout)), timeout)
            }
        };
        Judged::new(check, verdict, &seen, self.now, took)
    }
}
