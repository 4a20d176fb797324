//! The parts that meet: transactions, the sequencer of watches, the sweeper
//! and single calls, in the orders that shuttle finds.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use shuttle::{future::block_on, thread};
use tokio_stream::Stream;

use super::*;
use crate::{
    engine::{
        WatchQuery, WatchStart,
        memory::{history, lock::explored::explore},
    },
    model::{
        entry::Entry,
        event::EventKinds,
        mutation::{Condition, Increment},
        operation::{Operation, Outcome},
        range::Range,
        transaction::{Check, Transaction, TransactionError},
        value::Value,
    },
};

type Store = Memory<HeldClock>;

/// Two keys that have shards of their own.
const APART: [&str; 2] = ["a", "b"];

fn open() -> (Store, HeldClock) {
    let (store, clock) = store(1 << 30, 64);
    let shards = APART.map(|it| store.shard_of(store.hash(key(it))));
    if shards[0] == shards[1] {
        // The seed of the hash has put them together; another will not.
        return open();
    }
    (store, clock)
}

fn key(text: &str) -> Key<'_> {
    Key::new(text, 1024).unwrap()
}

fn add(key: Key<'_>, delta: i64) -> Operation<'_> {
    Operation::Mutate(Mutation {
        key,
        change: Change::Increment(Increment {
            delta,
            initial: 0,
            min: i64::MIN,
            max: i64::MAX,
            expiry: Expiry::Never,
        }),
        condition: None,
    })
}

fn put(store: &Store, name: &str, expiry: Expiry) -> Applied {
    let mutation = Mutation {
        key: key(name),
        change: Change::Set {
            value: ValueRef::Number(1),
            expiry,
            return_previous: false,
        },
        condition: None,
    };
    store.apply(mutation).0.unwrap()
}

fn read(name: &str) -> Read<'_> {
    Read {
        key: key(name),
        omit_value: false,
    }
}

fn number(entry: Option<&Entry>) -> i64 {
    match entry.map(Entry::value) {
        None => 0,
        Some(Some(Value::Number(number))) => *number,
        Some(other) => panic!("{other:?}"),
    }
}

fn transact(
    store: &Store,
    checks: &[Check<'_>],
    operations: &[Operation<'_>],
) -> Result<Vec<Outcome>, TransactionError> {
    let transaction = Transaction::new(checks, operations).unwrap();
    let transacted = block_on(store.transact(transaction, usize::MAX));
    transacted.map(|transacted| transacted.outcomes)
}

fn both(store: &Store) -> [i64; 2] {
    let reads = APART.map(|name| Operation::Read(read(name)));
    let outcomes = transact(store, &[], &reads).unwrap();
    [0, 1].map(|at| match &outcomes[at] {
        Outcome::Read(entry) => number(entry.as_ref()),
        other @ Outcome::Applied(_) => panic!("{other:?}"),
    })
}

#[test]
fn transactions_that_cross_wait_for_nobody_for_ever_and_are_never_seen_half_done() {
    explore(|| {
        let (store, _) = open();
        let store = Arc::new(store);
        // From one to the other, and back, naming them in both orders.
        let movers = [APART, [APART[1], APART[0]]].map(|[from, to]| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                transact(&store, &[], &[add(key(from), -1), add(key(to), 1)]).unwrap();
            })
        });
        let looker = {
            let store = Arc::clone(&store);
            thread::spawn(move || both(&store))
        };
        let [one, other] = looker.join().unwrap();
        assert_eq!(one + other, 0, "half done");
        for mover in movers {
            mover.join().unwrap();
        }
        assert_eq!(both(&store), [0, 0]);
    });
}

#[test]
fn of_transactions_that_check_the_same_version_one_is_carried_out() {
    explore(|| {
        let (store, _) = open();
        let version = put(&store, APART[0], Expiry::Never).version.unwrap();
        let store = Arc::new(store);
        let callers = [1, 2, 3].map(|delta| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                let check = Check {
                    key: key(APART[0]),
                    condition: Condition::Version(version),
                };
                let operations = [add(key(APART[0]), delta), add(key(APART[1]), delta)];
                transact(&store, &[check], &operations).map(|_| delta).ok()
            })
        });
        let done = callers.map(|caller| caller.join().unwrap());
        let done: Vec<i64> = done.into_iter().flatten().collect();
        assert_eq!(done.len(), 1, "{done:?}");
        assert_eq!(both(&store), [1 + done[0], done[0]]);
    });
}

#[test]
fn a_watch_is_told_every_version_once_and_in_order() {
    explore(|| {
        let (store, _) = open();
        let query = WatchQuery {
            ranges: vec![Range::default()],
            start: WatchStart::Now,
            kinds: EventKinds::ALL,
            with_previous: false,
            omit_value: true,
            reply_bytes_max: 1 << 20,
        };
        let mut watch = Box::pin(history::watch(&store, query).unwrap());
        let begun = store.versions.last();
        let store = Arc::new(store);
        let writers = [APART, [APART[1], APART[0]]].map(|[first, second]| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                put(&store, first, Expiry::Never);
                transact(&store, &[], &[add(key(first), 1), add(key(second), 1)]).ok();
            })
        });
        let sequencer = {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                for _ in 0..3 {
                    history::sequencer::step(&store);
                }
            })
        };
        for writer in writers {
            writer.join().unwrap();
        }
        sequencer.join().unwrap();
        while history::sequencer::step(&store) {}
        let mut told = Vec::new();
        let last = store.versions.last();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            if let Poll::Ready(Some(item)) = watch.as_mut().poll_next(&mut context) {
                let item = item.unwrap();
                told.extend(item.events.iter().map(|event| event.entry.version().get()));
            }
        }
        let expected: Vec<i64> = (begun.get() + 1..=last.get()).collect();
        assert_eq!(told, expected);
    });
}

#[test]
fn what_expires_while_it_is_written_is_removed_once_and_what_is_new_stays() {
    explore(|| {
        let (store, clock) = open();
        put(&store, "a", Expiry::After(10));
        let begun = store.versions.last().get();
        clock.advance(10);
        let shards = store.shards.len();
        let store = Arc::new(store);
        let sweepers = [0, 1].map(|_| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                for number in 0..shards {
                    sweep::step(&store, number);
                }
            })
        });
        let writer = {
            let store = Arc::clone(&store);
            thread::spawn(move || put(&store, "a", Expiry::Never).version.unwrap())
        };
        let seen = number(store.read(read("a")).0.unwrap().as_ref());
        let version = writer.join().unwrap();
        for sweeper in sweepers {
            sweeper.join().unwrap();
        }
        assert!(seen == 0 || seen == 1);
        let entry = store.read(read("a")).0.unwrap().unwrap();
        assert_eq!(entry.version(), version, "what is new stays");
        // One version for the removal, and one for what is new.
        assert_eq!(store.versions.last().get(), begun + 2);
    });
}
