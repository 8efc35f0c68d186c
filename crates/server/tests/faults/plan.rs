//! What goes wrong, when, and for how long: drawn by the seed, and carried out.

use std::{sync::Arc, time::Duration};

use quarterdeck_core::id::ChannelId;
use quarterdeck_server::app::RunError;
use quarterdeck_store::StoreError;
use tokio::io::AsyncWriteExt as _;

use crate::{
    dice::Dice,
    house::{CHANNELS, House, Image, length},
    weather::{Full, Lie, Lost, Manner},
};

/// Trouble comes in this span; after it all is well.
pub(crate) const TROUBLE: Duration = Duration::from_mins(12);
/// How long the program is left alone then, until everything that it owes is done.
pub(crate) const CALM: Duration = Duration::from_mins(9);
/// What restarts the program looks this often whether it runs.
const SUPERVISED_EVERY: Duration = Duration::from_secs(2);

/// What is put in the place of the store while the program is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    /// What was on the disk.
    Same,
    /// That, torn.
    Torn,
    /// An older copy, and then the newest again.
    Older,
    /// An older copy, and somebody accepts that.
    OlderAccepted,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill { put: Put, down: Duration },
    Restart { down: Duration },
    KilledAtStart { down: Duration },
    Full(Full),
    Gone,
    SlowStore(Duration),
    LostAnswers(Lost),
    Channel(&'static str, Manner),
    AllChannels(Manner),
    ClockBack(Duration),
    ClockForward(Duration),
    SecondProgram,
    HalfOpen(u64),
}

impl Fault {
    fn draw(dice: &mut Dice, is_open: bool) -> Self {
        let down = dice.pick(&[Duration::ZERO, Duration::from_secs(3), Duration::from_secs(40)]);
        match dice.below(if is_open { 25 } else { 24 }) {
            0..=2 => Self::Kill { put: Put::Same, down },
            3 => Self::Kill { put: Put::Torn, down },
            4 => Self::Kill { put: Put::Older, down },
            5 => Self::Kill { put: Put::OlderAccepted, down },
            6 => Self::Restart { down },
            7 => Self::KilledAtStart { down },
            8 => Self::Full(Full::UntilReserve),
            9 => Self::Full(Full::ToTheLastByte),
            10 => Self::Gone,
            11 => Self::SlowStore(dice.ms(300, 9_000)),
            12 => Self::LostAnswers(Lost::Made),
            13 => Self::LostAnswers(Lost::NotMade),
            14..=17 => Self::Channel(dice.pick(&CHANNELS), manner(dice)),
            18 | 19 => Self::AllChannels(manner(dice)),
            20 => Self::ClockBack(dice.secs(2, 5_400)),
            21 => Self::ClockForward(dice.secs(2, 5_400)),
            22 => Self::SecondProgram,
            23 => Self::Channel(dice.pick(&CHANNELS), Manner::Never),
            _ => Self::HalfOpen(dice.below(60)),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Kill { put: Put::Same, .. } => "kill",
            Self::Kill { put: Put::Torn, .. } => "torn store",
            Self::Kill { put: Put::Older, .. } => "older store",
            Self::Kill { put: Put::OlderAccepted, .. } => "older store, accepted",
            Self::Restart { .. } => "restart in good order",
            Self::KilledAtStart { .. } => "kill at the start",
            Self::Full(Full::UntilReserve) => "full disk",
            Self::Full(Full::ToTheLastByte) => "full disk to the last byte",
            Self::Gone => "store away",
            Self::SlowStore(_) => "slow store",
            Self::LostAnswers(Lost::Made) => "lost answers of commits",
            Self::LostAnswers(Lost::NotMade) => "lost commits",
            Self::Channel(..) => "bad channel",
            Self::AllChannels(_) => "all channels bad",
            Self::ClockBack(_) => "clock back",
            Self::ClockForward(_) => "clock forward",
            Self::SecondProgram => "second program",
            Self::HalfOpen(_) => "half-open clients",
        }
    }
}

fn manner(dice: &mut Dice) -> Manner {
    match dice.below(9) {
        0 => Manner::Slow(dice.ms(2_000, 9_500)),
        1 => Manner::Hangs { arrives: true },
        2 => Manner::Hangs { arrives: false },
        3 => Manner::HangsUp,
        4 | 5 => Manner::Refuses,
        6 => Manner::Later(dice.secs(1, 60)),
        7 => Manner::Denies,
        _ => Manner::Babbles,
    }
}

/// A fault with its time.
#[derive(Debug, Clone, Copy)]
struct Planned {
    at: Duration,
    lasts: Duration,
    fault: Fault,
}

/// Everything that goes wrong in one world.
pub(crate) struct Plan {
    faults: Vec<Planned>,
    seed: u64,
}

