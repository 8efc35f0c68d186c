//! The thread that writes, and group commit: what waits when a transaction begins goes into it, each piece in a savepoint of its
//! own, and one sync makes all of it durable. It must never answer before that. Tests: `sqlite/tests.rs`, `tests/store.rs`.

use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{failure::failure, open::Opened, room::Room, tail::Tail};
use crate::StoreError;

/// Pieces of work that may wait; more, and the caller waits. Each holds at most one batch of the engine.
const QUEUE_MAX: usize = 256;
/// Pieces committed together. Bounds what one caller adds to another's wait.
const GROUP_MAX: usize = 64;

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLL_BACK: &str = "ROLLBACK";
const SET_SAVEPOINT: &str = "SAVEPOINT piece";
const KEEP_PIECE: &str = "RELEASE piece";
const DROP_PIECE: &str = "ROLLBACK TO piece";
const EMPTY_WAL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// The handle of the writing thread. Dropping it finishes what waits and closes the file.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked for.
enum Order {
    /// A change: part of a transaction.
    Write(Box<dyn Write>),
    /// Copy the write-ahead log home and empty it. Cannot be part of a transaction.
    EmptyWal { doing: &'static str, reply: oneshot::Sender<Result<(), StoreError>> },
}

/// A change and the caller who waits for it.
trait Write: Send {
    /// Makes the change inside the open transaction. May be called again after a rollback. False: it failed, undo it.
    fn run(&mut self, connection: &Connection, tail: &mut Tail) -> bool;
    /// Forgets what `run` found, since the transaction did not hold.
    fn fail(&mut self, error: StoreError);
    /// Answers the caller. The change is durable, or it failed.
    fn answer(self: Box<Self>);
}

struct Piece<T, F> {
    doing: &'static str,
    change: F,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&Connection, &mut Tail) -> Result<T, StoreError> + Send> Write for Piece<T, F> {
    fn run(&mut self, connection: &Connection, tail: &mut Tail) -> bool {
        let outcome = (self.change)(connection, tail);
        let done = outcome.is_ok();
        self.outcome = Some(outcome);
        done
    }
    fn fail(&mut self, error: StoreError) {
        self.outcome = Some(Err(error));
    }
    fn answer(self: Box<Self>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(stopped(self.doing)));
        if self.reply.send(outcome).is_err() {
            tracing::debug!(store.doing = self.doing, "nobody waits for this change any more");
        }
    }
}

impl Writer {
    pub(super) fn start(opened: Opened, room: Room) -> Result<Self, StoreError> {
        let (queue, orders) = mpsc::channel(QUEUE_MAX);
        let work = move || {
            let Opened { connection, lock, tail } = opened;
            serve(&connection, tail, room, orders);
            drop(connection);
            // Said aloud, not left to the closing of the file: a child process between its fork and its exec has the file open too.
            if let Err(error) = lock.unlock() {
                tracing::warn!(error = %error, "unlocking the store failed; the kernel does it at the end of the process");
            }
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(work);
        let thread =
            thread.map_err(|error| StoreError::Database { doing: "start store writer", source: Box::new(error) })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Has `change` made in a transaction and returns when it is durable. A caller who stops waiting does not undo it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        change: impl FnMut(&Connection, &mut Tail) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.order(doing, Order::Write(Box::new(Piece { doing, change, outcome: None, reply }))).await?;
        answer.await.map_err(|_| stopped(doing))?
    }

    /// Empties the write-ahead log, so that what was erased is in no file of ours. If a reader is in the way it is tried again
    /// after each commit.
    pub(super) async fn empty_wal(&self, doing: &'static str) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.order(doing, Order::EmptyWal { doing, reply }).await?;
        answer.await.map_err(|_| stopped(doing))?
    }

    async fn order(&self, doing: &'static str, order: Order) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or_else(|| stopped(doing))?;
        queue.send(order).await.map_err(|_| stopped(doing))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked; what it had answered is durable");
        }
    }
}

