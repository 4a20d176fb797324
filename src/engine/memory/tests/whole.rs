//! Transactions in a store that is full, and among many threads.

use std::{sync::Barrier, thread};

use proptest::prelude::*;

use super::{full::fill, *};
use crate::{
    engine::ListQuery,
    model::{
        entry::Entry,
        mutation::Increment,
        operation::{Operation, Outcome},
        range::Range,
        transaction::{Transacted, Transaction, TransactionError},
        value::Value,
    },
};

static LARGE: [u8; 600_000] = [8; 600_000];

const FULL: TransactionError = TransactionError::Whole(Error::MemoryFull {
    memory_max: 1 << 20,
});

fn put<'a>(key: &'a str, value: &'static [u8]) -> Operation<'a> {
    Operation::Mutate(Mutation {
        key: Key::new(key, 64).unwrap(),
        change: Change::Set {
            value: ValueRef::Data(value),
            expiry: Expiry::After(60_000),
            return_previous: false,
        },
        condition: None,
    })
}

fn remove(key: &str) -> Operation<'_> {
    Operation::Mutate(Mutation {
        key: Key::new(key, 64).unwrap(),
        change: Change::Delete {
            return_previous: false,
        },
        condition: None,
    })
}

fn transact(
    memory: &Memory<HeldClock>,
    operations: &[Operation<'_>],
) -> Result<Transacted, TransactionError> {
    let transaction = Transaction::new(&[], operations).unwrap();
    block(memory.transact(transaction, usize::MAX))
}

/// As for single changes, but that each shard may have taken its last step at
/// once.
fn assert_bounded(memory: &Memory<HeldClock>) {
    let (used, memory_max) = (memory.account.used(), memory.account.memory_max());
    let steps = u64::try_from(memory.shards.len()).unwrap() * (8 << 10);
    let usage = memory.memory();
    assert!(used <= memory_max + memory_max / 16 + steps, "{usage:?}");
}

fn everything(memory: &Memory<HeldClock>) -> Vec<Entry> {
    let query = ListQuery {
        range: &Range::default(),
        after: None,
        entries_max: usize::MAX,
        reply_bytes_max: usize::MAX,
        omit_value: false,
    };
    block(memory.list(query)).unwrap().entries
}

#[test]
fn a_full_store_refuses_a_transaction_that_grows_it_and_nothing_has_changed() {
    let (memory, _clock) = store(1 << 20, 4);
    fill(&memory, 100);
    let (before, version) = (everything(&memory), memory.describe().version);
    let growing = [
        remove("key/00000000"),
        put("key/00000001", &[8; 100]),
        put("new/1", &[8; 5000]),
        put("new/2", &[8; 500]),
    ];
    assert_eq!(transact(&memory, &growing), Err(FULL));
    let large = [remove("key/00000000"), put("new", &LARGE[..300_000])];
    assert_eq!(transact(&memory, &large), Err(FULL));
    assert_eq!(everything(&memory), before);
    assert_eq!(memory.describe().version, version, "no version was taken");
    check(&memory);
}

#[test]
fn a_full_store_takes_an_exchange_in_either_order() {
    // One shard, so that what goes and what comes have the same slots.
    let (memory, _clock) = store(1 << 20, 1);
    let count = fill(&memory, 100);
    for at in 0..200 {
        let (old, new) = (format!("key/{at:08}"), format!("new/{at:08}"));
        let exchange = if at % 2 == 0 {
            [remove(&old), put(&new, &[8; 100])]
        } else {
            [put(&new, &[8; 100]), remove(&old)]
        };
        transact(&memory, &exchange).unwrap();
        assert_bounded(&memory);
    }
    assert_eq!(memory.memory().entries, u64::from(count));
    check(&memory);
}

#[test]
fn exchanges_of_each_size_in_turn_do_not_pile_up() {
    let (memory, _clock) = store(1 << 20, 1);
    let sizes = [40, 100, 200, 400, 800, 1600];
    let name = |size: usize, at: usize, of: &str| format!("{of}/{size}/{at:04}");
    for size in sizes {
        for at in 0..100_000 / size {
            set(&memory, &name(size, at, "old"), size, 60_000).unwrap();
        }
    }
    fill(&memory, 100);
    let mut taken = 0;
    for size in sizes {
        let all = 0..100_000 / size;
        let new: Vec<_> = all.clone().map(|at| name(size, at, "new")).collect();
        let old: Vec<_> = all.map(|at| name(size, at, "old")).collect();
        let comes = new.iter().map(|key| put(key, &LARGE[..size]));
        let goes = old.iter().map(|key| remove(key));
        // All that is new comes before anything goes.
        let exchange: Vec<_> = comes.chain(goes).collect();
        taken += usize::from(transact(&memory, &exchange).is_ok());
        assert_bounded(&memory);
    }
    assert!(taken < sizes.len(), "some are too much at once");
    check(&memory);
}

#[test]
fn a_full_store_takes_what_is_not_larger_than_before() {
    let (memory, clock) = store(1 << 20, 4);
    fill(&memory, 100);
    let keys: Vec<_> = (0..800).map(|at| format!("key/{at:08}")).collect();
    for value in [&[8; 100][..], &[8; 90], &[8; 40], &[]] {
        let smaller: Vec<_> = keys.iter().map(|key| put(key, value)).collect();
        transact(&memory, &smaller).unwrap();
        assert_eq!(value_bytes(&memory, "key/00000799"), Some(value.len()));
        assert_bounded(&memory);
    }
    clock.advance(60_000);
    // All of it has expired, and nothing was swept.
    let again: Vec<_> = (1000..1800).map(|at| format!("key/{at:08}")).collect();
    let again: Vec<_> = again.iter().map(|key| put(key, &[9; 100])).collect();
    let version = memory.describe().version.get();
    let done = transact(&memory, &again).unwrap();
    assert_eq!(done.version.unwrap().get(), version + 1600);
    assert_bounded(&memory);
    check(&memory);
}

#[test]
fn a_large_value_makes_room_for_another_one() {
    let (memory, _clock) = store(1 << 20, 2);
    set(&memory, "a", 600_000, 60_000).unwrap();
    let both = [put("a", &LARGE[1..]), put("b", &LARGE)];
    assert_eq!(transact(&memory, &both), Err(FULL));
    let exchange = [put("b", &LARGE), remove("a")];
    transact(&memory, &exchange).unwrap();
    assert_eq!(value_bytes(&memory, "b"), Some(600_000));
    check(&memory);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_limit_holds_and_nothing_is_done_by_half(
        transactions in prop::collection::vec(
            prop::collection::btree_map(0..700_u32, prop::option::weighted(0.8, 0..14_000_usize), 1..60),
            1..60,
        ),
        pauses in prop::collection::vec(0..40_000_u64, 60),
        shards in prop::sample::select(vec![1_usize, 4]),
    ) {
        let (memory, clock) = store(300_000, shards);
        let zeros: &'static [u8] = &[0; 14_000];
        for (transaction, pause) in transactions.iter().zip(pauses) {
            let key = |at: &u32| format!("key/{at:04}");
            let keys: Vec<_> = transaction.keys().map(key).collect();
            let changes: Vec<_> = keys.iter().zip(transaction.values()).map(|(key, bytes)| match bytes {
                // Most are small, and some stand outside of their slots.
                Some(bytes) if *bytes < 12_000 => put(key, &zeros[..bytes % 200]),
                Some(bytes) => put(key, &zeros[..*bytes]),
                None => remove(key),
            }).collect();
            let (before, version) = (everything(&memory), memory.describe().version);
            match transact(&memory, &changes) {
                Ok(done) => {
                    prop_assert_eq!(done.outcomes.len(), changes.len());
                    for (key, change) in keys.iter().zip(&changes) {
                        let expected = match change {
                            Operation::Mutate(Mutation { change: Change::Set { value, .. }, .. }) => Some(value.len()),
                            _ => None,
                        };
                        prop_assert_eq!(value_bytes(&memory, key), expected);
                    }
                }
                Err(error) => {
                    let full = Error::MemoryFull { memory_max: 300_000 };
                    prop_assert_eq!(error, TransactionError::Whole(full));
                    prop_assert_eq!(everything(&memory), before);
                    prop_assert_eq!(memory.describe().version, version);
                }
            }
            assert_bounded(&memory);
            check(&memory);
            clock.advance(pause / 10);
            if pause % 5 == 0 {
                sweep::step(&memory, 0);
            }
        }
    }
}

const ACCOUNTS: usize = 64;
const SUM: i64 = 100 * 64;

fn account(at: usize) -> String {
    format!("account/{:02}", at % ACCOUNTS)
}

fn add(key: &str, delta: i64, min: i64) -> Operation<'_> {
    Operation::Mutate(Mutation {
        key: Key::new(key, 64).unwrap(),
        change: Change::Increment(Increment {
            delta,
            initial: 0,
            min,
            max: i64::MAX,
            expiry: Expiry::Never,
        }),
        condition: None,
    })
}

