//! The engine that holds everything in memory: shards, each under a lock of its
//! own, and what they share.

mod account;
mod batch;
mod config;
mod delete_range;
mod external;
mod guards;
pub mod history;
mod list;
mod lock;
mod once;
mod order;
mod record;
pub mod requests;
mod shard;
mod slab;
mod sweep;
mod table;
mod transact;
mod versions;
mod wheel;

#[cfg(test)]
mod tests;

use std::{ops::Deref, sync::Arc};

use foldhash::quality::RandomState;
use uuid::Uuid;

pub use crate::engine::memory::{account::MemoryUsage, config::Config};

use crate::{
    engine::{
        Description, Engine, ListQuery, Page, RangeDeleted, WatchQuery,
        memory::{
            account::Account,
            history::{History, Watch},
            lock::{Mutex, MutexGuard},
            requests::Requests,
            shard::{Context, Request, Room, Shard},
            versions::Versions,
        },
    },
    model::{
        clock::Clock,
        entry::{Entry, EntryRef},
        error::Error,
        expiry::ExpiryRules,
        key::Key,
        mutation::Mutation,
        once::Once,
        operation::{Applied, Operation, Outcome, Read},
        range::Range,
        transaction::{Transacted, Transaction, TransactionError},
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
    rules: ExpiryRules,
    clock: C,
    store_id: String,
}

impl<C: Clock> Memory<C> {
    /// An empty store. Its versions begin at the microseconds of `clock`, and
    /// its id is random.
    #[must_use]
    pub fn open(config: Config, clock: C) -> Self {
        let shards = config.shards.clamp(1, SHARDS_MAX).next_power_of_two();
        let (now, hasher) = (clock.now(), RandomState::default());
        let account = Account::new(config.memory_max);
        let versions = Versions::starting(now);
        let history = History::new(config.history, config.memory_max, versions.last());
        let shard = |_| {
            let mut shard = Shard::new(now, hasher.clone(), history.signal());
            shard.settle(&account);
            Mutex::new(shard)
        };
        Self(Arc::new(Shared {
            shards: (0..shards).map(shard).collect(),
            hasher,
            versions,
            history,
            account,
            requests: Requests::new(config.requests),
            rules: config.expiry,
            clock,
            store_id: Uuid::new_v4().to_string(),
        }))
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

    fn read(&self, read: Read<'_>) -> Result<Option<Entry>, Error> {
        let hash = self.hash(read.key);
        let Some(shard) = self.lock(self.shard_of(hash)) else {
            return Ok(None);
        };
        shard.get(read, hash, self.clock.now(), Room::ANY)
    }

    fn apply(&self, mutation: Mutation<'_>) -> Result<Applied, Error> {
        self.apply_within(mutation, Room::ANY)
    }

    fn apply_within(&self, mutation: Mutation<'_>, room: Room) -> Result<Applied, Error> {
        let request = Request::new(mutation, self.hash(mutation.key));
        let Some(mut shard) = self.lock(self.shard_of(request.hash)) else {
            return Ok(Applied::default());
        };
        let applied = shard.apply(request, room, self.context());
        shard.settle(&self.account);
        let gone = shard.take_gone();
        drop(shard);
        drop(gone);
        applied
    }
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
            version: self.versions.last(),
            now: self.clock.now(),
            capabilities: self.capabilities(),
            memory_max: Some(self.account.memory_max()),
        }
    }

    async fn get(&self, read: Read<'_>) -> Result<Option<Entry>, Error> {
        self.read(read)
    }

    async fn view<T: Send>(
        &self,
        read: Read<'_>,
        view: impl FnOnce(Option<EntryRef<'_>>) -> T + Send,
    ) -> Result<T, Error> {
        let hash = self.hash(read.key);
        let Some(shard) = self.lock(self.shard_of(hash)) else {
            return Ok(view(None));
        };
        let (large, view) = match shard.view(read, hash, self.clock.now(), view) {
            Ok(viewed) => return Ok(viewed),
            Err(not_viewed) => not_viewed,
        };
        drop(shard);
        Ok(view(Some(EntryRef::from(&large))))
    }

    async fn mutate(&self, mutation: Mutation<'_>) -> Result<Applied, Error> {
        self.apply(mutation)
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
        batch::run(self, operations, reply_bytes_max)
    }

    async fn transact(
        &self,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        transact::run(self, transaction, reply_bytes_max)
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
        Ok(list::run(self, query).await)
    }

    async fn delete_range(&self, range: &Range, entries_max: usize) -> Result<RangeDeleted, Error> {
        delete_range::run(self, range, entries_max).await
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
        history::watch(self, query)
    }

    async fn tend(&self) {
        tokio::join!(sweep::run(self), history::run(self));
    }
}
