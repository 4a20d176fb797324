//! What can be done in a list, and what came of it.

use crate::model::{
    entry::{Entry, EntrySeen},
    key::Key,
    mutation::Mutation,
    time::UnixMillis,
    version::Version,
};

/// A read of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read<'a> {
    /// Which key.
    pub key: Key<'a>,
    /// Whether the answer is without the value.
    pub omit_value: bool,
}

/// One operation on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A read.
    Read(Read<'a>),
    /// A change.
    Mutate(Mutation<'a>),
}

impl<'a> Operation<'a> {
    /// Which key it is about.
    #[must_use]
    pub const fn key(&self) -> Key<'a> {
        match self {
            Self::Read(read) => read.key,
            Self::Mutate(mutation) => mutation.key,
        }
    }
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What a read found.
    Read(Option<Entry>),
    /// What a change did.
    Applied(Applied),
}

impl Outcome {
    /// How many bytes the entry that it answers takes up in a reply: see
    /// [`crate::model::entry::reply_bytes`].
    #[must_use]
    pub fn reply_bytes(&self) -> usize {
        let entry = match self {
            Self::Read(entry) => entry.as_ref(),
            Self::Applied(applied) => applied.entry.as_ref(),
        };
        entry.map_or(0, Entry::reply_bytes)
    }
}

/// What came of an operation, where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// What a read found.
    Read(Option<EntrySeen<'a>>),
    /// What a change did.
    Applied(Applied),
}

/// What an accepted change did. Which fields say something follows from the
/// change; the others are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The version that it took: always for Set and Increment, for Delete when
    /// there was an entry, never for Touch.
    pub version: Option<Version>,
    /// Set and Increment: the deadline of the entry now.
    pub deadline: Option<UnixMillis>,
    /// Increment: the number now.
    pub number: Option<i64>,
    /// Touch: whether the deadline was taken.
    pub retimed: bool,
    /// Set and Delete: the entry before, if it was asked for and there was
    /// one. Touch: the entry now, if there is one.
    pub entry: Option<Entry>,
}
