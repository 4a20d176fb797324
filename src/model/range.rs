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

    /// How many bytes its texts have.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.prefix.len() + self.start.len() + self.end.len()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(prefix: &str, start: &str, end: &str) -> Result<Range, Invalid> {
        Range::new(prefix.into(), start.into(), end.into(), 4)
    }

    #[test]
    fn prefix_and_start_and_end_must_all_match() {
        let range = range("ab", "ab2", "ab5").unwrap();
        for (key, is_in) in [
            ("ab2", true),
            ("ab4z", true),
            ("ab5", false),
            ("ab1", false),
            ("ab", false),
            ("b", false),
        ] {
            assert_eq!(range.contains(key.as_bytes()), is_in, "{key}");
        }
    }

    #[test]
    fn empty_means_unbounded() {
        assert!(range("", "", "").unwrap().is_all());
        assert!(range("", "", "").unwrap().contains("\u{10ffff}".as_bytes()));
        assert!(range("", "b", "").unwrap().contains(b"c"));
        assert!(range("", "", "b").unwrap().contains(b"a"));
        for part in [range("a", "", ""), range("", "a", ""), range("", "", "a")] {
            assert!(!part.unwrap().is_all());
        }
    }

    #[test]
    fn start_comes_before_end() {
        for (start, end) in [("b", "b"), ("c", "b"), ("b", "a\0")] {
            let invalid = range("", start, end).unwrap_err();
            assert_eq!((&*invalid.field, invalid.rule), ("start", Rule::Conflict));
        }
        assert!(range("", "b", "b\0").is_ok());
    }

    #[test]
    fn each_part_has_its_limit() {
        assert!(
            range("abcd", "abcde", "abcdf").is_ok(),
            "a bound may have one more"
        );
        for (field, range) in [
            ("prefix", range("abcde", "", "")),
            ("start", range("", "abcdef", "")),
            ("end", range("", "", "abcdef")),
        ] {
            let invalid = range.unwrap_err();
            assert_eq!((&*invalid.field, invalid.rule), (field, Rule::TooLarge));
            assert_eq!(invalid.limit, Some(("key_bytes_max", 4)));
        }
    }

    proptest! {
        #[test]
        fn keys_of_a_range_stand_together_from_its_first_on(
            mut keys in prop::collection::btree_set("[a-c]{1,4}", 1..60),
            prefix in "[a-c]{0,2}",
            mut bounds in prop::array::uniform2("[a-c]{0,3}"),
        ) {
            bounds.sort();
            let [start, end] = bounds;
            let end = if start == end { String::new() } else { end };
            let range = range(&prefix, &start, &end).unwrap();
            let seen: Vec<_> = keys
                .iter()
                .filter(|key| key.as_bytes() >= range.first())
                .take_while(|key| range.contains(key.as_bytes()))
                .cloned()
                .collect();
            keys.retain(|key| {
                key.starts_with(&prefix) && *key >= start && (end.is_empty() || *key < end)
            });
            prop_assert_eq!(seen, keys.into_iter().collect::<Vec<_>>());
        }
    }
}
