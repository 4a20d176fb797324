//! Many operations in one call.
//!
//! A dependent read of memory far away costs ten times an independent one. So
//! operations are taken in windows: their shards are locked, what they will
//! look at is touched, and then they are carried out, in their order.

use std::hint::black_box;

use smallvec::SmallVec;

use crate::{
    engine::{
        journal::Sequence,
        memory::{
            Memory,
            guards::Guards,
            room::{is_short, relieve, with_room},
            shard::{Context, Request, Room, Shard},
        },
    },
    model::{
        clock::Clock,
        entry::{Entry, EntrySeen},
        error::Error,
        operation::{Applied, Operation, Outcome, Read, Seen},
    },
};

/// How many operations are under way at a time, and so how many shards may be
/// locked at a time.
const WINDOW: usize = 16;

type Tasks<'a> = SmallVec<[Task<'a>; WINDOW]>;

/// An operation on its way.
enum Task<'a> {
    Read(Read<'a>, u64),
    Mutate(Request<'a>),
}

/// What is to be answered in its turn.
enum Turn<'a> {
    /// What is there, read from the shard, by its hash.
    Read(&'a mut Shard, Read<'a>, u64),
    /// What became of a change.
    Applied(Result<Applied, Error>),
}

impl Task<'_> {
    const fn hash(&self) -> u64 {
        match self {
            Self::Read(_, hash) => *hash,
            Self::Mutate(request) => request.hash,
        }
    }
}

/// Carries out `operations` in order, and says what the answers rest on. See
/// [`crate::engine::Engine::batch`].
pub(super) fn run<C: Clock>(
    memory: &Memory<C>,
    operations: &[Operation<'_>],
    reply_bytes_max: usize,
) -> (Vec<Result<Outcome, Error>>, Sequence) {
    let mut answers = Vec::with_capacity(operations.len());
    let rest = each(
        memory,
        operations,
        reply_bytes_max,
        |turn, room, context| {
            let answer = match turn {
                Turn::Read(shard, read, hash) => {
                    let found = shard.get(read, hash, context.now, room);
                    found.map(Outcome::Read)
                }
                Turn::Applied(applied) => applied.map(Outcome::Applied),
            };
            let bytes = answer.as_ref().map_or(0, Outcome::reply_bytes);
            answers.push(answer);
            bytes
        },
    );
    (answers, rest)
}

/// The same, without copies. See [`crate::engine::Engine::batch_seen`].
pub(super) fn see<C: Clock>(
    memory: &Memory<C>,
    operations: &[Operation<'_>],
    reply_bytes_max: usize,
    mut see: impl FnMut(Result<Seen<'_>, Error>),
) -> Sequence {
    each(
        memory,
        operations,
        reply_bytes_max,
        |turn, room, context| match turn {
            Turn::Read(shard, read, hash) => match shard.see(read, hash, context.now, room) {
                Ok(found) => {
                    let bytes = found.as_ref().map_or(0, EntrySeen::reply_bytes);
                    see(Ok(Seen::Read(found)));
                    bytes
                }
                Err(error) => {
                    see(Err(error));
                    0
                }
            },
            Turn::Applied(applied) => {
                let entry = applied.as_ref().ok().and_then(|it| it.entry.as_ref());
                let bytes = entry.map_or(0, Entry::reply_bytes);
                see(applied.map(Seen::Applied));
                bytes
            }
        },
    )
}

/// Carries out each operation in its turn, and lets `answer` have what is to be
/// answered; it gives the bytes of the entry in the answer. What all answers
/// rest on.
fn each<C: Clock>(
    memory: &Memory<C>,
    operations: &[Operation<'_>],
    reply_bytes_max: usize,
    mut answer: impl FnMut(Turn<'_>, Room, Context<'_>) -> usize,
) -> Sequence {
    let mut rest = Sequence::default();
    let mut room = Room {
        bytes: reply_bytes_max,
        reply_bytes_max,
    };
    for window in operations.chunks(WINDOW) {
        let tasks: Tasks<'_> = window
            .iter()
            .map(|operation| task(memory, operation))
            .collect();
        let lock = || Guards::lock(memory, tasks.iter().map(Task::hash));
        let mut guards = lock();
        touch(memory, &guards, &tasks);
        let mut context = memory.context();
        for task in &tasks {
            let number = memory.shard_of(task.hash());
            let Some(shard) = guards.get_mut(number) else {
                continue;
            };
            let (bytes, rests) = match task {
                Task::Read(read, hash) => {
                    let rests = context
                        .journal
                        .map(|journal| shard.rest_of(read.key, *hash, journal));
                    (
                        answer(Turn::Read(shard, *read, *hash), room, context),
                        rests,
                    )
                }
                Task::Mutate(request) => {
                    let mut applied = shard.apply(request, room, context);
                    let mut rests = shard.rest();
                    shard.settle(context.account);
                    if is_short(applied.as_ref().err()) {
                        // Others make room only while nothing is locked here.
                        guards.release(context.account);
                        let work = |shard: &mut Shard, context: Context<'_>| {
                            shard.apply(request, room, context)
                        };
                        (applied, rests) = with_room(memory, request, work);
                        guards = lock();
                        context = memory.context();
                    }
                    (answer(Turn::Applied(applied), room, context), Some(rests))
                }
            };
            room.bytes = room.bytes.saturating_sub(bytes);
            rest = rest.max(rests.unwrap_or_default());
        }
        guards.release(context.account);
        if memory.account.evicts() {
            relieve(memory, &[]);
        }
    }
    rest
}

fn task<'a, C: Clock>(memory: &Memory<C>, operation: &Operation<'a>) -> Task<'a> {
    let hash = memory.hash(operation.key());
    match operation {
        Operation::Read(read) => Task::Read(*read, hash),
        Operation::Mutate(mutation) => Task::Mutate(Request::new(*mutation, hash)),
    }
}

/// Reads what the tasks will look at: first the tags in the tables, then what
/// stands at the places found, then the entries, so that the reads of each round
/// do not wait for each other. Rounds of few instructions: the processor looks
/// so far ahead and no further.
fn touch<C: Clock>(memory: &Memory<C>, guards: &Guards<'_>, tasks: &[Task<'_>]) {
    let found: SmallVec<[_; WINDOW]> = tasks
        .iter()
        .filter_map(|task| {
            let number = memory.shard_of(task.hash());
            let shard = guards.get(number)?;
            Some((shard, shard.guess(task.hash())))
        })
        .collect();
    let guesses: SmallVec<[_; WINDOW]> = found
        .into_iter()
        .map(|(shard, place)| (shard, place.copied()))
        .collect();
    for (shard, guess) in guesses {
        black_box(shard.touch(guess));
    }
}
