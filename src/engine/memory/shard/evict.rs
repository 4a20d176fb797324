//! Entries that make room, by going or by standing closer together, in steps that
//! each hold the lock for a short time.

use smallvec::SmallVec;

use crate::{
    engine::memory::{
        account::SLACK_BYTES,
        external::Externals,
        record::{self, Payload},
        shard::{
            Context, Shard,
            apply::{Decision, Request},
            change::{Change, is_large},
            hash,
            place::{Place, record_bytes},
            sieve::Sieve,
        },
        slab::{ENTRIES_FEW, Handle, Sparse, Wasteful},
    },
    model::{error::Error, event::EventKind, mutation::Effect},
};

/// How many entries a change has removed from its own shard, one by one, before
/// it looks further.
const OWN_ENTRIES: usize = 16;

/// How many entries one step removes or moves at most.
const STEP_ENTRIES: usize = 64;

/// How many of these are chosen wherever they stand; the others stand in one
/// page, so that it can be given back.
const STEP_ANYWHERE: usize = 16;

/// How many entries beside that page are looked at in a step.
const STEP_LOOKS: usize = 1024;

type Handles = SmallVec<[Handle; STEP_ENTRIES]>;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::memory) enum Given {
    /// Memory was given back.
    Bytes,
    /// None yet.
    Nothing,
    /// None, and there will be none.
    NothingLeft,
}

impl Shard {
    /// Where the record of a change will stand that found no room, when others
    /// have made room, as far as a few entries of this shard can.
    ///
    /// # Errors
    /// [`Error::MemoryFull`], and what the journal refuses.
    pub(super) fn place_by_evicting(
        &mut self,
        request: &Request<'_>,
        decision: Decision<'_>,
        context: Context<'_>,
    ) -> Result<Place, Error> {
        let full = context.full();
        // Where room was made already it is not for want of that.
        let is_hopeless = context.claimed > 0
            || context.account.is_over()
            || u64::try_from(self.grows_by(request, decision))
                .is_ok_and(|bytes| !context.account.can_hold(bytes));
        if is_hopeless {
            return Err(full);
        }
        let keep: SmallVec<[Handle; 1]> = decision.found.handle().into_iter().collect();
        for _ in 0..OWN_ENTRIES {
            let Some(victim) = self.victim(&keep) else {
                break;
            };
            self.evict(&[victim], context)?;
            self.settle(context.account);
            match self.place(request, decision, context) {
                Err(Error::MemoryFull { .. }) => {}
                placed => return placed,
            }
        }
        Err(full)
    }

    /// How many bytes must be free for a change to find room here.
    pub(in crate::engine::memory) fn needs(
        &self,
        request: &Request<'_>,
        context: Context<'_>,
    ) -> usize {
        self.decide(request, context)
            .map_or(0, |decision| self.grows_by(request, decision))
            .saturating_add(SLACK_BYTES)
    }

    /// One step towards giving memory back. Removes at most `left` entries, none
    /// of those in `keep`, which is sorted, and takes them off `left`.
    ///
    /// # Errors
    /// What the journal refuses.
    pub(in crate::engine::memory) fn give(
        &mut self,
        keep: &[Handle],
        left: &mut usize,
        context: Context<'_>,
    ) -> Result<Given, Error> {
        let before = self.bytes();
        self.slab.trim();
        let mut moved = 0;
        let mut victims = Handles::new();
        // What a page of small entries gives is little beside large values.
        let is_mostly_outside = self.externals.bytes() > self.slab.bytes();
        if self.bytes() >= before {
            let most = if is_mostly_outside {
                STEP_ENTRIES
            } else {
                STEP_ANYWHERE
            };
            self.choose_anywhere(keep, &mut victims, most.min(*left));
            self.evict(&victims, context)?;
            *left -= victims.len();
        }
        if self.bytes() >= before && (victims.is_empty() || !is_mostly_outside) {
            let shut: SmallVec<[u32; 8]> = keep.iter().map(|it| it.page_number()).collect();
            let hand = self.sieve.as_ref().map(Sieve::hand).unwrap_or_default();
            let is_open = |page| shut.binary_search(&page).is_err();
            if let Some(sparse) = self.slab.sparsest(hand, is_open) {
                let evicted = self.thin_out(sparse, keep, *left, context)?;
                *left -= evicted;
                moved = self.move_out(sparse.page, STEP_ENTRIES - evicted, false) + evicted;
                self.slab.trim();
            }
        }
        if self.bytes() < before {
            return Ok(Given::Bytes);
        }
        let is_over = victims.is_empty() && moved == 0;
        Ok(if is_over {
            Given::NothingLeft
        } else {
            Given::Nothing
        })
    }

    /// One step towards giving back what entries that are gone have left between
    /// others, where that is most of what there is; whether there may be more to
    /// do. An entry that stays would else hold a whole page.
    pub(super) fn tidy(&mut self) -> bool {
        let Some(wasteful) = self.slab.wasteful() else {
            return false;
        };
        let Wasteful { page, is_only } = wasteful;
        let entries_max = if is_only { ENTRIES_FEW } else { STEP_ENTRIES };
        let moved = self.move_out(page, entries_max, is_only);
        self.slab.trim();
        moved > 0
    }

