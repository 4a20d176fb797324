//! What happened to a key.

use crate::model::{
    entry::{Entry, reply_bytes},
    value::Value,
};

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A value was stored.
    Put,
    /// An entry was removed by a caller.
    Delete,
    /// An entry was removed because its deadline had passed.
    Expire,
    /// An entry was removed to make room.
    Evict,
}

/// Which kinds of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKinds(u8);

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Of a put the entry as stored; else its key and the version that the
    /// removal took, without value or deadline.
    pub entry: Entry,
    /// The entry before, if it was asked for and there was one.
    pub previous: Option<Entry>,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Put, Self::Delete, Self::Expire, Self::Evict];

    const fn bit(self) -> u8 {
        match self {
            Self::Put => 1,
            Self::Delete => 2,
            Self::Expire => 4,
            Self::Evict => 8,
        }
    }
}

impl EventKinds {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of them.
    pub const ALL: Self = Self(15);

    /// These, and `kind`.
    #[must_use]
    pub const fn with(self, kind: EventKind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// Whether `kind` is one of them.
    #[must_use]
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Event {
    /// How many bytes it takes up in a reply at most: what an engine counts
    /// against `reply_bytes_max`.
    #[must_use]
    pub fn reply_bytes(&self) -> usize {
        let bytes =
            |entry: &Entry| reply_bytes(entry.key().len(), entry.value().map_or(0, Value::len));
        bytes(&self.entry) + self.previous.as_ref().map_or(0, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_hold_what_was_put_in() {
        for kind in EventKind::ALL {
            let one = EventKinds::NONE.with(kind);
            for other in EventKind::ALL {
                assert_eq!(one.contains(other), kind == other);
            }
            assert!(EventKinds::ALL.contains(kind) && !one.is_empty());
        }
        let all = EventKind::ALL.into_iter();
        assert_eq!(
            all.fold(EventKinds::NONE, EventKinds::with),
            EventKinds::ALL
        );
        assert!(EventKinds::NONE.is_empty());
    }
}
