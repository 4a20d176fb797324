//! How far the server has come between its start and its exit.

use tokio::sync::watch;

/// A stage in the life of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The engine is not open yet. Health says `NOT_SERVING`.
    Opening,
    /// Everything is served. Health says `SERVING`.
    Ready,
    /// About to stop: health says `NOT_SERVING`, so that nobody new is sent
    /// here, and every call is still served.
    Draining,
    /// Clients have been told to go: long streams end, new calls are refused.
    Stopping,
}

/// The stage that the server is in, shared by all who need to know.
#[derive(Clone, Debug)]
pub struct State {
    phase: watch::Sender<Phase>,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The state of a server that has just started: [`Phase::Opening`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Opening),
        }
    }

    /// The stage right now.
    #[must_use]
    pub fn get(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Sees the stage now and each later one. As long as this state or a clone
    /// of it lives, the receiver is not closed.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Moves on to `phase`. A server never goes back, so an earlier stage than
    /// the present one changes nothing: an engine that opens during a drain
    /// does not make the server ready.
    pub fn set(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let later = phase > *current;
            if later {
                *current = phase;
            }
            later
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_opening_and_moves_on() {
        let state = State::new();
        assert_eq!(state.get(), Phase::Opening);
        state.set(Phase::Ready);
        assert_eq!(state.clone().get(), Phase::Ready);
    }

    #[test]
    fn a_stage_never_goes_back() {
        let state = State::new();
        state.set(Phase::Draining);
        let mut seen = state.subscribe();
        seen.mark_unchanged();
        state.set(Phase::Ready);
        assert_eq!(state.get(), Phase::Draining);
        assert!(!seen.has_changed().unwrap());
    }

    #[tokio::test]
    async fn a_subscriber_sees_the_next_stage() {
        let state = State::new();
        let mut seen = state.subscribe();
        state.set(Phase::Ready);
        seen.changed().await.unwrap();
        assert_eq!(*seen.borrow(), Phase::Ready);
    }
}
