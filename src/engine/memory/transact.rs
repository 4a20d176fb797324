//! Operations on several keys, all together or not at all.
//!
//! All shards that are looked at are locked, in ascending order, so that other
//! shards go on and two transactions never wait for each other. Then everything
//! that can be refused is decided, and memory is admitted for the whole, before
//! the first change: from there on nothing can fail.

use std::collections::BTreeMap;

use crate::{
    engine::memory::{
        Memory,
        account::Growth,
        guards::Guards,
        shard::{Context, Decision, Demand, Place, Request, Room},
    },
    model::{
        clock::Clock,
        entry::Entry,
        error::Error,
        operation::{Operation, Outcome, Read},
        transaction::{Transacted, Transaction, TransactionError},
        version::Version,
    },
};

/// An operation on its way, in a shard by number.
struct Step<'a> {
    shard: usize,
    task: Task<'a>,
    /// The entry that the answer shall hold.
    entry: Option<Entry>,
}

enum Task<'a> {
    Read(Read<'a>, u64),
    Change {
        request: Request<'a>,
        decision: Option<Decision<'a>>,
        place: Place,
    },
}

/// Carries it out. See [`crate::engine::Engine::transact`].
pub(super) fn run<C: Clock>(
    memory: &Memory<C>,
    transaction: Transaction<'_>,
    reply_bytes_max: usize,
) -> Result<Transacted, TransactionError> {
    // Hashed, and large values copied, before any lock is taken.
    let operations = transaction.operations().iter();
    let mut steps: Vec<_> = operations
        .map(|operation| step(memory, operation))
        .collect();
    let hash_of = |key| memory.hash(key);
    let checked: Vec<_> = transaction
        .checks()
        .iter()
        .map(|check| hash_of(check.key))
        .collect();
    let hashes = steps.iter().map(Step::hash).chain(checked.iter().copied());
    let mut guards = Guards::lock(memory, hashes);
    let context = memory.context();

    let refused = decide(&guards, &mut steps, context)?;
    for ((index, check), hash) in transaction.checks().iter().enumerate().zip(checked) {
        if let Some(shard) = guards.get(memory.shard_of(hash)) {
            let checked = shard.check_condition(*check, hash, context.now);
            checked.map_err(|error| TransactionError::Check { index, error })?;
        }
    }
    answer(&guards, &mut steps, refused, reply_bytes_max, context)?;
    place(&guards, &mut steps, context)?;

    let transacted = apply(&mut guards, steps, context);
    guards.release(context.account);
    Ok(transacted)
}

fn step<'a, C: Clock>(memory: &Memory<C>, operation: &Operation<'a>) -> Step<'a> {
    let hash = memory.hash(operation.key());
    let task = match operation {
        Operation::Read(read) => Task::Read(*read, hash),
        Operation::Mutate(mutation) => Task::Change {
            request: Request::new(*mutation, hash),
            decision: None,
            place: Place::default(),
        },
    };
    Step {
        shard: memory.shard_of(hash),
        task,
        entry: None,
    }
}

impl Step<'_> {
    const fn hash(&self) -> u64 {
        match &self.task {
            Task::Read(_, hash) => *hash,
            Task::Change { request, .. } => request.hash,
        }
    }
}

