//! The engine that holds everything in memory: shards, each under a lock of its
//! own, and what they share.

mod account;
mod batch;
mod config;
mod delete_range;
mod external;
mod figures;
mod guards;
pub mod history;
mod image;
mod list;
mod load;
mod lock;
mod once;
mod order;
mod record;
mod refusals;
pub mod requests;
mod room;
mod shard;
mod slab;
mod source;
mod sweep;
mod table;
mod transact;
mod versions;
mod wheel;

#[cfg(test)]
mod tests;

use std::{future::pending, ops::Deref, sync::Arc};

use foldhash::quality::RandomState;
use uuid::Uuid;

pub use crate::engine::memory::{
    account::MemoryUsage,
    config::{Config, Eviction},
};

use crate::{
    engine::{
        Description, Engine, ListQuery, Page, RangeDeleted, WatchQuery,
        journal::{Durability, Journal, Sequence, backup::Image},
        memory::{
            account::Account,
            history::{History, Watch},
            lock::{Mutex, MutexGuard},
            refusals::failed,
            requests::Requests,
            room::Rotation,
            shard::{Context, Request, Room, Shard},
            versions::Versions,
        },
    },
    model::{
        clock::Clock,
        entry::{Entry, EntryRef, EntrySeen},
        error::Error,
        expiry::ExpiryRules,
        figure::Figure,
        key::Key,
        mutation::Mutation,
        once::Once,
        operation::{Applied, Operation, Outcome, Read, Seen},
        range::Range,
        time::UnixMillis,
        transaction::{Transacted, Transaction, TransactionError},
        version::Version,
    },
};

/// What this engine carries out, in alphabetical order.
const CAPABILITIES: &[&str] = &[
    "Batch",
    "Delete",
    "DeleteRange",
    "Get",
    "Increment",
    "List",
    "Pipeline",
    "Set",
    "Touch",
    "Transact",
    "Watch",
    REQUEST_ID,
];

/// Only while some are remembered; the last of them.
const REQUEST_ID: &str = "request_id";

const SHARDS_MAX: usize = 4096;

/// A shard is found by the bits from here on: above those that a segment of the
/// table uses, below those of its directory.
const SHARD_SHIFT: u32 = 20;

/// A store in memory. A clone is the same store; what it holds is gone when the
/// last one is dropped.
#[derive(Clone, Debug)]
pub struct Memory<C>(Arc<Shared<C>>);

/// What all clones of a store share.
#[derive(Debug)]
pub struct Shared<C> {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    versions: Versions,
    history: History,
    account: Account,
    requests: Requests,
    /// Held by the one who makes room in more than one shard.
    rotation: Mutex<Rotation>,
    eviction: Eviction,
    eviction_entries_max: usize,
    rules: ExpiryRules,
    clock: C,
    store_id: String,
    /// What keeps it; `None`: nothing does.
    journal: Option<Journal>,
    durability: Option<Durability>,
    backup_held_bytes_max: usize,
}

impl<C: Clock> Memory<C> {
    /// An empty store. Its versions begin at the microseconds of `clock`, and
    /// its id is random.
    #[must_use]
    pub fn open(config: Config, clock: C) -> Self {
        let now = clock.now();
        let store_id = Uuid::new_v4().to_string();
        Self(Arc::new(Shared {
            store_id,
            ..Self::empty(config, clock, Versions::starting(now), now)
        }))
    }

    /// A store that has no id yet, whose sweeper has come to `swept`.
    fn empty(config: Config, clock: C, versions: Versions, swept: UnixMillis) -> Shared<C> {
        let shards = config.shards.clamp(1, SHARDS_MAX).next_power_of_two();
        let hasher = RandomState::default();
        let mut account = Account::new(config.memory_max, config.eviction != Eviction::None);
        let history = History::new(config.history, config.memory_max, versions.last());
        let shard = |_| {
            let mut shard = Shard::new(swept, hasher.clone(), history.signal(), config.eviction);
            shard.settle(&account);
            Mutex::new(shard)
        };
        let shards = (0..shards).map(shard).collect();
        account.set_floor();
        Shared {
            shards,
            hasher,
            versions,
            history,
            account,
            requests: Requests::new(config.requests),
            rotation: Mutex::new(Rotation::default()),
            eviction: config.eviction,
            eviction_entries_max: config.eviction_entries_max,
            rules: config.expiry,
            clock,
            store_id: String::new(),
            journal: None,
            durability: None,
            backup_held_bytes_max: config.backup_held_bytes_max,
        }
    }

