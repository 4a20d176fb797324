//! Making room for a change for which its own shard has none: entries go, where
//! that is the policy, and else stand closer together.
//!
//! One caller at a time does that, and holds no shard while it waits for its
//! turn: so nobody waits for each other. It says first how many bytes it will
//! take up, so that nobody else grows the store into what is given back for it;
//! then it has shard after shard give memory back, each locked for a short step
//! at a time, beginning with its own. Each page that comes is a lasting one, so
//! that most changes find a slot without any of this.

use std::{
    pin::pin,
    sync::Arc,
    task::{self, Poll, Wake},
    thread::{self, Thread},
};

use smallvec::SmallVec;

use crate::{
    engine::{
        journal::Sequence,
        memory::{
            Memory,
            lock::MutexGuard,
            shard::{Context, Given, Request, Shard},
            slab::Handle,
        },
    },
    model::{clock::Clock, error::Error, key::Key},
};

/// How often a change is tried when others take what was meant for it: slots
/// that were free, since bytes are set aside.
const ATTEMPTS: usize = 16;

/// How many steps of gathering one change may take, of at most 64 entries each:
/// some hundredths of a second. The next one goes on.
const GATHERS: usize = 1024;

/// Whose turn it is to give.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    next: usize,
}

/// One who makes room. When it is dropped, nothing is set aside any more.
pub(super) struct Maker<'a, C: Clock> {
    memory: &'a Memory<C>,
    rotation: MutexGuard<'a, Rotation>,
    claimed: u64,
    /// There was nothing left to make room for so many bytes.
    barren_at: Option<u64>,
    /// How many entries may still be removed, where that is the policy.
    entries_left: usize,
    /// How many steps of gathering may still be made, where it is not.
    gathers_left: usize,
    attempts_left: usize,
}

/// A key that a change is about, and its hash: not removed for it.
pub(super) type Kept<'a> = (Key<'a>, u64);

