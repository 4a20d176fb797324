//! Several shards, locked at a time.

use smallvec::SmallVec;

use crate::{
    engine::{
        journal::Sequence,
        memory::{Memory, account::Account, lock::MutexGuard, shard::Shard},
    },
    model::clock::Clock,
};

/// Locked shards by number. They are always locked in ascending order, so that
/// two callers never wait for each other.
pub(super) struct Guards<'a> {
    shards: SmallVec<[(usize, MutexGuard<'a, Shard>); 16]>,
}

impl<'a> Guards<'a> {
    /// Locks the shards of these hashes, each once.
    pub(super) fn lock<C: Clock>(memory: &'a Memory<C>, hashes: impl Iterator<Item = u64>) -> Self {
        let mut numbers: SmallVec<[usize; 16]> = hashes.map(|hash| memory.shard_of(hash)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let shards = numbers
            .into_iter()
            .filter_map(|number| Some((number, memory.lock(number)?)))
            .collect();
        Self { shards }
    }

    pub(super) fn get(&self, number: usize) -> Option<&Shard> {
        let at = self.find(number)?;
        self.shards.get(at).map(|(_, shard)| &**shard)
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Shard> {
        let at = self.find(number)?;
        self.shards.get_mut(at).map(|(_, shard)| &mut **shard)
    }

    /// Tells the account what the shards take up now, unlocks them, and then
    /// frees what is gone.
    pub(super) fn release(mut self, account: &Account) {
        let mut gone = Vec::new();
        for (_, shard) in &mut self.shards {
            shard.settle(account);
            gone.append(&mut shard.take_gone());
        }
        drop(self);
        drop(gone);
    }

    /// What an answer rests on by which all of them were looked at.
    pub(super) fn rest(&self) -> Sequence {
        let rests = self.shards.iter().map(|(_, shard)| shard.rest());
        rests.max().unwrap_or_default()
    }

    /// The journal was told of something that concerns all of them.
    pub(super) fn entered(&mut self, sequence: Sequence) {
        for (_, shard) in &mut self.shards {
            shard.entered_with(sequence);
        }
    }

    fn find(&self, number: usize) -> Option<usize> {
        self.shards
            .binary_search_by_key(&number, |(there, _)| *there)
            .ok()
    }
}
