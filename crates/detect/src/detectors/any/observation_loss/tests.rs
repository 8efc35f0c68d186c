use quarterdeck_core::chain::{Part, Unread};

use super::*;
use crate::testing::{ended, observe, raised};

fn gap(kind: GapKind, since_s: u64, from_block: u64, closed_s: Option<u64>) -> ChainEvent {
    ChainEvent::Gap(Arc::new(Gap {
        source: Name::new("eth-1").unwrap(),
        chain: rehearsal::CHAIN,
        kind,
        from_block: Some(from_block),
        to_block: Some(from_block + 4),
        since: Timestamp::from_secs(since_s),
        closed: closed_s.map(Timestamp::from_secs),
        detail: "connection refused".to_owned(),
    }))
}
fn tick(at_s: u64) -> ChainEvent {
    ChainEvent::Tick(Timestamp::from_secs(at_s))
}
fn told(events: &[ChainEvent]) -> (usize, usize) {
    let changes = observe(&ObservationLoss, &rehearsal::knowledge(), events);
    (raised(&changes).len(), ended(&changes).len())
}

#[test]
fn a_gap_is_told_after_its_grace_and_ends_when_it_is_closed() {
    let events = [gap(GapKind::Unreachable, 1_000, 7, None), tick(1_059), tick(1_060), tick(1_090)];
    assert_eq!(told(&events[..2]), (0, 0));
    let changes = observe(&ObservationLoss, &rehearsal::knowledge(), &events);
    let signal = &raised(&changes)[0];
    assert_eq!(signal.title, "blind on chain 1 for 1 min 0 s: eth-1 does not answer");
    assert_eq!((changes.len(), signal.loudness), (1, Loudness::Error));
    assert_eq!(signal.service.as_ref().map(Name::as_str), Some("custody"));
    let closed = [&events[..], &[gap(GapKind::Unreachable, 1_000, 7, Some(1_100))]].concat();
    assert_eq!(ended(&observe(&ObservationLoss, &rehearsal::knowledge(), &closed)), [signal.fingerprint]);
}

#[test]
fn what_of_a_block_could_not_be_read_is_told_once_and_ends_when_it_has_not_come_for_long() {
    let block = |number: u64, unread: Option<Part>| {
        let mut block =
            Block { chain: rehearsal::CHAIN, number, time: Timestamp::from_secs(number * 12), ..Block::default() };
        block.transactions.push(rehearsal::coin(rehearsal::HOT, rehearsal::HOT, 1));
        if let Some(part) = unread {
            block.unread.add(Unread { part, transaction: Some(0), field: "to", why: "field `to` is missing".into() });
        }
        ChainEvent::Block(Arc::new(block).into())
    };
    let mut events: Vec<ChainEvent> = (1..=3).map(|number| block(number, Some(Part::Transaction))).collect();
    events.push(block(4, Some(Part::Log)));
    let changes = observe(&ObservationLoss, &rehearsal::knowledge(), &events);
    let signals = raised(&changes);
    let titles: Vec<&str> = signals.iter().map(|signal| signal.title.as_str()).collect();
    assert_eq!(
        titles,
        ["chain 1: a transaction of block 1 could not be read", "chain 1: a log of block 4 could not be read"]
    );
    assert!(signals[0].explanation.text.contains("transaction 0: field `to` is missing"));
    assert_eq!(signals[0].service.as_ref().map(Name::as_str), Some("custody"));
    events.extend((5..=103).map(|number| block(number, None)));
    assert_eq!(told(&events), (2, 1), "a hundred blocks since the last such transaction, ninety-nine since the log");
    events.push(block(104, None));
    assert_eq!(told(&events), (2, 2));
    events.push(block(105, Some(Part::Log)));
    assert_eq!(told(&events), (3, 2));
}

#[test]
fn a_short_gap_is_quiet_and_a_long_one_is_on_record_even_if_learned_of_late() {
    let short = [gap(GapKind::Unreachable, 1_000, 7, None), gap(GapKind::Unreachable, 1_000, 7, Some(1_059))];
    assert_eq!(told(&short), (0, 0));
    assert_eq!(told(&[gap(GapKind::MissingBlock, 1_000, 7, Some(1_060))]), (1, 1));
}

#[test]
fn hearing_of_it_twice_is_harmless() {
    let closed = gap(GapKind::MissingBlock, 1_000, 7, Some(1_060));
    let again = gap(GapKind::MissingBlock, 1_000, 7, None);
    assert_eq!(told(&[again.clone(), again.clone(), tick(1_060), tick(1_061), closed.clone()]), (1, 1));
    assert_eq!(told(&[closed.clone(), closed, again, tick(9_000)]), (1, 1));
}