/// Decides all changes. The first that what is stored refuses is given back,
/// since checks come before it.
///
/// # Errors
/// The first change that can never be right.
fn decide(
    guards: &Guards<'_>,
    steps: &mut [Step<'_>],
    context: Context<'_>,
) -> Result<Option<(usize, Error)>, TransactionError> {
    let mut first = None;
    for (index, step) in steps.iter_mut().enumerate() {
        let Some(shard) = guards.get(step.shard) else {
            continue;
        };
        let Task::Change {
            request, decision, ..
        } = &mut step.task
        else {
            continue;
        };
        match shard.decide(request, context) {
            Ok(decided) => *decision = Some(decided),
            Err(error @ Error::Invalid(_)) => {
                return Err(TransactionError::Operation { index, error });
            }
            Err(error) => first = first.or(Some((index, error))),
        }
    }
    Ok(first)
}

/// Reads what the answers shall hold, all of it before the first change.
///
/// # Errors
/// The first operation that is refused, or whose answer is too large.
fn answer(
    guards: &Guards<'_>,
    steps: &mut [Step<'_>],
    mut refused: Option<(usize, Error)>,
    reply_bytes_max: usize,
    context: Context<'_>,
) -> Result<(), TransactionError> {
    let mut room = Room {
        bytes: reply_bytes_max,
        reply_bytes_max,
    };
    for (index, step) in steps.iter_mut().enumerate() {
        if let Some((index, error)) = refused.take_if(|(refused, _)| *refused == index) {
            return Err(TransactionError::Operation { index, error });
        }
        let Some(shard) = guards.get(step.shard) else {
            continue;
        };
        let entry = match &step.task {
            Task::Read(read, hash) => shard.get(*read, *hash, context.now, room),
            Task::Change {
                request,
                decision: Some(decision),
                ..
            } => shard.answer(&request.mutation, *decision, room),
            Task::Change { decision: None, .. } => Ok(None),
        };
        step.entry = entry.map_err(|error| TransactionError::Operation { index, error })?;
        let bytes = step.entry.as_ref().map_or(0, Entry::reply_bytes);
        room.bytes = room.bytes.saturating_sub(bytes);
    }
    Ok(())
}

/// Finds where each record will stand, and has memory admitted for all of them.
///
/// # Errors
/// [`Error::MemoryFull`].
fn place(
    guards: &Guards<'_>,
    steps: &mut [Step<'_>],
    context: Context<'_>,
) -> Result<(), TransactionError> {
    for is_tight in [false, true] {
        if let Some(growth) = lay_out(guards, steps, is_tight)
            && context.account.admits_all(growth)
        {
            return Ok(());
        }
    }
    Err(TransactionError::Whole(Error::MemoryFull {
        memory_max: context.account.memory_max(),
    }))
}

/// What it all takes up and frees; `None`: a shard has no numbers left.
fn lay_out(guards: &Guards<'_>, steps: &mut [Step<'_>], is_tight: bool) -> Option<Growth> {
    let mut demands = BTreeMap::<usize, Demand>::new();
    for step in steps {
        let Task::Change {
            request,
            decision: Some(decision),
            place,
        } = &mut step.task
        else {
            continue;
        };
        if let Some(shard) = guards.get(step.shard) {
            let demand = demands.entry(step.shard).or_default();
            *place = demand.add(shard, request, *decision, is_tight);
        }
    }
    let mut growth = Growth::default();
    for (number, demand) in demands {
        growth += demand.growth(guards.get(number)?)?;
    }
    Some(growth)
}

/// Makes all changes: first what has expired makes way, then they follow in
/// their order, at versions without a gap.
fn apply(guards: &mut Guards<'_>, mut steps: Vec<Step<'_>>, context: Context<'_>) -> Transacted {
    let decisions = steps.iter().filter_map(|step| match &step.task {
        Task::Change { decision, .. } => decision.as_ref(),
        Task::Read(..) => None,
    });
    let count = decisions.map(Decision::versions).sum();
    let mut versions = context.versions.take_run(count);
    let mut last = None;
    // As many as were counted: what is decided does not change any more.
    let mut next = || {
        last = versions.next().or(last);
        last.unwrap_or(Version::FIRST)
    };
    for step in &mut steps {
        if let (Task::Change { decision, .. }, Some(shard)) =
            (&mut step.task, guards.get_mut(step.shard))
            && let Some(decision) = decision
        {
            shard.make_way(decision, &mut next);
        }
    }
    let mut outcomes = Vec::with_capacity(steps.len());
    for Step { shard, task, entry } in steps {
        let outcome = match (task, guards.get_mut(shard)) {
            (
                Task::Change {
                    request,
                    decision: Some(decision),
                    place,
                },
                Some(shard),
            ) => Outcome::Applied(shard.carry_out(request, decision, place, entry, &mut next)),
            _ => Outcome::Read(entry),
        };
        outcomes.push(outcome);
    }
    Transacted {
        outcomes,
        version: last,
    }
}