impl Plan {
    pub(crate) fn draw(seed: u64, is_open: bool) -> Self {
        let mut dice = Dice::of(seed, "faults");
        let count = 3 + dice.below(6);
        let faults = (0..count).map(|_| {
            let (at, lasts) = (dice.secs(10, TROUBLE.as_secs() - 60), dice.secs(4, 110));
            Planned { at, lasts, fault: Fault::draw(&mut dice, is_open) }
        });
        Self { faults: faults.collect(), seed }
    }

    /// A world with exactly this one fault, for the lies.
    pub(crate) fn for_lie(seed: u64, lie: Lie) -> Self {
        let fault = match lie {
            Lie::OlderStore => Fault::Kill { put: Put::Same, down: Duration::from_secs(3) },
            Lie::Unlabelled => Fault::AllChannels(Manner::Slow(Duration::from_secs(9))),
            Lie::ComesLate => Fault::AllChannels(Manner::Never),
            Lie::LooksWell => Fault::AllChannels(Manner::Refuses),
            Lie::SaysYes | Lie::ClockStands | Lie::Forged | Lie::Touched => Fault::SecondProgram,
        };
        let (at, lasts) = match lie {
            Lie::LooksWell => (Duration::from_secs(2), Duration::from_mins(11)),
            _ => (Duration::from_mins(3), Duration::from_mins(4)),
        };
        let mut faults = vec![Planned { at, lasts, fault }];
        if lie == Lie::Unlabelled {
            let fault = Fault::Kill { put: Put::Same, down: Duration::ZERO };
            faults.extend((0..6).map(|nth| Planned {
                at: Duration::from_secs(190 + 31 * nth),
                lasts: Duration::ZERO,
                fault,
            }));
        }
        Self { faults, seed }
    }

