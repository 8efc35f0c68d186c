//! Promises about signals.

use std::sync::Arc;

use quarterdeck_core::{
    id::SignalId,
    signal::SignalStatus::{self, Confirmed, Ended, Provisional, Retracted},
    time::Timestamp,
};

use super::{
    super::{
        Batch, Content, FoundSignal, SIGNALS_PER_LIST_MAX, SignalFilter, SignalRow, SignalUpdate, Store, StoredEvent,
    },
    Broken, event, incident, journal, same, second, signal, signal_id, without_event,
};

fn batch(signals: Vec<SignalRow>) -> Batch {
    Batch { signals, ..Batch::default() }
}

fn ids(found: &[FoundSignal]) -> Vec<SignalId> {
    found.iter().map(|found| found.row.id).collect()
}

fn wanted(ns: &[u64]) -> Vec<SignalId> {
    ns.iter().copied().map(signal_id).collect()
}

pub(super) async fn lists(store: Arc<dyn Store>) -> Result<(), Broken> {
    let statuses = [Confirmed, Retracted, Provisional, Ended, Confirmed, Retracted];
    let rows: Vec<SignalRow> = (1_u64..)
        .zip(statuses)
        .map(|(n, status)| SignalRow {
            incident: (n % 2 == 0).then(|| incident(n % 4)),
            ..signal(n, second(i64::try_from(n).unwrap_or(0)), status)
        })
        .collect();
    store.append(batch(rows.iter().rev().copied().collect())).await?;
    let every = SignalFilter { limit: 10, ..SignalFilter::default() };
    let newest_first: Vec<_> = rows.iter().rev().copied().map(without_event).collect();
    same("all", &store.signals(&every).await?, &newest_first)?;
    same("cut", &ids(&store.signals(&SignalFilter { limit: 2, ..every.clone() }).await?), &wanted(&[6, 5]))?;
    same("none", &store.signals(&SignalFilter::default()).await?, &vec![])?;
    let confirmed = SignalFilter { status: Some(Confirmed), ..every.clone() };
    same("by status", &ids(&store.signals(&confirmed).await?), &wanted(&[5, 1]))?;
    let of_incident = SignalFilter { incident: Some(incident(2)), ..every.clone() };
    same("by incident", &ids(&store.signals(&of_incident).await?), &wanted(&[6, 2]))?;
    let before = SignalFilter { before: Some(second(5)), ..every.clone() };
    same("before", &ids(&store.signals(&before).await?), &wanted(&[4, 3, 2, 1]))?;
    let both = SignalFilter { incident: Some(incident(2)), status: Some(Retracted), before: Some(second(6)), ..every };
    same("by all", &ids(&store.signals(&both).await?), &wanted(&[2]))?;
    for row in rows {
        same("one", &store.signal(row.observed, row.id).await?, &Some(without_event(row)))?;
    }
    Ok(())
}

/// Many signals of one instant, as a storm leaves them: listed in steps, none is left out and none comes twice.
pub(super) async fn goes_on(store: Arc<dyn Store>) -> Result<(), Broken> {
    const COUNT: u64 = 1_200;
    let rows = (0..COUNT).map(|n| signal(n, second(i64::from(n == 0)), if n % 3 == 0 { Confirmed } else { Ended }));
    store.append(batch(rows.collect())).await?;
    let mut filter = SignalFilter { limit: usize::MAX, ..SignalFilter::default() };
    let first = store.signals(&filter).await?;
    same("the cap", &first.len(), &SIGNALS_PER_LIST_MAX)?;
    for status in [None, Some(Confirmed)] {
        filter = SignalFilter { status, limit: 97, ..SignalFilter::default() };
        let mut found: Vec<SignalRow> = Vec::new();
        loop {
            let step = store.signals(&filter).await?;
            let Some(last) = step.last().map(|found| found.row) else { break };
            (filter.before, filter.before_id) = (Some(last.observed), Some(last.id));
            found.extend(step.iter().map(|found| found.row));
        }
        same("order", &found.is_sorted_by(|a, b| (a.observed, a.id) > (b.observed, b.id)), &true)?;
        let count = if status.is_none() { COUNT } else { COUNT / 3 };
        same("all in steps", &(found.len() as u64), &count)?;
    }
    Ok(())
}