#[test]
fn nonsense_is_told_at_once() {
    for kind in [GapKind::BadAnswer, GapKind::ForkTooDeep, GapKind::OtherChain] {
        assert_eq!(told(&[gap(kind, 1_000, 7, None)]), (1, 0));
    }
    let changes = observe(&ObservationLoss, &rehearsal::knowledge(), &[gap(GapKind::OtherChain, 1_000, 7, None)]);
    let signal = &raised(&changes)[0];
    assert_eq!(signal.title, "blind on chain 1: eth-1 shows another chain", "not for 0 ms");
}

#[test]
fn the_claim_ends_with_its_last_stretch() {
    let mut events = vec![
        gap(GapKind::MissingBlock, 1_000, 7, None),
        gap(GapKind::MissingBlock, 1_010, 20, None),
        tick(1_200),
        gap(GapKind::MissingBlock, 1_000, 7, Some(1_300)),
    ];
    assert_eq!(told(&events), (1, 0));
    events.push(gap(GapKind::MissingBlock, 1_010, 20, Some(1_400)));
    assert_eq!(told(&events), (1, 1));
}

#[test]
fn a_head_that_stands_still_is_told_and_ends_with_the_next_block() {
    let mut chain = Rehearsal::default();
    chain.tick(Duration::ZERO);
    for _ in 0..20 {
        chain.block(vec![]);
        chain.tick(Duration::ZERO);
    }
    // The mean interval is 12 s, so the bound is ten of them.
    chain.tick(Duration::from_mins(2));
    assert_eq!(told(&chain.events), (0, 0));
    chain.tick(Duration::from_secs(121));
    assert_eq!(told(&chain.events), (1, 0));
    chain.block(vec![]);
    assert_eq!(told(&chain.events), (1, 1));
}

#[test]
fn receipts_that_stop_are_told_and_those_that_never_came_are_not() {
    let mut chain = Rehearsal::default();
    let payment = || vec![rehearsal::coin(rehearsal::HOT, rehearsal::COLD, 1)];
    for _ in 0..4 {
        chain.block(payment());
    }
    let mut events = chain.events.clone();
    let bare = |events: &mut Vec<ChainEvent>| {
        for event in &mut *events {
            if let ChainEvent::Block(AnyBlock::Account(block)) = event {
                Arc::make_mut(block).has_receipts = false;
            }
        }
    };
    bare(&mut events);
    assert_eq!(told(&events), (0, 0), "they never came");
    let stopped = [&chain.events[..], &events[1..]].concat();
    assert_eq!(told(&stopped), (1, 0));
    assert_eq!(told(&stopped[..stopped.len() - 1]), (0, 0), "two are not three");
    assert_eq!(told(&[&stopped[..], &chain.events[..1]].concat()), (1, 1));
}

#[test]
fn a_block_handed_over_without_a_part_is_told_at_once_and_one_that_waits_is_not() {
    for kind in [GapKind::MissingReceipts, GapKind::MissingTraces] {
        let to = |to_block| {
            let ChainEvent::Gap(gap) = gap(kind, 1_000, 7, None) else { panic!("a gap") };
            ChainEvent::Gap(Arc::new(Gap { to_block, ..Gap::clone(&gap) }))
        };
        assert_eq!(told(&[to(None)]), (0, 0), "it may still come");
        assert_eq!(told(&[to(None), to(Some(7))]), (1, 0));
        assert_eq!(told(&[to(None), to(Some(7)), to(Some(8)), gap(kind, 1_000, 7, Some(1_060))]), (1, 1));
    }
}

#[test]
fn a_source_that_watches_another_chain_now_has_no_gap_there() {
    let params = Params::resolve(ID, PARAMS, &BTreeMap::new()).unwrap();
    let mut alone = ObservationLoss.build(&params, &rehearsal::knowledge());
    let mut out = Vec::new();
    let event = gap(GapKind::OtherChain, 1_000, 7, None);
    let knowledge = rehearsal::knowledge();
    alone.observe(&event, &Evidence::of(&event, &knowledge.catalogue), &mut out);
    assert_eq!((raised(&out).len(), ended(&out).len()), (1, 0));
    let source = Name::<kind::Source>::new("eth-1").unwrap();
    let mut watched = |chain| {
        let mut out = Vec::new();
        let sources = BTreeMap::from([(source.clone(), chain)]);
        alone.watched(&sources, Timestamp::from_secs(1_100), &mut out);
        ended(&out).len()
    };
    assert_eq!((watched(rehearsal::CHAIN), watched(ChainId::evm(10))), (0, 1));
}
