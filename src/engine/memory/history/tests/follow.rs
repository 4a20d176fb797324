//! What a watch tells, and from where on.

use super::*;

#[test]
fn changes_come_in_the_order_of_their_versions_from_all_shards() {
    let store = Store::new();
    let mut reader = store.watch_from(WatchStart::Now).unwrap();
    let began = store.version();
    let first = reader.item().unwrap();
    assert_eq!((first.resume, first.events), (Some(began), vec![]));
    let mut expected = Vec::new();
    for number in 0..100 {
        let key = format!("key/{number:03}");
        expected.push((EventKind::Put, key.clone(), store.set(&key, "1")));
    }
    let version = store.delete("key/007").unwrap();
    expected.push((EventKind::Delete, "key/007".into(), version));
    assert_eq!(reader.told(), [], "not gathered yet");
    store.gather();
    assert_eq!(reader.told(), expected);
    assert_eq!(reader.item(), None);
}

#[test]
fn an_event_holds_the_entry_and_the_one_before() {
    let store = Store::new();
    let mut reader = store.watch_from(WatchStart::Now).unwrap();
    let first = store.set_until("a", "one", Expiry::After(5000));
    let second = store.set("a", "two");
    let third = store.delete("a").unwrap();
    store.gather();
    let one = Entry::new(
        "a".into(),
        Some(value("one")),
        first,
        Some(START.plus(5000)),
    );
    let two = Entry::new("a".into(), Some(value("two")), second, None);
    let gone = Entry::new("a".into(), None, third, None);
    let event = |kind, entry: &Entry, previous: Option<&Entry>| Event {
        kind,
        entry: entry.clone(),
        previous: previous.cloned(),
    };
    let expected = [
        event(EventKind::Put, &one, None),
        event(EventKind::Put, &two, Some(&one)),
        event(EventKind::Delete, &gone, Some(&two)),
    ];
    assert_eq!(reader.events(), expected);
}

#[test]
fn what_was_not_asked_for_is_left_out() {
    let store = Store::new();
    let mut bare = query(WatchStart::Now);
    (bare.with_previous, bare.omit_value) = (false, true);
    let mut bare = store.watch(bare).unwrap();
    let mut gone = query(WatchStart::Now);
    gone.kinds = EventKinds::NONE.with(EventKind::Delete);
    let mut gone = store.watch(gone).unwrap();
    let mut narrow = query(WatchStart::Now);
    narrow.ranges = vec![prefix("b"), prefix("c")];
    let mut narrow = store.watch(narrow).unwrap();
    for key in ["a", "b", "c", "d"] {
        store.set(key, "1");
        store.set(key, "2");
    }
    store.delete("b");
    store.delete("d");
    store.gather();
    for event in bare.events() {
        assert_eq!((event.previous, event.entry.value()), (None, None));
    }
    let kinds: Vec<_> = gone.told().into_iter().map(|it| (it.0, it.1)).collect();
    let (delete, put) = (EventKind::Delete, EventKind::Put);
    assert_eq!(kinds, [(delete, "b".to_owned()), (delete, "d".to_owned())]);
    let kinds: Vec<_> = narrow.told().into_iter().map(|it| (it.0, it.1)).collect();
    let expected = [
        (put, "b"),
        (put, "b"),
        (put, "c"),
        (put, "c"),
        (delete, "b"),
    ];
    assert_eq!(kinds, expected.map(|(kind, key)| (kind, key.to_owned())));
}

#[test]
fn large_values_are_told_whole() {
    let store = Store::new();
    let mut reader = store.watch_from(WatchStart::Now).unwrap();
    let (small, large, larger) = ("s".repeat(10), "l".repeat(9000), "L".repeat(90_000));
    for value in [&small, &large, &larger, &large, &small] {
        store.set("a", value);
    }
    store.delete("a");
    store.gather();
    let events = reader.events();
    let texts: Vec<_> = events.iter().map(|it| text(&it.entry)).collect();
    let values = [&small, &large, &larger, &large, &small];
    let values: Vec<_> = values.into_iter().cloned().map(Some).collect();
    assert_eq!(texts[..5], values);
    let before = events.iter().filter_map(|it| text(it.previous.as_ref()?));
    assert_eq!(before.map(Some).collect::<Vec<_>>(), values);
}

#[test]
fn an_expired_key_that_is_set_again_expires_first() {
    let store = Store::new();
    let mut reader = store.watch_from(WatchStart::Now).unwrap();
    store.set_until("a", "1", Expiry::After(10));
    store.set_until("b", "1", Expiry::After(10));
    store.clock.advance(200);
    store.set("a", "2");
    store.sweep();
    store.gather();
    let events = reader.events();
    let kinds: Vec<_> = events.iter().map(|it| (it.kind, it.entry.key())).collect();
    let (put, expire) = (EventKind::Put, EventKind::Expire);
    let expected = [
        (put, "a"),
        (put, "b"),
        (expire, "a"),
        (put, "a"),
        (expire, "b"),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events[3].previous, None, "what has expired is absent");
}

#[test]
fn a_touch_is_no_event() {
    let store = Store::new();
    store.set("a", "1");
    let mut reader = store.watch_from(WatchStart::Now).unwrap();
    store.touch("a", Expiry::After(1000));
    store.gather();
    assert_eq!(reader.events(), []);
}

