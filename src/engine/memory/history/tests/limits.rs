//! What is kept, for how long, and what happens to who comes too late.

use super::*;

fn kept(events_max: usize) -> Store {
    Store::with(history::Config {
        events_max,
        ..history::Config::default()
    })
}

fn after(store: &Store, version: Version) -> Result<Reader, Error> {
    store.watch_from(WatchStart::After(Some(version)))
}

fn plus(version: Version, more: i64) -> Version {
    Version::new(version.get() + more).unwrap()
}

#[test]
fn nothing_is_recorded_until_somebody_lists_or_watches() {
    let store = Store::new();
    let before = store.version();
    let oldest = store.set("a", "1");
    let compacted = after(&store, before).unwrap_err();
    assert_eq!(compacted, Error::VersionCompacted { oldest });
    // That has armed it.
    store.set("a", "2");
    assert_eq!(after(&store, oldest).unwrap().told().len(), 1);
    let compacted = store.watch_from(WatchStart::After(None)).unwrap_err();
    assert_eq!(compacted, Error::VersionCompacted { oldest });
}

#[test]
fn a_version_that_was_not_given_out_is_ahead() {
    let store = Store::new();
    let current = store.set("a", "1");
    let ahead = after(&store, plus(current, 1)).unwrap_err();
    assert_eq!(ahead, Error::VersionAhead { current });
    assert!(after(&store, current).is_ok());
}

#[test]
fn recording_ends_a_while_after_the_last_list_or_watch() {
    let store = Store::new();
    store.list();
    let listed = store.version();
    store.set("a", "1");
    store.clock.advance(599_999);
    let reader = after(&store, listed).unwrap();
    store.clock.advance(10_000_000);
    store.set("a", "2");
    store.gather();
    drop(after(&store, listed).unwrap());
    drop(reader);
    store.clock.advance(599_999);
    store.list();
    store.clock.advance(599_999);
    assert_eq!(after(&store, listed).unwrap().told().len(), 2);
    let reader = after(&store, listed).unwrap();
    store.clock.advance(10_000_000);
    drop(reader);
    store.clock.advance(599_999);
    assert_eq!(after(&store, listed).unwrap().told().len(), 2);
    store.clock.advance(600_000);
    let oldest = store.version();
    let compacted = after(&store, listed).unwrap_err();
    assert_eq!(compacted, Error::VersionCompacted { oldest });
}

#[test]
fn the_oldest_version_that_is_told_can_be_watched_from() {
    let store = kept(1000);
    store.list();
    let listed = store.version();
    for number in 0..3000 {
        store.set(&format!("{number}"), "1");
    }
    let Err(Error::VersionCompacted { oldest }) = after(&store, listed) else {
        panic!("3000 are not kept");
    };
    let told = after(&store, oldest).unwrap().told();
    assert_eq!(told.last().map(|it| it.2), Some(store.version()));
}

#[tokio::test]
async fn what_is_kept_is_given_back_when_recording_ends() {
    let store = Store::new();
    let memory = store.memory.clone();
    let tending = tokio::spawn(async move { memory.tend().await });
    store.memory.list(list()).await.unwrap();
    for number in 0..1000 {
        store.set(&format!("{number}"), &"x".repeat(1000));
    }
    assert!(store.memory.memory().history > 1_000_000);
    settle().await;
    assert!(store.memory.memory().history > 1_000_000);
    store.clock.advance(600_000);
    settle().await;
    assert_eq!(store.memory.memory().history, 0);
    store.set("a", "1");
    assert_eq!(store.memory.memory().history, 0, "not armed");
    tending.abort();
}

#[tokio::test]
async fn tending_tells_watches_without_being_asked() {
    let store = Store::new();
    let memory = store.memory.clone();
    let tending = tokio::spawn(async move { memory.tend().await });
    let watch = store.memory.watch(query(WatchStart::Now)).await.unwrap();
    let mut reader = Reader {
        watch: Box::pin(watch),
        woken: Arc::default(),
    };
    reader.item().unwrap();
    for round in 0..20 {
        assert_eq!(reader.item(), None);
        let woken = reader.woken();
        store.set("a", &round.to_string());
        settle().await;
        assert!(reader.woken() > woken);
        assert_eq!(reader.told().len(), 1);
    }
    tending.abort();
}

#[test]
fn the_oldest_events_make_room_for_the_newest() {
    let store = kept(1000);
    store.list();
    let began = store.version();
    for number in 0..5000 {
        store.set(&format!("{}", number % 10), "1");
        if number % 50 == 0 {
            store.gather();
        }
    }
    store.gather();
    let Error::VersionCompacted { oldest } = after(&store, began).unwrap_err() else {
        panic!("what is gone is compacted");
    };
    let kept = store.version().get() - oldest.get();
    assert!((700..=1000).contains(&kept), "{kept}");
    let mut reader = after(&store, oldest).unwrap();
    assert_eq!(i64::try_from(reader.events().len()).unwrap(), kept);
    assert!(after(&store, plus(oldest, -1)).is_err());
}

