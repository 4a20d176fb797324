//! What every engine promises.

pub mod journal;
pub mod memory;
mod watch;

use std::future::{Future, pending, ready};

use tokio_stream::Stream;

pub use crate::engine::watch::{WatchItem, WatchQuery, WatchStart};

use crate::engine::journal::backup::Image;
use crate::model::{
    entry::{Entry, EntryRef, EntrySeen},
    error::Error,
    figure::Figure,
    mutation::Mutation,
    once::Once,
    operation::{Applied, Operation, Outcome, Read, Seen},
    range::Range,
    time::UnixMillis,
    transaction::{Transacted, Transaction, TransactionError},
    version::Version,
};

/// A store of entries. It makes "read, decide, write" atomic for each key and
/// hands out versions; what a change means is decided by
/// [`Mutation::decide`]. An expired entry is absent in every answer. What an
/// engine cannot do it refuses with [`Error::Unsupported`].
pub trait Engine: Send + Sync + 'static {
    /// What this store is, at this moment.
    fn describe(&self) -> Description;

    /// The figures that its metrics tell, at this moment. Asked every few
    /// seconds, so it may take a while and must not hold up calls.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }

    /// The entry under a key, if there is one.
    ///
    /// # Errors
    /// None in memory alone; [`Error::JournalFailed`] where it is kept, and others may
    /// be out of reach.
    fn get(&self, read: Read<'_>) -> impl Future<Output = Result<Option<Entry>, Error>> + Send;

    /// As [`Self::get`], without a copy: what `view` makes of the entry. It is
    /// called once, perhaps under a lock, so it must be quick.
    ///
    /// # Errors
    /// Those of [`Self::get`].
    fn view<T: Send>(
        &self,
        read: Read<'_>,
        view: impl FnOnce(Option<EntryRef<'_>>) -> T + Send,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        async move {
            let entry = self.get(read).await?;
            Ok(view(entry.as_ref().map(EntryRef::from)))
        }
    }

    /// Makes one change, or refuses it and changes nothing.
    ///
    /// # Errors
    /// What [`Mutation::decide`] refuses, [`Error::MemoryFull`], and where it is kept
    /// what the journal refuses.
    fn mutate(&self, mutation: Mutation<'_>)
    -> impl Future<Output = Result<Applied, Error>> + Send;

    /// As [`Self::mutate`], and only once: a repeat is given the first reply, or
    /// waits for it. A request that is refused has changed nothing and is not
    /// remembered: a repeat is carried out anew. For how long and how many are
    /// remembered is up to the engine.
    ///
    /// The entry in the reply has at most `reply_bytes_max` bytes, else it is
    /// [`Error::ReplyTooLarge`] and nothing is carried out.
    ///
    /// # Errors
    /// Those of [`Self::mutate`]; [`Error::RequestIdReused`] when the id is that
    /// of a request with other content; [`Error::Unsupported`] when the engine
    /// remembers none.
    fn mutate_once(
        &self,
        once: Once<'_>,
        mutation: Mutation<'_>,
        reply_bytes_max: usize,
    ) -> impl Future<Output = Result<Applied, Error>> + Send {
        let _ = (once, mutation, reply_bytes_max);
        ready(Err(NOT_ONCE))
    }

    /// Carries out `operations` in order, each for itself, later ones seeing
    /// what earlier ones did. One answer for each, in the same order.
    ///
    /// Entries in the answers have `reply_bytes_max` bytes together, counted by
    /// [`crate::model::entry::reply_bytes`]; an operation whose answer would
    /// pass that is not carried out: [`Error::ReplyTooLarge`].
    fn batch(
        &self,
        operations: &[Operation<'_>],
        reply_bytes_max: usize,
    ) -> impl Future<Output = Vec<Result<Outcome, Error>>> + Send;

    /// As [`Self::batch`], without copies: `see` is given each answer in its
    /// turn, perhaps under a lock, so it must be quick. Nobody may be told of
    /// them before this returns.
    ///
    /// # Errors
    /// [`Error::JournalFailed`]: what the answers rest on will not last, and
    /// nobody may be told of any.
    fn batch_seen(
        &self,
        operations: &[Operation<'_>],
        reply_bytes_max: usize,
        mut see: impl FnMut(Result<Seen<'_>, Error>) + Send,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async move {
            for answer in self.batch(operations, reply_bytes_max).await {
                see(match &answer {
                    Ok(Outcome::Read(entry)) => {
                        let entry = entry.as_ref().map(EntryRef::from);
                        Ok(Seen::Read(entry.map(EntrySeen::Here)))
                    }
                    Ok(Outcome::Applied(applied)) => Ok(Seen::Applied(applied.clone())),
                    Err(error) => Err(error.clone()),
                });
            }
            Ok(())
        }
    }

    /// Carries out all of `transaction` at one moment, or nothing of it. Reads
    /// and conditions see the state before. Its changes take consecutive
    /// versions in the order of its operations; before them, those of expired
    /// entries whose place is taken.
    ///
    /// Entries in the answers have `reply_bytes_max` bytes together, counted by
    /// [`crate::model::entry::reply_bytes`].
    ///
    /// # Errors
    /// The first of: an operation that can never be right; a check that does
    /// not hold; an operation that is refused, or whose answer passes
    /// `reply_bytes_max`, [`Error::ReplyTooLarge`]; for the whole,
    /// [`Error::MemoryFull`].
    fn transact(
        &self,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> impl Future<Output = Result<Transacted, TransactionError>> + Send;

    /// As [`Self::transact`], and only once: see [`Self::mutate_once`].
    ///
    /// # Errors
    /// Those of [`Self::transact`]; for the whole, what [`Self::mutate_once`]
    /// says of ids.
    fn transact_once(
        &self,
        once: Once<'_>,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> impl Future<Output = Result<Transacted, TransactionError>> + Send {
        let _ = (once, transaction, reply_bytes_max);
        ready(Err(TransactionError::Whole(NOT_ONCE)))
    }

    /// A page of entries in key order.
    ///
    /// # Errors
    /// Those of [`Self::get`].
    fn list(&self, query: ListQuery<'_>) -> impl Future<Output = Result<Page, Error>> + Send;

    /// Removes the keys of a range, in key order, `entries_max` of them at most.
    /// Not atomic: each removal is one for itself, and others may come in
    /// between. A key that is there the whole time, and is not removed, comes
    /// after all that are.
    ///
    /// # Errors
    /// What the journal refuses, where it is kept; others may be out of reach. What was
    /// removed until then is.
    fn delete_range(
        &self,
        range: &Range,
        entries_max: usize,
    ) -> impl Future<Output = Result<RangeDeleted, Error>> + Send;

    /// As [`Self::delete_range`], and only once: see [`Self::mutate_once`]. One
    /// that is cut off is not remembered.
    ///
    /// # Errors
    /// Those of [`Self::delete_range`], and what [`Self::mutate_once`] says of
    /// ids.
    fn delete_range_once(
        &self,
        once: Once<'_>,
        range: &Range,
        entries_max: usize,
    ) -> impl Future<Output = Result<RangeDeleted, Error>> + Send {
        let _ = (once, range, entries_max);
        ready(Err(NOT_ONCE))
    }

    /// What a watch tells: see [`Self::watch`].
    type Watch: Stream<Item = Result<WatchItem, Error>> + Send + 'static;

    /// Follows changes, in the order of their versions. The first item comes at
    /// once, then one at least every 5 seconds. Ends only by an error:
    /// [`Error::WatchTooSlow`] when it is read too slowly.
    ///
    /// A Watch or a List makes the store keep its changes for a while, so that
    /// a watch can begin in the past.
    ///
    /// # Errors
    /// [`Error::VersionCompacted`] or [`Error::VersionAhead`] for the version
    /// to begin after.
    fn watch(&self, query: WatchQuery) -> impl Future<Output = Result<Self::Watch, Error>> + Send;

    /// All there is at this moment, to be read while it is changed: what was
    /// acknowledged before is in it, a transaction whole or not at all, and all
    /// of it is durable where the store is.
    ///
    /// # Errors
    /// [`Error::JournalFailed`]; [`Error::Unsupported`] when the engine has none.
    fn image(&self) -> impl Future<Output = Result<Box<dyn Image>, Error>> + Send {
        ready(Err(Error::Unsupported {
            capability: "Backup",
        }))
    }

    /// Returns when the store can take no change any more, and only a restart
    /// helps. What is durable can be read still.
    fn failed(&self) -> impl Future<Output = ()> + Send {
        pending()
    }

    /// Ends the store: takes no more changes, and sees to it that all there were
    /// are on the disk, if there is one.
    ///
    /// # Errors
    /// [`Error::JournalFailed`]: some of it could not be written.
    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send {
        ready(Ok(()))
    }

    /// The work that the engine does beside its calls, such as removing what
    /// has expired and telling watches. To be run once; returns only when there is nothing to do
    /// ever again.
    fn tend(&self) -> impl Future<Output = ()> + Send;
}

/// What an engine says that remembers no requests.
const NOT_ONCE: Error = Error::Unsupported {
    capability: "request_id",
};

/// What a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name of the engine.
    pub engine: &'static str,
    /// Which store: versions of different stores cannot be compared.
    pub store_id: String,
    /// The last version that was given out.
    pub version: Version,
    /// The store's clock.
    pub now: UnixMillis,
    /// The rpcs that it carries out, in alphabetical order; then `request_id`,
    /// when it remembers requests.
    pub capabilities: &'static [&'static str],
    /// How many bytes of memory it may take up; `None`: it holds none.
    pub memory_max: Option<u64>,
    /// What an acknowledged change has survived: `none`, or the name of a
    /// [`journal::Durability`].
    pub durability: &'static str,
    /// Which entries make room when it holds as much as it may: `none`, or the
    /// name of a [`memory::Eviction`].
    pub eviction: &'static str,
}

/// Asks for a page.
#[derive(Clone, Copy, Debug)]
pub struct ListQuery<'a> {
    /// Which keys.
    pub range: &'a Range,
    /// Only keys after this one: the last of the page before.
    pub after: Option<&'a str>,
    /// How many entries at most; above 0.
    pub entries_max: usize,
    /// How many bytes they may have together, counted by
    /// [`crate::model::entry::reply_bytes`]. The first entry is given whatever its size.
    pub reply_bytes_max: usize,
    /// Whether values are left out.
    pub omit_value: bool,
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In key order.
    pub entries: Vec<Entry>,
    /// Whether more may follow. False only at the end.
    pub more: bool,
    /// The store's version from before the page was read.
    pub version: Version,
}

/// What became of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RangeDeleted {
    /// How many entries were removed.
    pub count: usize,
    /// The last version that a removal took; `None`: there was none.
    pub version: Option<Version>,
    /// Whether keys may be left. False only when all were looked at.
    pub more: bool,
}
