//! Streams whose replies nobody takes: they are given up, with what they hold.
//!
//! A reply that may go on for ever is asked for its next frame whatever becomes
//! of the last, so its frames are followed. One that ends by itself is not asked
//! any more while a frame waits, and nothing wakes its stream but room for it.

use std::{
    cell::Cell,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

tokio::task_local! {
    /// What the stream that is worked on has handed over.
    static OUTGOING: Outgoing;
}

thread_local! {
    /// Whether the stream that is worked on has been answered, by a reply that
    /// ends by itself.
    static ANSWERED: Cell<bool> = const { Cell::new(false) };
}

/// The stream that is worked on has been answered: nothing is to come but its
/// reply, which ends by itself.
pub fn answered() {
    ANSWERED.set(true);
}

/// Does something for a stream; and whether it has been answered by that.
pub fn noting_answer<T>(work: impl FnOnce() -> T) -> (T, bool) {
    ANSWERED.set(false);
    (work(), ANSWERED.get())
}

/// The frames that a stream has handed over and that have not left. A clone is
/// the same frames.
#[derive(Clone, Debug, Default)]
pub struct Outgoing(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    frames: usize,
    /// When one of them was the first to wait, or one left.
    since: Option<Instant>,
}

/// A frame that has not left, until it is dropped.
#[derive(Debug)]
pub struct Frame(Outgoing);

/// A stream of a connection. It ends when frames of it wait, and for `unread_max`
/// none has left, or when it has been answered and nothing has woken it for as
/// long: to drop it resets it, and frees what waits.
pub struct Guarded<S> {
    stream: S,
    outgoing: Outgoing,
    unread_max: Duration,
    /// When it was woken last, once it has been answered.
    woken: Option<Instant>,
    /// At or before the time to look again.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Outgoing {
    /// Of the stream that is worked on; `None`: nobody guards it.
    #[must_use]
    pub fn current() -> Option<Self> {
        OUTGOING.try_with(Clone::clone).ok()
    }

    /// One more frame.
    #[must_use]
    pub fn hand_over(&self) -> Frame {
        let mut waiting = self.0.lock();
        waiting.frames += 1;
        waiting.since.get_or_insert_with(Instant::now);
        Frame(self.clone())
    }

    fn since(&self) -> Option<Instant> {
        self.0.lock().since
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let mut waiting = self.0.0.lock();
        waiting.frames -= 1;
        waiting.since = (waiting.frames > 0).then(Instant::now);
    }
}

impl<S> Guarded<S> {
    /// Guards `stream`, which has been answered or not.
    #[must_use]
    pub fn new(stream: S, unread_max: Duration, is_answered: bool) -> Self {
        Self {
            stream,
            outgoing: Outgoing::default(),
            unread_max,
            woken: is_answered.then(Instant::now),
            timer: None,
        }
    }

    /// Since when nothing of it has left.
    fn since(&self) -> Option<Instant> {
        [self.outgoing.since(), self.woken]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether it has waited too long; else `context` is woken when it has.
    fn is_unread(&mut self, context: &mut Context<'_>) -> bool {
        while let Some(since) = self.since() {
            let until = since + self.unread_max;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(until)));
            if timer.as_mut().poll(context).is_pending() {
                return false;
            }
            if until <= Instant::now() {
                return true;
            }
            // Set for what has left since.
            timer.as_mut().reset(until);
        }
        false
    }
}

impl<S: Future<Output = ()> + Unpin> Future for Guarded<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let guarded = self.get_mut();
        let stream = Pin::new(&mut guarded.stream);
        let poll = || OUTGOING.sync_scope(guarded.outgoing.clone(), || stream.poll(context));
        let (polled, is_answered) = noting_answer(poll);
        if polled.is_ready() {
            return Poll::Ready(());
        }
        // Woken in time, and not by the timer.
        let unread_max = guarded.unread_max;
        let is_in_time = |woken: &Instant| woken.elapsed() < unread_max;
        if is_answered || guarded.woken.as_ref().is_some_and(is_in_time) {
            guarded.woken = Some(Instant::now());
        }
        if guarded.is_unread(context) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl<S> fmt::Debug for Guarded<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Guarded")
            .field("outgoing", &self.outgoing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker};

    use tokio::time::advance;

    use super::*;

    const UNREAD_MAX: Duration = Duration::from_secs(30);

    type Stream = Pin<Box<dyn Future<Output = ()>>>;

    /// A stream that hands over `count` frames when it is polled first.
    fn stream(count: usize, frames: Arc<Mutex<Vec<Frame>>>) -> Guarded<Stream> {
        let stream = poll_fn(move |_| {
            let mut frames = frames.lock();
            if frames.is_empty() {
                let outgoing = Outgoing::current().unwrap();
                frames.extend((0..count).map(|_| outgoing.hand_over()));
            }
            Poll::Pending
        });
        Guarded::new(Box::pin(stream), UNREAD_MAX, false)
    }

    fn has_ended(guarded: &mut Guarded<Stream>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(guarded).poll(&mut context).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_when_none_of_its_frames_leaves_in_time() {
        let frames = Arc::default();
        let mut guarded = stream(2, Arc::clone(&frames));
        assert!(!has_ended(&mut guarded));
        advance(UNREAD_MAX / 2).await;
        // One leaves, so the other has its time again.
        drop(frames.lock().pop());
        advance(UNREAD_MAX / 2).await;
        assert!(!has_ended(&mut guarded));
        advance(UNREAD_MAX / 2).await;
        assert!(has_ended(&mut guarded));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_with_nothing_to_leave_goes_on() {
        let frames = Arc::default();
        let mut guarded = stream(1, Arc::clone(&frames));
        assert!(!has_ended(&mut guarded));
        let left = frames.lock().pop();
        drop(left);
        // So that it hands over none again.
        frames.lock().push(Outgoing::default().hand_over());
        advance(UNREAD_MAX * 2).await;
        assert!(!has_ended(&mut guarded));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_was_answered_ends_when_nothing_wakes_it() {
        let told = Arc::new(Mutex::new(false));
        let stream = {
            let told = Arc::clone(&told);
            poll_fn(move |_| {
                if *told.lock() {
                    answered();
                }
                Poll::Pending
            })
        };
        let mut before: Guarded<Stream> = Guarded::new(Box::pin(stream), UNREAD_MAX, false);
        let stream = Box::pin(std::future::pending());
        let mut after: Guarded<Stream> = Guarded::new(stream, UNREAD_MAX, true);
        assert!(!has_ended(&mut before) && !has_ended(&mut after));
        advance(UNREAD_MAX * 2 / 3).await;
        // There is room for a part of it.
        assert!(!has_ended(&mut after));
        advance(UNREAD_MAX * 2 / 3).await;
        assert!(!has_ended(&mut after), "it was woken in between");
        assert!(!has_ended(&mut before), "it is not answered yet");
        *told.lock() = true;
        assert!(!has_ended(&mut before));
        *told.lock() = false;
        advance(UNREAD_MAX).await;
        assert!(has_ended(&mut after) && has_ended(&mut before));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_was_answered_is_ended_by_itself_in_time() {
        let began = Instant::now();
        let stream: Stream = Box::pin(std::future::pending());
        Guarded::new(stream, UNREAD_MAX, true).await;
        assert_eq!(began.elapsed(), UNREAD_MAX);
    }

    #[test]
    fn outside_of_a_guarded_stream_there_is_none() {
        assert!(Outgoing::current().is_none());
    }
}
