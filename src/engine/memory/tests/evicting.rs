//! A store in which entries make room for others.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use proptest::prelude::*;

use super::*;
use crate::{
    engine::memory::lock::Mutex,
    model::{
        clock::Clock,
        mutation::Condition,
        operation::{Operation, Outcome},
        transaction::{Check, Transaction, TransactionError},
        value::{Value, ValueRef},
    },
};

type Store = Memory<HeldClock>;

fn key(text: &str) -> Key<'_> {
    Key::new(text, 1024).unwrap()
}

fn name(number: usize) -> String {
    format!("key/{number:06}")
}

fn put<'a>(name: &'a str, value: &'a [u8], expiry: Expiry) -> Mutation<'a> {
    Mutation {
        key: key(name),
        change: Change::Set {
            value: ValueRef::Data(value),
            expiry,
            return_previous: false,
        },
        condition: None,
    }
}

/// Sets it for ever.
fn store_bytes(memory: &Store, name: &str, bytes: usize) -> Result<Applied, Error> {
    block(memory.mutate(put(name, &vec![7; bytes], Expiry::Never)))
}

fn look(memory: &Store, name: &str) -> Option<Value> {
    let read = Read {
        key: key(name),
        omit_value: false,
    };
    let entry = block(memory.get(read)).unwrap()?;
    entry.value().cloned()
}

fn evicted(memory: &Store) -> u64 {
    let shards = memory.shards.iter().map(Mutex::lock);
    shards.map(|shard| shard.counts().evicted).sum()
}

fn expired(memory: &Store) -> u64 {
    let shards = memory.shards.iter().map(Mutex::lock);
    shards.map(|shard| shard.counts().expired).sum()
}

fn assert_bounded(memory: &Store) {
    let (used, memory_max) = (memory.account.used(), memory.account.memory_max());
    assert!(used <= memory_max, "{used} of {memory_max}");
}

/// Sets keys until some have made room; how many there were.
fn fill(memory: &Store, bytes: usize) -> usize {
    for number in 0..1_000_000 {
        store_bytes(memory, &name(number), bytes).unwrap();
        if evicted(memory) > 0 {
            return number;
        }
    }
    panic!("nothing ever made room");
}

#[test]
fn a_full_store_takes_what_is_new_and_lets_go_of_what_nobody_asked_for() {
    let (memory, _clock) = evicting(4 << 20, 4);
    let count = fill(&memory, 100);
    let even = (0..count).step_by(2);
    let visited = even.filter(|number| look(&memory, &name(*number)).is_some());
    let visited: Vec<_> = visited.collect();
    let before = memory.memory().entries;
    for number in count..count + count / 4 {
        store_bytes(&memory, &name(number), 100).unwrap();
        assert_bounded(&memory);
    }
    let gone = |memory: &Store, number: &usize| look(memory, &name(*number)).is_none();
    let lost: Vec<_> = visited.iter().filter(|it| gone(&memory, it)).collect();
    assert_eq!(lost.len(), 0, "{lost:?} of {count}");
    let newest = name(count + count / 4 - 1);
    assert!(look(&memory, &newest).is_some(), "the newest is there");
    // Leaves of the index in key order that were full are no more.
    let entries = memory.memory().entries;
    assert!(
        entries > before - before / 10,
        "{entries} of {before} are held"
    );
    check(&memory);
}

#[test]
fn what_can_never_fit_is_refused_and_nothing_makes_room_for_it() {
    let (memory, _clock) = evicting(1 << 20, 4);
    for number in 0..2000 {
        store_bytes(&memory, &name(number), 100).unwrap();
    }
    let (version, entries) = (memory.describe().version, memory.memory().entries);
    let full = Error::MemoryFull {
        memory_max: 1 << 20,
    };
    assert_eq!(store_bytes(&memory, "large", 1 << 20), Err(full.clone()));
    let large = vec![7; 600_000];
    let operations = ["a", "b"].map(|name| Operation::Mutate(put(name, &large, Expiry::Never)));
    let transaction = Transaction::new(&[], &operations).unwrap();
    let refused = block(memory.transact(transaction, usize::MAX));
    assert_eq!(refused, Err(TransactionError::Whole(full)));
    assert_eq!(memory.describe().version, version);
    assert_eq!(memory.memory().entries, entries);
}

#[test]
fn a_large_value_takes_the_room_of_entries_of_all_shards() {
    let (memory, _clock) = evicting(4 << 20, 16);
    fill(&memory, 100);
    store_bytes(&memory, "large", 2 << 20).unwrap();
    assert_bounded(&memory);
    assert_eq!(value_bytes(&memory, "large"), Some(2 << 20));
    check(&memory);
    // And another, that of the first.
    store_bytes(&memory, "larger", 3 << 20).unwrap();
    assert_bounded(&memory);
    assert_eq!(value_bytes(&memory, "large"), None);
    check(&memory);
    // Small ones take that again, a part at a time.
    let count = fill(&memory, 100);
    for number in 0..count {
        store_bytes(&memory, &name(number), 100).unwrap();
    }
    assert_bounded(&memory);
    check(&memory);
}

