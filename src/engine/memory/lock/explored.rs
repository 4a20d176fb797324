//! The lock as tests have it: while shuttle explores, its threads switch
//! wherever one is taken.

use std::cell::Cell;

use parking_lot::MutexGuard;
use shuttle::{check_pct, check_random, thread};

/// Orders that are tried, each in two ways of choosing them.
const EXECUTIONS: usize = 500;

thread_local! {
    /// Shuttle's threads are all this one.
    static EXPLORING: Cell<bool> = const { Cell::new(false) };
}

/// As that of `parking_lot`.
#[derive(Debug, Default)]
pub(in crate::engine::memory) struct Mutex<T>(parking_lot::Mutex<T>);

impl<T> Mutex<T> {
    pub(in crate::engine::memory) const fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    pub(in crate::engine::memory) fn lock(&self) -> MutexGuard<'_, T> {
        if !EXPLORING.get() {
            return self.0.lock();
        }
        // Who waits for ever runs into shuttle's bound on steps.
        loop {
            thread::yield_now();
            if let Some(guard) = self.0.try_lock() {
                return guard;
            }
        }
    }
}

/// Where other threads may come in between, beside the locks.
pub(in crate::engine::memory) fn others_may_come() {
    if EXPLORING.get() {
        thread::yield_now();
    }
}

/// Runs it in many orders. A failure prints what replays it.
pub(in crate::engine::memory) fn explore(run: impl Fn() + Send + Sync + Copy + 'static) {
    struct Explored;
    impl Drop for Explored {
        fn drop(&mut self) {
            EXPLORING.set(false);
        }
    }
    EXPLORING.set(true);
    let _explored = Explored;
    check_random(run, EXECUTIONS);
    check_pct(run, EXECUTIONS, 3);
}
