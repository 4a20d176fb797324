//! Which keys a listing is about.

use crate::model::error::{Invalid, Rule};

/// The keys that match all of prefix, start (inclusive) and end (exclusive),
/// by bytes; empty means unbounded. Owned, since a listing outlives the call
/// that began it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    prefix: String,
    start: String,
    end: String,
}

impl Range {
    /// Checks a range for keys of at most `key_bytes_max` bytes. The bounds may
    /// be one byte longer, so that a key followed by U+0000 can stand for what
    /// comes right after it.
    ///
    /// # Errors
    /// An [`Invalid`] for a field that is too large, or `start` not below
    /// `end`.
    pub fn new(
        prefix: String,
        start: String,
        end: String,
        key_bytes_max: usize,
    ) -> Result<Self, Invalid> {
        let bound_bytes_max = key_bytes_max.saturating_add(1);
        for (field, text, limit) in [
            ("prefix", &prefix, key_bytes_max),
            ("start", &start, bound_bytes_max),
            ("end", &end, bound_bytes_max),
        ] {
            if text.len() > limit {
                let mut invalid =
                    Invalid::too_large(field, text.len(), "key_bytes_max", key_bytes_max);
                if limit > key_bytes_max {
                    invalid.description =
                        format!("{}, one more for a bound", invalid.description).into();
                }
                return Err(invalid);
            }
        }
        if !end.is_empty() && start >= end {
            return Err(Invalid::new(
                "start",
                Rule::Conflict,
                "start comes before end",
            ));
        }
        Ok(Self { prefix, start, end })
    }

    /// What each key begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where it begins as given, inclusive.
    #[must_use]
    pub fn start(&self) -> &str {
        &self.start
    }

    /// Where it ends as given, exclusive; empty: nowhere.
    #[must_use]
    pub fn end(&self) -> &str {
        &self.end
    }

    /// Whether it is every key.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.prefix.is_empty() && self.start.is_empty() && self.end.is_empty()
    }

    /// Whether `key` is one of them.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key.starts_with(self.prefix.as_bytes())
            && key >= self.start.as_bytes()
            && (self.end.is_empty() || key < self.end.as_bytes())
    }

    /// The first bytes that can be in it: the later of start and prefix. Every
    /// key of the range from here on is contiguous: the first key that the
    /// range does not contain ends it.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.start.as_bytes().max(self.prefix.as_bytes())
    }
}
