//! Where the server is in its life.

use std::sync::Arc;

use tokio::sync::watch;

/// A part of a server's life. They come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Bound, and the engine is not open yet.
    Opening,
    /// Answers calls.
    Ready,
    /// Answers calls that change nothing, and asks to be left: what it stores
    /// can not be written any more.
    Failed,
    /// Answers calls, and asks to be left.
    Draining,
    /// Ends its streams.
    Stopping,
}

/// The phase that the server is in. A clone is the same state.
#[derive(Clone, Debug)]
pub struct State(Arc<watch::Sender<Phase>>);

impl State {
    /// A server that is opening.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Opening)))
    }

    /// The phase now.
    #[must_use]
    pub fn get(&self) -> Phase {
        *self.0.borrow()
    }

    /// Moves to `phase`.
    pub fn set(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// Moves on to `phase`, if it is not in a later one.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let is_new = *now < phase;
            *now = phase.max(*now);
            is_new
        });
    }

    /// Returns as soon as the server is in `phase` or a later one.
    pub async fn reached(&self, phase: Phase) {
        let mut phases = self.0.subscribe();
        // An error means that the sender is gone, and `self` holds it.
        let _ = phases.wait_for(|now| *now >= phase).await;
    }

    /// Follows the phases.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