#[test]
fn a_watch_resumes_after_any_version_that_is_kept() {
    let store = Store::new();
    store.list();
    let began = store.version();
    let versions: Vec<_> = (0..50)
        .map(|number| store.set(&format!("{number}"), "1"))
        .collect();
    for gathered in [false, true] {
        if gathered {
            store.gather();
        }
        for (number, version) in std::iter::once(&began).chain(&versions).enumerate() {
            let mut reader = store.watch_from(WatchStart::After(Some(*version))).unwrap();
            store.gather();
            let told: Vec<_> = reader.told().into_iter().map(|it| it.2).collect();
            assert_eq!(told, versions[number..]);
        }
    }
}

#[test]
fn items_are_as_large_as_allowed_and_resume_where_they_end() {
    let store = Store::new();
    let mut small = query(WatchStart::Now);
    small.reply_bytes_max = 1000;
    let mut reader = store.watch(small).unwrap();
    reader.item().unwrap();
    for number in 0..40 {
        store.set(&format!("{number:02}"), &"x".repeat(number * 30));
    }
    store.gather();
    let items = reader.items();
    assert!(items.len() > 10);
    let mut count = 0;
    for item in items {
        let bytes: usize = item.events.iter().map(Event::reply_bytes).sum();
        assert!(bytes <= 1000 || item.events.len() == 1, "{bytes}");
        assert_eq!(item.resume, item.events.last().map(|it| it.entry.version()));
        count += item.events.len();
    }
    assert_eq!(count, 40);
}

#[test]
fn a_snapshot_is_what_there_is_and_then_every_change() {
    let store = Store::new();
    for number in 0..1000 {
        store.set(&format!("key/{number:04}"), "old");
    }
    store.set_until("expired", "1", Expiry::After(1));
    store.clock.advance(1);
    let mut small = query(WatchStart::Snapshot);
    small.reply_bytes_max = 3000;
    let mut reader = store.watch(small).unwrap();
    let version = store.version();
    let (mut seen, mut round) = (std::collections::BTreeSet::new(), 0);
    let complete = loop {
        let item = reader.item().unwrap();
        for entry in &item.snapshot_entries {
            assert!(entry.version() <= version);
            assert!(seen.insert(entry.key().to_owned()), "{entry:?} twice");
        }
        assert_eq!(item.events, []);
        if item.snapshot_complete {
            break item;
        }
        assert_eq!(item.resume, None);
        store.set(&format!("key/{:04}", round * 37 % 1000), "new");
        store.delete(&format!("key/{:04}", round * 53 % 1000));
        round += 1;
    };
    assert!(round > 20, "in parts");
    assert_eq!(complete.resume, Some(version));
    store.gather();
    let events = reader.events();
    assert_eq!(
        events.len(),
        usize::try_from(store.version().get() - version.get()).unwrap()
    );
    for event in events {
        match event.kind {
            EventKind::Put => seen.insert(event.entry.key().to_owned()),
            _ => seen.remove(event.entry.key()),
        };
    }
    let there: std::collections::BTreeSet<_> =
        store.list().iter().map(|it| it.key().to_owned()).collect();
    assert_eq!(seen, there);
}

#[test]
fn a_snapshot_of_ranges_that_overlap_has_each_entry_once() {
    let store = Store::new();
    for key in ["a", "aa", "ab", "b", "ba", "c"] {
        store.set(key, "1");
    }
    let mut overlapping = query(WatchStart::Snapshot);
    overlapping.ranges = vec![prefix("a"), prefix("aa"), prefix("b"), prefix("a")];
    let mut reader = store.watch(overlapping).unwrap();
    let items = reader.items();
    let mut keys: Vec<_> = items
        .iter()
        .flat_map(|it| &it.snapshot_entries)
        .map(Entry::key)
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a", "aa", "ab", "b", "ba"]);
}

#[test]
fn a_snapshot_of_nothing_is_complete_at_once() {
    let store = Store::new();
    let mut nothing = query(WatchStart::Snapshot);
    nothing.ranges = vec![Range::new("b".into(), "c".into(), String::new(), 8).unwrap()];
    for query in [nothing, query(WatchStart::Snapshot)] {
        let item = store.watch(query).unwrap().item().unwrap();
        assert!(item.snapshot_complete && item.snapshot_entries.is_empty());
        assert_eq!(item.resume, Some(store.version()));
    }
}

#[test]
fn a_quiet_watch_tells_how_far_it_is_every_5_seconds() {
    let store = Store::new();
    let mut narrow = query(WatchStart::Now);
    narrow.ranges = vec![prefix("mine/")];
    let mut reader = store.watch(narrow).unwrap();
    assert_eq!(reader.item().unwrap().resume, Some(store.version()));
    for _ in 0..5 {
        store.set("other", "1");
        store.gather();
        assert_eq!(reader.item(), None);
        let woken = reader.woken();
        store.clock.advance(4750);
        assert!(reader.woken() > woken);
        let item = reader.item().unwrap();
        assert_eq!((item.resume, item.events), (Some(store.version()), vec![]));
    }
}

#[test]
fn quiet_watches_tell_how_far_they_are_at_the_same_moment() {
    let store = Store::new();
    let mut one = store.watch(query(WatchStart::Now)).unwrap();
    assert!(one.item().is_some());
    store.clock.advance(100);
    let mut other = store.watch(query(WatchStart::Now)).unwrap();
    assert!(other.item().is_some());
    store.clock.advance(4649);
    assert_eq!((one.item(), other.item()), (None, None));
    store.clock.advance(1);
    assert!(one.item().is_some() && other.item().is_some());
}

fn value(text: &str) -> Value {
    Value::Text(crate::model::value::Text::from(text.to_owned()))
}
