//! What is taken up of what was kept.

use quarterdeck_core::{
    chain::{Gap, GapKind},
    id::Name,
    time::Timestamp,
};

use super::*;

const HERE: ChainId = ChainId::evm(1);

fn kept(chain: Option<ChainId>, gaps: Vec<Gap>) -> String {
    let place = Place { last: 7, hashes: "11".repeat(32), chain, ..Place::default() };
    serde_json::to_string(&Cursor { place, gaps }).unwrap()
}

fn gap(chain: ChainId) -> Gap {
    Gap {
        source: Name::new("node").unwrap(),
        chain,
        kind: GapKind::Unreachable,
        from_block: Some(8),
        to_block: None,
        since: Timestamp::from_secs(1_700_000_000),
        closed: None,
        detail: "connection refused".to_owned(),
    }
}

#[test]
fn a_source_goes_on_where_it_stood() {
    // Also where an older program did not write down the chain.
    for text in [kept(Some(HERE), vec![gap(HERE)]), kept(None, vec![gap(HERE)]), kept(None, Vec::new())] {
        let (place, _) = taken_up(Some(&text), HERE);
        assert_eq!(place.unwrap().map(|place| place.last), Some(7), "{text}");
    }
}

#[test]
fn a_source_that_watches_another_chain_now_stood_nowhere_on_it() {
    let other = ChainId::evm(10);
    for text in [kept(Some(other), Vec::new()), kept(None, vec![gap(other)])] {
        let (place, cursor) = taken_up(Some(&text), HERE);
        assert_eq!(place, Ok(None), "{text}");
        assert_eq!(cursor.gaps, [], "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let (place, _) = taken_up(Some("{"), HERE);
    assert!(place.unwrap_err().contains("cannot be read"));
}
