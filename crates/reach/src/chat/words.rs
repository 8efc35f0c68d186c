//! What goes to a chat service and what comes from one, in words that all of them share.

use quarterdeck_core::time::Timestamp;

/// The channel that an incident is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What makes it the same channel when it is asked for again: the incident's identifier.
    pub key: &'a str,
    /// How people see it.
    pub name: &'a str,
    /// One line about it, with the way to the console.
    pub topic: &'a str,
    /// Accounts that are let in at once.
    pub members: &'a [String],
}

/// How something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A person's words: devices may ring.
    Words,
    /// What happened, told by the program: quieter where the service knows a difference.
    Notice,
}

/// Something to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// Plain text. Nothing in it calls anybody or becomes a link to somewhere else than it shows.
    pub text: String,
    /// How it is said.
    pub tone: Tone,
    /// What it answers, by its name there.
    pub answers: Option<String>,
    /// What it takes the place of, by its name there: an edit of what we said.
    pub instead_of: Option<String>,
}

/// What was said by others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Where to go on. Text of the service, to be kept and given back as it is.
    pub next: String,
    /// In the order in which the service has it, channel by channel.
    pub utterances: Vec<Utterance>,
}

/// One thing that happened in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// The channel that it happened in.
    pub channel: String,
    /// Its name there.
    pub id: String,
    /// Whose account. The service vouches for it.
    pub by: String,
    /// When, by the service's clock.
    pub at: Option<Timestamp>,
    /// What was said or done.
    pub what: Spoken,
}

/// What happened in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// Somebody said something.
    Said {
        /// As plain text.
        text: String,
        /// What it answers, by its name there.
        answers: Option<String>,
    },
    /// Somebody changed what they had said.
    Edited {
        /// What, by its name there.
        of: String,
        /// The text from now on.
        text: String,
    },
    /// Something was taken back.
    Withdrawn {
        /// What, by its name there.
        of: String,
    },
    /// Something was said that we cannot read.
    Unreadable {
        /// Why not, for a person.
        why: String,
    },
    /// We are not in the channel any more.
    SentAway,
}
