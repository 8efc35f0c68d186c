use super::*;
use crate::{
    rehearsal::{VAULT, call},
    testing::{build, ended, observe, raised},
};

const STRANGER: Address = Address::repeat_byte(0xee);
const BLOCKS_PER_WINDOW: usize = 5;

/// Windows with so many calls in each of their five blocks.
fn windows(chain: &mut Rehearsal, count: usize, per_block: usize) {
    for _ in 0..count * BLOCKS_PER_WINDOW {
        chain.block(vec![call(STRANGER, VAULT, *b"draw"); per_block]);
    }
}

#[test]
fn a_spike_is_raised_in_the_second_window_and_ends_after_two_usual_ones() {
    let mut chain = Rehearsal::default();
    windows(&mut chain, 40, 2);
    windows(&mut chain, 3, 40);
    let until_here = observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events);
    assert_eq!((raised(&until_here).len(), ended(&until_here).len()), (1, 0));
    let signal = &raised(&until_here)[0];
    assert_eq!(signal.service.as_ref().map(quarterdeck_core::id::Name::as_str), Some("custody"));
    assert!(signal.title.ends_with("calls of 0x64726177 on vault within 60 s, 10 expected"), "{}", signal.title);
    windows(&mut chain, 4, 2);
    let changes = observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events);
    assert_eq!(ended(&changes), [signal.fingerprint]);
}

#[test]
fn one_unusual_window_alone_is_quiet() {
    let mut chain = Rehearsal::default();
    windows(&mut chain, 40, 2);
    // Twelve seconds from the middle of a window: the burst lies within one.
    let time = chain.tip().time.as_ms() / 1_000 % 60;
    (0..(72 - time) / 12).for_each(|_| drop(chain.block(vec![call(STRANGER, VAULT, *b"draw"); 2])));
    chain.block(vec![call(STRANGER, VAULT, *b"draw"); 150]);
    windows(&mut chain, 3, 2);
    assert_eq!(observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events), []);
    let mut eager = build(&FrequencySpike, &rehearsal::knowledge(), &[("hysteresis_windows", 1)]);
    let mut out = Vec::new();
    chain.events.iter().for_each(|event| eager.observe(event, &mut out));
    assert_eq!((raised(&out).len(), ended(&out).len()), (1, 1));
}

#[test]
fn nothing_is_judged_before_the_warm_up_or_below_the_floor() {
    let mut early = Rehearsal::default();
    windows(&mut early, 20, 2);
    windows(&mut early, 4, 40);
    assert_eq!(observe(&FrequencySpike, &rehearsal::knowledge(), &early.events), []);
    let after_silence = |per_block: usize| {
        let mut chain = Rehearsal::default();
        windows(&mut chain, 40, 0);
        windows(&mut chain, 4, per_block);
        raised(&observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events)).len()
    };
    assert_eq!((after_silence(3), after_silence(4)), (0, 1), "15 a window is below the floor of 20");
}

#[test]
fn what_lasts_becomes_usual() {
    let mut chain = Rehearsal::default();
    windows(&mut chain, 40, 2);
    windows(&mut chain, 60, 40);
    let changes = observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events);
    assert_eq!((raised(&changes).len(), ended(&changes).len()), (1, 1));
}

#[test]
fn what_is_busy_and_uneven_is_not_a_spike() {
    let mut chain = Rehearsal::default();
    for n in 0..200_usize {
        windows(&mut chain, 1, [0, 30, 4, 0, 12, 50, 2][n % 7]);
    }
    assert_eq!(observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events), []);
}

#[test]
fn a_hole_in_the_blocks_voids_the_window() {
    let mut chain = Rehearsal::default();
    windows(&mut chain, 40, 2);
    windows(&mut chain, 4, 40);
    // Every fifth block is lost: no window is whole, so nothing is judged and nothing learned.
    let events: Vec<ChainEvent> =
        chain.events.iter().enumerate().filter(|(n, _)| n % 5 != 3).map(|(_, event)| event.clone()).collect();
    assert_eq!(observe(&FrequencySpike, &rehearsal::knowledge(), &events), []);
}

#[test]
fn a_spike_whose_block_was_dropped_is_raised_anew() {
    let mut chain = Rehearsal::default();
    windows(&mut chain, 40, 2);
    windows(&mut chain, 2, 40);
    let first = raised(&observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events));
    let on = first[0].position.as_ref().unwrap().block.hash;
    let blocks: Vec<_> = chain
        .events
        .iter()
        .filter_map(|e| if let ChainEvent::Block(AnyBlock::Account(b)) = e { Some(b.clone()) } else { None })
        .collect();
    let from = blocks.iter().position(|block| block.hash == on).unwrap();
    chain.reorg(&blocks[from..], vec![vec![]; blocks.len() - from]);
    windows(&mut chain, 3, 40);
    let all = raised(&observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events));
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].fingerprint, all[1].fingerprint);
}

#[test]
fn a_spike_whose_end_was_on_a_dropped_block_is_raised_anew_if_it_goes_on() {
    let mut chain = Rehearsal::default();
    windows(&mut chain, 40, 2);
    windows(&mut chain, 3, 40);
    let spiking = chain.events.len();
    windows(&mut chain, 4, 2);
    let changes = observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events);
    assert_eq!((raised(&changes).len(), ended(&changes).len()), (1, 1));
    let quiet: Vec<_> = chain.events[spiking..]
        .iter()
        .filter_map(
            |event| if let ChainEvent::Block(AnyBlock::Account(block)) = event { Some(block.clone()) } else { None },
        )
        .collect();
    let busy = vec![vec![call(STRANGER, VAULT, *b"draw"); 40]; quiet.len()];
    chain.reorg(&quiet, busy);
    windows(&mut chain, 4, 2);
    let changes = observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events);
    assert_eq!((raised(&changes).len(), ended(&changes).len()), (2, 2));
}

#[test]
fn a_window_with_a_reorganization_is_judged_by_the_branch_that_stands() {
    let mut chain = Rehearsal::default();
    windows(&mut chain, 40, 2);
    windows(&mut chain, 1, 40);
    for _ in 0..BLOCKS_PER_WINDOW * 2 {
        let dropped = chain.block(vec![call(STRANGER, VAULT, *b"draw"); 40]);
        let again = dropped.transactions.clone();
        chain.reorg(&[dropped], vec![again]);
    }
    assert_eq!(raised(&observe(&FrequencySpike, &rehearsal::knowledge(), &chain.events)).len(), 1);
}
