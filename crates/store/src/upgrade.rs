//! What rows of earlier versions mean today, the same for every database. Each part is frozen with its migration: it reads the
//! stored text by itself, so that no later change of a type can change what an old row becomes. Tests: below, and databases
//! of the first version in `tests/store.rs`.

use quarterdeck_core::{
    id::{DeliveryId, PageId},
    outbox::DeliveryKind,
};
use serde::Deserialize;

/// As much of a stored event as tells what an entry of the first outbox was.
#[derive(Deserialize)]
struct Told {
    r#type: String,
    page: Option<String>,
}

/// What an entry of the first outbox was, and which event decided it. `history`: places and texts of its incident's events, from
/// the first. An entry was a page if an event asked for that page, else the all-clear of the last event that ended the incident.
/// Where nothing tells (the text was erased) it is taken for a page: that reaches somebody.
pub(super) fn decided_by(id: DeliveryId, history: &[(u64, Option<String>)]) -> (DeliveryKind, u64) {
    let told = |text: &str| serde_json::from_str::<Told>(text).ok();
    let known = history.iter().filter_map(|(place, text)| Some((*place, told(text.as_deref()?)?)));
    let mut over = None;
    for (place, event) in known {
        let asked = event.page.and_then(|page| page.parse::<PageId>().ok());
        match event.r#type.as_str() {
            "page_requested.v1" if asked.is_some_and(|page| page.bytes() == id.bytes()) => {
                return (DeliveryKind::Page, place);
            }
            "resolved.v1" | "merged_into.v1" => over = Some(place),
            _ => {}
        }
    }
    match over {
        Some(place) => (DeliveryKind::AllClear, place),
        None => (DeliveryKind::Page, history.last().map_or(0, |(place, _)| *place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_entry_is_what_the_log_says() {
        let page = PageId::from_bytes([7; 16]);
        let asked = format!(r#"{{"type":"page_requested.v1","page":"{page}","person":"ann"}}"#);
        let other = format!(r#"{{"type":"page_settled.v1","page":"{page}"}}"#);
        let over = r#"{"type":"resolved.v1","by":"system","note":""}"#.to_owned();
        let history: Vec<(u64, Option<String>)> =
            vec![(3, Some("{}".to_owned())), (5, Some(asked)), (6, Some(other)), (8, None), (9, Some(over))];
        let entry = |byte| DeliveryId::from_bytes([byte; 16]);
        assert_eq!(decided_by(entry(7), &history), (DeliveryKind::Page, 5));
        assert_eq!(decided_by(entry(8), &history), (DeliveryKind::AllClear, 9));
        assert_eq!(decided_by(entry(8), &history[..4]), (DeliveryKind::Page, 8));
        assert_eq!(decided_by(entry(8), &[]), (DeliveryKind::Page, 0));
    }
}
