//! Removing what has expired, and giving back what it has left, in steps that each
//! hold the lock for a short time.

use smallvec::SmallVec;

use crate::{
    engine::memory::{
        shard::{Context, Shard, change::Change},
        slab::Handle,
    },
    model::event::EventKind,
};

/// How many entries a step removes at most.
const STEP_ENTRIES: usize = 16;

/// How many registrations a step looks at most.
const STEP_WORK: usize = 128;

impl Shard {
    /// One step of the sweep; whether nothing is left to be done at this moment.
    /// Each removal takes a version. What the journal does not take now is left
    /// for later.
    pub(in crate::engine::memory) fn sweep(&mut self, context: Context<'_>) -> bool {
        let mut work = STEP_WORK;
        // Found first, then removed: so the reads of the slots, far apart in
        // memory, do not wait for each other.
        let mut due = SmallVec::<[Handle; STEP_ENTRIES]>::new();
        while due.len() < STEP_ENTRIES
            && let Some(handle) = self.wheel.next(context.now, &mut work, &mut self.slab)
        {
            due.push(handle);
        }
        due.retain(
            |handle| match self.record(*handle).and_then(|record| record.deadline) {
                Some(deadline) if deadline <= context.now => true,
                Some(deadline) => {
                    self.wheel.register(*handle, deadline, &mut self.slab);
                    false
                }
                None => false,
            },
        );
        let expired = |handle: &Handle| (EventKind::Expire, *handle);
        let expired: SmallVec<[_; STEP_ENTRIES]> = due.iter().map(expired).collect();
        let Ok(mut versions) = self.enter_removals(&expired, context) else {
            for handle in due {
                self.wheel.register(handle, context.now, &mut self.slab);
            }
            return true;
        };
        for handle in due {
            let deadline = self.record(handle).and_then(|record| record.deadline);
            let deadline = deadline.unwrap_or(context.now);
            self.counts.swept(context.now.since(deadline));
            self.commit(Change::Expire { handle }, versions.give());
        }
        let is_done = self.wheel.is_idle(context.now);
        if is_done {
            self.wheel.purge(self.table.len());
            self.wheel.trim();
            self.slab.trim();
        }
        is_done && !self.tidy()
    }
}
