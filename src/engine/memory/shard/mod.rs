//! One part of the store, with all of its indexes. It knows no time and no
//! other shard: whoever has locked it brings both.

mod apply;
mod change;
mod counts;
mod cut;
mod demand;
mod emit;
mod enter;
mod evict;
mod load;
mod place;
mod scan;
mod sieve;
mod snapshot;
mod sweep;

#[cfg(test)]
mod check;

use std::{hash::BuildHasher, sync::Arc};

use foldhash::quality::RandomState;

use crate::{
    engine::{
        journal::Journal,
        memory::{
            account::{Account, MemoryUsage},
            config::Eviction,
            external::Externals,
            history::recorder::{Recorder, Signal},
            order::Order,
            record::{self, Payload, Record},
            shard::{enter::Entered, sieve::Sieve},
            slab::{Handle, Slab},
            table::Table,
            versions::Versions,
            wheel::Wheel,
        },
    },
    model::{
        entry::{self, Entry, EntryRef, EntrySeen},
        error::Error,
        expiry::ExpiryRules,
        key::Key,
        operation::Read,
        time::UnixMillis,
        value::Value,
    },
};

pub(super) use crate::engine::memory::shard::{
    apply::{Decision, Request, outcome},
    counts::Counts,
    cut::{Cut, Held},
    demand::Demand,
    evict::Given,
    load::Kept,
    place::Place,
    scan::{Scan, Scanned},
    snapshot::{Look, Looked},
};

/// Bytes of a line of the processor's caches.
const LINE_BYTES: usize = 64;

/// So many lines of a slot are asked for at once.
const TOUCHED_LINES_MAX: usize = 4;

/// Entries by hash, by key and by deadline.
#[derive(Debug)]
pub(super) struct Shard {
    slab: Slab,
    table: Table,
    order: Order,
    wheel: Wheel,
    externals: Externals,
    hasher: RandomState,
    recorder: Recorder,
    counts: Counts,
    /// Who makes room; `None`: nobody does.
    sieve: Option<Sieve>,
    entered: Entered,
    /// Backups that have yet to read of it, and what they need from before a
    /// change.
    cuts: Vec<Cut>,
    /// What the account of the store knows of this shard.
    settled: u64,
    /// Large values that are gone, to be freed when the lock is not held.
    gone: Vec<Value>,
}

/// What a shard needs to know of the store, and of this moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) now: UnixMillis,
    pub(super) rules: ExpiryRules,
    pub(super) versions: &'a Versions,
    pub(super) account: &'a Account,
    /// Bytes that were set aside for this change.
    pub(super) claimed: u64,
    /// Told of every change before it is made; `None`: nothing is kept.
    pub(super) journal: Option<&'a Journal>,
}

impl Context<'_> {
    /// There is no memory for a change.
    pub(super) const fn full(&self) -> Error {
        Error::MemoryFull {
            memory_max: self.account.memory_max(),
        }
    }
}

/// How many bytes the entry in an answer may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) bytes: usize,
    /// What it is that an answer would pass.
    pub(super) reply_bytes_max: usize,
}

impl Room {
    /// As much as there is: for a call with one answer.
    pub(super) const ANY: Self = Self {
        bytes: usize::MAX,
        reply_bytes_max: usize::MAX,
    };

    pub(super) fn check(self, bytes: usize) -> Result<(), Error> {
        if bytes > self.bytes {
            return Err(Error::ReplyTooLarge {
                reply_bytes_max: self.reply_bytes_max,
            });
        }
        Ok(())
    }
}

impl Shard {
    /// An empty one, whose changes are told to `signal` while it is armed.
    pub(super) fn new(
        now: UnixMillis,
        hasher: RandomState,
        signal: Arc<Signal>,
        eviction: Eviction,
    ) -> Self {
        Self {
            slab: Slab::new(),
            table: Table::new(),
            order: Order::default(),
            wheel: Wheel::new(now),
            externals: Externals::default(),
            hasher,
            recorder: Recorder::new(signal),
            counts: Counts::default(),
            sieve: match eviction {
                Eviction::None => None,
                Eviction::Sieve => Some(Sieve::default()),
            },
            entered: Entered::default(),
            cuts: Vec::new(),
            settled: 0,
            gone: Vec::new(),
        }
    }

    /// The entry under a key.
    ///
    /// # Errors
    /// [`Error::ReplyTooLarge`] by `room`.
    pub(super) fn get(
        &mut self,
        read: Read<'_>,
        hash: u64,
        now: UnixMillis,
        room: Room,
    ) -> Result<Option<Entry>, Error> {
        let found = self.find(read.key, hash);
        self.visit(found);
        let Some(record) = found
            .and_then(|handle| self.record(handle))
            .filter(|record| !record.is_expired(now))
        else {
            self.counts.miss();
            return Ok(None);
        };
        self.counts.hit();
        room.check(self.reply_bytes(&record, read.omit_value))?;
        Ok(Some(self.entry(&record, read.omit_value)))
    }

