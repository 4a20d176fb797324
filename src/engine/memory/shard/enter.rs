//! Telling the journal what is about to be done.
//!
//! The journal is told before the shard is changed and under its lock, in one
//! turn with the versions: so records stand in the order of versions, and
//! whoever locks the shard finds done whatever the journal was told before.

use crate::{
    engine::{
        journal::{Demand, Journal, Record, Sequence, Turn},
        memory::{
            refusals::refused,
            requests::{Note, Reply},
            shard::{
                Context, Decision, Request, Shard,
                apply::{Found, outcome},
                key_of,
            },
            slab::Handle,
            versions::Run,
        },
    },
    model::{
        entry::Entry, error::Error, event::EventKind, key::Key, mutation::Effect,
        operation::Applied, version::Version,
    },
};

/// The last records of a shard that the journal was told of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entered {
    /// Of any kind.
    last: Sequence,
    /// Of a deadline that was moved.
    touch: Sequence,
    /// Of an entry that was removed.
    removal: Sequence,
}

impl Decision<'_> {
    /// What the journal is told of a change under `key`.
    pub(in crate::engine::memory) fn demand(&self, key: Key<'_>) -> Demand {
        let (records, value_bytes) = match self.effect {
            Effect::Put { value, .. } => (self.versions(), value.len()),
            Effect::Remove | Effect::Retime { .. } => (1, 0),
            Effect::Nothing => (0, 0),
        };
        Demand {
            changes: records,
            bytes: records * key.as_bytes().len() + value_bytes,
            grows: matches!(self.effect, Effect::Put { .. }),
        }
    }
}

impl Shard {
    /// Whatever is answered by this shard rests on nothing later.
    pub(in crate::engine::memory) const fn rest(&self) -> Sequence {
        self.entered.last
    }

    /// The journal was told of something else that answers of this shard rest on.
    pub(in crate::engine::memory) const fn entered_with(&mut self, sequence: Sequence) {
        self.entered.last = sequence;
    }

    /// What an answer about a key rests on, of what may not be durable.
    pub(in crate::engine::memory) fn rest_of(
        &self,
        key: Key<'_>,
        hash: u64,
        journal: &Journal,
    ) -> Sequence {
        let Entered {
            last,
            touch,
            removal,
        } = self.entered;
        if last <= journal.durable() {
            return last;
        }
        let record = self.find(key, hash).and_then(|handle| self.record(handle));
        match record {
            // Where in the order it stands is not known, but nothing of the
            // shard stands after `last`.
            Some(record) if record.version > journal.durable_version() => last,
            Some(_) => touch,
            None => removal,
        }
    }

    /// Takes the versions of a change, and tells the journal all of it.
    ///
    /// # Errors
    /// What [`Journal::turn`] refuses: nothing has been told, or taken.
    pub(super) fn enter(
        &mut self,
        journal: &Journal,
        request: &Request<'_>,
        decision: &Decision<'_>,
        before: Option<Entry>,
        note: Option<Note<'_>>,
        context: Context<'_>,
    ) -> Result<(Run, Applied), Error> {
        if matches!(decision.effect, Effect::Nothing) && note.is_none() {
            let applied = outcome(&request.mutation, decision, None, before);
            return Ok((Run::NONE, applied));
        }
        let mut demand = decision.demand(request.mutation.key);
        if let Some(note) = note {
            demand.changes += 1;
            demand.bytes += note.bytes_max(before.as_ref().map_or(0, Entry::reply_bytes));
        }
        let mut turn = journal.turn(context.now, demand).map_err(refused)?;
        let versions = context.versions.take_run(decision.versions());
        let applied = outcome(&request.mutation, decision, versions.last(), before);
        let mut given = versions.clone();
        self.enter_way(&mut turn, decision, &mut given);
        self.enter_change(&mut turn, request, decision, &mut given);
        if let Some(note) = note {
            note.enter(&mut turn, &Reply::Applied(applied.clone()));
            self.entered.last = turn.sequence();
        }
        Ok((versions, applied))
    }

    /// Tells the journal of the expired entry that makes way, if there is one.
    pub(in crate::engine::memory) fn enter_way(
        &mut self,
        turn: &mut Turn<'_>,
        decision: &Decision<'_>,
        versions: &mut Run,
    ) {
        if let (Effect::Put { .. }, Found::Expired(handle)) = (decision.effect, decision.found) {
            self.enter_removal(turn, EventKind::Expire, handle, versions.give());
        }
    }

    /// Tells the journal of a change.
    pub(in crate::engine::memory) fn enter_change(
        &mut self,
        turn: &mut Turn<'_>,
        request: &Request<'_>,
        decision: &Decision<'_>,
        versions: &mut Run,
    ) {
        let key = request.mutation.key;
        match (decision.effect, decision.found) {
            (Effect::Put { value, deadline }, _) => {
                turn.push(Record::Put {
                    key,
                    value,
                    version: versions.give(),
                    deadline,
                });
                self.entered.last = turn.sequence();
            }
            (Effect::Remove, Found::Present(handle)) => {
                self.enter_removal(turn, EventKind::Delete, handle, versions.give());
            }
            (Effect::Retime { deadline }, Found::Present(handle)) => {
                let Some(version) = self.record(handle).map(|record| record.version) else {
                    return;
                };
                turn.push(Record::Touch {
                    key,
                    version,
                    deadline,
                });
                self.entered.last = turn.sequence();
                self.entered.touch = turn.sequence();
            }
            (Effect::Remove | Effect::Retime { .. } | Effect::Nothing, _) => {}
        }
    }

    /// Takes the versions of entries that are removed, and tells the journal.
    ///
    /// # Errors
    /// What [`Journal::turn`] refuses: nothing has been told, or taken.
    pub(super) fn enter_removals(
        &mut self,
        removed: &[(EventKind, Handle)],
        context: Context<'_>,
    ) -> Result<Run, Error> {
        let (Some(journal), false) = (context.journal, removed.is_empty()) else {
            return Ok(context.versions.take_run(removed.len()));
        };
        let keys = removed.iter().map(|(_, handle)| self.slab.key(*handle));
        let demand = Demand {
            changes: removed.len(),
            bytes: keys.map(<[u8]>::len).sum(),
            grows: false,
        };
        let mut turn = journal.turn(context.now, demand).map_err(refused)?;
        let versions = context.versions.take_run(removed.len());
        let mut given = versions.clone();
        for (kind, handle) in removed {
            self.enter_removal(&mut turn, *kind, *handle, given.give());
        }
        Ok(versions)
    }

    /// Tells the journal of an entry that is removed.
    pub(super) fn enter_removal(
        &mut self,
        turn: &mut Turn<'_>,
        kind: EventKind,
        handle: Handle,
        version: Version,
    ) {
        let Some(key) = key_of(self.slab.key(handle)) else {
            return;
        };
        turn.push(Record::Remove { kind, key, version });
        self.entered.last = turn.sequence();
        self.entered.removal = turn.sequence();
    }
}
