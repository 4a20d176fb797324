//! What a request was answered, to be answered again.

use crate::{
    engine::RangeDeleted,
    model::{
        entry::Entry,
        operation::{Applied, Outcome},
        transaction::Transacted,
    },
};

/// The first reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine::memory) enum Reply {
    /// Of a change of one key.
    Applied(Applied),
    /// Of a transaction.
    Transacted(Transacted),
    /// Of the removal of a range.
    RangeDeleted(RangeDeleted),
}

impl Reply {
    /// What it takes up, itself and beside itself.
    pub(super) fn bytes(&self) -> usize {
        let beside = match self {
            Self::Applied(applied) => applied.entry.as_ref().map_or(0, Entry::reply_bytes),
            Self::Transacted(transacted) => transacted
                .outcomes
                .iter()
                .map(|outcome| size_of::<Outcome>() + outcome.reply_bytes())
                .sum(),
            Self::RangeDeleted(_) => 0,
        };
        size_of::<Self>() + beside
    }
}
