//! What may be asked about who may look. Whether whoever asks is inside is asked at the door, of everything: see
//! [`Incident::admits`]. Tests: `board/tests/access.rs`, `scenarios/access/`.

use std::sync::Arc;

use crate::{
    code_name,
    id::{IncidentId, PersonId, ServiceId},
    incident::{
        AccessCommand, AccessEvent, Actor, Ctx, Incident, IncidentEvent, Phase, Refusal, RolesEvent,
        text::{sentence, title},
    },
    limits::{CODE_NAME_BYTES_MAX, MEMBERS_MAX},
    policy::Whom,
    setting::Setting,
    signal::Signal,
};

impl Incident {
    pub(super) fn decide_access(
        &self,
        command: AccessCommand,
        ctx: &mut Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        match command {
            AccessCommand::Restrict { by, code_name, reason, members } => {
                self.restrict(by, &code_name, reason, &members, ctx)
            }
            AccessCommand::LetIn { by, whom, reason } => {
                self.is_restricted()?;
                sentence("reason", &reason)?;
                let whom = named(&whom, ctx)?;
                self.let_in(&by, vec![whom], &reason)
            }
            AccessCommand::PutOut { by, whom, reason } => self.put_out(by, &whom, reason, ctx),
            AccessCommand::Lift { by, reason } => {
                self.is_restricted()?;
                only_a_person(&by, "lift a restriction")?;
                sentence("reason", &reason)?;
                Ok(vec![AccessEvent::RestrictionLifted { by, reason }.into()])
            }
            AccessCommand::BreakGlass { by, reason } => {
                self.is_restricted()?;
                let person = only_a_person(&by, "look into a restricted incident")?;
                sentence("reason", &reason)?;
                let inside = self.admits(&by, &ctx.setting.roster);
                Ok(if inside { Vec::new() } else { vec![AccessEvent::GlassBroken { by: person, reason }.into()] })
            }
            AccessCommand::Read { by, part } => {
                let is_news = self.is_reading(&by, part, ctx.now);
                Ok(if is_news { vec![AccessEvent::Read { by, part }.into()] } else { Vec::new() })
            }
        }
    }

    /// The events that begin an incident, restricted from the first on where a rule of the house says so.
    pub(crate) fn open_restricted(id: IncidentId, signal: &Arc<Signal>, ctx: &Ctx<'_>) -> Vec<IncidentEvent> {
        let mut events = Self::open(signal, ctx);
        events.extend(restriction(id, signal, signal.service.as_ref(), ctx.setting));
        events
    }

    /// What restricts it where a claim that joins it is one of those that the house wants restricted.
    pub(crate) fn restricted_by(&self, signal: &Signal, setting: &Setting) -> Option<IncidentEvent> {
        let service = signal.service.as_ref().or(self.life.service.as_ref());
        restriction(self.life.id, signal, service, setting).filter(|_| self.restriction().is_none())
    }

    fn restrict(
        &self,
        by: Actor,
        code_name: &str,
        reason: String,
        members: &[String],
        ctx: &Ctx<'_>,
    ) -> Result<Vec<IncidentEvent>, Refusal> {
        self.may("restrict", self.life.phase != Phase::Merged)?;
        let person = only_a_person(&by, "restrict an incident")?;
        sentence("reason", &reason)?;
        let members: Vec<Whom> = members.iter().map(|whom| named(whom, ctx)).collect::<Result<_, _>>()?;
        if let Some(inside) = self.restriction() {
            let same = code_name.trim().is_empty() || code_name.trim() == inside.code_name;
            if same && members.iter().all(|whom| inside.members.contains(whom)) {
                return Ok(Vec::new());
            }
            let want = format!("it is restricted already, as {}: let in whoever is to come", inside.code_name);
            return Err(Refusal::bad_field("code_name", code_name, want));
        }
        let code_name = if code_name.trim().is_empty() {
            code_name::of(self.life.id)
        } else {
            let given = title("code_name", code_name)?;
            if given.len() > CODE_NAME_BYTES_MAX {
                let want = format!("it is {} bytes: want at most {CODE_NAME_BYTES_MAX}", given.len());
                return Err(Refusal::bad_field("code_name", code_name, want));
            }
            given
        };
        let mut inside = vec![Whom::Person(person)];
        inside.extend(self.roles.held.values().cloned().map(Whom::Person));
        inside.extend(members);
        let mut different: Vec<Whom> = Vec::new();
        for whom in inside {
            if !different.contains(&whom) {
                different.push(whom);
            }
        }
        if different.len() > MEMBERS_MAX {
            return Err(too_many(different.len()));
        }
        Ok(vec![AccessEvent::Restricted { by, code_name, reason, members: different }.into()])
    }

