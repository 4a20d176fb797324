//! Operations on several keys, all together or not at all.
//!
//! All shards that are looked at are locked, in ascending order, so that other
//! shards go on and two transactions never wait for each other. Then everything
//! that can be refused is decided, and memory is admitted for the whole, before
//! the first change: from there on nothing can fail.

use std::collections::BTreeMap;

use crate::{
    engine::{
        journal::{self, Sequence},
        memory::{
            Memory,
            account::Growth,
            guards::Guards,
            lock::Mutex,
            refusals::refused,
            requests::{Note, Reply, Ticket, Window},
            room::{Kept, Maker, is_short, relieve},
            shard::{Context, Decision, Demand, Place, Request, Room, outcome},
            versions::Run,
        },
    },
    model::{
        clock::Clock,
        entry::Entry,
        error::Error,
        once::Once,
        operation::{Operation, Outcome, Read},
        transaction::{Check, Transacted, Transaction, TransactionError},
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

/// Carries it out, and says what the answer rests on. See
/// [`crate::engine::Engine::transact`].
pub(super) fn run<C: Clock>(
    memory: &Memory<C>,
    transaction: Transaction<'_>,
    reply_bytes_max: usize,
    ticket: Option<(Once<'_>, Ticket<'_, Mutex<Window>>)>,
) -> (Result<Transacted, TransactionError>, Sequence) {
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
    let hashes: Vec<_> = hashes.collect();
    let mut maker = None::<Maker<'_, C>>;
    let (mut guards, context, decided) = loop {
        let mut guards = Guards::lock(memory, hashes.iter().copied());
        let context = Context {
            claimed: maker.as_ref().map_or(0, Maker::claimed),
            ..memory.context()
        };
        let checks = transaction.checks().iter().copied();
        let decided = decide_all(
            memory,
            &mut guards,
            &mut steps,
            checks.zip(checked.iter().copied()),
            reply_bytes_max,
            context,
        );
        let Some(needs) = needs(memory, &guards, &mut steps, &decided) else {
            break (guards, context, decided);
        };
        let rest = guards.rest();
        guards.release(context.account);
        let maker = maker.get_or_insert_with(|| Maker::new(memory));
        let first = hashes.first().map(|hash| memory.shard_of(*hash));
        if let Err(error) = maker.make(needs, first, &kept_of(transaction, &hashes)) {
            memory.count_if_full(Some(&error));
            return (Err(TransactionError::Whole(error)), rest);
        }
    };
    let note = ticket.as_ref().map(|(once, _)| Note {
        once: *once,
        at: context.now,
    });
    let entered = decided.and_then(|()| enter(&mut guards, &mut steps, note, context));
    let (done, kept) = match entered {
        Ok((versions, transacted)) => {
            apply(&mut guards, steps, versions);
            // Before the shards are let go: see `requests`.
            let kept = ticket.map(|(_, ticket)| {
                let reply = Reply::Transacted(transacted.clone());
                ticket.keep(reply, context.now, context.account)
            });
            (Ok(transacted), Ok(kept))
        }
        Err(error) => {
            if let TransactionError::Whole(error) = &error {
                memory.count_if_full(Some(error));
            }
            (Err(error), Err(ticket))
        }
    };
    let rest = guards.rest();
    guards.release(context.account);
    drop(maker);
    relieve(memory, &kept_of(transaction, &hashes));
    if let Ok(Some(after)) = kept {
        after.run();
    }
    (done, rest)
}

/// All keys that it names, with their hashes in the same order.
fn kept_of<'a>(transaction: Transaction<'a>, hashes: &[u64]) -> Vec<Kept<'a>> {
    let operations = transaction.operations().iter().map(Operation::key);
    let checks = transaction.checks().iter().map(|check| check.key);
    operations
        .chain(checks)
        .zip(hashes.iter().copied())
        .collect()
}

