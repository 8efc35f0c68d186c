//! Promises about the log and the small things kept beside it.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    super::{Batch, Content, EvidenceBytes, SignalFilter, Store, StoreError, StoredEvent},
    Broken, conflicts, delivery_id, differs, event, incident, journal, outgoing, same, second, signal, signal_id,
    timer,
};
use quarterdeck_core::{id::IncidentId, signal::SignalStatus, time::Timestamp};

pub(super) async fn empty(store: Arc<dyn Store>) -> Result<(), Broken> {
    let all = SignalFilter { limit: 10, ..SignalFilter::default() };
    same("size", &store.size().await?, &0)?;
    same("events", &store.events(0, 10).await?.len(), &0)?;
    same("stream", &store.stream("journal").await?.len(), &0)?;
    same("checkpoint", &store.checkpoint().await?, &None)?;
    same("claimed", &store.claim(&[delivery_id(1)]).await?.len(), &0)?;
    same("outbox", &store.outbox(10).await?.len(), &0)?;
    same("timers", &store.timers_due(Timestamp::MAX, 10).await?.len(), &0)?;
    same("signals", &store.signals(&all).await?.len(), &0)?;
    same("signal", &store.signal(second(1), signal_id(1)).await?, &None)?;
    same("live signals", &store.live_signals(None, 10).await?.len(), &0)?;
    same("cursor", &store.cursor("mainnet").await?, &None)?;
    same("snapshot", &store.snapshot("large-outflow").await?, &None)?;
    same("forgotten", &store.forget_signals(Timestamp::MAX).await?, &0)?;
    store.append(Batch::default()).await?;
    same("size after an empty batch", &store.size().await?, &0)
}

pub(super) async fn reads_back(store: Arc<dyn Store>) -> Result<(), Broken> {
    let of_incident = incident(1).to_string();
    let mut events =
        vec![event(0, "journal", 0), event(1, &of_incident, 0), event(2, "journal", 1), event(3, &of_incident, 1)];
    if let [first, second, third, _] = events.as_mut_slice() {
        first.at = Timestamp::MIN;
        second.at = Timestamp::MAX;
        second.content = Content::Whole { json: String::new(), salt: [0; 16] };
        third.content = Content::Redacted { json: "{}".to_owned() };
    }
    store.append(Batch { events: events.iter().take(1).cloned().collect(), ..Batch::default() }).await?;
    store.append(Batch { events: events.iter().skip(1).cloned().collect(), ..Batch::default() }).await?;
    same("size", &store.size().await?, &4)?;
    same("events", &store.events(0, 10).await?, &events)?;
    let of_stream = |stream: &str| events.iter().filter(|event| event.stream == stream).cloned().collect::<Vec<_>>();
    same("journal", &store.stream("journal").await?, &of_stream("journal"))?;
    same("incident's stream", &store.stream(&of_incident).await?, &of_stream(&of_incident))?;
    same("unknown stream", &store.stream("journa").await?, &Vec::new())?;
    same("end of a stream", &store.stream_before("journal", u64::MAX, 1).await?, &of_stream("journal").split_off(1))
}

pub(super) async fn ranges(store: Arc<dyn Store>) -> Result<(), Broken> {
    store.append(journal(0, 1_000)).await?;
    let places = |events: Vec<StoredEvent>| events.iter().map(|event| event.index).collect::<Vec<_>>();
    same("from the start", &places(store.events(0, 3).await?), &vec![0, 1, 2])?;
    same("from the middle", &places(store.events(500, 2).await?), &vec![500, 501])?;
    same("over the end", &places(store.events(998, 10).await?), &vec![998, 999])?;
    same("past the end", &places(store.events(1_000, 10).await?), &Vec::new())?;
    same("far past the end", &places(store.events(u64::MAX, usize::MAX).await?), &Vec::new())?;
    same("none", &places(store.events(0, 0).await?), &Vec::new())?;
    for (what, before, limit, want) in [
        ("the end of a stream", u64::MAX, 3, vec![997, 998, 999]),
        ("before a version", 500, 2, vec![498, 499]),
        ("to the start of a stream", 2, 5, vec![0, 1]),
        ("before the first", 0, 5, Vec::new()),
        ("none of a stream", 500, 0, Vec::new()),
    ] {
        same(what, &places(store.stream_before("journal", before, limit).await?), &want)?;
    }
    same("no such stream", &places(store.stream_before("journa", u64::MAX, 5).await?), &Vec::new())?;
    same("all", &store.events(0, usize::MAX).await?, &journal(0, 1_000).events)
}

