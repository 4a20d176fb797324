//! The engine as a whole, against a plain model and by example.

mod evicting;
mod evicting_races;
mod figures;
mod full;
mod image;
mod kept;
mod model;
mod once;
mod races;
mod random;
mod ranges;
mod shared;
mod steps;
mod whole;

use crate::{
    engine::{
        Engine,
        memory::{Config, Eviction, Memory, history, requests, sweep},
    },
    model::{
        clock::held::HeldClock,
        error::Error,
        expiry::{Expiry, ExpiryRules},
        key::Key,
        mutation::{Change, Increment, Mutation, TouchMode},
        operation::{Applied, Read},
        time::UnixMillis,
        value::ValueRef,
    },
};

const START: u64 = 1_700_000_000_000;

/// A store that may take up so many bytes, and its clock. It refuses more.
pub(in crate::engine::memory) fn store(
    memory_max: u64,
    shards: usize,
) -> (Memory<HeldClock>, HeldClock) {
    let clock = HeldClock::at(UnixMillis::new(START));
    (
        Memory::open(config(memory_max, shards), clock.clone()),
        clock,
    )
}

/// The same, where entries make room for more.
pub(in crate::engine::memory) fn evicting(
    memory_max: u64,
    shards: usize,
) -> (Memory<HeldClock>, HeldClock) {
    let clock = HeldClock::at(UnixMillis::new(START));
    let config = Config {
        eviction: Eviction::Sieve,
        ..config(memory_max, shards)
    };
    (Memory::open(config, clock.clone()), clock)
}

fn config(memory_max: u64, shards: usize) -> Config {
    Config {
        memory_max,
        shards,
        requests: requests::Config::default(),
        expiry: ExpiryRules::default(),
        history: history::Config::default(),
        eviction: Eviction::None,
        eviction_entries_max: 100_000,
        backup_held_bytes_max: 64 << 20,
    }
}

fn block<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn change(memory: &Memory<HeldClock>, key: &str, change: Change<'_>) -> Result<Applied, Error> {
    block(memory.mutate(Mutation {
        key: Key::new(key, 1024).unwrap(),
        change,
        condition: None,
    }))
}

/// Adds one, from 0 on.
const ADD: Change<'static> = Change::Increment(Increment {
    delta: 1,
    initial: 0,
    min: i64::MIN,
    max: i64::MAX,
    expiry: Expiry::Never,
});

fn set(memory: &Memory<HeldClock>, key: &str, bytes: usize, ttl_ms: u64) -> Result<Applied, Error> {
    let value = ValueRef::Data(&vec![7; bytes]);
    let set = Change::Set {
        value,
        expiry: Expiry::After(ttl_ms),
        return_previous: false,
    };
    change(memory, key, set)
}

fn delete(memory: &Memory<HeldClock>, key: &str) -> Result<Applied, Error> {
    let delete = Change::Delete {
        return_previous: false,
    };
    change(memory, key, delete)
}

fn touch(memory: &Memory<HeldClock>, key: &str, ttl_ms: u64) -> Result<Applied, Error> {
    let touch = Change::Touch {
        expiry: Expiry::After(ttl_ms),
        mode: TouchMode::Any,
        omit_value: true,
    };
    change(memory, key, touch)
}

/// How many bytes the value under a key has, if there is one.
fn value_bytes(memory: &Memory<HeldClock>, key: &str) -> Option<usize> {
    let read = Read {
        key: Key::new(key, 1024).unwrap(),
        omit_value: false,
    };
    let entry = block(memory.get(read)).unwrap()?;
    entry.value().map(crate::model::value::Value::len)
}

/// Checks all indexes and the accounting.
fn check(memory: &Memory<HeldClock>) {
    for shard in &memory.shards {
        shard.lock().check();
    }
    assert_eq!(memory.memory().total, memory.account.used());
}