/// Does something with the shard of a request, and again when that found no
/// memory and others have made room. What the answer rests on.
pub(super) fn with_room<C: Clock, T>(
    memory: &Memory<C>,
    request: &Request<'_>,
    work: impl FnMut(&mut Shard, Context<'_>) -> Result<T, Error>,
) -> (Result<T, Error>, Sequence) {
    let (done, rest) = try_with_room(memory, request, work);
    memory.count_if_full(done.as_ref().err());
    (done, rest)
}

fn try_with_room<C: Clock, T>(
    memory: &Memory<C>,
    request: &Request<'_>,
    mut work: impl FnMut(&mut Shard, Context<'_>) -> Result<T, Error>,
) -> (Result<T, Error>, Sequence) {
    let number = memory.shard_of(request.hash);
    let kept = [(request.mutation.key, request.hash)];
    let mut maker = None::<Maker<'_, C>>;
    loop {
        let Some(mut shard) = memory.lock(number) else {
            return (Err(memory.context().full()), Sequence::default());
        };
        // The time after the lock, or others were answered at a later one.
        let context = Context {
            claimed: maker.as_ref().map_or(0, |maker| maker.claimed),
            ..memory.context()
        };
        let done = work(&mut shard, context);
        let needs = is_short(done.as_ref().err()).then(|| shard.needs(request, context));
        shard.settle(&memory.account);
        let (rest, gone) = (shard.rest(), shard.take_gone());
        drop(shard);
        drop(gone);
        let Some(needs) = needs else {
            drop(maker);
            relieve(memory, &kept);
            return (done, rest);
        };
        let maker = maker.get_or_insert_with(|| Maker::new(memory));
        if let Err(error) = maker.make(needs, Some(number), &kept) {
            return (Err(error), rest);
        }
    }
}

/// Makes room where indexes have grown over the limit.
pub(super) fn relieve<C: Clock>(memory: &Memory<C>, kept: &[Kept<'_>]) {
    if memory.account.evicts() && memory.account.is_over() {
        // Where nothing can be removed now, it can be later.
        let _ = Maker::new(memory).make(0, None, kept);
    }
}

/// Makes room where more was kept than may be held now, however many entries
/// that takes. Holds the thread meanwhile, which is one of its own.
///
/// # Errors
/// What the journal refuses, but for a moment.
pub(super) fn shrink<C: Clock>(memory: &Memory<C>) -> Result<(), Error> {
    while memory.account.evicts() && memory.account.is_over() {
        let mut maker = Maker::new(memory);
        maker.entries_left = usize::MAX;
        match maker.make(0, None, &[]) {
            Err(Error::JournalFull { .. }) => {
                drop(maker);
                wait(memory.settled(memory.barrier()))?;
            }
            made => {
                made?;
                // What is left cannot be removed.
                break;
            }
        }
    }
    Ok(())
}

/// Waits on this thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    loop {
        let polled = future.as_mut().poll(&mut task::Context::from_waker(&waker));
        if let Poll::Ready(output) = polled {
            return output;
        }
        thread::park();
    }
}

impl<C: Clock> Memory<C> {
    /// Counts a change, alone or in a list, that is refused for want of memory.
    pub(super) fn count_if_full(&self, error: Option<&Error>) {
        if is_short(error) {
            self.account.count_refused();
        }
    }
}

/// Whether something was refused only because nobody has made room for it.
pub(super) const fn is_short(error: Option<&Error>) -> bool {
    matches!(error, Some(Error::MemoryFull { .. }))
}

impl<'a, C: Clock> Maker<'a, C> {
    /// Waits for its turn. Whoever calls holds no shard.
    pub(super) fn new(memory: &'a Memory<C>) -> Self {
        Self {
            memory,
            rotation: memory.rotation.lock(),
            claimed: 0,
            barren_at: None,
            entries_left: memory.eviction_entries_max,
            gathers_left: GATHERS,
            attempts_left: ATTEMPTS,
        }
    }

    /// How many bytes are set aside for it.
    pub(super) const fn claimed(&self) -> u64 {
        self.claimed
    }

    /// Makes room for so many bytes, beginning with the shard `first`, or with
    /// the one whose turn it is. There may
    /// be less in the end: then the change may need less by now, since others
    /// have stored what it will replace, and is to be tried again.
    ///
    /// # Errors
    /// [`Error::MemoryFull`] when they will never fit, or less was too much
    /// already; and what the journal refuses.
    pub(super) fn make(
        &mut self,
        bytes: usize,
        first: Option<usize>,
        kept: &[Kept<'_>],
    ) -> Result<(), Error> {
        let memory = self.memory;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let is_vain = self.barren_at.is_some_and(|barren_at| barren_at <= bytes);
        if !memory.account.can_hold(bytes) || is_vain || self.attempts_left == 0 {
            return Err(memory.context().full());
        }
        self.attempts_left -= 1;
        if memory.account.evicts() {
            // Else others may have what they find without this.
            self.claimed = bytes;
            memory.account.claim(bytes);
        }
        let mut number = first.unwrap_or_else(|| self.next());
        let mut barren = 0;
        while !memory.account.has_room_for(bytes) {
            if barren > memory.shards.len() || self.entries_left == 0 || self.gathers_left == 0 {
                self.barren_at = Some(bytes);
                break;
            }
            match self.step(number, kept)? {
                Given::Nothing => barren = 0,
                Given::Bytes => {
                    barren = 0;
                    number = self.next();
                }
                Given::NothingLeft => {
                    barren += 1;
                    number = self.next();
                }
            }
        }
        Ok(())
    }

    fn next(&mut self) -> usize {
        self.rotation.next = (self.rotation.next + 1) & (self.memory.shards.len() - 1);
        self.rotation.next
    }

    /// # Errors
    /// What the journal refuses.
    fn step(&mut self, number: usize, kept: &[Kept<'_>]) -> Result<Given, Error> {
        let memory = self.memory;
        let Some(mut shard) = memory.lock(number) else {
            return Ok(Given::NothingLeft);
        };
        let here = kept
            .iter()
            .filter(|(_, hash)| memory.shard_of(*hash) == number);
        let mut keep: SmallVec<[Handle; 8]> = here
            .filter_map(|(key, hash)| shard.find(*key, *hash))
            .collect();
        keep.sort_unstable();
        let given = if memory.account.evicts() {
            shard.give(&keep, &mut self.entries_left, memory.context())
        } else {
            let given = shard.gather(&keep);
            self.gathers_left -= usize::from(given != Given::NothingLeft);
            Ok(given)
        };
        shard.settle(&memory.account);
        let gone = shard.take_gone();
        // Whoever waits for the lock gets it, before the next step does.
        MutexGuard::unlock_fair(shard);
        drop(gone);
        given
    }
}

impl<C: Clock> Drop for Maker<'_, C> {
    fn drop(&mut self) {
        self.memory.account.claim(0);
    }
}
