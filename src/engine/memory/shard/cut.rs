//! A shard as it was at one moment, while it goes on: what is changed before it
//! was read is kept as it was.

use std::{
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use crate::{
    engine::{
        journal,
        memory::{
            external::Externals,
            record::{self, Payload, Record},
            shard::{Shard, key_of},
            slab::Handle,
        },
    },
    model::{
        key::Key,
        time::UnixMillis,
        value::{Value, ValueRef},
        version::Version,
    },
};

/// How many entries, and how many bytes of them, one step reads at most: the
/// shard is locked meanwhile.
const STEP_ENTRIES: usize = 256;
const STEP_BYTES: usize = 128 << 10;

/// What an entry takes up that is kept, beside its key and value.
const KEPT_BYTES: usize = 3 * size_of::<(Box<[u8]>, Kept)>() / 2 + 32;

/// What one backup keeps in all shards.
#[derive(Debug)]
pub(in crate::engine::memory) struct Held {
    bytes: AtomicUsize,
    bytes_max: usize,
    is_lost: AtomicBool,
}

/// What one backup needs of a shard that it has not read to the end.
#[derive(Debug)]
pub(in crate::engine::memory) struct Cut {
    held: Arc<Held>,
    version: Version,
    at: UnixMillis,
    /// All keys up to this one were read.
    read: Option<Box<[u8]>>,
    /// Entries as they were, which come after that.
    kept: BTreeMap<Box<[u8]>, Kept>,
}

/// An entry as it was.
#[derive(Debug)]
struct Kept {
    value: Value,
    version: Version,
    deadline: Option<UnixMillis>,
}

impl Held {
    /// Nothing is kept yet; `bytes_max` may be.
    pub(in crate::engine::memory) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            bytes_max,
            is_lost: AtomicBool::new(false),
        }
    }

    /// What may be kept.
    pub(in crate::engine::memory) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Whether something was changed that could not be kept.
    pub(in crate::engine::memory) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }

    fn take(&self, bytes: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = before.saturating_add(bytes) <= self.bytes_max;
        if !has_room {
            self.give_back(bytes);
            self.is_lost.store(true, Ordering::Release);
        }
        has_room
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Cut {
    /// A shard as it is at this moment, with the store at `version`.
    pub(in crate::engine::memory) const fn new(
        held: Arc<Held>,
        version: Version,
        at: UnixMillis,
    ) -> Self {
        Self {
            held,
            version,
            at,
            read: None,
            kept: BTreeMap::new(),
        }
    }

    /// Whether an entry that is there was there then, as it is.
    fn covers(&self, record: &Record<'_>) -> bool {
        record.version <= self.version && !record.is_expired(self.at)
    }

    /// Keeps an entry as it is, if it was so then and has yet to be read.
    fn keep(&mut self, record: &Record<'_>, externals: &Externals) {
        let is_read = self.read.as_deref().is_some_and(|read| record.key <= read);
        if is_read || !self.covers(record) || self.kept.contains_key(record.key) {
            return;
        }
        let value = match record.payload {
            Payload::Inline(bytes) => record.value(bytes),
            Payload::External(number) => externals.get(number).cloned(),
        };
        let Some(value) = value else {
            return;
        };
        if self.held.is_lost() || !self.held.take(bytes(record.key, &value)) {
            // It will not be read to its end.
            self.forget();
            return;
        }
        let kept = Kept {
            value,
            version: record.version,
            deadline: record.deadline,
        };
        self.kept.insert(record.key.into(), kept);
    }

    fn forget(&mut self) {
        for (key, kept) in std::mem::take(&mut self.kept) {
            self.held.give_back(bytes(&key, &kept.value));
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Shard {
    /// Begins to keep what `cut` needs.
    pub(in crate::engine::memory) fn cut(&mut self, cut: Cut) {
        self.cuts.push(cut);
    }

    /// Ends what [`Self::cut`] began, if it has not ended.
    pub(in crate::engine::memory) fn uncut(&mut self, held: &Arc<Held>) -> Option<Cut> {
        let at = self
            .cuts
            .iter()
            .position(|cut| Arc::ptr_eq(&cut.held, held));
        let cut = at.map(|at| self.cuts.swap_remove(at));
        if self.cuts.is_empty() {
            self.cuts = Vec::new();
        }
        cut
    }

    /// How many entries there are, those that have expired among them.
    pub(in crate::engine::memory) const fn entries(&self) -> usize {
        self.table.len()
    }

    #[cfg(test)]
    pub(in crate::engine::memory) const fn cuts(&self) -> usize {
        self.cuts.len()
    }

    /// What is kept of this shard.
    #[cfg(test)]
    pub(in crate::engine::memory) fn cut_bytes(&self) -> usize {
        let kept = self.cuts.iter().flat_map(|cut| &cut.kept);
        kept.map(|(key, kept)| bytes(key, &kept.value)).sum()
    }

    /// Whether some backup has yet to read of it.
    pub(super) const fn is_cut(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// Keeps an entry as it is for each backup that needs it. Called before
    /// each change of one.
    pub(super) fn keep_as_it_is(&mut self, handle: Handle) {
        let Some(record) = record::read(self.slab.slot(handle)) else {
            return;
        };
        for cut in &mut self.cuts {
            cut.keep(&record, &self.externals);
        }
    }

    /// Emits some entries as they were at the cut, in the order of their keys;
    /// false when there are no more.
    pub(in crate::engine::memory) fn emit_cut(
        &mut self,
        held: &Arc<Held>,
        emit: &mut dyn FnMut(journal::Record<'_>),
    ) -> bool {
        let Some(mut cut) = self.uncut(held) else {
            return false;
        };
        let more = self.emit_some(&mut cut, emit);
        if more {
            self.cut(cut);
        }
        more
    }

    fn emit_some(&self, cut: &mut Cut, emit: &mut dyn FnMut(journal::Record<'_>)) -> bool {
        let from = cut.read.take();
        let mut step = Step {
            emit,
            entries: 0,
            bytes: 0,
        };
        let mut last = None;
        let start = from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.order.scan(start, &self.slab, |handle| {
            let Some(record) = self.record(handle) else {
                return ControlFlow::Continue(());
            };
            // First what is not there any more.
            last = cut.emit_before(Some(record.key), &mut step);
            if last.is_some() {
                return ControlFlow::Break(());
            }
            if let Some(kept) = cut.kept.remove(record.key) {
                cut.held.give_back(bytes(record.key, &kept.value));
                step.kept(record.key, &kept);
            } else if cut.covers(&record)
                && let (Some(key), Some(value)) = (key_of(record.key), self.value_of(&record))
            {
                step.put(key, value, record.version, record.deadline);
            } else {
                // Looked at, which takes its time as well.
                step.entries += 1;
            }
            if step.is_full() {
                last = Some(record.key.into());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if last.is_none() {
            last = cut.emit_before(None, &mut step);
        }
        cut.read = last;
        cut.read.is_some()
    }
}

/// How much of a step is done.
struct Step<'e> {
    emit: &'e mut dyn FnMut(journal::Record<'_>),
    entries: usize,
    bytes: usize,
}

impl Step<'_> {
    const fn is_full(&self) -> bool {
        self.entries >= STEP_ENTRIES || self.bytes >= STEP_BYTES
    }

    fn put(
        &mut self,
        key: Key<'_>,
        value: ValueRef<'_>,
        version: Version,
        deadline: Option<UnixMillis>,
    ) {
        self.entries += 1;
        self.bytes += key.as_bytes().len() + value.len();
        (self.emit)(journal::Record::Put {
            key,
            value,
            version,
            deadline,
        });
    }

    fn kept(&mut self, key: &[u8], kept: &Kept) {
        if let Some(key) = key_of(key) {
            let value = kept.value.as_value_ref();
            self.put(key, value, kept.version, kept.deadline);
        }
    }
}

impl Cut {
    /// Emits what was kept of keys before `key`, or of all that are left. The
    /// last one, when the step is full.
    fn emit_before(&mut self, key: Option<&[u8]>, step: &mut Step<'_>) -> Option<Box<[u8]>> {
        while let Some(first) = self.kept.first_entry() {
            if key.is_some_and(|key| **first.key() >= *key) {
                break;
            }
            let (name, kept) = first.remove_entry();
            self.held.give_back(bytes(&name, &kept.value));
            step.kept(&name, &kept);
            if step.is_full() {
                return Some(name);
            }
        }
        None
    }
}

/// What an entry takes up that is kept.
fn bytes(key: &[u8], value: &Value) -> usize {
    KEPT_BYTES + key.len() + value.len()
}