fn serve(connection: &Connection, mut tail: Tail, mut room: Room, mut orders: mpsc::Receiver<Order>) {
    // What was erased before a crash may be in the log of that time.
    let mut owes_emptying = empty_wal(connection, "open store").is_err();
    let mut next = orders.blocking_recv();
    while let Some(order) = next {
        let mut group = Vec::new();
        let mut left = Some(order);
        while let Some(Order::Write(piece)) = left {
            group.push(piece);
            left = if group.len() < GROUP_MAX { orders.try_recv().ok() } else { None };
        }
        commit(connection, &mut tail, group);
        if let Some(Order::EmptyWal { doing, reply }) = left {
            let emptied = empty_wal(connection, doing);
            owes_emptying = emptied.is_err();
            if reply.send(emptied).is_err() {
                tracing::debug!(store.doing = doing, "nobody waits for the emptied log any more");
            }
        } else if owes_emptying {
            owes_emptying = empty_wal(connection, "empty write-ahead log").is_err();
        }
        room.make();
        next = orders.blocking_recv();
    }
}

/// Commits all pieces with one sync. If that fails, each is tried alone, so that only those fail whose fault it is.
fn commit(connection: &Connection, tail: &mut Tail, mut group: Vec<Box<dyn Write>>) {
    if group.len() > 1 || tail.is_long() {
        if let Err(error) = commit_group(connection, tail, &mut group) {
            tracing::debug!(error = %error, pieces = group.len(), "committing each piece alone");
            roll_back(connection);
            tail.undone();
            for piece in &mut group {
                commit_alone(connection, tail, piece.as_mut());
            }
        }
    } else if let [piece] = group.as_mut_slice() {
        commit_alone(connection, tail, piece.as_mut());
    }
    for piece in group {
        piece.answer();
    }
}

fn commit_group(connection: &Connection, tail: &mut Tail, group: &mut [Box<dyn Write>]) -> Result<(), rusqlite::Error> {
    execute(connection, BEGIN)?;
    if tail.is_long() {
        tail.index(connection)?;
    }
    for piece in group {
        let mark = tail.mark();
        execute(connection, SET_SAVEPOINT)?;
        if !piece.run(connection, tail) {
            // A full disk may have rolled everything back: then this fails, and each piece is tried alone.
            execute(connection, DROP_PIECE)?;
            tail.back_to(mark);
        }
        execute(connection, KEEP_PIECE)?;
    }
    execute(connection, COMMIT)?;
    tail.kept();
    Ok(())
}

/// Commits one piece, and the indexes not: on a full disk there may be space for the one and not for both.
fn commit_alone(connection: &Connection, tail: &mut Tail, piece: &mut dyn Write) {
    let begun = execute(connection, BEGIN);
    let ended = begun.and_then(|()| {
        if piece.run(connection, tail) { execute(connection, COMMIT).map(|()| tail.kept()) } else { Ok(()) }
    });
    // Nothing is left to undo where it was kept.
    tail.undone();
    if let Err(error) = ended {
        piece.fail(failure("commit")(error));
    }
    roll_back(connection);
}

/// Leaves no transaction open, whatever happened before.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, ROLL_BACK)
    {
        tracing::error!(error = %error, "rolling back failed; the next transaction will say why");
    }
}

fn empty_wal(connection: &Connection, doing: &'static str) -> Result<(), StoreError> {
    let busy: i64 = connection.query_row(EMPTY_WAL, [], |row| row.get(0)).map_err(failure(doing))?;
    if busy == 0 {
        return Ok(());
    }
    let source = "a reader holds the write-ahead log; its old pages are still there".into();
    Err(StoreError::Database { doing, source })
}

fn execute(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn stopped(doing: &'static str) -> StoreError {
    StoreError::Database { doing, source: "the store's writer has stopped".into() }
}
