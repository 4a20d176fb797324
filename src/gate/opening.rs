//! An engine that may not be open yet.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use crate::gate::refusal::Refusal;

/// The place of an engine, filled when it is open. A clone is the same place.
#[derive(Debug)]
pub struct Opening<E>(Arc<Place<E>>);

#[derive(Debug)]
struct Place<E> {
    engine: OnceLock<E>,
    /// How far it has come: bytes that were read, and that there are.
    done: AtomicU64,
    total: AtomicU64,
}

impl<E> Clone for Opening<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> Opening<E> {
    /// A place without an engine.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Place {
            engine: OnceLock::new(),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
        }))
    }

    /// Puts the engine there, if none is.
    pub fn fill(&self, engine: E) {
        let _ = self.0.engine.set(engine);
    }

    /// Notes how much has been read of what is to be read before it is open.
    pub fn progress(&self, bytes_done: u64, bytes_total: u64) {
        self.0.done.store(bytes_done, Ordering::Relaxed);
        self.0.total.store(bytes_total, Ordering::Relaxed);
    }

    /// The engine.
    ///
    /// # Errors
    /// [`Refusal::Opening`] until it is there.
    pub fn engine(&self) -> Result<&E, Refusal> {
        self.0.engine.get().ok_or_else(|| Refusal::Opening {
            bytes_done: self.0.done.load(Ordering::Relaxed),
            bytes_total: self.0.total.load(Ordering::Relaxed),
        })
    }
}

impl<E> Default for Opening<E> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_how_far_it_has_come_until_it_is_open() {
        let opening = Opening::new();
        let (bytes_done, bytes_total) = (10, 20);
        opening.clone().progress(bytes_done, bytes_total);
        let refusal = Refusal::Opening {
            bytes_done,
            bytes_total,
        };
        assert_eq!(opening.engine(), Err(refusal));
        opening.fill(7);
        assert_eq!(opening.engine(), Ok(&7));
    }
}
