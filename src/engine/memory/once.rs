//! Carrying out what is asked for only once.

use crate::{
    engine::{
        RangeDeleted,
        journal::{Demand, Refusal, Sequence},
        memory::{
            Memory, delete_range,
            lock::Mutex,
            refusals::failed,
            requests::{Begun, Note, Reply, Ticket, Window},
            room::with_room,
            shard::{Request, Room},
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

/// How long a note that the journal did not take waits before it is offered
/// again.
const NOTE_PAUSE_MS: u64 = 10;

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
    match begin(memory, once).await? {
        Begun::Repeat(reply) => match &*reply {
            Reply::Applied(applied) => {
                room.check(applied.entry.as_ref().map_or(0, Entry::reply_bytes))?;
                Ok(applied.clone())
            }
            Reply::Transacted(_) | Reply::RangeDeleted(_) => Err(Error::RequestIdReused),
        },
        Begun::First(ticket) => {
            let (applied, rest) = apply(memory, once, ticket, mutation, room);
            memory.settled(rest).await?;
            applied
        }
    }
}

/// What became of the request before, which is durable by now.
async fn begin<'a, C: Clock>(
    memory: &'a Memory<C>,
    once: Once<'a>,
) -> Result<Begun<'a, Mutex<Window>>, Error> {
    let begun = memory.requests.begin(once, &memory.clock).await;
    if !matches!(begun, Ok(Begun::First(_))) {
        memory.settled(memory.barrier()).await?;
    }
    begun
}

fn apply<C: Clock>(
    memory: &Memory<C>,
    once: Once<'_>,
    ticket: Ticket<'_, Mutex<Window>>,
    mutation: Mutation<'_>,
    room: Room,
) -> (Result<Applied, Error>, Sequence) {
    let request = Request::new(mutation, memory.hash(mutation.key));
    let (mut ticket, mut kept) = (Some(ticket), None);
    let done = with_room(memory, &request, |shard, context| {
        let note = Note {
            once,
            at: context.now,
        };
        let applied = shard.apply_noted(&request, room, context, Some(note))?;
        // Before the shard is let go: see `requests`.
        kept = ticket.take().map(|ticket| {
            let reply = Reply::Applied(applied.clone());
            ticket.keep(reply, context.now, &memory.account)
        });
        Ok(applied)
    });
    if let Some(after) = kept {
        after.run();
    }
    done
}

/// See [`crate::engine::Engine::transact_once`].
pub(super) async fn transact<C: Clock>(
    memory: &Memory<C>,
    once: Once<'_>,
    transaction: Transaction<'_>,
    reply_bytes_max: usize,
) -> Result<Transacted, TransactionError> {
    let begun = begin(memory, once).await;
    match begun.map_err(TransactionError::Whole)? {
        Begun::Repeat(reply) => match &*reply {
            Reply::Transacted(transacted) => Ok(transacted.clone()),
            Reply::Applied(_) | Reply::RangeDeleted(_) => {
                Err(TransactionError::Whole(Error::RequestIdReused))
            }
        },
        Begun::First(ticket) => {
            let ticket = Some((once, ticket));
            let (transacted, rest) = transact::run(memory, transaction, reply_bytes_max, ticket);
            let settled = memory.settled(rest).await;
            settled.map_err(TransactionError::Whole)?;
            transacted
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
    match begin(memory, once).await? {
        Begun::Repeat(reply) => match &*reply {
            Reply::RangeDeleted(deleted) => Ok(*deleted),
            Reply::Applied(_) | Reply::Transacted(_) => Err(Error::RequestIdReused),
        },
        Begun::First(ticket) => {
            let deleted = delete_range::run(memory, range, entries_max).await?;
            let at = memory.clock.now();
            let reply = Reply::RangeDeleted(deleted);
            // Remembered first: a snapshot that does not have it then began
            // before the journal was told.
            ticket.keep(reply.clone(), at, &memory.account).run();
            if let Some(journal) = &memory.journal {
                let note = Note { once, at };
                let demand = Demand {
                    changes: 1,
                    bytes: note.bytes_max(0),
                    grows: false,
                };
                // What was removed is not to be refused any more.
                loop {
                    let refusal = match journal.turn(at, demand) {
                        Ok(mut turn) => break note.enter(&mut turn, &reply),
                        Err(refusal) => refusal,
                    };
                    if let Refusal::Failed(failure) = refusal {
                        return Err(failed(&failure));
                    }
                    memory.settled(memory.barrier()).await?;
                    let later = memory.clock.now().plus(NOTE_PAUSE_MS);
                    memory.clock.sleep_until(later).await;
                }
            }
            memory.settled(memory.barrier()).await?;
            Ok(deleted)
        }
    }
}
