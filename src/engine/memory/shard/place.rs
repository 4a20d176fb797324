//! Where a record will stand, and whether there is memory for it.

use crate::{
    engine::memory::{
        external::Externals,
        record::{self, HEADER_BYTES, Payload},
        shard::{
            Context, Shard,
            apply::{Decision, Found, Request},
            change::{is_large, may_stand_outside},
        },
        slab::{Handle, Slab},
    },
    model::{
        error::Error,
        key::Key,
        mutation::Effect,
        value::{Value, ValueRef},
    },
};

/// Where a record will stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine::memory) struct Place {
    /// Whether in the slot of the entry that it replaces.
    pub(super) in_place: bool,
    /// Whether its value stands outside of the slot.
    pub(super) is_outside: bool,
}

impl Shard {
    /// Where the record of one change will stand, if it stores one.
    ///
    /// # Errors
    /// [`Error::MemoryFull`], when the store would grow and may not.
    pub(super) fn place(
        &self,
        request: &Request<'_>,
        decision: Decision<'_>,
        context: Context<'_>,
    ) -> Result<Place, Error> {
        if self.is_first_deadline(decision) && !context.account.admits_entry() {
            return Err(context.full());
        }
        let Effect::Put { value, .. } = decision.effect else {
            return Ok(Place::default());
        };
        let (key, found) = (request.mutation.key, decision.found);
        let admit = |is_outside| self.admit(key, value, is_outside, found, context);
        let is_outside = is_large(value.len());
        let admitted = admit(is_outside);
        let fits_outside =
            may_stand_outside(value) && self.frees(found) >= Externals::cost(value.len());
        if admitted.is_err() && !is_outside && fits_outside {
            // The value that is there stands outside of its slot, and for the
            // new one there is no page: it may stand where the old one did.
            return admit(true);
        }
        admitted
    }

    fn admit(
        &self,
        key: Key<'_>,
        value: ValueRef<'_>,
        is_outside: bool,
        found: Found,
        context: Context<'_>,
    ) -> Result<Place, Error> {
        let bytes = record_bytes(key, value, is_outside);
        let place = |in_place| Place {
            in_place,
            is_outside,
        };
        let full = || context.full();
        let slot_bytes = found.handle().map_or(0, |handle| self.slot_bytes(handle));
        let freed = self.frees(found);
        if is_outside && freed == 0 && !self.externals.has_room() {
            return Err(full());
        }
        if matches!(found, Found::Absent) && !context.account.admits_entry() {
            return Err(full());
        }
        let taken = if is_outside {
            Externals::cost(value.len())
        } else {
            0
        };
        let admits = |slab_bytes: usize| {
            let growth = slab_bytes.saturating_add(taken).saturating_sub(freed);
            context.account.admits(growth, context.claimed)
        };
        match found {
            // What expires leaves a slot of this size.
            Found::Expired(_) if Slab::slot_bytes(bytes) == slot_bytes && admits(0) => {
                Ok(place(false))
            }
            // A slot that is little larger is kept: a move touches each index.
            Found::Present(_) if fits_well(bytes, slot_bytes) && admits(0) => Ok(place(true)),
            Found::Absent | Found::Expired(_) | Found::Present(_) => {
                match self.slab.growth(bytes) {
                    Some(growth) if admits(growth) => Ok(place(false)),
                    // Smaller than what is there: it need not move.
                    _ if matches!(found, Found::Present(_)) && bytes <= slot_bytes && admits(0) => {
                        Ok(place(true))
                    }
                    _ => Err(full()),
                }
            }
        }
    }

    /// Whether an entry that is there gets a deadline and had none: then an index
    /// grows, and nothing else.
    pub(super) fn is_first_deadline(&self, decision: Decision<'_>) -> bool {
        let (Effect::Put { deadline, .. } | Effect::Retime { deadline }, Found::Present(handle)) =
            (decision.effect, decision.found)
        else {
            return false;
        };
        deadline.is_some() && record::registration(self.slab.slot(handle)) == 0
    }

    /// What is freed outside of the slots when the entry goes.
    pub(super) fn frees(&self, found: Found) -> usize {
        let Some(handle) = found.handle() else {
            return 0;
        };
        match self.record(handle).map(|record| record.payload) {
            Some(Payload::External(number)) => self
                .externals
                .get(number)
                .map_or(0, |value: &Value| Externals::cost(value.len())),
            Some(Payload::Inline(_)) | None => 0,
        }
    }

    pub(super) fn slot_bytes(&self, handle: Handle) -> usize {
        self.slab.slot(handle).len()
    }
}

/// What a record takes up in its slot.
pub(super) const fn record_bytes(key: Key<'_>, value: ValueRef<'_>, is_outside: bool) -> usize {
    let value_bytes = if is_outside { 0 } else { value.len() };
    HEADER_BYTES + key.as_bytes().len() + value_bytes
}

/// Whether a slot is large enough, and not much too large.
pub(super) fn fits_well(bytes: usize, slot_bytes: usize) -> bool {
    slot_bytes
        .checked_sub(bytes)
        .is_some_and(|left| left <= (slot_bytes / 8).max(8))
}