/// A batch that changes everything there is to change, so that a trace of it would show.
fn wide(events: Vec<StoredEvent>) -> Result<Batch, Broken> {
    Ok(Batch {
        evidence: vec![evidence_of(1, 1, &[1])],
        evidence_gone: Vec::new(),
        events,
        redactions: vec![(0, "{}".to_owned())],
        checkpoint: Some("must not be kept".to_owned()),
        outgoing: vec![outgoing(1, second(0))?],
        settled: vec![super::delivery_id(0)],
        timers: vec![(timer(0), None), (timer(1), Some(second(1)))],
        signals: vec![signal(1, second(0), SignalStatus::Confirmed)],
        signal_updates: vec![super::super::SignalUpdate {
            id: signal_id(0),
            observed: second(0),
            status: SignalStatus::Ended,
        }],
        signals_moved: vec![(second(0), signal_id(0))],
        cursors: vec![("mainnet".to_owned(), "2".to_owned())],
        snapshots: vec![("large-outflow".to_owned(), vec![2])],
    })
}

/// What `wide` must leave alone.
async fn prepare(store: &Arc<dyn Store>) -> Result<(), Broken> {
    let before = Batch {
        events: vec![event(0, "journal", 0), event(1, "a", 0), event(2, "a", 1)],
        checkpoint: Some("kept".to_owned()),
        outgoing: vec![outgoing(0, second(0))?],
        timers: vec![(timer(0), Some(second(0)))],
        signals: vec![signal(0, second(0), SignalStatus::Provisional)],
        cursors: vec![("mainnet".to_owned(), "1".to_owned())],
        snapshots: vec![("large-outflow".to_owned(), vec![1])],
        ..Batch::default()
    };
    Ok(store.append(before).await?)
}

async fn untouched(store: &Arc<dyn Store>) -> Result<(), Broken> {
    same("size", &store.size().await?, &3)?;
    same("first event", &store.events(0, 1).await?, &vec![event(0, "journal", 0)])?;
    same("checkpoint", &store.checkpoint().await?.as_deref(), &Some("kept"))?;
    same("outbox", &store.outbox(10).await?, &vec![outgoing(0, second(0))?])?;
    same("timers", &store.timers_due(second(9), 10).await?, &vec![(timer(0), second(0))])?;
    let live: Vec<_> = store.live_signals(None, 10).await?.iter().map(|found| found.row).collect();
    same("live signals", &live, &vec![signal(0, second(0), SignalStatus::Provisional)])?;
    same("cursor", &store.cursor("mainnet").await?.as_deref(), &Some("1"))?;
    same("snapshot", &store.snapshot("large-outflow").await?, &Some(vec![1]))
}

pub(super) async fn refuses_index(store: Arc<dyn Store>) -> Result<(), Broken> {
    prepare(&store).await?;
    for index in [0, 2, 4, u64::MAX] {
        conflicts("a first event out of place", store.append(wide(vec![event(index, "b", 0)])?).await)?;
        untouched(&store).await?;
    }
    conflicts("a hole", store.append(wide(vec![event(3, "b", 0), event(5, "b", 1)])?).await)?;
    conflicts("a repeat", store.append(wide(vec![event(3, "b", 0), event(3, "b", 1)])?).await)?;
    untouched(&store).await?;
    match store.append(wide(vec![event(9, "b", 0)])?).await {
        Err(StoreError::Conflict { index: 9, size: 3, stream, version: 0 }) if stream == "b" => {}
        other => return Err(differs("what a conflict tells", &other, &"index 9, size 3, stream b, version 0")),
    }
    store.append(Batch { events: vec![event(3, "b", 0)], ..Batch::default() }).await?;
    same("size after all that", &store.size().await?, &4)
}

pub(super) async fn refuses_version(store: Arc<dyn Store>) -> Result<(), Broken> {
    prepare(&store).await?;
    for version in [0, 1, 3, u64::MAX] {
        conflicts("a version that does not follow", store.append(wide(vec![event(3, "a", version)])?).await)?;
    }
    conflicts("a new stream that begins late", store.append(wide(vec![event(3, "b", 1)])?).await)?;
    let second_wrong = vec![event(3, "a", 2), event(4, "b", 0), event(5, "a", 2)];
    conflicts("a repeat inside the batch", store.append(wide(second_wrong)?).await)?;
    conflicts("a hole inside the batch", store.append(wide(vec![event(3, "a", 2), event(4, "a", 4)])?).await)?;
    untouched(&store).await?;
    let right = vec![event(3, "a", 2), event(4, "b", 0), event(5, "a", 3), event(6, "journal", 1)];
    store.append(Batch { events: right, ..Batch::default() }).await?;
    same("stream", &store.stream("a").await?.len(), &4)
}

