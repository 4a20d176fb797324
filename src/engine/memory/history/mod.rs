//! What was changed lately, for those who watch.
//!
//! While it is armed, each shard notes its changes under its own lock, and pays
//! one branch for that while it is not. The sequencer makes one history of
//! them: it loads the counter of versions, then takes from each shard in turn
//! what it has noted up to there. All of that is then complete, since a version
//! is taken under the lock of its shard. A watcher is a cursor into the history;
//! an index tells whom a change concerns.

mod buffer;
mod chunk;
mod config;
mod index;
mod interval;
pub(super) mod recorder;
pub(super) mod sequencer;
mod snapshot;
mod state;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use crate::engine::memory::history::{config::Config, watch::Watch};

pub(super) use crate::engine::memory::history::{
    interval::Interval, sequencer::run, state::Backlog, watch::watch,
};

use crate::{
    engine::memory::{
        Memory,
        history::{
            recorder::Signal,
            sequencer::Sequencer,
            state::{Room, State},
        },
        lock::{Mutex, MutexGuard},
    },
    model::{clock::Clock, version::Version},
};

/// The history of a store. Locks are taken in this order: the sequencer's, the
/// state's, that of a shard.
#[derive(Debug)]
pub(super) struct History {
    config: Config,
    signal: Arc<Signal>,
    sequencer: Mutex<Sequencer>,
    state: Mutex<State>,
}

impl History {
    /// Not armed, in a store whose last version is `version`.
    pub(super) fn new(config: Config, memory_max: u64, version: Version) -> Self {
        let bytes_max = config.bytes_max.min(bytes(memory_max));
        Self {
            config,
            signal: Arc::new(Signal::new(bytes_max / PENDING_SHARE)),
            sequencer: Mutex::new(Sequencer::default()),
            state: Mutex::new(State::new(version)),
        }
    }

    /// The store goes on after `version`: what was before is not kept.
    pub(super) fn begin(&self, version: Version) {
        let mut state = self.state.lock();
        *state = State::new(version);
    }

    /// Where shards say that there is something to gather.
    pub(super) fn signal(&self) -> Arc<Signal> {
        Arc::clone(&self.signal)
    }

    /// What the gathered part of it takes up.
    pub(super) fn bytes(&self) -> usize {
        self.state.lock().bytes()
    }

    /// What it keeps, and how far watches are behind.
    pub(super) fn backlog(&self) -> Backlog {
        self.state.lock().backlog()
    }
}

/// Of `bytes_max` this part may wait in the shards; the others are for what was
/// gathered.
const PENDING_SHARE: usize = 4;

/// The part of `memory_max` that the history may take in any case.
const MEMORY_SHARE: u64 = 16;

/// Sees to it that changes are recorded, from before this returns on and for a
/// while. Whoever reads the counter of versions after that can watch from there.
pub(super) fn arm<C: Clock>(memory: &Memory<C>) {
    drop(armed(memory));
}

/// If it is armed, it is for a while from now on, whatever was said before.
pub(super) fn renew<C: Clock>(memory: &Memory<C>) {
    let History { config, state, .. } = &memory.history;
    state.lock().renew(memory.clock.now(), config);
}

/// The state, armed for a while from now on.
fn armed<C: Clock>(memory: &Memory<C>) -> MutexGuard<'_, State> {
    let History {
        config,
        signal,
        sequencer,
        state,
    } = &memory.history;
    let now = memory.clock.now();
    let mut guard = state.lock();
    if guard.stay_armed(now, config) {
        return guard;
    }
    drop(guard);
    // What is being gathered belongs to the time before.
    let sequencer = sequencer.lock();
    guard = state.lock();
    if !guard.stay_armed(now, config) {
        for shard in &memory.shards {
            shard.lock().recorder().arm(true);
        }
        guard.begin(memory.versions.last(), now.plus(config.armed_ms));
        signal.raise();
    }
    drop(sequencer);
    guard
}

/// Stops recording, if nobody has watched or listed for long.
fn disarm_if_over<C: Clock>(memory: &Memory<C>) {
    let History {
        sequencer, state, ..
    } = &memory.history;
    let _sequencer = sequencer.lock();
    let mut state = state.lock();
    let now = memory.clock.now();
    if state.lapses().is_some_and(|until| until <= now) {
        for shard in &memory.shards {
            shard.lock().recorder().arm(false);
        }
        state.end();
    }
}

/// How much may be kept now.
fn room<C: Clock>(memory: &Memory<C>) -> Room {
    let config = &memory.history.config;
    let memory_max = memory.account.memory_max();
    let left = memory_max.saturating_sub(memory.account.used());
    let bytes_max = config
        .bytes_max
        .min(bytes(left.max(memory_max / MEMORY_SHARE)));
    Room {
        events_max: config.events_max,
        bytes_max: bytes_max - bytes_max / PENDING_SHARE,
    }
}

fn bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
