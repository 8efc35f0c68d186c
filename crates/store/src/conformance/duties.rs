//! Promises about deliveries and timers.

use std::sync::Arc;

use futures_util::future::join_all;
use quarterdeck_core::time::Timestamp;

use super::{
    super::{Batch, Outgoing, Store},
    Broken, delivery_id, outgoing, same, second, timer,
};

fn outbox(outgoing: Vec<Outgoing>) -> Batch {
    Batch { outgoing, ..Batch::default() }
}

fn begun(row: Outgoing, attempts: u32) -> Outgoing {
    Outgoing { attempts, under_way: true, ..row }
}

pub(super) async fn life(store: Arc<dyn Store>) -> Result<(), Broken> {
    let fresh = outgoing(1, second(5))?;
    store.append(outbox(vec![fresh.clone()])).await?;
    let id = fresh.delivery.id;
    same("nothing asked for", &store.claim(&[]).await?, &vec![])?;
    same("a delivery that is not there", &store.claim(&[delivery_id(7)]).await?, &vec![])?;
    same("untouched in the outbox", &store.outbox(10).await?, &vec![fresh.clone()])?;
    same("a delivery claimed", &store.claim(&[delivery_id(7), id, id]).await?, &vec![begun(fresh.clone(), 1)])?;
    same("under way in the outbox", &store.outbox(10).await?, &vec![begun(fresh.clone(), 1)])?;
    same("a delivery under way", &store.claim(&[id]).await?, &vec![])?;
    store.release(fresh.delivery.id, second(8)).await?;
    let released = Outgoing { attempts: 1, not_before: second(8), ..fresh.clone() };
    same("a delivery released", &store.outbox(10).await?, &vec![released.clone()])?;
    same("a delivery released is claimed anew", &store.claim(&[id]).await?, &vec![begun(released, 2)])?;
    store.append(Batch { settled: vec![fresh.delivery.id, delivery_id(99)], ..Batch::default() }).await?;
    store.release(fresh.delivery.id, second(0)).await?;
    same("a delivery settled stays settled", &store.outbox(10).await?, &vec![])?;
    store
        .append(Batch { outgoing: vec![outgoing(2, second(0))?], settled: vec![delivery_id(2)], ..Batch::default() })
        .await?;
    same("a delivery that nobody needed", &store.claim(&[delivery_id(2)]).await?, &vec![])
}

pub(super) async fn order(store: Arc<dyn Store>) -> Result<(), Broken> {
    let came = [(1, 30), (2, 10), (3, 20), (4, 10), (5, 20)];
    for (n, instant) in came {
        store.append(outbox(vec![outgoing(n, second(instant))?])).await?;
    }
    let ids = |rows: Vec<Outgoing>| rows.iter().map(|row| row.delivery.id).collect::<Vec<_>>();
    let wanted = |ns: &[u64]| ns.iter().copied().map(delivery_id).collect::<Vec<_>>();
    same("outbox as they came", &ids(store.outbox(10).await?), &wanted(&[1, 2, 3, 4, 5]))?;
    same("outbox, cut", &ids(store.outbox(2).await?), &wanted(&[1, 2]))?;
    same("three, as they were asked for", &ids(store.claim(&wanted(&[2, 4, 3])).await?), &wanted(&[2, 4, 3]))?;
    same("the rest", &ids(store.claim(&wanted(&[5, 4, 1])).await?), &wanted(&[5, 1]))?;
    same("outbox with all under way", &ids(store.outbox(10).await?), &wanted(&[1, 2, 3, 4, 5]))
}

pub(super) async fn twice(store: Arc<dyn Store>) -> Result<(), Broken> {
    let fresh = outgoing(1, second(0))?;
    store.append(outbox(vec![fresh.clone()])).await?;
    store.claim(&[fresh.delivery.id]).await?;
    let other = Outgoing { decided: 9_999, ..fresh.clone() };
    store.append(outbox(vec![other, outgoing(2, second(0))?])).await?;
    same(
        "the first stands, the new one came",
        &store.outbox(10).await?,
        &vec![begun(fresh, 1), outgoing(2, second(0))?],
    )
}

pub(super) async fn claimed_once(store: Arc<dyn Store>) -> Result<(), Broken> {
    const DELIVERIES: u64 = 100;
    let rows = (0..DELIVERIES).map(|n| outgoing(n, second(0))).collect::<Result<Vec<_>, _>>()?;
    store.append(outbox(rows)).await?;
    let asked: Vec<Vec<_>> = (0..12).map(|n| (n * 4..DELIVERIES).map(delivery_id).collect()).collect();
    let claimers = asked.iter().map(|ids| store.claim(ids));
    let mut claimed = Vec::new();
    for rows in join_all(claimers).await {
        claimed.extend(rows?.into_iter().map(|row| row.delivery.id));
    }
    claimed.sort_unstable();
    let mut wanted: Vec<_> = (0..DELIVERIES).map(delivery_id).collect();
    wanted.sort_unstable();
    same("each page once", &claimed, &wanted)
}

pub(super) async fn timers(store: Arc<dyn Store>) -> Result<(), Broken> {
    let set = |timers| store.append(Batch { timers, ..Batch::default() });
    let (one, two, three) = (timer(1), timer(2), timer(3));
    set(vec![(one, Some(second(30))), (two, Some(second(10))), (three, Some(second(20)))]).await?;
    same("due too early", &store.timers_due(second(9), 10).await?, &vec![])?;
    same("the first", &store.timers_due(second(10), 10).await?, &vec![(two, second(10))])?;
    let all = vec![(two, second(10)), (three, second(20)), (one, second(30))];
    same("all, earliest first", &store.timers_due(Timestamp::MAX, 10).await?, &all)?;
    same("cut", &store.timers_due(Timestamp::MAX, 2).await?.len(), &2)?;
    set(vec![(two, Some(second(40))), (three, None), (timer(4), None), (one, Some(second(30)))]).await?;
    let moved = vec![(one, second(30)), (two, second(40))];
    same("moved and cleared", &store.timers_due(Timestamp::MAX, 10).await?, &moved)?;
    set(vec![(one, None), (one, Some(second(1))), (two, Some(second(2))), (two, None)]).await?;
    same("the last of two in a batch", &store.timers_due(Timestamp::MAX, 10).await?, &vec![(one, second(1))])?;
    let mut together = vec![one, two, three];
    together.sort_unstable();
    set(together.iter().rev().map(|stream| (*stream, Some(second(7)))).collect()).await?;
    let due: Vec<_> = store.timers_due(second(7), 10).await?.into_iter().map(|(stream, _)| stream).collect();
    same("due together, by stream", &due, &together)
}
