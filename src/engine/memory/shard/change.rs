//! The one place where a value or an existence changes.

use crate::{
    engine::memory::{
        record::{self, INLINE_BYTES_MAX, Payload},
        shard::{Shard, hash},
        slab::Handle,
    },
    model::{
        event::EventKind,
        key::Key,
        time::UnixMillis,
        value::{Value, ValueRef},
        version::Version,
    },
};

/// A change that has been decided on.
#[derive(Debug)]
pub(super) enum Change<'a> {
    /// A value is stored, in place of the entry that is there, if one is.
    Put(Put<'a>),
    /// An entry is removed because it was asked for.
    Delete { handle: Handle },
    /// An entry is removed because its deadline has passed.
    Expire { handle: Handle },
    /// An entry is removed to make room.
    Evict { handle: Handle },
}

/// What to store, and where.
#[derive(Debug)]
pub(super) struct Put<'a> {
    pub(super) key: Key<'a>,
    pub(super) hash: u64,
    pub(super) value: ValueRef<'a>,
    /// The value again, when it is to stand outside of the slot.
    pub(super) large: Option<Value>,
    pub(super) deadline: Option<UnixMillis>,
    /// The entry that is there.
    pub(super) replaced: Option<Handle>,
    /// Whether its slot is used again.
    pub(super) in_place: bool,
    /// What the record takes up.
    pub(super) bytes: usize,
}

impl Change<'_> {
    /// The entry that is there, and will not be as it is.
    const fn replaces(&self) -> Option<Handle> {
        match self {
            Change::Put(put) => put.replaced,
            Change::Delete { handle } | Change::Expire { handle } | Change::Evict { handle } => {
                Some(*handle)
            }
        }
    }
}

/// Whether a value of so many bytes stands outside of its slot.
pub(in crate::engine::memory) const fn is_large(value_bytes: usize) -> bool {
    value_bytes > INLINE_BYTES_MAX
}

/// Whether a value that is not large may stand outside of its slot all the same.
/// A number may not: it is counted where it stands.
pub(in crate::engine::memory) const fn may_stand_outside(value: ValueRef<'_>) -> bool {
    !matches!(value, ValueRef::Number(_))
}

impl Shard {
    /// Makes a change under its version. Every change of a value or of
    /// existence passes here, in the order of versions; what follows changes (a
    /// history, a journal) has its place here.
    pub(super) fn commit(&mut self, change: Change<'_>, version: Version) {
        match change {
            Change::Expire { .. } => self.counts.expired += 1,
            Change::Evict { .. } => self.counts.evicted += 1,
            Change::Put(_) | Change::Delete { .. } => {}
        }
        if let Some(handle) = change.replaces()
            && self.is_cut()
        {
            self.keep_as_it_is(handle);
        }
        if self.recorder.is_armed() {
            self.commit_and_record(change, version);
        } else {
            self.make(change, version);
        }
    }

    fn commit_and_record(&mut self, change: Change<'_>, version: Version) {
        let kind = match &change {
            Change::Put(_) => EventKind::Put,
            Change::Delete { .. } => EventKind::Delete,
            Change::Expire { .. } => EventKind::Expire,
            Change::Evict { .. } => EventKind::Evict,
        };
        let there = change.replaces();
        let large = there.and_then(|handle| self.large(handle));
        let before = there.map_or(&[][..], |handle| record::whole(self.slab.slot(handle)));
        self.recorder.open(kind, version, before, large);
        let stored = self.make(change, version);
        let large = stored.and_then(|handle| self.large(handle));
        let after = stored.map_or(&[][..], |handle| record::whole(self.slab.slot(handle)));
        self.recorder.close(after, large);
    }

    /// Where the entry stands that was stored.
    fn make(&mut self, change: Change<'_>, version: Version) -> Option<Handle> {
        match change {
            Change::Put(put) => self.store(put, version),
            Change::Delete { handle } | Change::Expire { handle } | Change::Evict { handle } => {
                self.remove(handle);
                None
            }
        }
    }

    fn store(&mut self, put: Put<'_>, version: Version) -> Option<Handle> {
        let key = put.key.as_bytes();
        let before = put.replaced.map(|there| self.unmark(there));
        let handle = self.find_slot(&put)?;
        let mut number = [0; 8];
        let payload = match put.large {
            Some(value) => Payload::External(self.externals.insert(value)),
            None => Payload::Inline(record::value_bytes(put.value, &mut number)),
        };
        let slot = self.slab.slot_mut(handle);
        record::write(slot, key, put.value.kind(), payload, version, put.deadline);
        self.mark_stored(handle, before);
        if put.replaced.is_none() {
            self.order.insert(key, handle, &self.slab);
            let (slab, hasher) = (&self.slab, &self.hasher);
            self.table
                .insert(put.hash, handle, |handle| hash(hasher, slab.key(handle)));
        }
        if let Some(deadline) = put.deadline {
            self.wheel.register(handle, deadline, &mut self.slab);
        }
        Some(handle)
    }

    /// The slot to write to, with nothing left of what was in it.
    fn find_slot(&mut self, put: &Put<'_>) -> Option<Handle> {
        let Some(old) = put.replaced else {
            return self.slab.insert(put.bytes);
        };
        self.drop_external(old);
        if put.in_place {
            return Some(old);
        }
        let new = self.slab.insert(put.bytes)?;
        self.order.replace(put.key.as_bytes(), old, new, &self.slab);
        self.table.replace(put.hash, old, new);
        self.slab.remove(old);
        Some(new)
    }

    fn remove(&mut self, handle: Handle) {
        self.unmark(handle);
        self.drop_external(handle);
        let (slab, hasher) = (&self.slab, &self.hasher);
        let key = slab.key(handle);
        self.order.remove(key, handle, slab);
        self.table.remove(hash(hasher, key), handle, |handle| {
            hash(hasher, slab.key(handle))
        });
        self.slab.remove(handle);
    }

    /// The value of an entry, if it stands outside of the slot.
    fn large(&self, handle: Handle) -> Option<Value> {
        match self.record(handle)?.payload {
            Payload::External(number) => self.externals.get(number).cloned(),
            Payload::Inline(_) => None,
        }
    }

    fn drop_external(&mut self, handle: Handle) {
        if let Some(Payload::External(number)) = self.record(handle).map(|record| record.payload) {
            self.gone.extend(self.externals.remove(number));
        }
    }
}
