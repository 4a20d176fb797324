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
        guards::Guards,
        shard::{Context, Request, Room, Shard},
    },
    model::{
        clock::Clock,
        error::Error,
        operation::{Operation, Outcome},
    },
};

/// How many operations are under way at a time, and so how many shards may be
/// locked at a time.
const WINDOW: usize = 16;

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
        let mut guards = Guards::lock(memory, tasks.iter().map(Task::hash));
        touch(memory, &guards, &tasks);
        let context = memory.context();
        for task in tasks {
            let number = memory.shard_of(task.hash());
            let Some(shard) = guards.get_mut(number) else {
                continue;
            };
            let answer = carry_out(shard, task, room, context);
            if let Ok(Outcome::Read(Some(entry))) = &answer {
                room.bytes = room.bytes.saturating_sub(entry.reply_bytes());
            }
            if let Ok(Outcome::Applied(applied)) = &answer
                && let Some(entry) = &applied.entry
            {
                room.bytes = room.bytes.saturating_sub(entry.reply_bytes());
            }
            answers.push(answer);
        }
        guards.release(context.account);
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

/// Reads what the tasks will look at: first all places in the tables, then all
/// entries, so that the reads of each round do not wait for each other.
fn touch<C: Clock>(memory: &Memory<C>, guards: &Guards<'_>, tasks: &[Task<'_>]) {
    let found: SmallVec<[_; WINDOW]> = tasks
        .iter()
        .filter_map(|task| {
            let number = memory.shard_of(task.hash());
            let shard = guards.get(number)?;
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