pub(super) async fn one_winner(store: Arc<dyn Store>) -> Result<(), Broken> {
    for round in 0..10 {
        let writers = (0..16).map(|writer| {
            let mut batch = journal(round, 1);
            batch.cursors.push((format!("writer-{round}-{writer}"), "won".to_owned()));
            store.append(batch)
        });
        let mut won = 0;
        for outcome in join_all(writers).await {
            if outcome.is_ok() {
                won += 1;
            } else {
                conflicts("a writer that came late", outcome)?;
            }
        }
        same("winners", &won, &1)?;
        let mut traces = 0;
        for writer in 0..16 {
            traces += usize::from(store.cursor(&format!("writer-{round}-{writer}")).await?.is_some());
        }
        same("batches that left a trace", &traces, &1)?;
    }
    same("size", &store.size().await?, &10)
}

pub(super) async fn whole_batches(store: Arc<dyn Store>) -> Result<(), Broken> {
    const BATCHES: u64 = 30;
    const EVENTS: u64 = 7;
    let write = async {
        for batch in 0..BATCHES {
            store.append(journal(batch * EVENTS, EVENTS)).await?;
        }
        Ok::<_, Broken>(())
    };
    let read = async {
        let mut seen = 0;
        while seen < BATCHES * EVENTS {
            let size = store.size().await?;
            let events = store.events(0, usize::MAX).await?.len() as u64;
            let stream = store.stream("journal").await?.len() as u64;
            same("a part of a batch", &(size % EVENTS, events % EVENTS, stream % EVENTS), &(0, 0, 0))?;
            same("a log that only grows", &(seen <= size && size <= events && events <= stream), &true)?;
            seen = stream;
            tokio::task::yield_now().await;
        }
        Ok::<_, Broken>(())
    };
    let (written, read) = tokio::join!(write, read);
    written.and(read)
}

pub(super) async fn checkpoint(store: Arc<dyn Store>) -> Result<(), Broken> {
    for (index, note) in ["one\n", "two\n", "drei\n\n— Schlüssel\n"].into_iter().enumerate() {
        let batch = Batch { checkpoint: Some(note.to_owned()), ..journal(index as u64, 1) };
        store.append(batch).await?;
        same("checkpoint", &store.checkpoint().await?.as_deref(), &Some(note))?;
    }
    store.append(journal(3, 1)).await?;
    same("checkpoint after a batch without", &store.checkpoint().await?.is_some(), &true)
}

pub(super) async fn erasure(store: Arc<dyn Store>) -> Result<(), Broken> {
    store.append(journal(0, 3)).await?;
    let left = |nth: u64| format!("{{\"left\":\"é {nth}\"}}");
    let mut want = journal(0, 3).events;
    // With the event that says so, in one batch; twice; and an event of the batch itself.
    for nth in 3..6 {
        let redactions = vec![(1, left(nth)), (nth - 1, left(0))];
        store.append(Batch { redactions, ..journal(nth, 1) }).await?;
        want.extend(journal(nth, 1).events);
        for (index, json) in [(1, left(nth)), (nth - 1, left(0))] {
            if let Some(event) = usize::try_from(index).ok().and_then(|index| want.get_mut(index)) {
                event.content = Content::Redacted { json };
            }
        }
        same("events", &store.events(0, 10).await?, &want)?;
        same("stream", &store.stream("journal").await?, &want)?;
    }
    let itself = Batch { redactions: vec![(6, left(1)), (6, left(2))], ..journal(6, 1) };
    store.append(itself).await?;
    let last = store.events(6, 1).await?.pop().map(|event| (event.content, event.digest));
    let digest = event(6, "journal", 6).digest;
    same("the last of two", &last, &Some((Content::Redacted { json: left(2) }, digest)))?;
    for absent in [8, u64::MAX] {
        let refused = store.append(Batch { redactions: vec![(0, left(9)), (absent, left(9))], ..journal(7, 1) }).await;
        same("erasure of an event that is not there fails", &refused.is_err(), &true)?;
    }
    same("nothing of those batches", &store.size().await?, &7)?;
    same("nor of their erasures", &store.events(0, 1).await?, &journal(0, 1).events)?;
    Ok(store.append(journal(7, 1)).await?)
}

pub(super) async fn cursors_and_snapshots(store: Arc<dyn Store>) -> Result<(), Broken> {
    let large: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for (json, bytes) in [("{\"block\":1}", vec![]), ("{\"block\":2}", large), ("", vec![0, 255])] {
        let batch = Batch {
            cursors: vec![("mainnet".to_owned(), json.to_owned()), ("other".to_owned(), "x".to_owned())],
            snapshots: vec![("large-outflow".to_owned(), bytes.clone())],
            ..Batch::default()
        };
        store.append(batch).await?;
        same("cursor", &store.cursor("mainnet").await?.as_deref(), &Some(json))?;
        same("snapshot", &store.snapshot("large-outflow").await?, &Some(bytes))?;
    }
    same("unknown cursor", &store.cursor("large-outflow").await?, &None)?;
    same("unknown snapshot", &store.snapshot("mainnet").await?, &None)?;
    let twice = vec![("mainnet".to_owned(), "first".to_owned()), ("mainnet".to_owned(), "last".to_owned())];
    store.append(Batch { cursors: twice, ..Batch::default() }).await?;
    same("the last of two in a batch", &store.cursor("mainnet").await?.as_deref(), &Some("last"))
}

