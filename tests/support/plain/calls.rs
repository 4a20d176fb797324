//! What the plain engine answers to each call.

use std::ops::Bound;

use nanokv::{
    engine::{
        Description, Engine, ListQuery, Page, RangeDeleted, WatchQuery, journal::backup::Image,
    },
    model::{
        clock::Clock,
        entry::Entry,
        error::Error,
        mutation::{Change, Mutation},
        once::Once,
        operation::{Applied, Operation, Outcome, Read},
        range::Range,
        transaction::{Transacted, Transaction, TransactionError},
    },
};

use crate::support::{
    fault::Fault,
    plain::{PlainEngine, Store, entry_bytes, watch::Watch},
};

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
    "request_id",
];

const CLAIMED: &[&str] = &[
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
    "Unheard",
    "Watch",
    "request_id",
];

impl Engine for PlainEngine {
    fn describe(&self) -> Description {
        let version = if self.has(Fault::DescribesOldVersion) {
            self.began
        } else {
            self.store().version()
        };
        Description {
            engine: "plain",
            store_id: self.store_id.clone(),
            version,
            now: self.clock.now(),
            capabilities: match (self.has(Fault::ClaimsWhatIsNotBuilt), self.remembers()) {
                (true, _) => CLAIMED,
                (false, true) => CAPABILITIES,
                (false, false) => CAPABILITIES.split_last().unwrap().1,
            },
            memory_max: Some(self.memory_max),
            durability: "none",
            eviction: "none",
        }
    }

    async fn get(&self, read: Read<'_>) -> Result<Option<Entry>, Error> {
        if self.has(Fault::StaleRead) {
            return Ok(self.read_stale(read));
        }
        Ok(self.read(&self.store(), read))
    }

    async fn mutate(&self, mutation: Mutation<'_>) -> Result<Applied, Error> {
        if self.has(Fault::ReadAndWriteApart) {
            let current = self.current(&self.store(), mutation);
            tokio::task::yield_now().await;
            let effect = self.decide(mutation, current.as_ref())?;
            return self.apply(&mut self.store(), mutation, current, effect);
        }
        self.mutate_at_once(&mut self.store(), mutation)
    }

    async fn batch(
        &self,
        operations: &[Operation<'_>],
        reply_bytes_max: usize,
    ) -> Vec<Result<Outcome, Error>> {
        let mut store = self.store();
        let before = store.clone();
        let mut bytes = 0;
        let mut results: Vec<Result<Outcome, Error>> = Vec::new();
        for operation in operations {
            if let (true, Some(Err(error))) = (self.has(Fault::BatchStopsAtFailure), results.last())
            {
                results.push(Err(error.clone()));
                continue;
            }
            let answer_bytes = self.answer_bytes(&store, operation);
            if bytes + answer_bytes > reply_bytes_max && !self.has(Fault::BatchBytesIgnored) {
                results.push(Err(Error::ReplyTooLarge { reply_bytes_max }));
                continue;
            }
            let result = match operation {
                Operation::Read(read) if self.has(Fault::BatchSeesStateBefore) => {
                    Ok(Outcome::Read(self.read(&before, *read)))
                }
                Operation::Read(read) => Ok(Outcome::Read(self.read(&store, *read))),
                Operation::Mutate(mutation) => self
                    .mutate_at_once(&mut store, *mutation)
                    .map(Outcome::Applied),
            };
            if result.is_ok() {
                bytes += answer_bytes;
            }
            results.push(result);
        }
        results
    }

    async fn transact(
        &self,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        if self.has(Fault::TransactInHalves) {
            return self.transact_in_halves(transaction, reply_bytes_max).await;
        }
        self.transact_at_once(transaction, reply_bytes_max)
    }

    async fn delete_range(&self, range: &Range, entries_max: usize) -> Result<RangeDeleted, Error> {
        Ok(self.delete_range_at_once(range, entries_max))
    }

    async fn mutate_once(
        &self,
        once: Once<'_>,
        mutation: Mutation<'_>,
        reply_bytes_max: usize,
    ) -> Result<Applied, Error> {
        self.mutate_once_at_once(once, mutation, reply_bytes_max)
    }

    async fn transact_once(
        &self,
        once: Once<'_>,
        transaction: Transaction<'_>,
        reply_bytes_max: usize,
    ) -> Result<Transacted, TransactionError> {
        self.transact_once_at_once(once, transaction, reply_bytes_max)
    }

    async fn delete_range_once(
        &self,
        once: Once<'_>,
        range: &Range,
        entries_max: usize,
    ) -> Result<RangeDeleted, Error> {
        self.delete_range_once_at_once(once, range, entries_max)
    }

    type Watch = Watch;

    async fn watch(&self, query: WatchQuery) -> Result<Watch, Error> {
        self.begin(query)
    }

    async fn image(&self) -> Result<Box<dyn Image>, Error> {
        Ok(self.image_of_now())
    }

    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Error> {
        let mut store = self.store();
        if !self.has(Fault::ListKeepsNothing) {
            let version = store.version();
            store.history.arm(self.clock.now(), version);
        }
        let mut entries: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        let mut more = false;
        let after = match query.after {
            None => Bound::Unbounded,
            Some(last) if self.has(Fault::PageRepeatsEntry) => Bound::Included(last),
            Some(last) => Bound::Excluded(last),
        };
        let in_range = |entry: &&Entry| {
            let last = self.has(Fault::EndIsInclusive) && entry.key() == query.range.end();
            let unfixed = self.has(Fault::PrefixIgnored) && !query.range.prefix().is_empty();
            query.range.contains(entry.key().as_bytes()) || last || unfixed
        };
        let alive = |entry: &&Entry| self.alive(entry) || self.has(Fault::ExpiredStillListed);
        for (_, entry) in store.entries.range::<str, _>((after, Bound::Unbounded)) {
            if !in_range(&entry) || !alive(&entry) {
                continue;
            }
            let entry = self.shown(entry, query.omit_value);
            bytes += entry_bytes(&entry);
            let too_large = bytes > query.reply_bytes_max && !self.has(Fault::PageBytesIgnored);
            if entries.len() == query.entries_max || (too_large && !entries.is_empty()) {
                more = !self.has(Fault::PageEndsEarly);
                break;
            }
            entries.push(entry);
        }
        match self.fault {
            Some(Fault::ListUnordered) => entries.sort_by_key(Entry::version),
            Some(Fault::OrderIgnoresCase) => {
                entries.sort_by_key(|entry| entry.key().to_ascii_lowercase());
            }
            _ => {}
        }
        Ok(Page {
            entries,
            more,
            version: store.version(),
        })
    }

    async fn tend(&self) {
        loop {
            // Before the sweep, so that a clock that moves meanwhile is seen.
            let next = self.clock.now().plus(1000);
            if !self.has(Fault::ExpiredNeverRemoved) {
                self.sweep();
            }
            self.clock.sleep_until(next).await;
        }
    }
}

impl PlainEngine {
    /// How many bytes the answer to an operation has at most.
    pub(super) fn answer_bytes(&self, store: &Store, operation: &Operation<'_>) -> usize {
        let answers = match operation {
            Operation::Read(read) => !read.omit_value,
            Operation::Mutate(mutation) => match mutation.change {
                Change::Set {
                    return_previous, ..
                }
                | Change::Delete { return_previous } => return_previous,
                Change::Touch { omit_value, .. } => !omit_value,
                Change::Increment(_) => false,
            },
        };
        store
            .entries
            .get(operation.key().as_str())
            .filter(|entry| self.alive(entry) && answers)
            .map_or(0, entry_bytes)
    }
}
