//! Carrying out what is asked for only once.

use crate::{
    engine::{
        RangeDeleted,
        memory::{
            Memory, delete_range,
            requests::{Begun, Reply},
            shard::Room,
            transact,
        },
    },
    model::{
        clock::Clock,
        entry::Entry,
        error::Error,
        mutation::Mutation,
        once::Once,
        operation::Applied,
        range::Range,
        transaction::{Transacted, Transaction, TransactionError},
    },
};

/// See [`crate::engine::Engine::mutate_once`].
pub(super) async fn mutate<C: Clock>(
    memory: &Memory<C>,
    once: Once<'_>,
    mutation: Mutation<'_>,
    reply_bytes_max: usize,
) -> Result<Applied, Error> {
    let room = Room {
        bytes: reply_bytes_max,
        reply_bytes_max,
    };
    match memory.requests.begin(once, &memory.clock).await? {
        Begun::Repeat(reply) => match &*reply {
            Reply::Applied(applied) => {
                room.check(applied.entry.as_ref().map_or(0, Entry::reply_bytes))?;
                Ok(applied.clone())
            }
            Reply::Transacted(_) | Reply::RangeDeleted(_) => Err(Error::RequestIdReused),
        },
        Begun::First(ticket) => {
            let applied = memory.apply_within(mutation, room)?;
            let reply = Reply::Applied(applied.clone());
            ticket.keep(reply, memory.clock.now(), &memory.account);
            Ok(applied)
        }
    }
}

/// See [`crate::engine::Engine::transact_once`].
pub(super) async fn transact<C: Clock>(
    memory: &Memory<C>,
    once: Once<'_>,
    transaction: Transaction<'_>,
    reply_bytes_max: usize,
) -> Result<Transacted, TransactionError> {
    let begun = memory.requests.begin(once, &memory.clock).await;
    match begun.map_err(TransactionError::Whole)? {
        Begun::Repeat(reply) => match &*reply {
            Reply::Transacted(transacted) => Ok(transacted.clone()),
            Reply::Applied(_) | Reply::RangeDeleted(_) => {
                Err(TransactionError::Whole(Error::RequestIdReused))
            }
        },
        Begun::First(ticket) => {
            let transacted = transact::run(memory, transaction, reply_bytes_max)?;
            let reply = Reply::Transacted(transacted.clone());
            ticket.keep(reply, memory.clock.now(), &memory.account);
            Ok(transacted)
        }
    }
}

/// See [`crate::engine::Engine::delete_range_once`].
pub(super) async fn delete_range<C: Clock>(
    memory: &Memory<C>,
    once: Once<'_>,
    range: &Range,
    entries_max: usize,
) -> Result<RangeDeleted, Error> {
    match memory.requests.begin(once, &memory.clock).await? {
        Begun::Repeat(reply) => match &*reply {
            Reply::RangeDeleted(deleted) => Ok(*deleted),
            Reply::Applied(_) | Reply::Transacted(_) => Err(Error::RequestIdReused),
        },
        Begun::First(ticket) => {
            let deleted = delete_range::run(memory, range, entries_max).await?;
            let reply = Reply::RangeDeleted(deleted);
            ticket.keep(reply, memory.clock.now(), &memory.account);
            Ok(deleted)
        }
    }
}
