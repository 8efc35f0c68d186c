//! A task in words, for lists and for the incident that it is of.

use quarterdeck_api::Task;

/// One line, and one for each claim that is in its way.
pub(crate) fn in_words(task: &Task) -> String {
    let who = match (&task.claimed_by, &task.claimed_until, &task.assignee) {
        (Some(by), Some(until), _) => format!(", {by} is on it until {until}"),
        (_, _, Some(person)) => format!(", for {person}"),
        (_, _, None) => String::new(),
    };
    let due = match &task.due {
        Some(due) if task.overdue => format!(", PAST ITS TIME {due}"),
        Some(due) if task.ended.is_none() => format!(", due {due}"),
        Some(_) | None => String::new(),
    };
    let on: Vec<&str> = task.resources.iter().map(|one| one.name.as_str()).collect();
    let on = if on.is_empty() { String::new() } else { format!(", on {}", on.join(", ")) };
    let note = task.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
    let mut lines = vec![format!("task {} {} {}{on}{who}{due}{note}", task.number, task.state, task.title)];
    for one in &task.resources {
        for held in &one.held_by {
            let of = format!("task {} of {} ({})", held.number, held.incident, held.title);
            lines.push(format!("  {} is held by {} for {of} until {}", one.name, held.by, held.until));
        }
    }
    lines.join("\n")
}
