//! An engine that may not be open yet.

use std::sync::{Arc, OnceLock};

use crate::gate::refusal::Refusal;

/// The place of an engine, filled when it is open. A clone is the same place.
#[derive(Debug)]
pub struct Opening<E>(Arc<OnceLock<E>>);

impl<E> Clone for Opening<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> Opening<E> {
    /// A place without an engine.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(OnceLock::new()))
    }

    /// Puts the engine there, if none is.
    pub fn fill(&self, engine: E) {
        let _ = self.0.set(engine);
    }

    /// The engine.
    ///
    /// # Errors
    /// [`Refusal::Opening`] until it is there.
    pub fn engine(&self) -> Result<&E, Refusal> {
        self.0.get().ok_or(Refusal::Opening)
    }
}

impl<E> Default for Opening<E> {
    fn default() -> Self {
        Self::new()
    }
}
