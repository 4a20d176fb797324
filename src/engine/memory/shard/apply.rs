//! Read, decide, write: one mutation on a locked shard.

use crate::{
    engine::memory::{
        external::Externals,
        record::{self, HEADER_BYTES, Payload, Record},
        shard::{
            Context, Room, Shard,
            change::{Change, Put, is_large},
        },
        slab::{Handle, Slab},
    },
    model::{
        entry::Entry,
        error::Error,
        key::Key,
        mutation::{self, Current, Effect, Mutation},
        operation::Applied,
        time::UnixMillis,
        value::{Value, ValueRef},
    },
};

/// What is under a key, as a decision sees it.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// Nothing at all.
    Absent,
    /// An entry that counts as absent.
    Expired(Handle),
    /// An entry.
    Present(Handle),
}

/// A mutation on its way.
#[derive(Debug)]
pub(in crate::engine::memory) struct Request<'a> {
    pub(in crate::engine::memory) mutation: Mutation<'a>,
    pub(in crate::engine::memory) hash: u64,
    /// The value, when it is a large one: copied before the lock was taken.
    pub(in crate::engine::memory) large: Option<Value>,
}

impl<'a> Request<'a> {
    pub(in crate::engine::memory) fn new(mutation: Mutation<'a>, hash: u64) -> Self {
        let large = match mutation.change {
            mutation::Change::Set { value, .. } if is_large(value.len()) => Some(value.to_value()),
            _ => None,
        };
        Self {
            mutation,
            hash,
            large,
        }
    }
}

impl Shard {
    /// Makes one change, or refuses it and changes nothing.
    ///
    /// # Errors
    /// What [`Mutation::decide`] refuses, [`Error::ReplyTooLarge`] by `room`,
    /// and [`Error::MemoryFull`].
    pub(in crate::engine::memory) fn apply(
        &mut self,
        request: Request<'_>,
        room: Room,
        context: Context<'_>,
    ) -> Result<Applied, Error> {
        let mutation = request.mutation;
        let found = self.look(&request, context.now);
        let current = match found {
            Found::Present(handle) => self.record(handle).as_ref().map(current),
            Found::Absent | Found::Expired(_) => None,
        };
        let effect = mutation.decide(current.as_ref(), context.now, context.rules)?;
        let before = self.answer(&mutation, found, room)?;
        match effect {
            Effect::Put { value, deadline } => {
                let mut applied = self.put(request, value, deadline, found, context)?;
                applied.entry = before;
                Ok(applied)
            }
            Effect::Remove => {
                let mut applied = Applied {
                    entry: before,
                    ..Applied::default()
                };
                if let Found::Present(handle) = found {
                    let version = context.versions.take();
                    self.commit(Change::Delete { handle }, version);
                    applied.version = Some(version);
                }
                Ok(applied)
            }
            Effect::Retime { deadline } => {
                if let Found::Present(handle) = found {
                    self.retime(handle, deadline);
                }
                Ok(Applied {
                    retimed: true,
                    entry: before.map(|entry| with_deadline(entry, deadline)),
                    ..Applied::default()
                })
            }
            Effect::Nothing => Ok(Applied {
                entry: before,
                ..Applied::default()
            }),
        }
    }

    fn look(&self, request: &Request<'_>, now: UnixMillis) -> Found {
        let Some(handle) = self.find(request.mutation.key, request.hash) else {
            return Found::Absent;
        };
        match self.record(handle) {
            Some(record) if record.is_expired(now) => Found::Expired(handle),
            Some(_) => Found::Present(handle),
            None => Found::Absent,
        }
    }

    /// The entry that the answer shall hold, as it is now.
    fn answer(
        &self,
        mutation: &Mutation<'_>,
        found: Found,
        room: Room,
    ) -> Result<Option<Entry>, Error> {
        let omit_value = match mutation.change {
            mutation::Change::Set {
                return_previous: true,
                ..
            }
            | mutation::Change::Delete {
                return_previous: true,
            } => false,
            mutation::Change::Touch { omit_value, .. } => omit_value,
            _ => return Ok(None),
        };
        let Found::Present(handle) = found else {
            return Ok(None);
        };
        let Some(record) = self.record(handle) else {
            return Ok(None);
        };
        room.check(self.reply_bytes(&record, omit_value))?;
        Ok(Some(self.entry(&record, omit_value)))
    }