pub(super) async fn with_events(store: Arc<dyn Store>) -> Result<(), Broken> {
    let at = |n, place| SignalRow { place, ..signal(n, second(0), Confirmed) };
    let events = journal(0, 3);
    let appended = events.events.clone();
    store.append(Batch { signals: vec![at(1, 1), at(2, 2), at(9, 9)], ..events }).await?;
    let event = |found: Option<FoundSignal>| found.and_then(|found| found.event);
    same("its event", &event(store.signal(second(0), signal_id(1)).await?).as_ref(), &appended.get(1))?;
    same("no event yet", &event(store.signal(second(0), signal_id(9)).await?), &None)?;
    let left = "{\"left\":1}".to_owned();
    store.append(Batch { redactions: vec![(1, left.clone())], ..Batch::default() }).await?;
    let erased =
        appended.get(1).map(|event| StoredEvent { content: Content::Redacted { json: left }, ..event.clone() });
    same("erased", &event(store.signal(second(0), signal_id(1)).await?), &erased)?;
    let live = store.live_signals(None, 10).await?;
    let found = live.into_iter().find(|found| found.row.id == signal_id(2)).and_then(|found| found.event);
    same("in a list", &found.as_ref(), &appended.get(2))?;
    let all = store.signals(&SignalFilter { limit: 10, ..SignalFilter::default() }).await?;
    let found = all.into_iter().find(|found| found.row.id == signal_id(2)).and_then(|found| found.event);
    same("in another", &found.as_ref(), &appended.get(2))
}

/// A batch whose signals came with its events, one with each.
fn of_events(rows: &[SignalRow]) -> Batch {
    let events = rows.iter().map(|row| event(row.place, "journal", row.place)).collect();
    Batch { events, ..batch(rows.to_vec()) }
}

pub(super) async fn come_with_events(store: Arc<dyn Store>) -> Result<(), Broken> {
    let row = |n: u64| {
        let (status, held) = (if n.is_multiple_of(3) { Ended } else { Confirmed }, n.is_multiple_of(2));
        let seen = signal(n, second(i64::try_from(n / 2).unwrap_or(0)), status);
        SignalRow { place: n, incident: held.then(|| incident(1)), ..seen }
    };
    let mut rows: Vec<SignalRow> = (0..24).map(row).collect();
    for part in rows.chunks(4) {
        store.append(of_events(part)).await?;
    }
    as_listed(&*store, "as they came", &rows).await?;

    // One that is new, changes and repeats of those that are there, in one batch.
    let again = SignalRow { place: 25, ..row(20) };
    let anew = SignalRow { observed: second(40), place: 26, ..row(22) };
    let ends = [1, 23, 24].map(|n| SignalUpdate { id: row(n).id, observed: row(n).observed, status: Ended });
    store
        .append(Batch {
            signals_moved: vec![(row(22).observed, row(22).id)],
            signal_updates: ends.to_vec(),
            ..of_events(&[row(24), again, anew])
        })
        .await?;
    rows.push(row(24));
    for one in &mut rows {
        match one.place {
            1 | 23 | 24 => one.status = Ended,
            20 => *one = again,
            22 => *one = anew,
            _ => {}
        }
    }
    as_listed(&*store, "changed", &rows).await?;

    // The same one a second time with nothing else, in its own batch and within one.
    let (merged, last) =
        (SignalRow { place: 27, incident: Some(incident(2)), ..row(2) }, SignalRow { place: 28, ..row(25) });
    store.append(of_events(&[merged, last])).await?;
    let last = SignalRow { place: 30, status: Retracted, ..last };
    store.append(of_events(&[SignalRow { place: 29, ..last }, last])).await?;
    rows.retain(|one| one.place != 2);
    rows.extend([merged, last]);
    as_listed(&*store, "a second time", &rows).await?;

    let old = |row: &SignalRow| row.incident.is_none() && row.observed < second(9);
    let gone = rows.iter().filter(|row| old(row)).count() as u64;
    same("forgotten", &store.forget_signals(second(9)).await?, &gone)?;
    rows.retain(|row| !old(row));
    as_listed(&*store, "what is left", &rows).await
}

