//! The engine, once it is open.

use std::sync::{Arc, OnceLock};

use crate::gate::refusal::Refusal;

/// A place for an engine that is still being opened while the server already
/// answers. Filled once.
#[derive(Debug)]
pub struct Opening<E> {
    engine: Arc<OnceLock<E>>,
}

impl<E> Clone for Opening<E> {
    fn clone(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
        }
    }
}

impl<E> Default for Opening<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Opening<E> {
    /// A place with no engine in it yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::new(OnceLock::new()),
        }
    }

    /// Puts the engine in its place, for all clones.
    ///
    /// # Errors
    /// Gives the engine back if there is one already.
    pub fn fill(&self, engine: E) -> Result<(), E> {
        self.engine.set(engine)
    }

    /// The engine.
    ///
    /// # Errors
    /// [`Refusal::Opening`] as long as there is none.
    pub fn engine(&self) -> Result<&E, Refusal> {
        self.engine.get().ok_or(Refusal::Opening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_not_open_is_refused() {
        assert_eq!(Opening::<u8>::new().engine(), Err(Refusal::Opening));
    }

    #[test]
    fn a_clone_sees_the_engine_once_it_is_open() {
        let opening = Opening::new();
        let clone = opening.clone();
        assert_eq!(opening.fill(7), Ok(()));
        assert_eq!(clone.engine(), Ok(&7));
        assert_eq!(clone.fill(8), Err(8));
        assert_eq!(opening.engine(), Ok(&7));
    }
}
