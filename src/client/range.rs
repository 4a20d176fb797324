//! Which keys.

use crate::proto as pb;

/// Which keys: those that match all that it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Range(pb::Range);

impl Range {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self(pb::Range {
            prefix,
            ..pb::Range::default()
        })
    }

    /// Of these, only `start` and what comes after it, byte by byte.
    #[must_use]
    pub fn start(mut self, start: impl Into<String>) -> Self {
        self.0.start = start.into();
        self
    }

    /// Of these, only what comes after `key`.
    #[must_use]
    pub fn after(self, key: &str) -> Self {
        self.start(format!("{key}\0"))
    }

    /// Of these, only what comes before `end`.
    #[must_use]
    pub fn end(mut self, end: impl Into<String>) -> Self {
        self.0.end = end.into();
        self
    }
}

impl From<Range> for pb::Range {
    fn from(range: Range) -> Self {
        range.0
    }
}
