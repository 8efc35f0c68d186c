//! A proxy before PostgreSQL that cuts the connection around a COMMIT, where it is hardest to know what happened.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream, unix::OwnedReadHalf, unix::OwnedWriteHalf},
};

use crate::postgres_server::socket;

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// COMMIT never reaches the server.
    Before,
    /// COMMIT reaches the server and nobody waits for it: the next try meets a transaction that may be committing still.
    During,
    /// The server has committed; the client never hears of it.
    After,
}

/// The proxy, what it is to do with the next COMMIT, and whether it lets anybody in.
pub(crate) struct Proxy {
    next: Arc<Mutex<Option<Cut>>>,
    open: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens in `folder` and passes on to the server's socket in `server`.
    pub(crate) fn start(folder: &Path, server: &Path) -> Self {
        let listener = UnixListener::bind(socket(folder)).unwrap();
        let next = Arc::new(Mutex::new(None));
        let open = Arc::new(AtomicBool::new(true));
        let (plan, server, lets_in) = (Arc::clone(&next), socket(server), Arc::clone(&open));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if lets_in.load(Ordering::SeqCst) {
                    tokio::spawn(pass(client, server.clone(), Arc::clone(&plan)));
                }
            }
        });
        Self { next, open }
    }

    /// Lets new connections in, or none.
    pub(crate) fn lets_in(&self, anybody: bool) {
        self.open.store(anybody, Ordering::SeqCst);
    }

    /// Cuts the connection of the next COMMIT.
    pub(crate) fn cut_next(&self, cut: Cut) {
        *self.next.lock().unwrap() = Some(cut);
    }

    /// Whether the cut was made.
    pub(crate) fn has_cut(&self) -> bool {
        self.next.lock().unwrap().is_none()
    }
}

async fn pass(client: UnixStream, server: PathBuf, plan: Arc<Mutex<Option<Cut>>>) {
    let Ok(server) = UnixStream::connect(server).await else { return };
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let muted = Arc::new(AtomicBool::new(false));
    let answers = tokio::spawn(pass_answers(from_server, to_client, Arc::clone(&muted)));
    let mut has_begun = false;
    while let Ok(message) = read_message(&mut from_client, has_begun).await {
        has_begun = true;
        let is_commit = message.first() == Some(&b'Q') && message.ends_with(b"COMMIT\0");
        let cut = if is_commit { plan.lock().unwrap().take() } else { None };
        match cut {
            None => {}
            Some(Cut::Before) => break,
            Some(Cut::During) => {
                muted.store(true, Ordering::SeqCst);
                to_server.write_all(&message).await.unwrap();
                break;
            }
            Some(Cut::After) => {
                muted.store(true, Ordering::SeqCst);
                to_server.write_all(&message).await.unwrap();
                answers.await.unwrap();
                return;
            }
        }
        if to_server.write_all(&message).await.is_err() {
            break;
        }
    }
    answers.abort();
}

/// Passes on what the server says; muted, it ends with the next answer.
async fn pass_answers(mut from_server: OwnedReadHalf, mut to_client: OwnedWriteHalf, muted: Arc<AtomicBool>) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
        if muted.load(Ordering::SeqCst) || to_client.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// One message of the client: a type byte (but for the first), a length that counts itself, the rest.
async fn read_message(from: &mut OwnedReadHalf, has_type: bool) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    if has_type {
        message.push(from.read_u8().await?);
    }
    let length = from.read_u32().await?;
    message.extend(length.to_be_bytes());
    let start = message.len();
    message.resize(start + usize::try_from(length).unwrap() - 4, 0);
    from.read_exact(&mut message[start..]).await?;
    Ok(message)
}
