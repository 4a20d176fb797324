//! Removing what has expired, in steps that each hold the lock for a short time.

use smallvec::SmallVec;

use crate::engine::memory::{
    shard::{Context, Shard, change::Change},
    slab::Handle,
};

/// How many entries a step removes at most.
const STEP_ENTRIES: usize = 16;

/// How many registrations a step looks at most.
const STEP_WORK: usize = 128;

/// What a step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::memory) struct Swept {
    /// How many entries it has removed.
    pub(in crate::engine::memory) removed: usize,
    /// Whether nothing is left to be done at this moment.
    pub(in crate::engine::memory) is_done: bool,
}

impl Shard {
    /// One step of the sweep. Each removal takes a version.
    pub(in crate::engine::memory) fn sweep(&mut self, context: Context<'_>) -> Swept {
        let mut work = STEP_WORK;
        // Found first, then removed: so the reads of the slots, far apart in
        // memory, do not wait for each other.
        let mut due = SmallVec::<[Handle; STEP_ENTRIES]>::new();
        while due.len() < STEP_ENTRIES
            && let Some(handle) = self.wheel.next(context.now, &mut work, &mut self.slab)
        {
            due.push(handle);
        }
        let mut removed = 0;
        for handle in due {
            match self.record(handle).and_then(|record| record.deadline) {
                Some(deadline) if deadline <= context.now => {
                    let version = context.versions.take();
                    self.commit(Change::Expire { handle }, version);
                    removed += 1;
                }
                Some(deadline) => self.wheel.register(handle, deadline, &mut self.slab),
                None => {}
            }
        }
        let is_done = self.wheel.is_idle(context.now);
        if is_done {
            self.wheel.purge(self.table.len());
            self.wheel.trim();
            self.slab.trim();
        }
        Swept { removed, is_done }
    }
}