pub(super) async fn kept_board(store: Arc<dyn Store>) -> Result<(), Broken> {
    let kept = |byte: u8, length: usize| vec![byte; length];
    same("before anything was kept", &store.kept_board().await?, &None)?;
    store.append(journal(0, 3)).await?;
    let long = super::super::KEPT_PART_BYTES;
    for (nth, length) in [(1, 10), (2, 2 * long + 1), (3, long), (4, 1)] {
        same("kept", &store.keep_board(3, kept(nth, length)).await?, &true)?;
        let read = store.kept_board().await?;
        same("as it was kept", &(read == Some(kept(nth, length))), &true)?;
    }
    let mut erasing = journal(3, 1);
    erasing.redactions.push((1, "{}".to_owned()));
    store.append(erasing).await?;
    same("after an erasure", &store.kept_board().await?, &None)?;
    same("of the log before the erasure", &store.keep_board(3, kept(5, 2 * long)).await?, &false)?;
    same("nothing is left of that", &store.kept_board().await?, &None)?;
    same("of the log after it", &store.keep_board(4, kept(6, 7)).await?, &true)?;
    same("as it is after the erasure", &store.kept_board().await?, &Some(kept(6, 7)))?;
    store.append(journal(4, 1)).await?;
    same("an append changes nothing of it", &store.kept_board().await?, &Some(kept(6, 7)))
}

/// Bytes of the `nth` incident, by a digest of one figure.
fn evidence_of(nth: u64, digest: u8, bytes: &[u8]) -> EvidenceBytes {
    EvidenceBytes { incident: incident(nth), digest: [digest; 32], bytes: bytes.into() }
}

pub(super) async fn evidence(store: Arc<dyn Store>) -> Result<(), Broken> {
    let (one, other) = (incident(1), incident(2));
    // As large as one piece may be.
    let large: Vec<u8> = (0..8_388_608_u32).map(|n| n.to_le_bytes()[0]).collect();
    let read = async |digest| store.evidence(digest).await.map(|found| found.map(|bytes| bytes.len()));
    same("before anything was kept", &read([1; 32]).await?, &None)?;
    let twice = vec![evidence_of(1, 1, &large), evidence_of(1, 1, &large), evidence_of(2, 1, &large)];
    store.append(Batch { evidence: twice, ..journal(0, 1) }).await?;
    let out_of_place = Batch { evidence: vec![evidence_of(1, 2, &[7])], ..journal(9, 1) };
    same("in a batch out of place", &store.append(out_of_place).await.is_err(), &true)?;
    same("nothing is kept", &read([2; 32]).await?, &None)?;
    store.append(Batch { evidence: vec![evidence_of(1, 2, &[0, 255])], ..journal(1, 1) }).await?;
    same("as it was kept", &(store.evidence([1; 32]).await? == Some(large.clone())), &true)?;
    same("the other as it was kept", &store.evidence([2; 32]).await?, &Some(vec![0, 255]))?;
    let erase = |index: u64, gone: Vec<(IncidentId, [u8; 32])>| {
        store.append(Batch { evidence_gone: gone, redactions: vec![(0, "{}".to_owned())], ..journal(index, 1) })
    };
    same("in a batch out of place", &erase(9, vec![(one, [2; 32])]).await.is_err(), &true)?;
    same("nothing goes", &read([2; 32]).await?, &Some(2))?;
    erase(2, vec![(one, [1; 32]), (other, [2; 32])]).await?;
    same("another has it too", &read([1; 32]).await?, &Some(large.len()))?;
    same("it was not theirs", &read([2; 32]).await?, &Some(2))?;
    erase(3, vec![(other, [1; 32]), (one, [2; 32]), (one, [3; 32])]).await?;
    same("with the last", &read([1; 32]).await?, &None)?;
    same("alone", &read([2; 32]).await?, &None)?;
    let (evidence, evidence_gone) = (vec![evidence_of(2, 1, &[9])], vec![(one, [1; 32]), (other, [1; 32])]);
    store.append(Batch { evidence, evidence_gone, ..journal(4, 1) }).await?;
    same("what is kept in the batch that erases stays", &store.evidence([1; 32]).await?, &Some(vec![9]))
}
