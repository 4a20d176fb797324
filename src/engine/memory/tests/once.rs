//! What is asked for only once, on the engine as a whole.

use std::thread;

use super::*;
use crate::model::{
    clock::Clock,
    once::{Content, Once, RequestId},
};

fn add(key: &str) -> Mutation<'_> {
    Mutation {
        key: Key::new(key, 64).unwrap(),
        change: ADD,
        condition: None,
    }
}

fn once(memory: &Memory<HeldClock>, id: &str, mutation: Mutation<'_>) -> Result<Applied, Error> {
    let once = Once {
        id: RequestId::new(id).unwrap(),
        content: Content::of_mutation(&mutation),
    };
    block(memory.mutate_once(once, mutation, usize::MAX))
}

#[test]
fn threads_that_ask_for_the_same_have_it_done_once() {
    const THREADS: usize = 4;
    const REQUESTS: usize = 400;
    let (memory, _clock) = store(u64::MAX, 8);
    let told: Vec<Vec<Applied>> = thread::scope(|scope| {
        let memory = &memory;
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    // Each in an order of its own; 5 keys on 8 shards.
                    let mut told: Vec<_> = (0..REQUESTS)
                        .map(|number| (number * [3, 7, 9, 11][thread] + thread) % REQUESTS)
                        .map(|number| {
                            let key = format!("count/{}", number % 5);
                            let applied = once(memory, &format!("{number}"), add(&key));
                            (number, applied.unwrap())
                        })
                        .collect();
                    told.sort_by_key(|(number, _)| *number);
                    told.into_iter().map(|(_, applied)| applied).collect()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(told.iter().all(|own| *own == told[0]));
    let mut versions: Vec<_> = told[0].iter().map(|applied| applied.version).collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), REQUESTS, "each was done, once");
    check(&memory);
}

#[test]
fn what_is_remembered_is_counted_and_given_back() {
    let (memory, clock) = store(u64::MAX, 4);
    memory.requests.trim(clock.now(), &memory.account);
    let before = memory.memory();
    assert_eq!(before.requests, 0);
    for number in 0..1000 {
        once(&memory, &format!("{number}"), add("n")).unwrap();
    }
    let filled = memory.memory();
    assert!(
        (100_000..1_000_000).contains(&filled.requests),
        "{filled:?}"
    );
    check(&memory);
    clock.advance(requests::Config::default().window_ms);
    while !memory.requests.trim(clock.now(), &memory.account) {}
    assert_eq!(memory.memory().requests, 0);
    check(&memory);
}

#[test]
fn a_change_that_is_refused_leaves_nothing() {
    let (memory, clock) = store(1 << 20, 4);
    let present = Mutation {
        condition: Some(crate::model::mutation::Condition::Present),
        ..add("n")
    };
    for number in 0..1000 {
        let refused = once(&memory, &format!("{number}"), present);
        assert_eq!(refused, Err(Error::KeyAbsent));
    }
    memory.requests.trim(clock.now(), &memory.account);
    assert_eq!(memory.memory().requests, 0);
}

#[test]
fn a_full_store_admits_what_does_not_grow_it_with_an_id_as_without() {
    let (memory, _clock) = store(1 << 20, 1);
    for number in 0..100_000 {
        if set(&memory, &format!("key/{number}"), 100, 60_000).is_err() {
            break;
        }
    }
    let used = memory.account.used();
    set(&memory, "n", 8, 60_000).unwrap_err();
    for number in 0..1000 {
        let delete = Mutation {
            change: Change::Delete {
                return_previous: false,
            },
            ..add("absent")
        };
        once(&memory, &format!("{number}"), delete).unwrap();
    }
    assert!(memory.account.used() > used);
    check(&memory);
}
