//! Many operations in one call.
//!
//! A dependent read of memory far away costs ten times an independent one. So
//! operations are taken in windows: their shards are locked, what they will
//! look at is touched, and then they are carried out, in their order.

use std::hint::black_box;

use smallvec::SmallVec;

use crate::{
    engine::memory::{
        Memory,
        lock::MutexGuard,
        shard::{Context, Request, Room, Shard},
    },
    model::{
        clock::Clock,
        entry::{Entry, reply_bytes},
        error::Error,
        operation::{Operation, Outcome},
        value::Value,
    },
};

/// How many operations are under way at a time, and so how many shards may be
/// locked at a time.
const WINDOW: usize = 16;

type Guards<'a> = SmallVec<[(usize, MutexGuard<'a, Shard>); WINDOW]>;
type Tasks<'a> = SmallVec<[Task<'a>; WINDOW]>;

/// An operation on its way.
enum Task<'a> {
    Read(crate::model::operation::Read<'a>, u64),
    Mutate(Request<'a>),
}

impl Task<'_> {
    const fn hash(&self) -> u64 {
        match self {
            Self::Read(_, hash) => *hash,
            Self::Mutate(request) => request.hash,
        }
    }
}

/// Carries out `operations` in order. See [`crate::engine::Engine::batch`].
pub(super) fn run<C: Clock>(
    memory: &Memory<C>,
    operations: &[Operation<'_>],
    reply_bytes_max: usize,
) -> Vec<Result<Outcome, Error>> {
    let mut answers = Vec::with_capacity(operations.len());
    let mut room = Room {
        bytes: reply_bytes_max,
        reply_bytes_max,
    };
    for window in operations.chunks(WINDOW) {
        let tasks: Tasks<'_> = window
            .iter()
            .map(|operation| task(memory, operation))
            .collect();
        let mut guards = lock(memory, &tasks);
        touch(memory, &guards, &tasks);
        let context = memory.context();
        for task in tasks {
            let number = memory.shard_of(task.hash());
            let Some((_, shard)) = guards.iter_mut().find(|(there, _)| *there == number) else {
                continue;
            };
            let answer = carry_out(shard, task, room, context);
            if let Ok(Outcome::Read(Some(entry))) = &answer {
                room.bytes = room.bytes.saturating_sub(entry_bytes(entry));
            }
            if let Ok(Outcome::Applied(applied)) = &answer
                && let Some(entry) = &applied.entry
            {
                room.bytes = room.bytes.saturating_sub(entry_bytes(entry));
            }
            answers.push(answer);
        }
        let mut gone = Vec::new();
        for (_, shard) in &mut guards {
            shard.settle(context.account);
            gone.append(&mut shard.take_gone());
        }
        drop(guards);
        drop(gone);
    }
    answers
}

fn task<'a, C: Clock>(memory: &Memory<C>, operation: &Operation<'a>) -> Task<'a> {
    let hash = memory.hash(operation.key());
    match operation {
        Operation::Read(read) => Task::Read(*read, hash),
        Operation::Mutate(mutation) => Task::Mutate(Request::new(*mutation, hash)),
    }
}

/// Locks the shards of a window in ascending order, so that two batches never
/// wait for each other.
fn lock<'a, C: Clock>(memory: &'a Memory<C>, tasks: &[Task<'_>]) -> Guards<'a> {
    let mut numbers: SmallVec<[usize; WINDOW]> = tasks
        .iter()
        .map(|task| memory.shard_of(task.hash()))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
        .into_iter()
        .filter_map(|number| Some((number, memory.lock(number)?)))
        .collect()
}

/// Reads what the tasks will look at: first all places in the tables, then all
/// entries, so that the reads of each round do not wait for each other.
fn touch<C: Clock>(memory: &Memory<C>, guards: &Guards<'_>, tasks: &[Task<'_>]) {
    let found: SmallVec<[_; WINDOW]> = tasks
        .iter()
        .filter_map(|task| {
            let number = memory.shard_of(task.hash());
            let (_, shard) = guards.iter().find(|(there, _)| *there == number)?;
            Some((shard, shard.guess(task.hash())))
        })
        .collect();
    for (shard, guess) in found {
        black_box(shard.touch(guess));
    }
}

fn carry_out(
    shard: &mut Shard,
    task: Task<'_>,
    room: Room,
    context: Context<'_>,
) -> Result<Outcome, Error> {
    match task {
        Task::Read(read, hash) => shard.get(read, hash, context.now, room).map(Outcome::Read),
        Task::Mutate(request) => shard.apply(request, room, context).map(Outcome::Applied),
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    reply_bytes(entry.key().len(), entry.value().map_or(0, Value::len))
}
