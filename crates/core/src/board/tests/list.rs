//! The list of incidents, page by page.

use super::*;

/// Every incident of a list, page by page.
fn walked(board: &Board, which: Which, limit: usize) -> Vec<IncidentId> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = board.list(which, after, limit);
        assert!(page.rows.len() <= limit);
        ids.extend(page.rows.iter().map(|row| row.id));
        let Some(next) = page.next else { return ids };
        assert_eq!(next.to_string().parse(), Ok(next));
        after = Some(next);
    }
}

#[test]
fn pages_of_any_length_give_the_whole_list_in_its_order() {
    let mut desk = Desk::new();
    let mut over = Vec::new();
    let mut open = Vec::new();
    for number in 0..60_u64 {
        desk.wait(7);
        let loudness = if number % 3 == 0 { Loudness::Warning } else { Loudness::Critical };
        let id = desk.open(Signal { loudness, ..signal(&format!("case {number}"), 0) });
        if number % 2 == 0 {
            desk.ask(
                id,
                Command::Life(LifeCommand::Resolve { by: ann(), note: "done".to_owned(), closing: in_spite() }),
            );
            over.push(id);
        } else {
            open.push(id);
        }
    }
    assert_eq!(desk.board.open_incidents(), open.len());
    open.sort_by_key(|id| {
        let incident = desk.incident(*id);
        (std::cmp::Reverse(incident.severity()), std::cmp::Reverse(incident.opened()))
    });
    over.reverse();
    let all = [open.clone(), over.clone()].concat();
    for limit in [1, 7, 30, 31, 1_000] {
        assert_eq!(walked(&desk.board, Which::Open, limit), open);
        assert_eq!(walked(&desk.board, Which::Over, limit), over, "the latest first");
        assert_eq!(walked(&desk.board, Which::All, limit), all);
    }
    // A place among the open ones, in the list of those that are over: from its beginning.
    let among_open = desk.board.list(Which::Open, None, 3).next;
    assert_eq!(desk.board.list(Which::Over, among_open, 1_000).rows.len(), over.len());
}

#[test]
fn a_text_that_is_no_cursor_is_refused_with_its_words() {
    for text in ["", "over", "over.5", "SEV9.1.inc_060r30c1g60r30c1g60r30c1g6", "over.x.inc_060r30c1g60r30c1g60r30c1g6"]
    {
        let error = text.parse::<Cursor>().unwrap_err();
        assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
    }
}