fn number(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Read(Some(entry)) => match entry.value() {
            Some(Value::Number(number)) => *number,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn version(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Applied(applied) => applied.version.unwrap().get(),
        Outcome::Read(_) => panic!("{outcome:?}"),
    }
}

/// Moves amounts from several accounts to several others, some of which do not
/// have enough; how many times it did.
fn transfer(memory: &Memory<HeldClock>, thread: usize) -> usize {
    let mut done = 0;
    for round in 0..1500 {
        let step = 1 + (round * 7 + thread * 3) % 13;
        let names: Vec<_> = (0..4)
            .map(|at| account(round * 5 + thread + at * step))
            .collect();
        let amounts = [37, 11, -29, -19];
        let moves: Vec<_> = names
            .iter()
            .zip(amounts)
            .map(|(name, amount)| add(name, amount, 0))
            .collect();
        match transact(memory, &moves) {
            Ok(transacted) => {
                let versions: Vec<_> = transacted.outcomes.iter().map(version).collect();
                let first = versions[0];
                assert_eq!(versions, [first, first + 1, first + 2, first + 3]);
                done += 1;
            }
            Err(TransactionError::Operation {
                error: Error::CounterOutOfBounds { .. },
                ..
            }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    done
}

#[test]
fn transfers_among_threads_keep_the_sum_and_come_to_an_end() {
    const THREADS: usize = 4;
    let (memory, _clock) = store(u64::MAX, 32);
    let names: Vec<_> = (0..ACCOUNTS).map(account).collect();
    for name in &names {
        change(&memory, name, amount(100)).unwrap();
    }
    let reads: Vec<_> = names.iter().map(|name| read(name)).collect();
    let start = Barrier::new(THREADS + 3);
    let (memory, start, reads) = (&memory, &start, &reads);
    thread::scope(|scope| {
        let transfers: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    start.wait();
                    transfer(memory, thread)
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(move || {
                start.wait();
                for _ in 0..1500 {
                    let seen = transact(memory, reads).unwrap().outcomes;
                    assert_eq!(seen.iter().map(number).sum::<i64>(), SUM);
                }
            });
        }
        // Single keys, batches and listings go on beside them.
        scope.spawn(move || {
            start.wait();
            for round in 0..1500 {
                set(memory, &format!("other/{}", round % 50), round % 90, 60_000).unwrap();
                block(memory.batch(&reads[round % 60..], usize::MAX));
                if round % 100 == 0 {
                    assert!(everything(memory).len() >= ACCOUNTS);
                }
            }
        });
        let done = transfers.into_iter().map(|it| it.join().unwrap());
        assert!(done.sum::<usize>() > THREADS * 100, "most go through");
    });
    check(memory);
}

fn amount(number: i64) -> Change<'static> {
    Change::Set {
        value: ValueRef::Number(number),
        expiry: Expiry::Never,
        return_previous: false,
    }
}

fn read(key: &str) -> Operation<'_> {
    Operation::Read(Read {
        key: Key::new(key, 64).unwrap(),
        omit_value: false,
    })
}
