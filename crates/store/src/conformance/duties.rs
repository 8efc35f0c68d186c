//! Promises about pages and timers.

use std::sync::Arc;

use futures_util::future::join_all;
use quarterdeck_core::time::Timestamp;

use super::{
    super::{Batch, OutboxPage, Store},
    Broken, incident, page, page_id, same, second,
};

fn pages_batch(pages: Vec<OutboxPage>) -> Batch {
    Batch { pages, ..Batch::default() }
}

fn begun(page: OutboxPage, attempts: u32) -> OutboxPage {
    OutboxPage { attempts, under_way: true, ..page }
}

pub(super) async fn page_life(store: Arc<dyn Store>) -> Result<(), Broken> {
    let fresh = page(1, second(5))?;
    store.append(pages_batch(vec![fresh.clone()])).await?;
    same("a page too early", &store.claim_pages(second(4), 10).await?, &vec![])?;
    same("no place for a page", &store.claim_pages(second(5), 0).await?, &vec![])?;
    same("untouched in the outbox", &store.outbox(10).await?, &vec![fresh.clone()])?;
    same("a page on time", &store.claim_pages(second(5), 10).await?, &vec![begun(fresh.clone(), 1)])?;
    same("under way in the outbox", &store.outbox(10).await?, &vec![begun(fresh.clone(), 1)])?;
    same("a page under way", &store.claim_pages(Timestamp::MAX, 10).await?, &vec![])?;
    store.release_page(fresh.page, second(8)).await?;
    let released = OutboxPage { attempts: 1, not_before: second(8), ..fresh.clone() };
    same("a page released", &store.outbox(10).await?, &vec![released.clone()])?;
    same("a page released, too early", &store.claim_pages(second(7), 10).await?, &vec![])?;
    same("a page released, on time", &store.claim_pages(second(8), 10).await?, &vec![begun(released, 2)])?;
    store.append(Batch { settled: vec![fresh.page, page_id(99)], ..Batch::default() }).await?;
    store.release_page(fresh.page, second(0)).await?;
    same("a page settled stays settled", &store.outbox(10).await?, &vec![])?;
    store.append(Batch { pages: vec![page(2, second(0))?], settled: vec![page_id(2)], ..Batch::default() }).await?;
    same("a page that nobody needed", &store.claim_pages(Timestamp::MAX, 10).await?, &vec![])
}

pub(super) async fn page_order(store: Arc<dyn Store>) -> Result<(), Broken> {
    let came = [(1, 30), (2, 10), (3, 20), (4, 10), (5, 20)];
    for (n, instant) in came {
        store.append(pages_batch(vec![page(n, second(instant))?])).await?;
    }
    let ids = |pages: Vec<OutboxPage>| pages.iter().map(|page| page.page).collect::<Vec<_>>();
    let wanted = |ns: &[u64]| ns.iter().copied().map(page_id).collect::<Vec<_>>();
    same("outbox as they came", &ids(store.outbox(10).await?), &wanted(&[1, 2, 3, 4, 5]))?;
    same("outbox, cut", &ids(store.outbox(2).await?), &wanted(&[1, 2]))?;
    same("the first three by time", &ids(store.claim_pages(second(60), 3).await?), &wanted(&[2, 4, 3]))?;
    same("the rest", &ids(store.claim_pages(second(60), 3).await?), &wanted(&[5, 1]))?;
    same("outbox with all under way", &ids(store.outbox(10).await?), &wanted(&[1, 2, 3, 4, 5]))
}

pub(super) async fn page_twice(store: Arc<dyn Store>) -> Result<(), Broken> {
    let fresh = page(1, second(0))?;
    store.append(pages_batch(vec![fresh.clone()])).await?;
    store.claim_pages(second(0), 1).await?;
    let other = OutboxPage { address: "elsewhere".to_owned(), ..fresh.clone() };
    store.append(pages_batch(vec![other, page(2, second(0))?])).await?;
    same("the first stands, the new one came", &store.outbox(10).await?, &vec![begun(fresh, 1), page(2, second(0))?])
}

pub(super) async fn claimed_once(store: Arc<dyn Store>) -> Result<(), Broken> {
    const PAGES: u64 = 100;
    let pages = (0..PAGES).map(|n| page(n, second(0))).collect::<Result<Vec<_>, _>>()?;
    store.append(pages_batch(pages)).await?;
    let claimers = (0..12).map(|_| store.claim_pages(second(0), 9));
    let mut claimed = Vec::new();
    for pages in join_all(claimers).await {
        claimed.extend(pages?.into_iter().map(|page| page.page));
    }
    claimed.sort_unstable();
    let mut wanted: Vec<_> = (0..PAGES).map(page_id).collect();
    wanted.sort_unstable();
    same("each page once", &claimed, &wanted)
}

pub(super) async fn timers(store: Arc<dyn Store>) -> Result<(), Broken> {
    let set = |timers| store.append(Batch { timers, ..Batch::default() });
    let (one, two, three) = (incident(1), incident(2), incident(3));
    set(vec![(one, Some(second(30))), (two, Some(second(10))), (three, Some(second(20)))]).await?;
    same("due too early", &store.timers_due(second(9), 10).await?, &vec![])?;
    same("the first", &store.timers_due(second(10), 10).await?, &vec![(two, second(10))])?;
    let all = vec![(two, second(10)), (three, second(20)), (one, second(30))];
    same("all, earliest first", &store.timers_due(Timestamp::MAX, 10).await?, &all)?;
    same("cut", &store.timers_due(Timestamp::MAX, 2).await?.len(), &2)?;
    set(vec![(two, Some(second(40))), (three, None), (incident(4), None), (one, Some(second(30)))]).await?;
    let moved = vec![(one, second(30)), (two, second(40))];
    same("moved and cleared", &store.timers_due(Timestamp::MAX, 10).await?, &moved)?;
    set(vec![(one, None), (one, Some(second(1))), (two, Some(second(2))), (two, None)]).await?;
    same("the last of two in a batch", &store.timers_due(Timestamp::MAX, 10).await?, &vec![(one, second(1))])?;
    let mut together = vec![one, two, three];
    together.sort_unstable();
    set(together.iter().rev().map(|incident| (*incident, Some(second(7)))).collect()).await?;
    let due: Vec<_> = store.timers_due(second(7), 10).await?.into_iter().map(|(incident, _)| incident).collect();
    same("due together, by incident", &due, &together)
}