#[test]
fn entries_of_another_size_take_the_room_of_those_that_were() {
    let (memory, _clock) = evicting(4 << 20, 4);
    for bytes in [20, 200, 4000, 30, 9000, 60] {
        let most = (4 << 20) / bytes;
        for number in 0..most * 2 {
            store_bytes(&memory, &format!("{bytes}/{number}"), bytes).unwrap();
        }
        assert_bounded(&memory);
        check(&memory);
        let held = memory.memory().entries * u64::try_from(bytes + 60).unwrap();
        assert!(held > 2 << 20, "{held} of 4 MiB by values of {bytes}");
    }
}

#[test]
fn a_transaction_makes_room_and_never_of_the_keys_that_it_names() {
    let (memory, _clock) = evicting(2 << 20, 8);
    fill(&memory, 100);
    for round in 0..200 {
        // Of those that are there, none of which was asked for.
        let there: Vec<String> = (0..20_000)
            .map(name)
            .filter(|name| {
                let hash = memory.hash(key(name));
                let shard = memory.shards[memory.shard_of(hash)].lock();
                shard.find(key(name), hash).is_some()
            })
            .take(40)
            .collect();
        let value = vec![7; 100 + 300 * (round % 40)];
        let new: Vec<String> = (0..20).map(|it| format!("new/{round}/{it}")).collect();
        let checks = there.iter().take(20).map(|name| Check {
            key: key(name),
            condition: Condition::Present,
        });
        let checks: Vec<_> = checks.collect();
        let reads = there.iter().skip(20).map(|name| {
            Operation::Read(Read {
                key: key(name),
                omit_value: false,
            })
        });
        let puts = new
            .iter()
            .map(|name| Operation::Mutate(put(name, &value, Expiry::Never)));
        let operations: Vec<_> = reads.chain(puts).collect();
        let transaction = Transaction::new(&checks, &operations).unwrap();
        let transacted = block(memory.transact(transaction, usize::MAX)).unwrap();
        let reads = transacted.outcomes.iter().take(20);
        assert!(
            reads
                .into_iter()
                .all(|it| matches!(it, Outcome::Read(Some(_))))
        );
        for name in there.iter().chain(&new) {
            assert!(look(&memory, name).is_some(), "{name} in round {round}");
        }
        assert_bounded(&memory);
    }
    check(&memory);
}

#[test]
fn one_change_has_no_more_entries_make_room_than_it_may() {
    let clock = HeldClock::at(UnixMillis::new(START));
    let config = Config {
        eviction: Eviction::Sieve,
        eviction_entries_max: 500,
        ..config(4 << 20, 4)
    };
    let memory = Memory::open(config, clock);
    fill(&memory, 100);
    let before = evicted(&memory);
    let refused = store_bytes(&memory, "large", 1 << 20);
    assert!(
        matches!(refused, Err(Error::MemoryFull { .. })),
        "{refused:?}"
    );
    let made = evicted(&memory) - before;
    assert!((400..=516).contains(&made), "{made}");
    check(&memory);
}

/// As deadlines come nearer, the wheel of each shard takes up memory of its own
/// accord.
#[test]
fn room_is_made_for_what_the_sweeper_takes_up() {
    let (memory, clock) = evicting(1 << 20, 8);
    let full = fill(&memory, 100);
    for number in 0..full {
        let name = name(number);
        let far = put(&name, &[7; 100], Expiry::After(20_000));
        block(memory.mutate(far)).unwrap();
    }
    assert_bounded(&memory);
    for _ in 0..15 {
        clock.advance(1000);
        for number in 0..8 {
            while !sweep::step(&memory, number) {
                assert_bounded(&memory);
            }
            assert_bounded(&memory);
        }
    }
    check(&memory);
}

/// A clock that moves on by a millisecond whenever it is asked.
#[derive(Clone, Default)]
struct Ticking(Arc<AtomicU64>);

