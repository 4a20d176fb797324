//! The sweeper: sees to it that the memory of what has expired is back within
//! about a second, or has come to be less than that of what is there.

use crate::{
    engine::memory::{Memory, lock::MutexGuard, room::relieve},
    model::clock::Clock,
};

/// How long it rests between two rounds over all shards.
const REST_MS: u64 = 100;

/// Never returns.
pub(super) async fn run<C: Clock>(memory: &Memory<C>) {
    loop {
        round(memory).await;
        memory
            .clock
            .sleep_until(memory.clock.now().plus(REST_MS))
            .await;
    }
}

/// Removes everything that has expired by now.
async fn round<C: Clock>(memory: &Memory<C>) {
    for number in 0..memory.shards.len() {
        while !step(memory, number) {
            others_first().await;
        }
    }
    while !memory.requests.trim(memory.clock.now(), &memory.account) {
        others_first().await;
    }
}

/// Between two steps those on this thread come first, and those on this core: a
/// million entries that expire together are the work of a second, and a thread
/// that answers calls would else wait for whole slices of the system's.
async fn others_first() {
    std::thread::yield_now();
    tokio::task::yield_now().await;
}

/// One step on one shard; whether that was the last for now.
pub(super) fn step<C: Clock>(memory: &Memory<C>, number: usize) -> bool {
    let Some(mut shard) = memory.lock(number) else {
        return true;
    };
    let is_done = shard.sweep(memory.context());
    shard.settle(&memory.account);
    let gone = shard.take_gone();
    // Whoever waits for the lock gets it, before the next step does.
    MutexGuard::unlock_fair(shard);
    drop(gone);
    // As deadlines come nearer, the wheel takes up memory before it gives any
    // back.
    relieve(memory, &[]);
    is_done
}
