//! Callers that make room at once, in the orders that shuttle finds.

use std::sync::Arc;

use shuttle::{future::block_on, thread};

use super::*;
use crate::{
    engine::memory::{lock::explored::explore, sweep},
    model::{
        operation::Operation,
        transaction::{Transaction, TransactionError},
    },
};

type Store = Memory<HeldClock>;

/// Of the values that are stored only two find room at a time.
const MEMORY_MAX: u64 = 128 << 10;
const LARGE: usize = 40 << 10;

fn key(text: &str) -> Key<'_> {
    Key::new(text, 1024).unwrap()
}

fn put<'a>(name: &'a str, value: &'a [u8]) -> Mutation<'a> {
    Mutation {
        key: key(name),
        change: Change::Set {
            value: ValueRef::Data(value),
            expiry: Expiry::Never,
            return_previous: false,
        },
        condition: None,
    }
}

/// With some small entries and two large ones, so that nothing more finds room.
fn open() -> Store {
    let (store, _clock) = evicting(MEMORY_MAX, 8);
    for number in 0..40 {
        let name = format!("small/{number}");
        store.apply(put(&name, &[7; 100])).0.unwrap();
    }
    for name in ["large/0", "large/1"] {
        store.apply(put(name, &vec![7; LARGE])).0.unwrap();
    }
    store
}

fn set(store: &Store, name: &str, bytes: usize) -> Result<Applied, Error> {
    store.apply(put(name, &vec![7; bytes])).0
}

fn set_together(store: &Store, names: [&str; 2], bytes: usize) -> Result<(), TransactionError> {
    let value = vec![7; bytes];
    let puts = names.map(|name| Operation::Mutate(put(name, &value)));
    let transaction = Transaction::new(&[], &puts).unwrap();
    block_on(store.transact(transaction, usize::MAX)).map(drop)
}

fn assert_whole(store: &Store) {
    let (used, memory_max) = (store.account.used(), store.account.memory_max());
    assert!(used <= memory_max, "{used} of {memory_max}");
    let free = usize::try_from(memory_max - used).unwrap();
    assert!(
        store.account.admits(free, 0),
        "nothing is set aside for ever"
    );
    check(store);
}

#[test]
fn writers_that_make_room_for_each_other_wait_for_nobody_for_ever() {
    explore(|| {
        let store = Arc::new(open());
        let writers = ["a", "b", "c"].map(|name| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                set(&store, name, LARGE).unwrap();
                set(&store, &format!("{name}/small"), 100).unwrap();
            })
        });
        for writer in writers {
            writer.join().unwrap();
        }
        assert_whole(&store);
    });
}

#[test]
fn transactions_that_make_room_are_not_refused_for_each_other() {
    explore(|| {
        let store = Arc::new(open());
        // From one to the other, and back, naming them in both orders.
        let movers = [["a", "b"], ["b", "a"], ["c", "d"]].map(|names| {
            let store = Arc::clone(&store);
            thread::spawn(move || set_together(&store, names, LARGE).unwrap())
        });
        let writer = {
            let store = Arc::clone(&store);
            thread::spawn(move || set(&store, "e", LARGE).unwrap())
        };
        for mover in movers {
            mover.join().unwrap();
        }
        writer.join().unwrap();
        assert_whole(&store);
    });
}

#[test]
fn writers_that_gather_at_once_lose_nothing_and_find_room() {
    explore(|| {
        let (memory, _clock) = super::store(MEMORY_MAX, 2);
        let mut count = 0;
        while set(&memory, &format!("key/{count}"), 100).is_ok() {
            count += 1;
        }
        let gone = |number: &i32| number % 3 > 0;
        for number in (0..count).filter(gone) {
            let name = format!("key/{number}");
            let delete = Mutation {
                change: Change::Delete {
                    return_previous: false,
                },
                ..put(&name, &[])
            };
            memory.apply(delete).0.unwrap();
        }
        let store = Arc::new(memory);
        let writers = ["a", "b"].map(|name| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                for number in 0..8 {
                    set(&store, &format!("{name}/{number}"), 2000).unwrap();
                }
            })
        });
        for writer in writers {
            writer.join().unwrap();
        }
        let there: u64 = store.memory().entries;
        let stay = (0..count).filter(|number| !gone(number)).count();
        assert_eq!(there, u64::try_from(stay + 16).unwrap());
        check(&store);
    });
}

#[test]
fn what_makes_room_and_expires_at_once_is_removed_once() {
    explore(|| {
        let (store, clock) = evicting(MEMORY_MAX, 8);
        for number in 0..30 {
            let name = format!("key/{number}");
            let mutation = Mutation {
                change: Change::Set {
                    value: ValueRef::Data(&[7; 2000]),
                    expiry: Expiry::After(10),
                    return_previous: false,
                },
                ..put(&name, &[])
            };
            store.apply(mutation).0.unwrap();
        }
        let removed = |store: &Store| {
            let shards = store.shards.iter().map(|shard| shard.lock());
            let counts = shards.map(|it| it.counts().evicted + it.counts().expired);
            counts.sum::<u64>()
        };
        let begun = (store.versions.taken(), removed(&store));
        clock.advance(10);
        let store = Arc::new(store);
        let sweeper = {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                for number in 0..store.shards.len() {
                    sweep::step(&store, number);
                }
            })
        };
        let writer = {
            let store = Arc::clone(&store);
            thread::spawn(move || set(&store, "large", LARGE / 2).unwrap())
        };
        writer.join().unwrap();
        sweeper.join().unwrap();
        // One version for each removal, and one for what is new.
        let (versions, now) = (store.versions.taken() - begun.0, removed(&store) - begun.1);
        assert_eq!(versions, now + 1);
        assert_whole(&store);
    });
}