    fn put(
        &mut self,
        request: Request<'_>,
        value: ValueRef<'_>,
        deadline: Option<UnixMillis>,
        found: Found,
        context: Context<'_>,
    ) -> Result<Applied, Error> {
        let key = request.mutation.key;
        let mut large = request.large;
        let mut admitted = self.admit(key, value, large.as_ref(), found, context);
        if admitted.is_err() && large.is_none() && self.frees(found) >= Externals::cost(value.len())
        {
            // The value that is there stands outside of its slot, and for the
            // new one there is no page: it may stand where the old one did.
            large = Some(value.to_value());
            admitted = self.admit(key, value, large.as_ref(), found, context);
        }
        let (in_place, bytes) = (admitted?, record_bytes(key, value, large.is_some()));
        let replaced = match found {
            Found::Absent => None,
            Found::Present(handle) => Some(handle),
            Found::Expired(handle) => {
                let version = context.versions.take();
                self.commit(Change::Expire { handle }, version);
                None
            }
        };
        let version = context.versions.take();
        let put = Put {
            key,
            hash: request.hash,
            value,
            large,
            deadline,
            replaced,
            in_place,
            bytes,
        };
        self.commit(Change::Put(put), version);
        let number = match request.mutation.change {
            mutation::Change::Increment(_) => value.number(),
            _ => None,
        };
        Ok(Applied {
            version: Some(version),
            deadline,
            number,
            ..Applied::default()
        })
    }

    /// Whether the record goes into the slot of the entry that it replaces.
    ///
    /// # Errors
    /// [`Error::MemoryFull`], when the store would grow and may not.
    fn admit(
        &self,
        key: Key<'_>,
        value: ValueRef<'_>,
        large: Option<&Value>,
        found: Found,
        context: Context<'_>,
    ) -> Result<bool, Error> {
        let bytes = record_bytes(key, value, large.is_some());
        let full = || Error::MemoryFull {
            memory_max: context.account.memory_max(),
        };
        let slot_bytes = match found {
            Found::Absent => 0,
            Found::Expired(handle) | Found::Present(handle) => self.slab.slot(handle).len(),
        };
        let freed = self.frees(found);
        if large.is_some() && freed == 0 && !self.externals.has_room() {
            return Err(full());
        }
        if matches!(found, Found::Absent) && !context.account.admits_entry() {
            return Err(full());
        }
        let taken = large.map_or(0, |value| Externals::cost(value.len()));
        let admits = |slab_bytes: usize| {
            let growth = slab_bytes.saturating_add(taken).saturating_sub(freed);
            context.account.admits(growth)
        };
        match found {
            // What expires leaves a slot of this size.
            Found::Expired(_) if Slab::slot_bytes(bytes) == slot_bytes && admits(0) => Ok(false),
            // A slot that is little larger is kept: a move touches each index.
            Found::Present(_) if fits_well(bytes, slot_bytes) && admits(0) => Ok(true),
            Found::Absent | Found::Expired(_) | Found::Present(_) => {
                match self.slab.growth(bytes) {
                    Some(growth) if admits(growth) => Ok(false),
                    // Smaller than what is there: it need not move.
                    _ if matches!(found, Found::Present(_)) && bytes <= slot_bytes && admits(0) => {
                        Ok(true)
                    }
                    _ => Err(full()),
                }
            }
        }
    }

    /// What is freed outside of the slots when the entry goes.
    fn frees(&self, found: Found) -> usize {
        let (Found::Expired(handle) | Found::Present(handle)) = found else {
            return 0;
        };
        match self.record(handle).map(|record| record.payload) {
            Some(Payload::External(number)) => self
                .externals
                .get(number)
                .map_or(0, |value| Externals::cost(value.len())),
            Some(Payload::Inline(_)) | None => 0,
        }
    }

    fn retime(&mut self, handle: Handle, deadline: Option<UnixMillis>) {
        record::write_deadline(self.slab.slot_mut(handle), deadline);
        if let Some(deadline) = deadline {
            self.wheel.register(handle, deadline, &mut self.slab);
        }
    }
}

/// What a record takes up in its slot.
const fn record_bytes(key: Key<'_>, value: ValueRef<'_>, is_outside: bool) -> usize {
    let value_bytes = if is_outside { 0 } else { value.len() };
    HEADER_BYTES + key.as_bytes().len() + value_bytes
}

/// Whether a slot is large enough, and not much too large.
fn fits_well(bytes: usize, slot_bytes: usize) -> bool {
    slot_bytes
        .checked_sub(bytes)
        .is_some_and(|left| left <= (slot_bytes / 8).max(8))
}

fn with_deadline(entry: Entry, deadline: Option<UnixMillis>) -> Entry {
    let version = entry.version();
    let (key, value) = entry.into_parts();
    Entry::new(key, value, version, deadline)
}

fn current(record: &Record<'_>) -> Current {
    Current {
        version: record.version,
        deadline: record.deadline,
        kind: record.kind,
        number: record.number(),
    }
}
