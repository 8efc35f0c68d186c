//! The state of a board as text: what the rules rest on and what people see, one incident after another. It is put together from what
//! an incident says of itself, not from its fields: those may be arranged anew.

use quarterdeck_core::{board::Board, duty, incident::Incident};
use serde_json::{Value, json};

pub(crate) fn of(board: &Board) -> String {
    let incidents: Vec<Value> = board.incidents().map(incident).collect();
    let noted: Vec<Value> = board
        .loose_signals()
        .map(|loose| json!({"signal": loose.signal.id, "status": loose.status, "silence": loose.silence}))
        .collect();
    let silences: Vec<Value> =
        board.all_silences().map(|silence| json!({"silence": silence.id, "ends": silence.ends})).collect();
    let state = json!({
        "journal": board.journal_len(),
        "next_deadline": board.next_deadline(),
        "incidents": incidents,
        "noted": noted,
        "silences": silences,
    });
    serde_json::to_string_pretty(&state).unwrap() + "\n"
}

fn incident(incident: &Incident) -> Value {
    let signals: Vec<Value> = incident
        .signals()
        .iter()
        .map(|(id, attached)| {
            json!({"signal": id, "status": attached.status, "repeats": attached.repeats, "last": attached.last,
                "counts": attached.counts})
        })
        .collect();
    let pages: Vec<Value> = incident
        .pages()
        .iter()
        .map(|(id, page)| {
            json!({"page": id, "person": page.person, "channel": page.channel, "address": page.address, "tier": page.tier,
                "round": page.round, "reason": page.reason, "repeat_of": page.repeat_of, "requested": page.requested,
                "outcome": page.outcome, "settled": page.settled})
        })
        .collect();
    let escalation = incident.escalation();
    json!({
        "id": incident.id(),
        "title": incident.title(),
        "service": incident.service(),
        "drill": incident.is_drill(),
        "phase": incident.phase(),
        "severity": incident.severity(),
        "points": incident.score().points,
        "gates": incident.score().gates,
        "facts": incident.facts(),
        "stated": incident.stated(),
        "loudness": incident.loudness(),
        "stands": incident.stands(),
        "wants_answer": incident.wants_answer(),
        "live": incident.live_signals(),
        "absorbed": incident.absorbed(),
        "signals": signals,
        "escalation": {
            "policy": escalation.policy.id, "tier": escalation.tier, "round": escalation.round, "next": escalation.next,
            "stood_down": escalation.stood_down, "why": escalation.why,
        },
        "acknowledgement": incident.acknowledgement(),
        "pages": pages,
        "roles": incident.roles(),
        "merged_into": incident.merged_into(),
        "opened": incident.opened(),
        "mitigated": incident.mitigated(),
        "resolved": incident.resolved(),
        "last_signal": incident.last_signal(),
        "version": incident.version(),
        "next_deadline": duty::next_deadline(incident),
    })
}
