//! Ranges that are removed in more than one step.

use std::thread;

use super::*;
use crate::{engine::ListQuery, model::range::Range};

fn all() -> Range {
    Range::default()
}

fn keys(memory: &Memory<HeldClock>) -> Vec<String> {
    let query = ListQuery {
        range: &all(),
        after: None,
        entries_max: usize::MAX,
        reply_bytes_max: usize::MAX,
        omit_value: true,
    };
    let page = block(memory.list(query)).unwrap();
    let keys = page.entries.iter().map(|entry| entry.key().to_owned());
    keys.collect()
}

#[test]
fn what_comes_first_is_removed_first_and_the_rest_is_left() {
    let (memory, clock) = store(u64::MAX, 8);
    for number in 0..6000 {
        // Every third has expired, and is not counted.
        let ttl_ms = if number % 3 == 0 { 10 } else { 60_000 };
        set(&memory, &format!("key/{number:04}"), number % 90, ttl_ms).unwrap();
    }
    clock.advance(10);
    let before = memory.describe().version.get();
    for (round, (count, more)) in [(1500, true), (1500, true), (1000, false), (0, false)]
        .into_iter()
        .enumerate()
    {
        let deleted = block(memory.delete_range(&all(), 1500)).unwrap();
        assert_eq!((deleted.count, deleted.more), (count, more));
        let left: Vec<_> = (0..6000)
            .filter(|number| number % 3 != 0)
            .skip(1500 * (round + 1))
            .map(|number| format!("key/{number:04}"))
            .collect();
        assert_eq!(keys(&memory), left);
    }
    assert_eq!(memory.describe().version.get(), before + 4000);
    check(&memory);
}

#[test]
fn a_range_comes_to_an_end_while_others_write_into_it() {
    let (memory, _clock) = store(u64::MAX, 8);
    for number in 0..3000 {
        set(&memory, &format!("key/{number:04}/old"), 9, 60_000).unwrap();
    }
    thread::scope(|scope| {
        for thread in 0..2 {
            let memory = &memory;
            scope.spawn(move || {
                for round in 0..3000 {
                    let key = format!("key/{:04}/new", round * 37 % 3000);
                    if round % 2 == thread {
                        set(memory, &key, round % 90, 60_000).unwrap();
                    } else {
                        delete(memory, &key).unwrap();
                    }
                }
            });
        }
        let mut calls = 0;
        while block(memory.delete_range(&all(), 700)).unwrap().more {
            calls += 1;
            assert!(calls < 100, "each call makes progress");
        }
        assert!(!keys(&memory).iter().any(|key| key.ends_with("old")));
    });
    check(&memory);
}
