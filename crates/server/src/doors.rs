//! The doors: connections come in here, as many as we can bear, and none stays for ever because its other end says nothing.
//!
//! Whoever waits for nobody but the other end can be sent away for somebody new, and at the latest when a bound is over; whoever
//! waits for us cannot. Descriptors for our own work, pages and the store, are never given to visitors. Why it is so, and what an
//! attacker can still do: `docs/adr/0065-bounds-on-connections.md`. Tests: below, and `crates/cli/tests/it/doors.rs` on the program
//! that people run.

mod pace;
mod seats;
pub mod tls;
mod watched;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::Service as _, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

pub use self::{pace::Pace, watched::TooSlow};
use self::{
    seats::{Seat, Seats, Taken, Waits},
    tls::Encryption,
    watched::{Arriving, Leaving, Paced},
};

/// Connections at once, where the system allows as many: a thousand people who follow one room, their monitors and tools, and as many
/// strangers. Each can make us hold a head ([`HEAD_BYTES_MAX`]), and some a body before we know whose it is, so it is memory as well: 128 MiB
/// of heads.
const CONNECTIONS_MAX: u64 = 2_048;
/// Connections that are never given to who only listens, at least.
const ASKING_MIN: usize = 4;
/// Connections at once on the poorest system.
const CONNECTIONS_MIN: u64 = 8;
/// Descriptors that visitors never get: deliveries under way, nodes and their witnesses, the store, the log's files.
const OWN_DESCRIPTORS: u64 = 256;
/// Bytes of a request's head: browsers and monitors send a few hundred.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long we wait after the system refused to give us a connection, so that we do not ask it in a circle.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Where a request came from: the other end of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Connections for visitors, of so many descriptors in all.
pub fn room(descriptors: u64) -> usize {
    let own = OWN_DESCRIPTORS.min(descriptors / 2);
    let room = descriptors.saturating_sub(own).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
    usize::try_from(room).unwrap_or(usize::MAX)
}

/// How many of them may listen to a stream: whoever looks on must not keep others from asking.
pub fn listeners(room: usize) -> usize {
    room.saturating_sub((room / 4).max(ASKING_MIN))
}

/// What is served behind the doors.
#[derive(Clone)]
pub struct Behind {
    /// Who answers.
    pub router: Router,
    /// With what each new connection is encrypted; none: it is not. Asked anew for each, so that a new certificate counts at once.
    pub encryption: Arc<dyn Fn() -> Option<Encryption> + Send + Sync>,
    /// How long whoever is inside may take.
    pub pace: Pace,
}

/// Takes connections in and answers their requests until told to stop, and a bounded while longer what is under way.
pub async fn serve(listener: TcpListener, behind: Behind, room: usize, stopping: watch::Receiver<bool>) {
    let mut until = stopping.clone();
    let seats = Seats::new(room);
    let mut visits = JoinSet::new();
    loop {
        // At most one stands inside without a seat: whoever comes next stays outside until this one has it.
        let enter = async {
            let (stream, peer) = listener.accept().await?;
            Ok::<_, io::Error>((stream, peer, seats.take().await))
        };
        tokio::select! {
            () = told(&mut until) => break,
            entered = enter => match entered {
                Ok((stream, peer, taken)) => {
                    let visit = Visit { taken, peer: Peer(peer), behind: behind.clone(), stopping: stopping.clone() };
                    visits.spawn(visit.run(stream));
                }
                Err(error) if is_theirs(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "the system gives us no connection");
                    seats.send_one_away();
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            },
        }
        while let Some(ended) = visits.try_join_next() {
            tell(ended);
        }
    }
    drop(listener);
    while let Some(ended) = visits.join_next().await {
        tell(ended);
    }
}

/// Until we are told to stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a reason to stop as well.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

fn tell(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection met a defect");
    }
}

/// The visitor went away before we opened.
fn is_theirs(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One connection from its beginning to its end.
struct Visit {
    taken: Taken,
    peer: Peer,
    behind: Behind,
    stopping: watch::Receiver<bool>,
}

impl Visit {
    async fn run(mut self, stream: TcpStream) {
        // Events of a stream are small, and each is meant to be seen at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection cannot be told not to wait");
        }
        let paced = Paced::new(stream, Arc::clone(&self.taken.seat), self.behind.pace);
        match (self.behind.encryption)() {
            None => self.talk(paced).await,
            Some(Encryption { config, .. }) => {
                let greeting = tokio::time::timeout(self.behind.pace.head, TlsAcceptor::from(config).accept(paced));
                let greeted = tokio::select! {
                    greeted = greeting => greeted,
                    () = self.taken.seat.sent_away() => return,
                    () = told(&mut self.stopping) => return,
                };
                match greeted {
                    Ok(Ok(stream)) => {
                        self.taken.seat.turn(Waits::Idle);
                        self.talk(stream).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, peer = %self.peer.0, "a connection is not encrypted"),
                    Err(_) => tracing::debug!(peer = %self.peer.0, "a greeting that is not whole is given up"),
                }
            }
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self { taken, peer, behind: Behind { router, pace, .. }, mut stopping } = self;
        let seat = Arc::clone(&taken.seat);
        let router = TowerToHyperService::new(router);
        let answered = Arc::clone(&seat);
        let service = service_fn(move |request| answer(router.clone(), Arc::clone(&answered), peer, pace, request));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(pace.idle).max_buf_size(HEAD_BYTES_MAX);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return explain(ended),
            () = seat.sent_away() => return,
            () = told(&mut stopping) => {}
        }
        connection.as_mut().graceful_shutdown();
        let drained = tokio::time::timeout(pace.drain, async {
            tokio::select! {
                ended = connection.as_mut() => explain(ended),
                () = dawdles(&seat, pace) => tracing::debug!(peer = %peer.0, "a request that is not whole is given up"),
            }
        });
        if drained.await.is_err() {
            tracing::warn!(peer = %peer.0, "an answer is not ready, or not taken, and we stop");
        }
    }
}

/// Until the other end has had its time to finish what it was sending.
async fn dawdles(seat: &Seat, pace: Pace) {
    tokio::time::sleep(pace.farewell).await;
    while !seat.waits_for_the_other_end() {
        seat.turned().await;
    }
}

fn explain(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
    }
}

async fn answer(
    router: TowerToHyperService<Router>,
    seat: Arc<Seat>,
    peer: Peer,
    pace: Pace,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(|body| Body::new(Arriving::new(body, Arc::clone(&seat), pace.body)));
    request.extensions_mut().insert(peer);
    let answer = router.call(request).await?;
    Ok(answer.map(|body| Body::new(Leaving::new(body, seat))))
}

#[cfg(test)]
mod tests;
