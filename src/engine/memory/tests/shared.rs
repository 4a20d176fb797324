//! A store that many use at the same time.

use std::{collections::BTreeSet, sync::Arc, thread};

use crate::{
    engine::ListQuery,
    model::{
        operation::{Operation, Outcome},
        range::Range,
    },
};

use super::*;

const THREADS: usize = 4;

/// The keys of all pages.
fn pages(memory: &Memory<HeldClock>, entries_max: usize) -> Vec<String> {
    let (range, mut keys) = (Range::default(), Vec::<String>::new());
    loop {
        let query = ListQuery {
            range: &range,
            after: keys.last().map(String::as_str),
            entries_max,
            reply_bytes_max: usize::MAX,
            omit_value: true,
        };
        let page = block(memory.list(query)).unwrap();
        let more = page.more;
        keys.extend(page.entries.iter().map(|entry| entry.key().to_owned()));
        if !more {
            return keys;
        }
        assert!(keys.len() < 100_000, "it comes to an end");
    }
}

/// Sets and deletes keys of its own; the versions that it was given.
fn churn(memory: &Memory<HeldClock>, thread: usize) -> Vec<i64> {
    let mut versions = Vec::new();
    for round in 0..600 {
        let key = format!("churn/{:03}/{thread}", round * 7 % 150);
        let answer = if round % 3 == 2 {
            delete(memory, &key)
        } else {
            set(
                memory,
                &key,
                round % 90,
                1 + u64::try_from(round % 5).unwrap() * 100,
            )
        };
        versions.extend(answer.unwrap().version);
        let keys: Vec<_> = (0..40).map(|at| format!("count/{at}")).collect();
        let counts: Vec<_> = keys.iter().map(|key| increment(key)).collect();
        if round % 20 == 0 {
            for answer in block(memory.batch(&counts, 0)) {
                let Outcome::Applied(applied) = answer.unwrap() else {
                    panic!("a change is answered as a change");
                };
                versions.extend(applied.version);
            }
        }
    }
    versions
        .into_iter()
        .map(crate::model::version::Version::get)
        .collect()
}

fn increment(key: &str) -> Operation<'_> {
    Operation::Mutate(Mutation {
        key: Key::new(key, 64).unwrap(),
        change: ADD,
        condition: None,
    })
}

#[test]
fn threads_get_versions_of_their_own_and_lists_miss_nothing() {
    let (memory, clock) = store(u64::MAX, 8);
    for number in 0..500 {
        set(&memory, &format!("stays/{number:03}"), 10, 1_000_000).unwrap();
    }
    let versions: Vec<Vec<i64>> = thread::scope(|scope| {
        let memory = &memory;
        let churning: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || churn(memory, thread)))
            .collect();
        for _ in 0..30 {
            clock.advance(37);
            for shard in 0..8 {
                sweep::step(memory, shard);
            }
            let keys = pages(memory, 33);
            assert!(keys.is_sorted_by(|a, b| a < b), "in order, and none twice");
            let stays = keys.iter().filter(|key| key.starts_with("stays/"));
            assert_eq!(stays.count(), 500);
        }
        churning
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(versions.iter().all(|own| own.is_sorted_by(|a, b| a < b)));
    let given = versions.iter().map(Vec::len).sum::<usize>();
    let distinct: BTreeSet<_> = versions.into_iter().flatten().collect();
    assert_eq!(distinct.len(), given);
    check(&memory);
    let count = block(memory.get(Read {
        key: Key::new("count/7", 64).unwrap(),
        omit_value: false,
    }));
    let count = count.unwrap().unwrap().into_parts().1;
    let expected = i64::try_from(THREADS * 30).unwrap();
    assert_eq!(count, Some(crate::model::value::Value::Number(expected)));
}

#[test]
fn a_key_that_stays_is_listed_once_while_others_come_and_go() {
    let (memory, _clock) = store(u64::MAX, 4);
    let range = Range::default();
    for number in 0..300 {
        set(&memory, &format!("{number:04}/stays"), 1, 1_000_000).unwrap();
    }
    let (mut stays, mut after) = (Vec::new(), None::<String>);
    for round in 0..10_000 {
        let query = ListQuery {
            range: &range,
            after: after.as_deref(),
            entries_max: 7,
            reply_bytes_max: usize::MAX,
            omit_value: true,
        };
        let page = block(memory.list(query)).unwrap();
        let keys = page.entries.iter().map(|entry| entry.key().to_owned());
        stays.extend(keys.filter(|key| key.ends_with("stays")));
        if !page.more {
            break;
        }
        after = page.entries.last().map(|entry| entry.key().to_owned());
        for number in 0..20 {
            set(
                &memory,
                &format!("{:04}/comes", (round * 37 + number * 13) % 300),
                1,
                9,
            )
            .unwrap();
            delete(
                &memory,
                &format!("{:04}/comes", (round * 41 + number * 7) % 300),
            )
            .unwrap();
        }
        // The page after a key that is gone begins right after it.
        if let Some(gone) = after.as_deref().filter(|key| key.ends_with("comes")) {
            delete(&memory, gone).unwrap();
        }
    }
    let all: Vec<_> = (0..300)
        .map(|number| format!("{number:04}/stays"))
        .collect();
    assert_eq!(stays, all);
}

#[tokio::test]
async fn what_has_expired_is_given_back_within_a_second() {
    let (memory, clock) = store(u64::MAX, 16);
    let memory = Arc::new(memory);
    let empty = memory.memory().total;
    for number in 0..5000 {
        let key = format!("key/{number}");
        let mutation = Mutation {
            key: Key::new(&key, 64).unwrap(),
            change: Change::Set {
                value: ValueRef::Text("0123456789"),
                expiry: Expiry::After(10_000 + number % 500),
                return_previous: false,
            },
            condition: None,
        };
        memory.mutate(mutation).await.unwrap();
    }
    let tending = tokio::spawn({
        let memory = Arc::clone(&memory);
        async move { memory.tend().await }
    });
    clock.advance(10_500);
    for _ in 0..10 {
        clock.advance(100);
        for _ in 0..2000 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(memory.memory().entries, 0);
    assert!(
        memory.memory().total <= empty + empty / 4,
        "{:?}",
        memory.memory()
    );
    check(&memory);
    tending.abort();
}
