//! Reading all entries of some intervals as of a version, a little at a time.

use std::sync::Arc;

use crate::{
    engine::memory::{
        Memory,
        history::interval::Intervals,
        lock::MutexGuard,
        shard::{Look, Looked},
    },
    model::{clock::Clock, entry::Entry, version::Version},
};

/// How many looks into shards are taken at a time.
const LOOKS_MAX: usize = 64;

/// Where the reading is: in which shard, in which interval, at which key.
#[derive(Debug)]
pub(super) struct Snapshot {
    version: Version,
    intervals: Arc<Intervals>,
    omit_value: bool,
    shard: usize,
    interval: usize,
    /// `None`: where the interval begins.
    from: Option<Box<[u8]>>,
}

impl Snapshot {
    /// At the beginning. Entries that were changed after `version` are not
    /// given out: the change is told as an event.
    pub(super) const fn new(version: Version, intervals: Arc<Intervals>, omit_value: bool) -> Self {
        Self {
            version,
            intervals,
            omit_value,
            shard: 0,
            interval: 0,
            from: None,
        }
    }

    /// Reads on; at most so many bytes, unless one entry has more. Nothing may
    /// be found although it has not come to its end.
    pub(super) fn read<C: Clock>(
        &mut self,
        memory: &Memory<C>,
        reply_bytes_max: usize,
    ) -> Vec<Entry> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for _ in 0..LOOKS_MAX {
            let Some(found) = self.look(memory, reply_bytes_max - bytes, entries.is_empty()) else {
                break;
            };
            bytes = reply_bytes_max.min(bytes + found.reply_bytes);
            entries.extend(found.entries);
            let is_full = found.resume.is_some() && found.reply_bytes == 0 && !entries.is_empty();
            self.advance(found.resume);
            if is_full || bytes == reply_bytes_max {
                break;
            }
        }
        entries
    }

    /// Whether it has come to its end.
    pub(super) fn is_done<C: Clock>(&self, memory: &Memory<C>) -> bool {
        self.shard >= memory.shards.len() || self.intervals.as_slice().is_empty()
    }

    fn look<C: Clock>(
        &self,
        memory: &Memory<C>,
        reply_bytes_max: usize,
        at_least_one: bool,
    ) -> Option<Looked> {
        let interval = self.intervals.as_slice().get(self.interval)?;
        let shard = memory.lock(self.shard)?;
        let looked = shard.look_as_of(Look {
            interval,
            from: self.from.as_deref().unwrap_or_else(|| interval.from()),
            now: memory.clock.now(),
            version: self.version,
            reply_bytes_max,
            at_least_one,
            omit_value: self.omit_value,
        });
        MutexGuard::unlock_fair(shard);
        Some(looked)
    }

    fn advance(&mut self, resume: Option<Box<[u8]>>) {
        if resume.is_none() {
            self.interval += 1;
            if self.interval >= self.intervals.as_slice().len() {
                (self.interval, self.shard) = (0, self.shard + 1);
            }
        }
        self.from = resume;
    }
}