    /// The entry under a key, where it lies.
    ///
    /// # Errors
    /// [`Error::ReplyTooLarge`].
    pub(super) fn see(
        &mut self,
        read: Read<'_>,
        hash: u64,
        now: UnixMillis,
        room: Room,
    ) -> Result<Option<EntrySeen<'_>>, Error> {
        let found = self.find(read.key, hash);
        self.visit(found);
        let Some(record) = found
            .and_then(|handle| self.record(handle))
            .filter(|record| !record.is_expired(now))
        else {
            self.counts.miss();
            return Ok(None);
        };
        self.counts.hit();
        room.check(self.reply_bytes(&record, read.omit_value))?;
        let value = match record.payload {
            _ if read.omit_value => None,
            Payload::Inline(bytes) => record.value_bytes(bytes),
            Payload::External(_) => {
                let entry = self.entry(&record, false);
                return Ok(Some(EntrySeen::Shared(entry)));
            }
        };
        Ok(Some(EntrySeen::Here(EntryRef {
            key: record.key,
            value,
            version: record.version,
            deadline: record.deadline,
        })))
    }

    /// Brings what a look for this hash will read nearer to the processor: the
    /// first of three rounds. The second reads what is at the place that comes
    /// out, for [`Self::touch`].
    pub(super) fn guess(&self, hash: u64) -> Option<&Handle> {
        self.table.guess(hash)
    }

    /// The third round: all lines of a small slot, and the first of a large one,
    /// which are followed by the hardware.
    pub(super) fn touch(&self, guess: Option<Handle>) -> u8 {
        let slot = guess.map_or(&[][..], |handle| self.slab.slot(handle));
        let lines = slot.iter().step_by(LINE_BYTES).take(TOUCHED_LINES_MAX);
        lines.chain(slot.last()).fold(0, |all, byte| all ^ byte)
    }

    /// What it takes up.
    pub(super) fn usage(&self) -> MemoryUsage {
        let bytes = |bytes| u64::try_from(bytes).unwrap_or(u64::MAX);
        MemoryUsage {
            slab: bytes(self.slab.bytes()),
            table: bytes(self.table.bytes()),
            order: bytes(self.order.bytes()),
            wheel: bytes(self.wheel.bytes()),
            external: bytes(self.externals.bytes()),
            requests: 0,
            total: bytes(self.bytes()),
            history: bytes(self.recorder.bytes()),
            entries: bytes(self.table.len()),
        }
    }

    /// What it has counted.
    pub(super) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The changes that it records, or would if it were armed.
    pub(super) const fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// Tells the account what it takes up now.
    pub(super) fn settle(&mut self, account: &Account) {
        let bytes = u64::try_from(self.bytes()).unwrap_or(u64::MAX);
        account.settle(self.settled, bytes);
        self.settled = bytes;
    }

    /// Large values that are gone: to be dropped after the lock.
    pub(super) fn take_gone(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.gone)
    }

    fn bytes(&self) -> usize {
        self.slab.bytes()
            + self.table.bytes()
            + self.order.bytes()
            + self.wheel.bytes()
            + self.externals.bytes()
    }

    pub(super) fn find(&self, key: Key<'_>, hash: u64) -> Option<Handle> {
        let key = key.as_bytes();
        self.table.find(hash, |handle| self.slab.key(handle) == key)
    }

    fn record(&self, handle: Handle) -> Option<Record<'_>> {
        record::read(self.slab.slot(handle))
    }

    fn reply_bytes(&self, record: &Record<'_>, omit_value: bool) -> usize {
        let value_bytes = match record.payload {
            _ if omit_value => 0,
            Payload::Inline(bytes) => bytes.len(),
            Payload::External(number) => self.externals.get(number).map_or(0, Value::len),
        };
        entry::reply_bytes(record.key.len(), value_bytes)
    }

    fn entry(&self, record: &Record<'_>, omit_value: bool) -> Entry {
        let value = match record.payload {
            _ if omit_value => None,
            Payload::External(number) => self.externals.get(number).cloned(),
            Payload::Inline(bytes) => record.value(bytes),
        };
        record.entry(value)
    }
}

/// What is stored under, as a key: only keys come in.
fn key_of(bytes: &[u8]) -> Option<Key<'_>> {
    Key::new(str::from_utf8(bytes).ok()?, Key::BYTES_LIMIT).ok()
}

/// The hash of a key, by which its shard, its segment and its bucket are found.
pub(super) fn hash(hasher: &RandomState, key: &[u8]) -> u64 {
    hasher.hash_one(key)
}
