//! Taking in what was kept.
//!
//! A snapshot is taken while a store is changed, so a record may be met that is
//! older than what is there: whatever has the larger version is right.

use crate::{
    engine::memory::{
        shard::{
            Shard,
            change::{Change, Put, is_large},
            place::{fits_well, record_bytes},
        },
        slab::Handle,
    },
    model::{event::EventKind, key::Key, time::UnixMillis, value::ValueRef, version::Version},
};

/// An entry that was kept.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::memory) struct Kept<'a> {
    pub(in crate::engine::memory) key: Key<'a>,
    pub(in crate::engine::memory) value: ValueRef<'a>,
    pub(in crate::engine::memory) version: Version,
    pub(in crate::engine::memory) deadline: Option<UnixMillis>,
}

impl Shard {
    /// Stores an entry, whatever memory it takes. False: the shard has no
    /// numbers left for it.
    #[must_use]
    pub(in crate::engine::memory) fn load(&mut self, kept: Kept<'_>, hash: u64) -> bool {
        let Kept {
            key,
            value,
            version,
            deadline,
        } = kept;
        let replaced = self.find(key, hash);
        if self.version_of(replaced) >= Some(version) {
            return true;
        }
        let is_outside = is_large(value.len());
        let bytes = record_bytes(key, value, is_outside);
        if self.slab.growth(bytes).is_none() || (is_outside && !self.externals.has_room()) {
            return false;
        }
        let put = Put {
            key,
            hash,
            value,
            large: is_outside.then(|| value.to_value()),
            deadline,
            replaced,
            in_place: replaced.is_some_and(|there| fits_well(bytes, self.slot_bytes(there))),
            bytes,
        };
        self.commit(Change::Put(put), version);
        true
    }

    /// Removes an entry that was removed.
    pub(in crate::engine::memory) fn load_removal(
        &mut self,
        kind: EventKind,
        key: Key<'_>,
        version: Version,
        hash: u64,
    ) {
        let Some(handle) = self.find(key, hash) else {
            return;
        };
        if self.version_of(Some(handle)) >= Some(version) {
            return;
        }
        let change = match kind {
            EventKind::Expire => Change::Expire { handle },
            EventKind::Evict => Change::Evict { handle },
            EventKind::Put | EventKind::Delete => Change::Delete { handle },
        };
        self.commit(change, version);
    }

    /// Moves the deadline of the entry that has this version, if it is there.
    pub(in crate::engine::memory) fn load_touch(
        &mut self,
        key: Key<'_>,
        version: Version,
        deadline: Option<UnixMillis>,
        hash: u64,
    ) {
        if let Some(handle) = self.find(key, hash)
            && self.version_of(Some(handle)) == Some(version)
        {
            self.retime(handle, deadline);
        }
    }

    fn version_of(&self, handle: Option<Handle>) -> Option<Version> {
        Some(self.record(handle?)?.version)
    }
}