/// Checks every way to find these signals, whose events all say the same.
async fn as_listed(store: &dyn Store, what: &'static str, rows: &[SignalRow]) -> Result<(), Broken> {
    let mut newest: Vec<SignalRow> = rows.to_vec();
    newest.sort_by_key(|row| std::cmp::Reverse((row.observed, row.id)));
    let of = |found: Vec<FoundSignal>| found.into_iter().map(|found| found.row).collect::<Vec<_>>();
    let wanted = |filter: &SignalFilter| {
        let fits = |row: &&SignalRow| {
            filter.incident.is_none_or(|incident| row.incident == Some(incident))
                && filter.status.is_none_or(|status| row.status == status)
                && filter.before.is_none_or(|before| row.observed < before)
        };
        newest.iter().filter(fits).take(filter.limit).copied().collect::<Vec<_>>()
    };
    for limit in [3, 1_000] {
        for incident in [None, Some(incident(1)), Some(incident(2))] {
            for status in [None, Some(Confirmed), Some(Ended)] {
                for before in [None, Some(second(7))] {
                    let filter = SignalFilter { incident, status, before, before_id: None, limit };
                    same(what, &of(store.signals(&filter).await?), &wanted(&filter))?;
                }
            }
        }
    }
    for row in rows {
        let found = store.signal(row.observed, row.id).await?;
        same(what, &found.as_ref().map(|found| found.row), &Some(*row))?;
        same("its event", &found.is_some_and(|found| found.event.is_some()), &true)?;
    }
    let mut live: Vec<_> = newest.iter().rev().filter(|row| row.status.is_live()).copied().collect();
    same(what, &of(store.live_signals(None, 1_000).await?), &live)?;
    if live.len() > 5 {
        let after = live.drain(..2).next_back().map(|row| (row.observed, row.id));
        live.truncate(3);
        same(what, &of(store.live_signals(after, 3).await?), &live)?;
    }
    Ok(())
}

pub(super) async fn twice_and_updated(store: Arc<dyn Store>) -> Result<(), Broken> {
    let first = signal(1, second(1), Provisional);
    let again = SignalRow { incident: Some(incident(3)), place: 7, status: Ended, ..first };
    let found = |row| Some(without_event(row));
    store.append(batch(vec![first, again])).await?;
    same("twice in a batch", &store.signal(second(1), first.id).await?, &found(again))?;
    store.append(batch(vec![first])).await?;
    same("as it was", &store.signal(second(1), first.id).await?, &found(first))?;
    let update = |n, status| SignalUpdate { id: signal_id(n), observed: second(1), status };
    let updates = vec![update(1, Confirmed), update(77, Ended), update(2, Retracted)];
    let changes = Batch { signal_updates: updates, ..batch(vec![signal(2, second(1), Provisional)]) };
    store.append(changes).await?;
    same("updated", &store.signal(second(1), first.id).await?, &found(SignalRow { status: Confirmed, ..first }))?;
    let new = store.signal(second(1), signal_id(2)).await?.map(|found| found.row.status);
    same("new and updated in one batch", &new, &Some(Retracted))?;
    same("not there, not made", &store.signal(second(1), signal_id(77)).await?, &None)?;
    let live = store.live_signals(None, 10).await?;
    same("found as it stands now", &ids(&live), &wanted(&[1]))?;
    let retracted = SignalFilter { status: Some(Retracted), limit: 10, ..SignalFilter::default() };
    same("listed as it stands now", &ids(&store.signals(&retracted).await?), &wanted(&[2]))
}

