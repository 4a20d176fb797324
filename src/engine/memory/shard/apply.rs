//! Read, decide, write: one mutation on a locked shard.

use crate::{
    engine::memory::{
        record::{self, Record},
        requests::Note,
        shard::{
            Context, Room, Shard,
            change::{Change, Put, is_large},
            place::{Place, record_bytes},
        },
        slab::Handle,
        versions::Run,
    },
    model::{
        entry::Entry,
        error::Error,
        key::Key,
        mutation::{self, Current, Effect, Mutation},
        operation::Applied,
        time::UnixMillis,
        transaction::Check,
        value::Value,
        version::Version,
    },
};

/// What is under a key, as a decision sees it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
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

/// What a mutation comes to, before anything is changed.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::memory) struct Decision<'a> {
    pub(super) found: Found,
    pub(super) effect: Effect<'a>,
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

impl Found {
    pub(super) const fn handle(self) -> Option<Handle> {
        match self {
            Self::Absent => None,
            Self::Expired(handle) | Self::Present(handle) => Some(handle),
        }
    }
}

impl Decision<'_> {
    /// How many versions it takes, that of an expired entry among them.
    pub(in crate::engine::memory) const fn versions(&self) -> usize {
        match (self.effect, self.found) {
            (Effect::Put { .. }, Found::Expired(_)) => 2,
            (Effect::Put { .. }, Found::Absent | Found::Present(_)) | (Effect::Remove, _) => 1,
            (Effect::Retime { .. } | Effect::Nothing, _) => 0,
        }
    }
}

impl Shard {
    /// Makes one change, or refuses it and changes nothing.
    ///
    /// # Errors
    /// What [`Mutation::decide`] refuses, [`Error::ReplyTooLarge`] by `room`,
    /// [`Error::MemoryFull`], and what the journal refuses.
    pub(in crate::engine::memory) fn apply(
        &mut self,
        request: &Request<'_>,
        room: Room,
        context: Context<'_>,
    ) -> Result<Applied, Error> {
        self.apply_noted(request, room, context, None)
    }

    /// As [`Self::apply`], with a note for the journal that the change is never
    /// without, nor the note without the change.
    ///
    /// # Errors
    /// Those of [`Self::apply`].
    pub(in crate::engine::memory) fn apply_noted(
        &mut self,
        request: &Request<'_>,
        room: Room,
        context: Context<'_>,
        note: Option<Note<'_>>,
    ) -> Result<Applied, Error> {
        let mut decision = self.decide(request, context)?;
        let before = self.answer(&request.mutation, decision, room)?;
        let place = match self.place(request, decision, context) {
            Err(Error::MemoryFull { .. }) if self.sieve.is_some() => {
                self.place_by_evicting(request, decision, context)?
            }
            placed => placed?,
        };
        let (mut versions, applied) = match context.journal {
            None => {
                let versions = context.versions.take_run(decision.versions());
                let applied = outcome(&request.mutation, &decision, versions.last(), before);
                (versions, applied)
            }
            Some(journal) => self.enter(journal, request, &decision, before, note, context)?,
        };
        self.make_way(&mut decision, &mut versions);
        self.carry_out(request, decision, place, &mut versions);
        Ok(applied)
    }

