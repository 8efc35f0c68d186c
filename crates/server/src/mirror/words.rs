//! How what happened in an incident is said in a chat. Pure. Tests: below, and `tests/it/chat.rs`.

use quarterdeck_core::{
    incident::{ClaimsEvent, IncidentEvent, LifeEvent, MessageKind, PagingEvent, RoomEvent, TasksEvent},
    severity::Severity,
};

/// What a chat is told of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Telling<'a> {
    /// Words of a person: how they are meant, and the words.
    Words(&'static str, &'a str),
    /// The line of the timeline.
    Line,
    /// The chat is not told of it.
    Nothing,
}

/// What of an event is told. Signals one by one and the fate of pages are for the console: a chat is read by people who work.
pub(super) fn telling(event: &IncidentEvent) -> Telling<'_> {
    match event {
        IncidentEvent::Life(event) => match event {
            // The channel begins with what is so.
            LifeEvent::Opened { .. } => Telling::Nothing,
            LifeEvent::Acknowledged { .. }
            | LifeEvent::AcknowledgementExpired {}
            | LifeEvent::Mitigated { .. }
            | LifeEvent::Resolved { .. }
            | LifeEvent::Reopened { .. }
            | LifeEvent::Reviewed { .. }
            | LifeEvent::MergedInto { .. } => Telling::Line,
        },
        IncidentEvent::Claims(event) => match event {
            ClaimsEvent::SeverityChanged(_) | ClaimsEvent::FactsStated { .. } | ClaimsEvent::MergedFrom { .. } => {
                Telling::Line
            }
            ClaimsEvent::SignalAttached { .. }
            | ClaimsEvent::SignalsAbsorbed { .. }
            | ClaimsEvent::SignalConfirmed { .. }
            | ClaimsEvent::SignalRetracted { .. }
            | ClaimsEvent::SignalEnded { .. }
            | ClaimsEvent::EndingLate { .. }
            | ClaimsEvent::SignalSilent { .. }
            | ClaimsEvent::SignalTakenUp { .. }
            | ClaimsEvent::SignalAcknowledged { .. }
            | ClaimsEvent::SignalUnanswered { .. } => Telling::Nothing,
        },
        IncidentEvent::Paging(event) => match event {
            PagingEvent::Escalated { .. } | PagingEvent::NobodyReached { .. } | PagingEvent::HandedOver { .. } => {
                Telling::Line
            }
            PagingEvent::PageRequested { .. }
            | PagingEvent::PageImpossible { .. }
            | PagingEvent::PageSettled { .. } => Telling::Nothing,
        },
        IncidentEvent::Roles(_) | IncidentEvent::Checks(_) | IncidentEvent::Evidence(_) => Telling::Line,
        // Who may look, and who looked, is for those inside.
        IncidentEvent::Access(_) => Telling::Nothing,
        IncidentEvent::Tasks(event) => match event {
            TasksEvent::TaskAdded { .. }
            | TasksEvent::TaskChanged { .. }
            | TasksEvent::TaskClaimed { .. }
            | TasksEvent::ClaimOverridden { .. }
            | TasksEvent::ClaimReleased { .. }
            | TasksEvent::ClaimExpired { .. }
            | TasksEvent::TaskOverdue { .. }
            | TasksEvent::TaskDone { .. }
            | TasksEvent::TaskDropped { .. } => Telling::Line,
            // Whoever was on it still is; and that the other incident came in is told once.
            TasksEvent::ClaimRenewed { .. } | TasksEvent::TaskAdopted { .. } => Telling::Nothing,
        },
        IncidentEvent::Room(event) => match event {
            RoomEvent::MessageWritten { kind, text, .. } => Telling::Words(verb(*kind), text),
            RoomEvent::NoteAdded { text, .. } => Telling::Words(verb(MessageKind::Note), text),
            RoomEvent::MessageEdited { text, .. } => Telling::Words("", text),
            // That it is gone there says it.
            RoomEvent::MessageWithdrawn { .. }
            | RoomEvent::MessagePinned { .. }
            | RoomEvent::MessageUnpinned { .. }
            | RoomEvent::RoomEntered { .. }
            | RoomEvent::RoomLeft { .. } => Telling::Nothing,
        },
    }
}

const fn verb(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Message => "",
        MessageKind::Note => " notes",
        MessageKind::Decision => " decides",
        MessageKind::Question => " asks",
        MessageKind::Answer => " answers",
    }
}

/// A person's words with who says them: a chat shows our account as the one who speaks.
pub(super) fn spoken(who: &str, verb: &str, words: &str) -> String {
    format!("{who}{verb}: {words}")
}

/// What a channel is told when its incident is restricted.
pub(super) const CLOSED: &str = "This incident is restricted now: it goes on in its own room, for those who were let in. Nothing more of it \
     is told here, and what is written here is not kept.";

/// What a channel begins with.
pub(super) fn greeting(severity: Severity, title: &str, drill: bool, link: &str) -> String {
    let drill = if drill { "DRILL. " } else { "" };
    format!(
        "{drill}{severity} {title}\n{link}\nWhat is said here is part of the incident's log. Ask with `!qd`: `!qd ack`, `!qd note …`, \
         `!qd decide …`, `!qd resolve …`"
    )
}

/// The command of a line, as the room's own box reads it: `!qd ack` is `/ack`. None: it is no command.
pub(super) fn command(text: &str) -> Option<String> {
    let text = text.trim_start();
    let rest = text.strip_prefix("!qd").or_else(|| text.strip_prefix("/qd"))?;
    let rest = rest.strip_prefix(char::is_whitespace).map(str::trim_start).or_else(|| rest.is_empty().then_some(""))?;
    Some(format!("/{}", rest.strip_prefix('/').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_begins_so_is_a_command() {
        assert_eq!(command("!qd ack").as_deref(), Some("/ack"));
        assert_eq!(command("  /qd  note two words").as_deref(), Some("/note two words"));
        assert_eq!(command("!qd /ack").as_deref(), Some("/ack"));
        assert_eq!(command("!qd").as_deref(), Some("/"));
        for words in ["!qdack", "say !qd ack", "/ack", "qd ack", ""] {
            assert_eq!(command(words), None, "{words}");
        }
    }

    #[test]
    fn a_drill_says_so_first() {
        let greeting = greeting(Severity::Sev1, "vault drained", true, "http://x/incidents/inc_1");
        assert!(greeting.starts_with("DRILL. SEV1 vault drained\nhttp://x/incidents/inc_1\n"), "{greeting}");
    }
}