pub(super) async fn moved(store: Arc<dyn Store>) -> Result<(), Broken> {
    let first = signal(1, second(1), Retracted);
    let anew = SignalRow { observed: second(9), status: Provisional, ..first };
    store.append(batch(vec![first, signal(2, second(5), Confirmed)])).await?;
    let moved = vec![(second(1), first.id), (second(3), first.id), (second(1), signal_id(77))];
    store.append(Batch { signals_moved: moved, ..batch(vec![anew]) }).await?;
    same("gone from where it was", &store.signal(second(1), first.id).await?, &None)?;
    same("where it is now", &store.signal(second(9), first.id).await?, &Some(without_event(anew)))?;
    let all = SignalFilter { limit: 10, ..SignalFilter::default() };
    same("listed once, and newer", &ids(&store.signals(&all).await?), &wanted(&[1, 2]))?;
    let in_place = Batch { signals_moved: vec![(second(9), first.id)], ..batch(vec![anew]) };
    store.append(in_place).await?;
    same("taken off before it is put on", &store.signal(second(9), first.id).await?, &Some(without_event(anew)))
}

pub(super) async fn live(store: Arc<dyn Store>) -> Result<(), Broken> {
    let status = |n: u64| if n.is_multiple_of(4) { Provisional } else { Confirmed };
    let instant = |n: u64| second(i64::try_from(n / 8).unwrap_or(0));
    let rows: Vec<_> = (0..100).map(|n| signal(n, instant(n), status(n))).collect();
    let over: Vec<_> =
        (100..150).map(|n| signal(n, instant(n - 100), if n % 2 == 0 { Ended } else { Retracted })).collect();
    store.append(batch(rows.iter().chain(&over).copied().collect())).await?;
    let mut want = rows;
    want.sort_by_key(|row| (row.observed, row.id));
    let mut found = Vec::new();
    loop {
        let step = store.live_signals(found.last().map(|row: &SignalRow| (row.observed, row.id)), 7).await?;
        if step.is_empty() {
            break;
        }
        found.extend(step.iter().map(|found| found.row));
    }
    same("all in steps", &found, &want)?;
    let first = want.first().map(|row| (row.observed, row.id));
    let end = |(observed, id)| SignalUpdate { id, observed, status: Ended };
    let ended: Vec<_> = first.into_iter().map(end).collect();
    store.append(Batch { signal_updates: ended, ..Batch::default() }).await?;
    let after = store.live_signals(first, 1).await?;
    same("after one that is over meanwhile", &ids(&after), &want.get(1).map(|row| row.id).into_iter().collect())?;
    let none = store.live_signals(Some((second(999), signal_id(999))), 1).await?;
    same("after the last", &ids(&none), &Vec::new())
}

pub(super) async fn forgetting(store: Arc<dyn Store>) -> Result<(), Broken> {
    let held = |row: SignalRow| SignalRow { incident: Some(incident(1)), ..row };
    let rows = vec![
        signal(1, second(1), Confirmed),
        signal(2, second(9), Confirmed),
        signal(3, second(9), Ended),
        signal(4, second(1), Retracted),
        held(signal(5, second(1), Ended)),
        held(signal(6, second(1), Provisional)),
        signal(7, second(5), Provisional),
    ];
    store.append(batch(rows)).await?;
    same("how many", &store.forget_signals(second(5)).await?, &2)?;
    same("again", &store.forget_signals(second(5)).await?, &0)?;
    let all = SignalFilter { limit: 10, ..SignalFilter::default() };
    let mut left = ids(&store.signals(&all).await?);
    left.sort_unstable();
    let mut want = wanted(&[2, 3, 5, 6, 7]);
    want.sort_unstable();
    same("what is left", &left, &want)?;
    store.append(batch(vec![signal(1, second(3), SignalStatus::Confirmed)])).await?;
    same("what was forgotten may come again", &store.signal(second(3), signal_id(1)).await?.is_some(), &true)
}

pub(super) async fn forgets_many(store: Arc<dyn Store>) -> Result<(), Broken> {
    const COUNT: u64 = 12_000;
    for first in (0..COUNT).step_by(3_000) {
        let rows = (first..first + 3_000).map(|n| signal(n, second(0), if n % 2 == 0 { Confirmed } else { Ended }));
        store.append(batch(rows.collect())).await?;
    }
    same("none is old enough", &store.forget_signals(second(0)).await?, &0)?;
    same("all", &store.forget_signals(Timestamp::MAX).await?, &COUNT)?;
    same("none is left", &store.live_signals(None, 10).await?.len(), &0)
}
