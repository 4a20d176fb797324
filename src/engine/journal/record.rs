//! One change as the journal keeps it.

use crate::{
    engine::journal::layout::{
        Bytes,
        record::{self, Item},
    },
    model::{event::EventKind, key::Key, time::UnixMillis, value::ValueRef, version::Version},
};

/// One change, borrowed on its way in and on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// An entry was stored.
    Put {
        /// Its key.
        key: Key<'a>,
        /// Its value.
        value: ValueRef<'a>,
        /// The version that it took.
        version: Version,
        /// When it expires; `None`: never.
        deadline: Option<UnixMillis>,
    },
    /// An entry was removed.
    Remove {
        /// Why: anything but [`EventKind::Put`].
        kind: EventKind,
        /// Its key.
        key: Key<'a>,
        /// The version that the removal took.
        version: Version,
    },
    /// The deadline of an entry was changed. To be applied only to an entry of
    /// this version, since a snapshot may already hold a later one.
    Touch {
        /// Its key.
        key: Key<'a>,
        /// The version of the entry.
        version: Version,
        /// When it expires now; `None`: never.
        deadline: Option<UnixMillis>,
    },
    /// A request was carried out that may come again.
    Remember {
        /// Its `request_id`.
        id: &'a str,
        /// What it asked for.
        content: [u8; 16],
        /// When it was answered first.
        at: UnixMillis,
        /// What it was answered: bytes of whoever asks.
        reply: &'a [u8],
    },
}

impl<'a> Record<'a> {
    /// The version that the change took, if it took one.
    #[must_use]
    pub const fn takes(&self) -> Option<Version> {
        match self {
            Self::Put { version, .. } | Self::Remove { version, .. } => Some(*version),
            Self::Touch { .. } | Self::Remember { .. } => None,
        }
    }

    /// Adds its bytes, in the form in which the journal keeps it.
    pub fn write(&self, out: &mut Vec<u8>) {
        record::write(&Item::Record(*self), out);
    }

    /// The record at the beginning of `bytes`, and what comes after it; `None`
    /// where that is none.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut bytes = Bytes(bytes);
        match record::read(&mut bytes)? {
            Item::Record(record) => Some((record, bytes.0)),
            Item::Reserve(_) => None,
        }
    }
}

/// Where a record comes from that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The snapshot: what was there, in no order, and perhaps older or newer
    /// than its beginning. All of these come before all of the log.
    Snapshot,
    /// The log as far as the snapshot may reach: what happened, in order, over a
    /// state that may be ahead of it. Applied in order, the last state is right.
    Overlap,
    /// The log after that: what happened, in order, each over the state before.
    Log,
}

/// The place of a record in the order of all: unlike a version, each record
/// takes one. 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(u64);

impl Sequence {
    pub(super) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}
