//! The calls of one connection that are to be waited for when it has to go.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Body, Frame, SizeHint};
use tokio::time::sleep;

/// Between two looks at whether there are any.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Counts calls.
#[derive(Debug, Default)]
pub struct Calls {
    ordinary: Arc<()>,
    lasting: Arc<()>,
}

/// A reply, counted with its call until it is dropped.
#[derive(Debug)]
pub struct Counted<B> {
    body: B,
    _call: Arc<()>,
}

impl Calls {
    /// One more, until it is dropped. One that `is_lasting` is told to end, and
    /// not waited for: its client may never read that.
    #[must_use]
    pub fn begin(&self, is_lasting: bool) -> Arc<()> {
        Arc::clone(if is_lasting {
            &self.lasting
        } else {
            &self.ordinary
        })
    }

    /// Returns when lasting calls are all that is left.
    pub async fn only_lasting(&self) {
        // One is this count itself.
        while Arc::strong_count(&self.ordinary) > 1 || Arc::strong_count(&self.lasting) == 1 {
            sleep(LOOK_EVERY).await;
        }
    }
}

impl<B> Counted<B> {
    /// Counts `call` until `body` is dropped.
    pub const fn new(body: B, call: Arc<()>) -> Self {
        Self { body, _call: call }
    }
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