    /// Has all of it happen, each in its time, and ends when the last is over.
    pub(crate) async fn happen(self, house: &Arc<House>) {
        let mut tasks = tokio::task::JoinSet::new();
        for (nth, planned) in self.faults.into_iter().enumerate() {
            let (house, dice) = (Arc::clone(house), Dice::of(self.seed, &format!("fault {nth}")));
            tasks.spawn_local(async move {
                tokio::time::sleep(planned.at).await;
                house.outside.count(planned.fault.word());
                house.outside.tell(format!("FAULT: {} ({:?})", planned.fault.word(), planned.fault));
                carry_out(&house, planned, dice).await;
                house.outside.tell(format!("over: {}", planned.fault.word()));
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
}

async fn carry_out(house: &Arc<House>, planned: Planned, mut dice: Dice) {
    let Planned { lasts, fault, .. } = planned;
    let weather = &house.weather;
    let wait = tokio::time::sleep(lasts);
    match fault {
        Fault::Kill { put, down } => kill(house, put, down, &mut dice).await,
        Fault::Restart { down } => {
            let alone = house.alone.lock().await;
            house.stop().await;
            tokio::time::sleep(down).await;
            drop(alone);
        }
        Fault::KilledAtStart { down } => {
            let alone = house.alone.lock().await;
            house.kill().await;
            let early = tokio::time::timeout(dice.ms(1, 2_000), house.start(None)).await;
            house.kill().await;
            house
                .outside
                .tell(format!("killed at its start, which had {}", if early.is_ok() { "ended" } else { "begun" }));
            house.settled().await;
            tokio::time::sleep(down).await;
            drop(alone);
        }
        Fault::Full(full) => {
            weather.set_disk(|disk| disk.full = Some(full));
            wait.await;
            weather.set_disk(|disk| disk.full = None);
        }
        Fault::Gone => {
            weather.set_disk(|disk| disk.gone = true);
            wait.await;
            weather.set_disk(|disk| disk.gone = false);
        }
        Fault::SlowStore(takes) => {
            weather.set_disk(|disk| disk.slow = Some(takes));
            wait.await;
            weather.set_disk(|disk| disk.slow = None);
        }
        Fault::LostAnswers(lost) => {
            weather.set_disk(|disk| disk.loses = Some(lost));
            wait.await;
            weather.set_disk(|disk| disk.loses = None);
        }
        Fault::Channel(name, manner) => behave(house, &[name], manner, wait).await,
        Fault::AllChannels(manner) => behave(house, &CHANNELS, manner, wait).await,
        Fault::ClockBack(by) => step(house, -i64::try_from(by.as_millis()).unwrap()),
        Fault::ClockForward(by) => step(house, i64::try_from(by.as_millis()).unwrap()),
        Fault::SecondProgram => second(house).await,
        Fault::HalfOpen(count) => half_open(house, count, wait).await,
    }
}

fn step(house: &House, by_ms: i64) {
    house.outside.with(|record| record.steps.push(by_ms));
    house.outside.wall.step(by_ms);
}

async fn behave(house: &House, names: &[&str], manner: Manner, wait: impl Future<Output = ()>) {
    let ids: Vec<ChannelId> = names.iter().map(|name| name.parse().unwrap()).collect();
    for id in &ids {
        house.weather.set_manner(id, manner);
    }
    house.outside.tell(format!("{} {}", names.join(", "), manner.word()));
    house.outside.count(&format!("  a channel that {}", manner.word()));
    wait.await;
    for id in &ids {
        house.weather.set_manner(id, Manner::Works);
    }
}

async fn second(house: &House) {
    let _alone = house.alone.lock().await;
    if house.life().is_none() {
        return;
    }
    match house.second() {
        Err(StoreError::InUse { .. }) => {}
        other => house.outside.object(format!("a second program on the same store: {other:?}")),
    }
}

/// Clients that send half a request, or nothing, and stay.
async fn half_open(house: &House, count: u64, wait: impl Future<Output = ()>) {
    let Some(address) = house.life().and_then(|life| life.address) else { return };
    let mut held = Vec::new();
    for nth in 0..count {
        let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { return };
        let half: &[u8] = match nth % 3 {
            0 => b"",
            1 => b"POST /ingest/webhook HTTP/1.1\r\nhost: x\r\n",
            _ => b"POST /ingest/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"ti",
        };
        // Whether it is still wanted is not ours to know.
        drop(stream.write_all(half).await);
        held.push(stream);
    }
    wait.await;
}

/// Kills it, and does to its store what there is to be done.
async fn kill(house: &House, put: Put, down: Duration, dice: &mut Dice) {
    let older = if put == Put::Same && house.weather.lie != Some(Lie::OlderStore) { None } else { house.copy().await };
    if older.is_some() {
        // Long enough for the log to have gone on and been published.
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    if put == Put::Same && dice.percent(60) {
        under_way(house, dice).await;
    }
    let _alone = house.alone.lock().await;
    let is_published = house.life().is_some_and(|life| length(&life) == house.published());
    let published = house.published();
    let Some(newest) = house.kill().await else { return };
    tokio::time::sleep(down).await;
    if house.weather.lie == Some(Lie::OlderStore) {
        house.put_back(&older.unwrap());
        std::fs::remove_dir_all(house.data().join("log")).unwrap();
        return;
    }
    let Some(older) = older.filter(|older| older.size < published || put == Put::Torn) else { return };
    match put {
        Put::Same => {}
        // What was not published yet could be gone without a trace: nobody can be asked to see that.
        Put::Torn if !is_published => {}
        Put::Torn => torn(house, &newest, dice).await,
        Put::Older | Put::OlderAccepted => {
            house.put_back(&older);
            refused(house, &older, house.start(None).await);
            house.kill().await;
            house.settled().await;
            if put == Put::Older {
                house.put_back(&newest);
            } else {
                accept(house, &older).await;
            }
        }
    }
}

/// Waits until somebody has just got a message whose answer is still on its way, if that is soon.
async fn under_way(house: &House, dice: &mut Dice) {
    let count = || house.outside.with(|record| record.arrivals.len());
    let before = count();
    for _ in 0..600 {
        if count() > before {
            return tokio::time::sleep(dice.ms(0, 200)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn refused(house: &House, older: &Image, started: Result<(), RunError>) {
    match started {
        Err(RunError::Lost(_)) => house.outside.tell(format!("it refuses a store with {} events", older.size)),
        Err(error) if !house.weather.disk().is_well() => house.outside.tell(format!("it cannot start: {error}")),
        Err(error) => house.outside.object(format!("an older store is refused with other words: {error}")),
        Ok(()) => house.outside.object(format!("it goes on with an older store of {} events in silence", older.size)),
    }
}

/// Somebody has it go on with the older store.
async fn accept(house: &House, older: &Image) {
    let now = house.outside.now();
    house.outside.with(|record| record.lost.push((older.at, now)));
    while let Err(error) = house.start(Some("the disk died")).await {
        house.outside.tell(format!("it cannot go on yet: {error}"));
        house.settled().await;
        house.put_back(older);
        tokio::time::sleep(SUPERVISED_EVERY).await;
    }
    let now = house.outside.now();
    house.outside.with(|record| record.lost.push((older.at, now)));
}

async fn torn(house: &House, newest: &Image, dice: &mut Dice) {
    let mut torn = Image::clone(newest);
    if !torn.tear(dice) {
        return;
    }
    house.put_back(&torn);
    if let Err(error) = house.start(None).await {
        house.outside.tell(format!("it refuses a torn store: {error}"));
        house.settled().await;
        house.put_back(newest);
    } else {
        let has = house.life().map_or(0, |life| length(&life));
        if has < newest.size {
            house.outside.object(format!("it goes on with {has} of {} events of a torn store", newest.size));
        }
    }
}

/// Starts the program whenever it does not run, as a supervisor does.
pub(crate) async fn supervise(house: Arc<House>) {
    loop {
        let alone = house.alone.lock().await;
        if house.life().is_none()
            && let Err(error) = house.start(None).await
        {
            house.outside.tell(format!("the program does not start: {error}"));
            house.settled().await;
        }
        drop(alone);
        tokio::time::sleep(SUPERVISED_EVERY).await;
    }
}
