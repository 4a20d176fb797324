//! Writers on many threads, and mirrors that follow them meanwhile.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use super::{mirror::Mirror, *};

const WRITERS: usize = 3;
const MIRRORS: usize = 3;
const ROUNDS: usize = 4000;

/// Changes keys that others change as well.
fn write(store: &Store, writer: usize) {
    for round in 0..ROUNDS {
        let key = format!("key/{}", round * (writer + 7) % 97);
        match round % 7 {
            0 => drop(store.delete(&key)),
            1 => drop(store.set_until(&key, "brief", Expiry::After(20))),
            _ => drop(store.set(&key, &format!("{writer}/{round}"))),
        }
        if round % 50 == 0 {
            store.clock.advance(7);
        }
    }
}

/// Follows, cut off and resumed now and then, until the writers are done and it
/// has read all.
fn follow(store: &Store, done: &AtomicBool, cut_after: usize) -> Result<Mirror, String> {
    let mut mirror = Mirror::default();
    loop {
        let is_last = done.load(Ordering::SeqCst);
        let mut reader = match store.watch_from(mirror.start()) {
            Ok(reader) => reader,
            Err(Error::VersionCompacted { .. }) => {
                mirror.reset();
                continue;
            }
            Err(error) => return Err(format!("{error:?}")),
        };
        let mut items = 0;
        while items < cut_after || is_last {
            match reader.next() {
                Some(Ok(item)) => mirror.learn(item)?,
                Some(Err(Error::WatchTooSlow { .. })) => {
                    mirror.reset();
                    break;
                }
                Some(Err(error)) => return Err(format!("{error:?}")),
                None if is_last && mirror.resume == Some(store.version()) => return Ok(mirror),
                None => {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    thread::yield_now();
                }
            }
            items += 1;
        }
        mirror.cut();
    }
}

#[test]
fn mirrors_of_a_store_that_many_change_end_equal_to_it() {
    let store = Store::new();
    let (done, writing) = (AtomicBool::new(false), AtomicUsize::new(WRITERS));
    let mirrors: Vec<Mirror> = thread::scope(|scope| {
        let (store, done, writing) = (&store, &done, &writing);
        for writer in 0..WRITERS {
            scope.spawn(move || {
                write(store, writer);
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        scope.spawn(move || {
            while writing.load(Ordering::SeqCst) > 0 {
                store.sweep();
                step(&store.memory);
            }
            store.clock.advance(1000);
            store.sweep();
            store.gather();
            done.store(true, Ordering::SeqCst);
            // For watches that come now.
            for _ in 0..100 {
                store.gather();
                thread::yield_now();
            }
        });
        let mirrors: Vec<_> = [7, 100, usize::MAX]
            .into_iter()
            .take(MIRRORS)
            .map(|cut_after| scope.spawn(move || follow(store, done, cut_after)))
            .collect();
        let ended = mirrors.into_iter().map(|it| it.join().unwrap());
        ended.map(Result::unwrap).collect()
    });
    let list = store.list();
    assert!(!list.is_empty());
    for mirror in &mirrors {
        mirror.compare(&list, &BTreeMap::new()).unwrap();
    }
    // One alone may not have had its turn while the writers had theirs.
    let events: Vec<_> = mirrors.iter().map(|mirror| mirror.events).collect();
    assert!(events.iter().sum::<usize>() > ROUNDS, "{events:?}");
}

/// Says that it is over when it is dropped, so that a test that fails ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The versions that a watch after `version` is told, which must begin right
/// after it and leave none out.
fn assert_contiguous(store: &Store, mut reader: Reader, version: Version) {
    step(&store.memory);
    let told: Vec<i64> = reader.told().into_iter().map(|it| it.2.get()).collect();
    let next = version.get() + 1;
    let last = told.last().map_or(next, |last| last + 1);
    assert_eq!(told, (next..last).collect::<Vec<_>>());
}

#[test]
fn whatever_is_changed_while_recording_begins_is_told_or_compacted() {
    let store = Store::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (store, done) = (&store, &done);
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for round in 0.. {
                    store.set(&format!("key/{}", round * (writer + 7) % 97), "1");
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
        let _over = Over(done);
        for _ in 0..300 {
            store.clock.advance(600_000);
            let version = store.version();
            match store.watch_from(WatchStart::After(Some(version))) {
                Ok(reader) => assert_contiguous(store, reader, version),
                Err(Error::VersionCompacted { oldest }) => assert!(oldest > version),
                Err(error) => panic!("{error:?}"),
            }
            store.clock.advance(600_000);
            let listed = store.listed();
            let reader = store.watch_from(WatchStart::After(Some(listed)));
            assert_contiguous(store, reader.unwrap(), listed);
        }
    });
}