    /// What shall be done about a mutation.
    ///
    /// # Errors
    /// What [`Mutation::decide`] refuses.
    pub(in crate::engine::memory) fn decide<'a>(
        &self,
        request: &Request<'a>,
        context: Context<'_>,
    ) -> Result<Decision<'a>, Error> {
        let found = self.look(request.mutation.key, request.hash, context.now);
        let current = self.current(found);
        let effect = request
            .mutation
            .decide(current.as_ref(), context.now, context.rules)?;
        Ok(Decision { found, effect })
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// What [`mutation::Condition::check`] says.
    pub(in crate::engine::memory) fn check_condition(
        &self,
        check: Check<'_>,
        hash: u64,
        now: UnixMillis,
    ) -> Result<(), Error> {
        let current = self.current(self.look(check.key, hash, now));
        check.condition.check(current.as_ref())
    }

    /// Removes the expired entry that a value will take the place of, if there
    /// is one.
    pub(in crate::engine::memory) fn make_way(
        &mut self,
        decision: &mut Decision<'_>,
        versions: &mut Run,
    ) {
        if let (Effect::Put { .. }, Found::Expired(handle)) = (decision.effect, decision.found) {
            self.commit(Change::Expire { handle }, versions.give());
            decision.found = Found::Absent;
        }
    }

    /// Does what was decided. Whoever calls has seen to the memory and made way,
    /// and nothing is refused any more.
    pub(in crate::engine::memory) fn carry_out(
        &mut self,
        request: &Request<'_>,
        decision: Decision<'_>,
        place: Place,
        versions: &mut Run,
    ) {
        match (decision.effect, decision.found) {
            (Effect::Put { value, deadline }, found) => {
                let put = Put {
                    key: request.mutation.key,
                    hash: request.hash,
                    value,
                    large: place.is_outside.then(|| {
                        let large = request.large.clone();
                        large.unwrap_or_else(|| value.to_value())
                    }),
                    deadline,
                    replaced: found.handle(),
                    in_place: place.in_place,
                    bytes: record_bytes(request.mutation.key, value, place.is_outside),
                };
                self.commit(Change::Put(put), versions.give());
            }
            (Effect::Remove, Found::Present(handle)) => {
                self.commit(Change::Delete { handle }, versions.give());
            }
            (Effect::Retime { deadline }, Found::Present(handle)) => {
                self.visit(Some(handle));
                self.retime(handle, deadline);
            }
            (Effect::Remove | Effect::Retime { .. } | Effect::Nothing, _) => {}
        }
    }

    /// The entry that the answer shall hold, as it is now.
    ///
    /// # Errors
    /// [`Error::ReplyTooLarge`] by `room`.
    pub(in crate::engine::memory) fn answer(
        &self,
        mutation: &Mutation<'_>,
        decision: Decision<'_>,
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
        let Found::Present(handle) = decision.found else {
            return Ok(None);
        };
        let Some(record) = self.record(handle) else {
            return Ok(None);
        };
        room.check(self.reply_bytes(&record, omit_value))?;
        Ok(Some(self.entry(&record, omit_value)))
    }

    fn look(&self, key: Key<'_>, hash: u64, now: UnixMillis) -> Found {
        let Some(handle) = self.find(key, hash) else {
            return Found::Absent;
        };
        match self.record(handle) {
            Some(record) if record.is_expired(now) => Found::Expired(handle),
            Some(_) => Found::Present(handle),
            None => Found::Absent,
        }
    }

    fn current(&self, found: Found) -> Option<Current> {
        match found {
            Found::Present(handle) => self.record(handle).as_ref().map(current),
            Found::Absent | Found::Expired(_) => None,
        }
    }

    pub(super) fn retime(&mut self, handle: Handle, deadline: Option<UnixMillis>) {
        if self.is_cut() {
            self.keep_as_it_is(handle);
        }
        record::write_deadline(self.slab.slot_mut(handle), deadline);
        if let Some(deadline) = deadline {
            self.wheel.register(handle, deadline, &mut self.slab);
        }
    }
}

/// What a change is answered, given the last version that it takes and the entry
/// that was read for the answer.
pub(in crate::engine::memory) fn outcome(
    mutation: &Mutation<'_>,
    decision: &Decision<'_>,
    version: Option<Version>,
    before: Option<Entry>,
) -> Applied {
    match (decision.effect, decision.found) {
        (Effect::Put { value, deadline }, _) => Applied {
            version,
            deadline,
            number: match mutation.change {
                mutation::Change::Increment(_) => value.number(),
                _ => None,
            },
            entry: before,
            ..Applied::default()
        },
        (Effect::Remove, Found::Present(_)) => Applied {
            version,
            entry: before,
            ..Applied::default()
        },
        (Effect::Retime { deadline }, Found::Present(_)) => Applied {
            retimed: true,
            entry: before.map(|entry| with_deadline(entry, deadline)),
            ..Applied::default()
        },
        (Effect::Remove | Effect::Retime { .. } | Effect::Nothing, _) => Applied {
            entry: before,
            ..Applied::default()
        },
    }
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
