//! What the changes of several keys take of the memory of a shard and give
//! back, told before the first of them is made.

use std::collections::BTreeMap;

use crate::{
    engine::memory::{
        account::Growth,
        external::Externals,
        shard::{
            Shard,
            apply::{Decision, Found, Request},
            change::{is_large, may_stand_outside},
            place::{Place, fits_well, record_bytes},
        },
        slab::Slab,
    },
    model::mutation::Effect,
};

/// The demand of some changes on one shard.
#[derive(Debug, Default)]
pub(in crate::engine::memory) struct Demand {
    /// By the bytes of a slot.
    slots: BTreeMap<usize, Slots>,
    /// Records that get a slot.
    records: usize,
    /// Keys that were nowhere in the store, or had no deadline and get one.
    added: usize,
    /// Values that stand outside of their slots and take no other's place.
    values: usize,
    outside_taken: usize,
    outside_freed: usize,
}

#[derive(Debug, Default)]
struct Slots {
    taken: usize,
    freed: usize,
}

impl Demand {
    /// Where the record of a change will stand, if it stores one; and adds what
    /// the change takes and gives back. `is_tight`: whatever can stand where
    /// the entry before did, shall.
    pub(in crate::engine::memory) fn add(
        &mut self,
        shard: &Shard,
        request: &Request<'_>,
        decision: Decision<'_>,
        is_tight: bool,
    ) -> Place {
        let slot_bytes = decision
            .found
            .handle()
            .map(|handle| shard.slot_bytes(handle));
        let freed = shard.frees(decision.found);
        self.added += usize::from(shard.is_first_deadline(decision));
        let value = match (decision.effect, decision.found) {
            (Effect::Put { value, .. }, _) => value,
            (Effect::Remove, Found::Present(_)) => {
                self.free(slot_bytes, freed);
                return Place::default();
            }
            _ => return Place::default(),
        };
        let key = request.mutation.key;
        let has_room_outside =
            is_tight && may_stand_outside(value) && freed >= Externals::cost(value.len());
        let mut is_outside = is_large(value.len());
        let mut bytes = record_bytes(key, value, is_outside);
        let mut in_place = fits(decision.found, bytes, slot_bytes, is_tight);
        if !in_place && !is_outside && has_room_outside {
            is_outside = true;
            bytes = record_bytes(key, value, is_outside);
            in_place = fits(decision.found, bytes, slot_bytes, is_tight);
        }
        if is_outside {
            self.outside_taken += Externals::cost(value.len());
            self.values += usize::from(freed == 0);
        }
        self.outside_freed += freed;
        // What expires leaves its slot right before.
        let new_bytes = Slab::slot_bytes(bytes);
        let is_exchanged =
            matches!(decision.found, Found::Expired(_)) && slot_bytes == Some(new_bytes);
        if !in_place {
            self.records += 1;
            if !is_exchanged {
                self.slots.entry(new_bytes).or_default().taken += 1;
                self.free(slot_bytes, 0);
            }
        }
        self.added += usize::from(slot_bytes.is_none());
        Place {
            in_place,
            is_outside,
        }
    }

    /// What it comes to; `None`: the shard has no numbers left for so many
    /// pages or values.
    pub(in crate::engine::memory) fn growth(&self, shard: &Shard) -> Option<Growth> {
        let has_numbers = shard.slab.pages_left() >= self.records
            && shard.externals.numbers_left() >= self.values;
        let mut growth = Growth {
            added: self.added,
            taken: self.outside_taken,
            freed: self.outside_freed,
            ..Growth::default()
        };
        for (slot_bytes, slots) in &self.slots {
            growth.slab_peak += shard.slab.growth_of(*slot_bytes, slots.taken);
            let more = slots.taken.saturating_sub(slots.freed);
            growth.taken += shard.slab.growth_of(*slot_bytes, more);
        }
        has_numbers.then_some(growth)
    }

    fn free(&mut self, slot_bytes: Option<usize>, outside: usize) {
        if let Some(slot_bytes) = slot_bytes {
            self.slots.entry(slot_bytes).or_default().freed += 1;
        }
        self.outside_freed += outside;
    }
}

/// Whether a record of `bytes` goes into the slot of the entry that is there.
fn fits(found: Found, bytes: usize, slot_bytes: Option<usize>, is_tight: bool) -> bool {
    match (found, slot_bytes) {
        (Found::Present(_), Some(slot_bytes)) => {
            fits_well(bytes, slot_bytes) || is_tight && bytes <= slot_bytes
        }
        _ => false,
    }
}
