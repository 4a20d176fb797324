//! Somebody who may come in, and what they may do.

use serde::Deserialize;

use crate::{gate::rate::Rates, model::range::Range};

/// Somebody who may come in.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    name: String,
    grants: Vec<Grant>,
    calls_per_second_max: Option<u64>,
    bytes_per_second_max: Option<u64>,
}

/// What is allowed below a prefix.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) prefix: String,
    pub(super) rights: Vec<Right>,
}

/// What may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// To be told of entries.
    Read,
    /// To change entries.
    Write,
    /// To do what concerns the server, and not some keys.
    Admin,
}

impl Right {
    /// As files and errors say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl Identity {
    /// Somebody of this name, who may do so much.
    pub(super) const fn new(name: String, grants: Vec<Grant>) -> Self {
        Self {
            name,
            grants,
            calls_per_second_max: None,
            bytes_per_second_max: None,
        }
    }

    /// The same, who may have so much in a second; `None`: what is usual.
    pub(super) fn with_rates(self, calls: Option<u64>, bytes: Option<u64>) -> Self {
        Self {
            calls_per_second_max: calls,
            bytes_per_second_max: bytes,
            ..self
        }
    }

    /// What it may have in a second, where others have `usual`.
    #[must_use]
    pub fn rates(&self, usual: Rates) -> Rates {
        Rates {
            calls_per_second_max: self
                .calls_per_second_max
                .unwrap_or(usual.calls_per_second_max),
            bytes_per_second_max: self
                .bytes_per_second_max
                .unwrap_or(usual.bytes_per_second_max),
        }
    }

    /// What it is called, in logs and errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has `right` somewhere.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.rights.contains(&right))
    }

    /// Whether it has `right` on `key`.
    #[must_use]
    pub fn may(&self, right: Right, key: &str) -> bool {
        self.with(right).any(|prefix| key.starts_with(prefix))
    }

    /// Whether it has `right` on every key that `range` can have: one prefix
    /// that is granted must hold all of it.
    #[must_use]
    pub fn may_all(&self, right: Right, range: &Range) -> bool {
        self.with(right).any(|prefix| is_within(range, prefix))
    }

    /// The longest prefix of `key` on which it has `right`.
    #[must_use]
    pub fn granted(&self, right: Right, key: &str) -> Option<&str> {
        let granted = self.with(right).filter(|prefix| key.starts_with(*prefix));
        granted.max_by_key(|prefix| prefix.len())
    }

    fn with(&self, right: Right) -> impl Iterator<Item = &str> {
        self.grants
            .iter()
            .filter(move |grant| grant.rights.contains(&right))
            .map(|grant| grant.prefix.as_str())
    }
}

/// Whether each key of `range` begins with `prefix`.
fn is_within(range: &Range, prefix: &str) -> bool {
    if range.prefix().starts_with(prefix) {
        return true;
    }
    // The first bytes after all that begin with it. UTF-8 has no 0xff.
    let mut after = prefix.as_bytes().to_vec();
    if let Some(last) = after.last_mut() {
        *last = last.saturating_add(1);
    }
    range.start() >= prefix && !range.end().is_empty() && range.end().as_bytes() <= &*after
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gate::access::roster::Roster;

    fn identity(grants: &str) -> Arc<Identity> {
        let text = format!("[[identity]]\nname = \"a\"\ncertificates = [\"a\"]\n{grants}");
        let roster = Roster::parse(text.as_bytes()).unwrap();
        roster.by_certificate(&["a".to_owned()]).unwrap().identity
    }

    fn reads(prefix: &str) -> Arc<Identity> {
        identity(&format!(
            "[[identity.grant]]\nprefix = \"{prefix}\"\nrights = [\"read\"]\n"
        ))
    }

    fn range(prefix: &str, start: &str, end: &str) -> Range {
        Range::new(prefix.into(), start.into(), end.into(), 1024).unwrap()
    }

    #[test]
    fn a_prefix_holds_the_keys_that_begin_with_it_and_no_others() {
        for (prefix, key, may) in [
            ("", "anything", true),
            ("a", "a", true),
            ("a", "ab", true),
            ("ab", "a", false),
            ("ab", "ab", true),
            ("ab", "abc", true),
            ("ab", "ac", false),
            ("a/", "a", false),
            ("é", "é1", true),
            ("é", "è", false),
        ] {
            let identity = reads(prefix);
            assert_eq!(identity.may(Right::Read, key), may, "{key} under {prefix}");
            assert!(!identity.may(Right::Write, key), "it may read alone");
            assert!(!identity.has(Right::Admin));
        }
        assert!(!identity("").may(Right::Read, "a"), "nothing is granted");
    }

    #[test]
    fn a_range_must_lie_in_one_prefix_whole() {
        for (granted, range, may) in [
            ("", range("", "", ""), true),
            ("a", range("", "", ""), false),
            ("a", range("a", "", ""), true),
            ("a", range("ab", "", ""), true),
            ("ab", range("a", "", ""), false),
            ("ab", range("a", "ab", "ab9"), true),
            ("a", range("", "a", ""), false),
            ("a", range("", "a", "b"), true),
            ("a", range("", "a1", "a2"), true),
            ("a", range("", "a", "b\u{0}"), false),
            ("a", range("", "Z", "a5"), false),
            ("a/", range("", "a/", "a0"), true),
            ("é", range("", "é", "ê"), true),
            ("é", range("", "é", "ë"), false),
        ] {
            assert_eq!(
                reads(granted).may_all(Right::Read, &range),
                may,
                "{range:?} in {granted:?}"
            );
        }
        let two = identity(
            "[[identity.grant]]\nprefix = \"a\"\nrights = [\"read\"]\n\
             [[identity.grant]]\nprefix = \"b\"\nrights = [\"read\", \"write\"]\n",
        );
        assert!(!two.may_all(Right::Read, &range("", "a", "c")));
        assert!(two.may(Right::Write, "b") && !two.may(Right::Write, "a"));
    }
}