    fn let_in(&self, by: &Actor, whom: Vec<Whom>, reason: &str) -> Result<Vec<IncidentEvent>, Refusal> {
        let Some(inside) = self.restriction() else { return Ok(Vec::new()) };
        let is_new = |whom: &Whom| {
            let out = matches!(whom, Whom::Person(person) if inside.out.contains(person));
            out || !inside.members.contains(whom)
        };
        let new: Vec<Whom> = whom.into_iter().filter(is_new).collect();
        let count = inside.members.len().saturating_add(new.len());
        if count > MEMBERS_MAX {
            return Err(too_many(count));
        }
        let let_in = |whom| AccessEvent::LetIn { by: by.clone(), whom, reason: reason.to_owned() }.into();
        Ok(new.into_iter().map(let_in).collect())
    }

    /// Somebody may look no more. With that they have no role in it; where they are the one who is on it, nobody is: see `apply`.
    fn put_out(&self, by: Actor, whom: &str, reason: String, ctx: &Ctx<'_>) -> Result<Vec<IncidentEvent>, Refusal> {
        self.is_restricted()?;
        sentence("reason", &reason)?;
        let put_out = named(whom, ctx)?;
        let Some(inside) = self.restriction() else { return Ok(Vec::new()) };
        let Whom::Person(person) = &put_out else {
            if !inside.members.contains(&put_out) {
                return Err(Refusal::bad_field("whom", whom, "they were not let in".to_owned()));
            }
            return Ok(vec![AccessEvent::PutOut { by, whom: put_out, reason }.into()]);
        };
        if inside.out.contains(person) {
            return Ok(Vec::new());
        }
        let theirs = self.roles.held.iter().filter(|(_, holder)| *holder == person).map(|(role, _)| *role);
        let given_up =
            theirs.map(|role| RolesEvent::RoleGivenUp { by: by.clone(), role, person: person.clone() }.into());
        let mut events: Vec<IncidentEvent> = given_up.collect();
        events.push(AccessEvent::PutOut { by, whom: put_out.clone(), reason }.into());
        Ok(events)
    }

    fn is_restricted(&self) -> Result<(), Refusal> {
        if self.restriction().is_some() { Ok(()) } else { Err(Refusal::NotRestricted { id: self.life.id }) }
    }
}

/// What a rule of the house says of an incident with this signal.
fn restriction(
    id: IncidentId,
    signal: &Signal,
    service: Option<&ServiceId>,
    setting: &Setting,
) -> Option<IncidentEvent> {
    let rule = setting.rules.restrict.iter().find(|rule| rule.fits(signal, service))?;
    let (by, reason) = (Actor::System, "a rule of the configuration says so".to_owned());
    let (code_name, members) = (code_name::of(id), rule.members.clone());
    Some(AccessEvent::Restricted { by, code_name, reason, members }.into())
}

/// Whoever may look is somebody: a token of a program could be in anybody's hands.
fn only_a_person(by: &Actor, what: &'static str) -> Result<PersonId, Refusal> {
    match by {
        Actor::Person(person) => Ok(person.clone()),
        Actor::Token(_) | Actor::System => Err(Refusal::OnlyAPerson { by: by.clone(), what }),
    }
}

fn named(whom: &str, ctx: &Ctx<'_>) -> Result<Whom, Refusal> {
    let unknown = || "there is no person, policy or schedule of this name".to_owned();
    ctx.setting.roster.whom(whom).ok_or_else(|| Refusal::bad_field("whom", whom, unknown()))
}

fn too_many(count: usize) -> Refusal {
    Refusal::bad_field("members", &count.to_string(), format!("want at most {MEMBERS_MAX} people and teams"))
}
