//! Entries that made room in a store that is kept: they stay away.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;

use super::*;
use crate::{
    engine::{ListQuery, WatchQuery, WatchStart},
    model::{
        event::{EventKind, EventKinds},
        range::Range,
    },
};

const MEMORY_MAX: u64 = 1 << 20;

fn open(dir: &Path, memory_max: u64, at: u64) -> Memory<HeldClock> {
    open_with(journal(dir, Durability::Always), memory_max, at)
}

fn open_with(journal: journal::Config, memory_max: u64, at: u64) -> Memory<HeldClock> {
    let config = Config {
        eviction: Eviction::Sieve,
        ..config(memory_max, 4)
    };
    let clock = HeldClock::at(UnixMillis::new(START + at));
    Memory::load(config, journal, clock, &mut |_| {}).unwrap()
}

/// All keys with their versions.
fn held(memory: &Memory<HeldClock>) -> BTreeMap<String, i64> {
    let query = ListQuery {
        range: &Range::default(),
        after: None,
        entries_max: usize::MAX,
        reply_bytes_max: usize::MAX,
        omit_value: true,
    };
    let page = block(memory.list(query)).unwrap();
    assert!(!page.more);
    let entries = page.entries.into_iter();
    entries
        .map(|entry| (entry.key().to_owned(), entry.version().get()))
        .collect()
}

fn put(memory: &Memory<HeldClock>, from: usize, count: usize) {
    let names: Vec<_> = (from..from + count).collect();
    // Several to a sync.
    for names in names.chunks(500) {
        let names: Vec<_> = names.iter().map(|it| (format!("key/{it}"), it)).collect();
        let puts = names.iter().map(|(name, number)| {
            let set = Change::Set {
                value: ValueRef::Data(&[7; 110][..60 + *number % 50]),
                expiry: Expiry::Never,
                return_previous: false,
            };
            change_of(mutation(name, set))
        });
        let puts: Vec<_> = puts.collect();
        let answers = block(memory.batch(&puts, usize::MAX));
        assert!(answers.iter().all(Result::is_ok));
    }
}

#[test]
fn what_made_room_is_not_back_after_a_restart_and_versions_go_on() {
    let dir = TempDir::new().unwrap();
    let mut memory = open(dir.path(), MEMORY_MAX, 0);
    let mut last = memory.describe().version;
    for round in 0..4 {
        // More than one snapshot is taken meanwhile.
        put(&memory, round * 7000, 15_000);
        let (before, version) = (held(&memory), memory.versions.last());
        assert!(before.len() < 12_000, "{} are held", before.len());
        assert!(version > last);
        end(&memory);
        drop(memory);
        memory = open(dir.path(), MEMORY_MAX, 1000);
        check(&memory);
        // As it is read anew it takes up a little more or less.
        let now = held(&memory);
        let back = now.iter().find(|(name, at)| before.get(*name) != Some(at));
        assert_eq!(back, None, "in round {round}");
        assert!(
            now.len() > before.len() * 8 / 10,
            "{} of {}",
            now.len(),
            before.len()
        );
        assert!(memory.versions.last() >= version);
        last = version;
    }
}

#[test]
fn a_watch_that_resumes_over_a_restart_is_told_what_made_room() {
    let dir = TempDir::new().unwrap();
    let no_snapshot = journal::Config {
        snapshot_log_bytes_min: 1 << 30,
        ..journal(dir.path(), Durability::Always)
    };
    let memory = open_with(no_snapshot.clone(), 4 * MEMORY_MAX, 0);
    put(&memory, 0, 40_000);
    let (mut mirror, version) = (held(&memory), memory.versions.last());
    put(&memory, 40_000, 600);
    let now = held(&memory);
    let end_version = memory.versions.last();
    end(&memory);
    drop(memory);
    // So that there is room for all of the history.
    let memory = open_with(no_snapshot, 64 * MEMORY_MAX, 1000);
    let query = WatchQuery {
        ranges: vec![Range::default()],
        start: WatchStart::After(Some(version)),
        kinds: EventKinds::ALL,
        with_previous: false,
        omit_value: true,
        reply_bytes_max: 1 << 20,
    };
    let mut evicted = 0;
    block(async {
        let mut watch = Box::pin(memory.watch(query).await.unwrap());
        loop {
            let item = watch.next().await.unwrap().unwrap();
            for event in item.events {
                let (name, version) = (event.entry.key().to_owned(), event.entry.version());
                // What makes room as it is read anew comes after that.
                if version > end_version {
                    continue;
                }
                if event.kind == EventKind::Put {
                    mirror.insert(name, version.get());
                } else {
                    assert!(mirror.remove(&name).is_some(), "{name} was not there");
                    evicted += u64::from(event.kind == EventKind::Evict);
                }
            }
            if item.resume >= Some(end_version) {
                break;
            }
        }
    });
    assert!(evicted > 10, "{evicted}");
    assert_eq!(mirror, now);
}

#[test]
fn a_store_that_is_larger_than_it_may_be_now_shrinks_while_it_is_opened() {
    let dir = TempDir::new().unwrap();
    let memory = open(dir.path(), 16 * MEMORY_MAX, 0);
    put(&memory, 0, 30_000);
    assert_eq!(held(&memory).len(), 30_000);
    let version = memory.versions.last();
    end(&memory);
    drop(memory);
    let memory = open(dir.path(), 2 * MEMORY_MAX, 1000);
    assert!(!memory.account.is_over());
    let now = held(&memory);
    assert!(
        (5000..25_000).contains(&now.len()),
        "{} are held",
        now.len()
    );
    let removed = i64::try_from(30_000 - now.len()).unwrap();
    assert!(memory.versions.last().get() >= version.get() + removed);
    check(&memory);
    end(&memory);
    drop(memory);
    let memory = open(dir.path(), 16 * MEMORY_MAX, 2000);
    assert_eq!(held(&memory), now, "they are not back");
}
