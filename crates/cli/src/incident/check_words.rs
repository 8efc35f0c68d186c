//! What an incident must pass before it is over, in words.

use quarterdeck_api::{Check, Checks};

use crate::output::table;

/// Every check on a line, then what stands in the way.
pub(super) fn in_words(checks: &Checks) -> String {
    let rows: Vec<Vec<String>> = checks.checks.iter().map(row).collect();
    let mut lines = vec![table(&["CHECK", "STATE", "LOOKED", "SEEN"], &rows)];
    if let Some(over) = &checks.overridden {
        lines.push(format!("{} resolved it in spite of {}, because: {}", over.by, over.unmet.join("; "), over.reason));
    }
    if let Some(until) = &checks.watched_until {
        lines.push(format!("resolved; its checks go on until {until}"));
    }
    lines.extend(checks.unmet.iter().map(|line| format!("in the way: {line}")));
    lines.join("\n")
}

fn row(check: &Check) -> Vec<String> {
    let state = match (check.state.as_str(), check.fresh, &check.asked_by) {
        (_, _, Some(by)) => format!("being made, asked by {by}"),
        ("passed", false, None) => "passed, out of date".to_owned(),
        ("unjudged", _, None) => "could not be judged".to_owned(),
        ("never", _, None) => "never made".to_owned(),
        (state, _, None) => state.to_owned(),
    };
    let name = if check.name == "monitors" { check.title.clone() } else { format!("{} ({})", check.name, check.title) };
    vec![name, state, check.at.clone().unwrap_or_default(), check.seen.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, state: &str, fresh: bool) -> Check {
        Check {
            name: name.to_owned(),
            title: format!("title of {name}"),
            kind: "http".to_owned(),
            state: state.to_owned(),
            fresh,
            seen: "503".to_owned(),
            since: None,
            at: None,
            took_ms: None,
            asked_by: None,
            next: None,
        }
    }

    #[test]
    fn what_is_not_passed_is_never_called_so() {
        let asked = Check { asked_by: Some("ana".to_owned()), ..check("d", "passed", true) };
        let checks = Checks {
            incident: "inc_1".to_owned(),
            checks: vec![check("a", "passed", true), check("b", "passed", false), check("c", "unjudged", true), asked],
            unmet: vec!["check `c` could not be judged".to_owned()],
            watched_until: None,
            overridden: None,
        };
        let text = in_words(&checks);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].contains("a (title of a)") && lines[1].contains("passed  "), "{text}");
        assert!(lines[2].contains("passed, out of date") && lines[3].contains("could not be judged"), "{text}");
        assert!(lines[4].contains("being made, asked by ana"), "{text}");
        assert_eq!(lines[5], "in the way: check `c` could not be judged");
    }
}