    /// One step towards giving memory back though nothing may be removed: entries
    /// leave a page, but none of those in `keep`, which is sorted.
    pub(in crate::engine::memory) fn gather(&mut self, keep: &[Handle]) -> Given {
        let before = self.bytes();
        self.slab.trim();
        let mut moved = 0;
        if self.bytes() >= before {
            let shut: SmallVec<[u32; 8]> = keep.iter().map(|it| it.page_number()).collect();
            let is_open = |page| shut.binary_search(&page).is_err();
            if let Some(page) = self.slab.movable(shut.is_empty(), is_open) {
                moved = self.move_out(page, STEP_ENTRIES, false);
                self.slab.trim();
            }
        }
        if self.bytes() < before {
            Given::Bytes
        } else if moved > 0 {
            Given::Nothing
        } else {
            Given::NothingLeft
        }
    }

    /// How many bytes more are taken up when a change is made.
    fn grows_by(&self, request: &Request<'_>, decision: Decision<'_>) -> usize {
        let Effect::Put { value, .. } = decision.effect else {
            return 0;
        };
        let is_outside = is_large(value.len());
        let bytes = record_bytes(request.mutation.key, value, is_outside);
        let outside = if is_outside {
            Externals::cost(value.len())
        } else {
            0
        };
        self.slab
            .growth(bytes)
            .unwrap_or_default()
            .saturating_add(outside)
            .saturating_sub(self.frees(decision.found))
    }

    /// Those whose turn it is, up to one with a large value.
    fn choose_anywhere(&mut self, keep: &[Handle], victims: &mut Handles, most: usize) {
        while victims.len() < most
            && let Some(victim) = self.victim(keep)
            && !victims.contains(&victim)
        {
            victims.push(victim);
            if self.is_outside(victim) {
                break;
            }
        }
    }

    /// Removes entries until what is left in a page can move to others: where most
    /// pages are like it, those whose turn it is; else those in it that nobody has
    /// asked for, else such in others like it, else any in it. How many.
    ///
    /// # Errors
    /// What the journal refuses.
    fn thin_out(
        &mut self,
        sparse: Sparse,
        keep: &[Handle],
        left: usize,
        context: Context<'_>,
    ) -> Result<usize, Error> {
        let most = sparse.homeless.min(STEP_ENTRIES).min(left);
        let hand = self.sieve.as_ref().map(Sieve::hand).unwrap_or_default();
        let mut victims = Handles::new();
        if sparse.is_usual {
            self.choose_anywhere(keep, &mut victims, most);
        }
        let unvisited = |handle: &Handle| self.is_unvisited(*handle);
        let here = || self.slab.entries_in(sparse.page);
        if victims.is_empty() {
            victims = here().filter(unvisited).take(most).collect();
        }
        if victims.is_empty() {
            let beside = self.slab.entries_beside(sparse.page, hand);
            let may = |handle: &Handle| keep.binary_search(handle).is_err();
            let beside = beside.take(STEP_LOOKS).filter(may);
            victims = beside.filter(unvisited).take(most).collect();
        }
        if victims.is_empty() {
            victims = here().take(most).collect();
        }
        self.evict(&victims, context)?;
        Ok(victims.len())
    }

    /// Moves entries of a page to free slots of others, as far as there are any or
    /// it `may_grow`. How many.
    fn move_out(&mut self, page: u32, entries_max: usize, may_grow: bool) -> usize {
        let entries: Handles = self.slab.entries_in(page).take(entries_max).collect();
        let mut moved = 0;
        for old in entries {
            let slot = self.slab.slot(old);
            // A record may be shorter than what its slot was taken for.
            let slot_bytes = slot.len();
            let bytes = record::whole(slot).to_vec();
            let room = if may_grow {
                self.slab.insert_apart(page, slot_bytes)
            } else {
                self.slab.insert_elsewhere(page, slot_bytes)
            };
            let Some(new) = room else {
                break;
            };
            record::copy(&bytes, self.slab.slot_mut(new));
            let key = record::key(&bytes);
            self.order.replace(key, old, new, &self.slab);
            self.table.replace(hash(&self.hasher, key), old, new);
            self.slab.remove(old);
            if let Some(deadline) = self.record(new).and_then(|record| record.deadline) {
                self.wheel.register(new, deadline, &mut self.slab);
            }
            moved += 1;
        }
        moved
    }

    /// Removes entries to make room; those that have expired, because of that.
    ///
    /// # Errors
    /// What the journal refuses: then none is removed.
    fn evict(&mut self, victims: &[Handle], context: Context<'_>) -> Result<(), Error> {
        let of = |handle: &Handle| {
            let record = self.record(*handle);
            if record.is_some_and(|record| record.is_expired(context.now)) {
                (EventKind::Expire, *handle)
            } else {
                (EventKind::Evict, *handle)
            }
        };
        let removed: SmallVec<[_; STEP_ENTRIES]> = victims.iter().map(of).collect();
        let mut versions = self.enter_removals(&removed, context)?;
        for (kind, handle) in removed {
            let change = match kind {
                EventKind::Expire => Change::Expire { handle },
                EventKind::Put | EventKind::Delete | EventKind::Evict => Change::Evict { handle },
            };
            self.commit(change, versions.give());
        }
        Ok(())
    }

    fn is_outside(&self, handle: Handle) -> bool {
        let record = self.record(handle);
        record.is_some_and(|record| matches!(record.payload, Payload::External(_)))
    }
}