impl Clock for Ticking {
    fn now(&self) -> UnixMillis {
        UnixMillis::new(START + self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn not_before(&self, _: UnixMillis) {}

    async fn sleep_until(&self, _: UnixMillis) {}

    async fn pause(&self) {}
}

#[test]
fn what_expires_while_room_is_made_in_a_list_is_a_miss_behind_that() {
    let config = Config {
        eviction: Eviction::Sieve,
        ..config(4 << 20, 4)
    };
    let memory = Memory::open(config, Ticking::default());
    let of = |name: &str, bytes: &[u8], expiry| {
        let change = put(name, bytes, expiry);
        block(memory.mutate(change))
    };
    for number in 0..40_000 {
        of(&name(number), &[7; 100], Expiry::Never).unwrap();
    }
    // Many, and asked for, so that most of them stay.
    let names: Vec<_> = (0..15).map(|nth| format!("short/{nth}")).collect();
    let read = |name| Read {
        key: key(name),
        omit_value: true,
    };
    for name in &names {
        of(name, &[7; 100], Expiry::After(100)).unwrap();
        assert!(block(memory.get(read(name))).unwrap().is_some());
    }
    let large = vec![7; 1 << 20];
    let mut list = vec![Operation::Mutate(put("large", &large, Expiry::Never))];
    list.extend(names.iter().map(|name| Operation::Read(read(name))));
    let began = memory.clock.now();
    let mut answers = block(memory.batch(&list, usize::MAX)).into_iter();
    assert!(answers.next().unwrap().is_ok());
    assert!(memory.clock.now().since(began) > 100, "it took long");
    assert!(answers.all(|answer| answer == Ok(Outcome::Read(None))));
}

#[test]
fn nothing_is_marked_where_nothing_makes_room() {
    let (memory, _clock) = store(1 << 20, 1);
    store_bytes(&memory, "a", 10).unwrap();
    look(&memory, "a");
    check(&memory);
    assert_eq!(memory.describe().eviction, "none");
}

/// What a step does, to which key, and with how many bytes.
type Step = (u8, usize, usize);

/// The steps against what a store without a limit would hold; why they disagree.
fn run(memory_max: u64, shards: usize, steps: &[Step]) -> Result<(), String> {
    let (memory, clock) = evicting(memory_max, shards);
    let mut model = BTreeMap::new();
    let mut taken = memory.describe().version.get();
    let mut changes = 0;
    for (kind, number, bytes) in steps.iter().copied() {
        let name = name(number);
        let value = vec![u8::try_from(number % 251).unwrap(); bytes];
        match kind {
            0 => {
                let deleted = delete(&memory, &name).unwrap();
                changes += u64::from(deleted.version.is_some());
                model.remove(&name);
            }
            1 => drop(look(&memory, &name)),
            2 => clock.advance(u64::try_from(bytes % 100).unwrap()),
            3 => drop(sweep::step(&memory, number % shards)),
            4..8 => {
                let names: Vec<_> = (0..usize::from(kind))
                    .map(|at| self::name(number + at * 7))
                    .collect();
                let puts = names
                    .iter()
                    .map(|name| Operation::Mutate(put(name, &value, Expiry::Never)));
                let puts: Vec<_> = puts.collect();
                let done = if kind < 6 {
                    let answers = block(memory.batch(&puts, usize::MAX));
                    answers.iter().all(Result::is_ok)
                } else {
                    block(memory.transact(Transaction::new(&[], &puts).unwrap(), usize::MAX))
                        .is_ok()
                };
                if !done {
                    return Err(format!("{} of {bytes} bytes were refused", names.len()));
                }
                changes += u64::try_from(names.len()).unwrap();
                model.extend(names.into_iter().map(|name| (name, value.clone())));
            }
            _ => {
                let expiry = if kind == 8 {
                    Expiry::After(2000)
                } else {
                    Expiry::Never
                };
                let answer = block(memory.mutate(put(&name, &value, expiry)));
                answer.map_err(|error| format!("{bytes} bytes: {error:?}"))?;
                changes += 1;
                model.insert(name.clone(), value.clone());
            }
        }
        let (used, version) = (memory.account.used(), memory.describe().version.get());
        if used > memory_max {
            return Err(format!("{used} of {memory_max} bytes after {kind}"));
        }
        if version < taken {
            return Err("versions went back".to_owned());
        }
        taken = version;
        // Of a Batch the later operations may take the room of earlier ones.
        if kind >= 6 && look(&memory, &name).is_none() {
            return Err(format!("{name} is gone at once"));
        }
    }
    check(&memory);
    for number in 0..700 {
        if let Some(Value::Data(held)) = look(&memory, &name(number))
            && model.get(&name(number)).map(Vec::as_slice) != Some(&*held)
        {
            return Err(format!("{} holds something else", name(number)));
        }
    }
    if memory.versions.taken() != changes + evicted(&memory) + expired(&memory) {
        return Err("a version for nothing, or none for something".to_owned());
    }
    Ok(())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop_oneof![6 => 0..200_usize, 2 => 0..3000_usize, 1 => 8000..20_000_usize];
    prop::collection::vec((0..14_u8, 0..600_usize, bytes), 1..3000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_a_part_of_what_it_was_given_within_its_limit(
        steps in steps(),
        memory_max in 400_000..1_500_000_u64,
        shards in prop::sample::select(vec![1_usize, 2, 8]),
    ) {
        let held = run(memory_max, shards, &steps);
        prop_assert!(held.is_ok(), "{}", held.unwrap_err());
    }
}