    /// How much memory it takes up, by what for. Looks at one shard after the
    /// other.
    #[must_use]
    pub fn memory(&self) -> MemoryUsage {
        let mut usage = MemoryUsage::default();
        for shard in &self.shards {
            usage += shard.lock().usage();
        }
        usage.requests = u64::try_from(self.requests.bytes()).unwrap_or(u64::MAX);
        usage.total += usage.requests;
        usage.history += u64::try_from(self.history.bytes()).unwrap_or(u64::MAX);
        usage
    }

    fn capabilities(&self) -> &'static [&'static str] {
        match CAPABILITIES.split_last() {
            Some((_, rpcs)) if !self.requests.remembers() => rpcs,
            _ => CAPABILITIES,
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            now: self.clock.now(),
            rules: self.rules,
            versions: &self.versions,
            account: &self.account,
            claimed: 0,
            journal: self.journal.as_ref(),
        }
    }

    /// The version up to which callers may know of everything.
    fn visible(&self) -> Version {
        match &self.journal {
            None => self.versions.last(),
            Some(journal) => journal.durable_version(),
        }
    }

    /// What any answer rests on at most, whatever it has looked at until now.
    fn barrier(&self) -> Sequence {
        self.journal
            .as_ref()
            .map_or_else(Sequence::default, Journal::last)
    }

    /// Whether what an answer rests on is durable.
    fn is_settled(&self, rest: Sequence) -> bool {
        let journal = self.journal.as_ref();
        journal.is_none_or(|journal| journal.durable() >= rest)
    }

    /// Waits until what an answer rests on is durable: no one sees what may be
    /// gone after a restart.
    ///
    /// # Errors
    /// [`Error::JournalFailed`]: it never will be.
    async fn settled(&self, rest: Sequence) -> Result<(), Error> {
        match &self.journal {
            Some(journal) if !self.is_settled(rest) => {
                // Apart, so that answers that need not wait stay small.
                let settled = Box::pin(journal.settled(rest)).await;
                settled.map_err(|failure| failed(&failure))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn hash(&self, key: Key<'_>) -> u64 {
        shard::hash(&self.hasher, key.as_bytes())
    }

    fn shard_of(&self, hash: u64) -> usize {
        usize::try_from(hash >> SHARD_SHIFT).unwrap_or_default() & (self.shards.len() - 1)
    }

    /// Locks a shard. There are as many as a power of two, so that each hash
    /// has one.
    fn lock(&self, number: usize) -> Option<MutexGuard<'_, Shard>> {
        self.shards.get(number).map(Mutex::lock)
    }

    /// The entry under a key, and what the answer rests on.
    fn read(&self, read: Read<'_>) -> (Result<Option<Entry>, Error>, Sequence) {
        let hash = self.hash(read.key);
        let Some(mut shard) = self.lock(self.shard_of(hash)) else {
            return (Ok(None), Sequence::default());
        };
        let rest = self.rest_of(&shard, read.key, hash);
        let entry = shard.get(read, hash, self.clock.now(), Room::ANY);
        (entry, rest)
    }

    /// Lets `view` have the entry under a key, unless that has to wait: then
    /// the view is given back, to be called with the entry when it is durable.
    fn look<T, V: FnOnce(Option<EntryRef<'_>>) -> T>(
        &self,
        read: Read<'_>,
        view: V,
    ) -> Result<Viewed<T, V>, Error> {
        let hash = self.hash(read.key);
        let Some(mut shard) = self.lock(self.shard_of(hash)) else {
            return Ok(Viewed::Now(view(None)));
        };
        let now = self.clock.now();
        if let Some(journal) = &self.journal {
            let rest = shard.rest_of(read.key, hash, journal);
            if rest > journal.durable() {
                let entry = shard.get(read, hash, now, Room::ANY)?;
                return Ok(Viewed::Later(view, entry, rest));
            }
        }
        let viewed = match shard.see(read, hash, now, Room::ANY)? {
            None => view(None),
            Some(EntrySeen::Here(entry)) => view(Some(entry)),
            Some(EntrySeen::Shared(entry)) => {
                drop(shard);
                view(Some(EntryRef::from(&entry)))
            }
        };
        Ok(Viewed::Now(viewed))
    }

    fn rest_of(&self, shard: &Shard, key: Key<'_>, hash: u64) -> Sequence {
        match &self.journal {
            None => Sequence::default(),
            Some(journal) => shard.rest_of(key, hash, journal),
        }
    }

    /// Makes a change, and says what the answer rests on.
    fn apply(&self, mutation: Mutation<'_>) -> (Result<Applied, Error>, Sequence) {
        let request = Request::new(mutation, self.hash(mutation.key));
        room::with_room(self, &request, |shard, context| {
            shard.apply(&request, Room::ANY, context)
        })
    }
}

/// What became of a look at an entry.
enum Viewed<T, V> {
    /// It was seen.
    Now(T),
    /// It may be seen when what it rests on is durable.
    Later(V, Option<Entry>, Sequence),
}

impl<C> Deref for Memory<C> {
    type Target = Shared<C>;

    fn deref(&self) -> &Shared<C> {
        &self.0
    }
}

impl<C: Clock> Engine for Memory<C> {
    fn describe(&self) -> Description {
        Description {
            engine: "memory",
            store_id: self.store_id.clone(),
            version: self.visible(),
            now: self.clock.now(),
            capabilities: self.capabilities(),
            memory_max: Some(self.account.memory_max()),
            durability: self.durability.map_or("none", Durability::name),
            eviction: self.eviction.name(),
        }
    }

    fn figures(&self) -> Vec<Figure> {
        figures::of(self)
    }

    async fn get(&self, read: Read<'_>) -> Result<Option<Entry>, Error> {
        let (entry, rest) = self.read(read);
        self.settled(rest).await?;
        entry
    }

    async fn view<T: Send>(
        &self,
        read: Read<'_>,
        view: impl FnOnce(Option<EntryRef<'_>>) -> T + Send,
    ) -> Result<T, Error> {
        match self.look(read, view)? {
            Viewed::Now(viewed) => Ok(viewed),
            Viewed::Later(view, entry, rest) => {
                self.settled(rest).await?;
                Ok(view(entry.as_ref().map(EntryRef::from)))
            }
        }
    }

    async fn mutate(&self, mutation: Mutation<'_>) -> Result<Applied, Error> {
        let (applied, rest) = self.apply(mutation);
        self.settled(rest).await?;
        applied
    }

    async fn mutate_once(
        &self,
        once: Once<'_>,
        mutation: Mutation<'_>,
        reply_bytes_max: usize,
    ) -> Result<Applied, Error> {
        once::mutate(self, once, mutation, reply_bytes_max).await
    }

    async fn batch(
        &self,
        operations: &[Operation<'_>],
        reply_bytes_max: usize,
    ) -> Vec<Result<Outcome, Error>> {
        let (answers, rest) = batch::run(self, operations, reply_bytes_max);
        match self.settled(rest).await {
            Ok(()) => answers,
            Err(error) => vec![Err(error); operations.len()],
        }
    }

    async fn batch_seen(
        &self,
        operations: &[Operation<'_>],
        reply_bytes_max: usize,
        see: impl FnMut(Result<Seen<'_>, Error>) + Send,
    ) -> Result<(), Error> {
        let rest = batch::see(self, operations, reply_bytes_max, see);
        self.settled(rest).await
    }

    async fn transact(
        &self,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        let (transacted, rest) = transact::run(self, transaction, reply_bytes_max, None);
        let settled = self.settled(rest).await;
        settled.map_err(TransactionError::Whole)?;
        transacted
    }

    async fn transact_once(
        &self,
        once: Once<'_>,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        once::transact(self, once, transaction, reply_bytes_max).await
    }

    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Error> {
        // Before the version is read, so that a watch can begin there.
        history::arm(self);
        let page = list::run(self, query).await;
        self.settled(self.barrier()).await?;
        Ok(page)
    }

    async fn delete_range(&self, range: &Range, entries_max: usize) -> Result<RangeDeleted, Error> {
        let deleted = delete_range::run(self, range, entries_max).await;
        self.settled(self.barrier()).await?;
        deleted
    }

    async fn delete_range_once(
        &self,
        once: Once<'_>,
        range: &Range,
        entries_max: usize,
    ) -> Result<RangeDeleted, Error> {
        once::delete_range(self, once, range, entries_max).await
    }

    type Watch = Watch<C>;

    async fn watch(&self, query: WatchQuery) -> Result<Watch<C>, Error> {
        let watch = history::watch(self, query);
        // It begins at the last version there is, and tells that at once.
        self.settled(self.barrier()).await?;
        watch
    }

    async fn image(&self) -> Result<Box<dyn Image>, Error> {
        let (image, rest) = image::begin(self);
        self.settled(rest).await?;
        Ok(Box::new(image))
    }

    async fn failed(&self) {
        match &self.journal {
            None => pending().await,
            Some(journal) => {
                let failure = journal.failed().await;
                tracing::error!(why = %failure.why, "nothing can be stored any more");
            }
        }
    }

    async fn close(&self) -> Result<(), Error> {
        match &self.journal {
            None => Ok(()),
            Some(journal) => journal.close().await.map_err(|failure| {
                tracing::error!(why = %failure.why, "what was not yet on the disk is lost");
                failed(&failure)
            }),
        }
    }

    async fn tend(&self) {
        tokio::join!(sweep::run(self), history::run(self));
    }
}
