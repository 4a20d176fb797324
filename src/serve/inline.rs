//! The streams of a connection, begun in the connection's own turn: most are
//! answered at once, and a task for each would cost more than its answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use hyper::rt::Executor;
use parking_lot::Mutex;

use crate::gate::outgoing::{Guarded, noting_answer};

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The streams that have come and not begun.
pub struct Inline {
    streams: Arc<Mutex<Vec<Stream>>>,
    unread_max: Duration,
}

/// Takes streams on for an [`Inline`]; when that is gone they are dropped. A
/// stream holds one, so it must not hold the streams.
#[derive(Clone)]
pub struct Taker(Weak<Mutex<Vec<Stream>>>);

impl Inline {
    /// No stream yet. One that goes on as a task ends when for so long none of
    /// its frames leaves that wait to.
    #[must_use]
    pub fn new(unread_max: Duration) -> Self {
        Self {
            streams: Arc::default(),
            unread_max,
        }
    }

    /// What takes streams on for it.
    #[must_use]
    pub fn taker(&self) -> Taker {
        Taker(Arc::downgrade(&self.streams))
    }

    /// Begins the streams that have come; those that are not answered at once
    /// go on as tasks. Whether there were any.
    #[must_use]
    pub fn run(&self) -> bool {
        let streams = std::mem::take(&mut *self.streams.lock());
        let any = !streams.is_empty();
        for mut stream in streams {
            // A fault in one stream is not to take the others with it.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                let mut context = Context::from_waker(Waker::noop());
                noting_answer(|| stream.as_mut().poll(&mut context))
            }));
            // The task polls again, and is woken then.
            if let Ok((Poll::Pending, is_answered)) = polled {
                tokio::spawn(Guarded::new(stream, self.unread_max, is_answered));
            }
        }
        any
    }
}

impl<F> Executor<F> for Taker
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        if let Some(streams) = self.0.upgrade() {
            streams.lock().push(Box::pin(stream));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_stream_that_waits_goes_on_as_a_task_and_a_panic_is_its_own() {
        let inline = Inline::new(Duration::from_mins(1));
        let taker = inline.taker();
        let done = Arc::new(AtomicUsize::new(0));
        let (go, wait) = oneshot::channel::<()>();
        let (ended, end) = oneshot::channel::<()>();
        taker.execute(async { panic!("on purpose") });
        taker.execute({
            let done = Arc::clone(&done);
            async move {
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
        taker.execute(async move {
            wait.await.unwrap();
            ended.send(()).unwrap();
        });
        assert_eq!(done.load(Ordering::Relaxed), 0, "not before its turn");
        assert!(inline.run());
        assert_eq!(done.load(Ordering::Relaxed), 1);
        assert!(!inline.run());
        go.send(()).unwrap();
        end.await.unwrap();
    }

    #[tokio::test]
    async fn a_stream_that_comes_after_the_end_is_dropped() {
        let taker = Inline::new(Duration::from_mins(1)).taker();
        let (sender, receiver) = oneshot::channel::<()>();
        taker.execute(async move { drop(sender) });
        assert!(receiver.await.is_err());
    }
}