#[test]
fn bytes_are_bounded_whatever_comes() {
    let bytes_max = 1 << 20;
    let store = Store::with(history::Config {
        bytes_max,
        ..history::Config::default()
    });
    store.list();
    for number in 0..3000 {
        let bytes = [10, 100, 1000, 20_000][number % 4];
        store.set(&format!("{}", number % 100), &"x".repeat(bytes));
        if number % 7 == 0 {
            step(&store.memory);
        }
        let kept = usize::try_from(store.memory.memory().history).unwrap();
        assert!(kept <= bytes_max, "{kept}");
    }
    assert!(store.memory.memory().history > 500_000);
}

#[test]
fn it_is_bounded_even_if_nobody_gathers() {
    let store = Store::with(history::Config {
        bytes_max: 1 << 20,
        ..history::Config::default()
    });
    let mut reader = store.watch_from(WatchStart::Now).unwrap();
    let resume = reader.item().unwrap().resume;
    for number in 0..100_000 {
        store.set(&format!("{}", number % 100), "0123456789");
        let kept = usize::try_from(store.memory.memory().history).unwrap();
        assert!(kept <= (1 << 18) + (SHARDS << 15), "{kept}");
    }
    store.gather();
    let Some(Err(Error::WatchTooSlow { resume: at, oldest })) = reader.next() else {
        panic!("what is lost is never passed over");
    };
    assert_eq!(at, resume);
    let mut reader = after(&store, oldest).unwrap();
    let left = store.version().get() - oldest.get();
    assert_eq!(i64::try_from(reader.events().len()).unwrap(), left);
}

#[test]
fn a_full_store_leaves_the_history_a_sixteenth() {
    let clock = HeldClock::at(START);
    let config = Config {
        memory_max: 4 << 20,
        shards: SHARDS,
        history: history::Config::default(),
        ..Config::default()
    };
    let memory = Memory::open(config, clock.clone());
    let store = Store { memory, clock };
    store.list();
    let value = "x".repeat(1000);
    let set = |key: &str| {
        let set = Change::Set {
            value: ValueRef::Text(&value),
            expiry: Expiry::Never,
            return_previous: false,
        };
        store.memory.apply(Mutation {
            key: Key::new(key, 1024).unwrap(),
            change: set,
            condition: None,
        })
    };
    let mut number = 0;
    while set(&format!("{number}")).0.is_ok() {
        number += 1;
        store.gather();
    }
    assert!(number > 3000, "the history takes nothing from entries");
    for round in 0..3000 {
        set(&format!("{}", round % number)).0.unwrap();
        store.gather();
    }
    let usage = store.memory.memory();
    assert!(usage.history <= 4 << 16, "{usage:?}");
    assert!(usage.history > 1 << 16, "{usage:?}");
}

#[test]
fn who_reads_too_slowly_is_told_and_nobody_else() {
    let store = kept(1000);
    let mut slow = store.watch_from(WatchStart::Now).unwrap();
    let mut fast = store.watch_from(WatchStart::Now).unwrap();
    let mut other = query(WatchStart::Now);
    other.ranges = vec![prefix("other/")];
    let mut other = store.watch(other).unwrap();
    store.set("0", "1");
    store.gather();
    assert_eq!(slow.told().len(), 1);
    let resume = store.version();
    let mut told = fast.told().len();
    for number in 0..3000 {
        store.set(&format!("{}", number % 10), "1");
        if number % 100 == 0 {
            store.gather();
            told += fast.told().len();
        }
    }
    store.gather();
    assert_eq!(told + fast.told().len(), 3001);
    let Some(Err(Error::WatchTooSlow { resume: at, oldest })) = slow.next() else {
        panic!("it is told");
    };
    assert_eq!(at, Some(resume));
    let mut again = after(&store, oldest).unwrap();
    assert!(!again.told().is_empty());
    assert_eq!(other.item().unwrap().resume, Some(store.version()));
}

#[test]
fn a_snapshot_that_takes_too_long_is_told() {
    let store = kept(300);
    for number in 0..100 {
        store.set(&format!("key/{number}"), "1");
    }
    let mut small = query(WatchStart::Snapshot);
    small.reply_bytes_max = 300;
    let mut reader = store.watch(small).unwrap();
    reader.item().unwrap();
    for number in 0..3000 {
        store.set(&format!("{}", number % 10), "1");
    }
    store.gather();
    let Some(Err(Error::WatchTooSlow { resume, .. })) = reader.next() else {
        panic!("it is told");
    };
    assert_eq!(resume, None);
}

#[test]
fn a_watch_that_ends_leaves_nothing_behind() {
    let store = Store::new();
    for round in 0..100 {
        let mut narrow = query(WatchStart::Now);
        narrow.ranges = vec![prefix(&format!("{}/", round % 10)), prefix("same/")];
        let reader = store.watch(narrow).unwrap();
        store.gather();
        drop(reader);
    }
    store.gather();
    assert!(!store.memory.history.state.lock().is_watched());
    assert!(store.memory.history.sequencer.lock().is_unwatched());
}

fn list() -> ListQuery<'static> {
    static ALL: std::sync::OnceLock<Range> = std::sync::OnceLock::new();
    ListQuery {
        range: ALL.get_or_init(Range::default),
        after: None,
        entries_max: 10,
        reply_bytes_max: usize::MAX,
        omit_value: true,
    }
}

/// Lets all tasks go on.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}
