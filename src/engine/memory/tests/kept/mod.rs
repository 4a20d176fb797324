//! A store that is kept: what is there again when it is opened anew, and what
//! nobody may see before it is durable.

mod evicted;
mod ranges;
mod reopened;
mod unseen;

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::{
    engine::journal::{self, Durability},
    model::{
        once::{Content, Once, RequestId},
        operation::Operation,
    },
};

/// A store in a directory of its own.
struct Kept {
    memory: Memory<HeldClock>,
    clock: HeldClock,
    dir: TempDir,
}

/// A journal of small files.
pub(super) fn journal(dir: &Path, durability: Durability) -> journal::Config {
    journal::Config {
        dir: dir.to_owned(),
        durability,
        segment_bytes: 1 << 20,
        disk_free_bytes_min: 0,
        snapshot_log_bytes_min: 1 << 20,
        ..journal::Config::default()
    }
}

impl Kept {
    fn new(durability: Durability) -> Self {
        let (dir, clock) = (
            TempDir::new().unwrap(),
            HeldClock::at(UnixMillis::new(START)),
        );
        let memory = load(dir.path(), durability, &clock);
        Self { memory, clock, dir }
    }

    /// As after the process had ended, and was started again at `now`.
    fn again(self, now: UnixMillis) -> Self {
        let Self { memory, dir, .. } = self;
        end(&memory);
        drop(memory);
        let clock = HeldClock::at(now);
        let memory = load(dir.path(), Durability::Always, &clock);
        Self { memory, clock, dir }
    }
}

fn load(dir: &Path, durability: Durability, clock: &HeldClock) -> Memory<HeldClock> {
    let config = config(1 << 30, 2);
    let journal = journal(dir, durability);
    Memory::load(config, journal, clock.clone(), &mut |_| {}).unwrap()
}

fn end(memory: &Memory<HeldClock>) {
    block(memory.close()).unwrap();
}

fn mutation<'a>(key: &'a str, change: Change<'a>) -> Mutation<'a> {
    Mutation {
        key: Key::new(key, 64).unwrap(),
        change,
        condition: None,
    }
}

fn number(key: &str, number: i64) -> Mutation<'_> {
    let set = Change::Set {
        value: ValueRef::Number(number),
        expiry: Expiry::Never,
        return_previous: false,
    };
    mutation(key, set)
}

fn add(key: &str) -> Mutation<'_> {
    mutation(key, ADD)
}

fn once<'a>(id: &'a str, mutation: &Mutation<'_>) -> Once<'a> {
    Once {
        id: RequestId::new(id).unwrap(),
        content: Content::of_mutation(mutation),
    }
}

const fn read(key: Key<'_>) -> Read<'_> {
    Read {
        key,
        omit_value: false,
    }
}

fn key(text: &str) -> Key<'_> {
    Key::new(text, 64).unwrap()
}

fn change_of(mutation: Mutation<'_>) -> Operation<'_> {
    Operation::Mutate(mutation)
}
