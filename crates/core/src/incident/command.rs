//! What people and machines ask of an incident. Who may ask is the shell's to check; whether it makes sense is decided here.

pub use crate::incident::{
    claims::command::ClaimsCommand, life::command::LifeCommand, paging::command::PagingCommand,
    room::command::RoomCommand,
};
use crate::{
    id::{Id, IdSource},
    setting::Setting,
    time::Timestamp,
};

/// What `decide` may know besides the incident: the instant, fresh identifiers, and how the house is set up.
pub struct Ctx<'a> {
    /// The instant of the decision.
    pub now: Timestamp,
    /// Fresh identifiers.
    pub ids: &'a mut dyn IdSource,
    /// People, services, rules and weights.
    pub setting: &'a Setting,
}

impl Ctx<'_> {
    /// A fresh identifier.
    pub fn fresh<K>(&mut self) -> Id<K> {
        Id::from_bytes(self.ids.fresh())
    }
}

/// What is asked, by the facet that decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Of the incident as a whole: to be answered, ended, begun again.
    Life(LifeCommand),
    /// A claim, or what became of one.
    Claims(ClaimsCommand),
    /// To reach somebody, or that it was tried.
    Paging(PagingCommand),
    /// Of the people in it.
    Room(RoomCommand),
    /// Carry out all that is due at the instant of the context, whichever facet owes it.
    CarryOutDuties,
}

impl From<LifeCommand> for Command {
    fn from(command: LifeCommand) -> Self {
        Self::Life(command)
    }
}
impl From<ClaimsCommand> for Command {
    fn from(command: ClaimsCommand) -> Self {
        Self::Claims(command)
    }
}
impl From<PagingCommand> for Command {
    fn from(command: PagingCommand) -> Self {
        Self::Paging(command)
    }
}
impl From<RoomCommand> for Command {
    fn from(command: RoomCommand) -> Self {
        Self::Room(command)
    }
}
