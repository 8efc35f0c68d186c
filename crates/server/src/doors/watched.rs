//! What passes through a door, watched: bytes as they come and go, a body as it arrives, an answer until it has left. Each says to
//! the seat who keeps whom waiting, and ends what takes too long.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{
    pace::Pace,
    seats::{Seat, Waits},
};

/// A body that did not arrive in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive within {} s", .0.as_secs())]
pub struct TooSlow(Duration);

type Alarm = Option<Pin<Box<Sleep>>>;

/// Whether the time is over. The alarm is set at the first question.
fn is_over(alarm: &mut Alarm, after: Duration, cx: &mut Context<'_>) -> bool {
    alarm.get_or_insert_with(|| Box::pin(sleep(after))).as_mut().poll(cx).is_ready()
}

/// The bytes of a connection.
pub(super) struct Paced<S> {
    stream: S,
    seat: Arc<Seat>,
    pace: Pace,
    head: Alarm,
    stalled: Alarm,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, seat: Arc<Seat>, pace: Pace) -> Self {
        Self { stream, seat, pace, head: None, stalled: None }
    }
    fn written<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stalled = None;
        } else if is_over(&mut self.stalled, self.pace.stalled, cx) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other end takes nothing")));
        }
        done
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, into);
        if into.filled().len() > before && this.seat.is(Waits::Idle) {
            this.seat.turn(Waits::Head);
        }
        if !this.seat.is(Waits::Head) {
            this.head = None;
        } else if read.is_pending() && is_over(&mut this.head, this.pace.head, cx) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head of a request is not whole")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, done)
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_write_vectored(cx, bytes);
        this.written(cx, done)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_flush(cx);
        this.written(cx, done)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.written(cx, done)
    }
}

/// A request's body while it arrives.
pub(super) struct Arriving {
    body: Incoming,
    seat: Arc<Seat>,
    within: Duration,
    alarm: Alarm,
}

impl Arriving {
    pub(super) fn new(body: Incoming, seat: Arc<Seat>, within: Duration) -> Self {
        seat.turn(if body.is_end_stream() { Waits::Us } else { Waits::Body });
        Self { body, seat, within, alarm: None }
    }
}

impl Drop for Arriving {
    /// Arrived, or not wanted: the other end waits for us.
    fn drop(&mut self) {
        if self.seat.is(Waits::Body) {
            self.seat.turn(Waits::Us);
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            // The time runs for the whole of it: a byte now and then does not buy more.
            ready!(this.alarm.get_or_insert_with(|| Box::pin(sleep(this.within))).as_mut().poll(cx));
            return Poll::Ready(Some(Err(axum::Error::new(TooSlow(this.within)))));
        };
        if (frame.is_none() || this.body.is_end_stream()) && this.seat.is(Waits::Body) {
            this.seat.turn(Waits::Us);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)))
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer until it has left, or its stream has ended.
pub(super) struct Leaving {
    body: Body,
    seat: Arc<Seat>,
}

impl Leaving {
    pub(super) fn new(body: Body, seat: Arc<Seat>) -> Self {
        Self { body, seat }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.seat.turn(Waits::Idle);
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