/// How many bytes must be free for what was refused only because nobody has made
/// room for it; `None`: it was not.
fn needs<C: Clock>(
    memory: &Memory<C>,
    guards: &Guards<'_>,
    steps: &mut [Step<'_>],
    decided: &Result<(), TransactionError>,
) -> Option<usize> {
    match decided {
        Err(TransactionError::Whole(error)) if is_short(Some(error)) => {
            let growth = lay_out(guards, steps, true)?;
            Some(memory.account.needs(growth))
        }
        _ => None,
    }
}

/// Decides everything, up to where each record will stand.
///
/// # Errors
/// What [`crate::engine::Engine::transact`] says, but for what the journal
/// refuses.
fn decide_all<'a, C: Clock>(
    memory: &Memory<C>,
    guards: &mut Guards<'_>,
    steps: &mut [Step<'_>],
    checks: impl Iterator<Item = (Check<'a>, u64)>,
    reply_bytes_max: usize,
    context: Context<'_>,
) -> Result<(), TransactionError> {
    let refused = decide(guards, steps, context)?;
    for (index, (check, hash)) in checks.enumerate() {
        if let Some(shard) = guards.get(memory.shard_of(hash)) {
            let checked = shard.check_condition(check, hash, context.now);
            checked.map_err(|error| TransactionError::Check { index, error })?;
        }
    }
    answer(guards, steps, refused, reply_bytes_max, context)?;
    place(guards, steps, context)
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
    guards: &mut Guards<'_>,
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
        let Some(shard) = guards.get_mut(step.shard) else {
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
            && context.account.admits_all(growth, context.claimed)
        {
            return Ok(());
        }
    }
    Err(TransactionError::Whole(context.full()))
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

/// Takes the versions of all changes, and tells the journal, if there is one:
/// first what has expired makes way, then they follow in their order, at
/// versions without a gap.
///
/// # Errors
/// What the journal refuses.
fn enter(
    guards: &mut Guards<'_>,
    steps: &mut [Step<'_>],
    note: Option<Note<'_>>,
    context: Context<'_>,
) -> Result<(Run, Transacted), TransactionError> {
    let count = changes(steps)
        .map(|(.., decision)| decision.versions())
        .sum();
    let Some(journal) = context.journal else {
        let versions = context.versions.take_run(count);
        let transacted = outcomes(steps, versions.clone());
        return Ok((versions, transacted));
    };
    let demand = demand(steps, note);
    if demand.changes == 0 {
        return Ok((Run::NONE, outcomes(steps, Run::NONE)));
    }
    let turn = journal.turn(context.now, demand).map_err(refused);
    let mut turn = turn.map_err(TransactionError::Whole)?;
    let versions = context.versions.take_run(count);
    let mut given = versions.clone();
    for (number, _, decision) in changes(steps) {
        if let Some(shard) = guards.get_mut(number) {
            shard.enter_way(&mut turn, decision, &mut given);
        }
    }
    for (number, request, decision) in changes(steps) {
        if let Some(shard) = guards.get_mut(number) {
            shard.enter_change(&mut turn, request, decision, &mut given);
        }
    }
    let transacted = outcomes(steps, versions.clone());
    if let Some(note) = note {
        note.enter(&mut turn, &Reply::Transacted(transacted.clone()));
    }
    guards.entered(turn.sequence());
    Ok((versions, transacted))
}

/// All changes, each with the number of its shard.
fn changes<'a, 's>(
    steps: &'s [Step<'a>],
) -> impl Iterator<Item = (usize, &'s Request<'a>, &'s Decision<'a>)> {
    steps.iter().filter_map(|step| match &step.task {
        Task::Change {
            request,
            decision: Some(decision),
            ..
        } => Some((step.shard, request, decision)),
        Task::Change { decision: None, .. } | Task::Read(..) => None,
    })
}

/// What the journal is told of all changes together.
fn demand(steps: &[Step<'_>], note: Option<Note<'_>>) -> journal::Demand {
    let mut all = journal::Demand {
        changes: 0,
        bytes: 0,
        grows: false,
    };
    for (_, request, decision) in changes(steps) {
        let one = decision.demand(request.mutation.key);
        all.changes += one.changes;
        all.bytes += one.bytes;
        all.grows |= one.grows;
    }
    if let Some(note) = note {
        let entries = steps.iter().filter_map(|step| step.entry.as_ref());
        let entries: usize = entries.map(Entry::reply_bytes).sum();
        all.changes += 1;
        all.bytes += note.bytes_max(entries + steps.len() * size_of::<Outcome>());
    }
    all
}

/// What is answered, where the changes take these versions.
fn outcomes(steps: &mut [Step<'_>], mut versions: Run) -> Transacted {
    let last = versions.last();
    for (.., decision) in changes(steps) {
        if decision.versions() > 1 {
            versions.give();
        }
    }
    let mut outcomes = Vec::with_capacity(steps.len());
    for Step { task, entry, .. } in steps {
        let entry = entry.take();
        outcomes.push(match task {
            Task::Change {
                request,
                decision: Some(decision),
                ..
            } => {
                let version = (decision.versions() > 0).then(|| versions.give());
                Outcome::Applied(outcome(&request.mutation, decision, version, entry))
            }
            Task::Change { decision: None, .. } | Task::Read(..) => Outcome::Read(entry),
        });
    }
    Transacted {
        outcomes,
        version: last,
    }
}

/// Makes all changes, as they were entered.
fn apply(guards: &mut Guards<'_>, mut steps: Vec<Step<'_>>, mut versions: Run) {
    for step in &mut steps {
        if let (Task::Change { decision, .. }, Some(shard)) =
            (&mut step.task, guards.get_mut(step.shard))
            && let Some(decision) = decision
        {
            shard.make_way(decision, &mut versions);
        }
    }
    for Step { shard, task, .. } in steps {
        if let (
            Task::Change {
                request,
                decision: Some(decision),
                place,
            },
            Some(shard),
        ) = (task, guards.get_mut(shard))
        {
            shard.carry_out(&request, decision, place, &mut versions);
        }
    }
}
