//! What people and machines ask of an incident. Who may ask is the shell's to check; whether it makes sense is decided here.

pub use crate::incident::{
    access::command::AccessCommand,
    checks::command::ChecksCommand,
    claims::command::ClaimsCommand,
    evidence::command::EvidenceCommand,
    life::command::{Closing, LifeCommand},
    paging::command::PagingCommand,
    roles::command::RolesCommand,
    room::command::RoomCommand,
    tasks::command::TasksCommand,
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

macro_rules! families {
    ($($(#[$doc:meta])* $family:ident($command:ident)),+ $(,)?) => {
        /// What is asked, by the facet that decides it.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Command {
            $($(#[$doc])* $family($command),)+
            /// Carry out all that is due at the instant of the context, whichever facet owes it.
            CarryOutDuties,
        }

        impl Command {
            /// What is accepted however long the incident is: what ends it, what is owed to people, and the fate of signals that are
            /// attached already. Each is bounded by what is there, but for duties, and those must never stop before somebody answers.
            pub(super) const fn survives_length(&self) -> bool {
                match self {
                    $(Self::$family(command) => command.survives_length(),)+
                    Self::CarryOutDuties => true,
                }
            }
        }

        $(impl From<$command> for Command {
            fn from(command: $command) -> Self {
                Self::$family(command)
            }
        })+
    };
}

// THE LIST of families, as for events.
families! {
    /// Of the incident as a whole: to be answered, ended, begun again.
    Life(LifeCommand),
    /// A claim, or what became of one.
    Claims(ClaimsCommand),
    /// To reach somebody, or that it was tried.
    Paging(PagingCommand),
    /// Who does what.
    Roles(RolesCommand),
    /// Of the people in it.
    Room(RoomCommand),
    /// Of what is to be done.
    Tasks(TasksCommand),
    /// Of whether it is over.
    Checks(ChecksCommand),
    /// Of evidence.
    Evidence(EvidenceCommand),
    /// Of who may look.
    Access(AccessCommand),
}
